"""A Plan and a Summary for people and for programs: text for a terminal, JSON as a contract, a page to send around.

Everything that is shown is taken from ``Plan.leads``, the list that is carried out. Values of leads appear only here, and
only because somebody asked to see a plan; ``mask`` leaves their last two characters.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import jinja2
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from connector.push.approvals import first_time
from connector.push.guardrails import Guardrail, count
from connector.push.plan import WHOLE, FieldChange, LeadPlan, Plan
from connector.push.summary import Summary
from connector.push.tables import ADDING
from connector.texts import is_blank

SAMPLES = 8
PAGE_LEADS = 2_000
"""Leads a page shows at most; a browser gets slow with more, and a person doesn't read them."""
JSON_VERSION = 2
"""Of a plan; 2: the fingerprint covers everything that is shown or decides."""
SUMMARY_VERSION = 1
_LONGEST = 80
_PLAIN_NAME = re.compile(r"\w[\w .:-]{0,79}")
_COMMON = 4


class Shown(NamedTuple):
    """One field of one lead as a person reads it."""

    lead_id: str
    field: str
    current: str
    desired: str
    base: str


class FieldRow(NamedTuple):
    """One field of a push: for how many leads it changes, and what it becomes most often."""

    field: str
    leads: int
    cleared: int
    becomes: str


def masked(value: str | None) -> str | None:
    """``•••• 67``: enough to recognise a value one knows, not to learn one."""
    if value is None or is_blank(value):
        return value
    return f"•••• {value.strip()[-2:]}" if len(value.strip()) > 6 else "••••"


def readable(value: str | None, *, mask: bool = False) -> str:
    """A value on one line, in quotation marks, so that a blank is seen and nothing is taken for a formula or a command."""
    if value is None or is_blank(value):
        return "(blank)"
    text = (masked(value) or "") if mask else value
    text = _printable(text[: _LONGEST + 1])
    return f"“{text[:_LONGEST]}…”" if len(text) > _LONGEST else f"“{text}”"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "⏎" if char == "\n" else "·" for char in text)


def _name(text: str) -> str:
    """A lead id or a field as it is, or in quotation marks where it is no ordinary one."""
    return text if _PLAIN_NAME.fullmatch(text) else readable(text)


# --- JSON ---------------------------------------------------------------------------------------------------------


def plan_json(plan: Plan, *, mask: bool = False) -> dict[str, Any]:
    """The plan as a contract for programs. Types don't change within a ``version``; ignore fields you don't know.

    ``leads``, ``conflicts``, ``rejected`` and ``flapping`` hold every row: ``{"lead_id": str, "crm_lead_id": str | null, "changes":
    [{"field": str, "column": str, "current": str | null, "desired": str | null, "base": str | null, "verdict": str}]}``.
    ``problem`` is ``null``, or says why nothing of the plan may be sent: ``{"error": str, "message": str}``.
    """
    problem = plan.problem()
    return {
        "kind": "plan",
        "version": JSON_VERSION,
        "push": plan.push,
        "crm": plan.crm,
        "host": plan.host,
        "account": plan.account,
        "mode": plan.mode,
        "on_conflict": plan.on_conflict,
        "options": dict(plan.options),
        "equal": dict(plan.equal),
        "max_found": plan.max_found,
        "made_at": _iso(plan.made_at),
        "seen_at": _iso(plan.seen_at),
        "fingerprint": plan.fingerprint,
        "masked": mask,
        "totals": {
            "leads": len(plan.leads),
            "fields": plan.fields,
            "clears": plan.clears,
            "inserts": plan.inserts,
            "deletes": plan.deletes,
            "conflicts": len(plan.conflicts),
            "rejected": len(plan.rejected),
            "flapping": len(plan.flapping),
            "removed": plan.removed,
            "unknown_leads": plan.unknown_leads,
            "unresolved": len(plan.unresolved),
            "beyond_limit": plan.beyond_limit,
            "crm_leads": plan.crm_leads,
            "nameless": plan.nameless,
        },
        "guardrails": [
            {
                "name": each.name,
                "limit": each.limit,
                "actual": each.actual,
                "tripped": each.tripped,
                "status": each.status,
                "explanation": each.explanation,
            }
            for each in plan.guardrails
        ],
        "problem": problem and {"error": type(problem).__name__, "message": str(problem)},
        "fields": plan.by_field(),
        "leads": _leads_json(plan.leads, mask),
        "conflicts": _leads_json(plan.conflicts, mask),
        "rejected": _leads_json(plan.rejected, mask),
        "flapping": _leads_json(plan.flapping, mask),
        "first_time": dict(plan.first_time),
        "unresolved": list(plan.unresolved),
        "duplicates": list(plan.duplicates),
    }


