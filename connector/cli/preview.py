"""``leadloop preview``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.app import app
from connector.cli.options import Json, Project, with_dbt
from connector.cli.output import emit, err, out, print_text, tell
from connector.errors import ConfigError, LeadloopError

if TYPE_CHECKING:
    from connector.push.plan import Plan


@app.command(epilog="Example: leadloop preview --against ../main --markdown")
@with_dbt
def preview(
    against: Annotated[
        Path,
        typer.Option(
            metavar="OLD",
            help="The models as they were: a checkout, the folder of a dbt project, or a plan that `plan --save` saved.",
        ),
    ],
    pushes: Annotated[
        list[str] | None,
        typer.Argument(help="Only these pushes. Default: all that one of the two has.", metavar="[PUSH]..."),
    ] = None,
    project: Project = None,
    samples: Annotated[int, typer.Option(min=0, help="Show at most N leads of each push.")] = 8,
    show_values: Annotated[
        bool,
        typer.Option(
            "--show-values", help="Show the values of leads, not only their shapes. Only in a terminal."
        ),
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Write Markdown to stdout, for a comment on a pull request.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what a change of SQL would do to the CRM: the plans of the old models and of the new, compared.

    Both are built aside, in a copy of a DuckDB file or in a PostgreSQL schema that is dropped afterwards. This sends nothing, needs no token and changes no table of the warehouse.
    """
    from connector.display import listening
    from connector.push.preview import preview as compare
    from connector.render.preview import failure_markdown, preview_markdown, preview_text, stopped_sentence
    from connector.warehouse.connection import Warehouse

    if markdown and as_json:
        raise ConfigError("--markdown and --json both write to stdout: give one of them.")
    if show_values and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError(
            "--show-values shows values of leads, and nobody sits at a terminal here, so they would end up in a file or a log.",
            "Leave it out: keys and shapes are shown.",
        )
    try:
        with listening(err, brief=as_json or markdown) as listener:
            made = compare(
                Warehouse.open(),  # and nobody is told: a pull request raises no alert
                _old(against),
                project,
                only=pushes or (),
                named=str(against),
                listener=listener,
            )
    except LeadloopError as error:
        if markdown:
            print_text(failure_markdown(str(error)))
        raise
    if as_json:
        from connector.render.preview_document import preview_document

        emit(preview_document(made, show_values=show_values, samples=samples))
    elif markdown:
        print_text(preview_markdown(made, show_values=show_values, samples=samples))
    else:
        out.print(preview_text(made, show_values=show_values, samples=samples))
    if made.exit_code:
        tell(stopped_sentence(made.pushes))
    raise typer.Exit(made.exit_code)


def _old(against: Path) -> "Path | Plan":
    """A folder as it is; a file is a plan."""
    if against.is_dir():
        return against
    if not against.exists():
        raise ConfigError(
            f"--against {against}: there is no such folder or file.",
            "Name a folder with the models as they were, such as a worktree of the main branch: git worktree add ../main origin/main",
        )
    from connector.render.saved_plan import read_plan

    return read_plan(against, "--against ")
