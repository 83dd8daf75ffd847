"""What somebody agreed to, against the plan as it is now: whether it is the same, and what differs."""

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import groupby
from operator import itemgetter

from connector.errors import PlanMovedError
from connector.push.changes import FieldChange, LeadPlan
from connector.push.plan import LISTS, SETTINGS, Plan
from connector.texts import count

_EXAMPLES = 3


def differences(agreed: Plan, made: Plan) -> list[str]:
    """What is not the same in both, for a person: names, numbers, a few lead ids with their fields, and no value or
    key that may be one."""
    found = [
        what + (f" ({made.host}, and it was {agreed.host})" if name == "host" else "")
        for name, what in SETTINGS.items()
        if agreed.setting(name) != made.setting(name)
    ]
    limits = {each.name: each for each in agreed.guardrails}, {each.name: each for each in made.guardrails}
    names = [name for name in sorted({*limits[0], *limits[1]}) if limits[0].get(name) != limits[1].get(name)]
    found += [f"the guardrails ({', '.join(names)})"] if names else []
    for name, what in LISTS.items():
        number, examples = 0, list[str]()
        for lead_id, fields in _moved(getattr(agreed, name), getattr(made, name)):
            number += 1
            if number <= _EXAMPLES:
                examples.append(f"{made.shown_keys([lead_id])}: {', '.join(fields)}")
        if number:
            found.append(f"{count(number, 'lead')} {what} (such as {'; '.join(examples)})")
    return found


def _moved(before: Iterable[LeadPlan], after: Iterable[LeadPlan]) -> Iterator[tuple[str, list[str]]]:
    """Lead ids and the fields that differ, by lead id; every field of a lead that is in one of the two only.

    Both are in the order of lead ids, and none is ever held as a whole.
    """
    together = merge(
        ((lead.lead_id, lead) for lead in before), ((lead.lead_id, lead) for lead in after), key=itemgetter(0)
    )
    for lead_id, both in groupby(together, key=itemgetter(0)):
        one, *rest = (lead for _, lead in both)
        if rest != [one]:
            changes = [{*lead.changes} for lead in (one, *rest)]
            first, second = (*changes, set[FieldChange]())[:2]
            moved = first ^ second or first  # the same changes, for another lead of the CRM
            yield lead_id, sorted({change.field for change in moved})


def expect(plan: Plan, agreed: Plan) -> None:
    """Raises ``PlanMovedError``, which says what differs, unless the plan is in everything the one that was agreed to."""
    if agreed.fingerprint != plan.fingerprint:
        raise PlanMovedError(
            f"{plan.push} is not the plan any more that was agreed to, so nothing was sent. What differs: "
            f"{'; '.join(differences(agreed, plan))}.",
            f"To see it as it is now: {plan.command}",
            crm=plan.crm,
        )
