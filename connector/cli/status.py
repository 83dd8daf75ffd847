"""``leadloop status``."""

from connector.cli.app import app
from connector.cli.options import Json, warehouse, with_env
from connector.cli.output import emit, out


@app.command(epilog="Example: leadloop status --json")
@with_env
def status(as_json: Json = False) -> None:
    """Show what was read, what was sent and what is still open. It calls no CRM."""
    from connector.render.status import status_document, status_text
    from connector.status import status as read

    found = read(warehouse())
    if as_json:
        emit(status_document(found))
    else:
        out.print(status_text(found))
