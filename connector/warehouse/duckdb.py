"""DuckDB: one file on this machine, which one process at a time can have open."""

import hashlib
import json
import re
import threading
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import URL

from connector import config, crm
from connector.errors import ConfigError, DamagedError, DiskFullError, LockedError, WarehouseError
from connector.texts import in_sql
from connector.warehouse.duckdb_errors import DUCKDB
from connector.warehouse.engine import OPTIONS, Engine, Size, State
from connector.warehouse.relations import Relation

DEFAULT_FILE = "leads.duckdb"
ROWS_AT_A_TIME = 100_000
_NUMBERS = count(1)
_ONE_BEGINS = threading.Lock()
_KINDS = """
select schema_name, table_name, 'table', sql from duckdb_tables() where database_name = {0}
union all
select schema_name, view_name, 'view', sql from duckdb_views() where database_name = {0}
"""
_STORED = """
select md5(string_agg(
    concat_ws(
        ',', row_group_id, column_id, segment_id, segment_type, start, count, compression, stats, has_updates, block_id,
        block_offset
    ),
    ';' order by row_group_id, column_id, segment_id, segment_type
))
from pragma_storage_info({})
"""
"""Where the values of a table are in the file, and the least and the greatest of each part of a column."""
_FULL = re.compile(
    r"(?:IO|TransactionContext|FATAL) Error: .*(?:No space left on device|File too large|Disk quota)",
    re.DOTALL,
)
"""As DuckDB hands on what the system says of a write."""
_DAMAGED = (
    "Corrupt database file",
    'Could not read enough bytes from file "{}',
    "Failure while replaying WAL",
)
"""The braces stand for the file: a model may read others."""
_HELD = ("Could not set lock on file", "different configuration", "Unique file handle conflict")
"""The last two where this very process has the file, in another way."""
_ELSEWHERE = re.compile(r"[a-z][a-z0-9]+:")
"""How a path of dbt's begins that is none on this machine: ``md:``, ``s3:``, ``ducklake:``."""


