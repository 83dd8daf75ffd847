"""The sandbox against the requests and answers that the two Convoso pages print, value by value.

``community`` is the community's page of the Leads API, ``official`` Convoso's page of ``/leads/update``.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests  # noqa: TID251 - the sandbox is tested with a client that is not ours

from connector.sandbox import Sandbox
from connector.sandbox.convoso import FIELD_FILTERS, TIME_FILTERS

Ask = Callable[..., Any]

JOHN = {
    "id": "12345",
    "created_at": "2026-03-01 10:00:00",
    "modified_at": "2026-03-03 14:30:00",
    "first_name": "John",
    "last_name": "Doe",
    "email": "john@example.com",
    "status": "ACTIVE",
    "owner_id": "22222",
    "source_id": "1",
    "list_id": "333",
    "phone_number": "5551234567",
    "alt_phone_1": "5559876543",
    "address1": "123 Main St",
    "city": "Anytown",
    "state": "CA",
    "postal_code": "90210",
    "country": "US",
    "carrier_name": "Verizon",
    "carrier_type": "wireless",
}
"""The lead of the community page's example."""

DOCUMENTED_FILTERS = [
    "lead_id",
    "list_id",
    "user_id",
    "owner_id",
    "status",
    "created_by",
    "email",
    "last_modified_by",
    "first_name",
    "last_name",
    "phone_number",
    "alt_phone_1",
    "alt_phone_2",
    "address1",
    "address2",
    "city",
    "state",
    "province",
    "postal_code",
    "country",
    "gender",
    "date_of_birth",
    "created_at_start_date",
    "created_at_end_date",
    "updated_at_start_date",
    "updated_at_end_date",
    "std_company_name",
    "std_consumer_number",
    "std_account_number",
    "changed_at_start_date",
    "changed_at_end_date",
    "deleted_at_start",
    "deleted_at_end",
    "archived_at_start",
    "archived_at_end",
    "last_call_start_date",
    "last_call_end_date",
]

DOCUMENTED_UPDATES = [
    "list_id",
    "phone_number",
    "phone_code",
    "status",
    "first_name",
    "last_name",
    "email",
    "address1",
    "address2",
    "city",
    "state",
    "province",
    "postal_code",
    "country",
    "alt_phone_1",
    "alt_phone_2",
    "created_by",
    "last_modified_by",
    "owner_id",
    "gender",
    "date_of_birth",
    "std_company_name",
    "std_consumer_number",
    "std_account_number",
    "notes",
    "monthly_revenue",
    "annual_revenue",
    "title",
    "business_name",
    "dba",
    "industry",
    "start_date",
]


@pytest.fixture
def crm() -> Iterator[Sandbox]:
    """The account of the community page's examples."""
    with Sandbox(leads=20, token="abc123", envelope="community") as sandbox:
        sandbox.book.add(
            {name: value for name, value in JOHN.items() if name not in ("id", "created_at", "modified_at")},
            lead_id="12345",
            created_at=datetime(2026, 3, 1, 18, tzinfo=UTC),
            modified_at=datetime(2026, 3, 3, 22, 30, tzinfo=UTC),
        )
        yield sandbox


