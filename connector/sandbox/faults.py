"""What can go wrong with a call, on request.

A fault is written ``KIND[=VALUE][:PROBABILITY][:NAME=VALUE]...``::

    status=503:0.1                       one call in ten is answered with a 503 and not carried out
    status=429:0.2:retry_after=2         throttled, with Retry-After: 2
    drop_after_write:0.05:path=update    carried out, and then the connection is reset
    latency=0.3                          every call takes 0.3 seconds longer
    html:1:count=3:after=10              the 11th, 12th and 13th call get a web page

``path`` is a part of the path, ``method`` the HTTP method, ``count`` how often it happens at most, ``after`` how many matching calls it lets pass
first. ``retry_after`` is a number of seconds, ``date+SECONDS`` for an HTTP date, ``absurd``, or any other text as it is.
"""

import math
import random
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal

Moment = Literal["before", "after", "page"]


@dataclass(frozen=True, slots=True)
class Kind:
    """``before``: the call is not carried out. ``after``: it is, and its answer suffers. ``page``: the vendor lies."""

    moment: Moment
    value: float
    """What its value is when none is given."""
    says: str


KINDS: dict[str, Kind] = {
    "latency": Kind("before", 0.2, "answers so many seconds later; the call is carried out"),
    "status": Kind("before", 503, "answers with this HTTP status, not carried out"),
    "drop_before_write": Kind("before", 0, "resets the connection, not carried out"),
    "hang": Kind(
        "before", 3600, "says nothing for so many seconds, then resets the connection; not carried out"
    ),
    "status_after_write": Kind("after", 500, "carries the call out and answers with this HTTP status"),
    "drop_after_write": Kind("after", 0, "carries the call out and resets the connection"),
    "hang_after_write": Kind(
        "after", 3600, "carries the call out, says nothing for so many seconds, then resets"
    ),
    "truncate": Kind("after", 0.5, "answers with this share of the body, well-formed as far as HTTP goes"),
    "cut": Kind("after", 0, "announces the whole body, sends half of it and closes the connection"),
    "html": Kind("after", 0, "answers with a web page at 200"),
    "no_success": Kind(
        "after", 0, "leaves the success flag out of the answer, or the id of a lead that has none"
    ),
    "ids_as_numbers": Kind("after", 0, "writes ids as numbers"),
    "repeat_page": Kind("page", 0, "answers with the page before the one that was asked for"),
    "extra_page": Kind("page", 0, "answers with the last page again where there is nothing left"),
    "empty_page": Kind("page", 0, "answers with no rows although there are some"),
    "lying_total": Kind("page", 1, "adds so many to the total"),
}

