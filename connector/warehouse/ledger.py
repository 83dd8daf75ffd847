"""The schema ``leadloop``: what the tool itself remembers, in the warehouse that the leads are in.

Each table is declared beside the code that writes it, with ``METADATA``. This file has what they share: how a table comes
into being, how an older one gets the columns it lacks, and the number that says what happened first.
"""

import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.schema import CreateSchema, CreateTable

SCHEMA = "leadloop"
METADATA = sa.MetaData(schema=SCHEMA)

SEQUENCE = f"{SCHEMA}.sequence_number"
"""Counts what is recorded and what is read, in the order in which it happened. No wall clock decides that order.

A journal transaction takes its number after the CRM's answer has arrived, a reading takes its number before its first
call. So a sighting with a higher number than a journal row was read after that row's write.
"""

warehouse = sa.Table(
    "warehouse",
    METADATA,
    sa.Column("id", sa.Text),
    sa.Column("made_at", sa.DateTime(timezone=True)),
    info={"one_row_per": "warehouse: there is one, with its own id"},
)


def identity(connection: sa.Connection) -> str:
    """The warehouse's own id: it gets one when it is first worked on, and a copy of it has the same."""
    known = sa.select(warehouse.c.id).order_by(warehouse.c.made_at, warehouse.c.id).limit(1)
    if not columns_of(connection, SCHEMA, warehouse.name):
        ensure(connection, (warehouse,))
    found: str | None = connection.scalar(known)
    if found is None:
        found = uuid.uuid4().hex
        connection.execute(warehouse.insert().values(id=found, made_at=datetime.now(UTC)))
    return found


def ensure(
    connection: sa.Connection, tables: Iterable[sa.Table], added: Iterable[sa.Column[object]] = ()
) -> None:
    """Makes the schema, the sequence and these tables where they are missing, and adds the columns that older ones lack."""
    connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
    connection.exec_driver_sql(f"create sequence if not exists {SEQUENCE}")
    for table in tables:
        connection.execute(CreateTable(table, if_not_exists=True))
    for column in added:
        assert isinstance(column.table, sa.Table)
        if column.name not in columns_of(connection, SCHEMA, column.table.name):
            kind = column.type.compile(connection.dialect)
            connection.exec_driver_sql(
                f"alter table {SCHEMA}.{column.table.name} add column {column.name} {kind}"
            )


def next_number(connection: sa.Connection) -> int:
    """The next number of the sequence; the schema must be there (``ensure``)."""
    return int(connection.exec_driver_sql(f"select nextval('{SEQUENCE}')").scalar_one())


def columns_of(connection: sa.Connection, schema: str, name: str) -> frozenset[str]:
    """The columns of a table or view; empty where there is none of that name."""
    if connection.dialect.name == "duckdb":
        # It takes a tenth of the time there. What is not there, or a view of what is gone, is an error.
        quoted = map(connection.dialect.identifier_preparer.quote_identifier, (schema, name))
        with suppress(sa.exc.DBAPIError):
            return frozenset(row[0] for row in connection.exec_driver_sql(f"describe {'.'.join(quoted)}"))
    columns = sa.table(
        "columns",
        sa.column("table_schema"),
        sa.column("table_name"),
        sa.column("column_name"),
        schema="information_schema",
    ).c
    query = sa.select(columns.column_name).where(columns.table_schema == schema, columns.table_name == name)
    return frozenset(connection.scalars(query))
