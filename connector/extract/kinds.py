"""Everything a run reads of one CRM, kind by kind: leads, leads that were removed, leads to look at again, recordings.

Each kind is loaded by itself, with the cursor that belongs to it, so that one that fails takes nothing from another.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing

import dlt
import pyarrow as pa

from connector.config import VendorSettings
from connector.crm.base import LeadReader, Page
from connector.errors import CrmError, TransientError
from connector.extract import recordings, removals, source
from connector.extract.columns import Columns, numbered
from connector.extract.notes import Notes
from connector.extract.reading import read_back
from connector.extract.recordings import RecordingFeed
from connector.extract.removals import RemovalFeed, gone
from connector.extract.source import CHUNK_ROWS, Extracted, Feed, Job, Progress, load_feed, run_pipeline

READ_BACK = "leads that were sent"
"""What is read into no table of its own, as ``on_table`` is told."""


def feeds_by_table(
    settings: VendorSettings, job: Job, on_progress: Callable[[Progress], None] | None = None
) -> dict[str, list[Feed]]:
    """Table -> what is read into it, for everything that the CRM can show, in the order in which it is read."""
    can = job.reader.capabilities
    found: dict[str, list[Feed]] = {source.TABLE: [Feed(job, on_progress)]}
    if can.removals:
        found[removals.TABLE] = [RemovalFeed(job, removal, on_progress) for removal in can.removals]
    if can.recordings:
        lookback = getattr(settings, "recordings_lookback", job.lookback)
        found[recordings.TABLE] = [RecordingFeed(job, lookback, on_progress)]
    return found


def wanted(settings: VendorSettings, job: Job) -> set[str]:
    """The tables that the settings ask for.

    A filter of the time of the last call rules recordings out: they are searched for by that time themselves.
    """
    on = {source.TABLE}
    if getattr(settings, "removals", False):
        on.add(removals.TABLE)
    if getattr(settings, "recordings", False) and not any(
        name.startswith("last_call_") for name in job.query.filters
    ):
        on.add(recordings.TABLE)
    return on


def load_everything(
    pipeline: dlt.Pipeline,
    settings: VendorSettings,
    job: Job,
    *,
    file_format: str = "parquet",
    again: Iterable[str] = (),
    on_table: Callable[[str], None] = lambda _table: None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Extracted:
    """Reads and loads every kind that the settings ask for.

    ``on_table`` is told what is read next: a table, or ``READ_BACK``. ``again``: ids of leads to read back one by one, whatever their clock says; asked for when leads and removed leads
    are loaded. Where the CRM can't show one kind, the others are loaded all the same, and then the error is raised.
    """
    failed: list[CrmError] = []
    loaded: dict[str, list[Feed]] = {}
    packages = 0

    def load(table: str, feeds: list[Feed]) -> None:
        nonlocal packages
        loaded[table] = feeds
        for feed in feeds:
            on_table(table)
            try:
                with closing(feed):
                    if isinstance(feed, RemovalFeed) and feed.idle(source.past(pipeline, table)):
                        continue
                    packages += load_feed(pipeline, feed, file_format, CHUNK_ROWS)
            except TransientError:
                raise
            except CrmError as error:
                failed.append(error)

    on = wanted(settings, job)
    feeds = {
        table: all_of for table, all_of in feeds_by_table(settings, job, on_progress).items() if table in on
    }
    last = feeds.pop(recordings.TABLE, None)
    for table, all_of in feeds.items():
        load(table, all_of)
    singly = told(again, lambda: on_table(READ_BACK), on_progress)
    back, missing = load_again(pipeline, job.reader, singly, file_format, job.number, job.notes)
    packages += bool(back) + bool(missing)
    if last:
        load(recordings.TABLE, last)
    if failed:
        raise failed[0]
    every = [feed for all_of in loaded.values() for feed in all_of]
    leads = loaded[source.TABLE][0]
    return Extracted(
        leads.window,
        leads.tally.rows,
        sum(feed.tally.calls for feed in every),
        packages,
        back,
        leads.tally.precision,
        missing,
        _rows(loaded.get(removals.TABLE)),
        _rows(loaded.get(recordings.TABLE)),
        job.notes.texts,
    )


def _rows(feeds: list[Feed] | None) -> int | None:
    return None if feeds is None else sum(feed.tally.rows for feed in feeds)


def told(
    lead_ids: Iterable[str],
    on_first: Callable[[], None],
    on_progress: Callable[[Progress], None] | None,
) -> Iterator[str]:
    """These leads, one after the other; tells how many were read before each."""
    for number, lead_id in enumerate(lead_ids):
        if not number:
            on_first()
        if on_progress:
            on_progress(Progress(number, number, None, None))
        yield lead_id


def load_again(
    pipeline: dlt.Pipeline,
    reader: LeadReader,
    lead_ids: Iterable[str],
    file_format: str,
    number: Callable[[], int] | None = None,
    notes: Notes | None = None,
) -> tuple[int, int]:
    """Reads these leads one by one, whatever their clock says, and loads them as they are, or that they are gone.

    Returns how many there were of each; no cursor moves.
    """
    columns = source.past(pipeline, source.TABLE).as_columns(reader, notes)
    tables = _read_back(reader, lead_ids, number() if number else None, columns)

    def rows_of(table: str) -> Iterable[pa.Table]:
        if table == source.TABLE:
            dlt.current.resource_state()[source.HOMES] = columns.names.homes()
        yield from tables[table]

    for table in tables:
        rows = dlt.resource(rows_of(table), name=table, write_disposition="append")
        run_pipeline(pipeline, [rows], file_format)
    back, missing = (
        sum(rows.num_rows for rows in tables.get(table, ())) for table in (source.TABLE, removals.TABLE)
    )
    return back, missing


def _read_back(
    reader: LeadReader, lead_ids: Iterable[str], number: int | None, columns: Columns
) -> Mapping[str, list[pa.Table]]:
    """Table -> rows: the leads as they are now, and those that are gone."""
    there: list[pa.Table] = []
    nobody: list[tuple[str, Page]] = []
    for lead_id in lead_ids:
        page = read_back(reader, lead_id)
        if page.rows:
            there.append(numbered(columns.table(page), number))
        else:
            nobody.append((lead_id, page))
    found = {}
    if there:
        found[source.TABLE] = there
    if nobody:
        found[removals.TABLE] = [numbered(gone(nobody, reader.zone.key), number)]
    return found
