"""What a plan is made of: one field of one lead, and the fields of one lead that go out in one call."""

from dataclasses import dataclass

WHOLE = "*"
"""Stands where a field's name does, in what is about the lead as a whole: its deletion."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of one lead: what the CRM shows, what it should show, and what we sent last, if anything."""

    field: str
    column_name: str
    current: str | None
    desired: str | None
    base: str | None
    verdict: str


@dataclass(frozen=True, slots=True)
class LeadPlan:
    """The fields of one lead that go out in one call, ordered by name."""

    lead_id: str
    """For a push that adds leads, the warehouse's own id of the row; else the CRM's."""
    changes: tuple[FieldChange, ...]
    crm_lead_id: str | None = None
    """The lead in the CRM; ``None``: it is to be added."""

    def values(self) -> dict[str, str | None]:
        """Exactly what is sent; ``None`` clears a field."""
        return {change.field: change.desired for change in self.changes}
