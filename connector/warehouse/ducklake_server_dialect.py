"""SQLAlchemy's door to a DuckLake whose catalog is on PostgreSQL; see ``ducklake_catalog``.

The leads are written through it. What leadloop itself remembers is only read through it, beside the leads: it is written to by
PostgreSQL's own door, since DuckDB knows no sequence, no ``returning`` and no lock of a row there.
"""

import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
from duckdb_sqlalchemy import ConnectionWrapper
from duckdb_sqlalchemy import Dialect as DuckDBDialect
from sqlalchemy.engine import URL

from connector.texts import in_sql
from connector.warehouse.apart import LAKE, LEDGER, SCHEMA
from connector.warehouse.attached import begun, make_room
from connector.warehouse.ducklake_bucket import is_bucket
from connector.warehouse.ducklake_catalog import Place, attach_lake, attach_ledger
from connector.warehouse.ducklake_connection import load_statements
from connector.warehouse.ducklake_ledger import METADATA
from connector.warehouse.postgres import CUT

_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtext('leadloop.lake'))"
"""Two that came first would each make the tables of the catalog."""
_HAS_SCHEMA = f"select 1 from pg_namespace where nspname = '{SCHEMA}'"


_HAS_LIMIT = f"select 1 from {METADATA}.ducklake_metadata where key = 'data_inlining_row_limit'"
_NO_ROWS_IN_CATALOG = f"call {LAKE}.set_option('data_inlining_row_limit', 0)"
"""DuckLake would keep a few rows in a table of the server's, which has no room for as many columns, nor for as long a row."""


class _Shared:
    """One lake in this process. To attach it takes 0.3 s, so it stays attached: nobody waits for it."""

    def __init__(self, url: URL) -> None:
        self._place = Place.of_url(url)
        self._lock = threading.Lock()
        self._instance: Any = None

    def connect(self) -> Any:
        with self._lock:
            if self._instance is None:
                self._instance = self._attached()
            connection = self._instance.cursor()
        connection.execute(f"set search_path = '{LAKE}.main,{LEDGER}.{SCHEMA}'")
        return connection

    def _attached(self) -> Any:
        place = self._place
        if not is_bucket(place.storage):
            make_room(Path(place.storage))
        instance = begun(load_statements(place.storage, place.access, server=True), temporary=None)
        try:
            for statement in (*place.secret_statements(), attach_ledger(place)):
                instance.execute(statement)
            first = instance.cursor()
            first.begin()
            _ask(first, _ONE_AT_A_TIME)
            # Not in that transaction, which sees what was there before it had to wait. A search path names only what is there.
            if not _ask(instance, _HAS_SCHEMA):
                instance.execute(f"call postgres_execute('{LEDGER}', 'create schema {SCHEMA}')")
            instance.execute(attach_lake(place))
            if not instance.execute(_HAS_LIMIT).fetchall():
                instance.execute(_NO_ROWS_IN_CATALOG)
            first.commit()
        except BaseException:
            instance.close()
            raise
        return instance


def _ask(connection: Any, query: str) -> list[Any]:
    found: list[Any] = connection.execute(f"from postgres_query('{LEDGER}', {in_sql(query)})").fetchall()
    return found


@lru_cache(maxsize=8)
def _shared(url: URL, _process: int) -> _Shared:
    return _Shared(url)


class Dialect(DuckDBDialect):
    """DuckDB's, for a URL as ``ducklake_catalog.Place`` makes it."""

    driver = "ducklake_server"
    supports_statement_cache = True

    def create_connect_args(self, url: URL) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (), {"place": url}

    def do_rollback(self, dbapi_connection: Any) -> None:
        """What a session had begun that was cut is over."""
        try:
            super().do_rollback(dbapi_connection)
        except duckdb.Error as error:
            if not any(mark in str(error) for mark in CUT):
                raise

    def connect(self, *_args: Any, **given: Any) -> Any:
        # A process that was forked off has none of its parent's connections.
        return ConnectionWrapper(_shared(given["place"], os.getpid()).connect())
