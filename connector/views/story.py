"""One lead from its first sighting to now: every version, who changed what, what was sent and what came of it, calls, its removal."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from connector.push.changes import WHOLE
from connector.views.people import EDITORS, Person, shown_columns
from connector.views.settings import Masking, PageSettings
from connector.warehouse.ledger import columns_of
from connector.warehouse.relations import Relation

MOST_EVENTS = 500
"""The newest ones that are told."""
OURS = frozenset(
    (
        "crm",
        "lead_id",
        "created_at",
        "modified_at",
        "removed_at",
        "removal",
        "merged_into",
        "last_seen_at",
        "last_sequence_number",
    )
)
"""Columns of ``leads`` that leadloop makes itself."""


class Detail(NamedTuple):
    """One field in an event. For what was sent: ``before`` is what the CRM showed, ``after`` what we sent."""

    field: str
    before: str | None
    after: str | None
    outcome: str = ""
    """What became of it, for what was sent."""
    why: str = ""
    """The code and the reason of that, where there is one."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the lead."""

    at: datetime
    kind: Literal["first", "edit", "push", "sent", "recording", "removed", "decided"]
    who: str
    """The person in the CRM, or the push; ``""`` where nobody says."""
    details: Sequence[Detail] = ()
    run_id: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """What is known of one lead."""

    crm: str
    person: Person
    values: Sequence[tuple[str, str | None]]
    """(column, value) of everything that the CRM shows now; private values are masked."""
    times: Mapping[str, Any]
    """``created_at``, ``modified_at``, ``removed_at``, ``removal``, ``merged_into``, ``last_seen_at``, as far as they are known."""
    events: Sequence[Event]
    """Newest first."""
    left_out: int = 0
    """Older events that are not told."""


def story(
    connection: sa.Connection,
    model: Relation,
    crm: str,
    lead_id: str,
    settings: PageSettings,
    masking: Masking,
) -> Story | None:
    """``None`` for a lead of which nothing is known."""
    there = columns_of(connection, *model)
    row: sa.RowMapping | None = None
    person = Person(lead_id)
    if {"crm", "lead_id"} <= there:
        leads = sa.table(model.name, *map(sa.column, sorted(there)), schema=model.schema)
        of_lead = (leads.c.crm == crm, leads.c.lead_id == lead_id)
        row = connection.execute(sa.select(leads).where(*of_lead)).mappings().first()
        columns = shown_columns(leads.c, there, settings, masking)
        known = (
            connection.execute(
                sa.select(*(each.label(name) for name, each in columns.items())).where(*of_lead)
            )
            .mappings()
            .first()
        )
        if known is not None:
            person = Person(lead_id, **{name: value or "" for name, value in known.items()})
    schema = model.schema
    events = [
        *_versions(connection, schema, crm, lead_id, masking),
        *_journal(connection, schema, crm, lead_id, masking),
        *_recordings(connection, schema, crm, lead_id),
    ]
    if row is None and not events:
        return None
    if row is not None and row.get("removed_at"):
        into = f"into {row['merged_into']}" if row.get("merged_into") else ""
        events.append(
            Event(
                _utc(row["removed_at"]),
                "removed",
                "",
                note=f"{row.get('removal') or 'removed'} {into}".strip(),
            )
        )
    events.sort(key=lambda each: (each.at, _ORDER[each.kind]), reverse=True)
    values = (
        [
            (name, masking.shown(name, None if row[name] is None else str(row[name])))
            for name in sorted(there - OURS)
            if row is not None and row[name] is not None and not name.endswith("__text")
        ]
        if row is not None
        else []
    )
    times = {name: row[name] for name in OURS if row is not None and name in row} if row is not None else {}
    return Story(crm, person, values, times, events[:MOST_EVENTS], max(0, len(events) - MOST_EVENTS))


_ORDER = {"first": 0, "sent": 1, "push": 2, "edit": 3, "decided": 4, "recording": 5, "removed": 6}


def _versions(
    connection: sa.Connection, schema: str, crm: str, lead_id: str, masking: Masking
) -> Iterable[Event]:
    """The first sighting, and each change with who made it: a person, as far as the CRM says, or a push of ours."""
    there = columns_of(connection, schema, "lead_history")
    if not there:
        return
    editors = [name for name in EDITORS if name in there]
    history = sa.table("lead_history", *map(sa.column, sorted(there)), schema=schema).c
    versions = {
        row["version_number"]: row
        for row in connection.execute(
            sa.select(
                history.version_number,
                history.valid_from,
                history.first_seen_at,
                *(history[name] for name in editors),
            ).where(history.crm == crm, history.lead_id == lead_id)
        ).mappings()
    }
    if 1 in versions:
        first = versions[1]
        yield Event(_utc(first["first_seen_at"] or first["valid_from"]), "first", "")
    names = columns_of(connection, schema, "lead_changes")
    if not names:
        return
    changes = sa.table("lead_changes", *map(sa.column, sorted(names)), schema=schema).c
    rows = connection.execute(
        sa.select(
            changes.version_number,
            changes.origin,
            changes.field,
            changes.old_value,
            changes.new_value,
            changes.changed_at,
        )
        .where(changes.crm == crm, changes.lead_id == lead_id)
        .order_by(changes.version_number, changes.origin, changes.field)
    ).all()
    grouped: dict[tuple[int, str], list[Any]] = {}
    for row in rows:
        grouped.setdefault((row.version_number, row.origin), []).append(row)
    for (number, origin), fields in grouped.items():
        details = [
            Detail(
                each.field,
                masking.shown(each.field, each.old_value),
                masking.shown(each.field, each.new_value),
            )
            for each in fields
        ]
        who = ""
        if origin == "crm" and number in versions:
            # Of a value that a push set, the CRM's own "last modified by" still names whoever came before.
            who = next((str(versions[number][name]) for name in editors if versions[number][name]), "")
        yield Event(_utc(fields[0].changed_at), "push" if origin == "push" else "edit", who, details)


