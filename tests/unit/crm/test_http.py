"""The one door to a CRM: what is repeated, what never is, and what an error may say."""

import contextlib
import datetime as dt
import gzip
import itertools
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests  # noqa: TID251 - its exceptions are what the door has to hide
from urllib3.connection import HTTPConnection  # noqa: TID251 - as above

from connector.config import Secret
from connector.crm.base import Outcome
from connector.crm.convoso import ConvosoSettings
from connector.crm.http import AgainError, Answer, Call, Retry, Session, retry_after
from connector.errors import (
    AuthError,
    CrmError,
    OutcomeUnknownError,
    RefusedError,
    TransientError,
    UnexpectedAnswerError,
    UnreachableError,
)

READ = Call("POST", "/leads/search", form={"status": "A"})
WRITE = Call("POST", "/leads/update", form={"status": "B"})
GOOD = {"json": {"success": True, "n": 1}}
HTML = {"body": b"<!doctype html><html><body>Sorry</body></html>"}
UTC_NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


def agrees(answer: Answer) -> None:
    """A judge without objections."""


def settings(url: str, **given: Any) -> ConvosoSettings:
    defaults = {"rate": 1000.0, "timeout": 5.0, "concurrency": 4}
    return ConvosoSettings(
        base_url=url, auth_token=Secret("t"), timezone=ZoneInfo("UTC"), **{**defaults, **given}
    )


def session(url: str, *, retry: Retry | None = None, **given: Any) -> Session:
    """A session whose waiting takes no time and is noted in ``slept``."""
    now, slept = [1000.0], []

    def sleep(seconds: float) -> None:
        now[0] += seconds
        slept.append(seconds)

    made = Session(settings(url, **given), retry=retry, sleep=sleep, clock=lambda: now[0])
    made.slept = slept  # type: ignore[attr-defined]
    return made


def met(serve: Callable[..., Any], *replies: dict[str, Any], **given: Any) -> tuple[Any, Session]:
    """A server and a session that has had one good answer from it."""
    server = serve(GOOD, *replies)
    known = session(server.url, **given)
    known.read(READ, agrees)
    server.requests.clear()
    return server, known


def test_an_answer_carries_what_came_and_when_it_was_asked_for(serve: Callable[..., Any]) -> None:
    """Fractions keep the digits the server wrote, large numbers all of theirs."""
    body = b'{"success":true,"score":1.10,"big":123456789012345678901234567890,"name":"\xd0\x96"}'
    server = serve({"body": body, "type": "application/json", "headers": {"X-Mark": "7"}})
    before = dt.datetime.now(dt.UTC)
    answer = session(server.url).read(READ, agrees)
    assert answer.data == {
        "success": True,
        "score": "1.10",
        "big": 123456789012345678901234567890,
        "name": "Ж",
    }
    assert answer.headers["x-mark"] == "7"
    assert before <= answer.asked_at <= dt.datetime.now(dt.UTC)
    assert server.requests[0].form == {"status": "A"}


def test_compressed_answers_are_read(serve: Callable[..., Any]) -> None:
    """A body in gzip comes out whole, however many receives it takes."""
    rows = b'{"rows":[' + b",".join(b'{"n":"%d"}' % n for n in range(100_000)) + b"]}"
    reply = {"body": gzip.compress(rows), "type": "application/json", "headers": {"Content-Encoding": "gzip"}}
    assert len(session(serve(reply).url).read(READ, agrees).data["rows"]) == 100_000


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 502, **HTML},
        {"status": 503, "headers": {"Retry-After": "1"}},
        {"status": 429},
        {"fault": "reset"},
        {"fault": "close"},
        {"fault": "truncated", **GOOD},
        {"body": b'{"success": tr', "type": "application/json"},
        {"body": b"", "type": "application/json"},
        {"body": b'{"name": "\xff"}', "type": "application/json"},
        {"body": b"[" * 100_000, "type": "application/json"},
        {"fault": "hang", "seconds": 0.6, **GOOD},
    ],
    ids=lambda fault: str(fault.get("fault") or fault.get("status") or fault["body"][:8]),
)
def test_a_read_is_tried_again_until_it_succeeds(serve: Callable[..., Any], fault: dict[str, Any]) -> None:
    """Two failures of any passing kind, then the answer."""
    server, known = met(serve, fault, fault, GOOD, timeout=0.3)
    assert known.read(READ, agrees).data["n"] == 1
    assert len(server.requests) == 3


