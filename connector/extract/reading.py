"""A window -> all of its rows, while the CRM is being edited.

A page is trusted only when it held everything that was asked for. If it did not, and the server says how many leads there
are, their pages are read side by side: nothing enters past bounds, so as many distinct leads as there were at first are
all of them. Each page has to begin with the last leads of the one before, all have to give the same total, and the last one
must not be full. The largest total is not believed, since a server may count no further than that: those bounds are split.

If a lead left the bounds meanwhile, or anything else does not fit, the bounds are split until their parts fit a page each,
and the next bounds are smaller. Where they can't be split any further, their pages are read from the last to the first: a
lead that is edited meanwhile leaves past bounds and moves the later ones *up*, into pages that are still to come. Distinct
ids are then counted against the total the server gives at the very end; where it gives none, passes go on until one brings
nothing new.

All of this rests on two things that a server may overlook: the bounds themselves, and ``offset``. Where it seems to, it
is asked in a way that tells, and what it then says twice ends the reading (``UnexpectedAnswerError``).
"""

import time
from collections.abc import Collection, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import ceil, sqrt
from typing import Any, cast

import pyarrow as pa

from connector import texts
from connector.crm.base import Bounds, LeadReader, Page, Precision, ScanReader, WindowReader
from connector.errors import IncompleteReadError, RefusedError, TransientError, UnexpectedAnswerError
from connector.extract import windows
from connector.extract.ahead import Ahead, InFlight, Piece
from connector.extract.columns import Columns, ids
from connector.extract.several import fewest_pages, places
from connector.extract.windows import Window

PASSES = 8
"""How often the pages of bounds that can't be split are read before giving up."""
FILL = 0.6
"""How full the pages of split bounds should be: fuller overflow more often, emptier cost more calls."""
MORE_TOGETHER = 4
"""By how many pages more are read side by side after it went well."""
TOO_FEW, TOO_MANY, BOLD = 0.6, 1.3, 4.0
"""Times what bounds should hold: what makes them too small or too large, and by how much they grow at once at most."""
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
AHEAD = 32
"""Pages that may be read before they are asked for, so that reading goes on while dlt loads: some 50 MB."""
FIRST_PAGES = 8
"""Of ``AHEAD``, what the first page of several counts for: so the next bounds are begun in time, and few of them."""
TOGETHER = 96
"""The most pages that are read side by side: the fewer they are, the more calls their last ones waste; the more, the longer
it takes until it is known that none of them lacks a lead."""
SHARED = 0.1
"""Where pages are numbered: the most of a page that it may share with the one before it, as the last of several pages does."""


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
    ends: str
    """The same of the last one."""
    strays: bool
    """Whether a row shows a time that lies not even on a day of the bounds."""
    asked_at: datetime
    ignores_time: bool
    ids: list[str | None] = field(default_factory=list)
    """Of the leads on the page, where it is one of several that are read side by side."""
    rest: tuple[Piece, ...] = ()
    """The other pages of the bounds, where they are read side by side with this one; then ``table`` has only this page."""


_NOT_SHOWN = _Read(None, None, 0, None, "", "", False, datetime.min.replace(tzinfo=UTC), False)
"""A page of several that the server did not show, though it answers others."""


