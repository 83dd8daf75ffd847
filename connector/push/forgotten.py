"""A warehouse that was put back from a copy has forgotten pushes: noticed by the marks outside of it, and accepted by a person.

What was sent since the copy is unknown then. Without a base, a value that we sent and a person has replaced looks like one
that was never sent, and would be overwritten. So accepting gives a base to every field of a push that has none in the
journal. Where the CRM shows what is wanted, that counts as ours. Any other value may be a person's: its base is something
else, which makes it a conflict as soon as a push wants to replace it. A blank field can be filled; what is typed into it
from now on is an edit. A lead that is gone counts as deleted by us, so that it stays if a person brings it back.
"""

import socket
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from connector.crm.base import FOUND
from connector.errors import RestoredError
from connector.extract.columns import MORE, column_in
from connector.extract.raw import field_text
from connector.push.changes import WHOLE
from connector.push.equality import same
from connector.push.journal import Journal
from connector.push.journal_row import Entry
from connector.push.plan import Push
from connector.push.planning import push_rows
from connector.push.policies import of_field
from connector.push.tables import RESTORED, meant, push_journal, push_runs
from connector.texts import is_blank
from connector.warehouse.engines import engine_of
from connector.warehouse.ledger import columns_of, next_number
from connector.warehouse.mark import Mark
from connector.warehouse.relations import Relation

FORGOTTEN = "forgotten"
"""Mode of the runs that are known from their marks alone."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of those rows, whose number is 0: nothing that was read of a lead is older than they are."""
NOBODY = "(restored)"
"""Stands for the push in those rows: which one sent the value is not known. No model can have this name."""

_PROBE = "(leadloop asks what is wanted)"
_THE_END = datetime(9999, 1, 1, tzinfo=UTC)

Place = tuple[str, str]
"""The CRM's id of a lead, and a field or ``WHOLE``."""


def forgotten(journal: Journal, marks: Sequence[Mark]) -> list[Mark]:
    """The pushes that were noted and that this warehouse doesn't know, the marks being in their order.

    Those before the first one that it knows may have been cleared away.
    """
    if not marks:
        return []
    run = push_runs.c
    with journal.engine.connect() as connection:
        query = sa.select(run.run_id).where(run.run_id.in_([each.run_id for each in marks]))
        known = set(connection.scalars(query))
    first = next((place for place, each in enumerate(marks) if each.run_id in known), 0)
    return [each for each in marks[first:] if each.run_id not in known]


def of_lost_ledger(journal: Journal, crm: str) -> list[Mark]:
    """One that stands for all pushes that a lost ledger knew of, where leadloop remembers nothing from before; else none."""
    with journal.engine.connect() as connection:
        begun = engine_of(connection).begun_anew(connection)
    return [Mark(f"before {begun:%Y-%m-%dT%H:%M:%S} to {crm}", NOBODY, begun)] if begun else []


def check(lost: Sequence[Mark], crm: str, label: str) -> None:
    """``RestoredError`` where pushes were forgotten."""
    if not lost:
        return
    noted = [each for each in lost if each.push != NOBODY]
    number = "a push" if len(noted) == 1 else f"{len(noted):,} pushes"
    last = lost[-1]
    raise RestoredError(
        f"{label} knows nothing of {number} to {crm} that were sent from it, the last one by {last.push} on "
        f"{last.at:%F %T} UTC. Was an older copy of it put back, or has a copy of it been used? What was sent since is "
        "unknown, and a person's edit could be overwritten, so nothing was sent."
        if noted
        else f"{label} has a new ledger since {last.at:%F %T} UTC and knows of nothing that was sent to {crm} before. A person's "
        "edit could be overwritten, so nothing was sent.",
        "If this is the warehouse to go on with: leadloop run --restored. It leaves alone as a conflict what the CRM shows "
        "and nobody knows to have been sent.",
        crm=crm,
    )


def accept(
    journal: Journal, lost: Sequence[Mark], crm: str, pushes: Collection[Push], leads: Relation
) -> None:
    """Gives fields a base, as above, and makes the forgotten runs known. All of a push's leads have to have been read.

    ``pushes``: those to this CRM; ``leads``: the model of that name. Once killed, it can be done again.
    """
    known = _with_base(journal, crm)
    run_id = f"{RESTORED}-{uuid.uuid4().hex[:12]}"
    for name in sorted({name for push in pushes for name in push.fields}):
        of_name = [push for push in pushes if name in push.fields]
        journal.record(run_id, _new(known, _bases(journal, crm, name, of_name, leads)))
    deleting = [push for push in pushes if push.mode == "delete"]
    if deleting:
        whole = (*_to_delete(journal, crm, deleting), *_gone(journal, crm, leads))
        journal.record(run_id, _new(known, whole))
    journal.note(
        {
            "run_id": each.run_id,
            "push": each.push,
            "crm": crm,
            "mode": FORGOTTEN,
            "started_at": each.at,
            "leads": 0,
            "fields": 0,
            "host": socket.gethostname(),
        }
        for each in lost
    )


