"""Calls: of a CRM that logs them, one row per sighting of a call.

The log is asked like the search for edited leads: windows of time, each read whole, with a cursor of its own. A call has the
time at which it began, and is in the log once it has ended. So each run asks again for what began in the last
``calls_lookback`` seconds, and a call may be there more than once.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, cast
from zoneinfo import ZoneInfo

from connector.crm.answers import first_text
from connector.crm.base import Bounds, CallReader, Capabilities, Page, Precision
from connector.crm.clock import CrmClock, clock_of
from connector.errors import UnexpectedAnswerError
from connector.extract.feed import Feed
from connector.extract.job import Job, Progress
from connector.extract.query import Batch
from connector.extract.reading import Reading
from connector.extract.windows import Window

TABLE = "calls"
BEGAN = "calls"
"""The name of the cursor: by the time at which calls began."""


class CallFeed(Feed):
    """Calls that began since the last run."""

    table = TABLE

    def __init__(
        self, job: Job, lookback: float, on_progress: Callable[[Progress], None] | None = None
    ) -> None:
        query = replace(job.query, cursor_field=BEGAN, page_size=None)
        reader = CallsAsRows(cast(CallReader, job.reader))
        super().__init__(replace(job, reader=reader, query=query, lookback=lookback), on_progress)

    def _must_load(self, _since: str | None) -> bool:
        """An account without a call has no table of them."""
        return False

    def _read(self, window: Window, _cursors: Mapping[str, str]) -> Iterable[Batch]:
        found = Reading(
            cast(CallsAsRows, self._job.reader),
            window,
            self._job.query,
            concurrency=self._job.concurrency,
            columns=self._columns,
            resume_rows=self._most,
        )
        self.tally = found.tally
        return found


class CallsAsRows:
    """The log as a ``WindowReader``: a call is to it what a lead is to any other, with an id and a time."""

    def __init__(self, reader: CallReader) -> None:
        self._reader = reader

    @property
    def capabilities(self) -> Capabilities:
        can = self._reader.capabilities
        return replace(
            can, page_size=can.calls, id_fields=("id",), modified_fields=can.call_times, offsets="any"
        )

    @property
    def clock(self) -> CrmClock:
        return clock_of(self._reader)

    @property
    def zone(self) -> ZoneInfo:
        return self._reader.zone

    def search(
        self,
        bounds: Bounds | None,
        *,
        cursor_field: str = BEGAN,
        precision: Precision = "second",
        filters: Mapping[str, str] | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Page:
        return self._reader.calls(bounds, filters=filters, offset=offset, limit=limit)

    def get(self, lead_id: str) -> Page:
        """Nothing asks for a call alone."""
        return Page([], 0, self.clock.now())

    def modified_at(self, row: Mapping[str, Any]) -> str | None:
        return first_text(row, self.capabilities.modified_fields)

    def lead_id(self, row: Mapping[str, Any]) -> str:
        if (found := first_text(row, ("id",))) is None:
            raise UnexpectedAnswerError("showed a call without an id", crm=self._reader.capabilities.name)
        return found

    def close(self) -> None:
        self._reader.close()
