"""A CRM that lists its leads from the newest edit on: everything that was modified in a window."""

from collections.abc import Collection, Iterator
from datetime import datetime

from connector.crm.base import Page, ScanReader
from connector.extract.columns import Columns
from connector.extract.pages import checked_table
from connector.extract.query import Batch, Tally
from connector.extract.windows import Window


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
        self.window = window
        self._since = since
        self._only = only
        self._columns = columns or Columns.of(reader)
        self.tally = Tally()

    def __iter__(self) -> Iterator[Batch]:
        for page in self._reader.scan(self._since, self._only):
            self.tally.calls += page.calls
            table = checked_table(self._columns, page, self._reader)
            self.tally.rows += table.num_rows
            yield Batch(table, None)
        yield Batch(self._columns.table(Page([], None, self.window.end)), self.window.end)
