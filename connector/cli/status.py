"""``leadloop status``."""

from connector.cli.app import app
from connector.cli.options import Json, warehouse
from connector.cli.output import emit, out


@app.command(epilog="Example: leadloop status --json")
def status(as_json: Json = False) -> None:
    """Show what was read, what was sent and what is still open. It asks only the warehouse."""
    from connector import report

    found = report.status(warehouse())
    if as_json:
        emit("status", found)
    else:
        out.print(report.status_text(found))
