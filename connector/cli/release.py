"""``leadloop release``."""

from typing import Annotated

import typer

from connector.cli.app import app
from connector.cli.options import Json, Mask, Project, warehouse, with_dbt
from connector.cli.output import emit, out, tell


@app.command(epilog="Example: leadloop release lead_scores_to_convoso --lead 12345")
@with_dbt
def release(
    push: Annotated[str, typer.Argument(help="The name of the push model.", metavar="PUSH")],
    lead: Annotated[list[str] | None, typer.Option(help="Release this lead. Repeatable.")] = None,
    field: Annotated[list[str] | None, typer.Option(help="Release this field. Repeatable.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Release all that is held.")] = False,
    project: Project = None,
    mask: Mask = False,
    as_json: Json = False,
) -> None:
    """List what `leadloop undo` took back and the push holds, or release it. The next push then sends it again."""
    from connector import loop
    from connector.render.release import release_document, release_text

    is_released = bool(lead or field or everything)
    found = loop.release(
        warehouse(), push, project, leads=lead or (), fields=field or (), everything=everything
    )
    if as_json:
        emit(release_document(push, found, is_released=is_released, mask=mask))
    else:
        tell(release_text(push, found, is_released=is_released, mask=mask), out, keep="\n")
