"""Windows of time as pure arithmetic: what a run covers, in UTC, and what is asked of the CRM, in its local time.

Two kinds of interval, both closed and in whole seconds:

* ``Window``: two instants in UTC. The cursor, the lookback and every checkpoint are of this kind.
* ``Bounds``: two naive datetimes in the account's zone, as the CRM's filters take them. A window becomes bounds once,
  and only bounds are split.

Bounds are made so that every instant of the window is covered whichever way the server reads them: with open or closed
ends (neighbours overlap by a second), keeping naive times or converting them to UTC with either reading of the hour
that happens twice (no bound ever lies in that hour).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from connector.crm.base import Bounds, LeadReader
from connector.errors import ConfigError
from connector.extract.names import column_name
from connector.texts import moment

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
SHORTEST = 2 * SECOND
"""Bounds this long hold one second that lies strictly inside, so splitting them further would gain nothing."""


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A closed interval between two aware instants, whole seconds in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise ConfigError(
                f"a window must start before it ends: {self.start:%F %T} is after {self.end:%F %T} (UTC)"
            )


def check_interval(start: datetime | None, end: datetime | None, told: tuple[str, str] | None = None) -> None:
    """``ConfigError`` where nothing can lie between the two; ``told`` is what whoever gave them calls them."""
    if start is None or end is None or start < end:
        return
    first, last = told or (f"start {start.isoformat()}", f"end {end.isoformat()}")
    if start > end:
        raise ConfigError(f"{first} must lie before {last}.")
    raise ConfigError(
        f"{first} must lie before {last}: they are the same moment, and nothing lies between.",
        "Leave both out: a run goes on where the last one stopped. The intervals of Airflow's default timetable are like that; "
        "CronDataIntervalTimetable gives intervals that end later than they start.",
    )


def floor_second(instant: datetime) -> datetime:
    """The instant in UTC, cut to its whole second."""
    return instant.astimezone(UTC).replace(microsecond=0)


def instants(text: str | None, zone: str | None) -> tuple[datetime, ...]:
    """What points in time a CRM's time may mean: two for a local time in the hour that happens twice, none for no time."""
    found = moment(text)
    if found is None:
        return ()
    if found.tzinfo is not None:
        return (floor_second(found),)
    local = found.replace(tzinfo=_zone(zone or "UTC"))
    return tuple(floor_second(each) for each in (local, local.replace(fold=1)))


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def modified_at(row: Mapping[str, str | None], reader: LeadReader) -> tuple[datetime, ...]:
    """When a lead, as text by column name, was last modified: as ``instants`` has it."""
    fields = map(column_name, reader.capabilities.modified_fields)
    return instants(next((row[name] for name in fields if row.get(name)), None), reader.zone.key)


def next_window(cursor: datetime, now: datetime, *, settle: float, lookback: float) -> Window | None:
    """What a run at ``now`` covers, ``[cursor - lookback, now - settle]``; ``None`` where the clock went back behind it.

    ``settle`` and ``lookback`` are seconds: edits younger than ``settle`` may not be searchable yet and are left to the
    next run; the last ``lookback`` seconds before the cursor are read again, for edits that became searchable late.
    """
    start = floor_second(cursor) - timedelta(seconds=int(lookback))
    end = floor_second(now - timedelta(seconds=settle))
    return Window(start, end) if start <= end else None


