"""Leadping's leads API, ``/leads/…``, over its own account of the book's people.

From the vendor's page of ``PUT /leads/{id}`` (request, answer, types) and from what live clients see: the list behind
``POST /leads/all/my``, problem details, the limit. Where nothing is known, the sandbox does what such a server would most
likely do, and says so here:

* what an update leaves out is erased or kept, by the option ``leadping_absent``;
* a part that only answers hold is ignored in an update, and names inside a part that the page doesn't have are kept;
* the parts that the vendor's newer client has besides are there where the account says ``profile``, and are erased or kept
  like the others;
* the list's tokens are opaque and hold how far one has come, so that edits and deletions move what is behind them;
* a lead that was never modified has its creation as ``updatedAt`` in the list and null as ``modifiedAt`` on its own;
* a number may also be written as text;
* calls that are turned away for being too many don't count for the limit.
"""

import base64
import re
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from connector.sandbox.book import Book, Lead
from connector.sandbox.documents import Doc, Document, Documents, flat_texts
from connector.sandbox.options import Options
from connector.sandbox.refusals import Refusals
from connector.sandbox.values import is_email, is_phone
from connector.sandbox.wire import Answer, Description, Request

PREFIX = "/leads/"
LIST = "/leads/all/my"
PROBLEM = "application/problem+json; charset=utf-8"
MOST_ROWS = 500
LIMIT_SECONDS = 60.0

METADATA = (
    "trustedFormUrl", "utmSource", "utmMedium", "utmCampaign", "utmTerm", "utmContent", "referrer", "landingPage",
    "subId", "pubId", "ipAddress", "userAgent", "externalId", "sellerLeadId", "createdAt", "price", "directPostPrice",
    "product", "vertical", "complianceStatus", "complianceBlockedReason", "sourceMetadata", "origin", "importBatchId",
    "isImported", "assignedPhoneNumberId", "smsConsentStatus", "smsOptedOut", "smsOptOutAt", "smsOptInAt",
    "smsHelpRequestedAt", "smsConsentPhoneNumber", "userId", "businessId",
)  # fmt: skip
STREET = ("line1", "line2", "city", "state", "province", "region", "postalCode", "country", "additionalInfo")
CUSTOMER = (
    "height", "weight", "birthDate", "income", "isHomeowner", "monthsAtResidence", "creditScore", "hasBankruptcy",
    "numberOfDependents", "hasMedicalCondition",
)  # fmt: skip
FLAGS = frozenset(
    {"enabled", "isImported", "smsOptedOut", "isValid", "isHomeowner", "hasBankruptcy", "hasMedicalCondition"}
)
ONLY_ANSWERS = {
    "archivedAt": None,
    "archivedByUserId": None,
    "archiveReason": None,
    "archiveNote": None,
    "isArchived": False,
    "currentDisposition": None,
}
NEWER_ANSWERS = {
    "organizationId": "organisation-1",
    "deletedAt": None,
    "isDemo": False,
    "assignedToUserId": None,
    "processingStatus": "completed",
    "currentLeadStatus": None,
}
NEWER_PARTS = ("company", "contactPreferences", "customFields", "inquiry", "serviceAddress")
"""As the vendor's published client 1.0.83 has them."""
TITLES = {
    400: "One or more validation errors occurred.",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "Too Many Requests",
}


