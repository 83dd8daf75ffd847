"""PollyBot's leads API, ``/api/v1/leads`` and ``/api/v1/chatbots/…/leads``, over a workspace made from the book.

Update and errors are from the vendor's page; list, pages and rate limit headers as live clients see them. Where nothing
is documented, the sandbox does what such a server would most likely do, and says so here:

* an object inside ``metadata`` is replaced, or merged where ``merges_deep`` is set;
* ``null`` empties a field, and a metadata key stays there with ``null``;
* a field that is not on the page is ignored, and so is one that can't be changed; but a lead that has ``customFields`` or
  ``tags``, as those of the newer generation do, has just those that an update says;
* without a sort order the list begins with the lead that was made last.
"""

import copy
import hashlib
import math
import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import msgspec

from connector.sandbox.book import Book, Lead
from connector.sandbox.documents import Doc, Document, Documents, flat_texts
from connector.sandbox.options import Options
from connector.sandbox.refusals import Refusals
from connector.sandbox.values import is_email, is_phone
from connector.sandbox.wire import Answer, Description, Request

MOST, DEFAULT = 100, 20
STATUSES = ("new", "contacted", "qualified", "converted", "lost", "follow_up")
FIELDS = ("name", "email", "phone", "source", "status")
# fmt: off
FROM_BOOK = {
    "NEW": "new", "ACTIVE": "contacted", "CALLBACK": "follow_up", "NOANSWER": "contacted", "BUSY": "contacted",
    "NOTINT": "lost", "SALE": "converted", "COMPLETED": "qualified", "DNC": "lost",
}
# fmt: on
SOURCES = ("website", "webinar", "referral", "chat")
INTERESTS = ("enterprise_solution", "support_package", "training")
ERRORS = {
    "VALIDATION_ERROR": (400, "Validation failed"),
    "LEAD_NOT_FOUND": (404, "Lead not found"),
    "DUPLICATE_EMAIL": (409, "Email already exists"),
    "INVALID_API_KEY": (401, "Invalid API key"),
    "MISSING_AUTH_HEADER": (401, "Missing authorization header"),
    "RATE_LIMIT_EXCEEDED": (429, "Rate limit exceeded"),
}
_PATH = re.compile(r"/api/v1/(?:chatbots/[^/]+/)?leads(?:/([^/]+))?")


