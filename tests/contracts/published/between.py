"""A server that stands between a client and a sandbox, passes everything on, and holds each exchange against a contract.

``asked`` is a client that is not ours, and that writes no address, with its key, into any log.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection  # noqa: TID251 - it passes on what a client has sent, whatever that is
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from connector.sandbox import Sandbox
from tests.contracts.published.contract import Call, Contract

_OF_THE_CONNECTION = frozenset({"connection", "content-length", "host", "transfer-encoding", "keep-alive"})


@dataclass(frozen=True)
class Exchange:
    """One call and its answer."""

    name: str
    """The endpoint's."""
    status: int
    call: Call


@dataclass(eq=False)
class Between(ThreadingHTTPServer):
    """``url`` stands for the sandbox's address.

    ``wrong_calls``: the calls are wrong on purpose, so that only their answers are held against the contract.
    """

    crm: Sandbox
    contract: Contract
    wrong_calls: bool = False
    exchanges: list[Exchange] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    daemon_threads = True
    request_queue_size = 64

    def __post_init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def names(self) -> set[str]:
        """The endpoints that were called."""
        return {each.name for each in self.exchanges}

    def look_at(self, call: Call, status: int, content_type: str, body: bytes) -> None:
        found = self.contract.found(call.method, call.path)
        if found is None:
            self.faults.append(f"{call.method} {call.path} is not documented")
            return
        self.exchanges.append(Exchange(found.name, status, call))
        wrong = [] if self.wrong_calls else list(found.wrong_in_call(call, self.contract.keys))
        if "json" not in content_type:
            wrong.append(f"status {status} is no answer of the API")
        else:
            wrong += found.wrong_in_answer(status, body)
        self.faults += [f"{found.name}: {each}" for each in wrong]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Between
    _above: HTTPConnection | None = None

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self._above is None:
            self._above = HTTPConnection("127.0.0.1", self.server.crm.port, timeout=30)
        headers = {name.lower(): value for name, value in self.headers.items()}
        passed = {name: value for name, value in headers.items() if name not in _OF_THE_CONNECTION}
        self._above.request(self.command, self.path, body or None, passed)
        answer = self._above.getresponse()
        told = answer.read()
        path, _, query = self.path.partition("?")
        content_type = answer.headers.get("content-type", "")
        self.server.look_at(Call(self.command, path, query, headers, body), answer.status, content_type, told)
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in _OF_THE_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815 - the names that http.server looks for

    def finish(self) -> None:
        if self._above is not None:
            self._above.close()
        super().finish()

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def between(crm: Sandbox, contract: Contract, *, wrong_calls: bool = False) -> Iterator[Between]:
    """Around calls to its ``url``: fails where a call or its answer is not in the contract."""
    server = Between(crm, contract, wrong_calls)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
    assert not server.faults, "\n".join(dict.fromkeys(server.faults))


@dataclass(frozen=True)
class Answered:
    status_code: int
    content_type: str
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


def asked(
    method: str,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Answered:
    """One call with parameters in its query string or in a form, or with a JSON body."""
    there = urlsplit(url)
    path = quote(there.path) + (f"?{urlencode(params)}" if params else "")
    content = None if body is None else json.dumps(body).encode()
    kind = {} if body is None else {"content-type": "application/json"}
    if form is not None:
        content, kind = urlencode(form).encode(), {"content-type": "application/x-www-form-urlencoded"}
    connection = HTTPConnection(there.netloc, timeout=10)
    try:
        connection.request(method, path, content, {**kind, **(headers or {})})
        answer = connection.getresponse()
        return Answered(answer.status, answer.headers.get("content-type", ""), answer.read())
    finally:
        connection.close()
