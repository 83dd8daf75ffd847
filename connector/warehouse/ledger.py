"""The schema ``leadloop``: what the tool itself remembers, in the warehouse that the leads are in.

Each table is declared beside the code that writes it, with ``METADATA``; how it comes into being, and an older one gets what
it lacks, is in ``migrations.py``. This file has what they share: the warehouse's own row, and the number that says what
happened first.
"""

import sqlalchemy as sa

from connector.warehouse.engines import engine_of

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
    # The last step that was done to the tables of this schema: see migrations.py.
    sa.Column("version", sa.Integer),
    info={"one_row_per": "warehouse: there is one, with its own id"},
)


def identity(connection: sa.Connection) -> str:
    """The warehouse's own id: it has one since the first lease that was taken on it, and a copy of it has the same."""
    known = sa.select(warehouse.c.id).order_by(warehouse.c.made_at, warehouse.c.id).limit(1)
    return str(connection.execute(known).scalar_one())


def next_number(connection: sa.Connection) -> int:
    """The next number of the sequence; a lease must have been taken before."""
    return int(connection.exec_driver_sql(f"select nextval('{SEQUENCE}')").scalar_one())


def columns_of(connection: sa.Connection, schema: str, name: str) -> frozenset[str]:
    """The columns of a table or view; empty where there is none of that name."""
    return engine_of(connection).columns_of(connection, schema, name)
