"""A plan, of a push or of an undo, and the rows of it that somebody asks for."""

import json
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from connector.errors import LeadloopError
from connector.push import approved as approving
from connector.push.approvals import first_time
from connector.push.plan import Plan
from connector.render.plan import DELETE_ADDED
from connector.render.plan_csv import plan_csv
from connector.render.plan_view import RELEASE, shown_rows
from connector.texts import shown_name
from connector.views import overview
from connector.views.plan_rows import LISTS, SORT_NAMES, SORTS, Asked, Page
from connector.web import approvals
from connector.web.approvals import Approved
from connector.web.plans import Made, can_approve
from connector.web.sending_view import sending_of
from connector.web.site import Site, asked_by_htmx
from connector.web.source import PATIENCE
from connector.web.subject import Subject, of_request

MAKING = "The plan is being made from what was read last. This page shows it as soon as it is there."
SETTLING = 5.0
"""Seconds to wait for the plan that knows of what was done."""
NOT_AGREED = (
    "Nothing was sent: values would be replaced for the first time.",
    "Look at them, then tick the box that says so.",
)
LEFT = "left"
"""What is sealed with a lead that is to be left out."""


def plan_page(site: Site, request: Request, said: str = "", said_tone: str = "good") -> Response:
    """``said``: what came of what somebody has just done."""
    return _page(site, of_request(request), Asked(), said, said_tone)


def plan_rows(site: Site, request: Request, form: dict[str, str]) -> Response:
    """Rows for a script; for a browser without one, the page with these rows."""
    asked = _asked(site, form)
    subject = of_request(request)
    if not asked_by_htmx(request):
        return _page(site, subject, asked)
    made = site.plans.get(subject.key, patience=10) if site.plans.has(subject) else None
    if made is None or made.rows is None:
        return site.show("plan_found.html", **_none(asked))
    given = _found(site, made, asked, subject)
    return site.show("plan_rows.html" if asked.after else "plan_found.html", **given)


def plan_file(site: Site, request: Request) -> Response:
    """All rows of the plan as CSV, masked as on the page."""
    subject = of_request(request)
    made = site.plans.get(subject.key, patience=30) if site.plans.has(subject) else None
    if made is None or made.rows is None:
        what = made.why_not if made else "The plan is not there yet. Load this again in a moment."
        return site.show("missing.html", "Overview", 404, what=what)
    return StreamingResponse(
        plan_csv(made.rows, site.masking),
        media_type="text/csv",
        headers={"content-disposition": f'attachment; filename="{subject.stem}.csv"'},
    )


def approved_of(site: Site, subject: Subject, plan: Plan) -> Approved | None:
    """The approval of this very plan that waits to be sent."""
    if not approvals.any_of(subject.key):
        return None
    found = approvals.find(subject.key, fingerprint=plan.fingerprint)
    if found is None:
        return None
    with site.source.connected() as connection:
        return None if approving.was_used(connection, found.id) else found


def _page(site: Site, subject: Subject, asked: Asked, said: str = "", said_tone: str = "good") -> Response:
    told: dict[str, Any] = {
        "subject": subject,
        "base": subject.address,
        "said": said,
        "said_tone": said_tone,
        "sending": None,
        "can_send": site.sender is not None,
        "view": None,
        "delete_added": DELETE_ADDED,
        "release": RELEASE,
    }
    if not site.plans.has(subject):
        why = site.plans.why_none or f"No push is called {subject.push}."
        return site.show("plan.html", "Overview", 404, not_yet="", why_not=why, **told)
    try:
        found = site.status()
        told["sending"] = sending_of(site, subject)
    except LeadloopError as error:
        return site.show("plan.html", "Overview", not_yet=str(error), **told)
    # What somebody has just done may have it made anew: they see the plan with it.
    made = site.plans.get(subject.key, patience=SETTLING if said else PATIENCE)
    if made is None:
        return site.show("plan.html", "Overview", not_yet=MAKING, **told)
    if made.view is None or made.rows is None:
        return site.show("plan.html", "Overview", not_yet="", why_not=made.why_not, **told)
    plan = made.rows.plan
    if asked == Asked() and not plan.leads and plan.conflicts:
        asked = Asked(list="conflicts")
    waits = approved_of(site, subject, plan)
    spec = site.plans.push(subject.push)
    told |= {
        "approved": waits,
        "command": " ".join(["leadloop", *subject.command(waits.file)]) if waits else "",
        "first_time": first_time(plan),
        "fingerprint": plan.fingerprint if can_approve(plan) else "",
        "unusual": made.unusual,
        "fields_to_send": _fields(made),
        "needs_approval": plan.needs_approval,
        "last": overview.last_run(found, subject.push) if subject.push else None,
        "fields": sorted({field for each in made.view.fields_by_list.values() for field in each}),
        "sorts": SORT_NAMES,
        "relation": f"{spec.schema}.{spec.identifier}" if spec else "",
    }
    given = _found(site, made, asked, subject, is_approved=waits is not None)
    told |= {**given, "view": made.view, "why_not": "", "not_yet": ""}
    return site.show("plan.html", "Overview", **told)


def _fields(made: Made) -> list[tuple[str, str, int]]:
    """What a plan changes: the field, its name for people, and in how many leads; nothing where whole leads are meant."""
    if made.view is None or made.view.deletes:
        return []
    return [
        (name, shown_name(name), leads) for name, leads in made.view.fields_by_list.get("leads", {}).items()
    ]


def _found(
    site: Site, made: Made, asked: Asked, subject: Subject, *, is_approved: bool | None = None
) -> dict[str, Any]:
    assert made.rows is not None
    plan = made.rows.plan
    page = made.rows.page(asked)
    shown = shown_rows(plan, page.rows, site.masking)
    if is_approved is None:
        is_approved = approved_of(site, subject, plan) is not None
    approvable = can_approve(plan) and not is_approved
    leaves = approvable and asked.list == "leads"
    return {
        "page": page,
        "rows": [
            (each, site.keys.sealed(LEFT, subject.key, row.lead_id) if leaves else "")
            for row, each in zip(page.rows, shown, strict=True)
        ],
        "leaves": leaves,
        "approvable": approvable,
        "asked": asked,
        "base": subject.address,
        "crm": plan.crm,
        "after_text": site.keys.sealed(json.dumps(page.after)) if page.after else "",
    }


def _none(asked: Asked) -> dict[str, Any]:
    return {
        "page": Page((), None, 0, 0),
        "rows": (),
        "leaves": False,
        "asked": asked,
        "base": "",
        "crm": "",
        "after_text": "",
    }


def _read_after(site: Site, text: str) -> tuple[str, int, str] | None:
    opened = site.keys.opened(text) if text else None
    if opened:
        with suppress(ValueError, TypeError):
            key, place, field = json.loads(opened[0])
            return str(key), int(place), str(field)
    return None


def _asked(site: Site, form: dict[str, str]) -> Asked:
    name, sort = form.get("list", "leads"), form.get("sort", "lead")
    return Asked(
        list=name if name in LISTS else "leads",
        text=form.get("text", "")[:200],
        field=form.get("field", ""),
        sort=sort if sort in SORTS else "lead",
        after=_read_after(site, form.get("after", "")),
    )
