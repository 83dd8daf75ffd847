"""Convoso's pages, its live clients, and where they disagree."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector import crm
from connector.config import Secret
from connector.crm.convoso import CAPABILITIES, ConvosoReader, ConvosoSettings, ConvosoWriter
from connector.crm.http import Retry, Session
from connector.documented.convoso import CODES, refusal_at
from connector.errors import AuthError, ConfigError, RefusedError, TransientError, UnexpectedAnswerError

ROW = {"id": "12345", "modified_at": "2026-03-03 14:30:00", "first_name": "John"}
BOUNDS = (datetime(2026, 3, 1, 8, 0, 0), datetime(2026, 3, 3, 17, 5, 9))


@pytest.fixture
def make(serve: Callable[..., Any], fake_time: Any) -> Callable[..., Any]:
    """``make(kind, reply, **settings)``: a reader or a writer, and the server it talks to."""

    def build(kind: Any, *replies: Any, **given: Any) -> Any:
        server = serve(
            *({"json": reply} if "json" not in reply and "fault" not in reply else reply for reply in replies)
        )
        settings = ConvosoSettings(
            **{
                "base_url": server.url + "/v1",
                "auth_token": Secret("abc123"),
                "timezone": ZoneInfo("America/Los_Angeles"),
                "rate": 1000.0,
                **given,
            }
        )
        session = Session(settings, retry=Retry(attempts=3), sleep=fake_time.sleep, clock=fake_time.clock)
        return kind(settings, session=session), server

    return build


def entries(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"success": True, "data": {"offset": 0, "limit": 2000, "entries": list(rows), **more}}


@pytest.mark.parametrize(
    ("envelope", "total"),
    [
        (entries(ROW, total="5310"), 5310),
        (entries(ROW, total=5310), 5310),
        (entries(ROW), None),
        (entries(ROW, total=None), None),
        ({"success": True, "data": [ROW]}, None),
        ({"success": True, "data": [ROW], "total": "1"}, 1),
        ({"success": True, "data": {"results": [ROW], "total": 1}}, 1),
        ({"results": [ROW], "offset": 0, "limit": 100}, None),
        ({"success": True, "results": [ROW], "total": 7}, 7),
    ],
)
def test_every_known_envelope_is_read(
    make: Callable[..., Any], envelope: dict[str, Any], total: int | None
) -> None:
    """The live envelope, the community page's and their relatives all give the same rows."""
    reader, _ = make(ConvosoReader, envelope)
    page = reader.search(None)
    assert page.rows == [ROW]
    assert page.total == total


@pytest.mark.parametrize(
    "envelope",
    [
        entries(),
        {"success": True, "data": []},
        {"success": True, "data": {"results": []}},
        {"results": []},
        {"success": True, "results": []},
    ],
)
def test_an_explicit_empty_list_is_an_empty_page(make: Callable[..., Any], envelope: dict[str, Any]) -> None:
    """Only where the list is there and empty, nothing was found."""
    reader, _ = make(ConvosoReader, envelope)
    assert reader.search(None).rows == []


@pytest.mark.parametrize(
    "answer",
    [
        {"success": True, "data": None, "total": 3},
        {"success": True, "data": None, "rows": []},
        {"success": True, "total": "1"},
        {"success": True, "data": {}},
        {"success": True, "data": {"rows": []}},
        {"success": True, "data": {"entries": None, "total": 3}},
        {"success": True, "data": {"entries": None, "total": "5310", "offset": 0}},
        {"success": True, "data": {"entries": None}},
        {"success": True, "data": {"entries": None, "total": 0, "rows": [ROW]}},
        {"success": True, "data": {"entries": None, "total": False}},
        {"success": True, "data": {"total": 0}, "total": 3},
        {"success": True, "data": {"entries": {"0": ROW}}},
        {"success": True, "data": {"entries": ["x"]}},
        {"success": True, "data": "x"},
        {"success": True, "results": None},
        {"success": 1, "data": []},
        {"success": "true", "data": []},
        {"success": None, "results": []},
        {"data": []},
        {"data": {"entries": []}},
        {"data": {"entries": []}, "results": []},
        {"offset": 0},
        {"json": []},
        {"json": [ROW]},
        {"json": "x"},
        {"json": 3},
        {"json": None},
        entries(ROW, total="many"),
        entries(ROW, total=-1),
        entries(ROW, total=True),
        entries(ROW, total=1.5),
        entries(ROW, total=[1]),
    ],
    ids=str,
)
def test_any_other_shape_is_an_error(make: Callable[..., Any], answer: dict[str, Any]) -> None:
    """A renamed key or a missing ``success`` is never an empty page."""
    reader, _ = make(ConvosoReader, answer)
    with pytest.raises(UnexpectedAnswerError):
        reader.search(None)