def named(answer: Answer) -> str:
    """Understands answers that have a name."""
    if "name" not in answer.data:
        raise UnexpectedAnswerError("no name in it")
    return str(answer.data["name"])


def test_an_odd_answer_is_asked_for_again_at_once(serve: Callable[..., Any]) -> None:
    """Two answers of no known shape may be accidents; the third is what the CRM has to say."""
    odd: dict[str, Any] = {"json": {}}
    good = {"json": {"name": "Ada"}}
    server, known = met(serve, odd, {"status": 503}, odd, good, odd)
    assert known.read(READ, agrees, named) == "Ada"
    assert len(server.requests) == 4
    assert len(known.slept) == 1, "only the 503 is waited for"  # type: ignore[attr-defined]
    with pytest.raises(UnexpectedAnswerError, match="no name in it"):
        known.read(READ, agrees, named)
    assert len(server.requests) == 7


def test_a_read_gives_up_after_its_attempts(serve: Callable[..., Any]) -> None:
    """The error says what happened and how often, and that a later run may succeed."""
    server, known = met(serve, {"status": 503}, retry=Retry(attempts=3))
    with pytest.raises(TransientError, match=r"POST /leads/search.*503.*3 attempts") as caught:
        known.read(READ, agrees)
    assert caught.value.action == "retry"
    assert len(server.requests) == 3


def test_a_read_gives_up_when_its_time_is_used_up(serve: Callable[..., Any]) -> None:
    """No wait begins that would end after the total time."""
    server, known = met(serve, {"status": 429, "headers": {"Retry-After": "30"}}, retry=Retry(total=20))
    with pytest.raises(TransientError, match="1 attempts"):
        known.read(READ, agrees)
    assert known.slept == []  # type: ignore[attr-defined]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("3", 3, 3.5),
        ("86400", 60, 60.5),
        ("-5", 0, 0.5),
        ("soon", 0, 0.5),
        ("9" * 400, 60, 60.5),
        ("Sat, 21 Nov 12345678901234567890 12:00:00 GMT", 0, 0.5),
    ],
)
def test_retry_after_is_honoured_within_reason(
    serve: Callable[..., Any], header: str, least: float, most: float
) -> None:
    """A day is cut to a minute; what makes no sense is not heeded."""
    _, known = met(serve, {"status": 503, "headers": {"Retry-After": header}}, GOOD)
    known.read(READ, agrees)
    assert least <= known.slept[0] <= most  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("2.5", 2.5),
        ("-1", None),
        ("nan", None),
        ("1e9", 1e9),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30),
        ("Sat, 21 Nov 2026 11:00:00 GMT", None),
        ("Sat, 21 Nov 2026", None),
        ("tomorrow", None),
        ("12345678901234567890", 12345678901234567890.0),
        ("9" * 400, math.inf),
        ("Sat, 21 Nov 12345678901234567890 12:00:00 GMT", None),
        ("Sat, 21 Nov 2026 12:00:00 +12345678901234567890", None),
        ("Sat, 21 Nov 2026 12345678901234567890:00:00 GMT", None),
        ("Sat, 12345678901234567890 Nov 2026 12:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 251_607_038_399),
        ("Mon, 01 Jan 0001 00:00:00 +2359", None),
        ("\xff\x00, \u0663", None),
        (", , , ,", None),
    ],
)
def test_retry_after_in_both_spellings(text: str | None, seconds: float | None) -> None:
    """Seconds or a date; nothing for what lies in the past or is neither."""
    assert retry_after(text, UTC_NOON) == seconds


def test_waits_grow_and_are_jittered() -> None:
    """Each wait is somewhere between nothing and a limit that doubles."""
    retry = Retry(first=1, longest=8)
    for attempt, limit in [(1, 1), (2, 2), (3, 4), (4, 8), (50, 8)]:
        waits = {retry.delay(attempt) for _ in range(200)}
        assert 0 <= min(waits) < limit / 4
        assert limit * 0.75 < max(waits) <= limit


def test_nobody_there_is_a_wrong_setting(nobody: str) -> None:
    """On first contact a refused connection names the setting instead of trying for minutes."""
    with pytest.raises(
        UnreachableError, match=r"crm\.convoso\.base_url \(environment: CRM__CONVOSO__BASE_URL\)"
    ) as e:
        session(nobody).read(READ, agrees)
    assert e.value.exit_code == 2


def test_an_unknown_host_is_a_wrong_setting() -> None:
    """A name that no DNS knows is told apart from a server that is down."""
    with pytest.raises(UnreachableError, match="no host of this name"):
        session("https://crm.invalid").read(READ, agrees)


