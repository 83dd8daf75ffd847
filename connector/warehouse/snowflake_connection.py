"""How leadloop itself looks into a Snowflake database: DuckDB in memory, with a view ``lake.<schema>.<table>`` of each of its tables.

What DuckDB asks of a table, its columns and the keys that it compares them with, goes to Snowflake as a query. The rows come in Arrow's
batches and are not kept. ``ledger`` is a DuckDB file on this machine: the schema ``leadloop``. What shows the journal, such as a push, is
a view of DuckDB's, whose SQL is in the ledger (see ``apart_views``): so a plan is of this moment.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from connector.errors import ConfigError
from connector.warehouse import apart_views
from connector.warehouse.apart import LEDGER, is_shown
from connector.warehouse.apart_views import OF_DUCKDB
from connector.warehouse.relations import Relation
from connector.warehouse.snowflake_account import Account
from connector.warehouse.snowflake_filters import conditions

DISTRIBUTIONS = ("snowflake-connector-python", "dbt-snowflake")
OWN = f"{LEDGER}.on_snowflake"
"""The schema with what only this engine remembers."""
TOLD = "IO Error: Snowflake says:"
"""How a message begins that is Snowflake's own."""
KNOWN_FOR = 30.0
"""Seconds for which a list of tables is good, where nobody of this process has made one meanwhile."""
IDLE_FOR = 1800.0
"""Seconds after which a session is begun anew: the service forgets one that nobody uses."""
SECONDS_TO_CONNECT = 60
_COLUMNS = """
select table_schema, table_name, column_name, data_type, numeric_precision, numeric_scale
from {}.information_schema.columns
where table_schema <> 'INFORMATION_SCHEMA'
order by table_schema, table_name, ordinal_position
"""


class Column(NamedTuple):
    name: str
    """As the sessions of DuckDB have it, in lower case."""
    sql: str
    """What is asked for, so that it comes without loss: a time as microseconds since 1970."""
    type: pa.DataType
    own: str
    """The name as Snowflake has it, quoted."""


class Table(NamedTuple):
    """A table or view, by the name that Snowflake has for it."""

    sql: str
    columns: tuple[Column, ...]


def needs() -> dict[str, bool]:
    """The distributions that are needed, and whether each is there."""
    return {name: _is_installed(name) for name in DISTRIBUTIONS}


def require() -> None:
    """``ConfigError`` where what is needed is not installed."""
    if lacking := [name for name, is_there in needs().items() if not is_there]:
        raise ConfigError(
            f"warehouse.destination is snowflake, and {', '.join(lacking)} is not installed.",
            "Run: pip install 'leadloop[snowflake]'",
        )


def quoted(*names: str) -> str:
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


class Door:
    """A session with one database, begun when it is needed first. Safe to use from several threads."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._lock = threading.RLock()
        self._session: Any = None
        self._used_at = 0.0
        self._known: tuple[float, dict[Relation, Table]] | None = None

    def run(self, *statements: str) -> None:
        """Statements that change something, one after the other."""
        for statement in statements:
            self._execute(statement)

    def rows(self, query: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with _told():
            return [tuple(row) for row in self._execute(query, given).fetchall()]

    def batches(self, query: str) -> Iterator[pa.Table]:
        """What a query finds, as Arrow tables, each when it is wanted."""
        found = self._execute(query)
        with _told():
            yield from found.fetch_arrow_batches()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Nobody else of this process uses the session meanwhile."""
        with self._lock:
            self.run("begin transaction")
            try:
                yield
            except BaseException:
                with suppress(duckdb.Error):
                    self.run("rollback")
                raise
            self.run("commit")

    def tables(self) -> dict[Relation, Table]:
        """Every table and view that the role may see, by its name in lower case."""
        with self._lock:
            now = time.monotonic()
            if self._known is None or now - self._known[0] > KNOWN_FOR:
                self._known = (now, self._found())
            return self._known[1]

    def forget(self) -> None:
        """The next one who asks is told what is there then."""
        self._known = None

    def close(self) -> None:
        with self._lock:
            session, self._session = self._session, None
            if session is not None:
                with suppress(Exception):
                    session.close()

    def _found(self) -> dict[Relation, Table]:
        found: dict[tuple[str, str], list[Column]] = {}
        for schema, table, *column in self.rows(_COLUMNS.format(quoted(self.account.database))):
            found.setdefault((schema, table), []).append(_column(*column))
        shown: dict[Relation, Table] = {}
        # Of names that differ in nothing but their case, the one that is written without quotes is shown.
        for (schema, name), columns in sorted(found.items(), reverse=True):
            relation = Relation(schema.lower(), name.lower())
            one_of_each = {
                each.name: each for each in sorted(columns, key=lambda each: each.own, reverse=True)
            }
            ordered = tuple(each for each in columns if one_of_each[each.name] is each)
            shown[relation] = Table(quoted(self.account.database, schema, name), ordered)
        return shown

    def _execute(self, statement: str, given: Sequence[Any] = ()) -> Any:
        with self._lock, _told():
            if self._session is not None and time.monotonic() - self._used_at > IDLE_FOR:
                self.close()
            if self._session is None:
                self._session = _connected(self.account)
            cursor = self._session.cursor()
            try:
                cursor.execute(statement, tuple(given) or None)
            except Exception as error:
                if not _is_of_the_statement(error):
                    self.close()  # the next one begins anew
                raise
            self._used_at = time.monotonic()
            return cursor


@lru_cache(maxsize=8)
def door(account: Account) -> Door:
    """The one of this process."""
    found = Door(account)
    _DOORS.append(found)
    return found


_DOORS: list[Door] = []


def forget() -> None:
    """Whatever is known of tables: somebody in this process has made some, by another door."""
    for each in _DOORS:
        each.forget()


