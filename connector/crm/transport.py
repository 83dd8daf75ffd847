"""Connections that know how far a call has come, and that end it when its time is up.

What an exception is called does not say when it was raised. So the connection itself notes when the first byte leaves.

A socket's timeout counts from one byte to the next, so whoever drips a status line, headers or ``100 Continue`` would hold
a call for ever. So each single send and receive of a call gets what is left of the time for the whole of it.
"""

import io
import time
from contextvars import ContextVar, Token
from http.client import BadStatusLine, HTTPResponse  # noqa: TID251 - the connections below the one door to a CRM
from typing import Any

import urllib3  # noqa: TID251 - as above
from requests.adapters import HTTPAdapter  # noqa: TID251 - as above
from urllib3.connection import HTTPConnection, HTTPSConnection  # noqa: TID251 - as above

BLOCK = 16 * 1024
"""Bytes that are sent at once: a TLS record."""


class Watch:
    """One call while it is under way, in the thread that makes it: ``with watch: ...``. It may take ``seconds``."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self.left = False
        """Whether a byte of the request itself may have left. What a proxy or TLS needs before it does not count."""
        self._token: Token[Watch | None] | None = None

    def within(self, seconds: float | None) -> float:
        """So many seconds, or what is left of the call's time where that is less; ``TimeoutError`` where nothing is."""
        remaining = self._ends - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the time for the whole call is up")
        return remaining if seconds is None else min(seconds, remaining)

    def __enter__(self) -> "Watch":
        self._token = _watch.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._token is not None
        _watch.reset(self._token)


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


class _Stream(io.RawIOBase):
    """What a socket receives, none of it after the call's time."""

    def __init__(self, received: io.RawIOBase, sock: Any, watch: Watch) -> None:
        self._received, self._sock, self._watch = received, sock, watch
        self._timeout = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._watch.within(self._timeout))
        return self._received.readinto(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()


class _Response(HTTPResponse):
    """Also what a proxy answers when it is asked for a tunnel."""

    def __init__(self, sock: Any, *args: Any, **given: Any) -> None:
        super().__init__(sock, *args, **given)
        if (watch := _watch.get()) is not None:
            self.fp: Any = io.BufferedReader(_Stream(self.fp.detach(), sock, watch))

    def begin(self) -> None:
        super().begin()
        if self.status < 200:
            # Not the answer yet. The next call on this connection would take the real one for its own.
            raise BadStatusLine("an interim answer")


class _Watched:
    """What is the same for both kinds of connection; goes before urllib3's class."""

    response_class: Any = _Response
    sock: Any
    timeout: Any
    _opening = False

    def connect(self) -> None:
        self._opening = True
        try:
            super().connect()  # type: ignore[misc]
        finally:
            self._opening = False

    def _new_conn(self) -> Any:
        if (watch := _watch.get()) is not None:
            self.timeout = watch.within(self.timeout)
        return super()._new_conn()  # type: ignore[misc]

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        watch = _watch.get()
        view = memoryview(data)
        for start in range(0, len(view), BLOCK):
            if watch is not None:
                self.sock.settimeout(watch.within(self.timeout))
                # While it opens, only what asks a proxy for a tunnel is sent.
                watch.left = watch.left or not self._opening
            super().send(view[start : start + BLOCK])  # type: ignore[misc]


class _PlainConnection(_Watched, HTTPConnection):
    pass


class _TlsConnection(_Watched, HTTPSConnection):
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class WatchedAdapter(HTTPAdapter):
    """Makes such connections, to the CRM itself and through a proxy."""

    def init_poolmanager(self, *args: Any, **given: Any) -> None:
        super().init_poolmanager(*args, **given)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **given: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **given)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        elif (watch := _watch.get()) is not None:
            watch.left = True  # such a connection can't be watched, so whatever happens may have been sent
        return manager


_POOLS = {"http": _PlainPool, "https": _TlsPool}
