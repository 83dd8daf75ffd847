"""The sandbox's own endpoints, ``/_sandbox/…``: what a rehearsal in another process needs to see and do.

No token is asked for: the server listens on loopback only. But a browser on this machine reaches it, too, and whatever page it
shows could use that. So a call is refused with 403 if its ``Host`` is not this machine, or its ``Origin`` is not the sandbox
itself, and with 415 if it has a body that is not declared as JSON, which another page can't send without asking first.

Bodies and answers are JSON; a mistake is answered with 400 and ``{"error": …}``, an unknown lead or field with 404.

    GET     state               counts, options, clock
    GET     book                every live lead as a search shows it, a JSON array
    GET     row?lead_id=        one lead, also a deleted or archived one
    POST    add                 {fields?, lead_id?, created_at?, modified_at?}  -> {lead_id}
    POST    edit, api_edit      {lead_id, fields, user?}
    POST    delete, archive, restore, call    {lead_id}
    GET     calls?last=         the record of calls; DELETE empties it
    GET     faults              DELETE switches all off; POST {fault: "status=503:0.1"}
    POST    refuse              {lead_id, code, field?, value?}; DELETE takes all back, or ?lead_id='s
    POST    edits_per_second    {rate}
    POST    clock               {now?: ISO instant, ticking?, advance?: seconds, reset?: true}
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

import anyio.to_thread
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from connector.sandbox.book import Book
from connector.sandbox.calls import Calls
from connector.sandbox.editing import Editor
from connector.sandbox.faults import Faults, parse_fault
from connector.sandbox.refusals import Refusals

CHUNK = 1_000
JSON = "application/json"
HERE = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""What this machine is called in ``Host``, whatever the port: it may be forwarded."""
Handler = Callable[[Request], Awaitable[Response]]


