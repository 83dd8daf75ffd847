"""The pages as one ASGI application: which address shows what, and a server for it on this machine."""

import contextlib
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from typing import Any

import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from connector.web import (
    approve_pages,
    conflict_pages,
    held_pages,
    lead_pages,
    overview_page,
    plan_pages,
    run_pages,
    sending_pages,
)
from connector.web.safety import Safe, is_from_our_form
from connector.web.site import Site
from connector.web.subject import ADDED

Page = Callable[[Site, Request], Response]
Posted = Callable[[Site, Request, Any], Response]
Log = Callable[[str, str, int, float], None]
THREADS = 16
"""Pages that are made at once."""
STATIC = {
    "page.css": ("render/page/page.css", "text/css"),
    "htmx.js": ("web/static/htmx-2.0.11.min.js", "text/javascript"),
    "htmx-LICENSE.txt": ("web/static/htmx-LICENSE.txt", "text/plain"),
    "app.js": ("web/static/app.js", "text/javascript"),
    "icon.svg": ("web/static/icon.svg", "image/svg+xml"),
}
"""Every file that a page loads, all of them in the wheel."""


def application(site: Site, *, token: str | None = None, log: Log = lambda *_: None) -> ASGIApp:
    """All pages. ``log`` is told of each request: method, route, status and seconds; never an address or a value."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        yield
        await anyio.to_thread.run_sync(site.stop)

    routes = [
        _get(site, "/", overview_page.overview_page),
        _get(site, "/fresh", _fresh),
        *_plans(site, "/pushes/{push}"),
        _post(site, "/pushes/{push}/release", held_pages.release),
        *_plans(site, f"/undo/{{run_id}}/{ADDED}"),
        *_plans(site, "/undo/{run_id}"),
        _get(site, "/leads", lead_pages.leads_page),
        _post(site, "/leads", lead_pages.leads_page),
        _get(site, "/leads/{key}", lead_pages.lead_page),
        _get(site, "/runs", run_pages.runs_page),
        _get(site, "/runs/{run_id}", run_pages.run_page),
        _get(site, "/push-runs/{run_id}", run_pages.push_run_page),
        _get(site, "/conflicts", conflict_pages.conflicts_page),
        _post(site, "/conflicts", conflict_pages.decide),
        _get(site, "/static/{file}", _static),
    ]

    async def not_found(request: Request, _error: Exception) -> Response:
        return await anyio.to_thread.run_sync(
            lambda: site.show("missing.html", code=404, what="There is no such page.")
        )

    async def failed(_request: Request, error: Exception) -> Response:
        # Only its kind: an engine's own words may quote a value.
        return HTMLResponse(FAILED.format(kind=type(error).__name__), 500)

    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={404: not_found, Exception: failed})
    return Safe(app, keys=site.keys, token=token, log=log)


FAILED = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>leadloop</title>
<link rel="stylesheet" href="/static/page.css"></head><body><main><h1>This page could not be made</h1>
<p>{kind}. The terminal of <code>leadloop serve</code> says where. Nothing was changed.</p><p><a href="/">Overview</a></p></main></body></html>"""


def _plans(site: Site, path: str) -> list[Route]:
    """What can be looked at and done of a plan."""
    return [
        _get(site, path, plan_pages.plan_page),
        _get(site, f"{path}/plan.csv", plan_pages.plan_file),
        _get(site, f"{path}/sending", sending_pages.sending),
        _post(site, f"{path}/rows", plan_pages.plan_rows),
        _post(site, f"{path}/approve", approve_pages.approve),
        _post(site, f"{path}/withdraw", approve_pages.withdraw),
        _post(site, f"{path}/send", sending_pages.send),
        _post(site, f"{path}/stop", sending_pages.stop),
    ]


def _get(site: Site, path: str, page: Page) -> Route:
    async def endpoint(request: Request) -> Response:
        request.scope["told_as"] = path
        return await anyio.to_thread.run_sync(page, site, request)

    return Route(path, endpoint, methods=["GET"])


def _post(site: Site, path: str, page: Posted) -> Route:
    async def endpoint(request: Request) -> Response:
        request.scope["told_as"] = path
        async with request.form(max_fields=2_000) as form:
            if not is_from_our_form(request, form, site.keys):
                return await anyio.to_thread.run_sync(
                    lambda: site.show(
                        "missing.html",
                        code=403,
                        what="That did not come from a form of this page. Nothing was done: load it again.",
                    )
                )
            return await anyio.to_thread.run_sync(page, site, request, form)

    return Route(path, endpoint, methods=["POST"])


def _fresh(site: Site, request: Request) -> Response:
    generation = request.query_params.get("generation", "")
    return site.fresh(int(generation) if generation.isdigit() else None)


def _static(site: Site, request: Request) -> Response:
    found = STATIC.get(request.path_params["file"])
    if found is None:
        return site.show("missing.html", code=404, what="There is no such file.")
    content = files("connector").joinpath(found[0]).read_bytes()
    return Response(content, media_type=found[1], headers={"cache-control": "public, max-age=86400"})
