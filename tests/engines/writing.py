"""How a test writes to raw tables and models by hand: by SQL, and where a session only shows the tables, where they are."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from connector.warehouse import spark_tables
from connector.warehouse.connection import Warehouse

TYPES = {"text": pa.string(), "bigint": pa.int64(), "timestamptz": pa.timestamp("us", "UTC")}


def make(warehouse: Warehouse, table: str, columns: dict[str, str]) -> None:
    """Makes a table ``schema.name`` of these columns: name -> type, as SQL has it."""
    schema, name = table.split(".")
    if warehouse.kind == "spark":
        fields = [(column, TYPES[kind]) for column, kind in columns.items()]
        warehouse.probe()
        spark_tables.make(Path(warehouse.label) / schema / name, pa.schema(fields))
        return
    table = _there(warehouse, table)
    declared = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    with warehouse.engine().begin() as connection:
        connection.exec_driver_sql(f"create schema if not exists {table.rpartition('.')[0]}")
        connection.exec_driver_sql(f"create table if not exists {table} ({declared})")


def add(warehouse: Warehouse, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Adds rows to a table ``schema.name``; what a row doesn't have is NULL."""
    schema, name = table.split(".")
    if warehouse.kind == "spark":
        folder = Path(warehouse.label) / schema / name
        known = pa.schema(spark_tables.delta(folder).schema())
        spark_tables.append(folder, pa.Table.from_pylist(list(rows), schema=known))
        return
    with warehouse.engine().begin() as connection:
        for columns, alike in groupby(rows, tuple):
            named = sa.table(
                name, *map(sa.column, columns), schema=sa.quoted_name(_there(warehouse, schema), quote=False)
            )
            connection.execute(named.insert().values(list(alike)))


def update(warehouse: Warehouse, table: str, column: str, value: str) -> None:
    """Sets a column of all rows."""
    schema, name = table.split(".")
    if warehouse.kind == "spark":
        spark_tables.delta(Path(warehouse.label) / schema / name).update({column: f"'{value}'"})
        return
    with warehouse.engine().begin() as connection:
        statement = f"update {_there(warehouse, table)} set {column} = :value"
        connection.execute(sa.text(statement), {"value": value})


def _there(warehouse: Warehouse, name: str) -> str:
    """A schema or table by the name under which it can be written to."""
    is_shown = warehouse.kind == "motherduck" and not name.startswith("leadloop")
    return f"{warehouse.url.query['database']}.{name}" if is_shown else name
