"""Convoso in the sandbox: update, insert, delete and recordings."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.sandbox import Sandbox

Start = Callable[..., Sandbox]
Ask = Callable[..., Any]
NOON = datetime(2026, 3, 3, 20, tzinfo=UTC)


def code(answer: Any) -> int | None:
    assert answer.status_code == 200
    body = answer.json()
    assert body["success"] is ("code" not in body)
    found: int | None = body.get("code")
    return found


def test_an_update_sets_exactly_the_fields_it_names(start: Start, ask: Ask) -> None:
    """Every other field stays, also the long and the odd ones; custom fields are flat parameters."""
    crm = start(leads=20, custom_fields=("favourite",))
    lead_id = crm.book.ids()[3]
    before = crm.book.row(lead_id)
    new = {"lead_score": "88", "notes": "Перезвонить\n🙂 & = + %", "favourite": "blue", "industry": "solar"}
    assert code(ask(crm, "update", lead_id=lead_id, **new)) is None
    assert crm.book.row(lead_id) == {**before, **new}


def test_notes_are_overwritten(start: Start, ask: Ask) -> None:
    """An update doesn't append to them."""
    crm = start(leads=0)
    lead_id = crm.book.add({"notes": "first"})
    ask(crm, "update", lead_id=lead_id, notes="second")
    assert crm.book.row(lead_id)["notes"] == "second"


def test_unknown_and_read_only_parameters_are_ignored(start: Start, ask: Ask) -> None:
    """Such a server doesn't complain about a field that is in no layout."""
    crm = start(leads=2)
    lead_id = crm.book.ids()[0]
    before = crm.book.row(lead_id)
    params = {"favourite": "blue", "id": "5", "created_at": "2001-01-01 00:00:00", "modified_at": "x"}
    assert code(ask(crm, "update", lead_id=lead_id, **params)) is None
    assert crm.book.row(lead_id) == before


@pytest.mark.parametrize("clears", [True, False])
def test_an_empty_parameter_clears_or_not(start: Start, ask: Ask, clears: bool) -> None:
    """Which of the two is an option, as no page says; fields that can't be blank stay either way."""
    crm = start(leads=0, empty_clears=clears)
    lead_id = crm.book.add(
        {"status": "NEW", "list_id": "333", "plan_interest": "plus", "phone_number": "2135550142"}
    )
    ask(crm, "update", lead_id=lead_id, plan_interest="", status="", list_id="", phone_number="")
    row = crm.book.row(lead_id)
    assert row["plan_interest"] == ("" if clears else "plus")
    assert (row["status"], row["list_id"], row["phone_number"]) == ("NEW", "333", "2135550142")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"lead_id": ""}, 6070),
        ({"lead_id": "abc"}, 6070),
        ({"lead_id": "-5"}, 6070),
        ({"lead_id": "0"}, 6070),
        ({"lead_id": "999"}, 6071),
        ({"phone_number": "12"}, 6008),
        ({"phone_number": "call me"}, 6008),
        ({"email": "nobody"}, 6079),
        ({"email": "a@b"}, 6079),
        ({"list_id": "4711"}, 6002),
        ({"owner_id": "4711"}, 6006),
    ],
)
def test_a_refused_update_has_its_code_and_changes_nothing(
    start: Start, ask: Ask, params: dict[str, str], expected: int
) -> None:
    """One bad field refuses the whole call."""
    crm = start(leads=0)
    lead_id = crm.book.add({"status": "NEW"}, lead_id="12345")
    before = crm.book.row(lead_id)
    assert code(ask(crm, "update", **{"lead_id": lead_id, "status": "SALE", **params})) == expected
    assert crm.book.row(lead_id) == before


@pytest.mark.parametrize("removal", ["delete", "archive"])
def test_a_removed_lead_is_not_found_by_an_update(start: Start, ask: Ask, removal: str) -> None:
    """6071, as if it had never been there."""
    crm = start(leads=1)
    (lead_id,) = crm.book.ids()
    getattr(crm.book, removal)(lead_id)
    assert code(ask(crm, "update", lead_id=lead_id, status="SALE")) == 6071


