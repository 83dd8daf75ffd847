"""A window is read whole, whatever is edited meanwhile and however little the server tells."""

import random
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.crm.base import Capabilities, Page
from connector.errors import IncompleteReadError, UnexpectedAnswerError
from connector.extract.edited import edited_since
from connector.extract.query import Query
from connector.extract.reading import Reading
from connector.extract.windows import Window

START = datetime(2026, 10, 31, 12, tzinfo=UTC)
END = datetime(2026, 11, 2, 12, tzinfo=UTC)  # Los Angeles sets its clocks back in between


@dataclass
class LiveCrm:
    """A CRM in memory whose leads are edited between, and never during, the answers it gives."""

    leads: dict[str, datetime]
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("America/Los_Angeles"))
    totals: str = "true"
    cap: int = 10
    days_only: bool = False
    edits_per_call: int = 0
    seed: int = 0
    calls: int = 0
    now: datetime = END + timedelta(hours=1)
    capabilities: Capabilities = field(default_factory=lambda: Capabilities("fake", frozenset(), 10, 100.0))

    def __post_init__(self) -> None:
        self.random, self.lock = random.Random(self.seed), threading.RLock()

    def search(
        self,
        bounds: Any,
        *,
        cursor_field: Any = "updated_at",
        precision: Any = "second",
        filters: Any = None,
        offset: Any = 0,
        limit: Any = None,
    ) -> Any:
        with self.lock:
            self.calls += 1
            self.now += timedelta(seconds=1)
            for lead_id in self.random.sample(sorted(self.leads), min(self.edits_per_call, len(self.leads))):
                self.leads[lead_id] = self.now
            low, high = bounds
            if self.days_only or precision == "day":
                low, high = (
                    low.replace(hour=0, minute=0, second=0),
                    high.replace(hour=23, minute=59, second=59),
                )
            matching = sorted((at, key) for key, at in self.leads.items() if low <= self.wall(at) <= high)
            page = matching[offset : offset + min(limit or 10, self.cap)]
            rows = [{"id": key, "modified_at": f"{self.wall(at):%F %T}"} for at, key in page]
            total = {
                "true": len(matching),
                "none": None,
                "page": len(rows),
                "half": len(matching) // 2,
                "double": 2 * len(matching),
            }[self.totals]
            return Page(rows, total, self.now)

    def wall(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone).replace(tzinfo=None)

    def get(self, lead_id: Any) -> Page:
        raise AssertionError("not called")

    def modified_at(self, row: Any) -> Any:
        return row["modified_at"]

    def lead_id(self, row: Any) -> Any:
        return row["id"]

    def close(self) -> None: ...


def read(crm: LiveCrm, **options: Any) -> list[str]:
    return ids(Reading(crm, Window(START, END), Query(), concurrency=2, **options))


def ids(reading: Reading) -> list[str]:
    return [row["id"] for batch in reading for row in batch.table.to_pylist()]


places = st.tuples(st.sampled_from([0, 0, 61_199, 61_200, 75_600, 172_800]), st.integers(0, 3))


def book(pairs: list[tuple[int, int]]) -> dict[str, datetime]:
    return {f"L{i}": START + timedelta(seconds=min(a + b, 172_800)) for i, (a, b) in enumerate(pairs)}


books = st.lists(places, max_size=60).map(book)
crowds = st.lists(places, min_size=20, max_size=60).map(book)


@settings(max_examples=150, deadline=None)
@given(
    leads=books,
    totals=st.sampled_from(["true", "none", "page"]),
    cap=st.sampled_from([10, 7, 4]),
    days_only=st.booleans(),
    edits=st.integers(0, 2),
    seed=st.integers(0, 99),
    precision=st.sampled_from(["second", "day"]),
)
def test_nothing_is_missing_under_live_edits(
    leads: Any, totals: Any, cap: Any, days_only: Any, edits: Any, seed: Any, precision: Any
) -> None:
    """Every lead that still has its old clock at the end was read, with or without totals, small pages and day servers."""
    if totals == "page":
        cap = 10  # a server that lies about the total *and* serves less than asked can't be told from an honest one
    crm = LiveCrm(dict(leads), totals=totals, cap=cap, days_only=days_only, edits_per_call=edits, seed=seed)
    found = set(read(crm, precision=precision))
    untouched = {key for key, at in crm.leads.items() if at == leads[key]}
    assert untouched <= found


