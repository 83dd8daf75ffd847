"""The catalog of a DuckLake on a PostgreSQL server: how it is named in settings, in a URL and to DuckDB.

The same database has the ledger, in the schema ``leadloop``. A password is in no text that DuckDB or dbt could show: it is in a
secret of DuckDB's session, and in the URL where SQLAlchemy expects one.
"""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Self
from urllib.parse import quote, unquote

from sqlalchemy.engine import URL, make_url

from connector.errors import ConfigError
from connector.texts import in_sql
from connector.warehouse.apart import LAKE, LEDGER, SCHEMA
from connector.warehouse.ducklake_bucket import Access
from connector.warehouse.postgres import Postgres

DRIVER = "duckdb+ducklake_server"
SCHEMES = ("postgresql://", "postgresql+psycopg2://", "postgres://")
PREFIX = "postgres:"
"""How DuckDB knows the text of a connection to PostgreSQL from a path."""
PASSWORD = "DBT_ENV_SECRET_LEADLOOP_DUCKLAKE_PASSWORD"  # noqa: S105 - the variable's name
"""The variable that has the password for dbt, which masks it."""


class Catalog(Postgres):
    """The server, as messages about its setting have it."""

    @property
    def credentials(self) -> str:
        return "destination.ducklake.credentials.catalog"

    def needs(self, credentials: Any = None) -> dict[str, bool]:
        return {"psycopg2": find_spec("psycopg2") is not None}

    def of(self, url: str | URL) -> URL:
        if not all(self.needs().values()):
            raise ConfigError(
                "The catalog of the lake is on PostgreSQL, and psycopg2 is not installed.",
                "Run: pip install 'leadloop[ducklake]'",
            )
        given = make_url(url)
        return given.set(drivername="postgresql+psycopg2", port=given.port or 5432)


CATALOG = Catalog()


def is_server(catalog: Any) -> bool:
    """Whether the setting of a catalog names a server, and not a path."""
    if isinstance(catalog, Mapping):
        return bool(catalog.get("host")) or str(catalog.get("drivername", "")).startswith("postgres")
    return isinstance(catalog, str) and catalog.startswith(SCHEMES)


class Place:
    """Where all of such a lake is. Holds secrets: never show it."""

    def __init__(self, catalog: URL, storage: str, access: Access | None) -> None:
        self.catalog, self.storage, self.access = catalog, storage, access or Access()

    @classmethod
    def of_url(cls, url: URL) -> Self:
        secrets = [*map(unquote, (url.password or "").split(" ")), "", "", ""]
        query = {name: text for name, text in url.query.items() if isinstance(text, str)}
        catalog = make_url(query["catalog"]).set(password=secrets[0] or None)
        access = Access(
            secrets[1], secrets[2], secrets[3], query.get("region", ""), query.get("endpoint", "")
        )
        return cls(catalog, query["storage"], access)

    @property
    def url(self) -> URL:
        """The lake's own; all that is secret is where SQLAlchemy expects a password."""
        secrets = (self.catalog.password or "", self.access.key_id, self.access.key, self.access.token)
        query = {
            "catalog": _without_password(self.catalog).render_as_string(),
            "storage": self.storage,
            "region": self.access.region,
            "endpoint": self.access.endpoint,
        }
        return URL.create(
            DRIVER,
            username=self.catalog.username,
            password=" ".join(quote(each, safe="") for each in secrets).rstrip() or None,
            host=self.catalog.host or "localhost",
            query={name: text for name, text in query.items() if text},
        )

    @property
    def address(self) -> str:
        """The server as DuckDB's ``attach`` has it, without the password."""
        return PREFIX + address(self.catalog)

    def secret_statements(self) -> list[str]:
        return secret_statements(str(self.catalog.password or ""))


def _without_password(url: URL) -> URL:
    return URL.create(url.drivername, url.username, None, url.host, url.port, url.database, url.query)


def address(catalog: URL) -> str:
    """The server as PostgreSQL's own library has it, without the password."""
    from psycopg2.extensions import make_dsn

    parts = {
        "host": catalog.host or "localhost", "port": catalog.port or 5432, "dbname": catalog.database,
        "user": catalog.username, **{name: text for name, text in catalog.query.items() if isinstance(text, str)},
    }  # fmt: skip
    return str(make_dsn(**{name: value for name, value in parts.items() if value}))


def secret_statements(password: str) -> list[str]:
    """What has one session of DuckDB know the password, for the servers that it attaches; nothing of it is written to a disk.

    A password in PGPASSWORD or a password file is found by PostgreSQL's own library.
    """
    if not password:
        return []
    return [f"create or replace temporary secret (type postgres, password {in_sql(password)})"]


def of_dbt() -> list[str]:
    """The same in dbt, from the variable that ``DuckLake.dbt_env`` gives."""
    return secret_statements(os.environ.get(PASSWORD, ""))


def url_of(text: str) -> URL:
    """A server as DuckDB's ``attach`` has it, without a password."""
    from psycopg2.extensions import parse_dsn

    parts = parse_dsn(text.removeprefix(PREFIX))
    port, database = int(parts.get("port") or 5432), parts.get("dbname")
    return URL.create("postgresql", parts.get("user"), None, parts.get("host") or "localhost", port, database)


def place_of(text: str) -> str:
    """``Engine.place`` of the same."""
    return CATALOG.place(url_of(text))


def attach_ledger(place: Place) -> str:
    return f"attach if not exists {in_sql(place.address)} as {LEDGER} (schema {in_sql(SCHEMA)})"


def attach_lake(place: Place) -> str:
    """For who opens the lake, and for dlt."""
    return f"attach if not exists {in_sql('ducklake:' + place.address)} as {LAKE} (data_path {in_sql(place.storage)})"
