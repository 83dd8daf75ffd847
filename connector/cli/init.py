"""``leadloop init``."""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.app import app
from connector.cli.options import Json
from connector.cli.output import emit, out
from connector.errors import ConfigError


@app.command(epilog="Example: leadloop init my_leads")
def init(
    folder: Annotated[
        Path, typer.Argument(help="The folder of the project; leadloop makes it if it doesn't exist.")
    ] = Path(),
    name: Annotated[
        str | None, typer.Option("--crm", help="The CRM whose leads it is about. Default: convoso.")
    ] = None,
    account: Annotated[
        str | None,
        typer.Option("--name", help="A name for the account, if the project has several accounts of a CRM."),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Add settings, the dbt package and a push to the dbt project in this folder, and change nothing else there.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a project folder. It has settings, a private secrets file, and a dbt project with one push to edit."""
    from connector import crm, existing_project, scaffold
    from connector.render.init import init_document, init_text

    if into is not None and folder != Path():
        raise ConfigError(
            f"Name one folder: {folder} for a new project, or --into {into} for one that is there."
        )
    name = name or crm.DEFAULT
    done = (
        scaffold.write(folder, name, account) if into is None else existing_project.add(into, name, account)
    )
    if as_json:
        emit(init_document(done))
    else:
        out.print(init_text(done), markup=False)