@pytest.mark.parametrize("seed", range(20))
def test_nobody_moves_up_unseen_into_a_short_page(seed: Any) -> None:
    """Seven leads of one second, pages of four, no totals: leads that move up behind a read page are read as well."""
    second = START + timedelta(hours=17)
    crm = LiveCrm({f"L{i}": second for i in range(7)}, totals="none", cap=4, edits_per_call=2, seed=seed)
    found = set(read(crm))
    assert {key for key, at in crm.leads.items() if at == second} <= found


class ReadAndGone(LiveCrm):
    """Somebody edits the first lead of each page as soon as it was read, so that it leaves what is being paged."""

    def search(self, bounds: Any, **options: Any) -> Any:
        page = super().search(bounds, **options)
        if len(page.rows) > 1:
            self.leads[page.rows[0]["id"]] = self.now
        return page


@pytest.mark.parametrize("totals", ["true", "none"])
def test_leads_that_leave_shift_no_other_past_the_next_page(totals: Any) -> None:
    """A single second, which no neighbour reads again: only from the end on do its pages bring every lead that stays."""
    second = START + timedelta(hours=5)
    crm = ReadAndGone({f"L{i:03}": second for i in range(200)}, totals=totals)
    found = set(ids(Reading(crm, Window(second, second), Query(), concurrency=1)))
    untouched = {key for key, at in crm.leads.items() if at == second}
    assert untouched
    assert untouched <= found


def test_three_thousand_leads_on_one_second() -> None:
    """Bounds that can't be split are paged from the end, and every lead is there."""
    crm = LiveCrm({f"L{i}": START + timedelta(hours=5) for i in range(600)}, edits_per_call=1)
    before = dict(crm.leads)
    found = set(read(crm))
    untouched = {key for key, at in crm.leads.items() if at == before[key]}
    assert untouched
    assert untouched <= found


def test_a_single_call_reads_a_window_that_fits_a_page() -> None:
    """The everyday run, a few edits since the last one, costs one call."""
    crm = LiveCrm({f"L{i}": START + timedelta(minutes=i) for i in range(10)})
    assert len(read(crm)) == 10
    assert (
        crm.calls == 3
    )  # the page is exactly full, and a total may be the page's own length: two looks behind it
    crm = LiveCrm({f"L{i}": START + timedelta(minutes=i) for i in range(9)})
    assert len(read(crm)) == 9
    assert crm.calls == 1


class Overlooks(LiveCrm):
    """The first two answers about any bounds hold no leads, whatever is there."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.asked: Counter[tuple[datetime, datetime]] = Counter()

    def search(self, bounds: Any, **options: Any) -> Any:
        page = super().search(bounds, **options)
        self.asked[bounds] += 1
        return page if self.asked[bounds] > 2 else replace(page, rows=[])


class Denies(LiveCrm):
    """The first answer about any bounds says that there is none; but for the very first one, which has too small a total."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.asked: Counter[tuple[datetime, datetime]] = Counter()

    def search(self, bounds: Any, **options: Any) -> Any:
        page = super().search(bounds, **options)
        self.asked[bounds] += 1
        if self.asked.total() == 1:
            return replace(page, total=len(page.rows) - 1)
        return page if self.asked[bounds] > 1 else replace(page, rows=[], total=0)