def summary_json(summary: Summary) -> dict[str, Any]:
    """What came of a push, as a contract for programs: no value of a lead is in it."""
    return {
        "kind": "push",
        "version": SUMMARY_VERSION,
        "run_id": summary.run_id,
        "push": summary.push,
        "crm": summary.crm,
        "started_at": _iso(summary.started_at),
        "ended_at": _iso(summary.ended_at),
        "exit_code": summary.exit_code,
        "leads": summary.leads,
        "fields": summary.fields,
        "found": summary.found,
        "calls": summary.calls,
        "leads_by_state": dict(summary.by_state),
        "fields_by_state": dict(summary.fields_by_state),
        "stopped": summary.stopped,
        "interrupted": summary.interrupted,
        "unapplied": [
            {
                "lead_id": each.lead_id,
                "state": each.state,
                "fields": list(each.fields),
                "code": each.code,
                "reason": each.reason,
            }
            for each in summary.unapplied
        ],
    }


def _leads_json(leads: Iterable[LeadPlan], mask: bool) -> list[dict[str, Any]]:
    value = masked if mask else _as_is
    return [
        {
            "lead_id": lead.lead_id,
            "crm_lead_id": lead.crm_lead_id,
            "changes": [
                {
                    "field": change.field,
                    "column": change.column_name,
                    "current": value(change.current),
                    "desired": value(change.desired),
                    "base": value(change.base),
                    "verdict": change.verdict,
                }
                for change in lead.changes
            ],
        }
        for lead in leads
    ]


def _as_is(value: str | None) -> str | None:
    return value


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


# --- text ---------------------------------------------------------------------------------------------------------


def plan_text(plan: Plan, *, mask: bool = False, samples: int = SAMPLES) -> Group:
    """The plan for a terminal; print it with a ``rich.console.Console``."""
    parts: list[RenderableType] = [Text(headline(plan), style="bold")]
    if plan.leads:
        shown = [row for lead in sample(plan, samples) for row in _shown(lead, mask)]
        rows = [(row.lead_id, row.field, row.current, row.desired) for row in shown]
        if plan.mode != "delete":
            parts += [Text(), _field_table(field_rows(plan, mask=mask))]
        parts += [Text("For example"), _table(("Lead", "Field", "In the CRM now", "Would become"), rows)]
    if plan.conflicts:
        shown = [row for lead in plan.conflicts[:samples] for row in _shown(lead, mask)]
        both = [(row.lead_id, row.field, row.base, row.current, row.desired) for row in shown]
        parts += [Text(conflict_title(plan))]
        parts += [_table(("Lead", "Field", "We sent", "The CRM shows", "We want"), both)]
    parts += [Text(f"· {note}") for note in left_out(plan)]
    parts += map(_guardrail_line, plan.guardrails)
    if told := first_time(plan):
        parts += [Text(), Text(told, style="bold yellow")]
    problem = plan.problem()
    if problem is not None:
        parts += [Text(), Text(str(problem), style="bold red")]
    return Group(*parts)


def summary_text(summary: Summary, *, most: int = 20) -> Group:
    """What came of a push, for a terminal."""
    seconds = (summary.ended_at - summary.started_at).total_seconds()
    parts: list[RenderableType] = [
        Text(f"{summary.push} → {summary.crm}: {_became(summary)}", style="bold"),
        Text(f"{count(summary.calls, 'call')} in {seconds:,.1f} s, run {summary.run_id}", style="dim"),
    ]
    if summary.found:
        parts.append(
            Text(f"{summary.found:,} of them were in {summary.crm} already: nothing was sent for them")
        )
    if summary.stopped:
        parts.append(Text(f"Ended early: {summary.stopped}", style="bold red"))
    if summary.unapplied:
        rows = [
            (f"{number:,}", example, state, ", ".join(fields), why)
            for number, example, state, fields, why in _causes(summary, most)
        ]
        parts += [Text(), _table(("Leads", "Example", "What", "Fields", "Why"), rows)]
    return Group(*parts)


