"""PollyBot's leads API, ``/api/v1/leads`` and ``/api/v1/chatbots/…/leads``, over a workspace made from the book.

Either generation: ``pollybot_leads`` says what each shows and takes, and where that comes from. Update and errors are from
the vendor's page; list, pages and rate limit headers as live clients see them. Where nothing is documented, the sandbox
does what such a server would most likely do, and says so here:

* an object inside ``metadata`` is replaced, or merged where ``merges_deep`` is set;
* ``null`` empties a field, and a metadata key stays there with ``null``;
* a field that the generation doesn't have is ignored, and so is one that can't be changed;
* without a sort order the list begins with the lead that was made last.
"""

import copy
import hashlib
import math
import re
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import msgspec

from connector.sandbox import pollybot_leads as leads
from connector.sandbox.book import Book
from connector.sandbox.documents import Doc, Document, Documents, flat_texts
from connector.sandbox.options import Options
from connector.sandbox.refusals import Refusals
from connector.sandbox.wire import Answer, Description, Request

MOST = 100
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
        self.generation = options.pollybot_generation
        self.rules = leads.GENERATIONS[self.generation]
        self.leads = Documents(self._made, self._shown, book.clock, options.elsewhere)
        self.list_metadata = True
        """Whether rows of the list have their metadata, or their custom fields."""
        self.upper_case = False
        """Whether a workspace of the older generation writes its statuses in capitals, as the newer one does."""
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
            if self.generation == "newer":
                moment = _time(self.book.clock.now())
                answer |= {"timestamp": moment, "requestId": f"req_{uuid.uuid4().hex[:12]}"}
            if refused.details is not None:
                answer["details"] = refused.details
            return Answer(msgspec.json.encode(answer), status, headers=self._headers(), outcome=refused.code)
        return None

    # The workspace

    def _made(self) -> Iterator[Document]:
        with self.book.lock:
            people = [self.book.leads[int(lead_id)] for lead_id in self.book.ids()]
        made = leads.older if self.generation == "older" else leads.newer
        for lead in people:
            created, modified = (datetime.fromtimestamp(each, UTC) for each in (lead.created, lead.updated))
            yield Document(lead_id(lead.id), made(lead), created, modified)

    def _shown(self, lead: Document) -> Doc:
        body = {"id": lead.id, **lead.body}
        if self._is_upper and isinstance(body.get("status"), str):
            body["status"] = body["status"].upper()
        times = {"createdAt": _time(lead.created), "updatedAt": _time(lead.modified)}
        return {**body, **times, **({"workspaceId": "ws_sandbox"} if self.generation == "older" else {})}

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
        page, limit = _whole(request, "page", 1), _whole(request, "limit", self.rules.page, MOST)
        ids = self._order(request.params)
        if request.twist("repeat_page"):
            page = max(1, page - 1)
        found = [] if request.twist("empty_page") else ids[(page - 1) * limit : page * limit]
        lie = request.twist("lying_total")
        total = len(ids) + int(lie.value if lie else 0)
        pages = math.ceil(total / limit)
        rows = [self.leads.show(self.leads.leads[each]) for each in found]
        if not self.list_metadata:
            hidden = ("metadata", "customFields")
            rows = [{name: value for name, value in row.items() if name not in hidden} for row in rows]
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
            found = sorted(self.leads.leads.values(), key=lambda lead: (lead.created, lead.id))
            ids = [lead.id for lead in found]
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
        rules = self.rules
        known = (*rules.texts, *rules.merged, *rules.replaced)
        given = {name: body[name] for name in known if name in body}
        self._validate(lead_id, given)
        if self._is_upper and isinstance(given.get("status"), str):
            given["status"] = given["status"].lower()
        after = copy.deepcopy(lead.body)
        for name, value in given.items():
            after[name] = self._merged(after.get(name) or {}, value) if name in rules.merged else value
        return self.leads.show(self.leads.replace(lead_id, after))

    @property
    def _is_upper(self) -> bool:
        return self.upper_case and self.generation == "older"

    @property
    def _statuses(self) -> tuple[str, ...]:
        return tuple(word.upper() for word in self.rules.statuses) if self._is_upper else self.rules.statuses

    def _merged(self, old: Doc, new: Doc) -> Doc:
        merged = {**old, **new}
        if self.merges_deep:
            for name, value in new.items():
                if isinstance(value, dict) and isinstance(old.get(name), dict):
                    merged[name] = self._merged(old[name], value)
        return merged

    def _validate(self, lead_id: str, given: Doc) -> None:
        try:
            leads.check(given, self.rules, self._statuses)
        except leads.Unfit as unfit:
            raise _invalid(unfit.field, unfit.message, unfit.value) from None
        if not given.get("email"):
            return
        mine = given["email"].casefold()
        for other in self.leads.leads.values():
            if other.id != lead_id and (other.body.get("email") or "").casefold() == mine:
                raise Refused("DUPLICATE_EMAIL", _duplicate(given["email"], other.id))

    def _details(self, code: str, names: Mapping[str, str]) -> Doc | None:
        """What a refusal that a test asked for says besides its code."""
        if code == "VALIDATION_ERROR":
            field, value = next(iter(names.items()), ("", ""))
            text = (
                f"Status must be one of: {', '.join(self._statuses)}"
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
