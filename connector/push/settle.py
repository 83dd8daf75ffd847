"""What earlier runs left open, settled by what the CRM shows: killed runs and lost answers, then confirmations.

``recover`` runs before a plan is made, ``confirm`` after the CRM was read and the models were built.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connector.crm.base import LeadReader
from connector.errors import ConfigError, LeadloopError
from connector.extract.columns import text_row
from connector.extract.reading import read_back
from connector.push.guardrails import count
from connector.push.journal import Entry, Journal, Recorded, recorded
from connector.push.plan import same
from connector.push.tables import columns_of

EDITED_AFTER = "edited_after_push"
"""Code of a ``conflict`` that was found when confirming: sent and accepted, and then edited by a person."""
_SEEN = ("last_seen_at", "seen_at", "first_seen_at")
"""Columns of ``lead_history`` that say when a version was seen, the most telling first."""
BREAKER = 3
"""Leads in a row that could not be read, after which the CRM is not asked about the others."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What became of the leads that earlier runs had left open."""

    deferred: int = 0
    """Leads that were certainly not carried out: they are in the next plan."""
    applied: int = 0
    """Leads whose write had arrived, as reading them showed."""
    unknown: int = 0
    """Leads that could not be read: nothing is sent to them until they can be."""

    def __bool__(self) -> bool:
        return bool(self.deferred or self.applied or self.unknown)

    def __str__(self) -> str:
        return (
            f"Of earlier runs, {count(self.deferred, 'lead')} will be sent again, {count(self.applied, 'lead')} "
            f"turned out to have arrived, and {count(self.unknown, 'lead')} could not be looked up yet."
        )


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the CRM shows of what it had accepted; in fields."""

    confirmed: int = 0
    reverted: int = 0
    edited: int = 0
    """Edited by a person after the push: ``conflict``, with the code ``edited_after_push``."""


def recover(push: str, journal: Journal, reader: LeadReader | None, *, concurrency: int = 4) -> Recovery:
    """Settles the fields that earlier runs of ``push`` left ``planned``, ``sent`` or ``unknown``.

    ``planned``: the run ended before the lead's turn, so it was not sent: ``deferred``. ``sent``: ``unknown`` first, on
    disk; then, as every ``unknown``, the lead is read: a field that shows what was sent is ``applied``, another one is
    ``deferred``, and a lead that can't be read stays ``unknown``, which keeps it out of the next plan.

    Without a ``reader`` (a CRM that is not read) an update counts as ``deferred``: repeating it sets the same values
    again. Other modes stay ``unknown``. Only call it under the push's lock, so that no run is still at work.
    """
    rows = journal.open_leads(push)
    unsent = [row for row in rows if row.state == "planned"]
    sent = [row for row in rows if row.state == "sent"]
    doubtful = [row for row in rows if row.state != "planned"]
    _record(
        journal,
        [(row, row.then("deferred", reason="the run ended before it was sent")) for row in unsent]
        + [(row, row.then("unknown", reason="the run ended before the answer was recorded")) for row in sent],
    )
    if reader is None:
        answers = [
            (row, row.then("deferred", reason="no answer came, and an update may be repeated"))
            for row in doubtful
            if row.mode == "update"
        ]
    else:
        answers = _looked_up(doubtful, reader, concurrency)
    _record(journal, answers)
    answered = {(row.run_id, row.seq) for row, _ in answers}
    still_open = {row.run_id for row in doubtful if (row.run_id, row.seq) not in answered}
    for run_id in journal.unsettled_runs(push):
        if run_id not in still_open:
            journal.record(run_id, (), settled=True)
    applied = {row.lead_id for row, entry in answers if entry.state == "applied"}
    deferred = {row.lead_id for row, entry in answers if entry.state == "deferred"}
    return Recovery(
        deferred=len(deferred | {row.lead_id for row in unsent}),
        applied=len(applied - deferred),
        unknown=len({row.lead_id for row in doubtful} - applied - deferred),
    )


def _looked_up(
    rows: Iterable[Recorded], reader: LeadReader, concurrency: int
) -> list[tuple[Recorded, Entry]]:
    by_lead: dict[str, list[Recorded]] = defaultdict(list)
    for row in rows:
        by_lead[row.lead_id].append(row)
    look = _Look(reader)
    with ThreadPoolExecutor(concurrency, thread_name_prefix="leadloop-look") as pool:
        found = pool.map(look, by_lead)
        return [
            (row, _resolved(row, shown))
            for lead_rows, shown in zip(by_lead.values(), found, strict=True)
            if shown is not None
            for row in lead_rows
        ]


class _Look:
    """Reads single leads until the CRM has failed a few times in a row."""

    def __init__(self, reader: LeadReader) -> None:
        self._reader = reader
        self._failed = 0

    def __call__(self, lead_id: str) -> Mapping[str, str | None] | None:
        """The lead by column name, empty where there is no such lead; ``None`` if that can't be known now."""
        if self._failed >= BREAKER:
            return None
        try:
            rows = read_back(self._reader, lead_id).rows
        except ConfigError:
            self._failed = BREAKER
            return None
        except LeadloopError:
            self._failed += 1
            return None
        self._failed = 0
        return text_row(rows[0]) if rows else {}


def _resolved(row: Recorded, shown: Mapping[str, str | None]) -> Entry:
    # A blank is only believed where the CRM shows the field at all.
    if row.column_name in shown and same(shown[row.column_name], row.value):
        return row.then("applied", reason="no answer came, and the CRM shows the value that was sent")
    return row.then("deferred", reason="no answer came, and the CRM does not show the value that was sent")


