"""The dlt source of each CRM: ``pipeline.run(convoso())`` in anybody's pipeline."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import Any

import dlt
from dlt.common.configuration.specs import BaseConfiguration
from dlt.extract.resource import DltResource
from dlt.extract.source import DltSource

from connector import crm
from connector.extract.feed import Feed
from connector.extract.job import job
from connector.extract.load import resource
from connector.extract.streams import feeds_by_table, wanted


@cache
def source_of(name: str) -> Callable[..., DltSource]:
    """The dlt source of the CRM of that name, as ``from connector import convoso`` gives it."""

    def leads(
        start: datetime | None = None, end: datetime | None = None, **settings: Any
    ) -> Iterable[DltResource]:
        found = crm.vendor(name).settings(**settings)
        todo = job(found, start=start, end=end)
        on = wanted(found, todo)
        for table, feeds in feeds_by_table(found, todo).items():
            yield resource(*feeds, selected=table in on)

    leads.__name__ = leads.__qualname__ = name
    leads.__doc__ = f"""One account of {name} as a dlt source: the resource ``lead_versions``, and what else the CRM shows.

    Where it shows removed leads, logged calls and recordings, the resources ``lead_removals``, ``calls`` and ``recordings`` are there
    to be selected with ``with_resources``; without that, the settings ``removals``, ``calls`` and ``recordings`` say whether they are read.

    Every run covers what was edited since the last one (see ``connector.extract.windows``); the first one covers all
    leads. ``start`` and ``end`` (aware datetimes) read just that stretch of time and leave the cursor alone; a CRM that
    lists its leads from the newest edit on takes no ``end``. Every setting ``crm.{name}.*`` can be an argument, such as
    ``rate=2``; what is not given is resolved by dlt.

    Raises ``ConfigError`` for a missing or wrong setting, and whatever ``LeadReader`` raises while reading.
    """
    # An empty spec: else dlt fills in whatever argument is not given from its own lookup, down to a bare BASE_URL in the
    # environment that another program set, and the token would go there.
    decorated: Callable[..., DltSource] = dlt.source(
        leads, name=name, section=name, max_table_nesting=0, spec=BaseConfiguration
    )
    return decorated


def lead_versions(feed: Feed, most: int | None = None) -> DltResource:
    """The resource: one row per sighting of a lead, appended, as Arrow tables of text columns."""
    return resource(feed, most=most)
