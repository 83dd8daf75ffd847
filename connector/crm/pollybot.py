"""PollyBot, the API of ``sk-workspace_…`` keys: leads listed newest edit first, read and updated one by one.

From the vendor's page ("page") and from live clients.

- ``PUT {leads}/{id}`` changes the fields that are sent and no others; ``metadata`` is merged with what is there (page).
  Whether an object inside ``metadata`` is merged too, or replaced, is nowhere said: such a path is never sent.
- A newer generation has no ``metadata`` but flat fields, ``tags`` and an object ``customFields``, which an update replaces as
  a whole. So a lead is read before one of these is set, and what the push doesn't name goes back as it came.
- ``GET {leads}?page=&limit=&sortBy=updatedAt&sortOrder=desc`` answers ``data.leads`` and ``data.pagination`` (seen in
  live clients). Its rows may leave ``metadata`` out; a single ``GET`` has it.
- Errors have a code and details (page). Statuses are lower case on the page and upper case in a newer client.
- 1,000 calls an hour per key; every answer says how many are left (seen in live clients).
- Times are ISO, in UTC.
"""

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from connector.config import PollyBotSettings, did_you_mean, named
from connector.crm.answers import RawRows, flat, says_none
from connector.crm.base import Capabilities, OneByOne, Outcome, Page
from connector.crm.clock import CrmClock
from connector.crm.http import AgainError, Answer, Call, Session, http_date, outcome
from connector.crm.ids import as_id, names_one
from connector.crm.newest_first import Listed, Mark, NewestFirst, Row, page_of
from connector.errors import (
    AuthError,
    ConfigError,
    CrmError,
    ModelError,
    OutcomeUnknownError,
    RefusedError,
    UnexpectedAnswerError,
    UnreachableError,
)

PAGE_SIZE = 100
NEWEST_FIRST = {"limit": str(PAGE_SIZE), "sortBy": "updatedAt", "sortOrder": "desc"}

CAPABILITIES = Capabilities(
    vendor="pollybot",
    modes=frozenset({"update"}),
    page_size=PAGE_SIZE,
    reading="scan",
    max_rate=5.0,
    cursor_fields=("updatedAt",),
    created_field="createdAt",
    organisation_fields=("workspaceId",),
    protected_fields=frozenset({"id", "createdAt", "updatedAt", "workspaceId"}),
)

STATUSES = ("new", "contacted", "qualified", "converted", "lost", "follow_up")
"""As the page has them."""
METADATA = "metadata"
CUSTOM = "customFields"
TEXTS = frozenset(
    {"name", "email", "phone", "source", "status"}
    | {"company", "message", "notes", "priority", "urgency", "preferredMethod", "discord"}
)
"""Fields of a lead that both generations only ever show as a text; what another one holds is looked at before it is set."""

NO_LEAD, BAD_VALUE, KNOWN_EMAIL = "LEAD_NOT_FOUND", "VALIDATION_ERROR", "DUPLICATE_EMAIL"
AUTH_CODES = frozenset({"INVALID_API_KEY", "MISSING_AUTH_HEADER"})
THROTTLE_CODES = ("RATE_LIMIT", "TOO_MANY", "QUOTA")
# Words with underscores between them: not the shape that a value of a lead has.
CODE = re.compile(r"[A-Z]{2,}(?:_[A-Z]{2,}){1,5}")
LEAD_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

HOURLY = 1000
LOW = 0.2
"""Of an hour's calls: while more are left, calls go out at the pace of the settings."""
LONGEST_RESET = 7200.0
"""Seconds; an end of the quota's hour that lies further ahead is a misunderstanding."""
SAFE_INTEGER = 2**53 - 1
"""The largest whole number that a server in JavaScript keeps as it is."""


