"""``leadloop build``."""

from typing import Annotated

import typer

from connector.cli.app import app
from connector.cli.options import Json, Project, warehouse, with_dbt
from connector.cli.output import emit, err, out


@app.command(epilog="Example: leadloop build --select leads+")
@with_dbt
def build(
    select: Annotated[str | None, typer.Option(help="Build only these models, in dbt's own syntax.")] = None,
    full_refresh: Annotated[
        bool, typer.Option(help="Make incremental models again from the raw tables.")
    ] = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Make and test the dbt models. These are the leads, their history, their changes, and your pushes."""
    from connector import loop
    from connector.display import listening
    from connector.render.build import build_document, build_text

    with listening(err, brief=as_json) as listener:
        done = loop.build(warehouse(), project, select=select, full_refresh=full_refresh, listener=listener)
    if as_json:
        emit(build_document(done))
    else:
        out.print(build_text(done), markup=False)
