"""The ledger's tables as Delta tables, so that models and analysts read on Spark what leadloop remembers: copied before a build, each
only where it has changed since the last copy."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connector.warehouse import spark_tables as tables
from connector.warehouse.apart import LEDGER, SCHEMA, tables_of_ledger
from connector.warehouse.engine import Engine
from connector.warehouse.relations import Relation
from connector.warehouse.spark_connection import OWN

_COPIED = f"{OWN}.copied"


def copy(database: sa.Engine, engine: Engine, storage: Path) -> list[str]:
    """Copies what has changed, in whole tables; the names of those. A copy that is cut off is made again."""
    with database.begin() as connection:
        connection.exec_driver_sql(f"create schema if not exists {OWN}")
        connection.exec_driver_sql(
            f"create table if not exists {_COPIED} (name text, state text, version text)"
        )
    with database.connect() as connection:
        known = {name: told for name, *told in connection.exec_driver_sql(f"select * from {_COPIED}")}
        names = tables_of_ledger(connection)
        states = engine.states(connection, [Relation(SCHEMA, name) for name in names])
    copied = []
    for name in names:
        state, folder = states[Relation(SCHEMA, name)].digest, storage / SCHEMA / name
        if known.get(name) == [state, str(tables.version(folder))]:
            continue
        with database.connect() as connection:
            found: Any = connection.exec_driver_sql(f'select * from {LEDGER}.{SCHEMA}."{name}"')
            with found.cursor.to_arrow_reader(tables.ROWS_AT_A_TIME) as rows:
                tables.replace(folder, rows)
        with database.begin() as connection:
            connection.exec_driver_sql(f"delete from {_COPIED} where name = ?", (name,))
            row = (name, state, str(tables.version(folder)))
            connection.exec_driver_sql(f"insert into {_COPIED} values (?, ?, ?)", row)
        copied.append(name)
    return copied