def test_a_server_that_goes_away_is_a_passing_fault(serve: Callable[..., Any]) -> None:
    """Once it has answered, a refused connection is retried, and is no wrong setting."""
    _, known = met(serve, GOOD, retry=Retry(attempts=3))
    known._settings = settings("http://127.0.0.1:9")
    with pytest.raises(TransientError, match="3 attempts"):
        known.read(READ, agrees)


@pytest.mark.parametrize("status", [200, 404, 405])
def test_a_web_page_on_first_contact_is_a_wrong_address(serve: Callable[..., Any], status: int) -> None:
    """HTML where JSON belongs means that the path is not the API's, unless it happens only once."""
    server = serve({"status": status, **HTML})
    with pytest.raises(UnreachableError, match="base_url"):
        session(server.url).read(READ, agrees)
    assert len(server.requests) == 2
    assert session(serve({"status": status, **HTML}, GOOD).url).read(READ, agrees).data["n"] == 1


@pytest.mark.parametrize("status", [200, 404])
def test_a_web_page_later_on_is_a_passing_fault(serve: Callable[..., Any], status: int) -> None:
    """A proxy's error page in the middle of a run does not blame the settings."""
    _, known = met(serve, {"status": status, **HTML}, GOOD)
    assert known.read(READ, agrees).data["n"] == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(serve: Callable[..., Any], status: int) -> None:
    """A token never travels to an address that nobody set."""
    elsewhere = serve(GOOD)
    server = serve({"status": status, "headers": {"Location": elsewhere.url}, "body": b""})
    for method in ("read", "write"):
        with pytest.raises(UnreachableError, match="redirect"):
            getattr(session(server.url), method)(READ, agrees)
    assert elsewhere.requests == []


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_stop_at_once(serve: Callable[..., Any], status: int) -> None:
    """No retry makes a token valid."""
    server = serve({"status": status, "json": {}})
    with pytest.raises(AuthError, match=str(status)):
        session(server.url).read(READ, agrees)
    assert len(server.requests) == 1


def test_other_refusals_carry_their_status(serve: Callable[..., Any]) -> None:
    """A 4xx without a vendor's code has its status as its code."""
    with pytest.raises(RefusedError) as caught:
        session(serve({"status": 422, "json": {}}).url).read(READ, agrees)
    assert caught.value.code == "422"


def test_a_judge_may_ask_for_another_try(serve: Callable[..., Any]) -> None:
    """ "Too many" in a body at HTTP 200 is retried, and slows the pace."""
    server, known = met(serve, {"json": {"too": "many"}}, GOOD)

    def judge(answer: Answer) -> None:
        if "too" in answer.data:
            raise AgainError("too many", throttled=True)

    assert known.read(READ, judge).data["n"] == 1
    assert len(server.requests) == 2
    assert known.pace.current < 1000


def test_a_body_that_drips_is_given_up(serve: Callable[..., Any]) -> None:
    """Bytes that keep coming don't hold a read for ever."""
    ticks = iter(range(0, 10_000, 30))
    server = serve({"fault": "drip", "seconds": 0.001, **GOOD})
    known = Session(settings(server.url), retry=Retry(attempts=1), clock=lambda: float(next(ticks)))
    with pytest.raises(TransientError, match="did not end in time"):
        known.read(READ, agrees)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ({"fault": "reset"}, OutcomeUnknownError),
        ({"fault": "close"}, OutcomeUnknownError),
        ({"fault": "truncated", **GOOD}, OutcomeUnknownError),
        ({"fault": "hang", "seconds": 0.6, **GOOD}, OutcomeUnknownError),
        ({"body": b"OK", "type": "text/plain"}, OutcomeUnknownError),
        (HTML, OutcomeUnknownError),
        ({"status": 500}, OutcomeUnknownError),
        ({"status": 502, **HTML}, OutcomeUnknownError),
        ({"status": 504, **HTML}, OutcomeUnknownError),
        ({"status": 429, "headers": {"Retry-After": "1"}}, TransientError),
        ({"status": 503, **HTML}, TransientError),
        ({"status": 408, "body": b""}, TransientError),
        ({"status": 404, **HTML}, TransientError),
        ({"status": 401, "json": {}}, AuthError),
        ({"status": 413, **HTML}, RefusedError),
        ({"status": 307, "body": b""}, UnreachableError),
    ],
    ids=lambda value: (
        str(value.get("fault") or value.get("status", "page")) if isinstance(value, dict) else ""
    ),
)
def test_a_write_happens_once_and_its_end_is_honest(
    serve: Callable[..., Any], reply: dict[str, Any], error: type[CrmError]
) -> None:
    """One request whatever happens; only what certainly was not carried out is called anything but unknown."""
    server, known = met(serve, reply, timeout=0.3)
    with pytest.raises(error) as caught:
        known.write(WRITE, agrees)
    assert type(caught.value) in (error, AgainError)
    time.sleep(0.05)
    assert len(server.requests) == 1


