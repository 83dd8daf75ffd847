"""What earlier runs left open, settled by what the CRM shows: killed runs and lost answers, then confirmations.

``recover`` runs before a plan is made, ``confirm`` after the CRM was read and the models were built.
"""

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar

import sqlalchemy as sa

from connector.crm import raw_schema
from connector.crm.base import LeadReader, LeadWriter
from connector.errors import ConfigError, LeadloopError
from connector.extract.columns import MORE, names_of, text_row
from connector.extract.names import Names
from connector.extract.raw import LEADS, blank_as_null, field_text
from connector.extract.reading import read_back
from connector.extract.windows import floor_second, modified_at
from connector.push.equality import same
from connector.push.journal import Journal
from connector.push.journal_row import Entry, Recorded, recorded
from connector.push.plan import WHOLE
from connector.push.tables import ADDING, push_journal
from connector.warehouse.ledger import columns_of

EDITED_AFTER = "edited_after_push"
"""Code of a ``conflict`` that was found when confirming: sent and accepted, and then edited by a person."""
_SEEN = ("last_seen_at", "seen_at", "first_seen_at")
"""Columns of ``lead_history`` that say when a version was seen, the most telling first."""
_NUMBER = "last_sequence_number"
"""Column of ``leads`` and ``lead_history``: the highest number of the readings in which the version was seen."""
Wanted = TypeVar("Wanted")
Shown = TypeVar("Shown")

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

    def __add__(self, other: "Recovery") -> "Recovery":
        return Recovery(
            self.deferred + other.deferred, self.applied + other.applied, self.unknown + other.unknown
        )

    def __bool__(self) -> bool:
        return bool(self.deferred or self.applied or self.unknown)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the CRM shows of what it had accepted; in fields."""

    confirmed: int = 0
    reverted: int = 0
    edited: int = 0
    """Edited by a person after the push: ``conflict``, with the code ``edited_after_push``."""


def recover(
    push: str,
    journal: Journal,
    reader: LeadReader | None,
    writer: LeadWriter | None = None,
    *,
    concurrency: int = 4,
    settle: timedelta = timedelta(0),
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Recovery:
    """Settles the fields that earlier runs of ``push`` left ``planned``, ``sent`` or ``unknown``.

    ``planned``: the run ended before the lead's turn, so it was not sent: ``deferred``. ``sent``: ``unknown`` first, on
    disk; then, as every ``unknown``, the lead is read: a field that shows what was sent is ``applied``, another one is
    ``deferred``, and a lead that can't be read stays ``unknown``, which keeps it out of the next plan. A lead that was to be
    deleted is ``applied`` when it is gone, or was modified since: then it may have been brought back, and the next plan
    calls it a conflict.

    A lead that was to be added is looked for by ``writer.find``: one that is there, and is no other row's, is ``applied``
    and its id recorded; ``deferred`` where two looks find none. One that was sent less than ``settle`` ago is not looked for
    yet: a CRM that was slow to answer may be slow to show it, too. A lead that an upsert finds may have been there before:
    then its fields are looked at one by one.

    Without a ``reader`` (a CRM that is not read) an update or delete counts as ``deferred``: repeating it does the same
    again. An addition stays ``unknown`` without a ``writer``. ``on_progress`` is told how many leads have been looked up, and of
    how many. Only call it under the push's lock, so that no run is still at work.
    """
    rows = journal.open_leads(push)
    unsent = [row for row in rows if row.state == "planned"]
    recent = journal.clock() - settle
    doubtful = [
        row
        for row in rows
        if row.state != "planned" and not (_is_addition(row) and settle and row.recorded_at > recent)
    ]
    sent = [row for row in doubtful if row.state == "sent"]
    _record(
        journal,
        [(row, row.then("deferred", reason="the run ended before it was sent")) for row in unsent]
        + [
            # As of the call: that is when a lead that it made came into being.
            (
                row,
                row.then(
                    "unknown",
                    reason="the run ended before the answer was recorded",
                    as_of_this=True,
                ),
            )
            for row in sent
        ],
    )
    additions = [row for row in doubtful if _is_addition(row)]
    others = [row for row in doubtful if not _is_addition(row)]
    total = len({(row.run_id, row.lead_id) for row in additions if writer is not None})
    total += len({row.crm_lead_id or row.lead_id for row in others if reader is not None})
    done = itertools.count(1)

    def looked_up() -> None:
        on_progress(next(done), total)

    if reader is None:
        answers = [
            (row, row.then("deferred", reason="no answer came, and it may be repeated")) for row in others
        ]
    else:
        answers = _looked_up(others, reader, journal, concurrency, looked_up)
    if writer is not None:
        answers += _looked_for(additions, reader, writer, journal, concurrency, looked_up)
    _record(journal, answers)
    answered = {(row.run_id, row.seq) for row, _ in answers}
    still_open = {
        row.run_id for row in rows if row.state != "planned" and (row.run_id, row.seq) not in answered
    }
    for run_id in journal.unsettled_runs(push):
        if run_id not in still_open:
            journal.record(run_id, (), settled=True)
    applied = {row.lead_id for row, entry in answers if entry.state == "applied"}
    deferred = {row.lead_id for row, entry in answers if entry.state == "deferred"}
    return Recovery(
        deferred=len(deferred | {row.lead_id for row in unsent}),
        applied=len(applied - deferred),
        unknown=len({row.lead_id for row in rows if row.state != "planned"} - applied - deferred),
    )


def _is_addition(row: Recorded) -> bool:
    return row.mode in ADDING and row.crm_lead_id is None


class _Addition(NamedTuple):
    """A lead that was to be added by some run, with what it was given."""

    lead_id: str
    values: Mapping[str, str]
    options: Mapping[str, str]
    sent_at: datetime
    rows: Sequence[Recorded]


def _looked_for(
    rows: Iterable[Recorded],
    reader: LeadReader | None,
    writer: LeadWriter,
    journal: Journal,
    concurrency: int,
    looked_up: Callable[[], None],
) -> list[tuple[Recorded, Entry]]:
    by_call: dict[tuple[str, str], list[Recorded]] = defaultdict(list)
    for row in rows:
        by_call[row.run_id, row.lead_id].append(row)
    additions = [
        _Addition(
            lead_id,
            {row.field: row.value for row in group if row.value is not None},
            json.loads(group[0].options or "{}"),
            group[0].recorded_at,
            group,
        )
        for (_, lead_id), group in by_call.items()
    ]

    def find(addition: _Addition) -> list[str]:
        return writer.find(addition.values, addition.options, addition.sent_at)

    # An answer that overlooks the lead would have it added again.
    look = Look[_Addition, list[str]](lambda addition: find(addition) or find(addition))
    with ThreadPoolExecutor(concurrency, thread_name_prefix="leadloop-look") as pool:
        found = list(_each(pool.map(look, additions), looked_up))
    if not additions:
        return []
    taken = journal.leads_of(additions[0].rows[0].crm, {each for ids in found for each in ids or ()})
    answers: list[tuple[Recorded, Entry]] = []
    there: list[Recorded] = []
    for addition, ids in zip(additions, found, strict=True):
        if ids is None:
            continue
        # Another row's lead is not this one's, even where they share a phone number.
        own = next((each for each in ids if each not in taken), None)
        taken |= {own} if own is not None else set()
        if own is not None and reader is not None and addition.rows[0].mode == "upsert":
            # It may have been there before the write, so only what it shows tells whether that arrived.
            there += (replace(row, crm_lead_id=own) for row in addition.rows)
        else:
            answers += ((row, _as_found(row, own)) for row in addition.rows)
    return answers + (_looked_up(there, reader, journal, concurrency) if reader is not None else [])


def _as_found(row: Recorded, crm_lead_id: str | None) -> Entry:
    if crm_lead_id is None:
        return row.then("deferred", reason="no answer came, and the CRM has no such lead")
    return row.then("applied", reason="no answer came, and the CRM has such a lead", crm_lead_id=crm_lead_id)


def _looked_up(
    rows: Iterable[Recorded],
    reader: LeadReader,
    journal: Journal,
    concurrency: int,
    looked_up: Callable[[], None] = lambda: None,
) -> list[tuple[Recorded, Entry]]:
    by_lead: dict[str, list[Recorded]] = defaultdict(list)
    for row in rows:
        by_lead[row.crm_lead_id or row.lead_id].append(row)
    if not by_lead:
        return []
    can = reader.capabilities
    with journal.engine.connect() as connection:
        there = columns_of(connection, raw_schema(can.vendor), LEADS)
    names = names_of(can, there, gives=False)
    look = Look[str, Mapping[str, str | None]](lambda lead_id: _shown_now(reader, lead_id, names))
    with ThreadPoolExecutor(concurrency, thread_name_prefix="leadloop-look") as pool:
        found = _each(pool.map(look, by_lead), looked_up)
        return [
            (row, _resolved(row, shown, modified_at(shown, reader)))
            for lead_rows, shown in zip(by_lead.values(), found, strict=True)
            if shown is not None
            for row in lead_rows
        ]


def _each(found: Iterable[Shown], looked_up: Callable[[], None]) -> Iterator[Shown]:
    for one in found:
        looked_up()
        yield one


def _shown_now(reader: LeadReader, lead_id: str, names: Names) -> Mapping[str, str | None]:
    """The lead by column name; empty where there is no such lead."""
    rows = read_back(reader, lead_id).rows
    return text_row(rows[0], names) if rows else {}


class Look(Generic[Wanted, Shown]):
    """Asks about one lead after the other, until the CRM has failed a few times in a row."""

    def __init__(self, ask: Callable[[Wanted], Shown]) -> None:
        self._ask = ask
        self._failed = 0

    def __call__(self, wanted: Wanted) -> Shown | None:
        """The answer; ``None`` if it can't be had now."""
        if self._failed >= BREAKER:
            return None
        try:
            found = self._ask(wanted)
        except ConfigError:
            self._failed = BREAKER
            return None
        except LeadloopError:
            self._failed += 1
            return None
        self._failed = 0
        return found


