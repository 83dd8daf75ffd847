"""Recorded calls: of the leads that were called since the last run, the recordings that have come since.

The CRM shows for each lead when it was called *last*, and a lead that is called again meanwhile leaves the time it was
found in. So leads are searched for from the window's start on without an end, and the window bounds their recordings.
Should that take more than one page, leads that were called while it was read are looked for again. Until one look shows
them all, the next run asks for recordings from where this one did.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, cast

import msgspec
import pyarrow as pa

from connector.crm.base import Bounds, Page, RecordingReader
from connector.errors import IncompleteReadError, UnexpectedAnswerError
from connector.extract import windows
from connector.extract.backwards import PASSES
from connector.extract.columns import Columns
from connector.extract.columns import ids as lead_ids_of
from connector.extract.feed import Feed
from connector.extract.job import Job, Progress
from connector.extract.past import Past
from connector.extract.query import Batch
from connector.extract.reading import Reading
from connector.extract.windows import Window

TABLE = "recordings"
PAGE = 100
"""Recordings per call."""
DEFAULT_PAGE = 10
"""What a server that overlooks the limit serves at least: a page with fewer is the last one."""
MOST = 100_000
"""Recordings that nobody has of one lead: a page that comes again and looks like another one each time."""
GROUP = 200
"""Leads whose recordings go into one table."""
LOOKS = 4
"""How often leads that were called meanwhile are looked for in one run."""
SKEW = timedelta(minutes=5)
"""How far the CRM's clock may be behind ours."""
REMEMBERED = 100_000
"""Leads of a run that are known to have been asked for, so that a lead that is found again costs no second call."""


class RecordingFeed(Feed):
    """Recordings of the calls since the last run."""

    table = TABLE
    asks_time_first = True

    def __init__(
        self, job: Job, lookback: float, on_progress: Callable[[Progress], None] | None = None
    ) -> None:
        query = replace(job.query, cursor_field="last_call")
        super().__init__(replace(job, query=query, lookback=lookback), on_progress)
        self._whole = False
        self._asked: dict[str, None] = {}

    @property
    def _whole_key(self) -> str:
        """Beside the cursor, from which leads are looked for: up to where all recordings are there."""
        return f"{self._job.cursor_key}-whole"

    def _checkpoint(self, cursors: MutableMapping[str, str]) -> None:
        if self._whole:
            cursors[self._whole_key] = cursors[self._job.cursor_key]

    def _has_progress(self, past: Past) -> bool:
        """Each lead that was called cost a call, which the next run is to be spared; or the recordings are caught up with."""
        was_behind = past.kept.get(self._whole_key) != past.kept.get(self._job.cursor_key)
        return bool(self._asked) or (self._whole and was_behind)

    def _read(self, window: Window, cursors: Mapping[str, str]) -> Iterator[Batch]:
        since = window.start
        if self._job.moves_cursor:
            whole = cursors.get(self._whole_key)
            back = timedelta(seconds=int(self._job.lookback))
            since = min(since, datetime.fromisoformat(whole) - back if whole else self._job.first)
        zone = self._job.reader.zone
        bounds = windows.to_local(Window(since, window.end), zone)
        columns = self._columns or Columns.of(self._job.reader)
        nothing = columns.table(Page([], None, window.end))
        start = window.start
        with ThreadPoolExecutor(self._job.single_calls, thread_name_prefix="leadloop-recordings") as pool:
            for _ in range(LOOKS):
                looked_at = self._job.clock.now()
                pages = 0
                for found, reached in self._called(start, looked_at):
                    pages += 1
                    for group in _groups(found, GROUP):
                        for table in self._recordings(pool, columns, group, bounds):
                            yield Batch(table, None)
                    if reached is not None:
                        # The end itself is reached when no lead can have slipped past.
                        yield Batch(nothing, min(reached, window.end - windows.SECOND))
                if pages == 1:
                    # One page is one moment: whoever was called before it is on it.
                    self._whole = True
                    break
                start = windows.floor_second(looked_at - timedelta(seconds=self._job.settle) - SKEW)
        yield Batch(nothing, window.end)

    def _called(self, start: datetime, now: datetime) -> Iterator[tuple[list[str], datetime | None]]:
        """Leads that were called since, page by page, those left out that were asked for already."""
        reader = cast(RecordingReader, self._job.reader)
        # Each lead costs a call of its own, so each page of them is a point to resume from.
        found = Reading(
            reader,
            Window(start, now + windows.DAY),
            self._job.query,
            concurrency=self._job.concurrency,
            resume_rows=0,
        )
        counted = 0
        for batch in found:
            self.tally.calls += found.tally.calls - counted
            counted = found.tally.calls
            new = [
                lead_id
                for lead_id in dict.fromkeys(lead_ids_of(batch.table, reader.capabilities.id_fields))
                if lead_id is not None and lead_id not in self._asked
            ]
            yield new, batch.reached

    def _recordings(
        self, pool: ThreadPoolExecutor, columns: Columns, lead_ids: Sequence[str], bounds: Bounds
    ) -> list[pa.Table]:
        """At most one table with all that these leads have."""
        reader = cast(RecordingReader, self._job.reader)
        tables = []
        for lead_id, pages in zip(
            lead_ids, pool.map(lambda lead_id: recordings_of(reader, lead_id, bounds), lead_ids), strict=True
        ):
            self.tally.calls += len(pages)
            tables += [_of_lead(columns.table(page), lead_id) for page in pages if page.rows]
            self._asked[lead_id] = None
        for lead_id in list(islice(self._asked, max(0, len(self._asked) - REMEMBERED))):
            del self._asked[lead_id]
        if not tables:
            return []
        table = pa.concat_tables(tables, promote_options="default").combine_chunks()
        self.tally.rows += table.num_rows
        return [table]


