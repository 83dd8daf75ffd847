"""``leadloop demo``."""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.app import app
from connector.cli.output import err, out


@app.command(epilog="Example: leadloop demo --leads 5000")
def demo(
    leads: Annotated[int, typer.Option(min=50, max=500_000, help="How many leads the sandbox holds.")] = 5000,
    folder: Annotated[Path, typer.Option(help="The folder for the demo's database.")] = Path(
        ".leadloop/demo"
    ),
) -> None:
    """Run the whole loop twice against a sandbox. Everything stays on this machine."""
    from connector import demo as show

    show.run(leads, folder, out=out, err=err)
