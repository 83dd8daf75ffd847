"""``leadloop run``."""

from typing import Annotated

import typer

from connector.cli.app import app
from connector.cli.asking import asking, in_a_terminal
from connector.cli.extract import extracted, extracted_text
from connector.cli.options import First, Json, Limit, Project, Yes, warehouse
from connector.cli.output import emit, err, out
from connector.cli.push import report_push


@app.command(epilog="Example, from cron: leadloop run --yes")
def run(
    pushes: Annotated[
        list[str] | None, typer.Option("--push", help="Send only this push. Repeatable.")
    ] = None,
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
    """Extract, build, and send every push of the dbt project. In a terminal it asks before each push, unless you give --yes."""
    from connector import loop
    from connector import push as pushing
    from connector.display import listening

    with listening(err, brief=as_json) as listener:
        done = loop.run(
            warehouse(),
            project,
            pushes=pushes or None,
            limit=limit,
            restored=restored,
            agree=asking(yes, listener, first=first, mask=False, quiet=as_json),
            first=first or in_a_terminal(),
            listener=listener,
        )
    if as_json:
        emit(
            "run",
            {
                "extracted": {name: extracted(each) for name, each in done.extracted.items()},
                "built": done.built.as_dict(),
                "pushed": {name: pushing.summary_json(each.summary) for name, each in done.pushed.items()},
                "failed": {
                    name: {"error": type(e).__name__, "message": str(e)} for name, e in done.failed.items()
                },
                "exit_code": done.exit_code,
            },
        )
    else:
        for name, each in done.extracted.items():
            out.print(extracted_text(name, each), markup=False, soft_wrap=True)
        out.print(done.built.text(), markup=False)
        for pushed in done.pushed.values():
            report_push(pushed, as_json=False)
    for name, error in done.failed.items():
        err.print(f"{name}: {error}", markup=False, soft_wrap=True)
    raise typer.Exit(done.exit_code)
