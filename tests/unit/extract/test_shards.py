"""Into which parts a first read is cut: they are the whole time, and each has about as many leads."""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.crm.base import Page
from connector.errors import ConfigError
from connector.extract import windows
from connector.extract.query import Query
from connector.extract.shards import LOOKS, Shard, cut
from connector.extract.windows import Window

START = datetime(2000, 1, 1, tzinfo=UTC)
END = datetime(2026, 6, 3, 19, tzinfo=UTC)
SECONDS = int((END - START).total_seconds())


class Crm:
    """Leads by the second in which each was modified; counts calls."""

    def __init__(self, times: list[int], *, totals: bool = True) -> None:
        self.zone = ZoneInfo("America/Los_Angeles")
        self.times = sorted(times)
        self.totals = totals
        self.calls = 0

    def search(self, bounds: Any, **_: Any) -> Page:
        self.calls += 1
        last = windows.local_to_utc(bounds[1], self.zone)
        number = bisect_right(self.times, int((last - START).total_seconds()))
        return Page([], number if self.totals else None, END)


def parts_of(crm: Crm, parts: int) -> list[Window]:
    job: Any = SimpleNamespace(reader=crm, query=Query())
    return cut(job, Window(START, END), parts)


@given(st.lists(st.integers(0, SECONDS), max_size=200), st.integers(1, 9), st.booleans())
@example([5] * 100, 8, True)
def test_parts_are_the_whole_time(times: list[int], number: int, totals: bool) -> None:
    """The first begins with it, the last ends with it, and each begins where the one before ends, wherever the leads are."""
    crm = Crm(times, totals=totals)
    parts = parts_of(crm, number)
    assert len(parts) == number
    assert (parts[0].start, parts[-1].end) == (START, END)
    assert all(one.end == other.start for one, other in pairwise(parts))
    assert crm.calls <= 1 + LOOKS * number


def test_parts_have_about_as_many_leads() -> None:
    """A book whose leads are all of the last two years of a quarter of a century."""
    crm = Crm([SECONDS - 60 * each for each in range(100_000)])
    sizes = []
    for part in parts_of(crm, 8):
        low, high = (bisect_right(crm.times, (at - START).total_seconds()) for at in (part.start, part.end))
        sizes.append(high - low)
    assert min(sizes) > 0.75 * 12_500
    assert max(sizes) < 1.25 * 12_500
    assert crm.calls < 100


def test_without_totals_parts_are_as_long_as_each_other() -> None:
    """A CRM that doesn't say how many leads there are is asked once."""
    crm = Crm([1, 2, 3], totals=False)
    lengths = [part.end - part.start for part in parts_of(crm, 4)]
    assert max(lengths) - min(lengths) <= timedelta(seconds=1)
    assert crm.calls == 1


@pytest.mark.parametrize("text", ["", "3", "0/8", "9/8", "3/0", "-1/8", "a/b", "1/257", "3/8/9"])
def test_what_is_no_part(text: str) -> None:
    """The message shows how a part is written."""
    with pytest.raises(ConfigError, match="such as 3/8"):
        Shard.parse(text)
    assert Shard.parse(" 3/8 ") == Shard(3, 8)