class Reading:
    """Reads one window completely; iterate it once.

    Pages are fetched and decoded by several threads, at most a few ahead, and handed out in the order of time.
    """

    def __init__(
        self,
        reader: WindowReader,
        window: Window,
        query: Query | None = None,
        *,
        concurrency: int | None = None,
        precision: Precision = "second",
        columns: Columns | None = None,
        resume_rows: int | None = None,
    ) -> None:
        """``concurrency``: calls under way at once; ``None``: as many as help.

        ``resume_rows``: how many rows there may be between two points to resume from, where that matters.
        """
        self._reader = reader
        self._window = window
        self._query = query or Query()
        self._limit = min(
            self._query.page_size or reader.capabilities.page_size, reader.capabilities.page_size
        )
        self._flight = InFlight(concurrency)
        most = TOGETHER if resume_rows is None else min(TOGETHER, resume_rows // self._limit)
        self._numbered = reader.capabilities.offsets == "pages"
        if self._numbered:
            most = min(most, int(SHARED * self._limit))
        self._together = self._most_together = most
        self._seconds = self._leads = 0.0
        self._most_counted = 0
        self._columns = columns or Columns.of(reader)
        self._served_full_page = False
        self._totals_are_true = True
        self._heeds_time = False
        self._heeds_offset = False
        self.tally = Tally(precision=precision)

    def __iter__(self) -> Iterator[Batch]:
        with ThreadPoolExecutor(self._flight.most, thread_name_prefix="leadloop-read") as pool:
            ahead = Ahead(pool, self._fetch, self._flight, most=max(AHEAD, self._flight.most))
            try:
                yield from self._read(ahead)
            finally:
                ahead.drop()

    def _read(self, ahead: Ahead[_Read]) -> Iterator[Batch]:
        whole = windows.to_local(self._window, self._reader.zone)
        ahead.prepend([Piece(windows.whole_days(whole) if self.tally.precision == "day" else whole)])
        while (found := ahead.next()) is not None:
            bounds, read = found[0].bounds, found[1]
            if self.tally.precision == "second" and (
                read.ignores_time or self._is_of_whole_days(bounds, read)
            ):
                # Nothing read so far is wrong, but from here on only whole days can be trusted.
                self.tally.precision = "day"
                ahead.drop()
                ahead.prepend([Piece(windows.whole_days((bounds[0], whole[1])))])
                continue
            if read.table is not None and not read.rest:
                yield self._batch(read.table, bounds)
                self._refit(ahead, bounds, read)
                continue
            if self._seems_unbounded(read):
                self._check_time()
            if not self._totals_are_true and read.total is not None:
                # It was measured by a total that is known by now to be none.
                ahead.skip(read.rest)
                ahead.prepend([Piece(bounds)])
                continue
            if read.rest and (yield from self._side_by_side(ahead, read)):
                yield self._nothing_more(bounds, read)
                self._refit(ahead, bounds, read)
                continue
            parts = self._split(bounds, read)
            if len(parts) > 1:
                self.tally.splits += 1
                ahead.prepend(parts)
            else:
                for table in self._pages_backwards(bounds, read):
                    yield Batch(table, None)
                yield self._nothing_more(bounds, read)

    def _batch(self, table: pa.Table, bounds: Bounds) -> Batch:
        self.tally.rows += table.num_rows
        return Batch(table, min(self._window.end, windows.reached(bounds, self._reader.zone)))

    def _nothing_more(self, bounds: Bounds, read: _Read) -> Batch:
        """After all leads of these bounds were handed out."""
        return self._batch(self._columns.table(Page([], None, read.asked_at)), bounds)

    def _fetch(self, piece: Piece) -> _Read:
        began = time.monotonic()
        try:
            page = self._search(piece.bounds, piece.offset, piece.limit)
        except (RefusedError, UnexpectedAnswerError, TransientError):
            if piece.limit is None:
                raise
            # Some servers show no page that begins far from the first lead. One that answers nobody says so here.
            self._search(piece.bounds, 0, 1)
            return _NOT_SHOWN
        if 2 * len(page.rows) >= self._limit:
            self._flight.took(time.monotonic() - began)
        return self._one_of_several(page, piece.bounds) if piece.limit else self._first(page, piece.bounds)

    def _first(self, page: Page, bounds: Bounds) -> _Read:
        is_whole = self._is_whole(bounds, page)
        total = self._total(page)
        rest = () if is_whole else self._rest(bounds, page)
        table = self._table(page, bounds) if is_whole or rest else None
        ignores_time = self._ignores_time(page, bounds)
        first = self._reader.lead_id(page.rows[0]) if page.rows else None
        begins, ends = (
            (self._moment(page.rows[0]), self._moment(page.rows[-1]))
            if page.rows and not is_whole
            else ("", "")
        )
        strays = not is_whole and self._strays(page, bounds)
        lead_ids = self._ids(table) if table is not None and rest else []
        return _Read(
            table,
            total,
            len(page.rows),
            first,
            begins,
            ends,
            strays,
            page.asked_at,
            ignores_time,
            lead_ids,
            rest,
        )

    def _one_of_several(self, page: Page, bounds: Bounds) -> _Read:
        table = self._table(page, bounds)
        lead_ids = self._ids(table)
        return _Read(table, page.total, len(page.rows), None, "", "", False, page.asked_at, False, lead_ids)

    def _ids(self, table: pa.Table) -> list[str | None]:
        return ids(table, self._reader.capabilities.id_fields)

    def _rest(self, bounds: Bounds, first: Page) -> tuple[Piece, ...]:
        """The other pages of bounds that hold more than the first one; none where they can't be read side by side."""
        size, total = len(first.rows), self._total(first)
        if total is None or self.tally.precision == "day" or size > self._limit:
            return ()
        # Some servers count up to a number of their own and no further, and show no more: who has counted further before
        # has counted all of these.
        counted, self._most_counted = self._most_counted, max(self._most_counted, total)
        if total >= counted:
            return ()
        return tuple(
            Piece(bounds, offset, limit)
            for offset, limit in places(total, size, self._together, numbered=self._numbered)
        )

    def _adds(self, size: int) -> int:
        """About how many leads a page of several adds to those of the one before."""
        return size - (self._usual if self._numbered else 1)

    def _side_by_side(self, ahead: Ahead[_Read], first: _Read) -> Generator[Batch, None, bool]:
        """Hands out the pages of bounds that hold several; returns whether these are all that there was at the first one.

        Then the next bounds may hold more, else they have to hold fewer.
        """
        assert first.total is not None
        assert first.table is not None
        found = set(first.ids)
        before = first
        end = first.rows
        self.tally.rows += first.table.num_rows
        yield Batch(first.table, None)
        for number, expected in enumerate(first.rest, 1):
            fetched = ahead.next()
            assert fetched is not None
            piece, read = fetched
            assert piece is expected
            assert piece.limit
            shared = end - piece.offset
            end = piece.offset + piece.limit
            if (
                read.table is None
                or read.total != first.total
                or read.rows != min(piece.limit, first.total - piece.offset)
                or read.ids[:shared] != before.ids[-shared:]
            ):
                ahead.skip(first.rest[number:])
                if read.table is None:
                    self._most_together = min(self._most_together, number)
                break
            found.update(read.ids)
            before = read
            new = read.table.slice(shared)
            self.tally.rows += new.num_rows
            yield Batch(new, None)
        else:
            if len(found) == first.total and self._totals_are_true:
                self._together = min(self._together + MORE_TOGETHER, self._most_together)
                return True
        self._together = min(max(self._together // 2, 2), self._most_together)
        return False

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
        """The row's modification time as ``YYYY-MM-DD HH:MM:SS`` in the account's zone; empty where it is no time.

        A time of 19 characters is one in that zone already; one with an offset is brought there.
        """
        shown = (self._reader.modified_at(row) or "").replace("T", " ")
        if len(shown) == len("2026-03-03 14:30:00"):
            return shown
        found = texts.moment(shown)
        return (
            f"{windows.utc_to_local(found, self._reader.zone):%Y-%m-%d %H:%M:%S}"
            if found and found.tzinfo
            else ""
        )

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
        is_whole = read.table is not None and not read.rest
        if is_whole or self._query.cursor_field == "updated_at" or low.date() != high.date():
            return False
        last = self._search((high - windows.SECOND, high), 0, 1).rows
        return bool(last) and self._reader.lead_id(last[0]) == read.first

    def _split(self, bounds: Bounds, read: _Read) -> list[Piece]:
        # A page without rows, though there are some, says nothing about how many fit one.
        size = min(self._limit, read.rows) or self._limit
        pages = 1
        if read.total is None:
            parts = BLIND_PARTS
        elif read.rest or not self._takes_several(size):
            parts = ceil(read.total / (size * FILL))
        else:
            pages = min(self._usual, FIRST_PAGES)
            parts = fewest_pages(read.total, self._adds(size), self._usual)
        # Where rows come in the order of time, there is nothing before the first one; where they don't, parts are only
        # less even. Every part is read all the same.
        begins, ends = _time(read.begins), _time(read.ends)
        parts = max(2, min(parts, MOST_PARTS))
        if self.tally.precision == "day":
            found = windows.split_days(bounds, parts, begins)
        elif begins and ends and ends - begins > 3 * windows.SECOND and self._fits_side_by_side(read, size):
            # Only the largest total stands against reading all side by side, so this page's leads are left out: where rows
            # come in the order of time, nothing is left half empty.
            found = windows.split(bounds, 1, self._reader.zone, ends - windows.SECOND)
        else:
            found = windows.split(bounds, parts, self._reader.zone, begins)
        return [Piece(each, pages=pages) for each in found]

    def _fits_side_by_side(self, read: _Read, size: int) -> bool:
        """Whether bounds that were not read side by side hold so few pages that they could have been."""
        if read.total is None or read.rest or not self._takes_several(size):
            return False
        return bool(places(read.total, size, self._together, numbered=self._numbered))

    def _refit(self, ahead: Ahead[_Read], bounds: Bounds, read: _Read) -> None:
        """Where the last bounds held far more or far fewer leads a day than was expected, cuts what is left to fit."""
        if not self._takes_several(self._limit):
            return
        seconds = (bounds[1] - bounds[0]).total_seconds()
        self._seconds, self._leads = self._seconds / 2 + seconds, self._leads / 2 + (read.total or read.rows)
        room = sqrt(self._usual / self._limit)
        wanted = (self._usual - room) * self._adds(self._limit)

        def fitting(pieces: list[Piece]) -> list[Piece]:
            low, high = pieces[0].bounds
            length = (high - low).total_seconds()
            expected = self._leads / self._seconds * length if self._seconds else wanted
            if wanted * TOO_FEW <= expected <= wanted * TOO_MANY:
                return pieces
            length *= min(wanted / expected, BOLD) if expected else BOLD
            rest = (low, pieces[-1].bounds[1])
            parts = min(ceil((rest[1] - low).total_seconds() / max(length, 1.0)), MOST_PARTS)
            return [
                Piece(each, pages=min(self._usual, FIRST_PAGES))
                for each in windows.split(rest, parts, self._reader.zone)
            ]

        ahead.recut(fitting)

    def _takes_several(self, size: int) -> bool:
        """Whether bounds may hold several pages of this size, which are then read side by side."""
        return self._together > 2 and self.tally.precision == "second" and self._adds(size) > 0

    @property
    def _usual(self) -> int:
        """How many pages bounds should hold, so that those which hold more are still read side by side."""
        return max(2, self._together * 5 // 12)

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
    concurrency: int | None = None,
    everything: bool = False,
    only: Collection[str] | None = None,
    columns: Columns | None = None,
    resume_rows: int | None = None,
) -> "Reading | Scanning":
    """What reads a window out of this CRM.

    ``everything``: nothing was read before, so no lead is too old. ``only``: nobody asks for other leads, so a CRM that
    has to be asked for each of them need not be. ``columns``: makes the tables, by default as for a table of its own.
    ``resume_rows``: as for ``Reading``.
    """
    if reader.capabilities.reading == "scan":
        since = None if everything else window.start
        return Scanning(cast(ScanReader, reader), window, since, only, columns)
    return Reading(
        cast(WindowReader, reader),
        window,
        query,
        concurrency=concurrency,
        columns=columns,
        resume_rows=resume_rows,
    )


def _table(columns: Columns, page: Page, reader: LeadReader) -> pa.Table:
    table = columns.table(page)
    id_fields = reader.capabilities.id_fields
    if None in ids(table, id_fields):
        raise UnexpectedAnswerError(
            f"showed a lead without {' or '.join(id_fields)}; nothing can be concluded from such a page",
            crm=reader.capabilities.name,
        )
    return table


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _texts(bounds: Bounds) -> tuple[str, str]:
    return f"{bounds[0]:%Y-%m-%d %H:%M:%S}", f"{bounds[1]:%Y-%m-%d %H:%M:%S}"


def edited_since(
    reader: LeadReader,
    since: datetime,
    now: datetime,
    query: Query,
    only: Collection[str] | None = None,
    there: Collection[str] = (),
    concurrency: int | None = 1,
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
