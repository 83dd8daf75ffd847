"""The only door to a CRM: pooled HTTPS, a shared pace, retries for reads, and an honest end for every write.

Reads may be repeated, so a read is tried again until it succeeds, the attempts are used up or the time is. A write is
never repeated by itself: it ends in an answer, or in an error that says which of two things is true. It was *certainly
not carried out* (``AuthError``, ``UnreachableError``, ``RefusedError``, ``TransientError``), or *nobody knows*
(``OutcomeUnknownError``).

What ``requests`` raises holds URLs and bodies, with tokens and phone numbers in them. So its exceptions end here: each
becomes a ``Failure`` in our own words, and errors are raised outside of ``except`` blocks, chained to nothing.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload
from urllib.parse import urlsplit

import requests  # noqa: TID251 - this is the module that the rule names

from connector import events
from connector.config import VendorSettings, named
from connector.crm import day_calls, shared_pace
from connector.crm.answers import decode, decode_exact, encode_exact
from connector.crm.before_calls import let_go
from connector.crm.binding import check_host, note_host
from connector.crm.clock import CrmClock
from connector.crm.connections import EXPECTED, Failure, failure, pool
from connector.crm.exchange import (
    AgainError,
    Answer,
    Budget,
    Call,
    Judge,
    LateError,
    Retry,
    http_date,
    retry_after,
)
from connector.crm.latency import kind_of, name_of
from connector.crm.pace import LONGEST_PAUSE, Pace
from connector.crm.transport import Watch
from connector.errors import (
    AuthError,
    CallsUsedError,
    LeadloopError,
    OutcomeUnknownError,
    RefusedError,
    UnexpectedAnswerError,
    UnreachableError,
    of_crm,
)

__all__ = [
    "AgainError",
    "Answer",
    "Budget",
    "Call",
    "Judge",
    "LateError",
    "Retry",
    "Session",
    "Speaking",
    "http_date",
    "of_account",
    "retry_after",
]

LARGEST_ANSWER = 256 * 1024 * 1024
"""Bytes, decoded. A page of 2,000 leads with long notes is a tenth of it; more is a fault, not a page."""
CONNECT_SECONDS = 10.0
LONGEST_CALL = 60.0
"""Seconds for a whole call, from looking for a connection to the last byte; four times ``timeout`` where that is more."""
CHUNK = 256 * 1024

DEFERRED_STATUSES = frozenset({408, 425, 429, 503})
"""Statuses with which a server says that it did not carry out the request, and may later."""
MOVED_FOR_GOOD = frozenset({301, 308})


Understood = TypeVar("Understood")


@dataclass(frozen=True, slots=True)
class _Reply:
    """A whole answer, before anyone decided what it means. ``kind`` is what its body is."""

    answer: Answer
    kind: Literal["json", "html", "other"]
    retry_after: float | None


class Session:
    """Calls to one CRM with its settings; safe to use from several threads, which share pace and connections."""

    def __init__(
        self,
        settings: VendorSettings,
        *,
        headers: Callable[[], Mapping[str, str]] | None = None,
        budget: Budget | None = None,
        retry: Retry | None = None,
        pace: Pace | None = None,
        lanes: Mapping[str, float] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``headers`` is asked at each call, so that a session holds no token in the clear; ``budget`` after each.

        ``lanes``: calls per second of each kind of call that has a limit of its own (``Call.lane``).
        """
        check_host(settings)
        self._settings = settings
        self._headers = headers or dict
        self._budget = budget
        self._retry = retry or Retry()
        self.pace = pace or Pace(settings.rate, store=shared_pace.store(settings), clock=clock, sleep=sleep)
        self._lanes = {
            name: Pace(rate, store=shared_pace.store(settings, name), clock=clock, sleep=sleep)
            for name, rate in (lanes or {}).items()
        }
        self._sleep = sleep
        self._clock = clock
        self._met = False
        self.crm_clock = CrmClock()
        self.day = day_calls.of(settings, self.crm_clock.now)
        self._http = pool(settings)

    @overload
    def read(self, call: Call, judge: Judge) -> Answer: ...
    @overload
    def read(self, call: Call, judge: Judge, understood: Callable[[Answer], Understood]) -> Understood: ...
    def read(self, call: Call, judge: Judge, understood: Callable[[Answer], Any] | None = None) -> Any:
        """The answer to a call that may be repeated, or what ``understood`` makes of it; retried as ``Retry`` says.

        ``understood`` raises ``UnexpectedAnswerError`` for an answer of no known shape. One such answer may be an accident
        of something in between, so the CRM is asked again, at once.

        Raises ``UnreachableError`` while nothing has ever answered, later ``TransientError``; ``AuthError``,
        ``RefusedError``, ``UnexpectedAnswerError`` and whatever ``judge`` raises.
        """
        with of_account(self._settings):
            return self._read(call, judge, understood)

    def _read(self, call: Call, judge: Judge, understood: Callable[[Answer], Any] | None) -> Any:
        let_go()
        began = self._clock()
        attempt = odd = 0
        while True:
            attempt += 1
            self._take_turn(call)
            result = self._send(call)
            try:
                problem = result if isinstance(result, Failure) else self._verdict(call, result, judge)
            except UnreachableError:
                # Something in between may greet a run with a page of its own; a wrong address does so every time.
                if attempt >= self._retry.contacts:
                    raise
                self._sleep(self._retry.delay(attempt))
                continue
            if problem is None:
                assert isinstance(result, _Reply)
                try:
                    return understood(result.answer) if understood is not None else result.answer
                except UnexpectedAnswerError:
                    odd += 1
                    if odd >= self._retry.odd or attempt >= self._retry.attempts:
                        raise
                continue
            if isinstance(problem, Failure) and (
                problem.hopeless or (not self._met and not problem.sent and attempt >= self._retry.contacts)
            ):
                raise self._unreachable(problem.what, may_pass=not problem.hopeless)
            delay = max(self._retry.delay(attempt), self._wait_asked_for(result))
            if attempt >= self._retry.attempts or self._clock() - began + delay > self._retry.total:
                what = problem.what if isinstance(problem, Failure) else str(problem)
                gone = isinstance(problem, Failure) and not problem.sent
                raise AgainError(f"failed at {call}: {what} ({attempt} attempts)", down=gone)
            self._sleep(delay)

    @overload
    def write(self, call: Call, judge: Judge, *, late: Callable[[], bool] | None = None) -> Answer: ...
    @overload
    def write(
        self,
        call: Call,
        judge: Judge,
        understood: Callable[[Answer], Understood],
        *,
        late: Callable[[], bool] | None = None,
    ) -> Understood: ...
    def write(
        self,
        call: Call,
        judge: Judge,
        understood: Callable[[Answer], Any] | None = None,
        *,
        late: Callable[[], bool] | None = None,
    ) -> Any:
        """The answer to a call that changes something, or what ``understood`` makes of it: one attempt, never repeated.

        ``late`` is asked when the call's turn has come, which may take a while; ``LateError`` where it says so.

        ``OutcomeUnknownError`` where it may have been carried out; after every other error it certainly was not.
        Only a decoded answer at status 2xx to which ``judge`` has no objection is returned.
        """
        with of_account(self._settings):
            answer = self._write(call, judge, late)
            return answer if understood is None else understood(answer)

    def _write(self, call: Call, judge: Judge, late: Callable[[], bool] | None) -> Answer:
        let_go()
        attempt = 1
        while True:
            try:
                return self._write_once(call, judge, late)
            except AgainError as again:
                if not again.throttled or attempt >= self._retry.throttled:
                    raise
                attempt += 1

    def _write_once(self, call: Call, judge: Judge, late: Callable[[], bool] | None) -> Answer:
        self._take_turn(call)
        if late is not None and late():
            raise LateError(f"was not sent {call}: its turn came too late")
        result = self._send(call)
        if isinstance(result, Failure):
            if result.sent:
                raise OutcomeUnknownError(f"may have carried out {call}: {result.what}")
            if result.hopeless or not self._met:
                raise self._unreachable(result.what, may_pass=not result.hopeless)
            raise AgainError(f"did not get {call}: {result.what}", down=True)
        if result.kind != "json" and result.answer.status < 300 and (self._met or result.kind != "html"):
            raise OutcomeUnknownError(f"answered {call}, but not in JSON")
        problem = self._verdict(call, result, judge)
        if problem is None:
            return result.answer
        status = result.answer.status
        if status >= 500 and status not in DEFERRED_STATUSES and not isinstance(problem, _JudgedError):
            raise OutcomeUnknownError(f"answered {call} with status {status}")
        raise AgainError(f"did not carry out {call}: {problem}", throttled=problem.throttled)

    def close(self) -> None:
        self._http.close()
        for pace in (self.pace, *self._lanes.values()):
            pace.close()
        if self.day is not None:
            self.day.close()

    def _take_turn(self, call: Call) -> None:
        """Returns when the call may be made, and counts it; ``CallsUsedError`` where the day has no calls left."""
        if self.day is not None:
            self.day.take()
        if call.lane:
            self._lanes[call.lane].wait()
        self.pace.wait()

    def _used_up(self) -> CallsUsedError:
        return self.day.use_up() if self.day is not None else day_calls.used_up(self.crm_clock.now().date())

    def _throttled(self, call: Call, retry_after: float | None) -> None:
        events.counted("throttles", crm=self._settings.name)
        if call.lane:
            # Which of the two limits it was, the CRM doesn't say.
            self._lanes[call.lane].throttled(retry_after)
        self.pace.throttled(retry_after)

    def _verdict(self, call: Call, reply: _Reply, judge: Judge) -> AgainError | None:
        """``None`` for an answer to work with, an ``AgainError`` for one to try again; raises what is final."""
        status = reply.answer.status
        if reply.kind == "json":
            try:
                judge(reply.answer)
            except AgainError as again:
                if again.day:
                    raise self._used_up() from None
                if again.throttled:
                    self._throttled(call, reply.retry_after)
                return _JudgedError(str(again), throttled=again.throttled)
            if status < 300:
                if not self._met:
                    note_host(self._settings)
                self._met = True
                return None
        if status == 429:
            self._throttled(call, reply.retry_after)
            return AgainError("too many calls (status 429)", throttled=True)
        if status in (401, 403):
            raise AuthError(f"refuses the credentials at {call} (status {status})", code=str(status))
        if 300 <= status < 400:
            what = f"answers with a redirect (status {status}), which is not followed"
            raise self._unreachable(what, may_pass=status not in MOVED_FOR_GOOD)
        if status >= 500 or status in DEFERRED_STATUSES:
            return AgainError(f"the CRM fails (status {status})")
        if reply.kind == "json":
            raise RefusedError(f"refuses {call} (status {status})", code=str(status))
        if status in (404, 405, 410) or status < 300:
            if not self._met:
                what = f"answers {call} with a page that is not the API's (status {status})"
                raise self._unreachable(what, may_pass=True)
            # It has answered before, so this is a page of something in between.
            return AgainError(f"an answer that is not JSON, or not whole (status {status})")
        raise RefusedError(f"refuses {call} (status {status})", code=str(status))

    def _send(self, call: Call) -> _Reply | Failure:
        """One request, and whatever came of it."""
        with events.doing("call", name_of(call.method, call.path), crm=self._settings.name) as told:
            result = self._exchange(call)
            if isinstance(result, Failure):
                told.tell(failed=result.what, sent=result.sent)
            else:
                told.tell(status=result.answer.status)
            return result

    def _exchange(self, call: Call) -> _Reply | Failure:
        sent_at = self.crm_clock.local()
        began = self._clock()
        longest = max(4 * self._settings.timeout, LONGEST_CALL)
        timeout = self._settings.timeout
        exactly = call.exact and call.json is not None
        watch = Watch(longest)
        try:
            with (
                watch,
                self._http.request(
                    call.method,
                    self._settings.base_url + call.path,
                    params=call.query,
                    data=encode_exact(call.json) if exactly else call.form,
                    json=None if exactly else call.json,
                    headers={**self._headers(), **({"Content-Type": "application/json"} if exactly else {})},
                    timeout=(min(timeout, CONNECT_SECONDS), timeout),
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                received_at = self.crm_clock.local()
                body = self._body(response, began + longest)
        except Exception as error:
            # Whatever an answer breaks, the request was sent. Before that, only what a connection can raise is ours.
            if not watch.left and not isinstance(error, EXPECTED):
                raise
            return failure(error, left=watch.left)
        if body is None:
            return Failure("the answer did not end in time, or was too large", sent=True)
        if response.status_code < 500 and response.status_code != 429:
            self.pace.took(kind_of(call.method, call.path, len(body)), self._clock() - began)
        kind, data = self._decoded(call, response, body)
        headers = response.headers
        # Not what something in between says, in a page of its own or from its memory.
        if kind == "json" and "Age" not in headers:
            self.crm_clock.heard(http_date(headers.get("Date")), sent_at, received_at)
        reply_after = retry_after(headers.get("Retry-After"), self.crm_clock.now())
        answer = Answer(response.status_code, headers, data, self.crm_clock.at(sent_at))
        if self._budget is not None and (left := self._budget(answer)) is not None:
            self.pace.budget(*left)
        return _Reply(answer, kind, reply_after)

    def _body(self, response: requests.Response, deadline: float) -> bytes | None:
        """The whole body; ``None`` where it drips in too slowly or never ends."""
        parts, size = [], 0
        # read1 returns with what one receive brought, so that the clock is looked at between any two of them.
        while part := response.raw.read1(CHUNK, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > LARGEST_ANSWER or self._clock() > deadline:
                return None
        return b"".join(parts)

    def _decoded(
        self, call: Call, response: requests.Response, body: bytes
    ) -> tuple[Literal["json", "html", "other"], Any]:
        try:
            return "json", decode_exact(body) if call.exact else decode(body, call.shape)
        except (ValueError, RecursionError, ArithmeticError):  # the last: an exponent that no Decimal takes
            pass
        is_html = "html" in response.headers.get("Content-Type", "").lower() or body.lstrip()[:1] == b"<"
        return ("html" if is_html else "other"), None

    def _wait_asked_for(self, result: _Reply | Failure) -> float:
        return 0.0 if isinstance(result, Failure) else min(result.retry_after or 0.0, LONGEST_PAUSE)

    def _unreachable(self, what: str, *, may_pass: bool = False) -> UnreachableError:
        setting = named(f"crm.{self._settings.name}.base_url")
        host = urlsplit(self._settings.base_url).netloc
        return UnreachableError(f"at {host}: {what}", f"Check {setting}.", may_pass=may_pass)


@contextmanager
def of_account(settings: VendorSettings) -> Iterator[None]:
    """Whatever is raised in here is about this account, and names its settings: who reads an answer knows those of the CRM."""
    with of_crm(settings.name):
        try:
            yield
        except LeadloopError as error:
            for spelling in ("crm.{}.".format, lambda name: f"CRM__{name}__".upper()):
                theirs, ours = spelling(settings.vendor), spelling(settings.name)
                error.what = error.what.replace(theirs, ours)
                error.advice = error.advice.replace(theirs, ours)
            raise


class Speaking:
    """The part of a reader or a writer that speaks to its CRM through one session."""

    _session: Session

    @property
    def clock(self) -> CrmClock:
        """The CRM's, as the session's answers tell it."""
        return self._session.crm_clock

    def close(self) -> None:
        self._session.close()


class _JudgedError(AgainError):
    """The CRM itself said in its own words that it did not do it: for a write, that is certain."""
