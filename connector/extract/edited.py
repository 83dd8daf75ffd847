"""The leads whose clock moved since an instant: what a push looks at before it overwrites anything."""

from collections.abc import Collection
from datetime import datetime, timedelta

from connector.crm.base import LeadReader
from connector.extract import windows
from connector.extract.columns import Columns
from connector.extract.query import Query
from connector.extract.reading import reading
from connector.extract.windows import Window

FURTHEST = timedelta(days=366)
"""How far a CRM's clock may have been ahead of what it says now."""


def edited_since(
    reader: LeadReader,
    since: datetime,
    now: datetime,
    query: Query,
    only: Collection[str] | None = None,
    there: Collection[str] = (),
    concurrency: int | None = 1,
) -> dict[str, dict[str, str | None]]:
    """The leads (``only`` some of them) whose clock moved since an instant, by lead id, as text by column name.

    ``now`` is what the CRM's clock says. What was edited in its future is found too: an edit of before that clock was put
    back, or of when it was ahead, would be overwritten as if nobody had made it.
    ``there``: the columns of the raw table, which say in which of them each field is; where they don't,
    ``UnexpectedAnswerError``. Small by nature: meant for the minutes between a plan and its push.
    """
    found: dict[str, dict[str, str | None]] = {}
    columns = Columns.of(reader, there, gives=False)
    window = Window(windows.floor_second(since), windows.floor_second(now) + FURTHEST)
    for batch in reading(reader, window, query, concurrency=concurrency, only=only, columns=columns):
        for row in batch.table.to_pylist():
            lead_id = reader.lead_id(row)
            if only is None or lead_id in only:
                found[lead_id] = row
    return found
