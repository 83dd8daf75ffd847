"""Recorded calls: each one is read, however leads are called meanwhile, and only leads that were called cost a call."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.crm.http import Retry
from connector.errors import TransientError
from connector.extract import recordings

NOON = datetime(2026, 6, 3, 19, tzinfo=UTC)  # 12:00 in Los Angeles
NO_LOOKBACK = {"recordings": True, "recordings_lookback": 0}


def read(rig: Any) -> Any:
    return [row["recording_id"] for row in rig.raw("recordings")]


def in_book(crm: Any, until: Any = None) -> Any:
    return {
        each.recording_id
        for lead_id in crm.book.ids()
        for each in crm.book.recordings(lead_id)
        if until is None or each.start <= until.timestamp()
    }


def on_each(crm: Any, action: Any, happens: Any) -> None:
    """Something happens in the CRM right before it answers each call of this kind."""
    vendor = crm.vendors["convoso"]
    answered = vendor._actions[action]

    def answer(request: Any) -> Any:
        happens(request)
        return answered(request)

    vendor._actions[action] = answer


@pytest.mark.long
def test_only_leads_that_were_called_since_are_asked(rig: Any, sandbox: Any, at: Any) -> None:
    """A recording is a row with every column as text and the lead's id; the next run asks nobody in vain."""
    time = at(NOON)
    crm = sandbox(leads=60, clock=time)
    first = rig.everything(crm, **NO_LOOKBACK)
    assert set(read(rig)) == in_book(crm)
    assert first.recordings == len(read(rig))
    time.now += timedelta(hours=2)
    called = crm.book.ids()[7]
    recording = crm.book.call(called, 90)
    time.now += timedelta(minutes=5)
    crm.calls.clear()
    second = rig.everything(crm, **NO_LOOKBACK)
    assert [call.lead_id for call in crm.calls.select("get-recordings")] == [called]
    assert second.recordings == 1
    (row,) = [row for row in rig.raw("recordings") if row["recording_id"] == recording]
    seen_at, zone = row.pop("leadloop_seen_at"), row.pop("leadloop_timezone")
    assert (zone, bool(seen_at)) == (crm.timezone, True)
    assert {name: value for name, value in row.items() if not name.startswith("_dlt")} == {
        "recording_id": recording,
        "lead_id": called,
        "start_time": "2026-06-03 14:00:00",
        "end_time": "2026-06-03 14:01:30",
        "seconds": "90",
        "url": f"https://convoso.com/recording/{recording}.mp3",
    }
    time.now += timedelta(hours=2)
    crm.calls.clear()
    assert rig.everything(crm, **NO_LOOKBACK).recordings == 0
    assert crm.calls.count("get-recordings") == 0


def test_off_by_default(duck: Any, sandbox: Any, at: Any) -> None:
    """Each lead that was called costs a call, so nobody is asked without the setting."""
    crm = sandbox(leads=20, clock=at(NOON))
    assert duck.everything(crm).recordings is None
    assert crm.calls.count("get-recordings") == 0


@pytest.mark.long
@pytest.mark.parametrize("options", [{}, {"envelope": "community"}])
def test_leads_that_are_called_while_they_are_read(duck: Any, sandbox: Any, at: Any, options: Any) -> None:
    """A call moves its lead out of where it was looked for; no recording of before or after is missing for that."""
    time = at(NOON)
    crm = sandbox(leads=300, clock=time, **options)
    nth = iter(range(10_000))

    def ring(_request: Any) -> None:
        number, ids = next(nth), crm.book.ids()
        if number < 30:
            time.now += timedelta(seconds=1)
            crm.book.call(ids[number * 37 % len(ids)])

    on_each(crm, "search", ring)
    for _ in range(2):
        for lead_id in crm.book.ids()[::3]:
            time.now += timedelta(seconds=1)
            crm.book.call(lead_id)
        done = duck.everything(crm, page_size=50, **NO_LOOKBACK)
        assert in_book(crm, until=done.window.end) <= set(read(duck))


