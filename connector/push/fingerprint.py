"""What somebody agrees to: everything that a plan shows or that decides it, as one hash, and what differs between two plans."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from connector.errors import PlanMovedError
from connector.push.plan import LeadPlan, Plan
from connector.texts import count

SETTINGS = {
    "push": "the push",
    "crm": "the CRM",
    "host": "the CRM's address",
    "account": "the account",
    "mode": "mode",
    "on_conflict": "on_conflict",
    "options": "options",
    "equal": "equal",
    "max_found": "max_found",
    "crm_leads": "the number of leads in the CRM",
    "removed": "the number of removed leads",
    "unknown_leads": "the number of unknown leads",
    "unresolved": "the leads that wait",
    "beyond_limit": "the number of leads beyond --limit",
    "duplicates": "the leads with two rows",
    "nameless": "the number of rows without a lead id",
    "first_time": "what would be replaced for the first time",
}
LISTS = {
    "leads": "to be sent",
    "conflicts": "in conflict",
    "rejected": "refused before",
    "flapping": "never shown as sent",
}
_EXAMPLES = 3


def fingerprint(plan: Plan) -> str:
    """A hash of everything that the plan shows and that decides it, but for when it was made and when leads were read."""
    # MessagePack delimits what it holds, so that no two plans run together into the same bytes; nothing is not "".
    encode = msgspec.msgpack.Encoder().encode
    digest = hashlib.sha256(encode([_setting(plan, name) for name in SETTINGS]))
    for each in plan.guardrails:
        # As floats: a limit of 5 is read from a file as 5.0.
        numbers = [None if number is None else float(number) for number in (each.limit, each.actual)]
        digest.update(encode((each.name, *numbers, each.tripped, each.explanation)))
    for name in LISTS:
        leads: Sequence[LeadPlan] = getattr(plan, name)
        digest.update(encode((name, len(leads))))
        for lead in leads:
            digest.update(encode(lead))
    return digest.hexdigest()


def _setting(plan: Plan, name: str) -> Any:
    found = getattr(plan, name)
    return sorted(found.items()) if isinstance(found, Mapping) else found


def differences(agreed: Plan, made: Plan) -> list[str]:
    """What is not the same in both, for a person: names, numbers, a few lead ids with their fields, and no value."""
    found = [
        what + (f" ({made.host}, and it was {agreed.host})" if name == "host" else "")
        for name, what in SETTINGS.items()
        if _setting(agreed, name) != _setting(made, name)
    ]
    limits = {each.name: each for each in agreed.guardrails}, {each.name: each for each in made.guardrails}
    names = [name for name in sorted({*limits[0], *limits[1]}) if limits[0].get(name) != limits[1].get(name)]
    found += [f"the guardrails ({', '.join(names)})"] if names else []
    for name, what in LISTS.items():
        leads = list(_moved(getattr(agreed, name), getattr(made, name)))
        if leads:
            examples = "; ".join(f"{lead_id}: {', '.join(fields)}" for lead_id, fields in leads[:_EXAMPLES])
            found.append(f"{count(len(leads), 'lead')} {what} (such as {examples})")
    return found


def _moved(before: Sequence[LeadPlan], after: Sequence[LeadPlan]) -> Iterator[tuple[str, list[str]]]:
    """Lead ids and the fields that differ, by lead id; every field of a lead that is in one of the two only."""
    was, is_now = ({lead.lead_id: lead for lead in leads} for leads in (before, after))
    for lead_id in sorted({*was, *is_now}):
        one, other = was.get(lead_id), is_now.get(lead_id)
        if one != other:
            changes = ({*lead.changes} if lead else set() for lead in (one, other))
            first, second = changes
            moved = first ^ second or first  # the same changes, for another lead of the CRM
            yield lead_id, sorted({change.field for change in moved})


def expect(plan: Plan, agreed: Plan) -> None:
    """Raises ``PlanMovedError``, which says what differs, unless the plan is in everything the one that was agreed to."""
    if agreed.fingerprint != plan.fingerprint:
        raise PlanMovedError(
            f"{plan.push} is not the plan any more that was agreed to, so nothing was sent. What differs: "
            f"{'; '.join(differences(agreed, plan))}.",
            f"To see it as it is now: leadloop plan {plan.push}",
            crm=plan.crm,
        )
