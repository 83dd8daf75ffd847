"""What leadloop has to know of a database engine. Each engine answers in a file of its own, and nothing else asks which it is."""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.schema import CreateSchema

from connector import config
from connector.errors import ConfigError, WarehouseError
from connector.warehouse.relations import Column, Kind, Relation
from connector.warehouse.told_errors import Language

ROWS_AT_A_TIME = 20_000
"""So many rows are Python objects at once where an engine has no other way to hand over many."""
_IN_SQL: Mapping[Kind, str] = {"text": "varchar"}
"""What a kind of column is called in a statement, where that is not its own name; dlt calls it so, too."""

OPTIONS = (
    *(
        "destination_type",
        "credentials",
        "destination_name",
        "environment",
        "dataset_name",
        "default_schema_name",
    ),
    *("replace_strategy", "staging_dataset_name_layout", "enable_dataset_name_normalization"),
    *("info_tables_query_threshold", "staging_config", "truncate_tables_on_staging_destination_before_load"),
    "create_indexes",
)
"""The settings that dlt knows of every destination that is a SQL database."""


class State(NamedTuple):
    """What tells whether a table or view is as it was. Two that are alike mean that nobody has written to it in between."""

    kind: Literal["table", "counted", "view"]
    """``counted``: a table of which the engine only counts writes, and may do so some seconds late."""
    digest: str


class Size(NamedTuple):
    """How large a warehouse is, as far as its engine can tell."""

    bytes: int
    files: int | None = None
    """Of a lake: files of its tables as they are now and as they were."""
    snapshots: int | None = None
    """Of a lake: states that can still be looked into."""


