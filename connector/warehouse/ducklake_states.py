"""What tells whether a table or view of a lake is as it was: the last snapshot in which it changed, from the lake's catalog."""

from collections.abc import Iterable

import sqlalchemy as sa

from connector.warehouse.ducklake_ledger import METADATA
from connector.warehouse.engine import State
from connector.warehouse.relations import Relation

_TABLES = f"""
with changed as (
    select changes.snapshot_id, unnest(regexp_extract_all(changes.changes_made, ':(\\d+)', 1)) as table_id
    from {METADATA}.ducklake_snapshot_changes as changes
),
latest as (
    select table_id, max(snapshot_id) as snapshot_id
    from changed
    group by table_id
)
select
    schemas.schema_name,
    tables.table_name,
    concat_ws(
        ' ', tables.table_uuid, tables.begin_snapshot, snapshots.snapshot_id, snapshots.snapshot_time,
        case when snapshots.snapshot_id is null then (select min(snapshot_time) from {METADATA}.ducklake_snapshot) end
    ) as digest
from {METADATA}.ducklake_table as tables
inner join {METADATA}.ducklake_schema as schemas using (schema_id)
left join latest on latest.table_id = cast(tables.table_id as text)
left join {METADATA}.ducklake_snapshot as snapshots on snapshots.snapshot_id = latest.snapshot_id
where tables.end_snapshot is null and schemas.end_snapshot is null
"""
"""A snapshot has a number and a time: a catalog that was put back from a copy gives the number again. Of a table that no snapshot
tells of, since old ones were removed, it is known only that it has not changed since the oldest that is left."""
_VIEWS = f"""
select schemas.schema_name, views.view_name, concat_ws(' ', views.view_uuid, views.begin_snapshot, views.sql) as digest
from {METADATA}.ducklake_view as views
inner join {METADATA}.ducklake_schema as schemas using (schema_id)
where views.end_snapshot is null and schemas.end_snapshot is null
"""


def states(connection: sa.Connection, relations: Iterable[Relation]) -> dict[Relation, State]:
    """Those of the relations that are in the lake, two questions for all of them."""
    wanted = set(relations)
    found: dict[Relation, State] = {}
    for schema, name, digest in connection.exec_driver_sql(_TABLES):
        if (relation := Relation(schema, name)) in wanted:
            found[relation] = State("table", digest)
    for schema, name, digest in connection.exec_driver_sql(_VIEWS):
        if (relation := Relation(schema, name)) in wanted:
            found[relation] = State("view", digest)
    return found
