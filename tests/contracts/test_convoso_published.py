"""What Convoso publishes (``convoso.py``), against the sandbox and against the client: a drift is a failing test."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
import requests  # noqa: TID251 - the sandbox is tested with a client that is not ours

from connector.config import Secret
from connector.crm.convoso import CAPABILITIES, ConvosoReader, ConvosoSettings, ConvosoWriter
from connector.crm.http import Session
from connector.documented.convoso import CODES, refusal_at
from connector.errors import AuthError, RefusedError
from connector.sandbox import Sandbox
from connector.testing import QUICK
from tests.contracts.convoso import ALIASES, ENDPOINTS, REFUSED_TOKEN, STATUSES, Endpoint, problems

PHONE, OTHER_PHONE = "2135550142", "2135550143"
NAMED = sorted(ENDPOINTS)


@pytest.fixture
def crm() -> Iterator[Sandbox]:
    """An account with a lead that was called, a callback and a do-not-call record; ids are those that ``valid`` uses."""
    with Sandbox(leads=30, other_office_token="elsewhere", required_fields=("last_name",)) as sandbox:
        sandbox.book.add(
            {"list_id": "333", "phone_number": PHONE, "status": "NEW", "source_id": "1"}, lead_id="1"
        )
        sandbox.book.call("1", 60)
        assert ask(sandbox, "callbacks/insert", VALID["callbacks/insert"])["success"] is True
        assert (
            ask(sandbox, "dnc/insert", {**VALID["dnc/insert"], "phone_number": OTHER_PHONE})["success"]
            is True
        )
        yield sandbox


VALID: dict[str, dict[str, str]] = {
    "leads/search": {"list_id": "333", "limit": "5"},
    "leads/update": {"lead_id": "1", "status": "SALE"},
    "leads/insert": {"list_id": "333", "phone_number": OTHER_PHONE, "last_name": "Doe"},
    "leads/delete": {"lead_id": "1"},
    "leads/get-recordings": {"lead_id": "1"},
    "lead/get-recordings": {"lead_id": "1"},
    "log/retrieve": {"include_recordings": "1"},
    "lists/search": {"status": "1"},
    "lists/insert": {"name": "A list of ten", "campaign_id": "10"},
    "lists/update": {"list_id": "333", "name": "Another list"},
    "lists/delete": {"list_id": "505"},
    "campaigns/search": {},
    "campaigns/status": {"campaign_id": "10", "status": "0"},
    "users/search": {"user": "agent30001@example.com"},
    "users/recordings": {
        "user": ",".join(f"agent{each}@example.com" for each in (22222, 30001, 30002, 30003, 30004))
    },
    "callbacks/search": {"lead_id": "1"},
    "callbacks/insert": {
        "lead_id": "1",
        "recipient": "system",
        "callback_time_zone": "-7.00",
        "callback_time": "2030-03-01 02:30 PM",
    },
    "callbacks/update": {"callback_id": "1", "callback_status": "dismissed"},
    "callbacks/delete": {"callback_id": "1"},
    "dnc/search": {"phone_code": "1"},
    "dnc/insert": {"phone_number": PHONE, "phone_code": "1", "campaign_id": "0", "reason": "asked"},
    "dnc/update": {"id": "1", "reason": "-BLANK-"},
    "dnc/delete": {"phone_number": OTHER_PHONE, "phone_code": "1", "campaign_id": "0"},
}
"""A call of each endpoint that the account above carries out."""

REFUSED: list[tuple[str, dict[str, str], str]] = [
    ("leads/search", {"limit": "2001"}, "7258"),
    ("leads/search", {"offset": "-1"}, "7231"),
    ("leads/update", {"lead_id": "x"}, "6070"),
    ("leads/update", {"lead_id": "999"}, "6071"),
    ("leads/update", {"list_id": "9"}, "6002"),
    ("leads/update", {"owner_id": "9"}, "6006"),
    ("leads/update", {"phone_number": "1"}, "6008"),
    ("leads/update", {"email": "nobody"}, "6079"),
    ("leads/insert", {"list_id": "9"}, "6002"),
    ("leads/insert", {"owner_id": "9"}, "6006"),
    ("leads/insert", {"phone_number": "1"}, "6008"),
    ("leads/insert", {"phone_number": PHONE, "check_dup": "1"}, "6009"),
    ("leads/insert", {"last_name": ""}, "6023"),
    ("leads/insert", {"email": "nobody"}, "6079"),
    ("leads/delete", {"lead_id": "999"}, "6001"),
    ("leads/get-recordings", {"limit": "101"}, "7258"),
    ("lead/get-recordings", {"offset": "x"}, "7231"),
    ("log/retrieve", {"list_id": "9"}, "6002"),
    ("log/retrieve", {"campaign_id": "9"}, "6004"),
    ("log/retrieve", {"user_id": "9"}, "6006"),
    ("log/retrieve", {"queue_id": "9"}, "6030"),
    ("log/retrieve", {"offset": "40001"}, "7231"),
    ("lists/search", {"id": "9"}, "6002"),
    ("lists/insert", {"name": "short"}, "6046"),
    ("lists/insert", {"name": "Made-up list 333"}, "6081"),
    ("lists/insert", {"campaign_id": "9"}, "6004"),
    ("lists/update", {"list_id": "9"}, "6002"),
    ("lists/update", {"campaign_id": "9"}, "6004"),
    ("lists/update", {"name": "short"}, "6046"),
    ("lists/update", {"name": "Made-up list 401"}, "6081"),
    ("lists/delete", {"list_id": "9"}, "6002"),
    ("campaigns/status", {"campaign_id": "9"}, "6004"),
    ("campaigns/status", {"status": "maybe"}, "6010"),
    ("users/search", {"user": ","}, "6005"),
    ("users/search", {"offset": "-1"}, "7231"),
    ("users/recordings", {"offset": "-1"}, "7231"),
    ("callbacks/search", {"offset": "50001"}, "7231"),
    ("callbacks/insert", {"lead_id": "999"}, "6001"),
    ("callbacks/insert", {"user_id": "9"}, "6006"),
    ("callbacks/insert", {"recipient": "personal"}, "6023"),
    ("callbacks/insert", {"callback_time": "soon"}, "7237"),
    ("callbacks/update", {"callback_id": "9"}, "6038"),
    ("callbacks/update", {"user_id": "9"}, "6006"),
    ("callbacks/update", {"callback_time": "soon"}, "7237"),
    ("callbacks/delete", {"callback_id": "9"}, "6038"),
    ("dnc/search", {"campaign_id": "9"}, "6006"),
    ("dnc/search", {"phone_code": "x"}, "6026"),
    ("dnc/search", {"id": "x"}, "6056"),
    ("dnc/search", {"purpose": "p" * 65}, "6057"),
    ("dnc/search", {"reason": "r" * 65}, "6058"),
    ("dnc/search", {"offset": "-1"}, "7231"),
    ("dnc/insert", {"campaign_id": "9"}, "6006"),
    ("dnc/insert", {"phone_number": "(213) 555-0142"}, "6007"),
    ("dnc/insert", {"phone_number": OTHER_PHONE}, "6008"),
    ("dnc/insert", {"phone_code": "x"}, "6026"),
    ("dnc/insert", {"purpose": "p" * 65}, "6057"),
    ("dnc/insert", {"reason": "r" * 65}, "6058"),
    ("dnc/update", {"id": "9"}, "6056"),
    ("dnc/update", {"campaign_id": "9"}, "6004"),
    ("dnc/update", {"phone_number": "x"}, "6008"),
    ("dnc/update", {"phone_code": "x"}, "6026"),
    ("dnc/update", {"purpose": "p" * 65}, "6057"),
    ("dnc/update", {"reason": "r" * 65}, "6058"),
    ("dnc/delete", {"phone_number": "2135550199"}, "6003"),
    ("dnc/delete", {"update_lead_status": "1"}, "6005"),
    ("dnc/delete", {"update_lead_status": "1", "lead_status": "x"}, "6004"),
]
"""What makes the sandbox answer each code: a call that is valid but for this."""

NEVER = {
    # The sandbox says it in another way, or never comes into this state.
    ("leads/update", "6001"),  # S; C has 6071 for it, and so has the sandbox
    ("lists/delete", "102"),  # its lists go at once
    ("callbacks/search", "6000"),
    ("dnc/search", "6008"),  # of a search it makes no sense
    ("dnc/insert", "6056"),  # an insert has no id
    ("dnc/update", "6059"),  # see test_two_records_can_not_be_the_same
}


def ask(crm: Sandbox, path: str, params: dict[str, str], *, method: str = "POST", how: str = "form") -> Any:
    """One call, with its parameters in a form, in the query string or in a JSON object."""
    given = {"auth_token": crm.token, **params}
    sent: dict[str, Any] = {{"form": "data", "query": "params", "json": "json"}[how]: given}
    answer = requests.request(method, f"{crm.base_url}/v1/{path}", timeout=10, **sent)
    assert answer.headers["content-type"] == "application/json", (path, answer.status_code)
    return answer.json()


# --- the table itself ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NAMED)
def test_every_row_has_its_source_and_an_example(path: str) -> None:
    """A row names where it is from; its example is a call that the table allows."""
    endpoint = ENDPOINTS[path]
    assert re.search(r"\b[OSC]\b", endpoint.source)
    assert set(endpoint.methods) <= {"GET", "POST"}
    assert undocumented(path, VALID[path]) == []
    assert set(endpoint.missing) <= set(endpoint.required) <= set(VALID[path])
    assert set(endpoint.missing.values()) <= set(endpoint.codes)


def undocumented(path: str, params: dict[str, str]) -> list[str]:
    """What of a call the table doesn't allow: names, and names of values that are of another kind."""
    endpoint = ENDPOINTS[path]
    found = [f"lacks {name}" for name in endpoint.required if name not in params]
    for name, value in params.items():
        kind = endpoint.parameters.get(name, r"(?s).*" if endpoint.has_custom_fields else None)
        if kind is None:
            found.append(f"{name} is not documented")
        elif not re.fullmatch(kind, value):
            found.append(f"{name} is of another kind")
    return found


