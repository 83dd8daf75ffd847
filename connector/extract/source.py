"""The dlt sources: ``pipeline.run(convoso())`` in anybody's pipeline."""

from collections.abc import Iterable
from datetime import datetime

import dlt
from dlt.common.configuration.specs import BaseConfiguration
from dlt.extract.resource import DltResource

from connector import crm
from connector.extract.feed import Feed
from connector.extract.job import job
from connector.extract.load import resource
from connector.extract.streams import feeds_by_table, wanted


# An empty spec: else dlt fills in whatever argument is not given from its own lookup, down to a bare BASE_URL in the
# environment that another program set, and the token would go there.
@dlt.source(name="convoso", section="convoso", max_table_nesting=0, spec=BaseConfiguration)  # type: ignore[untyped-decorator]
def convoso(
    base_url: str | None = None,
    auth_token: str | None = None,
    timezone: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    filters: dict[str, str] | None = None,
    cursor: str | None = None,
    settle: float | None = None,
    lookback: float | None = None,
    rate: float | None = None,
    concurrency: int | None = None,
    page_size: int | None = None,
    removals: bool | None = None,
    recordings: bool | None = None,
) -> Iterable[DltResource]:
    """One Convoso account as a dlt source: the resources ``lead_versions``, ``lead_removals`` and ``recordings``.

    All three are there to be selected with ``with_resources``; without that, ``removals`` (on) and ``recordings``
    (off: each lead that was called costs a call of its own) say whether they are read.

    Every run covers what was edited since the last one (see ``connector.extract.windows``); the first one covers all
    leads. Whatever is not given is resolved as ``crm.convoso.*`` (see ``connector.config``). ``start`` and ``end``
    (aware datetimes) read just that stretch of time and leave the cursor alone; ``settle`` and ``lookback`` are
    seconds, ``rate`` calls per second.

    Raises ``ConfigError`` for a missing or wrong setting, and whatever ``LeadReader`` raises while reading.
    """
    settings = crm.vendor("convoso").settings(
        base_url=base_url,
        auth_token=auth_token,
        timezone=timezone,
        filters=filters,
        cursor=cursor,
        settle=settle,
        lookback=lookback,
        rate=rate,
        concurrency=concurrency,
        page_size=page_size,
        removals=removals,
        recordings=recordings,
    )
    todo = job(settings, start=start, end=end)
    on = wanted(settings, todo)
    for table, feeds in feeds_by_table(settings, todo).items():
        yield resource(*feeds, selected=table in on)


@dlt.source(name="leadsquared", section="leadsquared", max_table_nesting=0, spec=BaseConfiguration)  # type: ignore[untyped-decorator]
def leadsquared(
    base_url: str | None = None,
    access_key: str | None = None,
    secret_key: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    settle: float | None = None,
    lookback: float | None = None,
    rate: float | None = None,
) -> Iterable[DltResource]:
    """Leads of one LeadSquared account, as ``convoso`` gives those of Convoso; see ``crm.leadsquared.*``."""
    settings = crm.vendor("leadsquared").settings(
        base_url=base_url,
        access_key=access_key,
        secret_key=secret_key,
        settle=settle,
        lookback=lookback,
        rate=rate,
    )
    yield lead_versions(Feed(job(settings, start=start, end=end)))


@dlt.source(name="pollybot", section="pollybot", max_table_nesting=0, spec=BaseConfiguration)  # type: ignore[untyped-decorator]
def pollybot(
    base_url: str | None = None,
    api_key: str | None = None,
    leads_path: str | None = None,
    start: datetime | None = None,
    settle: float | None = None,
    lookback: float | None = None,
    rate: float | None = None,
) -> Iterable[DltResource]:
    """Leads of one PollyBot workspace, as ``convoso`` gives those of Convoso; see ``crm.pollybot.*``.

    PollyBot lists leads from the newest edit on, so a backfill has a ``start`` and no end.
    """
    settings = crm.vendor("pollybot").settings(
        base_url=base_url,
        api_key=api_key,
        leads_path=leads_path,
        settle=settle,
        lookback=lookback,
        rate=rate,
    )
    yield lead_versions(Feed(job(settings, start=start)))


@dlt.source(name="leadping", section="leadping", max_table_nesting=0, spec=BaseConfiguration)  # type: ignore[untyped-decorator]
def leadping(
    base_url: str | None = None,
    api_key: str | None = None,
    start: datetime | None = None,
    settle: float | None = None,
    lookback: float | None = None,
    rate: float | None = None,
) -> Iterable[DltResource]:
    """Leads of one Leadping organisation, as ``pollybot`` gives those of PollyBot; see ``crm.leadping.*``."""
    settings = crm.vendor("leadping").settings(
        base_url=base_url, api_key=api_key, settle=settle, lookback=lookback, rate=rate
    )
    yield lead_versions(Feed(job(settings, start=start)))


def lead_versions(feed: Feed, most: int | None = None) -> DltResource:
    """The resource: one row per sighting of a lead, appended, as Arrow tables of text columns."""
    return resource(feed, most=most)
