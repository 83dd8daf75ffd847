"""What taking runs of a push back would send: the value that the CRM showed before, wherever it still shows what they sent.

An undo is a push whose desired values come from the journal. What it is asked for is ``changes.Asked``; which runs that
means is found by ``chosen``; ``make_undo`` makes a ``Plan`` of it, which is shown, saved, checked, sent and recorded as
every other. The leads that the runs added are taken back by a plan of their own (``undo_added``).

Of several runs the value before the first of them counts, unless somebody has changed the field between two of them: then it
is what that person left. What anybody has changed since the last of them, a person or another run, is a conflict.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from connector.crm.base import FOUND, Capabilities
from connector.errors import ConfigError, ModelError
from connector.extract.columns import MORE
from connector.extract.raw import blank_as_null
from connector.parsing import did_you_mean
from connector.push.changes import WHOLE, Asked, Undo
from connector.push.equality import same
from connector.push.forgotten import FORGOTTEN
from connector.push.frozen import as_tables
from connector.push.plan import Plan, Push
from connector.push.planning import book_of, frozen_plan, unresolved_leads
from connector.push.shown import seen_after, shown_by, shown_value
from connector.push.tables import (
    ADDING,
    NOT_SENT,
    meant,
    newest_first,
    now,
    oldest_first,
    push_journal,
    push_journal_archive,
    push_runs,
)
from connector.push.undo_added import undo_added
from connector.texts import count, is_blank, listed, shown_key
from connector.warehouse.ledger import SCHEMA, columns_of
from connector.warehouse.relations import DEFAULT, Relations
from connector.warehouse.runs import runs as command_runs

LIMITS: Mapping[str, Any] = {"max_changes": 5000, "max_share": 0.2, "max_clears": 100, "max_deletes": 100}
"""Of a push whose model is gone: those of ``push_defaults`` in dbt_models/macros/push/options.sql."""
BOTH = (push_journal, push_journal_archive)

P = TypeVar("P", bound=Push)


class Ran(NamedTuple):
    """One run of a push that is to be taken back."""

    run_id: str
    push: str
    crm: str
    mode: str
    started_at: datetime
    fields: int
    equal: str | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The runs that are to be taken back, the oldest first: all of one push to one CRM."""

    asked: Asked
    runs: tuple[Ran, ...]

    @property
    def push(self) -> str:
        return self.runs[-1].push

    @property
    def crm(self) -> str:
        return self.runs[-1].crm

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(each.run_id for each in self.runs)

    @property
    def own_keys(self) -> bool:
        """Whether the push names leads by keys of its own, as some that add leads do."""
        return any(each.mode in ADDING for each in self.runs)

    @property
    def equal(self) -> dict[str, str]:
        """By which rules the last of them compared values."""
        return dict(json.loads(self.runs[-1].equal or "{}"))


class Write(NamedTuple):
    """One field that one of the runs set, and what became of it; a row of ``_writes``."""

    run_id: str
    lead_id: str
    meant: str
    field: str
    column_name: str
    old_value: str | None
    value: str | None
    recorded_at: datetime
    last_run: str | None
    """The run whose value the CRM has accepted last in this field, or the decision of a person that came after it."""
    last_value: str | None
    shown: str | None
    is_shown: bool | None
    """Whether the lead was read since then, and its field is one that the CRM shows."""
    is_known: bool | None
    """Whether the CRM ever showed this lead."""
    removed_at: datetime | None
    modified_at: datetime | None
    created_at: datetime | None
    first_seen_at: datetime | None
    was_otherwise: bool | None
    """Whether the CRM has shown something else in this field since then, whatever it shows now."""

    @property
    def current(self) -> str | None:
        """What the CRM shows."""
        return self.shown if self.is_shown else self.last_value

    @property
    def is_first_seen_before(self) -> bool:
        """Whether the lead had been read when it was written to: then the value before it is what the CRM showed."""
        return self.first_seen_at is not None and self.first_seen_at <= self.recorded_at


@dataclass(slots=True)
class Counted:
    """What of the runs' fields is in no row of the plan."""

    as_before: int = 0
    not_known: int = 0
    not_blanked: list[tuple[str, str]] = field(default_factory=list)


