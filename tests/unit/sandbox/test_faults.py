"""Every fault, as a client sees it over HTTP."""

import json
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests  # noqa: TID251 - the sandbox is tested with a client that is not ours

from connector.sandbox import KINDS, Faults, Sandbox, parse_fault

Start = Callable[..., Sandbox]
Ask = Callable[..., Any]


@pytest.fixture
def crm(start: Start) -> Sandbox:
    return start(leads=40)


def score(crm: Sandbox) -> str | None:
    return crm.book.row(crm.book.ids()[0])["lead_score"]


def write(crm: Sandbox, ask: Ask) -> Any:
    return ask(crm, "update", lead_id=crm.book.ids()[0], lead_score="99")


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502, 503])
def test_a_status_is_answered_and_nothing_is_written(crm: Sandbox, ask: Ask, status: int) -> None:
    """The answer is a web page, as a proxy would give it, and without Retry-After."""
    crm.faults.add("status", status, count=1)
    answer = write(crm, ask)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert "retry-after" not in answer.headers
    assert score(crm) != "99"
    assert write(crm, ask).status_code == 200


def test_a_status_may_also_come_after_the_write(crm: Sandbox, ask: Ask) -> None:
    """A 500 doesn't say that nothing happened."""
    crm.faults.add("status_after_write", 500)
    assert write(crm, ask).status_code == 500
    assert score(crm) == "99"


def test_retry_after_comes_in_every_form(crm: Sandbox, ask: Ask) -> None:
    """A number, an HTTP date, something absurd, or text that is neither."""
    for retry_after in (3, "absurd", "soon", "date+30"):
        crm.faults.clear()
        crm.faults.add("status", 429, retry_after=retry_after)
        header = write(crm, ask).headers["retry-after"]
        if retry_after == "date+30":
            assert 20 < parsedate_to_datetime(header).timestamp() - time.time() < 31
        else:
            assert header == {3: "3", "absurd": "99999999", "soon": "soon"}[retry_after]


@pytest.mark.parametrize(("kind", "written"), [("drop_before_write", False), ("drop_after_write", True)])
def test_a_dropped_connection_is_reset(crm: Sandbox, ask: Ask, kind: str, written: bool) -> None:
    """The client sees a reset and no answer; only the book knows whether the write was carried out."""
    crm.faults.add(kind, count=1)
    with pytest.raises(requests.ConnectionError) as caught:
        write(crm, ask)
    assert "ConnectionResetError" in repr(caught.value)
    assert (score(crm) == "99") is written
    (call,) = crm.calls.select("update")
    assert (call.status, call.fault, call.carried_out) == (None, kind, written)
    assert write(crm, ask).status_code == 200


@pytest.mark.parametrize(("kind", "written"), [("hang", False), ("hang_after_write", True)])
def test_a_hanging_call_says_nothing(crm: Sandbox, kind: str, written: bool) -> None:
    """The client's own timeout has to end it, and the sandbox still stops at once."""
    crm.faults.add(kind)
    form = {"auth_token": crm.token, "lead_id": crm.book.ids()[0], "lead_score": "99"}
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{crm.base_url}/v1/leads/update", data=form, timeout=0.3)
    assert (score(crm) == "99") is written
    began = time.monotonic()
    crm.stop()
    assert time.monotonic() - began < 30


def test_a_short_hang_ends_in_a_reset(crm: Sandbox, ask: Ask) -> None:
    """Its value is how long it says nothing."""
    crm.faults.add("hang", 0.1)
    with pytest.raises(requests.ConnectionError):
        write(crm, ask)


def test_latency_delays_and_nothing_else(crm: Sandbox, ask: Ask) -> None:
    """Several add up, also with other faults."""
    crm.faults.add("latency", 0.1)
    crm.faults.add("latency", 0.1)
    began = time.monotonic()
    assert write(crm, ask).json()["success"] is True
    assert time.monotonic() - began >= 0.2
    crm.faults.add("status", 503)
    assert write(crm, ask).status_code == 503


def test_a_truncated_body_is_not_json(crm: Sandbox, ask: Ask) -> None:
    """HTTP is satisfied with it, JSON isn't."""
    crm.faults.add("truncate")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        ask(crm, "search").json()


def test_a_cut_answer_ends_in_the_middle(crm: Sandbox, ask: Ask) -> None:
    """Fewer bytes come than were announced."""
    crm.faults.add("cut")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        ask(crm, "search", limit=30)


def test_a_web_page_at_200_is_no_answer(crm: Sandbox, ask: Ask) -> None:
    """What a sign-in page of a proxy looks like to a client; a write was carried out all the same."""
    crm.faults.add("html")
    answer = write(crm, ask)
    assert (answer.status_code, answer.text[:15]) == (200, "<!DOCTYPE html>")
    assert score(crm) == "99"


