"""Which types the fields of a CRM have, as it says itself or as its published API says: ``leadloop.fields``.

Whoever extracts leads asks once a day. The models read it for the types that columns of ``leads`` have. The rows of a CRM are
replaced where something has changed, and else nothing is written, so that a build finds what it was made from unchanged.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import sqlalchemy as sa

from connector.crm.account import Account
from connector.crm.base import FieldType, TypeReader
from connector.errors import ConfigError, CrmError
from connector.extract.past import Read
from connector.warehouse import reads
from connector.warehouse.leases import Lease
from connector.warehouse.ledger import METADATA, SCHEMA, columns_of

fields = sa.Table(
    "fields",
    METADATA,
    sa.Column("crm", sa.Text),
    # As the API names it.
    sa.Column("field", sa.Text),
    # text, integer, number, boolean, date or timestamp.
    sa.Column("type", sa.Text),
    # The type in the CRM's own words.
    sa.Column("crm_type", sa.Text),
    # What people in the account call it.
    sa.Column("label", sa.Text),
    sa.Column("noted_at", sa.DateTime(timezone=True)),
    info={"one_row_per": "field of a CRM that says which types its fields have"},
)

STREAM = "fields"
"""What ``leadloop.reads`` calls it."""
EVERY = timedelta(days=1)


def refresh(
    engine: sa.Engine, lease: Lease, account: Account, run_id: str | None, say: Callable[[str], None]
) -> None:
    """Asks which types the fields have, where that was not asked within a day, and notes what has changed.

    What the CRM doesn't tell is no reason for a run to fail: its columns keep the types they have.
    """
    if not account.capabilities.types or not _is_due(engine, account.name):
        return
    try:
        found = cast(TypeReader, account.reader).fields()
    except (CrmError, ConfigError) as error:
        say(f"{account.name} does not say which types its fields have: {error}")
        with lease.transaction() as connection:
            reads.note(connection, run_id, account.name, [Read(STREAM, STREAM, None, 0, 1, False)])
        return
    with lease.transaction() as connection:
        _note(connection, account.name, found.fields)
        done = Read(STREAM, STREAM, None, len(found.fields), found.calls, True)
        reads.note(connection, run_id, account.name, [done])


def _is_due(engine: sa.Engine, crm: str) -> bool:
    with engine.connect() as connection:
        if not columns_of(connection, SCHEMA, reads.reads.name):
            return True
        column = reads.reads.c
        query = sa.select(sa.func.max(column.noted_at)).where(column.crm == crm, column.stream == STREAM)
        last: datetime | None = connection.scalar(query)
    return last is None or datetime.now(UTC) - last >= EVERY


def _note(connection: sa.Connection, crm: str, found: Sequence[FieldType]) -> None:
    """Replaces the rows of a CRM, in the transaction of the connection, unless they are there."""
    column = fields.c
    query = sa.select(column.field, column.type, column.crm_type, column.label).where(column.crm == crm)
    there = {tuple(row) for row in connection.execute(query)}
    if there == {(each.name, each.type, each.kind, each.label) for each in found}:
        return
    now = datetime.now(UTC)
    connection.execute(fields.delete().where(column.crm == crm))
    if found:
        connection.execute(
            fields.insert(),
            [
                {
                    "crm": crm,
                    "field": each.name,
                    "type": each.type,
                    "crm_type": each.kind,
                    "label": each.label,
                    "noted_at": now,
                }
                for each in found
            ],
        )