# --- the sandbox --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["documented", "json"])
@pytest.mark.parametrize("path", NAMED)
def test_the_sandbox_answers_in_the_published_shape(crm: Sandbox, path: str, how: str) -> None:
    """With each documented method: parameters in the query of a GET, in the form of a POST; or in a JSON object."""
    endpoint = ENDPOINTS[path]
    calls = [("GET", "query"), ("POST", "form")] if how == "documented" else [("POST", "json")]
    for method, place in calls:
        if method not in endpoint.methods:
            continue
        with Sandbox(leads=0, book=crm.book, token=crm.token, do_not_call=frozenset({OTHER_PHONE})) as fresh:
            if path.startswith("callbacks/"):
                ask(fresh, "callbacks/insert", VALID["callbacks/insert"])
            answer = ask(fresh, path, VALID[path], method=method, how=place)
        assert problems(endpoint.answer, answer) == []
        assert answer["success"] is True
        if path == "leads/delete":
            crm.book.restore("1")


@pytest.mark.parametrize(
    "path", [path for path in NAMED if "search" in path or "retrieve" in path or "get-" in path]
)
def test_a_list_that_is_checked_has_rows(crm: Sandbox, path: str) -> None:
    """An empty list would be of any shape."""
    data = ask(crm, path, VALID[path])["data"]
    rows = data if isinstance(data, list) else data["results"] if "results" in data else data["entries"]
    assert len(rows) > 0


