"""A token and a phone number are planted in every request and answer, and must turn up nowhere else."""

import logging
import socket
import traceback
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.config import Secret
from connector.crm.base import Outcome
from connector.crm.convoso import ConvosoReader, ConvosoSettings, ConvosoWriter
from connector.crm.http import Call, Retry, Session
from connector.errors import LeadloopError

TOKEN = "tok-93f1planted77c2"
PHONE = "5559871234"
NAME = "Planted Personname"
PLANTED = (TOKEN, PHONE, "Planted", "Personname")
LEAD = {"id": "7", "phone_number": PHONE, "first_name": NAME, "token": TOKEN}
SAYS = f"{NAME} with {PHONE} is no good for {TOKEN}"

FAILURES: dict[str, dict[str, Any]] = {
    "reset": {"fault": "reset"},
    "close": {"fault": "close"},
    "hang": {"fault": "hang", "seconds": 0.5, "json": LEAD},
    "truncated": {"fault": "truncated", "json": LEAD},
    "half a body": {"body": f'{{"phone": "{PHONE}", "x": tr'.encode(), "type": "application/json"},
    "no utf-8": {"body": f'{{"phone": "{PHONE}\xff"}}'.encode("latin-1"), "type": "application/json"},
    "page": {"body": f"<html>{SAYS}</html>".encode()},
    "page 404": {"status": 404, "body": f"<html>{SAYS}</html>".encode()},
    "page 502": {"status": 502, "body": f"<html>{SAYS}</html>".encode()},
    "bad headers": {"json": LEAD, "headers": {f"X-{PHONE} {TOKEN}": SAYS}},
    "redirect": {
        "status": 302,
        "headers": {"Location": f"http://127.0.0.1:9/?t={TOKEN}&p={PHONE}"},
        "json": LEAD,
    },
    "retry-after": {"status": 429, "headers": {"Retry-After": PHONE}, "json": LEAD},
    "server error": {"status": 500, "json": {"success": False, "text": SAYS}},
    "401": {"status": 401, "json": {"success": False, "text": SAYS}},
    "400": {"status": 400, "json": {"success": False, "text": SAYS}},
    "token code": {"json": {"success": False, "code": 5001, "text": SAYS}},
    "known code": {"json": {"success": False, "code": 6008, "text": SAYS}},
    "unknown code": {"json": {"success": False, "code": 9999, "text": SAYS}},
    "phone as code": {"json": {"success": False, "code": PHONE, "text": SAYS}},
    "long code": {"json": {"success": False, "code": SAYS, "error": SAYS}},
    "no code": {"json": {"success": False, "error": SAYS, "data": LEAD}},
    "too many": {"json": {"success": False, "text": "too many calls " + SAYS}},
    "other shape": {"json": {"success": True, "data": {"rows": [LEAD]}}},
    "list": {"json": [LEAD]},
    "odd rows": {"json": {"success": True, "data": [PHONE, NAME]}},
    "odd total": {"json": {"success": True, "data": {"entries": [], "total": SAYS}}},
    "other lead": {"json": {"success": True, "data": {"lead_id": PHONE, "entries": [{**LEAD, "id": PHONE}]}}},
}


def settings(url: str, token_in: Any) -> ConvosoSettings:
    return ConvosoSettings(
        base_url=url,
        auth_token=Secret(TOKEN),
        timezone=ZoneInfo("UTC"),
        rate=1000.0,
        timeout=0.25,
        token_in=token_in,
    )


def everything_said(error: BaseException | None) -> str:
    """What any handler, log formatter or error tracker could make of an exception."""
    said: list[str] = []
    while error is not None:
        said += [
            str(error),
            repr(error),
            repr(error.args),
            repr(vars(error)),
            *traceback.format_exception(error),
        ]
        error = error.__cause__ or error.__context__
    return "\n".join(said)


def raised(call: Callable[[], object]) -> LeadloopError | None:
    try:
        call()
    except LeadloopError as error:
        return error
    return None


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Everything that any logger said, at the chattiest level."""
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "requests", "pyrate_limiter", "connector"):
        caplog.set_level(logging.DEBUG, logger=name)
    return lambda: caplog.text + "".join(f"{record.getMessage()} {record.args}" for record in caplog.records)


@pytest.mark.parametrize("token_in", ["body", "query"])
@pytest.mark.parametrize("met", [False, True], ids=["first contact", "later"])
@pytest.mark.parametrize("failure", FAILURES)
def test_no_failure_tells(
    serve: Callable[..., Any],
    fake_time: Any,
    logged: Callable[[], str],
    failure: str,
    met: bool,
    token_in: str,
) -> None:
    """Whatever goes wrong, neither the error nor a log line holds the token or a lead's data."""
    server = serve({"json": {"success": True, "data": []}})
    known = settings(server.url, token_in)
    session = Session(known, retry=Retry(attempts=2), sleep=fake_time.sleep, clock=fake_time.clock)
    reader, writer = ConvosoReader(known, session=session), ConvosoWriter(known, session=session)
    if met:
        reader.search(None)
    server.replies = [FAILURES[failure]]
    error = raised(lambda: reader.get(PHONE))
    if error is not None:
        assert error.__cause__ is None
        assert error.__context__ is None
    result = writer.update("7", {"phone_number": PHONE, "first_name": NAME})
    assert isinstance(result, Outcome)
    shown = everything_said(error) + repr(result) + logged()
    assert not [planted for planted in PLANTED if planted in shown]


@pytest.mark.parametrize("token_in", ["body", "query"])
def test_nobody_there_tells_nothing(fake_time: Any, logged: Callable[[], str], token_in: str) -> None:
    """An address at which nobody listens: urllib3 would quote the whole of it, with a token that travels in it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        known = settings(f"http://127.0.0.1:{taken.getsockname()[1]}", token_in)
        session = Session(known, retry=Retry(attempts=2), sleep=fake_time.sleep, clock=fake_time.clock)
        error = raised(lambda: ConvosoReader(known, session=session).get(PHONE))
        result = ConvosoWriter(known, session=session).update("7", {"phone_number": PHONE})
    assert error is not None
    shown = everything_said(error) + repr(result) + logged()
    assert not [planted for planted in PLANTED if planted in shown]


def test_objects_hide_what_they_carry(serve: Callable[..., Any]) -> None:
    """A call, an answer, the settings and the session can be shown, in a debugger or by accident."""
    known = settings(serve({"json": {"success": True, "x": SAYS}}).url, "query")
    session = Session(known)
    call = Call(
        "POST", "/leads/search", form={"phone_number": PHONE}, query={"auth_token": TOKEN}, json={"a": NAME}
    )
    answer = session.read(call, lambda answer: None)
    shown = " ".join([repr(call), str(call), repr(answer), repr(known), repr(session), str(known)])
    assert not [planted for planted in PLANTED if planted in shown]


def test_the_token_travels_where_the_setting_says(serve: Callable[..., Any]) -> None:
    """By default no URL holds the token; lead data is in no URL at all."""
    for token_in in ("body", "query"):
        server = serve({"json": {"success": True}})
        ConvosoWriter(settings(server.url, token_in)).update("7", {"phone_number": PHONE})
        (request,) = server.requests
        assert request.query == ({"auth_token": TOKEN} if token_in == "query" else {})
        assert request.form.get("auth_token") == (TOKEN if token_in == "body" else None)
        assert request.form["phone_number"] == PHONE
