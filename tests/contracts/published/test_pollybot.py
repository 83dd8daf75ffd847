"""What is PollyBot's alone in its published API: lengths and choices, the hourly limit, its errors, and a sample lead."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from connector.config import Secret
from connector.crm.pollybot import PollyBotReader, PollyBotSession, PollyBotSettings, PollyBotWriter
from connector.errors import AuthError, ConfigError, RefusedError, TransientError
from connector.sandbox import Sandbox
from connector.sandbox.wire import Answer
from connector.testing import QUICK
from tests.contracts.published.between import asked, between
from tests.contracts.published.contract import Contract
from tests.contracts.published.pollybot import CONTRACTS, LIST, NEWER_FIELDS


@pytest.fixture(params=CONTRACTS.values(), ids=str)
def contract(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def crm(contract: Contract) -> Iterator[Sandbox]:
    with Sandbox(leads=30, **contract.options) as crm:
        yield crm


def vendor(crm: Sandbox) -> Any:
    return crm.vendors["pollybot"]


def client(url: str, crm: Sandbox) -> tuple[PollyBotReader, PollyBotWriter]:
    settings = PollyBotSettings(base_url=url, api_key=Secret(crm.token), rate=1000.0)
    session = PollyBotSession(settings, retry=QUICK)
    return PollyBotReader(settings, session=session), PollyBotWriter(settings, session=session)


def test_too_many_calls_and_no_key_are_refused_as_documented(crm: Sandbox, contract: Contract) -> None:
    """Whatever is called; a key that is missing is told from a wrong one."""
    vendor(crm).hourly_limit = 1
    with between(crm, contract, wrong_calls=True) as server:
        asked("GET", server.url + LIST, headers={"authorization": f"Bearer {crm.token}"})
        many = asked("GET", server.url + LIST, headers={"authorization": f"Bearer {crm.token}"})
        none = asked("GET", server.url + LIST)
    assert (many.status_code, many.json()["code"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert (none.status_code, none.json()["code"]) == (401, "MISSING_AUTH_HEADER")


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
        answer = asked(
            "PUT",
            f"{crm.base_url}{LIST}/{vendor(crm).leads.ids()[0]}",
            body=value,
            headers={"authorization": f"Bearer {crm.token}"},
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
    crm: Sandbox, contract: Contract, code: str, status: int, error: Any, state: str, breaks: bool
) -> None:
    """With what the newer generation has besides; a read raises its kind of error, a write ends in its state."""
    reader, writer = client(crm.base_url, crm)
    lead = vendor(crm).leads.ids()[0]
    body: dict[str, Any] = {"success": False, "error": "In words", "code": code, "details": {"field": "name"}}
    if crm.options.pollybot_generation == "newer":
        body |= {"timestamp": "2026-08-19T09:14:32.118Z", "requestId": "req_1"}
    assert contract.endpoint(f"PUT {LIST}/{{id}}").wrong_in_answer(status, msgspec.json.encode(body)) == []
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


def test_the_sample_lead_is_read_and_updated_whole() -> None:
    """Every field has the name that a push uses; an update sends all custom fields, and nothing that was not asked for."""
    with Sandbox(leads=1) as crm:
        polly = vendor(crm)
        body = {name: value for name, value in SAMPLE.items() if name not in ("id", "createdAt", "updatedAt")}
        polly.leads.add(SAMPLE["id"], body)
        with between(crm, CONTRACTS["newer"]) as server:
            reader, writer = client(server.url, crm)
            (row,) = reader.get(str(SAMPLE["id"])).rows
            assert writer.update(str(SAMPLE["id"]), {"customFields.tier": "hot"}).state == "applied"
        assert row.keys() == {name for name in SAMPLE if name != "customFields"} | {"customFields.plan"}
        assert row["tags"] == ["enterprise", "pricing"]
        assert polly.leads.leads[SAMPLE["id"]].body == {
            **body,
            "customFields": {"plan": "enterprise", "tier": "hot"},
        }
