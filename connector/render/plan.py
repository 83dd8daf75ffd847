"""A plan for people: as text for a terminal, and what the text and the page (``plan_page``) have in common.

Everything that is shown is taken from ``Plan.leads``, the list that is carried out. Values of leads appear only because
somebody asked to see a plan; ``mask`` leaves their last two characters, also of keys that may be values themselves.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from connector.push import approved
from connector.push.approvals import first_time
from connector.push.changes import WHOLE, FieldChange, LeadPlan, Undo
from connector.push.equality import likely
from connector.push.guardrails import Guardrail, unknown_leads
from connector.push.plan import Plan
from connector.push.policies import of_field
from connector.push.tables import ADDING
from connector.render.text import table
from connector.texts import count, readable, shown_key, shown_name

SAMPLES = 8
_COMMON = 4
_PAIRS = 20


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


def plan_text(plan: Plan, *, mask: bool = False, samples: int = SAMPLES) -> Group:
    """The plan for a terminal; print it with a ``rich.console.Console``."""
    parts: list[RenderableType] = [Text(headline(plan), style="bold")]
    if plan.leads:
        shown = [row for lead in plan.leads.sample(samples) for row in changes_of(plan, lead, mask)]
        rows = [(row.lead_id, row.field, row.current, row.desired) for row in shown]
        if plan.mode != "delete":
            parts += [Text(), _field_table(field_rows(plan, mask=mask))]
        parts += [Text("For example"), table(("Lead", "Field", "In the CRM now", "Would become"), rows)]
    if plan.conflicts:
        shown = [row for lead in plan.conflicts[:samples] for row in changes_of(plan, lead, mask)]
        both = [(row.lead_id, row.field, row.base, row.current, row.desired) for row in shown]
        parts += [Text(conflict_title(plan))]
        parts += [table(("Lead", "Field", "We sent", "The CRM shows", wanted(plan)), both)]
    parts += [Text(f"· {note}") for note in (*own_policies(plan), *left_out(plan))]
    parts += map(_guardrail_line, plan.guardrails)
    for told in filter(None, (first_time(plan), approved.told(plan))):
        parts += [Text(), Text(told, style="bold yellow")]
    problem = plan.problem()
    if problem is not None:
        parts += [Text(), Text(str(problem), style="bold red")]
    return Group(*parts)


def _field_table(rows: Iterable[FieldRow]) -> Table:
    return table(
        ("Field", "Leads", "Cleared", "Becomes most often"),
        ((row.field, f"{row.leads:,}", f"{row.cleared:,}", row.becomes) for row in rows),
    )


def _guardrail_line(guardrail: Guardrail) -> Text:
    marks = {"tripped": ("✗", "bold red"), "passed": ("✓", "green"), "off": ("off", "dim")}
    mark, style = marks[guardrail.status]
    return Text.assemble((f"{mark} ", style), guardrail.explanation)


# What the text and the page show


def headline(plan: Plan) -> str:
    """One line: how many leads and fields, out of how many."""
    begin = f"{plan.push} → {plan.crm}: "
    if plan.undo is not None:
        of = plan.undo.runs[0] if len(plan.undo.runs) == 1 else count(len(plan.undo.runs), "run")
        begin = f"Undo of {of}, {begin}"
    if not plan.leads:
        why = ": every lead that differs is left out" if plan.conflicts or left_out(plan) else ""
        if plan.unknown_leads:
            why = f": {unknown_leads(plan.crm, plan.unknown_leads, plan.desired_leads)}"
        return f"{begin}nothing to send{why}"
    whole = f" of {plan.crm_leads:,}" if plan.crm_leads else ""
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


def wanted(plan: Plan) -> str:
    """What the third value of a conflict is."""
    return "It was before" if plan.undo else "We want"


def conflict_title(plan: Plan) -> str:
    """What a conflict is, and what happens to these."""
    leads = len(plan.conflicts)
    were, are, them = ("was", "is", "it") if leads == 1 else ("were", "are", "them")
    then = "so nothing is sent" if plan.stopping() else f"and {are} left alone"
    if plan.undo is not None:
        return f"{count(leads, 'lead')} {were} changed since, by a person or a later run, {then}"
    return f"{count(leads, 'lead')} {were} edited in {plan.crm} after we sent {them}, {then}"


def tiles(plan: Plan) -> list[tuple[int, str]]:
    """The numbers that a page begins with."""
    if plan.mode == "delete":
        numbers = [(plan.deletes, "leads would be deleted")]
    else:
        numbers = [(len(plan.leads) - plan.inserts, "leads would change")] if plan.mode != "insert" else []
        numbers += [(plan.inserts, "leads would be added")] if plan.mode in ADDING else []
        numbers += [(plan.fields, "fields would change" if plan.mode == "update" else "fields would be sent")]
        numbers += [(plan.clears, "fields would be cleared")] if plan.mode != "insert" else []
    numbers += (
        [(len(plan.conflicts), "leads edited in the CRM after we sent them")] if plan.mode != "insert" else []
    )
    return [*numbers, (len(plan.rejected), "leads held back")]


def left_out(plan: Plan, *, on_page: bool = False) -> list[str]:
    """A sentence for every kind of lead that the plan leaves out; what to do about it on a page of ``serve``, or else as a command."""
    notes = (
        (len(plan.rejected), f"held back: {plan.crm} refused this very value before"),
        *held_forms(plan),
        (
            len(plan.reverted),
            f"held: leadloop undo took this very value back. To send it again: leadloop release {plan.push} --all",
        ),
        (plan.removed, f"deleted, archived or merged in {plan.crm}"),
        (len(plan.unresolved), f"waiting: {plan.crm} did not answer an earlier write, and no extraction has read them since"),
        (plan.beyond_limit, "left for later by --limit"),
    )  # fmt: skip
    told = [f"{count(number, 'lead')} {note}" for number, note in notes if number]
    if plan.unknown_leads:
        told.append(unknown_leads(plan.crm, plan.unknown_leads, plan.desired_leads))
    return told + (_not_taken_back(plan.undo, plan.crm, on_page=on_page) if plan.undo is not None else [])


def own_policies(plan: Plan) -> list[str]:
    """A sentence for each field whose own policy, and not the push's, has decided about some leads."""
    edited: Counter[str] = Counter()
    filled: Counter[str] = Counter()
    first: Counter[str] = Counter()
    for name, verdict, has_base, leads in (*plan.leads.judged(), *plan.conflicts.judged()):
        if verdict == "conflict":
            (edited if has_base else filled)[name] += leads
        elif verdict == "change" and not has_base:
            first[name] += leads
    then = {
        "warehouse_wins": "overwritten",
        "crm_wins": "left alone",
        "stop": "left alone, and nothing is sent",
    }
    told = []
    for name, own in sorted(plan.policies.items()):
        for policy, leads, what in (
            (
                "on_conflict",
                edited[name],
                f"edited in {plan.crm} after we sent it: {then.get(own.get('on_conflict', ''))}",
            ),
            (
                "first_push",
                filled[name],
                f"not blank in {plan.crm}, and never sent: {then[of_field(plan, 'on_conflict', name)]}",
            ),
            ("first_push", first[name], "never sent before: sent"),
            ("nulls", plan.leads.cleared().get(name, 0), "nothing wanted in it: blanked"),
        ):
            if policy in own and leads:
                told.append(
                    f"{shown_name(name)} has {policy} = '{own[policy]}' of its own: in {count(leads, 'lead')} {what}"
                )
    return told


