"""Convoso's search in the sandbox: paging, filters, closed windows, days, daylight saving time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.sandbox import Sandbox

Start = Callable[..., Sandbox]
Ask = Callable[..., Any]
Entries = Callable[..., list[dict[str, Any]]]
NOON = datetime(2026, 3, 3, 20, tzinfo=UTC)


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def test_pages_tile_the_whole_book(start: Start, entries: Entries) -> None:
    """Offset and limit lead to every lead once, each as the book shows it."""
    crm = start(leads=205)
    found = [row for offset in range(0, 300, 50) for row in entries(crm, offset=offset, limit=50)]
    assert {row["id"]: row for row in found} == crm.book.rows()
    assert len(found) == 205


def test_ten_leads_are_a_page_by_default(start: Start, ask: Ask) -> None:
    """Without a limit there are ten, and the total is text."""
    data = ask(start(leads=30), "search").json()["data"]
    assert (data["offset"], data["limit"], data["total"], len(data["entries"])) == (0, 10, "30", 10)


def test_two_thousand_leads_fit_a_page(start: Start, entries: Entries) -> None:
    """The largest limit is served whole, in the order of the last edit."""
    crm = start(leads=2_100, timezone="UTC")
    rows = entries(crm, limit=2000, updated_at_start_date="2000-01-01 00:00:00")
    assert len(rows) == 2_000
    assert [row["modified_at"] for row in rows] == sorted(row["modified_at"] for row in rows)


@pytest.mark.parametrize("limit", ["0", "2001", "-1", "ten", "1.5", "99999999999999999999"])
def test_a_bad_limit_is_7258(start: Start, ask: Ask, limit: str) -> None:
    """The error comes with HTTP 200."""
    answer = ask(start(leads=1), "search", limit=limit)
    assert answer.status_code == 200
    assert answer.json() == {"success": False, "code": 7258, "text": "Invalid limit value"}


def test_a_bad_offset_is_7231(start: Start, ask: Ask) -> None:
    """A negative offset is no offset."""
    assert ask(start(leads=1), "search", offset="-1").json()["code"] == 7231


def test_an_offset_behind_the_end_shows_nothing(start: Start, ask: Ask) -> None:
    """The total is still told."""
    data = ask(start(leads=3), "search", offset=50).json()["data"]
    assert (data["entries"], data["total"]) == ([], "3")


def test_windows_are_closed_at_both_ends(start: Start, entries: Entries) -> None:
    """A lead on the first or last second of a window is in it; one a second beside it is not."""
    crm = start(leads=0, timezone="UTC")
    added = [crm.book.add(modified_at=NOON + timedelta(seconds=second)) for second in range(5)]
    window = {"updated_at_start_date": "2026-03-03 20:00:01", "updated_at_end_date": "2026-03-03 20:00:03"}
    assert ids(entries(crm, **window)) == added[1:4]


def test_three_thousand_leads_can_share_a_second(start: Start, ask: Ask) -> None:
    """They come in the order of their ids, over as many pages as it takes."""
    crm = start(leads=0, timezone="UTC")
    added = [crm.book.add(modified_at=NOON) for _ in range(3_000)]
    window = {"updated_at_start_date": "2026-03-03 20:00:00", "updated_at_end_date": "2026-03-03 20:00:00"}
    pages = [ask(crm, "search", limit=2000, offset=offset, **window).json()["data"] for offset in (0, 2000)]
    assert {page["total"] for page in pages} == {"3000"}
    assert ids(pages[0]["entries"]) + ids(pages[1]["entries"]) == added


@pytest.mark.parametrize("precision", ["second", "day"])
def test_a_server_that_knows_only_days_answers_whole_days(
    start: Start, entries: Entries, precision: str
) -> None:
    """The time of day in the bounds counts, or is ignored."""
    crm = start(leads=0, precision=precision)
    added = [crm.book.add(modified_at=NOON + timedelta(hours=hour)) for hour in (-30, -11, 0, 11, 30)]
    window = {"updated_at_start_date": "2026-03-03 12:00:00", "updated_at_end_date": "2026-03-03 12:00:00"}
    assert ids(entries(crm, **window)) == (added[2:3] if precision == "second" else added[1:4])


@pytest.mark.parametrize("precision", ["second", "day"])
def test_a_bound_without_a_time_is_the_whole_day(start: Start, entries: Entries, precision: str) -> None:
    """From the first second of the local day to its last."""
    crm = start(leads=0, precision=precision)
    moments = ("2026-03-03T07:59:59", "2026-03-03T08:00:00", "2026-03-04T07:59:59", "2026-03-04T08:00:00")
    added = [crm.book.add(modified_at=datetime.fromisoformat(f"{moment}+00:00")) for moment in moments]
    found = entries(crm, updated_at_start_date="2026-03-03", updated_at_end_date="2026-03-03")
    assert ids(found) == added[1:3]


@pytest.mark.parametrize(("fold", "expected"), [(0, [0]), (1, [1])])
def test_the_hour_that_happens_twice_is_read_as_the_option_says(
    start: Start, entries: Entries, fold: int, expected: list[int]
) -> None:
    """Two leads an hour apart show the same local time, and a bound means the first hour or the second."""
    crm = start(leads=0, fold=fold)
    first = datetime(2025, 11, 2, 8, 30, tzinfo=UTC)
    added = [crm.book.add(modified_at=first + timedelta(hours=hour)) for hour in (0, 1)]
    assert {row["modified_at"] for row in entries(crm)} == {"2025-11-02 01:30:00"}
    window = {"updated_at_start_date": "2025-11-02 01:30:00", "updated_at_end_date": "2025-11-02 01:30:00"}
    assert ids(entries(crm, **window)) == [added[each] for each in expected]


def test_the_hour_that_does_not_happen_loses_no_lead(start: Start, entries: Entries) -> None:
    """Bounds in the missing hour of March are read with the offset before the change."""
    crm = start(leads=0)
    change = datetime(2026, 3, 8, 10, tzinfo=UTC)
    added = [crm.book.add(modified_at=change + timedelta(minutes=minute)) for minute in (-1, 0, 59)]
    assert [row["modified_at"][11:] for row in entries(crm)] == ["01:59:00", "03:00:00", "03:59:00"]
    window = {"updated_at_start_date": "2026-03-08 02:00:00", "updated_at_end_date": "2026-03-08 02:59:59"}
    assert ids(entries(crm, **window)) == added[1:]


def test_a_day_of_twentyfive_hours_is_answered_whole(start: Start, entries: Entries) -> None:
    """The day on which the clock goes back has every one of its leads."""
    crm = start(leads=0, precision="day")
    first = datetime(2025, 11, 2, 7, tzinfo=UTC)
    added = [crm.book.add(modified_at=first + timedelta(hours=hour)) for hour in range(-1, 26)]
    found = entries(crm, limit=100, updated_at_start_date="2025-11-02", updated_at_end_date="2025-11-02")
    assert ids(found) == added[1:26]


@pytest.mark.parametrize("bound", ["yesterday", "2026-02-30", "2026-03-03 25:00:00", "03/03/2026"])
def test_a_date_that_cannot_be_read_is_refused(start: Start, ask: Ask, bound: str) -> None:
    """A filter that isn't understood never widens the answer."""
    answer = ask(start(leads=3), "search", updated_at_start_date=bound).json()
    assert answer == {"success": False, "code": 400, "text": "Invalid date in updated_at_start_date"}


