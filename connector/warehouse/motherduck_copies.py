"""The ledger's tables as tables of the MotherDuck database, so that models and analysts read there what leadloop remembers: copied before
a build, each only where it has changed since the last copy."""

import sqlalchemy as sa

from connector.warehouse.apart import LEDGER, SCHEMA, tables_of_ledger
from connector.warehouse.engine import Engine
from connector.warehouse.motherduck_connection import OWN, quoted
from connector.warehouse.relations import Relation

_COPIED = f"{OWN}.copied"
_THERE = "select table_name from duckdb_tables() where database_name = ? and schema_name = ?"


def copy(database: sa.Engine, engine: Engine, name: str) -> list[str]:
    """Copies what has changed, in whole tables, to the MotherDuck database of this name; the names of those. A copy that is cut off is
    made again: that it was made is noted after it."""
    with database.begin() as connection:
        connection.exec_driver_sql(f"create schema if not exists {OWN}")
        connection.exec_driver_sql(f"create table if not exists {_COPIED} (name text, state text)")
    with database.connect() as connection:
        known = {table: state for table, state in connection.exec_driver_sql(f"select * from {_COPIED}")}  # noqa: C416 - rows
        tables = tables_of_ledger(connection)
        states = engine.states(connection, [Relation(SCHEMA, table) for table in tables])
        there = set(connection.exec_driver_sql(_THERE, (name, SCHEMA)).scalars())
    copied = []
    for table in tables:
        state = states[Relation(SCHEMA, table)].digest
        if known.get(table) == state and table in there:
            continue
        # One transaction writes to one of the two.
        with database.begin() as connection:
            connection.exec_driver_sql(f"create schema if not exists {quoted(name, SCHEMA)}")
            connection.exec_driver_sql(
                f"create or replace table {quoted(name, SCHEMA, table)} as select * from {quoted(LEDGER, SCHEMA, table)}"
            )
        with database.begin() as connection:
            connection.exec_driver_sql(f"delete from {_COPIED} where name = ?", (table,))
            connection.exec_driver_sql(f"insert into {_COPIED} values (?, ?)", (table, state))
        copied.append(table)
    return copied
