"""How what is read gets into the warehouse: package by package, each with the cursor that belongs to it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING

import pyarrow as pa

from connector import events
from connector.config import VendorSettings
from connector.crm.base import LeadReader, Page
from connector.crm.day_calls import CallsLeft
from connector.errors import CrmError, TransientError
from connector.extract.again import Seen, read_again
from connector.extract.calls import TABLE as CALLS
from connector.extract.columns import SEEN_AT, Columns, numbered
from connector.extract.feed import Feed
from connector.extract.job import Job, Progress
from connector.extract.notes import Notes
from connector.extract.past import HOMES, RawTables, Read
from connector.extract.raw import LEADS
from connector.extract.recordings import TABLE as RECORDINGS
from connector.extract.removals import TABLE as REMOVALS
from connector.extract.removals import gone
from connector.extract.streams import feeds_by_table, wanted
from connector.extract.windows import Window

if TYPE_CHECKING:
    from dlt.extract.resource import DltResource

CHUNK_ROWS = 122_880
"""Rows per load package: each is a point to resume from, and bounds the memory that dlt needs.

DuckDB compresses a whole row group (122,880 rows) while it loads it, and what is left over later. A package of several would
let reading wait: only ``reading.AHEAD`` pages are read while one is loaded.
"""
READ_BACK_ROWS = 2_000
"""Leads that are read back go into tables of so many rows: one table per lead takes longer to make than to read."""
READ_BACK = "leads that were sent"
"""What is read into no table of its own, as ``on_table`` is told."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """What an extraction did."""

    window: Window | None
    rows: int
    calls: int
    packages: int
    read_back: int
    precision: str
    gone: int = 0
    """Leads that were to be read back and weren't there."""
    removals: int | None = None
    """Rows of deleted and archived leads; ``None`` where they were not asked for."""
    recordings: int | None = None
    """Rows of recordings; ``None`` where they were not asked for."""
    logged_calls: int | None = None
    """Rows of the call log; ``None`` where it was not asked for."""
    notes: tuple[str, ...] = ()
    """What there is to say of single leads and fields."""
    calls_today: CallsLeft | None = None
    """The account's calls of the day, where they are counted."""
    backfill: bool = False
    """Only ``window`` was read, by ``start`` or ``end``, and the cursor stays where it was."""
    since: datetime | None = None
    """Leads that were last edited before this were never asked for, by the setting ``start``."""
    filters: tuple[str, ...] = ()
    """The names of the search filters: leads that don't match them were not asked for."""
    shard: str | None = None
    """Which part of a first read it was, as ``3/8``."""

    @property
    def is_new(self) -> bool:
        """Whether any row came into the warehouse."""
        return any((self.rows, self.read_back, self.gone, self.removals, self.recordings, self.logged_calls))


def load(
    raw: RawTables,
    settings: VendorSettings,
    job: Job,
    *,
    chunk_rows: int = CHUNK_ROWS,
    again: Callable[[], Mapping[str, datetime | None]] = dict,
    on_table: Callable[[str], None] = lambda _table: None,
    on_progress: Callable[[Progress], None] | None = None,
    on_read: Callable[[Read], None] = lambda _read: None,
) -> Extracted:
    """Reads and loads every stream that the settings ask for, ``chunk_rows`` rows or a little more per package.

    Each is loaded by itself, with the cursor that belongs to it, so that one that fails takes nothing from another; an error
    leaves everything up to the last package in the warehouse.

    ``on_table`` is told what is read next: a table, or ``READ_BACK``; ``on_read`` what each reading came to. ``again`` gives the ids of leads to read back, whatever
    their clock says, with the time when they were written to, if that is known; asked for when leads and removed leads are loaded. Where the CRM can't show one stream, the others are loaded all the same, and then the error is raised.
    """
    failed: list[CrmError] = []
    loaded: dict[str, list[Feed]] = {}
    packages = 0

    def load_stream(table: str, feeds: list[Feed]) -> None:
        nonlocal packages
        loaded[table] = feeds
        for feed in feeds:
            on_table(table)
            try:
                with read_told(feed, settings, on_read), closing(feed):
                    if not feed.idle(raw.past(table), chunk_rows):
                        packages += load_feed(raw, feed, chunk_rows)
            except TransientError:
                raise
            except CrmError as error:
                failed.append(error)

    on = wanted(settings, job)
    feeds = {
        table: all_of for table, all_of in feeds_by_table(settings, job, on_progress).items() if table in on
    }
    last = feeds.pop(RECORDINGS, None)
    for table, all_of in feeds.items():
        load_stream(table, all_of)

    back = missing = 0
    if written := again():
        on_table(READ_BACK)
        found = read_again(
            job.reader, written, concurrency=job.single_calls, written=written, settle=job.settle
        )
        back, missing = load_again(
            raw, job.reader, told(found, on_progress), job.number, job.notes, prove=job.prove
        )
    packages += bool(back) + bool(missing)
    if last:
        load_stream(RECORDINGS, last)
    if failed:
        raise failed[0]
    every = [feed for all_of in loaded.values() for feed in all_of]
    leads = loaded[LEADS][0]
    return Extracted(
        leads.window,
        leads.tally.rows,
        sum(feed.tally.calls for feed in every),
        packages,
        back,
        leads.tally.precision,
        missing,
        _rows(loaded.get(REMOVALS)),
        _rows(loaded.get(RECORDINGS)),
        _rows(loaded.get(CALLS)),
        job.notes.texts,
        backfill=not job.moves_cursor,
        since=job.since,
        filters=tuple(sorted(job.query.filters)),
    )


