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

All of this rests on two things that a server may overlook: the bounds themselves, and ``offset``. See ``doubts.py``.
"""

import time
from collections.abc import Collection, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import pyarrow as pa

from connector.crm.base import Bounds, LeadReader, Page, Precision, ScanReader, WindowReader
from connector.errors import RefusedError, TransientError, UnexpectedAnswerError
from connector.extract import windows
from connector.extract.ahead import Ahead, InFlight, Piece
from connector.extract.backwards import Backwards
from connector.extract.columns import Columns
from connector.extract.cuts import Cuts
from connector.extract.doubts import Doubts
from connector.extract.pages import Pages
from connector.extract.query import Batch, Query, Tally
from connector.extract.scanning import Scanning
from connector.extract.several import Several
from connector.extract.windows import Window

AHEAD = 48
"""Pages that may be read before they are asked for, so that reading goes on while dlt loads: some 120 MB."""


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
        settle: float | None = None,
    ) -> None:
        """``concurrency``: calls under way at once; ``None``: as many as help.

        ``resume_rows``: how many rows there may be between two points to resume from, where that matters. ``settle``: nobody
        has asked the CRM for the time yet, so the window ends this many seconds before its first page was asked for, by its
        clock, if it does not end before that.
        """
        self._reader = reader
        self.window = window
        self._settle = settle
        self._flight = InFlight(concurrency)
        self._columns = columns or Columns.of(reader)
        self.tally = Tally(precision=precision)
        self._pages = Pages(reader, window, query or Query(), self._columns, self.tally)
        self._doubts = Doubts(self._pages)
        self._several = Several(self._pages, resume_rows)
        self._cuts = Cuts(self._pages, self._several)
        self._backwards = Backwards(self._pages, self._doubts)

    def __iter__(self) -> Iterator[Batch]:
        with ThreadPoolExecutor(self._flight.most, thread_name_prefix="leadloop-read") as pool:
            ahead = Ahead(pool, self._fetch, self._flight, most=max(AHEAD, self._flight.most))
            try:
                yield from self._read(ahead)
            finally:
                ahead.drop()

    def _read(self, ahead: Ahead[_Read]) -> Iterator[Batch]:
        whole = windows.to_local(self.window, self._reader.zone)
        ahead.prepend([Piece(windows.whole_days(whole) if self.tally.precision == "day" else whole)])
        while (found := ahead.next()) is not None:
            bounds, read = found[0].bounds, found[1]
            if self._settle is not None:
                self._end(read.asked_at, self._settle)
                self._settle = None
                whole = windows.to_local(self.window, self._reader.zone)
                bounds = (bounds[0], min(bounds[1], whole[1]))
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
                self._doubts.check_time()
            if not self._pages.totals_are_true and read.total is not None:
                # It was measured by a total that is known by now to be none.
                ahead.skip(read.rest)
                ahead.prepend([Piece(bounds)])
                continue
            if read.rest and (yield from self._side_by_side(ahead, read)):
                yield self._nothing_more(bounds, read)
                self._refit(ahead, bounds, read)
                continue
            parts = self._cuts.split(bounds, read)
            if len(parts) > 1:
                self.tally.splits += 1
                ahead.prepend(parts)
            else:
                for table in self._backwards.tables(bounds, read.rows, read.total):
                    yield Batch(table, None)
                yield self._nothing_more(bounds, read)

    def _end(self, asked_at: datetime, settle: float) -> None:
        """Ends the window where edits had settled when its first page was asked for."""
        settled = windows.floor_second(asked_at - timedelta(seconds=settle))
        self.window = Window(self.window.start, max(self.window.start, min(self.window.end, settled)))

    def _batch(self, table: pa.Table, bounds: Bounds) -> Batch:
        self.tally.rows += table.num_rows
        return Batch(table, min(self.window.end, windows.reached(bounds, self._reader.zone)))

    def _nothing_more(self, bounds: Bounds, read: _Read) -> Batch:
        """After all leads of these bounds were handed out."""
        return self._batch(self._columns.table(Page([], None, read.asked_at)), bounds)

    def _fetch(self, piece: Piece) -> _Read:
        began = time.monotonic()
        try:
            page = self._pages.search(piece.bounds, piece.offset, piece.limit)
        except (RefusedError, UnexpectedAnswerError, TransientError):
            if piece.limit is None:
                raise
            # Some servers show no page that begins far from the first lead. One that answers nobody says so here.
            self._pages.search(piece.bounds, 0, 1)
            return _NOT_SHOWN
        if 2 * len(page.rows) >= self._pages.limit:
            self._flight.took(time.monotonic() - began)
        return self._one_of_several(page, piece.bounds) if piece.limit else self._first(page, piece.bounds)

    def _first(self, page: Page, bounds: Bounds) -> _Read:
        is_whole = self._pages.is_whole(bounds, page)
        total = self._pages.total(page)
        rest = () if is_whole else self._several.rest(bounds, page)
        table = self._pages.table(page, bounds) if is_whole or rest else None
        ignores_time = self._doubts.ignores_time(page, bounds)
        first = self._reader.lead_id(page.rows[0]) if page.rows else None
        begins, ends = (
            (self._pages.moment(page.rows[0]), self._pages.moment(page.rows[-1]))
            if page.rows and not is_whole
            else ("", "")
        )
        strays = not is_whole and self._doubts.strays(page, bounds)
        lead_ids = self._pages.ids(table) if table is not None and rest else []
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
        table = self._pages.table(page, bounds)
        lead_ids = self._pages.ids(table)
        return _Read(table, page.total, len(page.rows), None, "", "", False, page.asked_at, False, lead_ids)

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
                    self._several.shows_only(number)
                break
            found.update(read.ids)
            before = read
            new = read.table.slice(shared)
            self.tally.rows += new.num_rows
            yield Batch(new, None)
        else:
            if len(found) == first.total and self._pages.totals_are_true:
                self._several.went_well()
                return True
        self._several.failed()
        return False

    def _refit(self, ahead: Ahead[_Read], bounds: Bounds, read: _Read) -> None:
        """Where the last bounds held far more or far fewer leads a day than was expected, cuts what is left to fit."""
        if self._several.takes(self._pages.limit):
            self._cuts.learn(bounds, read.total or read.rows)
            ahead.recut(self._cuts.fitted)

    def _seems_unbounded(self, read: _Read) -> bool:
        return self._doubts.seems_unbounded(
            strays=read.strays, tells=bool(read.begins), rows=read.rows, total=read.total
        )

    def _is_of_whole_days(self, bounds: Bounds, read: _Read) -> bool:
        is_whole = read.table is not None and not read.rest
        return not is_whole and self._doubts.answers_whole_days(bounds, read.first)


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
    settle: float | None = None,
) -> "Reading | Scanning":
    """What reads a window out of this CRM.

    ``everything``: nothing was read before, so no lead is too old. ``only``: nobody asks for other leads, so a CRM that
    has to be asked for each of them need not be. ``columns``: makes the tables, by default as for a table of its own.
    ``resume_rows`` and ``settle``: as for ``Reading``.
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
        settle=settle,
    )
