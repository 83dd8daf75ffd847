"""What people edited in the CRM since the warehouse's picture of it: looked up before each batch, so that no edit is lost."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from connector.crm import raw_schema
from connector.crm.account import Account
from connector.crm.base import LeadReader
from connector.crm.clock import check_not_ahead
from connector.extract.asking import try_asking
from connector.extract.columns import SEEN_AT
from connector.extract.edited import edited_since
from connector.extract.query import Query
from connector.extract.raw import LEADS
from connector.push.plan import Plan
from connector.warehouse.ledger import columns_of


def recent_edits(
    engine: sa.Engine, account: Account, planned: Plan, reached: Callable[[], datetime | None]
) -> Callable[[Collection[str]], Mapping[str, Mapping[str, str | None]]] | None:
    """Those leads that were edited in the CRM since the warehouse's picture of it; asked before each batch.

    The first look goes back to where the last extraction ended, which ``reached`` tells, the later ones only to the look
    before them.
    """
    if planned.leads:
        try_asking(account.reader)
    if planned.seen_at is None or len(planned.leads) == planned.leads.totals.strangers:
        return None
    settings = account.settings
    query = Query(settings.reading.cursor)
    overlap = timedelta(seconds=settings.settle)
    with engine.connect() as connection:
        there = columns_of(connection, raw_schema(planned.crm), LEADS)
    end = reached() or planned.seen_at
    check_not_ahead(planned.crm, end, account.clock)
    since = end - overlap

    def look(waiting: Collection[str]) -> Mapping[str, Mapping[str, str | None]]:
        nonlocal since
        asked_at = account.clock.now()
        found = edited_since(
            account.reader,
            min(since, asked_at),
            asked_at,
            query,
            waiting,
            there,
            concurrency=settings.concurrency,
        )
        since = asked_at - overlap
        return _unlike_planned(engine, account.reader, planned, found) if planned.mode == "delete" else found

    return look


def _unlike_planned(
    engine: sa.Engine, reader: LeadReader, planned: Plan, shown: Mapping[str, Mapping[str, str | None]]
) -> dict[str, Mapping[str, str | None]]:
    """Those of these leads that don't look as they did when the plan was made.

    A CRM's clock counts whole seconds, so a look also finds what was edited, and read, in the second it begins with.
    """
    from connector.extract.reconcile import OURS, RawLeads

    known = RawLeads(engine, reader).rows(shown)

    def is_as_planned(lead_id: str) -> bool:
        row = known.get(lead_id)
        if row is None or planned.seen_at is None or row[SEEN_AT] > planned.seen_at:
            return False
        # A field that the raw table has no column for is not there when it is blank.
        return all(
            (row.get(name) or None) == (value or None)
            for name, value in shown[lead_id].items()
            if name not in OURS
        )

    return {lead_id: row for lead_id, row in shown.items() if not is_as_planned(lead_id)}
