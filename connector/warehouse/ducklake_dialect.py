"""SQLAlchemy's door to a DuckLake; see ``ducklake_connection``."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from duckdb_sqlalchemy import Dialect as DuckDBDialect
from sqlalchemy.engine import URL

from connector.warehouse import private
from connector.warehouse.apart import LAKE, LEDGER
from connector.warehouse.attached import Attached, make_room
from connector.warehouse.ducklake_bucket import Access, is_bucket
from connector.warehouse.ducklake_connection import attach_statements, load_statements


class _Lake(Attached):
    """Both files are attached while anybody is connected."""

    def __init__(self, ledger: str, catalog: str, storage: str, access: Access, *, read_only: bool) -> None:
        super().__init__(ledger, read_only=read_only)
        self._catalog, self._storage, self._access = catalog, storage, access

    def load_statements(self) -> list[str]:
        return load_statements(self._storage, self._access)

    def attach_statements(self) -> list[str]:
        return attach_statements(self.ledger, self._catalog, self._storage, read_only=self.read_only)

    def attached(self) -> tuple[str, ...]:
        return LAKE, LEDGER

    def prepare(self) -> None:
        if not is_bucket(self._storage):
            make_room(Path(self._storage))

    def made(self) -> None:
        private.keep(Path(self._catalog))


@lru_cache(maxsize=8)
def _attached(ledger: str, catalog: str, storage: str, access: Access, read_only: bool) -> _Lake:
    return _Lake(ledger, catalog, storage, access, read_only=read_only)


class Dialect(DuckDBDialect):
    """DuckDB's, for a URL that names the ledger's file, and catalog and storage in its query."""

    driver = "ducklake"
    supports_statement_cache = True

    def create_connect_args(self, url: URL) -> tuple[tuple[Any, ...], dict[str, Any]]:
        query = dict(url.query)
        given = {
            "ledger": url.database,
            "catalog": query["catalog"],
            "storage": query["storage"],
            "access": Access.of_url(url),
            "read_only": query.get("access_mode") == "read_only",
        }
        return (), given

    def connect(self, *_args: Any, **given: Any) -> Any:
        return _attached(
            given["ledger"], given["catalog"], given["storage"], given["access"], given["read_only"]
        ).connect()
