"""A DuckLake whose catalog is on a PostgreSQL server, so that several machines and processes work with one lake at once.

Catalog and ledger are one database: they are lost, and put back, together. See ``ducklake_catalog`` for how it is reached, and
``ducklake_server_dialect`` for which of the two doors is for what.
"""

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from connector.errors import ConfigError, WarehouseError
from connector.texts import in_sql
from connector.warehouse import ducklake_states, ducklake_tidying
from connector.warehouse.apart import LAKE, LEDGER, SCHEMA
from connector.warehouse.ducklake import DuckLake
from connector.warehouse.ducklake_bucket import is_bucket
from connector.warehouse.ducklake_catalog import CATALOG, DRIVER, PASSWORD, Place
from connector.warehouse.engine import Engine, Size, State
from connector.warehouse.postgres import CUT
from connector.warehouse.relations import Relation

_OF_A_FILE = re.compile(r"IO Error: Could not (?:write|sync|truncate)")
"""How an error of the storage begins, which may be full as well as the server."""
_CONFLICT = "Transaction conflict"
_COLUMNS = "select column_name from information_schema.columns where table_schema = {} and table_name = {}"
_TABLES = "select table_name from information_schema.tables where table_schema = {}"
registry.register("duckdb.ducklake_server", "connector.warehouse.ducklake_server_dialect", "Dialect")


class ServedLake(DuckLake):
    """What is other than of a lake with a catalog in a file."""

    dialect = DRIVER
    keeps_leases_alive = True
    has_ledger_apart = False

    def path(self, url: URL) -> Path | None:  # type: ignore[override]  # a lake in files has one
        return None

    def files(self, url: URL) -> tuple[Path, ...]:
        return ()

    def is_there(self, url: URL) -> bool:
        return True

    def reading(self, url: URL) -> URL:
        """The same: what only reads keeps nobody from writing."""
        return url

    def ledger(self, url: URL) -> URL:
        return Place.of_url(url).catalog

    def label(self, url: URL) -> str:
        return CATALOG.label(Place.of_url(url).catalog)

    def described(self, url: URL) -> str:
        return f"the lake with its catalog and its ledger in {self.label(url)} and its files in {Place.of_url(url).storage}"

    def place(self, url: URL) -> str:
        return f"ducklake:{CATALOG.place(Place.of_url(url).catalog)}"

    def place_of_ledger(self, url: URL) -> str:
        return CATALOG.place(Place.of_url(url).catalog)

    def destination(self, url: URL) -> Any:
        from connector.warehouse.ducklake_loading import destination

        return destination(Place.of_url(url))

    def dbt_env(self, url: URL) -> dict[str, str]:
        place = Place.of_url(url)
        return {
            "LEADLOOP_DBT_TARGET": self.name,
            "LEADLOOP_DUCKLAKE_CATALOG": place.address,
            "LEADLOOP_DUCKLAKE_STORAGE": place.storage,
            "LEADLOOP_DUCKLAKE_LEDGER": place.address,
            PASSWORD: str(place.catalog.password or ""),
            **(place.access.as_variables() if is_bucket(place.storage) else {}),
        }

    def explained(self, text: str, label: str) -> WarehouseError | ConfigError | None:
        if _CONFLICT in text:
            return WarehouseError(
                f"Another process has changed the same table of the lake {label} at the same moment. What was recorded before stays.",
                "Run again.",
            )
        # What the server itself says is looked for first: DuckDB wraps it in words that also stand in errors of files.
        of_server = None if _OF_A_FILE.search(text) else CATALOG.explained(text, label)
        return of_server or super().explained(text, label)

    def is_cut(self, error: sa.exc.DBAPIError) -> bool:
        return any(mark in str(error.orig) for mark in CUT)

    def check_whole(self, connection: sa.Connection) -> None:
        """Catalog and ledger are one database."""

    def loss_accepted(self) -> AbstractContextManager[None]:
        return Engine.loss_accepted(self)

    def id_before(self, connection: sa.Connection) -> str | None:
        return None

    def begun_anew(self, connection: sa.Connection) -> datetime | None:
        return None

    def count_on(self, connection: sa.Connection, sequence: str) -> None:
        """The server's own sequence is never behind its own tables."""

    def bind(self, connection: sa.Connection) -> None:
        """Nothing is to be noted of a part that can't be lost alone."""

    def look_through(self, connection: sa.Connection) -> None:
        """The files of the lake; the server looks after its own."""
        self._look_through(connection, LAKE)

    def columns_of(self, connection: sa.Connection, schema: str, name: str) -> frozenset[str]:
        """The server itself is asked: DuckDB doesn't notice a table that another process has made since it looked first."""
        if schema == SCHEMA:
            rows = _on_server(connection, _COLUMNS.format(in_sql(schema), in_sql(name)))
            if rows:
                return frozenset(rows)
        return super().columns_of(connection, schema, name)

    def tables_in(self, connection: sa.Connection, schema: str) -> list[str]:
        found = super().tables_in(connection, schema)
        if schema == SCHEMA:
            found += _on_server(connection, _TABLES.format(in_sql(schema)))
        return sorted(set(found))

    def size(self, connection: sa.Connection) -> Size:
        with _ledger_of(connection) as ledger:
            return ducklake_tidying.size(connection, ducklake_tidying.size_on_server(ledger))

    def tidy(self, connection: sa.Connection, keep: timedelta, needed_since: datetime | None = None) -> None:
        ducklake_tidying.tidy_shared(connection, keep)
        with _ledger_of(connection) as ledger:
            CATALOG.tidy(ledger.execution_options(isolation_level="AUTOCOMMIT"), keep)

    def states(self, connection: sa.Connection, relations: Iterable[Relation]) -> dict[Relation, State]:
        wanted = list(relations)
        found = ducklake_states.states(connection, wanted)
        rest = [relation for relation in wanted if relation.schema == SCHEMA and relation not in found]
        with _ledger_of(connection) as ledger:
            return {**found, **CATALOG.states(ledger, rest)}


def _on_server(connection: sa.Connection, query: str) -> list[str]:
    """What a query of the server's own catalog finds."""
    found = connection.exec_driver_sql(f"from postgres_query('{LEDGER}', {in_sql(query)})")
    return [str(row[0]) for row in found]


def _ledger_of(connection: sa.Connection) -> sa.Connection:
    return _ledger(Place.of_url(connection.engine.url).catalog).connect()


@lru_cache(maxsize=8)
def _ledger(url: URL) -> sa.Engine:
    return sa.create_engine(url, poolclass=NullPool, hide_parameters=True)