def test_a_lead_can_be_made_to_be_refused(start: Start, ask: Ask) -> None:
    """By its id alone, for a field, or for one value of it; and it can be taken back."""
    crm = start(leads=3)
    always, field, value = crm.book.ids()
    crm.refuse(always, 6008)
    crm.refuse(field, "6079", field="email")
    crm.refuse(value, 6008, field="lead_score", value="13")
    assert code(ask(crm, "update", lead_id=always, status="SALE")) == 6008
    assert code(ask(crm, "update", lead_id=field, status="SALE")) is None
    assert code(ask(crm, "update", lead_id=field, email="a@example.com")) == 6079
    assert code(ask(crm, "update", lead_id=value, lead_score="13")) == 6008
    assert code(ask(crm, "update", lead_id=value, lead_score="14")) is None
    crm.refusals.clear(always)
    assert code(ask(crm, "update", lead_id=always, status="SALE")) is None


def test_a_value_may_be_accepted_and_shown_otherwise(start: Start, ask: Ask) -> None:
    """The CRM says yes to a phone number and keeps its digits."""
    crm = start(leads=1, normalise={"phone_number": "digits"})
    (lead_id,) = crm.book.ids()
    assert code(ask(crm, "update", lead_id=lead_id, phone_number="(213) 555-0142")) is None
    assert crm.book.row(lead_id)["phone_number"] == "2135550142"


@pytest.mark.parametrize("touch", [False, True])
def test_an_update_moves_modified_at_only_where_told_to(start: Start, ask: Ask, touch: bool) -> None:
    """The option decides whether the next extraction sees the edit."""
    crm = start(leads=1, touch_on_api_edit=touch)
    (lead_id,) = crm.book.ids()
    before = crm.book.row(lead_id)["modified_at"]
    ask(crm, "update", lead_id=lead_id, status="SALE")
    assert (crm.book.row(lead_id)["modified_at"] != before) is touch


def test_an_insert_adds_a_lead_that_shows_up(start: Start, ask: Ask) -> None:
    """The answer names the new lead, a search finds it, and what wasn't given is filled in."""
    crm = start(leads=2, timezone="UTC", clock=lambda: NOON)
    answer = ask(crm, "insert", list_id="333", phone_number="2135550142", first_name="José").json()
    lead_id = str(answer["data"]["lead_id"])
    assert str(answer["id"]) == lead_id
    (row,) = ask(crm, "search", updated_at_start_date="2026-03-03 20:00:00").json()["data"]["entries"]
    assert row["id"] == lead_id
    assert (row["first_name"], row["status"], row["created_at"]) == ("José", "NEW", "2026-03-03 20:00:00")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"phone_number": ""}, 6007),
        ({"list_id": ""}, 6007),
        ({"last_name": ""}, 6023),
        ({"list_id": "4711"}, 6002),
        ({"created_by": "4711"}, 6006),
        ({"phone_number": "12"}, 6008),
        ({"email": "nobody"}, 6079),
    ],
)
def test_a_refused_insert_has_its_code_and_adds_nothing(
    start: Start, ask: Ask, params: dict[str, str], expected: int
) -> None:
    """Each documented error has its own cause."""
    crm = start(leads=2, required_fields=("last_name",))
    given = {"list_id": "333", "phone_number": "2135550142", "last_name": "Doe", **params}
    assert code(ask(crm, "insert", **given)) == expected
    assert len(crm.book) == 2


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, set()),
        ({"check_dup": "0"}, set()),
        ({"check_dup": "1"}, {"list", "campaign", "account"}),
        ({"check_dup": "true"}, {"list", "campaign", "account"}),
        ({"check_dup": "2"}, {"list"}),
        ({"check_dup": "3"}, {"list", "campaign"}),
        ({"check_dup": "2", "check_dup_archive": "1"}, {"list", "archived"}),
        ({"check_dup_archive": "1"}, set()),
        ({"check_dup_list": "true"}, set()),
    ],
)
def test_duplicates_are_looked_for_where_asked(
    start: Start, ask: Ask, params: dict[str, str], found: set[str]
) -> None:
    """Convoso's pages: 1 the account, 2 the list, 3 the campaign; archived leads of the account where check_dup is on."""
    crm = start(leads=0)
    places = {"list": "333", "campaign": "17257", "account": "401", "archived": "401", "deleted": "333"}
    numbers = {place: f"213555010{number}" for number, place in enumerate(places)}
    for place, list_id in places.items():
        lead = crm.book.add({"phone_number": numbers[place], "list_id": list_id, "phone_code": "1"})
        if place in ("archived", "deleted"):
            {"archived": crm.book.archive, "deleted": crm.book.delete}[place](lead)
    codes = {
        place: code(ask(crm, "insert", list_id="333", phone_number=number, **params))
        for place, number in numbers.items()
    }
    assert codes == {place: 6009 if place in found else None for place in places}


