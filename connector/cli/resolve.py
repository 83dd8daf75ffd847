"""``leadloop resolve``."""

from enum import StrEnum
from typing import Annotated, Literal

import typer

from connector.cli.app import app
from connector.cli.options import Json, Mask, Project, warehouse, with_dbt
from connector.cli.output import emit, out, tell
from connector.errors import ConfigError


class Side(StrEnum):
    """Whose value stays in a conflict; or that nobody asks any more."""

    OURS = "ours"
    THEIRS = "theirs"
    SKIP = "skip"


@app.command(epilog="Example: leadloop resolve lead_scores_to_convoso --take ours --lead 12345")
@with_dbt
def resolve(
    push: Annotated[str, typer.Argument(help="The name of the push model.", metavar="PUSH")],
    take: Annotated[
        Side | None,
        typer.Option(
            help="ours: send your value after all. theirs: keep the CRM's value until yours changes. skip: leave the field "
            "alone, whatever you want of it, until you decide it again with --lead."
        ),
    ] = None,
    lead: Annotated[
        list[str] | None, typer.Option(help="Decide the conflicts of this lead. Repeatable.")
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="Decide only what is about this field, as the CRM calls it. Repeatable."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Decide every conflict of the push.")] = False,
    project: Project = None,
    mask: Mask = False,
    as_json: Json = False,
) -> None:
    """List the conflicts of a push, or decide them. The decision is recorded, and the next push acts on it."""
    from connector import loop
    from connector.render.resolve import resolve_document, resolve_text

    if take is not None and not lead and not field and not everything:
        raise ConfigError("Say which conflicts: --lead ID or --field NAME (both repeatable), or --all.")
    side: Literal["ours", "theirs", "skip"] | None = None if take is None else take.value
    found = loop.resolve(warehouse(), push, project, take=side, leads=lead or None, fields=field or None)
    if as_json:
        emit(resolve_document(push, side, found, mask=mask))
    else:
        tell(resolve_text(side, found, mask=mask), out, keep="\n")