class Casing:
    """How this account writes its statuses, learnt from the leads it shows."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}

    def saw(self, lead: Mapping[str, Any]) -> None:
        if isinstance(status := lead.get("status"), str) and status:
            self._shown[status.casefold()] = status

    def of(self, status: str) -> str:
        """The status as the account writes it; a word that neither the account has shown nor the page has stays as it is."""
        word = status.casefold()
        if word in self._shown or word not in STATUSES:
            return self._shown.get(word, status)
        shown = self._shown.copy().values()
        return word.upper() if shown and all(each.isupper() for each in shown) else word


class PollyBotSession(Session):
    """Calls to one workspace, and what reader and writer learn from its answers."""

    def __init__(self, settings: PollyBotSettings, **given: Any) -> None:
        super().__init__(
            settings,
            headers=lambda: {"Authorization": f"Bearer {settings.api_key.reveal()}"},
            budget=lambda answer: budget(answer, settings.concurrency),
            **given,
        )
        self.casing = Casing()


class PollyBotReader:
    """A ``ScanReader`` of one PollyBot workspace."""

    def __init__(self, settings: PollyBotSettings, *, session: PollyBotSession | None = None) -> None:
        self._settings = settings
        self._session = session or PollyBotSession(settings)

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    @property
    def clock(self) -> CrmClock:
        return self._session.crm_clock

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo("UTC")

    def scan(self, since: datetime | None, only: Collection[str] | None = None) -> Iterator[Page]:
        """Every lead modified at ``since`` or later, newest first; a lead is read singly where its row has no metadata."""
        for listed in NewestFirst("pollybot", self._list, self._mark, since):
            wanted = [row for row in listed.rows if only is None or self.lead_id(row) in only]
            rows = [whole for row in wanted if (whole := self._whole(row)) is not None]
            singly = sum(not isinstance(row.get(METADATA), Mapping) for row in wanted)
            yield Page(rows, listed.total, listed.asked_at, 1 + singly)

    def get(self, lead_id: str) -> Page:
        """``GET {leads}/{id}``."""
        if not names_one(lead_id):
            return Page([], 0, self.clock.now())
        try:
            call = _one(self._settings, "GET", lead_id)
            lead, asked_at = self._session.read(call, judge, lambda answer: _read(answer, lead_id))
        except RefusedError as error:
            if error.code == NO_LEAD:
                return Page([], 0, self.clock.now())
            raise
        self._session.casing.saw(lead)
        return Page([flat(lead)], 1, asked_at)

    def modified_at(self, row: Mapping[str, Any]) -> str | None:
        found = row.get("updatedAt") or row.get("updated_at")
        return found if isinstance(found, str) else None

    def lead_id(self, row: Mapping[str, Any]) -> str:
        if (text := as_id(row.get("id"))) is None:
            raise UnexpectedAnswerError("pollybot: a lead without an id.")
        return text

    def close(self) -> None:
        self._session.close()

    def _list(self, number: int) -> Listed:
        query = {"page": str(number), **NEWEST_FIRST}
        call = Call("GET", self._settings.leads_path, query=query)
        return self._session.read(call, judge, lambda answer: listed(answer, number))

    def _mark(self, row: Row) -> Mark:
        created = row.get("createdAt")
        return Mark(self.lead_id(row), self.modified_at(row), created if isinstance(created, str) else None)

    def _whole(self, row: Row) -> dict[str, Any] | None:
        """The lead with its metadata; ``None`` where it was deleted meanwhile."""
        if isinstance(row.get(METADATA), Mapping):
            self._session.casing.saw(row)
            return flat(row)
        return next(iter(self.get(self.lead_id(row)).rows), None)


class PollyBotWriter(OneByOne):
    """A ``LeadWriter`` of one PollyBot workspace."""

    def __init__(self, settings: PollyBotSettings, *, session: PollyBotSession | None = None) -> None:
        self._settings = settings
        self._session = session or PollyBotSession(settings)

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    def check(self, fields: Collection[str]) -> None:
        """PollyBot can't say which fields it has, so only those are refused that it can't set or might set too much of."""
        for name in sorted(fields):
            if problem := _problem(name):
                raise ModelError(f"pollybot: leadloop does not set the field {name!r}: {problem}.")

    def update(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        """``PUT {leads}/{id}`` with just these fields; ``metadata.x`` sets the key ``x`` of the metadata, ``None`` is null.

        ``customFields.x``, and a field that may be a list, cost a read before: the custom fields that the push doesn't name
        are sent along, and a list is only ever replaced by a list. ``harm`` where the answer shows fewer custom fields.
        """
        refused = {name: problem for name in fields if (problem := _problem(name))}
        if refused:
            reason = f"leadloop does not set this field: {next(iter(refused.values()))}"
            return Outcome("rejected", reason=reason, fields=frozenset(refused))
        if not names_one(lead_id):
            return Outcome("rejected", code=NO_LEAD, reason="this can't be the id of a lead in PollyBot")
        if not fields:
            return Outcome("applied", reason="nothing to set")
        try:
            return self._sent(lead_id, fields)
        except UnfitError as wrong:
            return Outcome("rejected", reason=str(wrong), fields=frozenset({wrong.field}))
        except PollyBotRefusedError as error:
            at_fault = _at_fault(error.field, fields)
            return Outcome(
                "rejected", code=error.code, reason=str(error), fields=at_fault, lead_id=error.other_lead
            )
        except (CrmError, ConfigError) as error:
            return outcome(error)

    def close(self) -> None:
        self._session.close()

    def _sent(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        sent = body(fields, self._session.casing)
        looked_at = [name for name in fields if name not in TEXTS and not name.startswith(f"{METADATA}.")]
        if looked_at:
            try:
                lead, _ = self._session.read(
                    replace(_one(self._settings, "GET", lead_id), exact=True),
                    judge,
                    lambda answer: _read(answer, lead_id),
                )
            except UnexpectedAnswerError as error:
                return Outcome("deferred", reason=str(error))
            sent |= {name: value for name in looked_at for name, value in [replaced(lead, name, fields)]}
        call = replace(_one(self._settings, "PUT", lead_id), json=sent, exact=bool(looked_at))
        answer = self._session.write(call, judge)
        done = self._updated(answer, lead_id)
        had, has = sent.get(CUSTOM), (_lead(answer) or {}).get(CUSTOM)
        if isinstance(had, dict) and isinstance(has, dict) and (gone := sorted(had.keys() - has.keys())):
            reason = (
                f"after its update pollybot no longer shows {', '.join(f'{CUSTOM}.{name}' for name in gone)} of lead "
                f"{lead_id}, though they were sent along. Nothing more is sent. Enter it again in PollyBot "
                "(pollybot_raw.lead_versions has what was there), and ask its support how an update keeps them."
            )
            return replace(done, reason=reason, harm=True)
        return done

    def _updated(self, answer: Answer, lead_id: str) -> Outcome:
        """``applied`` only where the answer says so and shows this very lead."""
        lead = _lead(answer)
        if lead is None:
            raise OutcomeUnknownError("pollybot: an update was answered in no known shape")
        if as_id(lead.get("id")) != lead_id:
            raise OutcomeUnknownError("pollybot: the answer to an update shows another lead")
        self._session.casing.saw(lead)
        return Outcome("applied", lead_id=lead_id)


class PollyBotRefusedError(RefusedError):
    """A refusal with the field the server names, and the other lead that stands in the way."""

    def __init__(
        self, message: str, *, code: str | None, field: str | None = None, other_lead: str | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.field = field
        self.other_lead = other_lead


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
        raise AuthError(f"pollybot refuses the API key ({shown}). Check {named('crm.pollybot.api_key')}.")
    if answer.status == 429 or any(word in (code or "") for word in THROTTLE_CODES):
        raise AgainError(f"too many calls ({code or 'status 429'})", throttled=True)
    if code == NO_LEAD or (answer.status == 404 and "lead not found" in said):
        raise PollyBotRefusedError(f"pollybot refuses: there is no such lead ({NO_LEAD})", code=NO_LEAD)
    if code == BAD_VALUE:
        field = details.get("field")
        raise PollyBotRefusedError(
            f"pollybot refuses: a value is not accepted ({code}){_allowed(details)}",
            code=code,
            field=field if isinstance(field, str) else None,
        )
    if code == KNOWN_EMAIL:
        other = details.get("existingLeadId")
        known = isinstance(other, str) and LEAD_ID.fullmatch(other) is not None
        raise PollyBotRefusedError(
            f"pollybot refuses: another lead has this email address ({code})",
            code=code,
            field="email",
            other_lead=other if known else None,
        )
    if answer.status == 404:
        setting = named("crm.pollybot.leads_path")
        raise UnreachableError(
            f"pollybot has no leads at this path ({code or 'status 404'}). Check {setting}."
        )
    # Nobody knows what a server that failed has done before; the session decides by the status.
    if answer.status < 500 and (data.get("success") is False or code is not None or answer.status >= 400):
        shown = code or (f"status {answer.status}" if answer.status >= 400 else "no code")
        raise PollyBotRefusedError(
            f"pollybot refuses for a reason that is not documented ({shown})",
            code=code or (str(answer.status) if answer.status >= 400 else None),
        )


def body(fields: Mapping[str, str | None], casing: Casing) -> dict[str, Any]:
    """The JSON that sets these fields: texts, and numbers inside the metadata."""
    sent: dict[str, Any] = {}
    for name, value in fields.items():
        outer, _, key = name.partition(".")
        if key:
            sent.setdefault(outer, {})[key] = number_or_text(value)
        else:
            sent[name] = casing.of(value) if name == "status" and value is not None else value
    return sent


class UnfitError(ValueError):
    """A field of this lead can't be set without losing what is in it; the text says why, and never shows a value."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} {why}")
        self.field = field


