"""What Convoso answers, in each of its shapes: pages, outcomes and refusals."""

from collections.abc import Mapping
from typing import Any

import msgspec

from connector.config import named
from connector.crm.answers import UNLISTED, RawRows, says_none
from connector.crm.base import Outcome, Page
from connector.crm.convoso.facts import (
    AUTH_CODES,
    AUTH_PHRASES,
    FAULT_PHRASES,
    OTHER_OFFICE,
    PHRASES,
    THROTTLE_PHRASES,
    TOKEN_PHRASES,
)
from connector.crm.http import AgainError, Answer, Judge
from connector.crm.ids import as_id
from connector.documented.convoso import Refusal, refusal_at
from connector.errors import AuthError, OutcomeUnknownError, RefusedError, UnexpectedAnswerError


class _Data(msgspec.Struct, forbid_unknown_fields=True):
    entries: list[msgspec.Raw]
    offset: Any = msgspec.UNSET
    limit: Any = msgspec.UNSET
    total: Any = msgspec.UNSET


class Found(msgspec.Struct, forbid_unknown_fields=True):
    """A search's answer as live clients see it; every other shape is decoded as well, only slower."""

    success: Any
    data: _Data


class ConvosoRefusedError(RefusedError):
    """A refusal with what is known about its code."""

    def __init__(self, what: str, *, code: str | None, refusal: Refusal | None) -> None:
        super().__init__(what, code=code, fields=refusal.fields if refusal else ())
        self.refusal = refusal


def judge_at(path: str) -> Judge:
    """A judge of the answers at one endpoint, such as ``/leads/update``: a code means different things at different ones."""
    endpoint = path.removeprefix("/")
    return lambda answer: _judge(answer, endpoint)


def other_office() -> AuthError:
    """What to say of a 403."""
    token = named("crm.convoso.auth_token")
    return AuthError(
        f"says that the token is not valid for this office (code {OTHER_OFFICE})",
        f"Check that {token} is a token of the office whose leads you want.",
        code=OTHER_OFFICE,
    )


def _judge(answer: Answer, endpoint: str) -> None:
    """Raises what an error in Convoso's own words means; silent about everything else, whatever its shape.

    The server's text is looked at and never passed on: it may repeat a value that was sent.
    """
    data = answer.data
    if not isinstance(data, dict) or data.get("success") is True:
        return
    if data.get("success") is not False and not ({"code", "error"} & data.keys()):
        return
    code = _code(data.get("code"))
    said = " ".join(str(data[name]) for name in ("text", "error", "message") if data.get(name)).lower()
    shown = f"code {code}" if code else "no code"
    auth = code in AUTH_CODES or answer.status in (401, 403) or _has(said, TOKEN_PHRASES)
    refusal = refusal_at(endpoint, code or "", said) or (None if auth else _first(said))
    if refusal is None:
        if code == OTHER_OFFICE or (code is None and answer.status == int(OTHER_OFFICE)):
            raise other_office()
        if auth or (code is None and _has(said, AUTH_PHRASES)):
            token = named("crm.convoso.auth_token")
            raise AuthError(f"refuses the token ({shown})", f"Check {token}.")
        if code == "429" or answer.status == 429 or _has(said, THROTTLE_PHRASES):
            raise AgainError(f"too many calls ({shown})", throttled=True)
        if (code or "") in ("500", "502", "503", "504") or answer.status >= 500 or _has(said, FAULT_PHRASES):
            raise AgainError(f"the CRM fails ({shown})")
    meaning = refusal.meaning if refusal else "for a reason that is not documented"
    raise ConvosoRefusedError(f"refuses: {meaning} ({shown})", code=code, refusal=refusal)


def leads(answer: Answer) -> Page:
    return _page(answer, "leads", ("results",))


def first_leads(answer: Answer) -> Page:
    """As ``leads``; a first page without rows has to say that there are none."""
    page = leads(answer)
    if page.total and not page.rows:
        raise UnexpectedAnswerError("says that a search found leads, and shows none")
    return page


def recordings(answer: Answer) -> Page:
    return _page(answer, "recordings", ("entries", "results"))


def calls(answer: Answer) -> Page:
    """A page of the call log: ``results`` holds the rows, ``entries`` says how many, and ``total_found`` how many there are."""
    envelope = answer.data if isinstance(answer.data, dict) else {}
    inner = envelope.get("data", envelope)
    if envelope.get("success", True) is not True or not isinstance(inner, dict):
        raise UnexpectedAnswerError("answered its call log in no known shape")
    rows, total = inner.get("results"), _total(inner.get("total_found"))
    if rows is None and total == 0:
        return Page(UNLISTED, 0, answer.asked_at)
    if not isinstance(rows, RawRows) and not (
        isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    ):
        raise UnexpectedAnswerError("answered its call log in no known shape: it has no list of calls")
    return Page(rows, total, answer.asked_at)


