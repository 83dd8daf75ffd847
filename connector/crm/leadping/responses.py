"""What Leadping answers: lists, leads and refusals."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from connector.config import named
from connector.crm.http import AgainError, Answer
from connector.crm.ids import as_id
from connector.crm.leadping import lead as leads
from connector.crm.leadping.facts import LEADS, MEANINGS
from connector.crm.leadping.lead import Lead
from connector.crm.newest_first import instant
from connector.errors import AuthError, RefusedError, UnexpectedAnswerError, UnreachableError


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the list; ``token`` leads to the next one."""

    rows: list[dict[str, Any]]
    token: str | None
    total: int | None


class LeadpingRefusedError(RefusedError):
    """A refusal; its ``fields`` are what the server names in its ``errors``."""

    def at_fault(self, sent: Collection[str]) -> frozenset[str]:
        """The pushed fields that the server means."""
        return frozenset().union(*(leads.meant(key, sent) for key in self.fields))

    def reason(self, sent: Collection[str]) -> str:
        """With the names of further fields that the server finds fault with, as far as they are names and no values."""
        others = frozenset().union(*(leads.meant(key, leads.NAMES) for key in self.fields))
        if self.at_fault(sent) or not others:
            return str(self)
        return f"{self}; it names {', '.join(sorted(others))}, which the push doesn't set"


def judge(answer: Answer) -> None:
    """Raises what problem details mean; silent about everything else, whatever its shape.

    Status 401 about one lead can mean the key or the lead, and only sometimes says which: see ``calls.about_one``.

    The server's texts are looked at and never passed on: they may repeat a value that was sent.
    """
    data, status = answer.data, answer.status
    if not isinstance(data, dict) or status < 400 or status in (408, 425):
        return
    if status in (401, 403) and "own this lead" not in str(data.get("detail") or data.get("title")).lower():
        raise AuthError(
            f"refuses the API key (status {status})",
            f"Check {named('crm.leadping.api_key')}.",
            code=str(status),
        )
    if status == 429:
        raise AgainError("too many calls (status 429)", throttled=True)
    # Nobody knows what a server that failed has done before; the session decides by the status.
    if status < 500:
        errors = data.get("errors")
        keys = [key for key in errors if isinstance(key, str)] if isinstance(errors, dict) else []
        raise refused(status, keys)


def refused(status: int, keys: Collection[str] = ()) -> LeadpingRefusedError:
    """A refusal with this status, in our own words; ``keys``: the fields that the server names."""
    meaning = MEANINGS.get(status, "for a reason that is not documented")
    return LeadpingRefusedError(f"refuses: {meaning} (status {status})", code=str(status), fields=keys)


def judge_list(answer: Answer) -> None:
    """As ``judge``, where 404 can't be about a lead."""
    if answer.status == 404:
        raise UnreachableError("has no leads at this address", f"Check {named('crm.leadping.base_url')}.")
    judge(answer)


def listed(answer: Answer) -> Listed:
    """The page in an answer to the list; only an explicit ``[]`` is an empty page."""
    data = answer.data if isinstance(answer.data, dict) else {}
    items, token, total = data.get("items"), data.get("continuationToken"), data.get("totalCount")
    rows = items if items is not None and not isinstance(items, str | dict | int | bool) else None
    if rows is None or not all(isinstance(row, dict) for row in rows):
        raise UnexpectedAnswerError("answered the list of leads in no known shape: it has no items")
    if token is not None and not isinstance(token, str):
        raise UnexpectedAnswerError("answered the list of leads with a continuation token that is no text")
    if total is not None and (isinstance(total, bool) or not isinstance(total, int) or total < 0):
        raise UnexpectedAnswerError("answered the list of leads with a total that is not a number")
    return Listed(list(rows), token or None, total)


def lead_in(answer: Answer, lead_id: str) -> Lead:
    """The lead in an answer about one; ``UnexpectedAnswerError`` for anything else."""
    lead = answer.data
    if not isinstance(lead, dict) or as_id(lead.get("id")) != lead_id:
        raise UnexpectedAnswerError("answered a call about one lead with something else")
    return lead


def path(lead_id: str) -> str:
    return f"{LEADS}/{quote(lead_id, safe='')}"


def stamp(lead: Lead) -> Any:
    """What moves whenever a lead is modified."""
    return lead.get("modifiedAt") or lead.get("createdAt")


def updated(row: Mapping[str, Any]) -> datetime | None:
    return instant(_text(row.get("updatedAt")) or _text(row.get("modifiedAt")))


def created(row: Mapping[str, Any]) -> datetime | None:
    return instant(_text(row.get("createdAt")))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
