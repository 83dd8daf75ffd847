"""What engines have in common that keep leads in files of a lake, and what leadloop remembers in a DuckDB file beside them, its
ledger: a lake is bad at small writes.

The lake has a note of its ledger's id, ``leadloop.of_ledger``: any part can be lost, or put back from a copy, without the others. A
lake without its ledger knows nothing of what was sent; with another lake's ledger it would take that one's pushes for its own. Both
are refused. A ledger that is older than the lake counts on from the lake's numbers; what it has forgotten, the marks of pushes tell.
A lake that is new under a ledger that is not is read again from the beginning, and what was sent stays known.
"""

import threading
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import URL

from connector.errors import ConfigError
from connector.warehouse.duckdb import DuckDB
from connector.warehouse.engine import State
from connector.warehouse.relations import Relation

LAKE = "lake"
"""The database with raw tables and models, in every session."""
LEDGER = "ledger"
"""The DuckDB file with the schema ``leadloop``, in every session."""
SCHEMA = "leadloop"
NOTE = "of_ledger"
"""The table of the lake that says whose ledger it has."""
NUMBERED = ("leadloop_sequence_number", "last_sequence_number", "build_number", "journal_up_to")
"""Columns that hold numbers of the ledger's sequence."""
NOT_COPIED = ("leases", "warehouse", "shards", "last_build", "dbt_results", "begun_anew")
"""Tables of the ledger of no use to anybody who reads, or made in the lake itself."""
MADE_IN_LAKE = ("built_loads", "built_versions", "dbt_results", NOTE)
"""Tables of the schema ``leadloop`` that are in the lake; all others there are copies of the ledger's."""
OF_LEDGER = f"""
select concat_ws('.', database_name, schema_name, table_name) from duckdb_tables() where database_name = '{LEDGER}'
"""
"""Asks for every table of the ledger, by its whole name."""
_ACCEPTED = threading.local()
_WHERE = """
select database_name from duckdb_tables() where database_name in (?, ?) and schema_name = ? and table_name = ?
union all
select database_name from duckdb_views() where database_name in (?, ?) and schema_name = ? and view_name = ?
"""
"""The database, of the lake and its ledger, that has a relation."""


