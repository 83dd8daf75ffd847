"""What a plan is made of: one field of one lead, and the fields of one lead that go out in one call."""

from dataclasses import dataclass, field
from datetime import datetime

from connector.errors import ConfigError

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


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to have taken back."""

    run: str | None = None
    """A run of a push, or a run of ``leadloop run`` that had it."""
    push: str | None = None
    since: datetime | None = None
    """All runs of the push from this time on, aware."""
    leads: tuple[str, ...] = ()
    """Only these leads, by the CRM's ids or the push's own; none: all."""
    fields: tuple[str, ...] = ()
    """Only these fields, as the CRM calls them; none: all."""
    delete_inserted: bool = False
    """Not the fields that were changed: the leads that were added."""

    def check(self) -> None:
        """``ConfigError`` where it doesn't say what is to be taken back."""
        by_time = self.push is not None and self.since is not None
        if (self.run is None) != by_time or (self.since is not None and not by_time):
            raise ConfigError(
                "Say what is to be taken back: a run, or with --push and --since the runs of a push from a time on.",
                "Runs are listed by: leadloop status",
            )

    @property
    def command(self) -> str:
        """How it is asked for on the command line."""
        words = ["leadloop undo", *([self.run] if self.run else [])]
        words += [f"--push {self.push}"] if self.push else []
        words += [f"--since {self.since.isoformat(timespec='seconds')}"] if self.since else []
        words += [f"--lead {each}" for each in self.leads]
        words += [f"--field {each}" for each in self.fields]
        return " ".join([*words, *(["--delete-inserted"] if self.delete_inserted else [])])

    def __str__(self) -> str:
        return self.command


@dataclass(frozen=True, slots=True)
class Undo:
    """What a plan takes back, and what of it can't be taken back."""

    asked: Asked
    runs: tuple[str, ...]
    """The runs of the push, the oldest first."""
    as_before: int = 0
    """Fields that show already what they showed before."""
    inserted: tuple[str, ...] = field(repr=False, default=())
    """Leads that the runs added, by the CRM's ids, which this plan leaves there."""
    deleted: tuple[str, ...] = field(repr=False, default=())
    """Leads that the runs deleted; no CRM can bring them back."""
    not_blanked: tuple[tuple[str, str], ...] = field(repr=False, default=())
    """Lead and field that was blank before, where the CRM can't blank the field."""
    not_known: int = 0
    """Fields of which nobody knows what they showed before: the CRM was not read by then."""
    own_keys: bool = False
    """Whether the plan's lead ids are the push's own keys, since it adds leads."""
    lost: int = 0
    """Fields whose rows have been deleted from the journal's archive."""


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's word that a saved plan may be sent, but for what they left out."""

    id: str
    who: str
    """The user of the system who approved it."""
    approved_at: datetime
    note: str | None
    only_fields: tuple[str, ...]
    """Only these fields, as the CRM calls them; none: all."""
    not_leads: tuple[str, ...] = field(repr=False)
    """Not these leads, by the CRM's ids or the push's own."""
    warehouse: str
    """The id of the warehouse in which it was approved."""
    signature: str = field(repr=False, default="")
    """An HMAC of the ``digest``, in hex."""
    digest: str = field(repr=False, default="")
    """Of the saved document with this approval in it, all but the signature."""
