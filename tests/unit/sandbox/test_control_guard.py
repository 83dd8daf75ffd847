"""The sandbox's own endpoints and who may call them: programs of this machine, and no page of another site."""

import json
from collections.abc import Callable
from http.client import HTTPConnection  # noqa: TID251 - sets headers that no client of ours would send
from typing import Any

import pytest

from connector.sandbox import Sandbox

Start = Callable[..., Sandbox]
STEERING = [
    ("GET", "state"),
    ("GET", "book"),
    ("GET", "row?lead_id=100001"),
    ("GET", "calls"),
    ("GET", "faults"),
    ("DELETE", "calls"),
    ("DELETE", "faults"),
    ("DELETE", "refuse"),
    ("POST", "add"),
    ("POST", "edit"),
    ("POST", "api_edit"),
    ("POST", "delete"),
    ("POST", "archive"),
    ("POST", "restore"),
    ("POST", "call"),
    ("POST", "faults"),
    ("POST", "refuse"),
    ("POST", "edits_per_second"),
    ("POST", "clock"),
]
BODIES: dict[str, dict[str, Any]] = {
    "add": {},
    "edit": {"lead_id": "100001", "fields": {"status": "SALE"}},
    "api_edit": {"lead_id": "100001", "fields": {"status": "SALE"}},
    **{name: {"lead_id": "100001"} for name in ("delete", "archive", "restore", "call")},
    "faults": {"fault": "status=503"},
    "refuse": {"lead_id": "100001", "code": "6008"},
    "edits_per_second": {"rate": 0},
    "clock": {"advance": 5},
}


def ask(
    crm: Sandbox, method: str, name: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    """One call with exactly these headers; ``Host`` is the sandbox's own unless it is given."""
    connection = HTTPConnection("127.0.0.1", crm.port, timeout=10)
    try:
        connection.putrequest(method, f"/_sandbox/{name}", skip_host=True, skip_accept_encoding=True)
        for header, value in {"Host": f"127.0.0.1:{crm.port}", **headers}.items():
            if value:
                connection.putheader(header.replace("_", "-"), value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        return answer.status, said if isinstance(said, dict) else {}
    finally:
        connection.close()


def body_of(method: str, name: str) -> bytes | None:
    return json.dumps(BODIES[name]).encode() if method == "POST" else None


def trace(crm: Sandbox) -> Any:
    """Whatever a call could change."""
    now = crm.clock.now().timestamp() // 3_600
    return crm.book.rows(), crm.faults.as_json(), crm.refusals.as_json(), len(crm.calls), now


@pytest.mark.parametrize(("method", "name"), STEERING)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_a_program_of_this_machine_may_call(start: Start, method: str, name: str, host: str) -> None:
    """As curl and every HTTP client do: no Origin, a Host of this machine with or without a port."""
    crm = start(leads=1)
    for called in (host, f"{host}:{crm.port}", f"{host}:8080"):
        status, said = ask(
            crm, method, name, body_of(method, name), Host=called, Content_Type="application/json"
        )
        assert (status, said.get("error")) in ((200, None), (404, "no lead 100001 in the book"))


@pytest.mark.parametrize(("method", "name"), STEERING)
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8765"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost.evil.example:80"},
        {"Host": "0.0.0.0"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://127.0.0.1"},
    ],
    ids=str,
)
def test_a_page_of_another_site_may_not(
    start: Start, method: str, name: str, headers: dict[str, str]
) -> None:
    """A name that leads to this machine, another page's origin: 403 with a sentence, and nothing is done."""
    crm = start(leads=1)
    before = trace(crm)
    status, said = ask(crm, method, name, body_of(method, name), Content_Type="application/json", **headers)
    assert status == 403
    assert (
        "is not this machine" in said["error"] if "Host" in headers else "is not the sandbox" in said["error"]
    )
    assert trace(crm) == before


@pytest.mark.parametrize(("method", "name"), [each for each in STEERING if each[0] == "POST"])
@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
        "application/jsonx",
    ],
)
def test_a_body_has_to_be_declared_as_json(start: Start, method: str, name: str, kind: str) -> None:
    """What a page can send anywhere without asking first is refused: 415 with a sentence, and nothing is done."""
    crm = start(leads=1)
    before = trace(crm)
    status, said = ask(crm, method, name, body_of(method, name), Content_Type=kind)
    assert status == 415
    assert "Content-Type: application/json" in said["error"]
    assert trace(crm) == before


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])
def test_json_may_be_declared_in_every_spelling(start: Start, kind: str) -> None:
    """With a charset, in any case; and a call without a body needs no type."""
    crm = start(leads=1)
    assert ask(crm, "POST", "edit", body_of("POST", "edit"), Content_Type=kind)[0] == 200
    assert crm.book.row("100001")["status"] == "SALE"
    assert ask(crm, "POST", "add")[0] == 200


def test_the_sandbox_itself_may_call(start: Start) -> None:
    """A page that came from the sandbox has its origin."""
    crm = start(leads=1)
    for host in (f"127.0.0.1:{crm.port}", f"localhost:{crm.port}"):
        assert ask(crm, "GET", "state", Host=host, Origin=f"http://{host}")[0] == 200
    # 127.0.0.1 and localhost are two sites for a browser.
    assert ask(crm, "GET", "state", Origin=f"http://localhost:{crm.port}")[0] == 403


def test_a_browser_that_asks_first_is_not_allowed_anything(start: Start) -> None:
    """The question before a call with JSON from another page has no answer that allows it."""
    crm = start(leads=1)
    connection = HTTPConnection("127.0.0.1", crm.port, timeout=10)
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    connection.request("OPTIONS", "/_sandbox/edit", headers=asked)
    answer = connection.getresponse()
    assert answer.status >= 400
    assert not [name for name, _ in answer.getheaders() if name.lower().startswith("access-control")]
    connection.close()
