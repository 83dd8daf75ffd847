"""``leadloop push``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.app import app
from connector.cli.asking import asking, in_a_terminal
from connector.cli.options import First, Json, Limit, Mask, Project, Yes, warehouse, with_dbt
from connector.cli.output import emit, err, out
from connector.errors import ConfigError

if TYPE_CHECKING:
    from connector.push import Recovery


@app.command(epilog="Example: leadloop push lead_scores_to_convoso --limit 10")
@with_dbt
def push(
    name: Annotated[str, typer.Argument(help="The name of the push model.", metavar="PUSH")],
    project: Project = None,
    limit: Limit = None,
    agreed: Annotated[
        Path | None,
        typer.Option("--plan", help="Send only the plan that `plan --save` saved in this file, or nothing."),
    ] = None,
    yes: Yes = False,
    first: First = False,
    mask: Mask = False,
    as_json: Json = False,
) -> None:
    """Send exactly what the plan shows.

    In a terminal it asks first, unless you give --yes or --plan. Without a terminal it asks nobody and sends what the guardrails and tests of the push let through, except values that it would replace for the first time (see --first) and a plan that needs an approval (see `leadloop approve`).
    """
    from connector import loop
    from connector.display import listening
    from connector.render.push import push_document, push_text, recovery_text
    from connector.render.saved_plan import read_plan

    saved = None if agreed is None else read_plan(agreed)
    if saved is not None and saved.undo is not None:
        raise ConfigError(
            f"--plan {agreed} is the plan of an undo.", f"Send it: leadloop undo --plan {agreed}"
        )
    found: list[Recovery] = []
    done = None
    try:
        with listening(err, brief=as_json) as listener:
            done = loop.push(
                warehouse(),
                name,
                project,
                limit=limit,
                agreed=saved,
                agree=asking(yes or saved is not None, listener, first=first, mask=mask, quiet=as_json),
                first=first or in_a_terminal(),
                listener=listener,
                on_recovery=found.append,
            )
    finally:
        if done is None and any(found):
            err.print(recovery_text(found[0]), markup=False, soft_wrap=True)
    if done is None:
        raise typer.Exit(0)
    if as_json:
        emit(push_document(done.summary, done.recovery))
    else:
        out.print(push_text(done.summary, done.recovery, mask=mask or not out.is_terminal))
    raise typer.Exit(done.summary.exit_code)