def _journal(
    connection: sa.Connection, schema: str, crm: str, lead_id: str, masking: Masking
) -> Iterable[Event]:
    """What was sent, run by run, with the last that is known of it; and what a person decided about a conflict."""
    names = columns_of(connection, schema, "int_push_history")
    if not names:
        return
    said = sa.table("int_push_history", *map(sa.column, sorted(names)), schema=schema).c
    rows = connection.execute(
        sa.select(
            said.run_id, said.push, said.field, said.column_name, said.state, said.old_value, said.value, said.code, said.reason,
            said.recorded_at,
        )
        .where(said.crm == crm, sa.or_(said.crm_lead_id == lead_id, sa.and_(said.lead_id == lead_id, said.crm_lead_id.is_(None))))
        .order_by(said.run_id, said.seq)
    ).all()  # fmt: skip
    runs: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        runs.setdefault((row.run_id, row.push), []).append(row)
    for (run_id, push), entries in runs.items():
        last: dict[str, Any] = {each.field: each for each in entries}
        first: dict[str, Any] = {}
        for each in entries:
            first.setdefault(each.field, each)
        details = [
            Detail(
                "the whole lead" if name == WHOLE else name,
                masking.shown(each.column_name or name, first[name].old_value),
                masking.shown(each.column_name or name, first[name].value),
                each.state,
                ": ".join(filter(None, (each.code, each.reason))),
            )
            for name, each in sorted(last.items())
        ]
        sent = [each.recorded_at for each in entries if each.state == "sent"]
        kind: Literal["sent", "decided"] = "decided" if run_id.startswith("resolve-") else "sent"
        yield Event(_utc(min(sent) if sent else entries[0].recorded_at), kind, push, details, run_id)


def _recordings(connection: sa.Connection, schema: str, crm: str, lead_id: str) -> Iterable[Event]:
    names = columns_of(connection, schema, "lead_recordings")
    if not {"crm", "lead_id", "started_at", "seconds"} <= names:
        return
    table = sa.table("lead_recordings", *map(sa.column, sorted(names)), schema=schema).c
    rows = connection.execute(
        sa.select(table.started_at, table.seconds).where(table.crm == crm, table.lead_id == lead_id)
    )
    for started_at, seconds in rows:
        if started_at is not None:
            yield Event(_utc(started_at), "recording", "", note=f"{seconds} s" if seconds is not None else "")


def _utc(value: Any) -> datetime:
    """Aware, in UTC; a clock without a zone is taken for UTC."""
    if not isinstance(value, datetime):
        return datetime.min.replace(tzinfo=UTC)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def find(
    connection: sa.Connection,
    model: Relation,
    text: str,
    settings: PageSettings,
    masking: Masking,
    most: int = 50,
) -> list[tuple[str, Person]]:
    """(CRM, lead) of those whose id is this text, or whose id, name, owner or status begins with it or has it in it."""
    there = columns_of(connection, *model)
    wanted = text.strip().lower()
    if not {"crm", "lead_id"} <= there or not wanted:
        return []
    leads = sa.table(model.name, *map(sa.column, sorted(there)), schema=model.schema)
    columns = {
        name: each.label(name) for name, each in shown_columns(leads.c, there, settings, masking).items()
    }
    # To put a million names together costs several times as much as to look through their parts, for a word that is in one.
    parts = _parts(there, settings, masking)
    word = max(wanted.split(), key=len)
    has_word = [sa.func.strpos(sa.func.lower(sa.cast(leads.c[name], sa.Text)), word) > 0 for name in parts]
    shown = (
        sa.select(leads.c.crm, sa.cast(leads.c.lead_id, sa.Text).label("lead_id"), *columns.values())
        .where(sa.or_(*has_word))
        .subquery()
    )
    inner = shown.c
    escaped = wanted.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    seen = [
        sa.func.lower(each).like(f"%{escaped}%", escape="\\")
        for each in (inner.lead_id, inner.name, inner.owner, inner.status)
    ]
    rank = sa.case(
        (sa.func.lower(inner.lead_id) == wanted, 0),
        (sa.func.lower(inner.name).like(f"{escaped}%", escape="\\"), 1),
        else_=2,
    )
    query = (
        sa.select(shown).where(sa.or_(*seen)).order_by(rank, inner.name, inner.crm, inner.lead_id).limit(most)
    )
    return [
        (row["crm"], Person(**{name: row[name] or "" for name in row if name != "crm"}))
        for row in connection.execute(query).mappings()
    ]


def _parts(there: Collection[str], settings: PageSettings, masking: Masking) -> list[str]:
    """The columns that a search looks through; blanks separate those of one name, so each word is in one of them."""
    entries = (*settings.name, *settings.owner, *settings.status)
    named = {name for entry in entries for name in entry.split() if name in there and not masking.hides(name)}
    return ["lead_id", *sorted(named - {"lead_id"})]
