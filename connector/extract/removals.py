"""Leads that are no longer there: what the CRM's searches for deleted and archived leads show, one row per sighting.

Such a search is asked like the one for edited leads: windows of time, each read whole, with a cursor per kind of removal.
A lead that is asked for by its id and isn't there has a row as well.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import cast

import pyarrow as pa

from connector.config import named
from connector.crm.base import Page, Removal, WindowReader
from connector.errors import UnexpectedAnswerError
from connector.extract import windows
from connector.extract.again import read_again
from connector.extract.columns import SEEN_AT, TIMEZONE, column_name, ids
from connector.extract.doubts import BEFORE_ALL
from connector.extract.feed import Feed
from connector.extract.job import Job, Progress
from connector.extract.names import aside
from connector.extract.query import Batch
from connector.extract.raw import REMOVALS
from connector.extract.windows import Window

TABLE = REMOVALS


class RemovalFeed(Feed):
    """Leads that were removed one way since the last run."""

    table = TABLE
    asks_time_first = True

    def __init__(
        self, job: Job, removal: Removal, on_progress: Callable[[Progress], None] | None = None
    ) -> None:
        super().__init__(replace(job, query=replace(job.query, cursor_field=f"{removal}_at")), on_progress)
        self._removal: Removal = removal

    def _read(self, window: Window, cursors: Mapping[str, str]) -> Iterator[Batch]:
        checked = False
        for batch in self._found(window, cursors):
            if not batch.table.num_rows:
                yield batch
                continue
            checked = checked or self._is_filtered()
            id_fields = self._job.reader.capabilities.id_fields
            yield replace(batch, table=self._looked_up(removed(batch.table, self._removal, id_fields)))

    def _looked_up(self, table: pa.Table) -> pa.Table:
        """The rows without leads that are there after all, where a row says that its lead was modified after its removal.

        It may have come back; or the CRM's clock was put back before it was removed. Only the lead itself can tell: one that
        isn't there has no ``removed_at``, as whatever is asked for and isn't there.
        """
        reader = self._job.reader
        times = {column_name(name) for name in reader.capabilities.modified_fields} & set(table.column_names)
        doubtful: dict[int, str] = {}
        for place, row in enumerate(table.select(["id", "removed_at", *sorted(times)]).to_pylist()):
            removals = windows.instants(row["removed_at"], reader.zone.key)
            modified = windows.modified_at(row, reader)
            if removals and modified and min(modified) > max(removals):
                doubtful[place] = row["id"]
        there = set()
        for lead_id, page in read_again(reader, doubtful.values(), concurrency=self._job.single_calls):
            self.tally.calls += page.calls
            if page.rows:
                there.add(lead_id)
        gone = {place for place, lead_id in doubtful.items() if lead_id not in there}
        kept = [place for place in range(table.num_rows) if place not in doubtful or place in gone]
        if not gone and len(kept) == table.num_rows:
            return table
        at = table.column("removed_at").to_pylist()
        shown = pa.array([None if place in gone else text for place, text in enumerate(at)], pa.string())
        return table.set_column(table.column_names.index("removed_at"), "removed_at", shown).take(kept)

    def _found(self, window: Window, cursors: Mapping[str, str]) -> Iterator[Batch]:
        try:
            yield from super()._read(window, cursors)
        except UnexpectedAnswerError:
            self._is_filtered()
            raise

    def _must_load(self, _since: str | None) -> bool:
        """Most accounts never remove a lead: then there is no cursor, and each run asks for all of time in one call."""
        return False

    def _is_filtered(self) -> bool:
        """Raises where the server overlooks the filter: it would show every lead as a removed one."""
        reader = cast(WindowReader, self._job.reader)
        field = self._job.query.cursor_field
        self.tally.calls += 1
        if reader.search(BEFORE_ALL, cursor_field=field, filters=self._job.query.filters, limit=1).rows:
            vendor = reader.capabilities.name
            raise UnexpectedAnswerError(
                f"shows leads that were {self._removal} in the year 1971, so it overlooks that filter, and what it shows says "
                "nothing about removed leads. Nothing of it was kept",
                f"{named(f'crm.{vendor}.removals')} = false leaves them out.",
                crm=vendor,
            )
        return True


def removed(table: pa.Table, removal: str, id_fields: tuple[str, ...]) -> pa.Table:
    """The rows of removed leads with the columns that ``lead_removals`` has whatever the CRM shows.

    ``id``; ``removal``; ``removed_at``: the time of the removal as the row shows it, or NULL. A field of the CRM's that
    has one of the latter names gets the prefix ``crm_``.
    """
    lead_ids = pa.array(ids(table, id_fields), pa.string())
    own = ("removal", "removed_at")
    table = table.rename_columns([aside(name, own) for name in table.column_names])
    at = f"{removal}_at"
    columns = {
        "id": lead_ids,
        "removal": pa.repeat(pa.scalar(removal), table.num_rows),
        "removed_at": table.column(at) if at in table.column_names else pa.nulls(table.num_rows, pa.string()),
    }
    return pa.table({**dict(zip(table.column_names, table.columns, strict=True)), **columns})


def gone(pages: Iterable[tuple[str, Page]], zone: str) -> pa.Table:
    """The same for leads that were asked for by their ids and weren't there."""
    found = list(pages)
    count = len(found)
    return pa.table(
        {
            "id": pa.array([lead_id for lead_id, _ in found], pa.string()),
            "removal": pa.repeat(pa.scalar("deleted"), count),
            "removed_at": pa.nulls(count, pa.string()),
            SEEN_AT: pa.array([page.asked_at for _, page in found], pa.timestamp("us", "UTC")),
            TIMEZONE: pa.repeat(pa.scalar(zone), count),
        }
    )