NONE = [
    {"success": True},
    {"success": True, "data": None},
    {"success": True, "data": None, "total": 0},
    {"success": True, "data": {"entries": None, "total": 0}},
    {"success": True, "data": {"results": None, "total": "0", "offset": 0, "limit": 2000}},
    {"success": True, "results": None, "total": 0},
]


@pytest.mark.parametrize("nothing", NONE, ids=str)
def test_an_answer_without_leads_is_an_empty_page_when_it_is_said_twice(
    make: Callable[..., Any], nothing: dict[str, Any]
) -> None:
    """No error in an account or a window without leads; a lead that shows up in the second answer counts."""
    reader, server = make(ConvosoReader, nothing, nothing)
    page = reader.search(None)
    assert (list(page.rows), page.total or 0, page.calls) == ([], 0, 2)
    assert [request.form for request in server.requests[1:]] == [server.requests[0].form]
    assert list(make(ConvosoReader, nothing, entries(ROW))[0].search(None).rows) == [ROW]
    with pytest.raises(UnexpectedAnswerError):
        make(ConvosoReader, nothing, {"success": True, "data": {"rows": []}})[0].search(None)
    assert list(make(ConvosoReader, nothing, nothing)[0].get("12345").rows) == []


def test_a_search_sends_what_the_page_says(make: Callable[..., Any]) -> None:
    """POST with a form: the token, the window in the account's time, the filters, offset and limit."""
    reader, server = make(ConvosoReader, entries(), filters={"list_id": "333"})
    reader.search(BOUNDS, filters={"status": "ACTIVE"}, offset=40, limit=20)
    (request,) = server.requests
    assert request.path == "/v1/leads/search"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.form == {
        "auth_token": "abc123",
        "list_id": "333",
        "status": "ACTIVE",
        "updated_at_start_date": "2026-03-01 08:00:00",
        "updated_at_end_date": "2026-03-03 17:05:09",
        "offset": "40",
        "limit": "20",
    }


@pytest.mark.parametrize(
    ("cursor", "names"),
    [
        ("changed_at", {"changed_at_start_date", "changed_at_end_date"}),
        ("created_at", {"created_at_start_date", "created_at_end_date"}),
        ("last_call", {"last_call_start_date", "last_call_end_date"}),
        ("deleted_at", {"deleted_at_start", "deleted_at_end"}),
        ("archived_at", {"archived_at_start", "archived_at_end"}),
    ],
)
def test_every_time_filter_has_its_own_spelling(
    make: Callable[..., Any], cursor: str, names: set[str]
) -> None:
    """Two of the page's time filters don't end in ``_date``; days go out without a time."""
    reader, server = make(ConvosoReader, entries())
    reader.search(BOUNDS, cursor_field=cursor, precision="day")
    form = server.requests[0].form
    assert {form[name] for name in names} == {"2026-03-01", "2026-03-03"}
    assert form["limit"] == "2000"


@pytest.mark.parametrize(
    ("name", "hint"), [("lst_id", "list_id"), ("phone", "phone_number"), ("LIST_ID", "list_id")]
)
def test_a_filter_that_convoso_lacks_is_refused(make: Callable[..., Any], name: str, hint: str) -> None:
    """A misspelt filter would silently read everything."""
    attempts: list[Callable[[], Any]] = [
        lambda: make(ConvosoReader, entries(), filters={name: "3"}),
        lambda: make(ConvosoReader, entries())[0].search(None, filters={name: "3"}),
    ]
    for attempt in attempts:
        with pytest.raises(ConfigError, match=f"did you mean '{hint}'"):
            attempt()


