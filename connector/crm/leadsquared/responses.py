"""What LeadSquared answers: pages, the account's fields, outcomes and refusals."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from connector.config import did_you_mean, named
from connector.crm.answers import RawRows, first_text
from connector.crm.base import Outcome, Page, Type
from connector.crm.http import AgainError, Answer
from connector.crm.leadsquared.facts import (
    A_DAY,
    ECHOES,
    FAILED,
    HOST,
    ID_NAMES,
    LEFT_OUT,
    MEANINGS,
    MERGED,
    MX_NAME,
    ONLY_DATE,
    TYPE,
    TYPES,
    UNMEASURED,
)
from connector.errors import (
    AuthError,
    OutcomeUnknownError,
    RefusedError,
    UnexpectedAnswerError,
    UnreachableError,
)

NO_SUCH_LEAD = "there is no such lead, or the keys' user may not change it; it may have been deleted, or merged into another lead"
GONE = (
    "the lead is not there any more: it was deleted, or merged into another lead. Which one that is, the next extraction writes "
    "to leads.merged_into"
)


@dataclass(frozen=True, slots=True)
class LeadField:
    """What the account says about one of its fields."""

    name: str
    label: str
    """Its display name, which people in the account know it by."""
    longest: int | None
    """Characters."""
    locked: bool
    """Whether it can be set only when a lead is made."""
    type: Type = "text"
    kind: str = ""
    """The type in the account's own words."""


def judge(answer: Answer, labels: Mapping[str, str] | None = None) -> None:
    """Raises what an error in LeadSquared's own words means; silent about everything else, whatever its shape.

    ``labels``: display names of the fields that were sent, so that those that the error names can be told. The server's
    text is looked at for them and never passed on: it may repeat a value.
    """
    if answer.status in (401, 403):
        raise AuthError(
            f"refuses the keys (status {answer.status})",
            f"Check {named('crm.leadsquared.access_key')} and "
            f"{named('crm.leadsquared.secret_key')}, and that {named('crm.leadsquared.base_url')} is the host of the "
            f"account's own region{_host_named(answer)}.",
        )
    if answer.status == 404:
        raise UnreachableError("has no API at this address", f"Check {named('crm.leadsquared.base_url')}.")
    data = answer.data if isinstance(answer.data, dict) else {}
    kind = data.get("ExceptionType")
    if not isinstance(kind, str) or not MX_NAME.fullmatch(kind):
        return
    said = str(data.get("ExceptionMessage") or "").lower()
    if "ratelimit" in kind.lower():
        # The page says "API calls exceeded the limit of 25 in 5 second(s)".
        raise AgainError(f"too many calls ({kind})", throttled=True, day=A_DAY.search(said) is not None)
    at_fault = {name for name, label in (labels or {}).items() if _names(said, name) or _names(said, label)}
    meaning = MEANINGS.get(kind, "for a reason that is not documented")
    raise RefusedError(f"refuses: {meaning} ({kind})", code=kind, fields=at_fault)


def _host_named(answer: Answer) -> str:
    """The host that a refusal names as the right one (seen); nothing else of its text is passed on."""
    said = answer.data if isinstance(answer.data, dict) else {}
    texts = (value for value in said.values() if isinstance(value, str))
    hosts = {found.group() for text in texts for found in HOST.finditer(text.lower())}
    return f"; it says that this is https://{hosts.pop()}" if len(hosts) == 1 else ""


def object_types_in(answer: Answer) -> list[str]:
    """The Object Types of the account, by the options of the field ``LeadType``; none where it has no such field."""
    if not isinstance(answer.data, list | RawRows):
        raise UnexpectedAnswerError("answered one of the account's fields in no known shape")
    options = [
        option
        for each in answer.data
        if isinstance(each, dict) and each.get("SchemaName") == TYPE
        for option in each.get("Options") or []
    ]
    return [str(each["Value"]) for each in options if isinstance(each, dict) and each.get("Value")]


def lead_id_of(row: Mapping[str, Any], crm: str | None = None) -> str:
    if (text := first_text(row, ID_NAMES)) is not None:
        return text.strip()
    raise UnexpectedAnswerError("showed a lead without a ProspectID", crm=crm)


def is_same(shown: Any, value: str) -> bool:
    return isinstance(shown, str) and shown.strip().casefold() == value.casefold()


def leads_listed(answer: Answer) -> Page:
    """The leads of an answer that is a list of them."""
    if not isinstance(answer.data, list | RawRows):
        raise UnexpectedAnswerError("answered leads in no known shape: there is no list of them")
    return Page([_row(lead) for lead in answer.data], len(answer.data), answer.asked_at)


