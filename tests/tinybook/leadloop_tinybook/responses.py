"""What Tinybook's answers mean. Nothing that it says is passed on: it may repeat a value."""

from typing import Any

from connector.config import named
from connector.crm.base import Outcome
from connector.crm.http import AgainError, Answer
from connector.crm.ids import as_id
from connector.crm.newest_first import Listed, page_of
from connector.errors import (
    AuthError,
    OutcomeUnknownError,
    RefusedError,
    UnexpectedAnswerError,
    UnreachableError,
)
from leadloop_tinybook.facts import BAD_KEY, BAD_VALUE, NO_LEAD, PAGE_SIZE

MEANINGS = {NO_LEAD: "there is no such lead", BAD_VALUE: "a value is not accepted"}


def judge(answer: Answer) -> None:
    """Raises what an error in Tinybook's own words means; silent about every other answer."""
    data = answer.data
    code = data.get("error") if isinstance(data, dict) else None
    if code == BAD_KEY or answer.status in (401, 403):
        raise AuthError("refuses the key", f"Check {named('crm.tinybook.key')}.")
    if answer.status == 429:
        raise AgainError("too many calls", throttled=True)
    if isinstance(code, str) and data.get("success") is False and answer.status < 500:
        field = data.get("field")
        meaning = MEANINGS.get(code, "it does not say why")
        fields = [field] if isinstance(field, str) else []
        raise RefusedError(f"refuses: {meaning} ({code})", code=code, fields=fields)
    if answer.status == 404:
        raise UnreachableError("has no leads at this address", f"Check {named('crm.tinybook.base_url')}.")


def listed(answer: Answer) -> Listed:
    """A page of the list; ``UnexpectedAnswerError`` for every other shape."""
    data = answer.data if isinstance(answer.data, dict) else {}
    rows = data.get("leads")
    if data.get("success") is not True or rows is None or not all(isinstance(row, dict) for row in rows):
        raise UnexpectedAnswerError("answered the list of leads in no known shape")
    return page_of(list(rows), data.get("total"), PAGE_SIZE, answer.asked_at)


def updated(answer: Answer, lead_id: str) -> Outcome:
    """``applied`` only where the answer says so, and shows this very lead."""
    if lead_in(answer, lead_id) is None:
        raise OutcomeUnknownError("answered an update in no known shape")
    return Outcome("applied", lead_id=lead_id)


def lead_in(answer: Answer, lead_id: str) -> dict[str, Any] | None:
    """The lead that was asked for, in an answer that claims success."""
    data = answer.data
    lead = data.get("lead") if isinstance(data, dict) and data.get("success") is True else None
    return lead if isinstance(lead, dict) and as_id(lead.get("id")) == lead_id else None
