"""dlt's pipeline of one CRM into one warehouse, and how far it has come."""

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from connector.crm import raw_schema
from connector.crm.account import Account
from connector.warehouse import private
from connector.warehouse.connection import Warehouse
from connector.warehouse.ledger import next_number

FOLDER = Path(".leadloop") / "pipelines"


def pipeline(warehouse: Warehouse, account: Account) -> Any:
    """A pipeline without a past on this machine: cursor and schema come from the warehouse, and from nowhere else.

    So a deleted database starts afresh, a new machine goes on where the last one stopped, and a package that a killed
    run left behind is read again from the CRM instead of trusted.
    """
    import dlt

    folder = private.folder(FOLDER)
    shutil.rmtree(folder / account.name, ignore_errors=True)
    return dlt.pipeline(
        account.name,
        destination=warehouse.destination(),
        dataset_name=raw_schema(account.name),
        pipelines_dir=str(folder.absolute()),
        dev_mode=False,
    )


def numbers(warehouse: Warehouse) -> Callable[[], int]:
    """The next number of the warehouse's own sequence, at each call."""
    engine = warehouse.engine()

    def number() -> int:
        with engine.begin() as connection:
            return next_number(connection)

    return number


def cursor(warehouse: Warehouse, account: Account) -> datetime | None:
    """Everything edited in the CRM up to this instant (UTC) is in the warehouse; ``None`` before the first extraction."""
    from connector.extract.job import job
    from connector.extract.load import tune
    from connector.extract.past import cursor as of_pipeline

    tune()
    with warehouse.translated():
        todo = job(account.settings, reader=account.reader)
        return of_pipeline(pipeline(warehouse, account), todo)
