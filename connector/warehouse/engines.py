"""The engines there are: a new one is a file beside this one, and one line here."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL

from connector.warehouse.duckdb import DuckDB
from connector.warehouse.ducklake import DuckLake
from connector.warehouse.ducklake_server import ServedLake
from connector.warehouse.engine import Engine
from connector.warehouse.motherduck import MotherDuck
from connector.warehouse.postgres import Postgres
from connector.warehouse.snowflake import Snowflake
from connector.warehouse.spark import Spark

ENGINES: dict[str, Engine] = {
    each.name: each for each in (DuckDB(), Postgres(), DuckLake(), Spark(), MotherDuck(), Snowflake())
}
_BY_DIALECT: dict[str, Engine] = {each.dialect: each for each in (*ENGINES.values(), ServedLake())}
"""A setting may lead to one of two: a lake is another engine when its catalog is on a server."""


NOT_YET: dict[str, tuple[str, str]] = {
    "bigquery": (
        "for BigQuery there is the dbt package alone: leadloop can't read leads into it yet, nor plan or push from it.",
        "Use the models in your own dbt project",
    ),
    "redshift": (
        "for Redshift there is the dbt package alone: leadloop can't read leads into it yet, nor plan or push from it.",
        "Use the models in your own dbt project",
    ),
}
"""Warehouses that are asked for and are no engine here: what there is of each, and the beginning of what to do."""


def engine_of(database: "sa.Connection | sa.Engine") -> Engine:
    """The engine that SQLAlchemy is connected to."""
    dialect = database.dialect
    return _BY_DIALECT.get(f"{dialect.name}+{dialect.driver}") or _BY_DIALECT[dialect.name]


def engine_at(url: URL) -> Engine:
    """The engine of a database's URL, as ``Engine.url`` makes it."""
    return _BY_DIALECT.get(url.drivername) or _BY_DIALECT[url.get_backend_name()]


def of_profile(credentials: Any) -> Engine | None:
    """The engine of the credentials that dbt's adapter has read from a profile; ``None`` for one that leadloop doesn't know."""
    # One that goes by more than the adapter's name stands after the one that is for all others.
    return next((each for each in reversed(ENGINES.values()) if each.is_of(credentials)), None)


def dbt_place(credentials: Any) -> str:
    """The database that a dbt profile names, as ``Engine.place`` has it; also one of an engine that leadloop doesn't know."""
    engine = of_profile(credentials)
    return engine.dbt_place(credentials) if engine else f"a warehouse on {credentials.type}"
