"""``leadloop maintain``."""

from connector.cli.app import app
from connector.cli.options import Json, warehouse, with_env
from connector.cli.output import emit, out


@app.command(epilog="Example: leadloop maintain --json")
@with_env
def maintain(as_json: Json = False) -> None:
    """Keep the warehouse small and quick: move what no push depends on any more out of the journal, delete what is older than you want to keep, and let the database tidy up.

    A lake removes old snapshots, merges small files and deletes files that nothing needs. A push moves rows out of the journal by itself when it has doubled.
    """
    from connector import loop
    from connector.render.maintain import maintain_document, maintain_text

    done = loop.maintain(warehouse())
    if as_json:
        emit(maintain_document(done))
    else:
        out.print(maintain_text(done), markup=False)
