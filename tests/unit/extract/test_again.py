"""Leads that are read by their ids: how many at once, in how many calls, and what is believed of a group or a search."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.crm.base import Bounds, Capabilities, Page, Precision
from connector.errors import AuthError, TransientError, UnexpectedAnswerError
from connector.extract.again import FEW, WORTH, in_order, read_again

CAN = Capabilities(
    vendor="some", modes=frozenset(), page_size=100, max_rate=1.0, cursor_fields=("updated_at", "changed_at")
)
IDS = [f"L{number:03}" for number in range(60)]
LONG_AGO = datetime(2026, 3, 1, tzinfo=UTC)


class Crm:
    """Leads in memory; every call is noted as what it asked for."""

    zone = ZoneInfo("UTC")

    def __init__(self, most_ids: int = 1, there: Sequence[str] = IDS) -> None:
        self.capabilities = replace(CAN, most_ids=most_ids)
        self.there = set(there)
        self.calls: list[Any] = []
        self.found: Mapping[str, Sequence[str]] = {}
        """Time filter -> what a search by it finds."""
        self.answers: Callable[[Sequence[str]], Sequence[str]] = lambda lead_ids: lead_ids
        """The ids in the answer to a call for many."""

    def page(self, lead_ids: Sequence[str], total: int | None = None) -> Page:
        rows = [{"id": each, "from": str(self.calls[-1])} for each in lead_ids if each in self.there]
        return Page(rows, total, datetime.now(UTC))

    def get(self, lead_id: str) -> Page:
        self.calls.append(lead_id)
        return self.page([lead_id])

    def get_many(self, lead_ids: Sequence[str]) -> Page:
        self.calls.append(list(lead_ids))
        return self.page(self.answers(lead_ids))

    def search(
        self,
        bounds: Bounds | None,
        *,
        cursor_field: str = "updated_at",
        precision: Precision = "second",
        filters: Mapping[str, str] | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Page:
        self.calls.append((cursor_field, offset, bounds))
        found = self.found.get(cursor_field, ())
        return self.page(found[offset : offset + (limit or 100)], len(found))

    def lead_id(self, row: Mapping[str, Any]) -> str:
        return str(row["id"])

    def modified_at(self, row: Mapping[str, Any]) -> str | None:
        return None

    def close(self) -> None: ...


def ids_of(seen: Iterator[tuple[str, Page]]) -> list[str]:
    """The leads, in the order of their ids; each page holds its lead alone."""
    found = list(seen)
    assert all([row["id"] for row in page.rows] in ([lead_id], []) for lead_id, page in found)
    return sorted(lead_id for lead_id, _ in found)


def test_as_many_calls_are_under_way_as_are_allowed() -> None:
    """Eight at once, of which each waits for the other seven; never a ninth."""
    crm, together = Crm(), threading.Barrier(8)
    lock, now, most = threading.Lock(), 0, 0
    get = crm.get

    def waiting(lead_id: str) -> Page:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait(10)
        with lock:
            now -= 1
        return get(lead_id)

    crm.get = waiting  # type: ignore[method-assign]
    assert ids_of(read_again(crm, IDS[:48], concurrency=8)) == IDS[:48]
    assert (len(crm.calls), most) == (48, 8)


def test_a_call_that_fails_ends_the_reading() -> None:
    """Its error is raised, and of a thousand leads no more are asked for than were under way."""
    crm = Crm()

    def fails(lead_id: str) -> Page:
        crm.calls.append(lead_id)
        raise TransientError("The CRM is down.")

    crm.get = fails  # type: ignore[method-assign]
    with pytest.raises(TransientError):
        list(read_again(crm, [str(each) for each in range(1000)], concurrency=4))
    assert len(crm.calls) <= 8


def test_a_lead_is_gone_only_after_it_was_asked_for_twice() -> None:
    """Whether it was in a group before or not."""
    for most, calls in ((1, 2), (100, 2 + 1)):
        crm = Crm(most, there=IDS[1:])
        (page,) = [page for lead_id, page in read_again(crm, IDS) if lead_id == IDS[0]]
        assert not page.rows
        alone = [each for each in crm.calls if each == IDS[0]]
        assert len(alone) + sum(isinstance(each, list) for each in crm.calls) == calls


@pytest.mark.parametrize("leads", [50, 500])
def test_a_crm_that_shows_many_leads_in_a_call_is_asked_for_many(leads: int) -> None:
    """One call per hundred; what was written to last comes first."""
    ids = [f"L{number:03}" for number in range(leads)]
    crm = Crm(100, there=ids)
    written = {each: LONG_AGO + timedelta(seconds=int(each[1:])) for each in ids}
    assert ids_of(read_again(crm, ids, written=written)) == ids
    assert len(crm.calls) == -(-leads // 100)
    assert [each for part in sorted(crm.calls, reverse=True) for each in part] == ids[::-1]


def test_few_leads_are_no_group() -> None:
    """A group may take two calls, as two leads do."""
    crm = Crm(100)
    assert ids_of(read_again(crm, IDS[: FEW - 1])) == crm.calls == IDS[: FEW - 1]


def test_what_a_group_does_not_show_is_asked_for_alone() -> None:
    """One call for all, and one for each lead that is not in its answer."""
    crm = Crm(100)
    crm.answers = lambda lead_ids: lead_ids[:-3]
    assert ids_of(read_again(crm, IDS)) == IDS
    assert [len(each) if isinstance(each, list) else each for each in crm.calls] == [60, *IDS[-3:]]


@pytest.mark.parametrize("odd", [["L999"], ["L000"]], ids=["another lead", "one lead twice"])
def test_a_group_that_shows_others_is_not_believed(odd: list[str]) -> None:
    """Nothing of it, and no further group is asked for: every lead is asked for alone."""
    crm = Crm(20, there=[*IDS, "L999"])
    crm.answers = lambda lead_ids: [*lead_ids, *odd]
    found = dict(read_again(crm, IDS, concurrency=1))
    assert all(page.rows[0]["from"] == lead_id for lead_id, page in found.items())
    assert [each for each in crm.calls if isinstance(each, str)] == IDS
    assert len(crm.calls) <= len(IDS) + 2


def test_a_group_that_fails_costs_only_its_own_call() -> None:
    """Asked for single leads, the CRM says what is wrong; but a CRM that refuses the credentials is asked nothing more."""
    crm = Crm(100)

    def fails(error: Exception) -> None:
        def answers(lead_ids: Sequence[str]) -> Sequence[str]:
            raise error

        crm.calls.clear()
        crm.answers = answers

    fails(UnexpectedAnswerError("odd"))
    assert ids_of(read_again(crm, IDS)) == IDS
    assert len(crm.calls) == 1 + len(IDS)
    fails(AuthError("refuses the key"))
    with pytest.raises(AuthError):
        list(read_again(crm, IDS))
    assert len(crm.calls) == 1


@pytest.mark.parametrize("leads", [50, 500])
def test_a_search_shows_what_was_written(leads: int) -> None:
    """One page per hundred leads, of what was modified since shortly before the first write; no call for a single lead."""
    ids = [f"L{number:03}" for number in range(leads)]
    crm = Crm(there=ids)
    crm.found = {"changed_at": ids}
    written = {each: LONG_AGO + timedelta(seconds=int(each[1:])) for each in ids}
    assert ids_of(read_again(crm, ids, written=written)) == ids
    assert len(crm.calls) == -(-leads // 100)
    ((field, _, bounds), *_) = crm.calls
    assert field == "changed_at"
    before = LONG_AGO.replace(tzinfo=None) - bounds[0]
    assert timedelta(minutes=5) <= before <= timedelta(minutes=5, seconds=1)


def test_a_search_that_shows_none_costs_one_call_for_each_clock() -> None:
    """And every lead is asked for alone."""
    crm = Crm()
    crm.found = {"changed_at": ["other"] * 500, "updated_at": ["other"] * 500}
    assert ids_of(read_again(crm, IDS, concurrency=1, written=dict.fromkeys(IDS, LONG_AGO))) == IDS
    assert [each[0] for each in crm.calls[:2]] == ["changed_at", "updated_at"]
    assert crm.calls[2:] == IDS


def test_a_search_is_asked_only_where_it_may_save_calls() -> None:
    """Not for a few leads, and not for those of which nobody knows when they were written to."""
    crm = Crm()
    crm.found = {"changed_at": IDS}
    list(read_again(crm, IDS[:WORTH], written=dict.fromkeys(IDS[:WORTH], LONG_AGO)))
    assert sorted(crm.calls) == IDS[:WORTH]
    crm.calls.clear()
    list(read_again(crm, IDS))
    assert sorted(crm.calls) == IDS


def test_a_search_is_not_asked_about_what_was_just_written() -> None:
    """A search may show an edit late: the lead is asked for alone, until ``settle`` seconds are over."""
    crm = Crm()
    crm.found = {"changed_at": IDS}
    now = datetime.now(UTC)
    written = {each: now - timedelta(seconds=30 if each in IDS[:10] else 90) for each in IDS}
    found = dict(read_again(crm, IDS, written=written, settle=60))
    assert {each for each, page in found.items() if page.rows[0]["from"] == each} == set(IDS[:10])
    assert len(crm.calls) == 1 + 10


def test_a_search_that_fails_is_no_obstacle() -> None:
    """The account may lack the filter: every lead is asked for alone."""
    crm = Crm()

    def fails(*_: Any, **__: Any) -> Page:
        raise UnexpectedAnswerError("odd")

    crm.search = fails  # type: ignore[method-assign]
    assert ids_of(read_again(crm, IDS, written=dict.fromkeys(IDS, LONG_AGO))) == IDS


def test_answers_come_in_the_order_of_the_questions() -> None:
    """And nothing is asked that is further ahead than keeps the threads busy."""
    asked: list[int] = []

    def ask(number: int) -> int:
        asked.append(number)
        return number

    with ThreadPoolExecutor(4) as pool:
        answers = in_order(pool, ask, range(1000), 4)
        assert next(answers) == (0, 0)
        assert len(asked) <= 8
        assert [number for number, _ in answers] == list(range(1, 1000))