class Failed(Exception):  # noqa: N818 - an answer on its way, not a failure
    """The API says no, with this status."""

    def __init__(self, status: int, detail: str = "", errors: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.detail = detail
        self.errors = errors


class Leadping:
    """One organisation's Leadping API; see the module for where its behaviour comes from."""

    name = "leadping"
    prefixes: tuple[str, ...] = (PREFIX,)

    def __init__(self, book: Book, options: Options, refusals: Refusals) -> None:
        self.book = book
        self.options = options
        self.refusals = refusals
        self.part = options.leadping_part
        self.forgets: frozenset[str] = frozenset()
        """Parts that an update empties even where it has them."""
        self.tags: dict[str, Doc] = {}
        """Every tag of the organisation, by its normalised name."""
        self.leads = Documents(self._made, self._shown, book.clock, options.elsewhere)
        self._calls: deque[float] = deque()

    def warm(self) -> None:
        """Nothing: the leads are made when somebody first asks for one."""

    def settings(self, address: str) -> dict[str, str]:
        return {"base_url": address, "api_key": self.options.token}

    def describe(self, request: Request) -> Description:
        if request.path == LIST:
            return Description("list")
        action = "update" if request.method == "PUT" else "read"
        body = _json(request) if request.method == "PUT" else None
        names = tuple(flat_texts(body)) if isinstance(body, dict) else ()
        return Description(action, request.path.removeprefix(PREFIX), names)

    def answer(self, request: Request) -> Answer | None:
        try:
            if request.headers.get("authorization") != f"Bearer {self.options.token}":
                raise Failed(401, "The credentials are not valid.")
            self._check_limit()
            with self.leads.lock:
                found = self._found(request)
        except Failed as failed:
            return _problem(failed)
        return None if found is None else Answer(msgspec.json.encode(found))

    def _found(self, request: Request) -> Doc | None:
        if request.path == LIST:
            return self._list(request) if request.method == "POST" else None
        lead_id = request.path.removeprefix(PREFIX)
        if "/" in lead_id or request.method not in ("GET", "PUT"):
            return None
        lead = self.leads.find(lead_id)
        if request.method == "PUT":
            self._check_refusals(lead_id, lead, request)
        if lead is None:
            raise Failed(404, "The specified lead was not found.")
        return self.leads.show(lead if request.method == "GET" else self._update(lead, request))

    def _check_limit(self) -> None:
        most, now = self.options.leadping_calls_per_60s, time.monotonic()
        while self._calls and self._calls[0] <= now - LIMIT_SECONDS:
            self._calls.popleft()
        if most and len(self._calls) >= most:
            raise Failed(429, "The rate limit was exceeded.")
        self._calls.append(now)

    # The account

    def tag(self, name: str) -> Doc:
        """The organisation's tag of this name, made where there is none yet."""
        normalised = name.strip().casefold()
        if normalised not in self.tags:
            made = {"id": _uuid(f"tag/{normalised}"), "name": name.strip()}
            self.tags[normalised] = {**made, "normalizedName": normalised, "color": "#2266aa"}
        return self.tags[normalised]

    def _made(self) -> Iterator[Document]:
        with self.book.lock:
            leads = list(self.book.leads.values())
        for lead in leads:
            if lead.removal is None:
                created, updated = (
                    datetime.fromtimestamp(each, UTC) for each in (lead.created, lead.updated)
                )
                yield Document(lead_id(lead.id), self._body(lead), created, updated)

    def _body(self, lead: Lead) -> Doc:
        """The book's lead as this API keeps it; what the book doesn't say comes of the lead's number."""
        digits = lead.get("phone_number") or ""
        address = ("address1", "address2", "city", "state", "province", None, "postal_code", "country", None)
        metadata: Doc = dict.fromkeys(METADATA)
        metadata |= {
            "externalId": str(lead.id),
            "createdAt": _time(datetime.fromtimestamp(lead.created, UTC)),
            "utmSource": lead.get("source_id"),
            "price": None if lead.id % 3 else lead.id % 40 + 0.5,
            "product": lead.get("plan_interest"),
            "isImported": lead.id % 20 == 0,
            "smsOptedOut": False,
            "sourceMetadata": {
                "list": lead.get("list_id"),
                "rank": lead.id % 7,
                "seen": {"count": lead.id % 5},
            },
        }
        income = lead.get("monthly_revenue")
        customer: Doc = dict.fromkeys(CUSTOMER)
        customer |= {
            "birthDate": lead.get("date_of_birth") or None,
            "income": int(float(income)) * 12 if income else None,
            "isHomeowner": (None, True, False)[lead.id % 3],
        }
        return {
            "metadata": metadata,
            "contact": {
                "firstName": lead.get("first_name"),
                "lastName": lead.get("last_name"),
                "streetAddress": {
                    name: lead.get(source) if source else None
                    for name, source in zip(STREET, address, strict=True)
                },
                "coordinate": {"latitude": 34.05 + lead.id % 90 / 100, "longitude": -118.25},
                "timeZoneId": "America/Los_Angeles",
                "phone": {"number": f"+1{digits}" if digits else None, "type": "mobile", "lookup": None},
                "email": lead.get("email"),
            },
            self.part: customer,
            "enabled": True,
            "adminEnablementOverride": None,
            **ONLY_ANSWERS,
            "tags": [self.tag(name) for name in ("new", "web form")[: lead.id % 3]],
            **(self._newer(lead) if self.part == "profile" else {}),
        }

    def _newer(self, lead: Lead) -> Doc:
        """The parts that only newer versions have."""
        return {
            **NEWER_ANSWERS,
            "company": {"name": lead.get("std_company_name"), "employees": lead.id % 50},
            "contactPreferences": {"channels": ["sms", "email"], "doNotCall": lead.id % 4 == 0},
            "customFields": {"score": lead.id % 100 + 0.5, "note": f"note {lead.id}"},
            "inquiry": {"product": lead.get("plan_interest"), "isUrgent": lead.id % 2 == 0},
            "serviceAddress": {"line1": lead.get("address1"), "city": lead.get("city")},
        }

    def _shown(self, lead: Document) -> Doc:
        is_new = lead.modified == lead.created
        times = {"createdAt": _time(lead.created), "modifiedAt": None if is_new else _time(lead.modified)}
        return {**lead.body, "id": lead.id, **times}

    # Reads

    def _list(self, request: Request) -> Doc:
        body = _json(request)
        if not isinstance(body, dict):
            raise _invalid("$", "The JSON value could not be converted.")
        size = body.get("pageSize") or 20
        if not isinstance(size, int) or not 1 <= size <= MOST_ROWS:
            raise _invalid("PageSize", f"The field PageSize must be between 1 and {MOST_ROWS}.")
        ids = self._ordered(body.get("orderBy"))
        place = _place(body.get("continuationToken"))
        first = max(0, place - size) if request.twist("repeat_page") else place
        if request.twist("extra_page") and ids and first >= len(ids):
            first = (len(ids) - 1) // size * size
        shown = [] if request.twist("empty_page") else ids[first : first + size]
        lie = request.twist("lying_total")
        return {
            "items": [_summary(self.leads.leads[each]) for each in shown],
            "continuationToken": _token(first + size) if first + size < len(ids) else None,
            "pageSize": size,
            "totalCount": len(ids) + int(lie.value if lie else 0) if body.get("includeCount") else None,
        }

    def _ordered(self, order_by: Any) -> list[str]:
        """All ids as asked for; by creation, the oldest first, where nothing is asked for."""
        leads = list(self.leads.leads.values())
        if self.options.leadping_order == "none":
            return [lead.id for lead in sorted(leads, key=lambda lead: lead.id)]
        wanted = order_by[0] if isinstance(order_by, list) and order_by else {}
        field, direction = (wanted.get(name) for name in ("field", "direction"))
        if wanted and (field not in ("createdAt", "updatedAt") or direction not in ("asc", "desc")):
            raise _invalid("OrderBy", "The field OrderBy is invalid.")
        if field == "updatedAt" and self.options.leadping_order == "asked":
            ids = [each for _, each in self.leads.by_time()]
        else:
            ids = [lead.id for lead in sorted(leads, key=lambda lead: (lead.created, lead.id))]
        return ids[::-1] if direction == "desc" else ids

    # Writes

    def _check_refusals(self, lead_id: str, lead: Document | None, request: Request) -> None:
        body = _json(request)
        given = flat_texts(body) if isinstance(body, dict) else {}
        code = self.refusals.code(lead_id, {name: text or "" for name, text in given.items()})
        if code is None:
            return
        names = [tag["name"] for tag in lead.body["tags"]] if lead else []
        had = flat_texts({**lead.body, "tagNames": names}) if lead else {}
        changed = [name for name, text in given.items() if name in had and had[name] != text]
        is_invalid = code in ("400", "422")
        errors = {_pascal(name): ["The value is not accepted."] for name in changed} if is_invalid else None
        raise Failed(int(code), "The request was refused.", errors)

    def _update(self, lead: Document, request: Request) -> Document:
        body = _json(request)
        if not isinstance(body, dict):
            raise _invalid("$", "The JSON value could not be converted.")
        if body.get("id") not in (None, lead.id):
            raise _invalid("Id", "The id is not that of the lead.")
        self._check(body)
        erases = self.options.leadping_absent == "erase"
        found = dict(lead.body)
        newer = [part for part in NEWER_PARTS if part in found or part in body]
        for part in ("metadata", "contact", self.part, "adminEnablementOverride", *newer):
            # The page calls it "customer" in a request, whatever an answer calls it.
            given = body.get(part, body.get("customer") if part == self.part else None)
            if erases:
                found[part] = given
            elif isinstance(given, dict):
                found[part] = _deep(found.get(part), given)
        if erases or "enabled" in body:
            found["enabled"] = bool(body.get("enabled"))
        if erases or "tagIds" in body or "tagNames" in body:
            found["tags"] = self._tagged(body)
        found |= dict.fromkeys(self.forgets & found.keys())
        return self.leads.replace(lead.id, found)

    def _tagged(self, body: Doc) -> list[Doc]:
        """The tags of both lists, each once."""
        known = {tag["id"]: tag for tag in self.tags.values()}
        if unknown := [each for each in body.get("tagIds") or [] if each not in known]:
            raise _invalid("TagIds", f"{len(unknown)} tags were not found.")
        tags = [known[each] for each in body.get("tagIds") or []]
        tags += [self.tag(name) for name in body.get("tagNames") or [] if name.strip()]
        return list({tag["id"]: tag for tag in tags}.values())

    def _check(self, body: Doc) -> None:
        errors: dict[str, list[str]] = {}
        for path, value in _leaves(
            {name: body[name] for name in body if name not in {*ONLY_ANSWERS, *NEWER_ANSWERS}}
        ):
            name = path.rpartition(".")[2]
            is_free = path.startswith("metadata.sourceMetadata") or path.partition(".")[0] in NEWER_PARTS
            if path in ("tagIds", "tagNames"):
                fits = value is None or (
                    isinstance(value, list) and all(isinstance(each, str) for each in value)
                )
            elif name in FLAGS and not is_free:
                fits = value is None or isinstance(value, bool)
            else:
                fits = is_free or not isinstance(value, bool | list)
            if not fits:
                errors[f"$.{path}"] = ["The JSON value could not be converted."]
        contact = body.get("contact") or {}
        phone = (contact.get("phone") or {}).get("number")
        if phone and not is_phone(phone):
            errors["Contact.Phone.Number"] = ["The phone number is not valid."]
        if contact.get("email") and not is_email(contact["email"]):
            errors["Contact.Email"] = ["The email address is not valid."]
        if errors:
            raise Failed(400, errors=errors)


def lead_id(book_id: int | str) -> str:
    """The id that the book's lead has here: always the same one."""
    return _uuid(f"lead/{book_id}")


def _uuid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"leadping/{name}"))


