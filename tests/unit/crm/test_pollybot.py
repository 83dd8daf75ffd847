"""PollyBot's page, its live clients, and what they leave open."""

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from typing import Any

import pytest

from connector import crm
from connector.config import Secret, resolve
from connector.crm.answers import LEAN_FROM, flat
from connector.crm.http import Answer, Retry
from connector.crm.pollybot import PollyBotReader, PollyBotSession, PollyBotSettings, PollyBotWriter
from connector.crm.pollybot.facts import NEWER_STATUSES, OLDER_STATUSES, STATUSES
from connector.crm.pollybot.responses import budget, judge, listed
from connector.crm.pollybot.shown import Shown
from connector.crm.pollybot.values import Casing, body, number_or_text
from connector.errors import (
    AuthError,
    ConfigError,
    LeadloopError,
    ModelError,
    RefusedError,
    UnexpectedAnswerError,
    UnreachableError,
)
from connector.extract.columns import as_text
from connector.sandbox import Sandbox

LEAD = "lead_1234567890abcdef"
ROW = {
    "id": LEAD,
    "name": "John Smith",
    "status": "new",
    "metadata": {},
    "updatedAt": "2024-01-16T14:30:00.000Z",
}
PAGE = {"page": 1, "limit": 100, "total": 1, "totalPages": 1, "hasNext": False, "hasPrev": False}
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def settings(url: str, **given: Any) -> PollyBotSettings:
    return PollyBotSettings(**{"base_url": url, "api_key": Secret("sk-workspace_x"), "rate": 1000.0, **given})


@pytest.fixture
def make(serve: Callable[..., Any], fake_time: Any) -> Callable[..., Any]:
    """``make(kind, reply, ...)``: a reader or a writer, and the server it talks to."""

    def build(kind: Any, *replies: dict[str, Any], **given: Any) -> Any:
        server = serve(*(reply if "json" in reply else {"json": reply} for reply in replies))
        chosen = settings(server.url, **given)
        session = PollyBotSession(
            chosen, retry=Retry(attempts=3), sleep=fake_time.sleep, clock=fake_time.clock
        )
        return kind(chosen, session=session), server

    return build


@pytest.fixture
def workspace() -> Iterator[Any]:
    """A sandbox, its leads, and reader and writer of one session."""
    with Sandbox(leads=30, pollybot_generation="older") as sandbox:
        chosen = settings(sandbox.base_url, api_key=Secret(sandbox.token))
        session = PollyBotSession(chosen)
        sandbox.polly = sandbox.vendors["pollybot"]  # type: ignore[attr-defined]
        sandbox.reader = PollyBotReader(chosen, session=session)  # type: ignore[attr-defined]
        sandbox.writer = PollyBotWriter(chosen, session=session)  # type: ignore[attr-defined]
        yield sandbox


def error(code: str | None, status: int, **details: Any) -> dict[str, Any]:
    found = {"success": False, "error": "Planted Person", "code": code, "details": details}
    return {"status": status, "json": {name: value for name, value in found.items() if value is not None}}


def answer(data: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): text for name, text in headers.items()}, data, NOW)


# What is sent


def test_only_the_fields_that_are_set_go_out(make: Callable[..., Any]) -> None:
    """One PUT of one JSON object with the bearer key; metadata keys together, a cleared field as null."""
    writer, server = make(PollyBotWriter, {"success": True, "data": ROW})
    fields = {"name": "007", "phone": None, "metadata.score": "85", "metadata.notes": None}
    assert writer.update(LEAD, fields).state == "applied"
    (request,) = server.requests
    assert json.loads(request.body) == {
        "name": "007",
        "phone": None,
        "metadata": {"score": 85, "notes": None},
    }
    assert request.path == f"/api/v1/leads/{LEAD}"
    assert request.headers["Authorization"] == "Bearer sk-workspace_x"


NEWER = {
    "id": LEAD,
    "name": "John",
    "tags": ["a", "b"],
    "customFields": {"tier": "gold", "seats": 1.50, "list": [1], "object": {"a": 1}, "none": None},
}


