"""An HTTP server on loopback that takes whatever is posted to it, for what leadloop tells others."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """What was posted, in order: (path, body)."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.status = 200
        self.posted: list[tuple[str, bytes]] = []

    @property
    def documents(self) -> list[Any]:
        return [json.loads(body) for _, body in self.posted]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A server that listens while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.posted.append((self.path, body))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
