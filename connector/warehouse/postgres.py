"""PostgreSQL: a server that several machines share."""

import hashlib
import io
import json
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, Literal
from urllib.parse import parse_qsl

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from connector.errors import ConfigError, DiskFullError, WarehouseError
from connector.parsing import is_loopback
from connector.warehouse.engine import OPTIONS, Engine, Size, State
from connector.warehouse.postgres_errors import POSTGRES
from connector.warehouse.relations import Relation

PARTS = ("username", "password", "host", "port", "database")
"""Of a table of credentials, what is a part of the address itself."""
NOT_LET_IN = re.compile(
    r"(?:password authentication failed|no password supplied|no pg_hba.conf entry|authentication failed for user"
    r"|(?:role|database) \"[^\"\n]*\" does not exist|is not permitted to log in|permission denied for database)"
)
"""What only a person can change: user, password, database."""
_NOT_CONNECTED = re.compile(
    r"connection to server (?:at|on) [^\n]* failed: (?P<why>[^\n]*)|could not translate host name"
)
NOT_NOW = (
    ("could not translate host name", "its name can't be looked up"),
    ("Connection refused", "nothing listens there (connection refused)"),
    ("starting up", "it is starting up"),
    ("shutting down", "it is shutting down"),
    ("recovery mode", "it is recovering"),
    ("not yet accepting", "it is starting up"),
    ("too many", "it has no connection left"),
    ("remaining connection slots", "it has no connection left"),
    ("timeout expired", "no answer in time"),
)
"""What mends itself: (as the server or the driver says it, as we do)."""
CUT = (
    *("terminating connection", "server closed the connection", "SSL connection has been closed"),
    *("could not receive data from server", "could not send data to server"),
    "in a read-only transaction",
)
FULL = ("No space left on device", "could not extend file", "Disk quota exceeded")
_FORBIDDEN = re.compile(
    r"(?:^\s*|\) |ERROR: +)(?:permission denied for|must be owner of) (?P<kind>[a-z ]+?) \"?(?P<name>[\w$.]+)",
    re.MULTILINE,
)
SECONDS_TO_READ = 60
"""How long a question of somebody who only reads may take."""

LEADLOOP = "leadloop"
"""The schema of what leadloop itself remembers; ``warehouse.ledger`` declares what is in it."""
SMALL = 8 * 2**20
"""Bytes of a table that is looked through rather than trusted to the server's counters."""
_STATES = """
select
    wanted.schema_name,
    wanted.name,
    relation.relkind,
    pg_relation_size(relation.oid),
    concat_ws(
        '|',
        relation.oid, relation.relkind, relation.relfilenode, pg_relation_size(relation.oid),
        pg_stat_get_tuples_inserted(relation.oid), pg_stat_get_tuples_updated(relation.oid),
        pg_stat_get_tuples_deleted(relation.oid), pg_postmaster_start_time(),
        (select stats_reset from pg_stat_database where datname = current_database()),
        case when relation.relkind = 'v' then pg_get_viewdef(relation.oid) end,
        (
            select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ',' order by attnum)
            from pg_attribute
            where attrelid = relation.oid and attnum > 0 and not attisdropped
        )
    )
from unnest(cast(:schemas as text[]), cast(:names as text[])) as wanted (schema_name, name)
inner join pg_namespace as space on wanted.schema_name = space.nspname
inner join pg_class as relation on relation.relnamespace = space.oid and wanted.name = relation.relname
where relation.relkind in ('r', 'v') and current_setting('track_counts') = 'on'
"""
"""Counters, which begin anew with the server, and the definition. A table of partitions or of another server is none of these."""