def test_a_filter_must_not_fight_the_window(make: Callable[..., Any]) -> None:
    """The bounds of the window that is read can't be a filter as well."""
    reader, _ = make(ConvosoReader, entries())
    with pytest.raises(ConfigError, match="updated_at_end_date"):
        reader.search(BOUNDS, filters={"updated_at_end_date": "2026-01-01"})
    with pytest.raises(ConfigError, match="no time filter"):
        reader.search(BOUNDS, cursor_field="touched_at")


def test_get_finds_one_lead_whatever_the_filters_are(make: Callable[..., Any]) -> None:
    """A lead is looked up by its id alone; none found is an empty page, another one an error."""
    reader, server = make(ConvosoReader, entries(ROW), filters={"list_id": "333"})
    assert reader.get("12345").rows == [ROW]
    assert set(server.requests[0].form) == {"auth_token", "lead_id", "offset", "limit"}
    assert make(ConvosoReader, entries())[0].get("12345").rows == []
    with pytest.raises(UnexpectedAnswerError):
        reader.get("1234")
    with pytest.raises(UnexpectedAnswerError, match="shows none"):
        make(ConvosoReader, entries(total="1"))[0].get("12345")


@pytest.mark.parametrize(
    ("row", "lead_id"),
    [({"id": 7}, "7"), ({"id": "7"}, "7"), ({"lead_id": 7}, "7"), ({"id": None, "lead_id": "7"}, "7")],
)
def test_ids_are_text(make: Callable[..., Any], row: dict[str, Any], lead_id: str) -> None:
    """Numbers or texts, under either name."""
    reader, _ = make(ConvosoReader, entries())
    assert reader.lead_id(row) == lead_id


@pytest.mark.parametrize("row", [{}, {"id": None}, {"id": ""}, {"id": True}, {"id": [7]}, {"ID": 7}])
def test_a_lead_without_an_id_is_an_error(make: Callable[..., Any], row: dict[str, Any]) -> None:
    """A row that can't be told from others is no lead."""
    reader, _ = make(ConvosoReader, entries())
    with pytest.raises(UnexpectedAnswerError):
        reader.lead_id(row)


def test_modification_times_stay_as_written(make: Callable[..., Any]) -> None:
    """The raw text, from either name, or nothing."""
    reader, _ = make(ConvosoReader, entries())
    assert reader.modified_at(ROW) == "2026-03-03 14:30:00"
    assert reader.modified_at({"updated_at": "2026-03-03T14:30:00-08:00"}) == "2026-03-03T14:30:00-08:00"
    assert reader.modified_at({"modified_at": " "}) is None
    assert reader.zone == ZoneInfo("America/Los_Angeles")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"success": False, "code": 5001, "text": "Auth token is invalid"}, AuthError),
        ({"success": False, "code": "5001"}, AuthError),
        ({"success": False, "error": "Invalid authentication token"}, AuthError),
        ({"success": False, "message": "Missing auth_token"}, AuthError),
        ({"code": 403, "text": "Forbidden"}, AuthError),
        ({"success": False, "code": 401}, AuthError),
        ({"json": {"success": False, "text": "no"}, "status": 403}, AuthError),
        ({"success": False, "code": 7258, "text": "Invalid limit value"}, RefusedError),
        ({"success": False, "code": 7230}, RefusedError),
        ({"success": False, "code": 7231}, RefusedError),
        ({"success": False, "code": 9999, "text": "?"}, RefusedError),
        ({"success": False}, RefusedError),
        ({"success": False, "error": {"a": 1}}, RefusedError),
        ({"success": False, "code": 429, "text": "slow"}, TransientError),
        ({"success": False, "text": "Rate limit exceeded"}, TransientError),
        ({"success": False, "text": "Too many requests"}, TransientError),
        ({"success": False, "code": 500, "text": "Internal error"}, TransientError),
        ({"success": False, "text": "Please try again later"}, TransientError),
        ({"json": {"success": False, "text": "oops"}, "status": 500}, TransientError),
    ],
    ids=str,
)
def test_errors_of_a_read(make: Callable[..., Any], answer: dict[str, Any], error: type[Exception]) -> None:
    """What the server says at HTTP 200 or otherwise is an error of the right kind; only passing ones are retried."""
    reader, server = make(ConvosoReader, answer)
    with pytest.raises(error) as caught:
        reader.search(None)
    assert len(server.requests) == (3 if error is TransientError else 1)
    if error is AuthError:
        assert "crm.convoso.auth_token" in str(caught.value)


