"""Logged calls: each one is read, however many there are and whatever happens meanwhile, and none costs a call of its own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.config import Secret
from connector.crm.convoso import ConvosoReader
from connector.crm.http import Retry
from connector.crm.private import kept_private
from connector.errors import ConfigError, TransientError, UnexpectedAnswerError
from connector.extract.calls import CallsAsRows
from connector.extract.query import Query
from connector.extract.reading import Reading
from connector.extract.windows import Window

NOON = datetime(2026, 6, 3, 19, tzinfo=UTC)  # 12:00 in Los Angeles
LOG = {"calls": True, "calls_lookback": 0}


def read(rig: Any) -> list[str]:
    return [row["id"] for row in rig.raw("calls")]


def in_book(crm: Any) -> set[str]:
    return {each.recording_id for each in crm.book.calls(None, None)}


def asked(crm: Any) -> int:
    return sum(call.path.endswith("/log/retrieve") for call in crm.calls)


def test_each_call_is_a_row_and_the_next_run_reads_only_later_ones(duck: Any, sandbox: Any, at: Any) -> None:
    """With every column of the API as text; who finds none asks once."""
    time = at(NOON)
    crm = sandbox(leads=60, clock=time)
    first = duck.everything(crm, **LOG)
    assert set(read(duck)) == in_book(crm)
    assert first.logged_calls == len(read(duck)) > 0
    time.now += timedelta(hours=2)
    called = crm.book.ids()[7]
    call = crm.book.call(called, 90)
    time.now += timedelta(minutes=5)
    crm.calls.clear()
    assert duck.everything(crm, **LOG).logged_calls == 1
    assert asked(crm) == 1
    (row,) = [row for row in duck.raw("calls") if row["id"] == call]
    assert (row["lead_id"], row["call_date"], row["call_length"]) == (called, "2026-06-03 14:00:00", "90")
    assert f"https://convoso.com/recording/{call}.mp3" in row["recording"]
    assert (row["leadloop_timezone"], bool(row["leadloop_seen_at"])) == (crm.timezone, True)
    time.now += timedelta(hours=2)
    crm.calls.clear()
    assert duck.everything(crm, **LOG).logged_calls == 0
    assert asked(crm) == 1


def test_a_call_that_had_not_ended_is_found_by_the_next_run(duck: Any, sandbox: Any, at: Any) -> None:
    """It has the time at which it began, so the last hour is asked for again."""
    time = at(NOON)
    crm = sandbox(leads=5, clock=time)
    duck.everything(crm, calls=True)
    time.now += timedelta(minutes=30)
    late = crm.book.call(crm.book.ids()[0], 60)
    with crm.book.lock:
        # It began ten minutes before the last run, and is in the log only now.
        known = crm.book._recordings[int(crm.book.ids()[0])]
        known[-1] = replace(known[-1], start=known[-1].start - 2400)
    duck.everything(crm, calls=True)
    assert late in read(duck)


def test_off_by_default(duck: Any, sandbox: Any, at: Any) -> None:
    """Nobody is asked without the setting, and there is no table."""
    crm = sandbox(leads=20, clock=at(NOON))
    assert duck.everything(crm).logged_calls is None
    assert asked(crm) == 0


def test_more_calls_than_a_page_holds_are_read_whole(duck: Any, sandbox: Any, at: Any) -> None:
    """Also when more than a page begin in the same second, and when calls are made meanwhile."""
    time = at(NOON)
    crm = sandbox(leads=300, clock=time)
    ids = crm.book.ids()
    for number in range(1500):
        time.now += timedelta(seconds=1)
        crm.book.call(ids[number % len(ids)], 10)
    for number in range(700):
        crm.book.call(ids[number % len(ids)], 10)
    time.now += timedelta(minutes=5)
    before = in_book(crm)
    vendor = crm.vendors["convoso"]
    answered = vendor.desk.actions["log/retrieve"]

    def ringing(params: Any) -> Any:
        crm.book.call(ids[0], 5)
        return answered(params)

    vendor.desk.actions["log/retrieve"] = ringing
    duck.everything(crm, **LOG)
    assert before <= set(read(duck))
    assert asked(crm) < 60
    vendor.desk.actions["log/retrieve"] = answered
    time.now += timedelta(minutes=5)
    duck.everything(crm, **LOG)
    assert set(read(duck)) == in_book(crm)


def test_a_log_that_overlooks_the_time_is_found_out(duck: Any, sandbox: Any, at: Any) -> None:
    """It would show the same calls in every window; the leads are loaded all the same."""
    crm = sandbox(leads=600, clock=at(NOON))
    for lead_id in crm.book.ids():
        crm.book.call(lead_id, 10)
    answered = crm.vendors["convoso"].desk.actions["log/retrieve"]
    crm.vendors["convoso"].desk.actions["log/retrieve"] = lambda params: answered(
        {**params, "start_time": "2000-01-01 00:00:00", "end_time": "2036-01-01 00:00:00"}
    )
    with pytest.raises(UnexpectedAnswerError, match="overlooks the start and the end of the time filter"):
        duck.everything(crm, **LOG)
    assert len(duck.raw()) == 600


def test_an_outage_keeps_what_was_read(duck: Any, sandbox: Any, at: Any) -> None:
    """The next run reads every call once more from the cursor on, and none is missing."""
    time = at(NOON)
    crm = sandbox(leads=40, clock=time)
    crm.faults.add("status", 503, path="/v1/log/retrieve")
    with pytest.raises(TransientError):
        duck.everything(crm, retry=Retry(first=0.01, longest=0.01, attempts=2), **LOG)
    assert len(duck.raw()) == 40
    crm.faults.clear()
    duck.everything(crm, **LOG)
    assert set(read(duck)) == in_book(crm)


def test_a_filter_that_the_log_does_not_know_is_told(duck: Any, sandbox: Any, at: Any) -> None:
    """Calls of other leads are never read; the log can be narrowed by a list."""
    crm = sandbox(leads=60, clock=at(NOON))
    with pytest.raises(ConfigError, match="call log can't be narrowed by the filter 'owner_id'"):
        duck.everything(crm, filters={"owner_id": "30001"}, **LOG)
    wanted = next(iter(crm.book.leads.values())).get("list_id")
    duck.everything(crm, filters={"list_id": wanted}, **LOG)
    assert {row["list_id"] for row in duck.raw("calls")} <= {wanted}


def test_what_is_private_of_a_lead_is_private_of_its_calls(duck: Any, sandbox: Any, at: Any) -> None:
    """The number that was dialed is the lead's phone number."""
    crm = sandbox(leads=20, clock=at(NOON))
    settings = duck.settings(crm, leave_out=["last_name"], hash=["phone_number"], hash_salt=Secret("a-salt"))
    reader = kept_private(ConvosoReader(settings), settings)
    window = Window(NOON - timedelta(days=400), NOON)
    found = Reading(CallsAsRows(reader), window, Query("calls"))  # type: ignore[arg-type]
    rows = [row for batch in found for row in batch.table.to_pylist()]
    reader.close()
    assert rows
    for row in rows:
        assert "last_name" not in row
        assert {len(row["phone_number"]), len(row["number_dialed"])} == {64}
