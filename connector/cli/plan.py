"""``leadloop plan``."""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.app import app
from connector.cli.options import Json, Limit, Mask, Project, Save, save_plan, warehouse, with_dbt
from connector.cli.output import emit, fail, out
from connector.cli.pages import write_page


@app.command(epilog="Example: leadloop plan lead_scores_to_convoso --html plan.html")
@with_dbt
def plan(
    push: Annotated[str, typer.Argument(help="The name of the push model.", metavar="PUSH")],
    project: Project = None,
    limit: Limit = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the plan to this file, as one self-contained page.")
    ] = None,
    save: Save = None,
    mask: Mask = False,
    as_json: Json = False,
) -> None:
    """Show what a push would send now. This sends nothing."""
    from connector import loop
    from connector.render.plan import plan_text
    from connector.render.plan_document import plan_document

    place = warehouse()
    made = loop.plan(place, push, project, limit=limit)
    if html is not None:
        write_page(html, made, place, project, mask=mask)
    if save is not None:
        save_plan(made, save, mask=mask)
    if as_json:
        emit(plan_document(made, mask=mask))
    elif html is None and save is None:
        out.print(plan_text(made, mask=mask))
    stopped = made.problem()
    if stopped is not None:
        fail(stopped)
