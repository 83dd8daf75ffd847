"""The ledger's tables as tables of the Snowflake database; see ``apart_copies``."""

import tempfile
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from connector.warehouse import apart_copies
from connector.warehouse.apart import LEDGER, SCHEMA
from connector.warehouse.engine import ROWS_AT_A_TIME, Engine
from connector.warehouse.snowflake_connection import OWN, Door, Table, quoted

ROWS_IN_A_FILE = 500_000
"""Snowflake loads several files side by side, and one that is very large slowly."""
_STAGE = "LEADLOOP_COPIES"
_TYPES = {
    pa.string(): "varchar",
    pa.int64(): "number(19, 0)",
    pa.int32(): "number(10, 0)",
    pa.bool_(): "boolean",
    pa.float64(): "float",
    pa.timestamp("us"): "timestamp_ntz(6)",
    pa.timestamp("us", "UTC"): "timestamp_tz(6)",
}


def copy(database: sa.Engine, engine: Engine, door: Door) -> list[str]:
    """Copies what has changed to the database of this door; the names of those tables."""
    door.forget()
    there = {relation.name: table for relation, table in door.tables().items() if relation.schema == SCHEMA}
    made: set[str] = set()

    def version(name: str) -> str | None:
        """Nothing that is known to be right tells at a small cost whether somebody has written to it."""
        return "" if name in there or name in made else None

    def replace(name: str) -> None:
        _replace(database, door, name, there.get(name))
        made.add(name)

    try:
        return apart_copies.copy(database, engine, OWN, version, replace)
    finally:
        door.forget()


def _replace(database: sa.Engine, door: Door, name: str, before: Table | None) -> None:
    """In one transaction, after which the table has other rows; it is made anew where it would have other columns."""
    schema, table = quoted(door.account.database, SCHEMA.upper()), quoted(name.upper())
    stage = f"{schema}.{quoted(_STAGE)}"
    with tempfile.TemporaryDirectory() as folder:
        with database.connect() as connection:
            found: Any = connection.exec_driver_sql(f"select * from {quoted(LEDGER, SCHEMA, name)}")
            with found.cursor.to_arrow_reader(ROWS_AT_A_TIME) as rows:
                columns = [(each.name, _TYPES[each.type]) for each in rows.schema]
                files = _written(rows, Path(folder))
        make = "create table if not exists"
        if before is not None and [each.name for each in before.columns] != [each for each, _ in columns]:
            make = "create or replace table"
        declared = ", ".join(f"{quoted(each.upper())} {kind}" for each, kind in columns)
        door.run(f"create schema if not exists {schema}", f"{make} {schema}.{table} ({declared})")
        if files:
            door.run(f"create or replace temporary stage {stage}")
        for file in files:
            path = str(file).replace("'", "\\'")
            door.run(f"put 'file://{path}' @{stage} overwrite = true auto_compress = false")
        with door.transaction():
            door.run(f"delete from {schema}.{table}")
            if files:
                door.run(
                    f"copy into {schema}.{table} from @{stage} file_format = (TYPE = 'PARQUET' USE_LOGICAL_TYPE = TRUE)"
                    " match_by_column_name = case_insensitive force = true"
                )


def _written(rows: Any, folder: Path) -> list[Path]:
    """Their names are no others' in this session: Snowflake goes by a file's name to tell what it has loaded."""
    files: list[Path] = []
    writer, number = None, 0
    for batch in rows:
        if not batch.num_rows:
            continue
        if writer is None or number + batch.num_rows > ROWS_IN_A_FILE:
            if writer is not None:
                writer.close()
            files.append(folder / f"{uuid.uuid4().hex}.parquet")
            writer, number = pq.ParquetWriter(files[-1], rows.schema), 0
        writer.write_batch(batch)
        number += batch.num_rows
    if writer is not None:
        writer.close()
    return files
