"""The ledger's tables as tables of the MotherDuck database; see ``apart_copies``."""

import sqlalchemy as sa

from connector.warehouse import apart_copies
from connector.warehouse.apart import LEDGER, SCHEMA
from connector.warehouse.engine import Engine
from connector.warehouse.motherduck_connection import OWN, quoted

_THERE = "select 1 from duckdb_tables() where database_name = ? and schema_name = ? and table_name = ?"


def copy(database: sa.Engine, engine: Engine, name: str) -> list[str]:
    """Copies what has changed to the MotherDuck database of this name; the names of those tables."""

    def version(table: str) -> str | None:
        """Nothing tells at a small cost whether somebody has written to it."""
        with database.connect() as connection:
            return "" if connection.exec_driver_sql(_THERE, (name, SCHEMA, table)).first() else None

    def replace(table: str) -> None:
        # One transaction writes to one of the two databases.
        with database.begin() as connection:
            connection.exec_driver_sql(f"create schema if not exists {quoted(name, SCHEMA)}")
            connection.exec_driver_sql(
                f"create or replace table {quoted(name, SCHEMA, table)} as select * from {quoted(LEDGER, SCHEMA, table)}"
            )

    return apart_copies.copy(database, engine, OWN, version, replace)
