"""LeadSquared: leads read by windows of time, updated one by one or, where the account's owner wants it, 25 in a call.

"Page" means the vendor's pages at apidocs.leadsquared.com; the rest was seen in live clients.

- Keys travel as headers or in the query string (page). A wrong key, and a wrong regional host, is a 401.
- What the API refuses comes as HTTP 500 (page) or 200 (seen) with ``{"Status": "Error", "ExceptionType": "MX…", …}``. An
  ``MX…`` type is an answer to this very request and does not pass, except the one that says "too many calls".
- Reads filter by ``LeadLastModifiedOn``, which any activity moves too; ``ModifiedOn`` is the last edit (seen).
- Times are UTC (page). They are kept in fractions of a second and shown without, and a bound means its full second
  (seen): windows that don't share their boundary second lose leads.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from typing import Any, Literal
from zoneinfo import ZoneInfo

from connector.config import LEADSQUARED_PAGE_SIZE, LeadSquaredSettings, did_you_mean, named
from connector.crm.answers import RawRows, first_text
from connector.crm.base import Bounds, Capabilities, Option, Outcome, Page, Precision, UpdatesOnly
from connector.crm.clock import CrmClock
from connector.crm.http import AgainError, Answer, Call, Session, outcome
from connector.errors import (
    AuthError,
    ConfigError,
    CrmError,
    LeadloopError,
    ModelError,
    OutcomeUnknownError,
    RefusedError,
    TransientError,
    UnexpectedAnswerError,
    UnreachableError,
)

API = "/v2/LeadManagement.svc/"
MODIFIED = API + "Leads.RecentlyModified"
GET = API + "Leads.GetById"
METADATA = API + "LeadsMetaData.Get"
UPDATE = API + "Lead.Update"
BULK = API + "Lead/Bulk/UpdateV2"
UPSERT = API + "Lead.CreateOrUpdate"
LOOK_UP = API + "Leads.Get"

UTC_ZONE = ZoneInfo("UTC")
FORMAT = "%Y-%m-%d %H:%M:%S"
FIRST = datetime(2000, 1, 1)  # noqa: DTZ001 - bounds are naive; the vendor is younger than this
MOST_FOUND = 25
"""Leads that are looked at where one is looked for by a value; more than one is rare."""
BULK_LEADS = 25
"""The most leads in one bulk update (page)."""

ID = "ProspectID"
ID_NAMES = (ID, "ProspectId", "prospect_id")
ECHO = "Total"
"""Rows carry the total of the search that found them under this name (seen); it is no field of the lead."""

SEARCH_BY = "SearchBy"
USUAL_KEYS = ("EmailAddress", "Phone")
"""What an upsert looks for a lead by unless it is told (page)."""

CAPABILITIES = Capabilities(
    vendor="leadsquared",
    modes=frozenset({"update", "upsert"}),
    page_size=LEADSQUARED_PAGE_SIZE,
    max_rate=5.0,
    id_fields=(ID,),
    modified_fields=("LeadLastModifiedOn", "ModifiedOn"),
    created_field="CreatedOn",
    protected_fields=frozenset({ID, "ProspectId", "ProspectAutoId", SEARCH_BY, ECHO}),
    options={SEARCH_BY: Option("[A-Za-z][A-Za-z0-9_]*", "the schema name of a field that the push sets")},
)

# What the types that were seen mean; any other is refused all the same, with its name as the code.
MEANINGS = {
    "MXDuplicateEntryException": "another lead has this value in a field that must be unique",
    "MXInvalidInputException": "a value, or the lead's id, is not accepted",
    "MXMandatoryAttributeMissingException": "something that must be there is missing",
    "MXUnknownAttributeException": "the account has no such field",
}
_MX = re.compile(r"MX[A-Za-z]{1,80}")

UNMEASURED = frozenset({"Phone", "Number", "Date", "DateTime", "Time", "Boolean"})
"""Data types whose ``MaxLength`` is not the length of what is sent: the page shows 10 for phones and sends 13."""


def open_session(settings: LeadSquaredSettings, **given: Any) -> Session:
    """A session that sends the keys as headers, unless the settings put them into the query string."""
    return Session(settings, headers=partial(_key_headers, settings), **given)


class LeadSquaredReader:
    """A ``WindowReader`` of one LeadSquared account."""

    def __init__(self, settings: LeadSquaredSettings, *, session: Session | None = None) -> None:
        self._settings = settings
        self._session = session or open_session(settings)

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    @property
    def clock(self) -> CrmClock:
        return self._session.crm_clock

    @property
    def zone(self) -> ZoneInfo:
        return UTC_ZONE

    def search(
        self,
        bounds: Bounds | None,
        *,
        cursor_field: str = "updated_at",
        precision: Precision = "second",
        filters: Mapping[str, str] | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Page:
        """``POST Leads.RecentlyModified``, ordered by id: by a time, leads that share it change places (seen).

        The API has numbered pages; an ``offset`` that is no multiple of ``limit`` costs a second call.
        """
        if cursor_field not in CAPABILITIES.cursor_fields:
            raise ConfigError(
                f"LeadSquared finds leads by the time of their last change, not by {cursor_field!r}."
            )
        if filters:
            raise ConfigError(
                f"LeadSquared has no filters besides the time, so {min(filters)!r} can't be one."
            )
        size = limit or self._settings.page_size
        number, skipped = divmod(offset, size)
        page = self._page(bounds, number + 1, size)
        if skipped:
            more = self._page(bounds, number + 2, size).rows if len(page.rows) == size else []
            page = Page([*page.rows[skipped:], *more[:skipped]], page.total, page.asked_at)
        return page

    def get(self, lead_id: str) -> Page:
        """``GET Leads.GetById``, which answers ``[]`` for a lead that is not there (seen)."""
        call = _call(self._settings, "GET", GET, query={"id": lead_id})
        page = self._session.read(call, judge, _listed)
        if len(page.rows) > 1 or any(self.lead_id(row).lower() != lead_id.lower() for row in page.rows):
            raise UnexpectedAnswerError("leadsquared: a look at one lead showed other leads.")
        return page

    def modified_at(self, row: Mapping[str, Any]) -> str | None:
        """The clock that windows go by, where the row shows it."""
        return first_text(row, CAPABILITIES.modified_fields)

    def lead_id(self, row: Mapping[str, Any]) -> str:
        return _id(row)

    def close(self) -> None:
        self._session.close()

    def _page(self, bounds: Bounds | None, number: int, size: int) -> Page:
        low, high = bounds or (FIRST, self.clock.now().replace(tzinfo=None) + timedelta(days=1))
        body = {
            "Parameter": {"FromDate": low.strftime(FORMAT), "ToDate": high.strftime(FORMAT)},
            "Paging": {"PageIndex": number, "PageSize": size},
            "Sorting": {"ColumnName": ID, "Direction": "0"},
        }
        page = self._session.read(_call(self._settings, "POST", MODIFIED, json=body), judge, _found)
        # Behind the last page the API says 0, however many leads there are (seen).
        return page if page.rows or number == 1 else Page([], None, page.asked_at)


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


class Metadata:
    """The account's fields, loaded when they are first needed. Safe to use from several threads."""

    def __init__(self, settings: LeadSquaredSettings, session: Session) -> None:
        self._settings = settings
        self._session = session
        self._lock = Lock()
        self._fields: dict[str, LeadField] | None = None

    def fields(self) -> Mapping[str, LeadField]:
        """By schema name. Raises what a read raises; then the next call tries again."""
        with self._lock:
            if self._fields is None:
                # Without it the options of every dropdown come along (page).
                call = _call(self._settings, "GET", METADATA, query={"excludeOptionSets": "1"})
                self._fields = self._session.read(call, judge, _fields)
            return self._fields


