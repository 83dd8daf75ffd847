"""A warehouse that was put back from a copy has forgotten pushes: noticed by the marks outside of it, and accepted by a person.

What was sent since the copy is unknown then. Without a base, a value that we sent and a person has replaced looks like one
that was never sent, and would be overwritten. So accepting gives a base to every field that has a value in the CRM and
none in the journal: what is wanted of it where the two differ, which makes it a conflict, and else what the CRM shows,
so that a later edit is one. A lead that is gone counts as deleted by us, so that it stays if a person brings it back.
"""

import socket
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from connector.errors import RestoredError
from connector.extract.names import column_name
from connector.extract.raw import blank_as_null
from connector.push.journal import Journal
from connector.push.journal_row import Entry
from connector.push.plan import WHOLE, Plan, Push
from connector.push.tables import FOUND, meant, push_journal, push_runs
from connector.texts import is_blank
from connector.warehouse.ledger import columns_of
from connector.warehouse.mark import Mark

RESTORED = "restored"
"""Code of the rows that give a field a base."""
FORGOTTEN = "forgotten"
"""Mode of the runs that are known from their marks alone."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of those rows, whose number is 0: nothing that was read of a lead is older than they are."""
NOBODY = "(restored)"
"""Stands for the push in those rows: which one sent the value is not known. No model can have this name."""


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


def check(lost: Sequence[Mark], crm: str, label: str) -> None:
    """``RestoredError`` where pushes were forgotten."""
    if not lost:
        return
    number = "a push" if len(lost) == 1 else f"{len(lost):,} pushes"
    last = lost[-1]
    raise RestoredError(
        f"{label} knows nothing of {number} to {crm} that were sent from it, the last one by {last.push} on "
        f"{last.at:%F %T} UTC. Was an older copy of it put back, or has a copy of it been used? What was sent since is "
        "unknown, and a person's edit could be overwritten, so nothing was sent. If this is the warehouse to go on with: "
        "leadloop run --restored. It leaves alone as a conflict what the CRM shows and nobody knows to have been sent."
    )


def accept(
    journal: Journal, lost: Sequence[Mark], crm: str, plans: Iterable[tuple[Push, Plan]], leads_schema: str
) -> None:
    """Gives fields a base, as above, and makes the forgotten runs known. All of a push's leads have to have been read.

    The plans are whole ones: what was on its way when the copy was made, a person may have replaced since.
    """
    plans = list(plans)
    known = _with_base(journal, crm)
    entries = []
    shown = _shown(journal, crm, plans, leads_schema)
    for place, each in [*_wanted(plans), *shown, *_gone(journal, crm, plans, leads_schema)]:
        if place not in known:
            known.add(place)
            entries.append(each)
    journal.record(f"{RESTORED}-{uuid.uuid4().hex[:12]}", entries)
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


def _with_base(journal: Journal, crm: str) -> set[tuple[str, str]]:
    """(the CRM's id of a lead, field) that the CRM has accepted a value of."""
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


def _wanted(plans: Iterable[tuple[Push, Plan]]) -> Iterator[tuple[tuple[str, str], Entry]]:
    """What would replace a value that isn't blank, or delete a lead, now or once nothing holds it back."""
    for _, plan in plans:
        for lead in (*plan.leads, *plan.conflicts, *plan.rejected, *plan.flapping):
            for change in lead.changes:
                has_value = change.field == WHOLE or not is_blank(change.current)
                if lead.crm_lead_id is not None and has_value:
                    entry = _entry(
                        plan.crm,
                        lead.crm_lead_id,
                        change.field,
                        change.column_name,
                        change.current,
                        change.desired,
                    )
                    yield (lead.crm_lead_id, change.field), entry


def _shown(
    journal: Journal, crm: str, plans: Iterable[tuple[Push, Plan]], schema: str
) -> Iterator[tuple[tuple[str, str], Entry]]:
    """What the CRM shows in the fields of these pushes."""
    with journal.engine.connect() as connection:
        there = columns_of(connection, schema, "leads")
        leads = sa.table("leads", *map(sa.column, sorted(there)), schema=schema)
        for name in sorted({name for push, _ in plans for name in push.fields}):
            own = column_name(name)
            column = next((each for each in (f"crm_{own}", own) if each in there), None)
            if column is None or not {"crm", "lead_id"} <= there:
                continue
            value = sa.cast(leads.c[column], sa.Text)
            has_value = blank_as_null(value).is_not(None)
            query = sa.select(leads.c.lead_id, value).where(leads.c.crm == crm, has_value)
            for lead_id, shown in connection.execute(query):
                yield (lead_id, name), _entry(crm, lead_id, name, column, shown, shown)


def _gone(
    journal: Journal, crm: str, plans: Iterable[tuple[Push, Plan]], schema: str
) -> Iterator[tuple[tuple[str, str], Entry]]:
    """The leads that are gone, where some push deletes: it may have been ours, and whoever brings one back decides."""
    if not any(plan.mode == "delete" for _, plan in plans):
        return
    with journal.engine.connect() as connection:
        if not {"crm", "lead_id", "removed_at"} <= columns_of(connection, schema, "leads"):
            return
        leads = sa.table("leads", *map(sa.column, ("crm", "lead_id", "removed_at")), schema=schema)
        query = sa.select(leads.c.lead_id).where(leads.c.crm == crm, leads.c.removed_at.is_not(None))
        for lead_id in connection.scalars(query):
            yield (lead_id, WHOLE), _entry(crm, lead_id, WHOLE, WHOLE, None, None)


def _entry(crm: str, lead_id: str, name: str, column: str, shown: str | None, value: str | None) -> Entry:
    reason = "an older copy of the warehouse was put back: what was sent to this field is unknown"
    return Entry(
        NOBODY, crm, lead_id, name, column, "confirmed", shown, value, RESTORED, reason, LONG_AGO, lead_id, 0
    )
