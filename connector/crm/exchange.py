"""What is asked of a CRM, what it answers, and when a read is tried again: what a vendor's code and the session say to each other."""

import datetime as dt
import email.utils
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from connector.errors import TransientError


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``path`` goes after ``base_url``; values of ``query`` and ``form`` are never shown to anyone."""

    method: Literal["GET", "POST", "PUT"]
    path: str
    form: Mapping[str, str] | None = field(default=None, repr=False)
    query: Mapping[str, str] | None = field(default=None, repr=False)
    json: Any = field(default=None, repr=False)
    shape: type[msgspec.Struct] | None = field(default=None, repr=False)
    """How a large answer most likely looks; see ``answers.decode``."""
    lane: str = ""
    """Which of the session's lanes it takes, for calls that have a limit of their own besides that for all calls."""
    exact: bool = False
    """Numbers with a fraction are ``Decimal`` in the answer and in ``json``: for what is read to be sent back."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: ``data`` is the decoded JSON, numbers with a fraction as their literal text.

    ``asked_at``: UTC, when the request left, by the CRM's clock where its answers say what time it is there.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    data: Any = field(repr=False)
    asked_at: dt.datetime


class AgainError(TransientError):
    """What a vendor's ``judge`` raises for an answer that is worth another try, or that means "too many".

    ``day``: too many for today, so that no later try of today can help.
    """

    def __init__(self, what: str, *, throttled: bool = False, day: bool = False, **about: Any) -> None:
        super().__init__(what, **about)
        self.throttled = throttled
        self.day = day


class LateError(TransientError):
    """A write's turn came when it was no longer wanted; nothing was sent."""


Judge = Callable[[Answer], None]
"""A vendor's view of a decoded answer: raises ``AuthError``, ``RefusedError``, ``AgainError`` …, or has no objection."""

Budget = Callable[[Answer], tuple[float, float] | None]
"""How many more calls an answer leaves, and for how many seconds; ``None`` where it says nothing about it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """When a read is tried again. Waits grow from ``first`` to ``longest`` seconds, with full jitter.

    ``attempts`` in all; ``odd``: answers of no known shape, the last of which is believed to be what the CRM has to say;
    ``contacts``: attempts while nothing has ever answered; ``total``: seconds after which no new attempt begins.

    ``throttled``: attempts of a write that is turned away as one call too many, and so was certainly not carried out; each
    waits for its turn at a slower pace. Nothing else that a write can end with has it repeated.
    """

    attempts: int = 8
    odd: int = 3
    contacts: int = 2
    first: float = 0.5
    longest: float = 20.0
    total: float = 240.0
    throttled: int = 1

    def delay(self, attempt: int) -> float:
        """Seconds to wait after the ``attempt``-th try, the first being 1."""
        return random.uniform(0, min(self.longest, self.first * 2 ** min(attempt - 1, 30)))  # noqa: S311 - jitter


def retry_after(text: str | None, now: dt.datetime) -> float | None:
    """Seconds to wait by a ``Retry-After`` header (seconds or a date); ``None`` where it says nothing sensible."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        date = http_date(text)
        if date is None:
            return None
        seconds = (date - now).total_seconds()
    # Written so that it also leaves out nan. Absurdly long ones are cut where they are used.
    return seconds if seconds >= 0 else None


def http_date(text: str | None) -> dt.datetime | None:
    """A header's date in UTC; ``None`` where it is no date, or one that no calendar has. Never raises."""
    try:
        date = email.utils.parsedate_to_datetime(text or "")
        return (date if date.tzinfo else date.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (
        ValueError,
        TypeError,
        LookupError,
        ArithmeticError,
    ):  # the last: a year or an offset of twenty digits
        return None