def _summary(lead: Document) -> Doc:
    contact = lead.body.get("contact") or {}
    return {
        "id": lead.id,
        "firstName": contact.get("firstName"),
        "lastName": contact.get("lastName"),
        "phone": (contact.get("phone") or {}).get("number"),
        "email": contact.get("email"),
        "enabled": lead.body.get("enabled"),
        "tags": lead.body.get("tags"),
        "createdAt": _time(lead.created),
        "updatedAt": _time(lead.modified),
    }


def _deep(had: Any, given: Doc) -> Doc:
    """An object with another one laid over it."""
    found = dict(had) if isinstance(had, dict) else {}
    for name, value in given.items():
        found[name] = _deep(found.get(name), value) if isinstance(value, dict) else value
    return found


def _leaves(body: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _invalid(name: str, message: str) -> Failed:
    return Failed(400, errors={name: [message]})


def _problem(failed: Failed) -> Answer:
    status = failed.status
    body: Doc = {
        "type": f"https://tools.ietf.org/html/rfc9110#status-{status}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": failed.detail or None,
        "traceId": f"00-{uuid.uuid4().hex}-01",
    }
    if failed.errors:
        body["errors"] = failed.errors
    return Answer(msgspec.json.encode(body), status, PROBLEM, outcome=str(status))


def _time(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _token(place: int) -> str:
    return base64.b64encode(b"+RID:~%d#" % place).decode()


def _place(token: Any) -> int:
    if token is None:
        return 0
    try:
        match = re.fullmatch(rb"\+RID:~(\d+)#", base64.b64decode(token, validate=True))
        assert match is not None
        return int(match[1])
    except (TypeError, ValueError, AssertionError):
        raise _invalid("ContinuationToken", "The continuation token is not valid.") from None


def _pascal(path: str) -> str:
    """A path as the server's own names have it."""
    return ".".join(part[:1].upper() + part[1:] for part in path.split("."))


def _json(request: Request) -> Any:
    try:
        return msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        return None
