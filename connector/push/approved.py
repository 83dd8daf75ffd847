"""A plan that a person has approved: signed, for one account and one warehouse, good for one sending and for a while.

What is approved is the whole saved plan but for what the approver left out. The signature is an HMAC over the plan's document,
the approval in it, by a key that only approvers and whoever sends have. ``leadloop.push_approvals`` has a row for each
approval (``plan``), and one for its use (``sent``).
"""

import hmac
import json
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from connector.errors import ConfigError, NotApprovedError
from connector.parsing import did_you_mean
from connector.push.approvals import push_approvals
from connector.push.changes import Approval, LeadPlan
from connector.push.frozen import LISTS, Frozen
from connector.push.plan import Plan
from connector.push.tables import now
from connector.texts import count
from connector.warehouse import runs
from connector.warehouse.ledger import SCHEMA, columns_of, identity, next_number

PLAN, SENT = "plan", "sent"
"""Kinds of rows of ``push_approvals``: a plan was approved; it was sent."""
AHEAD = timedelta(minutes=5)
"""By so much the approver's clock may be ahead of this machine's."""


class Controls(NamedTuple):
    """By what somebody says which part of a plan is approved, as errors name it."""

    only_fields: str = "--only-field"
    not_leads: str = "--not-lead"
    find_lead: str = "The file lists its leads: take the id from there."


OPTIONS = Controls()
"""Those of the command line."""


def approval_of(
    plan: Plan,
    *,
    warehouse: str,
    only_fields: Collection[str],
    not_leads: Collection[str],
    note: str | None,
    controls: Controls = OPTIONS,
) -> Approval:
    """An approval of a plan that may be sent, not signed yet. ``ConfigError`` for a field or lead that the plan doesn't have, and
    where nothing would be left; it speaks of ``controls``."""
    plan.check()
    if not plan.leads:
        raise ConfigError(f"The plan of {plan.push} has nothing to send, so there is nothing to approve.")
    names = plan.by_field()
    for name in only_fields:
        if name not in names:
            near = did_you_mean(name, names) or "."
            raise ConfigError(f"{controls.only_fields}: the plan of {plan.push} has no field {name!r}{near}")
    if not_leads:
        missing = sorted({*not_leads} - {each for lead in plan.leads for each in _ids(lead)})
        if missing:
            raise ConfigError(
                f"{controls.not_leads}: the plan of {plan.push} has no lead {plan.shown_keys(missing[:5])}.",
                controls.find_lead,
            )
    made = Approval(
        id=uuid.uuid4().hex,
        who=runs.user(),
        approved_at=now().replace(microsecond=0),
        note=note or None,
        only_fields=tuple(sorted({*only_fields})),
        not_leads=tuple(sorted({*not_leads})),
        warehouse=warehouse,
    )
    if not restricted(plan, made).leads:
        raise ConfigError(
            f"{controls.only_fields} and {controls.not_leads} leave out everything in the plan of {plan.push}, so nothing was "
            "approved.",
            "Leave out less.",
        )
    return made


def restricted(plan: Plan, approval: Approval) -> Plan:
    """The plan without what the approver left out. A lead that is to be added goes out with all its fields or not at all."""
    if not approval.only_fields and not approval.not_leads:
        return plan
    frozen = Frozen()
    for name in LISTS:
        leads: Iterable[LeadPlan] = getattr(plan, name)
        frozen.put(name, _kept(leads, approval) if name == "leads" else leads)
    kept: dict[str, Any] = {name: leads for name, leads in frozen.lists().items() if name in LISTS}
    return replace(plan, **kept)


def _kept(leads: Iterable[LeadPlan], approval: Approval) -> Iterator[LeadPlan]:
    for lead in leads:
        if not set(approval.not_leads).isdisjoint(_ids(lead)):
            continue
        kept = tuple(
            change
            for change in lead.changes
            if not approval.only_fields or change.field in approval.only_fields
        )
        if kept == lead.changes or (kept and lead.crm_lead_id is not None):
            yield replace(lead, changes=kept)


def _ids(lead: LeadPlan) -> tuple[str, ...]:
    return (lead.lead_id,) if lead.crm_lead_id is None else (lead.lead_id, lead.crm_lead_id)


def signature(key: str, digest: str) -> str:
    """Of the document with this digest, in hex."""
    return hmac.new(key.encode(), digest.encode(), "sha256").hexdigest()


