"""Shapes, and the server between, find what is not documented; without it the other tests would prove nothing."""

from typing import Any

import pytest

from connector.sandbox import Sandbox
from tests.contracts.published.between import asked, between
from tests.contracts.published.contract import Call, Endpoint, Example
from tests.contracts.published.convoso import CONTRACT as CONVOSO
from tests.contracts.published.leadsquared import CONTRACT as LEADSQUARED
from tests.contracts.published.pollybot import CONTRACTS
from tests.contracts.published.shapes import (
    Each,
    Either,
    Flag,
    Maybe,
    Moment,
    Number,
    Obj,
    Shape,
    Text,
    Whatever,
    at_least,
    exactly,
    like,
)

LEAD = Obj({"id": Text(), "tags": Each(Text(5), 2)}, needs=("id",))


@pytest.mark.parametrize(
    ("shape", "value", "says"),
    [
        (Text(), "x", []),
        (Text(), 5, ["a is no text"]),
        (Text(3), "four", ["a is longer than 3 characters"]),
        (Text(words=("x",)), "y", ["a is none of the documented words"]),
        (Number(), 1.5, []),
        (Number(), True, ["a is no number"]),
        (Number(whole=True), 1.5, ["a is no whole number"]),
        (Number(whole=True), 2**31, ["a does not fit in 32 bits"]),
        (Flag(), "true", ["a is not true or false"]),
        (Flag(True), False, ["a is not true"]),
        (Moment(), "2026-03-01T10:00:00Z", []),
        (Moment(), "2026-03-01T10:00:00", ["a has no offset"]),
        (Moment(only_date=True), "soon", ["a is no date"]),
        (Maybe(Text()), None, []),
        (Maybe(Text()), 5, ["a is no text"]),
        (Either((Number(), Text())), "5", []),
        (Either((Number(), Text())), True, ["a is no number"]),
        (Whatever(), {"b": [None]}, []),
        (LEAD, {"id": "1", "tags": []}, []),
        (LEAD, {"tags": ["a", "b", "c"]}, ["a.id is missing", "a.tags has more than 2 items"]),
        (LEAD, {"id": "1", "tags": "x", "more": 1}, ["a.tags is no list", "a.more is not documented"]),
        (LEAD, {"id": "1", "tags": ["longer"]}, ["a.tags[0] is longer than 5 characters"]),
        (LEAD, [], ["a is no object"]),
        (Text(pattern="[0-9]+"), "x", ["a is of another kind"]),
        (Number(least=1, most=5), 6, ["a is out of range"]),
        (Each(Text(), least=1), [], ["a has fewer than 1 items"]),
        (at_least({"b": Text()}), {"b": "x", "c": 1}, []),
        (at_least({"b": Text()}), {"c": 1}, ["a.b is missing"]),
        (exactly({"b": Text()}, {"c": Text()}), {"b": "x", "d": 1}, ["a.d is not documented"]),
        (like({"data": [{"id": Text()}]}), {"data": [{}]}, ["a.data[0].id is missing"]),
        (like({"*": {"id": Text()}}), {"any": {"id": 1}}, ["a.any.id is no text"]),
    ],
)
def test_a_shape_says_what_is_wrong(shape: Shape, value: Any, says: list[str]) -> None:
    """By path, and nothing where nothing is."""
    assert list(shape.problems(value, "a")) == says


BEARER = {"authorization": "Bearer sandbox-token"}