@pytest.mark.parametrize(("alias", "path"), ALIASES.items())
def test_a_path_that_is_named_otherwise_is_the_same(crm: Sandbox, alias: str, path: str) -> None:
    """Convoso's page has one path above its example and another one in it."""
    assert problems(ENDPOINTS[path].answer, ask(crm, alias, VALID[path])) == []


@pytest.mark.parametrize(
    ("path", "name", "code"),
    [(path, name, code) for path in NAMED for name, code in ENDPOINTS[path].missing.items()],
)
def test_a_required_parameter_is_required(crm: Sandbox, path: str, name: str, code: str) -> None:
    """Without it, or with an empty one, the answer is the code that the table has for it."""
    without = {each: value for each, value in VALID[path].items() if each != name}
    for params in (without, {**without, name: ""}):
        answer = ask(crm, path, params)
        assert (answer["success"], str(answer["code"])) == (False, code)
        assert answer["text"] == ENDPOINTS[path].codes[code]


@pytest.mark.parametrize("path", NAMED)
def test_an_unknown_parameter_is_ignored(crm: Sandbox, path: str) -> None:
    """The example request of Convoso's own page has one (adaptor_id)."""
    answer = ask(crm, path, {**VALID[path], "adaptor_id": "", "no_such_parameter": "1"})
    assert problems(ENDPOINTS[path].answer, answer) == []


