"""The sandbox against the request and the answer that Leadping's page of ``PUT /leads/{id}`` prints, value by value."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest
import requests  # noqa: TID251 - the sandbox is tested with a client that is not ours

from connector.sandbox import Sandbox

MOMENT = "2023-11-07T05:31:56Z"
STREET = {
    name: f"the {name}"
    for name in (
        "line1",
        "line2",
        "city",
        "state",
        "province",
        "region",
        "postalCode",
        "country",
        "additionalInfo",
    )
}
REQUEST: dict[str, Any] = {
    "contact": {
        "firstName": "Ann",
        "lastName": "Example",
        "streetAddress": STREET,
        "timeZoneId": "America/Los_Angeles",
        "phone": {
            "number": "+15555550100",
            "type": "mobile",
            "lookup": {
                "number": "+15555550100",
                "isValid": True,
                "location": {
                    "location": "Anytown, CA",
                    "state": "CA",
                    "countryCode": "US",
                    "timeZoneId": "America/Los_Angeles",
                },
                "id": "lookup-1",
                "createdAt": MOMENT,
                "modifiedAt": MOMENT,
            },
        },
        "email": "ann@example.com",
    },
    "customer": {
        "height": "170",
        "weight": "70",
        "birthDate": "2023-12-25",
        "income": "50000",
        "isHomeowner": True,
        "monthsAtResidence": "12",
        "creditScore": "700",
        "hasBankruptcy": True,
        "numberOfDependents": "2",
        "hasMedicalCondition": True,
    },
    "enabled": True,
    "adminEnablementOverride": {
        "enabled": True,
        "reason": "asked for",
        "updatedByUserId": "user-1",
        "updatedAt": MOMENT,
    },
    "tagIds": [],
    "tagNames": ["vip"],
    "id": "lead",
}
"""The page's request, name for name, with values in place of its placeholders."""

METADATA = {
    "trustedFormUrl": "https://cert.example/1",
    "utmSource": "web",
    "utmMedium": "cpc",
    "utmCampaign": "spring",
    "utmTerm": "term",
    "utmContent": "content",
    "referrer": "https://example.com",
    "landingPage": "https://example.org",
    "subId": "1",
    "pubId": "2",
    "ipAddress": "192.0.2.1",
    "userAgent": "agent",
    "externalId": "3",
    "sellerLeadId": "4",
    "createdAt": MOMENT,
    "price": "1.50",
    "directPostPrice": "2.50",
    "product": "solar",
    "vertical": "home",
    "complianceStatus": "clear",
    "complianceBlockedReason": "none",
    "sourceMetadata": {},
    "origin": "form",
    "importBatchId": "5",
    "isImported": True,
    "assignedPhoneNumberId": "6",
    "smsConsentStatus": "given",
    "smsOptedOut": True,
    "smsOptOutAt": MOMENT,
    "smsOptInAt": MOMENT,
    "smsHelpRequestedAt": MOMENT,
    "smsConsentPhoneNumber": "+15555550100",
    "userId": "user-1",
    "businessId": "business-1",
}
"""The page names these in its answer; a request takes the part as a whole."""

ANSWER = {
    "metadata", "contact", "customer", "enabled", "adminEnablementOverride", "archivedAt", "archivedByUserId",
    "archiveReason", "archiveNote", "isArchived", "currentDisposition", "tags", "id", "createdAt", "modifiedAt",
}  # fmt: skip


