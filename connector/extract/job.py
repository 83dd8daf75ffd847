"""What one extraction is to read: which account, which window, by which cursor."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector import crm
from connector.config import SINGLE_CALLS, VendorSettings, default, did_you_mean
from connector.crm.base import LeadReader
from connector.crm.clock import CrmClock, clock_of
from connector.errors import ConfigError
from connector.extract import windows
from connector.extract.notes import Notes
from connector.extract.query import Query
from connector.extract.windows import Window


@dataclass(frozen=True, slots=True)
class Job:
    """What one run of the source is to read."""

    reader: LeadReader
    query: Query
    first: datetime
    """UTC: where to begin while there is no cursor."""
    settle: float
    lookback: float
    concurrency: int | None
    """Calls under way at once; ``None``: as many pages as help, and ``SINGLE_CALLS`` about one lead."""
    since: datetime | None = None
    """UTC: ``first``, where the settings leave out leads by it. A CRM whose first run reads every lead leaves out none."""
    start: datetime | None = None
    end: datetime | None = None
    """A backfill of ``[start, end]`` leaves the cursor where it is."""
    part: Window | None = None
    """What one part of a first read covers: it has a cursor of its own, which stays within."""
    number: Callable[[], int] | None = None
    """Gives each reading its place in the order of all that is read and recorded; ``None``: nobody counts."""
    say: Callable[[str], None] = lambda _sentence: None
    """Told, in one sentence, what a person should know although the reading goes on."""
    prove: Callable[[], None] = lambda: None
    """Called before anything is loaded; raises where another run has taken over."""

    notes: Notes = field(default_factory=Notes)
    """What there is to say of single leads and fields."""

    @property
    def clock(self) -> CrmClock:
        """The CRM's, by which windows end and cursors stand."""
        return clock_of(self.reader)

    @property
    def single_calls(self) -> int:
        """How many calls about one lead each may be under way at once."""
        return self.concurrency or SINGLE_CALLS

    @property
    def moves_cursor(self) -> bool:
        return self.start is None and self.end is None

    @property
    def cursor_key(self) -> str:
        """Every set of filters has a cursor of its own: what one left out, another has not read."""
        what = json.dumps([self.query.cursor_field, sorted(self.query.filters.items())])
        key = f"{self.query.cursor_field}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"
        return part_key(key, self.part) if self.part else key

    def window(self, cursor: str | None, now: datetime) -> Window | None:
        """What to read now; ``None`` where nothing has settled since the cursor."""
        settled = windows.floor_second(now - timedelta(seconds=self.settle))
        if self.part is not None:
            return _left(self.part, cursor, self.lookback)
        if not self.moves_cursor:
            return Window(self.start or self.first, self.end or settled)
        if cursor is None:
            return Window(self.first, settled)
        return windows.next_window(
            datetime.fromisoformat(cursor), now, settle=self.settle, lookback=self.lookback
        )


def part_key(key: str, part: Window) -> str:
    """The name of a part's cursor: another stretch of time has another one."""
    return f"{key}-{part.start:%Y%m%dT%H%M%S}-{part.end:%Y%m%dT%H%M%S}"


def _left(part: Window, cursor: str | None, lookback: float) -> Window | None:
    """What is left of a part; ``None`` where all of it is read."""
    if cursor is None:
        return part
    reached = datetime.fromisoformat(cursor)
    if reached >= part.end:
        return None
    return Window(max(part.start, reached - timedelta(seconds=int(lookback))), part.end)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an extraction has come, after each batch."""

    rows: int
    calls: int
    reached: datetime | None
    """UTC: what was edited up to here is there; ``None`` in the middle, and where nobody can tell before the end."""
    window: Window | None
    """``None``: what is read are single leads, whatever their time."""


def job(
    settings: VendorSettings,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    filters: Mapping[str, str] | None = None,
    reader: LeadReader | None = None,
    number: Callable[[], int] | None = None,
    say: Callable[[str], None] = lambda _sentence: None,
) -> Job:
    """A job from settings; ``filters`` are added to those in the settings and win over them."""
    reader = reader or crm.vendor(settings.name).reader(settings)
    windows.check_interval(start, end)
    asked = settings.reading
    query = Query(asked.cursor, {**asked.filters, **(filters or {})}, asked.page_size)
    check_filters(reader, query.filters)
    first = windows.local_to_utc(datetime.combine(settings.start, datetime.min.time()), reader.zone)
    leaves_out = reader.capabilities.reading == "windows" and settings.start > default(
        type(settings).__dataclass_fields__["start"]
    )
    return Job(
        reader=reader,
        query=query,
        first=first,
        since=first if leaves_out else None,
        settle=settings.settle,
        lookback=settings.lookback,
        concurrency=settings.concurrency,
        start=windows.floor_second(start) if start else None,
        end=windows.floor_second(end) if end else None,
        number=number,
        say=say,
    )


def check_filters(reader: LeadReader, filters: Mapping[str, str]) -> None:
    """``ConfigError`` for the first name that is no search filter of the CRM, or that says which leads were removed.

    A lead that a search for removed ones shows would pass for one that is back.
    """
    can = reader.capabilities
    for name in filters:
        if name not in can.search_filters:
            has = did_you_mean(name, can.search_filters) or "." if can.search_filters else ": it has none."
            raise ConfigError(f"{can.name}'s search has no filter {name!r}{has}")
        if name.startswith(tuple(f"{removal}_at_" for removal in can.removals)):
            raise ConfigError(
                f"The filter {name!r} would read removed leads as if they were there.",
                "They are read into lead_removals by every run; --start and --end choose the time.",
            )
