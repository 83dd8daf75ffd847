"""``leadloop status``."""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.app import app
from connector.cli.options import Json, Project, warehouse, with_env
from connector.cli.output import emit, emit_line, err, out
from connector.errors import ConfigError


@app.command(epilog="Example, for a monitor: leadloop status --max-age 26h --json")
@with_env
def status(
    max_age: Annotated[
        str | None,
        typer.Option(
            "--max-age",
            metavar="TIME",
            help="Say how long ago each CRM was read and each push was done, and end with 1 if that is longer than this, such as 90m, 26h "
            "or 2d. With --json: one line.",
        ),
    ] = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Show what was read, what was sent and what is still open. It calls no CRM."""
    if max_age is not None:
        _ages(max_age, project, as_json=as_json)
        return
    if project is not None:
        raise ConfigError("--dbt-project goes with --max-age.")
    from connector.render.status import status_document, status_text
    from connector.status import status as read

    found = read(warehouse())
    if as_json:
        emit(status_document(found))
    else:
        out.print(status_text(found))


def _ages(max_age: str, project: Path | None, *, as_json: bool) -> None:
    from connector.ages import ages
    from connector.parsing import WrongValueError, duration
    from connector.render.ages import ages_document, ages_text, stale_sentence

    try:
        longest = duration(max_age)
    except WrongValueError as error:
        raise ConfigError(f"--max-age {error}, not {max_age!r}.") from None
    found = ages(warehouse(), longest, project)
    if as_json:
        emit_line(ages_document(found))
    else:
        out.print(ages_text(found))
    if not found.found:
        raise ConfigError(
            "There is no CRM and no push whose age could be told: `leadloop check` says what is missing."
        )
    if found.stale:
        err.print(stale_sentence(found), markup=False, soft_wrap=True, level="error")
        raise typer.Exit(1)
