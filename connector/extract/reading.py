"""A window -> all of its rows, while the CRM is being edited.

A page is trusted only when it held everything that was asked for. If it did not, the bounds are split until their parts
fit a page each. Where they can't be split any further, their pages are read from the last to the first: a lead that is
edited meanwhile leaves past bounds and moves the later ones *up*, into pages that are still to come. Distinct ids are
then counted against the total the server gives at the very end; where it gives none, passes go on until one brings
nothing new.

All of this rests on two things that a server may overlook: the bounds themselves, and ``offset``. Where it seems to, it
is asked in a way that tells, and what it then says twice ends the reading (``UnexpectedAnswerError``).
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from math import ceil
from typing import Any, cast

import pyarrow as pa

from connector.crm.base import Bounds, LeadReader, Page, Precision, ScanReader, WindowReader
from connector.errors import IncompleteReadError, RefusedError, UnexpectedAnswerError
from connector.extract import windows
from connector.extract.columns import Columns, ids
from connector.extract.windows import Window

PASSES = 8
"""How often the pages of bounds that can't be split are read before giving up."""
FILL = 0.6
"""How full the pages of split bounds should be: fuller overflow more often, emptier cost more calls."""
BLIND_PARTS = 8
"""Into how many parts bounds are split when the server doesn't say how many leads they hold."""
MOST_PARTS = 1024
UNUSUAL = 50
"""Pages in bounds that can't be split, from which on their end is looked for with some doubt that there is one."""
MOST_ROWS = 10**8
"""Places that no bounds have: who shows a lead there has no end."""
LOOKS = 2
"""How often nothing has to be found where a row may be, until it is believed that there is none."""
MORE_LOOKS = 5
"""The same where the server itself says that there are rows."""
BEFORE_ALL = (datetime.fromisoformat("1971-01-01 00:00:00"), datetime.fromisoformat("1971-01-01 00:00:01"))
AFTER_ALL = (datetime.fromisoformat("2037-12-01 00:00:00"), datetime.fromisoformat("2037-12-01 00:00:01"))
"""Bounds in which no CRM of today has a lead: who shows one overlooks where they end, or where they start."""
FURTHEST = timedelta(days=366)
"""How far a CRM's clock may have been ahead of what it says now."""
AHEAD = 48
"""Pages that may be read before they are asked for, so that reading goes on while dlt loads: some 50 MB."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of the CRM besides the window."""

    cursor_field: str = "updated_at"
    filters: Mapping[str, str] = field(default_factory=dict)
    page_size: int | None = None
    """Leads per page; the vendor's largest by default."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that were read, and how far."""

    table: pa.Table
    reached: datetime | None
    """UTC: everything of the run's window up to here is in this batch or before it. ``None``: still in the middle."""


@dataclass(slots=True)
class Tally:
    """What a reading has done so far."""

    calls: int = 0
    rows: int = 0
    splits: int = 0
    precision: Precision = "second"


@dataclass(frozen=True, slots=True)
class _Read:
    """What became of one page. Its rows are let go of as soon as they are a table, or known not to be all."""

    table: pa.Table | None
    """``None``: the bounds hold more than the page."""
    total: int | None
    rows: int
    first: str | None
    """The id of the first lead on the page."""
    begins: str
    """When that lead was modified, in local time; empty where that can't be told."""
    strays: bool
    """Whether a row shows a time that lies not even on a day of the bounds."""
    asked_at: datetime
    ignores_time: bool


@dataclass(slots=True)
class _Entry:
    bounds: Bounds
    future: Future[_Read] | None = None