DELETE_ADDED = "Delete the leads that it added"
"""What is pressed for it on the page of an undo."""


def _not_taken_back(undo: Undo, crm: str, *, on_page: bool) -> list[str]:
    """A sentence for everything that the runs did and that the plan doesn't take back."""
    notes = []
    if undo.as_before:
        shows = "shows" if undo.as_before == 1 else "show"
        notes.append(f"{count(undo.as_before, 'field')} {shows} already what was there before")
    if undo.inserted:
        were, stay, them = ("was", "stays", "it") if len(undo.inserted) == 1 else ("were", "stay", "them")
        how = f"press “{DELETE_ADDED}”" if on_page else replace(undo.asked, delete_inserted=True).command
        notes.append(
            f"{_leads(undo.inserted)} {were} added by the run and {stay} there. To delete {them} again, where nobody has "
            f"touched {them} since: {how}"
        )
    if undo.deleted:
        were = "was" if len(undo.deleted) == 1 else "were"
        notes.append(
            f"{_leads(undo.deleted)} {were} deleted by the run: {crm} can't bring a deleted lead back"
        )
    if undo.not_blanked:
        fields = ", ".join(sorted({shown_name(name) for _, name in undo.not_blanked}))
        notes.append(
            f"{count(len(undo.not_blanked), 'field')} blank before, and {crm} can't blank {fields}: what was sent stays, in "
            f"{_leads(sorted({lead for lead, _ in undo.not_blanked}))}"
        )
    if undo.not_known:
        notes.append(
            f"{count(undo.not_known, 'field')} can't be taken back: when the run sent them, {crm} had not been read, so what "
            "they showed before is not known"
        )
    if undo.lost:
        notes.append(
            f"{count(undo.lost, 'field')} of the run can't be taken back any more: their rows were deleted from the journal's "
            "archive (ledger.archive_days)"
        )
    return notes


