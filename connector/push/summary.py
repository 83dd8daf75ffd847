"""What became of every lead of a plan, counted while it is carried out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from connector.crm.day_calls import CallsLeft
from connector.push.changes import FieldChange
from connector.push.journal_row import State

# A lead whose fields went different ways counts once, as the worst of them; never as delivered.
_WORST_FIRST: tuple[State, ...] = ("rejected", "unknown", "deferred", "conflict", "applied", "confirmed")


class Unapplied(NamedTuple):
    """One lead of which something did not arrive, and why; never with a value."""

    lead_id: str
    state: State
    fields: tuple[str, ...]
    code: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of every lead of a plan."""

    run_id: str
    push: str
    crm: str
    started_at: datetime
    ended_at: datetime
    leads: int
    fields: int
    calls: int
    by_state: Mapping[str, int]
    """Leads by state; each lead counts once, as the worst of its fields."""
    fields_by_state: Mapping[str, int]
    unapplied: tuple[Unapplied, ...] = field(repr=False)
    """Ordered as the plan is; a lead is in it once per state of its fields."""
    stopped: str | None
    """Why the run ended before every lead had been tried, or ``None``."""
    interrupted: bool
    """It was a signal that ended it."""
    harmed: bool = False
    """A write took away what nobody set; ``stopped`` says what, of which lead."""
    found: int = 0
    """Leads that were to be added and that the CRM had already; they are ``applied``."""
    guarded: bool = False
    """More of them than ``max_found``; ``stopped`` says so."""
    deferred_until: datetime | None = None
    """When the account has calls again, where it ended because the day's calls were used up."""
    unknown_leads: int = 0
    """As of the plan: leads that the CRM has never shown, of so many as ``desired_leads`` says, if anything."""
    desired_leads: int | None = None
    has_own_keys: bool = False
    """As of the plan: whether its lead ids are the warehouse's keys of rows."""
    calls_today: CallsLeft | None = None
    """The account's calls of the day, where they are counted."""

    @property
    def exit_code(self) -> int:
        """0, or 3 when a lead was rejected, deferred or left unknown. A conflict is left alone on purpose: 0.

        1 when a write took away what nobody set: a person has to look before anything else is sent. 4 when more leads
        were found than ``max_found``.
        """
        if self.harmed:
            return 1
        if self.guarded:
            return 4
        return 3 if any(self.by_state.get(state) for state in ("rejected", "deferred", "unknown")) else 0


class Tally:
    """What has become of the leads so far."""

    def __init__(self) -> None:
        self.calls = 0
        self.fields: Counter[str] = Counter()
        self.unapplied: list[Unapplied] = []
        self._leads: dict[str, int] = {}

    @property
    def leads(self) -> int:
        return len(self._leads)

    def add(
        self,
        lead_id: str,
        state: State,
        changes: Sequence[FieldChange],
        code: str | None,
        reason: str | None,
    ) -> None:
        self.fields[state] += len(changes)
        rank = _WORST_FIRST.index(state)
        self._leads[lead_id] = min(rank, self._leads.get(lead_id, rank))
        if state not in ("applied", "confirmed"):
            names = tuple(change.field for change in changes)
            self.unapplied.append(Unapplied(lead_id, state, names, code, reason))

    def by_state(self) -> dict[str, int]:
        counts = Counter(_WORST_FIRST[rank] for rank in self._leads.values())
        return {state: counts[state] for state in reversed(_WORST_FIRST) if counts[state]}