class Wavering(LiveCrm):
    """A CRM whose totals are wrong now and then; where it serves less than it was asked for, its total tells."""

    def search(self, bounds: Any, *, limit: Any = None, **options: Any) -> Any:
        with self.lock:
            self.cap = self.random.choice([10, 10, 4])
            self.totals = "true" if self.cap < 10 else self.random.choice(["true", "none", "page", "half"])
            return super().search(bounds, limit=limit, **options)


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(leads=crowds, seed=st.integers(0, 9_999))
def test_a_total_that_says_more_than_was_read_is_looked_into(leads: Any, seed: Any) -> None:
    """Also after totals were found to be wrong: a short page is not all that there is as long as its total says so."""
    crm = Wavering(dict(leads), seed=seed)
    try:
        found = set(ids(Reading(crm, Window(START, END), Query(), concurrency=1)))
    except IncompleteReadError:
        return
    assert found == set(leads)
    assert crm.calls < 2_000


def test_a_short_page_of_one_second_is_read_to_its_end() -> None:
    """The same where bounds can't be split and a page comes from the middle."""
    second = START + timedelta(hours=5)
    read = 0
    for seed in range(60):
        crm = Wavering({f"L{i:02}": second for i in range(45)}, seed=seed)
        try:
            found = set(ids(Reading(crm, Window(second, second), Query(), concurrency=1)))
        except IncompleteReadError:
            continue
        assert found == set(crm.leads), seed
        read += 1
    assert read > 30


@pytest.mark.parametrize("totals", ["none", "page"])
def test_two_empty_answers_in_a_row_are_no_proof(totals: Any) -> None:
    """Where no total says how many leads there are, an empty page is believed when it came three times."""
    crm = Overlooks({f"L{i}": START + timedelta(minutes=i) for i in range(40)}, totals=totals)
    assert set(read(crm)) == set(crm.leads)


def test_a_total_of_none_is_no_proof_where_one_has_been_wrong() -> None:
    """An empty page is looked at again then, whatever its own total says."""
    crm = Denies({f"L{i}": START + timedelta(minutes=i) for i in range(40)})
    assert set(read(crm)) == set(crm.leads)


def test_a_day_server_is_recognised_and_old_rows_of_the_day_are_left_out() -> None:
    """Rows outside the bounds switch to whole days; of these, rows before the window are not loaded again."""
    crm = LiveCrm({f"L{i}": START + timedelta(minutes=i - 30) for i in range(60)}, days_only=True)
    reading = Reading(crm, Window(START, END), Query(), concurrency=2)
    found = set(ids(reading))
    assert reading.tally.precision == "day"
    assert {f"L{i}" for i in range(30, 60)} <= found
    assert "L0" not in found


def test_a_total_that_never_comes_true_is_an_error_that_ends() -> None:
    """A server that claims more leads than it shows is reported, not believed, and not asked for ever."""
    crm = LiveCrm({f"L{i}": START + timedelta(hours=5) for i in range(30)}, totals="double")
    with pytest.raises(IncompleteReadError, match="says that 60 leads match"):
        read(crm)
    assert crm.calls < 400


def test_checkpoints_follow_the_order_of_time() -> None:
    """Whatever is split and prefetched, batches arrive in order and their checkpoints never go back."""
    crm = LiveCrm({f"L{i}": START + timedelta(minutes=7 * i) for i in range(400)})
    reached = [
        batch.reached for batch in Reading(crm, Window(START, END), Query(), concurrency=4) if batch.reached
    ]
    assert reached == sorted(reached)
    assert reached[-1] == END


def test_edited_since_shows_the_leads_that_moved() -> None:
    """Only leads whose clock lies after the instant come back, as text by column."""
    crm = LiveCrm({"old": START, "new": END + timedelta(minutes=5)})
    assert edited_since(crm, END, END + timedelta(minutes=10), Query()).keys() == {"new"}


