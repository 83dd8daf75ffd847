"""What is Convoso's alone in its published API: codes that mean one thing here and another there, the desk, the call log."""

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from connector.config import Secret
from connector.crm.convoso import ConvosoReader, ConvosoSettings, ConvosoWriter
from connector.crm.http import Session
from connector.documented.convoso import CODES, refusal_at
from connector.errors import AuthError, RefusedError
from connector.sandbox import Sandbox
from connector.sandbox.wire import Answer
from connector.testing import QUICK
from tests.contracts.published.between import asked
from tests.contracts.published.convoso import CONTRACT, EXAMPLES, ROWS, STATUSES, ask
from tests.contracts.published.convoso_leads import OTHER_PHONE, PHONE
from tests.contracts.published.shapes import like

NAMED = sorted(ROWS)
FIELDS: dict[str, str | None] = {"status": "SALE", "email": None}


@pytest.fixture
def crm() -> Iterator[Sandbox]:
    with Sandbox(leads=30, **CONTRACT.options) as sandbox:
        CONTRACT.scene(sandbox)
        yield sandbox


def settings(crm: Sandbox) -> ConvosoSettings:
    return ConvosoSettings(
        base_url=f"{crm.base_url}/v1",
        auth_token=Secret(crm.token),
        timezone=ZoneInfo(crm.timezone),
        rate=1000.0,
    )


def reader(crm: Sandbox) -> ConvosoReader:
    return ConvosoReader(settings(crm), session=Session(settings(crm), retry=QUICK))


def writer(crm: Sandbox) -> ConvosoWriter:
    return ConvosoWriter(settings(crm), session=Session(settings(crm), retry=QUICK))


def says(crm: Sandbox, status: int, answer: Any) -> None:
    """From now on every call of Convoso is answered so."""
    vendor: Any = crm.vendors["convoso"]
    vendor.answer = lambda _: Answer(msgspec.json.encode(answer), status)


@pytest.mark.parametrize("path", NAMED)
def test_a_token_of_another_office_is_refused_everywhere(crm: Sandbox, path: str) -> None:
    """With status 403, which is not that of a wrong one."""
    answer = asked("POST", f"{crm.base_url}/v1/{path}", form={**EXAMPLES[path], "auth_token": "elsewhere"})
    assert answer.status_code in STATUSES
    assert answer.json() == {"success": False, "code": 403, "text": "Forbidden"}


def test_another_method_is_no_api(crm: Sandbox) -> None:
    """PUT and DELETE are documented nowhere: a web page says so."""
    for method in ("PUT", "DELETE"):
        answer = asked(method, f"{crm.base_url}/v1/leads/update")
        assert (answer.status_code, answer.content[:15]) == (405, b"<!DOCTYPE html>")


@pytest.mark.parametrize("path", NAMED)
def test_an_unknown_parameter_is_ignored(crm: Sandbox, path: str) -> None:
    """The example request of Convoso's own page has one (adaptor_id)."""
    answer = ask(crm, path, {**EXAMPLES[path], "adaptor_id": "", "no_such_parameter": "1"})
    assert list(like(ROWS[path].answer).problems(answer, "")) == []


def test_two_records_can_not_be_the_same(crm: Sandbox) -> None:
    """Code 6059: an update that would make a record equal to another one."""
    second = ask(crm, "dnc/insert", EXAMPLES["dnc/insert"])["id"]
    answer = ask(crm, "dnc/update", {"id": str(second), "phone_number": OTHER_PHONE})
    assert (answer["code"], answer["text"]) == (6059, ROWS["dnc/update"].codes["6059"])


def test_the_call_log_pages_and_counts(crm: Sandbox) -> None:
    """total_found is how many there are, entries how many are shown; newest first, and at most 500 a page."""
    for _ in range(3):
        crm.clock.advance(60)
        crm.book.call("1", 30)
    every = ask(crm, "log/retrieve", {"lead_id": "1"})["data"]
    assert (every["total_found"], every["entries"], every["limit"]) == ("4", 4, 500)
    page = ask(crm, "log/retrieve", {"lead_id": "1", "limit": "2", "offset": "1"})["data"]
    assert (page["total_found"], page["entries"]) == ("4", 2)
    assert page["results"] == every["results"][1:3]
    dates = [call["call_date"] for call in every["results"]]
    assert dates == sorted(dates, reverse=True)
    oldest = ask(crm, "log/retrieve", {"lead_id": "1", "order": "asc"})["data"]["results"]
    assert oldest == every["results"][::-1]
    assert ask(crm, "log/retrieve", {"limit": "501"})["code"] == 7258
    window = {"start_time": dates[1], "end_time": dates[1]}
    (within,) = ask(crm, "log/retrieve", {"lead_id": "1", "include_recordings": "1", **window})["data"][
        "results"
    ]
    assert within["id"] == every["results"][1]["id"]
    assert set(within["recording"][0]) == {"src", "type", "recording_id", "filename", "public_url"}


