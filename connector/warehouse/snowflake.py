"""Snowflake: raw tables and models are in a database of an account there; what leadloop itself remembers is in a DuckDB file on this
machine, its ledger. One machine, one process at a time.

dlt and dbt work in the service, each by its own adapter. leadloop asks DuckDB's SQL over both: see ``snowflake_connection``.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.engine import URL

from connector import config
from connector.errors import ConfigError, WarehouseError
from connector.warehouse import apart_views
from connector.warehouse.apart import LEDGER, NOTE, NUMBERED, OF_LEDGER, SCHEMA, Apart, is_shown
from connector.warehouse.duckdb import size_of
from connector.warehouse.engine import OPTIONS, Size, State
from connector.warehouse.relations import Relation
from connector.warehouse.snowflake_account import DEFAULT_DATABASE, Account, place
from connector.warehouse.snowflake_errors import SNOWFLAKE

DRIVER = "duckdb+snowflake"
PLUGIN = "connector.warehouse.snowflake_dbt"
OWN = f"{LEDGER}.on_snowflake"
registry.register("duckdb.snowflake", "connector.warehouse.snowflake_dialect", "Dialect")
_SAYS = re.compile(r"Snowflake says: (?P<number>\d+) |\b(?P<of_dbt>\d{6}) \([0-9A-Z]{5}\): ")
_REFUSED = re.compile(r"Incorrect username or password|JWT token is invalid|User .* does not exist|authentication|\b3901\d\d\b", re.IGNORECASE)  # fmt: skip
_NO_ROLE = re.compile(
    r"\b(?:390189|390186|390201)\b|Role .* (?:does not exist|is not granted)", re.IGNORECASE
)
_NO_WAREHOUSE = re.compile(
    r"No active warehouse selected|Warehouse .* does not exist|\b000606\b", re.IGNORECASE
)
_NO_DATABASE = re.compile(r"Database '.*' does not exist or not authorized|does not have a current database", re.IGNORECASE)  # fmt: skip
_NO_RIGHT = re.compile(r"Insufficient privileges", re.IGNORECASE)
_USED_UP = re.compile(r"exceeded its quota|quota exceeded|account is suspended", re.IGNORECASE)
_AWAY = re.compile(r"\b25\d{4}\b|Could not connect to Snowflake|Failed to connect|timed? ?out", re.IGNORECASE)


class Snowflake(Apart):
    name = "snowflake"
    told = (
        "none",
        (
            "A table with `host` (the account's identifier), `username`, `password` (secret) or `private_key_path` and `private_key_passphrase` "
            f"(secret), `database` (`{DEFAULT_DATABASE}`), `warehouse`, `role`, and `ledger` (the file of what leadloop itself remembers; by default it has the database's "
            "name and ends in `.ledger.duckdb`); or a URL, `snowflake://user@account/database?warehouse=…&role=…`. Needs `pip install 'leadloop[snowflake]'`. "
            "Not yet run against the service. See [engines](engines.md#snowflake)."
        ),
    )
    options = (
        *OPTIONS,
        *("stage_name", "keep_staged_files", "csv_format", "query_tag", "use_vectorized_scanner"),
        *("enable_atomic_swap", "use_decfloat", "use_nested_types", "use_timestamp_tz"),
    )
    parts = (
        *("drivername", "database", "password", "username", "host", "port", "query", "warehouse", "role"),
        *("authenticator", "token", "workload_identity_provider", "private_key", "private_key_path"),
        *("private_key_passphrase", "application", "session_timezone"),
    )
    more_parts = ("ledger",)
    language = SNOWFLAKE
    dialect = DRIVER
    file_format = "parquet"
    about_itself = re.compile(
        r"(?:IO|TransactionContext|FATAL) Error: (?!Cannot open file)|(?:25\d{4}|3901\d\d|000606) \(",
        re.DOTALL,
    )
    place_variables = frozenset({"LEADLOOP_SNOWFLAKE_DATABASE"})
    loaded_as = "VIEW"
    is_tried = False
    is_moved = False

    @property
    def sql(self) -> str:
        return self.name

    def needs(self, credentials: Any = None) -> dict[str, bool]:
        from connector.warehouse import snowflake_connection

        return snowflake_connection.needs()

    def url(self, credentials: Any) -> URL:
        ledger = credentials.get("ledger") if isinstance(credentials, Mapping) else None
        if ledger is not None and (not isinstance(ledger, str) or not ledger or "://" in ledger):
            raise ConfigError(f"{config.named(f'{self.credentials}.ledger')} must be a path on this machine.")
        account = Account.of(credentials)
        return self.of(
            account, None if ledger is None else config.anchored(f"{self.credentials}.ledger", ledger)
        )

    def of(self, account: Any, ledger: str | Path | None = None) -> URL:
        """The database of this account. ``ConfigError`` where what is needed for it is not installed."""
        from connector.warehouse import snowflake_connection

        snowflake_connection.require()
        beside = f"{account.database.lower()}.ledger.duckdb"
        file = config.anchored(self.credentials, beside) if ledger is None else Path(ledger)
        made: URL = account.url(DRIVER, file.resolve())
        return made

    def label(self, url: URL) -> str:
        return Account.of_url(url).place

    def described(self, url: URL) -> str:
        account = Account.of_url(url)
        by = f"the warehouse {account.warehouse}" if account.warehouse else "the user's own warehouse"
        return f"{account.place}, by {by}, with its ledger in {self.path(url)},"

    def files(self, url: URL) -> tuple[Path, ...]:
        """A copy of the ledger alone is a copy of nothing."""
        return ()

    def place(self, url: URL) -> str:
        return self.label(url)

    def is_of(self, credentials: Any) -> bool:
        return bool(credentials.type == self.name)

    def dbt_place(self, credentials: Any) -> str:
        return place(credentials.account, credentials.database)

    def dbt_output(self, output: Mapping[str, Any], url: URL) -> dict[str, Any]:
        return {**output, "database": Account.of_url(url).database}

    def as_toml(self, credentials: Any) -> tuple[str, str]:
        """No secret is copied: it may be in the profile for a variable of the environment."""
        named = {
            "host": credentials.account if credentials else "myorg-account1",
            "username": credentials.user if credentials else "LEADLOOP",
            "database": credentials.database if credentials else DEFAULT_DATABASE,
            "warehouse": credentials.warehouse if credentials else None,
            "role": credentials.role if credentials else None,
        }
        lines = [f"{name} = {json.dumps(text)}\n" for name, text in named.items() if text]
        return f"[{self.credentials}]\n{''.join(lines)}", f'[{self.credentials}]\npassword = ""\n'

    def destination(self, url: URL) -> Any:
        from connector.warehouse import snowflake_loading

        return snowflake_loading.destination(Account.of_url(url))

    def dbt_env(self, url: URL) -> dict[str, str]:
        return {"LEADLOOP_DBT_TARGET": self.name, **Account.of_url(url).variables()}

    @contextmanager
    def building(self, database: sa.Engine, schemas: Collection[str]) -> Iterator[Mapping[str, str]]:
        from connector.warehouse import snowflake_connection, snowflake_copies

        snowflake_copies.copy(database, self, _door(database.url))
        try:
            yield self.dbt_env(database.url)
        finally:
            snowflake_connection.forget()

    def built(
        self, database: sa.Engine, project: Any, parsed: Any, nodes: Sequence[Any], made: Sequence[Any]
    ) -> list[Any]:
        _door(database.url).forget()
        with database.begin() as connection:
            apart_views.show_results(connection)
        if not all(node.ok for node in nodes):
            return []
        url = database.url
        found = apart_views.make(
            database, OWN, PLUGIN, self.path(url), project, parsed, self.name, self.dbt_env(url)
        )
        apart_views.check(database, OWN)
        return found

    def explained(self, text: str, label: str) -> WarehouseError | ConfigError | None:
        if _SAYS.search(text) is None:
            return super().explained(text, label)
        if _USED_UP.search(text):
            return WarehouseError(
                f"Snowflake does no work for {label}: what it may cost is used up. What was recorded before stays.",
                "Look at the account's resource monitors, then run again.",
            )
        if _NO_ROLE.search(text):
            return ConfigError(
                f"Snowflake does not let the user of {label} have this role.",
                f"Look at role of {self.setting}.",
            )
        if _REFUSED.search(text):
            return ConfigError(
                f"Snowflake does not let the user of {label} in.",
                f"Look at host, username and password of {self.setting}, or at its private key.",
            )
        if _NO_WAREHOUSE.search(text):
            return ConfigError(
                f"There is no warehouse in Snowflake that works for {label}.",
                f"Set warehouse of {self.setting} to one that the role may use.",
            )
        if _NO_DATABASE.search(text):
            return ConfigError(
                f"There is no {label}, or the role may not use it.",
                f"Make it: create database {label.partition(' ')[0]}",
            )
        if _NO_RIGHT.search(text):
            return ConfigError(
                f"The role may not do what is needed in {label}.",
                "It has to be allowed to make schemas in that database, and to write to what it has made.",
            )
        if _AWAY.search(text):
            return WarehouseError(
                f"Snowflake can't be reached: {label}. What was recorded before stays.",
                f"Look at the network of this machine, and at host of {self.setting}, then run again.",
            )
        return None

    def look_through(self, connection: sa.Connection) -> None:
        """The ledger; the service looks after its own files."""
        for name in connection.exec_driver_sql(OF_LEDGER).scalars().all():
            connection.exec_driver_sql(f"select bit_xor(hash(columns(*))) from {name}").all()

    def highest_number(self, connection: sa.Connection) -> int | None:
        door = _door(connection.engine.url)
        asked = [
            f"select max({column.sql}) from {table.sql}"
            for relation, table in door.tables().items()
            if is_shown(relation)
            for column in table.columns
            if column.name in NUMBERED
        ]
        found = [row[0] for row in door.rows(" union all ".join(asked))] if asked else []
        return max((int(each) for each in found if each is not None), default=None)

    def note_ledger(self, connection: sa.Connection, own: str) -> None:
        from connector.warehouse.snowflake_connection import quoted

        door = _door(connection.engine.url)
        schema = quoted(door.account.database, SCHEMA.upper())
        table = f"{schema}.{quoted(NOTE.upper())}"
        door.run(
            f"create schema if not exists {schema}",
            f"create table if not exists {table} (ledger_id varchar, noted_at timestamp_tz)",
        )
        door.rows(f"insert into {table} (ledger_id, noted_at) select ?, current_timestamp()", (own,))
        door.forget()

    def size(self, connection: sa.Connection) -> Size:
        """Of the ledger; Snowflake's own pages tell of the rest."""
        return Size(size_of(self.path(connection.engine.url)))

    def tidy(self, connection: sa.Connection, keep: timedelta, needed_since: Any = None) -> None:
        connection.exec_driver_sql(f"checkpoint {LEDGER}").close()

    def states(self, connection: sa.Connection, relations: Iterable[Relation]) -> dict[Relation, State]:
        """Of the ledger, and of views by their SQL. What Snowflake tells of when a table was written to, nobody has tried yet: it is left out,
        and each run builds."""
        wanted = list(relations)
        views = apart_views.kept(apart_views.asking(connection), OWN, apart_views.OF_DUCKDB)
        found = self.states_of_ledger(connection, wanted)
        return found | {each: State("view", views[each]) for each in wanted if each in views}


def _door(url: URL) -> Any:
    from connector.warehouse.snowflake_connection import door

    return door(Account.of_url(url))
