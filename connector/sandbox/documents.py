"""Leads as JSON objects, for the vendors of the sandbox whose API shows them so. Each vendor has its own account of them."""

import copy
import json
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.sandbox.clock import Clock

Doc = dict[str, Any]
Shown = dict[str, str | None]


@dataclass(slots=True)
class Document:
    """One lead: ``body`` is what its vendor keeps of it besides id and times."""

    id: str
    body: Doc
    created: datetime
    modified: datetime


class Documents:
    """The leads of one account. Every method is thread-safe.

    ``made`` gives the first leads (``most`` of them, old and new ones alike) when somebody first asks; ``show`` turns a lead into what the vendor's API answers for it.
    Field names are paths with dots: ``contact.phone.number``.
    """

    def __init__(
        self,
        made: Callable[[], Iterable[Document]],
        show: Callable[[Document], Doc],
        clock: Clock,
        most: int | None = None,
    ) -> None:
        self._made = made
        self._show = show
        self._clock = clock
        self._most = most
        self._leads: dict[str, Document] | None = None
        self._by_time: list[tuple[datetime, str]] = []
        self.lock = threading.RLock()

    @property
    def leads(self) -> dict[str, Document]:
        """All leads by id, in the order in which they came in."""
        with self.lock:
            if self._leads is None:
                self._leads = {each.id: each for each in _some(list(self._made()), self._most)}
                self._by_time = sorted((each.modified, each.id) for each in self._leads.values())
            return self._leads

    def __len__(self) -> int:
        return len(self.leads)

    def ids(self) -> list[str]:
        with self.lock:
            return list(self.leads)

    def find(self, lead_id: str) -> Document | None:
        return self.leads.get(lead_id)

    def show(self, lead: Document) -> Doc:
        """A copy of the lead as the API answers it."""
        with self.lock:
            return copy.deepcopy(self._show(lead))

    def row(self, lead_id: str) -> Shown:
        """The lead as ``show`` has it, flat: path -> text; a list is JSON text."""
        return flat_texts(self.show(self.leads[lead_id]))

    def rows(self) -> dict[str, Shown]:
        with self.lock:
            return {lead_id: self.row(lead_id) for lead_id in self.leads}

    def by_time(self) -> list[tuple[datetime, str]]:
        """(modified, id) of every lead, oldest first."""
        with self.lock:
            _ = self.leads
            return list(self._by_time)

    def within(self, low: datetime, high: datetime) -> list[str]:
        """Ids of the leads modified between two aware instants, both included, oldest first."""
        with self.lock:
            _ = self.leads
            first, last = bisect_left(self._by_time, (low, "")), bisect_right(self._by_time, (high, "\uffff"))
            return [lead_id for _, lead_id in self._by_time[first:last]]

    def edit(self, lead_id: str, fields: Mapping[str, Any]) -> None:
        """A person's edit: sets these paths and moves the time of modification."""
        with self.lock:
            lead = self.leads[lead_id]
            for path, value in fields.items():
                put(lead.body, path, value)
            self.touch(lead)

    def replace(self, lead_id: str, body: Doc) -> Document:
        """An edit through the API: the lead is this from now on."""
        with self.lock:
            lead = self.leads[lead_id]
            lead.body = copy.deepcopy(body)
            self.touch(lead)
            return lead

    def add(self, lead_id: str, body: Doc) -> Document:
        with self.lock:
            now = self._clock.now()
            lead = Document(lead_id, copy.deepcopy(body), now, now)
            self.leads[lead_id] = lead
            insort(self._by_time, (now, lead_id))
            return lead

    def delete(self, lead_id: str) -> None:
        with self.lock:
            lead = self.leads.pop(lead_id)
            self._by_time.remove((lead.modified, lead_id))

    def touch(self, lead: Document) -> None:
        with self.lock:
            self._by_time.remove((lead.modified, lead.id))
            lead.modified = self._clock.now()
            insort(self._by_time, (lead.modified, lead.id))


def _some(leads: list[Document], most: int | None) -> list[Document]:
    """At most so many, evenly spread."""
    count = len(leads)
    if most is None or most >= count:
        return leads
    return [leads[(2 * place + 1) * count // (2 * most)] for place in range(most)]


def put(body: Doc, path: str, value: Any) -> None:
    """Sets one path of an object, making the objects on the way."""
    *way, last = path.split(".")
    for name in way:
        inner = body.get(name)
        if not isinstance(inner, dict):
            inner = body[name] = {}
        body = inner
    body[last] = value


def flat_texts(body: Mapping[str, Any], prefix: str = "") -> Shown:
    """An object as path -> text."""
    found: Shown = {}
    for name, value in body.items():
        if isinstance(value, Mapping):
            found |= flat_texts(value, f"{prefix}{name}.")
        elif value is None or isinstance(value, str):
            found[prefix + name] = value
        else:
            found[prefix + name] = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return found
