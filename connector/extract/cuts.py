"""Into which bounds a window is cut: those that hold too much are split, and those that are still to come are made to fit."""

from datetime import datetime
from math import ceil, sqrt
from typing import Protocol

from connector.crm.base import Bounds
from connector.extract import windows
from connector.extract.ahead import Piece
from connector.extract.pages import Pages
from connector.extract.several import Several, fewest_pages

FILL = 0.6
"""How full the pages of split bounds should be: fuller overflow more often, emptier cost more calls."""
TOO_FEW, TOO_MANY, BOLD = 0.6, 1.3, 4.0
"""Times what bounds should hold: what makes them too small or too large, and by how much they grow at once at most."""
BLIND_PARTS = 8
"""Into how many parts bounds are split when the server doesn't say how many leads they hold."""
MOST_PARTS = 1024
FIRST_PAGES = 8
"""Of the pages that may be read ahead, what the first page of several counts for: so the next bounds are begun in time, and few
of them."""


class FirstPage(Protocol):
    """What the first page of bounds says of them."""

    @property
    def rows(self) -> int: ...
    @property
    def total(self) -> int | None: ...
    @property
    def begins(self) -> str: ...
    @property
    def ends(self) -> str: ...
    @property
    def rest(self) -> tuple[Piece, ...]: ...


class Cuts:
    """Cuts bounds by what was found in those before."""

    def __init__(self, pages: Pages, several: Several) -> None:
        self._pages = pages
        self._several = several
        self._seconds = self._leads = 0.0

    def split(self, bounds: Bounds, read: FirstPage) -> list[Piece]:
        """Parts of bounds that hold more than the page that was read; bounds that can't be split come back alone."""
        # A page without rows, though there are some, says nothing about how many fit one.
        size = min(self._pages.limit, read.rows) or self._pages.limit
        pages = 1
        if read.total is None:
            parts = BLIND_PARTS
        elif read.rest or not self._several.takes(size):
            parts = ceil(read.total / (size * FILL))
        else:
            pages = min(self._several.usual, FIRST_PAGES)
            parts = fewest_pages(read.total, self._several.adds(size), self._several.usual)
        # Where rows come in the order of time, there is nothing before the first one; where they don't, parts are only
        # less even. Every part is read all the same.
        begins, ends = _time(read.begins), _time(read.ends)
        zone = self._pages.reader.zone
        parts = max(2, min(parts, MOST_PARTS))
        if self._pages.tally.precision == "day":
            found = windows.split_days(bounds, parts, begins)
        elif begins and ends and ends - begins > 3 * windows.SECOND and self._fits_side_by_side(read, size):
            # Only the largest total stands against reading all side by side, so this page's leads are left out: where rows
            # come in the order of time, nothing is left half empty.
            found = windows.split(bounds, 1, zone, ends - windows.SECOND)
        else:
            found = windows.split(bounds, parts, zone, begins)
        return [Piece(each, pages=pages) for each in found]

    def _fits_side_by_side(self, read: FirstPage, size: int) -> bool:
        """Whether bounds that were not read side by side hold so few pages that they could have been."""
        if read.total is None or read.rest or not self._several.takes(size):
            return False
        return self._several.fit(read.total, size)

    def learn(self, bounds: Bounds, leads: int) -> None:
        """How many leads bounds held."""
        seconds = (bounds[1] - bounds[0]).total_seconds()
        self._seconds, self._leads = self._seconds / 2 + seconds, self._leads / 2 + leads

    def fitted(self, pieces: list[Piece]) -> list[Piece]:
        """The same stretch of time, cut anew where it would hold far more or far fewer leads than it should."""
        several, limit = self._several, self._pages.limit
        room = sqrt(several.usual / limit)
        wanted = (several.usual - room) * several.adds(limit)
        low, high = pieces[0].bounds
        length = (high - low).total_seconds()
        expected = self._leads / self._seconds * length if self._seconds else wanted
        if wanted * TOO_FEW <= expected <= wanted * TOO_MANY:
            return pieces
        length *= min(wanted / expected, BOLD) if expected else BOLD
        rest = (low, pieces[-1].bounds[1])
        parts = min(ceil((rest[1] - low).total_seconds() / max(length, 1.0)), MOST_PARTS)
        return [
            Piece(each, pages=min(several.usual, FIRST_PAGES))
            for each in windows.split(rest, parts, self._pages.reader.zone)
        ]


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
