"""A plan: everything that a push would send, frozen. What it is made from is in ``planning``, how two plans differ in
``fingerprint``."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

import msgspec

from connector.errors import ConflictError, DuplicateLeadError, GuardrailError, LeadloopError, ModelError
from connector.push.changes import Approval, Undo
from connector.push.frozen import Leads
from connector.push.guardrails import Guardrail, Limits
from connector.push.policies import Policies, of_field
from connector.push.tables import ADDING
from connector.texts import count, listed, shown_key, shown_name

SETTINGS = {
    "push": "the push",
    "crm": "the CRM",
    "host": "the CRM's address",
    "account": "the account",
    "mode": "mode",
    "on_conflict": "on_conflict",
    "options": "options",
    "equal": "equal",
    "policies": "what single fields have of their own",
    "max_found": "max_found",
    "crm_leads": "the number of leads in the CRM",
    "removed": "the number of removed leads",
    "unknown_leads": "the number of unknown leads",
    "desired_leads": "the number of desired leads",
    "unresolved": "the leads that wait",
    "beyond_limit": "the number of leads beyond --limit",
    "duplicates": "the leads with two rows",
    "nameless": "the number of rows without a lead id",
    "first_time": "what would be replaced for the first time",
    "undo": "what is taken back",
    "needs_approval": "whether it has to be approved",
}
"""What the fingerprint of a plan covers, as people call it; besides these its guardrails and its lists."""
SINCE = ("policies", "undo", "needs_approval", "reverted")
"""What an older leadloop didn't have: a fingerprint covers it only where there is something to cover, so that those of plans that were
saved before stay what they are."""
LISTS = {
    "leads": "to be sent",
    "conflicts": "in conflict",
    "rejected": "refused before",
    "flapping": "never shown as sent",
    "reverted": "taken back",
}


class Push(Limits, Protocol):
    """What a plan needs to know of a push model; ``warehouse.models.PushSpec`` is one."""

    @property
    def approval(self) -> str:
        """``required`` where each plan has to be approved, else ``none``."""
        ...

    @property
    def approve_above(self) -> int | None:
        """A plan of more leads has to be approved; ``None``: of none."""
        ...

    @property
    def name(self) -> str: ...
    @property
    def schema(self) -> str: ...
    @property
    def identifier(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def on_conflict(self) -> str: ...
    @property
    def first_push(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, str]:
        """CRM field -> column of the desired rows; none for a delete."""
        ...

    @property
    def options(self) -> Mapping[str, str]:
        """What each insert is told besides its fields."""
        ...

    @property
    def equal(self) -> Mapping[str, str]:
        """CRM field -> the rule by which its values are compared, as in ``equality.RULES``."""
        ...

    @property
    def policies(self) -> Policies:
        """CRM field -> what it has of its own instead of the push's ``on_conflict``, ``nulls`` or ``first_push``."""
        ...


