"""Approving the plan that the page shows, whole or in part: the same that ``leadloop approve`` does with a saved plan.

What comes of it is a signed plan in a file beside the project (``approvals``), good for one sending.
"""

import re
from datetime import UTC, datetime

from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from connector import loop
from connector.errors import ConfigError, LeadloopError, LockedError, PlanMovedError
from connector.push import approved
from connector.push.approvals import first_time
from connector.push.plan import Plan
from connector.render.plan_document import digest
from connector.render.saved_plan import read_plan
from connector.texts import printable
from connector.warehouse.settings import approval_age
from connector.warehouse.waiting import waiting
from connector.web import approvals
from connector.web.approvals import Approved
from connector.web.plan_pages import LEFT, NOT_AGREED, approved_of, plan_page
from connector.web.site import Site
from connector.web.subject import Subject, of_request

PATIENCE = 10.0
"""Seconds to wait for a run that holds the file."""
LONGEST = 500
CONTROLS = approved.Controls("“Fields to send”", "“Leave out”", "Search for it in the list below.")


def approve(site: Site, request: Request, form: FormData) -> Response:
    """Nothing is approved if the plan is another one by now than the one that the page showed, or somebody was faster."""
    subject = of_request(request)
    who, note = text_of(form, "who"), text_of(form, "note")
    made = site.plans.get(subject.key, patience=10) if site.plans.has(subject) else None
    if made is None or made.plan is None or text_of(form, "plan") != made.plan.fingerprint:
        return plan_page(
            site, request, "The page was older than the plan. Nothing was approved: look at it again.", "bad"
        )
    if not who:
        return plan_page(site, request, "Nothing was approved: say who decides.", "bad")
    sends = text_of(form, "then") == "send" and site.sender is not None
    if sends and first_time(made.plan) and not form.get("first"):
        return plan_page(site, request, " ".join(NOT_AGREED), "bad")
    try:
        with approvals.one_at_a_time():
            if (other := approved_of(site, subject, made.plan)) is not None:
                raise LockedError(
                    f"{other.who} approved this plan at {other.approved_at:%H:%M} UTC, and nothing was approved again.",
                    "Send it as it is; or withdraw that approval, and approve the plan as you want it.",
                )
            given = _approved(site, subject, form, made.plan, who, note)
        if sends and site.sender is not None:
            site.sender.start(subject, given, who, first=bool(form.get("first")))
    except LeadloopError as error:
        return plan_page(site, request, str(error), "bad")
    if sends:
        return RedirectResponse(subject.address, 303)
    return plan_page(site, request, Markup("Approved. Nothing is sent yet."), "good")


def withdraw(site: Site, request: Request, form: FormData) -> Response:
    """Deletes the signed plan of an approval that was not sent."""
    subject = of_request(request)
    with approvals.one_at_a_time():
        found = approvals.find(subject.key, approval_id=text_of(form, "approval"))
        sending = site.sender.now() if site.sender is not None else None
        if found is None or (sending and sending.is_running and sending.approval_id == found.id):
            return plan_page(site, request, "That approval is used or withdrawn already.", "warn")
        approvals.drop(found)
    return plan_page(site, request, "The approval is withdrawn: its signed plan is deleted.", "good")


def _approved(site: Site, subject: Subject, form: FormData, shown: Plan, who: str, note: str) -> Approved:
    with waiting(PATIENCE, lambda _sentence: None):
        planned = _planned(site, subject)
        if planned.fingerprint != shown.fingerprint:
            raise PlanMovedError(
                f"The plan of {planned.push} is another one by now, and nothing was approved.",
                "Look at it again.",
                crm=planned.crm,
            )
        fields, leads = _kept_fields(form, planned), _left_out(site, subject, form)
        file = approvals.save(subject, planned.fingerprint, planned)
        signed = loop.approve(
            site.source.warehouse,
            read_plan(file, ""),
            digest,
            only_fields=fields,
            not_leads=leads,
            note=f"{who}, on the page{': ' if note else ''}{note}",
            controls=CONTROLS,
        )
    assert signed.approval is not None
    approvals.save(subject, planned.fingerprint, signed)
    kept = approved.restricted(signed, signed.approval)
    given = Approved(
        signed.approval.id,
        subject.key,
        planned.fingerprint,
        str(file),
        who,
        note,
        datetime.now(UTC),
        signed.approval.approved_at + approval_age(),
        len(kept.leads),
        kept.fields,
        len(planned.leads),
        first_time(planned),
    )
    approvals.put(given)
    site.source.soon()
    return given


def _planned(site: Site, subject: Subject) -> Plan:
    """The plan as it is now, from the warehouse itself."""
    if subject.push:
        return loop.plan(site.source.warehouse, subject.push, site.plans.project)
    return loop.plan_undo(site.source.warehouse, subject.asked, site.plans.project)


def _kept_fields(form: FormData, plan: Plan) -> list[str]:
    """The fields that are ticked; none where all are, or where whole leads are meant."""
    ticked = [str(each) for each in form.getlist("field")]
    there = set(plan.by_field()) if plan.mode != "delete" else set()
    if there and not ticked:
        raise ConfigError(
            "Nothing was approved: no field is ticked under “Fields to send”.", "Tick at least one."
        )
    return [] if set(ticked) == there else ticked


def _left_out(site: Site, subject: Subject, form: FormData) -> set[str]:
    """The leads beside which "Leave out" is ticked, and those whose ids were typed."""
    opened = [site.keys.opened(str(each)) for each in form.getlist(LEFT)]
    ticked = {each[2] for each in opened if each and len(each) == 3 and each[:2] == [LEFT, subject.key]}
    typed = text_of(form, "not_leads", longest=20_000)
    return ticked | set(filter(None, re.split(r"[\s,;]+", typed)))


def text_of(form: FormData, name: str, *, longest: int = LONGEST) -> str:
    """What was typed there, on one line."""
    return printable(" ".join(str(form.get(name, "")).split())[:longest])
