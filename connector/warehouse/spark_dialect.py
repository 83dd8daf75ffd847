"""SQLAlchemy's door to a lake of Delta tables; see ``spark_connection``."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from duckdb_sqlalchemy import Dialect as DuckDBDialect
from sqlalchemy.engine import URL

from connector.warehouse.apart import LAKE, LEDGER
from connector.warehouse.attached import Attached, make_room
from connector.warehouse.spark_connection import Views, attach_statement, load_statements


class _Lake(Attached):
    """The ledger is attached while anybody is connected; the views stay."""

    def __init__(self, ledger: str, storage: str, *, read_only: bool) -> None:
        super().__init__(ledger, read_only=read_only)
        self._storage = Path(storage)
        self._views = Views(self._storage)

    def load_statements(self) -> list[str]:
        return [*load_statements(), "set TimeZone = 'UTC'", f"attach ':memory:' as {LAKE}"]

    def attach_statements(self) -> list[str]:
        return [attach_statement(self.ledger, read_only=self.read_only)]

    def attached(self) -> tuple[str, ...]:
        return (LEDGER,)

    def prepare(self) -> None:
        make_room(self._storage)

    def looked(self, instance: Any) -> None:
        self._views.refresh(instance)


@lru_cache(maxsize=8)
def _attached(ledger: str, storage: str, read_only: bool) -> _Lake:
    return _Lake(ledger, storage, read_only=read_only)


class Dialect(DuckDBDialect):
    """DuckDB's, for a URL that names the ledger's file, and the storage in its query."""

    driver = "spark"
    supports_statement_cache = True

    def create_connect_args(self, url: URL) -> tuple[tuple[Any, ...], dict[str, Any]]:
        query = dict(url.query)
        given = {
            "ledger": url.database,
            "storage": query["storage"],
            "read_only": query.get("access_mode") == "read_only",
        }
        return (), given

    def connect(self, *_args: Any, **given: Any) -> Any:
        return _attached(given["ledger"], given["storage"], given["read_only"]).connect()