def test_every_field_filter_finds_its_leads(start: Start, ask: Ask) -> None:
    """Each documented filter shows exactly the leads whose field has the value."""
    from connector.sandbox.convoso import FIELD_FILTERS

    crm = start(leads=300)
    rows = crm.book.rows()
    lead_id = crm.book.ids()[7]
    crm.book.edit(lead_id, {name: f"Véry {name}" for name in FIELD_FILTERS if "phone" not in name})
    crm.book.edit(lead_id, {"alt_phone_1": "(213) 555-0199", "alt_phone_2": "2135550198"})
    wanted = crm.book.row(lead_id)
    rows = crm.book.rows()
    for name in FIELD_FILTERS:
        data = ask(crm, "search", limit=2000, **{name: wanted[name]}).json()["data"]
        expected = {each for each, row in rows.items() if row[name] == wanted[name]}
        assert set(ids(data["entries"])) == expected, name
        assert data["total"] == str(len(expected))
        assert lead_id in expected


def test_filters_ignore_case_and_the_signs_in_a_phone_number(start: Start, entries: Entries) -> None:
    """A phone number is its digits, and a name is found however it is written."""
    crm = start(leads=0)
    lead_id = crm.book.add({"phone_number": "2135550142", "last_name": "Ängström", "list_id": "333"})
    crm.book.add({"phone_number": "2135550143", "last_name": "Ängström"})
    assert ids(entries(crm, phone_number="(213) 555-0142")) == [lead_id]
    assert ids(entries(crm, last_name="ÄNGSTRÖM", list_id="333", status="")) == [lead_id]


