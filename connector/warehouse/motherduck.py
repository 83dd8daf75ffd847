"""MotherDuck: DuckDB as a service. Raw tables and models are in a database there; what leadloop itself remembers is in a DuckDB file on
this machine, its ledger. One machine, one process at a time.

dlt and dbt work in the service as in any DuckDB. leadloop asks DuckDB's SQL over both: see ``motherduck_connection``.
"""

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.engine import URL

from connector import config, crm
from connector.errors import ConfigError, WarehouseError
from connector.warehouse import apart_views
from connector.warehouse import motherduck_connection as opening
from connector.warehouse.apart import LAKE, LEDGER, NOTE, NUMBERED, OF_LEDGER, SCHEMA, Apart, is_shown
from connector.warehouse.duckdb import size_of
from connector.warehouse.engine import OPTIONS, Size, State
from connector.warehouse.relations import Relation

DEFAULT_DATABASE = "leads"
DRIVER = "duckdb+motherduck"
PLUGIN = "connector.warehouse.motherduck_dbt"
registry.register("duckdb.motherduck", "connector.warehouse.motherduck_dialect", "Dialect")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WITH_NUMBERS = """
select schema_name, table_name, column_name
from duckdb_columns()
where database_name = ? and column_name in (?, ?, ?, ?) and not internal
"""
_REFUSED = re.compile(r"not authenticated|[Jj]wt|motherduck_token|Invalid (?:MotherDuck )?token")
_AWAY = re.compile(
    r"Failed to download|Could not establish connection|MotherDuck.*(?:unavailable|timed? ?out|not reach)",
    re.IGNORECASE | re.DOTALL,
)
_NO_SUCH = re.compile(r"no database/share named|Database .* (?:not found|does not exist)", re.IGNORECASE)