@pytest.mark.parametrize(("path", "params", "code"), REFUSED)
def test_the_sandbox_refuses_with_the_published_code_and_text(
    crm: Sandbox, path: str, params: dict[str, str], code: str
) -> None:
    """One number has another text at another endpoint."""
    answer = ask(crm, path, {**VALID[path], **params})
    assert answer == {"success": False, "code": int(code), "text": ENDPOINTS[path].codes[code]}


def test_every_published_code_is_provoked() -> None:
    """A code without a way to it is in ``NEVER``, with the reason."""
    ways = {(path, code) for path, _, code in REFUSED}
    ways |= {(path, code) for path in NAMED for code in ENDPOINTS[path].missing.values()}
    shared = {("lead/get-recordings", code) for path, code in ways if path == "leads/get-recordings"}
    shared |= {("leads/get-recordings", code) for path, code in ways if path == "lead/get-recordings"}
    shared |= {("users/recordings", "6005")}
    published = {(path, code) for path in NAMED for code in ENDPOINTS[path].codes}
    assert published - ways - shared - NEVER == set()


def test_two_records_can_not_be_the_same(crm: Sandbox) -> None:
    """Code 6059: an update that would make a record equal to another one."""
    second = ask(crm, "dnc/insert", VALID["dnc/insert"])["id"]
    answer = ask(crm, "dnc/update", {"id": str(second), "phone_number": OTHER_PHONE})
    assert (answer["code"], answer["text"]) == (6059, ENDPOINTS["dnc/update"].codes["6059"])


@pytest.mark.parametrize("path", NAMED)
def test_a_token_is_asked_for_everywhere(crm: Sandbox, path: str) -> None:
    """A wrong one is 5001 at HTTP 200, one of another office a 403; the header Bearer does as well."""
    where = f"{crm.base_url}/v1/{path}"
    assert (
        requests.post(where, data={**VALID[path], "auth_token": "wrong"}, timeout=10).json() == REFUSED_TOKEN
    )
    assert requests.post(where, data=VALID[path], timeout=10).json() == REFUSED_TOKEN
    elsewhere = requests.post(where, data={**VALID[path], "auth_token": "elsewhere"}, timeout=10)
    assert elsewhere.status_code in STATUSES
    assert elsewhere.json() == {"success": False, "code": 403, "text": "Forbidden"}
    bearer = {"Authorization": f"Bearer {crm.token}"}
    assert requests.post(where, data=VALID[path], headers=bearer, timeout=10).json()["success"] is True


def test_another_method_is_no_api(crm: Sandbox) -> None:
    """PUT and DELETE are documented nowhere."""
    for method in ("PUT", "DELETE"):
        answer = requests.request(method, f"{crm.base_url}/v1/leads/update", timeout=10)
        assert (answer.status_code, answer.text[:15]) == (405, "<!DOCTYPE html>")


def test_the_call_log_pages_and_counts(crm: Sandbox) -> None:
    """total_found is how many there are, entries how many are shown; newest first, and at most 500 a page."""
    for _ in range(3):
        crm.clock.advance(60)
        crm.book.call("1", 30)
    every = ask(crm, "log/retrieve", {"lead_id": "1"})["data"]
    assert (every["total_found"], every["entries"], every["limit"]) == ("4", 4, 500)
    page = ask(crm, "log/retrieve", {"lead_id": "1", "limit": "2", "offset": "1"})["data"]
    assert (page["total_found"], page["entries"]) == ("4", 2)
    assert page["results"] == every["results"][1:3]
    dates = [call["call_date"] for call in every["results"]]
    assert dates == sorted(dates, reverse=True)
    oldest = ask(crm, "log/retrieve", {"lead_id": "1", "order": "asc"})["data"]["results"]
    assert oldest == every["results"][::-1]
    assert ask(crm, "log/retrieve", {"limit": "501"})["code"] == 7258
    window = {"start_time": dates[1], "end_time": dates[1]}
    (within,) = ask(crm, "log/retrieve", {"lead_id": "1", "include_recordings": "1", **window})["data"][
        "results"
    ]
    assert within["id"] == every["results"][1]["id"]
    assert set(within["recording"][0]) == {"src", "type", "recording_id", "filename", "public_url"}


