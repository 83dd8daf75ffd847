"""Convoso, a dialer CRM: leads read by search; updated, added and deleted one by one.

Two pages describe the API, and they disagree: the vendor's own (here "official") and a community one. What both allow is
accepted. Facts from neither were seen in live clients.

- Every call is ``POST`` with a form. The token may be in the form or in the query string (official: query).
- Errors come with HTTP 200: ``{"success": false, "code": 5001, "text": …}`` (community: ``"error"`` in place of ``"text"``).
- A search answers ``{"success": true, "data": {"total": "5310", "entries": […]}}``, or ``{"results": […]}`` (community).
- Times are naive, in the account's own zone.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connector.config import MAX_PAGE_SIZE, ConvosoSettings, did_you_mean, named
from connector.crm.answers import UNLISTED, RawRows, first_text, says_none
from connector.crm.base import Bounds, Capabilities, Mode, OneByOne, Option, Outcome, Page, Precision
from connector.crm.clock import CrmClock
from connector.crm.http import AgainError, Answer, Call, Session, outcome
from connector.crm.ids import as_id
from connector.errors import (
    AuthError,
    ConfigError,
    CrmError,
    OutcomeUnknownError,
    RefusedError,
    UnexpectedAnswerError,
)
from connector.texts import is_blank

SEARCH = "/leads/search"
UPDATE = "/leads/update"
INSERT = "/leads/insert"
DELETE = "/leads/delete"
RECORDINGS = "/leads/get-recordings"
MAX_RECORDINGS = 100

# Parameters of a time filter's two ends (community page, "Lead Search API"). Two of them are spelt differently.
TIME_FILTERS = {
    "updated_at": ("updated_at_start_date", "updated_at_end_date"),
    "changed_at": ("changed_at_start_date", "changed_at_end_date"),
    "created_at": ("created_at_start_date", "created_at_end_date"),
    "last_call": ("last_call_start_date", "last_call_end_date"),
    "deleted_at": ("deleted_at_start", "deleted_at_end"),
    "archived_at": ("archived_at_start", "archived_at_end"),
}
# fmt: off
VALUE_FILTERS = (
    "lead_id", "list_id", "user_id", "owner_id", "status", "created_by", "email", "last_modified_by",
    "first_name", "last_name", "phone_number", "alt_phone_1", "alt_phone_2", "address1", "address2", "city",
    "state", "province", "postal_code", "country", "gender", "date_of_birth", "std_company_name",
    "std_consumer_number", "std_account_number",
)
# fmt: on

_FLAG = Option("true|false", "true or false")
_NUMBER = Option("[0-9]{1,18}", "a whole number")

# Community page, "Lead Insert API": its parameters, "Non-Asset Options" and "Insert Update Options" that are no fields of
# the lead. A lead's id is not among them: which lead is meant is the push's business.
OPTIONS = {
    "list_id": _NUMBER,
    "hopper": _FLAG,
    "hopper_priority": Option("[0-9]{1,2}", "a whole number from 0 to 99"),
    "hopper_expires_in": Option("[1-9][0-9]?|[12][0-9][0-9]|300", "a whole number of minutes from 1 to 300"),
    "update_if_found": _FLAG,
    "check_dup": Option(
        "[0-4]", "0 (no check), 1 (the list), 2 (all lists), 3 (and the archive) or 4 (everything)"
    ),
    "check_dup_list": _FLAG,
    "check_dup_archive": _FLAG,
    "check_dnc": _FLAG,
    "check_wireless": _FLAG,
    "filter_phone_code": _FLAG,
    "reject_by_carrier_type": Option(
        "(mobile|voip|landline)( *, *(mobile|voip|landline))*",
        "MOBILE, VOIP or LANDLINE, or some of them with commas",
    ),
    "search_campaign_id": _NUMBER,
    "search_list_id": _NUMBER,
    "update_order_by_last_called_time": Option("asc|desc", "ASC or DESC"),
}

CAPABILITIES = Capabilities(
    vendor="convoso",
    modes=frozenset({"update", "insert", "upsert", "delete"}),
    page_size=MAX_PAGE_SIZE,
    max_rate=10.0,
    search_filters=frozenset(VALUE_FILTERS).union(*TIME_FILTERS.values()),
    cursor_fields=("updated_at", "changed_at"),
    id_fields=("id", "lead_id"),
    protected_fields=frozenset({"auth_token", "lead_id", "id"}),
    options=OPTIONS,
    identity=("phone_number", "list_id"),
    looks_itself={"update_if_found": "true", "check_dup": "[1-4]", "check_dup_list": "true"},
    removals=("deleted", "archived"),
    recordings=True,
)


class _Data(msgspec.Struct, forbid_unknown_fields=True):
    entries: list[msgspec.Raw]
    offset: Any = msgspec.UNSET
    limit: Any = msgspec.UNSET
    total: Any = msgspec.UNSET


class Found(msgspec.Struct, forbid_unknown_fields=True):
    """A search's answer as live clients see it; every other shape is decoded as well, only slower."""

    success: Any
    data: _Data