def confirm(
    engine: sa.Engine, journal: Journal, crm: str, *, leads_schema: str = "analytics"
) -> Confirmation:
    """Settles ``applied`` fields of leads that were read again since (``leads.last_seen_at`` after the outcome).

    - The CRM shows what was sent: ``confirmed``.
    - It shows something else, but ``lead_history`` has a version first seen after the write that does show it: also
      ``confirmed``; what came later is somebody's edit, and the next plan's business.
    - It shows something else, and the lead was modified after our write: ``conflict``, with the code
      ``edited_after_push``. A person has edited the lead; that the CRM changed the field by itself at the same time
      can't be told from it, and a person's edit must not be called a refusal.
    - It shows something else, and nobody has modified the lead since: ``reverted``. The CRM accepted the value and
      keeps another one (a normalised phone number, a field with a rule behind it).

    Fields that are no column of ``leads``, leads that were removed and CRMs that are not read stay ``applied``. None of
    the states takes away the base that the next diff compares with: that is still what was sent.
    """
    if not journal.exists():
        return Confirmation()
    with engine.connect() as connection:
        columns = columns_of(connection, leads_schema, "leads")
        if not {"crm", "lead_id", "last_seen_at"} <= columns:
            return Confirmation()
        applied = journal.applied_unconfirmed(crm)
        fields = connection.scalars(sa.select(applied.c.column_name).distinct()).all()
        known = sorted(columns.intersection(fields))
        if not known:
            return Confirmation()
        leads = sa.table("leads", *map(sa.column, sorted(columns)), schema=leads_schema)
        sightings = connection.execute(_sightings(applied, leads, known)).all()
        shown_once = _shown_once(connection, applied, leads_schema, known)
        seen = [(recorded(row), shown, modified_at) for *row, shown, modified_at in sightings]
        differ = any(not same(shown, row.value) for row, shown, _ in seen)
        shown_once = _shown_once(connection, applied, leads_schema, known) if differ else set()
    verdicts = [
        (row, _verdict(row, shown, modified_at, (row.lead_id, row.field) in shown_once))
        for row, shown, modified_at in seen
    ]
    _record(journal, verdicts)
    counts = Counter(entry.state for _, entry in verdicts)
    return Confirmation(counts["confirmed"], counts["reverted"], counts["conflict"])


def _verdict(row: Recorded, shown: str | None, modified_at: datetime | None, shown_once: bool) -> Entry:
    # As of the write, not of now: until a lead is read again, the diff takes what was accepted for what the CRM shows, and
    # an edit that was read before this moment would look older than its own confirmation, and be overwritten.
    if same(shown, row.value):
        return row.then("confirmed", recorded_at=row.recorded_at)
    if shown_once:
        return row.then(
            "confirmed",
            reason="the CRM showed the value after the push; it was edited later",
            recorded_at=row.recorded_at,
        )
    if modified_at is not None and modified_at > row.recorded_at:
        return row.then("conflict", code=EDITED_AFTER, reason="the lead was edited in the CRM after the push")
    return row.then("reverted", reason="the CRM accepted the value and shows another one")


def _sightings(applied: sa.Subquery, leads: sa.TableClause, known: Sequence[str]) -> sa.Select[Any]:
    """Applied fields of leads that were seen since: the journal's row, the value shown, the lead's modification time."""
    there = [leads.c.removed_at.is_(None)] if "removed_at" in leads.c else []
    modified_at = leads.c.modified_at if "modified_at" in leads.c else sa.null()
    return (
        sa.select(applied, _shown(applied, leads, known), modified_at)
        .join(leads, sa.and_(leads.c.crm == applied.c.crm, leads.c.lead_id == applied.c.lead_id))
        .where(leads.c.last_seen_at > applied.c.recorded_at, applied.c.column_name.in_(known), *there)
        .order_by(applied.c.run_id, applied.c.seq)
    )


def _shown(applied: sa.Subquery, leads: sa.TableClause, known: Sequence[str]) -> sa.ColumnElement[str | None]:
    """The value of the very column that the journal's row is about, as text."""
    return sa.case(
        *((applied.c.column_name == name, sa.cast(leads.c[name], sa.Text)) for name in known), else_=None
    )


def _shown_once(
    connection: sa.Connection, applied: sa.Subquery, schema: str, known: Sequence[str]
) -> set[tuple[str, str]]:
    """(lead id, field) whose value some version showed that was seen after the write."""
    columns = columns_of(connection, schema, "lead_history")
    known = [name for name in known if name in columns]
    clock = next((name for name in _SEEN if name in columns), None)
    if not known or clock is None or not {"crm", "lead_id"} <= columns:
        return set()
    versions = sa.table("lead_history", *map(sa.column, sorted(columns)), schema=schema)
    query = (
        sa.select(applied.c.lead_id, applied.c.field)
        .distinct()
        .join(versions, sa.and_(versions.c.crm == applied.c.crm, versions.c.lead_id == applied.c.lead_id))
        .where(
            versions.c[clock] > applied.c.recorded_at,
            applied.c.column_name.in_(known),
            _or_null(_shown(applied, versions, known)).is_not_distinct_from(_or_null(applied.c.value)),
        )
    )
    return {(lead_id, name) for lead_id, name in connection.execute(query)}


def _or_null(text: sa.ColumnElement[str | None]) -> sa.ColumnElement[str | None]:
    return sa.case((sa.func.trim(text) == "", None), else_=text)


def _record(journal: Journal, entries: Iterable[tuple[Recorded, Entry]]) -> None:
    """Writes entries to the runs that their rows come from."""
    by_run: dict[str, list[Entry]] = defaultdict(list)
    for row, entry in entries:
        by_run[row.run_id].append(entry)
    for run_id, group in by_run.items():
        journal.record(run_id, group)
