"""The leads behind every vendor of the sandbox: one seeded book, edited by people, by the API, and by tests."""

import gc
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from connector.sandbox import tables
from connector.sandbox.clock import Clock, aware
from connector.sandbox.generate import FIRST_ID, generate
from connector.sandbox.index import MAX_ID, Index
from connector.sandbox.localtime import LocalTime, OffsetTime
from connector.sandbox.values import Normalise, normaliser

COLUMNS = (
    "created_by", "last_modified_by", "owner_id", "user_id", "source_id", "list_id", "status",
    "phone_code", "phone_number", "alt_phone_1", "alt_phone_2", "first_name", "last_name", "email",
    "address1", "address2", "city", "state", "province", "postal_code", "country", "gender", "date_of_birth",
    "carrier_name", "carrier_type", "std_company_name", "std_consumer_number", "std_account_number",
    "notes", "lead_score", "plan_interest", "monthly_revenue", "field_12",
)  # fmt: skip
"""What every lead has besides its id and times; ``notes`` and what follows are the account's own fields."""

OPTIONAL_COLUMNS = ("annual_revenue", "title", "business_name", "dba", "industry", "start_date")
"""Fields of the account's layout that a lead shows only once it has a value."""

FOUND_OUT = ("status_name", "called_count", "last_called")
"""What a live account also shows of a lead, and nobody sets."""
SHOWN = ("id", "lead_id", "created_at", "modified_at", *COLUMNS, *FOUND_OUT)
PLACE = {name: place for place, name in enumerate(COLUMNS)}
READ_ONLY = frozenset({"id", "lead_id", "created_at", "modified_at", "deleted_at", "archived_at", *FOUND_OUT})

Removal = Literal["deleted", "archived"]
Shown = dict[str, str | None]


