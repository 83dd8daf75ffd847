"""What the catalog of a DuckLake says of its ledger: see ``apart``."""

import sqlalchemy as sa

from connector.warehouse.apart import LAKE, NOTE, SCHEMA

METADATA = f"__ducklake_metadata_{LAKE}"
"""How DuckLake calls the catalog's own tables."""
_NUMBERS = f"""
select max(try_cast(stats.max_value as bigint))
from {METADATA}.ducklake_table_column_stats as stats
inner join {METADATA}.ducklake_column as columns using (table_id, column_id)
where
    columns.end_snapshot is null
    and columns.column_name in ('leadloop_sequence_number', 'last_sequence_number', 'sequence_number', 'journal_up_to')
"""


def highest_number(connection: sa.Connection) -> int | None:
    found: int | None = connection.exec_driver_sql(_NUMBERS).scalar()
    return found


def note(connection: sa.Connection, own: str) -> None:
    """In a transaction of its own, since no other database is written to."""
    table = f"{LAKE}.{SCHEMA}.{NOTE}"
    connection.exec_driver_sql(f"create schema if not exists {LAKE}.{SCHEMA}")
    connection.exec_driver_sql(f"create table if not exists {table} (ledger_id text, noted_at timestamptz)")
    connection.exec_driver_sql(f"insert into {table} values (?, now())", (own,))
