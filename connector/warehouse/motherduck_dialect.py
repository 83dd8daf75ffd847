"""SQLAlchemy's door to a MotherDuck database; see ``motherduck_connection``."""

from functools import lru_cache
from typing import Any

from duckdb_sqlalchemy import Dialect as DuckDBDialect
from sqlalchemy.engine import URL

from connector.texts import in_sql
from connector.warehouse import motherduck_connection as opening
from connector.warehouse.apart import LAKE, LEDGER
from connector.warehouse.attached import Attached


class _Lake(Attached):
    """Ledger and database are attached while anybody is connected, so that each time what others have made since is seen."""

    def __init__(self, ledger: str, database: str, token: str, *, read_only: bool) -> None:
        super().__init__(ledger, read_only=read_only)
        self._database, self._token = database, token
        self._views = opening.Views(database)

    def load_statements(self) -> list[str]:
        return [
            "set TimeZone = 'UTC'",
            f"attach ':memory:' as {LAKE}",
            *opening.load_statements(self._database),
        ]

    def attach_statements(self) -> list[str]:
        only = " (read_only)" if self.read_only else ""
        return [
            f"attach if not exists {in_sql(self.ledger)} as {LEDGER}{only}",
            opening.attach_statement(self._database),
        ]

    def attached(self) -> tuple[str, ...]:
        return LEDGER, opening.quoted(self._database)

    def connect(self) -> Any:
        with opening.with_token(self._token):
            return super().connect()

    def looked(self, instance: Any) -> None:
        self._views.refresh(instance)


@lru_cache(maxsize=8)
def _attached(ledger: str, database: str, token: str, read_only: bool) -> _Lake:
    return _Lake(ledger, database, token, read_only=read_only)


class Dialect(DuckDBDialect):
    """DuckDB's, for a URL that names the ledger's file, and the database in its query."""

    driver = "motherduck"
    supports_statement_cache = True

    def create_connect_args(self, url: URL) -> tuple[tuple[Any, ...], dict[str, Any]]:
        query = dict(url.query)
        given = {
            "ledger": url.database,
            "database": query["database"],
            "token": str(url.password or ""),
            "read_only": query.get("access_mode") == "read_only",
        }
        return (), given

    def connect(self, *_args: Any, **given: Any) -> Any:
        return _attached(given["ledger"], given["database"], given["token"], given["read_only"]).connect()
