"""``leadloop snapshot``."""

from connector.cli.app import app
from connector.cli.options import Json, warehouse, with_env
from connector.cli.output import emit, out


@app.command(epilog="Example: leadloop snapshot")
@with_env
def snapshot(as_json: Json = False) -> None:
    """Leave a copy of a warehouse in files that readers may hold open while runs go on.

    It is beside the warehouse, as leads.snapshot.duckdb; of a lake it is a copy of what is not in the files of its tables. Set warehouse.snapshot = true and `leadloop run` leaves one each time.
    """
    from connector.render.snapshot import snapshot_document, snapshot_text
    from connector.warehouse.snapshot import make

    made = make(warehouse())
    if as_json:
        emit(snapshot_document(made))
    else:
        out.print(snapshot_text(made), markup=False, soft_wrap=True)
