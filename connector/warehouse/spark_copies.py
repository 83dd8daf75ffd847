"""The ledger's tables as Delta tables; see ``apart_copies``."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connector.warehouse import apart_copies
from connector.warehouse import spark_tables as tables
from connector.warehouse.apart import LEDGER, SCHEMA
from connector.warehouse.engine import Engine
from connector.warehouse.spark_connection import OWN


def copy(database: sa.Engine, engine: Engine, storage: Path) -> list[str]:
    """Copies what has changed to the Delta tables in this folder; the names of those tables."""

    def version(table: str) -> str | None:
        found = tables.version(storage / SCHEMA / table)
        return None if found is None else str(found)

    def replace(table: str) -> None:
        with database.connect() as connection:
            found: Any = connection.exec_driver_sql(f'select * from {LEDGER}.{SCHEMA}."{table}"')
            with found.cursor.to_arrow_reader(tables.ROWS_AT_A_TIME) as rows:
                tables.replace(storage / SCHEMA / table, rows)

    return apart_copies.copy(database, engine, OWN, version, replace)