@dataclass
class Overlooking(LiveCrm):
    """A CRM that takes no notice of some of what it is asked."""

    overlooks: frozenset[str] = frozenset()
    shows_clock: bool = True

    def search(self, bounds: Any, *, offset: Any = 0, limit: Any = None, **options: Any) -> Any:
        low, high = bounds
        if "start" in self.overlooks:
            low = datetime(1970, 1, 1)
        if "end" in self.overlooks:
            high = datetime(2038, 1, 1)
        if "offset" in self.overlooks:
            offset = 0
        if "end of the list" in self.overlooks:
            offset = min(offset, len(self.leads) - 1)
        page = super().search((low, high), offset=offset, limit=limit, **options)
        if "bounds in totals" in self.overlooks:
            page = replace(page, total=len(self.leads))
        return page

    def modified_at(self, row: Any) -> Any:
        return row["modified_at"] if self.shows_clock else None


WORLD = Window(datetime(2000, 1, 1, tzinfo=UTC), END)


@pytest.mark.parametrize("spread", [timedelta(0), timedelta(seconds=1), timedelta(hours=1)])
@pytest.mark.parametrize("shows_clock", [True, False])
@pytest.mark.parametrize("totals", ["true", "none", "page"])
@pytest.mark.parametrize("overlooks", [{"start"}, {"end"}, {"start", "end"}])
def test_a_time_filter_that_is_overlooked_ends_the_reading(
    overlooks: Any, totals: Any, shows_clock: Any, spread: Any
) -> None:
    """Instead of windows of seconds for a quarter of a century: an error that names the filter, after a few calls."""
    crm = Overlooking(
        {f"L{i:03}": START + i * spread for i in range(40)},
        totals=totals,
        overlooks=frozenset(overlooks),
        shows_clock=shows_clock,
    )
    what = " and the ".join(part for part in ("start", "end") if part in overlooks)
    with pytest.raises(UnexpectedAnswerError, match=f"overlooks the {what} of the time filter 'updated_at'"):
        ids(Reading(crm, WORLD, Query(), concurrency=2))
    assert crm.calls < 1_000


@pytest.mark.parametrize("totals", ["true", "none", "page"])
@pytest.mark.parametrize("overlooks", ["offset", "end of the list"])
def test_an_offset_that_is_overlooked_ends_the_reading(totals: Any, overlooks: Any) -> None:
    """A page that comes again wherever it is asked to go on: an error that names offset, after a few calls."""
    crm = Overlooking(
        {f"L{i:03}": START + timedelta(hours=5) for i in range(40)},
        totals=totals,
        overlooks=frozenset({overlooks}),
    )
    with pytest.raises(UnexpectedAnswerError, match="overlooks 'offset'"):
        read(crm)
    assert crm.calls < 1_000


class Endless(LiveCrm):
    """Wherever it is asked to go on, it shows leads that it has never shown."""

    def search(self, bounds: Any, *, offset: Any = 0, **options: Any) -> Any:
        page = super().search(bounds, **options)
        return replace(page, rows=[{**row, "id": f"L{self.calls}-{row['id']}"} for row in page.rows])


def test_leads_from_any_place_on_end_the_reading() -> None:
    """No search for an end that isn't there goes on for ever."""
    second = START + timedelta(hours=5)
    crm = Endless({f"L{i:02}": second for i in range(30)}, totals="none")
    with pytest.raises(UnexpectedAnswerError, match="no end to look for"):
        ids(Reading(crm, Window(second, second), Query(), concurrency=1))
    assert crm.calls < 1_000


def test_totals_of_the_whole_account_are_not_believed() -> None:
    """They say at every bounds that a page isn't all; who shows nothing for a time long gone, but counts it, lies."""
    leads = {f"L{i:03}": START + timedelta(minutes=i) for i in range(40)}
    crm = Overlooking(leads, overlooks=frozenset({"bounds in totals"}))
    assert set(ids(Reading(crm, WORLD, Query(), concurrency=2))) == set(leads)
    assert crm.calls < 1_000