def _with_base(journal: Journal, crm: str) -> set[Place]:
    """What the CRM has accepted a value of, or a deletion."""
    row = push_journal.c
    query = (
        sa.select(meant(), row.field)
        .distinct()
        .where(
            row.crm == crm,
            row.state.in_(("applied", "confirmed")),
            row.code.is_distinct_from(FOUND),
            meant().is_not(None),
        )
    )
    with journal.engine.connect() as connection:
        return {(lead_id, name) for lead_id, name in connection.execute(query)}


def _new(known: set[Place], entries: Iterable[Entry]) -> list[Entry]:
    """Those about which nothing is known yet, each place once."""
    new = {(each.lead_id, each.field): each for each in entries if (each.lead_id, each.field) not in known}
    known |= new.keys()
    return list(new.values())


def _bases(journal: Journal, crm: str, name: str, pushes: Sequence[Push], model: Relation) -> Iterator[Entry]:
    """The base of one field, for each lead that the CRM has shown."""
    with journal.leads.connect() as connection:
        there = columns_of(connection, *model)
        column = column_in(there, crm, name)
        if not {"crm", "lead_id"} <= there or not {column, MORE} & there:
            return
        leads = sa.table(model.name, *map(sa.column, sorted(there)), schema=model.schema)
        of_crm = leads.c.crm == crm
        wanted = _wanted(
            connection, journal, crm, name, column, pushes, sa.select(leads.c.lead_id).where(of_crm)
        )
        # Such a push sends nothing to a field without a base, and so it overwrites nobody.
        needless = all(of_field(push, "first_push", name) == "baseline" for push in pushes)
        shown = sa.select(leads.c.lead_id, field_text(leads, column)).where(of_crm)
        for lead_id, value in connection.execute(shown):
            desired = wanted.get(lead_id, [])
            if any(same(value, each, rule) for each, rule in desired):
                base = value
            elif needless:
                continue
            else:
                base = desired[0][0] if desired and not is_blank(value or "") else None
            yield _entry(crm, lead_id, name, column, value, base)


def _wanted(
    connection: sa.Connection,
    journal: Journal,
    crm: str,
    name: str,
    column: str,
    pushes: Iterable[Push],
    leads: sa.Select[tuple[str]],
) -> Mapping[str, list[tuple[str | None, str | None]]]:
    """Lead -> what these pushes want of the field, each with the rule by which it is compared.

    A push lists only what differs from what the CRM shows. So the field is said to have just become, in every lead,
    what nobody wants, in a transaction that is rolled back: then the push lists all that it wants. A push that is a
    table doesn't notice, and what it has in sync counts as not wanted.
    """
    wanted: dict[str, list[tuple[str | None, str | None]]] = {}
    with journal.engine.connect() as ledger:
        number = next_number(ledger)
    said = {
        "run_id": RESTORED, "seq": 0, "push": NOBODY, "crm": crm, "field": name, "column_name": column,
        "state": "confirmed", "value": _PROBE, "recorded_at": _THE_END, "sequence_number": number,
    }  # fmt: skip
    lead = leads.selected_columns[0]
    row = push_journal.c
    every = leads.with_only_columns(
        lead, lead.label("crm_lead_id"), *(sa.literal(value, row[each].type) for each, value in said.items())
    )
    connection.execute(push_journal.insert().from_select(["lead_id", "crm_lead_id", *said], every))
    for push in pushes:
        for found in push_rows(connection, push):
            meant_lead = found["crm_lead_id"] if "crm_lead_id" in found else found["lead_id"]
            if found["field"] == name and meant_lead is not None:
                wanted.setdefault(meant_lead, []).append((found["desired_value"], push.equal.get(name)))
    connection.rollback()
    return wanted


def _to_delete(journal: Journal, crm: str, pushes: Iterable[Push]) -> Iterator[Entry]:
    """The leads that would be deleted, now or once nothing holds it back."""
    with journal.leads.connect() as connection:
        for push in pushes:
            for found in push_rows(connection, push):
                if found["lead_id"] is not None and found["verdict"] != "unknown_lead":
                    yield _entry(crm, found["lead_id"], WHOLE, WHOLE, None, None)


def _gone(journal: Journal, crm: str, model: Relation) -> Iterator[Entry]:
    """The leads that are gone: it may have been us, and whoever brings one back decides."""
    with journal.leads.connect() as connection:
        if not {"crm", "lead_id", "removed_at"} <= columns_of(connection, *model):
            return
        leads = sa.table(model.name, *map(sa.column, ("crm", "lead_id", "removed_at")), schema=model.schema)
        query = sa.select(leads.c.lead_id).where(leads.c.crm == crm, leads.c.removed_at.is_not(None))
        for lead_id in connection.scalars(query):
            yield _entry(crm, lead_id, WHOLE, WHOLE, None, None)


def _entry(crm: str, lead_id: str, name: str, column: str, shown: str | None, value: str | None) -> Entry:
    reason = "an older copy of the warehouse was put back: what was sent to this field is unknown"
    return Entry(
        NOBODY, crm, lead_id, name, column, "confirmed", shown, value, RESTORED, reason, LONG_AGO, lead_id, 0
    )