def test_a_write_to_nobody_was_certainly_not_carried_out(nobody: str, serve: Callable[..., Any]) -> None:
    """Refused on first contact: the setting is wrong. Refused later: the CRM is down, and calling on is pointless."""
    with pytest.raises(UnreachableError):
        session(nobody).write(WRITE, agrees)
    _, known = met(serve, GOOD)
    known._settings = settings(nobody)
    with pytest.raises(AgainError) as caught:
        known.write(WRITE, agrees)
    result = Outcome.of(caught.value)
    assert (result.state, result.breaks) == ("deferred", True)


def test_a_server_error_in_the_vendors_own_words_is_certain(serve: Callable[..., Any]) -> None:
    """A 500 that says "not done" is deferred, where a bare 500 is unknown."""
    _, known = met(serve, {"status": 500, "json": {"success": False}})

    def judge(answer: Answer) -> None:
        raise AgainError("the CRM fails")

    with pytest.raises(TransientError):
        known.write(WRITE, judge)


def pooled(known: Session) -> Any:
    """The pool of connections below a session."""
    (pool,) = known._http.get_adapter("http://").poolmanager.pools._container.values()  # type: ignore[attr-defined]
    return pool


def test_connections_are_used_again(serve: Callable[..., Any]) -> None:
    """Calls that follow each other travel over one connection."""
    server = serve(GOOD)
    known = session(server.url)
    for _ in range(5):
        known.read(READ, agrees)
    assert len({request.port for request in server.requests}) == 1


def test_a_connection_that_died_while_idle_costs_no_write(serve: Callable[..., Any]) -> None:
    """The pool notices that the server hung up, and takes a new connection before anything is sent."""
    server, known = met(serve, GOOD)
    idle = pooled(known).pool.get(block=False)
    idle.sock.shutdown(socket.SHUT_RD)
    pooled(known).pool.put(idle)
    assert known.write(WRITE, agrees).data["n"] == 1
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("error", "state", "breaks"),
    [
        (RefusedError("no", code="6008"), "rejected", False),
        (AuthError("no"), "deferred", True),
        (UnreachableError("no"), "deferred", True),
        (TransientError("no"), "deferred", False),
        (AgainError("no", throttled=True), "deferred", False),
        (OutcomeUnknownError("no"), "unknown", False),
    ],
)
def test_errors_become_outcomes(error: Any, state: str, breaks: bool) -> None:
    """Each way a write can end has one state, and says whether calling on makes sense."""
    result = Outcome.of(error)
    assert (result.state, result.breaks, result.reason) == (state, breaks, "no")


def test_a_refusal_blames_what_was_sent() -> None:
    """Of the fields that the CRM finds fault with only those count that the write had in it."""
    refused = RefusedError("no", code="6008", fields=["phone", "list_id"], lead_id="7")
    result = Outcome.of(refused, ["phone", "name"])
    assert (result.code, result.fields, result.lead_id) == ("6008", frozenset({"phone"}), "7")