@pytest.mark.long
def test_a_lead_that_slipped_past_every_look_is_caught_up_with(
    duck: Any, sandbox: Any, at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no look shows all leads at once, the next run asks for recordings from further back."""
    monkeypatch.setattr(recordings, "LOOKS", 1)
    time = at(NOON)
    crm = sandbox(leads=120, clock=time)
    duck.everything(crm, page_size=20, **NO_LOOKBACK)
    (cursor,) = [key for key in duck.cursors("recordings") if not key.endswith("-whole")]
    assert f"{cursor}-whole" not in duck.cursors("recordings")
    duck.everything(crm, **NO_LOOKBACK)
    assert duck.cursors("recordings")[f"{cursor}-whole"] == NOON.isoformat()


@pytest.mark.long
def test_a_call_on_the_boundary_second(duck: Any, sandbox: Any, at: Any) -> None:
    """Two calls in the second in which a window ends, one before and one after the run."""
    time = at(NOON)
    crm = sandbox(leads=10, clock=time)
    crm.book.call(crm.book.ids()[0])
    duck.everything(crm, **NO_LOOKBACK)
    crm.book.call(crm.book.ids()[0])
    crm.book.call(crm.book.ids()[1])
    time.now += timedelta(seconds=30)
    duck.everything(crm, **NO_LOOKBACK)
    assert set(read(duck)) == in_book(crm)


@pytest.mark.parametrize("envelope", ["live", "community"])
def test_more_recordings_than_a_page_holds(duck: Any, sandbox: Any, at: Any, envelope: Any) -> None:
    """A lead that was called 230 times has 230 rows, with and without a total."""
    time = at(NOON)
    crm = sandbox(leads=3, clock=time, envelope=envelope)
    for _ in range(230):
        time.now += timedelta(seconds=61)
        crm.book.call(crm.book.ids()[1])
    duck.everything(crm, **NO_LOOKBACK)
    assert sorted(read(duck)) == sorted(in_book(crm))


@pytest.mark.long
def test_a_long_call_whose_recording_comes_late(duck: Any, sandbox: Any, at: Any) -> None:
    """Within ``recordings_lookback`` leads are asked again, so a recording that was not there yet is found."""
    time = at(NOON)
    crm = sandbox(leads=5, clock=time)
    lead_id = crm.book.ids()[0]
    duck.everything(crm, recordings=True)
    time.now += timedelta(minutes=1)
    crm.book.call(lead_id, 1800)
    late = crm.book._recordings[int(lead_id)].pop()
    time.now += timedelta(minutes=1)
    duck.everything(crm, recordings=True)
    assert late.recording_id not in read(duck)
    crm.book._recordings[int(lead_id)].append(late)
    time.now += timedelta(minutes=40)
    duck.everything(crm, recordings=True)
    assert late.recording_id in read(duck)


def test_a_call_that_goes_on_is_read_again_when_it_has_ended(duck: Any, sandbox: Any, at: Any) -> None:
    """Convoso shows such a recording with an empty end; within ``recordings_lookback`` its end comes as a later sighting."""
    time = at(NOON)
    crm = sandbox(leads=5, clock=time)
    duck.everything(crm, recordings=True)
    recording = crm.book.call(crm.book.ids()[0], 1800)
    shown = []
    for minutes in (1, 40):
        time.now += timedelta(minutes=minutes)
        duck.everything(crm, recordings=True)
        rows = [row for row in duck.raw("recordings") if row["recording_id"] == recording]
        shown.append({(row["start_time"], row["end_time"] or "", row["seconds"]) for row in rows})
    began = ("2026-06-03 12:00:00", "", None)
    assert shown == [{began}, {began, ("2026-06-03 12:00:00", "2026-06-03 12:30:00", "1800")}]


@pytest.mark.parametrize("path", ["leads/get-recordings", "lead/get-recordings"])
def test_recordings_are_read_at_either_path(duck: Any, sandbox: Any, at: Any, path: str) -> None:
    """Convoso's page names the one and shows the other."""
    crm = sandbox(leads=20, clock=at(NOON))
    duck.everything(crm, recordings=True, recordings_path=path)
    assert set(read(duck)) == in_book(crm)
    assert {call.path for call in crm.calls.select("get-recordings")} == {f"/v1/{path}"}


def test_a_lead_without_recordings_is_no_error(duck: Any, sandbox: Any, at: Any) -> None:
    """Neither is one that was deleted in between: the others' recordings are read."""
    from connector.sandbox.convoso_params import Refused

    time = at(NOON)
    crm = sandbox(leads=5, clock=time)
    *gone, there, _ = crm.book.ids()
    duck.everything(crm, **NO_LOOKBACK)
    time.now += timedelta(minutes=1)
    for lead_id in gone:
        crm.book.call(lead_id)
    wanted = crm.book.call(there)

    def refuse(request: Any) -> None:
        if request.params["lead_id"] in gone:
            raise Refused(("6001", "6005", "6071")[gone.index(request.params["lead_id"])])

    on_each(crm, "get-recordings", refuse)
    assert duck.everything(crm, **NO_LOOKBACK).recordings == 1
    assert wanted in read(duck)


@pytest.mark.long
def test_an_outage_in_the_middle_loses_nothing(duck: Any, sandbox: Any, at: Any) -> None:
    """The first run breaks off after some packages; the next one goes on, though its leads were called again."""
    time = at(NOON)
    crm = sandbox(leads=100, clock=time)
    for lead_id in crm.book.ids():
        time.now += timedelta(seconds=60)
        crm.book.call(lead_id)
    outage = crm.faults.add("status", 503, path="get-recordings", after=70)
    with pytest.raises(TransientError):
        duck.everything(
            crm,
            chunk_rows=25,
            page_size=50,
            retry=Retry(attempts=2, first=0.001),
            concurrency=1,
            **NO_LOOKBACK,
        )
    crm.faults.remove(outage)
    some = len(read(duck))
    assert 0 < some < len(in_book(crm))
    assert duck.cursors("recordings")
    for lead_id in crm.book.ids()[::2]:
        time.now += timedelta(seconds=1)
        crm.book.call(lead_id)
    duck.everything(crm, chunk_rows=25, page_size=50, **NO_LOOKBACK)
    assert set(read(duck)) == in_book(crm)


def test_a_backfill_reads_the_recordings_of_its_time(duck: Any, sandbox: Any, at: Any) -> None:
    """Also of leads that were called again later; no cursor moves."""
    time = at(NOON)
    crm = sandbox(leads=4, clock=time)
    lead_id = crm.book.ids()[0]
    inside = crm.book.call(lead_id)
    time.now += timedelta(days=9)
    crm.book.call(lead_id)
    duck.everything(crm, start=NOON - timedelta(days=1), end=NOON + timedelta(days=1), **NO_LOOKBACK)
    assert read(duck) == [inside]
    assert duck.cursors("recordings") == {}


def test_a_filter_of_the_last_call_leaves_recordings_out(duck: Any, sandbox: Any, at: Any) -> None:
    """They are searched for by that time themselves; the leads are read as the filter says."""
    time = at(NOON)
    crm = sandbox(leads=30, clock=time)
    crm.book.call(crm.book.ids()[0])
    done = duck.everything(crm, filters={"last_call_start_date": "2026-06-03 12:00:00"}, **NO_LOOKBACK)
    assert (done.rows, done.recordings) == (1, None)