def test_the_success_flag_can_be_missing(crm: Sandbox, ask: Ask) -> None:
    """Everything else is there."""
    whole = ask(crm, "search").json()
    crm.faults.add("no_success")
    assert ask(crm, "search").json() == {"data": whole["data"]}


def test_ids_can_be_numbers(crm: Sandbox, ask: Ask) -> None:
    """Only ids are; a list's id stays text."""
    crm.faults.add("ids_as_numbers")
    (row, *_) = ask(crm, "search").json()["data"]["entries"]
    assert isinstance(row["id"], int)
    assert isinstance(row["list_id"], str)


def test_pages_can_lie(crm: Sandbox, ask: Ask) -> None:
    """A repeated page, one after the last, an empty one in the middle, and a total that is wrong."""

    def page(kind: str, value: float | None = None, **params: int) -> tuple[list[str], str]:
        crm.faults.clear()
        crm.faults.add(kind, value, path="search")
        data = ask(crm, "search", limit=15, **params).json()["data"]
        return [row["id"] for row in data["entries"]], data["total"]

    ids = crm.book.ids()
    assert page("latency", 0, offset=15) == (ids[15:30], "40")
    assert page("repeat_page", offset=15) == (ids[:15], "40")
    assert page("extra_page", offset=45) == (ids[30:], "40")
    assert page("empty_page", offset=15) == ([], "40")
    assert page("lying_total", 7, offset=15) == (ids[15:30], "47")
    assert page("lying_total", -7, offset=15) == (ids[15:30], "33")


def test_a_fault_can_be_kept_to_some_calls(crm: Sandbox, ask: Ask) -> None:
    """To a path, to calls after the first few, and to a number of them."""
    fault = crm.faults.add("status", 503, path="/leads/update", after=2, count=3)
    assert ask(crm, "search").status_code == 200
    assert [write(crm, ask).status_code for _ in range(7)] == [200, 200, 503, 503, 503, 200, 200]
    assert fault.fired == 3
    crm.faults.remove(fault)
    assert len(crm.faults) == 0


def test_which_calls_are_struck_is_drawn_from_the_seed() -> None:
    """The same seed strikes the same calls, about as many as the probability says."""

    def strikes(seed: int) -> list[bool]:
        faults = Faults(seed, ["status=503:0.2"])
        return [bool(faults.fire("/v1/leads/update")) for _ in range(2_000)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert 300 < sum(strikes(1)) < 500


def test_only_one_fault_that_ends_a_call_strikes_it() -> None:
    """Latency and lying pages come on top."""
    faults = Faults(1, ["status=503", "drop_after_write", "latency=1", "empty_page"])
    assert [fault.kind for fault in faults.fire("/")] == ["status", "latency", "empty_page"]


def test_a_fault_can_be_written_on_a_command_line() -> None:
    """Kind, value, probability, and names with values."""
    fault = parse_fault("status=429:0.25:retry_after=date+5:path=/leads/update:count=3:after=10")
    assert (fault.kind, fault.value, fault.probability) == ("status", 429, 0.25)
    assert (fault.retry_after, fault.path, fault.count, fault.after) == ("date+5", "/leads/update", 3, 10)
    assert parse_fault("drop_after_write:0.05").probability == 0.05
    assert parse_fault("latency").value == KINDS["latency"].value
    assert parse_fault("html:count=1").count == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("explode", "there is no fault 'explode'"),
        ("", "there is no fault ''"),
        ("status=503:2", "between 0 and 1"),
        ("status=503:nan", "must be a number"),
        ("status=banana", "must be a number"),
        ("status=9000", "200 to 599"),
        ("status=503:0.1:0.2", "not understood"),
        ("status=503:colour=red", "not understood"),
        ("status=503:count=1:count=2", "not understood"),
        ("status=503:count=-1", "can't be negative"),
        ("latency=-1", "can't be negative"),
        ("status=429:retry_after=date+x", "must be a number"),
    ],
)
def test_a_fault_that_makes_no_sense_is_explained(text: str, says: str) -> None:
    """The sentence names what is wrong."""
    with pytest.raises(ValueError, match=says):
        parse_fault(text)


def test_faults_strike_errors_as_well(crm: Sandbox, ask: Ask) -> None:
    """An error of the API may lose its flag or be truncated like any other answer."""
    crm.faults.add("no_success")
    assert json.loads(ask(crm, "delete", lead_id="1").text) == {"code": 6001, "text": "No such Lead"}


def test_a_fault_may_be_of_one_method_only(crm: Sandbox, ask: Ask) -> None:
    """The same path may be read and written, and only one of the two goes wrong; other calls don't use up its count."""
    crm.faults.switch_on(parse_fault("status=503:1:method=get:count=1"))
    assert write(crm, ask).status_code == 200
    url, bearer = f"{crm.base_url}/v1/leads/search", {"Authorization": f"Bearer {crm.token}"}
    assert [requests.get(url, headers=bearer, timeout=10).status_code for _ in range(2)] == [503, 200]
    assert crm.faults.as_json()[0]["method"] == "GET"
