"""The cursor is the end of what was read whole; it lives in the warehouse and nowhere else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.crm.clock import CrmClock
from connector.crm.http import Retry
from connector.errors import TransientError

NOON = datetime(2026, 6, 3, 19, tzinfo=UTC)
ONE_TRY = Retry(attempts=2, first=0.001, longest=0.002)


def test_a_new_machine_goes_on_where_the_last_one_stopped(rig: Any, sandbox: Any, at: Any) -> None:
    """The second run reads the overlap and what is new, and nothing else; its cursor is the end of its window."""
    time = at(NOON)
    crm = sandbox(leads=300, clock=time)
    assert rig.cursor(crm) is None
    first = rig.extract(crm, settle=60)
    assert first.rows >= 300
    assert rig.cursor(crm) == NOON - timedelta(seconds=60)
    time.now += timedelta(minutes=30)
    edited = crm.book.ids()[5]
    crm.book.edit(edited, {"status": "SALE"})
    second = rig.extract(crm, lookback=600)
    assert second.window.start == NOON - timedelta(seconds=660)
    assert second.rows == 1
    assert second.calls == 1
    assert rig.missing(crm) == {}


@pytest.mark.long
@pytest.mark.parametrize("precision", ["second", "day"])
def test_years_without_leads_cost_nothing(duck: Any, sandbox: Any, at: Any, precision: Any) -> None:
    """A first run asks about a quarter of a century, and hardly more often than its pages are."""
    crm = sandbox(leads=3_000, clock=at(NOON), precision=precision)
    done = duck.extract(crm, page_size=100)
    assert done.rows >= 3_000
    # Where a window can't be cut within a day, what is read twice depends on which of the answers comes first.
    assert done.calls < (3 if precision == "day" else 1.2) * 3_000 / 100
    assert duck.missing(crm) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        timedelta(days=2),
        *(pytest.param(each, marks=pytest.mark.long) for each in (timedelta(0), timedelta(days=-300))),
    ],
)
def test_a_first_read_makes_no_call_to_ask_the_time(
    duck: Any, sandbox: Any, at: Any, wrong: timedelta
) -> None:
    """Its first page tells it: 50 full pages take 52 calls, and whatever this machine's clock says, the CRM's ends the window."""
    at(NOON + wrong)
    crm = sandbox(leads=2_500, clock=lambda: NOON)
    done = duck.extract(crm, page_size=50, settle=60)
    assert len(crm.calls) == done.calls <= 54
    assert done.window.end == duck.cursor(crm) == NOON - timedelta(seconds=60)
    assert duck.missing(crm) == {}


def test_edits_that_have_not_settled_are_left_to_the_next_run(duck: Any, sandbox: Any, at: Any) -> None:
    """A lead edited a moment ago may be read now or later, but not never."""
    time = at(NOON)
    crm = sandbox(leads=50, clock=time)
    crm.book.edit(crm.book.ids()[0], {"status": "SALE"})
    first = duck.extract(crm, settle=60)
    assert first.window.end == NOON - timedelta(seconds=60)
    time.now += timedelta(seconds=61)
    duck.extract(crm, settle=60)
    assert duck.missing(crm) == {}


def test_a_backfill_leaves_the_cursor(duck: Any, sandbox: Any, at: Any) -> None:
    """Reading a stretch of time again loads its leads and moves nothing; neither does one before the first run."""
    time = at(NOON)
    crm = sandbox(leads=0, clock=time)
    for days in range(10):
        crm.book.add({"first_name": f"{days}"}, modified_at=NOON - timedelta(days=days))
    backfill = {"start": NOON - timedelta(days=5), "end": NOON - timedelta(days=2)}
    assert duck.extract(crm, **backfill).rows == 4
    assert duck.cursor(crm) is None
    assert duck.extract(crm).rows == 10
    assert duck.extract(crm, **backfill).rows == 4
    assert duck.cursor(crm) == NOON


def test_every_set_of_filters_has_a_cursor_of_its_own(duck: Any, sandbox: Any, at: Any) -> None:
    """What a filtered run left out is read by the run without filters."""
    time = at(NOON)
    crm = sandbox(leads=200, clock=time)
    mine = {"list_id": crm.book.row(crm.book.ids()[0])["list_id"]}
    filtered = duck.extract(crm, filters=mine)
    assert 0 < filtered.rows < 200
    assert duck.cursor(crm, filters=mine) == NOON
    assert duck.cursor(crm) is None
    duck.extract(crm)
    assert duck.missing(crm) == {}


@pytest.mark.long
def test_only_the_crms_clock_moves_the_cursor(duck: Any, sandbox: Any, at: Any) -> None:
    """A machine that is a day ahead, then a day behind, reads what was edited in between, and its cursor is the CRM's."""
    crm = sandbox(leads=20, clock=lambda: NOON)
    for hours, wrong in enumerate((timedelta(days=1), timedelta(days=-1), timedelta(0))):
        at(NOON + wrong + timedelta(hours=hours))
        end = NOON + timedelta(hours=hours, seconds=-60)
        assert duck.extract(crm, settle=60).window.end == end
        assert duck.cursor(crm) == end
        assert duck.missing(crm) == {}
        crm.book.edit(crm.book.ids()[hours], {"status": "SALE"})
        crm.clock.advance(3600)


