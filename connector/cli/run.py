"""``leadloop run``."""

from typing import Annotated

import typer

from connector.cli.app import app
from connector.cli.asking import asking, in_a_terminal
from connector.cli.options import End, First, Json, Limit, Project, Start, Yes, interval, warehouse, with_dbt
from connector.cli.output import emit, err, out, tell
from connector.errors import ConfigError


@app.command(epilog="Example, from cron: leadloop run --wait 300")
@with_dbt
def run(
    pushes: Annotated[
        list[str] | None, typer.Option("--push", help="Send only this push. Repeatable.")
    ] = None,
    start: Start = None,
    end: End = None,
    project: Project = None,
    limit: Limit = None,
    yes: Yes = False,
    restored: Annotated[
        bool,
        typer.Option(
            "--restored",
            help="Continue with a warehouse that was restored from an older copy, and overwrite nothing that people may have "
            "typed since.",
        ),
    ] = False,
    first: First = False,
    as_json: Json = False,
) -> None:
    """Extract, build, and send every push of the dbt project.

    In a terminal it asks before each push, unless you give --yes. Without a terminal it asks nobody and sends what the guardrails and tests of each push let through, except values that it would replace for the first time (see --first) and a plan that needs an approval (see `leadloop approve`).
    """
    from connector import loop
    from connector.display import listening
    from connector.render.build import build_text
    from connector.render.extract import extract_text
    from connector.render.push import push_text
    from connector.render.run import recovered_text, run_document

    first_edit, last_edit = interval(start, end)
    if restored and (first_edit or last_edit):
        raise ConfigError(
            "--restored needs everything that came since the copy was made: leave out --start and --end."
        )
    with listening(err, brief=as_json) as listener:
        done = loop.run(
            warehouse(),
            project,
            pushes=pushes or None,
            start=first_edit,
            end=last_edit,
            limit=limit,
            restored=restored,
            agree=asking(yes, listener, first=first, mask=False, quiet=as_json),
            first=first or in_a_terminal(),
            listener=listener,
        )
    if as_json:
        emit(run_document(done))
    else:
        for name, each in done.extracted.items():
            out.print(extract_text(name, each), markup=False, soft_wrap=True)
        out.print(build_text(done.built), markup=False)
        for pushed in done.pushed.values():
            out.print(push_text(pushed.summary, pushed.recovery, mask=not out.is_terminal))
    for line in recovered_text(done):
        err.print(line, markup=False, soft_wrap=True)
    for name, error in done.failed.items():
        tell(f"{name}: {error}")
    raise typer.Exit(done.exit_code)