class Refused(Exception):  # noqa: N818 - an answer on its way, not a failure
    """The API says no, with this code."""

    def __init__(self, code: str, details: Doc | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.details = details


class PollyBot:
    """One workspace. How it behaves where accounts differ is set on the object, at any time."""

    name = "pollybot"
    prefixes: tuple[str, ...] = ("/api/v1/",)

    def __init__(self, book: Book, options: Options, refusals: Refusals) -> None:
        self.book = book
        self.options = options
        self.refusals = refusals
        self.leads = Documents(self._made, self._shown, book.clock, options.elsewhere)
        self.list_metadata = True
        """Whether rows of the list have their metadata."""
        self.upper_case = False
        """Whether statuses are written in capitals, as a newer client has them."""
        self.sorts = True
        """Whether ``sortBy`` and ``sortOrder`` are obeyed."""
        self.merges_deep = False
        """Whether an object inside the metadata is merged like the metadata itself."""
        self.hourly_limit: int | None = None
        """Calls within ``hour``; ``None`` has no limit and shows no headers."""
        self.hour = 3600.0
        """Seconds that the limit counts, sliding."""
        self._taken: deque[float] = deque()

    def warm(self) -> None:
        """Nothing to do: the workspace is made when it is first asked for."""

    def settings(self, address: str) -> Mapping[str, str]:
        return {"base_url": address, "api_key": self.options.token}

    def describe(self, request: Request) -> Description:
        match = _PATH.fullmatch(request.path)
        if match is None:
            return Description("none")
        lead_id = unquote(match[1]) if match[1] else None
        if lead_id is None:
            return Description("list", None, tuple(request.params))
        if request.method != "PUT":
            return Description("get", lead_id)
        try:
            return Description("update", lead_id, tuple(flat_texts(_body(request))))
        except Refused:
            return Description("update", lead_id)

    def answer(self, request: Request) -> Answer | None:
        match = _PATH.fullmatch(request.path)
        if match is None:
            return None
        lead_id = unquote(match[1]) if match[1] else None
        try:
            self._authorise(request)
            self._count()
            with self.leads.lock:
                if request.method == "GET":
                    return self._success(self._list(request) if lead_id is None else self._get(lead_id))
                if request.method == "PUT" and lead_id is not None:
                    return self._success(self._update(lead_id, _body(request)))
        except Refused as refused:
            status, text = ERRORS.get(refused.code, (400, "Request refused"))
            answer: Doc = {"success": False, "error": text, "code": refused.code}
            if refused.details is not None:
                answer["details"] = refused.details
            return Answer(msgspec.json.encode(answer), status, headers=self._headers(), outcome=refused.code)
        return None

    # The workspace

    def _made(self) -> Iterator[Document]:
        with self.book.lock:
            leads = [self.book.leads[int(lead_id)] for lead_id in self.book.ids()]
        for lead in leads:
            created, modified = (datetime.fromtimestamp(each, UTC) for each in (lead.created, lead.updated))
            yield Document(lead_id(lead.id), _of_book(lead), created, modified)

    def _shown(self, lead: Document) -> Doc:
        body = {"id": lead.id, **lead.body}
        if self.upper_case and isinstance(body.get("status"), str):
            body["status"] = body["status"].upper()
        return {
            **body,
            "createdAt": _time(lead.created),
            "updatedAt": _time(lead.modified),
            "workspaceId": "ws_sandbox",
        }

    # Calls

    def _authorise(self, request: Request) -> None:
        given = request.headers.get("authorization")
        if not given:
            raise Refused("MISSING_AUTH_HEADER")
        if given != f"Bearer {self.options.token}":
            raise Refused("INVALID_API_KEY")

    def _count(self) -> None:
        """Counts a call against the hour; those that are refused for it don't count."""
        if self.hourly_limit is None:
            return
        now = time.time()
        while self._taken and self._taken[0] <= now - self.hour:
            self._taken.popleft()
        if len(self._taken) >= self.hourly_limit:
            raise Refused("RATE_LIMIT_EXCEEDED")
        self._taken.append(now)

    def _headers(self) -> tuple[tuple[str, str], ...]:
        if self.hourly_limit is None:
            return ()
        reset = (self._taken[0] if self._taken else time.time()) + self.hour
        numbers = {
            "Limit": self.hourly_limit,
            "Remaining": self.hourly_limit - len(self._taken),
            "Reset": math.ceil(reset),
            "Used": len(self._taken),
        }
        return tuple((f"X-RateLimit-{name}", str(number)) for name, number in numbers.items())

    def _success(self, data: Any) -> Answer:
        return Answer(msgspec.json.encode({"success": True, "data": data}), headers=self._headers())

    def _list(self, request: Request) -> Doc:
        page, limit = _whole(request, "page", 1), _whole(request, "limit", DEFAULT, MOST)
        ids = self._order(request.params)
        if request.twist("repeat_page"):
            page = max(1, page - 1)
        found = [] if request.twist("empty_page") else ids[(page - 1) * limit : page * limit]
        lie = request.twist("lying_total")
        total = len(ids) + int(lie.value if lie else 0)
        pages = math.ceil(total / limit)
        rows = [self.leads.show(self.leads.leads[each]) for each in found]
        if not self.list_metadata:
            rows = [{name: value for name, value in row.items() if name != "metadata"} for row in rows]
        paging = {
            "page": page,
            "limit": limit,
            "total": total,
            "totalPages": pages,
            "hasNext": page < pages,
            "hasPrev": page > 1,
        }
        return {"leads": rows, "pagination": paging}

    def _order(self, params: Mapping[str, str]) -> list[str]:
        if not self.sorts or params.get("sortBy", "createdAt") != "updatedAt":
            leads = sorted(self.leads.leads.values(), key=lambda lead: (lead.created, lead.id))
            ids = [lead.id for lead in leads]
        else:
            ids = [each for _, each in self.leads.by_time()]
        if not self.sorts or params.get("sortOrder", "desc") == "desc":
            ids.reverse()
        return ids

    def _get(self, lead_id: str) -> Doc:
        lead = self.leads.find(lead_id)
        if lead is None:
            raise Refused("LEAD_NOT_FOUND")
        return self.leads.show(lead)

    def _update(self, lead_id: str, body: Doc) -> Doc:
        lead = self.leads.find(lead_id)
        if lead is None:
            raise Refused("LEAD_NOT_FOUND")
        names = {name: value or "" for name, value in flat_texts(body).items()}
        if (code := self.refusals.code(lead_id, names)) is not None:
            raise Refused(code, self._details(code, names))
        given = {name: body[name] for name in FIELDS if name in body}
        self._validate(lead_id, given)
        if self.upper_case and isinstance(given.get("status"), str):
            given["status"] = given["status"].lower()
        after = {**copy.deepcopy(lead.body), **given}
        for name, kind in (("customFields", dict), ("tags", list)):
            if name in body and name in after:
                if not isinstance(body[name], kind | None):
                    raise _invalid(name, f"{name} must be {'an object' if kind is dict else 'a list'}")
                after[name] = body[name]
        if "metadata" in body:
            if not isinstance(body["metadata"], dict):
                raise _invalid("metadata", "Metadata must be an object")
            after["metadata"] = self._merged(after.get("metadata") or {}, body["metadata"])
        return self.leads.show(self.leads.replace(lead_id, after))

    def _merged(self, old: Doc, new: Doc) -> Doc:
        merged = {**old, **new}
        if self.merges_deep:
            for name, value in new.items():
                if isinstance(value, dict) and isinstance(old.get(name), dict):
                    merged[name] = self._merged(old[name], value)
        return merged

    def _validate(self, lead_id: str, given: Doc) -> None:
        for name, value in given.items():
            if value is not None and not isinstance(value, str):
                raise _invalid(name, f"{name} must be a string")
        words = tuple(word.upper() for word in STATUSES) if self.upper_case else STATUSES
        if "status" in given and given["status"] not in words:
            raise _invalid("status", f"Status must be one of: {', '.join(words)}", given["status"])
        if given.get("phone") and not is_phone(given["phone"]):
            raise _invalid("phone", "Invalid phone number", given["phone"])
        if not given.get("email"):
            return
        if not is_email(given["email"]):
            raise _invalid("email", "Invalid email address", given["email"])
        mine = given["email"].casefold()
        for other in self.leads.leads.values():
            if other.id != lead_id and (other.body.get("email") or "").casefold() == mine:
                raise Refused("DUPLICATE_EMAIL", _duplicate(given["email"], other.id))

    def _details(self, code: str, names: Mapping[str, str]) -> Doc | None:
        """What a refusal that a test asked for says besides its code."""
        if code == "VALIDATION_ERROR":
            field, value = next(iter(names.items()), ("", ""))
            text = (
                f"Status must be one of: {', '.join(STATUSES)}"
                if field == "status"
                else f"{value} is invalid"
            )
            return {"field": field, "value": value, "message": text}
        if code == "DUPLICATE_EMAIL":
            return _duplicate(names.get("email", "existing@example.com"), "lead_another123")
        return None


def lead_id(book_id: int) -> str:
    """The id that the book's lead has here."""
    return "lead_" + hashlib.sha256(f"pollybot {book_id}".encode()).hexdigest()[:16]


def _of_book(lead: Lead) -> Doc:
    dice = hashlib.sha256(str(lead.id).encode()).digest()
    names = [lead.get(name) for name in ("first_name", "last_name")]
    metadata: Doc = {
        "company": lead.get("std_company_name") or None,
        "city": lead.get("city"),
        "notes": lead.get("notes") or "",
        "utm_source": ("google", "newsletter", "partner")[dice[0] % 3],
        "visits": dice[1],
        "engagement": dice[2] / 256,
        "newsletter": dice[3] % 2 == 0,
        "interests": list(INTERESTS[: dice[4] % 4]),
        "conversation": {"messages": dice[5], "last": {"channel": "chat", "rating": dice[6] % 6}},
    }
    return {
        "name": " ".join(name for name in names if name),
        "email": lead.get("email") or None,
        "phone": f"+1{lead.get('phone_number')}",
        "source": SOURCES[dice[7] % 4],
        "status": FROM_BOOK[lead.get("status") or "NEW"],
        "metadata": metadata,
    }


def _body(request: Request) -> Doc:
    try:
        body = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _invalid("body", "The body must be JSON") from None
    if not isinstance(body, dict):
        raise _invalid("body", "The body must be an object")
    return body


def _whole(request: Request, name: str, default: int, most: int | None = None) -> int:
    text = request.params.get(name, str(default))
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1 or (most is not None and number > most):
        raise _invalid(name, f"{name} is out of range", text)
    return number


def _invalid(field: str, message: str, value: Any = None) -> Refused:
    return Refused("VALIDATION_ERROR", {"field": field, "value": value, "message": message})


def _duplicate(email: str, other: str) -> Doc:
    return {
        "email": email,
        "existingLeadId": other,
        "message": "A different lead with this email already exists in your workspace",
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