def test_an_update_sends_just_the_changed_fields(make: Callable[..., Any]) -> None:
    """Values as they are, ``None`` as an empty parameter, nothing else but the token and the lead."""
    writer, server = make(ConvosoWriter, {"success": True, "data": {"lead_id": 77}})
    long = "Ж" * 10_000
    result = writer.update("77", {"status": "A&B=ü 漢字", "notes": long, "email": None})
    assert (result.state, result.lead_id) == ("applied", "77")
    assert server.requests[0].path == "/v1/leads/update"
    assert server.requests[0].form == {
        "auth_token": "abc123",
        "lead_id": "77",
        "status": "A&B=ü 漢字",
        "notes": long,
        "email": "",
    }


@pytest.mark.parametrize(
    "answer",
    [
        {"success": True},
        {"success": True, "data": {}},
        {"success": True, "data": None},
        {"success": True, "data": {"lead_id": "77"}},
    ],
)
def test_an_update_is_applied_when_the_answer_says_so(
    make: Callable[..., Any], answer: dict[str, Any]
) -> None:
    """``success`` is what counts; the id may be there, as number or text."""
    assert make(ConvosoWriter, answer)[0].update("77", {"status": "A"}).state == "applied"


@pytest.mark.parametrize(
    "answer",
    [
        {"success": True, "data": {"lead_id": 78}},
        {"success": "true"},
        {"success": 1},
        {},
        {"data": {"lead_id": 77}},
        {"json": []},
        {"json": None},
        {"json": "ok"},
        {"fault": "reset"},
        {"fault": "truncated", "json": {"success": True}},
        {"json": {}, "status": 500},
    ],
    ids=str,
)
def test_an_update_that_nobody_can_judge_is_unknown(make: Callable[..., Any], answer: dict[str, Any]) -> None:
    """Another lead's id, another shape, no whole answer: never applied, never refused, never sent twice."""
    writer, server = make(ConvosoWriter, answer)
    assert writer.update("77", {"status": "A"}).state == "unknown"
    assert len(server.requests) == 1


SENT = {"phone_number": "555", "email": "x", "list_id": "1", "owner_id": "2", "status": "A"}


@pytest.mark.parametrize(
    ("answer", "code", "fields"),
    [
        ({"success": False, "code": 6001}, "6001", set()),
        ({"success": False, "code": 6070}, "6070", set()),
        ({"success": False, "code": "6071", "text": "Lead not found"}, "6071", set()),
        ({"success": False, "code": 6002}, "6002", {"list_id"}),
        ({"success": False, "code": 6006}, "6006", {"owner_id"}),
        ({"success": False, "code": 6008}, "6008", {"phone_number"}),
        ({"success": False, "code": 6009}, "6009", {"phone_number"}),
        ({"success": False, "code": 6079}, "6079", {"email"}),
        ({"success": False, "code": 6023}, "6023", set()),
        ({"success": False, "code": 9999}, "9999", set()),
        ({"success": False, "error": "List not found"}, None, {"list_id"}),
        ({"success": False, "error": "Lead already exists"}, None, {"phone_number"}),
        ({"success": False, "error": "Invalid phone number"}, None, {"phone_number"}),
        ({"success": False, "code": 9999, "text": "Invalid Email(s)"}, "9999", {"email"}),
        ({"success": False, "error": "some words"}, None, set()),
        ({"json": {"success": False, "code": 6008}, "status": 400}, "6008", {"phone_number"}),
        ({"json": {}, "status": 422}, "422", set()),
    ],
    ids=str,
)
def test_a_refused_update_names_code_and_fields(
    make: Callable[..., Any], answer: dict[str, Any], code: str | None, fields: set[str]
) -> None:
    """Every code of the pages, and the page's errors without one; at fault are only fields that were sent."""
    writer, _ = make(ConvosoWriter, answer)
    result = writer.update("77", SENT)
    assert (result.state, result.code, set(result.fields)) == ("rejected", code, fields)
    assert result.reason


