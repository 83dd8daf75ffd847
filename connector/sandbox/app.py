"""The sandbox as an ASGI app: finds the vendor, lets faults strike, keeps the record. Bare ASGI, as pages are large."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from email.utils import format_datetime

import msgspec

from connector.sandbox.calls import Call, Calls
from connector.sandbox.clock import Clock
from connector.sandbox.faults import Fault, Faults
from connector.sandbox.wire import (
    HTML,
    JSON,
    Answer,
    Description,
    Receive,
    Request,
    Scope,
    Send,
    Twist,
    Vendor,
    drop,
    html,
    read_body,
    send_answer,
    send_part,
)

CONTROL = "/_sandbox/"
_ID_AS_TEXT = re.compile(rb'"(id|lead_id)":\s*"(\d+)"')
_RESETS = frozenset({"drop_before_write", "drop_after_write", "hang", "hang_after_write"})


class App:
    """``control`` is an ASGI app for everything under ``/_sandbox/``."""

    def __init__(
        self, vendors: Sequence[Vendor], faults: Faults, calls: Calls, clock: Clock, latency: float = 0.0
    ) -> None:
        self._vendors = vendors
        self._faults = faults
        self._calls = calls
        self._clock = clock
        self.latency = latency
        self.control: object = None
        self._stopping: asyncio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"].startswith(CONTROL) and callable(self.control):
            await self.control(scope, receive, send)
            return
        body = await read_body(receive)
        if body is None:
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request = Request(scope["method"], scope["path"], scope["query_string"], headers, body)
        struck = self._faults.fire(request.path, request.method)
        request.twists = tuple(Twist(fault.kind, fault.value) for fault in struck if fault.moment == "page")
        await self._serve(scope, receive, send, request, struck)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, request: Request, struck: list[Fault]
    ) -> None:
        vendor = next((each for each in self._vendors if request.path.startswith(each.prefixes)), None)
        with self._calls.under_way(vendor.name if vendor else "none"):
            await self._serve_one(scope, receive, send, request, struck, vendor)

    async def _serve_one(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        request: Request,
        struck: list[Fault],
        vendor: Vendor | None,
    ) -> None:
        arrived = self._clock.now()
        about = vendor.describe(request) if vendor else Description("none")
        delay = self.latency + sum(fault.value for fault in struck if fault.kind == "latency")
        if delay:
            await asyncio.sleep(delay)
        fault = next((each for each in struck if each.kind != "latency" and each.moment != "page"), None)
        reaches = fault is None or fault.moment == "after"
        answer = html(503, "Service Unavailable")
        if reaches:
            answer = (vendor.answer(request) if vendor else None) or html(404, "404 Not Found")
        reset = fault is not None and fault.kind in _RESETS
        final = answer if fault is None else spoil(answer, fault)
        date = format_datetime(self._clock.now(), usegmt=True)
        final = replace(final, headers=(*final.headers, ("date", date)))
        call = Call(
            arrived,
            vendor.name if vendor else "none",
            request.method,
            request.path,
            about.action,
            about.lead_id,
            about.names,
            None if reset else final.status,
            answer.outcome if reaches else "not carried out",
            next((each.kind for each in (fault, *struck) if each is not None), None),
            reaches,
        )
        # Recorded before the answer leaves, so that whoever has the answer finds the call.
        self._calls.record(call)
        if fault is not None and reset:
            if fault.kind.startswith("hang"):
                await self._pause(fault.value)
            await drop(scope, receive)
        elif fault is not None and fault.kind == "cut":
            await send_part(scope, receive, send, final)
        else:
            await send_answer(send, final)

    async def _pause(self, seconds: float) -> None:
        """Waits, but not beyond the end of the sandbox."""
        if self._stopping is None:
            self._stopping = asyncio.Event()
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    def stop(self) -> None:
        """Ends every pause; to be called on the server's loop."""
        if self._stopping is not None:
            self._stopping.set()
            self._stopping = None


def spoil(answer: Answer, fault: Fault) -> Answer:
    """The answer as this fault leaves it."""
    kind = fault.kind
    if kind in {"status", "status_after_write"}:
        again = fault.retry_after_header()
        page = html(int(fault.value), f"{int(fault.value)} from the sandbox")
        return replace(page, headers=() if again is None else (("retry-after", again),))
    body = answer.content()
    if kind == "truncate":
        return replace(answer, body=body[: int(len(body) * min(fault.value, 1.0))])
    if kind == "html":
        return replace(html(200, "Please sign in"), content_type=HTML)
    if answer.content_type != JSON:
        return answer
    if kind == "ids_as_numbers":
        return replace(answer, body=_ID_AS_TEXT.sub(rb'"\1":\2', body))
    if kind == "no_success":
        decoded = msgspec.json.decode(body)
        if isinstance(decoded, dict):
            flags = [name for name in ("success", "Status") if name in decoded]
            for name in flags or ["id"]:
                decoded.pop(name, None)
        return replace(answer, body=msgspec.json.encode(decoded))
    return answer