class Shown(ds.Dataset):  # type: ignore[misc]
    """A table as DuckDB asks for it: by some columns, and conditions on them."""

    def __init__(self, door: Door, table: Table) -> None:
        """Without the base's own, which wants a dataset of Arrow's to stand for."""
        self._door, self._table = door, table
        self._columns = {each.name: each for each in table.columns}
        self._schema = pa.schema([pa.field(each.name, each.type) for each in table.columns])

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    def scanner(self, columns: Sequence[str] | None = None, filter: Any = None, **_: Any) -> "_Scan":  # noqa: A002 - Arrow's name
        wanted = [self._columns[name] for name in columns or self._schema.names]
        return _Scan(self._door, self._table.sql, self._columns, wanted, filter)


class _Scan:
    """What is asked of a table, not asked yet."""

    def __init__(
        self, door: Door, table: str, known: Mapping[str, Column], wanted: Sequence[Column], condition: Any
    ) -> None:
        self._door, self._wanted, self._condition = door, wanted, condition
        self._schema = pa.schema([pa.field(each.name, each.type) for each in wanted])
        self.sql = f"select {', '.join(each.sql for each in wanted)} from {table}"
        names = {name: (each.own, each.type) for name, each in known.items()}
        if condition is not None and (told := conditions(condition, names)):
            self.sql += f" where {' and '.join(told)}"

    def to_reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self._schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for found in self._door.batches(self.sql):
            rows = pa.table(
                [_as(column, each.type) for column, each in zip(found.columns, self._wanted, strict=True)],
                schema=self._schema,
            )
            # Snowflake is told of the conditions that are plain, and all of them are looked at here.
            yield from (rows if self._condition is None else rows.filter(self._condition)).to_batches()


class Views:
    """The views of one database in one DuckDB."""

    def __init__(self, door: Door, *, of_models: bool = True) -> None:
        """``of_models``: whether those are shown that the ledger has the SQL of."""
        self._door, self._of_models = door, of_models
        self._shown = apart_views.Views()
        self._tables: dict[str, Shown] = {}
        self._known: Mapping[Relation, Table] | None = None

    def refresh(self, instance: Any) -> None:
        """Has them show what is there now. A view keeps the columns that its table had when it was made."""

        def ask(sql: str, given: tuple[str, ...]) -> Any:
            return instance.execute(sql, given).fetchall()

        models = apart_views.kept(ask, OWN, OF_DUCKDB) if self._of_models else {}
        known = self._door.tables()
        if known is not self._known:
            self._tables = {_named(each): Shown(self._door, table) for each, table in known.items() if is_shown(each)}  # fmt: skip
            self._known = known
        self.register(instance)
        wanted = {
            relation: (f"select * from temp.main.{quoted(_named(relation))}", repr(table))
            for relation, table in known.items()
            if is_shown(relation) and relation not in models
        }
        self._shown.show(instance, wanted | {relation: (sql, sql) for relation, sql in models.items()})

    def register(self, connection: Any) -> None:
        """Has a connection of that DuckDB know the tables, which the views name."""
        for name, table in self._tables.items():
            connection.register(name, table)


def _named(relation: Relation) -> str:
    return f"snowflake {relation.schema}.{relation.name}"


def _column(own: str, kind: str, precision: Any, scale: Any) -> Column:
    name = quoted(own)
    micros = f"date_part(epoch_microsecond, {name})"
    known: dict[str, tuple[str, pa.DataType]] = {
        "TEXT": (name, pa.string()),
        "BOOLEAN": (name, pa.bool_()),
        "FLOAT": (name, pa.float64()),
        "DATE": (name, pa.date32()),
        "TIME": (name, pa.time64("us")),
        "BINARY": (name, pa.binary()),
        "TIMESTAMP_NTZ": (micros, pa.timestamp("us")),
        "TIMESTAMP_LTZ": (micros, pa.timestamp("us", "UTC")),
        "TIMESTAMP_TZ": (micros, pa.timestamp("us", "UTC")),
        **dict.fromkeys(("VARIANT", "OBJECT", "ARRAY"), (f"to_json({name})", pa.string())),
    }
    if kind == "NUMBER":
        # A whole number is declared with 38 digits where nobody says how many; one that has more than 64 bits can't be read.
        sql, found = name, pa.decimal128(int(precision), int(scale)) if scale else pa.int64()
    else:
        sql, found = known.get(kind, (f"cast({name} as varchar)", pa.string()))
    return Column(own.lower(), sql, found, name)


def _as(column: Any, wanted: pa.DataType) -> Any:
    if pa.types.is_timestamp(wanted):
        return column.cast(pa.int64()).cast(wanted)
    return column.cast(wanted)


def _connected(account: Account) -> Any:
    import snowflake.connector

    return snowflake.connector.connect(
        **account.of_driver(),
        application="leadloop",
        paramstyle="qmark",
        login_timeout=SECONDS_TO_CONNECT,
        arrow_number_to_decimal=True,
        session_parameters={"TIMEZONE": "UTC", "QUERY_TAG": "leadloop"},
    )


def _is_of_the_statement(error: Exception) -> bool:
    """Whether the statement was wrong, and not the session. A session that is over is told of as a statement's error as well."""
    from snowflake.connector.errors import ProgrammingError

    return isinstance(error, ProgrammingError) and not 390_000 <= (error.errno or 0) < 391_000


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the driver as errors of DuckDB's, through which all of this is asked."""
    try:
        yield
    except duckdb.Error:
        raise
    except Exception as error:
        from snowflake.connector.errors import Error

        if not isinstance(error, Error):
            raise
        raise duckdb.IOException(f"{TOLD} {error.errno} {error.msg}") from None


def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True
