"""The pages on a port of this machine, until somebody ends it."""

import asyncio
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from connector.errors import ConfigError
from connector.web.app import Log, application
from connector.web.site import Site

HOST = "127.0.0.1"
PORT = 8765
NEXT = 20
"""Ports after the usual one that are tried, where nobody asked for a certain one."""


def bound(host: str, port: int | None) -> socket.socket:
    """A socket that listens there; on the next free port where none was asked for. ``ConfigError`` where that can't be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last: OSError | None = None
    for each in [port] if port is not None else range(PORT, PORT + NEXT):
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            if sys.platform != "win32":
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((host, each))
            made.listen(128)
        except OSError as error:
            made.close()
            last = error
            continue
        return made
    raise ConfigError(
        f"--host {host}, port {port if port is not None else PORT}: {last.strerror if last else 'is taken'}.",
        "Name another one with --port.",
    )


class Server:
    """Serves the pages in the thread that calls ``run``, or in one of its own by ``start``; ``stop`` ends it."""

    def __init__(self, site: Site, listening: socket.socket, *, token: str | None, log: Log) -> None:
        self._site = site
        self._socket = listening
        self.port: int = listening.getsockname()[1]
        app = application(site, token=token, log=log)
        # No log of its own: it would write addresses.
        config = uvicorn.Config(
            app, access_log=False, log_level="error", server_header=False, ws="none", lifespan="on"
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        self._site.start()
        ready()
        with suppress(KeyboardInterrupt):
            asyncio.run(self._server.serve(sockets=[self._socket]))

    def start(self) -> "Server":
        is_ready = threading.Event()
        self._thread = threading.Thread(target=self.run, args=(is_ready.set,), daemon=True)
        self._thread.start()
        is_ready.wait(60)
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(10)
        self._socket.close()
