"""DuckDB beside what stands for a service, with the same raw tables."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.warehouse.connection import Warehouse
from tests.engines import awkward

SQL_TYPES = {"string": "text", "int64": "bigint", "timestamp[us, tz=UTC]": "timestamptz"}


@pytest.fixture
def duck(tmp_path: Path) -> Warehouse:
    found = Warehouse.duckdb(tmp_path / "leads.duckdb")
    with found.lock("build"):
        pass  # makes the tables of the schema leadloop
    return found


@pytest.fixture
def land() -> object:
    return put


def put(duck: Warehouse, step: awkward.Step) -> None:
    """Puts the rows of a step straight into the tables."""
    with duck.engine().begin() as connection:
        for schema, name, rows in awkward.tables(step):
            connection.execute(sa.text(f"create schema if not exists {schema}"))
            columns = [f'"{field.name}" {SQL_TYPES[str(field.type)]}' for field in rows.schema]
            if schema != "leadloop":
                declared = ", ".join(columns)
                connection.execute(sa.text(f"create table if not exists {schema}.{name} ({declared})"))
                for column in columns:
                    connection.execute(
                        sa.text(f"alter table {schema}.{name} add column if not exists {column}")
                    )
            names = ", ".join(f'"{each}"' for each in rows.column_names)
            marks = ", ".join("?" * rows.num_columns)
            statement = f"insert into {schema}.{name} ({names}) values ({marks})"
            connection.exec_driver_sql(statement, [tuple(row.values()) for row in rows.to_pylist()])
