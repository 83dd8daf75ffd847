"""Leads the CRM says no to, by request: which lead, with which code, and for which value."""

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """Writes to this lead fail with ``code``; where ``field`` is given only writes that name it, and where ``value``
    is given only while it is that value."""

    lead_id: str
    code: str
    field: str | None = None
    value: str | None = None

    def holds(self, params: Mapping[str, str]) -> bool:
        if self.field is None:
            return True
        return self.field in params and self.value in (None, params[self.field])


class Refusals:
    """The refusals that are on; a lead may have several."""

    def __init__(self) -> None:
        self._by_lead: dict[str, list[Refusal]] = {}
        self._lock = threading.Lock()

    def add(
        self, lead_id: str, code: str | int, *, field: str | None = None, value: str | None = None
    ) -> None:
        with self._lock:
            self._by_lead.setdefault(str(lead_id), []).append(Refusal(str(lead_id), str(code), field, value))

    def clear(self, lead_id: str | None = None) -> None:
        """Takes back the refusals of one lead, or all."""
        with self._lock:
            if lead_id is None:
                self._by_lead.clear()
            else:
                self._by_lead.pop(str(lead_id), None)

    def code(self, lead_id: str, params: Mapping[str, str]) -> str | None:
        """The code this write is refused with, if it is."""
        if not self._by_lead:
            return None
        with self._lock:
            return next((each.code for each in self._by_lead.get(lead_id, ()) if each.holds(params)), None)

    def as_json(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(each) for some in self._by_lead.values() for each in some]
