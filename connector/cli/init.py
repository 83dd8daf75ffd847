"""``leadloop init``."""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.app import app
from connector.cli.options import Json
from connector.cli.output import emit, out


@app.command(epilog="Example: leadloop init my_leads")
def init(
    folder: Annotated[
        Path, typer.Argument(help="The folder of the project; leadloop makes it if it doesn't exist.")
    ] = Path(),
    as_json: Json = False,
) -> None:
    """Write a project folder. It has settings, a private secrets file, and a dbt project with one push to edit."""
    from connector import scaffold

    done = scaffold.write(folder)
    if as_json:
        emit("init", {"folder": str(done.folder), "written": done.written, "kept": done.kept})
        return
    for path in done.written:
        out.print(f"  wrote  {folder / path}", markup=False)
    for path in done.kept:
        out.print(f"  kept   {folder / path} (it was there)", markup=False)
    out.print(
        f"Next: put your token into {folder / '.dlt/secrets.toml'}, then run `leadloop check` there.",
        markup=False,
    )