def _became(summary: Summary) -> str:
    if not summary.leads:
        return "nothing to send"
    states = ", ".join(f"{number:,} {state}" for state, number in summary.by_state.items())
    return f"of {count(summary.leads, 'lead')} {states}"


def _causes(summary: Summary, most: int) -> list[tuple[int, str, str, tuple[str, ...], str]]:
    """Leads that share a state, fields and a reason, on one line; the most frequent first."""
    groups: dict[tuple[str, tuple[str, ...], str], list[str]] = {}
    for each in summary.unapplied:
        why = _printable(" ".join(part for part in (each.code, each.reason) if part))
        groups.setdefault((each.state, each.fields, why), []).append(each.lead_id)
    rows = [
        (len(leads), _name(leads[0]), state, fields, why) for (state, fields, why), leads in groups.items()
    ]
    return sorted(rows, key=lambda row: -row[0])[:most]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        # Text, never markup: a value such as "[red]" is shown as it is.
        table.add_row(*map(Text, row))
    return table


def _field_table(rows: Iterable[FieldRow]) -> Table:
    return _table(
        ("Field", "Leads", "Cleared", "Becomes most often"),
        ((row.field, f"{row.leads:,}", f"{row.cleared:,}", row.becomes) for row in rows),
    )


def _guardrail_line(guardrail: Guardrail) -> Text:
    marks = {"tripped": ("✗", "bold red"), "passed": ("✓", "green"), "off": ("off", "dim")}
    mark, style = marks[guardrail.status]
    return Text.assemble((f"{mark} ", style), guardrail.explanation)


# --- what both show -----------------------------------------------------------------------------------------------


def headline(plan: Plan) -> str:
    """One line: how many leads and fields, out of how many."""
    if not plan.leads:
        return f"{plan.push} → {plan.crm}: nothing to send"
    whole = f" of {plan.crm_leads:,}" if plan.crm_leads else ""
    begin = f"{plan.push} → {plan.crm}: "
    if plan.deletes:
        return f"{begin}{count(plan.deletes, 'lead')}{whole} would be deleted"
    cleared = f", {plan.clears:,} of them cleared" if plan.clears else ""
    rest = f"in {count(plan.fields, 'field')}{cleared}"
    changed = len(plan.leads) - plan.inserts
    added = f"{count(plan.inserts, 'lead')} would be added"
    if not changed:
        return f"{begin}{added}, {rest}"
    change = f"{count(changed, 'lead')}{whole} would change"
    return f"{begin}{change}, {added}, {rest}" if plan.inserts else f"{begin}{change}, {rest}"


def conflict_title(plan: Plan) -> str:
    """What a conflict is, and what happens to these."""
    then = "nothing is sent" if plan.on_conflict == "stop" else "they are left alone"
    return f"{count(len(plan.conflicts), 'lead')} edited in {plan.crm} since we sent them: {then}"


def tiles(plan: Plan) -> list[tuple[int, str]]:
    """The numbers that a page begins with."""
    if plan.mode == "delete":
        numbers = [(plan.deletes, "leads would be deleted")]
    else:
        numbers = [(len(plan.leads) - plan.inserts, "leads would change")] if plan.mode != "insert" else []
        numbers += [(plan.inserts, "leads would be added")] if plan.mode in ADDING else []
        numbers += [(plan.fields, "fields would change" if plan.mode == "update" else "fields would be sent")]
        numbers += [(plan.clears, "fields would be cleared")] if plan.mode != "insert" else []
    numbers += [(len(plan.conflicts), "leads edited in the CRM since")] if plan.mode != "insert" else []
    return [*numbers, (len(plan.rejected), "leads held back")]