def test_threads_share_connections_and_pace(serve: Callable[..., Any]) -> None:
    """Forty reads by eight threads all arrive, over no more connections than the setting allows."""
    server = serve(GOOD)
    known = session(server.url, concurrency=2)
    threads = [
        threading.Thread(target=lambda: [known.read(READ, agrees) for _ in range(5)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 40
    assert len({request.port for request in server.requests}) == pooled(known).num_connections <= 2


def test_the_environment_neither_replaces_the_token_nor_diverts_loopback(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Any, nobody: str
) -> None:
    """A ~/.netrc and a proxy in the environment change nothing for a CRM on this machine."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", nobody)
    monkeypatch.setenv("http_proxy", nobody)
    server = serve(GOOD)
    known = Session(settings(server.url), headers=lambda: {"Authorization": "Bearer mine"})
    known.read(READ, agrees)
    assert server.requests[0].headers["Authorization"] == "Bearer mine"


def test_a_proxy_is_used_for_a_crm_elsewhere(monkeypatch: pytest.MonkeyPatch, nobody: str) -> None:
    """A proxy that is down is named as no connection, and certainly nothing was sent."""
    monkeypatch.setenv("HTTPS_PROXY", nobody)
    monkeypatch.setenv("https_proxy", nobody)
    with pytest.raises(UnreachableError):
        session("https://crm.example.com").write(WRITE, agrees)


def test_cookies_are_not_kept(serve: Callable[..., Any]) -> None:
    """A cookie that one answer sets is not sent with the next call."""
    server = serve({**GOOD, "headers": {"Set-Cookie": "a=b; Path=/"}})
    known = session(server.url)
    known.read(READ, agrees)
    known.read(READ, agrees)
    assert "Cookie" not in server.requests[1].headers


def test_certificates_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Always, against the usual authorities or those of the environment; never switched off."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    assert Session(settings("https://crm.example.com"))._http.verify is True
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/company.pem")
    assert Session(settings("https://crm.example.com"))._http.verify == "/etc/company.pem"


def test_an_untrusted_certificate_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent, no retry helps, and it is the address in the settings that is wrong."""
    refused = requests.exceptions.SSLError(ssl.SSLCertVerificationError("self-signed certificate"))
    for met in (False, True):
        known = session("https://crm.example.com")
        known._met = met
        tries: list[str] = []

        def fail(*args: Any, tries: list[str] = tries, **given: Any) -> None:
            tries.append("try")
            raise refused

        monkeypatch.setattr(known._http, "request", fail)
        for call in (known.read, known.write):
            with pytest.raises(UnreachableError, match="certificate is not trusted"):
                call(READ, agrees)
        assert len(tries) == 2


def test_a_broken_tls_stream_is_not_called_unsent(
    monkeypatch: pytest.MonkeyPatch, serve: Callable[..., Any]
) -> None:
    """Only a refused certificate is certain; TLS that breaks later may have carried the write."""
    _, known = met(serve, GOOD)

    def fail(*args: Any, **given: Any) -> None:
        raise ssl.SSLError("bad record mac")

    monkeypatch.setattr(HTTPConnection, "getresponse", fail)
    with pytest.raises(OutcomeUnknownError):
        known.write(WRITE, agrees)


def test_what_the_caller_is_handling_does_not_colour_a_failure(serve: Callable[..., Any]) -> None:
    """A write that breaks inside somebody's ``except`` block is judged by its own failure alone."""
    _, known = met(serve, {"fault": "reset"})
    try:
        raise ConnectionRefusedError("somebody else's")
    except ConnectionRefusedError:
        with pytest.raises(OutcomeUnknownError):
            known.write(WRITE, agrees)


def raw(*parts: bytes, pause: float = 0.0) -> str:
    """The address of a server that reads one request and sends these parts, the last one for ever; for one call."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with server, contextlib.suppress(OSError):
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                for part in itertools.chain(parts, itertools.repeat(parts[-1])) if pause else parts:
                    connection.sendall(part)
                    time.sleep(pause)

    threading.Thread(target=answer, daemon=True).start()
    return f"http://127.0.0.1:{server.getsockname()[1]}"


BODY = b'\r\n{"success":true}'
UNREADABLE = {
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\nContent-Length: 17\r\n" + BODY,
    "no number": b"HTTP/1.1 2OO OK\r\n" + BODY,
    "no HTTP": b"\x00\xff\xfe" * 50 + b"\r\n" + BODY,
    "a location that is none": b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://[/\r\n\r\n",
    "a location in no letters": b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://\xff/\r\n\r\n",
    "an unknown packing": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 16\r\n" + BODY,
    "a wrong chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200 + BODY,
    "a header too long": b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 70_000 + b"\r\n" + BODY,
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("known", [True, False], ids=["met", "first contact"])
def test_a_write_whose_answer_cannot_be_read_was_sent(answer: bytes, known: bool) -> None:
    """However broken the answer is: the request arrived, so nobody may call it never sent and send it again."""
    called = session(raw(answer))
    called._met = known
    with pytest.raises(OutcomeUnknownError):
        called.write(WRITE, agrees)


def test_what_breaks_before_the_first_byte_was_not_sent() -> None:
    """A host that speaks no TLS, and a proxy that opens no tunnel or talks nonsense, never saw the request."""
    plain = raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").replace("http:", "https:")
    tries = [session(plain)]
    for answer in (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", b"\xff" * 80 + b"\r\n\r\n"):
        tries.append(session("https://crm.example.com"))
        tries[-1]._http.proxies = {"https": raw(answer)}
    for called in tries:
        called._met = True
        with pytest.raises(AgainError, match="no connection"):
            called.write(WRITE, agrees)


SLOW = {
    "status line": (b"HTTP/1.1 2", b"0"),
    "header": (b"HTTP/1.1 200 OK\r\nX-A: ", b"b"),
    "continue": (b"HTTP/1.1 100 Continue\r\n\r\n",),
    "headers of a continue": (b"HTTP/1.1 100 Continue\r\n", b"X-A: b\r\n"),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b" "),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a"),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: http://a/\r\nContent-Length: 99999\r\n\r\n", b" "),
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A whole call may take less than half a second; what takes twenty fails."""
    monkeypatch.setattr("connector.crm.http.LONGEST_CALL", 0.3)
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 20


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("pause", [0.02, 1e-9], ids=["dripped", "poured"])
@pytest.mark.parametrize("parts", SLOW.values(), ids=SLOW)
def test_no_answer_holds_a_call_for_ever(parts: tuple[bytes, ...], pause: float) -> None:
    """Each byte comes in time and the answer never: a write is unknown, a read fails for now."""
    for method, error in (("write", OutcomeUnknownError), ("read", AgainError)):
        called = session(raw(*parts, pause=pause), timeout=0.1, retry=Retry(attempts=1))
        called._met = True
        with pytest.raises(error):
            getattr(called, method)(WRITE, agrees)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "parts",
    [(b"HTTP/1.1 2", b"0"), (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), (b"\x16\x03\x03\x3f\xff", b"\x02")],
    ids=["status line", "headers", "TLS"],
)
def test_no_proxy_and_no_handshake_holds_a_call_for_ever(parts: tuple[bytes, ...]) -> None:
    """Before the tunnel and TLS are open the write has not been sent, and is not called so."""
    called = session("https://crm.example.com", timeout=0.1)
    called._met = True
    url = raw(*parts, pause=0.02)
    if parts[0].startswith(b"\x16"):
        called._settings = settings(url.replace("http:", "https:"), timeout=0.1)
    else:
        called._http.proxies = {"https": url}
    with pytest.raises(AgainError, match="no connection") as caught:
        called.write(WRITE, agrees)
    assert caught.value.down


def test_an_interim_answer_is_not_taken_for_the_next_calls(serve: Callable[..., Any]) -> None:
    """After ``103`` the connection is closed, for what follows on it answers the call before."""
    _, known = met(serve, {"status": 103, "body": b""}, GOOD)
    before = pooled(known).num_connections
    with pytest.raises(OutcomeUnknownError):
        known.write(WRITE, agrees)
    assert known.read(READ, agrees).data["n"] == 1
    assert pooled(known).num_connections == before + 1


def test_a_long_request_arrives_whole(serve: Callable[..., Any]) -> None:
    """A body of many blocks is sent in order and once."""
    server = serve(GOOD)
    note = "".join(map(str, range(30_000)))
    session(server.url).write(Call("POST", "/leads/insert", form={"note": note}), agrees)
    assert server.requests[0].form == {"note": note}


@pytest.mark.parametrize(
    ("reply", "date", "is_known"),
    [
        (GOOD, "{:%a, %d %b %Y %H:%M:%S GMT}", True),
        ({**GOOD, "status": 400}, "{:%a, %d %b %Y %H:%M:%S GMT}", True),
        ({**GOOD, "headers": {"Age": "0"}}, "{:%a, %d %b %Y %H:%M:%S GMT}", False),
        (HTML, "{:%a, %d %b %Y %H:%M:%S GMT}", False),
        (GOOD, "soon", False),
    ],
    ids=["answer", "refusal", "from memory", "page in between", "odd"],
)
def test_an_answer_says_what_time_it_is_there(
    serve: Any, monkeypatch: pytest.MonkeyPatch, reply: dict[str, Any], date: str, is_known: bool
) -> None:
    """By the API's own ``Date``, and not by what something in between says or remembers."""
    there = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda *_: date.format(there))
    called = session(serve(reply).url)
    called._met = True
    with contextlib.suppress(CrmError):
        answer = called.write(WRITE, agrees)
        assert abs(answer.asked_at - there) < dt.timedelta(seconds=10) or not is_known
    assert called.crm_clock.is_known is is_known
    assert (called.crm_clock.ahead > dt.timedelta(minutes=59)) is is_known
