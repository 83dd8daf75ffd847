"""What a person decides about conflicts, recorded in the journal so that the next plan acts on it."""

import hashlib
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from connector.errors import ConfigError, PlanMovedError
from connector.push.changes import FieldChange, LeadPlan
from connector.push.journal import Journal
from connector.push.journal_row import Entry
from connector.push.plan import Plan
from connector.push.tables import RESOLVED, SKIPPED
from connector.texts import count

Side = Literal["ours", "theirs", "skip"]


@dataclass(frozen=True, slots=True)
class Conflict:
    """One field of one lead that a person edited in the CRM after we had sent it."""

    lead_id: str
    field: str
    theirs: str | None
    ours: str | None
    sent_before: str | None
    is_own_key: bool = False
    """Whether ``lead_id`` is the warehouse's key of a row, as in ``Plan.has_own_keys``."""

    @property
    def mark(self) -> str:
        """Another one as soon as one of the three values is."""
        whole = repr((self.lead_id, self.field, self.theirs, self.ours, self.sent_before))
        return hashlib.sha256(whole.encode()).hexdigest()[:16]


def conflicts(
    journal: Journal,
    plan: Plan,
    leads: Collection[str] | None = None,
    fields: Collection[str] | None = None,
) -> list[Conflict]:
    """The plan's conflicts; or those of these leads, also skipped ones; of these only what is about these fields of the CRM.

    ``ConfigError`` for a lead that has none.
    """
    return [_conflict(plan, lead, change) for lead, change in _changes(journal, plan, leads, fields)]


def decide(
    journal: Journal,
    plan: Plan,
    side: Side,
    leads: Collection[str] | None = None,
    fields: Collection[str] | None = None,
    shown: Mapping[tuple[str, str], str] | None = None,
) -> list[Conflict]:
    """Records a decision for the plan's conflicts, or those of these leads and fields, and returns what was decided.

    ``ours``: what the CRM shows becomes what the next plan compares with, so that our value goes out after all.
    ``theirs``: our value is held back until it changes, as one that the CRM has refused. ``skip``: the field is left
    alone, whatever we want of it, until its lead is named for one of the others.

    ``shown``: (lead, field) -> mark of the conflicts that somebody saw; only these are decided, and none of them
    (``PlanMovedError``) if one of them is another one by now.
    """
    if shown is not None:
        leads = {lead_id for lead_id, _ in shown}
    changes = _changes(journal, plan, leads, fields)
    if shown is not None:
        found = {(lead.lead_id, change.field): (lead, change) for lead, change in changes}
        moved = sum(
            place not in found or _conflict(plan, *found[place]).mark != mark for place, mark in shown.items()
        )
        if moved:
            raise PlanMovedError(
                f"{count(moved, 'conflict')} of {plan.push} changed after you saw them; nothing was recorded.",
                "Look at the values again, then decide.",
                crm=plan.crm,
            )
        changes = [found[place] for place in shown]
    if changes:
        entries = [_entry(plan, lead, change, side) for lead, change in changes]
        journal.record(f"resolve-{uuid.uuid4().hex[:12]}", entries)
    return [_conflict(plan, lead, change) for lead, change in changes]


def _changes(
    journal: Journal, plan: Plan, leads: Collection[str] | None, fields: Collection[str] | None
) -> Sequence[tuple[LeadPlan, FieldChange]]:
    found = [(lead, change) for lead in plan.conflicts for change in lead.changes]
    if leads is not None:
        named, skipped = set(leads), journal.decided(plan.push, SKIPPED)
        found += [
            (lead, change)
            for lead in plan.rejected
            for change in lead.changes
            if (lead.lead_id, change.field) in skipped
        ]
        found = [(lead, change) for lead, change in found if lead.lead_id in named]
        if missing := sorted(named - {lead.lead_id for lead, _ in found}):
            raise ConfigError(
                f"{plan.push} has no conflict for lead {plan.shown_keys(missing[:5])}; nothing was recorded.",
                f"Conflicts are listed by: leadloop resolve {plan.push}",
            )
    if fields is not None:
        found = [(lead, change) for lead, change in found if change.field in fields]
        if not found:
            raise ConfigError(
                f"{plan.push} has no conflict in {', '.join(sorted(fields))}; nothing was recorded.",
                f"Conflicts are listed by: leadloop resolve {plan.push}",
            )
    return found


def _conflict(plan: Plan, lead: LeadPlan, change: FieldChange) -> Conflict:
    return Conflict(
        lead.lead_id, change.field, change.current, change.desired, change.base, plan.has_own_keys
    )


def _entry(plan: Plan, lead: LeadPlan, change: FieldChange, side: Side) -> Entry:
    ours = side == "ours"
    reasons = {
        "ours": "a person decided: ours is sent",
        "theirs": "a person decided: the CRM's value stays",
        "skip": "a person decided: the field is left alone",
    }
    return Entry(
        plan.push,
        plan.crm,
        lead.lead_id,
        change.field,
        change.column_name,
        "confirmed" if ours else "rejected",
        change.current,
        change.current if ours else change.desired,
        SKIPPED if side == "skip" else RESOLVED,
        reasons[side],
        crm_lead_id=lead.crm_lead_id,
    )