def leads_found(answer: Answer) -> Page:
    """The leads of a page and how many there are in all. Only a count of 0 may come without a list."""
    data = answer.data
    count = data.get("RecordCount") if isinstance(data, dict) else None
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise UnexpectedAnswerError("answered a search in no known shape: it has no count of leads")
    leads = data.get("Leads", [] if count == 0 else None)
    if leads is None and count == 0:
        leads = []
    if not isinstance(leads, list | RawRows):
        raise UnexpectedAnswerError("says that a search found leads, and shows no list of them")
    return Page([_row(lead) for lead in leads], count, answer.asked_at)


class Merge(NamedTuple):
    """One merge, as an activity of the lead that stays."""

    audit_id: str
    into: str
    at: str
    """As the API says it, in UTC."""


def merges_found(answer: Answer) -> list[Merge]:
    """The merges among a page of activities. Only a count of 0 may come without a list."""
    data = answer.data
    count = _count(data.get("RecordCount")) if isinstance(data, dict) else None
    listed = data.get("ProspectActivities") if isinstance(data, dict) else None
    if listed is None and count == 0:
        return []
    if not isinstance(listed, list | RawRows):
        raise UnexpectedAnswerError("answered activities in no known shape: there is no list of them")
    return [_merge(each) for each in listed if str(each.get("EventCode", MERGED)) == str(MERGED)]


def _merge(activity: Mapping[str, Any]) -> Merge:
    # Where an activity says in its own data what the merge is called, that goes before its own id.
    pairs = activity.get("Data") or activity.get("Fields") or []
    named = {str(pair.get("Key", "")).lower(): pair.get("Value") for pair in pairs if isinstance(pair, dict)}
    found = (
        named.get("mergeauditid") or activity.get("Id") or activity.get("ProspectActivityId"),
        activity.get("RelatedProspectId"),
        activity.get("CreatedOn"),
    )
    if not all(isinstance(each, str) and each.strip() for each in found):
        raise UnexpectedAnswerError("showed a merge without its id, its time or the lead that stays")
    audit_id, into, at = (str(each).strip() for each in found)
    return Merge(audit_id, into, at)


def _row(lead: Any) -> dict[str, Any]:
    """A lead as attribute -> value: searches answer pairs, a look at one lead a plain object."""
    pairs = lead.get("LeadPropertyList") if isinstance(lead, dict) else None
    if pairs is None and isinstance(lead, dict) and any(name in lead for name in ID_NAMES):
        return {name: value for name, value in lead.items() if name not in ECHOES}
    return {name: value for name, value in _attributes(pairs) if name not in ECHOES}


