"""A saved plan, which somebody has agreed to, read again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from connector.errors import ConfigError, PlanMovedError
from connector.push.explain import JSON_VERSION, plan_json
from connector.push.fingerprint import fingerprint
from connector.push.guardrails import Guardrail
from connector.push.plan import LeadPlan, Plan


def read_plan(path: Path) -> Plan:
    """The plan that ``plan --json`` has saved, made anew from what the file says.

    Raises ``ConfigError`` for a file that is no plan or holds no values, ``PlanMovedError`` for one that was changed.
    """
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


def _plan_of(document: Mapping[str, Any]) -> Plan:
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


def _leads_of(rows: Sequence[Mapping[str, Any]]) -> tuple[LeadPlan, ...]:
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
