"""What PollyBot answers: lists, leads, refusals and what is left of the hour's calls."""

import math
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from connector.config import named
from connector.crm.answers import RawRows, says_none
from connector.crm.http import AgainError, Answer, http_date
from connector.crm.ids import as_id
from connector.crm.newest_first import Listed, page_of
from connector.crm.pollybot.facts import (
    AUTH_CODES,
    BAD_VALUE,
    CODE,
    CUSTOM,
    HOURLY,
    KNOWN_EMAIL,
    LEAD_ID,
    LONGEST_RESET,
    LOW,
    METADATA,
    NO_LEAD,
    PAGE_SIZE,
    STATUSES,
    THROTTLE_CODES,
)
from connector.errors import AuthError, RefusedError, UnexpectedAnswerError, UnreachableError


class PollyBotRefusedError(RefusedError):
    """A refusal; its ``fields`` has the one that the server names, by a name of its own."""

    def at_fault(self, sent: Collection[str]) -> frozenset[str]:
        """The pushed fields that the server means."""
        return frozenset().union(*(_meant(name, sent) for name in self.fields))


def judge(answer: Answer) -> None:
    """Raises what an error in PollyBot's own words means; silent about everything else, whatever its shape.

    The server's texts are looked at and never passed on: they may repeat a value that was sent.
    """
    data = answer.data
    if not isinstance(data, dict) or (data.get("success") is True and answer.status < 300):
        return
    code = _code(data.get("code"))
    said = str(data.get("error") or data.get("message") or "").lower()
    details: Any = data.get("details")
    details = details if isinstance(details, dict) else {}
    if code in AUTH_CODES or answer.status in (401, 403):
        shown = code or f"status {answer.status}"
        raise AuthError(f"refuses the API key ({shown})", f"Check {named('crm.pollybot.api_key')}.")
    if answer.status == 429 or any(word in (code or "") for word in THROTTLE_CODES):
        raise AgainError(f"too many calls ({code or 'status 429'})", throttled=True)
    if code == NO_LEAD or (answer.status == 404 and "lead not found" in said):
        raise PollyBotRefusedError(f"refuses: there is no such lead ({NO_LEAD})", code=NO_LEAD)
    if code == BAD_VALUE:
        field = details.get("field")
        raise PollyBotRefusedError(
            f"refuses: a value is not accepted ({code}){_allowed(details)}",
            code=code,
            fields=[field] if isinstance(field, str) else (),
        )
    if code == KNOWN_EMAIL:
        other = details.get("existingLeadId")
        known = isinstance(other, str) and LEAD_ID.fullmatch(other) is not None
        raise PollyBotRefusedError(
            f"refuses: another lead has this email address ({code})",
            code=code,
            fields=["email"],
            lead_id=other if known else None,
        )
    if answer.status == 404:
        setting = named("crm.pollybot.leads_path")
        raise UnreachableError(f"has no leads at this path ({code or 'status 404'})", f"Check {setting}.")
    # Nobody knows what a server that failed has done before; the session decides by the status.
    if answer.status < 500 and (data.get("success") is False or code is not None or answer.status >= 400):
        shown = code or (f"status {answer.status}" if answer.status >= 400 else "no code")
        raise PollyBotRefusedError(
            f"refuses for a reason that is not documented ({shown})",
            code=code or (str(answer.status) if answer.status >= 400 else None),
        )


def budget(answer: Answer, reserve: int) -> tuple[float, float] | None:
    """How many calls the key has left for how many seconds, by ``X-RateLimit-…``; all of them while it has plenty.

    ``reserve``: calls that may be under way already. ``Reset`` is the server's time, so it is compared with its ``Date``.
    """
    remaining, reset = _header(answer, "Remaining"), _header(answer, "Reset")
    if remaining is None or reset is None:
        return None
    if remaining > LOW * (_header(answer, "Limit") or HOURLY):
        return math.inf, 0.0
    now = http_date(answer.headers.get("Date")) or answer.asked_at
    seconds = (reset / 1000 if reset > 1e11 else reset) - now.timestamp()
    if not 0 < seconds <= LONGEST_RESET:
        return None
    return max(remaining - reserve, 0.0), seconds


def listed(answer: Answer, number: int) -> Listed:
    """The page in an answer to the list; ``UnexpectedAnswerError`` for every other shape.

    A list that is null beside a total of 0 is an empty page; a scan looks at the last page twice in any case.
    """
    data = answer.data
    inner = data.get("data") if isinstance(data, dict) and data.get("success") is True else None
    rows = inner.get("leads") if isinstance(inner, dict) else None
    paging: Any = inner.get("pagination") if isinstance(inner, dict) else None
    if isinstance(inner, dict) and "leads" in inner and rows is None and isinstance(paging, dict):
        rows = [] if says_none(paging.get("total")) else None
    if not isinstance(paging, dict) or not isinstance(rows, list | RawRows):
        raise UnexpectedAnswerError(
            "answered the list of leads in no known shape: it has no leads and pagination"
        )
    if not all(isinstance(row, Mapping) for row in rows) or paging.get("page", number) != number:
        raise UnexpectedAnswerError("answered the list of leads with another page than the one asked for")
    size = paging.get("limit")
    size = size if isinstance(size, int) and 0 < size <= PAGE_SIZE else PAGE_SIZE
    return page_of(list(rows), paging.get("total"), size, answer.asked_at)


def _meant(field: str, fields: Collection[str]) -> frozenset[str]:
    for name in (field, f"{METADATA}.{field}", f"{CUSTOM}.{field}"):
        if name in fields:
            return frozenset({name})
    below = field.partition(".")[0] + "."
    return frozenset(name for name in fields if name.startswith(below))


def _allowed(details: Mapping[str, Any]) -> str:
    """Which statuses the server says it takes, as far as they are the documented ones: other words may be a lead's value."""
    if details.get("field") != "status":
        return ""
    said = re.findall(r"\w+", str(details.get("message") or ""))
    known = [word for word in dict.fromkeys(said) if word.casefold() in STATUSES]
    return f"; allowed statuses are {', '.join(known)}" if known else ""


def lead_in(answer: Answer) -> dict[str, Any] | None:
    """The one lead in an answer that claims success; some clients find it as ``data.lead``."""
    data = answer.data
    lead = data.get("data") if isinstance(data, dict) and data.get("success") is True else None
    if isinstance(lead, dict) and "id" not in lead:
        lead = lead.get("lead")
    return lead if isinstance(lead, dict) else None


def lead_read(answer: Answer, lead_id: str) -> tuple[dict[str, Any], datetime]:
    """The lead that was asked for, and when."""
    lead = lead_in(answer)
    if lead is None or as_id(lead.get("id")) != lead_id:
        raise UnexpectedAnswerError("answered a read of one lead with something else")
    return lead, answer.asked_at


def _code(value: Any) -> str | None:
    """An error code; ``None`` for anything that could be a value of a lead."""
    return value if isinstance(value, str) and CODE.fullmatch(value) else None


def _header(answer: Answer, name: str) -> float | None:
    try:
        number = float(answer.headers.get(f"X-RateLimit-{name}", ""))
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