def test_what_is_written_at_the_desk_is_found_there(crm: Sandbox) -> None:
    """A list takes leads, a callback changes, a do-not-call number is turned away by an insert that checks."""
    made = str(ask(crm, "lists/insert", VALID["lists/insert"])["id"])
    assert [each["id"] for each in ask(crm, "lists/search", {"status": "1", "id": made})["data"]] == [
        int(made)
    ]
    new = {"list_id": made, "phone_number": OTHER_PHONE, "last_name": "Doe"}
    assert ask(crm, "leads/insert", {**new, "check_dnc": "true"})["code"] == 6008
    assert ask(crm, "leads/insert", new)["success"] is True
    assert ask(crm, "dnc/delete", VALID["dnc/delete"])["success"] is True
    assert ask(crm, "leads/insert", {**new, "check_dnc": "true"})["success"] is True
    stages = [{"stage": "pending"}, {"stage": "DISMISSED"}]
    found = [ask(crm, "callbacks/search", each)["data"]["total"] for each in stages]
    ask(crm, "callbacks/update", VALID["callbacks/update"])
    after = [ask(crm, "callbacks/search", each)["data"]["total"] for each in stages]
    assert (found, after) == (["1", "0"], ["0", "1"])
    (callback,) = ask(crm, "callbacks/search", {})["data"]["results"]
    assert callback["callback_time"] == "2030-03-01 13:30:00"  # 14:30 at -7 is 13:30 in the account's winter
    ask(crm, "campaigns/status", {"campaign_id": "10", "status": "0"})
    assert {each["id"]: each["status"] for each in ask(crm, "campaigns/search", {})["data"]} == {
        10: "N",
        20: "Y",
    }


# --- the codes that the client and the sandbox share ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [(path, code, text) for path in NAMED for code, text in ENDPOINTS[path].codes.items()],
)
def test_every_published_code_is_known_with_its_text(path: str, code: str, text: str) -> None:
    """The product's own table of codes says at each endpoint what the published one says."""
    found = refusal_at(path, code)
    assert found is not None
    assert found.text.rstrip(".") == text.rstrip(".")


def test_the_product_knows_no_other_endpoints() -> None:
    """A table of codes for an endpoint that nobody published would be made up."""
    assert set(CODES) == set(ENDPOINTS)


# --- the client -----------------------------------------------------------------------------------------------------

LEAD = {"id": "1", "modified_at": "2026-03-03 14:30:00", "phone_number": PHONE, "list_id": "333"}
ANSWERS: dict[str, Any] = {
    # The response examples of O, with our own ids.
    "leads/search": {"success": True, "data": {"offset": 0, "limit": 10, "total": "1", "entries": [LEAD]}},
    "leads/update": {"success": True, "data": {"lead_id": 1}},
    "leads/insert": {"success": True, "data": {"lead_id": 1}},
    "leads/delete": {"success": True},
    **{
        path: {
            "success": True,
            "data": {
                "offset": 0,
                "limit": 10,
                "total": 1,
                "entries": [
                    {
                        "recording_id": 8,
                        "lead_id": 1,
                        "start_time": "2014-06-19 21:11:36",
                        "end_time": "",
                        "seconds": 10,
                        "url": "1403237496-all.wav",
                    }
                ],
            },
        }
        for path in ("leads/get-recordings", "lead/get-recordings")
    },
}


@dataclass
class Heard:
    """One request: its path below ``/v1/``, its method, its parameters, and which of them were in the query string."""

    path: str
    method: str
    params: dict[str, str]
    in_query: set[str]
    content_type: str