def test_the_other_custom_fields_are_sent_along(make: Callable[..., Any]) -> None:
    """The newer generation replaces them as a whole; what the push doesn't name goes back digit by digit."""
    text = json.dumps({"success": True, "data": NEWER}).replace("1.5,", "1.50,").encode()
    first = {"json": None, "body": text, "type": "application/json"}
    writer, server = make(PollyBotWriter, first, {"success": True, "data": NEWER})
    fields = {"customFields.tier": "silver", "customFields.seats": "2", "customFields.list": "[3]"}
    assert writer.update(LEAD, fields).state == "applied"
    assert [request.method for request in server.requests] == ["GET", "PUT"]
    whole = {**NEWER["customFields"], "tier": "silver", "seats": 2, "list": [3]}  # type: ignore[dict-item]
    assert json.loads(server.requests[1].body) == {"customFields": whole}
    writer, server = make(PollyBotWriter, first, {"success": True, "data": NEWER})
    writer.update(LEAD, {"customFields.tier": "silver"})
    assert b'"seats":1.50' in server.requests[1].body


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"customFields.object": "x"}, "object"),
        ({"customFields.object": None}, "object"),
        ({"customFields.list": "x"}, "JSON list"),
        ({"tags": "a, b"}, "JSON list"),
        ({"tags": None}, "to empty it, send []"),
    ],
)
def test_a_list_or_an_object_is_not_replaced_by_a_text(
    make: Callable[..., Any], fields: dict[str, Any], says: str
) -> None:
    """It is refused by name, and nothing is sent."""
    writer, server = make(PollyBotWriter, {"success": True, "data": NEWER})
    result = writer.update(LEAD, {"name": "Ann", **fields})
    assert (result.state, result.fields) == ("rejected", fields.keys())
    assert says in str(result.reason)
    assert [request.method for request in server.requests] == ["GET"]


def test_custom_fields_that_a_lead_does_not_show_are_not_set(make: Callable[..., Any]) -> None:
    """Its account may be of the older generation, or hide them: then the others can't be sent along."""
    writer, server = make(PollyBotWriter, {"success": True, "data": ROW})
    assert writer.update(LEAD, {"customFields.tier": "x"}).fields == {"customFields.tier"}
    assert len(server.requests) == 1


def test_custom_fields_that_vanish_all_the_same_stop_the_push(make: Callable[..., Any]) -> None:
    """The answer to the update shows it; the reason names them and the lead, and no value."""
    shown = {"success": True, "data": {**NEWER, "customFields": {"tier": "silver"}}}
    writer, _ = make(PollyBotWriter, {"success": True, "data": NEWER}, shown)
    result = writer.update(LEAD, {"customFields.tier": "silver"})
    assert (result.state, result.harm) == ("applied", True)
    assert f"customFields.seats of lead {LEAD}" in str(result.reason)


def test_a_sandbox_that_replaces_custom_fields_keeps_them() -> None:
    """Through real calls: one field is another one, everything beside it is what it was."""
    with Sandbox(leads=3) as crm:
        leads = crm.vendors["pollybot"].leads  # type: ignore[attr-defined]
        lead = leads.ids()[0]
        leads.edit(lead, {"customFields": {"a": 0.1, "b": "x"}, "tags": ["one", "two"]})
        writer = PollyBotWriter(settings(crm.base_url, api_key=Secret(crm.token)))
        assert writer.update(lead, {"customFields.b": "y", "tags": '["three"]'}).state == "applied"
        body = leads.leads[lead].body
    assert (body["customFields"], body["tags"]) == ({"a": 0.1, "b": "y"}, ["three"])


@pytest.mark.parametrize("text", ["0", "85", "-3", "0.5", "-12.75", "9007199254740991", "85.125"])
def test_a_plain_number_of_the_metadata_is_one(text: str) -> None:
    """Its JSON is the text that was pushed, so that a read back is in sync."""
    number = number_or_text(text)
    assert not isinstance(number, str)
    assert json.dumps(number) == text


@pytest.mark.parametrize(
    "text",
    [
        "007",
        "02134",
        "+15550100",
        "-0",
        "1.50",
        "85.0",
        "1e5",
        "1_000",
        "1,5",
        " 1",
        "",
        "NaN",
        "Infinity",
        "٣",
        "true",
        "null",
        "[1]",
        "9007199254740992",
        "12345678901234567890",
        "0.1234567890123456",
        "0.00001",
        ".5",
        "5.",
        "--1",
    ],
)
def test_everything_else_stays_text(text: str) -> None:
    """Leading zeros, signs, exponents, trailing zeros, and numbers a server in JavaScript would round."""
    assert number_or_text(text) is text


def test_a_field_of_the_lead_is_always_text() -> None:
    """Only inside the metadata is there anything but text."""
    assert body({"phone": "5550100", "metadata.zip": "90210"}, Casing()) == {
        "phone": "5550100",
        "metadata": {"zip": 90210},
    }


