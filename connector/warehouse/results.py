"""What dbt's models and tests came to, whoever ran dbt: the package's ``on-run-end`` hook records it in the warehouse.

``leadloop.dbt_results`` has one row per dbt node and run. The macro ``record_results`` makes and fills it. A node that is
built for another target, in another schema, is another one: what fails in somebody's dev schema stops no push of prod's.
"""

from collections.abc import Mapping

import sqlalchemy as sa

from connector.errors import TestsFailedError
from connector.warehouse.ledger import METADATA, SCHEMA, columns_of

dbt_results = sa.Table(
    "dbt_results",
    METADATA,
    sa.Column("invocation_id", sa.Text),
    sa.Column("unique_id", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("sequence_number", sa.BigInteger),
    sa.Column("recorded_at", sa.DateTime(timezone=True)),
    sa.Column("schema_name", sa.Text),
    info={"one_row_per": "dbt model, seed, snapshot or test, and run of dbt"},
)

FAILED = ("error", "fail", "runtime error", "skipped", "partial success")


def failed(engine: sa.Engine, nodes: Mapping[str, str]) -> tuple[str, ...]:
    """Names of those of these dbt nodes, id -> schema, that failed, or were skipped, when they were last made or tested; sorted."""
    row = dbt_results.c
    newest = sa.func.row_number().over(partition_by=row.unique_id, order_by=row.sequence_number.desc())
    with engine.connect() as connection:
        columns = columns_of(connection, SCHEMA, dbt_results.name)
        if not columns:
            return ()
        these: sa.ColumnElement[bool] = row.unique_id.in_(list(nodes))
        if row.schema_name.name in columns:
            # Rows of an older leadloop say no schema. They count for all.
            of_schema = sa.tuple_(row.unique_id, row.schema_name).in_(list(nodes.items()))
            these = sa.and_(these, sa.or_(row.schema_name.is_(None), of_schema))
        ranked = sa.select(row.name, row.status, newest.label("place")).where(these).subquery()
        query = sa.select(ranked.c.name).where(ranked.c.place == 1, ranked.c.status.in_(FAILED))
        return tuple(sorted(set(connection.scalars(query))))


def check(engine: sa.Engine, push: str, stands_on: Mapping[str, str]) -> None:
    """``TestsFailedError`` where one of these dbt nodes, on which the push stands, failed when dbt last ran it."""
    if names := failed(engine, stands_on):
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        raise TestsFailedError(
            f"{push} was not sent, because dbt models or tests that it stands on failed: "
            f"{', '.join(names[:5])}{more}.",
            "Fix them and run: leadloop build",
        )
