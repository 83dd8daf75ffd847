"""What an undo took back and a push holds is sent again: the same that ``leadloop release`` records."""

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from connector import loop
from connector.errors import LeadloopError
from connector.texts import count
from connector.warehouse.waiting import waiting
from connector.web.plan_pages import plan_page
from connector.web.site import Site
from connector.web.subject import of_request

PATIENCE = 10.0
"""Seconds to wait for a run that holds the lock or the file."""


def release(site: Site, request: Request, form: FormData) -> Response:
    """Releases everything that the push holds; it sends nothing."""
    push = of_request(request).push
    if site.plans.push(push) is None:
        return plan_page(site, request)
    try:
        with waiting(PATIENCE, lambda _sentence: None):
            done = loop.release(site.source.warehouse, push, site.plans.project, everything=True)
    except LeadloopError as error:
        return plan_page(site, request, str(error), "bad")
    site.source.soon()
    released = count(len(done), "field")
    return plan_page(site, request, f"{released} released: the next run of {push} sends what it wants there.")