class LeadSquaredWriter(UpdatesOnly):
    """A ``LeadWriter`` of one LeadSquared account."""

    def __init__(
        self,
        settings: LeadSquaredSettings,
        *,
        session: Session | None = None,
        metadata: Metadata | None = None,
    ) -> None:
        self._settings = settings
        self._session = session or open_session(settings)
        self._metadata = metadata or Metadata(settings, self._session)

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    @property
    def most_per_call(self) -> int:
        """25 with the setting ``bulk``, unless automations are to fire: the bulk page has no ``postUpdatedLead``."""
        return BULK_LEADS if self._settings.bulk and not self._settings.post_updated_lead else 1

    def check(self, fields: Collection[str]) -> None:
        """By ``LeadsMetaData.Get``: ``ModelError`` for a field the account doesn't have, or has locked."""
        CAPABILITIES.check_protected(fields)
        known = self._metadata.fields() if fields else {}
        for name in sorted(fields):
            if name not in known:
                raise ModelError(
                    f"leadsquared: the account's leads have no field {name!r}{_nearest(name, known)}"
                )
            if known[name].locked:
                raise ModelError(
                    f"leadsquared: the field {name!r} is locked once a lead is made (LockAfterCreate). Leave it out of "
                    "the push, or take the lock away in the account's lead fields."
                )

    def update(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        """``POST Lead.Update`` with just these fields; ``None`` goes out as an empty text.

        What an empty text does is on no page, so whoever clears a field has to read the lead back.
        """
        return self._unsent(fields) or self._update(lead_id, fields)

    def update_many(self, leads: Sequence[tuple[str, Mapping[str, str | None]]]) -> list[Outcome]:
        """``POST Lead/Bulk/UpdateV2`` where the settings want it, else one call for each lead."""
        if self.most_per_call == 1:
            return [self.update(lead_id, fields) for lead_id, fields in leads]
        found = [self._unsent(fields) for _, fields in leads]
        ready = [place for place, outcome in enumerate(found) if outcome is None]
        for first in range(0, len(ready), BULK_LEADS):
            places = ready[first : first + BULK_LEADS]
            for place, result in zip(places, self._bulk([leads[each] for each in places]), strict=True):
                found[place] = result
        return [each for each in found if each is not None]

    def upsert(
        self, lead_id: str | None, fields: Mapping[str, str | None], options: Mapping[str, str]
    ) -> Outcome:
        """``update`` where there is an id, else ``POST Lead.CreateOrUpdate``, which can be repeated: it looks first.

        It looks by email address and phone number, or by the field that the option ``SearchBy`` names. An update without
        a value for any of these would make a new lead each time, so it is rejected.
        """
        if lead_id is not None:
            return self.update(lead_id, fields)
        if not _keys(fields, options):
            names = options.get(SEARCH_BY) or " or ".join(USUAL_KEYS)
            reason = f"not sent: without {names} nobody could tell whether there is such a lead"
            return Outcome("rejected", reason=reason)
        if (unsent := self._unsent(fields)) is not None:
            return unsent
        search_by = {SEARCH_BY: options[SEARCH_BY]} if options.get(SEARCH_BY) else {}
        return self._write(UPSERT, {}, [*_pairs(fields), *_pairs(search_by)], fields, _upserted)

    def find(
        self, fields: Mapping[str, str | None], options: Mapping[str, str], sent_at: datetime | None = None
    ) -> list[str]:
        """Leads that an upsert of these fields would find, by ``POST Leads.Get``, whose body keeps values out of addresses.

        Only equal values count. Where the CRM has another spelling of a phone number nothing is found, and an upsert that
        is sent again finds it.
        """
        found: dict[str, None] = {}
        for name, value in _keys(fields, options).items():
            body = {
                "Parameter": {"LookupName": name, "LookupValue": value, "SqlOperator": "="},
                "Columns": {"Include_CSV": f"{ID},{name}"},
                "Sorting": {"ColumnName": "CreatedOn", "Direction": "1"},
                "Paging": {"PageIndex": 1, "PageSize": MOST_FOUND},
            }
            rows = self._session.read(_call(self._settings, "POST", LOOK_UP, json=body), judge, _listed).rows
            found |= dict.fromkeys(_id(row) for row in rows if _same(row.get(name), value))
        return list(found)

    def close(self) -> None:
        self._session.close()

    def _unsent(self, fields: Mapping[str, str | None]) -> Outcome | None:
        """What comes of an update that needs no call, or must not have one."""
        if (refused := CAPABILITIES.protected(fields)) is not None:
            return refused
        if not fields:
            return Outcome("applied", reason="nothing to set")
        try:
            known = self._metadata.fields()
        except LeadloopError as error:
            # Whatever it was, the lead itself was not sent.
            return Outcome("deferred", reason=str(error), breaks=not isinstance(error, TransientError))
        return _rejected_by(known, fields)

    def _update(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        return self._write(UPDATE, {"leadId": lead_id}, _pairs(fields), fields, _updated)

    def _write(
        self,
        path: str,
        query: Mapping[str, str],
        body: Any,
        fields: Mapping[str, str | None],
        read: Callable[[Answer], Outcome],
    ) -> Outcome:
        if self._settings.post_updated_lead:
            query = {**query, "postUpdatedLead": "true"}
        call = _call(self._settings, "POST", path, query=query, json=body)
        try:
            return read(self._session.write(call, partial(judge, labels=self._labels(fields))))
        except LeadSquaredRefusedError as error:
            return Outcome("rejected", code=error.code, reason=str(error), fields=error.fields)
        except (CrmError, ConfigError) as error:
            return outcome(error)

    def _bulk(self, leads: Sequence[tuple[str, Mapping[str, str | None]]]) -> list[Outcome]:
        if len(leads) == 1:
            return [self._update(*leads[0])]
        body = {
            "SearchByKey": "ProspectId",
            "Options": {"PushNonExistentLeadsToUnProcessedList": True},
            "LeadPropertiesList": [
                {"Fields": [{"Attribute": "ProspectId", "Value": lead_id}, *_pairs(fields)]}
                for lead_id, fields in leads
            ],
        }
        try:
            answer = self._session.write(_call(self._settings, "POST", BULK, json=body), judge)
            return _many_updated(answer.data, [lead_id for lead_id, _ in leads])
        except RefusedError:
            # The whole call was refused, so nothing was carried out, and one lead may be to blame: each on its own.
            return [self._update(lead_id, fields) for lead_id, fields in leads]
        except (CrmError, ConfigError) as error:
            return [outcome(error)] * len(leads)

    def _labels(self, fields: Mapping[str, str | None]) -> dict[str, str]:
        return {name: self._metadata.fields()[name].label for name in fields}


class LeadSquaredRefusedError(RefusedError):
    """A refusal, with the fields it names."""

    def __init__(self, message: str, *, code: str, fields: frozenset[str]) -> None:
        super().__init__(message, code=code)
        self.fields = fields


def judge(answer: Answer, labels: Mapping[str, str] | None = None) -> None:
    """Raises what an error in LeadSquared's own words means; silent about everything else, whatever its shape.

    ``labels``: display names of the fields that were sent, so that those that the error names can be told. The server's
    text is looked at for them and never passed on: it may repeat a value.
    """
    if answer.status in (401, 403):
        raise AuthError(
            f"leadsquared refuses the keys (status {answer.status}). Check {named('crm.leadsquared.access_key')} and "
            f"{named('crm.leadsquared.secret_key')}, and that {named('crm.leadsquared.base_url')} is the host of the "
            "account's own region."
        )
    if answer.status == 404:
        raise UnreachableError(
            f"leadsquared has no API at this address. Check {named('crm.leadsquared.base_url')}."
        )
    data = answer.data if isinstance(answer.data, dict) else {}
    kind = data.get("ExceptionType")
    if not isinstance(kind, str) or not _MX.fullmatch(kind):
        return
    if "ratelimit" in kind.lower():
        raise AgainError(f"too many calls ({kind})", throttled=True)
    said = str(data.get("ExceptionMessage") or "").lower()
    at_fault = {name for name, label in (labels or {}).items() if _names(said, name) or _names(said, label)}
    meaning = MEANINGS.get(kind, "for a reason that is not documented")
    raise LeadSquaredRefusedError(
        f"leadsquared refuses: {meaning} ({kind})", code=kind, fields=frozenset(at_fault)
    )


def _key_headers(settings: LeadSquaredSettings) -> dict[str, str]:
    if settings.keys_in == "query":
        return {}
    return {
        "x-LSQ-AccessKey": settings.access_key.reveal(),
        "x-LSQ-SecretKey": settings.secret_key.reveal(),
    }


def _call(
    settings: LeadSquaredSettings,
    method: Literal["GET", "POST"],
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    json: Any = None,
) -> Call:
    query = dict(query or {})
    if settings.keys_in == "query":
        query |= {"accessKey": settings.access_key.reveal(), "secretKey": settings.secret_key.reveal()}
    return Call(method, path, query=query, json=json)


def _id(row: Mapping[str, Any]) -> str:
    if (text := first_text(row, ID_NAMES)) is not None:
        return text.strip()
    raise UnexpectedAnswerError("leadsquared: a lead without a ProspectID.")


def _keys(fields: Mapping[str, str | None], options: Mapping[str, str]) -> dict[str, str]:
    """The values by which an upsert looks for its lead."""
    names = (options[SEARCH_BY],) if options.get(SEARCH_BY) else USUAL_KEYS
    return {name: value for name in names if (value := (fields.get(name) or "").strip())}


def _same(shown: Any, value: str) -> bool:
    return isinstance(shown, str) and shown.strip().casefold() == value.casefold()


def _pairs(fields: Mapping[str, str | None]) -> list[dict[str, str]]:
    return [{"Attribute": name, "Value": "" if value is None else value} for name, value in fields.items()]


def _listed(answer: Answer) -> Page:
    """The leads of an answer that is a list of them."""
    if not isinstance(answer.data, list | RawRows):
        raise UnexpectedAnswerError("leadsquared: leads were answered in no known shape; no list in it.")
    return Page([_row(lead) for lead in answer.data], len(answer.data), answer.asked_at)


def _found(answer: Answer) -> Page:
    """The leads of a page and how many there are in all. Only a count of 0 may come without a list."""
    data = answer.data
    count = data.get("RecordCount") if isinstance(data, dict) else None
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise UnexpectedAnswerError(
            "leadsquared: a search was answered in no known shape; no count of leads in it."
        )
    leads = data.get("Leads", [] if count == 0 else None)
    if leads is None and count == 0:
        leads = []
    if not isinstance(leads, list | RawRows):
        raise UnexpectedAnswerError(
            "leadsquared: a search found leads and was answered without a list of them."
        )
    return Page([_row(lead) for lead in leads], count, answer.asked_at)


def _row(lead: Any) -> dict[str, Any]:
    """A lead as attribute -> value: searches answer pairs, a look at one lead a plain object."""
    pairs = lead.get("LeadPropertyList") if isinstance(lead, dict) else None
    if pairs is None and isinstance(lead, dict) and any(name in lead for name in ID_NAMES):
        return {name: value for name, value in lead.items() if name != ECHO}
    row = dict(_attributes(pairs))
    row.pop(ECHO, None)
    return row


def _attributes(pairs: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(pairs, list | RawRows):
        raise UnexpectedAnswerError("leadsquared: a lead in no known shape; no list of its attributes.")
    for pair in pairs:
        name = pair.get("Attribute") if isinstance(pair, dict) else None
        if not isinstance(name, str) or not name or "Value" not in pair:
            raise UnexpectedAnswerError("leadsquared: an attribute of a lead without its name or value.")
        yield prefix + name, pair["Value"]
        # A custom field set has fields of its own (page).
        if pair.get("Fields"):
            yield from _attributes(pair["Fields"], f"{prefix}{name}.")


def _fields(answer: Answer) -> dict[str, LeadField]:
    data = answer.data
    if not isinstance(data, list | RawRows) or not data:
        raise UnexpectedAnswerError("leadsquared: the account's fields were answered in no known shape.")
    fields = {}
    for each in data:
        name = each.get("SchemaName") if isinstance(each, dict) else None
        if not isinstance(name, str) or not name:
            raise UnexpectedAnswerError("leadsquared: one of the account's fields has no SchemaName.")
        longest = str(each.get("MaxLength") or "").strip()
        measured = longest.isascii() and longest.isdigit() and each.get("DataType") not in UNMEASURED
        fields[name] = LeadField(
            name,
            str(each.get("DisplayName") or name),
            (int(longest) or None) if measured else None,
            # 0 in the page's unlocked field, 1 and 2 in locked ones.
            str(each.get("LockAfterCreate") or 0).lower() not in ("0", "false"),
        )
    return fields


def _nearest(name: str, known: Mapping[str, LeadField]) -> str:
    meant = next((each.name for each in known.values() if each.label.lower() == name.lower()), None)
    return f"; did you mean {meant!r}?" if meant else did_you_mean(name, known) or "."


def _rejected_by(known: Mapping[str, LeadField], fields: Mapping[str, str | None]) -> Outcome | None:
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


def _updated(answer: Answer) -> Outcome:
    """``applied`` only for what the page shows: success, and a row that was changed."""
    rows = _count(_success(answer).get("AffectedRows"))
    if rows is None:
        raise OutcomeUnknownError("leadsquared: an update was answered in no known shape")
    if rows < 1:
        raise OutcomeUnknownError(
            "leadsquared: an update was answered with success, and with no lead changed"
        )
    return Outcome("applied")


def _upserted(answer: Answer) -> Outcome:
    """``applied``, with the lead's id, only for what the page shows: success, and which lead it is."""
    lead_id = _success(answer).get("Id")
    if not isinstance(lead_id, str) or not lead_id.strip():
        raise OutcomeUnknownError("leadsquared: an upsert was answered without the lead's id")
    return Outcome("applied", lead_id=lead_id.strip())


def _success(answer: Answer) -> Mapping[str, Any]:
    """The message of a write that succeeded."""
    data = answer.data if isinstance(answer.data, dict) else {}
    message = data.get("Message")
    if data.get("Status") != "Success" or not isinstance(message, dict):
        raise OutcomeUnknownError("leadsquared: a write was answered in no known shape")
    return message


def _many_updated(data: Any, lead_ids: Sequence[str]) -> list[Outcome]:
    """One outcome per lead: refused where the answer names it, applied only where all its counts agree with that."""
    status = data.get("Status") if isinstance(data, dict) else None
    if not isinstance(status, dict):
        raise OutcomeUnknownError("leadsquared: a bulk update was answered in no known shape")
    refused: dict[str, Outcome] = {}
    details = data.get("Details")
    for group in ("FailedLeads", "UnProcessedLeads"):
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
        else Outcome("unknown", reason="leadsquared: the counts in the answer to a bulk update don't add up")
    )
    return [refused.get(lead_id.lower(), others) for lead_id in lead_ids]


def _bulk_refusal(group: str, said: str) -> Outcome:
    if "does not exist" in said:
        why = "there is no such lead, or the keys' user may not change it"
    elif group == "UnProcessedLeads":
        return Outcome(
            "deferred", code=group, reason=f"leadsquared left this lead of a bulk update out ({group})"
        )
    else:
        why = "this lead of a bulk update failed; a call with bulk = false says more"
    return Outcome("rejected", code=group, reason=f"leadsquared refuses: {why} ({group})")


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() else None


def _names(said: str, word: str) -> bool:
    """Whether a text in lower case has this name as words of its own."""
    return re.search(rf"(?<!\w){re.escape(word.lower())}(?!\w)", said) is not None
