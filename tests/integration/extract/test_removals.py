"""Deleted and archived leads: every one has a row, whatever happens meanwhile, and nobody else has one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.crm.http import Retry
from connector.errors import TransientError, UnexpectedAnswerError

NOON = datetime(2026, 6, 3, 19, tzinfo=UTC)  # 12:00 in Los Angeles


def removals(rig: Any) -> Any:
    return {(row["id"], row["removal"]) for row in rig.raw("lead_removals")}


def in_book(crm: Any) -> Any:
    return {
        (lead_id, removal) for removal in ("deleted", "archived") for lead_id in crm.book.removed(removal)
    }


def test_deleted_and_archived_leads_have_a_row_each(rig: Any, sandbox: Any, at: Any) -> None:
    """With every column the API shows, the kind and time of the removal, and nothing in lead_versions."""
    time = at(NOON)
    crm = sandbox(leads=40, clock=time)
    gone, away, *_ = crm.book.ids()
    first = rig.everything(crm)
    assert first.removals == 0
    time.now += timedelta(minutes=5)
    crm.book.delete(gone)
    crm.book.archive(away)
    time.now += timedelta(minutes=5)
    second = rig.everything(crm)
    assert (second.removals, second.rows, second.recordings) == (2, 0, None)
    rows = {row["id"]: row for row in rig.raw("lead_removals")}
    assert rows.keys() == {gone, away}
    for lead_id, removal in ((gone, "deleted"), (away, "archived")):
        shown = crm.book.row(lead_id)
        assert {name: rows[lead_id].get(name) for name in shown} == shown
        assert rows[lead_id]["removal"] == removal
        assert rows[lead_id]["removed_at"] == "2026-06-03 12:05:00"
        assert rows[lead_id]["leadloop_timezone"] == crm.timezone
        assert rows[lead_id]["leadloop_seen_at"]
    assert len(rig.raw()) == 40


@pytest.mark.long
def test_a_run_without_removals_costs_two_small_searches(duck: Any, sandbox: Any, at: Any) -> None:
    """And the one after a removal reads nothing twice but what lies within the lookback."""
    time = at(NOON)
    crm = sandbox(leads=40, clock=time)
    duck.everything(crm)
    time.now += timedelta(hours=1)
    before = crm.calls.count("search")
    duck.everything(crm, lookback=600)
    assert crm.calls.count("search") - before == 1 + 3  # the first asks what time it is there
    crm.book.delete(crm.book.ids()[0])
    time.now += timedelta(minutes=5)
    assert duck.everything(crm, lookback=600).removals == 1
    time.now += timedelta(minutes=5)
    assert duck.everything(crm, lookback=600).removals == 1
    time.now += timedelta(minutes=16)
    duck.everything(crm, lookback=600)
    time.now += timedelta(minutes=1)
    assert duck.everything(crm, lookback=600).removals == 0
    assert removals(duck) == in_book(crm)


def test_a_removal_on_the_boundary_second(duck: Any, sandbox: Any, at: Any) -> None:
    """Deleted in the very second in which a run's window ends, before or after its search: the next run has it."""
    time = at(NOON)
    crm = sandbox(leads=10, clock=time)
    duck.everything(crm)
    crm.book.delete(crm.book.ids()[0])
    crm.book.archive(crm.book.ids()[0])
    time.now += timedelta(seconds=1)
    duck.everything(crm)
    assert removals(duck) == in_book(crm)


@pytest.mark.long
@pytest.mark.parametrize("options", [{"envelope": "community"}, {"precision": "day"}])
def test_more_than_a_page_while_leads_come_and_go(duck: Any, sandbox: Any, options: Any) -> None:
    """Removed leads that are restored meanwhile move the others up: all that stay removed are read."""
    crm = sandbox(leads=600, **options)
    for lead_id in crm.book.ids()[:300]:
        crm.book.delete(lead_id)
    for lead_id in crm.book.ids()[:150]:
        crm.book.archive(lead_id)
    back = iter(crm.book.removed("deleted")[::7])
    answered = crm.vendors["convoso"]._search

    def search(request: Any) -> Any:
        if (lead_id := next(back, None)) is not None:
            crm.book.restore(lead_id)
        return answered(request)

    crm.vendors["convoso"]._actions["search"] = search
    duck.everything(crm, page_size=50)
    crm.vendors["convoso"]._actions["search"] = answered
    assert in_book(crm) <= removals(duck)
    duck.everything(crm, page_size=50)
    assert duck.missing(crm) == {}


def test_rows_that_do_not_show_when(duck: Any, sandbox: Any, at: Any) -> None:
    """A server that hides the time of a removal: the row says what, and not when."""
    time = at(NOON)
    crm = sandbox(leads=5, clock=time, show_removal_times=False)
    crm.book.delete(crm.book.ids()[0])
    duck.everything(crm)
    (row,) = duck.raw("lead_removals")
    assert (row["removal"], row["removed_at"]) == ("deleted", None)


