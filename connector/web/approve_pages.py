"""Approving the plan that the page shows, whole or in part: the same that ``leadloop approve`` does with a saved plan.

What comes of it is a signed plan in a file beside the project, which ``leadloop push PUSH --plan FILE`` sends, once. A page sends
nothing itself.
"""

import re
import threading
from pathlib import Path

from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from connector import loop
from connector.errors import LeadloopError, PlanMovedError
from connector.push.plan import Plan
from connector.render.document import pieces
from connector.render.plan_document import digest, plan_document
from connector.render.saved_plan import read_plan
from connector.texts import count
from connector.warehouse import private
from connector.warehouse.settings import approval_age
from connector.warehouse.waiting import waiting
from connector.web.plan_pages import plan_page
from connector.web.site import Site
from connector.web.words import when

FOLDER = Path(".leadloop") / "plans"
PATIENCE = 10.0
"""Seconds to wait for a run that holds the file."""
LONGEST = 500


def approve(site: Site, request: Request, form: FormData) -> Response:
    """Nothing is approved if the plan is another one by now than the one that the page showed."""
    name = request.path_params["push"]
    who, note = _text(form, "who"), _text(form, "note")
    made = site.plans.get(name, patience=10) if site.plans.push(name) else None
    if made is None or made.plan is None or _text(form, "generation") != str(site.source.generation):
        return plan_page(
            site, request, "The page was older than the plan. Nothing was approved: look at it again.", "bad"
        )
    if not who:
        return plan_page(site, request, "Nothing was approved: say who decides.", "bad")
    try:
        with waiting(PATIENCE, lambda _sentence: None):
            planned = loop.plan(site.source.warehouse, name, site.plans.project)
            if planned.fingerprint != made.plan.fingerprint:
                raise PlanMovedError(
                    f"The plan of {name} is another one by now, and nothing was approved.",
                    "Look at it again.",
                    crm=planned.crm,
                )
            file = FOLDER / f"{name}-{planned.fingerprint[:12]}.json"
            _write(file, planned)
            approved = loop.approve(
                site.source.warehouse,
                read_plan(file, ""),
                digest,
                only_fields=[str(each) for each in form.getlist("only_field")],
                not_leads=re.split(r"[\s,;]+", left) if (left := _text(form, "not_leads")) else (),
                note=f"{who}, on the page{': ' if note else ''}{note}",
            )
            _write(file, approved)
    except LeadloopError as error:
        return plan_page(site, request, str(error), "bad")
    site.source.soon()
    assert approved.approval is not None
    until = approved.approval.approved_at + approval_age()
    told = Markup(
        "Approved by {}: {} until {}. To send it, once: <code>leadloop push {} --plan {}</code>"
    ).format(
        who,
        count(len(planned.leads), "lead") if not left and not form.getlist("only_field") else "a part of it",
        when(until),
        name,
        file,
    )
    return plan_page(site, request, told, "good")


def _write(file: Path, plan: Plan) -> None:
    with private.new_files():
        private.folder(file.parent)
        new = file.with_suffix(f".{threading.get_ident()}.new")
        with new.open("w", encoding="utf-8") as written:
            written.writelines(pieces(plan_document(plan)))
        new.replace(file)


def _text(form: FormData, name: str) -> str:
    return " ".join(str(form.get(name, "")).split())[:LONGEST]