class Engine(ABC):
    """One engine: its three doors (dlt, SQLAlchemy, dbt), how it locks, and what its errors mean."""

    name: ClassVar[str]
    """As ``warehouse.destination``, dlt and dbt's target have it."""
    told: ClassVar[tuple[str, str]]
    """Default and meaning of the setting of its credentials, both Markdown, for docs/settings.md."""
    language: ClassVar[Language]
    """How it says what is wrong with a query or a row."""
    dialect: ClassVar[str]
    """As SQLAlchemy has it."""
    options: ClassVar[tuple[str, ...]]
    """The settings that dlt knows of such a destination; a test compares. To ask dlt takes longer than most commands do."""
    parts: ClassVar[tuple[str, ...]]
    """The settings that dlt knows of its credentials, where they are a table."""
    more_parts: ClassVar[tuple[str, ...]] = ()
    """Settings beside those that dlt does not know."""
    file_format: ClassVar[str]
    """What dlt loads fastest into it."""
    now: ClassVar[str]
    """The SQL function of its clock that goes on in the middle of a transaction."""
    one_at_a_time: ClassVar[str | None] = None
    """A statement after which a second transaction that says it waits for the first; ``None``: only one can write anyway."""
    keeps_leases_alive: ClassVar[bool] = True
    """Whether a lease is renewed from a thread: a file would be held for that, against whoever works on it in this very run."""

    is_one_file: ClassVar[bool] = False
    """Whether a copy of one file is a copy of the whole database."""

    is_moved: ClassVar[bool] = True
    """Whether a warehouse can be moved into it and away from it."""

    is_tried: ClassVar[bool] = True
    """Whether the loop has been seen to work on the real one. ``leadloop check`` says where it has not."""

    has_previews: ClassVar[bool] = True
    """Whether models can be made beside it: in a copy of the file, or in a schema that is dropped afterwards."""

    has_ledger_apart: ClassVar[bool] = False
    """Whether what leadloop remembers is in another place than the leads, so that one can be lost without the other."""

    loaded_as: ClassVar[str] = "BASE TABLE"
    """What ``information_schema.tables`` calls the tables that dlt has loaded."""

    names_database_after_file: ClassVar[bool] = False
    """Whether a schema of the same name can't be told from the database."""

    about_itself: ClassVar[re.Pattern[str]]
    """How a message begins that is about the database as a whole, and so not about a value or a name in the SQL."""

    place_variables: ClassVar[frozenset[str]]
    """Those of ``dbt_env`` that say which database it is."""

    @property
    def credentials(self) -> str:
        """The name of the setting that says where the database is."""
        return f"destination.{self.name}.credentials"

    @property
    def setting(self) -> str:
        """The same as messages show it."""
        return config.named(self.credentials)

    @property
    def sql(self) -> str:
        """Its SQL as sqlglot calls it."""
        return self.name

    def needs(self, credentials: Any = None) -> dict[str, bool]:
        """What has to be installed besides leadloop for a database of this setting, and whether it is."""
        return {}

    @abstractmethod
    def url(self, credentials: Any) -> URL:
        """Where the database is, from its setting; ``ConfigError`` for what is missing or wrong."""

    def path(self, url: URL) -> Path | None:
        """The database's file, where it is one."""
        return None

    def is_there(self, url: URL) -> bool:
        """Whether looking into it makes no new file; a server counts as there."""
        path = self.path(url)
        return path is None or path.exists()

    def ledger(self, url: URL) -> URL:
        """Where the tables are written that leadloop itself keeps. Beside the leads they can be read in any case."""
        return url

    def place_of_ledger(self, url: URL) -> str:
        """``place`` of what leadloop itself remembers."""
        return self.place(url)

    def files(self, url: URL) -> tuple[Path, ...]:
        """The files that are written to again and again, the one that names the database first: copies of all of them are a copy of it,
        since other files of a lake are never changed. None where it is a server's."""
        return ()

    def tables_written(self, url: URL) -> dict[Relation, tuple[int, float]]:
        """The number of the newest version of each table that is not told of by these files, and when it was written."""
        return {}

    def copied_to(self, url: URL, files: Sequence[Path]) -> URL:
        """The database whose ``files`` are these copies, opened for reading only."""
        raise NotImplementedError

    def note_in_copy(self, files: Sequence[Path], written: Mapping[Relation, tuple[int, float]]) -> None:  # noqa: B027 - most need nothing
        """Has a copy show these versions of the tables, whatever is written to them later."""

    def storage(self, url: URL) -> str:
        """The folder or bucket that has the leads, of a lake; blank where the database itself has them."""
        return ""

    def reading(self, url: URL) -> URL:
        """The same place, opened for reading only."""
        return url

    @abstractmethod
    def label(self, url: URL) -> str:
        """The database for people; never a password."""

    def described(self, url: URL) -> str:
        """The same with all that belongs to it, for ``leadloop check``."""
        return self.label(url)

    @abstractmethod
    def destination(self, url: URL) -> Any:
        """The dlt destination."""

    @abstractmethod
    def dbt_env(self, url: URL) -> dict[str, str]:
        """What ``dbt_models/profiles.yml`` reads; a password has a name that dbt masks."""

    def prepare(self, manifest: Any) -> None:  # noqa: B027 - most engines make models as the project says
        """Before a build: has dbt make the models so that they are tables where leadloop looks for them."""

    def building(
        self, database: sa.Engine, schemas: Collection[str]
    ) -> AbstractContextManager[Mapping[str, str]]:
        """Around a build, which makes models in these schemas: what dbt needs besides is there. Gives the variables of ``dbt_env``."""
        return nullcontext(self.dbt_env(database.url))

    def built(
        self, database: sa.Engine, project: Any, parsed: Any, nodes: Sequence[Any], made: Sequence[Any]
    ) -> list[Any]:
        """After a build, whatever came of it: notes and makes what dbt itself could not. ``project``, ``parsed`` and ``nodes``, what
        became of each: see ``dbt``. ``made``: dbt's own nodes, with their SQL. Returns what became of more nodes."""
        return []

    @abstractmethod
    def place(self, url: URL) -> str:
        """The database by a text that is the same for all ways to name it; never with a password."""

    def is_of(self, credentials: Any) -> bool:
        """Whether the credentials that dbt's adapter has read from a profile are for this engine."""
        return bool(credentials.type == self.name)

    @abstractmethod
    def dbt_place(self, credentials: Any) -> str:
        """The same of the credentials that dbt's adapter has read from a profile."""

    def dbt_output(self, output: Mapping[str, Any], url: URL) -> dict[str, Any]:
        """An output of dbt's profile, as its file has it, that leads to this database instead of the one that it names."""
        return dict(output)

    @abstractmethod
    def as_toml(self, credentials: Any) -> tuple[str, str]:
        """The settings that name the database of a dbt profile, or of none yet: the lines of config.toml and of secrets.toml."""

    def connected(self, connection: Any) -> None:  # noqa: B027 - most engines need nothing
        """Prepares a new connection of the driver's."""

    def look_through(self, connection: sa.Connection) -> None:  # noqa: B027 - a server looks after its files itself
        """Reads everything that is in the database's file, so that what is damaged is an error."""

    @abstractmethod
    def explained(self, text: str, label: str) -> WarehouseError | ConfigError | None:
        """What an error's text means for a person, if it is about the database as a whole: reaching it, holding it,
        what may be done in it, and whether it is sound."""

    def is_cut(self, error: sa.exc.DBAPIError) -> bool:
        """Whether the connection is gone, and not the statement wrong, so that the same work can be tried again."""
        return False

    def check_whole(self, connection: sa.Connection) -> None:  # noqa: B027 - most engines have but one part
        """Raises ``ConfigError`` where the parts of a warehouse that lies in several places don't belong together."""

    def loss_accepted(self) -> AbstractContextManager[None]:
        """In it, in this thread, what leadloop remembers is begun anew where it is gone and the rest is there."""
        return nullcontext()

    def id_before(self, connection: sa.Connection) -> str | None:
        """The id of the warehouse of which that is begun anew; ``None`` for a warehouse that is new itself."""
        return None

    def begun_anew(self, connection: sa.Connection) -> datetime | None:
        """When that was; ``None`` where it never was."""
        return None

    def count_on(self, connection: sa.Connection, sequence: str) -> None:  # noqa: B027
        """Has the sequence go on after all its numbers that are in the tables, where it may have been put back without them."""

    def bind(self, connection: sa.Connection) -> None:  # noqa: B027
        """Notes in one part of the warehouse which the other is, once both are there."""

    def make_schema(self, connection: sa.Connection, schema: str) -> None:
        """Makes the schema of what leadloop itself remembers, if it is not there."""
        connection.execute(CreateSchema(schema, if_not_exists=True))

    def columns_of(self, connection: sa.Connection, schema: str, name: str) -> frozenset[str]:
        """The columns of a table or view; empty where there is none of that name."""
        columns = sa.table(
            "columns",
            sa.column("table_schema"),
            sa.column("table_name"),
            sa.column("column_name"),
            schema="information_schema",
        ).c
        query = sa.select(columns.column_name).where(
            columns.table_schema == schema, columns.table_name == name
        )
        return frozenset(connection.scalars(query))

    def about(self, connection: sa.Connection, table: sa.Table) -> int:
        """About how many rows a table has, without reading them."""
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)

    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:  # noqa: B027 - most engines need nothing
        """Has the engine look at a table of which a large part has changed."""

    def find_late(self, connection: sa.Connection, schema: str, table: str, column: str) -> None:  # noqa: B027
        """Sees to it that the latest times of a column that only grows are found without reading the table.

        Most engines keep the least and the greatest value of each part of a table, and need nothing.
        """

    @abstractmethod
    def size(self, connection: sa.Connection) -> Size:
        """How large the warehouse is, or what leadloop itself has in it where others have a part of the same database."""

    @abstractmethod
    def tidy(self, connection: sa.Connection, keep: timedelta, needed_since: datetime | None = None) -> None:
        """Makes room, and what is slow after many runs quick again. The connection is in no transaction, and nobody builds meanwhile.

        ``keep``: how far back an engine that keeps old states of its tables has to keep them. ``needed_since``: readers have a copy in
        which tables have the files that they had then, or later ones.
        """

    @abstractmethod
    def states(self, connection: sa.Connection, relations: Iterable[Relation]) -> dict[Relation, State]:
        """The states of these relations, at a cost that hardly grows with them; without those that aren't there or can't be told."""

    @abstractmethod
    def steady(self, connection: sa.Connection, functions: Collection[str]) -> bool:
        """Whether each of these functions, by their names in lower case, comes with the engine and always gives the same for
        the same arguments."""

    def tables_in(self, connection: sa.Connection, schema: str) -> list[str]:
        """The names of the tables and views of a schema."""
        tables = sa.table(
            "tables", sa.column("table_schema"), sa.column("table_name"), schema="information_schema"
        ).c
        query = sa.select(tables.table_name).where(tables.table_schema == schema)
        return sorted(connection.scalars(query))

    def tables(self, connection: sa.Connection, query: sa.Select[Any]) -> Iterator[Any]:
        """What a query finds, all of it text, as Arrow tables: read piece by piece, as one statement and so of one moment."""
        import pyarrow as pa

        found = connection.execution_options(stream_results=True).execute(query)
        names = list(found.keys())
        for part in found.partitions(ROWS_AT_A_TIME):
            columns = zip(names, zip(*part, strict=True), strict=True)
            yield pa.table({name: pa.array(values, pa.string()) for name, values in columns})

    @abstractmethod
    def micros(self, column: str) -> str:
        """SQL: a time, with a zone or without, as microseconds since 1970: a bigint."""

    @abstractmethod
    def bytes_of(self, text: str) -> str:
        """SQL: how many bytes a text has in UTF-8."""

    @abstractmethod
    def digest(self, text: str) -> str:
        """SQL: a bigint that is made from the first 15 hex digits of a text's md5, and so is the same in every engine."""

    def make_anew(self, connection: sa.Connection, relation: Relation, columns: Sequence[Column]) -> None:
        """An empty table as dlt would have made it, in place of one that is there and of the views that stand on it."""
        quote = connection.dialect.identifier_preparer.quote_identifier
        name = ".".join(map(quote, relation))
        told = ", ".join(
            f"{quote(each.name)} {_IN_SQL.get(each.kind, each.kind)}{'' if each.nullable else ' not null'}"
            for each in columns
        )
        connection.exec_driver_sql(f"create schema if not exists {quote(relation.schema)}")
        connection.exec_driver_sql(f"drop table if exists {name} cascade")
        connection.exec_driver_sql(f"create table {name} ({told})")

    def fill(self, connection: sa.Connection, relation: Relation, parts: Iterable[Any]) -> None:
        """Adds Arrow tables, one after the other, as ``append`` takes them: all of them or, where it is cut off, none."""
        for rows in parts:
            self.append(connection, relation, rows)

    @abstractmethod
    def append(self, connection: sa.Connection, relation: Relation, rows: Any) -> None:
        """Adds an Arrow table, whose columns have names and types of the table's own, as fast as the engine can."""

    @abstractmethod
    def insert(
        self, connection: sa.Connection, table: sa.Table, columns: Mapping[str, Sequence[Any]]
    ) -> None:
        """Adds many rows at once, given as column -> values."""