FORMATS: dict[Precision, str] = {"second": "%Y-%m-%d %H:%M:%S", "day": "%Y-%m-%d"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an error code means, in our own words, and which fields are at fault."""

    meaning: str
    fields: frozenset[str] = frozenset()


NO_LEAD = Refusal("there is no such lead")
NO_USERS = Refusal("no users are given")
NO_LIST = Refusal("there is no such list", frozenset({"list_id"}))
NO_USER = Refusal("there is no such user", frozenset({"owner_id", "created_by", "last_modified_by"}))
BAD_PHONE = Refusal("the phone number is invalid", frozenset({"phone_number"}))
KNOWN_PHONE = Refusal("another lead has this phone number", frozenset({"phone_number"}))
BAD_EMAIL = Refusal("the email address is invalid", frozenset({"email"}))

# Community page, "Error Codes" of each endpoint; 7230 and 6001 as SDKs have them. None of these passes with time.
REFUSALS = {
    "6001": NO_LEAD,
    "6070": NO_LEAD,
    "6071": NO_LEAD,
    "6002": NO_LIST,
    "6005": NO_USERS,
    "6006": NO_USER,
    "6007": Refusal("a phone number and a list are required", frozenset({"phone_number", "list_id"})),
    "6008": BAD_PHONE,
    "6009": KNOWN_PHONE,
    "6023": Refusal("required fields are missing"),
    "6079": BAD_EMAIL,
    "7230": Refusal("the page size is not allowed"),
    "7231": Refusal("the offset is not allowed"),
    "7258": Refusal("the page size is not allowed"),
}
# The community page's "Error Handling" shows errors that have a text and no code.
PHRASES = {
    "lead not found": NO_LEAD,
    "no such lead": NO_LEAD,
    "invalid lead": NO_LEAD,
    "list not found": NO_LIST,
    "no such list": NO_LIST,
    "no such user": NO_USER,
    "invalid phone": BAD_PHONE,
    "phone number is invalid": BAD_PHONE,
    "already exists": KNOWN_PHONE,
    "invalid email": BAD_EMAIL,
}
NATIONAL_DIGITS = 10
ABOUT = timedelta(minutes=10)
"""Between an insert being sent and the lead's creation as the CRM's clock has it."""
MARGIN = timedelta(days=1)
"""Around a search for removed leads, so that neither clocks nor changes of the clock matter."""
GONE = frozenset({"6001", "6071"})
"""Codes with which a delete says that there is no such lead."""
AUTH_CODES = frozenset({"5001", "401", "403"})
TOKEN_PHRASES = ("auth token", "auth_token", "authentication token")
AUTH_PHRASES = ("unauthorized", "forbidden")
THROTTLE_PHRASES = ("rate limit", "too many", "throttl", "quota", "limit exceeded", "limit reached")
FAULT_PHRASES = (
    "try again",
    "temporar",
    "internal error",
    "internal server",
    "unavailable",
    "timeout",
    "timed out",
    "maintenance",
)


class ConvosoReader:
    """A ``LeadReader`` of one Convoso account."""

    def __init__(self, settings: ConvosoSettings, *, session: Session | None = None) -> None:
        check_filters(settings.filters)
        self._settings = settings
        self._session = session or Session(settings)

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    @property
    def clock(self) -> CrmClock:
        return self._session.crm_clock

    @property
    def zone(self) -> ZoneInfo:
        return self._settings.timezone

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
        """``POST /leads/search``. Both ends of ``bounds`` are included (seen in live clients; the pages don't say).

        ``filters`` go on top of the settings' own. ``ConfigError`` for a filter that Convoso doesn't have.
        """
        form = {**self._settings.filters, **(filters or {})}
        check_filters(form)
        if bounds is not None:
            names = time_filter(cursor_field)
            if clash := sorted(set(names) & set(form)):
                raise ConfigError(f"The filter {clash[0]!r} and the window that is read exclude each other.")
            form |= dict(zip(names, (end.strftime(FORMATS[precision]) for end in bounds), strict=True))
        form |= {"offset": str(offset), "limit": str(limit or self._settings.page_size)}
        return self._page(form)

    def get(self, lead_id: str) -> Page:
        """The lead as a search by its id shows it, whatever the settings' filters are."""
        call = _call(self._settings, SEARCH, {"lead_id": lead_id, "offset": "0", "limit": "10"})
        page = _ask(self._session, call, _first_leads)
        if any(self.lead_id(row) != lead_id for row in page.rows):
            raise UnexpectedAnswerError("convoso: a search by lead id showed other leads.")
        return Page(page.rows[:1], page.total, page.asked_at)

    def recordings(
        self, lead_id: str, bounds: Bounds | None, *, offset: int = 0, limit: int | None = None
    ) -> Page:
        """``POST /leads/get-recordings`` (community page), at most 100 recordings a page.

        Code 6005, "Missing users", is the only one that the page has for it besides that of a bad offset. Since every
        call names a lead, it can only be about that lead: one without recordings.
        """
        form = {"lead_id": lead_id, "offset": str(offset), "limit": str(limit or MAX_RECORDINGS)}
        if bounds is not None:
            form |= {
                name: end.strftime(FORMATS["second"])
                for name, end in zip(("start_time", "end_time"), bounds, strict=True)
            }
        asked_at = self.clock.now()
        try:
            page = _ask(self._session, _call(self._settings, RECORDINGS, form), _recordings)
        except ConvosoRefusedError as error:
            if error.refusal not in (NO_LEAD, NO_USERS):
                raise
            return Page([], 0, asked_at)
        if any(as_id(row.get("lead_id")) not in (None, lead_id) for row in page.rows):
            raise UnexpectedAnswerError("convoso: a lead's recordings were answered with another lead's.")
        return page

    def modified_at(self, row: Mapping[str, Any]) -> str | None:
        """Rows say ``modified_at`` where filters say ``updated_at``."""
        return first_text(row, CAPABILITIES.modified_fields)

    def lead_id(self, row: Mapping[str, Any]) -> str:
        """Ids come as numbers or as texts, under ``id`` or ``lead_id``."""
        if (found := _row_id(row)) is not None:
            return found
        raise UnexpectedAnswerError("convoso: a lead without an id.")

    def close(self) -> None:
        self._session.close()

    def _page(self, form: Mapping[str, str]) -> Page:
        return _ask(self._session, _call(self._settings, SEARCH, form), _leads)


class ConvosoWriter(OneByOne):
    """A ``LeadWriter`` of one Convoso account."""

    def __init__(self, settings: ConvosoSettings, *, session: Session | None = None) -> None:
        self._settings = settings
        self._session = session or Session(settings)

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    def check(self, fields: Collection[str]) -> None:
        """Convoso can't say which fields an account has, so only those that mean something else are refused."""
        CAPABILITIES.check_protected(fields)

    def update(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        """``POST /leads/update`` with just these fields; ``None`` goes out as an empty parameter.

        What an empty parameter does is on neither page, so whoever clears a field has to read the lead back.
        """
        if (refused := CAPABILITIES.protected(fields)) is not None:
            return refused
        if not fields:
            return Outcome("applied", reason="nothing to set")
        form = {name: value if value is not None else "" for name, value in fields.items()}
        return self._write(
            UPDATE, {**form, "lead_id": lead_id}, fields, lambda answer: _updated(answer, lead_id)
        )

    def insert(self, fields: Mapping[str, str | None], options: Mapping[str, str]) -> Outcome:
        """``POST /leads/insert``; blank fields are left out. A lead without a phone number or list is refused here.

        With ``update_if_found`` in ``options`` the lead that is found may be one that was there before.
        """
        form = _filled(fields, options)
        if (refused := CAPABILITIES.protected(form)) is not None:
            return refused
        if not all(form.get(name) for name in CAPABILITIES.identity):
            return Outcome("rejected", code="6007", reason=REFUSALS["6007"].meaning)
        return self._write(INSERT, form, fields, _inserted)

    def upsert(
        self, lead_id: str | None, fields: Mapping[str, str | None], options: Mapping[str, str]
    ) -> Outcome:
        """``update`` where the id is known, else ``insert`` with ``update_if_found``: Convoso looks for the phone number."""
        if lead_id is not None:
            return self.update(lead_id, fields)
        return self.insert(fields, {**options, "update_if_found": "true"})

    def delete(self, lead_id: str) -> Outcome:
        """``POST /leads/delete``; a lead that Convoso doesn't have is as good as deleted."""
        done = self._write(DELETE, {"lead_id": lead_id}, (), _deleted)
        if done.state == "rejected" and done.code in GONE:
            return Outcome("applied", code=done.code, reason="there was no such lead any more")
        return done

    def find(
        self, fields: Mapping[str, str | None], options: Mapping[str, str], sent_at: datetime | None = None
    ) -> list[str]:
        """Leads with the same phone number, by search, the highest id first: those in the same list, and those that were
        made about when the insert was sent and may have been moved to another list or, where ``removals`` are read,
        deleted or archived since.

        Whether Convoso keeps a number as it was given, or its digits, or those without a country code, is on no page: all
        three are searched for.
        """
        form = _filled(fields, options)
        phone, list_id = (form.get(name, "") for name in CAPABILITIES.identity)
        digits = _digits(phone)
        if not digits or not list_id:
            return []
        return self._with_phone(phone, digits, list_id.strip(), sent_at)

    def present(self, mode: Mode, fields: Mapping[str, str | None], options: Mapping[str, str]) -> list[str]:
        """As ``find``; for an upsert, leads in the list where Convoso would look for one to update, else in any list.

        Which lists a campaign has can't be asked for: with ``search_campaign_id`` only the lead's own list is looked at.
        """
        form = _filled(fields, options)
        if mode != "upsert" or ("search_campaign_id" in form and "search_list_id" not in form):
            return self.find(fields, options)
        phone, list_id = form.get("phone_number", ""), form.get("search_list_id")
        digits = _digits(phone)
        return self._with_phone(phone, digits, list_id, None) if digits else []

    def _with_phone(
        self, phone: str, digits: str, list_id: str | None, sent_at: datetime | None
    ) -> list[str]:
        """Leads with this number, in this list or in any, or made about when an insert was sent; the highest id first."""
        ids: set[str] = set()
        for number in dict.fromkeys((phone, digits, digits[-NATIONAL_DIGITS:])):
            form = {"phone_number": number, "offset": "0", "limit": str(MAX_PAGE_SIZE)}
            call = _call(self._settings, SEARCH, form)
            rows = _ask(self._session, call, _first_leads).rows
            if any(not _has_phone(row, digits) for row in rows):
                # A filter that is ignored would show leads that are not meant, and hide the one that is.
                raise UnexpectedAnswerError("convoso: a search by phone number showed other leads.")
            ids |= {
                found
                for row in rows
                if (found := _row_id(row)) is not None
                and (
                    list_id is None
                    or as_id(row.get("list_id")) in (None, list_id)
                    or self._made_about(row, sent_at)
                )
            }
            if sent_at is not None and self._settings.removals:
                ids |= self._removed_since(form, digits, sent_at)
        return sorted(ids, key=lambda each: (len(each), each), reverse=True)

    def _removed_since(self, form: Mapping[str, str], digits: str, sent_at: datetime) -> set[str]:
        """Those that were made about when the insert was sent and are gone. A filter that is ignored does no harm here."""
        bounds = (sent_at - MARGIN, self._session.crm_clock.now() + MARGIN)
        ends = [end.astimezone(self._settings.timezone).strftime(FORMATS["second"]) for end in bounds]
        ids: set[str] = set()
        for removal in CAPABILITIES.removals:
            wanted = {**form, **dict(zip(time_filter(f"{removal}_at"), ends, strict=True))}
            rows = _ask(self._session, _call(self._settings, SEARCH, wanted), _first_leads).rows
            ids |= {
                found
                for row in rows
                if (found := _row_id(row)) is not None
                and _has_phone(row, digits)
                and self._made_about(row, sent_at)
            }
        return ids

    def _made_about(self, row: Mapping[str, Any], sent_at: datetime | None) -> bool:
        """Whether a lead came into being about when an insert was sent, in either of an hour that happens twice."""
        try:
            created = datetime.fromisoformat(str(row.get("created_at")))
        except ValueError:
            return False
        moments = [created.replace(tzinfo=self._settings.timezone, fold=fold) for fold in (0, 1)]
        return sent_at is not None and any(
            abs(moment.astimezone(UTC) - sent_at) <= ABOUT for moment in moments
        )

    def _write(
        self,
        path: str,
        form: Mapping[str, str],
        fields: Collection[str],
        understood: Callable[[Answer], Outcome],
    ) -> Outcome:
        """One call, and what came of it; ``fields`` are those of the lead that can be at fault."""
        try:
            return understood(self._session.write(_call(self._settings, path, form), judge))
        except RefusedError as error:
            refusal = error.refusal if isinstance(error, ConvosoRefusedError) else None
            at_fault = refusal.fields.intersection(fields) if refusal else frozenset()
            return Outcome("rejected", code=error.code, reason=str(error), fields=at_fault)
        except (CrmError, ConfigError) as error:
            return outcome(error)

    def close(self) -> None:
        self._session.close()


class ConvosoRefusedError(RefusedError):
    """A refusal with what is known about its code."""

    def __init__(self, message: str, *, code: str | None, refusal: Refusal | None) -> None:
        super().__init__(message, code=code)
        self.refusal = refusal


def check_filters(filters: Mapping[str, str]) -> None:
    """``ConfigError`` for the first name that is no search filter of Convoso."""
    for name in filters:
        if name not in CAPABILITIES.search_filters:
            hint = did_you_mean(name, CAPABILITIES.search_filters) or "."
            raise ConfigError(
                f"{named('crm.convoso.filters')}: Convoso's search has no filter {name!r}{hint}"
            )


def time_filter(name: str) -> tuple[str, str]:
    """The parameters for the two ends of a time filter."""
    if name not in TIME_FILTERS:
        raise ConfigError(
            f"Convoso's search has no time filter {name!r}{did_you_mean(name, TIME_FILTERS) or '.'}"
        )
    return TIME_FILTERS[name]


def judge(answer: Answer) -> None:
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
    refusal = REFUSALS.get(code or "") or (None if auth else _first(said))
    if refusal is None:
        if auth or (code is None and _has(said, AUTH_PHRASES)):
            token = named("crm.convoso.auth_token")
            raise AuthError(f"convoso refuses the token ({shown}). Check {token}.")
        if code == "429" or answer.status == 429 or _has(said, THROTTLE_PHRASES):
            raise AgainError(f"too many calls ({shown})", throttled=True)
        if (code or "") in ("500", "502", "503", "504") or answer.status >= 500 or _has(said, FAULT_PHRASES):
            raise AgainError(f"the CRM fails ({shown})")
    meaning = refusal.meaning if refusal else "for a reason that is not documented"
    raise ConvosoRefusedError(f"convoso refuses: {meaning} ({shown})", code=code, refusal=refusal)


def _call(settings: ConvosoSettings, path: str, form: Mapping[str, str]) -> Call:
    token = {"auth_token": settings.auth_token.reveal()}
    if settings.token_in == "query":  # noqa: S105 - a place, not a token
        return Call("POST", path, form=form, query=token, shape=Found)
    return Call("POST", path, form={**form, **token}, shape=Found)


def _leads(answer: Answer) -> Page:
    return _page(answer, "leads", ("results",))


def _first_leads(answer: Answer) -> Page:
    """As ``_leads``; a first page without rows has to say that there are none."""
    page = _leads(answer)
    if page.total and not page.rows:
        raise UnexpectedAnswerError("convoso: a search found leads and was answered without any.")
    return page


def _recordings(answer: Answer) -> Page:
    return _page(answer, "recordings", ("entries", "results"))


def _ask(session: Session, call: Call, understood: Callable[[Answer], Page]) -> Page:
    """The page that a search answers. Where it says "none" without a list, it is asked for again."""
    page = session.read(call, judge, understood)
    if page.rows is UNLISTED:
        page = replace(session.read(call, judge, understood), calls=2)
    return page


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
        raise UnexpectedAnswerError(
            f"convoso: a search was answered in no known shape; no list of {what} in it."
        )
    totals = [place["total"] for place in (inner, envelope) if isinstance(place, dict) and "total" in place]
    return Page(rows, _total(totals[0]) if totals else None, answer.asked_at)


def _total(total: Any) -> int | None:
    if total is None or total == "":
        return None
    text = str(total).strip()
    if isinstance(total, bool) or not (text.isascii() and text.isdigit()):
        raise UnexpectedAnswerError("convoso: the total of a search is not a number.")
    return int(text)


def _updated(answer: Answer, lead_id: str) -> Outcome:
    """``applied`` only where the answer says so, and of no other lead."""
    data = answer.data
    if not isinstance(data, dict) or data.get("success") is not True:
        raise OutcomeUnknownError("convoso: an update was answered in no known shape")
    inner = data.get("data")
    named_id = as_id(inner.get("lead_id")) if isinstance(inner, dict) else None
    if named_id is not None and named_id != lead_id:
        raise OutcomeUnknownError("convoso: the answer to an update names another lead")
    return Outcome("applied", lead_id=named_id)


def _inserted(answer: Answer) -> Outcome:
    """``applied`` with the lead's id, which the page shows twice: as ``data.lead_id`` and as ``id``."""
    data = answer.data
    if not isinstance(data, dict) or data.get("success") is not True:
        raise OutcomeUnknownError("convoso: an insert was answered in no known shape")
    inner = data.get("data")
    named_id = (as_id(inner.get("lead_id")) if isinstance(inner, dict) else None) or as_id(data.get("id"))
    if named_id is None:
        raise OutcomeUnknownError("convoso: the answer to an insert does not say which lead it is")
    return Outcome("applied", lead_id=named_id)


def _deleted(answer: Answer) -> Outcome:
    if not isinstance(answer.data, dict) or answer.data.get("success") is not True:
        raise OutcomeUnknownError("convoso: a delete was answered in no known shape")
    return Outcome("applied")


def _filled(fields: Mapping[str, str | None], options: Mapping[str, str]) -> dict[str, str]:
    """The form of an insert: the options, and over them what the lead itself has."""
    return {**options, **{name: value for name, value in fields.items() if value and not is_blank(value)}}


def _has_phone(row: Mapping[str, Any], digits: str) -> bool:
    """Whether a row that was found is one that was searched for; a country code may be there or not."""
    shown = _digits(str(row.get("phone_number") or ""))
    return bool(shown) and (shown.endswith(digits) or digits.endswith(shown))


def _digits(phone: str) -> str:
    return "".join(char for char in phone if char in "0123456789")


def _row_id(row: Mapping[str, Any]) -> str | None:
    return next((found for name in ("id", "lead_id") if (found := as_id(row.get(name))) is not None), None)


def _code(value: Any) -> str | None:
    """An error code as text; ``None`` for anything so long that it could be a value of a lead."""
    text = as_id(value)
    return text if text is not None and text.isascii() and text.isdigit() and len(text) <= 6 else None


def _has(said: str, phrases: tuple[str, ...]) -> bool:
    return any(phrase in said for phrase in phrases)


def _first(said: str) -> Refusal | None:
    return next((refusal for phrase, refusal in PHRASES.items() if phrase in said), None)
