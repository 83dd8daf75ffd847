"""The loop on machines whose clocks are wrong, or were: nobody's edit is overwritten, lost or called what it isn't."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector import loop
from connector.crm import clock
from connector.errors import StoppedError
from connector.events import Listener
from tests.properties.quick_loop import QuickLoop

HOUR, DAY = 3600.0, 86400.0


@pytest.fixture
def wrong_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets this machine's clock so many seconds ahead of the CRM's."""

    def set_clock(seconds: float) -> None:
        class Set(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return datetime.now(tz or UTC) + timedelta(seconds=seconds)

        monkeypatch.setattr(clock, "datetime", Set)

    return set_clock


class Said(Listener):
    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, sentence: str) -> None:
        self.notices.append(sentence)


def want(quick: QuickLoop, lead: str, tier: str) -> None:
    quick.write("delete from inputs.wanted where lead_id = :lead", lead=lead)
    quick.write("insert into inputs.wanted values (:lead, :tier, null)", lead=lead, tier=tier)


def last(quick: QuickLoop, lead: str) -> Any:
    query = "select state, code, recorded_at from leadloop.push_journal where lead_id = :lead order by sequence_number, seq"
    return quick.rows(query, lead=lead)[-1]


def read(quick: QuickLoop) -> None:
    loop.extract(quick.warehouse)
    loop.build(quick.warehouse)


@pytest.mark.long_if("postgres")
def test_wrong_clocks_make_no_false_verdict_and_overwrite_nobody(
    quick: QuickLoop, wrong_by: Callable[[float], None]
) -> None:
    """Whichever host's clock is wrong, what the CRM made of a value is ``reverted``, and a person's edit is a conflict."""
    for reading, sending in ((0.0, -HOUR), (DAY, HOUR)):
        crm = quick.begin()
        # A write moves the time of modification, and the CRM keeps its own form of what is written.
        crm.book.touch_on_api_edit = True
        crm.book._normalise = {"title": str.upper}
        quick.write("delete from inputs.wanted")
        changed, edited, *_ = crm.book.ids()
        crm.book.edit(changed, {"notes": "a person was here before"})
        wrong_by(reading)
        read(quick)
        for lead in (changed, edited):
            want(quick, lead, "gold")
        crm.clock.advance(5)
        wrong_by(sending)
        said = Said()
        assert loop.push(quick.warehouse, "scores", listener=said) is not None
        ahead = "ahead of" if sending > 0 else "behind"
        (notice,) = said.notices
        assert f"{ahead} the CRM's" in notice
        for lead in (changed, edited):
            state, _, at = last(quick, lead)
            assert state == "applied"
            assert abs(at.astimezone(UTC) - crm.clock.now()) < timedelta(minutes=9)
        crm.clock.advance(5)
        crm.book.edit(edited, {"title": "a person's"})
        crm.clock.advance(5)
        wrong_by(reading)
        read(quick)
        assert last(quick, changed)[:2] == ("reverted", "other_form")
        assert last(quick, edited)[:2] == ("conflict", "edited_after_push")
        want(quick, edited, "silver")
        wrong_by(sending)
        loop.push(quick.warehouse, "scores")
        assert crm.book.row(edited)["title"] == "A PERSON'S"


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_a_time_in_the_future_is_said_and_outranks_nothing(quick: QuickLoop) -> None:
    """Rows of an earlier version by a clock a day ahead come before what is read now; its cursor stops a push."""
    crm = quick.begin()
    quick.write("delete from inputs.wanted")
    lead, another, *_ = crm.book.ids()
    read(quick)
    want(quick, lead, "gold")
    loop.push(quick.warehouse, "scores")
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%F %T}+00:00"
    quick.write(
        "update leadloop.push_journal set recorded_at = cast(:at as timestamptz), sequence_number = null",
        at=tomorrow,
    )
    quick.write(
        "update convoso_raw.lead_versions set leadloop_seen_at = cast(:at as timestamptz), leadloop_sequence_number = null",
        at=tomorrow,
    )
    crm.clock.advance(5)
    crm.book.edit(lead, {"title": "a person's"})
    crm.clock.advance(5)
    want(quick, lead, "silver")
    said = Said()
    loop.extract(quick.warehouse, listener=said)
    loop.build(quick.warehouse)
    tables = [sentence.partition(":")[0] for sentence in said.notices]
    assert tables == ["convoso_raw.lead_versions", "leadloop.push_journal"]
    assert f"(of lead {lead}, for example) with a time in the future" in said.notices[1]
    assert quick.rows("select title from analytics.leads where lead_id = :lead", lead=lead) == [
        ("a person's",)
    ]
    want(quick, another, "gold")
    said = Said()
    loop.push(quick.warehouse, "scores", listener=said)
    assert crm.book.row(another)["title"] == "gold"
    assert len(said.notices) == 2
    assert crm.book.row(lead)["title"] == "a person's"
    cursors = quick.cursors("lead_versions")
    quick.put_cursors("lead_versions", dict.fromkeys(cursors, tomorrow.replace(" ", "T")))
    want(quick, another, "silver")
    with pytest.raises(StoppedError, match="Run leadloop extract"):
        loop.push(quick.warehouse, "scores")
    assert crm.book.row(another)["title"] == "gold"
    read(quick)
    loop.push(quick.warehouse, "scores")
    assert crm.book.row(another)["title"] == "silver"


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_what_we_deleted_while_the_crms_clock_was_ahead_is_seen_to_be_gone(quick: QuickLoop) -> None:
    """Its removal lies in the future and no search finds it yet; the lead is asked for, once, and nothing else is."""
    crm = quick.begin()
    lead = crm.book.ids()[0]
    quick.write("insert into inputs.unwanted values (:lead)", lead=lead)
    read(quick)
    crm.clock.advance(DAY)
    loop.push(quick.warehouse, "removing")
    crm.clock.advance(-DAY)
    assert lead not in crm.book.ids()
    shown = "select lead_id from analytics.leads where lead_id = :lead and removed_at is null"
    calls = []
    for _ in range(3):
        before = crm.calls.count()
        read(quick)
        assert quick.rows(shown, lead=lead) == []
        calls.append(crm.calls.count() - before)
    # An empty answer is believed when it has come twice.
    assert calls == [calls[1] + 2, calls[1], calls[1]]


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_an_edit_of_before_the_crms_clock_went_back_is_not_overwritten(quick: QuickLoop) -> None:
    """Its time lies in the CRM's future: no window of an extraction holds it, and the look before the push finds it."""
    crm = quick.begin()
    lead = crm.book.ids()[0]
    read(quick)
    want(quick, lead, "gold")
    loop.push(quick.warehouse, "scores", first=True)
    crm.clock.advance(5)
    read(quick)
    crm.clock.advance(5)
    crm.book.edit(lead, {"title": "a person's"})
    crm.clock.advance(-HOUR / 4)
    read(quick)
    want(quick, lead, "silver")
    loop.push(quick.warehouse, "scores")
    assert crm.book.row(lead)["title"] == "a person's"
    crm.clock.advance(HOUR / 2)
    read(quick)
    assert quick.rows("select title from analytics.leads where lead_id = :lead", lead=lead) == [
        ("a person's",)
    ]