def _is_none(envelope: Mapping[str, Any], top: tuple[str, ...]) -> bool:
    """Whether an answer without a list says that nothing was found.

    That is ``{"success": true}``, also with ``data: null``, if nothing else is in it but numbers of the page; and a list
    that is null beside a total of 0. A total above 0, or a name that isn't known and may hold the rows, is neither.
    """
    if envelope.get("success") is not True:
        return False
    inner = envelope.get("data")
    found = (
        inner if isinstance(inner, dict) else {name: envelope[name] for name in envelope if name != "data"}
    )
    lists = ("entries", "results") if isinstance(inner, dict) else top
    if inner is not None and not isinstance(inner, dict):
        return False
    if not found.keys() <= {"success", "total", "offset", "limit", *lists}:
        return False
    totals = [place["total"] for place in (found, envelope) if "total" in place]
    if any(found.get(name) is not None for name in lists) or not all(says_none(total) for total in totals):
        return False
    has_list = any(name in found for name in lists)
    return bool(totals) if has_list or isinstance(inner, dict) else True


def _page(answer: Answer, what: str, top: tuple[str, ...]) -> Page:
    """The page in an answer. An explicit ``[]`` is an empty one, and ``UNLISTED`` what ``_is_none`` finds.

    ``top``: where the community page's envelope, which has no ``data``, holds the rows.
    """
    envelope = answer.data if isinstance(answer.data, dict) else {}
    if _is_none(envelope, top):
        return Page(UNLISTED, 0 if "total" in (envelope.get("data") or envelope) else None, answer.asked_at)
    rows: Any = None
    inner: Any = envelope.get("data")
    if envelope.get("success") is True:
        rows = inner
        if isinstance(inner, dict):
            rows = inner["entries"] if "entries" in inner else inner.get("results")
    # The community page's envelope has no "success" at all.
    if inner is None and envelope.get("success", True) is True:
        rows = next((envelope[name] for name in top if name in envelope), None)
    if not isinstance(rows, RawRows) and not (
        isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    ):
        raise UnexpectedAnswerError(f"answered a search in no known shape: it has no list of {what}")
    totals = [place["total"] for place in (inner, envelope) if isinstance(place, dict) and "total" in place]
    return Page(rows, _total(totals[0]) if totals else None, answer.asked_at)


def _total(total: Any) -> int | None:
    if total is None or total == "":
        return None
    text = str(total).strip()
    if isinstance(total, bool) or not (text.isascii() and text.isdigit()):
        raise UnexpectedAnswerError("answered a search with a total that is not a number")
    return int(text)


def updated(answer: Answer, lead_id: str) -> Outcome:
    """``applied`` only where the answer says so, and of no other lead."""
    data = answer.data
    if not isinstance(data, dict) or data.get("success") is not True:
        raise OutcomeUnknownError("answered an update in no known shape")
    inner = data.get("data")
    named_id = as_id(inner.get("lead_id")) if isinstance(inner, dict) else None
    if named_id is not None and named_id != lead_id:
        raise OutcomeUnknownError("answered an update with another lead")
    return Outcome("applied", lead_id=named_id)


def inserted(answer: Answer) -> Outcome:
    """``applied`` with the lead's id, which the page shows twice: as ``data.lead_id`` and as ``id``."""
    data = answer.data
    if not isinstance(data, dict) or data.get("success") is not True:
        raise OutcomeUnknownError("answered an insert in no known shape")
    inner = data.get("data")
    named_id = (as_id(inner.get("lead_id")) if isinstance(inner, dict) else None) or as_id(data.get("id"))
    if named_id is None:
        raise OutcomeUnknownError("answered an insert and did not say which lead it is")
    return Outcome("applied", lead_id=named_id)


def deleted(answer: Answer) -> Outcome:
    if not isinstance(answer.data, dict) or answer.data.get("success") is not True:
        raise OutcomeUnknownError("answered a delete in no known shape")
    return Outcome("applied")


def row_id(row: Mapping[str, Any]) -> str | None:
    return next((found for name in ("id", "lead_id") if (found := as_id(row.get(name))) is not None), None)


def _code(value: Any) -> str | None:
    """An error code as text; ``None`` for anything so long that it could be a value of a lead."""
    text = as_id(value)
    return text if text is not None and text.isascii() and text.isdigit() and len(text) <= 6 else None


def _has(said: str, phrases: tuple[str, ...]) -> bool:
    return any(phrase in said for phrase in phrases)


def _first(said: str) -> Refusal | None:
    return next((refusal for phrase, refusal in PHRASES.items() if phrase in said), None)