@dataclass
class Vendor:
    """A server on loopback that answers what the pages show, or what ``says`` has for a path."""

    url: str
    heard: list[Heard] = field(default_factory=list)
    says: dict[str, tuple[int, Any]] = field(default_factory=dict)

    def settings(self, **given: Any) -> ConvosoSettings:
        return ConvosoSettings(
            **{
                "base_url": f"{self.url}/v1",
                "auth_token": Secret("abc123"),
                "timezone": ZoneInfo("America/Los_Angeles"),
                "rate": 1000.0,
                **given,
            }
        )

    def reader(self, **given: Any) -> ConvosoReader:
        settings = self.settings(**given)
        return ConvosoReader(settings, session=Session(settings, retry=QUICK))

    def writer(self, **given: Any) -> ConvosoWriter:
        settings = self.settings(**given)
        return ConvosoWriter(settings, session=Session(settings, retry=QUICK))


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            url = urlsplit(self.path)
            query = parse_qsl(url.query, keep_blank_values=True)
            pairs = query + parse_qsl(body, keep_blank_values=True)
            path = url.path.removeprefix("/v1/")
            params = dict(pairs)
            assert len(params) == len(pairs)
            kind = self.headers.get("Content-Type", "")
            answering.heard.append(Heard(path, self.command, params, {name for name, _ in query}, kind))
            status, answer = answering.says.get(path, (200, ANSWERS.get(path)))
            told = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815 - the names that http.server looks for

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    answering = Vendor(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield answering
    server.shutdown()
    server.server_close()


WINDOW = (datetime(2026, 3, 1, 8), datetime(2026, 3, 3, 17, 5, 9))
FIELDS: dict[str, str | None] = {
    "status": "SALE",
    "notes": "a & b\nc",
    "first_name": "Zoë",
    "email": None,
    "lead_score": "88",
}


def everything(vendor: Vendor, token_in: str) -> None:
    """Every kind of call that leadloop makes of Convoso, with every filter and option that it lets through."""
    given = {"token_in": token_in, "removals": True}
    reader, writer = vendor.reader(**given), vendor.writer(**given)
    for cursor in ("updated_at", "changed_at", "created_at", "last_call", "deleted_at", "archived_at"):
        for precision in ("second", "day"):
            reader.search(WINDOW, cursor_field=cursor, precision=precision, offset=40, limit=2000)
    times = {name for name in CAPABILITIES.search_filters if re.search(r"_(date|start|end)$", name)}
    values = dict.fromkeys(CAPABILITIES.search_filters - times, "1")
    reader.search(None, filters=values)
    reader.search(None, filters=dict.fromkeys(times, "2026-03-01"))
    reader.get("1")
    reader.recordings("1", None)
    reader.recordings("1", WINDOW, offset=100)
    vendor.reader(recordings_path="lead/get-recordings", **given).recordings("1", WINDOW)
    sent_at = datetime(2026, 3, 1, tzinfo=UTC)
    new = {"phone_number": f"+1 {PHONE}", **FIELDS}
    assert writer.update("1", FIELDS).state == "applied"
    for options in OPTIONS:
        assert writer.insert(new, {"list_id": "333", **options}).state == "applied"
    assert writer.upsert(None, new, {"list_id": "333"}).state == "applied"
    assert writer.upsert("1", FIELDS, {}).state == "applied"
    assert writer.find(new, {"list_id": "333"}, sent_at) == ["1"]
    assert writer.present("upsert", new, {"list_id": "333"}) == ["1"]
    assert writer.delete("1").state == "applied"


SAMPLES = (
    "0", "1", "2", "3", "4", "99", "300", "true", "false", "ASC", "desc", "MOBILE", "voip, LANDLINE",
)  # fmt: skip
OPTIONS = [
    {name: sample}
    for name, option in CAPABILITIES.options.items()
    for sample in SAMPLES
    if re.fullmatch(option.pattern, sample, re.IGNORECASE)
]


@pytest.mark.parametrize("token_in", ["body", "query"])
def test_the_client_sends_nothing_that_is_not_published(vendor: Vendor, token_in: str) -> None:
    """Each path, method, parameter and kind of value of every call is in the table; the token is where it should be."""
    everything(vendor, token_in)
    assert {heard.path for heard in vendor.heard} == set(ANSWERS)
    for heard in vendor.heard:
        params = dict(heard.params)
        assert params.pop("auth_token") == "abc123"
        assert heard.method in ENDPOINTS[heard.path].methods
        assert undocumented(heard.path, params) == [], heard.path
        assert heard.in_query == ({"auth_token"} if token_in == "query" else set())
        assert heard.content_type == "application/x-www-form-urlencoded"


def test_every_filter_and_option_is_published() -> None:
    """And each is tried above."""
    search, insert = ENDPOINTS["leads/search"], ENDPOINTS["leads/insert"]
    assert set(CAPABILITIES.search_filters) == set(search.parameters) - {"offset", "limit"}
    assert set(CAPABILITIES.options) <= set(insert.parameters)
    assert {name for options in OPTIONS for name in options} == set(CAPABILITIES.options)


def test_the_published_answers_are_understood(vendor: Vendor) -> None:
    """The rows, ids and outcomes of the response examples."""
    reader, writer = vendor.reader(), vendor.writer()
    found = reader.search(None)
    assert (list(found.rows), found.total) == ([LEAD], 1)
    heard = reader.recordings("1", None)
    assert (heard.total, heard.rows[0]["end_time"], heard.rows[0]["recording_id"]) == (1, "", 8)
    assert (
        writer.update("1", FIELDS).lead_id,
        writer.insert({"phone_number": PHONE}, {"list_id": "333"}).lead_id,
    ) == (
        "1",
        "1",
    )
    assert writer.delete("1").state == "applied"


def of_leads() -> list[tuple[str, str, str]]:
    return [
        (path, code, text)
        for path in ("leads/search", "leads/update", "leads/insert", "leads/delete")
        for code, text in ENDPOINTS[path].codes.items()
    ]


@pytest.mark.parametrize(("path", "code", "text"), of_leads())
def test_the_published_errors_are_understood(vendor: Vendor, path: str, code: str, text: str) -> None:
    """Each code of an endpoint that leadloop calls is a refusal with a meaning, or says that the lead is gone."""
    vendor.says[path] = (200, {"success": False, "code": int(code), "text": text})
    if path == "leads/search":
        with pytest.raises(RefusedError) as caught:
            vendor.reader().search(None)
        assert caught.value.code == code
        assert "not documented" not in str(caught.value)
        return
    writer = vendor.writer()
    done = {
        "leads/update": lambda: writer.update("1", FIELDS),
        "leads/insert": lambda: writer.insert({"phone_number": PHONE}, {"list_id": "333"}),
        "leads/delete": lambda: writer.delete("1"),
    }[path]()
    assert (done.state, done.code) == ("applied" if path == "leads/delete" else "rejected", code)
    assert "not documented" not in (done.reason or "")


@pytest.mark.parametrize("status", STATUSES)
def test_the_published_statuses_are_understood(vendor: Vendor, status: int) -> None:
    """401 is a wrong token, 403 a token that is not valid for the office; the message says which."""
    vendor.says["leads/search"] = (status, {"success": False, "code": status})
    with pytest.raises(AuthError) as caught:
        vendor.reader().search(None)
    assert ("office" in str(caught.value)) is ("office" in STATUSES[status])


def test_a_drift_is_noticed() -> None:
    """The checks above fail for a shape, a parameter and a kind that are not published."""
    endpoint: Endpoint = ENDPOINTS["leads/update"]
    assert problems(endpoint.answer, {"success": True, "data": {}}) == ["answer.data lacks lead_id"]
    assert problems(endpoint.answer, {"success": 1, "data": {"lead_id": None}}) != []
    assert problems(ENDPOINTS["lists/search"].answer, {"success": True, "data": {}}) == [
        "answer.data is no list"
    ]
    assert undocumented("leads/delete", {"lead_id": "1", "status": "x"}) == ["status is not documented"]
    assert undocumented("leads/delete", {"lead_id": "x"}) == ["lead_id is of another kind"]
    assert undocumented("leads/delete", {}) == ["lacks lead_id"]
