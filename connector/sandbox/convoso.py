"""Convoso's API, ``/v1/…``, over the book.

From Convoso's own pages, the community's page of the Leads API, the types of a public SDK (see ``documented/convoso.py``), and
what live clients see (the envelope with ``data.entries``, errors at HTTP 200). Convoso's pages show some endpoints as ``GET``
and some as ``POST``, and live clients use either at all of them; so both are taken everywhere. Parameters may be in the query
string, in a form or in a JSON object, and the token may be a parameter or ``Authorization: Bearer``. Where nothing is
documented, the sandbox does what such a server would most likely do, and says so here:

* a date that can't be read is refused with code 400;
* a bound without a time of day means the whole day;
* filters compare whole values, phone numbers by their digits, everything else without regard to case;
* rows come by the filtered time, and by id where none is filtered;
* an empty parameter of a write is ignored for fields that can't be blank, and follows ``empty_clears`` otherwise;
* an unknown parameter is ignored;
* another method than ``GET`` and ``POST`` is answered with a web page and status 405.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from connector.documented.convoso import text_at
from connector.sandbox.book import PLACE, READ_ONLY, Book, Hits, Lead, Removal
from connector.sandbox.convoso_desk import Desk, recorded
from connector.sandbox.convoso_inserts import Inserts, without_code
from connector.sandbox.convoso_params import Paging, Refused, filled, paging, read_json, second_of, token_of
from connector.sandbox.index import Index
from connector.sandbox.options import Options
from connector.sandbox.refusals import Refusals
from connector.sandbox.values import digits, is_email, is_phone
from connector.sandbox.wire import Answer, Description, Listing, Request, html

PREFIX = "/v1/"
MAX_LIMIT, MAX_RECORDINGS, DEFAULT_LIMIT = 2000, 100, 10
LEADS = "leads/"
ALIASES = {
    # Convoso's pages name these paths and show the usual ones in their examples.
    "lead/get-recordings": "leads/get-recordings",
    "list/search": "lists/search",
    "list/insert": "lists/insert",
    "list/update": "lists/update",
}

FIELD_FILTERS = (
    "list_id", "user_id", "owner_id", "status", "created_by", "email", "last_modified_by", "first_name", "last_name",
    "phone_number", "alt_phone_1", "alt_phone_2", "address1", "address2", "city", "state", "province", "postal_code",
    "country", "gender", "date_of_birth", "std_company_name", "std_consumer_number", "std_account_number",
)  # fmt: skip
PHONES = frozenset({"phone_number", "alt_phone_1", "alt_phone_2"})
TIME_FILTERS = {
    "updated": ("updated_at_start_date", "updated_at_end_date"),
    "changed": ("changed_at_start_date", "changed_at_end_date"),
    "created": ("created_at_start_date", "created_at_end_date"),
    "called": ("last_call_start_date", "last_call_end_date"),
    "deleted": ("deleted_at_start", "deleted_at_end"),
    "archived": ("archived_at_start", "archived_at_end"),
}
GENERAL_TEXTS = {"400": "Invalid date", "4001": "Missing required field"}
"""Codes that are answered at any endpoint; the second is the community's."""
REMOVALS: tuple[Removal, ...] = ("deleted", "archived")
NEVER_BLANK = frozenset({"list_id", "status", "phone_code", "phone_number", "created_by", "last_modified_by"})
USER_FIELDS = ("owner_id", "user_id", "created_by", "last_modified_by")

Window = tuple[int | None, int | None]