def _resolved(row: Recorded, shown: Mapping[str, str | None], modified: Sequence[datetime]) -> Entry:
    if row.field == WHOLE:
        if not shown:
            return row.then("applied", reason="no answer came, and the lead is gone")
        if any(each >= floor_second(row.recorded_at) for each in modified):
            # It may have been deleted, and a person brought it back: as if it had, a person decides.
            return row.then("applied", reason="no answer came, and the lead was edited or brought back since")
        return row.then("deferred", reason="no answer came, and the lead is still there")
    # A blank is only believed where the CRM shows the field at all.
    rule = json.loads(row.equal).get(row.field) if row.equal else None
    if row.column_name in shown and same(shown[row.column_name], row.value, rule):
        return row.then("applied", reason="no answer came, and the CRM shows the value that was sent")
    return row.then("deferred", reason="no answer came, and the CRM does not show the value that was sent")


def confirm(
    engine: sa.Engine, journal: Journal, crm: str, *, leads_schema: str = "analytics"
) -> Confirmation:
    """Settles ``applied`` fields of leads that were read again since: by the warehouse's count, or by
    ``leads.last_seen_at`` where a side has no number.

    - The CRM shows what was sent: ``confirmed``.
    - It shows something else, but ``lead_history`` has a version first seen after the write that does show it: also
      ``confirmed``; what came later is somebody's edit, and the next plan's business.
    - It shows something else, and the lead was modified after our write, both by the CRM's clock (see ``crm/clock.py``):
      ``conflict``, with the code ``edited_after_push``. A person has edited the lead; that the CRM changed the field by itself at the same time
      can't be told from it, and a person's edit must not be called a refusal.
    - It shows something else, and nobody has modified the lead since: ``reverted``. The CRM accepted the value and
      keeps another one (a normalised phone number, a field with a rule behind it).

    Fields that no lead of this CRM shows (another one may have a column of that name), leads that were removed and CRMs that are not read stay ``applied``. None of
    the states takes away the base that the next diff compares with: that is still what was sent.
    """
    if not journal.exists():
        return Confirmation()
    rules = journal.rules()
    with engine.connect() as connection:
        columns = columns_of(connection, leads_schema, "leads")
        if not {"crm", "lead_id", "last_seen_at"} <= columns:
            return Confirmation()
        applied = journal.applied_unconfirmed(crm)
        fields = connection.scalars(sa.select(applied.c.column_name).distinct()).all()
        leads = sa.table("leads", *map(sa.column, sorted(columns)), schema=leads_schema)
        there = fields if MORE in columns else columns.intersection(fields)
        known = _shown_by(connection, leads, crm, sorted(set(there) - {WHOLE}))
        sightings = connection.execute(_sightings(applied, leads, known)).all() if known else []
        seen = [(recorded(row), shown, modified_at) for *row, shown, modified_at in sightings]
        equal = [same(shown, row.value, rules.get(row.run_id, {}).get(row.field)) for row, shown, _ in seen]
        shown_once = _shown_once(connection, applied, leads_schema, known, rules) if not all(equal) else set()
        verdicts = [
            (
                row,
                _verdict(
                    row, is_equal, modified_at, (row.crm_lead_id or row.lead_id, row.field) in shown_once
                ),
            )
            for (row, _, modified_at), is_equal in zip(seen, equal, strict=True)
        ]
        if WHOLE in fields:
            found = connection.execute(_deletions(applied, leads)).all()
            verdicts += [_deleted(recorded(row), removed_at) for *row, removed_at in found]
    _record(journal, verdicts)
    counts = Counter(entry.state for _, entry in verdicts)
    return Confirmation(counts["confirmed"], counts["reverted"], counts["conflict"])


