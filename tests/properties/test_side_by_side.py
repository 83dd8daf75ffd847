"""Several pages of one window are read side by side: with next to no call more than there are pages, and no lead less."""

import random
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.config import MOST_PAGES
from connector.crm.base import Capabilities, Page
from connector.errors import AuthError, RefusedError, TransientError, UnexpectedAnswerError
from connector.extract.query import Query
from connector.extract.reading import AHEAD, Reading
from connector.extract.several import TOGETHER
from connector.extract.windows import Window

START = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=100))
SECONDS = 100 * 86_400


Order = Literal["time", "id"]


class Crm:
    """Leads (seconds after ``START``, id), ``size`` on a page; counts calls, also those under way.

    It counts up to ``counts`` and shows no more of any bounds, as some search engines do. ``by``: what its pages are ordered by.
    """

    def __init__(
        self, times: list[int], size: int, *, offsets: Any = "any", counts: int = 10**9, by: Order = "time"
    ) -> None:
        names = [f"L{number:06}" for number in range(len(times))]
        if by == "id":
            random.Random(0).shuffle(names)
        self.rows = sorted(zip(times, names, strict=True))
        self.capabilities = Capabilities("fake", frozenset(), size, max_rate=100.0, offsets=offsets)
        self.zone = ZoneInfo("UTC")
        self.calls = self.under_way = self.most_under_way = 0
        self.low = self.high = 0.0
        self.before: Callable[[int, int], None] = lambda offset, limit: None
        self._counts, self._by = counts, by
        self._lock = threading.Lock()

    def search(self, bounds: Any, *, offset: int = 0, limit: int = 0, **_: Any) -> Page:
        with self._lock:
            self.calls += 1
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            try:
                self.low, self.high = (
                    (bound.replace(tzinfo=UTC) - START).total_seconds() for bound in bounds
                )
                self.before(offset, limit)
                matching = self._between(self.low, self.high)[: self._counts]
            finally:
                self.under_way -= 1
        rows: list[dict[str, Any]] = [
            {"id": lead_id, "modified_at": f"{START + timedelta(seconds=at):%F %T}"}
            for at, lead_id in matching[offset : offset + limit]
        ]
        return Page(rows, len(matching), START)

    def _between(self, low: float, high: float) -> list[tuple[int, str]]:
        if self._by == "id":
            return sorted((row for row in self.rows if low <= row[0] <= high), key=lambda row: row[1])
        return self.rows[bisect_left(self.rows, (low, "")) : bisect_right(self.rows, (high, "~"))]

    def lead_id(self, row: Any) -> str:
        return str(row["id"])

    def modified_at(self, row: Any) -> str:
        return str(row["modified_at"])

    @property
    def ids(self) -> set[str]:
        return {lead_id for _, lead_id in self.rows}


def leave(crm: Crm, place: int) -> None:
    """A lead is edited now, and so leaves every window of the past."""
    del crm.rows[place]


def enter(crm: Crm, at: int, lead_id: str) -> None:
    """A lead comes into a window of the past, as one does whose edit was searchable late."""
    insort(crm.rows, (at, lead_id))