class Convoso:
    """One account's Convoso API; see the module for where its behaviour comes from."""

    name = "convoso"
    prefixes: tuple[str, ...] = ("/v1/",)

    def __init__(self, book: Book, options: Options, refusals: Refusals) -> None:
        self.book = book
        self.options = options
        self.refusals = refusals
        self.inserts = Inserts(book, options)
        self.desk = Desk(book, options, self.inserts)
        self._rows = book.cache()
        self._actions: dict[str, Callable[[Request], bytes | Listing]] = {
            "search": self._search,
            "update": self._update,
            "insert": self._insert,
            "delete": self._delete,
            "get-recordings": self._recordings,
        }

    def warm(self) -> None:
        """Writes every lead's row once, so that the first reader is served as fast as the next."""
        with self.book.lock:
            # In the order in which pages are made of them: rows that go out together then lie together in memory,
            # which makes joining them twice as fast.
            for lead_id in self.book.by_updated.ids(0, len(self.book)):
                self._row(lead_id)

    def settings(self, address: str) -> Mapping[str, str]:
        return {
            "base_url": f"{address}/v1",
            "auth_token": self.options.token,
            "timezone": self.options.timezone,
        }

    def describe(self, request: Request) -> Description:
        read_json(request)
        names = tuple(name for name in request.params if name != "auth_token")
        return Description(_action(request.path), request.params.get("lead_id") or None, names)

    def answer(self, request: Request) -> Answer | None:
        name = _action(request.path)
        action, other = self._actions.get(name), self.desk.actions.get(name)
        if action is None and other is None:
            return None
        if request.method not in ("GET", "POST"):
            return html(405, "405 Method Not Allowed")
        read_json(request)
        endpoint = name if "/" in name else LEADS + name
        try:
            self._check_token(request)
            with self.book.lock:
                if action is not None:
                    return Answer(action(request))
                assert other is not None
                return Answer(msgspec.json.encode(other(filled(request.params))))
        except Refused as refused:
            return self._error(refused, endpoint)

    def _check_token(self, request: Request) -> None:
        token = token_of(request)
        if token and token == self.options.other_office_token:
            raise Refused("403", status=403)
        if token != self.options.token:
            raise Refused("5001")

    def _error(self, refused: Refused, endpoint: str) -> Answer:
        live = self.options.envelope == "live"
        words = GENERAL_TEXTS.get(refused.code) or text_at(endpoint, refused.code, community=not live)
        code = int(refused.code) if refused.code.isdigit() else refused.code
        body = {"success": False, "code": code, "text" if live else "error": words + refused.about}
        return Answer(msgspec.json.encode(body), refused.status, outcome=refused.code)

    # Search

    def _search(self, request: Request) -> Listing:
        params = filled(request.params)
        page = paging(params, MAX_LIMIT, DEFAULT_LIMIT)
        hits = self._hits(params)
        offset, total = 0 if self.options.ignore_offset else page.offset, len(hits)
        if request.twist("repeat_page"):
            offset = max(0, offset - page.limit)
        if request.twist("extra_page") and total and offset >= total:
            offset = (total - 1) // page.limit * page.limit
        ids = [] if request.twist("empty_page") else hits.page(offset, page.limit)
        lie = request.twist("lying_total")
        return self._envelope(page, total + int(lie.value if lie else 0), self._many(ids))

    def _envelope(self, page: Paging, total: int, rows: list[bytes]) -> Listing:
        if self.options.envelope == "live":
            head = b'{"success":true,"data":{"offset":%d,"limit":%d,"total":"%d","entries":[' % (
                *page,
                total,
            )
            return Listing(head, rows, b"]}}")
        # The page shows a success flag where nothing was found, and none where something was.
        head = b'{"results":[' if rows else b'{"success":true,"results":['
        return Listing(head, rows, b'],"offset":%d,"limit":%d}' % page)

    def _many(self, ids: list[int]) -> list[bytes]:
        rows = self._rows
        try:
            return [rows[lead_id] for lead_id in ids]
        except KeyError:
            return [self._row(lead_id) for lead_id in ids]

    def _row(self, lead_id: int) -> bytes:
        row = self._rows.get(lead_id)
        if row is None:
            row = self._rows[lead_id] = msgspec.json.encode(self.book.shown(self.book.leads[lead_id]))
        return row

    def _hits(self, params: Mapping[str, str]) -> Hits:
        windows = {
            name: window for name in TIME_FILTERS if (window := self._window(name, params)) is not None
        }
        removals = [name for name in REMOVALS if name in windows]
        tests = [_field_test(name, params[name]) for name in FIELD_FILTERS if name in params]
        if len(removals) > 1:
            return Hits(self.book.by_id, 0, 0, [])  # no lead is both deleted and archived
        if "lead_id" in params:
            tests += [_time_test(name, window) for name, window in windows.items()]
            lead = self.book.find(params["lead_id"], removed=bool(removals))
            meant = lead is not None and lead.removal == (removals[0] if removals else None)
            return Hits(
                self.book.by_id,
                0,
                0,
                [lead.id] if lead and meant and all(test(lead) for test in tests) else [],
            )
        index, given = self._index(windows, removals)
        tests += [_time_test(name, window) for name, window in windows.items()]
        return self.book.search(
            index, given, (lambda lead: all(test(lead) for test in tests)) if tests else None
        )

    def _index(self, windows: dict[str, Window], removals: list[Removal]) -> tuple[Index, list[Window]]:
        """The index in whose order the rows come, and its window, which is taken out of ``windows``."""
        if removals:
            return self.book.by_removed[removals[0]], [windows.pop(removals[0])]
        if "updated" in windows:
            return self.book.by_updated, [windows.pop("updated")]
        if "changed" in windows:
            return self.book.by_changed, [windows.pop("changed")]
        return self.book.by_id, []

    def _window(self, name: str, params: Mapping[str, str]) -> Window | None:
        start, end = TIME_FILTERS[name]
        if self.options.ignore_time or (start not in params and end not in params):
            return None
        return self._second(start, params.get(start), 0), self._second(end, params.get(end), 1)

    def _second(self, name: str, text: str | None, last: int) -> int | None:
        """A bound as seconds since 1970; without a time of day it is the first or the last second of the day."""
        if text is None:
            return None
        options = self.options
        found = second_of(
            text,
            self.book.zone,
            last=bool(last),
            fold=options.fold,
            by_day=options.precision == "day",
        )
        if found is None:
            raise Refused("400", f" in {name}")
        return found

    # Writes

    def _update(self, request: Request) -> bytes:
        params = request.params
        lead_id = (params.get("lead_id") or "").strip()
        if not lead_id.isascii() or not lead_id.isdigit() or int(lead_id) == 0:
            raise Refused("6070")
        self._check_refusals(lead_id, params)
        lead = self.book.find(lead_id)
        if lead is None:
            raise Refused("6071")
        self._check(params)
        self.book.api_edit(lead.id, self._fields(params))
        return msgspec.json.encode({"success": True, "data": {"lead_id": self._shown_id(str(lead.id))}})

    def _insert(self, request: Request) -> bytes:
        params = without_code(request.params)
        if not params.get("phone_number") or not params.get("list_id"):
            raise Refused("6007")
        if any(not params.get(name) for name in self.options.required_fields):
            raise Refused("6023")
        self._check(params)
        if self.inserts.unwanted(params):
            raise Refused("6008")
        found = self.inserts.existing(params)
        if found is None:
            lead_id = self.inserts.add(params, self._fields(params))
        elif self.inserts.may_update(found, params):
            self._check_refusals(str(found.id), params)
            self.book.api_edit(found.id, self._fields(params))
            lead_id = str(found.id)
        else:
            raise Refused("6009")
        self.inserts.queue(lead_id, params)
        shown = self._shown_id(lead_id)
        return msgspec.json.encode({"success": True, "data": {"lead_id": shown}, "id": shown})

    def _delete(self, request: Request) -> bytes:
        lead_id = (request.params.get("lead_id") or "").strip()
        self._check_refusals(lead_id, request.params)
        if self.book.find(lead_id) is None:
            raise Refused("6001")
        self.book.delete(lead_id)
        return b'{"success":true}'

    def _shown_id(self, lead_id: str) -> str | int:
        """The official page answers a write with a number, the community's with text."""
        return int(lead_id) if self.options.envelope == "live" else lead_id

    def _check_refusals(self, lead_id: str, params: Mapping[str, str]) -> None:
        code = self.refusals.code(lead_id, params)
        if code is not None:
            raise Refused(code)

    def _check(self, params: Mapping[str, str]) -> None:
        if params.get("list_id") and params["list_id"] not in self.book.lists:
            raise Refused("6002")
        if any(params.get(name) and params[name] not in self.book.users for name in USER_FIELDS):
            raise Refused("6006")
        if params.get("phone_number") and not is_phone(params["phone_number"]):
            raise Refused("6008")
        if params.get("email") and not is_email(params["email"]):
            raise Refused("6079")

    def _fields(self, params: Mapping[str, str]) -> dict[str, str]:
        """What of the parameters is written to the lead."""
        return {
            name: value
            for name, value in params.items()
            if self.book.knows(name)
            and name not in READ_ONLY
            and (value != "" or (self.options.empty_clears and name not in NEVER_BLANK))
        }

    # Recordings

    def _recordings(self, request: Request) -> bytes:
        params = filled(request.params)
        page = paging(params, MAX_RECORDINGS, DEFAULT_LIMIT)
        if "lead_id" not in params:
            raise Refused("6005")
        start = self._second("start_time", params.get("start_time"), 0)
        end = self._second("end_time", params.get("end_time"), 1)
        lead = self.book.find(params["lead_id"], removed=True)
        every = self.book.recordings(lead.id) if lead else []
        inside = [each for each in every if _inside(each.start, (start, end))]
        community = self.options.envelope == "community"
        entries = [
            recorded(self.book, each, as_text=community)
            for each in inside[page.offset : page.offset + page.limit]
        ]
        if community:
            return msgspec.json.encode({"entries": entries})
        data = {**page._asdict(), "total": str(len(inside)), "entries": entries}
        return msgspec.json.encode({"success": True, "data": data})


def _action(path: str) -> str:
    """What a call is: ``search`` for ``/v1/leads/search``, ``lists/search`` for ``/v1/lists/search``."""
    name = path.removeprefix(PREFIX)
    name = ALIASES.get(name, name)
    short = name.removeprefix(LEADS)
    # What is not below a folder is at no endpoint, and neither is what is below two.
    return path if ("/" in short) == name.startswith(LEADS) else short


def _inside(second: int | None, window: Window) -> bool:
    start, end = window
    return second is not None and (start is None or second >= start) and (end is None or second <= end)


def _time_test(name: str, window: Window) -> Callable[[Any], bool]:
    attribute = "removed" if name in REMOVALS else name
    return lambda lead: _inside(getattr(lead, attribute), window)


def _field_test(name: str, wanted: str) -> Callable[[Lead], bool]:
    place = PLACE[name]
    if name in PHONES:
        number = digits(wanted)
        return lambda lead: digits(lead.values[place] or "") == number
    text = wanted.strip().casefold()
    return lambda lead: (lead.values[place] or "").strip().casefold() == text
