"""What taking runs of a push back would send: the value that the CRM showed before, wherever it still shows what they sent.

An undo is a push whose desired values come from the journal. What it is asked for is ``changes.Asked``; which runs that
means is found by ``undo_runs``, and what they have set by ``undo_writes``; ``make_undo`` makes a ``Plan`` of it, which is shown, saved, checked, sent and recorded as
every other. The leads that the runs added are taken back by a plan of their own (``undo_added``).

Of several runs the value before the first of them counts, unless somebody has changed the field between two of them: then it
is what that person left. What anybody has changed since the last of them, a person or another run, is a conflict.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar

import sqlalchemy as sa

from connector.crm.base import Capabilities
from connector.errors import ModelError
from connector.push.changes import WHOLE, Undo
from connector.push.equality import same
from connector.push.frozen import as_tables
from connector.push.plan import Plan, Push
from connector.push.planning import book_of, frozen_plan, unresolved_leads
from connector.push.tables import now
from connector.push.undo_added import seen_of, undo_added
from connector.push.undo_runs import Chosen
from connector.push.undo_writes import (
    Write,
    added_by,
    check_named,
    deleted_by,
    is_named,
    lost,
    writes_of,
)
from connector.texts import is_blank
from connector.warehouse.relations import DEFAULT, Relations

LIMITS: Mapping[str, Any] = {"max_changes": 5000, "max_share": 0.2, "max_clears": 100, "max_deletes": 100}
"""Of a push whose model is gone: those of ``push_defaults`` in dbt_models/macros/push/options.sql."""

P = TypeVar("P", bound=Push)


@dataclass(slots=True)
class Counted:
    """What of the runs' fields is in no row of the plan."""

    as_before: int = 0
    not_known: int = 0
    not_blanked: list[tuple[str, str]] = field(default_factory=list)


def undoing(push: P, found: Chosen, on_conflict: str) -> P:
    """The push as the undo of some of its runs is made by it: its name, CRM and limits."""
    changed: dict[str, Any] = {
        "mode": "delete" if found.asked.delete_inserted else "update",
        "on_conflict": on_conflict,
        "options": {},
        "equal": {**found.equal, **push.equal},
        "policies": {},
        "fields": {},
    }
    return replace(push, **changed)  # type: ignore[type-var]


def make_undo(
    engine: sa.Engine,
    push: Push,
    found: Chosen,
    *,
    capabilities: Capabilities,
    limit: int | None = None,
    relations: Relations = DEFAULT,
    host: str | None = None,
    account: str | None = None,
) -> Plan:
    """The plan that takes the runs back. ``push`` is what ``undoing`` makes of it; the rest is as for ``make_plan``."""
    made_at = now()
    with engine.connect() as connection:
        unresolved, unanswered = unresolved_leads(connection, push)
        crm_leads, seen_at = book_of(connection, push.crm, relations.leads)
        added = added_by(connection, found)
        deleted = deleted_by(connection, found)
        check_named(connection, found, {*added, *added.values()})
        counted = Counted()
        if push.mode == "delete":
            _check_deleting(push, capabilities)
            wanted = {lead: own for lead, own in added.items() if is_named(found.asked, lead, own)}
            writes = writes_of(connection, found, relations, only=wanted)
            seen = seen_of(connection, found.crm, relations.lead_history, wanted, capabilities.author_columns)
            rows: Iterable[Sequence[Any]] = undo_added(
                writes, wanted, seen, found.ids, found.runs[0].started_at, push.equal
            )
        else:
            writes = (each for each in writes_of(connection, found, relations) if each.meant not in added)
            rows = _fields_back(
                writes, found, push.equal, capabilities, counted, is_read=crm_leads is not None
            )
        plan = frozen_plan(
            push,
            as_tables(rows),
            limit=limit,
            unresolved=unresolved,
            unanswered=unanswered,
            crm_leads=crm_leads,
            made_at=made_at,
            seen_at=seen_at,
            host=host,
            account=account,
            has_ids=True,
        )
        undo = Undo(
            asked=found.asked,
            runs=found.ids,
            as_before=counted.as_before,
            inserted=() if push.mode == "delete" else tuple(sorted(added)),
            deleted=deleted,
            not_blanked=tuple(counted.not_blanked),
            not_known=counted.not_known,
            own_keys=found.own_keys,
            lost=lost(connection, found),
        )
        return replace(plan, undo=undo)


def fields_of(plan: Plan) -> list[str]:
    """The CRM's fields that an undo would set, for the CRM to say whether they can be set."""
    return [name for name in plan.by_field() if name != WHOLE]


def _fields_back(
    writes: Iterable[Write],
    found: Chosen,
    equal: Mapping[str, str],
    capabilities: Capabilities,
    counted: Counted,
    *,
    is_read: bool,
) -> Iterator[tuple[str | None, ...]]:
    """Rows of the plan, one for each field that one of the runs has set, but for what only ``counted`` knows."""
    for (lead, name), of_field in groupby(writes, attrgetter("meant", "field")):
        ours = list(of_field)
        last, rule = ours[-1], equal.get(name)
        start = _start(ours, rule)
        before = None if is_blank(start.old_value) else start.old_value
        if same(last.current, before, rule):
            counted.as_before += 1
            continue
        if before is None and not start.is_first_seen_before:
            counted.not_known += 1
            continue
        if before is None and not capabilities.can_blank(name):
            counted.not_blanked.append((lead, name))
            continue
        if is_read and not last.is_known:
            verdict = "unknown_lead"
        elif last.removed_at is not None:
            verdict = "removed"
        elif _is_changed(last, found.ids, rule):
            verdict = "conflict"
        else:
            verdict = "clear" if before is None else "change"
        yield last.lead_id, name, last.column_name, last.current, before, last.value, verdict, lead


def _start(writes: Sequence[Write], rule: str | None) -> Write:
    """The write before which the field showed what it is to show again: the first one, or the first after somebody's change."""
    start, sent = writes[0], writes[0].value
    for write in writes[1:]:
        if not same(write.old_value, sent, rule):
            start = write
        sent = write.value
    return start


def _is_changed(last: Write, runs: Collection[str], rule: str | None) -> bool:
    """Whether a person or a later run has changed the field since: also where somebody then typed the very value that was sent."""
    by_another_run = last.last_run not in runs
    # By a rule, the CRM's own form of the value is no change; what it was in between is only known as text.
    by_a_person = not same(last.current, last.value, rule) or (rule is None and bool(last.was_otherwise))
    return by_another_run or by_a_person


def _check_deleting(push: Push, capabilities: Capabilities) -> None:
    if "delete" not in capabilities.modes:
        raise ModelError(
            f"{capabilities.name} can't delete leads through its API, so the leads that {push.name} added stay.",
            "Delete them in the CRM itself.",
            crm=push.crm,
        )