def _attributes(pairs: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(pairs, list | RawRows):
        raise UnexpectedAnswerError("showed a lead in no known shape: it has no list of attributes")
    for pair in pairs:
        name = pair.get("Attribute") if isinstance(pair, dict) else None
        if not isinstance(name, str) or not name or "Value" not in pair:
            raise UnexpectedAnswerError("showed an attribute of a lead without its name or value")
        yield prefix + name, pair["Value"]
        # A custom field set has fields of its own (page).
        if pair.get("Fields"):
            yield from _attributes(pair["Fields"], f"{prefix}{name}.")


def fields_in(answer: Answer) -> dict[str, LeadField]:
    data = answer.data
    if not isinstance(data, list | RawRows) or not data:
        raise UnexpectedAnswerError("answered the account's fields in no known shape")
    fields = {}
    for each in data:
        name = each.get("SchemaName") if isinstance(each, dict) else None
        if not isinstance(name, str) or not name:
            raise UnexpectedAnswerError("showed one of the account's fields without its SchemaName")
        longest, kind = str(each.get("MaxLength") or "").strip(), str(each.get("DataType") or "")
        measured = longest.isascii() and longest.isdigit() and kind not in UNMEASURED
        only_date = kind == ONLY_DATE and each.get("RenderTypeTextValue") == ONLY_DATE
        fields[name] = LeadField(
            name,
            str(each.get("DisplayName") or name),
            (int(longest) or None) if measured else None,
            # 0 in the page's unlocked field, 1 and 2 in locked ones.
            str(each.get("LockAfterCreate") or 0).lower() not in ("0", "false"),
            "date" if only_date else TYPES.get(kind, "text"),
            kind,
        )
    return fields


def nearest(name: str, known: Mapping[str, LeadField]) -> str:
    meant = next((each.name for each in known.values() if each.label.lower() == name.lower()), None)
    return f"; did you mean {meant!r}?" if meant else did_you_mean(name, known) or "."


def rejected_by(known: Mapping[str, LeadField], fields: Mapping[str, str | None]) -> Outcome | None:
    """What the CRM would refuse for sure; one such field would take the lead's others with it."""
    if missing := frozenset(fields.keys() - known.keys()):
        code = "MXUnknownAttributeException"
        return Outcome("rejected", code=code, reason=f"not sent: {MEANINGS[code]}", fields=missing)
    if locked := frozenset(name for name in fields if known[name].locked):
        reason = "not sent: the field is locked once a lead is made"
        return Outcome("rejected", code="LockAfterCreate", reason=reason, fields=locked)
    too_long = {
        name: longest
        for name, value in fields.items()
        if (longest := known[name].longest) is not None and value is not None and len(value) > longest
    }
    if too_long:
        limits = ", ".join(f"{name} takes {longest} characters" for name, longest in sorted(too_long.items()))
        reason = f"not sent: the value is too long; {limits}"
        return Outcome("rejected", code="MaxLength", reason=reason, fields=frozenset(too_long))
    return None


def updated(answer: Answer) -> Outcome:
    """``applied`` only for what the page shows: success, and a row that was changed."""
    rows = _count(_success(answer).get("AffectedRows"))
    if rows is None:
        raise OutcomeUnknownError("answered an update in no known shape")
    if rows < 1:
        raise OutcomeUnknownError("answered an update with success, and with no lead changed")
    return Outcome("applied")


def upserted(answer: Answer) -> Outcome:
    """``applied``, with the lead's id, only for what the page shows: success, and which lead it is."""
    lead_id = _success(answer).get("Id")
    if not isinstance(lead_id, str) or not lead_id.strip():
        raise OutcomeUnknownError("answered an upsert without the lead's id")
    return Outcome("applied", lead_id=lead_id.strip())


def _success(answer: Answer) -> Mapping[str, Any]:
    """The message of a write that succeeded."""
    data = answer.data if isinstance(answer.data, dict) else {}
    message = data.get("Message")
    if data.get("Status") != "Success" or not isinstance(message, dict):
        raise OutcomeUnknownError("answered a write in no known shape")
    return message


def many_updated(data: Any, lead_ids: Sequence[str]) -> list[Outcome]:
    """One outcome per lead: refused where the answer names it, applied only where all its counts agree with that."""
    status = data.get("Status") if isinstance(data, dict) else None
    if not isinstance(status, dict):
        raise OutcomeUnknownError("answered a bulk update in no known shape")
    refused: dict[str, Outcome] = {}
    details = data.get("Details")
    for group in (FAILED, LEFT_OUT):
        for each in (details.get(group) if isinstance(details, dict) else None) or []:
            lead_id = str(each.get("IdentifierValue")).strip().lower() if isinstance(each, dict) else ""
            said = str(each.get("Reason")).lower() if isinstance(each, dict) else ""
            refused[lead_id] = _bulk_refusal(group, said)
    adds_up = (
        _count(status.get("TotalCount")) == len(lead_ids)
        and _count(status.get("SuccessCount")) == len(lead_ids) - len(refused)
        and refused.keys() <= {lead_id.lower() for lead_id in lead_ids}
    )
    others = (
        Outcome("applied")
        if adds_up
        else Outcome("unknown", reason="the counts in leadsquared's answer to a bulk update don't add up")
    )
    return [refused.get(lead_id.lower(), others) for lead_id in lead_ids]


def failed_untold(outcome: Outcome) -> bool:
    """Whether a bulk update refused this lead without a word that says why."""
    return outcome.code == FAILED and NO_SUCH_LEAD not in (outcome.reason or "")


def _bulk_refusal(group: str, said: str) -> Outcome:
    if "does not exist" in said:
        why = NO_SUCH_LEAD
    elif group == LEFT_OUT:
        return Outcome(
            "deferred", code=group, reason=f"leadsquared left this lead of a bulk update out ({group})"
        )
    else:
        why = "this lead of a bulk update failed"
    return Outcome("rejected", code=group, reason=f"leadsquared refuses: {why} ({group})")


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() else None


def _names(said: str, word: str) -> bool:
    """Whether a text in lower case has this name as words of its own."""
    return re.search(rf"(?<!\w){re.escape(word.lower())}(?!\w)", said) is not None