@pytest.mark.parametrize(
    ("answer", "breaks"),
    [
        ({"success": False, "code": 5001, "text": "Auth token is invalid"}, True),
        ({"json": {}, "status": 401}, True),
        ({"success": False, "code": 429}, False),
        ({"json": {}, "status": 429}, False),
        ({"json": {}, "status": 503}, False),
        ({"json": {"success": False, "text": "oops"}, "status": 500}, False),
        ({"success": False, "text": "Internal error, try again"}, False),
    ],
    ids=str,
)
def test_an_update_that_was_certainly_not_carried_out_is_deferred(
    make: Callable[..., Any], answer: dict[str, Any], breaks: bool
) -> None:
    """Throttled, failing in its own words or without credentials: the next run tries again."""
    result = make(ConvosoWriter, answer)[0].update("77", SENT)
    assert (result.state, result.breaks) == ("deferred", breaks)


@pytest.mark.parametrize("name", sorted(CAPABILITIES.protected_fields))
def test_fields_that_say_who_or_which_lead_are_never_set(make: Callable[..., Any], name: str) -> None:
    """A push model can't replace the token or the lead's id."""
    writer, server = make(ConvosoWriter, {"success": True})
    result = writer.update("77", {name: "8", "status": "A"})
    assert (result.state, result.fields) == ("rejected", {name})
    assert server.requests == []


def test_nothing_to_set_costs_no_call(make: Callable[..., Any]) -> None:
    """An update without fields is done before it begins."""
    writer, server = make(ConvosoWriter, {"success": True})
    assert writer.update("77", {}).state == "applied"
    assert server.requests == []


def test_every_refusal_is_a_sentence() -> None:
    """Codes are digits, and what they mean reads on after a colon."""
    for codes in CODES.values():
        for code, refusal in codes.items():
            assert code.isdigit()
            assert refusal.meaning[0].islower()
            assert not refusal.meaning.endswith(".")


@pytest.mark.parametrize(
    ("endpoint", "code", "said", "means"),
    [
        ("leads/update", "6008", "", "the phone number is invalid"),
        ("leads/insert", "6008", "duplicate phone number", "another lead has this phone number"),
        ("leads/insert", "6007", "the lead already exists", "another lead has this phone number"),
        (
            "leads/insert",
            "6007",
            "the lead requires a phone number",
            "a phone number and a list are required",
        ),
        ("dnc/insert", "6008", "", "the phone number is on this do-not-call list"),
        ("leads/update", "6009", "", "another lead has this phone number"),
        ("log/retrieve", "6004", "", "there is no such campaign"),
        ("dnc/delete", "6004", "", "there is no such status"),
        ("log/retrieve", "6042", "", "there is no such list"),
        ("log/retrieve", "6050", "", "there is no such status"),
        ("leads/update", "6004", "", None),
        ("leads/update", "6042", "", None),
        ("leads/update", "6050", "", None),
        ("leads/update", "6090", "", None),
        ("callbacks/insert", "6071", "", "the callback's time is none"),
    ],
)
def test_a_code_means_what_its_endpoint_says(endpoint: str, code: str, said: str, means: str | None) -> None:
    """One number, several meanings; what no endpoint of a lead documents has none there."""
    found = refusal_at(endpoint, code, said)
    assert (found and found.meaning) == means


