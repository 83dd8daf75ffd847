"""The book of leads: made from a seed, kept in order, and edited."""

import threading
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from connector.sandbox import Book, Clock
from connector.sandbox.index import MAX_ID, Index
from connector.sandbox.localtime import LocalTime

NOON = datetime(2026, 3, 3, 20, tzinfo=UTC)


def book(leads: int = 50, **options: object) -> Book:
    return Book(leads, clock=Clock(lambda: NOON), **options)  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_leads() -> None:
    """Two books of one seed, size and moment are equal, value by value."""
    assert book(300, seed=11).rows() == book(300, seed=11).rows()


def test_another_seed_gives_other_leads() -> None:
    """The seed is what decides."""
    assert book(300, seed=11).rows() != book(300, seed=12).rows()


def test_names_come_in_several_scripts() -> None:
    """A book of a few hundred leads has the writing systems that break careless code."""
    rows = book(500).rows().values()
    letters = {letter for row in rows for letter in (row["first_name"] or "") + (row["last_name"] or "")}
    names = " ".join(unicodedata.name(letter, "") for letter in letters)
    for script in (
        "CYRILLIC",
        "ARABIC",
        "CJK UNIFIED",
        "DEVANAGARI",
        "HANGUL",
        "GREEK",
        "ACUTE",
        "APOSTROPHE",
    ):
        assert script in names


def test_values_are_of_every_awkward_kind() -> None:
    """NULL, empty, long, multi-line and emoji values are all there, and no lead has a score yet."""
    rows = list(book(800).rows().values())
    values = [value for row in rows for value in row.values()]
    assert None in values
    assert "" in values
    notes = [row["notes"] or "" for row in rows]
    assert max(map(len, notes)) > 1_500
    assert any("\n" in note for note in notes)
    assert any("🙂" in note for note in notes)
    assert {row["lead_score"] for row in rows} == {None, ""}


def test_phone_numbers_are_fictional() -> None:
    """Every number is of the 555-01xx range, and 50,000 of them are distinct."""
    numbers = [row["phone_number"] or "" for row in book(2_000).rows().values()]
    assert all(len(number) == 10 and number[3:8] == "55501" for number in numbers)
    assert len(set(numbers)) == len(numbers)


def test_times_are_spread_over_the_last_ninety_days() -> None:
    """No lead is younger than its last edit or than an hour, none older than about ninety days."""
    found = book(2_000)
    now = int(NOON.timestamp())
    for lead in found.leads.values():
        assert now - 91 * 86_400 < lead.created <= lead.updated <= now - 3_600
    assert len({lead.updated for lead in found.leads.values()}) < 2_000


def test_the_index_is_sorted_by_time_and_then_by_id() -> None:
    """Leads of one second stay in the order of their ids."""
    found = book(2_000)
    keys = [(found.leads[each].updated, each) for each in found.by_updated.ids(0, len(found))]
    assert keys == sorted(keys)
    assert any(first[0] == second[0] for first, second in pairwise(keys))


def test_an_index_takes_any_second() -> None:
    """Times before 1970 and far in the future keep their order, and a window takes both of its ends."""
    index = Index([(5, 1), (-7, 2), (9_000_000_000, MAX_ID)])
    assert index.ids(0, 3) == [2, 1, MAX_ID]
    assert index.span(-7, 5) == (0, 2)
    assert index.span(6, 9_000_000_000) == (2, 3)
    assert index.span(6, 2) == (2, 2)
    index.drop(5, 99)
    index.drop(5, 1)
    assert len(index) == 2


def test_a_persons_edit_moves_both_times() -> None:
    """An edit shows the value, the person and the time, and the lead moves to the end of both indexes."""
    found = book()
    lead_id = found.ids()[0]
    found.edit(lead_id, {"status": "SALE"}, user="30003")
    row = found.row(lead_id)
    assert (row["status"], row["last_modified_by"], row["modified_at"]) == (
        "SALE",
        "30003",
        "2026-03-03 12:00:00",
    )
    assert str(found.by_updated.id_at(49)) == lead_id
    assert str(found.by_changed.id_at(49)) == lead_id
    assert len(found.by_updated) == len(found.by_changed) == 50


