"""Several pages of one window side by side: where each begins, how many there may be, and into how many windows leads are
divided with the fewest pages."""

from math import ceil, sqrt

from connector.crm.base import Bounds, Page
from connector.extract.ahead import Piece
from connector.extract.pages import Pages

MORE_TOGETHER = 4
"""By how many pages more are read side by side after it went well."""
TOGETHER = 96
"""The most pages that are read side by side: the fewer they are, the more calls their last ones waste; the more, the longer
it takes until it is known that none of them lacks a lead."""
SHARED = 0.1
"""Where pages are numbered: the most of a page that it may share with the one before it, as the last of several pages does."""


class Several:
    """How many pages of bounds are read side by side: more after it went well, fewer after it did not."""

    def __init__(self, pages: Pages, resume_rows: int | None) -> None:
        """``resume_rows``: how many rows there may be between two points to resume from, where that matters."""
        self._pages = pages
        most = TOGETHER if resume_rows is None else min(TOGETHER, resume_rows // pages.limit)
        self._numbered = pages.reader.capabilities.offsets == "pages"
        if self._numbered:
            most = min(most, int(SHARED * pages.limit))
        self.together = self._most = most
        self._most_counted = 0

    @property
    def usual(self) -> int:
        """How many pages bounds should hold, so that those which hold more are still read side by side."""
        return max(2, self.together * 5 // 12)

    def rest(self, bounds: Bounds, first: Page) -> tuple[Piece, ...]:
        """The other pages of bounds that hold more than the first one; none where they can't be read side by side."""
        size, total = len(first.rows), self._pages.total(first)
        if total is None or self._pages.tally.precision == "day" or size > self._pages.limit:
            return ()
        # Some servers count up to a number of their own and no further, and show no more: who has counted further before
        # has counted all of these.
        counted, self._most_counted = self._most_counted, max(self._most_counted, total)
        if total >= counted:
            return ()
        return tuple(Piece(bounds, offset, limit) for offset, limit in self._places(total, size))

    def fit(self, total: int, size: int) -> bool:
        """Whether so many leads are in so few pages that they may be read side by side."""
        return bool(self._places(total, size))

    def adds(self, size: int) -> int:
        """About how many leads a page of several adds to those of the one before."""
        return size - (self.usual if self._numbered else 1)

    def takes(self, size: int) -> bool:
        """Whether bounds may hold several pages of this size, which are then read side by side."""
        return self.together > 2 and self._pages.tally.precision == "second" and self.adds(size) > 0

    def went_well(self) -> None:
        self.together = min(self.together + MORE_TOGETHER, self._most)

    def failed(self) -> None:
        self.together = min(max(self.together // 2, 2), self._most)

    def shows_only(self, pages: int) -> None:
        """The server shows no page after so many."""
        self._most = min(self._most, pages)

    def _places(self, total: int, size: int) -> list[tuple[int, int]]:
        return places(total, size, self.together, numbered=self._numbered)


def places(total: int, size: int, most: int, *, numbered: bool) -> list[tuple[int, int]]:
    """(offset, limit) of the pages after a first one of ``size`` leads, where ``total`` leads are in ``most`` pages or fewer;
    else nothing.

    Each page begins with leads of the one before, so that nobody moves unseen from one into the other; and the last one is
    not full, so that nothing follows it. ``numbered``: a page begins at a multiple of its limit, so each is one lead shorter
    than the one before and shares one lead more with it.
    """
    found: list[tuple[int, int]] = []
    end = size
    while end <= total:
        number = len(found) + 1
        limit = size - number if numbered else size
        offset = number * limit if numbered else end - 1
        if number >= most or offset + limit <= end:
            return []
        found.append((offset, limit))
        end = offset + limit
    return found


def fewest_pages(leads: int, size: int, usual: int) -> int:
    """Into how many parts of about ``usual`` pages so many leads are divided with the fewest pages left half empty.

    ``size``: leads that a page adds.
    """

    def pages(parts: int) -> int:
        each = leads / parts
        # A little room for what is not quite even: a standard deviation, if leads come by chance.
        return parts * ceil((each + sqrt(each)) / size)

    least = ceil(leads / (size * usual * 1.2))
    return min(range(least, least + 4), key=pages)