@pytest.mark.parametrize(
    "answer",
    [
        {"code": 403, "text": "Forbidden"},
        {"json": {"success": False, "text": "no"}, "status": 403},
        {"json": {"success": False, "code": 403}, "status": 403},
        {"body": b"<html>Forbidden</html>", "json": None, "status": 403},
    ],
    ids=str,
)
def test_a_403_is_about_the_office(make: Callable[..., Any], answer: dict[str, Any]) -> None:
    """Convoso's glossary: the token is invalid for the office; said with the setting, for reads and for writes."""
    with pytest.raises(AuthError, match="not valid for this office") as caught:
        make(ConvosoReader, answer)[0].search(None)
    assert "crm.convoso.auth_token" in str(caught.value)
    assert str(caught.value).startswith("convoso ")
    done = make(ConvosoWriter, answer)[0].update("77", {"status": "A"})
    assert (done.state, done.breaks) == ("deferred", True)
    assert "not valid for this office" in (done.reason or "")


@pytest.mark.parametrize(
    "answer",
    [
        {"success": False, "code": 5001, "text": "Auth token is invalid"},
        {"json": {}, "status": 401},
        {"body": b"<html>Unauthorized</html>", "json": None, "status": 401},
    ],
    ids=str,
)
def test_only_a_403_is_about_the_office(make: Callable[..., Any], answer: dict[str, Any]) -> None:
    """A wrong token is a wrong token."""
    with pytest.raises(AuthError) as caught:
        make(ConvosoReader, answer)[0].search(None)
    assert "office" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"success": False, "code": 6008, "text": "Duplicate phone"}, "another lead has this phone number"),
        ({"success": False, "code": 6007, "text": "Duplicate entry"}, "another lead has this phone number"),
        (
            {"success": False, "code": 6008, "text": "The phone number is invalid"},
            "the phone number is invalid",
        ),
        ({"success": False, "code": 6004, "text": "Unknown Campaign ID"}, "not documented"),
    ],
    ids=str,
)
def test_a_refused_insert_says_which_meaning_of_its_code_it_is(
    make: Callable[..., Any], answer: dict[str, Any], reason: str
) -> None:
    """6007 and 6008 are also answered to duplicates; the words beside the code tell."""
    done = make(ConvosoWriter, answer)[0].insert(NEW, {"list_id": "333"})
    assert (done.state, done.code) == ("rejected", str(answer["code"]))
    assert reason in (done.reason or "")


@pytest.mark.parametrize("path", ["leads/get-recordings", "lead/get-recordings"])
def test_recordings_are_read_at_either_path(make: Callable[..., Any], path: str) -> None:
    """As the settings say; ids are numbers and the end is an empty text, as Convoso's page shows."""
    shown = {
        "recording_id": 8,
        "lead_id": 270,
        "start_time": "2014-06-19 21:11:36",
        "end_time": "",
        "seconds": 10,
        "url": "1403237496-all.wav",
    }
    answer = {"success": True, "data": {"offset": 0, "limit": 10, "total": 1, "entries": [shown]}}
    reader, server = make(ConvosoReader, answer, recordings_path=path)
    page = reader.recordings("270", None)
    assert (list(page.rows), page.total) == ([shown], 1)
    assert server.requests[0].path == f"/v1/{path}"


@pytest.mark.parametrize("code", [6001, 6005, 6070, 6071])
def test_a_lead_without_recordings_has_an_empty_page(make: Callable[..., Any], code: int) -> None:
    """Whatever code says that there is no such lead, or nothing of it."""
    reader, _ = make(ConvosoReader, {"success": False, "code": code})
    assert list(reader.recordings("77", None).rows) == []


