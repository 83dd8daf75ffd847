"""The sandbox against the requests and answers that PollyBot's page prints, value by value."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests  # noqa: TID251 - the sandbox is tested with a client that is not ours

from connector.sandbox import Sandbox
from connector.sandbox.documents import Document
from connector.sandbox.pollybot_leads import OLDER_STATUSES

KEY = "sk-workspace_your_api_key"
LEAD = "lead_1234567890abcdef"
BEFORE = {
    "name": "John Doe",
    "email": "john.doe@example.com",
    "phone": "+1-555-123-4567",
    "source": "website",
    "status": "new",
    "metadata": {"utm_source": "google", "utm_campaign": "spring_2024"},
}
SENT = {
    "name": "John Smith",
    "phone": "+1-555-456-7890",
    "status": "qualified",
    "source": "webinar",
    "metadata": {
        "company": "New Tech Corp",
        "job_title": "Senior Manager",
        "budget": "$50k-100k",
        "timeline": "Q2 2024",
        "interests": ["enterprise_solution", "support_package"],
    },
}
AFTER = {
    "success": True,
    "data": {
        "id": LEAD,
        "name": "John Smith",
        "email": "john.doe@example.com",
        "phone": "+1-555-456-7890",
        "source": "webinar",
        "status": "qualified",
        "metadata": {
            "utm_source": "google",
            "utm_campaign": "spring_2024",
            "company": "New Tech Corp",
            "job_title": "Senior Manager",
            "budget": "$50k-100k",
            "timeline": "Q2 2024",
            "interests": ["enterprise_solution", "support_package"],
        },
        "createdAt": "2024-01-15T10:30:00.000Z",
        "updatedAt": "2024-01-16T14:30:00.000Z",
        "workspaceId": "ws_sandbox",
    },
}
"""As printed, but for the workspace's id, which the page leaves open."""


@pytest.fixture
def crm() -> Iterator[Sandbox]:
    """A workspace with the lead of the page's examples, at the moment of the update they print."""
    with Sandbox(leads=5, token=KEY, pollybot_generation="older") as sandbox:
        leads = sandbox.vendors["pollybot"].leads  # type: ignore[attr-defined]
        sandbox.clock.set(datetime(2024, 1, 16, 14, 30, tzinfo=UTC), ticking=False)
        lead: Document = leads.add(LEAD, BEFORE)
        lead.created = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
        yield sandbox


def put(crm: Sandbox, body: Any, lead: str = LEAD, **headers: str) -> tuple[int, Any]:
    """The page's request, as its curl example sends it."""
    answer = requests.put(
        f"{crm.base_url}/api/v1/leads/{lead}",
        json=body,
        headers={"Authorization": f"Bearer {KEY}", **headers},
        timeout=10,
    )
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, answer.json()


def test_a_full_update_answers_as_the_page_prints(crm: Sandbox) -> None:
    """ "Returns the updated lead with new timestamps": every value of the printed answer."""
    assert put(crm, SENT) == (200, AFTER)


@pytest.mark.parametrize(
    "body",
    [
        {"status": "contacted", "phone": "+1-555-123-9999"},
        {
            "metadata": {
                "last_interaction": "2024-01-16T14:30:00.000Z",
                "notes": "Interested in premium package",
                "follow_up_date": "2024-01-20",
                "lead_score": 85,
            }
        },
        {
            "status": "contacted",
            "metadata": {
                "notes": "Follow up scheduled for next week",
                "last_interaction": "2024-01-16T14:30:00.000Z",
            },
        },
        {
            "metadata": {
                "notes": "Very interested in our services",
                "lead_score": 90,
                "follow_up_date": "2024-01-25",
            }
        },
        {
            "phone": "+1-555-999-8888",
            "status": "qualified",
            "source": "referral",
            "metadata": {"referrer": "Jane Smith", "budget_range": "$10k-25k"},
        },
    ],
)
def test_what_is_sent_changes_and_the_rest_stays(crm: Sandbox, body: dict[str, Any]) -> None:
    """The printed partial updates: fields replaced, metadata merged, everything else as it was."""
    status, answer = put(crm, body)
    expected = {**BEFORE, **body, "metadata": BEFORE["metadata"] | body.get("metadata", {})}
    times = {"createdAt": "2024-01-15T10:30:00.000Z", "updatedAt": "2024-01-16T14:30:00.000Z"}
    assert (status, answer["success"]) == (200, True)
    assert answer["data"] == {"id": LEAD, **expected, **times, "workspaceId": "ws_sandbox"}


def test_what_cannot_be_modified_stays(crm: Sandbox) -> None:
    """id "always remains the same", createdAt "never changes", workspaceId "cannot be modified"."""
    _, answer = put(crm, {"id": "x", "createdAt": "x", "workspaceId": "x", "updatedAt": "x"})
    unchanged = {**AFTER["data"], **BEFORE}  # type: ignore[dict-item]
    assert answer["data"] == unchanged


def test_a_wrong_status_is_refused_as_printed(crm: Sandbox) -> None:
    """VALIDATION_ERROR with field, value and the sentence that lists the statuses."""
    assert put(crm, {"status": "invalid_status"}) == (
        400,
        {
            "success": False,
            "error": "Validation failed",
            "code": "VALIDATION_ERROR",
            "details": {
                "field": "status",
                "value": "invalid_status",
                "message": "Status must be one of: new, contacted, qualified, converted, lost, follow_up",
            },
        },
    )
    assert all(put(crm, {"status": status})[0] == 200 for status in OLDER_STATUSES)


def test_a_known_email_is_refused_as_printed(crm: Sandbox) -> None:
    """DUPLICATE_EMAIL with the address, the other lead's id and the sentence."""
    crm.vendors["pollybot"].leads.add("lead_another123", {**BEFORE, "email": "existing@example.com"})  # type: ignore[attr-defined]
    assert put(crm, {"email": "existing@example.com"}) == (
        409,
        {
            "success": False,
            "error": "Email already exists",
            "code": "DUPLICATE_EMAIL",
            "details": {
                "email": "existing@example.com",
                "existingLeadId": "lead_another123",
                "message": "A different lead with this email already exists in your workspace",
            },
        },
    )


def test_an_unknown_lead_is_404(crm: Sandbox) -> None:
    """The examples of both languages tell it by the status."""
    status, answer = put(crm, {"status": "contacted"}, lead="lead_0000000000000000")
    assert (status, answer["success"], answer["code"]) == (404, False, "LEAD_NOT_FOUND")


@pytest.mark.parametrize(
    ("header", "code"), [("", "MISSING_AUTH_HEADER"), ("Bearer sk-workspace_other", "INVALID_API_KEY")]
)
def test_without_the_key_nothing_goes(crm: Sandbox, header: str, code: str) -> None:
    """The header is ``Authorization: Bearer sk-workspace_…``."""
    status, answer = put(crm, {"status": "contacted"}, Authorization=header)
    assert (status, answer["code"]) == (401, code)
