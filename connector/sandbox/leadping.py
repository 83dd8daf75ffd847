"""Leadping's leads API, ``/leads/…``, over its own account of the book's people, in either generation.

From the vendor's page of ``PUT /leads/{id}``, its OpenAPI document (August 2026) and its typed client 1.0.83 (requests,
answers, types, endpoints), and from what live clients see: problem details, the limit. Where nothing is known, the
sandbox does what such a server would most likely do, and says so here:

* what an update leaves out is erased or kept, by the option ``leadping_absent``;
* a part that only answers hold is ignored in an update, and names inside a part that the page doesn't have are kept;
* the list's tokens are opaque and hold how far one has come, so that edits and deletions move what is behind them;
* a lead that was never modified has its creation as ``updatedAt`` in the list and null as ``modifiedAt`` on its own;
* a status whose ``expectedRevision`` or ``expectedCurrentStatusId`` is another one is answered with 400;
* of a lead of somebody else (``others``) every call says 401, without saying what it is about;
* calls that are turned away for being too many don't count for the limit.
"""

import base64
import re
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from connector.sandbox.book import Book
from connector.sandbox.documents import Doc, Document, Documents, flat_texts
from connector.sandbox.leadping_leads import (
    ARCHIVED,
    NEWER_PARTS,
    OLDER_PARTS,
    body,
    misfits,
    summary,
    time_text,
)
from connector.sandbox.options import Options
from connector.sandbox.refusals import Refusals
from connector.sandbox.values import is_email, is_phone
from connector.sandbox.wire import Answer, Description, Request

PREFIX = "/leads/"
LIST = "/leads/all/my"
PROBLEM = "application/problem+json; charset=utf-8"
MOST_ROWS = 500
LIMIT_SECONDS = 60.0
CATEGORIES = ("Open", "Qualified", "Converted", "Lost", "Invalid", "Duplicate", "Quarantined")
_PATH = re.compile(r"/leads/([^/]+)(?:/(status|tags|archive|unarchive)(?:/([^/]+))?)?")
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


Handler = Callable[[Document, Request], Doc]


