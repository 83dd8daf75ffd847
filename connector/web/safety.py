"""What stands between a browser and the pages: who may ask, from where, and what a page may do once it is shown.

- ``Host`` must be a name of this machine, unless a token is asked for: else a page elsewhere could have its own name mean this machine
  (DNS rebinding) and read along.
- With a token, a browser says it once (``/enter?token=…``) and gets a cookie that scripts can't read and other sites can't use.
- A POST must come from these very pages: by ``Origin``, by ``Sec-Fetch-Site``, and by a word that every form of theirs carries.
- What is shown may load nothing from elsewhere, run no script but the files that come with leadloop, and be put in no frame.
"""

import hmac
import re
import time
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connector.web.keys import Keys

HERE = frozenset({"127.0.0.1", "localhost", "::1"})
COOKIE = "leadloop_page"
FORM_HEADER = "x-leadloop-form"
FORM_FIELD = "form"
MOST_BYTES = 1 << 20
"""Of what a form sends."""
_HOST = re.compile(r"(?P<name>[\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-robots-tag": "noindex",
}
REFUSED = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>leadloop</title></head>
<body><main><h1>{title}</h1><p>{text}</p></main></body></html>"""


class Safe:
    """The middleware around all pages; ``token`` is what a browser must have said, if anything."""

    def __init__(
        self, app: ASGIApp, *, keys: Keys, token: str | None, log: Callable[[str, str, int, float], None]
    ) -> None:
        self._app = app
        self._keys = keys
        self._token = token
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        try:
            await (refusal or self._app)(scope, receive, sending)
        finally:
            self._log(scope["method"], scope.get("told_as", "-"), status, time.monotonic() - began)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._token is None and _name_of(host) not in HERE:
            return _refused(
                403,
                "Not here",
                "This page answers to 127.0.0.1 and localhost only. Open the address that leadloop serve printed.",
            )
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return _refused(405, "Not this way", "These pages know GET and POST.")
        if self._token is not None:
            if scope["path"] == "/enter" and scope["method"] == "GET":
                return self._entering(scope)
            if not scope["path"].startswith("/static/") and not self._has_entered(headers):
                return _refused(
                    401,
                    "Who is it?",
                    "Open the whole address that leadloop serve printed, with its token, once in this browser.",
                )
        return _of_a_post(headers, host) if scope["method"] == "POST" else None

    def _entering(self, scope: Scope) -> Response:
        assert self._token is not None
        said = Request(scope).query_params.get("token", "")
        if not hmac.compare_digest(said.encode(), self._token.encode()):
            return _refused(
                401,
                "Who is it?",
                "That is not the token. Open the whole address that leadloop serve printed.",
            )
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE,
            self._keys.cookie(self._token),
            max_age=30 * 86_400,
            httponly=True,
            samesite="strict",
            secure=scope.get("scheme") == "https",
        )
        return answer

    def _has_entered(self, headers: Headers) -> bool:
        assert self._token is not None
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(
            found.value.encode(), self._keys.cookie(self._token).encode()
        )


def _of_a_post(headers: Headers, host: str) -> Response | None:
    """Browsers say where a POST comes from, and no page can make them lie."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    is_elsewhere = origin is not None and urlsplit(origin).netloc != host
    if is_elsewhere or site not in (None, "same-origin") or (origin is None and site is None):
        return _refused(
            403,
            "Not from there",
            "This was sent by another site, or by a program that does not say from where, and nothing was done.",
        )
    if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return _refused(415, "Not like this", "These pages take what their own forms send.")
    length = headers.get("content-length", "")
    if not length.isdigit() or int(length) > MOST_BYTES:
        return _refused(413, "Too much", "That is more than a form of these pages sends.")
    return None


def is_from_our_form(request: Request, form: Mapping[str, Any], keys: Keys) -> bool:
    """Whether a POST carries the word of our forms, in a header or as a field."""
    said = request.headers.get(FORM_HEADER) or str(form.get(FORM_FIELD, ""))
    return hmac.compare_digest(said.encode(), keys.form.encode())


def _name_of(host: str) -> str:
    """The name in ``Host``, whatever the port: it may be forwarded. ``""`` for what is none."""
    found = _HOST.fullmatch(host)
    return found["name"].strip("[]").lower() if found else ""


def _refused(status: int, title: str, text: str) -> Response:
    return HTMLResponse(REFUSED.format(title=title, text=text), status)
