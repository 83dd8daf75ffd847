"""``leadloop notebook``."""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.app import app
from connector.cli.output import out


@app.command(epilog="Example: leadloop notebook")
def notebook(
    file: Annotated[Path, typer.Argument(help="The file to write, or the folder to write it into.")] = Path(),
) -> None:
    """Copy a notebook into the project: charts of your leads and pushes, to read, run and edit."""
    from connector.notebook import copy

    target = copy(file)
    out.print(
        f"Wrote {target}. Open it in Jupyter, where leadloop is installed, and run all cells.", markup=False
    )