def _leads(ids: Sequence[str]) -> str:
    """``3 leads (7, 8, 9)``; of many, the first few."""
    shown = ", ".join(map(shown_name, ids[:_COMMON]))
    return f"{count(len(ids), 'lead')} ({shown}{', …' if len(ids) > _COMMON else ''})"


def held_forms(plan: Plan) -> list[tuple[int, str]]:
    """How many leads are held because the CRM shows another value than it accepted, and why: of each field that is only in another form,
    and of the others together."""
    rules = dict[str, str]()
    for name, current, desired in plan.flapping.pairs(_PAIRS):
        if name not in rules and (rule := likely(desired, current)):
            rules[name] = rule
    told = [
        (plan.flapping.having([name]), f"held: {kept_otherwise(plan.crm, name, rule)}")
        for name, rule in rules.items()
    ]
    others = sorted({*plan.flapping.by_field()} - {*rules})
    if others:
        names = ", ".join(map(shown_name, others))
        told.append(
            (
                plan.flapping.having(others),
                f"held back: {plan.crm} accepted the same value three times and showed another one each time, in {names}",
            )
        )
    return told


def kept_otherwise(crm: str, name: str, rule: str) -> str:
    """That a CRM keeps a field in another form, and what to do about it."""
    name = shown_name(name)
    return f"{crm} keeps {name} in another form; equal = {{'{name}': '{rule}'}} in the push would make them equal"


def field_rows(plan: Plan, *, mask: bool = False) -> list[FieldRow]:
    """The fields of a plan, the most frequent first."""
    cleared = plan.leads.cleared()
    return [
        FieldRow(shown_name(name), leads, cleared.get(name, 0), _becomes(plan, name, mask))
        for name, leads in plan.by_field().items()
    ]


def _becomes(plan: Plan, name: str, mask: bool) -> str:
    number, common = plan.leads.common(name, _COMMON)
    if mask and number > 1:
        return count(number, "different value")
    texts = [f"{readable(value, mask=mask)} {leads:,}×" for value, leads in common]
    rest = number - len(common)
    return ", ".join([*texts, f"and {count(rest, 'other value')}"] if rest else texts)


def changes_of(plan: Plan, lead: LeadPlan, mask: bool) -> list[Shown]:
    """A lead's fields as they are shown."""
    key = shown_key(lead.lead_id, is_ours=plan.has_own_keys, mask=mask)
    return [_shown_change(key, change, mask) for change in lead.changes]


def _shown_change(key: str, change: FieldChange, mask: bool) -> Shown:
    if change.field == WHOLE:
        return Shown(
            key,
            "the whole lead",
            "there",
            "deleted",
            "deleted" if change.verdict == "conflict" else "",
        )
    return Shown(
        key,
        shown_name(change.field),
        readable(change.current, mask=mask),
        readable(change.desired, mask=mask),
        "(never sent)" if change.base is None else readable(change.base, mask=mask),
    )