def test_a_server_that_overlooks_the_filter_makes_nobody_a_removed_lead(
    duck: Any, sandbox: Any, at: Any
) -> None:
    """Nothing is kept of what it shows, the leads are read all the same, and the error names the setting."""
    crm = sandbox(leads=30, clock=at(NOON))
    crm.vendors["convoso"]._window = overlooking(crm.vendors["convoso"]._window)
    with pytest.raises(UnexpectedAnswerError, match=r"crm\.convoso\.removals"):
        duck.everything(crm)
    assert duck.raw("lead_removals") == []
    assert duck.missing(crm) == {}
    assert duck.everything(crm, removals=False).removals is None


def overlooking(window: Any) -> Any:
    return lambda name, params: None if name in ("deleted", "archived") else window(name, params)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["deleted_at", "archived_at"])
def test_a_kind_that_can_not_be_read_takes_nothing_from_the_others(
    duck: Any, sandbox: Any, at: Any, kind: Any
) -> None:
    """The other kinds are loaded, with their cursors; the next run brings what this one could not."""
    time = at(NOON)
    crm = sandbox(leads=30, clock=time)
    crm.book.delete(crm.book.ids()[0])
    crm.book.archive(crm.book.ids()[0])
    crm.book.call(crm.book.ids()[0])
    answered = crm.vendors["convoso"]._search

    def search(request: Any) -> Any:
        if f"{kind}_start" in request.params:
            return b'{"success": true, "data": {"leads": []}}'
        return answered(request)

    crm.vendors["convoso"]._actions["search"] = search
    with pytest.raises(UnexpectedAnswerError):
        duck.everything(crm, recordings=True)
    assert len(removals(duck)) == 1
    assert [key[: len(kind)] for key in duck.cursors("lead_removals")] != [kind]
    assert duck.cursor(crm) == NOON
    assert duck.raw("recordings")
    crm.vendors["convoso"]._actions["search"] = answered
    duck.everything(crm)
    assert removals(duck) == in_book(crm)


@pytest.mark.long
def test_an_outage_in_the_middle_loses_nothing(duck: Any, sandbox: Any, at: Any) -> None:
    """What was loaded before has its cursor, what was not is read by the next run."""
    duck.defaults["start"] = "2026-06-01"
    time = at(NOON)
    crm = sandbox(leads=100, clock=time)
    for lead_id in crm.book.ids()[:60]:
        time.now += timedelta(minutes=30)
        crm.book.delete(lead_id)
    crm.book.archive(crm.book.ids()[0])
    vendor, asked = crm.vendors["convoso"], iter(range(10_000))

    def search(request: Any) -> Any:
        if "deleted_at_start" in request.params and next(asked) == 16:
            crm.faults.add("status", 503)
        return vendor._search(request)

    vendor._actions["search"] = search
    with pytest.raises(TransientError):
        duck.everything(crm, chunk_rows=10, page_size=10, retry=Retry(attempts=2, first=0.001), concurrency=1)
    crm.faults.clear()
    assert 0 < len(removals(duck)) < 60
    assert len(duck.cursors("lead_removals")) == 1
    duck.everything(crm, page_size=20)
    assert removals(duck) == in_book(crm)


def test_a_backfill_covers_removals_and_moves_no_cursor(duck: Any, sandbox: Any, at: Any) -> None:
    """Those of its stretch of time are read, and neither cursor is there afterwards."""
    time = at(NOON)
    crm = sandbox(leads=10, clock=time)
    wanted, other, *_ = crm.book.ids()
    crm.book.delete(wanted)
    time.now += timedelta(days=3)
    crm.book.delete(other)
    done = duck.everything(crm, start=NOON - timedelta(days=1), end=NOON + timedelta(days=1))
    assert done.removals == 1
    assert removals(duck) == {(wanted, "deleted")}
    assert duck.cursors("lead_removals") == {}


def test_filters_narrow_removals_too_and_have_cursors_of_their_own(duck: Any, sandbox: Any, at: Any) -> None:
    """Only removed leads of the list come; without the filter the others follow."""
    crm = sandbox(leads=60, clock=at(NOON))
    mine = crm.book.row(crm.book.ids()[0])["list_id"]
    for lead_id in crm.book.ids()[:30]:
        crm.book.delete(lead_id)
    duck.everything(crm, filters={"list_id": mine})
    assert removals(duck) == {each for each in in_book(crm) if crm.book.row(each[0])["list_id"] == mine}
    duck.everything(crm)
    assert removals(duck) == in_book(crm)


@pytest.mark.long
def test_a_lead_that_was_to_be_read_back_and_is_gone(rig: Any, sandbox: Any, at: Any) -> None:
    """It is noted as deleted, without a time; a lead that is there is read, and an empty answer once is no proof."""
    crm = sandbox(leads=10, clock=at(NOON))
    gone, there, *_ = crm.book.ids()
    rig.everything(crm, removals=False)
    crm.book.delete(gone)
    done = rig.everything(crm, removals=False, again=[gone, there])
    assert (done.gone, done.read_back) == (1, 1)
    (row,) = rig.raw("lead_removals")
    assert (row["id"], row["removal"], row["removed_at"]) == (gone, "deleted", None)
    assert row["leadloop_timezone"] == crm.timezone
    once = crm.faults.add("empty_page", count=1, after=1)
    assert rig.everything(crm, removals=False, again=[there]).gone == 0
    assert once.fired == 1
    rig.everything(crm)
    assert {row["removed_at"] for row in rig.raw("lead_removals")} == {None, "2026-06-03 12:00:00"}
