"""Sending what was approved, and how far that is."""

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from connector.errors import LeadloopError, NotAgreedError, NotApprovedError
from connector.texts import printable
from connector.web import approvals
from connector.web.plan_pages import NOT_AGREED, plan_page
from connector.web.sending_view import sending_of
from connector.web.site import Site
from connector.web.subject import of_request


def send(site: Site, request: Request, form: FormData) -> Response:
    """Sends what somebody has approved here before."""
    subject = of_request(request)
    who = printable(" ".join(str(form.get("who", "")).split())[:80])
    if site.sender is None:
        return plan_page(site, request, "This page sends nothing: it was started without --send.", "bad")
    if not who:
        return plan_page(site, request, "Nothing was sent: say who sends it.", "bad")
    try:
        found = approvals.find(subject.key, approval_id=str(form.get("approval", "")))
        if found is None:
            raise NotApprovedError(
                "That approval is used, withdrawn or too old, so nothing was sent.", "Approve the plan again."
            )
        if found.first_time and not form.get("first"):
            raise NotAgreedError(*NOT_AGREED)
        site.sender.start(subject, found, who, first=bool(form.get("first")))
    except LeadloopError as error:
        return plan_page(site, request, str(error), "bad")
    return RedirectResponse(subject.address, 303)


def stop(site: Site, request: Request, form: FormData) -> Response:
    """Interrupts what is being sent."""
    subject = of_request(request)
    if (found := sending_of(site, subject)) is not None and found.is_running and site.sender is not None:
        site.sender.stop()
    return RedirectResponse(subject.address, 303)


def sending(site: Site, request: Request) -> Response:
    """How far it is; has the whole page loaded again once it has ended."""
    subject = of_request(request)
    try:
        found = sending_of(site, subject)
    except LeadloopError:
        found = None
    if found is None or not found.is_running:
        return HTMLResponse("", headers={"HX-Refresh": "true"})
    return site.show("sending.html", sending=found)
