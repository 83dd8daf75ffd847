"""The sandbox as a server on loopback: in a thread of a test, or as a process in the foreground."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Self

import uvicorn

from connector.sandbox.app import App
from connector.sandbox.book import Book
from connector.sandbox.calls import Calls
from connector.sandbox.clock import Clock
from connector.sandbox.control import Control
from connector.sandbox.convoso import Convoso
from connector.sandbox.editing import Editor
from connector.sandbox.faults import Fault, Faults
from connector.sandbox.leadping import Leadping
from connector.sandbox.leadsquared import LeadSquared
from connector.sandbox.options import Options, make_options
from connector.sandbox.pollybot import PollyBot
from connector.sandbox.refusals import Refusals
from connector.sandbox.wire import AbortableProtocol, Vendor

HOST = "127.0.0.1"
VENDORS: tuple[Callable[[Book, Options, Refusals], Vendor], ...] = (Convoso, LeadSquared, PollyBot, Leadping)
"""Every vendor of the sandbox, all over the same book: a new one is one file and one line."""

KEEP_ALIVE = 75
"""Seconds an idle connection stays open: longer than any pause of a test, so that no write meets a closing one."""


class Sandbox:
    """A CRM on this machine::

        with Sandbox(leads=5_000, edits_per_second=50) as crm:
            settings = {"base_url": crm.base_url + "/v1", "auth_token": crm.token, "timezone": crm.timezone}
            crm.book.edit(lead_id, {"status": "SALE"})
            crm.faults.add("drop_after_write", probability=0.1, path="update")
            crm.calls.count("update")

    Keyword arguments are those of ``Options``; besides, ``clock`` is a callable that returns an aware datetime,
    ``faults`` are specs as ``parse_fault`` reads them, ``book`` is one to go on with instead of a new one, and ``crms`` are
    imitations of further CRMs.
    Entering it starts the server in a daemon thread, leaving it stops the server and the edits.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] | None = None,
        faults: Iterable[str | Fault] = (),
        book: Book | None = None,
        crms: Iterable[Callable[[Book, Options, Refusals], Vendor]] = (),
        **options: Any,
    ) -> None:
        self.options = make_options(options)
        chosen = self.options
        self.clock = book.clock if book is not None else Clock(clock)
        self.book = book or Book(
            chosen.leads,
            seed=chosen.seed,
            zone=chosen.zone,
            clock=self.clock,
            touch_on_api_edit=chosen.touch_on_api_edit,
            custom_fields=chosen.custom_fields,
            normalise=chosen.normalise,
            show_removal_times=chosen.show_removal_times,
            offset_times=chosen.times == "offset",
        )
        self.faults = Faults(chosen.seed, faults)
        self.refusals = Refusals()
        self.calls = Calls()
        self.editor = Editor(self.book, chosen.seed)
        self.vendors = {
            vendor.name: vendor
            for vendor in (make(self.book, chosen, self.refusals) for make in (*VENDORS, *crms))
        }
        self._app = App(list(self.vendors.values()), self.faults, self.calls, self.clock, chosen.latency)
        self._app.control = Control(
            book=self.book,
            calls=self.calls,
            faults=self.faults,
            refusals=self.refusals,
            editor=self.editor,
            state=self.state,
        ).app()
        self._port = chosen.port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:PORT``; Convoso's is this with ``/v1``."""
        return f"http://{HOST}:{self.port}"

    def settings(self) -> dict[str, Mapping[str, str]]:
        """What leadloop has to be told to work with this sandbox: vendor -> setting below ``crm.<vendor>`` -> value."""
        return {name: vendor.settings(self.base_url) for name, vendor in self.vendors.items()}

    @property
    def port(self) -> int:
        if not self._port:
            raise RuntimeError("the sandbox has no port before it is started")
        return self._port

    @property
    def token(self) -> str:
        return self.options.token

    @property
    def timezone(self) -> str:
        return self.book.zone.key

    @property
    def edits_per_second(self) -> float:
        """How fast people edit leads by themselves; may be set at any time, and 0 returns when the last one is done."""
        return self.editor.rate

    @edits_per_second.setter
    def edits_per_second(self, rate: float) -> None:
        self.editor.set_rate(rate)

    def refuse(
        self, lead_id: str, code: str | int, *, field: str | None = None, value: str | None = None
    ) -> None:
        """Writes to this lead fail with this code, where given only for this field or value; see ``refusals``."""
        self.refusals.add(lead_id, code, field=field, value=value)

    def state(self) -> dict[str, Any]:
        """Counts, options and clock, as ``GET /_sandbox/state`` answers them."""
        return {
            "leads": len(self.book),
            "deleted": len(self.book.by_removed["deleted"]),
            "archived": len(self.book.by_removed["archived"]),
            "calls": len(self.calls),
            "edits": self.editor.edits,
            "edits_per_second": self.editor.rate,
            "now": self.clock.now().isoformat(),
            "vendors": sorted(self.vendors),
            "options": self.options.as_json(),
        }

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Starts the server in a thread and returns when it takes calls. A stopped one starts again on its port."""
        if self._thread is not None:
            raise RuntimeError("the sandbox is running already")
        listener = self._prepare()
        server = self._server
        assert server is not None
        self._thread = threading.Thread(
            target=server.run, args=([listener],), name="sandbox-server", daemon=True
        )
        self._thread.start()
        while not server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the sandbox's server did not start")
            time.sleep(0.002)
        self.editor.set_rate(self.options.edits_per_second)
        return self

    def stop(self) -> None:
        """Stops edits and server; calls under way are cut off."""
        self.editor.set_rate(0)
        if self._server is not None and self._thread is not None:
            self._server.end()
            self._thread.join(10)
        self._server = self._thread = None

    def run(self, on_ready: Callable[["Sandbox"], None] | None = None) -> None:
        """Serves in this thread until SIGINT or SIGTERM; ``on_ready`` is called when calls are taken."""
        listener = self._prepare()
        server = self._server
        assert server is not None
        if on_ready is not None:
            server.on_started = lambda: on_ready(self)
        self.editor.set_rate(self.options.edits_per_second)
        try:
            server.run([listener])
        except KeyboardInterrupt:
            pass
        finally:
            self.editor.set_rate(0)
            self._server = None

    def _prepare(self) -> socket.socket:
        for vendor in self.vendors.values():
            vendor.warm()
        listener = _listen(self._port)
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            http=AbortableProtocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,  # the sandbox says its own time
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config, self._app)
        return listener


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it has started, and ends at once when it is told to from another thread.

    uvicorn itself looks for that ten times a second and then waits another tenth: too long for hundreds of tests.
    """

    def __init__(self, config: uvicorn.Config, app: App) -> None:
        super().__init__(config)
        self._sandbox_app = app
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()
        self.on_started: Callable[[], None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.on_started is not None:
            self.on_started()

    async def main_loop(self) -> None:
        tick = 0
        while not await self.on_tick(tick):
            tick += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._sandbox_app.stop()
        if not self.force_exit:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0.001)

    def end(self) -> None:
        """Stops the server; to be called from another thread than its own."""
        self.force_exit = self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ended.set)


def _listen(port: int) -> socket.socket:
    # asyncio switches Nagle's algorithm off only where the protocol is named; with it, large pages stall for 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"port {port} of {HOST} can't be used: {error.strerror}") from None
    return listener


def serve(
    *, on_ready: Callable[[Sandbox], None] | None = None, faults: Iterable[str | Fault] = (), **options: Any
) -> None:
    """Runs a sandbox in the foreground until it is interrupted.

    ``options`` are those of ``Options``; ``on_ready`` gets the running sandbox, to say where it is. ``ValueError`` or
    ``TypeError`` for options that make no sense, ``OSError`` where the port is taken.
    """
    Sandbox(faults=faults, **options).run(on_ready)
