"""SQLAlchemy's door to a Snowflake database; see ``snowflake_connection``."""

from functools import lru_cache
from typing import Any

from duckdb_sqlalchemy import Dialect as DuckDBDialect
from sqlalchemy.engine import URL

from connector.texts import in_sql
from connector.warehouse import snowflake_connection as opening
from connector.warehouse.apart import LAKE, LEDGER
from connector.warehouse.attached import Attached
from connector.warehouse.snowflake_account import Account


class _Lake(Attached):
    """The ledger is attached while anybody is connected; the session with Snowflake stays."""

    def __init__(self, ledger: str, account: Account, *, read_only: bool) -> None:
        super().__init__(ledger, read_only=read_only)
        self._views = opening.Views(opening.door(account))

    def load_statements(self) -> list[str]:
        return ["set TimeZone = 'UTC'", f"attach ':memory:' as {LAKE}"]

    def attach_statements(self) -> list[str]:
        only = " (read_only)" if self.read_only else ""
        return [f"attach if not exists {in_sql(self.ledger)} as {LEDGER}{only}"]

    def attached(self) -> tuple[str, ...]:
        return (LEDGER,)

    def looked(self, instance: Any) -> None:
        self._views.refresh(instance)

    def opened(self, connection: Any) -> None:
        self._views.register(connection)


@lru_cache(maxsize=8)
def _attached(ledger: str, account: Account, read_only: bool) -> _Lake:
    return _Lake(ledger, account, read_only=read_only)


class Dialect(DuckDBDialect):
    """DuckDB's, for a URL that names the ledger's file, and the account beside it."""

    driver = "snowflake"
    supports_statement_cache = True

    def create_connect_args(self, url: URL) -> tuple[tuple[Any, ...], dict[str, Any]]:
        given = {
            "ledger": url.database,
            "account": Account.of_url(url),
            "read_only": url.query.get("access_mode") == "read_only",
        }
        return (), given

    def connect(self, *_args: Any, **given: Any) -> Any:
        return _attached(given["ledger"], given["account"], given["read_only"]).connect()
