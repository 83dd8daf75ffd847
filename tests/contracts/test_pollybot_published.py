"""PollyBot's published API against the sandbox and against our reader and writer, in both generations.

``pollybot.py`` is the table, with its sources. Whatever our client asks has to be in it, and whatever the sandbox answers.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import requests  # noqa: TID251 - the sandbox is tested with a client that is not ours

from connector.config import Secret
from connector.crm.pollybot import PollyBotReader, PollyBotSession, PollyBotSettings, PollyBotWriter
from connector.errors import AuthError, ConfigError, RefusedError, TransientError
from connector.sandbox import Sandbox
from connector.sandbox.wire import Answer
from connector.testing import QUICK
from tests.contracts.pollybot import CONTRACTS, NEWER_FIELDS, OLDER_FIELDS
from tests.contracts.shapes import watched

PATHS = ("/api/v1/leads", "/api/v1/chatbots/bot_7/leads")
PUSHED: dict[str, dict[str, str | None]] = {
    "older": {
        "name": "Ann Example",
        "email": "ann@example.com",
        "phone": "+15550100",
        "source": "webinar",
        "status": "QUALIFIED",
        "metadata.score": "85",
        "metadata.tier": "hot",
        "metadata.cleared": None,
    },
    "newer": {
        "name": "Ann Example",
        "email": "ann@example.com",
        "phone": "+15550100",
        "source": "webinar",
        "status": "negotiating",
        "company": "Example Ltd",
        "message": "a message",
        "notes": "some notes",
        "priority": "HIGH",
        "urgency": "low",
        "preferredMethod": "phone",
        "discord": "ann",
        "tags": '["hot","vip"]',
        "customFields.score": "85",
        "customFields.tier": "hot",
        "customFields.cleared": None,
    },
}
"""Every documented field of an update, as a push gives it."""


@pytest.fixture(params=["older", "newer"])
def crm(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(leads=30, pollybot_generation=request.param) as crm:
        yield crm


@pytest.fixture(params=PATHS)
def session(request: pytest.FixtureRequest, crm: Sandbox) -> PollyBotSession:
    given: dict[str, Any] = {
        "base_url": crm.base_url,
        "api_key": Secret(crm.token),
        "leads_path": request.param,
    }
    return PollyBotSession(PollyBotSettings(rate=1000.0, **given), retry=QUICK)


def client(session: PollyBotSession) -> tuple[PollyBotReader, PollyBotWriter]:
    settings: Any = session._settings
    return PollyBotReader(settings, session=session), PollyBotWriter(settings, session=session)


def contract(crm: Sandbox) -> Any:
    return CONTRACTS[crm.options.pollybot_generation]


def vendor(crm: Sandbox) -> Any:
    return crm.vendors["pollybot"]


def test_what_our_client_asks_is_documented(crm: Sandbox, session: PollyBotSession) -> None:
    """Reading the list and a lead, looking at the workspace, and setting every field that an update takes."""
    reader, writer = client(session)
    generation = crm.options.pollybot_generation
    lead, other = vendor(crm).leads.ids()[:2]
    with watched(vendor(crm), contract(crm)) as watch:
        rows = [row for page in reader.scan(None) for row in page.rows]
        assert len(list(reader.scan(datetime(2020, 1, 1, tzinfo=UTC)))) > 0
        assert list(reader.get("lead_nobody").rows) == []
        writer.check(PUSHED[generation])
        for name, value in PUSHED[generation].items():
            assert writer.update(other, {name: value}).state == "applied", name
        assert writer.update(other, {"email": "someone.else@example.com"}).state == "applied"
        assert writer.update(lead, PUSHED[generation]).state == "applied"
        (shown,) = reader.get(lead).rows
    assert len(rows) == 30
    documented = (OLDER_FIELDS if generation == "older" else NEWER_FIELDS).keys()
    assert {name.partition(".")[0] for name in PUSHED[generation]} == documented
    assert shown["email"] == "ann@example.com"
    assert {(method, status) for method, _, status in watch.seen} == {
        ("GET", 200),
        ("GET", 404),
        ("PUT", 200),
    }


def test_what_the_sandbox_answers_is_documented(crm: Sandbox) -> None:
    """To right calls and to wrong ones: each answer has the documented shape, and the documented status."""
    leads = vendor(crm).leads
    lead, taken = leads.ids()[0], next(row["email"] for row in leads.rows().values() if row["email"])
    vendor(crm).hourly_limit = 9
    key = {"Authorization": f"Bearer {crm.token}"}

    def call(method: str, path: str = "", headers: Any = key, **given: Any) -> int:
        url = f"{crm.base_url}{PATHS[0]}{path}"
        return requests.request(method, url, headers=headers, timeout=10, **given).status_code

    with watched(vendor(crm), contract(crm), wrong_calls=True) as watch:
        assert (
            call("GET", params={"page": "2", "limit": "7", "sortBy": "updatedAt", "sortOrder": "asc"}) == 200
        )
        assert call("GET", f"/{lead}") == 200
        assert call("PUT", f"/{lead}", json={"name": "Ann"}) == 200
        assert call("GET", params={"limit": "101"}) == 400
        assert call("PUT", f"/{lead}", json={"status": "nothing"}) == 400
        assert call("PUT", f"/{lead}", json={"email": taken}) in (200, 409)
        assert call("PUT", f"/{leads.ids()[-1]}", json={"email": taken}) in (200, 409)
        assert call("GET", "/lead_nobody") == 404
        assert call("GET", f"/{lead}", headers={}) == 401
        assert call("GET", f"/{lead}", headers={"Authorization": "Bearer wrong"}) == 401
        assert call("GET", f"/{lead}") == 200
        assert call("GET", f"/{lead}") == 429
    assert {status for _, _, status in watch.seen} == {200, 400, 401, 404, 409, 429}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"name": "n" * 101}, "name"),
        ({"phone": "+" + "1" * 20}, "phone"),
        ({"company": "c" * 101}, "company"),
        ({"message": "m" * 1_001}, "message"),
        ({"notes": "n" * 2_001}, "notes"),
        ({"discord": "d" * 51}, "discord"),
        ({"tags": ["t"] * 11}, "tags"),
        ({"tags": ["t" * 51]}, "tags"),
        ({"tags": "hot, vip"}, "tags"),
        ({"customFields": "x"}, "customFields"),
        ({"priority": "high"}, "priority"),
        ({"urgency": "URGENT"}, "urgency"),
        ({"preferredMethod": "fax"}, "preferredMethod"),
        ({"status": "follow_up"}, "status"),
    ],
)
def test_the_sandbox_refuses_what_the_contract_rules_out(value: dict[str, Any], field: str) -> None:
    """The table and the sandbox agree on lengths, choices and types; the answer names the field."""
    assert list(NEWER_FIELDS[field].problems(value[field], field))
    with Sandbox(leads=3) as crm:
        answer = requests.put(
            f"{crm.base_url}{PATHS[0]}/{vendor(crm).leads.ids()[0]}",
            json=value,
            headers={"Authorization": f"Bearer {crm.token}"},
            timeout=10,
        )
    assert (answer.status_code, answer.json()["details"]["field"]) == (400, field)


ERRORS: list[tuple[str, int, type[Exception], str, bool]] = [
    ("VALIDATION_ERROR", 400, RefusedError, "rejected", False),
    ("LEAD_NOT_FOUND", 404, RefusedError, "rejected", False),
    ("DUPLICATE_EMAIL", 409, RefusedError, "rejected", False),
    ("INVALID_API_KEY", 401, AuthError, "deferred", True),
    ("MISSING_AUTH_HEADER", 401, AuthError, "deferred", True),
    ("RATE_LIMIT_EXCEEDED", 429, TransientError, "deferred", False),
]


@pytest.mark.parametrize(("code", "status", "error", "state", "breaks"), ERRORS)
def test_every_documented_error_is_understood(
    crm: Sandbox, session: PollyBotSession, code: str, status: int, error: Any, state: str, breaks: bool
) -> None:
    """With what the newer generation has besides; a read raises its kind of error, a write ends in its state."""
    reader, writer = client(session)
    lead = vendor(crm).leads.ids()[0]
    body: dict[str, Any] = {"success": False, "error": "In words", "code": code, "details": {"field": "name"}}
    if crm.options.pollybot_generation == "newer":
        body |= {"timestamp": "2026-08-19T09:14:32.118Z", "requestId": "req_1"}
    documented = next(each for each in contract(crm) if each.method == "PUT")
    assert list(documented.wrong_in_answer(status, msgspec.json.encode(body))) == []
    vendor(crm).answer = lambda _: Answer(msgspec.json.encode(body), status)
    result = writer.update(lead, {"name": "x"})
    assert (result.state, result.breaks) == (state, breaks)
    if code == "LEAD_NOT_FOUND":
        assert list(reader.get(lead).rows) == []
    else:
        with pytest.raises((error, ConfigError)) as caught:
            reader.get(lead)
        assert isinstance(caught.value, error)


SAMPLE = {
    "id": "cmipr3rf400t3n42y5plvmhd5",
    "chatbotId": "cmipnh1je00sxn42y1j34wqnd",
    "conversationId": None,
    "name": "Jane Cooper",
    "email": "jane.cooper@example.com",
    "phone": "+15550100132",
    "company": "Acme Inc.",
    "message": "Interested in the enterprise plan.",
    "source": "api",
    "status": "NEW",
    "priority": "MEDIUM",
    "assignedAgentId": None,
    "notes": None,
    "tags": ["enterprise", "pricing"],
    "customFields": {"plan": "enterprise"},
    "followUpDate": None,
    "lastContactAt": None,
    "convertedAt": None,
    "createdAt": "2026-08-19T09:14:32.118Z",
    "updatedAt": "2026-08-19T09:14:32.118Z",
    "discord": None,
    "preferredMethod": "email",
    "urgency": "low",
}
"""A lead of the newer generation, field by field as the client's sample has it."""


def test_the_sample_lead_is_read_and_updated_whole(session: PollyBotSession) -> None:
    """Every field has the name that a push uses; an update sends all custom fields, and nothing that was not asked for."""
    reader, writer = client(session)
    with Sandbox(leads=1) as crm:
        polly = vendor(crm)
        body = {name: value for name, value in SAMPLE.items() if name not in ("id", "createdAt", "updatedAt")}
        polly.leads.add(SAMPLE["id"], body)
        session_there = PollyBotSession(
            PollyBotSettings(base_url=crm.base_url, api_key=Secret(crm.token), rate=1000.0), retry=QUICK
        )
        reader, writer = client(session_there)
        (row,) = reader.get(str(SAMPLE["id"])).rows
        assert row.keys() == {name for name in SAMPLE if name != "customFields"} | {"customFields.plan"}
        assert row["tags"] == ["enterprise", "pricing"]
        with watched(polly, CONTRACTS["newer"]):
            assert writer.update(str(SAMPLE["id"]), {"customFields.tier": "hot"}).state == "applied"
        assert polly.leads.leads[SAMPLE["id"]].body == {
            **body,
            "customFields": {"plan": "enterprise", "tier": "hot"},
        }
