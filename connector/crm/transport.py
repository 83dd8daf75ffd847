"""Connections that know how far a call has come: whether its first byte has left.

What an exception is called does not say when it was raised. So the connection notes the moment itself.
"""

from contextvars import ContextVar, Token
from typing import Any

import urllib3  # noqa: TID251 - the connections below the one door to a CRM
from requests.adapters import HTTPAdapter  # noqa: TID251 - as above
from urllib3.connection import HTTPConnection, HTTPSConnection  # noqa: TID251 - as above


class Watch:
    """One call while it is under way, in the thread that makes it: ``with watch: ...``."""

    def __init__(self) -> None:
        self.left = False
        """Whether a byte of the request itself may have left. What a proxy or TLS needs before it does not count."""
        self._token: Token[Watch | None] | None = None

    def __enter__(self) -> "Watch":
        self._token = _watch.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._token is not None
        _watch.reset(self._token)


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


class _Watched:
    """What is the same for both kinds of connection; goes before urllib3's class."""

    sock: Any
    _opening = False

    def connect(self) -> None:
        self._opening = True
        try:
            super().connect()  # type: ignore[misc]
        finally:
            self._opening = False

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        watch = _watch.get()
        # While it opens, only what asks a proxy for a tunnel is sent.
        if watch is not None and not self._opening:
            watch.left = True
        super().send(data)  # type: ignore[misc]


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
