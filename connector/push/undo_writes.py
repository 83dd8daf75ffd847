"""What runs of a push have set, as the journal has it, beside what the CRM has accepted last and what it shows."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from connector.crm.base import FOUND
from connector.errors import ConfigError
from connector.extract.columns import MORE
from connector.extract.raw import blank_as_null
from connector.parsing import did_you_mean
from connector.push.changes import WHOLE, Asked
from connector.push.shown import seen_after, shown_by, shown_value
from connector.push.tables import (
    ADDING,
    NOT_SENT,
    meant,
    newest_first,
    oldest_first,
    push_journal,
    push_journal_archive,
)
from connector.push.undo_runs import Chosen
from connector.texts import count, shown_key
from connector.warehouse.ledger import SCHEMA, columns_of
from connector.warehouse.relations import Relations

BOTH = (push_journal, push_journal_archive)


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


def is_named(asked: Asked, *ids: str) -> bool:
    return not asked.leads or not set(asked.leads).isdisjoint(ids)


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


def added_by(connection: sa.Connection, found: Chosen) -> dict[str, str]:
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


def deleted_by(connection: sa.Connection, found: Chosen) -> tuple[str, ...]:
    """The CRM's ids of leads that the runs have deleted; not of those that were gone already."""
    whole = sa.union_all(
        *(_of_runs(each, found, each.c.field == WHOLE, each.c.code.is_(None)) for each in _there(connection))
    ).subquery()
    ids = connection.execute(sa.select(whole.c.meant, whole.c.lead_id).distinct().order_by(whole.c.meant))
    return tuple(lead for lead, own in ids if is_named(found.asked, lead, own))


def lost(connection: sa.Connection, found: Chosen) -> int:
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


def check_named(connection: sa.Connection, found: Chosen, added: Collection[str]) -> None:
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


def writes_of(
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
