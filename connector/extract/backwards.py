"""Bounds that can't be split any further: their pages from the last to the first, until nobody can be missing."""

from collections.abc import Iterator

import pyarrow as pa

from connector.crm.base import Bounds, Page
from connector.errors import IncompleteReadError, UnexpectedAnswerError
from connector.extract.doubts import Doubts
from connector.extract.pages import Pages

PASSES = 8
"""How often the pages of bounds that can't be split are read before giving up."""
UNUSUAL = 50
"""Pages in bounds that can't be split, from which on their end is looked for with some doubt that there is one."""
MOST_ROWS = 10**8
"""Places that no bounds have: who shows a lead there has no end."""


class Backwards:
    """A lead that is edited meanwhile leaves past bounds and moves the later ones *up*, into pages that are still to come."""

    def __init__(self, pages: Pages, doubts: Doubts) -> None:
        self._pages = pages
        self._doubts = doubts

    def tables(self, bounds: Bounds, rows: int, said: int | None) -> Iterator[pa.Table]:
        """All rows that these bounds hold, some of them twice; ``rows`` were on the first page, and ``said`` was its total."""
        seen: set[str] = set()
        size = rows or len(self._pages.search(bounds).rows) or self._pages.limit
        self._doubts.check_offset_once(bounds, size)
        for _ in range(PASSES):
            known = len(seen)
            total: int | None = None
            count = max(1, self._count(bounds, said, size))
            for offset in range((count - 1) // size * size, -1, -size):
                for page in self._places(bounds, offset, size):
                    total = self._pages.total(page)
                    seen.update(self._pages.reader.lead_id(row) for row in page.rows)
                    table = self._pages.table(page, bounds)
                    self._pages.tally.rows += table.num_rows
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
            page = self._pages.search(bounds, offset, end - offset)
            yield page
            offset += len(page.rows)
            if not page.rows or offset >= end or page.total is None or page.total <= offset:
                return

    def _count(self, bounds: Bounds, total: int | None, size: int) -> int:
        """How many rows the bounds hold, by the server's word or, where it gives none, by looking for the end."""
        if total is not None:
            latest = self._pages.search(bounds, 0, 1).total
            count = latest if latest is not None else total
            if not self._pages.shows(bounds, count):
                return count
            # Some servers count up to a number of their own and no further.
            self._pages.totals_are_true = False
        low, high = 0, size
        while self._pages.shows(bounds, high - 1):
            if high > MOST_ROWS:
                raise self._endless(bounds)
            if high > UNUSUAL * size:
                # A server may repeat its last row wherever it is asked to go on behind it.
                self._doubts.check_offset(bounds, high - 1, 2 * high - 1, 1)
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._pages.shows(bounds, middle - 1) else (low, middle)
        return low

    def _endless(self, bounds: Bounds) -> UnexpectedAnswerError:
        return UnexpectedAnswerError(
            f"shows leads from any place on between {bounds[0]:%F %T} and {bounds[1]:%F %T} ({self._pages.reader.zone.key}), the "
            f"place {MOST_ROWS:,} included, so that there is no end to look for",
            "The cursor stays before this window: run again, and if it stays like this, ask the CRM's support about 'offset'.",
            crm=self._pages.reader.capabilities.name,
        )

    def _incomplete(self, bounds: Bounds, found: int, total: int | None) -> IncompleteReadError:
        says = f"says that {total} leads match" if total is not None else "shows new leads on every pass"
        return IncompleteReadError(
            f"{says} between {bounds[0]:%F %T} and {bounds[1]:%F %T} ({self._pages.reader.zone.key}), but {found} could be read in "
            f"{PASSES} passes",
            "The cursor stays before this window, so nothing is skipped: run again, and if it stays like this, ask the CRM's "
            "support about the window.",
            crm=self._pages.reader.capabilities.name,
        )
