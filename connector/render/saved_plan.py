"""A saved plan, which somebody has agreed to, read again."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec

from connector.errors import ConfigError, PlanMovedError
from connector.push.fingerprint import fingerprint
from connector.push.guardrails import Guardrail
from connector.push.plan import FieldChange, LeadPlan, Plan
from connector.render.plan_document import Lead, Limit, PlanDocument, plan_document

_SAVE = "Save one with `leadloop plan PUSH --json > FILE`."


def read_plan(path: Path) -> Plan:
    """The plan that ``plan --json`` has saved, made anew from what the file says.

    Raises ``ConfigError`` for a file that is no plan or holds no values, ``PlanMovedError`` for one that was changed.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        kind = said["kind"]
    except (OSError, ValueError, KeyError, TypeError):
        kind = None
    if kind != "plan":
        raise ConfigError(f"--plan {path} is not a plan.", _SAVE)
    if said.get("masked"):
        raise ConfigError(
            f"--plan {path} is masked: it doesn't hold the values that would be sent, so it can't be agreed to.",
            "Save one without --mask.",
        )
    try:
        plan = _plan_of(msgspec.convert(said, PlanDocument))
    except (ValueError, msgspec.ValidationError):
        raise ConfigError(
            f"--plan {path} lacks a part of a plan, or another version of leadloop saved it.",
            _SAVE,
        ) from None
    if msgspec.to_builtins(plan_document(plan)) != said:
        raise PlanMovedError(
            f"--plan {path} was changed after it was saved: its fingerprint does not match what it holds, so nothing was "
            "sent.",
            _SAVE,
        )
    return plan


def _plan_of(document: PlanDocument) -> Plan:
    totals = document.totals
    plan = Plan(
        push=document.push,
        crm=document.crm,
        host=document.host,
        account=document.account,
        mode=document.mode,
        on_conflict=document.on_conflict,
        made_at=datetime.fromisoformat(document.made_at),
        seen_at=None if document.seen_at is None else datetime.fromisoformat(document.seen_at),
        leads=_leads_of(document.leads),
        conflicts=_leads_of(document.conflicts),
        rejected=_leads_of(document.rejected),
        flapping=_leads_of(document.flapping),
        guardrails=tuple(_guardrail_of(each) for each in document.guardrails),
        removed=totals.removed,
        unknown_leads=totals.unknown_leads,
        unresolved=tuple(document.unresolved),
        beyond_limit=totals.beyond_limit,
        crm_leads=totals.crm_leads,
        duplicates=tuple(document.duplicates),
        nameless=totals.nameless,
        options=document.options,
        equal=document.equal,
        max_found=document.max_found,
        first_time=document.first_time,
    )
    return replace(plan, fingerprint=fingerprint(plan))


def _guardrail_of(limit: Limit) -> Guardrail:
    return Guardrail(limit.name, limit.limit, limit.actual, limit.tripped, limit.explanation)


def _leads_of(leads: Sequence[Lead]) -> tuple[LeadPlan, ...]:
    return tuple(
        LeadPlan(
            lead.lead_id,
            tuple(
                FieldChange(each.field, each.column, each.current, each.desired, each.base, each.verdict)
                for each in lead.changes
            ),
            lead.crm_lead_id,
        )
        for lead in leads
    )