def replaced(lead: Mapping[str, Any], name: str, fields: Mapping[str, str | None]) -> tuple[str, Any]:
    """The outer name and the whole value that sets ``name`` in this lead: with all other custom fields, a list for a list.

    Raises ``UnfitError`` where the push's text would take the place of a list or an object.
    """
    outer, _, key = name.partition(".")
    shown, text = lead.get(outer), fields[name]
    if not key:
        return name, _in_place_of(shown, name, text)
    if outer not in lead:
        raise UnfitError(name, f"can't be set: the lead shows no {outer}")
    if shown is not None and not isinstance(shown, Mapping):
        raise UnfitError(name, f"can't be set: the lead's {outer} are no object")
    whole = dict(shown or {})
    for each, value in fields.items():
        if each.startswith(f"{outer}."):
            inner = each.removeprefix(f"{outer}.")
            whole[inner] = _in_place_of(whole.get(inner), each, value, number_or_text(value))
    return outer, whole


def _in_place_of(shown: Any, name: str, text: str | None, otherwise: Any = None) -> Any:
    if isinstance(shown, Mapping):
        raise UnfitError(name, "is an object in this lead; a text would replace all of it")
    if not isinstance(shown, list | RawRows) or text is None:
        return text if otherwise is None else otherwise
    try:
        found = json.loads(text, parse_float=Decimal)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise UnfitError(name, "must be a JSON list, as the lead has one there")
    return found


