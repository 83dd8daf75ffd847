"""One push: its plan, and the rows of it that somebody asks for."""

import json
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from connector.errors import LeadloopError
from connector.push.plan import Plan
from connector.render.plan_view import shown_rows
from connector.views import overview
from connector.views.plan_rows import LISTS, SORT_NAMES, SORTS, Asked, Page
from connector.warehouse.settings import approval_key
from connector.web.plans import Made
from connector.web.site import Site, asked_by_htmx

MAKING = "The plan is being made from what was read last. This page shows it as soon as it is there."


def plan_page(site: Site, request: Request, said: str = "", said_tone: str = "good") -> Response:
    """``said``: what came of what somebody has just done."""
    return _page(site, request.path_params["push"], Asked(), said, said_tone)


def plan_rows(site: Site, request: Request, form: dict[str, str]) -> Response:
    """Rows for a script; for a browser without one, the page with these rows."""
    asked = _asked(site, form)
    name = request.path_params["push"]
    if not asked_by_htmx(request):
        return _page(site, name, asked)
    made = site.plans.get(name, patience=10) if site.plans.push(name) else None
    if made is None or made.rows is None:
        return site.show("plan_found.html", **_none(asked))
    given = _found(site, made, asked, name)
    return site.show("plan_rows.html" if asked.after else "plan_found.html", **given)


def can_approve(plan: Plan) -> bool:
    """Whether there is something to approve, and a key to sign it by."""
    try:
        return bool(plan.leads) and plan.problem() is None and approval_key() is not None
    except LeadloopError:
        return False


def _page(site: Site, name: str, asked: Asked, said: str = "", said_tone: str = "good") -> Response:
    told: dict[str, Any] = {"push": name, "said": said, "said_tone": said_tone}
    spec = site.plans.push(name)
    if spec is None:
        why = site.plans.why_none or f"No push is called {name}."
        return site.show("plan.html", "Overview", 404, not_yet="", why_not=why, **told)
    try:
        found = site.status()
    except LeadloopError as error:
        return site.show("plan.html", "Overview", not_yet=str(error), **told)
    made = site.plans.get(name)
    if made is None:
        return site.show("plan.html", "Overview", not_yet=MAKING, **told)
    if made.view is None or made.rows is None:
        return site.show("plan.html", "Overview", not_yet="", why_not=made.why_not, **told)
    if asked == Asked() and not made.rows.plan.leads and made.rows.plan.conflicts:
        asked = Asked(list="conflicts")
    given = _found(site, made, asked, name)
    fields = sorted({field for each in made.view.fields_by_list.values() for field in each})
    return site.show(
        "plan.html",
        "Overview",
        view=made.view,
        why_not="",
        not_yet="",
        said=said,
        said_tone=said_tone,
        approvable=can_approve(made.rows.plan),
        needs_approval=made.rows.plan.needs_approval,
        last=overview.last_run(found, name),
        fields=fields,
        sorts=SORT_NAMES,
        relation=f"{spec.schema}.{spec.identifier}",
        **given,
    )


def _found(site: Site, made: Made, asked: Asked, push: str) -> dict[str, Any]:
    assert made.rows is not None
    page = made.rows.page(asked)
    return {
        "page": page,
        "rows": shown_rows(made.rows.plan, page.rows, site.masking),
        "asked": asked,
        "push": push,
        "crm": made.rows.plan.crm,
        "after_text": site.keys.sealed(json.dumps(page.after)) if page.after else "",
    }


def _none(asked: Asked) -> dict[str, Any]:
    return {"page": Page((), None, 0, 0), "rows": (), "asked": asked, "push": "", "crm": "", "after_text": ""}


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