def _verdict(row: Recorded, is_equal: bool, modified_at: datetime | None, shown_once: bool) -> Entry:
    # As of the write, not of now: until a lead is read again, the diff takes what was accepted for what the CRM shows, and
    # an edit that was read before this moment would look older than its own confirmation, and be overwritten.
    if is_equal:
        return row.then("confirmed", as_of_this=True)
    if shown_once:
        return row.then(
            "confirmed",
            reason="the CRM showed the value after the push; it was edited later",
            as_of_this=True,
        )
    if modified_at is not None and modified_at > row.recorded_at:
        return row.then("conflict", code=EDITED_AFTER, reason="the lead was edited in the CRM after the push")
    return row.then("reverted", reason="the CRM accepted the value and shows another one")


def _shown_by(
    connection: sa.Connection, leads: sa.TableClause, crm: str, names: Sequence[str]
) -> Sequence[str]:
    """Those columns that some lead of this CRM has a value in; the others may be another CRM's alone."""
    if not names:
        return names
    query = sa.select(*(sa.func.count(field_text(leads, name)) for name in names)).where(leads.c.crm == crm)
    return [name for name, number in zip(names, connection.execute(query).one(), strict=True) if number]


def _deletions(applied: sa.Subquery, leads: sa.TableClause) -> sa.Select[Any]:
    """Deleted leads that the CRM was seen to have removed, or that it has shown since: the journal's row, the removal."""
    removed_at = leads.c.removed_at if "removed_at" in leads.c else sa.null()
    return (
        sa.select(*_row(applied), removed_at)
        .join(leads, sa.and_(leads.c.crm == applied.c.crm, leads.c.lead_id == applied.c.meant))
        .where(
            applied.c.field == WHOLE,
            sa.or_(removed_at.is_not(None), _seen_after(leads, "last_seen_at", applied)),
        )
        .order_by(applied.c.run_id, applied.c.seq)
    )


