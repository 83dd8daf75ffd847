"""A person's word that values which were taken back may be sent again, recorded so that the next plan acts on it."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from connector.errors import ConfigError
from connector.push.changes import FieldChange, LeadPlan
from connector.push.journal import Journal, entry
from connector.push.journal_row import Entry
from connector.push.plan import Plan
from connector.push.tables import RELEASED


@dataclass(frozen=True, slots=True)
class Held:
    """One field of one lead whose value was taken back, and that the push still wants."""

    lead_id: str
    field: str
    shows: str | None
    """What the CRM shows."""
    wanted: str | None
    """What the push would send, were it not held."""
    is_own_key: bool = False
    """Whether ``lead_id`` is the warehouse's key of a row, as in ``Plan.has_own_keys``."""


def held(plan: Plan, leads: Collection[str] = (), fields: Collection[str] = ()) -> list[Held]:
    """The fields that are held, or those of these leads and fields; ``ConfigError`` for a lead that has none."""
    return [_held(plan, lead, change) for lead, change in _changes(plan, leads, fields)]


def release(
    journal: Journal, plan: Plan, leads: Collection[str] = (), fields: Collection[str] = ()
) -> list[Held]:
    """Records that these fields are held no more, and returns them. What the CRM shows is what the next plan compares with."""
    changes = _changes(plan, leads, fields)
    if changes:
        entries = [_entry(plan, lead, change) for lead, change in changes]
        journal.record(f"release-{uuid.uuid4().hex[:12]}", entries)
    return [_held(plan, lead, change) for lead, change in changes]


def _held(plan: Plan, lead: LeadPlan, change: FieldChange) -> Held:
    return Held(lead.lead_id, change.field, change.current, change.desired, plan.has_own_keys)


def _changes(
    plan: Plan, leads: Collection[str], fields: Collection[str]
) -> Sequence[tuple[LeadPlan, FieldChange]]:
    found = [
        (lead, change)
        for lead in plan.reverted
        for change in lead.changes
        if (not leads or lead.lead_id in leads) and (not fields or change.field in fields)
    ]
    if missing := sorted({*leads} - {lead.lead_id for lead, _ in found}):
        raise ConfigError(
            f"{plan.push} holds nothing of lead {plan.shown_keys(missing[:5])}; nothing was recorded.",
            f"What is held: leadloop release {plan.push}",
        )
    return found


def _entry(plan: Plan, lead: LeadPlan, change: FieldChange) -> Entry:
    said = entry(
        plan, lead, change, "confirmed", code=RELEASED, reason="a person decided: it may be sent again"
    )
    return replace(said, value=change.current)
