"""A quick stand-in for dlt: rows, cursors and columns come into the warehouse as dlt brings them, in a fraction of its time.

For tests of what is read, not of how dlt loads it. What leadloop reads of dlt's tables is the same: see
``connector/warehouse/pipelines.py``.
"""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from itertools import count
from typing import Any

import dlt
import pyarrow as pa
import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateSchema

from connector.warehouse.ledger import columns_of
from connector.warehouse.pipelines import STATE_VERSION, AccountTables, state_of, unwrapped

_LOADS = count(1_700_000_000)
_OF_DLT = {
    "_dlt_loads": "load_id text, schema_name text, status bigint, inserted_at timestamptz, schema_version_hash text",
    "_dlt_pipeline_state": (
        "version bigint, engine_version bigint, pipeline_name text, state text, created_at timestamptz, version_hash text,"
        " _dlt_load_id text, _dlt_id text"
    ),
}
_STATE: ContextVar[dict[str, Any]] = ContextVar("state")


def without_dlt(patch: pytest.MonkeyPatch) -> None:
    """From now on whatever is loaded is loaded by the stand-in."""
    patch.setattr(AccountTables, "load", _load)
    patch.setattr(dlt.current, "resource_state", lambda: _STATE.get())


def _load(self: AccountTables, resources: Sequence[Any]) -> None:
    """One package, in one transaction: all of it is there or none."""
    self._known = None
    schema, name = self._schema, self._name
    read = []
    with self._warehouse.engine().connect() as connection:
        state = state_of(connection, schema, name)
    for resource in resources:
        _STATE.set(state.setdefault(resource.name, {}))
        with unwrapped():
            tables = [table for table in resource if table.num_rows]
        if tables:
            read.append((resource.name, pa.concat_tables(tables, promote_options="default")))
    load_id = _load_id()
    with self._warehouse.engine().begin() as connection:
        connection.execute(CreateSchema(schema, if_not_exists=True))
        for table, columns in _OF_DLT.items():
            connection.exec_driver_sql(f"create table if not exists {schema}.{table} ({columns})")
        for table, rows in read:
            _append(connection, schema, table, rows, load_id)
        _note(connection, schema, name, state, load_id)


def put_cursors(tables: AccountTables, table: str, cursors: Mapping[str, str]) -> None:
    """Has a table's cursors say something else, as a package without rows would."""
    schema, name = tables._schema, tables._name
    with tables._warehouse.engine().begin() as connection:
        state = state_of(connection, schema, name)
        state[table]["cursors"] = dict(cursors)
        _note(connection, schema, name, state, _load_id())


def _load_id() -> str:
    return f"{next(_LOADS)}.0"


def _note(connection: sa.Connection, schema: str, name: str, state: Mapping[str, Any], load_id: str) -> None:
    """Writes that a package was loaded, and the state it left."""
    whole = json.dumps({"sources": {name: {"resources": state}}}).encode()
    packed = base64.b64encode(zlib.compress(whole)).decode()
    given = {"load": load_id, "name": name, "state": packed}
    for statement in (
        (
            "insert into {}._dlt_pipeline_state (version, engine_version, pipeline_name, state, created_at,"
            f" _dlt_load_id, _dlt_id) values (1, {STATE_VERSION}, :name, :state, current_timestamp, :load, :load)"
        ),
        "insert into {}._dlt_loads (load_id, status, inserted_at) values (:load, 0, current_timestamp)",
    ):
        connection.execute(sa.text(statement.format(schema)), given)


def _append(connection: sa.Connection, schema: str, table: str, rows: pa.Table, load_id: str) -> None:
    columns = {field.name: _type(field.type) for field in rows.schema} | {"_dlt_load_id": "text"}
    quote = connection.dialect.identifier_preparer.quote_identifier
    there = columns_of(connection, schema, table)
    if not there:
        named = ", ".join(f"{quote(column)} {kind}" for column, kind in columns.items())
        connection.exec_driver_sql(f"create table {schema}.{table} ({named})")
    else:
        for column in columns.keys() - there:
            connection.exec_driver_sql(
                f"alter table {schema}.{table} add column {quote(column)} {columns[column]}"
            )
    target = sa.table(table, *map(sa.column, columns), schema=schema)
    if connection.dialect.name == "duckdb":
        shown = rows.append_column("_dlt_load_id", pa.repeat(pa.scalar(load_id), rows.num_rows))
        own = connection.connection.dbapi_connection
        assert own is not None
        own.register("quick_rows", shown)
        names = ", ".join(map(quote, columns))
        connection.exec_driver_sql(f"insert into {schema}.{table} ({names}) select {names} from quick_rows")
        own.unregister("quick_rows")
    else:
        connection.execute(target.insert(), [{**row, "_dlt_load_id": load_id} for row in rows.to_pylist()])


def _type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "timestamptz"
    return "bigint" if pa.types.is_integer(kind) else "text"