_THREE_YEARS = "99999999"


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong, and how often; see ``KINDS``."""

    kind: str
    value: float
    probability: float = 1.0
    count: int | None = None
    path: str | None = None
    after: int = 0
    retry_after: str | None = None
    method: str | None = None
    fired: int = 0
    """How often it has happened."""
    passed: int = field(default=0, repr=False)

    @property
    def moment(self) -> Moment:
        return KINDS[self.kind].moment

    def retry_after_header(self) -> str | None:
        given = self.retry_after
        if given is None:
            return None
        if given == "absurd":
            return _THREE_YEARS
        if given.startswith("date"):
            later = datetime.now(UTC) + timedelta(seconds=float(given[4:].lstrip("+") or 2))
            return format_datetime(later, usegmt=True)
        return given


class Faults:
    """The faults that are on. Which call one strikes is drawn from a seed."""

    def __init__(self, seed: int = 7, faults: Iterable[str | Fault] = ()) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._faults: list[Fault] = [
            parse_fault(fault) if isinstance(fault, str) else fault for fault in faults
        ]

    def add(
        self,
        kind: str,
        value: float | None = None,
        *,
        probability: float = 1.0,
        count: int | None = None,
        path: str | None = None,
        after: int = 0,
        retry_after: str | float | None = None,
        method: str | None = None,
    ) -> Fault:
        """Switches a fault on and returns it, so that ``fired`` can be read. ``ValueError`` for what makes no sense."""
        again = None if retry_after is None else str(retry_after)
        fault = make_fault(
            kind,
            value,
            probability=probability,
            count=count,
            path=path,
            after=after,
            retry_after=again,
            method=method,
        )
        return self.switch_on(fault)

    def switch_on(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        with self._lock:
            self._faults = [each for each in self._faults if each is not fault]

    def clear(self) -> None:
        with self._lock:
            self._faults = []

    def __len__(self) -> int:
        return len(self._faults)

    def fire(self, path: str, method: str = "") -> list[Fault]:
        """The faults that strike this call: every ``latency`` and ``page`` one, but one other at most."""
        if not self._faults:
            return []
        with self._lock:
            struck: list[Fault] = []
            for fault in self._faults:
                alone = fault.kind != "latency" and fault.moment != "page"
                if alone and any(each.kind != "latency" and each.moment != "page" for each in struck):
                    continue
                if self._strikes(fault, path, method):
                    struck.append(fault)
            return struck

    def _strikes(self, fault: Fault, path: str, method: str) -> bool:
        if (fault.path is not None and fault.path not in path) or fault.method not in (None, method):
            return False
        if fault.count is not None and fault.fired >= fault.count:
            return False
        fault.passed += 1
        if fault.passed <= fault.after or self._random.random() >= fault.probability:
            return False
        fault.fired += 1
        return True

    def as_json(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {name: value for name, value in asdict(fault).items() if name != "passed"}
                for fault in self._faults
            ]


def make_fault(
    kind: str,
    value: float | None = None,
    *,
    probability: float = 1.0,
    count: int | None = None,
    path: str | None = None,
    after: int = 0,
    retry_after: str | None = None,
    method: str | None = None,
) -> Fault:
    """A fault that makes sense, or ``ValueError`` with a sentence that says what would."""
    known = KINDS.get(kind)
    if known is None:
        raise ValueError(f"there is no fault {kind!r}; there are {', '.join(KINDS)}")
    if not 0 <= probability <= 1:
        raise ValueError(f"the probability of {kind} must be between 0 and 1, not {probability}")
    if (count is not None and count < 0) or after < 0:
        raise ValueError(f"count and after of {kind} can't be negative")
    chosen = float(known.value if value is None else value)
    if kind.startswith("status") and not (chosen.is_integer() and 200 <= chosen <= 599):
        raise ValueError(f"{kind} takes an HTTP status from 200 to 599, such as {kind}=503")
    if chosen < 0 and kind != "lying_total":
        raise ValueError(f"{kind} can't be negative")
    if retry_after is not None and retry_after.startswith("date"):
        _number(kind, "retry_after=date+", retry_after[4:].lstrip("+") or "2")
    return Fault(
        kind, chosen, probability, count, path, after, retry_after, method.upper() if method else None
    )


def parse_fault(text: str) -> Fault:
    """A fault as it is written on a command line; ``ValueError`` with a sentence about what is wrong with it."""
    first, *rest = text.strip().split(":")
    kind, _, value = first.partition("=")
    options: dict[str, str] = {}
    for place, part in enumerate(rest):
        name, equals, given = part.partition("=")
        if not equals and place == 0:
            name, given = "probability", part
        if name not in {"probability", "count", "path", "after", "retry_after", "method"} or name in options:
            raise ValueError(
                f"{part!r} in the fault {text!r} is not understood; write it like status=503:0.1:count=3"
            )
        options[name] = given
    return make_fault(
        kind.strip(),
        _number(kind, "its value", value) if value else None,
        probability=_number(kind, "probability", options.get("probability", "1")),
        count=int(_number(kind, "count", options["count"])) if "count" in options else None,
        path=options.get("path"),
        after=int(_number(kind, "after", options.get("after", "0"))),
        retry_after=options.get("retry_after"),
        method=options.get("method"),
    )


def _number(kind: str, name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} of the fault {kind} must be a number, not {text!r}")
    return number