def test_only_the_community_page_has_check_dup_list(start: Start, ask: Ask) -> None:
    """Its account looks in the list; Convoso's own pages don't know the parameter."""
    crm = start(leads=0, envelope="community")
    for list_id, phone in (("333", "2135550101"), ("401", "2135550102")):
        crm.book.add({"phone_number": phone, "list_id": list_id})
    given = {"list_id": "333", "check_dup_list": "true"}
    assert code(ask(crm, "insert", phone_number="2135550101", **given)) == 6009
    assert code(ask(crm, "insert", phone_number="2135550102", **given)) is None


def test_update_if_found_updates_the_lead_it_finds(start: Start, ask: Ask) -> None:
    """By phone number, in a list or campaign where one is named, by id, or by the last call; else it adds."""
    crm = start(leads=0)
    first = crm.book.add({"phone_number": "2135550142", "list_id": "333"})
    second = crm.book.add({"phone_number": "(213) 555-0142", "list_id": "401"})
    crm.book.call(first)
    crm.clock.advance(60)
    crm.book.call(second)
    given = {"list_id": "333", "phone_number": "2135550142", "update_if_found": "true"}

    def insert(**params: str) -> str:
        crm.book.edit(second, {"list_id": "401"})  # what is found moves to the list it is inserted into
        return str(ask(crm, "insert", **given, **params).json()["data"]["lead_id"])

    assert insert(first_name="A") == first
    assert insert(search_list_id="401") == second
    assert insert(search_campaign_id="20") == second
    assert insert(search_campaign_id="20", search_list_id="333") == first
    assert insert(lead_id=second) == second
    assert insert(update_order_by_last_called_time="DESC") == second
    assert insert(update_order_by_last_called_time="ASC") == first
    assert crm.book.row(first)["first_name"] == "A"
    assert len(crm.book) == 2
    assert insert(search_list_id="505") not in (first, second)


def test_numbers_that_are_not_wanted_are_turned_away(start: Start, ask: Ask) -> None:
    """The do-not-call list and the carrier's kind count only where the insert asks for it."""
    crm = start(leads=0, do_not_call=frozenset({"2135550101"}))
    listed, wireless, landline = "2135550101", "2135550103", "2135550106"

    def insert(phone: str, **params: str) -> int | None:
        return code(ask(crm, "insert", list_id="333", phone_number=phone, **params))

    from connector.sandbox.convoso_inserts import carrier_of

    assert (carrier_of(wireless)[1], carrier_of(landline)[1]) == ("wireless", "landline")
    assert insert(listed) is None
    assert insert(listed, check_dnc="1") == 6008
    assert insert(wireless, check_wireless="true") == 6008
    assert insert(landline, check_wireless="true") is None
    assert insert(landline, reject_by_carrier_type="VOIP,LANDLINE") == 6008
    crm.book.add({"phone_number": "2135550188", "status": "DNC"})
    assert insert("2135550188", check_dnc="1") == 6008


def test_the_phone_code_can_be_taken_out_of_the_number(start: Start, ask: Ask) -> None:
    """With filter_phone_code the country's code moves into its own field, before duplicates are looked for."""
    crm = start(leads=0)
    given = {"list_id": "333", "phone_number": "+44 213 555 0142", "filter_phone_code": "1"}
    lead_id = str(ask(crm, "insert", **given).json()["id"])
    row = crm.book.row(lead_id)
    assert (row["phone_number"], row["phone_code"]) == ("2135550142", "44")
    assert code(ask(crm, "insert", **given, check_dup="2")) == 6009
    without = {**given, "filter_phone_code": "0"}
    assert code(ask(crm, "insert", **without, check_dup="2")) is None


def test_the_hopper_takes_leads_in_its_bounds(start: Start, ask: Ask) -> None:
    """Priority is 0 to 99, and 99 if none is given; no lead waits longer than 300 minutes."""
    crm = start(leads=0)
    given = {"list_id": "333", "phone_number": "2135550142", "hopper": "true"}
    answer = ask(crm, "insert", **given, hopper_priority="500", hopper_expires_in="1000").json()
    convoso: Any = crm.vendors["convoso"]
    queued = convoso.inserts.hopper[str(answer["id"])]
    assert (queued.priority, queued.expires_in) == (99, 300)
    again = ask(crm, "insert", list_id="333", phone_number="2135550143", hopper="true").json()
    assert convoso.inserts.hopper[str(again["id"])].priority == 99