def verify(
    connection: sa.Connection, planned: Plan, agreed: Plan | None, *, key: str | None, age: timedelta
) -> None:
    """Raises ``NotApprovedError`` unless ``agreed`` is approved, by this key, for what is planned, here, and not too long ago."""
    approval = None if agreed is None else agreed.approval
    if agreed is None or approval is None:
        raise _refused(
            planned, "has to be approved before it is sent, and no approval was given", how_to(planned)
        )
    if key is None:
        raise _refused(
            planned, "has to be approved, and the key by which approvals are checked is not set", KEY_ADVICE
        )
    if not hmac.compare_digest(signature(key, approval.digest), approval.signature):
        raise _refused(
            planned,
            "was changed after it was approved, or approved with another key",
            how_to(planned),
        )
    if (agreed.host, agreed.account) != (planned.host, planned.account):
        raise _refused(planned, f"was approved for another account of {planned.crm}", how_to(planned))
    if approval.warehouse != identity(connection):
        raise _refused(planned, "was approved for another warehouse", how_to(planned))
    passed = now() - approval.approved_at
    if passed > age or passed < -AHEAD:
        hours = age.total_seconds() / 3600
        raise _refused(
            planned,
            f"was approved on {approval.approved_at:%F %H:%M} UTC, and an approval is good for {hours:g} hours",
            how_to(planned),
        )
    _check_unused(connection, planned, approval)


KEY_ADVICE = (
    "Put a long random text into .dlt/secrets.toml, the same wherever plans are approved and sent: [ledger] with "
    'approval_key = "…", or LEDGER__APPROVAL_KEY.'
)


def how_to(plan: Plan) -> str:
    """How this plan is approved and sent."""
    send = "leadloop undo" if plan.undo else f"leadloop push {plan.push}"
    return f"To approve and send it: {plan.command} --save plan.json, then leadloop approve plan.json, then {send} --plan plan.json."


def record(transaction: AbstractContextManager[sa.Connection], plan: Plan, approval: Approval) -> None:
    """Writes down who approved what, what was left out and why."""
    with transaction as connection:
        connection.execute(push_approvals.insert().values(_row(connection, plan, approval, PLAN)))


def use(transaction: AbstractContextManager[sa.Connection], plan: Plan, approval: Approval | None) -> None:
    """Writes down that an approval is used, before the first call; ``NotApprovedError`` where it was used meanwhile."""
    if approval is None or not plan.leads:
        return
    with transaction as connection:
        _check_unused(connection, plan, approval)
        connection.execute(push_approvals.insert().values(_row(connection, plan, approval, SENT)))


def was_used(connection: sa.Connection, approval_id: str) -> datetime | None:
    """When what was approved was sent, or ``None``."""
    if not columns_of(connection, SCHEMA, push_approvals.name):
        return None
    row = push_approvals.c
    found: datetime | None = connection.scalar(
        sa.select(row.approved_at).where(row.kind == SENT, row.approval_id == approval_id).limit(1)
    )
    return found


def _check_unused(connection: sa.Connection, plan: Plan, approval: Approval) -> None:
    if (at := was_used(connection, approval.id)) is not None:
        raise _refused(
            plan,
            f"was sent already with this approval, on {at:%F %H:%M} UTC, and an approval is good for one sending",
            how_to(plan),
        )


def _row(connection: sa.Connection, plan: Plan, approval: Approval, kind: str) -> dict[str, object]:
    left_out = {"only_fields": list(approval.only_fields), "not_leads": list(approval.not_leads)}
    return {
        "kind": kind,
        "who": approval.who if kind == PLAN else runs.user(),
        "approved_at": approval.approved_at if kind == PLAN else now(),
        "crm": plan.crm,
        "push": plan.push,
        "leads": len(plan.leads),
        "sequence_number": next_number(connection),
        "run_id": runs.current_id(),
        "approval_id": approval.id,
        "plan_fingerprint": plan.fingerprint,
        "account": plan.account,
        "left_out": json.dumps({name: ids for name, ids in left_out.items() if ids})
        if any(left_out.values())
        else None,
        "note": approval.note,
    }


def _refused(plan: Plan, why: str, advice: str) -> NotApprovedError:
    return NotApprovedError(f"{plan.push} {why}, so nothing was sent.", advice, crm=plan.crm)


def told(plan: Plan) -> str:
    """That a plan has to be approved, and how, or ``""``."""
    return (
        f"It is sent only once it is approved. {how_to(plan)}" if plan.needs_approval and plan.leads else ""
    )


def approved_text(plan: Plan, approval: Approval, until: datetime) -> str:
    """What was approved, what was left out, until when it is good, and how it is sent."""
    kept = restricted(plan, approval)
    of = f" of {len(plan.leads):,}" if len(kept.leads) != len(plan.leads) else ""
    left = [f"only the fields {', '.join(approval.only_fields)}"] if approval.only_fields else []
    left += [f"without {count(len(approval.not_leads), 'lead')} left out"] if approval.not_leads else []
    rest = f" ({'; '.join(left)})" if left else ""
    return (
        f"{plan.push} → {plan.crm}: {approval.who} approved {count(len(kept.leads), 'lead')}{of}, "
        f"{count(kept.fields, 'field')}{rest}, good until {until:%F %H:%M} UTC and for one sending."
    )
