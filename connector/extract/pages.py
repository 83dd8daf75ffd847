"""One page of a window: asking for it, whether it held everything that was asked for, and its rows as a table."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from connector import texts
from connector.crm.base import Bounds, LeadReader, Page, WindowReader
from connector.errors import UnexpectedAnswerError
from connector.extract import windows
from connector.extract.columns import Columns, ids
from connector.extract.query import Query, Tally
from connector.extract.windows import Window

LOOKS = 2
"""How often nothing has to be found where a row may be, until it is believed that there is none."""
MORE_LOOKS = 5
"""The same where the server itself says that there are rows."""


class Pages:
    """The pages of one window, and how far the totals on them are to be believed. Safe to use from several threads."""

    def __init__(
        self, reader: WindowReader, window: Window, query: Query, columns: Columns, tally: Tally
    ) -> None:
        self.reader = reader
        self.query = query
        self.columns = columns
        self.tally = tally
        self.limit = min(query.page_size or reader.capabilities.page_size, reader.capabilities.page_size)
        self.totals_are_true = True
        self._window = window
        self._served_full_page = False

    def search(self, bounds: Bounds, offset: int = 0, limit: int | None = None) -> Page:
        self.tally.calls += 1
        return self.reader.search(
            bounds,
            cursor_field=self.query.cursor_field,
            precision=self.tally.precision,
            filters=self.query.filters,
            offset=offset,
            limit=limit or self.limit,
        )

    def total(self, page: Page) -> int | None:
        return page.total if self.totals_are_true else None

    def is_whole(self, bounds: Bounds, page: Page) -> bool:
        count = len(page.rows)
        total = self.total(page)
        if total is not None and total > count:
            return False
        if total is not None and total < count:
            self.totals_are_true, total = False, None
        if count >= self.limit:
            self._served_full_page = True
            # Some servers give the page's own length as the total: only the next row tells.
            if total == count and self._ends_with(bounds, page):
                return True
            self.totals_are_true = self.totals_are_true and total != count
            return False
        if total is None and not count:
            # A total of 0 is no proof either where one has been wrong.
            return not self.shows(bounds, 0, looks=MORE_LOOKS if page.total else LOOKS)
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
        rows = self.search(bounds, count - 1, 2).rows
        last = self.reader.lead_id(page.rows[-1])
        return [self.reader.lead_id(row) for row in rows] == [last] and not self.search(bounds, count, 1).rows

    def shows(self, bounds: Bounds, offset: int, looks: int = LOOKS) -> bool:
        """Whether there is a row at this place. An empty page may be a fault, so one look that finds nothing is no proof."""
        return any(self.search(bounds, offset, 1).rows for _ in range(looks))

    def table(self, page: Page, bounds: Bounds) -> pa.Table:
        """The page's rows; of a day's, only those that earlier runs can't have read."""
        if self.tally.precision == "day" and self.query.cursor_field == "updated_at":
            moments = [self.moment(row) for row in page.rows]
            low, high = as_texts(bounds)
            # Only a server that filters by the very clock it shows may have rows left out by it.
            if all(low <= moment <= high for moment in moments):
                start = as_texts(windows.to_local(self._window, self.reader.zone))[0]
                rows = [row for row, moment in zip(page.rows, moments, strict=True) if moment >= start]
                page = replace(page, rows=rows)
        return checked_table(self.columns, page, self.reader)

    def moment(self, row: Mapping[str, Any]) -> str:
        """The row's modification time as ``YYYY-MM-DD HH:MM:SS`` in the account's zone; empty where it is no time.

        A time of 19 characters is one in that zone already; one with an offset is brought there.
        """
        shown = (self.reader.modified_at(row) or "").replace("T", " ")
        if len(shown) == len("2026-03-03 14:30:00"):
            return shown
        found = texts.moment(shown)
        return (
            f"{windows.utc_to_local(found, self.reader.zone):%Y-%m-%d %H:%M:%S}"
            if found and found.tzinfo
            else ""
        )

    def ids(self, table: pa.Table) -> list[str | None]:
        return ids(table, self.reader.capabilities.id_fields)


def checked_table(columns: Columns, page: Page, reader: LeadReader) -> pa.Table:
    table = columns.table(page)
    id_fields = reader.capabilities.id_fields
    if None in ids(table, id_fields):
        raise UnexpectedAnswerError(
            f"showed a lead without {' or '.join(id_fields)}; nothing can be concluded from such a page",
            crm=reader.capabilities.name,
        )
    return table


def as_texts(bounds: Bounds) -> tuple[str, str]:
    return f"{bounds[0]:%Y-%m-%d %H:%M:%S}", f"{bounds[1]:%Y-%m-%d %H:%M:%S}"