def post(crm: Sandbox, action: str, form: str, query: str = "") -> Any:
    """A request as it is printed: the path, and an urlencoded line of parameters."""
    answer = requests.post(
        f"{crm.base_url}/v1/leads/{action}" + (f"?{query}" if query else ""),
        data=form,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=10,
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    return answer.json()


@pytest.mark.parametrize(
    "form",
    [
        "auth_token=abc123&phone_number=5551234567&limit=10",
        "auth_token=abc123&phone_number=5551234567",
        "auth_token=abc123&first_name=John&last_name=Doe&email=john@example.com",
        "auth_token=abc123&lead_id=12345",
    ],
)
def test_a_search_answers_as_the_page_prints(crm: Sandbox, form: str) -> None:
    """community, Response Example: every field of the lead with its value, in results."""
    answer = post(crm, "search", form)
    (lead,) = answer["results"]
    assert {name: lead[name] for name in JOHN} == JOHN
    assert {name: value for name, value in answer.items() if name != "results"} == {"offset": 0, "limit": 10}


def test_the_envelope_has_the_pages_offset_and_limit(crm: Sandbox) -> None:
    """community: ``"offset": 0, "limit": 100`` for the request that asks for them."""
    answer = post(crm, "search", "auth_token=abc123&status=ACTIVE&offset=0&limit=100")
    assert list(answer) == ["results", "offset", "limit"]
    assert (answer["offset"], answer["limit"]) == (0, 100)
    assert {lead["status"] for lead in answer["results"]} == {"ACTIVE"}


@pytest.mark.parametrize("form", ["list_id=333", "city=Anytown&state=CA", "list_id=333&limit=100&offset=0"])
def test_the_filtering_examples_filter(crm: Sandbox, form: str) -> None:
    """community, Filtering Examples and Pagination: only leads that match, John among them."""
    leads = post(crm, "search", f"auth_token=abc123&limit=2000&{form}")["results"]
    wanted = {name: value[0] for name, value in parse_qs(form).items() if name not in ("limit", "offset")}
    assert "12345" in [lead["id"] for lead in leads]
    assert all(lead[name] == value for lead in leads for name, value in wanted.items())


def test_every_documented_filter_is_one() -> None:
    """community, Parameters: none is missing, none was made up."""
    times = [name for pair in TIME_FILTERS.values() for name in pair]
    assert sorted(DOCUMENTED_FILTERS) == sorted(["lead_id", *FIELD_FILTERS, *times])


def test_defaults_and_limits_are_the_pages(crm: Sandbox) -> None:
    """community: limit 10 by default and 2000 at most (7258), offset 0 by default (7231)."""
    assert len(post(crm, "search", "auth_token=abc123")["results"]) == 10
    assert len(post(crm, "search", "auth_token=abc123&limit=2000")["results"]) == 21
    assert post(crm, "search", "auth_token=abc123&limit=2001")["code"] == 7258
    assert post(crm, "search", "auth_token=abc123&offset=-1")["code"] == 7231


@pytest.mark.parametrize(
    ("action", "form", "printed"),
    [
        ("search", "auth_token=wrong", {"success": False, "error": "Invalid authentication token"}),
        ("search", "", {"success": False, "error": "Invalid authentication token"}),
        ("search", "auth_token=abc123&lead_id=999", {"success": True, "results": []}),
        (
            "insert",
            "auth_token=abc123&list_id=9&phone_number=5551234567",
            {"success": False, "error": "List not found"},
        ),
        (
            "insert",
            "auth_token=abc123&list_id=333&phone_number=5551234567&check_dup=1",
            {"success": False, "error": "Lead already exists"},
        ),
        (
            "insert",
            "auth_token=abc123&list_id=333&phone_number=5",
            {"success": False, "error": "Invalid phone number"},
        ),
    ],
)
def test_errors_are_worded_as_the_page_words_them(
    crm: Sandbox, action: str, form: str, printed: dict[str, Any]
) -> None:
    """community, Error Handling: what it prints is in the answer; the code comes besides."""
    answer = post(crm, action, form)
    assert {name: answer[name] for name in printed} == printed


def test_an_update_answers_as_both_pages_print(crm: Sandbox) -> None:
    """community, Lead Update API: the id as text."""
    form = "auth_token=abc123&lead_id=12345&status=COMPLETED&email=newemail@example.com"
    assert post(crm, "update", form) == {"success": True, "data": {"lead_id": "12345"}}
    row = crm.book.row("12345")
    assert (row["status"], row["email"]) == ("COMPLETED", "newemail@example.com")


def test_the_official_example_request_is_understood() -> None:
    """official, Example Request: all in the query string, most of it empty; the answer's id is a number."""
    query = (
        "auth_token=YOUR_AUTH_TOKEN&adaptor_id=&lead_id=1&list_id=&phone_code=1&created_by=&email="
        "&last_modified_by=&owner_id=&first_name=&last_name=&phone_number=8182621448&alt_phone_1=&alt_phone_2="
        "&address1=&address2=&city=&state=&province=&postal_code=&country=&gender=&date_of_birth="
    )
    with Sandbox(leads=0, token="YOUR_AUTH_TOKEN") as crm:
        crm.book.add({"list_id": "333"}, lead_id="1")
        assert post(crm, "update", "", query) == {"success": True, "data": {"lead_id": 1}}
        row = crm.book.row("1")
        assert (row["phone_number"], row["phone_code"], row["list_id"]) == ("8182621448", "1", "333")


def test_every_documented_field_can_be_updated(crm: Sandbox) -> None:
    """Both pages' tables of parameters: what is sent is shown."""
    for name in DOCUMENTED_UPDATES:
        value = {"list_id": "401", "email": "x@example.com", "phone_code": "44"}.get(name, "2135550142")
        value = "30002" if name in ("created_by", "last_modified_by", "owner_id") else value
        assert post(crm, "update", f"auth_token=abc123&lead_id=12345&{name}={value}")["success"] is True
        assert crm.book.row("12345")[name] == value, name


@pytest.mark.parametrize(
    ("action", "form", "code"),
    [
        ("update", "lead_id=abc", 6070),
        ("update", "lead_id=999", 6071),
        ("delete", "lead_id=999", 6001),
        ("insert", "list_id=9&phone_number=5551234567", 6002),
        ("insert", "list_id=333&phone_number=5551234567&owner_id=9", 6006),
        ("insert", "list_id=333", 6007),
        ("insert", "list_id=333&phone_number=5", 6008),
        ("insert", "list_id=333&phone_number=5551234567&check_dup=4", 6009),
        ("insert", "list_id=333&phone_number=5551234567&email=x", 6079),
        ("get-recordings", "", 6005),
        ("get-recordings", "lead_id=12345&offset=x", 7231),
    ],
)
def test_every_documented_code_is_answered(crm: Sandbox, action: str, form: str, code: int) -> None:
    """community, Error Codes of each endpoint."""
    answer = post(crm, action, f"auth_token=abc123&{form}")
    assert (answer["success"], answer["code"]) == (False, code)


def test_an_insert_answers_as_the_page_prints(crm: Sandbox) -> None:
    """community, Lead Insert API: the id within data and beside it."""
    form = "list_id=333&phone_number=5551234567&first_name=John&last_name=Doe&email=john@example.com&status=ACTIVE"
    answer = post(crm, "insert", f"auth_token=abc123&{form}")
    lead_id = answer["id"]
    assert answer == {"success": True, "data": {"lead_id": lead_id}, "id": lead_id}
    row = crm.book.row(lead_id)
    assert {name: row[name] for name in parse_qs(form)} == {
        name: value[0] for name, value in parse_qs(form).items()
    }


def test_a_multipart_form_is_understood(crm: Sandbox) -> None:
    """community, PHP Example: list 17257; an array given to PHP's curl becomes a multipart form."""
    fields = {
        "auth_token": "abc123",
        "list_id": "17257",
        "phone_number": "8181234560",
        "first_name": "Ängström 🙂",
        "last_name": "",
    }
    files = {name: (None, value.encode()) for name, value in fields.items()}
    answer = requests.post(f"{crm.base_url}/v1/leads/insert", files=files, timeout=10).json()
    row = crm.book.row(answer["id"])
    assert (row["list_id"], row["phone_number"], row["first_name"]) == (
        "17257",
        "8181234560",
        "Ängström 🙂",
    )


def test_a_delete_answers_as_the_page_prints(crm: Sandbox) -> None:
    """community, Lead Delete API."""
    assert post(crm, "delete", "auth_token=abc123&lead_id=12345") == {"success": True}


def test_recordings_answer_as_the_page_prints(crm: Sandbox) -> None:
    """community, Get Recordings API: every field of the example with its value but the id the sandbox gives."""
    crm.clock.set(datetime(2026, 3, 3, 22, 30, tzinfo=UTC), ticking=False)
    recording = crm.book.call("12345", seconds=300)
    form = "auth_token=abc123&lead_id=12345&start_time=2026-03-01%2008:00:00&end_time=2026-03-03%2017:00:00"
    assert post(crm, "get-recordings", form) == {
        "entries": [
            {
                "recording_id": recording,
                "lead_id": "12345",
                "start_time": "2026-03-03 14:30:00",
                "end_time": "2026-03-03 14:35:00",
                "seconds": 300,
                "url": f"https://convoso.com/recording/{recording}.mp3",
            }
        ]
    }


def test_live_clients_see_another_envelope() -> None:
    """What live clients show: data.entries, the total as text, errors with code and text at HTTP 200."""
    with Sandbox(leads=5_310) as crm:
        token = crm.token
        data = post(crm, "search", f"auth_token={token}&limit=2000")
        assert list(data) == ["success", "data"]
        assert list(data["data"]) == ["offset", "limit", "total", "entries"]
        assert (data["data"]["offset"], data["data"]["limit"], data["data"]["total"]) == (0, 2000, "5310")
        assert len(data["data"]["entries"]) == 2_000
        expected = {"success": False, "code": 5001, "text": "Auth token is invalid"}
        assert post(crm, "search", "auth_token=wrong") == expected
        wrong_path = requests.post(f"{crm.base_url}/v1/lead/search", timeout=10)
        assert (wrong_path.status_code, wrong_path.text[:15]) == (404, "<!DOCTYPE html>")


def test_the_token_may_sit_in_the_query_string_and_a_search_may_be_a_get() -> None:
    """official: auth_token is a query parameter; the search page shows GET. Live clients GET an update as well."""
    with Sandbox(leads=3) as crm:
        where, query = f"{crm.base_url}/v1/leads", f"auth_token={crm.token}"
        assert post(crm, "search", "limit=1", query)["data"]["total"] == "3"
        assert (
            requests.get(f"{where}/search?{query}&limit=2", timeout=10).json()["data"]["entries"][1]["id"]
            == "100002"
        )
        updated = requests.get(f"{where}/update?{query}&lead_id=100001&status=SALE", timeout=10).json()
        assert updated == {"success": True, "data": {"lead_id": 100001}}
        assert crm.book.row("100001")["status"] == "SALE"