@dataclass(frozen=True)
class Plan:
    """Everything a push would do. ``leads`` is the list that is shown, and the same list is carried out."""

    push: str
    crm: str
    mode: str
    on_conflict: str
    made_at: datetime
    seen_at: datetime | None
    """When a lead of this CRM was last read; the plan can't know of later edits."""
    leads: Leads
    """Ordered by lead id, as text. They are frozen: those that were shown are those that are sent."""
    conflicts: Leads
    """Fields that a person edited in the CRM since we sent them; left alone unless the warehouse wins."""
    rejected: Leads
    """Fields whose very value the CRM has refused before; held back until the value changes."""
    flapping: Leads
    """Fields whose value the CRM has accepted several times in a row, and then shown another one; held back, too."""
    reverted: Leads
    """Fields whose very value ``undo`` has taken back; held until the value changes or somebody releases them."""
    guardrails: tuple[Guardrail, ...] = ()
    removed: int = 0
    """Leads that are deleted, archived or merged in the CRM."""
    unknown_leads: int = 0
    """Leads that the CRM has never shown."""
    desired_leads: int | None = None
    """Rows of the push's desired model; ``None`` where nothing differs, or an older package made the push model."""
    unresolved: tuple[str, ...] = field(repr=False, default=())
    """Leads left out because an earlier write to them was not answered, and they have not been read since."""
    beyond_limit: int = 0
    """Leads that ``limit`` leaves for later."""
    crm_leads: int | None = None
    """How many leads this CRM has; ``None`` where it is not read."""
    duplicates: tuple[str, ...] = field(repr=False, default=())
    """Leads with two rows for the same field."""
    nameless: int = 0
    """Rows without a lead id."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What each insert is told besides its fields."""
    equal: Mapping[str, str] = field(default_factory=dict)
    """CRM field -> the rule by which its values are compared."""
    policies: Policies = field(default_factory=dict)
    """CRM field -> what it has of its own instead of the push's ``on_conflict``, ``nulls`` or ``first_push``."""
    host: str | None = None
    """Of the CRM's API; ``None`` where the CRM is not set up."""
    account: str | None = None
    """The digest of the account, as in ``crm.identity``; ``None`` where the CRM is not set up."""
    max_found: int | None = None
    """For an insert: how many of its leads the CRM may have already. They are looked for when the plan is carried out."""
    first_time: Mapping[str, int] = field(default_factory=dict)
    """CRM field to which nothing was ever sent, as far as is known -> leads in which a value would be replaced."""
    undo: Undo | None = None
    """What is taken back, where the plan is made from what runs of the push have done."""
    needs_approval: bool = False
    """Whether nobody may send it unless a person has approved it."""
    approval: Approval | None = None
    """Of a saved plan: who approved it. No part of what is approved."""
    rivalry: str = ""
    """Which other push wants something else for what this one would send, and where; see ``rivals.rivalry``."""

    @cached_property
    def fingerprint(self) -> str:
        """A hash of everything that the plan shows and that decides it, but for when it was made and when leads were read.

        It is what somebody agrees to. Every lead is read for it, so it is made when it is asked for.
        """
        # MessagePack delimits what it holds, so that no two plans run together into the same bytes; nothing is not "".
        encode = msgspec.msgpack.Encoder().encode
        digest = hashlib.sha256(encode([self.setting(name) for name in SETTINGS if name not in SINCE]))
        for name in SINCE:
            if name in SETTINGS and (value := self.setting(name)):
                digest.update(encode((name, value)))
        for each in self.guardrails:
            # As floats: a limit of 5 is read from a file as 5.0.
            numbers = [None if number is None else float(number) for number in (each.limit, each.actual)]
            digest.update(encode((each.name, *numbers, each.tripped, each.explanation)))
        for name in LISTS:
            leads: Leads = getattr(self, name)
            if name in SINCE and not leads:
                continue
            digest.update(encode((name, len(leads))))
            for lead in leads:
                digest.update(encode(lead))
        return digest.hexdigest()

    def setting(self, name: str) -> Any:
        """One of ``SETTINGS``, so that it can be compared."""
        found = getattr(self, name)
        if name == "policies":
            return sorted((each, sorted(own.items())) for each, own in found.items())
        return sorted(found.items()) if isinstance(found, Mapping) else found

    @property
    def command(self) -> str:
        """What shows this plan as it is now."""
        return self.undo.asked.command if self.undo else f"leadloop plan {self.push}"

    @property
    def fields(self) -> int:
        return self.leads.totals.fields

    @property
    def clears(self) -> int:
        return self.leads.totals.clears

    @property
    def inserts(self) -> int:
        """Leads that would be added."""
        return self.leads.totals.strangers if self.mode in ADDING else 0

    @property
    def has_own_keys(self) -> bool:
        """Whether its lead ids are the warehouse's keys of rows and no ids of the CRM: one may be an email address."""
        return self.mode in ADDING or (self.undo is not None and self.undo.own_keys)

    def shown_keys(self, lead_ids: Iterable[str]) -> str:
        """Ids of leads as an error may name them."""
        return ", ".join(shown_key(each, is_ours=self.has_own_keys, mask=True) for each in lead_ids)

    @property
    def deletes(self) -> int:
        """Leads that would be deleted."""
        return len(self.leads) if self.mode == "delete" else 0

    def by_field(self) -> dict[str, int]:
        """How many leads each field changes for, the most frequent first."""
        return self.leads.by_field()

    def stopping(self) -> list[str]:
        """Fields whose conflicts let nothing be sent."""
        return sorted(
            name for name in self.conflicts.by_field() if of_field(self, "on_conflict", name) == "stop"
        )

    def problem(self, *, is_seen: bool = False) -> LeadloopError | None:
        """Why nothing of this plan may be sent, or ``None``; see ``check``. ``is_seen``: whoever is told has the plan before them."""
        look = "" if is_seen else f"To see it: {self.command}"
        if self.nameless:
            return ModelError(
                f"{self.push} has {count(self.nameless, 'row')} without a lead id, so nothing was sent.",
                "Leave them out in the model's SQL, or correct its key.",
                crm=self.crm,
            )
        if self.duplicates:
            return DuplicateLeadError(
                f"{self.push} has more than one row for the same lead and field, for "
                f"{count(len(self.duplicates), 'lead')} (such as {self.shown_keys(self.duplicates[:3])}), so nothing was "
                "sent.",
                "Make its desired rows unique by lead.",
                crm=self.crm,
            )
        if self.rivalry:
            return ConflictError(self.rivalry, look, crm=self.crm)
        if stopping := self.stopping():
            of = f"on_conflict of {listed(map(shown_name, stopping))}" if self.policies else "its on_conflict"
            return ConflictError(
                f"{count(self.conflicts.having(stopping), 'lead')} of {self.push} were edited in {self.crm} since they were sent, "
                f"and {of} is 'stop', so nothing was sent.",
                look,
                crm=self.crm,
            )
        tripped = {each.name: each.explanation for each in self.guardrails if each.tripped}
        if tripped:
            advice = f"If it is right, raise the limit in the model, or send the first leads with --limit N. {look}".rstrip()
            if [*tripped] == ["max_unknown_share"] and self.crm_leads:
                advice = (
                    f"Does the push's key hold the ids that {self.crm} gave, and is this their account? If it is right, raise the "
                    f"limit in the model. {look}".rstrip()
                )
            return GuardrailError(
                f"{self.push}: {'; '.join(tripped.values())}. Nothing was sent.",
                advice,
                crm=self.crm,
            )
        return None

    def check(self) -> None:
        """Raises ``ModelError``, ``DuplicateLeadError``, ``ConflictError`` or ``GuardrailError`` if it may not be sent."""
        problem = self.problem()
        if problem is not None:
            raise problem