def test_the_registry_knows_its_vendors(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """By name, with settings as set; a misspelt name is told which one is near."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRM__CONVOSO__AUTH_TOKEN", "abc")
    monkeypatch.setenv("CRM__CONVOSO__TIMEZONE", "Europe/London")
    assert crm.vendor("convoso").capabilities is CAPABILITIES
    assert crm.reader("convoso").zone == ZoneInfo("Europe/London")
    assert crm.writer("convoso").capabilities.vendor == "convoso"
    with pytest.raises(ConfigError, match="did you mean 'convoso'"):
        crm.vendor("convoso ")
    assert all(
        name == vendor.name == vendor.capabilities.vendor for name, vendor in crm.registry.vendors().items()
    )


# --- adding, upserting, deleting, finding -------------------------------------------------------------------------

NEW = {"phone_number": "(213) 555-0142", "first_name": "Zoë", "email": None, "city": " "}


def test_an_insert_sends_its_fields_and_options(make: Callable[..., Any]) -> None:
    """Blank fields are left out, a field of the lead goes before an option, and the answer's id is the outcome's."""
    writer, server = make(ConvosoWriter, {"success": True, "data": {"lead_id": 77}, "id": 77})
    result = writer.insert({**NEW, "list_id": "401"}, {"list_id": "333", "check_dup": "2", "hopper": "true"})
    assert (result.state, result.lead_id) == ("applied", "77")
    assert server.requests[0].path == "/v1/leads/insert"
    assert server.requests[0].form == {
        "auth_token": "abc123",
        "list_id": "401",
        "check_dup": "2",
        "hopper": "true",
        "phone_number": "(213) 555-0142",
        "first_name": "Zoë",
    }


@pytest.mark.parametrize(
    "answer",
    [
        {"success": True, "data": {"lead_id": "77"}},
        {"success": True, "id": "77"},
        {"success": True, "data": [], "id": 77},
    ],
)
def test_the_new_id_may_be_in_either_place(make: Callable[..., Any], answer: dict[str, Any]) -> None:
    """The page shows it twice, as number or text."""
    assert make(ConvosoWriter, answer)[0].insert(NEW, {"list_id": "333"}).lead_id == "77"


@pytest.mark.parametrize(
    "answer",
    [{"success": True}, {"success": True, "data": {}}, {"id": "77"}, {"json": "ok"}, {"fault": "reset"}],
    ids=str,
)
def test_an_insert_without_an_id_is_unknown(make: Callable[..., Any], answer: dict[str, Any]) -> None:
    """Which lead it became has to be looked for; it is never sent twice."""
    writer, server = make(ConvosoWriter, answer)
    assert writer.insert(NEW, {"list_id": "333"}).state == "unknown"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        (NEW, {}),
        ({**NEW, "phone_number": " "}, {"list_id": "333"}),
        ({**NEW, "lead_id": "5"}, {"list_id": "333"}),
    ],
)
def test_an_insert_that_can_only_be_refused_costs_no_call(
    make: Callable[..., Any], fields: dict[str, str | None], options: dict[str, str]
) -> None:
    """Without a phone number or a list, or with a lead's id in it."""
    writer, server = make(ConvosoWriter, {"success": True, "id": "77"})
    assert writer.insert(fields, options).state == "rejected"
    assert server.requests == []


def test_an_upsert_updates_the_lead_it_is_told(make: Callable[..., Any]) -> None:
    """With an id it is an update of that lead; without one Convoso looks for the phone number."""
    writer, server = make(ConvosoWriter, {"success": True, "data": {"lead_id": 77}})
    assert writer.upsert("77", {"email": None}, {"list_id": "333"}).state == "applied"
    assert writer.upsert(None, NEW, {"list_id": "333", "update_if_found": "false"}).lead_id == "77"
    assert [request.path for request in server.requests] == ["/v1/leads/update", "/v1/leads/insert"]
    assert server.requests[0].form == {"auth_token": "abc123", "lead_id": "77", "email": ""}
    assert server.requests[1].form["update_if_found"] == "true"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"success": True}, "applied"),
        ({"success": False, "code": 6001, "text": "No such Lead"}, "applied"),
        ({"success": False, "code": 6071}, "applied"),
        ({"success": False, "code": 6070}, "rejected"),
        ({"success": False, "code": 9999}, "rejected"),
        ({"success": False, "code": 5001}, "deferred"),
        ({"json": {}, "status": 503}, "deferred"),
        ({}, "unknown"),
        ({"fault": "reset"}, "unknown"),
    ],
    ids=str,
)
def test_a_deletion_is_what_the_answer_says(
    make: Callable[..., Any], answer: dict[str, Any], state: str
) -> None:
    """A lead that isn't there is as good as deleted; an id that is none is not."""
    writer, server = make(ConvosoWriter, answer)
    assert writer.delete("77").state == state
    assert [request.form["lead_id"] for request in server.requests] == ["77"]