@pytest.mark.parametrize("touch", [False, True])
def test_an_edit_through_the_api_moves_modified_at_only_where_told_to(touch: bool) -> None:
    """The value arrives either way; changed_at moves either way; modified_at and the user only with touch_on_api_edit."""
    found = book(touch_on_api_edit=touch)
    lead_id = found.ids()[0]
    before = found.row(lead_id)
    found.api_edit(lead_id, {"lead_score": "77"})
    after = found.row(lead_id)
    assert after["lead_score"] == "77"
    assert (after["modified_at"] != before["modified_at"]) is touch
    assert (after["last_modified_by"] == "api") is touch
    assert str(found.by_changed.id_at(49)) == lead_id


def test_a_removed_lead_is_gone_until_it_is_restored() -> None:
    """A deleted and an archived lead leave rows(), keep their row, and come back as an edit."""
    found = book()
    first, second = found.ids()[:2]
    found.delete(first)
    found.archive(second)
    assert len(found) == len(found.rows()) == 48
    assert (found.removed("deleted"), found.removed("archived")) == ([first], [second])
    assert found.row(first)["deleted_at"] == found.row(second)["archived_at"] == "2026-03-03 12:00:00"
    with pytest.raises(KeyError, match=first):
        found.edit(first, {"status": "X"})
    found.restore(first)
    assert len(found) == 49
    assert "deleted_at" not in found.row(first)
    assert found.row(first)["modified_at"] == "2026-03-03 12:00:00"
    assert found.removed("deleted") == []


def test_a_lead_can_be_added_at_any_second() -> None:
    """Many leads on one second stand side by side in the index; ids go on from the last one."""
    found = book(0)
    moment = NOON - timedelta(days=3)
    added = [found.add({"first_name": "Ada"}, modified_at=moment) for _ in range(30)]
    low, high = found.by_updated.span(int(moment.timestamp()), int(moment.timestamp()))
    assert [str(each) for each in found.by_updated.ids(low, high)] == added
    assert found.add(lead_id="200000") == "200000"
    assert found.add() == "200001"


@pytest.mark.parametrize("lead_id", ["0", str(MAX_ID + 1), "100001"])
def test_an_id_that_cannot_be_is_refused(lead_id: str) -> None:
    """Taken ids and ids out of range are mistakes of the test that asks for them."""
    with pytest.raises(ValueError, match="id"):
        book().add(lead_id=lead_id)


def test_a_naive_time_is_refused() -> None:
    """A time without a zone could mean two instants."""
    with pytest.raises(ValueError, match="naive"):
        book().add(modified_at=datetime(2026, 1, 1))


def test_an_unknown_field_is_refused() -> None:
    """A field that is not in the account's layout is named, and nothing is changed."""
    found = book()
    lead_id = found.ids()[0]
    before = found.row(lead_id)
    with pytest.raises(KeyError, match="favourite"):
        found.edit(lead_id, {"status": "SALE", "favourite": "blue"})
    assert found.row(lead_id) == before


def test_custom_fields_show_on_every_lead_and_optional_ones_only_where_set() -> None:
    """A field the account added shows as NULL; one that is merely in the layout shows up with its first value."""
    found = book(custom_fields=("favourite",))
    lead_id = found.ids()[0]
    assert found.row(lead_id)["favourite"] is None
    assert "industry" not in found.row(lead_id)
    found.edit(lead_id, {"favourite": "blue", "industry": "solar"})
    row = found.row(lead_id)
    assert (row["favourite"], row["industry"]) == ("blue", "solar")


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("digits", "(213) 555-0123", "2135550123"),
        ("lower", "ÄB@C", "äb@c"),
        ("upper", "ab", "AB"),
        ("trim", "  a b ", "a b"),
        ("round", "12.7", "13"),
        ("round", "many", "many"),
    ],
)
def test_a_value_can_be_kept_otherwise_than_it_was_given(kind: str, given: str, kept: str) -> None:
    """The CRM may normalise what it accepts."""
    found = book(normalise={"field_12": kind})
    lead_id = found.ids()[0]
    found.api_edit(lead_id, {"field_12": given})
    assert found.row(lead_id)["field_12"] == kept
    found.api_edit(lead_id, {"field_12": None})
    assert found.row(lead_id)["field_12"] is None