def test_numbers_pushed_are_in_sync_with_what_is_shown(workspace: Any) -> None:
    """A push of 85 to a key that shows 85 reads back as the same text, and nothing beside it has moved."""
    lead = workspace.polly.leads.ids()[2]
    before = workspace.polly.leads.row(lead)
    fields = {"metadata.visits": "85", "metadata.engagement": "0.5", "metadata.code": "0012"}
    assert workspace.writer.update(lead, fields).state == "applied"
    (row,) = workspace.reader.get(lead).rows
    assert {name: as_text(row[name]) for name in fields} == fields
    after = workspace.polly.leads.row(lead)
    assert {name for name in after if after[name] != before.get(name)} == {*fields, "updatedAt"}
    assert workspace.polly.leads.leads[lead].body["metadata"]["visits"] == 85


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("metadata.a.b", "merges"),
        ("metadata.conversation.last.rating", "merges"),
        ("metadata", "one key"),
        ("metadata.", "empty"),
        (".name", "empty"),
        ("address.city", "replaced"),
        ("metdata.score", "did you mean 'metadata'"),
        ("id", "itself"),
        ("createdAt", "itself"),
        ("updatedAt", "itself"),
        ("workspaceId", "itself"),
    ],
)
def test_what_could_erase_something_is_refused(make: Callable[..., Any], name: str, why: str) -> None:
    """Before anything is sent, with the reason; and again by the writer itself, without a call."""
    writer, server = make(PollyBotWriter, {"success": True, "data": ROW})
    with pytest.raises(ModelError, match=why) as caught:
        writer.check(["name", "metadata.score", name])
    assert repr(name) in str(caught.value)
    result = writer.update(LEAD, {"name": "John", name: "x"})
    assert (result.state, result.fields) == ("rejected", {name})
    assert not server.requests


def test_fields_that_can_be_set_pass_the_check(make: Callable[..., Any]) -> None:
    """Those of the page, any other name, and any key of the metadata; fields that are always text without a call."""
    shown = {"leads": [{**ROW, "address": {"city": "x"}}], "pagination": PAGE}
    writer, server = make(PollyBotWriter, {"success": True, "data": shown})
    writer.check(["name", "email", "phone", "source", "company", "notes"])
    assert not server.requests
    writer.check(
        ["name", "email", "phone", "source", "status", "owner", "metadata.score", "metadata.Lead Score"]
    )
    with pytest.raises(ModelError, match=r"'address'.* is an object"):
        writer.check(["address"])
    assert len(server.requests) == 1


@pytest.mark.parametrize("lead", ["", " ", ".", ".."])
def test_an_id_that_means_another_place_is_never_called(make: Callable[..., Any], lead: str) -> None:
    """It would be the path of the list, or of something above it."""
    reader, server = make(PollyBotReader, {"success": True, "data": ROW})
    assert list(reader.get(lead).rows) == []
    assert (
        PollyBotWriter(reader._settings, session=reader._session).update(lead, {"name": "x"}).state
        == "rejected"
    )
    assert not server.requests


def test_an_id_stays_within_its_place_of_the_path(make: Callable[..., Any]) -> None:
    """Slashes and question marks are part of the id."""
    writer, server = make(PollyBotWriter, {"success": True, "data": {"id": "a/b?c"}})
    assert writer.update("a/b?c", {"name": "x"}).state == "applied"
    assert (server.requests[0].path, server.requests[0].query) == ("/api/v1/leads/a%2Fb%3Fc", {})


# Statuses


def test_a_status_is_written_as_the_workspace_writes_it() -> None:
    """Capitals where only capitals were shown; words that nobody knows stay as they are."""
    casing = Casing()
    known = {"Qualified": "qualified", "LOST": "LOST", "negotiating": "NEGOTIATING", "vip": "vip"}
    assert {each: casing.of(each) for each in known} == known
    casing.saw({"status": "NEW"})
    casing.saw({"status": None})
    assert [casing.of(each) for each in ("new", "follow_up", "vip")] == ["NEW", "FOLLOW_UP", "vip"]
    casing.saw({"status": "Vip"})
    assert [casing.of(each) for each in ("qualified", "VIP", "NEW")] == ["qualified", "Vip", "NEW"]


@pytest.mark.parametrize("by", ["scan", "get", "update"])
def test_the_casing_is_taken_from_any_lead_that_was_shown(workspace: Any, by: str) -> None:
    """A workspace in capitals takes a status in small letters once one of its leads was seen."""
    workspace.polly.upper_case = True
    first, lead = workspace.polly.leads.ids()[:2]
    assert workspace.writer.update(lead, {"status": "converted"}).code == "VALIDATION_ERROR"
    if by == "scan":
        list(workspace.reader.scan(None))
    elif by == "get":
        workspace.reader.get(first)
    else:
        workspace.writer.update(first, {"name": "John"})
    assert workspace.writer.update(lead, {"status": "converted"}).state == "applied"
    assert workspace.reader.get(lead).rows[0]["status"] == "CONVERTED"


# What comes back


