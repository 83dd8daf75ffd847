"""What is Leadping's alone in its published API: the names that a push may use, its archive, statuses that expect something."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from connector.config import Secret
from connector.crm.leadping import LeadpingReader, LeadpingSettings, LeadpingWriter, open_session
from connector.crm.leadping.lead import NAMES, NUMBERS
from connector.errors import AuthError, TransientError
from connector.sandbox import Sandbox
from connector.sandbox.wire import Answer
from connector.testing import QUICK
from tests.contracts.published.between import Answered, Between, asked, between
from tests.contracts.published.clients import documented
from tests.contracts.published.contract import Contract
from tests.contracts.published.leadping import CONTRACTS, LIST, NEWER_REQUEST, OLDER_REQUEST, PAGE_OF_LEADS
from tests.contracts.published.shapes import Number


@pytest.fixture(params=CONTRACTS.values(), ids=str)
def contract(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def crm(contract: Contract) -> Iterator[Sandbox]:
    with Sandbox(leads=12, **contract.options) as crm:
        yield crm


def vendor(crm: Sandbox) -> Any:
    return crm.vendors["leadping"]


def ask(server: Between, method: str, path: str, body: Any = None, **params: str) -> Answered:
    key = {"authorization": f"Bearer {server.crm.token}"}
    return asked(method, server.url + path, body=body, params=params, headers=key)


def test_archived_leads_are_listed_where_they_are_asked_for(crm: Sandbox, contract: Contract) -> None:
    """Without a filter the list leaves them out; a lead shows why it was archived, and can be brought back."""
    lead = vendor(crm).leads.ids()[0]
    with between(crm, contract) as server:
        archived = ask(server, "POST", f"/leads/{lead}/archive", {"reason": 1, "note": "done"}).json()
        counts = {
            which: ask(server, "POST", LIST, PAGE_OF_LEADS, **which_).json()["totalCount"]
            for which in ("", "all", "active", "archived")
            if (which_ := {"archiveFilter": which} if which else {}) is not None
        }
        back = ask(server, "POST", f"/leads/{lead}/unarchive").json()
    assert (archived["isArchived"], archived["archiveNote"], back["isArchived"]) == (True, "done", False)
    assert counts == {"": 11, "all": 12, "active": 11, "archived": 1}


def test_tags_are_added_replaced_and_taken_away(crm: Sandbox, contract: Contract) -> None:
    """And a status that was set is the current one of the lead."""
    path = f"/leads/{vendor(crm).leads.ids()[0]}"

    def tags(names: list[str]) -> Any:
        return {"tagIds": [], "tagNames": names, "createMissing": True}

    with between(crm, contract) as server:
        tagged = ask(server, "PUT", f"{path}/tags", tags(["hot"])).json()["tags"]
        more = ask(server, "POST", f"{path}/tags", tags(["vip"])).json()["tags"]
        less = ask(server, "DELETE", f"{path}/tags/{tagged[0]['id']}").json()["tags"]
        ask(server, "PUT", f"{path}/status", {"type": "call", "outcome": "Reached"})
        shown = ask(server, "GET", path).json()
    assert [[tag["name"] for tag in each] for each in (tagged, more, less)] == [
        ["hot"],
        ["hot", "vip"],
        ["vip"],
    ]
    part = "currentDisposition" if contract is CONTRACTS["older"] else "currentLeadStatus"
    assert shown[part]["outcome"] == "Reached"


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


def test_a_status_can_carry_what_it_expects() -> None:
    """The newer generation takes a revision and the status that is displayed; with another one nothing is changed."""
    with Sandbox(leads=2) as crm:
        leads = vendor(crm).leads
        lead = leads.ids()[0]
        with between(crm, CONTRACTS["newer"]) as server:

            def put(**given: Any) -> Answered:
                body = {"type": "call", "outcome": "Reached", **given}
                return ask(server, "PUT", f"/leads/{lead}/status", body)

            first = put(expectedRevision=0).json()
            assert first["revision"] == 1
            assert put(expectedRevision=0).status_code == 400
            assert put(expectedCurrentStatusId="another").status_code == 400
            assert put(expectedRevision=1, expectedCurrentStatusId=first["id"]).json()["revision"] == 2
        assert leads.show(leads.find(lead))["currentLeadStatus"]["revision"] == 2


@pytest.mark.parametrize("part", ["profile.qualification", "metadata"])
def test_the_sandbox_refuses_text_for_a_number(part: str) -> None:
    """So a client that sends one is found: the newer generation's schema has numbers there."""
    inner: dict[str, Any] = {"price": "1.5"} if part == "metadata" else {"qualification": {"income": "5"}}
    name = part.partition(".")[0]
    body = {"metadata": {}, "contact": {}, "tagIds": [], "tagNames": [], name: inner}
    assert list(NEWER_REQUEST.problems(body, ""))
    with Sandbox(leads=1) as crm:
        url = f"{crm.base_url}/leads/{vendor(crm).leads.ids()[0]}"
        answer = asked("PUT", url, body=body, headers={"authorization": f"Bearer {crm.token}"})
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
    crm: Sandbox, contract: Contract, status: int, state: str, breaks: bool, error: Any
) -> None:
    """Where every call is answered so; a read of a lead that isn't there is an empty page, other refusals are errors."""
    settings = LeadpingSettings(base_url=crm.base_url, api_key=Secret(crm.token), rate=1000.0)
    session = open_session(settings, retry=QUICK)
    reader = LeadpingReader(settings, session=session)
    writer = LeadpingWriter(settings, session=session)
    lead = vendor(crm).leads.ids()[0]
    body: dict[str, Any] = {
        "type": None,
        "title": "In words",
        "status": status,
        "detail": None,
        "traceId": "00-1",
        "errors": {},
    }
    assert contract.endpoint("PUT /leads/{id}").wrong_in_answer(status, msgspec.json.encode(body)) == []
    vendor(crm).answer = lambda _: Answer(msgspec.json.encode(body), status, "application/problem+json")
    result = writer.update(lead, {"enabled": "false"})
    assert (result.state, result.breaks) == (state, breaks)
    if status == 404:
        assert list(reader.get(lead).rows) == []
    elif error is not None:
        with pytest.raises(error):
            reader.get(lead)