def number_or_text(value: str | None) -> int | float | str | None:
    """A number where its JSON is written exactly like the text: ``85``, ``-0.5``; not ``007``, ``1.50`` or ``1e5``.

    So what a read shows afterwards is, as text, what was sent, however the workspace keeps it.
    """
    if value is None or not re.fullmatch(r"-?[0-9]{1,16}(\.[0-9]{1,15})?", value):
        return value
    if "." not in value:
        whole = int(value)
        return whole if str(whole) == value and abs(whole) <= SAFE_INTEGER else value
    part = float(value)
    return part if repr(part) == value and part != int(part) else value


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
            "pollybot: the list of leads was answered in no known shape; no leads and pagination in it."
        )
    if not all(isinstance(row, Mapping) for row in rows) or paging.get("page", number) != number:
        raise UnexpectedAnswerError(
            "pollybot: the list of leads shows something else than the page asked for."
        )
    size = paging.get("limit")
    size = size if isinstance(size, int) and 0 < size <= PAGE_SIZE else PAGE_SIZE
    return page_of("pollybot", list(rows), paging.get("total"), size, answer.asked_at)


def _problem(name: str) -> str | None:
    """Why no push may set this field."""
    outer, *inner = name.split(".")
    if name in CAPABILITIES.protected_fields:
        return "PollyBot itself sets it"
    if name == METADATA:
        return "name the one key that is meant, as in 'metadata.score'"
    if not outer or not all(inner):
        return "there is an empty name in this path"
    if name == CUSTOM:
        return "name the one field that is meant, as in 'customFields.score'"
    if len(inner) > 1 and outer in (METADATA, CUSTOM):
        return (
            f"whether PollyBot merges objects inside the {outer} or replaces them is not documented, so what stands "
            f"beside it might be lost. Set one key directly below it, such as '{outer}.{inner[-1]}'"
        )
    if inner and outer not in (METADATA, CUSTOM):
        hint = did_you_mean(outer, [METADATA])
        return f"only the metadata is known to be merged, and other objects might be replaced{hint}"
    return None


def _at_fault(field: str | None, fields: Mapping[str, str | None]) -> frozenset[str]:
    """The pushed fields that the server means by a name of its own."""
    if field is None:
        return frozenset()
    for name in (field, f"{METADATA}.{field}"):
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


def _one(settings: PollyBotSettings, method: Any, lead_id: str) -> Call:
    return Call(method, f"{settings.leads_path}/{quote(lead_id, safe='')}")


def _lead(answer: Answer) -> dict[str, Any] | None:
    """The one lead in an answer that claims success; some clients find it as ``data.lead``."""
    data = answer.data
    lead = data.get("data") if isinstance(data, dict) and data.get("success") is True else None
    if isinstance(lead, dict) and "id" not in lead:
        lead = lead.get("lead")
    return lead if isinstance(lead, dict) else None


def _read(answer: Answer, lead_id: str) -> tuple[dict[str, Any], datetime]:
    """The lead that was asked for, and when."""
    lead = _lead(answer)
    if lead is None or as_id(lead.get("id")) != lead_id:
        raise UnexpectedAnswerError("pollybot: a read of one lead was answered with something else.")
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