@pytest.mark.parametrize(
    "data",
    [
        {"success": True},
        {"success": True, "data": None},
        {"success": True, "data": {}},
        {"success": True, "data": {**ROW, "id": "lead_another"}},
        {"success": True, "data": {"name": "John"}},
        {"success": "yes", "data": ROW},
        {"data": ROW},
        [ROW],
    ],
)
def test_success_is_believed_of_this_very_lead_only(make: Callable[..., Any], data: Any) -> None:
    """Everything else leaves it unknown, and a read of the same is an error, never an empty page."""
    writer, _ = make(PollyBotWriter, {"json": data})
    assert writer.update(LEAD, {"name": "x"}).state == "unknown"
    reader, _ = make(PollyBotReader, {"json": data})
    with pytest.raises(UnexpectedAnswerError):
        reader.get(LEAD)


def test_a_lead_may_be_wrapped_once_more(make: Callable[..., Any]) -> None:
    """``data.lead`` in place of ``data``."""
    reader, _ = make(PollyBotReader, {"success": True, "data": {"lead": ROW}})
    assert reader.get(LEAD).rows[0]["name"] == "John Smith"


@pytest.mark.parametrize(
    ("field", "sent", "at_fault"),
    [
        ("status", ["status", "name"], ["status"]),
        ("metadata.score", ["metadata.score", "metadata.notes"], ["metadata.score"]),
        ("score", ["metadata.score", "metadata.notes"], ["metadata.score"]),
        ("metadata", ["metadata.score", "metadata.notes", "name"], ["metadata.score", "metadata.notes"]),
        ("phone", ["name"], []),
        (None, ["name"], []),
        (7, ["name"], []),
    ],
)
def test_the_field_at_fault_is_one_of_those_pushed(
    make: Callable[..., Any], field: Any, sent: list[str], at_fault: list[str]
) -> None:
    """Whichever name the server uses for it."""
    writer, _ = make(PollyBotWriter, error("VALIDATION_ERROR", 400, field=field))
    result = writer.update(LEAD, dict.fromkeys(sent, "x"))
    assert (result.state, result.code, result.fields) == ("rejected", "VALIDATION_ERROR", set(at_fault))


def test_a_wrong_status_says_which_are_allowed(make: Callable[..., Any]) -> None:
    """Those of the page that the server names, in its letters; no word besides, and not the value."""
    message = "Status must be one of: NEW, CONTACTED, FOLLOW_UP, UNRESPONSIVE, PLANTED. You sent Smith"
    writer, _ = make(PollyBotWriter, error("VALIDATION_ERROR", 400, field="status", message=message))
    reason = str(writer.update(LEAD, {"status": "Smith"}).reason)
    assert reason.endswith("allowed statuses are NEW, CONTACTED, FOLLOW_UP, UNRESPONSIVE")
    assert "planted" not in reason.lower()


def test_a_known_email_names_the_other_lead(workspace: Any) -> None:
    """The sandbox itself finds it; the outcome has the field and the other lead's id, not the address."""
    leads = workspace.polly.leads
    other = next(each for each in leads.ids() if leads.row(each)["email"])
    lead = next(each for each in leads.ids() if each != other)
    result = workspace.writer.update(lead, {"email": leads.row(other)["email"], "name": "x"})
    assert (result.state, result.code) == ("rejected", "DUPLICATE_EMAIL")
    assert (result.fields, result.lead_id) == ({"email"}, other)
    assert str(leads.row(other)["email"]) not in str(result.reason)


def test_what_is_no_id_is_not_taken_for_one(make: Callable[..., Any]) -> None:
    """An address in its place would be a lead's value."""
    writer, _ = make(PollyBotWriter, error("DUPLICATE_EMAIL", 409, existingLeadId="john@example.com"))
    assert writer.update(LEAD, {"email": "john@example.com"}).lead_id is None


@pytest.mark.parametrize(
    ("data", "status", "kind", "says"),
    [
        ({"success": False, "code": "INVALID_API_KEY"}, 401, AuthError, r"crm\.pollybot\.api_key"),
        ({"success": False, "code": "MISSING_AUTH_HEADER"}, 200, AuthError, r"crm\.pollybot\.api_key"),
        ({"error": "no"}, 403, AuthError, r"crm\.pollybot\.api_key .*CRM__POLLYBOT__API_KEY"),
        ({"success": False, "code": "LEAD_NOT_FOUND"}, 404, RefusedError, "no such lead"),
        ({"success": False, "error": "Lead not found"}, 404, RefusedError, "LEAD_NOT_FOUND"),
        ({"error": "Not Found"}, 404, UnreachableError, r"crm\.pollybot\.leads_path"),
        (
            {"success": False, "code": "CHATBOT_NOT_FOUND"},
            404,
            UnreachableError,
            r"crm\.pollybot\.leads_path",
        ),
        ({"success": False, "code": "NO_SUCH_THING", "error": "Planted"}, 200, RefusedError, "NO_SUCH_THING"),
        ({"success": False, "error": "Planted"}, 200, RefusedError, "no code"),
        ({"success": False, "code": "PLANTED", "error": "Planted"}, 422, RefusedError, "status 422"),
    ],
)
def test_an_error_is_put_in_our_own_words(data: Any, status: int, kind: type[Exception], says: str) -> None:
    """By its code, or else by its status; the server's text is in none of them."""
    with pytest.raises(kind, match=says) as caught:
        judge(answer(data, status))
    assert "planted" not in str(caught.value).lower()