def utc_to_local(instant: datetime, zone: ZoneInfo) -> datetime:
    """The naive local time a clock on the wall shows at this instant."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def local_to_utc(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which a clock on the wall shows this naive local time."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Jump:
    """A stretch of local time that happens twice, or never: from ``first`` up to, but not including, ``last``."""

    first: datetime
    last: datetime
    twice: bool

    def holds(self, wall: datetime) -> bool:
        return self.first <= wall < self.last


@lru_cache(maxsize=1024)
def _jumps(zone: ZoneInfo, day: datetime) -> tuple[Jump, ...]:
    """The stretches of local time around this (naive, UTC) day that happen twice or never."""
    step = timedelta(hours=6)
    marks = [(day - DAY).replace(tzinfo=UTC) + step * i for i in range(13)]
    found = []
    for before, after in pairwise(marks):
        if _offset(zone, after) != _offset(zone, before):
            change = _change(zone, before, after)
            new, old = utc_to_local(change, zone), utc_to_local(change - SECOND, zone) + SECOND
            found.append(Jump(min(new, old), max(new, old), new < old))
    return tuple(found)


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first whole second with the offset of ``after``."""
    new = _offset(zone, after)
    while after - before > SECOND:
        middle = before + timedelta(seconds=(after - before) // SECOND // 2)
        before, after = (before, middle) if _offset(zone, middle) == new else (middle, after)
    return after


def _jump_at(wall: datetime, zone: ZoneInfo) -> Jump | None:
    """The stretch of time that happens twice or never and holds this naive local time, if one does."""
    day = datetime.combine(wall.date(), time())
    return next((jump for jump in _jumps(zone, day) if jump.holds(wall)), None)


def to_local(window: Window, zone: ZoneInfo) -> Bounds:
    """Bounds that cover every instant of the window, with a second to spare on both sides.

    Around the end of daylight saving time they are widened until neither lies in the hour that happens twice.
    """
    low = _outside(utc_to_local(window.start - SECOND, zone), zone, -1)
    high = _outside(utc_to_local(window.end + SECOND, zone), zone, +1)
    # A window that begins or ends just around the clock's step back reaches into local times beyond its own ends.
    for instant in (window.start, window.end):
        for jump in _jumps(zone, datetime.combine(instant.date(), time())):
            change = local_to_utc(jump.last, zone) - (jump.last - jump.first)
            if jump.twice and window.start <= change <= window.end:
                low = min(low, jump.first - SECOND)
                high = max(high, jump.last + SECOND)
    return low, high


def _outside(wall: datetime, zone: ZoneInfo, direction: int) -> datetime:
    jump = _jump_at(wall, zone)
    if jump is None:
        return wall
    return jump.first - SECOND if direction < 0 else jump.last + SECOND


def split(bounds: Bounds, parts: int, zone: ZoneInfo, crowded: datetime | None = None) -> list[Bounds]:
    """About ``parts`` bounds that cover the same local time, in order, neighbours overlapping by one second.

    No cut is made in an hour that happens twice or never. Bounds that can't be split come back alone. ``crowded``: a local
    time before which there is probably nothing; what lies before it becomes one part.
    """
    low, high = bounds
    begin = min(max(low, crowded or low), high)
    length = (high - begin) // SECOND
    cuts = set()
    for i in range(0 if begin > low else 1, min(parts, length) if length > 2 else 1):
        cut = begin + timedelta(seconds=round(length * i / parts))
        jump = _jump_at(cut, zone) or _jump_at(cut - SECOND, zone)
        for candidate in (cut,) if jump is None else (jump.first - SECOND, jump.last + SECOND):
            if low + SECOND < candidate < high:
                cuts.add(candidate)
    if not cuts and crowded is not None:
        return split(bounds, parts, zone)
    edges = [low, *sorted(cuts), high]
    return [(start if start == low else start - SECOND, end) for start, end in pairwise(edges)]


def whole_days(bounds: Bounds) -> Bounds:
    """From the first midnight of the local days that the bounds touch to the last second of the last one."""
    low, high = (datetime.combine(end.date(), time()) for end in bounds)
    return low, high + DAY - SECOND


def split_days(bounds: Bounds, parts: int, crowded: datetime | None = None) -> list[Bounds]:
    """About ``parts`` bounds of whole days that tile these, in order; a single day comes back alone. For ``crowded`` see
    ``split``."""
    low, high = bounds
    begin = datetime.combine(min(max(low, crowded or low), high).date(), time())
    number = (high - begin) // DAY + 1
    cuts = {begin + DAY * (number * i // parts) for i in range(min(parts, number))} - {low}
    if not cuts and high - low > DAY:
        cuts = {low + DAY * ((high - low) // DAY // 2 + 1)}
    edges = [low, *sorted(cuts), high + SECOND]
    return [(start, end - SECOND) for start, end in pairwise(edges)]


def reached(bounds: Bounds, zone: ZoneInfo) -> datetime:
    """The UTC instant up to which everything is read once these bounds and all before them are."""
    return local_to_utc(bounds[1], zone) - SECOND
