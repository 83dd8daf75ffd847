"""How a value that a person wrote becomes one that the program uses; and ``Secret``, the text that hides itself.

A parser takes what a file or the environment holds and returns the value, or raises ``WrongValueError``, whose text goes
on after the setting's name. Such texts say what is expected and never repeat what was given: it may be a token that
was pasted into the wrong line.
"""

import datetime as dt
import difflib
import json
import math
import re
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Any, NoReturn
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

Parser = Callable[[Any], Any]

MASK = "***"

# What people write for the zones of the vendors' own examples; zoneinfo knows none of these.
ZONE_NICKNAMES = {
    **dict.fromkeys(("pst", "pdt", "pt", "pacific", "us pacific"), "America/Los_Angeles"),
    **dict.fromkeys(("mdt", "mt", "mountain", "us mountain"), "America/Denver"),
    **dict.fromkeys(("cst", "cdt", "ct", "central", "us central"), "America/Chicago"),
    **dict.fromkeys(("edt", "et", "eastern", "us eastern"), "America/New_York"),
    **dict.fromkeys(("bst", "uk", "london"), "Europe/London"),
    **dict.fromkeys(("ist", "india"), "Asia/Kolkata"),
}


class Secret:
    """A text that shows itself only to ``reveal()``: masked in ``str``, ``repr`` and ``format``, refused by pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Secret":
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Secret is not pickled: resolve the settings again where they are needed.")


class WrongValueError(ValueError):
    """A value that can't be used; the text completes the sentence that begins with the setting's name."""


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise WrongValueError("must be text that is not empty")
    return value.strip()


def secret(value: Any) -> Secret:
    if isinstance(value, Secret):
        return value
    given = text(value)
    if any(c.isspace() or not c.isprintable() for c in given):
        raise WrongValueError("holds a blank or a control character in its middle; copy it again")
    return Secret(given)


def number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise WrongValueError("must be a number")
    try:
        given = float(value)
    except (ValueError, OverflowError):
        raise WrongValueError("must be a number") from None
    if not math.isfinite(given):
        raise WrongValueError("must be a finite number")
    return given


def between(low: float, high: float, unit: str, *, above: bool = False) -> Parser:
    """Reads a number from ``low`` (with ``above``: from just above it) to ``high``."""

    def parse(value: Any) -> float:
        given = number(value)
        if given < low or (above and given == low):
            raise WrongValueError(f"must be a number {'above' if above else 'of at least'} {low:g} ({unit})")
        if given > high:
            raise WrongValueError(f"must be at most {high:g} ({unit})")
        return given

    return parse


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:\d{1,6}[smhd])+")


def duration(value: Any) -> dt.timedelta:
    """Reads ``90m``, ``26h``, ``2d`` or several of these, as in ``1d12h``."""
    given = value.strip().lower() if isinstance(value, str) else ""
    if not _DURATION.fullmatch(given):
        raise WrongValueError("must be a time such as 90m, 26h or 2d")
    parts = re.findall(r"(\d+)([smhd])", given)
    seconds = sum(int(number) * _UNITS[unit] for number, unit in parts)
    if not seconds:
        raise WrongValueError("must be more than nothing")
    return dt.timedelta(seconds=seconds)


def count(low: int, high: int) -> Parser:
    """Reads a whole number from ``low`` to ``high``."""

    def parse(value: Any) -> int:
        given = number(value)
        if given != int(given) or not low <= given <= high:
            raise WrongValueError(f"must be a whole number from {low} to {high}")
        return int(given)

    return parse


def flag(value: Any) -> bool:
    """Reads yes or no, in the words that files and environments use for it."""
    words = {
        **dict.fromkeys(("true", "yes", "on", "1"), True),
        **dict.fromkeys(("false", "no", "off", "0"), False),
    }
    given = str(value).strip().lower() if isinstance(value, bool | int | str) else ""
    if given not in words:
        raise WrongValueError("must be true or false")
    return words[given]


def choice(*choices: str) -> Parser:
    def parse(value: Any) -> str:
        given = text(value)
        if given not in choices:
            raise WrongValueError(f"must be one of {', '.join(choices)}{did_you_mean(given, choices)}")
        return given

    return parse


def url(value: Any) -> str:
    """Reads the address of an API, without the slash at its end. Clear text only to this machine itself."""
    given = text(value)
    try:
        parts = urlsplit(given)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise WrongValueError("is no URL") from None
    if parts.scheme not in ("http", "https"):
        raise WrongValueError("must be a URL that begins with https://")
    if not host or any(c.isspace() or not c.isprintable() for c in given):
        raise WrongValueError("must be a URL with a host, such as https://api.example.com/v1")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise WrongValueError("must be a plain URL: no user, password, '?' or '#' in it")
    if parts.scheme == "http" and not is_loopback(host):
        raise WrongValueError("begins with http://, which would send the token in clear text; use https://")
    return given.rstrip("/")


def lead_url(value: Any) -> str:
    """Reads the address of a lead's page in a CRM, with ``{lead_id}`` where its id belongs."""
    given = text(value)
    if "{lead_id}" not in given or set(re.findall(r"[{}]", given.replace("{lead_id}", ""))):
        raise WrongValueError("must have {lead_id} where the lead's id belongs, and no other brackets")
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.netloc or "{" in parts.netloc:
        raise WrongValueError(
            "must be the address of a page, such as https://crm.example.com/leads/{lead_id}"
        )
    return given


