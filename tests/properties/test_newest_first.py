"""A list that is edited, added to and deleted from between any two pages costs no lead that nobody touched."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.crm.newest_first import Key, Listed, NewestFirst, instant, page_of
from connector.errors import IncompleteReadError, UnexpectedAnswerError

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Crm:
    """A list of ``[id, modified, created]`` as minutes after ``BEGIN``; ``plan`` is what happens before, in and after a call."""

    leads: dict[int, list[int]]
    size: int = 4
    order: str = "modified"
    plan: list[list[tuple[str, int]]] = field(default_factory=list)
    counts_first: bool = True
    touched: set[int] = field(default_factory=set)
    calls: int = 0
    now: int = 10_000

    def happen(self) -> None:
        for what, number in self.plan.pop(0) if self.plan else []:
            self.now += 1
            which = sorted(self.leads)[number % len(self.leads)] if self.leads else -1
            if what == "add":
                which = max(self.leads, default=0) + 1_000
                self.leads[which] = [self.now, self.now]
            elif what == "edit" and which in self.leads:
                self.leads[which][0] = self.now
            else:
                self.leads.pop(which, None)
            self.touched.add(which)

    def ordered(self) -> list[int]:
        place = 0 if self.order == "modified" else 1
        return sorted(self.leads, key=lambda each: (self.leads[each][place], each), reverse=True)

    def __call__(self, number: int) -> Listed:
        self.calls += 1
        self.happen()
        total = len(self.leads)
        if self.counts_first:
            self.happen()
        ids = self.ordered()[(number - 1) * self.size : number * self.size]
        rows = [row(each, *self.leads[each]) for each in ids]
        if not self.counts_first:
            self.happen()
            total = len(self.leads)
        return page_of(rows, total, self.size, BEGIN)

    def scan(self, since: int | None = None) -> list[str]:
        start = None if since is None else BEGIN + timedelta(minutes=since)
        pages = NewestFirst("pollybot", self, key, start)
        return [str(each["id"]) for page in pages for each in page.rows]


def row(number: int, modified: int, created: int) -> dict[str, Any]:
    return {
        "id": str(number),
        "updatedAt": (BEGIN + timedelta(minutes=modified)).isoformat(),
        "createdAt": (BEGIN + timedelta(minutes=created)).isoformat(),
    }


def key(each: Any) -> Key:
    return Key(each["id"], each["updatedAt"], each["createdAt"])


def grown(count: int, edited: int = 3) -> dict[int, list[int]]:
    """Leads made one after the other, of which every ``edited``-th was edited later."""
    return {n: [10 * n + (500 if edited and n % edited == 0 else 0), 10 * n] for n in range(1, count + 1)}


events = st.lists(
    st.tuples(st.sampled_from(["add", "edit", "delete", "delete"]), st.integers(0, 99)), max_size=1
)


@settings(max_examples=100)
@given(
    count=st.integers(0, 25),
    since=st.none() | st.integers(0, 700),
    plan=st.lists(events, max_size=14),
    first=st.booleans(),
    seldom=st.integers(2, 4),
)
def test_no_lead_that_nobody_touched_is_missing(
    count: int, since: int | None, plan: list[Any], first: bool, seldom: int
) -> None:
    """Whatever happens around the calls of a scan, whenever the server counts."""
    # At most one a call: within one call, an addition would hide a deletion in the total.
    quiet = [one if at % seldom == 0 else [] for at, one in enumerate(plan)]
    crm = Crm(grown(count), plan=quiet, counts_first=first)
    expected = {n: list(times) for n, times in crm.leads.items()}
    try:
        found = set(crm.scan(since))
    except IncompleteReadError:
        return
    wanted = {str(n) for n, times in expected.items() if n not in crm.touched and times[0] >= (since or -1)}
    assert wanted <= found


@pytest.mark.parametrize("counts_first", [True, False])
@pytest.mark.parametrize("since", [None, 40])
def test_a_deletion_at_any_moment_costs_no_other_lead(counts_first: bool, since: int | None) -> None:
    """Each lead of a list of three pages, deleted before, within and after each call."""
    for moment in range(16):
        for number in range(10):
            plan: list[list[tuple[str, int]]] = [[] for _ in range(moment)]
            crm = Crm(grown(10), plan=[*plan, [("delete", number)]], counts_first=counts_first)
            wanted = {str(n) for n, times in crm.leads.items() if times[0] >= (since or 0)}
            found = set(crm.scan(since))
            assert wanted - {str(n) for n in crm.touched} <= found


@pytest.mark.parametrize(("count", "since", "calls"), [(4, None, 1), (3, 0, 1), (9, None, 5), (40, 650, 1)])
def test_a_list_that_holds_still_is_read_once(count: int, since: int | None, calls: int) -> None:
    """Its first and last page twice where it has several; one call where that holds all that is wanted."""
    crm = Crm(grown(count), size=4 if count < 40 else 40)
    found = crm.scan(since)
    assert len(found) == len(set(found)) == sum(times[0] >= (since or 0) for times in crm.leads.values())
    assert crm.calls == calls


def test_leads_at_the_very_moment_are_in() -> None:
    """Several leads share the boundary's time, over the edge of a page."""
    leads = {n: [100 if n < 8 else 200 + n, 500 - n] for n in range(12)} | {
        20 + n: [50 - n, n] for n in range(9)
    }
    assert set(Crm(leads).scan(100)) == {str(n) for n in range(12)}


