"""``leadloop move``."""

from typing import Annotated

import typer

from connector.cli.app import app
from connector.cli.options import Json, Project, warehouse, with_dbt
from connector.cli.output import emit, err, out
from connector.errors import ConfigError


@app.command(epilog="Example: leadloop move --to postgres")
@with_dbt
def move(
    to: Annotated[
        str | None,
        typer.Option(
            metavar="ENGINE",
            help="The engine to move to: duckdb, postgres, ducklake or spark, at destination.ENGINE.credentials.",
        ),
    ] = None,
    cancel: Annotated[
        bool,
        typer.Option(
            "--cancel",
            help="Have a warehouse that was moved away work again, because the new one is lost or not wanted.",
        ),
    ] = False,
    to_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The environment whose settings name the new place, as `--env` has it: for another place in the same engine.",
        ),
    ] = None,
    to_dbt_target: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The target of dbt's profile for the new warehouse. Default: the same as now.",
        ),
    ] = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Move the warehouse to another engine: what was read, how far, what was sent, what was agreed to.

    It carries the raw tables and leadloop's own, builds the models there, and compares what each push would send. If both sides
    plan the same, the old one refuses to work from then on. If not, nothing is switched over. Cut off, it can be run again.
    """
    from connector import loop
    from connector.display import listening
    from connector.render.move import cancel_document, cancel_text, move_document, move_text

    if cancel == (to is not None):
        raise ConfigError(
            "move needs one of the two: --to ENGINE, or --cancel.", "Try: leadloop move --to postgres"
        )
    if cancel:
        given_up = loop.cancel_move(warehouse(), to_env=to_env)
        if as_json:
            emit(cancel_document(given_up))
        else:
            out.print(cancel_text(given_up), markup=False, soft_wrap=True)
        return
    with listening(err, brief=as_json) as listener:
        done = loop.move(
            warehouse(), _engine(str(to)), project, to_env=to_env, dbt_target=to_dbt_target, listener=listener
        )
    if as_json:
        emit(move_document(done))
    else:
        out.print(move_text(done), markup=False, soft_wrap=True)


def _engine(name: str) -> str:
    from connector.parsing import no_such
    from connector.warehouse.engines import ENGINES

    if name not in ENGINES:
        raise ConfigError(f"--to: {no_such('engine', name, list(ENGINES))}")
    return name
