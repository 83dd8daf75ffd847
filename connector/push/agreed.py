"""What somebody agrees to: everything that a plan shows or that decides it, its fingerprint, and a saved plan read again."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from connector.errors import ConfigError, PlanMovedError
from connector.push.guardrails import Guardrail, count

if TYPE_CHECKING:
    from connector.push.plan import LeadPlan, Plan

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


def fingerprint(plan: "Plan") -> str:
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


def _setting(plan: "Plan", name: str) -> Any:
    found = getattr(plan, name)
    return sorted(found.items()) if isinstance(found, Mapping) else found


def differences(agreed: "Plan", made: "Plan") -> list[str]:
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


def _moved(before: Sequence["LeadPlan"], after: Sequence["LeadPlan"]) -> Iterator[tuple[str, list[str]]]:
    """Lead ids and the fields that differ, by lead id; every field of a lead that is in one of the two only."""
    was, is_now = ({lead.lead_id: lead for lead in leads} for leads in (before, after))
    for lead_id in sorted({*was, *is_now}):
        one, other = was.get(lead_id), is_now.get(lead_id)
        if one != other:
            changes = ({*lead.changes} if lead else set() for lead in (one, other))
            first, second = changes
            moved = first ^ second or first  # the same changes, for another lead of the CRM
            yield lead_id, sorted({change.field for change in moved})


def read_plan(path: Path) -> "Plan":
    """The plan that ``plan --json`` has saved, made anew from what the file says.

    Raises ``ConfigError`` for a file that is no plan or holds no values, ``PlanMovedError`` for one that was changed.
    """
    from connector.push.explain import JSON_VERSION, plan_json

    save = "save one with `leadloop plan PUSH --json > FILE`"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        kind, version = document["kind"], document["version"]
    except (OSError, ValueError, KeyError, TypeError):
        kind = version = None
    if kind != "plan":
        raise ConfigError(f"--plan {path} is no plan: {save}.")
    if document.get("masked"):
        raise ConfigError(
            f"--plan {path} is masked: it doesn't hold the values that would be sent, so it can't be agreed to. Save "
            "one without --mask."
        )
    try:
        plan = _plan_of(document)
        same = version == JSON_VERSION and _as_saved(plan_json(plan)) == document
    except (AttributeError, KeyError, TypeError, ValueError, msgspec.ValidationError):
        raise ConfigError(
            f"--plan {path} lacks a part of a plan, or another version of leadloop saved it: {save}."
        ) from None
    if not same:
        raise PlanMovedError(
            f"--plan {path} says something else than when it was saved: its fingerprint is not that of what it holds, "
            f"so nothing was sent. To agree to a plan as it is now, {save}."
        )
    return plan


def _as_saved(document: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(document))


def _plan_of(document: Mapping[str, Any]) -> "Plan":
    from connector.push.plan import Plan

    totals = document["totals"]
    plan = Plan(
        push=document["push"],
        crm=document["crm"],
        host=document["host"],
        account=document["account"],
        mode=document["mode"],
        on_conflict=document["on_conflict"],
        made_at=datetime.fromisoformat(document["made_at"]),
        seen_at=document["seen_at"] and datetime.fromisoformat(document["seen_at"]),
        leads=_leads_of(document["leads"]),
        conflicts=_leads_of(document["conflicts"]),
        rejected=_leads_of(document["rejected"]),
        flapping=_leads_of(document["flapping"]),
        guardrails=msgspec.convert(
            [{k: each[k] for k in Guardrail.__slots__} for each in document["guardrails"]],
            tuple[Guardrail, ...],
        ),
        removed=totals["removed"],
        unknown_leads=totals["unknown_leads"],
        unresolved=tuple(document["unresolved"]),
        beyond_limit=totals["beyond_limit"],
        crm_leads=totals["crm_leads"],
        duplicates=tuple(document["duplicates"]),
        nameless=totals["nameless"],
        options=document["options"],
        equal=document["equal"],
        max_found=document["max_found"],
        first_time=document["first_time"],
    )
    return replace(plan, fingerprint=fingerprint(plan))


def _leads_of(rows: Sequence[Mapping[str, Any]]) -> tuple["LeadPlan", ...]:
    from connector.push.plan import LeadPlan

    named = [
        {
            **row,
            "changes": [
                {**{k: v for k, v in change.items() if k != "column"}, "column_name": change["column"]}
                for change in row["changes"]
            ],
        }
        for row in rows
    ]
    return msgspec.convert(named, tuple[LeadPlan, ...])