class Lead:
    """One lead. ``updated`` is when a person last edited it, ``changed`` when anything did: seconds since 1970."""

    __slots__ = ("called", "changed", "created", "extra", "id", "removal", "removed", "updated", "values")

    def __init__(
        self, lead_id: int, values: Sequence[str | None], created: int, updated: int, called: int | None
    ) -> None:
        self.id = lead_id
        self.values = values
        self.extra: dict[str, str | None] | None = None
        self.created = created
        self.updated = updated
        self.changed = updated
        self.called = called
        self.removal: Removal | None = None
        self.removed = 0

    def get(self, name: str) -> str | None:
        place = PLACE.get(name)
        if place is not None:
            return self.values[place]
        return self.extra.get(name) if self.extra else None


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded call with a lead, in seconds since 1970."""

    recording_id: str
    """Digits only."""
    lead_id: str
    start: int
    seconds: int


class Book:
    """The leads of one account. Every method is thread-safe and takes lead ids as text or number.

    ``custom_fields`` are columns the account's layout has besides the usual ones. ``normalise`` says how the CRM
    rewrites what it is given: field -> ``digits``, ``lower``, ``upper``, ``trim`` or ``round``. With ``offset_times`` it shows
    times with their offset.
    """

    def __init__(
        self,
        leads: int = 500,
        *,
        seed: int = 7,
        zone: ZoneInfo | None = None,
        clock: Clock | None = None,
        touch_on_api_edit: bool = False,
        custom_fields: Sequence[str] = (),
        normalise: Mapping[str, Normalise] | None = None,
        show_removal_times: bool = True,
        offset_times: bool = False,
    ) -> None:
        self.zone = zone or ZoneInfo("America/Los_Angeles")
        self.clock = clock or Clock()
        self.touch_on_api_edit = touch_on_api_edit
        self.show_removal_times = show_removal_times
        self.custom_fields = tuple(dict.fromkeys((*OPTIONAL_COLUMNS, *custom_fields)))
        self.always_shown = tuple(name for name in self.custom_fields if name not in OPTIONAL_COLUMNS)
        self.lists = set(tables.LISTS)
        self.users = {*tables.USERS, tables.API_USER}
        self.lock = threading.RLock()
        self._local: Callable[[int], str] = OffsetTime(self.zone) if offset_times else LocalTime(self.zone)
        self._normalise = {name: normaliser(kind) for name, kind in (normalise or {}).items()}
        self._caches: list[dict[int, bytes]] = []
        self._recordings: dict[int, list[Recording]] = {}
        self._fill(leads, seed)

    def _fill(self, count: int, seed: int) -> None:
        with _no_collection():
            rows, times = generate(count, seed, self.clock.seconds(), COLUMNS)
            self.leads = {
                lead_id: Lead(lead_id, row, *when)
                for lead_id, (row, when) in enumerate(zip(rows, times, strict=True), FIRST_ID)
            }
        self._next_id = FIRST_ID + count
        self.by_updated = Index((lead.updated, lead.id) for lead in self.leads.values())
        self.by_changed = Index((lead.changed, lead.id) for lead in self.leads.values())
        self.by_id = Index((0, lead_id) for lead_id in self.leads)
        self.by_removed: dict[Removal, Index] = {"deleted": Index(), "archived": Index()}

    # What is in it

    def __len__(self) -> int:
        """How many leads are neither deleted nor archived."""
        return len(self.by_id)

    def ids(self) -> list[str]:
        """The live leads' ids, ascending."""
        with self.lock:
            return [str(lead_id) for lead_id in self.by_id.ids(0, len(self.by_id))]

    def find(self, lead_id: str | int, *, removed: bool = False) -> Lead | None:
        """The lead, if there is one; a deleted or archived one only where asked for."""
        number = int(lead_id) if str(lead_id).isascii() and str(lead_id).isdigit() else -1
        lead = self.leads.get(number)
        return lead if lead is not None and (removed or lead.removal is None) else None

    def row(self, lead_id: str | int) -> Shown:
        """The lead as a search shows it, also when it is deleted or archived; ``KeyError`` where there is none."""
        with self.lock:
            return self.shown(self._lead(lead_id, removed=True))

    def rows(self) -> dict[str, Shown]:
        """Every live lead as a search shows it, by id: what a complete copy has to equal."""
        with self.lock:
            return {
                str(lead_id): self.shown(self.leads[lead_id])
                for lead_id in self.by_id.ids(0, len(self.by_id))
            }

    def shown(self, lead: Lead) -> Shown:
        number, status = str(lead.id), lead.values[PLACE["status"]] or ""
        head = (number, number, self._local(lead.created), self._local(lead.updated))
        tail = (
            tables.STATUS_NAMES.get(status, status),
            str(self.called_count(lead)),
            None if lead.called is None else self._local(lead.called),
        )
        shown: Shown = dict(zip(SHOWN, (*head, *lead.values, *tail), strict=True))
        for name in self.always_shown:
            shown[name] = None
        if lead.extra:
            shown.update(lead.extra)
        if lead.removal and self.show_removal_times:
            shown[f"{lead.removal}_at"] = self.local(lead.removed)
        return shown

    def local(self, second: int) -> str:
        """An instant as the account shows it: local time, ``YYYY-MM-DD HH:MM:SS``, or with its offset."""
        return self._local(second)

    def removed(self, removal: Removal) -> list[str]:
        """The deleted or archived leads' ids, in the order in which they went."""
        with self.lock:
            index = self.by_removed[removal]
            return [str(lead_id) for lead_id in index.ids(0, len(index))]

    def knows(self, name: str) -> bool:
        """Whether the account's layout has this field."""
        return name in PLACE or name in self.custom_fields

    def cache(self) -> dict[int, bytes]:
        """A place to keep a lead's rendering in; the book takes it out whenever the lead changes."""
        with self.lock:
            self._caches.append({})
            return self._caches[-1]

    # What happens to it

    def edit(self, lead_id: str | int, fields: Mapping[str, str | None], user: str = "30001") -> None:
        """A person edits the lead: moves ``modified_at`` and ``changed_at``. ``KeyError`` for an unknown lead or field."""
        with self.lock:
            lead = self._lead(lead_id)
            self._set(lead, {"last_modified_by": user, **fields})
            self._move(lead, updated=self.clock.seconds(), changed=self.clock.seconds())

    def api_edit(self, lead_id: str | int, fields: Mapping[str, str | None]) -> None:
        """An edit through the API: moves ``changed_at``, and ``modified_at`` only under ``touch_on_api_edit``."""
        with self.lock:
            lead = self._lead(lead_id)
            touch = self.touch_on_api_edit
            self._set(lead, {"last_modified_by": tables.API_USER, **fields} if touch else fields)
            self._move(
                lead, updated=self.clock.seconds() if touch else lead.updated, changed=self.clock.seconds()
            )

    def add(
        self,
        fields: Mapping[str, str | None] | None = None,
        *,
        lead_id: str | int | None = None,
        created_at: datetime | None = None,
        modified_at: datetime | None = None,
    ) -> str:
        """A new lead; returns its id. The times are aware and now by default; a lead is no younger than its last edit."""
        with self.lock:
            number = self._next_id if lead_id is None else int(lead_id)
            if not 0 < number <= MAX_ID or number in self.leads:
                raise ValueError(
                    f"a lead can't be given the id {number}: it is taken, or not between 1 and {MAX_ID}"
                )
            updated = (
                self.clock.seconds() if modified_at is None else int(aware(modified_at).timestamp() // 1)
            )
            created = updated if created_at is None else int(aware(created_at).timestamp() // 1)
            lead = Lead(number, (None,) * len(COLUMNS), created, updated, None)
            self._set(lead, fields or {})
            self._next_id = max(self._next_id, number + 1)
            self.leads[number] = lead
            self._list(lead)
            return str(number)

    def delete(self, lead_id: str | int) -> None:
        """Deletes the lead: from now on only the search for deleted ones shows it."""
        self._remove(lead_id, "deleted")

    def archive(self, lead_id: str | int) -> None:
        """Archives the lead: from now on only the search for archived ones shows it."""
        self._remove(lead_id, "archived")

    def restore(self, lead_id: str | int) -> None:
        """Brings a deleted or archived lead back, as an edit by a person."""
        with self.lock:
            lead = self._lead(lead_id, removed=True)
            if lead.removal is None:
                return
            self.by_removed[lead.removal].drop(lead.removed, lead.id)
            lead.removal = None
            lead.updated = lead.changed = self.clock.seconds()
            self._list(lead)
            self._forget(lead)

    def call(self, lead_id: str | int, seconds: int = 60) -> str:
        """An agent calls the lead: adds a recording, whose id is returned, and moves ``last_called`` and ``changed_at``.

        ``modified_at`` stays: nobody edited the lead.
        """
        with self.lock:
            lead = self._lead(lead_id)
            known = self._known_recordings(lead)
            lead.called = self.clock.seconds()
            recording = Recording(_recording_id(lead, len(known) + 1), str(lead.id), lead.called, seconds)
            known.append(recording)
            self._move(lead, updated=lead.updated, changed=lead.called)
            return recording.recording_id

    def called_count(self, lead: Lead) -> int:
        """How often the lead was called."""
        known = self._recordings.get(lead.id)
        return len(known) if known is not None else int(lead.called is not None)

    def calls(self, start: int | None, end: int | None) -> list[Recording]:
        """Every call between two seconds, both included, the oldest first; of removed leads, too."""
        with self.lock:
            found = [
                call
                for lead in self.leads.values()
                if lead.called is not None and (start is None or lead.called >= start)
                for call in self._known_recordings(lead)
                if (start is None or call.start >= start) and (end is None or call.start <= end)
            ]
        return sorted(found, key=lambda call: (call.start, int(call.recording_id)))

    def recordings(self, lead_id: str | int) -> list[Recording]:
        """The lead's recorded calls, oldest first."""
        with self.lock:
            return list(self._known_recordings(self._lead(lead_id, removed=True)))

    def _known_recordings(self, lead: Lead) -> list[Recording]:
        if lead.id not in self._recordings:
            first = (
                []
                if lead.called is None
                else [Recording(_recording_id(lead, 1), str(lead.id), lead.called, 30 + lead.id % 570)]
            )
            self._recordings[lead.id] = first
        return self._recordings[lead.id]

    def _lead(self, lead_id: str | int, *, removed: bool = False) -> Lead:
        lead = self.find(lead_id, removed=removed)
        if lead is None:
            raise KeyError(f"no lead {lead_id} in the book")
        return lead

    def _set(self, lead: Lead, fields: Mapping[str, str | None]) -> None:
        values = list(lead.values)
        extra = dict(lead.extra or {})
        for name, value in fields.items():
            change = self._normalise.get(name)
            kept = change(value) if change and value is not None else value
            if name in PLACE:
                values[PLACE[name]] = kept
            elif name in self.custom_fields:
                extra[name] = kept
            else:
                raise KeyError(f"the account's layout has no field {name}")
        lead.values, lead.extra = values, extra or None
        self._forget(lead)

    def _move(self, lead: Lead, updated: int, changed: int) -> None:
        if updated != lead.updated:
            self.by_updated.drop(lead.updated, lead.id)
            self.by_updated.put(updated, lead.id)
        if changed != lead.changed:
            self.by_changed.drop(lead.changed, lead.id)
            self.by_changed.put(changed, lead.id)
        lead.updated, lead.changed = updated, changed
        self._forget(lead)

    def _remove(self, lead_id: str | int, removal: Removal) -> None:
        with self.lock:
            lead = self._lead(lead_id)
            self.by_updated.drop(lead.updated, lead.id)
            self.by_changed.drop(lead.changed, lead.id)
            self.by_id.drop(0, lead.id)
            lead.removal, lead.removed = removal, self.clock.seconds()
            self.by_removed[removal].put(lead.removed, lead.id)
            self._forget(lead)

    def _list(self, lead: Lead) -> None:
        self.by_updated.put(lead.updated, lead.id)
        self.by_changed.put(lead.changed, lead.id)
        self.by_id.put(0, lead.id)

    def _forget(self, lead: Lead) -> None:
        for cache in self._caches:
            cache.pop(lead.id, None)

    def search(
        self,
        index: Index,
        windows: Sequence[tuple[int | None, int | None]],
        test: Callable[[Lead], bool] | None,
    ) -> "Hits":
        """What an index holds within these closed windows, in its order; call with the lock held."""
        low, high = 0, len(index)
        for start, end in windows:
            first, last = index.span(start, end)
            low, high = max(low, first), min(high, last)
        high = max(low, high)
        if test is None:
            return Hits(index, low, high, None)
        return Hits(
            index, low, high, [lead_id for lead_id in index.ids(low, high) if test(self.leads[lead_id])]
        )


@dataclass(frozen=True, slots=True)
class Hits:
    """The leads a search found, without making a list of them where none is needed."""

    index: Index
    low: int
    high: int
    filtered: list[int] | None

    def __len__(self) -> int:
        return self.high - self.low if self.filtered is None else len(self.filtered)

    def page(self, offset: int, limit: int) -> list[int]:
        if self.filtered is not None:
            return self.filtered[offset : offset + limit]
        first = min(self.low + offset, self.high)
        return self.index.ids(first, min(first + limit, self.high))


def _recording_id(lead: Lead, number: int) -> str:
    return str(lead.id * 1_000 + number)


@contextmanager
def _no_collection() -> Iterator[None]:
    # Making a million objects that all stay would otherwise be spent, for the most part, on looking for garbage.
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
