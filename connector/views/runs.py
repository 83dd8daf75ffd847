"""Every run of any command: what was started, by whom, how it ended, and of a push what became of each field, grouped."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from connector.push.tables import push_journal, push_journal_archive, push_runs
from connector.warehouse.connection import Warehouse
from connector.warehouse.ledger import columns_of
from connector.warehouse.runs import runs as table
from connector.warehouse.runs import waiting_rows, with_states

RUNS = 50
"""Runs of a page."""
EXAMPLES = 20
"""Leads that are named of each group."""


@dataclass(frozen=True, slots=True)
class Run:
    """A row of ``leadloop.runs``."""

    run_id: str
    part_of: str | None
    command: str
    crm: str | None
    push: str | None
    arguments: Mapping[str, Any]
    started_at: datetime
    ended_at: datetime | None
    exit_code: int | None
    why: str | None
    who: str | None
    host: str | None
    pid: int | None
    windows: str | None
    rows: int | None
    calls: int | None
    push_run_id: str | None
    state: str
    """``ended``, ``running`` or ``killed``."""


class Outcome(NamedTuple):
    """Fields of a push's run with the same last state, for the same reason."""

    state: str
    field: str
    code: str | None
    reason: str | None
    leads: int
    examples: tuple[tuple[str, str], ...]
    """(lead id in the CRM, what the push calls the lead) of the first ones."""


def runs(
    connection: sa.Connection,
    warehouse: Warehouse,
    *,
    command: str = "",
    ended: str = "",
    before: tuple[str, str] | None = None,
    most: int = RUNS,
) -> tuple[list[Run], tuple[str, str] | None]:
    """Runs, newest first, and where the next page begins. ``ended``: ``failed`` for those with another exit code than 0.

    ``before``: start (ISO) and id of the last run of the page before. Runs that are not in the warehouse yet are on the first page.
    """
    found: list[dict[str, Any]] = []
    if columns_of(connection, "leadloop", table.name):
        row = table.c
        query = sa.select(table).order_by(row.started_at.desc(), row.run_id.desc()).limit(most + 1)
        if command:
            query = query.where(row.command == command)
        if ended == "failed":
            query = query.where(sa.or_(row.exit_code.is_(None), row.exit_code != 0))
        if before is not None:
            at = datetime.fromisoformat(before[0])
            query = query.where(
                sa.or_(row.started_at < at, sa.and_(row.started_at == at, row.run_id < before[1]))
            )
        found = [dict(each) for each in connection.execute(query).mappings()]
    more = len(found) > most
    found = found[:most]
    if before is None:
        waits = {
            each["run_id"]: each
            for each in waiting_rows(warehouse)
            if not command or each["command"] == command
        }
        known = {each["run_id"]: each for each in found}
        merged = {
            **known,
            **{name: each for name, each in waits.items() if not known.get(name, {}).get("ended_at")},
        }
        found = sorted(merged.values(), key=lambda each: (each["started_at"], each["run_id"]), reverse=True)
    told = [_run(each) for each in with_states(connection, found)]
    last = (told[-1].started_at.isoformat(), told[-1].run_id) if more else None
    return told, last


def run(connection: sa.Connection, warehouse: Warehouse, run_id: str) -> tuple[Run, list[Run]] | None:
    """A run, and the runs that were parts of it; ``None`` for one that is not known."""
    waits = [each for each in waiting_rows(warehouse) if run_id in (each["run_id"], each["part_of"])]
    known: dict[str, dict[str, Any]] = {}
    if columns_of(connection, "leadloop", table.name):
        row = table.c
        query = (
            sa.select(table)
            .where(sa.or_(row.run_id == run_id, row.part_of == run_id))
            .order_by(row.started_at)
        )
        known = {each["run_id"]: dict(each) for each in connection.execute(query).mappings()}
    known.update(
        {each["run_id"]: each for each in waits if not known.get(each["run_id"], {}).get("ended_at")}
    )
    told = {each.run_id: each for each in map(_run, with_states(connection, list(known.values())))}
    if run_id not in told:
        return None
    parts = sorted(
        (each for each in told.values() if each.part_of == run_id), key=lambda each: each.started_at
    )
    own = told[run_id]
    return replace(own, push_run_id=own.push_run_id or _push_run(connection, own)), parts


