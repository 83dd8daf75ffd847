"""Conflicts, three values side by side, and the decision about them: the same that ``leadloop resolve`` records."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal, cast

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from connector import loop
from connector.errors import LeadloopError
from connector.push.resolve import Conflict
from connector.render.plan_view import RowShown, shown_rows
from connector.texts import count
from connector.views.plan_rows import Asked, Row
from connector.warehouse.waiting import waiting
from connector.web.plans import Made
from connector.web.site import Site

MOST = 200
"""Fields of a push that are shown at once."""
SETTLING = 5.0
"""Seconds to wait for the plan that knows of a decision, so that what was decided is gone from the page."""
PATIENCE = 10.0
"""Seconds to wait for a run that holds the lock or the file."""
Side = Literal["ours", "theirs", "skip"]


@dataclass(frozen=True, slots=True)
class Group:
    """The conflicts of one push."""

    push: str
    crm: str
    rows: list[tuple[RowShown, str, str]]
    """Each with what stands for it in a form, and what for all fields of its lead: on the first of several of a lead, else ``""``."""
    fields: list[str]
    total_leads: int
    more: int


def conflicts_page(site: Site, request: Request, said: str = "", said_tone: str = "good") -> Response:
    try:
        with site.source.reading():
            pass
    except LeadloopError as error:
        return site.show("conflicts.html", "Conflicts", not_yet=str(error))
    made = site.plans.all(patience=SETTLING if said else 0)
    groups = [
        group for name, each in made.items() if each is not None and (group := _group(site, name, each))
    ]
    return site.show(
        "conflicts.html",
        "Conflicts",
        not_yet="",
        groups=groups,
        said=said,
        said_tone=said_tone,
        no_pushes=not site.plans.pushes,
        planning=sum(each is None for each in made.values()),
    )


def decide(site: Site, request: Request, form: FormData) -> Response:
    """Records a decision. Nothing is recorded of what is another conflict by now than the one that was shown."""
    push = str(form.get("push", ""))
    side, _, which = str(form.get("take", "")).partition(" ")
    of_lead = site.keys.opened(which) if which != "all" else None
    lead = of_lead[2] if of_lead and of_lead[:2] == ["conflicts", push] and len(of_lead) == 3 else None
    several = which == "all" or lead is not None
    opened = [site.keys.opened(str(each)) for each in (form.getlist("shown") if several else [which])]
    field = str(form.get("only_field", "")) if which == "all" else ""
    shown = {
        (each[2], each[3]): each[4]
        for each in opened
        if each
        and len(each) == 5
        and each[:2] == ["conflict", push]
        and (not field or each[3] == field)
        and lead in (None, each[2])
    }
    if side not in ("ours", "theirs", "skip") or not shown or site.plans.push(push) is None:
        return conflicts_page(
            site, request, "Nothing was decided: that is no conflict of these pages.", "bad"
        )
    try:
        with waiting(PATIENCE, lambda _sentence: None):
            done = loop.resolve(
                site.source.warehouse, push, site.plans.project, take=cast(Side, side), shown=shown
            )
    except LeadloopError as error:
        return conflicts_page(site, request, f"{error}", "bad")
    told = {"ours": "ours is sent by the next run", "theirs": "the CRM’s stays", "skip": "left alone"}[side]
    site.plans.decided(push, shown)
    site.source.soon()
    return conflicts_page(site, request, f"{count(len(done), 'conflict')} of {push} decided: {told}.")


def _group(site: Site, name: str, made: Made) -> Group | None:
    if made.rows is None or not made.rows.plan.conflicts:
        return None
    page = made.rows.page(Asked(list="conflicts"), most=MOST)
    decided = site.plans.decided_of(name, made)
    rows = [row for row in page.rows if (row.lead_id, row.field) not in decided]
    if not rows:
        return None
    shown = shown_rows(made.rows.plan, rows, site.masking)
    items = [site.keys.sealed("conflict", name, row.lead_id, row.field, _mark(row)) for row in rows]
    per_lead = Counter(row.lead_id for row in rows)
    of_leads = [
        site.keys.sealed("conflicts", name, row.lead_id) if per_lead.pop(row.lead_id, 0) > 1 else ""
        for row in rows
    ]
    fields = list(dict.fromkeys(row.field for row in rows))
    leads = len({row.lead_id for row in rows}) if page.after is None else page.total_leads
    return Group(
        name,
        made.rows.plan.crm,
        list(zip(shown, items, of_leads, strict=True)),
        fields,
        leads,
        page.total_rows - len(page.rows),
    )


def _mark(row: Row) -> str:
    return Conflict(row.lead_id, row.field, row.current, row.desired, row.base).mark