def _deleted(row: Recorded, removed_at: datetime | None) -> tuple[Recorded, Entry]:
    if removed_at is not None:
        return row, row.then("confirmed", as_of_this=True)
    return row, row.then("reverted", reason="the CRM accepted the deletion and shows the lead")


def _row(applied: sa.Subquery) -> list[sa.ColumnElement[Any]]:
    return [applied.c[column.name] for column in push_journal.columns]


def _sightings(applied: sa.Subquery, leads: sa.TableClause, known: Sequence[str]) -> sa.Select[Any]:
    """Applied fields of leads that were seen since: the journal's row, the value shown, the lead's modification time."""
    there = [leads.c.removed_at.is_(None)] if "removed_at" in leads.c else []
    modified_at = leads.c.modified_at if "modified_at" in leads.c else sa.null()
    return (
        sa.select(*_row(applied), _shown(applied, leads, known), modified_at)
        .join(leads, sa.and_(leads.c.crm == applied.c.crm, leads.c.lead_id == applied.c.meant))
        .where(_seen_after(leads, "last_seen_at", applied), applied.c.column_name.in_(known), *there)
        .order_by(applied.c.run_id, applied.c.seq)
    )


def _seen_after(shown: sa.TableClause, clock: str, applied: sa.Subquery) -> sa.ColumnElement[bool]:
    """Whether a row was seen after the write: by the warehouse's count where the sighting has a number, and a write without
    one is from before there were any; else by their times."""
    later: sa.ColumnElement[bool] = shown.c[clock] > applied.c.recorded_at
    if _NUMBER not in shown.c:
        return later
    number, written = shown.c[_NUMBER], applied.c.sequence_number
    return sa.case((number.is_not(None), number > sa.func.coalesce(written, 0)), else_=later)


