"""Finding a lead, and its story."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from connector.errors import LeadloopError
from connector.render.plan_view import shown_rows
from connector.views import story
from connector.views.people import lead_link
from connector.views.plan_rows import LISTS
from connector.web.site import Site

MOST_LETTERS = 200


def leads_page(site: Site, request: Request, form: dict[str, str] | None = None) -> Response:
    """What is searched for comes in the body of a POST, so that it is in no address."""
    text = (form or {}).get("text", "")[:MOST_LETTERS]
    try:
        with site.source.connected() as connection:
            found = story.find(connection, site.plans.relations.leads, text, site.settings, site.masking)
    except LeadloopError as error:
        return site.show("leads.html", "Leads", not_yet=str(error))
    return site.show("leads.html", "Leads", not_yet="", text=text, found=found)


def lead_page(site: Site, request: Request) -> Response:
    known = site.keys.read_lead(request.path_params["key"])
    if known is None:
        return site.show(
            "missing.html", "Leads", 404, what="This address belongs to no lead of this warehouse."
        )
    crm, lead_id = known
    try:
        with site.source.connected() as connection:
            found = story.story(
                connection, site.plans.relations.leads, crm, lead_id, site.settings, site.masking
            )
    except LeadloopError as error:
        return site.show("lead.html", "Leads", crm=crm, not_yet=str(error))
    if found is None:
        return site.show("missing.html", "Leads", 404, what=f"Nothing is known of this lead of {crm}.")
    return site.show(
        "lead.html",
        "Leads",
        not_yet="",
        crm=crm,
        story=found,
        link=lead_link(crm, lead_id),
        pending=_pending(site, crm, lead_id),
    )


def _pending(site: Site, crm: str, lead_id: str) -> list[tuple[str, Any]]:
    """What each push wants of this lead, as far as its plan is there."""
    found: list[tuple[str, Any]] = []
    for name, made in site.plans.all().items():
        if made is None or made.rows is None or made.rows.plan.crm != crm:
            continue
        rows = [row for each in LISTS for row in made.rows.of_lead(each, lead_id)]
        for row, shown in zip(rows, shown_rows(made.rows.plan, rows, site.masking), strict=True):
            found.append((name, {**shown._asdict(), "verdict": row.verdict}))
    return found