@pytest.mark.parametrize("data", [{"success": False, "code": "INTERNAL_ERROR"}, {"error": "x"}, [1]])
def test_a_server_that_fails_leaves_a_write_unknown(make: Callable[..., Any], data: Any) -> None:
    """It may have done it before."""
    writer, _ = make(PollyBotWriter, {"status": 500, "json": data})
    assert writer.update(LEAD, {"name": "x"}).state == "unknown"


def test_too_many_calls_at_status_200_are_told_by_the_code(make: Callable[..., Any]) -> None:
    """The write is deferred and the pace halves."""
    writer, _ = make(PollyBotWriter, error("RATE_LIMIT_EXCEEDED", 200))
    result = writer.update(LEAD, {"name": "x"})
    assert (result.state, result.breaks, writer._session.pace.current) == ("deferred", False, 500.0)


# Reading


OTHER_SHAPES: list[Any] = [
    {"success": True, "data": {"leads": [ROW]}},
    {"success": True, "data": {"pagination": PAGE}},
    {"success": True, "data": {"leads": None, "pagination": PAGE}},
    {"success": True, "data": {"leads": {}, "pagination": PAGE}},
    {"success": True, "data": {"leads": ["x"], "pagination": PAGE}},
    {"success": True, "data": {"leads": [ROW], "pagination": {**PAGE, "total": None}}},
    {"success": True, "data": {"leads": [ROW], "pagination": {**PAGE, "page": 2}}},
    {"success": True, "data": {"leads": [ROW, ROW], "pagination": {**PAGE, "limit": 1}}},
    {"success": True, "data": [ROW]},
    {"data": {"leads": [ROW], "pagination": PAGE}},
    {"success": True, "leads": [ROW], "pagination": PAGE},
    [],
]


@pytest.mark.parametrize("data", OTHER_SHAPES)
def test_a_list_of_another_shape_is_an_error(data: Any) -> None:
    """Never an empty page."""
    with pytest.raises(UnexpectedAnswerError):
        listed(answer(data), 1)


def test_an_empty_workspace_has_no_pages(make: Callable[..., Any]) -> None:
    """An explicit empty list says so, or none beside a total of 0."""
    leads: Any
    for leads in ([], None):
        assert (
            listed(
                answer({"success": True, "data": {"leads": leads, "pagination": {**PAGE, "total": 0}}}), 1
            ).rows
            == []
        )
    nothing = {"leads": [], "pagination": {**PAGE, "total": 0}}
    reader, server = make(PollyBotReader, {"success": True, "data": nothing})
    assert list(reader.scan(None)) == []
    assert server.requests[0].query == {
        "page": "1",
        "limit": "100",
        "sortBy": "updatedAt",
        "sortOrder": "desc",
    }


def test_a_smaller_page_than_asked_for_is_reckoned_with(workspace: Any, make: Callable[..., Any]) -> None:
    """The server says its own limit, and pages are counted by it."""
    rows = [{**ROW, "id": f"lead_{n}", "updatedAt": f"2024-01-16T14:30:{59 - n:02}Z"} for n in range(5)]

    def page(number: int) -> dict[str, Any]:
        paging = {**PAGE, "page": number, "limit": 2, "total": 5}
        return {"success": True, "data": {"leads": rows[2 * number - 2 : 2 * number], "pagination": paging}}

    reader, server = make(PollyBotReader, *(page(each) for each in (1, 1, 2, 3, 3)))
    assert [row["id"] for each in reader.scan(None) for row in each.rows] == [row["id"] for row in rows]
    assert [each.query["page"] for each in server.requests] == ["1", "1", "2", "3", "3"]


def test_nested_values_are_paths_and_lists_stay(workspace: Any) -> None:
    """The names are those that a push uses."""
    (row,) = workspace.reader.get(workspace.polly.leads.ids()[0]).rows
    assert {"metadata.company", "metadata.conversation.last.channel", "createdAt"} <= row.keys()
    assert isinstance(row["metadata.interests"], list)
    assert workspace.reader.modified_at(row) == row["updatedAt"]