def _shown(applied: sa.Subquery, leads: sa.TableClause, known: Sequence[str]) -> sa.ColumnElement[str | None]:
    """The value of the very column that the journal's row is about, as text."""
    return sa.case(*((applied.c.column_name == name, field_text(leads, name)) for name in known), else_=None)


def _shown_once(
    connection: sa.Connection,
    applied: sa.Subquery,
    schema: str,
    known: Sequence[str],
    rules: Mapping[str, Mapping[str, str]],
) -> set[tuple[str, str]]:
    """(lead id, field) whose value some version showed that was seen after the write; ``rules`` by run and field."""
    columns = columns_of(connection, schema, "lead_history")
    known = [name for name in known if name in columns or MORE in columns]
    clock = next((name for name in _SEEN if name in columns), None)
    if not known or clock is None or not {"crm", "lead_id"} <= columns:
        return set()
    versions = sa.table("lead_history", *map(sa.column, sorted(columns)), schema=schema)
    shown = _shown(applied, versions, known)
    query = (
        sa.select(applied.c.meant, applied.c.field, applied.c.run_id, applied.c.value, shown)
        .distinct()
        .join(versions, sa.and_(versions.c.crm == applied.c.crm, versions.c.lead_id == applied.c.meant))
        .where(
            _seen_after(versions, clock, applied),
            applied.c.column_name.in_(known),
            sa.or_(
                blank_as_null(shown).is_not_distinct_from(blank_as_null(applied.c.value)),
                applied.c.run_id.in_(list(rules)),
            ),
        )
    )
    return {
        (lead_id, name)
        for lead_id, name, run_id, value, found in connection.execute(query)
        if same(found, value, rules.get(run_id, {}).get(name))
    }


def _record(journal: Journal, entries: Iterable[tuple[Recorded, Entry]]) -> None:
    """Writes entries to the runs that their rows come from."""
    by_run: dict[str, list[Entry]] = defaultdict(list)
    for row, entry in entries:
        by_run[row.run_id].append(entry)
    for run_id, group in by_run.items():
        journal.record(run_id, group)
