"""A record of every call the sandbox answered, so that a test can say how many there were and what they named."""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

KEPT = 500_000


@dataclass(frozen=True, slots=True)
class Call:
    """One call. It holds names and codes, never a value, a token or a body."""

    at: datetime
    """UTC by the sandbox's clock, when the call had arrived."""
    vendor: str
    method: str
    path: str
    action: str
    lead_id: str | None
    names: tuple[str, ...]
    """The parameters' names, without the token's."""
    status: int | None
    """The HTTP status; ``None`` where no answer was sent."""
    outcome: str
    """``ok``, the vendor's error code, or ``http 404``."""
    fault: str | None
    """The fault that changed this call, if one did."""
    carried_out: bool
    """Whether the call reached the book (it may have been refused there)."""


class Calls:
    """The latest 500,000 calls, oldest first, and counters of all of them."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=KEPT)
        self.counts: Counter[tuple[str, str, str]] = Counter()
        """How often, by vendor, action and outcome."""
        self._under_way: Counter[str] = Counter()
        self._most: Counter[str] = Counter()

    @contextmanager
    def under_way(self, vendor: str) -> Iterator[None]:
        """A call of this vendor from its arrival to its answer; on the server's thread only."""
        self._under_way[vendor] += 1
        self._most[vendor] = max(self._most[vendor], self._under_way[vendor])
        try:
            yield
        finally:
            self._under_way[vendor] -= 1

    def most_at_once(self, vendor: str) -> int:
        """How many calls of this vendor were under way together, at most."""
        return self._most[vendor]

    def record(self, call: Call) -> None:
        self._calls.append(call)
        self.counts[call.vendor, call.action, call.outcome] += 1

    def __len__(self) -> int:
        return sum(self.counts.copy().values())

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._calls))

    def select(
        self,
        action: str | None = None,
        *,
        vendor: str | None = None,
        lead_id: str | None = None,
        outcome: str | None = None,
    ) -> list[Call]:
        """The calls kept that are of this action (``search``, ``update`` …), vendor, lead and outcome."""
        wanted = {"action": action, "vendor": vendor, "lead_id": lead_id, "outcome": outcome}
        given = {name: value for name, value in wanted.items() if value is not None}
        return [call for call in self if all(getattr(call, name) == value for name, value in given.items())]

    def count(
        self, action: str | None = None, *, vendor: str | None = None, outcome: str | None = None
    ) -> int:
        """How many calls there were, also of those no longer kept."""
        return sum(
            number
            for (its_vendor, its_action, its_outcome), number in self.counts.copy().items()
            if action in (None, its_action)
            and vendor in (None, its_vendor)
            and outcome in (None, its_outcome)
        )

    def clear(self) -> None:
        self._calls.clear()
        self.counts.clear()
        self._most.clear()

    def as_json(self, last: int | None = None) -> dict[str, Any]:
        """``{"total", "counts": [{vendor, action, outcome, number}], "calls": [...]}`` with the latest ``last`` calls."""
        calls = list(self)
        counts = [
            {"vendor": vendor, "action": action, "outcome": outcome, "number": number}
            for (vendor, action, outcome), number in sorted(self.counts.copy().items())
        ]
        shown = calls if last is None else calls[len(calls) - min(last, len(calls)) :]
        return {"total": len(self), "counts": counts, "calls": [asdict(call) for call in shown]}