def test_a_server_that_ignores_the_order_is_read_whole() -> None:
    """By creation, an old lead that was edited just now stands on the last page."""
    leads = grown(30, edited=0)
    leads[2][0] = leads[17][0] = 5_000
    assert sorted(Crm(leads, order="created").scan(4_000)) == ["17", "2"]


def test_an_order_by_creation_is_not_taken_for_one_by_edit() -> None:
    """As long as nothing on a page was edited the two look alike, so reading goes on."""
    leads = grown(30, edited=0)
    leads[1][0] = 5_000
    assert Crm(leads, order="created").scan(4_000) == ["1"]


class Shuffled(Crm):
    """Leads of one moment come in another order on every call."""

    def ordered(self) -> list[int]:
        turn = self.calls * 7
        return sorted(
            self.leads, key=lambda each: (-self.leads[each][0], hash((each * 31 + turn) % 13), each)
        )


@pytest.mark.parametrize("since", [None, 100])
def test_a_moment_longer_than_a_page_is_read_until_it_is_whole(since: int | None) -> None:
    """An import of twelve leads in one moment, in pages of four."""
    leads = {n: [100, n] for n in range(12)} | {20: [300, 1], 21: [50, 2], 22: [40, 9]}
    crm = Shuffled(leads)
    expected = {str(n) for n, times in leads.items() if times[0] >= (since or 0)}
    assert set(crm.scan(since)) == expected
    assert crm.calls > 8


def test_a_total_that_is_never_reached_is_an_error() -> None:
    """The server says there are more leads than it shows."""
    leads = Crm(grown(6))

    def lying(number: int) -> Listed:
        page = leads(number)
        return Listed(page.rows, page.total + 5, page.size, page.asked_at)

    with pytest.raises(IncompleteReadError, match="has 11 leads, but only 6"):
        list(NewestFirst("pollybot", lying, key, None))


@pytest.mark.parametrize("order", ["modified", "created"])
@pytest.mark.parametrize("since", [None, 40])
@pytest.mark.parametrize("total", [0, 1, 2, 7, 13, 29])
def test_a_total_that_is_too_small_is_no_end(total: int, since: int | None, order: str) -> None:
    """Who shows more leads than it counts has the list read to where it shows no more."""
    crm = Crm(grown(30), order=order)

    def lying(number: int) -> Listed:
        return replace(crm(number), total=total)

    start = None if since is None else BEGIN + timedelta(minutes=since)
    found = {row["id"] for page in NewestFirst("pollybot", lying, key, start) for row in page.rows}
    assert found == {str(n) for n, times in crm.leads.items() if times[0] >= (since or 0)}
    assert crm.calls < 30


def test_a_list_that_goes_round_and_round_ends() -> None:
    """Pages that come again after others, without an end and whatever was counted: an error, and no endless reading."""
    crm = Crm(grown(8))
    pages = NewestFirst("pollybot", lambda number: replace(crm(1 + number % 2), total=7), key, None)
    with pytest.raises(IncompleteReadError, match="counts 7 leads and shows more, without an end"):
        list(pages)
    assert crm.calls < 100


def test_a_lead_without_a_time_is_always_wanted() -> None:
    """It may have been edited at any time; the list is then read whole."""

    def bare(number: int) -> Listed:
        rows: list[Any] = [{**row(1, 1, 1), "updatedAt": None}, row(2, 2, 2)]
        return Listed(rows, 2, 4, BEGIN)

    pages = NewestFirst("pollybot", bare, key, BEGIN + timedelta(minutes=99))
    assert [[each["id"] for each in page.rows] for page in pages] == [["1"], []]


def test_a_page_without_anything_new_shows_that_the_reading_goes_on() -> None:
    """A list without an order has to be read whole for what little was edited: each of its pages is heard of."""
    crm = Crm(grown(40, edited=0), order="created")
    pages = list(NewestFirst("pollybot", crm, key, BEGIN + timedelta(minutes=9_000)))
    assert len(pages) >= 10
    assert not any(page.rows for page in pages)


@pytest.mark.parametrize("total", [None, "7", True, -1])
def test_a_page_without_a_total_is_an_error(total: Any) -> None:
    """Without it nobody could tell that the list shrinks."""
    with pytest.raises(UnexpectedAnswerError):
        page_of([], total, 4, BEGIN)


def test_times_are_utc() -> None:
    """With an offset or without."""
    assert (
        instant("2026-03-01T01:00:00.000+01:00") == instant("2026-03-01T00:00:00Z") == instant("2026-03-01")
    )
    assert instant("yesterday") is None
    assert instant(None) is None


@pytest.mark.parametrize("edited", [0, 3])
def test_a_page_number_that_is_overlooked_is_no_complete_list(edited: int) -> None:
    """A list whose first page comes again as the second is not taken for read: an error says what is overlooked."""
    crm = Crm(grown(40, edited))
    pages = NewestFirst("pollybot", lambda _number: crm(1), key, None)
    with pytest.raises(UnexpectedAnswerError, match="overlooks the number of the page"):
        list(pages)
    assert crm.calls < 20