def chosen(connection: sa.Connection, asked: Asked) -> Chosen:
    """The runs that are meant; ``ConfigError`` where there are none or it isn't clear which."""
    asked.check()
    if not columns_of(connection, SCHEMA, push_runs.name):
        raise ConfigError("Nothing was ever sent from this warehouse, so there is nothing to take back.")
    run = push_runs.c
    wanted = [run.mode != FORGOTTEN]
    wanted += [run.push == asked.push] if asked.push is not None else []
    if asked.run is not None:
        wanted.append(run.run_id.in_(_run_ids(connection, asked.run)))
    else:
        wanted.append(run.started_at >= asked.since)
    columns = (run.run_id, run.push, run.crm, run.mode, run.started_at, run.fields, run.equal)
    query = sa.select(*columns).where(*wanted).order_by(run.started_at, run.run_id)
    found = [Ran(*row) for row in connection.execute(query)]
    if not found:
        raise ConfigError(_none_found(connection, asked), "Runs are listed by: leadloop status")
    if len({(each.push, each.crm) for each in found}) > 1:
        told = listed(f"{each.push} ({each.run_id})" for each in found)
        raise ConfigError(f"That is more than one push: {told}.", "Name one of these runs, or say --push.")
    return Chosen(asked, tuple(found))


def _run_ids(connection: sa.Connection, named: str) -> list[str]:
    """Ids of runs of pushes: the very one, or those that this run of a command had."""
    told = command_runs.c
    if not columns_of(connection, SCHEMA, command_runs.name):
        return [named]
    query = sa.select(told.push_run_id).where(
        sa.or_(told.run_id == named, told.part_of == named), told.push_run_id.is_not(None)
    )
    return [named, *connection.scalars(query)]


def _none_found(connection: sa.Connection, asked: Asked) -> str:
    if asked.run is not None:
        of = f" of {asked.push}" if asked.push else " of a push"
        return f"There is no run {asked.run!r}{of} in this warehouse."
    known = connection.scalars(sa.select(push_runs.c.push).distinct()).all()
    if asked.push not in known:
        near = did_you_mean(str(asked.push), known) or "."
        return f"No push named {asked.push!r} has sent anything from this warehouse{near}"
    return f"{asked.push} has sent nothing since {asked.since:%F %T %Z}."


def check_asked(asked: Asked, on_conflict: str) -> None:
    """``ConfigError`` for what can't be meant, before anything is opened."""
    asked.check()
    if asked.delete_inserted and on_conflict == "warehouse_wins":
        raise ConfigError(
            "--delete-inserted never deletes a lead that anybody has touched since, so it can't go with --on-conflict "
            "warehouse_wins.",
            "Leave out one of them.",
        )


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
        added = _added(connection, found)
        deleted = _deleted(connection, found)
        _check_named(connection, found, {*added, *added.values()})
        counted = Counted()
        if push.mode == "delete":
            _check_deleting(push, capabilities)
            wanted = {lead: own for lead, own in added.items() if _is_named(found.asked, lead, own)}
            writes = _writes(connection, found, relations, only=wanted)
            rows: Iterable[Sequence[Any]] = undo_added(
                writes, wanted, found.ids, found.runs[0].started_at, push.equal
            )
        else:
            writes = (each for each in _writes(connection, found, relations) if each.meant not in added)
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
            lost=_lost(connection, found),
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


def _is_named(asked: Asked, *ids: str) -> bool:
    return not asked.leads or not set(asked.leads).isdisjoint(ids)


def _check_deleting(push: Push, capabilities: Capabilities) -> None:
    if "delete" not in capabilities.modes:
        raise ModelError(
            f"{capabilities.name} can't delete leads through its API, so the leads that {push.name} added stay.",
            "Delete them in the CRM itself.",
            crm=push.crm,
        )


# What the journal has of the runs