def test_a_lead_that_was_moved_is_found_by_when_it_was_made(make: Callable[..., Any]) -> None:
    """In the list, or made within ten minutes of the insert; one that was made before or later is somebody else's."""
    times = {
        "1": "2026-11-01 01:25:00",  # the first of two such hours in New York: 05:25 UTC
        "2": "2026-11-01 01:41:00",
        "3": "2026-11-01 00:50:00",
        "4": None,
        "5": "2026-11-01T01:25:00-0400",  # says which of the two it is
    }
    rows = [
        {"id": number, "phone_number": "2135550142", "list_id": "401", "created_at": made}
        for number, made in times.items()
    ]
    there = {"id": "9", "phone_number": "2135550142", "list_id": "333", "created_at": "2020-01-01 00:00:00"}
    writer, _ = make(ConvosoWriter, entries(*rows, there), timezone=ZoneInfo("America/New_York"))
    for hour, found in ((5, ["9", "5", "1"]), (6, ["9", "1"])):
        sent_at = datetime(2026, 11, 1, hour, 30, tzinfo=UTC)
        assert writer.find(NEW, {"list_id": "333"}, sent_at) == found
    assert writer.find(NEW, {"list_id": "333"}) == ["9"]


def test_leads_are_found_by_phone_and_list(make: Callable[..., Any]) -> None:
    """As given, as digits and without the country code; the highest id first."""
    rows = [{"id": number, "phone_number": "2135550142", "list_id": "333"} for number in ("9", "10")]
    writer, server = make(ConvosoWriter, entries(), entries(rows[0]), entries(*rows))
    assert writer.find({"phone_number": "+1 213 555-0142"}, {"list_id": "333"}) == ["10", "9"]
    assert [request.form["phone_number"] for request in server.requests] == [
        "+1 213 555-0142",
        "12135550142",
        "2135550142",
    ]
    assert not {"list_id", "created_at"} & {name for request in server.requests for name in request.form}


@pytest.mark.parametrize("row", [{"phone_number": "2135550143"}, {"phone_number": ""}])
def test_a_search_that_shows_other_leads_finds_nothing(make: Callable[..., Any], row: dict[str, str]) -> None:
    """A server that ignores a filter can't say that a lead is not there."""
    found = {"id": "9", "phone_number": "2135550142", "list_id": "333", **row}
    writer, _ = make(ConvosoWriter, entries(found))
    with pytest.raises(UnexpectedAnswerError):
        writer.find(NEW, {"list_id": "333"})


def test_nothing_is_found_without_something_to_look_for(make: Callable[..., Any]) -> None:
    """No phone number, no search."""
    writer, server = make(ConvosoWriter, entries())
    assert writer.find({"phone_number": "none"}, {"list_id": "333"}) == []
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("list_id", "333", "all"),
        ("check_dup", "4", "5"),
        ("check_dup", "true", "account"),
        ("check_dnc", "True", "yes"),
        ("hopper_priority", "99", "100"),
        ("hopper_expires_in", "300", "301"),
        ("hopper_expires_in", "1", "0"),
        ("reject_by_carrier_type", "MOBILE,voip", "PIGEON"),
        ("update_order_by_last_called_time", "DESC", "down"),
    ],
)
def test_options_say_what_they_take(name: str, right: str, wrong: str) -> None:
    """As the page has it."""
    pattern = CAPABILITIES.options[name].pattern
    assert re.fullmatch(pattern, right, re.IGNORECASE)
    assert not re.fullmatch(pattern, wrong, re.IGNORECASE)


@pytest.mark.parametrize(
    ("name", "value", "looks"),
    [
        ("check_dup", "0", False),
        ("check_dup", "1", True),
        ("check_dup", "2", True),
        ("check_dup", "3", True),
        ("check_dup", "true", True),
        ("check_dup", "4", False),
        ("check_dup_list", "true", False),
        ("update_if_found", "true", True),
    ],
)
def test_convoso_looks_itself_only_if_its_own_pages_say_so(name: str, value: str, looks: bool) -> None:
    """For every other value leadloop looks for the lead before it adds one."""
    assert bool(re.fullmatch(CAPABILITIES.looks_itself.get(name, "(?!)"), value)) is looks
