"""Leadping's published API against the sandbox and against our reader and writer, in both generations.

``leadping.py`` is the table, with its sources. Whatever our client asks has to be in it, and whatever the sandbox answers.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import requests  # noqa: TID251 - the sandbox is tested with a client that is not ours

from connector.config import Secret
from connector.crm.http import Session
from connector.crm.leadping import LeadpingReader, LeadpingSettings, LeadpingWriter, open_session
from connector.crm.leadping.lead import NAMES, NUMBERS, WHOLE_NUMBERS
from connector.errors import AuthError, TransientError
from connector.sandbox import Sandbox
from connector.sandbox.wire import Answer
from connector.testing import QUICK
from tests.contracts.leadping import CONTRACTS, NEWER_REQUEST, OLDER_REQUEST
from tests.contracts.shapes import Flag, Maybe, Moment, Number, Obj, Shape, Text, watched

ADMINS = "adminEnablementOverride"


@pytest.fixture(params=["older", "newer"])
def crm(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(leads=12, leadping_generation=request.param) as crm:
        yield crm


@pytest.fixture
def session(crm: Sandbox) -> Session:
    settings = LeadpingSettings(base_url=crm.base_url, api_key=Secret(crm.token), rate=1000.0)
    return open_session(settings, retry=QUICK)


def client(session: Any) -> tuple[LeadpingReader, LeadpingWriter]:
    settings: Any = session._settings
    return LeadpingReader(settings, session=session, page_size=5), LeadpingWriter(settings, session=session)


def vendor(crm: Sandbox) -> Any:
    return crm.vendors["leadping"]


def contract(crm: Sandbox) -> Any:
    return CONTRACTS[crm.options.leadping_generation]


def documented(shape: Shape, prefix: str = "") -> Iterator[tuple[str, Shape]]:
    """Every field of a request that is no object, by its path, and what it holds."""
    while isinstance(shape, Maybe):
        shape = shape.shape
    if isinstance(shape, Obj) and shape.keys:
        for name, inner in shape.keys.items():
            yield from documented(inner, f"{prefix}{name}.")
    else:
        yield prefix.removesuffix("."), shape


def fitting(name: str, shape: Shape) -> str | None:
    """A text that a push could have for this field; ``None`` for one that no push sets."""
    if name.startswith("contact.coordinate") or ".coordinate." in name or name in ("id", "tagIds"):
        return None
    if name in (
        "metadata.organizationId",
        "contactPreferences.callbackWindows",
        "contact.phone.phoneIdentityId",
    ):
        return None
    if isinstance(shape, Text):
        special = {"email": "ann@example.com", "number": "+15550100199"}
        return shape.words[-1] if shape.words else special.get(name.rpartition(".")[2], "a text")
    if isinstance(shape, Flag):
        return "true"
    if isinstance(shape, Moment):
        return "2026-03-01" if shape.only_date else "2026-03-01T10:00:00Z"
    if isinstance(shape, Number) or name in NUMBERS:
        return "85" if name in WHOLE_NUMBERS else "0.5"
    return '["hot","vip"]' if name == "tagNames" else None


def pushed(crm: Sandbox) -> dict[str, str]:
    """Every documented field that a push may set, with a value for it."""
    request = OLDER_REQUEST if crm.options.leadping_generation == "older" else NEWER_REQUEST
    free = {"older": "metadata.sourceMetadata.score", "newer": "customFields.tier"}
    found = {name: text for name, shape in documented(request) if (text := fitting(name, shape)) is not None}
    return {**found, free[crm.options.leadping_generation]: "hot"}


def test_what_our_client_asks_is_documented(crm: Sandbox, session: Session) -> None:
    """Listing all leads, reading one, and setting every field that a request has, alone and all at once."""
    reader, writer = client(session)
    fields = pushed(crm)
    ids = vendor(crm).leads.ids()
    vendor(crm).others.add(ids[2])
    vendor(crm).archive(ids[3])
    writer.check(fields)
    with watched(vendor(crm), contract(crm)) as watch:
        rows = [row for page in reader.scan(None) for row in page.rows]
        assert list(reader.get("nobody").rows) == []
        assert writer.update(ids[2], {"enabled": "true"}).code == "401"
        assert writer.update(ids[0], fields).state == "applied"
        for name, text in fields.items():
            assert writer.update(ids[1], {name: text}).state == "applied", name
    assert {row["id"] for row in rows} == set(ids) - {ids[2]}
    assert {(method, status) for method, _, status in watch.seen} == {
        ("POST", 200),
        ("GET", 200),
        ("GET", 401),
        ("GET", 404),
        ("PUT", 200),
    }
    shown = reader.get(ids[0]).rows[0]
    assert {name for name in fields if name not in shown} == set()


def test_every_name_that_a_push_may_use_is_documented() -> None:
    """In one of the two generations; the places of the customer's fields in between are other names for them."""
    known = {name for request in (OLDER_REQUEST, NEWER_REQUEST) for name, _ in documented(request)}
    between = {f"profile.{name.rpartition('.')[2]}" for name in known if name.startswith("customer.")}
    assert NAMES - between <= known
    numbers = {
        name
        for request in (OLDER_REQUEST, NEWER_REQUEST)
        for name, shape in documented(request)
        if isinstance(shape, Number)
    }
    coordinates = {name for name in numbers if "coordinate" in name}
    assert numbers - coordinates <= NUMBERS