def test_windows_and_filters_are_combined_and_paged(start: Start, ask: Ask) -> None:
    """The total counts what passes both, and offsets count in it."""
    crm = start(leads=0, timezone="UTC")
    added = [
        crm.book.add({"status": "AB"[turn % 2]}, modified_at=NOON + timedelta(seconds=turn))
        for turn in range(20)
    ]
    data = ask(
        crm,
        "search",
        status="A",
        updated_at_start_date="2026-03-03 20:00:04",
        created_at_end_date="2026-03-03 20:00:15",
        offset=2,
        limit=3,
    ).json()["data"]
    assert data["total"] == "6"
    assert ids(data["entries"]) == [added[8], added[10], added[12]]


def test_changed_at_sees_edits_that_updated_at_does_not(start: Start, entries: Entries) -> None:
    """An edit through the API that doesn't touch modified_at is found by the other filter, last of all."""
    crm = start(leads=10, timezone="UTC", clock=lambda: NOON)
    lead_id = crm.book.ids()[4]
    crm.book.api_edit(lead_id, {"lead_score": "5"})
    assert entries(crm, updated_at_start_date="2026-03-03 20:00:00") == []
    assert ids(entries(crm, changed_at_start_date="2026-03-03 20:00:00")) == [lead_id]


def test_last_call_filter_finds_leads_that_were_called(start: Start, entries: Entries) -> None:
    """Only the time of the last call counts."""
    crm = start(leads=10, timezone="UTC", clock=lambda: NOON)
    lead_id = crm.book.ids()[4]
    crm.book.call(lead_id)
    assert ids(entries(crm, last_call_start_date="2026-03-03 20:00:00")) == [lead_id]


def test_removed_leads_show_only_where_asked_for(start: Start, entries: Entries) -> None:
    """Deleted and archived leads are found by their own filters, with lead_id and alone."""
    crm = start(leads=6, timezone="UTC", clock=lambda: NOON)
    gone, kept_away, live = crm.book.ids()[:3]
    crm.book.delete(gone)
    crm.book.archive(kept_away)
    day = "2026-03-03"
    assert len(entries(crm)) == 4
    assert entries(crm, lead_id=gone) == []
    assert ids(entries(crm, deleted_at_start=day, deleted_at_end=day)) == [gone]
    assert ids(entries(crm, archived_at_start=day, archived_at_end=day)) == [kept_away]
    assert entries(crm, deleted_at_end="2026-03-02") == []
    assert ids(entries(crm, deleted_at_start=day, lead_id=gone)) == [gone]
    assert entries(crm, deleted_at_start=day, lead_id=live) == []
    assert entries(crm, archived_at_start=day, lead_id=gone) == []
    assert entries(crm, deleted_at_start=day, archived_at_start=day) == []


def test_one_lead_is_found_by_its_id(start: Start, entries: Entries) -> None:
    """Other filters still count, and an unknown id finds nothing."""
    crm = start(leads=6)
    lead_id = crm.book.ids()[2]
    row = crm.book.row(lead_id)
    assert entries(crm, lead_id=lead_id) == [row]
    assert entries(crm, lead_id=lead_id, status=row["status"], list_id=row["list_id"]) == [row]
    assert entries(crm, lead_id=lead_id, list_id="none") == []
    assert entries(crm, lead_id=lead_id, updated_at_start_date="2100-01-01") == []
    assert entries(crm, lead_id="999") == entries(crm, lead_id="x") == []


def test_an_edited_lead_leaves_a_past_window_and_moves_the_rest_up(start: Start, entries: Entries) -> None:
    """That is how offset paging drifts: what was the 11th row is the 10th after an edit."""
    crm = start(leads=30)
    window = {"updated_at_end_date": crm.book.local(crm.clock.seconds() - 60)}
    before = ids(entries(crm, limit=30, **window))
    crm.book.edit(before[0], {"status": "SALE"})
    assert ids(entries(crm, limit=30, **window)) == before[1:]
    assert ids(entries(crm, limit=30, updated_at_start_date="2000-01-01")) == [*before[1:], before[0]]


def test_a_page_shows_edits_at_once(start: Start, entries: Entries) -> None:
    """Rendered rows are never served after a change."""
    crm = start(leads=5)
    entries(crm)
    lead_id = crm.book.ids()[0]
    crm.book.edit(lead_id, {"notes": "“new” 🙂\n"})
    assert entries(crm, lead_id=lead_id)[0]["notes"] == "“new” 🙂\n"
    assert {row["id"]: row for row in entries(crm)} == crm.book.rows()