@pytest.mark.parametrize(
    ("method", "path", "given", "says"),
    [
        ("GET", "", {"params": {"since": "now"}}, "parameter since is not documented"),
        ("GET", "", {"params": {"sortOrder": "down"}}, "parameter sortOrder is of another kind"),
        ("GET", "", {"headers": {}}, "the key is nowhere"),
        ("GET", "", {"headers": {"authorization": "Basic x"}}, "the key is nowhere"),
        ("GET", "/{lead}", {"body": {}}, "a body is not documented"),
        ("PUT", "/{lead}", {"body": {"metadata": {}}}, "metadata is not documented"),
        ("PUT", "/{lead}", {"body": {"tags": "hot"}}, "tags is no list"),
        ("PUT", "/{lead}", {"form": {"name": "x"}}, "the body is not announced as JSON"),
        ("PUT", "/{lead}", {}, "the body is no JSON"),
        ("DELETE", "/{lead}", {}, "method DELETE is not documented"),
        ("GET", "/{lead}/more", {}, "is not documented"),
    ],
)
def test_a_call_that_is_not_documented_is_found(method: str, path: str, given: Any, says: str) -> None:
    """Whatever the sandbox makes of it."""
    with Sandbox(leads=2) as crm:
        polly: Any = crm.vendors["pollybot"]
        lead = polly.leads.ids()[0]
        path = f"/api/v1/leads{path.format(lead=lead)}"
        with pytest.raises(AssertionError, match=says), between(crm, CONTRACTS["newer"]) as server:
            asked(method, server.url + path, **{"headers": BEARER, **given})


def test_an_answer_that_is_not_documented_is_found() -> None:
    """The older generation's leads are not those of the newer one's contract."""
    with Sandbox(leads=2, pollybot_generation="older") as crm:
        polly: Any = crm.vendors["pollybot"]
        lead = polly.leads.ids()[0]
        with (
            pytest.raises(AssertionError, match="metadata is not documented"),
            between(crm, CONTRACTS["newer"]) as server,
        ):
            asked("GET", f"{server.url}/api/v1/leads/{lead}", headers=BEARER)


def test_a_status_and_a_page_that_are_not_documented_are_found() -> None:
    """An answer of a status that no page lists, and one that is no JSON."""
    endpoint = Endpoint("/x", ("GET",), "here", Text(), Example())
    assert endpoint.wrong_in_answer(418, b"{}") == ["status 418 is not documented"]
    assert endpoint.wrong_in_answer(200, b"<html>") == ["the answer is no JSON"]
    assert endpoint.wrong_in_answer(200, b"1") == ["the answer:  is no text"]


@pytest.mark.parametrize(
    ("query", "headers", "body", "says"),
    [
        ("auth_token=a&lead_id=1", {}, b"", []),
        ("", {"authorization": "Bearer a"}, b"lead_id=1", []),
        ("", {"content-type": "application/json"}, b'{"auth_token": "a", "lead_id": "1"}', []),
        ("auth_token=a", {}, b"lead_id=1&lead_id=2", ["a parameter is there twice"]),
        ("auth_token=a", {}, b"", ["lacks lead_id"]),
        ("auth_token=a&lead_id=x", {}, b"", ["the parameter lead_id is of another kind"]),
        ("auth_token=a&lead_id=1&status=x", {}, b"", ["the parameter status is not documented"]),
        ("auth_token=a&lead_id=1", {"authorization": "Bearer a"}, b"", ["the key is in two places"]),
    ],
)
def test_parameters_may_be_in_a_form(
    query: str, headers: dict[str, str], body: bytes, says: list[str]
) -> None:
    """Of an endpoint that takes them there; each is there once, and so is the key."""
    call = Call("POST", "/v1/leads/delete", query, headers, body)
    assert list(CONVOSO.endpoint("/v1/leads/delete").wrong_in_call(call, CONVOSO.keys)) == says


def test_the_endpoint_of_a_call_is_found() -> None:
    """By its path, and by its method where two have the same; a path without an id goes first."""
    found = CONTRACTS["newer"].found
    assert getattr(found("PUT", "/api/v1/leads/1"), "name", None) == "PUT /api/v1/leads/{id}"
    assert getattr(found("GET", "/api/v1/leads"), "name", None) == "GET /api/v1/leads"
    assert LEADSQUARED.found("GET", "/v2/Other.svc/Get") is None