class DuckDB(Engine):
    name = "duckdb"
    told = (
        f"`{DEFAULT_FILE}`",
        (
            "The path of the database file. Its folder must exist. The file can't have the name of one of its schemas "
            "(`analytics`, `leadloop`, the `_raw` of a CRM). Only its owner can read it."
        ),
    )
    options: ClassVar[tuple[str, ...]] = (
        *OPTIONS,
        "local_dir",
        "pipeline_name",
        "pipeline_working_dir",
        "legacy_db_path",
    )
    parts: ClassVar[tuple[str, ...]] = (
        *(
            "drivername",
            "database",
            "password",
            "username",
            "host",
            "port",
            "query",
            "read_only",
            "extensions",
        ),
        *("global_config", "pragmas", "statements", "local_config", "session_timezone", "conn_pool"),
    )
    language = DUCKDB
    dialect = "duckdb"
    file_format = "parquet"
    now = "get_current_timestamp"
    keeps_leases_alive = False
    is_one_file = True
    names_database_after_file = True
    about_itself = re.compile(r"(?:IO|TransactionContext|FATAL) Error: (?!Cannot open file)")
    place_variables = frozenset({"LEADLOOP_DUCKDB_PATH"})

    def url(self, credentials: Any) -> URL:
        return self.of(self._path(credentials))

    def of(self, path: str | Path) -> URL:
        """The file of this path; ``ConfigError`` for a name that would hide one of its schemas."""
        stem = Path(path).stem.lower()
        # Settings, which may name accounts, are read only for what looks like a raw schema.
        accounts = crm.names() if stem.endswith(crm.raw_schema("")) else ()
        if stem in {"analytics", "leadloop", *map(crm.raw_schema, accounts)}:
            # DuckDB names the database after its file, and could not tell it from the schema of that name.
            raise ConfigError(
                f"{self.setting}: the file can't be called {Path(path).name}, since "
                f"{Path(path).stem} is a schema in it.",
                f"Call it {DEFAULT_FILE}, for instance.",
            )
        return URL.create("duckdb", database=str(Path(path).absolute()))

    def path(self, url: URL) -> Path:
        return Path(url.database or "")

    def label(self, url: URL) -> str:
        return str(self.path(url))

    def files(self, url: URL) -> tuple[Path, ...]:
        return (self.path(url),)

    def copied_to(self, url: URL, files: Sequence[Path]) -> URL:
        return self.reading(self.url(str(files[0].absolute())))

    def reading(self, url: URL) -> URL:
        """Many processes can have a file open that way at once."""
        return url.update_query_dict({"access_mode": "read_only"})

    def destination(self, url: URL) -> Any:
        import dlt

        return dlt.destinations.duckdb(credentials=str(self.path(url)))

    def dbt_env(self, url: URL) -> dict[str, str]:
        return {"LEADLOOP_DBT_TARGET": self.name, "LEADLOOP_DUCKDB_PATH": str(self.path(url))}

    def place(self, url: URL) -> str:
        return str(self.path(url).resolve())

    def is_of(self, credentials: Any) -> bool:
        return super().is_of(credentials) and not is_lake(credentials)

    def dbt_place(self, credentials: Any) -> str:
        """dbt takes a relative path from the folder that it is called in."""
        path: str = credentials.path
        is_file = path != ":memory:" and not _ELSEWHERE.match(path)
        return str(Path(path).resolve()) if is_file else path

    def dbt_output(self, output: Mapping[str, Any], url: URL) -> dict[str, Any]:
        """What the profile attaches besides is opened for reading only."""
        attached = [{**each, "read_only": True} for each in output.get("attach") or ()]
        return {**output, "path": str(self.path(url)), **({"attach": attached} if attached else {})}

    def as_toml(self, credentials: Any) -> tuple[str, str]:
        path = credentials.path if credentials else DEFAULT_FILE
        return f"[{self.credentials.rpartition('.')[0]}]\ncredentials = {json.dumps(path)}\n", ""

    def connected(self, connection: Any) -> None:
        """DuckDB takes the zone in which it shows times from the machine: a user's view would be another one on the next
        machine."""
        connection.execute("set TimeZone = 'UTC'")

    def explained(self, text: str, label: str) -> WarehouseError | ConfigError | None:
        if any(mark in text for mark in _HELD):
            holder = text.partition("PID ")[2].partition(")")[0]
            by = f"process {holder}" if holder.isdigit() else "another process"
            return LockedError(
                f"{label} is held by {by}, and DuckDB lets one process write at a time.",
                "Close it there (a notebook, a SQL shell, another run) and run again.",
            )
        if _FULL.search(text):
            return DiskFullError(
                f"There is no space left to write to {label}, or to the files that DuckDB needs beside it. What was recorded "
                "before stays.",
                "Make space, then run again.",
            )
        if any(mark.format(label) in text for mark in _DAMAGED):
            return DamagedError(
                f"{label} is damaged: DuckDB can't read a part of it any more. What that part held is lost from this file.",
                "Put the file aside and restore a copy of it, then continue with `leadloop run --restored`. Without a copy, "
                "begin a new file: all leads are read again, but what was sent is not known there.",
            )
        if any(
            mark in text for mark in ("not a valid DuckDB database", "Serialization Error", "newer version")
        ):
            return ConfigError(
                f"{self.setting}: {label} is no database file that this version of DuckDB can read.",
                "Is it the right file, and from a DuckDB no newer than this one? If it was one before, its beginning is damaged: "
                "restore a copy of it.",
            )
        if "IO Error" in text and "Cannot open file" in text:
            return ConfigError(f"{self.setting}: {label} can't be opened.")
        return None

    def look_through(self, connection: sa.Connection) -> None:
        """DuckDB checks the sum of each block that it reads, so every value of every column is asked for."""
        quote = connection.dialect.identifier_preparer.quote_identifier
        rows = connection.exec_driver_sql(_KINDS.format("current_database()")).all()
        for schema, name, kind, _ in rows:
            if kind == "table":
                table = f"{quote(schema)}.{quote(name)}"
                connection.exec_driver_sql(f"select bit_xor(hash(columns(*))) from {table}").all()

    def columns_of(self, connection: sa.Connection, schema: str, name: str) -> frozenset[str]:
        # It takes a tenth of the time there. What is not there, or a view of what is gone, is an error.
        quoted = map(connection.dialect.identifier_preparer.quote_identifier, (schema, name))
        with suppress(sa.exc.DBAPIError):
            return frozenset(row[0] for row in connection.exec_driver_sql(f"describe {'.'.join(quoted)}"))
        return super().columns_of(connection, schema, name)

    def states(self, connection: sa.Connection, relations: Iterable[Relation]) -> dict[Relation, State]:
        """Told by DuckDB's own catalog: whoever writes to a table has its parts put to other places of the file."""
        return self.states_in(connection, relations, "current_database()")

    def states_in(
        self, connection: sa.Connection, relations: Iterable[Relation], database: str
    ) -> dict[Relation, State]:
        """The same of a database, which an SQL expression names, or ``search_path`` has to have no other table of that name."""
        quote = connection.dialect.identifier_preparer.quote_identifier
        rows = connection.exec_driver_sql(_KINDS.format(database))
        known = {Relation(schema, name): (kind, sql) for schema, name, kind, sql in rows}
        found = {}
        for relation in relations:
            if relation not in known:
                continue
            kind, sql = known[relation]
            name = f"{quote(relation.schema)}.{quote(relation.name)}"
            # A view that no longer fits what it reads can't be described, and a name with a quote in it not be asked for.
            with suppress(sa.exc.DBAPIError):
                told = [sql, *connection.exec_driver_sql(f"describe {name}")]
                if kind == "table":
                    told += connection.exec_driver_sql(f"select count(*) from {name}")
                    told += connection.exec_driver_sql(_STORED.format(in_sql(name)))
                found[relation] = State(kind, hashlib.sha256(repr(told).encode()).hexdigest())
        return found

    def size(self, connection: sa.Connection) -> Size:
        return Size(size_of(self.path(connection.engine.url)))

    def tidy(self, connection: sa.Connection, keep: timedelta, needed_since: datetime | None = None) -> None:
        """Puts what is in the log into the file; what was freed in the file is used again, and the file stays as large."""
        connection.exec_driver_sql("checkpoint")

    def steady(self, connection: sa.Connection, functions: Collection[str]) -> bool:
        told = connection.exec_driver_sql(
            "select function_name from duckdb_functions() group by function_name"
            " having bool_and(internal and stability = 'CONSISTENT')"
        )
        return set(functions) <= set(told.scalars())

    def tables(self, connection: sa.Connection, query: sa.Select[Any]) -> Iterator[Any]:
        """None of it is ever a Python object."""
        import duckdb
        import pyarrow as pa

        found: Any = connection.execute(query)
        try:
            with found.cursor.to_arrow_reader(ROWS_AT_A_TIME) as reader:
                for part in reader:
                    yield pa.Table.from_batches([part])
        except duckdb.Error as error:
            # As SQLAlchemy raises what comes while it fetches rows.
            raise sa.exc.DBAPIError.instance("", None, error, duckdb.Error, hide_parameters=True) from None

    def micros(self, column: str) -> str:
        return f"epoch_us({column})"

    def bytes_of(self, text: str) -> str:
        return f"strlen({text})"

    def digest(self, text: str) -> str:
        return f"cast('0x' || substr(md5({text}), 1, 15) as bigint)"

    def append(self, connection: sa.Connection, relation: Relation, rows: Any) -> None:
        quote = connection.dialect.identifier_preparer.quote_identifier
        self._append(connection, ".".join(map(quote, relation)), rows)

    def insert(
        self, connection: sa.Connection, table: sa.Table, columns: Mapping[str, Sequence[Any]]
    ) -> None:
        """10,000 rows in 0.15 s as an Arrow table; as VALUES they take 3.5 s."""
        import pyarrow as pa

        types = {
            sa.Text: pa.string(),
            sa.Integer: pa.int32(),
            sa.BigInteger: pa.int64(),
            sa.DateTime: pa.timestamp("us", "UTC"),
        }
        rows = pa.table(
            {name: pa.array(each, types[type(table.c[name].type)]) for name, each in columns.items()}
        )
        self._append(connection, table.fullname, rows)

    def _append(self, connection: sa.Connection, table: str, rows: Any) -> None:
        raw: Any = connection.connection.dbapi_connection
        raw.register("leadloop_incoming", rows)
        try:
            connection.exec_driver_sql(f"insert into {table} by name select * from leadloop_incoming")
        finally:
            raw.unregister("leadloop_incoming")

    def _path(self, given: Any) -> str:
        if given is None:
            return DEFAULT_FILE
        path = (given.get("database") or given.get("url")) if isinstance(given, dict) else given
        if not isinstance(path, str) or not path or path == ":memory:":
            raise ConfigError(f"{self.setting} must be the path of a database file, such as {DEFAULT_FILE}.")
        path = path.removeprefix("duckdb:///")
        table = isinstance(given, dict) and given.get("database")
        return str(config.anchored(f"{self.credentials}.database" if table else self.credentials, path))