def url_without(*ends: str) -> Parser:
    """Reads a URL and takes these ends off it, in this order: what a vendor shows after the host and we add ourselves."""

    def parse(value: Any) -> str:
        given = url(value)
        for end in ends:
            given = given.removesuffix(end).rstrip("/")
        return given

    return parse


def database(value: Any) -> Secret:
    """Reads the address of a PostgreSQL database, which may hold a password."""
    given = secret(value)
    try:
        parts = urlsplit(given.reveal())
        named, _ = bool(parts.hostname and parts.path.strip("/")), parts.port
    except ValueError:
        named = False
    if not named or parts.scheme not in ("postgres", "postgresql"):
        raise WrongValueError(
            "must look like postgresql://user:password@host:5432/database; only PostgreSQL can be shared"
        )
    if find_spec("psycopg2") is None:
        raise WrongValueError("needs a driver that is not installed. Run: pip install 'leadloop[postgres]'")
    return given


def path(value: Any) -> str:
    """Reads a path below a base URL: with a slash at its beginning and none at its end."""
    given = text(value).rstrip("/")
    if not given.startswith("/") or "//" in given or any(c.isspace() or not c.isprintable() for c in given):
        raise WrongValueError("must be a path that begins with a slash, such as /api/v1/leads")
    if set(given) & set("?#\\"):
        raise WrongValueError("must be a plain path: no '?', '#' or backslash in it")
    if set(given) & set("{}<>$"):
        raise WrongValueError("still has a placeholder in it; put the id there")
    return given


def is_loopback(host: str) -> bool:
    """Whether ``host`` (a name or an address, without port) is this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def zone(value: Any) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    given = text(value)
    known = _zones()
    if given in known:
        return ZoneInfo(given)
    guess = ZONE_NICKNAMES.get(given.lower())
    hint = f"; did you mean {guess!r}?" if guess else did_you_mean(given.replace(" ", "_"), known)
    raise WrongValueError(f"must be an IANA time zone{hint or ' such as America/Los_Angeles'}")


@cache
def _zones() -> frozenset[str]:
    # A walk through 600 files, and a run reads its settings a dozen times.
    # "localtime" and "Factory" are files that some systems have: they name no zone.
    return frozenset(zoneinfo.available_timezones() - {"localtime", "Factory"})


def past_date(value: Any) -> dt.date:
    """Reads a day from 1970-01-02 (before it, arithmetic in time zones is guesswork) to tomorrow."""
    if isinstance(value, dt.datetime):
        day = value.date()
    elif isinstance(value, dt.date):
        day = value
    else:
        try:
            day = dt.date.fromisoformat(text(value))
        except ValueError:
            raise WrongValueError("must be a date that exists, written YYYY-MM-DD") from None
    if not dt.date(1970, 1, 2) <= day <= dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1):
        raise WrongValueError("must be a date between 1970-01-02 and today")
    return day


def names(value: Any) -> tuple[str, ...]:
    """Reads a list of names; from the environment, separated by commas or as a JSON list."""
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.lstrip().startswith("[") else value.split(",")
        except ValueError:
            raise WrongValueError('must be a list of names, such as ["notes", "email"]') from None
    if not isinstance(value, list | tuple) or not all(
        isinstance(name, str) and name.strip() for name in value
    ):
        raise WrongValueError('must be a list of names, such as ["notes", "email"]')
    return tuple(name.strip() for name in value)


def table(value: Any) -> dict[str, str]:
    """Reads a table of texts; from the environment, a JSON object."""
    read = _mapping(value, '{"list_id": "333"}')
    for name, item in read.items():
        if isinstance(item, bool) or not isinstance(item, str | int | float):
            raise WrongValueError(f"must hold texts and numbers only, and {name!r} is something else")
    return {str(name): str(item) for name, item in read.items()}


def values(value: Any) -> dict[str, Any]:
    """Reads a table of any values, such as JSON has; from the environment, a JSON object."""
    return {str(name): item for name, item in _mapping(value, '{"region": "east"}').items()}


def _mapping(value: Any, example: str) -> Mapping[Any, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise WrongValueError(
                f"must be a table; in the environment a JSON object such as {example}"
            ) from None
    if not isinstance(value, Mapping):
        raise WrongValueError("must be a table of names and values")
    return value


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the nearest of ``words``, or an empty text when none is near."""
    lower = {known.lower(): known for known in words}
    begins = [known for known in lower if len(word) > 2 and known.startswith(word.lower())]
    near = sorted(begins, key=len) or difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    return f"; did you mean {lower[near[0]]!r}?" if near else ""


def no_such(kind: str, name: str, names: Iterable[str]) -> str:
    """``No push named 'scors'; did you mean 'scores'? Available: scores, tiers.``"""
    known = sorted(names)
    return (
        f"No {kind} named {name!r}{did_you_mean(name, known) or '.'} Available: {', '.join(known) or 'none'}."
    )
