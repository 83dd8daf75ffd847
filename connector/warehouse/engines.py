"""The engines there are: a new one is a file beside this one, and one line here."""

import sqlalchemy as sa

from connector.warehouse.duckdb import DuckDB
from connector.warehouse.engine import Engine
from connector.warehouse.postgres import Postgres

ENGINES: dict[str, Engine] = {each.name: each for each in (DuckDB(), Postgres())}
_BY_DIALECT = {each.dialect: each for each in ENGINES.values()}


def engine_of(database: "sa.Connection | sa.Engine") -> Engine:
    """The engine that SQLAlchemy is connected to."""
    return _BY_DIALECT[database.dialect.name]
