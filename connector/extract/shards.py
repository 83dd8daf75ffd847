"""A first read in parts: which stretch of time each has, and the reading of one of them.

A part is read like any window, into a raw table that all share, with a cursor of its own that lies with its rows. So parts can be
read side by side and in any order, a killed one goes on where it was, and one that is done reads nothing more. All end where
edits had settled when they were cut: what is edited later is left to the extraction after them.
"""

import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from connector.config import VendorSettings
from connector.crm.base import WindowReader
from connector.errors import ConfigError
from connector.extract import windows
from connector.extract.feed import Feed
from connector.extract.job import Job, Progress
from connector.extract.load import CHUNK_ROWS, Extracted, load_feed, read_told
from connector.extract.past import Past, RawTables, Read
from connector.extract.raw import LEADS
from connector.extract.windows import Window

MOST = 256
"""Parts of one first read."""
CLOSE = 0.1
"""Of a part's leads: how far from even a cut may be."""
LOOKS = 20
"""Calls for one cut at most; each halves the time in which it may lie."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``number`` of ``of``, counted from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """``3/8`` as a shard; ``ConfigError`` for anything else."""
        found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]) <= MOST:
            raise ConfigError(
                f"--shard must be a part and the number of parts, such as 3/8, of {MOST} at most, not {text!r}."
            )
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def cut(job: Job, window: Window, parts: int) -> list[Window]:
    """So many windows, in order, that together are this one, each with about as many leads by the CRM's own totals.

    Where the CRM gives no totals, each is as long as the others. Costs some calls for one lead each; raises what a search
    raises.
    """
    reader = cast(WindowReader, job.reader)

    def leads(end: datetime) -> int | None:
        bounds = windows.to_local(Window(window.start, end), reader.zone)
        page = reader.search(bounds, cursor_field=job.query.cursor_field, filters=job.query.filters, limit=1)
        return page.total

    total = leads(window.end) if parts > 1 else None
    if not total:
        length = (window.end - window.start) / parts
        cuts = [windows.floor_second(window.start + number * length) for number in range(1, parts)]
    else:
        counted = {window.start: 0, window.end: total}
        cuts = [
            _where(counted, total * number / parts, total / parts * CLOSE, leads)
            for number in range(1, parts)
        ]
    edges = [window.start, *sorted(cuts), window.end]
    return [Window(edges[place], edges[place + 1]) for place in range(parts)]


def _where(
    counted: dict[datetime, int], wanted: float, close: float, leads: Callable[[datetime], int | None]
) -> datetime:
    """The instant up to which about so many leads were modified; adds what it was told to ``counted``."""
    for _ in range(LOOKS):
        low = max(at for at, number in counted.items() if number <= wanted)
        high = min((at for at in counted if at > low), default=low)
        near = min((low, high), key=lambda at: abs(counted[at] - wanted))
        if abs(counted[near] - wanted) <= close or high - low <= timedelta(minutes=1):
            return near
        middle = windows.floor_second(low + (high - low) / 2)
        # Totals that contradict each other make parts less even, and nothing else.
        counted[middle] = min(max(leads(middle) or 0, counted[low]), counted[high])
    return near


class ShardFeed(Feed):
    """The leads of one part."""

    asks_time_first = True

    def idle(self, past: Past, most: int) -> bool:
        """Only where the part was read whole before: how far it came lies with its rows, also where there are none."""
        self._most = most
        self._start(past)
        self.done = self.window is None
        return self.done


def load_shard(
    raw: RawTables,
    settings: VendorSettings,
    job: Job,
    *,
    chunk_rows: int = CHUNK_ROWS,
    on_progress: Callable[[Progress], None] | None = None,
    on_read: Callable[[Read], None] = lambda _read: None,
) -> Extracted:
    """Reads and loads ``job.part``, or what is left of it; see ``load``."""
    feed = ShardFeed(job, on_progress)
    packages = 0
    with read_told(feed, settings, on_read), closing(feed):
        if not feed.idle(raw.past(LEADS), chunk_rows):
            packages = load_feed(raw, feed, chunk_rows)
    return Extracted(
        feed.window,
        feed.tally.rows,
        feed.tally.calls,
        packages,
        0,
        feed.tally.precision,
        notes=job.notes.texts,
    )