class Postgres(Engine):
    name = "postgres"
    told = (
        "required with `postgres`, secret",
        (
            "`postgresql://user:password@host:5432/database`, or a table with `host`, `port`, `username`, `password`, "
            "`database`. In the environment you can also set them one by one, as `DESTINATION__POSTGRES__CREDENTIALS__PASSWORD`. "
            "Needs `pip install 'leadloop[postgres]'`."
        ),
    )
    options = (*OPTIONS, "csv_format")
    parts = (
        *("drivername", "database", "password", "username", "host", "port", "query", "connect_timeout"),
        *("client_encoding", "session_timezone"),
    )
    language = POSTGRES
    dialect = "postgresql"
    file_format = "csv"
    now = "clock_timestamp"
    about_itself = re.compile(
        r"permission denied for |must be owner of |could not (?:extend|write|receive|send) |connection to server "
        r"|server closed |terminating connection |SSL connection |FATAL: |cannot execute "
    )
    place_variables = frozenset(
        {"LEADLOOP_POSTGRES_HOST", "LEADLOOP_POSTGRES_PORT", "LEADLOOP_POSTGRES_DBNAME"}
    )
    one_at_a_time = "select pg_advisory_xact_lock(hashtext('leadloop.leases'))"

    def url(self, credentials: Any) -> URL:
        if credentials is None:
            raise ConfigError(
                f"{self.setting} is not set, and warehouse.destination is postgres.",
                "Put postgresql://user:password@host:5432/database into .dlt/secrets.toml.",
            )
        try:
            if isinstance(credentials, str):
                url = make_url(credentials)
            else:
                base = (
                    make_url(credentials["url"])
                    if credentials.get("url")
                    else URL.create("postgresql", port=5432)
                )
                parts = {name: credentials[name] for name in PARTS if credentials.get(name)}
                if "port" in parts:
                    parts["port"] = int(parts["port"])
                url = base.set(**parts).update_query_dict(_query(credentials))
            if not url.drivername.startswith("postgres") or not url.database:
                raise ValueError(url.drivername)
        except (sa.exc.ArgumentError, AttributeError, TypeError, ValueError):
            raise ConfigError(
                f"{self.setting} must look like postgresql://user:password@host:5432/database."
            ) from None
        return self.of(url)

    def needs(self, credentials: Any = None) -> dict[str, bool]:
        return {
            "psycopg2": find_spec("psycopg2") is not None,
            "dbt-postgres": _is_installed("dbt-postgres"),
        }

    def of(self, url: str | URL) -> URL:
        """``ConfigError`` also where what speaks to PostgreSQL is not installed."""
        if not all(self.needs().values()):
            raise ConfigError(
                "warehouse.destination is postgres, and what it needs is not installed.",
                "Run: pip install 'leadloop[postgres]'",
            )
        return make_url(url).set(drivername="postgresql+psycopg2")

    def reading(self, url: URL) -> URL:
        """Nothing can be written, and no question is worked on for ever."""
        options = f"-c default_transaction_read_only=on -c statement_timeout={SECONDS_TO_READ * 1000}"
        given = url.query.get("options", ())
        before = given if isinstance(given, str) else " ".join(given)
        return url.update_query_dict({"options": f"{before} {options}".strip()})

    def label(self, url: URL) -> str:
        return f"postgresql://{url.host or 'localhost'}:{url.port or 5432}/{url.database}"

    def place(self, url: URL) -> str:
        return _place(url.host, url.port, url.database)

    def dbt_place(self, credentials: Any) -> str:
        return _place(credentials.host, credentials.port, credentials.database)

    def as_toml(self, credentials: Any) -> tuple[str, str]:
        """A password is not copied: it may be in the profile for a variable of the environment."""
        given = credentials
        parts = {"host": given.host, "port": given.port, "database": given.database, "username": given.user}
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in parts.items())
        return f"[{self.credentials}]\n{lines}", f'[{self.credentials}]\npassword = ""\n'

    def destination(self, url: URL) -> Any:
        from connector.warehouse.postgres_loading import postgres

        # dlt insists on a password; a server that trusts its clients never looks at it.
        password = url.password or os.environ.get("PGPASSWORD") or "none"
        address = url.set(drivername="postgresql", password=password)
        return postgres(credentials=address.render_as_string(hide_password=False))

    def dbt_env(self, url: URL) -> dict[str, str]:
        return {
            "LEADLOOP_DBT_TARGET": self.name,
            "LEADLOOP_POSTGRES_HOST": url.host or "localhost",
            "LEADLOOP_POSTGRES_PORT": str(url.port or 5432),
            "LEADLOOP_POSTGRES_USER": url.username or "postgres",
            "LEADLOOP_POSTGRES_DBNAME": url.database or "postgres",
            "LEADLOOP_POSTGRES_SSLMODE": str(url.query.get("sslmode", "prefer")),
            "DBT_ENV_SECRET_LEADLOOP_POSTGRES_PASSWORD": url.password or "",
        }

    def explained(self, text: str, label: str) -> WarehouseError | ConfigError | None:
        # A name may lead to several addresses, each of which was tried.
        if why := " ".join(each["why"] or each[0] for each in _NOT_CONNECTED.finditer(text)):
            if NOT_LET_IN.search(why):
                return ConfigError(
                    f"{self.setting}: {label} does not let this user in.",
                    "Are user, password and database right?",
                )
            told = next((ours for theirs, ours in NOT_NOW if theirs in why), "no connection")
            return WarehouseError(
                f"{label} can't be reached: {told}.",
                f"Run again later. If it goes on, check host and port in {self.setting}.",
            )
        if any(mark in text for mark in FULL):
            return DiskFullError(
                f"{label}: the server has no space left to write to. What was recorded before stays.",
                "Make space there, then run again.",
            )
        if (denied := _FORBIDDEN.search(text)) is not None:
            name = _with_schema(denied["name"], text)
            return ConfigError(
                f"{label}: leadloop's user has no permission for what it does with the {denied['kind']} {name}.",
                "Grant it again. leadloop makes, changes, reads and writes tables and views in its schemas.",
            )
        if any(mark in text for mark in CUT):
            return WarehouseError(
                f"{label} cut the connection in the middle of the work. What was recorded stays.",
                "Run again when the server is there.",
            )
        if "row is too big" in text:
            return WarehouseError(
                f"{label}: a lead has more filled fields than a row of a table can hold in PostgreSQL. Nothing of the last "
                "package was kept.",
                "Leave fields that nobody needs out of the warehouse: crm.<vendor>.leave_out.",
            )
        return None

    def about(self, connection: sa.Connection, table: sa.Table) -> int:
        """As it was when the server last looked; counted where it has not looked yet."""
        seen = connection.scalar(
            sa.text("select reltuples from pg_class where oid = to_regclass(:name)"), {"name": table.fullname}
        )
        return super().about(connection, table) if seen is None or seen < 0 else int(seen)

    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:
        connection.exec_driver_sql(f"analyze {table.fullname}")

    def find_late(self, connection: sa.Connection, schema: str, table: str, column: str) -> None:
        """By an index of a few pages, which has the least and the greatest time of each part of the table."""
        name = f"{table}_{column}"
        quote = connection.dialect.identifier_preparer.quote_identifier
        there = connection.scalar(
            sa.text("select to_regclass(:name)"), {"name": f"{quote(schema)}.{quote(name)}"}
        )
        if there is None:
            connection.exec_driver_sql(
                f"create index if not exists {quote(name)} on {quote(schema)}.{quote(table)} using brin ({quote(column)})"
                " with (autosummarize = on)"
            )

    def is_cut(self, error: sa.exc.DBAPIError) -> bool:
        """Also a connection that was never made."""
        return error.connection_invalidated or (
            isinstance(error, sa.exc.OperationalError) and error.statement is None
        )

    def size(self, connection: sa.Connection) -> Size:
        """Of the schema leadloop."""
        query = f"select coalesce(sum(pg_total_relation_size(relid)), 0) from pg_stat_all_tables where schemaname = '{LEADLOOP}'"
        return Size(int(connection.exec_driver_sql(query).scalar_one()))

    def tidy(self, connection: sa.Connection, keep: timedelta, needed_since: datetime | None = None) -> None:
        """Makes room in the schema leadloop for new rows where old ones were deleted, and has the server look at its tables."""
        quote = connection.dialect.identifier_preparer.quote_identifier
        query = f"select tablename from pg_tables where schemaname = '{LEADLOOP}' and pg_has_role(tableowner, 'usage')"
        for name in connection.exec_driver_sql(query).scalars().all():
            connection.exec_driver_sql(f"vacuum (analyze) {LEADLOOP}.{quote(name)}")

    def states(self, connection: sa.Connection, relations: Iterable[Relation]) -> dict[Relation, State]:
        """Told by the server's counters of rows written. They come late by up to ten seconds, from a session that goes on; a
        small table is looked through besides, by the numbers of the transactions that its rows are from."""
        quote = connection.dialect.identifier_preparer.quote_identifier
        schemas, names = zip(*relations, strict=True) if (relations := list(relations)) else ((), ())
        rows = connection.execute(sa.text(_STATES), {"schemas": list(schemas), "names": list(names)}).all()
        found = {}
        for schema, name, relkind, size, counters in rows:
            told: list[Any] = [counters]
            if relkind == "r" and size <= SMALL:
                table = f"{quote(schema)}.{quote(name)}"
                told += connection.exec_driver_sql(
                    f"select count(*), sum(cast(cast(xmin as text) as bigint)), max(cast(cast(xmin as text) as bigint)) from {table}"
                )
            kind: Literal["view", "counted", "table"] = "view"
            if relkind == "r":
                kind = "counted" if size > SMALL else "table"
            digest = hashlib.sha256(repr(told).encode()).hexdigest()
            found[Relation(schema, name)] = State(kind, digest)
        return found

    def steady(self, connection: sa.Connection, functions: Collection[str]) -> bool:
        told = connection.exec_driver_sql(
            "select proname from pg_proc group by proname"
            " having bool_and(provolatile = 'i' and pronamespace = cast('pg_catalog' as regnamespace))"
        )
        return set(functions) <= set(told.scalars())

    def micros(self, column: str) -> str:
        """In two parts: as one number of seconds, a time loses digits before PostgreSQL 14."""
        seconds = f"cast(extract(epoch from date_trunc('second', {column})) as bigint) * 1000000"
        return f"({seconds} + mod(cast(extract(microseconds from {column}) as bigint), 1000000))"

    def bytes_of(self, text: str) -> str:
        return f"octet_length({text})"

    def digest(self, text: str) -> str:
        return f"cast(cast('x' || substr(md5({text}), 1, 15) as bit(60)) as bigint)"

    def append(self, connection: sa.Connection, relation: Relation, rows: Any) -> None:
        """By ``COPY``, as CSV: NULL is nothing there, and every text is in quotes."""
        from pyarrow import csv

        quote = connection.dialect.identifier_preparer.quote_identifier
        file = io.BytesIO()
        csv.write_csv(rows, file, csv.WriteOptions(include_header=False))
        if b"\0" in file.getvalue():
            raise ConfigError(
                f"A text in {relation} has a NUL, the character 0, which PostgreSQL can't hold. None of its rows was kept there.",
                "Replace it in the old warehouse (in DuckDB: replace(column, chr(0), '')), then run the move again.",
            )
        file.seek(0)
        names = ", ".join(map(quote, rows.column_names))
        raw: Any = connection.connection.dbapi_connection
        with raw.cursor() as cursor:
            cursor.copy_expert(
                f"copy {'.'.join(map(quote, relation))} ({names}) from stdin with (format csv, encoding 'utf-8')",
                file,
            )

    def insert(
        self, connection: sa.Connection, table: sa.Table, columns: Mapping[str, Sequence[Any]]
    ) -> None:
        """10,000 rows in 0.2 s as one JSON parameter; as an executemany they take 1.3 s."""
        types = ", ".join(f"{name} {table.c[name].type.compile(connection.dialect)}" for name in columns)
        names = ", ".join(columns)
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        statement = sa.text(
            f"insert into {table.fullname} ({names}) select {names} from json_to_recordset(:rows) as incoming ({types})"
        )
        connection.execute(statement, {"rows": msgspec.json.encode(rows).decode()})


@cache
def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def _with_schema(name: str, text: str) -> str:
    """The name as the statement has it, which the server leaves its schema out of."""
    found = re.search(rf'"?(\w+)"?\."?{re.escape(name)}"?(?!\w)', text)
    return f"{found[1]}.{name}" if found else name


def _place(host: str | None, port: int | None, database: str | None) -> str:
    """One text for all names of this machine."""
    where = "localhost" if not host or is_loopback(host) else host.lower().rstrip(".")
    return f"postgresql://{where}:{port or 5432}/{database}"


def _query(given: Mapping[str, Any]) -> dict[str, str]:
    """What a table of credentials says besides who and where, as the driver takes it: ``query`` and the timeout."""
    query = given.get("query") or {}
    query = dict(parse_qsl(query.lstrip("?"))) if isinstance(query, str) else query
    timeout = {"connect_timeout": given["connect_timeout"]} if given.get("connect_timeout") else {}
    return {str(name): str(value) for name, value in {**timeout, **query}.items()}
