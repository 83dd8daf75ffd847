"""PollyBot's workspace in the sandbox, beyond what the vendor's page prints: pages, orders, limits, and how accounts differ."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests  # noqa: TID251 - the sandbox is tested with a client that is not ours

from connector.sandbox import Sandbox
from connector.sandbox.pollybot import lead_id

Ask = Callable[..., Any]


@pytest.fixture
def crm() -> Any:
    with Sandbox(leads=45, pollybot_generation="older") as sandbox:
        yield sandbox


@pytest.fixture
def polly(crm: Sandbox) -> Any:
    return crm.vendors["pollybot"]


@pytest.fixture
def ask(crm: Sandbox) -> Ask:
    """``ask("GET", "/lead_…", json=…, page=…)``: the answer, whatever its status."""

    def call(method: str, path: str = "", json: Any = None, below: str = "", **params: Any) -> Any:
        return requests.request(
            method,
            f"{crm.base_url}/api/v1{below}/leads{path}",
            json=json,
            params=params,
            headers={"Authorization": f"Bearer {crm.token}"},
            timeout=10,
        )

    return call


def test_the_people_are_those_of_the_book(crm: Sandbox, polly: Any) -> None:
    """Same number, order, phone numbers and addresses, with ids of their own that are always the same."""
    book, here = crm.book.rows(), polly.leads.rows()
    assert list(here) == [lead_id(int(each)) for each in book]
    for one, other in zip(book.values(), here.values(), strict=True):
        assert other["phone"] == f"+1{one['phone_number']}"
        assert (other["email"] or "") == (one["email"] or "")


def test_pages_say_where_they_are(ask: Ask) -> None:
    """Three pages of twenty, the last one with five; one beyond is empty."""
    pages = [ask("GET", page=page, limit=20).json()["data"] for page in (1, 2, 3, 4)]
    assert [len(page["leads"]) for page in pages] == [20, 20, 5, 0]
    assert pages[1]["pagination"] == {
        "page": 2,
        "limit": 20,
        "total": 45,
        "totalPages": 3,
        "hasNext": True,
        "hasPrev": True,
    }
    assert [page["pagination"]["hasNext"] for page in pages] == [True, True, False, False]
    assert len({lead["id"] for page in pages for lead in page["leads"]}) == 45


def test_the_order_is_the_one_asked_for(ask: Ask, polly: Any) -> None:
    """By edit or by creation, up or down; by creation where orders are ignored."""
    edited = polly.leads.ids()[0]
    polly.leads.edit(edited, {"name": "Somebody"})

    def first(**params: Any) -> str:
        return str(ask("GET", limit=100, **params).json()["data"]["leads"][0]["id"])

    assert first(sortBy="updatedAt", sortOrder="desc") == edited
    assert first(sortBy="updatedAt", sortOrder="asc") != edited
    assert first(sortBy="createdAt", sortOrder="asc") == edited
    assert first() == polly.leads.ids()[-1]
    polly.sorts = False
    assert first(sortBy="updatedAt", sortOrder="desc") == polly.leads.ids()[-1]


@pytest.mark.parametrize("params", [{"limit": 101}, {"limit": 0}, {"page": 0}, {"page": "x"}])
def test_a_page_that_cannot_be_is_refused(ask: Ask, params: dict[str, Any]) -> None:
    """With the parameter at fault."""
    answer = ask("GET", **params)
    (name,) = params
    assert (answer.status_code, answer.json()["details"]["field"]) == (400, name)


def test_objects_inside_the_metadata_are_replaced_or_merged(ask: Ask, polly: Any) -> None:
    """Nobody knows which, so it can be either."""
    lead = polly.leads.ids()[0]
    sent = {"metadata": {"conversation": {"last": {"rating": 9}}}}
    before = ask("GET", f"/{lead}").json()["data"]["metadata"]
    polly.merges_deep = True
    deep = ask("PUT", f"/{lead}", json=sent).json()["data"]["metadata"]
    last = {**before["conversation"]["last"], "rating": 9}
    assert deep == {**before, "conversation": {**before["conversation"], "last": last}}
    polly.merges_deep = False
    shallow = ask("PUT", f"/{lead}", json=sent).json()["data"]["metadata"]
    assert shallow == {**before, "conversation": {"last": {"rating": 9}}}


def test_the_hour_slides_and_says_what_is_left(ask: Ask, polly: Any) -> None:
    """Three calls, a refused fourth that doesn't count, and room again when the first is an hour old."""
    polly.hourly_limit, polly.hour = 3, 600.0
    answers = [ask("GET", limit=1) for _ in range(4)]
    shown = [int(each.headers["X-RateLimit-Remaining"]) for each in answers]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert shown == [2, 1, 0, 0]
    assert answers[3].json()["code"] == "RATE_LIMIT_EXCEEDED"
    assert {answers[2].headers[f"X-RateLimit-{name}"] for name in ("Limit", "Used")} == {"3"}
    assert -1 < int(answers[0].headers["X-RateLimit-Reset"]) - time.time() - 600 < 2
    polly.hour = 0.0
    assert ask("GET", limit=1).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"phone": "1"}, "phone"),
        ({"name": 7}, "name"),
        ({"metadata": "x"}, "metadata"),
        ([], "body"),
        ({"status": None}, "status"),
    ],
)
def test_a_value_that_cannot_be_is_refused(ask: Ask, polly: Any, body: Any, field: str) -> None:
    """With the field at fault, and nothing of the same call is carried out."""
    lead = polly.leads.ids()[0]
    before = polly.leads.row(lead)
    answer = ask("PUT", f"/{lead}", json=body)
    assert (answer.status_code, answer.json()["details"]["field"]) == (400, field)
    assert polly.leads.row(lead) == before


def test_both_paths_are_one_workspace(crm: Sandbox, ask: Ask, polly: Any) -> None:
    """And the record names action, lead and fields; other methods and paths are no API."""
    lead = polly.leads.ids()[0]
    assert (
        ask("PUT", f"/{lead}", json={"name": "x", "metadata": {"a": 1}}, below="/chatbots/b").status_code
        == 200
    )
    assert ask("GET", f"/{lead}").json()["data"]["name"] == "x"
    put, get = crm.calls
    assert (put.action, put.lead_id, put.names) == ("update", lead, ("name", "metadata.a"))
    assert (get.action, get.lead_id, get.vendor) == ("get", lead, "pollybot")
    assert ask("DELETE", f"/{lead}").status_code == 404
    assert ask("GET", f"/{lead}/notes").status_code == 404
