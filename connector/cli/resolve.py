"""``leadloop resolve``."""

from enum import StrEnum
from typing import Annotated, Literal

import typer

from connector.cli.app import app
from connector.cli.options import Json, Project, warehouse
from connector.cli.output import emit, out
from connector.errors import ConfigError


class Side(StrEnum):
    """Whose value stays in a conflict; or that nobody asks any more."""

    OURS = "ours"
    THEIRS = "theirs"
    SKIP = "skip"


@app.command(epilog="Example: leadloop resolve lead_scores_to_convoso --take ours --lead 12345")
def resolve(
    push: Annotated[str, typer.Argument(help="The push model's name.", metavar="PUSH")],
    take: Annotated[
        Side | None,
        typer.Option(
            help="ours: send our value after all; theirs: keep the CRM's and forget ours; skip: leave the field "
            "alone, whatever we want of it, until its lead is named for one of the others."
        ),
    ] = None,
    lead: Annotated[list[str] | None, typer.Option(help="Only this lead; repeatable.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every conflict of the push.")] = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """List the conflicts of a push, or settle them. Settling is recorded; the next push acts on it."""
    from connector import loop
    from connector.render.resolve import resolve_document, resolve_text

    if take is not None and not lead and not everything:
        raise ConfigError("Say which conflicts: --lead ID (repeatable) or --all.")
    side: Literal["ours", "theirs", "skip"] | None = None if take is None else take.value
    found = loop.resolve(warehouse(), push, project, take=side, leads=lead or None)
    if as_json:
        emit(resolve_document(push, side, found))
    else:
        out.print(resolve_text(side, found), markup=False)