class Leadping:
    """One organisation's Leadping API; see the module for where its behaviour comes from."""

    name = "leadping"
    prefixes: tuple[str, ...] = (PREFIX,)

    def __init__(self, book: Book, options: Options, refusals: Refusals) -> None:
        self.book = book
        self.options = options
        self.refusals = refusals
        self.generation = options.leadping_generation
        self.part = "customer" if self.generation == "older" else "profile"
        self.others: set[str] = set()
        """Leads that belong to somebody else: the list shows them, and every call about one is answered with 401."""
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
        match = _PATH.fullmatch(request.path)
        if request.path == LIST:
            return Description("list")
        if match is None:
            return Description("none")
        lead_id, below, _ = match.groups()
        action = below or ("update" if request.method == "PUT" else "read")
        sent = _json(request) if request.body else None
        return Description(action, lead_id, tuple(flat_texts(sent)) if isinstance(sent, dict) else ())

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
        match = _PATH.fullmatch(request.path)
        handle = self._handler(request.method, *match.groups()[1:]) if match else None
        if match is None or handle is None:
            return None
        lead_id = match[1]
        if lead_id in self.others:
            raise Failed(401)
        lead = self.leads.find(lead_id)
        if request.method == "PUT" and match[2] is None:
            self._check_refusals(lead_id, lead, request)
        if lead is None:
            raise Failed(404, "The specified lead was not found.")
        return handle(lead, request)

    def _handler(self, method: str, below: str | None, tag: str | None) -> Handler | None:
        """What answers a call about one lead."""
        if tag is not None:
            return (
                (lambda lead, _: self._untagged(lead, tag)) if (method, below) == ("DELETE", "tags") else None
            )
        handlers: dict[tuple[str, str | None], Handler] = {
            ("GET", None): lambda lead, _: self.leads.show(lead),
            ("PUT", None): lambda lead, request: self.leads.show(self._update(lead, request)),
            ("PUT", "status"): self._status,
            ("PUT", "tags"): lambda lead, request: self._retagged(lead, request, keep=False),
            ("POST", "tags"): lambda lead, request: self._retagged(lead, request, keep=True),
            ("POST", "archive"): self._archived,
            ("POST", "unarchive"): lambda lead, _: self._changed(lead, ARCHIVED),
        }
        return handlers.get((method, below))

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
                yield Document(lead_id(lead.id), body(lead, self.generation, self.tag), created, updated)

    def _shown(self, lead: Document) -> Doc:
        is_new = lead.modified == lead.created
        modified = None if is_new else time_text(lead.modified)
        times = {"createdAt": time_text(lead.created), "modifiedAt": modified}
        return {**lead.body, "id": lead.id, **times}

    # Reads

    def _list(self, request: Request) -> Doc:
        sent = _object(request)
        size = sent.get("pageSize") or 20
        if not isinstance(size, int) or not 1 <= size <= MOST_ROWS:
            raise _invalid("PageSize", f"The field PageSize must be between 1 and {MOST_ROWS}.")
        ids = self._kept(self._ordered(sent.get("orderBy")), request)
        place = _place(sent.get("continuationToken"))
        first = max(0, place - size) if request.twist("repeat_page") else place
        if request.twist("extra_page") and ids and first >= len(ids):
            first = (len(ids) - 1) // size * size
        shown = [] if request.twist("empty_page") else ids[first : first + size]
        lie = request.twist("lying_total")
        return {
            "items": [summary(self.leads.leads[each], self.generation) for each in shown],
            "continuationToken": _token(first + size) if first + size < len(ids) else None,
            "pageSize": size,
            "totalCount": len(ids) + int(lie.value if lie else 0) if sent.get("includeCount") else None,
        }

    def _kept(self, ids: list[str], request: Request) -> list[str]:
        """Those that ``archiveFilter`` lets through: without it, all that are not archived."""
        wanted = request.params.get("archiveFilter", "active")
        if wanted not in ("active", "archived", "all"):
            raise _invalid("archiveFilter", "The field archiveFilter is invalid.")
        if wanted == "all":
            return ids
        return [
            each
            for each in ids
            if self.leads.leads[each].body.get("isArchived", False) == (wanted == "archived")
        ]

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
        sent = _json(request)
        given = flat_texts(sent) if isinstance(sent, dict) else {}
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
        sent = _object(request)
        if sent.get("id") not in (None, lead.id):
            raise _invalid("Id", "The id is not that of the lead.")
        self._check(sent)
        erases = self.options.leadping_absent == "erase"
        found = dict(lead.body)
        for part in OLDER_PARTS if self.generation == "older" else NEWER_PARTS:
            given = sent.get(part)
            if erases:
                found[part] = given
            elif isinstance(given, dict):
                found[part] = _deep(found.get(part), given)
        if erases or "enabled" in sent:
            found["enabled"] = bool(sent.get("enabled"))
        if erases or "tagIds" in sent or "tagNames" in sent:
            found["tags"] = self._tagged(sent)
        found |= dict.fromkeys(self.forgets & found.keys())
        return self.leads.replace(lead.id, found)

    def _changed(self, lead: Document, parts: Mapping[str, Any]) -> Doc:
        return self.leads.show(self.leads.replace(lead.id, {**lead.body, **parts}))

    def archive(self, lead_id: str) -> None:
        """Somebody archives the lead: the list leaves it out from now on, unless it is asked for all."""
        with self.leads.lock:
            lead = self.leads.leads[lead_id]
            since = time_text(self.book.clock.now())
            self._changed(lead, {**ARCHIVED, "archivedAt": since, "isArchived": True})

    def _archived(self, lead: Document, request: Request) -> Doc:
        sent = _object(request) if request.body else {}
        note = sent.get("note")
        if note is not None and (not isinstance(note, str) or len(note) > 500):
            raise _invalid("Note", "The field Note must be a text of at most 500 characters.")
        self.archive(lead.id)
        return self._changed(lead, {"archiveReason": sent.get("reason"), "archiveNote": note})

    def _status(self, lead: Document, request: Request) -> Doc:
        """Sets the lead's current status, and answers with the change."""
        sent = _object(request)
        for name in ("type", "outcome"):
            if not isinstance(sent.get(name), str) or not sent[name]:
                raise _invalid(_pascal(name), f"The {_pascal(name)} field is required.")
        if sent.get("category") not in (None, *CATEGORIES):
            raise _invalid("$.category", "The JSON value could not be converted.")
        part = "currentDisposition" if self.generation == "older" else "currentLeadStatus"
        had = lead.body[part] or {}
        for name, current in (
            ("expectedRevision", had.get("revision", 0)),
            ("expectedCurrentStatusId", had.get("id")),
        ):
            if sent.get(name) not in (None, current):
                raise _invalid(_pascal(name), "The lead has another status by now.")
        number, now = had.get("revision", 0) + 1, time_text(self.book.clock.now())
        status: Doc = {
            "id": _uuid(f"status/{lead.id}/{number}"),
            "outcome": sent["outcome"],
            "displayName": sent["outcome"],
            "changedAt": now,
            "changedByUserId": None,
            "changedByAutomationId": None,
        }
        more: Doc = {"category": sent.get("category"), "source": "API", "revision": number}
        more |= {"followUpCompletedAt": None, "followUpDueAt": sent.get("callbackAt")}
        self._changed(lead, {part: status | (more if self.generation == "newer" else {"revision": number})})
        echoed = (
            "appointmentEndAt",
            "appointmentNotes",
            "appointmentStartAt",
            "callbackAt",
            "category",
            "followUpStatus",
        )
        answer: Doc = {name: sent.get(name) for name in (*echoed, "outcome", "reason", "taskDueAt", "type")}
        answer |= {
            "id": status["id"],
            "leadId": lead.id,
            "notes": sent.get("notes") or "",
            "oldLeadStatusChangeId": had.get("id"),
            "newLeadStatusChangeId": status["id"],
            "changeSource": "API",
            **dict.fromkeys(("changedAt", "timestamp", "createdAt", "updatedAt"), now),
        }
        return answer | ({"revision": number, "isDemo": False} if self.generation == "newer" else {})

    def _retagged(self, lead: Document, request: Request, *, keep: bool) -> Doc:
        """Adds tags to the lead's, or replaces them; ``createMissing`` false takes only names that there are."""
        sent = _object(request)
        if errors := misfits({name: sent.get(name) for name in ("tagIds", "tagNames")}, self.generation):
            raise Failed(400, errors=errors)
        names = [name for name in sent.get("tagNames") or [] if name.strip().casefold() not in self.tags]
        if names and not sent.get("createMissing"):
            raise _invalid("TagNames", f"{len(names)} tags were not found.")
        tags = self._tagged(sent)
        both = {tag["id"]: tag for tag in [*(lead.body["tags"] if keep else []), *tags]}
        return self._changed(lead, {"tags": list(both.values())})

    def _untagged(self, lead: Document, tag_id: str) -> Doc:
        return self._changed(lead, {"tags": [tag for tag in lead.body["tags"] if tag["id"] != tag_id]})

    def _tagged(self, sent: Doc) -> list[Doc]:
        """The tags of both lists, each once."""
        known = {tag["id"]: tag for tag in self.tags.values()}
        if unknown := [each for each in sent.get("tagIds") or [] if each not in known]:
            raise _invalid("TagIds", f"{len(unknown)} tags were not found.")
        tags = [known[each] for each in sent.get("tagIds") or []]
        tags += [self.tag(name) for name in sent.get("tagNames") or [] if name.strip()]
        return list({tag["id"]: tag for tag in tags}.values())

    def _check(self, sent: Doc) -> None:
        taken = {
            *(OLDER_PARTS if self.generation == "older" else NEWER_PARTS),
            "enabled",
            "tagIds",
            "tagNames",
        }
        errors = misfits({part: sent[part] for part in sent if part in taken}, self.generation)
        contact = sent.get("contact") or {}
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


def _deep(had: Any, given: Doc) -> Doc:
    """An object with another one laid over it."""
    found = dict(had) if isinstance(had, dict) else {}
    for name, value in given.items():
        found[name] = _deep(found.get(name), value) if isinstance(value, dict) else value
    return found


def _invalid(name: str, message: str) -> Failed:
    return Failed(400, errors={name: [message]})


def _problem(failed: Failed) -> Answer:
    status = failed.status
    problem: Doc = {
        "type": f"https://tools.ietf.org/html/rfc9110#status-{status}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": failed.detail or None,
        "traceId": f"00-{uuid.uuid4().hex}-01",
    }
    if failed.errors:
        problem["errors"] = failed.errors
    return Answer(msgspec.json.encode(problem), status, PROBLEM, outcome=str(status))


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


def _object(request: Request) -> Doc:
    """The body of a call that needs one."""
    sent = _json(request)
    if not isinstance(sent, dict):
        raise _invalid("$", "The JSON value could not be converted.")
    return sent


def _json(request: Request) -> Any:
    try:
        return msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        return None
