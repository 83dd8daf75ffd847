"""What killed runs and lost answers left open, decided by what the CRM shows. ``recover`` runs before a plan is made."""

import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, TypeVar

from connector.crm import raw_schema
from connector.crm.account import Account
from connector.crm.base import LeadReader, LeadWriter
from connector.errors import LockedError
from connector.extract.again import read_back
from connector.extract.asking import try_asking
from connector.extract.columns import names_of, text_row
from connector.extract.names import Names
from connector.extract.raw import LEADS
from connector.extract.windows import floor_second, modified_at
from connector.push.changes import WHOLE
from connector.push.equality import same
from connector.push.journal import Journal
from connector.push.journal_row import Entry, Recorded
from connector.push.look import Look
from connector.push.tables import ADDING
from connector.warehouse.connection import Warehouse
from connector.warehouse.ledger import columns_of

Answer = tuple[Recorded, Entry]
"""A row that was open, and what follows on it in its run."""
Found = TypeVar("Found")


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
    """Decides about the fields that earlier runs of ``push`` left ``planned``, ``sent`` or ``unknown``.

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
    recent = journal.clock() - settle
    unsent = [row for row in rows if row.state == "planned"]
    doubtful = [
        row
        for row in rows
        if row.state != "planned" and not (_is_addition(row) and settle and row.recorded_at > recent)
    ]
    journal.record_each(
        [(row, _not_sent(row)) for row in unsent]
        + [(row, _not_answered(row)) for row in doubtful if row.state == "sent"]
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
    journal.record_each(answers)
    _close(push, journal, rows, answers)
    return _came_of(rows, answers)


def recover_all(
    warehouse: Warehouse,
    push: str,
    journal: Journal,
    account: Account,
    on_progress: Callable[[int, int], None],
) -> Recovery:
    """``recover`` for a push, and for others to this CRM, whose leads would have to wait.

    Others may be gone from the project by now. One that is at work just now recovers its own.
    """
    reader, writer = account.reader, account.writer
    settle = timedelta(seconds=account.settings.settle)
    waiting = journal.open_pushes(account.name)
    if waiting:
        # How long ago something was sent is told by the CRM's clock.
        try_asking(reader)
    resolve = partial(
        recover,
        reader=reader,
        writer=writer,
        concurrency=account.settings.single_calls,
        settle=settle,
        on_progress=on_progress,
    )
    found = resolve(push, journal)
    for other in waiting:
        if other != push:
            with suppress(LockedError), warehouse.lock(f"push:{other}", wait=False) as lease:
                theirs = Journal.of(warehouse, lease=lease, clock=journal.clock)
                found += resolve(other, theirs)
    return found


def _not_sent(row: Recorded) -> Entry:
    return row.then("deferred", reason="the run ended before it was sent")


def _not_answered(row: Recorded) -> Entry:
    # As of the call: that is when a lead that it made came into being.
    return row.then("unknown", reason="the run ended before the answer was recorded", as_of_this=True)


def _close(push: str, journal: Journal, rows: Iterable[Recorded], answers: Sequence[Answer]) -> None:
    """Closes the runs of the push in which nothing is open any more."""
    answered = {(row.run_id, row.seq) for row, _ in answers}
    still_open = {
        row.run_id for row in rows if row.state != "planned" and (row.run_id, row.seq) not in answered
    }
    for run_id in journal.open_runs(push):
        if run_id not in still_open:
            journal.record(run_id, (), closed=True)


def _came_of(rows: Iterable[Recorded], answers: Sequence[Answer]) -> Recovery:
    applied = {row.lead_id for row, entry in answers if entry.state == "applied"}
    deferred = {row.lead_id for row, entry in answers if entry.state == "deferred"}
    return Recovery(
        deferred=len(deferred | {row.lead_id for row in rows if row.state == "planned"}),
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
) -> list[Answer]:
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
    answers: list[Answer] = []
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
) -> list[Answer]:
    by_lead: dict[str, list[Recorded]] = defaultdict(list)
    for row in rows:
        by_lead[row.crm_lead_id or row.lead_id].append(row)
    if not by_lead:
        return []
    can = reader.capabilities
    with journal.leads.connect() as connection:
        there = columns_of(connection, raw_schema(can.name), LEADS)
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


def _each(found: Iterable[Found], looked_up: Callable[[], None]) -> Iterator[Found]:
    for one in found:
        looked_up()
        yield one


def _shown_now(reader: LeadReader, lead_id: str, names: Names) -> Mapping[str, str | None]:
    """The lead by column name; empty where there is no such lead."""
    rows = read_back(reader, lead_id).rows
    return text_row(rows[0], names) if rows else {}


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
