"""Whether a CRM's answers take markedly longer than they did: a sign that it is asked too much before it says so."""

import re
from collections import deque
from statistics import median

SAMPLES = 15
"""Answers of one kind whose median is one opinion: a few slow ones among them mean nothing."""
TIMES = 3.0
SECONDS = 0.5
"""Longer by so many times, and by so many seconds, than it was at its best."""
MEMORY = 300.0
"""Seconds after which the best is forgotten: a CRM that stays slow is simply that slow."""
MOST_KINDS = 64

_HAS_DIGIT = re.compile(r"(?<=/)(?!v\d+(?:/|$))[^/]*\d[^/]*")


def kind_of(method: str, path: str, size: int) -> str:
    """Calls to compare with one another: the same call, ids left out, with an answer of about the same size (bytes)."""
    return f"{name_of(method, path)} {size.bit_length() // 2}"


def name_of(method: str, path: str) -> str:
    """A call without what is about one lead: ``GET /v2/leads/*``."""
    return f"{method} {_HAS_DIGIT.sub('*', path.partition('?')[0])}"


class Latency:
    """Remembers how long answers took, by kind of call. Not safe to use from several threads."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[float]] = {}
        self._medians: dict[str, deque[tuple[float, float]]] = {}

    def risen(self, kind: str, seconds: float, now: float) -> bool | None:
        """Takes one answer's time; every ``SAMPLES`` answers of a kind it says whether they are slow, else ``None``."""
        if kind not in self._waiting and len(self._waiting) >= MOST_KINDS:
            return None
        samples = self._waiting.setdefault(kind, [])
        samples.append(seconds)
        if len(samples) < SAMPLES:
            return None
        typical = median(samples)
        samples.clear()
        known = self._medians.setdefault(kind, deque())
        while known and now - known[0][0] > MEMORY:
            known.popleft()
        known.append((now, typical))
        best = min(each for _, each in known)
        return typical > max(TIMES * best, best + SECONDS)