def test_a_cursor_in_the_future_is_not_believed(
    rig: Any, sandbox: Any, at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cursor that an earlier version wrote by a clock a day ahead is put back, and no edit after it is missed."""
    crm = sandbox(leads=20, clock=lambda: NOON)
    with monkeypatch.context() as earlier:
        earlier.setattr(CrmClock, "heard", lambda *_: None)
        at(NOON + timedelta(days=1))
        rig.extract(crm, settle=60)
    at(NOON)
    crm.book.edit(crm.book.ids()[3], {"status": "SALE"})
    crm.clock.advance(3600)
    crm.book.edit(crm.book.ids()[4], {"status": "SALE"})
    crm.clock.advance(3600)
    said: list[str] = []
    rig.extract(crm, settle=60, say=said.append)
    assert rig.missing(crm) == {}
    assert rig.cursor(crm) == NOON + timedelta(seconds=7140)
    assert [sentence.partition(",")[0] for sentence in said] == [
        "convoso: an earlier run noted that lead_versions are read up to 2026-06-04 18:59:00 UTC"
    ]
    assert rig.extract(crm, settle=60, say=said.append).rows == 0
    assert len(said) == 1


def test_without_the_crms_time_a_clock_that_went_back_moves_nothing(
    duck: Any, sandbox: Any, at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CRM that doesn't say its time is read by this machine's: behind the cursor it reads nothing, and the cursor stays."""
    monkeypatch.setattr(CrmClock, "heard", lambda *_: None)
    time = at(NOON)
    crm = sandbox(leads=20, clock=time)
    duck.extract(crm)
    time.now -= timedelta(hours=1)
    assert duck.extract(crm).window is None
    assert duck.cursor(crm) == NOON


@pytest.mark.parametrize("fault", ["status=503", "empty_page"])
def test_a_run_that_fails_leaves_the_cursor_before_what_it_did_not_read(
    duck: Any, sandbox: Any, at: Any, fault: Any
) -> None:
    """Whole chunks stay, with the cursor that belongs to them; the next run brings the rest."""
    time = at(NOON)
    crm = sandbox(leads=1000, clock=time)
    duck.defaults["start"] = "2026-03-01"
    kind, _, status = fault.partition("=")
    broken = crm.faults.add(kind, float(status) if status else None, after=25)
    with pytest.raises(Exception, match="convoso"):
        duck.extract(crm, page_size=50, chunk_rows=200, retry=ONE_TRY, concurrency=1)
    crm.faults.remove(broken)
    cursor = duck.cursor(crm)
    assert cursor is None or cursor < NOON
    read = {row["id"] for row in duck.raw()}
    assert len(read) < 1000
    for lead_id in crm.book.ids():
        if cursor and datetime.fromtimestamp(crm.book.find(lead_id).updated, UTC) <= cursor:
            assert lead_id in read
    duck.extract(crm, page_size=50)
    assert duck.missing(crm) == {}


@pytest.mark.long_if("postgres")
def test_chunks_are_points_to_resume_from(rig: Any, sandbox: Any, at: Any) -> None:
    """A long first run that breaks off keeps what it loaded, and the next one reads only the rest."""
    crm = sandbox(leads=1200, clock=at(NOON))
    rig.defaults["start"] = "2026-03-01"
    outage = crm.faults.add("status", 503, after=35)
    with pytest.raises(TransientError):
        rig.extract(crm, page_size=40, chunk_rows=200, retry=ONE_TRY, concurrency=1)
    loaded = len(rig.raw())
    assert 200 <= loaded < 1200
    crm.faults.remove(outage)
    assert rig.extract(crm, page_size=40).rows < 1200 - loaded + 150
    assert rig.missing(crm) == {}


def test_changed_at_sees_what_updated_at_does_not(duck: Any, sandbox: Any, at: Any) -> None:
    """With ``changed_at`` as the cursor's clock, edits made through the API are read although ``modified_at`` stays."""
    time = at(NOON)
    crm = sandbox(leads=700, clock=time, touch_on_api_edit=False)
    duck.extract(crm, cursor="changed_at", page_size=100)
    assert duck.missing(crm) == {}
    time.now += timedelta(minutes=10)
    for lead_id in crm.book.ids()[::3]:
        crm.book.api_edit(lead_id, {"lead_score": "7"})
    second = duck.extract(crm, cursor="changed_at", page_size=100)
    assert 234 <= second.rows < 500
    assert duck.missing(crm) == {}
    assert duck.cursor(crm) is None


@pytest.mark.long
def test_changed_at_on_a_server_that_only_knows_days(duck: Any, sandbox: Any, at: Any) -> None:
    """Rows don't show the clock that was asked for, and still the day is read in bounded time."""
    time = at(NOON)
    crm = sandbox(leads=0, clock=time, precision="day")
    for number in range(300):
        crm.book.add({"first_name": f"n{number}"}, modified_at=NOON - timedelta(days=3))
    for lead_id in crm.book.ids():
        crm.book.api_edit(lead_id, {"lead_score": "7"})
    extracted = duck.extract(crm, cursor="changed_at", page_size=100)
    assert extracted.calls < 1000
    assert duck.missing(crm) == {}