class MotherDuck(Apart):
    name = "motherduck"
    told = (
        f"`{opening.PREFIX}{DEFAULT_DATABASE}`",
        (
            "The database in MotherDuck, `md:name`, or a table with `database` (that name), `password` (the access token, secret; without it "
            "the variable `motherduck_token`) and `ledger` (the file of what leadloop itself remembers; by default it has the database's name and ends in "
            "`.ledger.duckdb`). Not yet run against the service. See [engines](engines.md#motherduck)."
        ),
    )
    options = (*OPTIONS,)
    parts = (
        *("drivername", "database", "password", "username", "host", "port", "query", "read_only"),
        *("extensions", "global_config", "pragmas", "statements", "local_config", "session_timezone"),
        *("conn_pool", "custom_user_agent"),
    )
    more_parts = ("ledger",)
    dialect = DRIVER
    place_variables = frozenset({"LEADLOOP_MOTHERDUCK_PATH"})
    is_tried = False
    is_moved = False

    def url(self, credentials: Any) -> URL:
        table = credentials if isinstance(credentials, Mapping) else {"database": credentials}
        text = table.get("database") or table.get("url") or DEFAULT_DATABASE
        ledger = table.get("ledger")
        if ledger is not None and (not isinstance(ledger, str) or not ledger or "://" in ledger):
            raise ConfigError(f"{config.named(f'{self.credentials}.ledger')} must be a path on this machine.")
        file = None if ledger is None else config.anchored(f"{self.credentials}.ledger", ledger)
        token = _token(table.get("password"))
        url = self.of(text, file, token)
        if not token and opening.is_service(self.label(url)):
            # The extension would open a browser and wait.
            raise ConfigError(
                f"{config.named(f'{self.credentials}.password')} is not set: the access token of {self.label(url)}.",
                f"Make one in MotherDuck's settings, and set it in .dlt/secrets.toml, or as the variable {opening.TOKEN}.",
            )
        return url

    def of(self, database: Any, ledger: str | Path | None = None, token: str = "") -> URL:
        """The database of this name in MotherDuck, with or without ``md:``; ``ConfigError`` for a name that can't be."""
        name = database.removeprefix("md:") if isinstance(database, str) else ""
        if "?" in name:
            raise ConfigError(
                f"{self.setting} has more than the name of a database.",
                "Name the database alone, md:leads, and set the token as password in .dlt/secrets.toml.",
            )
        schemas = {"analytics", SCHEMA, *map(crm.raw_schema, crm.names())}
        if not _NAME.fullmatch(name) or name.lower() in schemas | opening.TAKEN:
            raise ConfigError(
                f"{self.setting} must be the name of a database in MotherDuck: letters, digits and _, and no name of a schema in it.",
                f"Call it {DEFAULT_DATABASE}, for instance: create database {DEFAULT_DATABASE}",
            )
        file = (
            Path(ledger) if ledger is not None else config.anchored(self.credentials, f"{name}.ledger.duckdb")
        )
        return URL.create(
            DRIVER, password=token or None, database=str(file.resolve()), query={"database": name}
        )

    def label(self, url: URL) -> str:
        return opening.address(database_of(url))

    def described(self, url: URL) -> str:
        extension = "has" if opening.is_installed() else "downloads at the first use"
        return f"{self.label(url)}, by an extension that DuckDB {extension}, with its ledger in {self.path(url)},"

    def files(self, url: URL) -> tuple[Path, ...]:
        """A copy of the ledger alone is a copy of nothing."""
        return ()

    def place(self, url: URL) -> str:
        return self.label(url)

    def is_of(self, credentials: Any) -> bool:
        return str(getattr(credentials, "path", "")).startswith(opening.PREFIX)

    def dbt_place(self, credentials: Any) -> str:
        path: str = credentials.path
        return path.partition("?")[0]

    def dbt_output(self, output: Mapping[str, Any], url: URL) -> dict[str, Any]:
        return {**output, "path": self.label(url)}

    def as_toml(self, credentials: Any) -> tuple[str, str]:
        """A token is not copied: it may be in the profile for a variable of the environment."""
        name = self.dbt_place(credentials).removeprefix(opening.PREFIX) if credentials else DEFAULT_DATABASE
        return f"[{self.credentials}]\ndatabase = {json.dumps(name)}\n", ""

    def is_there(self, url: URL) -> bool:
        """Without a ledger of this machine nothing is known of what is there."""
        return super().is_there(url)

    def destination(self, url: URL) -> Any:
        from connector.warehouse import motherduck_loading

        return motherduck_loading.destination(database_of(url), str(url.password or ""))

    def dbt_env(self, url: URL) -> dict[str, str]:
        """DuckDB's extension looks for the token by its own name; under the other one dbt masks it, wherever it would appear."""
        token = str(url.password or "")
        given = {opening.TOKEN: token, "DBT_ENV_SECRET_LEADLOOP_MOTHERDUCK_TOKEN": token} if token else {}
        return {
            "LEADLOOP_DBT_TARGET": self.name,
            "LEADLOOP_MOTHERDUCK_PATH": self.label(url),
            "LEADLOOP_MOTHERDUCK_DATABASE": database_of(url),
            **given,
        }

    @contextmanager
    def building(self, database: sa.Engine, schemas: Collection[str]) -> Iterator[Mapping[str, str]]:
        from connector.warehouse import motherduck_copies

        motherduck_copies.copy(database, self, database_of(database.url))
        yield self.dbt_env(database.url)

    def built(
        self, database: sa.Engine, project: Any, parsed: Any, nodes: Sequence[Any], made: Sequence[Any]
    ) -> list[Any]:
        with database.begin() as connection:
            apart_views.show_results(connection)
        if not all(node.ok for node in nodes):
            return []
        url = database.url
        found = apart_views.make(
            database, opening.OWN, PLUGIN, self.path(url), project, parsed, self.name, self.dbt_env(url)
        )
        apart_views.check(database, opening.OWN)
        return found

    def explained(self, text: str, label: str) -> WarehouseError | ConfigError | None:
        if _AWAY.search(text):
            return WarehouseError(
                f"MotherDuck can't be reached, or DuckDB's extension for it can't be downloaded: {label}. What was recorded before stays.",
                "Look at the network of this machine, then run again.",
            )
        if _REFUSED.search(text):
            return ConfigError(
                f"MotherDuck does not take the access token of {label}.",
                f"Make a new one in MotherDuck's settings, and set it as password of {self.setting} in .dlt/secrets.toml.",
            )
        if _NO_SUCH.search(text):
            return ConfigError(
                f"There is no database {label} in this MotherDuck account.",
                f"Make it: create database {label.removeprefix(opening.PREFIX)}",
            )
        return super().explained(text, label)

    def look_through(self, connection: sa.Connection) -> None:
        """The ledger; the service looks after its own files."""
        for name in connection.exec_driver_sql(OF_LEDGER).scalars().all():
            connection.exec_driver_sql(f"select bit_xor(hash(columns(*))) from {name}").all()

    def tables_in(self, connection: sa.Connection, schema: str) -> list[str]:
        """As the session shows them: the database itself is attached beside its views."""
        query = "select table_name from information_schema.tables where table_catalog in (?, ?) and table_schema = ?"
        return sorted(connection.exec_driver_sql(query, (LAKE, LEDGER, schema)).scalars())

    def highest_number(self, connection: sa.Connection) -> int | None:
        name = database_of(connection.engine.url)
        rows = connection.exec_driver_sql(_WITH_NUMBERS, (name, *NUMBERED)).all()
        found = [
            connection.exec_driver_sql(
                f"select max({opening.quoted(column)}) from {opening.quoted(name, schema, table)}"
            ).scalar()
            for schema, table, column in rows
            if is_shown(Relation(schema, table))
        ]
        return max((int(each) for each in found if each is not None), default=None)

    def note_ledger(self, connection: sa.Connection, own: str) -> None:
        """In a transaction of its own, since no other database is written to."""
        schema = opening.quoted(database_of(connection.engine.url), SCHEMA)
        connection.exec_driver_sql(f"create schema if not exists {schema}")
        connection.exec_driver_sql(
            f"create table if not exists {schema}.{NOTE} (ledger_id text, noted_at timestamptz)"
        )
        connection.exec_driver_sql(f"insert into {schema}.{NOTE} values (?, now())", (own,))

    def size(self, connection: sa.Connection) -> Size:
        """Of the ledger; MotherDuck's own page tells of the rest."""
        return Size(size_of(self.path(connection.engine.url)))

    def tidy(self, connection: sa.Connection, keep: timedelta, needed_since: datetime | None = None) -> None:
        connection.exec_driver_sql(f"checkpoint {LEDGER}").close()

    def states(self, connection: sa.Connection, relations: Iterable[Relation]) -> dict[Relation, State]:
        """Of the ledger, and of views by their SQL. Whether a table in MotherDuck was written to, nobody tells at a small cost: it is left out,
        and each run builds."""
        wanted = list(relations)
        views = apart_views.kept(apart_views.asking(connection), opening.OWN, apart_views.OF_DUCKDB)
        found = self.states_of_ledger(connection, wanted)
        return found | {each: State("view", views[each]) for each in wanted if each in views}


def database_of(url: URL) -> str:
    found = url.query["database"]
    return found if isinstance(found, str) else found[0]


def _token(given: Any) -> str:
    """The access token of the settings, or of MotherDuck's own variable; blank for none."""
    found = given or os.environ.get(opening.TOKEN) or os.environ.get(opening.TOKEN.upper()) or ""
    return str(found)