def test_delete_takes_a_lead_once(start: Start, ask: Ask) -> None:
    """The second time there is no such lead."""
    crm = start(leads=2)
    lead_id = crm.book.ids()[0]
    assert ask(crm, "delete", lead_id=lead_id).json() == {"success": True}
    assert code(ask(crm, "delete", lead_id=lead_id)) == 6001
    assert code(ask(crm, "delete", lead_id="x")) == 6001
    assert crm.book.removed("deleted") == [lead_id]


def test_recordings_are_paged_and_windowed(start: Start, ask: Ask) -> None:
    """Oldest first, in local time, a hundred a page at most."""
    crm = start(leads=0, timezone="UTC", clock=lambda: NOON)
    lead_id = crm.book.add({"first_name": "Ada"})
    for _ in range(5):
        crm.book.call(lead_id, seconds=300)
        crm.clock.advance(3_600)
    data = ask(crm, "get-recordings", lead_id=lead_id, limit=2, offset=1).json()["data"]
    assert [each["start_time"] for each in data["entries"]] == ["2026-03-03 21:00:00", "2026-03-03 22:00:00"]
    assert data["entries"][0]["end_time"] == "2026-03-03 21:05:00"
    assert data["total"] == "5"
    window = {"start_time": "2026-03-03 23:00:00", "end_time": "2026-03-04 00:00:00"}
    found = ask(crm, "get-recordings", lead_id=lead_id, **window).json()["data"]["entries"]
    assert len(found) == 2
    assert ask(crm, "get-recordings", lead_id="999").json()["data"]["entries"] == []
    assert code(ask(crm, "get-recordings")) == 6005
    assert code(ask(crm, "get-recordings", lead_id=lead_id, offset="x")) == 7231
    assert code(ask(crm, "get-recordings", lead_id=lead_id, limit="101")) == 7258


def test_a_call_that_goes_on_has_no_end(start: Start, ask: Ask) -> None:
    """An empty text, as in the example of Convoso's page; it has one when the call is over. Ids are numbers."""
    crm = start(leads=0, timezone="UTC", clock=lambda: NOON)
    lead_id = crm.book.add({"first_name": "Ada"})
    recording = crm.book.call(lead_id, seconds=300)
    (shown,) = ask(crm, "get-recordings", lead_id=lead_id).json()["data"]["entries"]
    assert (shown["recording_id"], shown["lead_id"]) == (int(recording), int(lead_id))
    assert (shown["start_time"], shown["end_time"], shown["seconds"]) == ("2026-03-03 20:00:00", "", None)
    crm.clock.advance(300)
    (shown,) = ask(crm, "get-recordings", lead_id=lead_id).json()["data"]["entries"]
    assert (shown["end_time"], shown["seconds"]) == ("2026-03-03 20:05:00", 300)


def test_a_lead_shows_what_live_accounts_show(start: Start, ask: Ask) -> None:
    """Its id under both names, the status in words, how often and when it was called; a call moves changed_at alone."""
    crm = start(leads=0, timezone="UTC", clock=lambda: NOON)
    hour = timedelta(hours=1)
    lead_id = crm.book.add({"status": "NOTINT"}, created_at=NOON - hour, modified_at=NOON - hour)
    (row,) = ask(crm, "search", lead_id=lead_id).json()["data"]["entries"]
    assert (row["id"], row["lead_id"], row["status_name"]) == (lead_id, lead_id, "Not Interested")
    assert (row["called_count"], row["last_called"]) == ("0", None)
    crm.book.call(lead_id)
    (called,) = ask(crm, "search", changed_at_start_date="2026-03-03 20:00:00").json()["data"]["entries"]
    assert called == {**row, "called_count": "1", "last_called": "2026-03-03 20:00:00"}
    assert ask(crm, "search", updated_at_start_date="2026-03-03 20:00:00").json()["data"]["entries"] == []


def test_times_can_have_an_offset(start: Start, ask: Ask) -> None:
    """As some of Convoso's pages show them, in winter and in summer; they can be searched for as before."""
    crm = start(leads=0, times="offset")
    winter, summer = (
        crm.book.add(created_at=moment, modified_at=moment)
        for moment in (
            datetime(2015, 1, 29, 22, 9, 57, tzinfo=UTC),
            datetime(2015, 7, 29, 22, 9, 57, tzinfo=UTC),
        )
    )
    assert crm.book.row(winter)["modified_at"] == "2015-01-29T14:09:57-0800"
    assert crm.book.row(summer)["created_at"] == "2015-07-29T15:09:57-0700"
    window = {"updated_at_start_date": "2015-07-29 15:09:57", "updated_at_end_date": "2015-07-29 15:09:57"}
    assert [row["id"] for row in ask(crm, "search", **window).json()["data"]["entries"]] == [summer]
