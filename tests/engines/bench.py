"""A warehouse of one engine with a CRM, and what DuckDB makes of the raw tables that are in it."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connector.sandbox import Sandbox
from connector.warehouse import connection, models
from connector.warehouse.connection import Warehouse
from connector.warehouse.engines import engine_of

OF_THE_BUILD = {"build_number", "made_at"}
"""Columns that say when and by which build a row was made."""
LEDGER = ("accounts", "fields", "push_journal", "push_journal_archive", "push_runs", "push_settled")
"""Tables of the schema ``leadloop`` that models read."""


class Bench:
    """A warehouse of one engine, a CRM, and the settings that lead from one to the other."""

    def __init__(self, warehouse: Warehouse, folder: Path, crm: Sandbox) -> None:
        self.warehouse, self.folder, self.crm = warehouse, folder, crm

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.warehouse.engine().connect() as opened:
            return [tuple(row) for row in opened.execute(sa.text(query))]

    def execute(self, statement: str, **given: Any) -> None:
        with self.warehouse.engine().begin() as opened:
            opened.execute(sa.text(statement), given)

    @staticmethod
    def restarted() -> None:
        """What this process has found out about the warehouse is forgotten, as a new process doesn't know it."""
        connection._engine.cache_clear()

    def of_duckdb(self) -> dict[str, list[str]]:
        """What DuckDB makes, from the beginning, of the raw tables and the journal that are in this warehouse."""
        folder = self.folder / "of_duckdb"
        folder.mkdir()
        there = Warehouse.duckdb(folder / "leads.duckdb")
        with there.lock("build"):
            pass  # makes the tables of the schema leadloop
        with self.warehouse.engine().connect() as source, there.engine().begin() as target:
            target.exec_driver_sql("create schema convoso_raw")
            for name in engine_of(source).tables_in(source, "convoso_raw"):
                _copy(source, target, "convoso_raw", name)
            for name in LEDGER:
                _copy(source, target, "leadloop", name)
        models.build(there, models.packaged_project())
        return made(there)


def made(warehouse: Warehouse) -> dict[str, list[str]]:
    """Relation of the schema ``analytics`` -> its rows, in an order and in words that are the same on every engine."""
    with warehouse.engine().connect() as connection:
        names = engine_of(connection).tables_in(connection, "analytics")
        return {name: _told(connection, name) for name in names}


def _told(connection: sa.Connection, name: str) -> list[str]:
    found = connection.execute(sa.text(f"select * from analytics.{name}")).mappings()
    return told(dict(row) for row in found)


def told(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Rows in an order and in words that are the same on every engine."""
    return sorted(
        "; ".join(f"{column}={_value(row[column])}" for column in sorted(row) if column not in OF_THE_BUILD)
        for row in rows
    )


def _value(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) and value.tzinfo else value


def _copy(source: sa.Connection, target: sa.Connection, schema: str, name: str) -> None:
    types = sa.text(
        "select column_name, data_type from information_schema.columns"
        " where table_schema = :schema and table_name = :name"
        " and (table_catalog in ('lake', 'ledger') or table_catalog = current_database()) order by ordinal_position"
    )
    columns = source.execute(types, {"schema": schema, "name": name}).all()
    named = ", ".join(f'"{column}" {kind}' for column, kind in columns)
    target.exec_driver_sql(f"create table if not exists {schema}.{name} ({named})")
    names = ", ".join(f'"{column}"' for column, _ in columns)
    rows = source.exec_driver_sql(f"select {names} from {schema}.{name}").all()
    if rows:
        marks = ", ".join("?" for _ in columns)
        statement = f"insert into {schema}.{name} ({names}) values ({marks})"
        target.exec_driver_sql(statement, [tuple(row) for row in rows])


def wait_for(condition: Callable[[], bool], process: Any) -> None:
    """Until something is so while another process is at work."""
    until = time.monotonic() + 600
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)


def dbt_built(project: Path, profiles: Path, scratch: Path, *arguments: str) -> list[str]:
    """Builds the dbt project with its examples, by the profiles of a folder and without leadloop; returns what is wrong."""
    from dbt.cli.main import dbtRunner

    quiet = ["--quiet", "--log-level", "none", "--log-level-file", "none", "--no-write-json"]
    places = ["--project-dir", str(project), "--profiles-dir", str(profiles)]
    places += ["--target-path", str(scratch), "--log-path", str(scratch)]
    given = ["--vars", json.dumps({"leadloop_examples": True}), "--exclude-resource-type", "unit_test"]
    result = dbtRunner().invoke([*quiet, "build", *places, *given, *arguments])
    assert result.exception is None, result.exception
    return [f"{each.node.name}: {each.message}" for each in result.result if each.status in ("error", "fail")]