def test_a_call_adds_a_recording_and_is_counted() -> None:
    """Recordings are kept per lead, oldest first; the row shows how many calls there were and when, and is else the same."""
    found = book()
    lead_id = found.add({"first_name": "Ada"})
    before = found.row(lead_id)
    first, second = found.call(lead_id), found.call(lead_id, seconds=300)
    assert [each.recording_id for each in found.recordings(lead_id)] == [first, second]
    assert found.recordings(lead_id)[1].seconds == 300
    when = found.local(found.recordings(lead_id)[1].start)
    assert found.row(lead_id) == {**before, "called_count": "2", "last_called": when}


def test_every_call_of_a_time_is_found() -> None:
    """Both ends belong to it; calls that were there from the start count, and so do those of leads that are gone."""
    found = book(leads=50)
    every = [each for lead_id in found.ids() for each in found.recordings(lead_id)]
    every.sort(key=lambda each: (each.start, int(each.recording_id)))
    assert every
    assert found.calls(None, None) == every
    assert found.calls(every[1].start, every[-2].start) == every[1:-1]
    found.delete(every[0].lead_id)
    assert found.calls(None, every[0].start) == every[:1]


def test_a_cached_rendering_goes_with_every_change() -> None:
    """Whatever happens to a lead, nothing that was rendered before is served again."""
    found = book()
    lead_id = found.ids()[0]
    cache = found.cache()
    changes: list[Callable[[], object]] = [
        lambda: found.edit(lead_id, {}),
        lambda: found.api_edit(lead_id, {}),
        lambda: found.archive(lead_id),
        lambda: found.restore(lead_id),
        lambda: found.call(lead_id),
    ]
    for change in changes:
        cache[int(lead_id)] = b"old"
        change()
        assert int(lead_id) not in cache


def test_edits_from_several_threads_all_count() -> None:
    """The indexes hold every lead once, whatever is edited at the same time."""
    found = Book(200)

    def work() -> None:
        for lead_id in found.ids() * 3:
            found.edit(lead_id, {"status": "SALE"})

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found.by_updated.ids(0, 200)) == sorted(found.by_changed.ids(0, 200)) == sorted(found.leads)


def test_the_book_does_not_take_odd_ids_for_leads() -> None:
    """An id that is no plain number finds nothing, also where int() would read one."""
    found = book()
    assert all(found.find(odd) is None for odd in ("", "x", "-1", "1e5", " 100001", "१२३", "100_001"))


@pytest.mark.parametrize(
    "name", ["America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Monrovia"]
)
def test_local_time_is_what_a_clock_on_the_wall_shows(name: str) -> None:
    """The fast way agrees with the standard library, at every clock change of many years."""
    zone = ZoneInfo(name)
    local = LocalTime(zone)
    start = int(datetime(1971, 12, 1, tzinfo=UTC).timestamp())
    seconds = [start + step * 7_213 for step in range(3_000)]
    changes = [
        datetime(2025, 11, 2, 9, tzinfo=UTC),
        datetime(2025, 3, 9, 10, tzinfo=UTC),
        datetime(1972, 1, 7, tzinfo=UTC),
    ]
    for change in changes:
        seconds += [int(change.timestamp()) + shift for shift in range(-4_000, 4_000, 37)]
    for second in seconds:
        assert local(second) == datetime.fromtimestamp(second, zone).strftime("%Y-%m-%d %H:%M:%S")


def test_the_hour_that_happens_twice_is_shown_twice() -> None:
    """Two instants an hour apart show the same naive time in November."""
    local = LocalTime(ZoneInfo("America/Los_Angeles"))
    first = int(datetime(2025, 11, 2, 8, 30, tzinfo=UTC).timestamp())
    assert local(first) == local(first + 3_600) == "2025-11-02 01:30:00"


def test_a_clock_can_be_set_stopped_and_moved() -> None:
    """A set clock ticks on, a stopped one doesn't, and both can be moved."""
    source = [NOON]
    clock = Clock(lambda: source[0])
    moment = datetime(2025, 11, 2, 8, 59, 59, tzinfo=UTC)
    clock.set(moment)
    source[0] += timedelta(seconds=2)
    assert clock.now() == moment + timedelta(seconds=2)
    clock.set(moment, ticking=False)
    source[0] += timedelta(hours=1)
    assert clock.now() == moment
    clock.advance(-60)
    assert clock.now() == moment - timedelta(seconds=60)
    clock.reset()
    assert clock.now() == source[0]
