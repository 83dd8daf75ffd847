"""What is unusual about a plan, against the last runs of its push."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from connector.push.plan import Plan
from connector.push.tables import history, push_journal, push_journal_archive, push_runs
from connector.texts import count, listed, shown_name
from connector.warehouse.ledger import SCHEMA, columns_of

RUNS = 5
"""So many runs before are looked at."""
TIMES = 2
"""From so many times as many leads as ever before on, a plan or a field of it is unusual."""
FEW = 10
"""So many leads are never too many."""


class Past(NamedTuple):
    """A run before: how many leads it meant to change, by field, and how many values it meant to clear."""

    started_at: datetime
    leads: int
    by_field: Mapping[str, int]
    clears: int


@dataclass(frozen=True, slots=True)
class Unusual:
    """What a person should see before they approve."""

    last: Past | None
    """The run before; ``None``: this push has sent nothing yet."""
    runs: int
    """How many runs before were looked at."""
    sentences: Sequence[str]
    """What is out of the ordinary, if anything."""


def unusual(connection: sa.Connection, plan: Plan) -> Unusual:
    """Of a push's plan; an undo is compared with nothing."""
    found = past(connection, plan) if plan.undo is None else []
    return Unusual(found[0] if found else None, len(found), sentences(plan, found))


def past(connection: sa.Connection, plan: Plan) -> list[Past]:
    """The last runs of this push that had something to send, newest first."""
    if not columns_of(connection, SCHEMA, push_runs.name):
        return []
    run = push_runs.c
    query = (
        sa.select(run.run_id, run.started_at, run.leads)
        .where(run.push == plan.push, run.crm == plan.crm, run.leads > 0)
        .order_by(run.started_at.desc(), run.run_id.desc())
        .limit(RUNS)
    )
    if "undoes" in columns_of(connection, SCHEMA, push_runs.name):
        query = query.where(run.undoes.is_(None))
    runs = list(connection.execute(query))
    meant = _meant(connection, [each.run_id for each in runs])
    return [
        Past(
            each.started_at.astimezone(UTC),
            each.leads,
            {field: leads for field, (leads, _) in meant.get(each.run_id, {}).items()},
            sum(clears for _, clears in meant.get(each.run_id, {}).values()),
        )
        for each in runs
    ]


def _meant(connection: sa.Connection, run_ids: Sequence[str]) -> dict[str, dict[str, tuple[int, int]]]:
    """Run -> field -> leads, and how many of them it was to clear, as was put down before the first call."""
    there = [
        each for each in (push_journal, push_journal_archive) if columns_of(connection, SCHEMA, each.name)
    ]
    if not there or not run_ids:
        return {}
    said = history(run_ids, there, "run_id", "field", "state", "old_value", "value").subquery()
    row = said.c
    blank = sa.and_(
        sa.func.trim(sa.func.coalesce(row.value, "")) == "",
        sa.func.trim(sa.func.coalesce(row.old_value, "")) != "",
    )
    query = (
        sa.select(row.run_id, row.field, sa.func.count(), sa.func.sum(sa.case((blank, 1), else_=0)))
        .where(row.state == "planned")
        .group_by(row.run_id, row.field)
    )
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for run_id, field, leads, clears in connection.execute(query):
        found.setdefault(run_id, {})[field] = (int(leads), int(clears or 0))
    return found


def sentences(plan: Plan, found: Sequence[Past]) -> list[str]:
    """What no run before did, or not nearly as much."""
    if not found or not plan.leads:
        return []
    told: list[str] = []
    runs = "the last run" if len(found) == 1 else f"each of the last {len(found)} runs"
    none = "the last run" if len(found) == 1 else f"none of the last {len(found)} runs"
    most = max(each.leads for each in found)
    if _is_more(len(plan.leads), most):
        told.append(f"{count(len(plan.leads), 'lead')} would change: {runs} had {most:,} at most.")
    fields: Any = plan.by_field() if plan.mode != "delete" else {}
    before = {name for each in found for name in each.by_field}
    new = [name for name in fields if name not in before] if before else []
    if new:
        verb = f"did not send {listed_names(new)}" if len(found) == 1 else f"sent {listed_names(new)}"
        told.append(f"{none[0].upper()}{none[1:]} {verb}.")
    for name in fields:
        ever = max((each.by_field.get(name, 0) for each in found), default=0)
        leads = fields[name]
        if ever and _is_more(leads, ever) and not _is_more(len(plan.leads), most):
            told.append(
                f"{shown_name(name)} would change in {count(leads, 'lead')}: {runs} had {ever:,} at most."
            )
    cleared = max(each.clears for each in found)
    if plan.clears and _is_more(plan.clears, cleared, few=0):
        told.append(f"{count(plan.clears, 'value')} would be cleared: {runs} cleared {cleared:,} at most.")
    return told


def _is_more(number: int, before: int, *, few: int = FEW) -> bool:
    return number > few and number >= TIMES * before


def listed_names(names: Sequence[str]) -> str:
    return listed(map(shown_name, names))
