"""Tinybook on this machine, over the sandbox's people."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from connector.testing import Answer, Book, Description, Document, Documents, Options, Refusals, Request

_PATH = re.compile(r"/book/leads(?:/([^/]+))?")
STATUSES = {"bad_key": 401, "no_lead": 404}


class Refused(Exception):  # noqa: N818 - an answer on its way, not a failure
    def __init__(self, code: str, field: str | None = None) -> None:
        self.code, self.field = code, field


class Tinybook:
    """One account."""

    name = "tinybook"
    prefixes: tuple[str, ...] = ("/book/",)

    def __init__(self, book: Book, options: Options, refusals: Refusals) -> None:
        self.book, self.options, self.refusals = book, options, refusals
        self.leads = Documents(self._made, self._shown, book.clock, options.elsewhere)

    def warm(self) -> None:
        """Nothing to do: the leads are made when they are first asked for."""

    def settings(self, address: str) -> Mapping[str, str]:
        return {"base_url": address, "key": self.options.token}

    def describe(self, request: Request) -> Description:
        match = _PATH.fullmatch(request.path)
        if match is None:
            return Description("none")
        if match[1] is None:
            return Description("list", None, tuple(request.params))
        if request.method == "PUT":
            return Description("update", match[1], tuple(msgspec.json.decode(request.body)))
        return Description("get", match[1])

    def answer(self, request: Request) -> Answer | None:
        match = _PATH.fullmatch(request.path)
        if match is None:
            return None
        try:
            if request.headers.get("x-key") != self.options.token:
                raise Refused("bad_key")
            with self.leads.lock:
                found = self._list(request) if match[1] is None else self._one(match[1], request)
        except Refused as refused:
            said = {"success": False, "error": refused.code, "field": refused.field}
            status = STATUSES.get(refused.code, 400)
            return Answer(msgspec.json.encode(said), status, outcome=refused.code)
        return Answer(msgspec.json.encode({"success": True, **found}))

    def _made(self) -> Iterator[Document]:
        for lead_id in self.book.ids():
            lead = self.book.leads[int(lead_id)]
            made, changed = (datetime.fromtimestamp(each, UTC) for each in (lead.created, lead.updated))
            names = ("first_name", "phone_number", "city", "notes")
            yield Document(str(900_000 + lead.id), {name: lead.get(name) for name in names}, made, changed)

    def _shown(self, lead: Document) -> dict[str, Any]:
        return {
            "id": lead.id,
            **lead.body,
            "made": lead.created.isoformat(),
            "changed": lead.modified.isoformat(),
        }

    def _list(self, request: Request) -> dict[str, Any]:
        page, limit = int(request.params["page"]), int(request.params["limit"])
        ids = [lead_id for _, lead_id in reversed(self.leads.by_time())]
        rows = [self.leads.show(self.leads.leads[each]) for each in ids[(page - 1) * limit : page * limit]]
        return {"leads": rows, "total": len(ids)}

    def _one(self, lead_id: str, request: Request) -> dict[str, Any]:
        lead = self.leads.find(lead_id)
        if lead is None:
            raise Refused("no_lead")
        if request.method == "PUT":
            fields = msgspec.json.decode(request.body)
            if (
                code := self.refusals.code(lead_id, {name: text or "" for name, text in fields.items()})
            ) is not None:
                raise Refused(code, next(iter(fields)))
            lead = self.leads.replace(lead_id, {**lead.body, **fields})
        return {"lead": self.leads.show(lead)}
