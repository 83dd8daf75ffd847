"""The pool of connections to a CRM, and our own words for what breaks in one.

What ``requests`` raises holds URLs and bodies, with tokens and phone numbers in them. So its exceptions end here: each
becomes a ``Failure``. What ``urllib3`` logs is redacted.
"""

import logging
import os
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests  # noqa: TID251 - the pool that only http.py uses
import urllib3  # noqa: TID251 - the errors below requests
from requests.utils import get_environ_proxies  # noqa: TID251 - as above

from connector.config import MOST_PAGES, VendorSettings
from connector.crm.transport import WatchedAdapter
from connector.parsing import is_loopback


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without a whole answer. ``sent``: whether the CRM may have received it."""

    what: str
    sent: bool
    hopeless: bool = False
    """Trying again can't help: a certificate that is not trusted, an address that is none."""


def pool(settings: VendorSettings) -> requests.Session:
    host = urlsplit(settings.base_url).hostname or ""
    http = requests.Session()
    # Else requests takes passwords from ~/.netrc in place of ours. Proxies and CA files are taken from there by hand.
    http.trust_env = False
    http.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    http.proxies = {} if is_loopback(host) else get_environ_proxies(settings.base_url)
    http.headers.update({"User-Agent": "leadloop", "Accept": "application/json"})
    http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # No retries below us: urllib3 would repeat writes. It drops connections that the server has closed meanwhile.
    adapter = WatchedAdapter(
        pool_connections=2, pool_maxsize=settings.concurrency or MOST_PAGES, max_retries=0, pool_block=True
    )
    http.mount("https://", adapter)
    http.mount("http://", adapter)
    return http


EXPECTED = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)
_NO_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidProxyURL,
    urllib3.exceptions.LocationValueError,
    UnicodeError,  # a host name or a header that can't be written in bytes
)


def failure(error: BaseException, *, left: bool) -> Failure:
    """Our words for an exception whose own words must not be shown.

    ``left``: whether a first byte of the request was on its way. It alone decides what is called sent: answers can raise
    the same exceptions as addresses do, such as ``InvalidHeader`` for two lengths that differ.
    """
    causes = list(_causes(error))
    if left:
        if _any(causes, (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)):
            return Failure("no answer in time", sent=True)
        if _any(causes, (requests.exceptions.ConnectionError, urllib3.exceptions.ProtocolError, OSError)):
            return Failure("the connection broke before the answer was whole", sent=True)
        return Failure("an answer that can't be read", sent=True)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return Failure("its TLS certificate is not trusted", sent=False, hopeless=True)
    if any(isinstance(cause, urllib3.exceptions.NameResolutionError) for cause in causes):
        return Failure("there is no host of this name", sent=False)
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return Failure("nothing listens there (connection refused)", sent=False)
    if isinstance(error, _NO_ADDRESS):
        return Failure("this is no address that can be called", sent=False, hopeless=True)
    return Failure("no connection", sent=False)


def _any(causes: list[BaseException], kinds: tuple[type[BaseException], ...]) -> bool:
    return any(isinstance(cause, kinds) for cause in causes)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and everything that requests and urllib3 packed into it."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        # Not __context__: it may belong to whatever our caller is just handling.
        waiting += [getattr(one, "reason", None), one.__cause__, *one.args]


class _Redaction(logging.Filter):
    """Takes out of what urllib3 logs where a token or a lead may be: query strings, and headers it can't parse."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = re.sub(r"\?[^\s\"')]*", "?…", record.getMessage())
        record.msg = re.sub(r"(unparsed data: ).*", r"\1…", text, flags=re.DOTALL)
        record.args = ()
        record.exc_info = None
        return True


for _name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry", "urllib3.response"):
    logging.getLogger(_name).addFilter(_Redaction())