class Control:
    """The endpoints over one sandbox; ``state`` answers what ``GET state`` shows."""

    def __init__(
        self,
        *,
        book: Book,
        calls: Calls,
        faults: Faults,
        refusals: Refusals,
        editor: Editor,
        state: Callable[[], dict[str, Any]],
    ) -> None:
        self._book = book
        self._calls_made = calls
        self._faults_on = faults
        self._refusals = refusals
        self._editor = editor
        self._shown = state

    def app(self) -> Starlette:
        routes = [
            self._route("state", "GET", self._state),
            self._route("book", "GET", self._rows),
            self._route("row", "GET", self._row),
            self._route("add", "POST", self._add),
            self._route("edit", "POST", self._edit),
            self._route("api_edit", "POST", self._api_edit),
            *(
                self._route(name, "POST", self._on_lead(name))
                for name in ("delete", "archive", "restore", "call")
            ),
            self._route("calls", "GET", self._calls),
            self._route("calls", "DELETE", self._clear_calls),
            self._route("faults", "GET", self._faults),
            self._route("faults", "POST", self._add_fault),
            self._route("faults", "DELETE", self._clear_faults),
            self._route("refuse", "POST", self._refuse),
            self._route("refuse", "DELETE", self._clear_refusals),
            self._route("edits_per_second", "POST", self._edits_per_second),
            self._route("clock", "POST", self._clock),
        ]
        return Starlette(routes=routes)

    def _route(self, name: str, method: str, handler: Handler) -> Route:
        async def guarded(request: Request) -> Response:
            try:
                return await _refused(request) or await handler(request)
            except KeyError as error:
                return _json({"error": str(error.args[0]) if error.args else "not found"}, 404)
            except (ValueError, TypeError, msgspec.MsgspecError) as error:
                return _json({"error": str(error)}, 400)

        return Route(f"/_sandbox/{name}", guarded, methods=[method])

    async def _state(self, request: Request) -> Response:
        return _json(self._shown())

    async def _rows(self, request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            ids, lead = self._book.ids(), b"["
            for first in range(0, len(ids), CHUNK):
                with self._book.lock:
                    found = [self._book.find(lead_id) for lead_id in ids[first : first + CHUNK]]
                    rows = [msgspec.json.encode(self._book.shown(each)) for each in found if each is not None]
                if rows:
                    yield lead + b",\n".join(rows)
                    lead = b",\n"
            yield b"]" if lead != b"[" else b"[]"

        return StreamingResponse(chunks(), media_type=JSON)

    async def _row(self, request: Request) -> Response:
        return _json(self._book.row(request.query_params["lead_id"]))

    async def _add(self, request: Request) -> Response:
        given = await _given(request, set(), {"fields", "lead_id", "created_at", "modified_at"})
        lead_id = self._book.add(
            _fields(given.get("fields", {})),
            lead_id=given.get("lead_id"),
            created_at=_instant(given.get("created_at")),
            modified_at=_instant(given.get("modified_at")),
        )
        return _json({"lead_id": lead_id})

    async def _edit(self, request: Request) -> Response:
        given = await _given(request, {"lead_id", "fields"}, {"user"})
        self._book.edit(given["lead_id"], _fields(given["fields"]), user=str(given.get("user", "30001")))
        return _json({"lead_id": str(given["lead_id"])})

    async def _api_edit(self, request: Request) -> Response:
        given = await _given(request, {"lead_id", "fields"}, set())
        self._book.api_edit(given["lead_id"], _fields(given["fields"]))
        return _json({"lead_id": str(given["lead_id"])})

    def _on_lead(self, name: str) -> Handler:
        async def handler(request: Request) -> Response:
            given = await _given(request, {"lead_id"}, set())
            getattr(self._book, name)(given["lead_id"])
            return _json({"lead_id": str(given["lead_id"])})

        return handler

    async def _calls(self, request: Request) -> Response:
        last = request.query_params.get("last")
        return _json(self._calls_made.as_json(None if last is None else max(0, int(last))))

    async def _clear_calls(self, request: Request) -> Response:
        self._calls_made.clear()
        return _json({})

    async def _faults(self, request: Request) -> Response:
        return _json(self._faults_on.as_json())

    async def _add_fault(self, request: Request) -> Response:
        given = await _given(request, {"fault"}, set())
        fault = parse_fault(str(given["fault"]))
        self._faults_on.switch_on(fault)
        return await self._faults(request)

    async def _clear_faults(self, request: Request) -> Response:
        self._faults_on.clear()
        return _json({})

    async def _refuse(self, request: Request) -> Response:
        given = await _given(request, {"lead_id", "code"}, {"field", "value"})
        self._refusals.add(
            given["lead_id"], given["code"], field=given.get("field"), value=given.get("value")
        )
        return _json(self._refusals.as_json())

    async def _clear_refusals(self, request: Request) -> Response:
        self._refusals.clear(request.query_params.get("lead_id"))
        return _json(self._refusals.as_json())

    async def _edits_per_second(self, request: Request) -> Response:
        given = await _given(request, {"rate"}, set())
        # Stopping waits for the edit under way, which may itself be waiting for the book.
        await anyio.to_thread.run_sync(self._editor.set_rate, float(given["rate"]))
        return _json({"rate": self._editor.rate, "edits": self._editor.edits})

    async def _clock(self, request: Request) -> Response:
        given = await _given(request, set(), {"now", "ticking", "advance", "reset"})
        clock = self._book.clock
        if given.get("reset"):
            clock.reset()
        now = _instant(given.get("now"))
        if now is not None:
            clock.set(now, ticking=bool(given.get("ticking", True)))
        clock.advance(float(given.get("advance", 0)))
        return _json({"now": clock.now().isoformat()})


async def _refused(request: Request) -> Response | None:
    """The answer to a call that no program of this machine's user makes; ``None`` for any other call."""
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    if _name_of(host) not in HERE:
        return _json({"error": f"Host {host!r} is not this machine: use 127.0.0.1 or localhost"}, 403)
    if origin is not None and origin != f"http://{host}":
        return _json({"error": f"Origin {origin!r} is not the sandbox: no other page may steer it"}, 403)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON and await request.body():
        given = repr(kind) if kind else "no type at all"
        return _json({"error": f"a body must have Content-Type: {JSON}, not {given}"}, 415)
    return None


def _name_of(host: str) -> str:
    """A ``Host`` without its port, in lower case."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type=JSON)


async def _given(request: Request, needed: set[str], possible: set[str]) -> dict[str, Any]:
    """The body as an object with these names; ``ValueError`` for one too many or too few."""
    body = await request.body()
    given = msgspec.json.decode(body) if body else {}
    if not isinstance(given, dict):
        raise ValueError("the body must be a JSON object")
    for name in sorted(needed - given.keys()):
        raise ValueError(f"{name} is missing")
    for name in sorted(given.keys() - needed - possible):
        raise ValueError(f"{name} is not known here")
    return given


def _fields(given: Any) -> dict[str, str | None]:
    if not isinstance(given, dict):
        raise ValueError("fields must be an object of texts and nulls")
    return {str(name): None if value is None else str(value) for name, value in given.items()}


def _instant(given: Any) -> datetime | None:
    return None if given is None else datetime.fromisoformat(str(given))