def _of_runs(table: sa.Table, found: Chosen, *more: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Rows of one table that say that the CRM has accepted something from a call of these runs."""
    row = table.c
    return sa.select(
        row.run_id, row.push, row.lead_id, row.field, row.column_name, row.old_value, row.value, row.code,
        row.recorded_at, row.seq, row.sequence_number, meant(row).label("meant"),
    ).where(
        row.run_id.in_(found.ids),
        row.state == "applied",
        sa.func.coalesce(row.code, "").not_in(NOT_SENT),
        *more,
    )  # fmt: skip


def _there(connection: sa.Connection) -> list[sa.Table]:
    return [table for table in BOTH if columns_of(connection, SCHEMA, table.name)]


def _added(connection: sa.Connection, found: Chosen) -> dict[str, str]:
    """The CRM's id of a lead that the runs have added -> the push's own id of it."""
    adding = [each.run_id for each in found.runs if each.mode in ADDING]
    if not adding:
        return {}
    tables = _there(connection)
    begun = sa.union_all(
        *(
            sa.select(each.c.run_id, each.c.lead_id).where(
                each.c.run_id.in_(adding), each.c.crm_lead_id.is_(None)
            )
            for each in tables
        )
    ).subquery()

    def is_new(row: Any) -> sa.ColumnElement[bool]:
        return sa.exists().where(begun.c.run_id == row.run_id, begun.c.lead_id == row.lead_id)

    given = sa.union_all(
        *(
            _of_runs(each, found, each.c.run_id.in_(adding), each.c.crm_lead_id.is_not(None), is_new(each.c))
            for each in tables
        )
    ).subquery()
    query = sa.select(given.c.meant, given.c.lead_id).distinct().order_by(given.c.meant)
    return dict(map(tuple, connection.execute(query)))


def _deleted(connection: sa.Connection, found: Chosen) -> tuple[str, ...]:
    """The CRM's ids of leads that the runs have deleted; not of those that were gone already."""
    whole = sa.union_all(
        *(_of_runs(each, found, each.c.field == WHOLE, each.c.code.is_(None)) for each in _there(connection))
    ).subquery()
    ids = connection.execute(sa.select(whole.c.meant, whole.c.lead_id).distinct().order_by(whole.c.meant))
    return tuple(lead for lead, own in ids if _is_named(found.asked, lead, own))


def _lost(connection: sa.Connection, found: Chosen) -> int:
    """How many fields of the runs have no rows any more that say what they were."""
    known = sa.union(
        *(
            sa.select(each.c.run_id, each.c.lead_id, each.c.field).where(
                each.c.run_id.in_(found.ids), each.c.state.in_(("planned", "applied"))
            )
            for each in _there(connection)
        )
    ).subquery()
    there = connection.scalar(sa.select(sa.func.count()).select_from(known)) or 0
    return max(sum(each.fields or 0 for each in found.runs) - there, 0)


def _check_named(connection: sa.Connection, found: Chosen, added: Collection[str]) -> None:
    """``ConfigError`` for a lead or a field that the runs haven't set."""
    asked = found.asked
    every = sa.union_all(*(_of_runs(each, found) for each in _there(connection))).subquery()
    if asked.fields:
        known = connection.scalars(sa.select(every.c.field).distinct()).all()
        for name in asked.fields:
            if name not in known:
                near = did_you_mean(name, known) or "."
                raise ConfigError(f"{found.push} has set no field {name!r} in what is to be taken back{near}")
    if asked.leads:
        query = sa.select(every.c.meant, every.c.lead_id).where(
            sa.or_(every.c.meant.in_(asked.leads), every.c.lead_id.in_(asked.leads))
        )
        seen = {each for ids in connection.execute(query) for each in ids}
        if missing := [each for each in asked.leads if each not in seen | {*added}]:
            raise ConfigError(
                f"{found.push} has sent nothing to {count(len(missing), 'lead')} of those in what is to be taken back: "
                f"{', '.join(shown_key(each, is_ours=found.own_keys, mask=True) for each in missing[:5])}."
            )


def _writes(
    connection: sa.Connection, found: Chosen, relations: Relations, only: Collection[str] | None = None
) -> Iterator[Write]:
    """What the runs have set, by lead and field and the oldest first, beside what the CRM has accepted last and what it shows.

    ``only``: of these leads, whatever fields are asked for.
    """
    asked = found.asked
    if only is not None and not only:
        return
    of_runs = sa.union_all(*(_of_runs(each, found) for each in _there(connection))).subquery()
    wanted = [of_runs.c.meant.is_not(None), of_runs.c.field != WHOLE]
    if only is not None:
        wanted.append(of_runs.c.meant.in_(only))
    else:
        wanted += [of_runs.c.field.in_(asked.fields)] if asked.fields else []
        named = sa.or_(of_runs.c.meant.in_(asked.leads), of_runs.c.lead_id.in_(asked.leads))
        wanted += [named] if asked.leads else []
    ours = sa.select(of_runs).where(*wanted).subquery("ours")
    latest = _latest(found.crm, ours)
    beside = sa.and_(latest.c.meant == ours.c.meant, latest.c.field == ours.c.field)
    shown, joined = _shown(
        connection, found.crm, relations, ours.join(latest, beside, isouter=True), ours, latest
    )
    query = (
        sa.select(
            ours.c.run_id, ours.c.lead_id, ours.c.meant, ours.c.field, ours.c.column_name, ours.c.old_value,
            ours.c.value, ours.c.recorded_at, latest.c.run_id.label("last_run"), latest.c.value.label("last_value"),
            *shown,
        )
        .select_from(joined)
        .order_by(ours.c.meant, ours.c.field, *oldest_first(ours.c))
    )  # fmt: skip
    for row in connection.execution_options(stream_results=True).execute(query):
        yield Write(*row)


def _latest(crm: str, ours: sa.Subquery) -> sa.Subquery:
    """What the CRM has accepted last in each of these fields, whichever push sent it, as ``int_push_memory`` has it."""
    row = push_journal.c
    said = (
        sa.select(push_journal, meant().label("meant"))
        .where(
            row.crm == crm,
            row.state.in_(("applied", "confirmed")),
            row.code.is_distinct_from(FOUND),
        )
        .subquery()
    )
    # As a join, which every engine hashes.
    keys = sa.select(ours.c.meant, ours.c.field).distinct().subquery()
    place = sa.func.row_number().over(
        partition_by=(said.c.meant, said.c.field), order_by=newest_first(said.c)
    )
    is_key = sa.and_(said.c.meant == keys.c.meant, said.c.field == keys.c.field)
    ranked = sa.select(said, place.label("place")).join(keys, is_key).subquery()
    return sa.select(ranked).where(ranked.c.place == 1).subquery("latest")


def _shown(
    connection: sa.Connection,
    crm: str,
    relations: Relations,
    joined: Any,
    ours: sa.Subquery,
    latest: sa.Subquery,
) -> tuple[list[sa.ColumnElement[Any]], Any]:
    """The last columns of a ``Write``, and what they are selected from."""
    nothing: list[sa.ColumnElement[Any]] = [sa.null() for _ in Write._fields[10:]]
    columns = columns_of(connection, *relations.leads)
    if not {"crm", "lead_id", "last_seen_at"} <= columns:
        return nothing, joined
    leads = sa.table(relations.leads.name, *map(sa.column, sorted(columns)), schema=relations.leads.schema)
    names = set(connection.scalars(sa.select(ours.c.column_name).distinct()))
    there = names if MORE in columns else names & columns
    known = shown_by(connection, leads, crm, sorted(there))
    joined = joined.join(leads, sa.and_(leads.c.crm == crm, leads.c.lead_id == ours.c.meant), isouter=True)
    is_shown = sa.and_(
        leads.c.lead_id.is_not(None),
        latest.c.column_name.in_(known),
        seen_after(leads, "last_seen_at", latest),
    )
    first_seen: sa.ColumnElement[Any] = sa.null()
    otherwise: sa.ColumnElement[Any] = sa.null()
    of_history = columns_of(connection, *relations.lead_history)
    if {"crm", "lead_id", "version_number", "first_seen_at"} <= of_history:
        history = sa.table(
            relations.lead_history.name,
            *map(sa.column, sorted(of_history)),
            schema=relations.lead_history.schema,
        )
        is_first = sa.and_(
            history.c.crm == crm, history.c.lead_id == ours.c.meant, history.c.version_number == 1
        )
        joined = joined.join(history, is_first, isouter=True)
        first_seen = history.c.first_seen_at
        there_once = [each for each in known if each in of_history]
        if there_once and "last_seen_at" in of_history:
            since = _otherwise(crm, history, latest, there_once)
            is_it = sa.and_(since.c.meant == latest.c.meant, since.c.field == latest.c.field)
            joined = joined.join(since, is_it, isouter=True)
            otherwise = since.c.meant.is_not(None)
    times = [
        leads.c[name] if name in columns else sa.null()
        for name in ("removed_at", "modified_at", "created_at")
    ]
    value = shown_value(latest, leads, known) if known else sa.null()
    return [value, is_shown, leads.c.lead_id.is_not(None), *times, first_seen, otherwise], joined


def _otherwise(crm: str, history: sa.TableClause, latest: sa.Subquery, known: Sequence[str]) -> sa.Subquery:
    """Leads and fields of which some version that was seen since the write shows another value."""
    shown = blank_as_null(shown_value(latest, history, known))
    return (
        sa.select(latest.c.meant, latest.c.field)
        .distinct()
        .join(history, sa.and_(history.c.crm == crm, history.c.lead_id == latest.c.meant))
        .where(
            latest.c.column_name.in_(known),
            seen_after(history, "last_seen_at", latest),
            shown.is_distinct_from(blank_as_null(latest.c.value)),
        )
        .subquery("since")
    )