def test_what_is_written_at_the_desk_is_found_there(crm: Sandbox) -> None:
    """A list takes leads, a callback changes, a do-not-call number is turned away by an insert that checks."""
    made = str(ask(crm, "lists/insert", EXAMPLES["lists/insert"])["id"])
    assert [each["id"] for each in ask(crm, "lists/search", {"status": "1", "id": made})["data"]] == [
        int(made)
    ]
    new = {"list_id": made, "phone_number": OTHER_PHONE, "last_name": "Doe"}
    assert ask(crm, "leads/insert", {**new, "check_dnc": "true"})["code"] == 6008
    assert ask(crm, "leads/insert", new)["success"] is True
    assert ask(crm, "dnc/delete", EXAMPLES["dnc/delete"])["success"] is True
    assert ask(crm, "leads/insert", {**new, "check_dnc": "true"})["success"] is True
    stages = [{"stage": "pending"}, {"stage": "DISMISSED"}]
    found = [ask(crm, "callbacks/search", each)["data"]["total"] for each in stages]
    ask(crm, "callbacks/update", EXAMPLES["callbacks/update"])
    after = [ask(crm, "callbacks/search", each)["data"]["total"] for each in stages]
    assert (found, after) == (["1", "0"], ["0", "1"])
    (callback,) = ask(crm, "callbacks/search", {})["data"]["results"]
    assert callback["callback_time"] == "2030-03-01 13:30:00"  # 14:30 at -7 is 13:30 in the account's winter
    ask(crm, "campaigns/status", {"campaign_id": "10", "status": "0"})
    assert {each["id"]: each["status"] for each in ask(crm, "campaigns/search", {})["data"]} == {
        10: "N",
        20: "Y",
    }


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [(path, code, text) for path in NAMED for code, text in ROWS[path].codes.items()],
)
def test_every_published_code_is_known_with_its_text(path: str, code: str, text: str) -> None:
    """The product's own table of codes says at each endpoint what the published one says."""
    found = refusal_at(path, code)
    assert found is not None
    assert found.text.rstrip(".") == text.rstrip(".")


def test_the_product_knows_no_other_endpoints() -> None:
    """A table of codes for an endpoint that nobody published would be made up."""
    assert set(CODES) == set(ROWS)


def of_leads() -> list[tuple[str, str, str]]:
    return [
        (path, code, text)
        for path in ("leads/search", "leads/update", "leads/insert", "leads/delete")
        for code, text in ROWS[path].codes.items()
    ]


@pytest.mark.parametrize(("path", "code", "text"), of_leads())
def test_the_published_errors_are_understood(crm: Sandbox, path: str, code: str, text: str) -> None:
    """Each code of an endpoint that leadloop calls is a refusal with a meaning, or says that the lead is gone."""
    says(crm, 200, {"success": False, "code": int(code), "text": text})
    if path == "leads/search":
        with pytest.raises(RefusedError) as caught:
            reader(crm).search(None)
        assert caught.value.code == code
        assert "not documented" not in str(caught.value)
        return
    to = writer(crm)
    done = {
        "leads/update": lambda: to.update("1", FIELDS),
        "leads/insert": lambda: to.insert({"phone_number": PHONE}, {"list_id": "333"}),
        "leads/delete": lambda: to.delete("1"),
    }[path]()
    assert (done.state, done.code) == ("applied" if path == "leads/delete" else "rejected", code)
    assert "not documented" not in (done.reason or "")


@pytest.mark.parametrize("status", STATUSES)
def test_the_published_statuses_are_understood(crm: Sandbox, status: int) -> None:
    """401 is a wrong token, 403 a token that is not valid for the office; the message says which."""
    says(crm, status, {"success": False, "code": status})
    with pytest.raises(AuthError) as caught:
        reader(crm).search(None)
    assert ("office" in str(caught.value)) is ("office" in STATUSES[status])