@pytest.mark.parametrize("by", ["a person", "us"])
@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_a_lead_that_is_removed_after_the_crms_clock_went_back_is_gone(quick: QuickLoop, by: str) -> None:
    """It was modified after it was removed, says the CRM: one that has come back looks just the same, so it is asked for."""
    crm = quick.begin()
    lead = crm.book.ids()[0]
    crm.clock.advance(HOUR)
    crm.book.edit(lead, {"title": "a person's"})
    crm.clock.advance(5)
    read(quick)
    crm.clock.advance(-HOUR)
    if by == "us":
        quick.write("insert into inputs.unwanted values (:lead)", lead=lead)
        read(quick)
        loop.push(quick.warehouse, "removing")
    else:
        crm.book.archive(lead)
    assert lead not in crm.book.ids()
    crm.clock.advance(2 * HOUR)
    read(quick)
    shown = "select lead_id from analytics.leads where lead_id = :lead and removed_at is null"
    assert quick.rows(shown, lead=lead) == []
    crm.clock.advance(5)
    crm.book.restore(lead)
    crm.book.edit(lead, {"title": "is back"})
    crm.clock.advance(5)
    read(quick)
    assert quick.rows(shown, lead=lead) == [(lead,)]


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_a_lead_that_was_gone_when_we_deleted_it_is_asked_for(quick: QuickLoop) -> None:
    """Somebody removed it while the CRM's clock was ahead: no search finds that yet, and the delete says only that it is gone."""
    crm = quick.begin()
    lead = crm.book.ids()[0]
    read(quick)
    quick.write("insert into inputs.unwanted values (:lead)", lead=lead)
    crm.clock.advance(HOUR)
    crm.book.delete(lead)
    crm.clock.advance(-HOUR)
    read(quick)
    loop.push(quick.warehouse, "removing")
    assert crm.calls.count("delete") == 1
    crm.clock.advance(5)
    read(quick)
    shown = "select lead_id from analytics.leads where lead_id = :lead and removed_at is null"
    assert quick.rows(shown, lead=lead) == []
    loop.push(quick.warehouse, "removing")
    assert crm.calls.count("delete") == 1
