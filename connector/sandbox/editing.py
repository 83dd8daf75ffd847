"""People at work: leads that are edited while someone reads them."""

import random
import threading
import time

from connector.sandbox import tables
from connector.sandbox.book import Book
from connector.sandbox.generate import phones

LONGEST_NAP = 0.02
"""Seconds between looks at the clock; at higher rates several edits are made at a time."""


class Editor:
    """Edits random leads of a book, so many times a second, on a thread of its own; a rate of 0 stops it.

    Which lead gets which value is drawn from a seed; when, depends on the machine.
    """

    def __init__(self, book: Book, seed: int = 7) -> None:
        self._book = book
        self._random = random.Random(seed + 1)
        self._phones = phones(self._random, 200)
        self._rate = 0.0
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._control = threading.Lock()
        self.leave_alone: frozenset[str] = frozenset()
        """Fields that nobody edits."""
        self.edits = 0
        """How many edits have been made so far."""

    @property
    def rate(self) -> float:
        return self._rate

    def set_rate(self, edits_per_second: float) -> None:
        """From now on so many. With 0, no edit is under way any more when this returns."""
        if not 0 <= edits_per_second < float("inf"):
            raise ValueError("edits per second can't be negative or without end")
        with self._control:
            self._end()
            self._rate = edits_per_second
            if edits_per_second > 0:
                self._stop.clear()
                self._thread = threading.Thread(target=self._run, name="sandbox-edits", daemon=True)
                self._thread.start()

    def _end(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        began, made, rate = time.monotonic(), 0, self._rate
        while not self._stop.wait(min(LONGEST_NAP, 1 / rate)):
            due = int((time.monotonic() - began) * rate)
            while made < due and not self._stop.is_set():
                self.edit_one()
                made += 1

    def edit_one(self) -> str | None:
        """One edit by a person, now; returns the lead's id, or ``None`` for an empty book."""
        with self._book.lock:
            if not len(self._book):
                return None
            lead_id = self._book.by_id.id_at(self._random.randrange(len(self._book)))
            fields = {name: value for name, value in self._fields().items() if name not in self.leave_alone}
            self._book.edit(lead_id, fields, user=self._random.choice(tables.USERS))
        self.edits += 1
        return str(lead_id)

    def _fields(self) -> dict[str, str | None]:
        pick = self._random.choice
        kind = self._random.random()
        if kind < 0.4:
            return {"status": pick(tables.STATUSES), "notes": pick(tables.NOTES)}
        if kind < 0.6:
            return {
                "plan_interest": pick(tables.PLANS),
                "monthly_revenue": f"{self._random.randrange(1500, 30000)}.00",
            }
        if kind < 0.75:
            return {"phone_number": pick(self._phones), "list_id": pick(tables.LISTS)}
        if kind < 0.9:
            first, last, _ = pick(tables.PEOPLE)
            return {"first_name": first, "last_name": last, "owner_id": pick(tables.USERS)}
        return {"email": pick(("", None)), "field_12": pick(("yes", "no", None))}