def recordings_of(reader: RecordingReader, lead_id: str, bounds: Bounds) -> list[Page]:
    """Every page of one lead's recordings within the bounds, and the calls it took are their number.

    A recording may be on two of them. ``IncompleteReadError`` where the CRM counts more than it shows,
    ``UnexpectedAnswerError`` where it shows one page again and again.
    """
    pages: list[Page] = []
    repeats = 0
    for _ in range(PASSES):
        known: set[bytes] = set()
        total, offset, shown = None, 0, list[bytes]()
        while True:
            page = reader.recordings(lead_id, bounds, offset=offset, limit=PAGE)
            pages.append(page)
            before, total = len(known), page.total
            identities = list(map(_identity, page.rows))
            repeats += bool(identities) and identities == shown
            shown = identities
            known.update(identities)
            offset += len(page.rows)
            if len(known) == before or (offset == total and len(page.rows) < PAGE):
                break
            # A total that is less than what was shown says nothing about what follows.
            if (total is None or offset > total) and len(page.rows) < DEFAULT_PAGE:
                break
            if offset > MOST:
                raise UnexpectedAnswerError(
                    f"shows more than {MOST:,} recordings of lead {lead_id} between {bounds[0]:%F %T} and "
                    f"{bounds[1]:%F %T} ({reader.zone.key}), and no end of them",
                    "The cursor stays before them: run again, and if it stays like this, ask the CRM's support about it.",
                    crm=reader.capabilities.name,
                    lead_id=lead_id,
                )
        if total is None and repeats == 1:
            # The page before came again, which may be an accident: only a second look tells.
            repeats += 1
            continue
        if repeats > 2 and (total is None or len(known) < total):
            raise UnexpectedAnswerError(
                f"overlooks 'offset': wherever the recordings of lead {lead_id} are to go on, it shows the same page of them "
                "again",
                "The cursor stays before them: run again, and if it stays like this, ask the CRM's support about it.",
                crm=reader.capabilities.name,
                lead_id=lead_id,
            )
        if total is None or len(known) >= total:
            return pages
    raise IncompleteReadError(
        f"says that lead {lead_id} has {total} recordings between {bounds[0]:%F %T} and {bounds[1]:%F %T} "
        f"({reader.zone.key}), and showed {len(known)}",
        "The cursor stays before them: run again.",
        crm=reader.capabilities.name,
        lead_id=lead_id,
    )


def _identity(row: Mapping[str, Any]) -> bytes:
    found = row.get("recording_id") or row.get("id")
    return msgspec.json.encode(row if found is None else str(found))


def _of_lead(table: pa.Table, lead_id: str) -> pa.Table:
    """The rows with the lead's id in ``lead_id``, whether they show it or not."""
    column = pa.repeat(pa.scalar(lead_id), table.num_rows)
    if "lead_id" in table.column_names:
        return table.set_column(table.column_names.index("lead_id"), "lead_id", column)
    return table.append_column("lead_id", column)


def _groups(items: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group