def test_a_long_list_inside_a_lead_is_a_value_like_any_other(make: Callable[..., Any]) -> None:
    """However large the answer is."""
    history = [{"text": "x" * 100, "n": n} for n in range(LEAN_FROM // 100)]
    reader, _ = make(PollyBotReader, {"success": True, "data": {**ROW, "metadata": {"history": history}}})
    assert json.loads(str(as_text(reader.get(LEAD).rows[0]["metadata.history"]))) == history
    assert flat({"a": {"b": []}}) == {"a.b": []}


@pytest.mark.parametrize("leads", [30, 90])
def test_leads_are_read_singly_as_many_at_once_as_calls_are_allowed(leads: int) -> None:
    """One call per lead whose row has no metadata, and each waits for four others."""
    with Sandbox(leads=leads + 1, pollybot_generation="older") as sandbox:
        sandbox.vendors["pollybot"].list_metadata = False  # type: ignore[attr-defined]
        chosen = settings(sandbox.base_url, api_key=Secret(sandbox.token), concurrency=5)
        with closing(PollyBotReader(chosen)) as reader:
            together, read, numbers = threading.Barrier(5), reader._lead, count()

            def waiting(lead_id: str) -> Any:
                # The first one is read alone: what it shows may be that the others need not be.
                if next(numbers):
                    together.wait(10)
                return read(lead_id)

            reader._lead = waiting  # type: ignore[method-assign]
            pages = list(reader.scan(None))
        assert len({reader.lead_id(row) for page in pages for row in page.rows}) == leads + 1
        assert sandbox.calls.count("get") == leads + 1
        assert sandbox.calls.most_at_once("pollybot") <= 5


WHOLE = {
    "id": "1",
    "name": "Ann",
    "tags": ["a"],
    "customFields": {"a": 1},
    "updatedAt": "2026-03-01T10:00:00Z",
}


def test_rows_are_whole_once_a_single_read_was_the_same() -> None:
    """And only those that have all the fields that single reads have shown."""
    shown = Shown()
    assert not shown.is_whole(WHOLE)
    shown.read_singly(WHOLE, dict(WHOLE))
    assert shown.has_compared
    assert shown.is_whole({**WHOLE, "id": "2", "tags": [], "customFields": {}})
    assert not shown.is_whole({name: value for name, value in WHOLE.items() if name != "tags"})
    shown.read_singly({**WHOLE, "id": "3"}, {**WHOLE, "id": "3", "company": None})
    assert not shown.is_whole(WHOLE)
    assert shown.is_whole({**WHOLE, "company": "x"})


@pytest.mark.parametrize(
    ("row", "lead"),
    [
        (WHOLE, {**WHOLE, "customFields": {"a": 1, "b": 2}}),
        (WHOLE, {**WHOLE, "name": "Bob", "updatedAt": "2026-03-01T11:00:00Z"}),
        ({name: WHOLE[name] for name in ("id", "name")}, WHOLE),
        ({"id": "1", "name": "Ann"}, {"id": "1", "name": "Ann"}),
        ({"id": "1", "name": "Ann"}, {"id": "1", "name": "Ann", "metadata": {"a": 1}}),
    ],
)
def test_rows_are_not_trusted_where_a_single_read_shows_something_else(row: Any, lead: Any) -> None:
    """Cut short, edited meanwhile, bare, or a lead of the older generation that happens to have no metadata."""
    shown = Shown()
    shown.read_singly(row, lead)
    assert not shown.is_whole({**WHOLE, "metadata": None})
    assert not shown.is_whole(row)


def test_a_lead_tells_the_generation() -> None:
    """By the object that takes any keys; where a workspace shows both, both may be pushed."""
    shown = Shown()
    shown.saw({"id": "1", "name": "Ann"})
    assert not shown.is_told
    assert shown.problem_with("metadata.a") is None
    shown.saw(WHOLE)
    assert "name it 'customFields.a'" in str(shown.problem_with("metadata.a"))
    shown.saw({**ROW, "metadata": {"deep": {"er": 1}}})
    assert [shown.problem_with(name) for name in ("metadata.a", "customFields.a", "notes")] == [None] * 3
    assert "object" in str(shown.problem_with("metadata.deep"))


def test_a_lead_deleted_between_list_and_single_read_is_left_out(workspace: Any) -> None:
    """It is gone, and that is no error."""
    workspace.polly.list_metadata = False
    gone = workspace.polly.leads.ids()[4]
    reader, show, once = workspace.reader, workspace.reader._lead, iter([gone])
    reader._lead = lambda lead: next(map(workspace.polly.leads.delete, once), None) or show(lead)
    found = [row["id"] for page in reader.scan(None) for row in page.rows]
    assert sorted(found) == sorted(workspace.polly.leads.ids())


def test_a_lead_without_an_id_is_an_error(make: Callable[..., Any]) -> None:
    """Nothing could be done with it."""
    nameless = {"leads": [{**ROW, "id": " "}], "pagination": PAGE}
    reader, _ = make(PollyBotReader, {"success": True, "data": nameless})
    with pytest.raises(UnexpectedAnswerError, match="without an id"):
        list(reader.scan(None))


def test_a_scan_of_many_pages_under_edits_and_deletions_misses_nobody() -> None:
    """350 leads over HTTP; after each page a lead is edited, and after every third one that was read is deleted."""
    with Sandbox(leads=350) as sandbox:
        leads = sandbox.vendors["pollybot"].leads  # type: ignore[attr-defined]
        reader = PollyBotReader(settings(sandbox.base_url, api_key=Secret(sandbox.token)))
        since = leads.by_time()[20][0]
        wanted = {each for moment, each in leads.by_time() if moment >= since}
        touched: set[str] = set()
        seen: list[str] = []
        for page in reader.scan(since):
            if not page.rows:
                continue
            seen += [row["id"] for row in page.rows]
            edited, deleted = leads.by_time()[25][1], seen[len(touched)]
            leads.edit(edited, {"name": "Somebody"})
            touched.add(edited)
            if len(touched) % 3 == 2:
                leads.delete(deleted)
                touched.add(deleted)
        assert wanted - touched <= set(seen)
        assert len(touched) > 4
        assert sandbox.calls.count("list") < 25


def test_a_server_that_ignores_the_order_costs_calls_and_no_lead(workspace: Any) -> None:
    """The edit of an old lead is found, wherever it stands in the list."""
    workspace.polly.sorts = False
    leads = workspace.polly.leads
    newest = leads.by_time()[-1][0]
    leads.edit(leads.ids()[0], {"name": "Somebody"})
    pages = list(workspace.reader.scan(newest + timedelta(seconds=1)))
    assert [row["id"] for page in pages for row in page.rows] == [leads.ids()[0]]


PLANTED = ("sk-workspace_planted", "5559871234", "Personname")


@pytest.mark.parametrize(
    "reply",
    [
        error("VALIDATION_ERROR", 400, field="5559871234", value="Personname", message="Personname"),
        error("VALIDATION_ERROR", 400, field="status", message="one of: Personname, 5559871234"),
        error("DUPLICATE_EMAIL", 409, email="Personname@example.com", existingLeadId="Person name"),
        error("PERSONNAME", 409),
        error("5559871234", 400, message="sk-workspace_planted"),
        error(None, 404),
        error(None, 500),
        error("INVALID_API_KEY", 401, message="sk-workspace_planted"),
        {"json": {"success": True, "data": {"id": "5559871234", "name": "Personname"}}},
        {"json": {"success": True, "data": ["Personname"]}},
        {"json": {"success": True, "data": ROW}, "fault": "truncated"},
        {"json": {"success": True, "data": ROW}, "headers": {"X-RateLimit-Reset": "5559871234"}},
    ],
)
def test_no_token_and_no_value_is_in_what_a_person_reads(
    make: Callable[..., Any], caplog: pytest.LogCaptureFixture, reply: dict[str, Any]
) -> None:
    """Outcomes, errors, and logs at their most talkative."""
    caplog.set_level("DEBUG")
    planted = {"api_key": Secret(PLANTED[0])}
    writer, _ = make(PollyBotWriter, reply, **planted)
    reader, _ = make(PollyBotReader, reply, **planted)
    read = writer.update(LEAD, {"name": "Personname", "metadata.phone": "5559871234"})
    said = [str(read.reason), str(read.code), repr(writer._settings), caplog.text]
    for attempt in (lambda: reader.get(LEAD), lambda: list(reader.scan(None))):
        try:
            attempt()
        except LeadloopError as problem:
            said.append(str(problem))
    assert not [word for word in PLANTED for text in said if word.lower() in text.lower()]


# The hour's calls


def limits(remaining: Any, reset: Any, limit: Any = 1000, **more: str) -> Answer:
    return answer(
        {},
        200,
        X_RateLimit_Limit=str(limit),
        X_RateLimit_Remaining=str(remaining),
        X_RateLimit_Reset=str(reset),
        **more,
    )


def test_the_budget_is_what_is_left_less_what_is_under_way() -> None:
    """Once less than a fifth is left; before, there is plenty."""
    soon = int(NOW.timestamp()) + 600
    assert budget(limits(201, soon), 4) == (math.inf, 0.0)
    assert budget(limits(200, soon), 4) == (196.0, 600.0)
    assert budget(limits(3, soon), 4) == (0.0, 600.0)
    assert budget(limits(200, soon * 1000), 4) == (196.0, 600.0)
    assert budget(replace(limits(20, soon, 100)), 4) == (16.0, 600.0)


def test_the_end_of_the_hour_is_seen_by_the_servers_clock() -> None:
    """A machine whose clock is ten minutes slow waits no longer."""
    there = NOW + timedelta(minutes=10)
    reset = int(there.timestamp()) + 60
    assert budget(limits(10, reset, Date=format_datetime(there, usegmt=True)), 4) == (6.0, 60.0)


@pytest.mark.parametrize(
    ("remaining", "reset"),
    [("", "5"), ("x", "5"), ("10", ""), ("10", "0"), ("10", "nan"), ("-1", "5"), ("10", "9999999999")],
)
def test_headers_without_sense_say_nothing(remaining: str, reset: str) -> None:
    """The pace stays what it was."""
    assert budget(limits(remaining, reset), 4) is None
    assert budget(answer({}), 4) is None


def test_a_date_that_no_calendar_has_is_not_heeded() -> None:
    """A ``Date`` with a year of twenty digits: the moment the call left stands for it."""
    absurd = "Sat, 21 Nov 12345678901234567890 12:00:00 GMT"
    assert budget(limits(10, int(NOW.timestamp()) + 60, Date=absurd), 4) == (6.0, 60.0)


def test_no_call_is_refused_when_the_hour_is_nearly_used() -> None:
    """30 calls a second and a half: four threads' worth of writes and reads go through without one 429."""
    with Sandbox(leads=60) as sandbox:
        polly: Any = sandbox.vendors["pollybot"]
        polly.hourly_limit, polly.hour = 30, 1.5
        chosen = settings(sandbox.base_url, api_key=Secret(sandbox.token), concurrency=1)
        writer = PollyBotWriter(chosen)
        began = time.monotonic()
        states = {writer.update(lead, {"name": "x"}).state for lead in polly.leads.ids()[:50]}
        assert states == {"applied"}
        assert sandbox.calls.count(outcome="RATE_LIMIT_EXCEEDED") == 0
        assert time.monotonic() - began > 1


# Settings


def test_the_path_of_the_leads_is_a_setting(make: Callable[..., Any]) -> None:
    """As newer workspaces have it, below the chatbot."""
    path = "/api/v1/chatbots/bot_1/leads"
    writer, server = make(PollyBotWriter, {"success": True, "data": ROW}, leads_path=path)
    writer.update(LEAD, {"name": "x"})
    assert server.requests[0].path == f"{path}/{LEAD}"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("api/v1/leads", "begins with a slash"),
        ("/api//leads", "begins with a slash"),
        ("/api/v1/my leads", "begins with a slash"),
        ("/api/v1/leads?x=1", "plain path"),
        ("/api/v1/leads#x", "plain path"),
        ("/api/v1/chatbots/{chatbotId}/leads", "placeholder"),
        ("/api/v1/chatbots/<id>/leads", "placeholder"),
    ],
)
def test_a_path_that_is_none_names_the_setting(path: str, problem: str) -> None:
    """With what is wrong about it."""
    with pytest.raises(ConfigError, match=rf"crm\.pollybot\.leads_path.*{problem}"):
        resolve(PollyBotSettings, {"api_key": "k", "leads_path": path})