def left_out(plan: Plan) -> list[str]:
    """A sentence for every kind of lead that the plan leaves out."""
    notes = (
        (len(plan.rejected), f"held back: {plan.crm} refused this very value before"),
        (len(plan.flapping), _flapping(plan)),
        (plan.removed, f"deleted or archived in {plan.crm}"),
        (plan.unknown_leads, f"unknown to {plan.crm}"),
        (len(plan.unresolved), "waiting: an earlier write to them was not answered, and they have not been read since"),
        (plan.beyond_limit, "left for later by --limit"),
    )  # fmt: skip
    return [f"{count(number, 'lead')} {note}" for number, note in notes if number]


def _flapping(plan: Plan) -> str:
    names = sorted({_name(change.field) for lead in plan.flapping for change in lead.changes}) or [""]
    return (
        f"held back: {plan.crm} accepted the same value three times and showed another one each time, in "
        f"{', '.join(names)}. If it keeps the value in another form, say so in the push: equal = {{'{names[0]}': "
        "'digits'}, or lower, trim, number"
    )


def field_rows(plan: Plan, *, mask: bool = False) -> list[FieldRow]:
    """The fields of a plan, the most frequent first."""
    becomes: dict[str, Counter[str | None]] = {}
    for lead in plan.leads:
        for change in lead.changes:
            becomes.setdefault(change.field, Counter())[change.desired] += 1
    rows = []
    for name, leads in plan.by_field().items():
        values = becomes[name]
        rows.append(FieldRow(_name(name), leads, values[None], _becomes(values, mask)))
    return rows


def _becomes(values: Counter[str | None], mask: bool) -> str:
    if mask and len(values) > 1:
        return count(len(values), "different value")
    common = sorted(values.items(), key=lambda item: (-item[1], item[0] or ""))[:_COMMON]
    texts = [f"{readable(value, mask=mask)} {number:,}×" for value, number in common]
    rest = len(values) - len(common)
    return ", ".join([*texts, f"and {count(rest, 'other value')}"] if rest else texts)


def sample(plan: Plan, most: int) -> list[LeadPlan]:
    """A few leads in which every field is seen, as far as possible; in the plan's order."""
    if most <= 0:
        return []
    missing = dict.fromkeys(plan.by_field())
    chosen: set[int] = set()
    for position, lead in enumerate(plan.leads):
        if not missing or len(chosen) >= most:
            break
        new = [change.field for change in lead.changes if change.field in missing]
        if new:
            chosen.add(position)
            for name in new:
                del missing[name]
    for position in range(len(plan.leads)):
        if len(chosen) >= most:
            break
        chosen.add(position)
    return [plan.leads[position] for position in sorted(chosen)]


def _shown(lead: LeadPlan, mask: bool) -> list[Shown]:
    return [_shown_change(lead.lead_id, change, mask) for change in lead.changes]


def _shown_change(lead_id: str, change: FieldChange, mask: bool) -> Shown:
    if change.field == WHOLE:
        return Shown(
            _name(lead_id),
            "the whole lead",
            "there",
            "deleted",
            "deleted" if change.verdict == "conflict" else "",
        )
    return Shown(
        _name(lead_id),
        _name(change.field),
        readable(change.current, mask=mask),
        readable(change.desired, mask=mask),
        "(never sent)" if change.base is None else readable(change.base, mask=mask),
    )


# --- a page -------------------------------------------------------------------------------------------------------


def plan_html(plan: Plan, *, mask: bool = False, most: int = PAGE_LEADS) -> str:
    """The plan as one HTML page that needs nothing else: no script, no address, every value escaped."""
    return _page().render(
        plan=plan,
        headline=headline(plan),
        problem=plan.problem(),
        tiles=tiles(plan),
        fields=field_rows(plan, mask=mask) if plan.mode != "delete" else [],
        leads=[_shown(lead, mask) for lead in plan.leads[:most]],
        more=max(0, len(plan.leads) - most),
        conflicts=[_shown(lead, mask) for lead in plan.conflicts[:most]],
        conflict_title=conflict_title(plan),
        rejected=[_shown(lead, mask) for lead in plan.rejected[:most]],
        notes=[*left_out(plan), *filter(None, [first_time(plan)])],
        mask=mask,
    )


@cache
def _page() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["count"] = count
    environment.filters["thousands"] = "{:,}".format
    return environment.from_string(files(__package__).joinpath("plan.html").read_text("utf-8"))