class Apart(DuckDB):
    """An engine with such a ledger, which is the file that its URL names."""

    is_one_file = False
    has_previews = False
    has_ledger_apart = True
    names_database_after_file = False

    @property
    def sql(self) -> str:
        return "duckdb"

    @abstractmethod
    def highest_number(self, connection: sa.Connection) -> int | None:
        """The highest number of the ledger's sequence that the lake has, told without opening a file of it."""

    @abstractmethod
    def note_ledger(self, connection: sa.Connection, own: str) -> None:
        """Notes the ledger's id in the lake."""

    def make_schema(self, connection: sa.Connection, schema: str) -> None:
        """It is there since the ledger was opened; a statement that makes it would mean the lake."""

    def place_of_ledger(self, url: URL) -> str:
        """Two lakes of one name, in different engines, would have the same."""
        return str(self.path(url).resolve())

    def loss_accepted(self) -> AbstractContextManager[None]:
        return _accepted()

    def check_whole(self, connection: sa.Connection) -> None:
        url: URL = connection.engine.url
        noted, own = id_in_lake(connection), _own_id(connection)
        if noted is None or noted == own:
            return
        lake, ledger = self.label(url), self.path(url)
        if own is not None:
            raise ConfigError(
                f"{ledger} is not the ledger of the lake {lake}: it is another one's. Nothing was done.",
                "Put the lake's own ledger back to this place, from a copy if need be.",
            )
        if not getattr(_ACCEPTED, "is_on", False):
            raise ConfigError(
                f"The lake {lake} has lost its ledger {ledger}, which alone knows what was sent. Nothing was done.",
                "Put it back, from a copy if need be. Without one: leadloop run --restored. It begins a new ledger, and leaves alone as "
                "a conflict what the CRM shows and nobody knows to have been sent.",
            )

    def id_before(self, connection: sa.Connection) -> str | None:
        found = id_in_lake(connection)
        if found is not None:
            # It is not the first ledger of this lake.
            connection.exec_driver_sql(f"create table {LEDGER}.{SCHEMA}.begun_anew (begun_at timestamptz)")
            connection.exec_driver_sql(f"insert into {LEDGER}.{SCHEMA}.begun_anew values (now())")
        return found

    def begun_anew(self, connection: sa.Connection) -> datetime | None:
        if where(connection, SCHEMA, "begun_anew") != LEDGER:
            return None
        query = f"select max(begun_at) from {LEDGER}.{SCHEMA}.begun_anew"
        found: datetime = connection.exec_driver_sql(query).scalar_one()
        return found.astimezone(UTC)

    def count_on(self, connection: sa.Connection, sequence: str) -> None:
        """After every number that the lake has: a lower one would seem to have come before."""
        highest = self.highest_number(connection)
        if highest is None:
            return
        name = sequence.rpartition(".")[2]
        last = connection.exec_driver_sql(
            "select coalesce(last_value, 0) from duckdb_sequences() where database_name = ? and schema_name = ? and"
            " sequence_name = ?",
            (LEDGER, SCHEMA, name),
        ).scalar()
        if last is None or last > highest:
            return
        # What the catalog says of a sequence may be off by one, what it gives is not.
        number = connection.exec_driver_sql(f"select nextval('{sequence}')").scalar_one()
        if number < highest:
            connection.exec_driver_sql(
                f"select max(nextval('{sequence}')) from range({highest - number})"
            ).all()

    def bind(self, connection: sa.Connection) -> None:
        own = _own_id(connection)
        if own is not None and id_in_lake(connection) is None:
            self.note_ledger(connection, own)

    def columns_of(self, connection: sa.Connection, schema: str, name: str) -> frozenset[str]:
        """The catalog of all columns would look at every view of the lake, which takes a second."""
        quote = connection.dialect.identifier_preparer.quote_identifier
        known = where(connection, schema, name)
        if known is None:
            return frozenset()
        # A view of what is gone can't be described.
        with suppress(sa.exc.DBAPIError):
            described = connection.exec_driver_sql(f"describe {'.'.join(map(quote, (known, schema, name)))}")
            return frozenset(row[0] for row in described)
        return frozenset()

    def states_of_ledger(
        self, connection: sa.Connection, relations: Iterable[Relation]
    ) -> dict[Relation, State]:
        """Of those of the relations that are in the ledger."""
        return self.states_in(
            connection, [each for each in relations if each.schema == SCHEMA], f"'{LEDGER}'"
        )


def tables_of_ledger(connection: sa.Connection) -> list[str]:
    """The names of the tables of leadloop's in the ledger whose copies models and analysts read in the lake."""
    query = "select table_name from duckdb_tables() where database_name = ? and schema_name = ?"
    return sorted({*connection.exec_driver_sql(query, (LEDGER, SCHEMA)).scalars()} - {*NOT_COPIED})


def is_shown(relation: Relation) -> bool:
    """Whether a relation of the lake is one that a session shows: copies of the ledger's tables are not, since it has these themselves."""
    return relation.schema != SCHEMA or relation.name in MADE_IN_LAKE


def where(connection: sa.Connection, schema: str, name: str) -> str | None:
    """The database that has a table or view, the lake or its ledger; ``None`` where neither has it."""
    given = (LAKE, LEDGER, schema, name)
    found: str | None = connection.exec_driver_sql(_WHERE, given * 2).scalar()
    return found


def id_in_lake(connection: sa.Connection) -> str | None:
    """The id of the ledger that the lake belongs to; ``None`` for a lake that nobody has worked with."""
    if where(connection, SCHEMA, NOTE) != LAKE:
        return None
    query = f"select max(ledger_id) from {LAKE}.{SCHEMA}.{NOTE}"
    found: str | None = connection.exec_driver_sql(query).scalar()
    return found


def _own_id(connection: sa.Connection) -> str | None:
    if where(connection, SCHEMA, "warehouse") != LEDGER:
        return None
    query = f"select id from {LEDGER}.{SCHEMA}.warehouse order by made_at, id limit 1"
    found: str | None = connection.exec_driver_sql(query).scalar()
    return found


@contextmanager
def _accepted() -> Iterator[None]:
    _ACCEPTED.is_on = True
    try:
        yield
    finally:
        _ACCEPTED.is_on = False
