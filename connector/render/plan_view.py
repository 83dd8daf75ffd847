"""A plan as a page tells of it, in sentences and numbers: for ``leadloop serve`` and for the page that ``plan --html`` writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from connector.push import approved
from connector.push.approvals import first_time
from connector.push.changes import WHOLE
from connector.push.guardrails import Guardrail
from connector.push.plan import Plan
from connector.render.plan import (
    FieldRow,
    conflict_title,
    field_rows,
    headline,
    held_forms,
    left_out,
    own_policies,
    tiles,
    wanted,
)
from connector.texts import masked, printable, readable, shown_key, shown_name
from connector.views.plan_rows import PlanRows, Row
from connector.views.settings import Masking

RELEASE = "Send again what was taken back"
"""What is pressed for it on the page of a push."""
Tone = Literal["good", "bad", "warn", "idle"]
NEAR = 0.8
"""From this part of a limit on, a plan is near it."""
LIST_NAMES = {
    "leads": "Changes",
    "conflicts": "Conflicts",
    "rejected": "Refused before",
    "flapping": "Never shown as sent",
    "reverted": "Taken back and held",
    "waiting": "No answer yet",
}


class Bar(NamedTuple):
    """A guardrail, and how near the plan is to it."""

    word: str
    kind: Literal["passed", "near", "tripped", "off"]
    sentence: str
    percent: int | None
    """Of the limit, 100 at most; ``None`` where there is none or it is not known."""


class Left(NamedTuple):
    """Leads that are not sent: how many, why, and what changes that."""

    leads: int
    why: str
    fix: str


class MoveShown(NamedTuple):
    """How often a field goes from one value to another."""

    before: str
    after: str
    leads: int


class RowShown(NamedTuple):
    """One field of one lead."""

    lead_id: str
    crm_lead_id: str | None
    name: str
    owner: str
    status: str
    edited_by: str
    field: str
    before: str
    """What the CRM shows."""
    after: str
    """What we want."""
    base: str
    """What we sent."""
    is_first: bool
    """The row before is of another lead."""


@dataclass(frozen=True, slots=True)
class PlanView:
    """Everything above the rows."""

    push: str
    crm: str
    word: str
    tone: Tone
    headline: str
    problem: str
    notes: Sequence[str]
    tiles: Sequence[tuple[int, str]]
    bars: Sequence[Bar]
    fields: Sequence[FieldRow]
    moves: Sequence[tuple[str, Sequence[MoveShown]]]
    jumps: Sequence[RowShown]
    left_out: Sequence[Left]
    conflict_title: str
    wanted: str
    """What the third value of a conflict is."""
    conflicts: int
    held: int
    """Leads that were taken back by an undo, and are not sent until somebody says so."""
    adds: bool
    """Of an undo: the run has added leads, which stay."""
    lists: Sequence[tuple[str, str, int]]
    """(list, its name, its leads) of the lists that have any."""
    fields_by_list: Mapping[str, Mapping[str, int]]
    deletes: bool
    made_at: datetime
    seen_at: datetime | None
    account: str
    fingerprint: str = ""


def plan_view(
    rows: PlanRows, masking: Masking, *, mask: bool = False, fingerprint: bool = False, on_page: bool = False
) -> PlanView:
    """``mask`` hides every value. To make the fingerprint every lead is read, so it is there only where it is asked for.
    ``on_page``: it is shown by ``leadloop serve``, where things are pressed; else what is advised are commands."""
    plan = rows.plan
    problem = plan.problem(is_seen=True)
    notes = list(filter(None, [first_time(plan), approved.told(plan)]))
    word, tone = _word(plan, problem is not None, bool(first_time(plan)))
    lengths = {
        "leads": plan.leads,
        "conflicts": plan.conflicts,
        "rejected": plan.rejected,
        "flapping": plan.flapping,
    }
    return PlanView(
        push=plan.push,
        crm=plan.crm,
        word=word,
        tone=tone,
        headline=headline(plan),
        problem=str(problem) if problem else "",
        notes=[
            *notes,
            *own_policies(plan),
            *(left_out(plan, on_page=on_page) if plan.undo is not None else []),
        ],
        tiles=tiles(plan),
        bars=[_bar(each) for each in plan.guardrails],
        fields=_fields(plan, masking, mask),
        moves=_moves(rows, masking, mask),
        jumps=shown_rows(plan, rows.jumps(), masking, mask=mask) if plan.mode == "update" else [],
        left_out=_left_out(plan, on_page),
        conflict_title=conflict_title(plan) if plan.conflicts else "",
        wanted=wanted(plan),
        conflicts=len(plan.conflicts),
        held=len(plan.reverted),
        adds=bool(plan.undo and plan.undo.inserted),
        lists=[
            (name, LIST_NAMES[name], len(leads))
            for name, leads in lengths.items()
            if leads or name == "leads"
        ],
        fields_by_list=rows.fields(),
        deletes=plan.mode == "delete",
        made_at=plan.made_at,
        seen_at=plan.seen_at,
        account=f"{plan.host}, account {plan.account}" if plan.host else "",
        fingerprint=plan.fingerprint if fingerprint else "",
    )


def shown_rows(plan: Plan, rows: Sequence[Row], masking: Masking, *, mask: bool = False) -> list[RowShown]:
    """Rows of a plan with their values on one line each, masked where they are private."""
    found, last = [], None
    for row in rows:
        hide = mask or masking.hides(row.column_name)
        whole = row.field == WHOLE
        found.append(
            RowShown(
                shown_key(row.lead_id, is_ours=plan.has_own_keys, mask=mask),
                row.crm_lead_id,
                printable(masked(row.name) or "" if mask else row.name),
                printable(masked(row.owner) or "" if mask else row.owner),
                printable(row.status),
                printable(row.edited_by),
                "the whole lead" if whole else shown_name(row.field),
                "there" if whole else readable(row.current, mask=hide),
                "deleted" if whole else readable(row.desired, mask=hide),
                "(never sent)" if row.base is None else "deleted" if whole else readable(row.base, mask=hide),
                row.lead_id != last,
            )
        )
        last = row.lead_id
    return found


def _word(plan: Plan, stopped: bool, first: bool) -> tuple[str, Tone]:
    if stopped:
        return "Stopped", "bad"
    if not plan.leads:
        left = plan.conflicts or plan.rejected or plan.flapping or plan.unresolved
        if plan.crm_leads is None and not left:
            return "Nothing read yet", "idle"
        return ("Nothing to send", "idle") if left else ("In sync", "good")
    if plan.needs_approval:
        return "Needs approval", "warn"
    return ("Needs a first yes", "warn") if first else ("Ready to send", "good")


def _bar(guardrail: Guardrail) -> Bar:
    limit, actual = guardrail.limit, guardrail.actual
    if limit is None:
        return Bar("off", "off", guardrail.explanation, None)
    share = None if actual is None else 1.0 if actual >= limit else actual / limit
    percent = None if share is None else round(100 * share)
    if guardrail.tripped:
        return Bar("over", "tripped", guardrail.explanation, 100)
    near = share is not None and share >= NEAR and bool(actual)
    return Bar("near" if near else "within", "near" if near else "passed", guardrail.explanation, percent)


def _fields(plan: Plan, masking: Masking, mask: bool) -> list[FieldRow]:
    if plan.mode == "delete":
        return []
    plain = {each.field: each for each in field_rows(plan, mask=mask)}
    hidden = {each.field: each for each in field_rows(plan, mask=True)}
    return [(hidden if masking.hides(name) else plain)[name] for name in plain]


def _moves(rows: PlanRows, masking: Masking, mask: bool) -> list[tuple[str, Sequence[MoveShown]]]:
    found: list[tuple[str, Sequence[MoveShown]]] = []
    for name, moves in rows.moves().items():
        hide = mask or masking.hides(moves[0].column_name)
        # Where each lead moves differently, or nothing may be seen of it, a list of moves says nothing.
        if moves[0].leads > 1 and not hide:
            shown = [MoveShown(readable(each.current), readable(each.desired), each.leads) for each in moves]
            found.append((shown_name(name), shown))
    return found


def _left_out(plan: Plan, on_page: bool) -> list[Left]:
    held = (
        Left(leads, why, "It is sent again when the value changes, or is in sync once a rule says so.")
        for leads, why in held_forms(plan)
    )
    found = (
        Left(
            len(plan.conflicts),
            "edited in the CRM after we sent them",
            "Decide whose value stays: ours, theirs, or skip.",
        ),
        Left(
            len(plan.rejected),
            "the CRM refused this very value before",
            "It is sent again when the value changes.",
        ),
        *held,
        Left(
            len(plan.reverted),
            "taken back by an undo, and held",
            f"Press “{RELEASE}”." if on_page else f"leadloop release {plan.push} --all",
        ),
        Left(
            len(plan.unresolved),
            "an earlier write was not answered",
            "The next extraction reads them, and then it is known.",
        ),
        Left(
            plan.removed,
            f"deleted, archived or merged in {plan.crm}",
            "Nothing is sent to them. If one comes back, it is.",
        ),
        Left(
            plan.unknown_leads,
            f"unknown to {plan.crm}",
            "Look at the key of the push: the CRM has never shown these ids.",
        ),
        Left(plan.beyond_limit, "left for later by --limit", "Run it without --limit."),
    )
    return [each for each in found if each.leads]
