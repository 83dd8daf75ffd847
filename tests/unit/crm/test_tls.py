"""Real TLS on loopback: whom the token is told."""

import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.config import Secret
from connector.crm.convoso import ConvosoSettings
from connector.crm.http import Call, Session
from connector.errors import UnreachableError

WRITE = Call("POST", "/leads/update", form={"auth_token": "t", "status": "B"})


def settings_of(url: str) -> ConvosoSettings:
    return ConvosoSettings(base_url=url, auth_token=Secret("t"), timezone=ZoneInfo("UTC"), rate=1000.0)


class TlsServer:
    """HTTPS on loopback with a certificate that nobody has signed but itself; remembers what was asked."""

    def __init__(self, folder: Path, name: str) -> None:
        self.certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        ask = (
            f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test "
            f"-addext subjectAltName={name} -keyout {key} -out {self.certificate}"
        )
        subprocess.run(ask.split(), check=True, capture_output=True)
        asked = self.asked = []  # type: ignore[var-annotated]

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'{"success": true}')

            def log_message(self, *_: Any) -> None: ...

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates with openssl")
def test_a_server_that_nobody_vouches_for_gets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real TLS: a self-signed certificate, or one for another host, ends the call before the token is on its way."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    ours, other = TlsServer(tmp_path, "IP:127.0.0.1"), TlsServer(tmp_path, "DNS:crm.example.com")
    for server, trusted in ((ours, None), (other, other.certificate), (ours, ours.certificate)):
        if trusted:
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
        if server is ours and trusted:
            assert Session(settings_of(server.url)).write(WRITE, lambda answer: None).status == 200
            continue
        for method in ("read", "write"):
            with pytest.raises(UnreachableError, match="certificate is not trusted"):
                getattr(Session(settings_of(server.url)), method)(WRITE, lambda answer: None)
    assert (len(ours.asked), len(other.asked)) == (1, 0)
    for server in (ours, other):
        server.server.shutdown()
        server.server.server_close()
