"""A call and its answer, with nothing of any vendor in them, and how they travel through uvicorn."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import parse_qsl

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON = "application/json"
ROWS_PER_PIECE = 64
HTML = "text/html; charset=utf-8"


@dataclass(slots=True)
class Twist:
    """How a page of results is to lie; vendors that page carry it out (see ``faults``)."""

    kind: str
    value: float


@dataclass
class Request:
    """One call as it arrived."""

    method: str
    path: str
    query: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""
    twists: tuple[Twist, ...] = ()

    @cached_property
    def params(self) -> dict[str, str]:
        """Query string and form body together; the body wins, and of a repeated name the last one."""
        pairs = _pairs(self.query)
        if "json" not in self.headers.get("content-type", "") and not self._is_multipart:
            pairs += _pairs(self.body)
        elif self._is_multipart:
            pairs += _multipart(self.headers["content-type"], self.body)
        return dict(pairs)

    @property
    def _is_multipart(self) -> bool:
        return self.headers.get("content-type", "").startswith("multipart/form-data")

    def twist(self, kind: str) -> Twist | None:
        return next((twist for twist in self.twists if twist.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Listing:
    """A body of many rows with commas between them, which is put together only while it is sent.

    Joining two megabytes at once costs three times as much as sending them: the memory is new each time.
    """

    head: bytes
    rows: Sequence[bytes]
    tail: bytes

    def __len__(self) -> int:
        return len(self.head) + sum(map(len, self.rows)) + max(0, len(self.rows) - 1) + len(self.tail)

    def whole(self) -> bytes:
        return b"".join((self.head, b",".join(self.rows), self.tail))

    def pieces(self) -> Iterator[bytes]:
        rows, lead = self.rows, self.head
        for first in range(0, len(rows), ROWS_PER_PIECE):
            yield lead + b",".join(rows[first : first + ROWS_PER_PIECE])
            lead = b","
        yield self.tail if rows else self.head + self.tail


@dataclass(slots=True)
class Answer:
    """What goes back. ``outcome`` is for the record of calls: ``ok`` or the vendor's code for what went wrong."""

    body: bytes | Listing
    status: int = 200
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    outcome: str = "ok"

    def content(self) -> bytes:
        """The body in one piece."""
        return self.body if isinstance(self.body, bytes) else self.body.whole()

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"content-type", self.content_type.encode()),
            (b"content-length", b"%d" % len(self.body)),
            *((name.encode(), value.encode()) for name, value in self.headers),
        ]


@dataclass(frozen=True, slots=True)
class Description:
    """What a call is about, for the record: never a value, only which lead and which names."""

    action: str
    lead_id: str | None = None
    names: tuple[str, ...] = ()


class Vendor(Protocol):
    """One CRM's API over the book. Called on the server's thread only, so it must not wait for anything."""

    name: str
    prefixes: tuple[str, ...]
    """The paths that are this vendor's; no two vendors share one."""

    def warm(self) -> None:
        """Prepares what would make the first calls slower than later ones."""
        ...

    def settings(self, address: str) -> Mapping[str, str]:
        """What a client has to set to reach it at ``http://HOST:PORT``: leadloop's setting below ``crm.<name>`` -> value."""
        ...

    def describe(self, request: Request) -> Description: ...

    def answer(self, request: Request) -> Answer | None:
        """``None`` where there is nothing at this path."""
        ...


def html(status: int, title: str) -> Answer:
    """The page a web server puts up when no API is behind a path."""
    body = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Answer(body.encode(), status, HTML, outcome=f"http {status}")


class AbortableProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, which also hands the app its transport, so that a connection can be dropped for real."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["transport"] = self.transport


async def read_body(receive: Receive) -> bytes | None:
    """The whole body, or ``None`` where the client went away."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def send_answer(send: Send, answer: Answer) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.raw_headers()})
    if isinstance(answer.body, bytes):
        await send({"type": "http.response.body", "body": answer.body})
        return
    for piece in answer.body.pieces():
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def send_part(scope: Scope, receive: Receive, send: Send, answer: Answer) -> None:
    """Announces the whole answer, sends half of it, and closes the connection."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.raw_headers()})
    body = answer.content()
    half = body[: len(body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    scope["state"]["transport"].close()
    await gone(receive)


async def drop(scope: Scope, receive: Receive) -> None:
    """Resets the connection under the client, without a byte of an answer."""
    transport: asyncio.Transport = scope["state"]["transport"]
    sock = transport.get_extra_info("socket")
    if sock is not None:
        # Closing with a linger time of zero sends RST instead of FIN.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await gone(receive)


async def gone(receive: Receive) -> None:
    """Waits until the client is no longer there."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _pairs(encoded: bytes) -> list[tuple[str, str]]:
    return parse_qsl(encoded.decode("utf-8", "replace"), keep_blank_values=True) if encoded else []


def _multipart(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """The text fields of a multipart form, which is what some HTTP clients make of an array of fields."""
    from email.parser import BytesParser
    from email.policy import HTTP

    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
    )
    found = []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            found.append((name, payload.decode("utf-8", "replace")))
    return found