def evenly(count: int) -> list[int]:
    return [number * SECONDS // count for number in range(count)]


def by_day(count: int) -> list[int]:
    """Nearly all on weekdays, from eight to eight."""
    chance = random.Random(count)
    days = [day for day in range(100) for _ in range(20 if day % 7 < 5 else 1)]
    return [int(chance.choice(days) * 86_400 + chance.triangular(8, 20, 13) * 3600) for _ in range(count)]


def reading(crm: Any, concurrency: int | None = 1) -> Reading:
    return Reading(crm, WINDOW, Query(), concurrency=concurrency)


def ids(one: Reading) -> list[str]:
    return [row["id"] for batch in one for row in batch.table.to_pylist()]


@pytest.mark.parametrize("pages", [100, 400])
@pytest.mark.parametrize("times", [evenly, pytest.param(by_day, marks=pytest.mark.long)])
def test_a_first_read_costs_hardly_more_calls_than_there_are_pages(times: Any, pages: int) -> None:
    """At most 5 % more, however many pages there are and however uneven the days."""
    crm = Crm(times(pages * 200), 200)
    found = ids(reading(crm))
    assert set(found) == crm.ids
    assert crm.calls <= 1.05 * pages
    assert len(found) <= 1.01 * len(crm.rows)


@pytest.mark.parametrize(("pages", "most"), [(2, 4), (20, 22), (50, 52), (90, 92)])
def test_what_fits_side_by_side_costs_two_more_calls(pages: int, most: int) -> None:
    """The first page of a window is read once more with all before its end, and what follows is read side by side."""
    crm = Crm(evenly(pages * 200), 200)
    found = ids(reading(crm))
    assert set(found) == crm.ids
    assert len(found) == len(crm.rows)
    assert crm.calls <= most


def test_a_window_of_no_lead_or_of_less_than_a_page_costs_one_call() -> None:
    """And a full page costs one that finds nothing behind it and one that finds its last lead where it was."""
    for leads, calls in ((0, 1), (1, 1), (9, 1), (10, 3)):
        crm = Crm(evenly(leads), 10)
        assert len(ids(reading(crm))) == leads
        assert crm.calls == calls


@pytest.mark.long
def test_numbered_pages_cost_hardly_more() -> None:
    """A CRM whose pages begin only at multiples of their size is asked for no place in between."""
    crm = Crm(evenly(200_000), 2000, offsets="pages")
    places: list[tuple[int, int]] = []
    crm.before = lambda offset, limit: places.append((offset, limit))
    assert set(ids(reading(crm))) == crm.ids
    assert crm.calls <= 105
    assert all(offset % limit == 0 for offset, limit in places)


@pytest.mark.parametrize("pages", [100, 400])
def test_no_more_pages_wait_in_a_large_book(pages: int) -> None:
    """While nobody takes them, fetching stops at a number of pages that does not depend on how many there are."""
    crm = Crm(evenly(pages * 50), 50)
    stalled = threading.Event()
    batches = iter(reading(crm, concurrency=4))
    for taken in range(10, pages // 2, 10):
        list(islice(batches, 10))
        calls = -1
        while calls != crm.calls or crm.under_way:
            calls = crm.calls
            stalled.wait(0.02)
        # What later bounds showed early waits behind the pages that a slow first page turns out to have before it.
        assert crm.calls - taken <= 2 * AHEAD
    assert sum(1 for _ in batches)


@pytest.mark.parametrize(("concurrency", "most"), [(1, 1), (3, 3), (None, MOST_PAGES)])
def test_no_more_calls_are_under_way_than_may_be(concurrency: Any, most: int) -> None:
    """A setting is kept to; without one there is a limit all the same."""
    crm = Crm(evenly(20_000), 100)
    assert len(set(ids(reading(crm, concurrency)))) == 20_000
    assert crm.most_under_way <= most


KINDS = pytest.mark.parametrize(("offsets", "by"), [("any", "time"), ("pages", "time"), ("pages", "id")])
"""What is known of a CRM's pages: where one begins, and their order."""


class Counted(Reading):
    """Counts how many bounds with several pages were accepted, and how many were not."""

    accepted = refused = 0

    def _side_by_side(self, ahead: Any, first: Any) -> Any:
        is_whole = yield from super()._side_by_side(ahead, first)
        self.accepted += is_whole
        self.refused += not is_whole
        return is_whole


def counted(crm: Any, concurrency: int | None = 1) -> Counted:
    return Counted(crm, WINDOW, Query(), concurrency=concurrency)


@KINDS
def test_a_lead_that_leaves_hides_no_other(offsets: Any, by: Any) -> None:
    """It moves the first lead of the next page up into a page that was read: then there are fewer than there were."""
    crm = Crm(evenly(1_900), 100, offsets=offsets, by=by)

    def edited(offset: int, _: int) -> None:
        if offset and len(crm.rows) > 1_895:
            leave(crm, bisect_left(crm.rows, (crm.low, "")))

    crm.before = edited
    one = counted(crm)
    found = set(ids(one))
    assert crm.ids <= found
    assert len(crm.rows) == 1_895
    assert one.refused


def test_two_leads_of_one_second_that_change_places_are_both_read() -> None:
    """One of them comes twice, and all else is as it was: as many distinct leads as the total says have to be there."""
    crm = Crm([number // 60 * 3600 for number in range(950)], 50)
    swapped = 0

    def edited(offset: int, _: int) -> None:
        nonlocal swapped
        if offset:
            seam = bisect_left(crm.rows, (crm.low, "")) + offset
            (at, one), (then, other) = crm.rows[seam - 1], crm.rows[min(seam + 1, len(crm.rows) - 1)]
            if at == then and swapped < 10:
                crm.rows[seam - 1], crm.rows[seam + 1] = (at, other), (then, one)
                swapped += 1

    crm.before = edited
    one = counted(crm)
    assert set(ids(one)) == crm.ids
    assert swapped == 10
    assert one.refused


@KINDS
@pytest.mark.parametrize("call", range(2, 14))
def test_one_that_leaves_and_one_that_enters_hide_no_other(offsets: Any, by: Any, call: int) -> None:
    """Then totals and the number of leads are as before, but a page does not begin with the last leads of the one before."""
    crm = Crm(evenly(475), 50, offsets=offsets, by=by)
    old = crm.ids

    def edited(_: int, __: int) -> None:
        if crm.calls == call:
            leave(crm, 2)
            leave(crm, 240)
            enter(crm, SECONDS // 2 - 1, "M-new")
            enter(crm, SECONDS - 1, "N-new")

    crm.before = edited
    found = set(ids(reading(crm)))
    assert crm.ids & old <= found


@KINDS
@pytest.mark.parametrize("counts", [400, 600, 950])
def test_a_server_that_counts_and_shows_no_further_is_noticed(offsets: Any, by: Any, counts: int) -> None:
    """As many leads as its total says are then not all, and nothing follows the last page: the largest total is not believed."""
    crm = Crm(evenly(2_000), 50, offsets=offsets, by=by, counts=counts)
    one = counted(crm)
    assert set(ids(one)) == crm.ids
    assert one.accepted


def test_a_total_that_counts_no_further_is_noticed() -> None:
    """A server that never says more than 300 shows more: the page that should be the last one is full."""
    crm = Crm(evenly(950), 50)
    search = crm.search
    crm.search = lambda *given, **more: (  # type: ignore[method-assign]
        replace(page, total=min(page.total or 0, 300 if page.total != 950 else 301))
        for page in [search(*given, **more)]
    ).__next__()
    one = counted(crm)
    assert set(ids(one)) == crm.ids
    assert one.refused


@pytest.mark.parametrize("error", [RefusedError, UnexpectedAnswerError, TransientError])
@pytest.mark.parametrize("concurrency", [pytest.param(2, marks=pytest.mark.long), None])
def test_a_server_that_shows_no_place_far_from_the_first_is_read_in_smaller_bounds(
    error: Any, concurrency: Any
) -> None:
    """Nobody relies on deep offsets: what is refused or fails there is asked for from nearer on, and hardly tried again."""
    crm = Crm(evenly(20_000), 50)
    failed = 0

    def shallow(offset: int, _: int) -> None:
        nonlocal failed
        if offset > 1000:
            failed += 1
            raise error("does not allow the offset")

    crm.before = shallow
    assert set(ids(reading(crm, concurrency))) == crm.ids
    assert 0 < failed < 100
    assert crm.calls < 2 * 400


@pytest.mark.parametrize("error", [TransientError, AuthError])
def test_a_server_that_answers_nobody_any_more_is_an_error(error: Any) -> None:
    """No page is taken for one that is only far away, and the CRM is not asked for all that is left."""
    crm = Crm(evenly(4_000), 50)

    def down(_: int, __: int) -> None:
        if crm.calls > 20:
            raise error("is down")

    crm.before = down
    with pytest.raises(error):
        ids(reading(crm, 4))
    assert crm.calls <= 20 + 2 * (AHEAD + 4)


class Days(Crm):
    """Answers whole days, whatever second it is asked for; between two answers somebody edits a lead, until now."""

    def __init__(self, count: int, size: int, **options: Any) -> None:
        super().__init__([99 * 86_400 + number * 80_000 // count for number in range(count)], size, **options)
        self.now = 99 * 86_400 + 80_000
        self.edited = set[str]()

    def search(self, bounds: Any, **options: Any) -> Page:
        low, high = bounds
        page = super().search(
            (
                low.replace(hour=0, minute=0, second=0),
                high.replace(hour=23, minute=59, second=59),
            ),
            **options,
        )
        with self._lock:
            self.now += 1
            if self.calls % 2:
                place = self.calls * 7 % len(self.rows)
                _, lead_id = self.rows.pop(place)
                self.rows.append((self.now, lead_id))
                self.edited.add(lead_id)
        return page


@pytest.mark.parametrize("offsets", ["any", "pages"])
def test_a_server_of_whole_days_is_recognised(offsets: Any) -> None:
    """Leads that are edited meanwhile then come back at its end; they and all others are read."""
    crm = Days(600, 50, offsets=offsets)
    one = Reading(crm, Window(START, START + timedelta(days=99, seconds=60_000)), Query(), concurrency=2)  # type: ignore[arg-type]
    found = set(ids(one))
    assert one.tally.precision == "day"
    assert crm.ids - crm.edited <= found


def test_a_server_of_whole_days_is_recognised_where_rows_show_no_clock() -> None:
    """Each part of a day would be the whole day, read side by side again and again."""
    crm = Crm([number * 172_800 // 6_000 for number in range(6_000)], 50)
    search = crm.search

    def of_days(bounds: Any, **options: Any) -> Page:
        low, high = bounds
        first, last = low.replace(hour=0, minute=0, second=0), high.replace(hour=23, minute=59, second=59)
        return search((first, last), **options)

    crm.search = of_days  # type: ignore[method-assign]
    crm.modified_at = lambda row: None  # type: ignore[method-assign, assignment, return-value]
    one = Reading(crm, WINDOW, Query("deleted_at"), concurrency=1)  # type: ignore[arg-type]
    found = ids(one)
    assert one.tally.precision == "day"
    assert set(found) == crm.ids
    assert len(found) < 2 * 6_000


@pytest.mark.parametrize("size", [7, 30])
def test_a_server_with_smaller_pages_than_asked_for_is_read_side_by_side_all_the_same(size: int) -> None:
    """Places follow what a page holds, not what was asked for."""
    crm = Crm(evenly(600), 50)
    search = crm.search
    crm.search = lambda bounds, *, limit, **more: search(bounds, limit=min(limit, size), **more)  # type: ignore[method-assign]
    one = counted(crm)
    assert set(ids(one)) == crm.ids
    assert one.accepted
    assert crm.calls <= 1.2 * 600 / (size - 1)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("offsets", ["any", "pages"])
def test_leads_of_one_second_that_change_places_are_all_read(offsets: Any, seed: int) -> None:
    """Where a lead comes twice, another one did not come: as many distinct leads as the total says have to be there."""
    chance = random.Random(seed)
    crm = Crm([number // 7 * 3600 for number in range(475)], 50, offsets=offsets)

    def shuffled(_: int, __: int) -> None:
        names = [lead_id for _, lead_id in crm.rows]
        for first in range(0, 475, 7):
            part = names[first : first + 7]
            chance.shuffle(part)
            names[first : first + 7] = part
        crm.rows = [(at, name) for (at, _), name in zip(crm.rows, names, strict=True)]

    crm.before = shuffled
    assert len(set(ids(reading(crm)))) == 475


def test_pages_are_fewer_after_a_lead_left_and_more_again_later() -> None:
    """Where people edit much, bounds are so small that they can be read between two edits."""
    crm = Crm(evenly(40_000), 100)
    one = reading(crm)
    sizes: list[int] = []

    def edited(_: int, __: int) -> None:
        sizes.append(one._several.together)
        if crm.calls == 50:
            leave(crm, 6000)

    crm.before = edited
    found = ids(one)
    assert crm.ids <= set(found)
    assert sizes[0] == TOGETHER
    assert min(sizes) == TOGETHER // 2 < sizes[-1]
    assert crm.calls < 1.25 * 400


edits = st.dictionaries(
    st.integers(2, 40), st.tuples(st.integers(0, 10**6), st.booleans(), st.integers(0, 10**6)), max_size=8
)


@settings(max_examples=80, deadline=None)
@given(
    leads=st.integers(0, 700),
    kinds=st.integers(1, 40),
    size=st.sampled_from([20, 35, 50]),
    pages=st.sampled_from([("any", "time"), ("pages", "time"), ("pages", "id")]),
    counts=st.sampled_from([60, 150, 400, 10**9]),
    shows=st.sampled_from([15, 50]),
    edited=edits,
    concurrency=st.sampled_from([1, 3, None]),
    seed=st.integers(0, 99),
)
def test_whoever_stays_is_read(
    leads: Any,
    kinds: Any,
    size: Any,
    pages: Any,
    counts: Any,
    shows: Any,
    edited: Any,
    concurrency: Any,
    seed: Any,
) -> None:
    """Wherever others leave the window or come into it while pages are under way, and however far the server counts."""
    chance = random.Random(seed)
    times = sorted(chance.randrange(kinds) * SECONDS // kinds + chance.randrange(3600) for _ in range(leads))
    offsets, by = pages
    crm = Crm(times, size, offsets=offsets, by=by, counts=counts)
    search = crm.search
    crm.search = lambda bounds, *, limit, **more: search(bounds, limit=min(limit, shows), **more)  # type: ignore[method-assign]
    old = crm.ids

    def edit(_: int, __: int) -> None:
        if crm.rows and (change := edited.get(crm.calls)):
            place, comes, at = change
            leave(crm, place % len(crm.rows))
            if comes:
                enter(crm, at % SECONDS, f"{chance.choice('KLM')}-new{crm.calls}")

    crm.before = edit
    found = set(ids(reading(crm, concurrency)))
    assert crm.ids & old <= found
