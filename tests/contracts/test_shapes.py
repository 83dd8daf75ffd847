"""The watch over published contracts finds what is not documented; without it the other tests would prove nothing."""

from typing import Any

import pytest
import requests  # noqa: TID251 - the sandbox is tested with a client that is not ours

from connector.sandbox import Sandbox
from tests.contracts.pollybot import CONTRACTS
from tests.contracts.shapes import (
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
    watched,
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
    ],
)
def test_a_shape_says_what_is_wrong(shape: Shape, value: Any, says: list[str]) -> None:
    """By path, and nothing where nothing is."""
    assert list(shape.problems(value, "a")) == says


@pytest.mark.parametrize(
    ("method", "path", "given", "says"),
    [
        ("GET", "", {"params": {"since": "now"}}, "parameter since is not documented"),
        ("GET", "", {"params": {"sortOrder": "down"}}, "parameter sortOrder is not as documented"),
        ("GET", "/{lead}", {"json": {}}, "a body is not documented"),
        ("PUT", "/{lead}", {"json": {"metadata": {}}}, "metadata is not documented"),
        ("PUT", "/{lead}", {"json": {"tags": "hot"}}, "tags is no list"),
        ("PUT", "/{lead}", {}, "the body is no JSON"),
        ("DELETE", "/{lead}", {}, "is not documented"),
    ],
)
def test_a_call_that_is_not_documented_is_found(method: str, path: str, given: Any, says: str) -> None:
    """Whatever the sandbox makes of it."""
    with Sandbox(leads=2) as crm:
        polly: Any = crm.vendors["pollybot"]
        url = f"{crm.base_url}/api/v1/leads{path.format(lead=polly.leads.ids()[0])}"
        key = {"Authorization": f"Bearer {crm.token}"}
        with pytest.raises(AssertionError, match=says), watched(polly, CONTRACTS["newer"]):
            requests.request(method, url, headers=key, timeout=10, **given)


def test_an_answer_that_is_not_documented_is_found() -> None:
    """The older generation's leads are not those of the newer one's contract."""
    with Sandbox(leads=2, pollybot_generation="older") as crm:
        polly: Any = crm.vendors["pollybot"]
        url = f"{crm.base_url}/api/v1/leads/{polly.leads.ids()[0]}"
        with (
            pytest.raises(AssertionError, match="metadata is not documented"),
            watched(polly, CONTRACTS["newer"]),
        ):
            requests.get(url, headers={"Authorization": f"Bearer {crm.token}"}, timeout=10)