def _push_run(connection: sa.Connection, own: Run) -> str | None:
    """The push's run that a process has begun: its row in ``leadloop.runs`` says so when it ends, which one that is killed never does."""
    if (
        own.state == "ended"
        or own.command not in ("push", "undo")
        or not columns_of(connection, "leadloop", "push_runs")
    ):
        return None
    row = push_runs.c
    # Begun by the CRM's clock, so this one's tells no more than that another process of this number was there before.
    wanted = [row.host == own.host, row.pid == own.pid, row.started_at > own.started_at - timedelta(days=1)]
    wanted += [row.push == own.push] if own.push else []
    found: str | None = connection.scalar(
        sa.select(row.run_id).where(*wanted).order_by(row.started_at.desc()).limit(1)
    )
    return found


def run_of_push(connection: sa.Connection, push_run_id: str) -> str | None:
    """The run of a command in which a push's run was."""
    if not columns_of(connection, "leadloop", table.name):
        return None
    found: str | None = connection.scalar(sa.select(table.c.run_id).where(table.c.push_run_id == push_run_id))
    return found


def progress(connection: sa.Connection, push_run_id: str) -> tuple[int, int] | None:
    """(leads that are decided, leads of the plan) of a push's run."""
    if not columns_of(connection, "leadloop", "push_runs"):
        return None
    leads = connection.scalar(sa.select(push_runs.c.leads).where(push_runs.c.run_id == push_run_id))
    if leads is None:
        return None
    states = ("planned", "sent")
    still_open = max(
        (each.leads for each in outcomes(connection, push_run_id) if each.state in states), default=0
    )
    return max(0, leads - still_open), leads


def outcomes(connection: sa.Connection, push_run_id: str) -> list[Outcome]:
    """What became of the fields of a push's run, grouped: what needs a look first."""
    there = [
        each for each in (push_journal, push_journal_archive) if columns_of(connection, "leadloop", each.name)
    ]
    if not there:
        return []
    names = ("lead_id", "field", "seq", "state", "code", "reason", "crm_lead_id")
    said = sa.union_all(
        *(sa.select(*(each.c[name] for name in names)).where(each.c.run_id == push_run_id) for each in there)
    ).subquery()
    row = said.c
    own = sa.func.max(row.crm_lead_id).over(partition_by=row.lead_id)
    placed = sa.select(
        *(row.state, row.field, row.code, row.reason, row.lead_id),
        sa.func.coalesce(own, row.lead_id).label("of_crm"),
        sa.func.row_number()
        .over(partition_by=(row.lead_id, row.field), order_by=row.seq.desc())
        .label("place"),
    ).subquery()
    last = placed.c
    kind = (last.state, last.field, last.code, last.reason)
    ranked = (
        sa.select(
            *(*kind, last.lead_id, last.of_crm),
            sa.func.count().over(partition_by=kind).label("fields"),
            sa.func.row_number().over(partition_by=kind, order_by=last.lead_id).label("number"),
        )
        .where(last.place == 1)
        .subquery()
    )
    query = sa.select(ranked).where(ranked.c.number <= EXAMPLES).order_by(ranked.c.number)
    grouped: dict[tuple[Any, ...], list[Any]] = {}
    for each in connection.execute(query):
        grouped.setdefault((each.state, each.field, each.code, each.reason), []).append(each)
    found = [
        Outcome(
            state,
            field,
            code,
            reason,
            examples[0].fields,
            tuple((each.of_crm, each.lead_id) for each in examples),
        )
        for (state, field, code, reason), examples in grouped.items()
    ]
    return sorted(
        found, key=lambda each: (_LOOK_FIRST.get(each.state, 9), -each.leads, each.field, each.code or "")
    )


_LOOK_FIRST = {
    "rejected": 0,
    "unknown": 1,
    "deferred": 2,
    "conflict": 3,
    "reverted": 4,
    "sent": 5,
    "planned": 6,
    "applied": 7,
    "confirmed": 8,
}


def _run(row: Mapping[str, Any]) -> Run:
    try:
        arguments = json.loads(row["arguments"] or "{}")
    except ValueError:
        arguments = {}
    names: Sequence[str] = [
        name for name in Run.__slots__ if name not in ("arguments", "started_at", "ended_at")
    ]
    return Run(
        **{name: row.get(name) for name in names},  # type: ignore[arg-type]
        arguments=arguments if isinstance(arguments, dict) else {},
        started_at=row["started_at"].astimezone(UTC),
        ended_at=row["ended_at"].astimezone(UTC) if row["ended_at"] else None,
    )
