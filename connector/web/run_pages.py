"""Every run of any command, and what became of one."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from connector.errors import LeadloopError
from connector.views import runs as views
from connector.web.site import Site

COMMANDS = ("run", "extract", "build", "plan", "push", "resolve", "reconcile", "maintain")


def runs_page(site: Site, request: Request) -> Response:
    asked = request.query_params
    command, ended_as = asked.get("command", ""), asked.get("ended", "")
    before = (asked["at"], asked["id"]) if "at" in asked and "id" in asked else None
    try:
        with site.source.connected() as connection:
            found, after = views.runs(
                connection, site.source.warehouse, command=command, ended=ended_as, before=before
            )
    except LeadloopError as error:
        return site.show("runs.html", "Runs", not_yet=str(error))
    except ValueError:
        return RedirectResponse("/runs", 303)
    older = (
        urlencode({"command": command, "ended": ended_as, "at": after[0], "id": after[1]}) if after else ""
    )
    return site.show(
        "runs.html",
        "Runs",
        not_yet="",
        runs=found,
        before=older,
        commands=COMMANDS,
        command=command,
        ended_as=ended_as,
    )


def run_page(site: Site, request: Request) -> Response:
    run_id = request.path_params["run_id"]
    try:
        with site.source.connected() as connection:
            found = views.run(connection, site.source.warehouse, run_id)
            if found is None:
                return site.show("missing.html", "Runs", 404, what="No run has this id.")
            run, parts = found
            outcomes = views.outcomes(connection, run.push_run_id) if run.push_run_id else []
            progress = None
            if run.push_run_id and run.state == "running":
                progress = views.progress(connection, run.push_run_id)
    except LeadloopError as error:
        return site.show("run.html", "Runs", run_id=run_id, not_yet=str(error))
    return site.show(
        "run.html",
        "Runs",
        not_yet="",
        run_id=run_id,
        run=run,
        parts=parts,
        outcomes=outcomes,
        progress=progress,
        crm=run.crm or "",
    )


def push_run_page(site: Site, request: Request) -> Response:
    """The run of a command in which a push's run was: what a lead's story links to."""
    try:
        with site.source.connected() as connection:
            found = views.run_of_push(connection, request.path_params["run_id"])
    except LeadloopError:
        found = None
    if found is None:
        return site.show(
            "missing.html", "Runs", 404, what="The row of this run is not in the warehouse any more."
        )
    return RedirectResponse(f"/runs/{found}", 303)
