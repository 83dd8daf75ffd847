"""The limits of a push model: how much may change before a person has to look."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from connector.texts import count


class Limits(Protocol):
    """The options of a push model that bound it; ``None`` switches one off."""

    @property
    def crm(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def max_changes(self) -> int | None: ...
    @property
    def max_share(self) -> float | None: ...
    @property
    def max_clears(self) -> int | None: ...
    @property
    def max_inserts(self) -> int | None: ...
    @property
    def max_deletes(self) -> int | None: ...
    @property
    def max_unknown_share(self) -> float | None: ...
    @property
    def max_found(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Guardrail:
    """One limit of a push model, and where this plan stands against it."""

    name: str
    limit: float | None
    """``None``: the model switched it off."""
    actual: float | None
    """``None``: can't be known, as for the share of a CRM that is not read. Then the guardrail trips: unknown is not passed."""
    tripped: bool
    explanation: str

    @property
    def status(self) -> Literal["passed", "tripped", "off"]:
        """How it is shown: one that is switched off has not been passed."""
        return "off" if self.limit is None else "tripped" if self.tripped else "passed"


def guardrails(
    push: Limits,
    *,
    leads: int,
    clears: int,
    inserts: int = 0,
    crm_leads: int | None,
    unknown: int = 0,
    desired: int | None = None,
) -> tuple[Guardrail, ...]:
    """The limits of the push's mode against what would be sent: ``leads`` in all, of them ``inserts``; ``clears``, in fields.

    ``crm_leads``: how many leads the CRM has, ``None`` where that isn't known. ``unknown``: how many of the ``desired`` leads it
    doesn't know; ``None`` where nobody knows how many are desired. A push that adds leads wants them to be unknown.
    """
    added = _guardrail(
        "max_inserts", push.max_inserts, inserts, f"{count(inserts, 'lead')} would be added", "{:,}".format
    )
    if push.mode == "insert":
        return (added,)
    changed = leads if push.mode != "upsert" else leads - inserts
    # Where nothing would change, that is no share of any number of leads.
    share = changed / crm_leads if crm_leads else None if changed else 0.0
    become = "be deleted" if push.mode == "delete" else "change"
    part = _guardrail(
        "max_share",
        push.max_share,
        share,
        _unread(push) if share is None else f"{_percent(share)} of the leads in {push.crm} would {become}",
        _percent,
    )
    if push.mode == "delete":
        what = f"{count(leads, 'lead')} would be deleted"
        most = _guardrail("max_deletes", push.max_deletes, leads, what, "{:,}".format)
        return most, part, _unknown(push, leads, unknown, desired, crm_leads)
    return (
        _guardrail(
            "max_changes", push.max_changes, changed, f"{count(changed, 'lead')} would change", "{:,}".format
        ),
        part,
        _guardrail(
            "max_clears", push.max_clears, clears, f"{count(clears, 'field')} would be cleared", "{:,}".format
        ),
        added if push.mode == "upsert" else _unknown(push, leads, unknown, desired, crm_leads),
    )


def _guardrail(
    name: str, limit: float | None, actual: float | None, what: str, shown: Callable[[float], str]
) -> Guardrail:
    if limit is None:
        return Guardrail(name, None, actual, False, f"{what}; {name} is switched off")
    tripped = actual is None or actual > limit
    return Guardrail(name, limit, actual, tripped, f"{what}, and {name} is {shown(limit)}")


def _unknown(push: Limits, leads: int, unknown: int, desired: int | None, crm_leads: int | None) -> Guardrail:
    """Whether ``key`` seems to be the CRM's id of the lead, and the account the right one."""
    share: float | None = 0.0
    what = f"no desired lead is unknown to {push.crm}"
    advice = "" if push.max_unknown_share is None else ", or set max_unknown_share = none)"
    if not crm_leads and (leads or unknown):
        share = None
        first = " (run leadloop extract and leadloop build first" if advice else ""
        what = f"no lead of {push.crm} is in the warehouse, so which of the desired leads it knows is not known{first}{advice}"
    elif unknown:
        share = unknown / desired if desired else None
        build = " (run leadloop build" if advice else ""
        what = unknown_leads(push.crm, unknown, desired)
        what += f", of how many is not known{build}{advice}" if share is None else ""
    return _guardrail("max_unknown_share", push.max_unknown_share, share, what, _percent)


def unknown_leads(crm: str, unknown: int, desired: int | None) -> str:
    """``5 of 8 desired leads are unknown to convoso``."""
    of = f"{unknown:,} of {count(desired, 'desired lead')}" if desired else count(unknown, "desired lead")
    return f"{of} {'is' if unknown == 1 else 'are'} unknown to {crm}"


def _unread(push: Limits) -> str:
    advice = (
        ""
        if push.max_share is None
        else " (run leadloop extract and leadloop build first, or set max_share = none)"
    )
    return f"no lead of {push.crm} is in the warehouse, so the share of its leads is not known{advice}"


def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"
