"""A saved plan, which somebody has agreed to, read again."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from operator import lt
from pathlib import Path
from typing import Any

import msgspec

from connector.errors import ConfigError, PlanMovedError
from connector.push.changes import Approval, Asked, FieldChange, LeadPlan, Undo
from connector.push.frozen import LISTS, Frozen
from connector.push.guardrails import Guardrail
from connector.push.plan import Plan
from connector.render.json_reader import Reader
from connector.render.plan_document import (
    ApprovalPart,
    Lead,
    Limit,
    PlanDocument,
    TakenBack,
    bytes_digest,
    digest,
    plan_document,
)

_BYTES = 1 << 20
_SAVE = "Save one with `leadloop plan PUSH --save FILE`."


def read_plan(path: Path, option: str = "--plan ") -> Plan:
    """The plan that ``plan --save`` has saved, made anew from what the file says. Its leads are read one by one.

    ``option``: by which it was given, for messages. Raises ``ConfigError`` for a file that is no plan or holds no values, ``PlanMovedError`` for one that was changed.
    """
    leads = _SavedLeads()
    try:
        with path.open(encoding="utf-8") as file:
            said = leads.taken_from(Reader(file))
        kind = said["kind"]
    except (OSError, ValueError, KeyError, TypeError):
        kind = None
    if kind != "plan":
        raise ConfigError(f"{option}{path} is not a plan.", _SAVE)
    if said.get("masked"):
        raise ConfigError(
            f"{option}{path} is masked: it doesn't hold the values that would be sent, so it can't be agreed to.",
            "Save one without --mask.",
        )
    try:
        if leads.are_misshapen:
            raise ValueError(kind)
        _complete(said)
        plan = _plan_of(msgspec.convert(said, PlanDocument), leads.frozen)
    except (ValueError, msgspec.ValidationError):
        raise ConfigError(
            f"{option}{path} lacks a part of a plan, or another version of leadloop saved it.",
            _SAVE,
        ) from None
    without_leads = msgspec.structs.replace(plan_document(plan), **{name: [] for name in LISTS})
    if leads.were_changed or msgspec.to_builtins(without_leads) != said:
        raise PlanMovedError(
            f"{option}{path} was changed after it was saved: its fingerprint does not match what it holds, so nothing was "
            "sent.",
            _SAVE,
        )
    return plan if plan.approval is None else _approved(plan, plan.approval, path, option)


def _complete(said: dict[str, Any]) -> None:
    """Adds what the document of an older leadloop didn't have."""
    for name, nothing in (
        ("policies", {}),
        ("reverted", []),
        ("undo", None),
        ("needs_approval", False),
        ("approval", None),
    ):
        said.setdefault(name, nothing)
    if isinstance(said.get("totals"), dict):
        said["totals"].setdefault("reverted", 0)


def _approved(plan: Plan, approval: Approval, path: Path, option: str) -> Plan:
    """The plan with the digest by which its approval is checked; an approved plan is refused if one byte of its file is another one."""
    seen = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_BYTES):
            seen.update(part)
    if seen.hexdigest() != bytes_digest(plan):
        raise PlanMovedError(
            f"{option}{path} was changed after it was approved, so nothing was sent.",
            f"Save it anew and approve it: {plan.command} --save {path}",
        )
    return replace(plan, approval=replace(approval, digest=digest(plan)))


class _SavedLeads:
    """The leads of a saved plan, frozen as those of the plan were, and what is wrong about them."""

    def __init__(self) -> None:
        self.frozen = Frozen()
        self.are_misshapen = False
        self.were_changed = False

    def taken_from(self, reader: Reader) -> dict[str, Any]:
        """What else the document says, each list of leads in it being empty; ``ValueError`` for what is no JSON object."""
        said: dict[str, Any] = {}
        for name in reader.names():
            if name in said:
                raise ValueError(name)
            if name in LISTS and reader.is_list():
                said[name] = []
                self.frozen.put(name, self._leads(reader.items()))
            else:
                said[name] = reader.value()
        return said

    def _leads(self, items: Iterable[Any]) -> Iterator[LeadPlan]:
        before = ""
        for item in items:
            try:
                lead = msgspec.convert(item, Lead)
            except msgspec.ValidationError:
                self.are_misshapen = True
                continue
            fields = [change.field for change in lead.changes]
            is_in_order = lead.lead_id > before and fields and all(map(lt, fields, fields[1:]))
            self.were_changed |= not is_in_order or msgspec.to_builtins(lead) != item
            before = lead.lead_id
            yield _lead_of(lead)


def _plan_of(document: PlanDocument, frozen: Frozen) -> Plan:
    totals, lists = document.totals, frozen.lists()
    return Plan(
        push=document.push,
        crm=document.crm,
        host=document.host,
        account=document.account,
        mode=document.mode,
        on_conflict=document.on_conflict,
        made_at=datetime.fromisoformat(document.made_at),
        seen_at=None if document.seen_at is None else datetime.fromisoformat(document.seen_at),
        leads=lists["leads"],
        conflicts=lists["conflicts"],
        rejected=lists["rejected"],
        flapping=lists["flapping"],
        reverted=lists["reverted"],
        guardrails=tuple(_guardrail_of(each) for each in document.guardrails),
        removed=totals.removed,
        unknown_leads=totals.unknown_leads,
        desired_leads=totals.desired_leads,
        unresolved=tuple(document.unresolved),
        beyond_limit=totals.beyond_limit,
        crm_leads=totals.crm_leads,
        duplicates=tuple(document.duplicates),
        nameless=totals.nameless,
        options=document.options,
        equal=document.equal,
        policies=document.policies,
        max_found=document.max_found,
        first_time=document.first_time,
        undo=None if document.undo is None else _undo_of(document.undo),
        needs_approval=document.needs_approval,
        approval=None if document.approval is None else _approval_of(document.approval),
    )


def _approval_of(told: ApprovalPart) -> Approval:
    return Approval(
        id=told.id,
        who=told.who,
        approved_at=datetime.fromisoformat(told.approved_at),
        note=told.note,
        only_fields=tuple(told.only_fields),
        not_leads=tuple(told.not_leads),
        warehouse=told.warehouse,
        signature=told.signature,
    )


def _undo_of(told: TakenBack) -> Undo:
    asked = told.asked
    return Undo(
        asked=Asked(
            run=asked.run,
            push=asked.push,
            since=None if asked.since is None else datetime.fromisoformat(asked.since),
            leads=tuple(asked.leads),
            fields=tuple(asked.fields),
            delete_inserted=asked.delete_inserted,
        ),
        runs=tuple(told.runs),
        as_before=told.as_before,
        inserted=tuple(told.inserted),
        deleted=tuple(told.deleted),
        not_blanked=tuple((each.lead_id, each.field) for each in told.not_blanked),
        not_known=told.not_known,
        own_keys=told.own_keys,
        lost=told.lost,
    )


def _guardrail_of(limit: Limit) -> Guardrail:
    return Guardrail(limit.name, limit.limit, limit.actual, limit.tripped, limit.explanation)


def _lead_of(lead: Lead) -> LeadPlan:
    return LeadPlan(
        lead.lead_id,
        tuple(
            FieldChange(each.field, each.column, each.current, each.desired, each.base, each.verdict)
            for each in lead.changes
        ),
        lead.crm_lead_id,
    )