def test_what_the_sandbox_answers_is_documented(crm: Sandbox) -> None:
    """Each of its calls, right and wrong: the documented statuses with the documented shapes."""
    leading = vendor(crm)
    lead, other = leading.leads.ids()[:2]
    leading.others.add(other)
    key = {"Authorization": f"Bearer {crm.token}"}

    def call(method: str, path: str, json: Any = None, headers: Any = key, **params: str) -> Any:
        url = f"{crm.base_url}/leads{path}"
        return requests.request(method, url, json=json, headers=headers, params=params, timeout=10)

    page = {"pageSize": 5, "includeCount": True, "orderBy": [{"field": "updatedAt", "direction": "desc"}]}
    reached = {"type": "call", "outcome": "Reached", "category": "Qualified", "notes": "spoke"}
    with watched(leading, contract(crm)) as watch:
        first = call("POST", "/all/my", page).json()
        call("POST", "/all/my", {**page, "continuationToken": first["continuationToken"]})
        shown = call("GET", f"/{lead}").json()
        status = call("PUT", f"/{lead}/status", reached).json()
        tagged = call(
            "PUT", f"/{lead}/tags", {"tagIds": [], "tagNames": ["hot"], "createMissing": True}
        ).json()
        more = call(
            "POST", f"/{lead}/tags", {"tagIds": [], "tagNames": ["vip"], "createMissing": True}
        ).json()
        less = call("DELETE", f"/{lead}/tags/{tagged['tags'][0]['id']}").json()
        assert [tag["name"] for tag in more["tags"]] == ["hot", "vip"]
        assert [tag["name"] for tag in less["tags"]] == ["vip"]
        archived = call("POST", f"/{lead}/archive", {"reason": 1, "note": "done"}).json()
        assert (archived["isArchived"], archived["archiveNote"]) == (True, "done")
        for which, count in (("all", 12), ("active", 11), ("archived", 1)):
            assert call("POST", "/all/my", page, archiveFilter=which).json()["totalCount"] == count
        assert call("POST", "/all/my", page).json()["totalCount"] == 11
        assert call("POST", f"/{lead}/unarchive").json()["isArchived"] is False
        assert call("GET", f"/{other}").status_code == 401
        assert call("GET", f"/{lead}", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert call("GET", "/nobody").status_code == 404
    assert {(method, path) for method, path, _ in watch.seen} == {
        (each.method, each.path)
        for each in contract(crm)
        if (each.method, each.path) != ("PUT", "/leads/{id}")
    }
    assert shown["tags"] is not None
    assert status["leadId"] == lead
    part = "currentDisposition" if crm.options.leadping_generation == "older" else "currentLeadStatus"
    assert call("GET", f"/{lead}").json()[part]["outcome"] == "Reached"
    with watched(leading, contract(crm), wrong_calls=True) as watch:
        assert call("PUT", f"/{lead}", {"contact": {"email": "nobody"}}).status_code == 400
        assert call("PUT", f"/{lead}/status", {"type": "call"}).status_code == 400
        assert call("PUT", f"/{lead}/tags", {"tagIds": ["none"], "tagNames": []}).status_code == 400
        assert call("POST", f"/{lead}/tags", {"tagIds": [], "tagNames": ["unheard of"]}).status_code == 400
        assert call("POST", "/all/my", {"pageSize": 0.5}).status_code == 400
        assert call("POST", "/all/my", page, archiveFilter="some").status_code == 400
    assert {status for _, _, status in watch.seen} == {400}


def test_a_status_can_carry_what_it_expects() -> None:
    """The newer generation takes a revision and the status that is displayed; with another one nothing is changed."""
    with Sandbox(leads=2) as crm:
        leads = vendor(crm).leads
        url = f"{crm.base_url}/leads/{leads.ids()[0]}/status"
        key = {"Authorization": f"Bearer {crm.token}"}

        def put(**given: Any) -> Any:
            body = {"type": "call", "outcome": "Reached", **given}
            return requests.put(url, json=body, headers=key, timeout=10)

        with watched(vendor(crm), CONTRACTS["newer"]):
            first = put(expectedRevision=0).json()
            assert first["revision"] == 1
            assert put(expectedRevision=0).status_code == 400
            assert put(expectedCurrentStatusId="another").status_code == 400
            assert put(expectedRevision=1, expectedCurrentStatusId=first["id"]).json()["revision"] == 2
        assert leads.show(leads.find(leads.ids()[0]))["currentLeadStatus"]["revision"] == 2


@pytest.mark.parametrize("part", ["profile.qualification", "metadata"])
def test_the_sandbox_refuses_text_for_a_number(part: str) -> None:
    """So a client that sends one is found: the newer generation's schema has numbers there."""
    inner: dict[str, Any] = {"price": "1.5"} if part == "metadata" else {"qualification": {"income": "5"}}
    name = part.partition(".")[0]
    body = {"metadata": {}, "contact": {}, "tagIds": [], "tagNames": [], name: inner}
    assert list(NEWER_REQUEST.problems(body, ""))
    with Sandbox(leads=1) as crm:
        url = f"{crm.base_url}/leads/{vendor(crm).leads.ids()[0]}"
        answer = requests.put(url, json=body, headers={"Authorization": f"Bearer {crm.token}"}, timeout=10)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [f"$.{part}.{'price' if part == 'metadata' else 'income'}"]


@pytest.mark.parametrize(
    ("status", "state", "breaks", "error"),
    [
        (400, "rejected", False, None),
        (401, "deferred", True, AuthError),
        (403, "deferred", True, AuthError),
        (404, "rejected", False, None),
        (429, "deferred", False, TransientError),
    ],
)
def test_every_documented_error_is_understood(
    crm: Sandbox, session: Session, status: int, state: str, breaks: bool, error: Any
) -> None:
    """Where every call is answered so; a read of a lead that isn't there is an empty page, other refusals are errors."""
    reader, writer = client(session)
    lead = vendor(crm).leads.ids()[0]
    body: dict[str, Any] = {
        "type": None,
        "title": "In words",
        "status": status,
        "detail": None,
        "traceId": "00-1",
        "errors": {},
    }
    put = next(each for each in contract(crm) if each.method == "PUT")
    assert list(put.wrong_in_answer(status, msgspec.json.encode(body))) == []
    vendor(crm).answer = lambda _: Answer(msgspec.json.encode(body), status, "application/problem+json")
    result = writer.update(lead, {"enabled": "false"})
    assert (result.state, result.breaks) == (state, breaks)
    if status == 404:
        assert list(reader.get(lead).rows) == []
    elif error is not None:
        with pytest.raises(error):
            reader.get(lead)
