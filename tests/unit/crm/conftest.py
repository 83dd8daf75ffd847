"""A small server on loopback that answers what a test tells it to, and breaks off where a test wants it to."""

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest


@dataclass
class Request:
    """One request as it arrived."""

    path: str
    query: dict[str, str]
    form: dict[str, str]
    body: bytes
    headers: dict[str, str]
    port: int
    method: str = "POST"


@dataclass
class Server:
    """``replies`` are given in order, the last one for ever; see ``Handler.reply`` for what one may hold."""

    url: str
    replies: list[dict[str, Any]]
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, request: Request) -> dict[str, Any]:
        with self.lock:
            self.requests.append(request)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for the client to confirm its headers
    server: Any

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        port = self.client_address[1]
        request = Request(url.path, query, form, body, dict(self.headers), port, self.command)
        self.reply(self.server.script.next(request))

    do_GET = do_PUT = do_POST  # noqa: N815 - the names that http.server looks for

    def reply(self, reply: dict[str, Any]) -> None:
        """``json`` or ``body``, ``status``, ``headers``; ``fault``: reset | close | hang | truncated | drip."""
        fault = reply.get("fault")
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if fault in ("reset", "close"):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR) if fault == "close" else self.connection.close()
            return
        if fault == "hang":
            time.sleep(reply["seconds"])
        body = reply.get("body", json.dumps(reply.get("json")).encode())
        kind = "application/json" if "body" not in reply else reply.get("type", "text/html; charset=utf-8")
        self.send_response(reply.get("status", 200))
        self.send_header("Content-Type", kind)
        for name, value in reply.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + (10 if fault == "truncated" else 0)))
        self.end_headers()
        if fault == "drip":
            for i in range(len(body)):
                self.wfile.write(body[i : i + 1])
                time.sleep(reply["seconds"])
        else:
            self.wfile.write(body)
        if fault == "truncated":
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """``serve(reply, ...)`` starts a server with these replies."""
    servers: list[Quiet] = []

    def start(*replies: dict[str, Any]) -> Server:
        server = Quiet(("127.0.0.1", 0), Handler)
        script = Server(f"http://127.0.0.1:{server.server_port}", list(replies))
        server.script = script  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return script

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def nobody() -> str:
    """An address on loopback where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def fake_time() -> Time:
    return Time()