def _rows(feeds: list[Feed] | None) -> int | None:
    return None if feeds is None else sum(feed.tally.rows for feed in feeds)


def told(found: Iterable[Seen], on_progress: Callable[[Progress], None] | None) -> Iterator[Seen]:
    """The same leads; tells after each how many were read, and in how many calls."""
    calls = 0
    for number, (lead_id, page) in enumerate(found, 1):
        calls += page.calls
        if on_progress:
            on_progress(Progress(number, calls, None, None))
        yield lead_id, page


def load_again(
    raw: RawTables,
    reader: LeadReader,
    found: Iterable[Seen],
    number: Callable[[], int] | None = None,
    notes: Notes | None = None,
    *,
    prove: Callable[[], None] = lambda: None,
) -> tuple[int, int]:
    """Loads these leads as they were found, or that they are gone; ``found`` makes its first call when it is iterated.

    Returns how many there were of each; no cursor moves.
    """
    columns = raw.past(LEADS).as_columns(reader, notes)
    tables = _read_back(reader, found, number() if number else None, columns)
    for table in tables:
        prove()
        raw.load([_of_tables(table, tables[table], columns)])
    back, missing = (sum(rows.num_rows for rows in tables.get(table, ())) for table in (LEADS, REMOVALS))
    return back, missing


def _of_tables(name: str, tables: Sequence[pa.Table], columns: Columns) -> "DltResource":
    import dlt

    def rows() -> Iterable[pa.Table]:
        if name == LEADS:
            dlt.current.resource_state()[HOMES] = columns.names.homes()
        yield from tables

    return dlt.resource(rows, name=name, write_disposition="append")


def _read_back(
    reader: LeadReader, found: Iterable[Seen], number: int | None, columns: Columns
) -> Mapping[str, list[pa.Table]]:
    """Table -> rows: the leads as they are now, and those that are gone."""
    there: list[pa.Table] = []
    nobody: list[Seen] = []
    waiting: list[Page] = []
    for lead_id, page in found:
        if not page.rows:
            nobody.append((lead_id, page))
            continue
        waiting.append(page)
        if len(waiting) >= READ_BACK_ROWS:
            there.append(numbered(_one_table(columns, waiting), number))
            waiting.clear()
    if waiting:
        there.append(numbered(_one_table(columns, waiting), number))
    tables = {}
    if there:
        tables[LEADS] = there
    if nobody:
        tables[REMOVALS] = [numbered(gone(nobody, reader.zone.key), number)]
    return tables


def _one_table(columns: Columns, pages: Sequence[Page]) -> pa.Table:
    """The rows of all pages, each seen when its own page was asked for."""
    rows = [row for page in pages for row in page.rows]
    table = columns.table(Page(rows, None, pages[0].asked_at))
    seen_at = [page.asked_at for page in pages for _ in page.rows]
    place = table.column_names.index(SEEN_AT)
    return table.set_column(place, SEEN_AT, pa.array(seen_at, table.column(place).type))


def resource(*feeds: Feed, most: int | None = None, selected: bool = True) -> "DltResource":
    """What feeds of one table read, one after the other, as a resource of that name."""
    import dlt

    rows = chain.from_iterable(feed.rows(most) for feed in feeds)
    return dlt.resource(rows, name=feeds[0].table, write_disposition="append", selected=selected)


@contextmanager
def read_told(feed: Feed, settings: VendorSettings, on_read: Callable[[Read], None]) -> Iterator[None]:
    """Tells at the end what the reading came to; where it ends with an error, the last of it may not be loaded."""
    with events.doing("window", feed.table, crm=settings.name, stream=feed.table) as window:

        def tell(read: Read) -> None:
            window.tell(window=read.window, rows=read.rows, calls=read.calls, whole=read.whole)
            on_read(read)

        try:
            yield
        except BaseException as error:
            window.tell(failed=type(error).__name__)
            tell(replace(feed.read(), whole=False))
            raise
        tell(feed.read())


def load_feed(raw: RawTables, feed: Feed, chunk_rows: int) -> int:
    """Loads everything the feed reads; returns in how many packages."""
    packages = 0
    while not feed.done:
        with events.doing("batch", f"load {feed.table}", stream=feed.table) as batch:
            before = feed.tally.rows
            raw.load([resource(feed, most=chunk_rows)])
            batch.tell(rows=feed.tally.rows - before)
        packages += 1
        if feed.used_up is not None:
            raise feed.used_up
    return packages
