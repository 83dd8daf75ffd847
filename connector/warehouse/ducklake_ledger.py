"""Whether a lake and the ledger beside it belong together: the lake has a note of the ledger's id, ``lake.leadloop.of_ledger``.

A lake is three things in three places, and any of them can be lost, or put back from a copy, without the others. A lake without
its ledger knows nothing of what was sent; with another lake's ledger it would take that one's pushes for its own. Both are refused.
A ledger that is older than the lake counts on from the lake's numbers; what it has forgotten, the marks of pushes tell.
A lake that is new under a ledger that is not is read again from the beginning, and what was sent stays known.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa

from connector.errors import ConfigError
from connector.warehouse.ducklake_connection import LAKE, LEDGER, SCHEMA

METADATA = f"__ducklake_metadata_{LAKE}"
"""How DuckLake calls the catalog's own tables."""
_NOTE = f"{LAKE}.{SCHEMA}.of_ledger"
_IS_THERE = """
select 1 from duckdb_tables() where database_name = '{}' and schema_name = '{}' and table_name = '{}'
"""
_NUMBERS = f"""
select max(try_cast(stats.max_value as bigint))
from {METADATA}.ducklake_table_column_stats as stats
inner join {METADATA}.ducklake_column as columns using (table_id, column_id)
where
    columns.end_snapshot is null
    and columns.column_name in ('leadloop_sequence_number', 'last_sequence_number', 'sequence_number', 'journal_up_to')
"""
"""The highest number of the ledger's sequence that the lake has; told by the catalog, no file is opened."""
_ACCEPTED = threading.local()


@contextmanager
def loss_accepted() -> Iterator[None]:
    """In here, in this thread, a new ledger is begun for a lake whose own is gone."""
    _ACCEPTED.is_on = True
    try:
        yield
    finally:
        _ACCEPTED.is_on = False


def check(connection: sa.Connection, lake: str, ledger: str) -> None:
    """``ConfigError`` where the ledger is none of this lake's. ``lake`` and ``ledger``: both for people."""
    noted, own = id_in_lake(connection), _own_id(connection)
    if noted is None or noted == own:
        return
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


def id_in_lake(connection: sa.Connection) -> str | None:
    """The id of the ledger that the lake belongs to; ``None`` for a lake that nobody has worked with."""
    if not _has(connection, LAKE, "of_ledger"):
        return None
    found: str | None = connection.exec_driver_sql(f"select max(ledger_id) from {_NOTE}").scalar()
    return found


def begun_anew(connection: sa.Connection) -> datetime | None:
    """When a new ledger was begun for a lake that had lost its own; ``None`` where that never happened."""
    if not _has(connection, LEDGER, "begun_anew"):
        return None
    found: datetime = connection.exec_driver_sql(
        f"select max(begun_at) from {LEDGER}.{SCHEMA}.begun_anew"
    ).scalar_one()
    return found.astimezone(UTC)


def note_loss(connection: sa.Connection) -> None:
    """Notes in a new ledger that it is not the first one of its lake."""
    connection.exec_driver_sql(f"create table {LEDGER}.{SCHEMA}.begun_anew (begun_at timestamptz)")
    connection.exec_driver_sql(f"insert into {LEDGER}.{SCHEMA}.begun_anew values (now())")


def count_on(connection: sa.Connection, sequence: str) -> None:
    """Has the ledger's sequence go on after every number that the lake has: a lower one would seem to have come before."""
    highest = connection.exec_driver_sql(_NUMBERS).scalar()
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
        connection.exec_driver_sql(f"select max(nextval('{sequence}')) from range({highest - number})").all()


def bind(connection: sa.Connection) -> None:
    """Notes the ledger's id in a lake that has none yet; in a transaction of its own, since no other database is written to."""
    own = _own_id(connection)
    if own is None or id_in_lake(connection) is not None:
        return
    connection.exec_driver_sql(f"create schema if not exists {LAKE}.{SCHEMA}")
    connection.exec_driver_sql(f"create table if not exists {_NOTE} (ledger_id text, noted_at timestamptz)")
    connection.exec_driver_sql(f"insert into {_NOTE} values (?, now())", (own,))


def _own_id(connection: sa.Connection) -> str | None:
    if not _has(connection, LEDGER, "warehouse"):
        return None
    query = f"select id from {LEDGER}.{SCHEMA}.warehouse order by made_at, id limit 1"
    found: str | None = connection.exec_driver_sql(query).scalar()
    return found


def _has(connection: sa.Connection, database: str, table: str) -> bool:
    return connection.exec_driver_sql(_IS_THERE.format(database, SCHEMA, table)).first() is not None
