"""Times in the future, in what was read and what was sent: a clock was wrong when they were written, and a person is told."""

from collections.abc import Iterator

import sqlalchemy as sa

from connector.crm import raw_schema
from connector.crm.base import LeadReader
from connector.crm.clock import NOTABLE, clock_of
from connector.extract.columns import SEEN_AT
from connector.extract.raw import LEADS, REMOVALS, first_not_blank
from connector.push.tables import push_journal
from connector.texts import count
from connector.warehouse.ledger import SCHEMA, columns_of


def in_the_future(engine: sa.Engine, reader: LeadReader) -> Iterator[str]:
    """One sentence for each table with rows of this CRM that carry a time later than there by more than a minute.

    None as long as the CRM wasn't asked anything: it may be this machine's clock that is wrong.
    """
    clock, crm, id_fields = clock_of(reader), reader.capabilities.name, reader.capabilities.id_fields
    if not clock.has_answers:
        return
    late = clock.now() + NOTABLE
    with engine.connect() as connection:
        for table in (LEADS, REMOVALS):
            there = columns_of(connection, raw_schema(crm), table)
            raw = sa.table(table, *map(sa.column, sorted(there)), schema=raw_schema(crm))
            lead = first_not_blank(raw, (*id_fields, "id"))
            if SEEN_AT in there and lead is not None:
                query = sa.select(sa.func.count(), sa.func.min(lead)).where(raw.c[SEEN_AT] > late)
                yield from _said(connection, query, f"{raw_schema(crm)}.{table}")
        if columns_of(connection, SCHEMA, push_journal.name):
            row = push_journal.c
            query = sa.select(sa.func.count(), sa.func.min(row.lead_id))
            yield from _said(
                connection, query.where(row.crm == crm, row.recorded_at > late), f"{SCHEMA}.push_journal"
            )


def _said(connection: sa.Connection, query: sa.Select[tuple[int, str | None]], table: str) -> Iterator[str]:
    number, lead_id = connection.execute(query).one()
    if number:
        yield (
            f"{table}: {count(number, 'row')} (of lead {lead_id}, for example) with a time in the future, since a clock was "
            "wrong. They don't outrank what came later, so nothing has to be done but to set the clock."
        )