def size_of(path: Path) -> int:
    """Bytes of a database file and of its log."""
    return sum(each.stat().st_size for each in (path, Path(f"{path}.wal")) if each.exists())


def is_lake(credentials: Any) -> bool:
    """Whether dbt makes its models in a DuckLake, which its adapter for DuckDB can as well."""
    attached = getattr(credentials, "attach", None) or ()
    return any(each.alias == credentials.database and "ducklake:" in each.path.lower() for each in attached)


def in_memory(owner: object) -> str:
    """The name of an empty database in this process's memory, there for as long as its owner is. See ``connected_to``."""
    name = f"memory_{next(_NUMBERS)}"
    _memory().cursor().execute(f"attach ':memory:' as {name}")
    weakref.finalize(owner, _let_go, name)
    return name


def connected_to(name: str) -> Any:
    """A new connection of the driver's to a database in memory."""
    connection = _memory().cursor()
    connection.execute(f"use {name}")
    return connection


def _memory() -> Any:
    """What holds all of them: to begin a DuckDB takes twenty times as long as to begin a database in it."""
    # Two threads that came first would each begin one, and one of the two would be forgotten, with what is in it.
    with _ONE_BEGINS:
        return _begun_memory()


@lru_cache(maxsize=1)
def _begun_memory() -> Any:
    import duckdb

    # Nothing is on disk, not even where it grows large.
    return duckdb.connect(":memory:", config={"temp_directory": ""})


def _let_go(name: str) -> None:
    _memory().cursor().execute(f"detach {name}")