class Reading:
    """Reads one window completely; iterate it once.

    Pages are fetched and decoded by ``concurrency`` threads, at most a few ahead, and handed out in the order of time.
    """

    def __init__(
        self,
        reader: WindowReader,
        window: Window,
        query: Query | None = None,
        *,
        concurrency: int = 4,
        precision: Precision = "second",
        columns: Columns | None = None,
    ) -> None:
        self._reader = reader
        self._window = window
        self._query = query or Query()
        self._limit = min(
            self._query.page_size or reader.capabilities.page_size, reader.capabilities.page_size
        )
        self._concurrency = concurrency
        self._columns = columns or Columns.of(reader)
        self._served_full_page = False
        self._totals_are_true = True
        self._heeds_time = False
        self._heeds_offset = False
        self.tally = Tally(precision=precision)

    def __iter__(self) -> Iterator[Batch]:
        with ThreadPoolExecutor(self._concurrency, thread_name_prefix="leadloop-read") as pool:
            ahead = _Ahead(pool, self._page, most=max(AHEAD, self._concurrency))
            try:
                yield from self._read(ahead)
            finally:
                ahead.drop()

    def _read(self, ahead: "_Ahead") -> Iterator[Batch]:
        whole = windows.to_local(self._window, self._reader.zone)
        ahead.prepend([windows.whole_days(whole) if self.tally.precision == "day" else whole])
        while (found := ahead.next()) is not None:
            bounds, read = found
            if self.tally.precision == "second" and (
                read.ignores_time or self._is_of_whole_days(bounds, read)
            ):
                # Nothing read so far is wrong, but from here on only whole days can be trusted.
                self.tally.precision = "day"
                ahead.drop()
                ahead.prepend([windows.whole_days((bounds[0], whole[1]))])
                continue
            if read.table is not None:
                yield self._batch(read.table, bounds)
                continue
            if self._seems_unbounded(read):
                self._check_time()
            if not self._totals_are_true and read.total is not None:
                # It was measured by a total that is known by now to be none.
                ahead.prepend([bounds])
                continue
            parts = self._split(bounds, read)
            if len(parts) > 1:
                self.tally.splits += 1
                ahead.prepend(parts)
            else:
                for table in self._pages_backwards(bounds, read):
                    yield Batch(table, None)
                yield self._batch(self._columns.table(Page([], None, read.asked_at)), bounds)

    def _batch(self, table: pa.Table, bounds: Bounds) -> Batch:
        self.tally.rows += table.num_rows
        return Batch(table, min(self._window.end, windows.reached(bounds, self._reader.zone)))

    def _page(self, bounds: Bounds) -> _Read:
        page = self._search(bounds)
        table = self._table(page, bounds) if self._is_whole(bounds, page) else None
        ignores_time = self._ignores_time(page, bounds)
        first = self._reader.lead_id(page.rows[0]) if page.rows else None
        begins = self._moment(page.rows[0]) if page.rows and table is None else ""
        strays = table is None and self._strays(page, bounds)
        total = self._total(page)
        return _Read(table, total, len(page.rows), first, begins, strays, page.asked_at, ignores_time)

    def _table(self, page: Page, bounds: Bounds) -> pa.Table:
        """The page's rows; of a day's, only those that earlier runs can't have read."""
        if self.tally.precision == "day" and self._query.cursor_field == "updated_at":
            moments = [self._moment(row) for row in page.rows]
            low, high = _texts(bounds)
            # Only a server that filters by the very clock it shows may have rows left out by it.
            if all(low <= moment <= high for moment in moments):
                start = _texts(windows.to_local(self._window, self._reader.zone))[0]
                rows = [row for row, moment in zip(page.rows, moments, strict=True) if moment >= start]
                page = replace(page, rows=rows)
        return _table(self._columns, page, self._reader)

    def _moment(self, row: Mapping[str, Any]) -> str:
        """The row's modification time as ``YYYY-MM-DD HH:MM:SS`` in the account's zone; empty where it isn't that."""
        moment = (self._reader.modified_at(row) or "").replace("T", " ")
        return moment if len(moment) == 19 else ""

    def _search(self, bounds: Bounds, offset: int = 0, limit: int | None = None) -> Page:
        self.tally.calls += 1
        return self._reader.search(
            bounds,
            cursor_field=self._query.cursor_field,
            precision=self.tally.precision,
            filters=self._query.filters,
            offset=offset,
            limit=limit or self._limit,
        )

    def _total(self, page: Page) -> int | None:
        return page.total if self._totals_are_true else None

    def _is_whole(self, bounds: Bounds, page: Page) -> bool:
        count = len(page.rows)
        total = self._total(page)
        if total is not None and total > count:
            return False
        if total is not None and total < count:
            self._totals_are_true, total = False, None
        if count >= self._limit:
            self._served_full_page = True
            # Some servers give the page's own length as the total: only the next row tells.
            if total == count and self._ends_with(bounds, page):
                return True
            self._totals_are_true = self._totals_are_true and total != count
            return False
        if total is None and not count and page.total != 0:
            return not self._shows(bounds, 0, looks=MORE_LOOKS if page.total else LOOKS)
        if total is None and count and (not self._served_full_page or page.total not in (None, count)):
            # The server may serve smaller pages than it was asked for: then something follows. A total that is not
            # believed any more, and says something else than the page, may be true this time.
            return self._ends_with(bounds, page)
        return True

    def _ends_with(self, bounds: Bounds, page: Page) -> bool:
        """Whether the page's last lead is still in its place, and nothing follows it.

        Where leads have left the bounds since, others have moved up from behind the page into it, unseen: that nothing
        follows is then no proof.
        """
        count = len(page.rows)
        rows = self._search(bounds, count - 1, 2).rows
        last = self._reader.lead_id(page.rows[-1])
        return [self._reader.lead_id(row) for row in rows] == [last] and not self._search(
            bounds, count, 1
        ).rows

    def _shows(self, bounds: Bounds, offset: int, looks: int = LOOKS) -> bool:
        """Whether there is a row at this place. An empty page may be a fault, so one look that finds nothing is no proof."""
        return any(self._search(bounds, offset, 1).rows for _ in range(looks))

    def _ignores_time(self, page: Page, bounds: Bounds) -> bool:
        """Whether rows lie outside the bounds, but on their days: such a server answers whole days.

        Rows come in the order of time, so the first and the last tell. Should they not, whole days are read all the
        same, only not recognised as such.
        """
        if self._query.cursor_field != "updated_at" or not page.rows:
            return False
        low, high = _texts(bounds)
        return any(
            moment and not low <= moment <= high and low[:10] <= moment[:10] <= high[:10]
            for moment in map(self._moment, (page.rows[0], page.rows[-1]))
        )

    def _strays(self, page: Page, bounds: Bounds) -> bool:
        low, high = _texts(bounds)
        ends = (page.rows[0], page.rows[-1]) if page.rows else ()
        return any(moment and not low[:10] <= moment[:10] <= high[:10] for moment in map(self._moment, ends))

    def _seems_unbounded(self, read: _Read) -> bool:
        """Whether bounds that hold more than a page may hold just what any others do, so that splitting never ends.

        Rows tell where they show the clock that is asked for, and so does a total that the page itself doesn't bear out.
        """
        blind = self._query.cursor_field != "updated_at" or not read.begins
        return not self._heeds_time and (
            read.strays or blind or (read.total is not None and read.rows < self._limit)
        )

    def _check_time(self) -> None:
        """Raises where the server shows leads of a time at which there can't be any; asks once per reading.

        A total that it gives for such a time is not one of the bounds.
        """
        parts = []
        for bounds, part in ((AFTER_ALL, "start"), (BEFORE_ALL, "end")):
            try:
                looks = [self._search(bounds, 0, 1)]
                if looks[0].rows or looks[0].total:
                    looks.append(self._search(bounds, 0, 1))
            except RefusedError:
                # Who refuses such a time has looked at it.
                continue
            if all(page.rows for page in looks):
                parts.append(part)
            elif all(page.total for page in looks):
                self._totals_are_true = False
        if parts:
            vendor, name = self._reader.capabilities.name, self._query.cursor_field
            what = " and the ".join(parts)
            raise UnexpectedAnswerError(
                f"overlooks the {what} of the time filter {name!r}: asked twice for leads of a time at which there can be "
                "none, it showed some. So what it shows can't be read window by window",
                "The cursor stays where it was: ask the CRM's support whether the account may search by that time.",
                crm=vendor,
            )
        self._heeds_time = True

    def _check_offset(self, bounds: Bounds, one: int, other: int, size: int) -> None:
        """Raises where two looks show just the same leads at both places: no edit between two answers does that twice."""
        for _ in range(LOOKS):
            here, there = (
                [self._reader.lead_id(row) for row in self._search(bounds, offset, size).rows]
                for offset in (one, other)
            )
            if not here or here != there:
                return
        vendor = self._reader.capabilities.name
        raise UnexpectedAnswerError(
            f"overlooks 'offset': asked twice for the leads from place {one} and from place {other} between "
            f"{bounds[0]:%F %T} and {bounds[1]:%F %T} ({self._reader.zone.key}), it showed the same ones. So no more than "
            "a page of them can be read",
            "The cursor stays before this window: run again, and if it stays like this, ask the CRM's support about it.",
            crm=vendor,
        )

    def _is_of_whole_days(self, bounds: Bounds, read: _Read) -> bool:
        """The same where rows don't show the clock that is asked for: do the last two seconds begin like the whole?

        If they do without the server being such a one, nothing is lost by reading whole days.
        """
        low, high = bounds
        if read.table is not None or self._query.cursor_field == "updated_at" or low.date() != high.date():
            return False
        last = self._search((high - windows.SECOND, high), 0, 1).rows
        return bool(last) and self._reader.lead_id(last[0]) == read.first

    def _split(self, bounds: Bounds, read: _Read) -> list[Bounds]:
        # A page without rows, though there are some, says nothing about how many fit one.
        size = min(self._limit, read.rows) or self._limit
        parts = BLIND_PARTS if read.total is None else ceil(read.total / (size * FILL))
        # Where rows come in the order of time, there is nothing before the first one; where they don't, parts are only
        # less even. Every part is read all the same.
        try:
            crowded = datetime.fromisoformat(read.begins)
        except ValueError:
            crowded = None
        parts = max(2, min(parts, MOST_PARTS))
        if self.tally.precision == "day":
            return windows.split_days(bounds, parts, crowded)
        return windows.split(bounds, parts, self._reader.zone, crowded)

    def _pages_backwards(self, bounds: Bounds, first: _Read) -> Iterator[pa.Table]:
        seen: set[str] = set()
        size = first.rows or len(self._search(bounds).rows) or self._limit
        if not self._heeds_offset:
            self._check_offset(bounds, 0, size, size)
            self._heeds_offset = True
        for _ in range(PASSES):
            known = len(seen)
            total: int | None = None
            count = max(1, self._count(bounds, first.total, size))
            for offset in range((count - 1) // size * size, -1, -size):
                for page in self._places(bounds, offset, size):
                    total = self._total(page)
                    seen.update(self._reader.lead_id(row) for row in page.rows)
                    table = self._table(page, bounds)
                    self.tally.rows += table.num_rows
                    yield table
            if total is None and len(seen) == known:
                # Nothing new, but a page may have come twice in place of another.
                total = self._count(bounds, None, size)
            if total is not None and len(seen) >= total:
                return
        raise self._incomplete(bounds, len(seen), total)

    def _places(self, bounds: Bounds, offset: int, size: int) -> Iterator[Page]:
        """The rows at these places: one page, or several where a shorter one has a total, true or not, that says more."""
        end = offset + size
        while True:
            page = self._search(bounds, offset, end - offset)
            yield page
            offset += len(page.rows)
            if not page.rows or offset >= end or page.total is None or page.total <= offset:
                return

    def _count(self, bounds: Bounds, total: int | None, size: int) -> int:
        """How many rows the bounds hold, by the server's word or, where it gives none, by looking for the end."""
        if total is not None:
            latest = self._search(bounds, 0, 1).total
            count = latest if latest is not None else total
            if not self._shows(bounds, count):
                return count
            # Some servers count up to a number of their own and no further.
            self._totals_are_true = False
        low, high = 0, size
        while self._shows(bounds, high - 1):
            if high > MOST_ROWS:
                raise self._endless(bounds)
            if high > UNUSUAL * size:
                # A server may repeat its last row wherever it is asked to go on behind it.
                self._check_offset(bounds, high - 1, 2 * high - 1, 1)
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._shows(bounds, middle - 1) else (low, middle)
        return low

    def _endless(self, bounds: Bounds) -> UnexpectedAnswerError:
        return UnexpectedAnswerError(
            f"shows leads from any place on between {bounds[0]:%F %T} and {bounds[1]:%F %T} ({self._reader.zone.key}), the "
            f"place {MOST_ROWS:,} included, so that there is no end to look for",
            "The cursor stays before this window: run again, and if it stays like this, ask the CRM's support about 'offset'.",
            crm=self._reader.capabilities.name,
        )

    def _incomplete(self, bounds: Bounds, found: int, total: int | None) -> IncompleteReadError:
        says = f"says that {total} leads match" if total is not None else "shows new leads on every pass"
        return IncompleteReadError(
            f"{says} between {bounds[0]:%F %T} and {bounds[1]:%F %T} ({self._reader.zone.key}), but {found} could be read in "
            f"{PASSES} passes",
            "The cursor stays before this window, so nothing is skipped: run again, and if it stays like this, ask the CRM's "
            "support about the window.",
            crm=self._reader.capabilities.name,
        )


class Scanning:
    """Reads everything that was modified in a window out of a CRM that lists its leads newest first; iterate it once.

    The end of the window is reached with the last page and not before: until then older leads may still be missing.
    """

    def __init__(
        self,
        reader: ScanReader,
        window: Window,
        since: datetime | None,
        only: Collection[str] | None = None,
        columns: Columns | None = None,
    ) -> None:
        self._reader = reader
        self._window = window
        self._since = since
        self._only = only
        self._columns = columns or Columns.of(reader)
        self.tally = Tally()

    def __iter__(self) -> Iterator[Batch]:
        for page in self._reader.scan(self._since, self._only):
            self.tally.calls += page.calls
            table = _table(self._columns, page, self._reader)
            self.tally.rows += table.num_rows
            yield Batch(table, None)
        yield Batch(self._columns.table(Page([], None, self._window.end)), self._window.end)


def reading(
    reader: LeadReader,
    window: Window,
    query: Query,
    *,
    concurrency: int = 4,
    everything: bool = False,
    only: Collection[str] | None = None,
    columns: Columns | None = None,
) -> "Reading | Scanning":
    """What reads a window out of this CRM.

    ``everything``: nothing was read before, so no lead is too old. ``only``: nobody asks for other leads, so a CRM that
    has to be asked for each of them need not be. ``columns``: makes the tables, by default as for a table of its own.
    """
    if reader.capabilities.reading == "scan":
        since = None if everything else window.start
        return Scanning(cast(ScanReader, reader), window, since, only, columns)
    return Reading(cast(WindowReader, reader), window, query, concurrency=concurrency, columns=columns)


def _table(columns: Columns, page: Page, reader: LeadReader) -> pa.Table:
    table = columns.table(page)
    id_fields = reader.capabilities.id_fields
    if None in ids(table, id_fields):
        raise UnexpectedAnswerError(
            f"showed a lead without {' or '.join(id_fields)}; nothing can be concluded from such a page",
            crm=reader.capabilities.name,
        )
    return table


class _Ahead:
    """Bounds in the order of time, of which the first few are already being fetched."""

    def __init__(self, pool: ThreadPoolExecutor, fetch: Callable[[Bounds], _Read], most: int) -> None:
        self._pool, self._fetch, self._most = pool, fetch, most
        self._entries: deque[_Entry] = deque()

    def prepend(self, bounds: Iterable[Bounds]) -> None:
        """These come before everything else that is left."""
        self._entries.extendleft(reversed([_Entry(each) for each in bounds]))

    def next(self) -> tuple[Bounds, _Read] | None:
        for entry in islice(self._entries, self._most):
            entry.future = entry.future or self._pool.submit(self._fetch, entry.bounds)
        if not self._entries:
            return None
        entry = self._entries.popleft()
        assert entry.future is not None
        return entry.bounds, entry.future.result()

    def drop(self) -> None:
        for entry in self._entries:
            if entry.future is not None:
                entry.future.cancel()
        self._entries.clear()


def _texts(bounds: Bounds) -> tuple[str, str]:
    return f"{bounds[0]:%Y-%m-%d %H:%M:%S}", f"{bounds[1]:%Y-%m-%d %H:%M:%S}"


def edited_since(
    reader: LeadReader,
    since: datetime,
    now: datetime,
    query: Query,
    only: Collection[str] | None = None,
    there: Collection[str] = (),
    concurrency: int = 1,
) -> dict[str, dict[str, str | None]]:
    """The leads (``only`` some of them) whose clock moved since an instant, by lead id, as text by column name.

    ``now`` is what the CRM's clock says. What was edited in its future is found too: an edit of before that clock was put
    back, or of when it was ahead, would be overwritten as if nobody had made it.
    ``there``: the columns of the raw table, which say in which of them each field is; where they don't,
    ``UnexpectedAnswerError``. Small by nature: meant for the minutes between a plan and its push.
    """
    found: dict[str, dict[str, str | None]] = {}
    columns = Columns.of(reader, there, gives=False)
    window = Window(windows.floor_second(since), windows.floor_second(now) + FURTHEST)
    for batch in reading(reader, window, query, concurrency=concurrency, only=only, columns=columns):
        for row in batch.table.to_pylist():
            lead_id = reader.lead_id(row)
            if only is None or lead_id in only:
                found[lead_id] = row
    return found


def read_back(reader: LeadReader, lead_id: str) -> Page:
    """One lead as the CRM shows it now; a page that holds another lead is an error.

    Nobody is gone who shows up when asked twice: an empty page may be a fault.
    """
    page = reader.get(lead_id)
    page = page if page.rows else reader.get(lead_id)
    if any(reader.lead_id(row) != lead_id for row in page.rows):
        raise UnexpectedAnswerError(
            f"was asked for lead {lead_id} and answered with another one",
            crm=reader.capabilities.name,
            lead_id=lead_id,
        )
    return page