def test_a_slash_at_the_end_of_the_path_is_taken_off() -> None:
    """As people write it."""
    chosen = resolve(PollyBotSettings, {"api_key": "k", "leads_path": "/api/v1/leads/"})
    assert (chosen.leads_path, chosen.base_url, chosen.rate) == ("/api/v1/leads", "https://pollybot.app", 5.0)


def test_reader_and_writer_of_an_account_share_a_session(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """One pace, one quota, one knowledge of how statuses are written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRM__POLLYBOT__API_KEY", "key")
    with crm.account("pollybot") as account:
        reader, writer = account.reader, account.writer
        assert isinstance(reader._session, PollyBotSession)  # type: ignore[attr-defined]
        assert reader._session is writer._session  # type: ignore[attr-defined]


def test_the_statuses_are_those_of_the_page() -> None:
    """In its order, so that a reason lists them as people know them."""
    assert ", ".join(OLDER_STATUSES) == "new, contacted, qualified, converted, lost, follow_up"
    newer = "NEW, CONTACTED, QUALIFIED, NEGOTIATING, CONVERTED, LOST, UNRESPONSIVE"
    assert ", ".join(NEWER_STATUSES).upper() == newer
    assert set(STATUSES) == {*OLDER_STATUSES, *NEWER_STATUSES}
