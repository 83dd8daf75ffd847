"""Windows tile time, in every zone, whichever way the server reads them."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector.errors import ConfigError
from connector.extract import windows
from connector.extract.windows import SECOND, Window

ZONES = [
    "America/Los_Angeles",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Australia/Lord_Howe",  # its clocks move by half an hour
    "Europe/Berlin",
    "Pacific/Apia",  # skipped a whole day in 2011
    "Pacific/Auckland",
    "UTC",
]

zones = st.sampled_from([ZoneInfo(name) for name in ZONES])
BACK = {  # when clocks went back, UTC
    "America/Los_Angeles": datetime(2026, 11, 1, 9, tzinfo=UTC),
    "Europe/Berlin": datetime(2026, 10, 25, 1, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2026, 4, 4, 15, tzinfo=UTC),
}
anywhere = st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
near_a_change = st.builds(
    lambda change, seconds: change + timedelta(seconds=seconds),
    st.sampled_from(
        [*BACK.values(), datetime(2026, 3, 8, 10, tzinfo=UTC), datetime(2011, 12, 30, 10, tzinfo=UTC)]
    ),
    st.integers(-3 * 3600, 3 * 3600),
)
instants = anywhere | near_a_change
crowds = st.none() | st.floats(0, 1)
"""Where in the whole the first row lies, if that is told."""
lengths = st.integers(0, 4 * 3600) | st.integers(0, 400 * 86_400)


def reads_naive(
    wall_low: datetime, wall_high: datetime, instant: datetime, zone: ZoneInfo, fold: int
) -> bool:
    """A server that keeps local times; open ends, the harder case."""
    return wall_low < windows.utc_to_local(instant, zone) < wall_high


def reads_utc(wall_low: datetime, wall_high: datetime, instant: datetime, zone: ZoneInfo, fold: int) -> bool:
    """A server that keeps UTC and reads local bounds with one of the two meanings of the hour that repeats."""
    low = wall_low.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    high = wall_high.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    return low < instant < high


def first_row(whole: tuple[datetime, datetime], crowd: float | None) -> datetime | None:
    return None if crowd is None else (whole[0] + crowd * (whole[1] - whole[0])).replace(microsecond=0)


@settings(max_examples=400, deadline=None)
@given(
    start=instants,
    length=lengths,
    zone=zones,
    parts=st.integers(1, 40),
    where=st.floats(0, 1),
    server=st.sampled_from([reads_naive, reads_utc]),
    fold=st.integers(0, 1),
    crowd=crowds,
)
@example(BACK["America/Los_Angeles"], 0, ZoneInfo("America/Los_Angeles"), 4, 0.0, reads_utc, 0, None)
@example(BACK["America/Los_Angeles"], 1800, ZoneInfo("America/Los_Angeles"), 9, 0.9, reads_utc, 0, 0.5)
@example(
    BACK["America/Los_Angeles"] - 9 * SECOND,
    20,
    ZoneInfo("America/Los_Angeles"),
    9,
    0.9,
    reads_naive,
    0,
    None,
)
def test_every_instant_of_a_window_is_asked_for(
    start: Any, length: Any, zone: Any, parts: Any, where: Any, server: Any, fold: Any, crowd: Any
) -> None:
    """Any instant lies strictly inside at least one part of the window's bounds, for each kind of server."""
    window = Window(start, start + timedelta(seconds=length))
    instant = start + timedelta(seconds=round(length * where))
    whole = windows.to_local(window, zone)
    pieces = windows.split(whole, parts, zone, first_row(whole, crowd))
    assert any(server(low, high, instant, zone, fold) for low, high in pieces)


@settings(max_examples=300, deadline=None)
@given(start=instants, length=lengths, zone=zones, parts=st.integers(2, 40), crowd=crowds)
def test_splitting_makes_progress_or_says_it_can_not(
    start: Any, length: Any, zone: Any, parts: Any, crowd: Any
) -> None:
    """Parts are in order, overlap by one second, end where the whole ends, and are each shorter than it."""
    whole = windows.to_local(Window(start, start + timedelta(seconds=length)), zone)
    pieces = windows.split(whole, parts, zone, first_row(whole, crowd))
    assert len(pieces) > 1 or len(windows.split(whole, parts, zone)) == 1
    assert pieces[0][0] == whole[0]
    assert pieces[-1][1] == whole[1]
    for before, after in pairwise(pieces):
        assert after[0] == before[1] - SECOND
        assert before[1] - before[0] < whole[1] - whole[0]
        assert after[1] - after[0] < whole[1] - whole[0]


@settings(max_examples=200, deadline=None)
@given(
    start=instants, length=lengths, zone=zones, parts=st.integers(1, 40), where=st.floats(0, 1), crowd=crowds
)
def test_a_checkpoint_never_runs_ahead_of_what_was_read(
    start: Any, length: Any, zone: Any, parts: Any, where: Any, crowd: Any
) -> None:
    """An instant at or before a part's checkpoint is inside that part or one before it."""
    window = Window(start, start + timedelta(seconds=length))
    instant = start + timedelta(seconds=round(length * where))
    whole = windows.to_local(window, zone)
    pieces = windows.split(whole, parts, zone, first_row(whole, crowd))
    for i, piece in enumerate(pieces):
        if instant <= windows.reached(piece, zone):
            for fold in (0, 1):
                assert any(reads_utc(low, high, instant, zone, fold) for low, high in pieces[: i + 1])
            assert any(reads_naive(low, high, instant, zone, 0) for low, high in pieces[: i + 1])


@given(start=instants, length=st.integers(0, 40 * 86_400), zone=zones, parts=st.integers(2, 40), crowd=crowds)
@settings(deadline=None)
def test_days_cover_the_bounds(start: Any, length: Any, zone: Any, parts: Any, crowd: Any) -> None:
    """Whole days in a row, the first and the last of which hold the ends of the bounds; only a day alone isn't split."""
    bounds = windows.to_local(Window(start, start + timedelta(seconds=length)), zone)
    whole = windows.whole_days(bounds)
    assert whole[0] <= bounds[0]
    assert whole[1] >= bounds[1]
    days = windows.split_days(whole, parts, first_row(whole, crowd))
    assert (days[0][0], days[-1][1]) == whole
    assert all(after[0] - before[1] == SECOND for before, after in pairwise(days))
    assert all((low, high) == windows.whole_days((low, high)) for low, high in days)
    assert len(days) > 1 or whole[1] - whole[0] < timedelta(days=1)


@given(
    cursor=instants, ago=st.integers(0, 10**6), settle=st.integers(0, 3600), lookback=st.integers(0, 86_400)
)
def test_a_run_follows_on_the_one_before(cursor: Any, ago: Any, settle: Any, lookback: Any) -> None:
    """The next window begins no later than the cursor, ends before what has not settled, and is None only for nothing."""
    now = cursor + timedelta(seconds=ago)
    window = windows.next_window(cursor, now, settle=settle, lookback=lookback)
    if window is None:
        assert now - timedelta(seconds=settle) < cursor - timedelta(seconds=lookback)
    else:
        assert window.start == cursor - timedelta(seconds=lookback)
        assert window.end == now - timedelta(seconds=settle)


def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    """Start after end is an error that says so."""
    with pytest.raises(ConfigError, match="must start before it ends"):
        Window(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