@pytest.fixture(params=["erase", "keep"])
def crm(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(leads=3, leadping_generation="older", leadping_absent=request.param) as crm:
        yield crm


@pytest.fixture
def lead(crm: Sandbox) -> str:
    return str(crm.vendors["leadping"].leads.ids()[0])  # type: ignore[attr-defined]


def call(
    crm: Sandbox, method: str, path: str, body: Any = None, token: str | None = None
) -> requests.Response:
    headers = {"Authorization": f"Bearer {token or crm.token}"}
    return requests.request(method, crm.base_url + path, json=body, headers=headers, timeout=10)


def put(crm: Sandbox, lead: str, **changes: Any) -> Any:
    return call(crm, "PUT", f"/leads/{lead}", {**REQUEST, "metadata": METADATA, "id": lead, **changes})


def test_the_request_comes_back_in_the_answer_and_in_a_read(crm: Sandbox, lead: str) -> None:
    """Every value of every part as it was sent, besides what only answers hold."""
    answer = put(crm, lead)
    assert answer.status_code == 200
    shown = answer.json()
    assert shown.keys() == ANSWER
    for name in ("customer", "enabled", "adminEnablementOverride"):
        assert shown[name] == REQUEST[name]
    metadata, kept = shown["metadata"], crm.options.leadping_absent == "keep"
    assert {**metadata, "sourceMetadata": {}} == METADATA
    assert bool(metadata["sourceMetadata"]) == kept
    assert {**shown["contact"], **REQUEST["contact"]} == shown["contact"]
    assert shown["id"] == lead
    assert call(crm, "GET", f"/leads/{lead}").json() == shown


def test_the_answer_has_the_types_of_the_page(crm: Sandbox, lead: str) -> None:
    """Dates with an offset, tags with four names, null or nothing where a lead has none."""
    shown = put(crm, lead).json()
    (tag,) = shown["tags"]
    assert tag.keys() == {"id", "name", "normalizedName", "color"}
    assert (tag["name"], tag["normalizedName"]) == ("vip", "vip")
    for name in ("createdAt", "modifiedAt"):
        assert datetime.fromisoformat(shown[name]).tzinfo is not None
    assert (shown["isArchived"], shown["archivedAt"], shown["currentDisposition"]) == (False, None, None)


def test_a_request_without_metadata_is_taken(crm: Sandbox, lead: str) -> None:
    """As the page's example has it; what becomes of the metadata is what nobody knows."""
    before = call(crm, "GET", f"/leads/{lead}").json()["metadata"]
    answer = call(crm, "PUT", f"/leads/{lead}", {**REQUEST, "id": lead})
    assert answer.status_code == 200
    assert answer.json()["metadata"] == (None if crm.options.leadping_absent == "erase" else before)


def test_what_is_left_out_is_erased_or_kept(crm: Sandbox, lead: str) -> None:
    """By the sandbox's option; what only answers hold is never touched."""
    before = put(crm, lead).json()
    after = call(crm, "PUT", f"/leads/{lead}", {"contact": {"firstName": "Zed"}}).json()
    if crm.options.leadping_absent == "erase":
        assert (after["contact"], after["customer"], after["tags"]) == ({"firstName": "Zed"}, None, [])
    else:
        assert after["contact"] == {**before["contact"], "firstName": "Zed"}
        assert (after["customer"], after["tags"]) == (before["customer"], before["tags"])
    assert after["createdAt"] == before["createdAt"]


def test_tags_by_id_and_by_name(crm: Sandbox, lead: str) -> None:
    """Existing ids, and names that are made where there is none; each tag once."""
    (vip,) = put(crm, lead).json()["tags"]
    tags = put(crm, lead, tagIds=[vip["id"]], tagNames=["VIP", "hot"]).json()["tags"]
    assert [tag["name"] for tag in tags] == ["vip", "hot"]
    assert put(crm, lead, tagIds=["no such tag"]).status_code == 400


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"enabled": "yes"}, "$.enabled"),
        ({"customer": {"isHomeowner": "yes"}}, "$.customer.isHomeowner"),
        ({"contact": {"firstName": ["Ann"]}}, "$.contact.firstName"),
        ({"tagNames": "vip"}, "$.tagNames"),
        ({"contact": {"email": "nobody"}}, "Contact.Email"),
        ({"contact": {"phone": {"number": "nobody"}}}, "Contact.Phone.Number"),
        ({"id": "another"}, "Id"),
    ],
)
def test_problem_details_name_what_is_wrong(
    crm: Sandbox, lead: str, changes: Mapping[str, Any], key: str
) -> None:
    """Status, title, trace id and errors by field, and nothing is written."""
    before = call(crm, "GET", f"/leads/{lead}").json()
    answer = put(crm, lead, **changes)
    body = answer.json()
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert (answer.status_code, body["status"], list(body["errors"])) == (400, 400, [key])
    assert body["title"]
    assert body["traceId"]
    assert call(crm, "GET", f"/leads/{lead}").json() == before


def test_other_problems_have_their_status(crm: Sandbox, lead: str) -> None:
    """A wrong key, a lead that isn't there, a refusal by request."""
    crm.refuse(lead, 409)
    statuses = [
        call(crm, "GET", f"/leads/{lead}", token="wrong").status_code,
        call(crm, "GET", "/leads/nobody").status_code,
        put(crm, "nobody").status_code,
        put(crm, lead).status_code,
    ]
    assert statuses == [401, 404, 404, 409]


def test_the_list_as_live_clients_see_it(crm: Sandbox) -> None:
    """Summaries in the order asked for, two at a time, and a token for the rest."""
    body = {"pageSize": 2, "includeCount": True, "orderBy": [{"field": "updatedAt", "direction": "desc"}]}
    first = call(crm, "POST", "/leads/all/my", body).json()
    assert (len(first["items"]), first["pageSize"], first["totalCount"]) == (2, 2, 3)
    second = call(
        crm, "POST", "/leads/all/my", {**body, "continuationToken": first["continuationToken"]}
    ).json()
    assert (len(second["items"]), second["continuationToken"]) == (1, None)
    rows = first["items"] + second["items"]
    assert sorted(rows, key=lambda row: row["updatedAt"], reverse=True) == rows
    assert len({row["id"] for row in rows}) == 3
    assert "metadata" not in rows[0]


def test_newer_parts_go_where_an_update_leaves_them_out() -> None:
    """Erased or kept by the same option as the page's parts; what only answers hold can't be set."""
    for absent in ("erase", "keep"):
        with Sandbox(leads=3, leadping_absent=absent) as crm:
            lead = str(crm.vendors["leadping"].leads.ids()[0])  # type: ignore[attr-defined]
            before = call(crm, "GET", f"/leads/{lead}").json()
            newer = {"inquiry": {"urgency": "Soon", "notOnAPage": "kept"}, "isDemo": True, "metadata": {}}
            after = put(crm, lead, **newer).json()
            assert after["company"] == (None if absent == "erase" else before["company"])
            assert after["inquiry"]["notOnAPage"] == "kept"
            assert after["isDemo"] is False
