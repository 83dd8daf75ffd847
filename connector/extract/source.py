"""The dlt sources: ``pipeline.run(convoso())`` in anybody's pipeline, and the chunked load that leadloop itself runs.

The cursor lives in the resource's state and travels with the rows: dlt makes both visible in one step. It is the end of
the last window that was read whole, never a value taken from a row.
"""

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, ClassVar

import dlt
import pyarrow as pa
from dlt.common.configuration.specs import BaseConfiguration
from dlt.extract.resource import DltResource

from connector import crm
from connector.config import VendorSettings, did_you_mean
from connector.crm.base import LeadReader
from connector.crm.clock import CrmClock, clock_of, is_ahead
from connector.errors import ConfigError, LeadloopError, causes
from connector.extract import windows
from connector.extract.asking import asked_time
from connector.extract.columns import Columns, numbered
from connector.extract.notes import Notes
from connector.extract.raw import LEADS
from connector.extract.reading import Batch, Query, Tally, reading
from connector.extract.windows import Window

TABLE = LEADS
HOMES = "homes"
"""Where a resource's state has ``Past.homes``."""
CHUNK_ROWS = 2 * 122_880
"""Rows per load package: each is a point to resume from, and bounds the memory that dlt needs.

DuckDB compresses whole row groups (122,880 rows) on all cores while it loads them, and what is left over on one, later.
"""
MOST_ON_POSTGRES = 300
"""Columns of fields in a raw table on PostgreSQL.

A row there has to fit a page of 8 kB, in which a text takes up to 24 bytes; only longer ones are kept elsewhere. So no more
than 330 are sure to fit, filled, beside our own columns. And ``leads``, with the fields of all CRMs, has at most 1,600.
"""
ITEM_ROWS = 20_000
"""Rows per table that dlt is handed."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one run of the source is to read."""

    reader: LeadReader
    query: Query
    first: datetime
    """UTC: where to begin while there is no cursor."""
    settle: float
    lookback: float
    concurrency: int
    start: datetime | None = None
    end: datetime | None = None
    """A backfill of ``[start, end]`` leaves the cursor where it is."""
    number: Callable[[], int] | None = None
    """Gives each reading its place in the order of all that is read and recorded; ``None``: nobody counts."""
    say: Callable[[str], None] = lambda _sentence: None
    """Told, in one sentence, what a person should know although the reading goes on."""

    notes: Notes = field(default_factory=Notes)
    """What there is to say of single leads and fields."""

    @property
    def clock(self) -> CrmClock:
        """The CRM's, by which windows end and cursors stand."""
        return clock_of(self.reader)

    @property
    def moves_cursor(self) -> bool:
        return self.start is None and self.end is None

    @property
    def cursor_key(self) -> str:
        """Every set of filters has a cursor of its own: what one left out, another has not read."""
        what = json.dumps([self.query.cursor_field, sorted(self.query.filters.items())])
        return f"{self.query.cursor_field}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"

    def window(self, cursor: str | None, now: datetime) -> Window | None:
        """What to read now; ``None`` where nothing has settled since the cursor."""
        settled = windows.floor_second(now - timedelta(seconds=self.settle))
        if not self.moves_cursor:
            return Window(self.start or self.first, self.end or settled)
        if cursor is None:
            return Window(self.first, settled)
        return windows.next_window(
            datetime.fromisoformat(cursor), now, settle=self.settle, lookback=self.lookback
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an extraction has come, after each batch."""

    rows: int
    calls: int
    reached: datetime | None
    """UTC: what was edited up to here is there; ``None`` in the middle, and where nobody can tell before the end."""
    window: Window | None
    """``None``: what is read are single leads, whatever their time."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of one table from earlier loads."""

    cursors: Mapping[str, str] = field(default_factory=dict)
    homes: Mapping[str, str] = field(default_factory=dict)
    """Plain column -> the field it belongs to; see ``Names``."""
    columns: Collection[str] = ()
    most: int | None = None
    """How many columns of fields the table may have."""

    def as_columns(self, reader: LeadReader, notes: Notes | None = None) -> Columns:
        """What makes further rows of this table."""
        return Columns.of(reader, self.columns, self.homes, most=self.most, notes=notes)


class _Tables:
    """Pages on their way to dlt, which handles one table of 20,000 rows far faster than ten of 2,000."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tables: list[pa.Table] = []
        self.rows = 0

    def add(self, table: pa.Table) -> bool:
        """Whether it is time to take them."""
        if table.num_rows:
            self._tables.append(table)
            self.rows += table.num_rows
        return self.rows >= self._most

    def take(self) -> pa.Table:
        tables, self._tables, self.rows = self._tables, [], 0
        return pa.concat_tables(tables, promote_options="default")


class Feed:
    """One reading of one window, handed out in chunks; ``done`` once everything was taken.

    What is read besides leads has a feed of its own: a subclass with its own table, reading and cursor.
    """

    table: ClassVar[str] = TABLE

    def __init__(self, job: Job, on_progress: Callable[[Progress], None] | None = None) -> None:
        self._job = job
        self._on_progress = on_progress
        self._batches: Iterator[Batch] | None = None
        self._columns: Columns | None = None
        self._number: int | None = None
        self._forgotten: tuple[str, ...] = ()
        self.window: Window | None = None
        self.tally = Tally()
        self.done = False

    def rows(self, most: int | None = None) -> Iterator[pa.Table]:
        """Tables for one dlt resource, at least ``most`` rows of them if there are so many, and the cursor's progress.

        Stops only where everything before has been read whole.
        """
        state = dlt.current.resource_state()
        cursors = state.setdefault("cursors", {})
        key = self._job.cursor_key
        there = dlt.current.source_schema().tables.get(self.table, {}).get("columns", {})
        room = most_columns(dlt.current.pipeline())
        batches = self._start(Past(cursors, state.get(HOMES, {}), tuple(there), room))
        for name in self._forgotten:
            cursors.pop(name, None)
        self._forgotten = ()
        taken = 0
        # In a pipeline of the user's own each page is an item, as its add_limit would expect.
        waiting = _Tables(1 if most is None else ITEM_ROWS)
        for batch in batches:
            taken += batch.table.num_rows
            if self._columns:
                state[HOMES] = self._columns.names.homes()
            if waiting.add(numbered(batch.table, self._number)):
                yield waiting.take()
            if self._on_progress and self.window:
                self._on_progress(Progress(self.tally.rows, self.tally.calls, batch.reached, self.window))
            if batch.reached is None:
                continue
            if self._job.moves_cursor:
                # What a window ends with that was begun before any answer told the time may not have settled yet.
                now = self._job.clock.now()
                settled = windows.floor_second(now - timedelta(seconds=self._job.settle))
                reached = min(batch.reached, settled).isoformat()
                cursors[key] = max(cursors.get(key) or "", reached)
                self._checkpoint(cursors)
            if (
                most is not None
                and taken >= most
                and (self.window is None or batch.reached < self.window.end)
            ):
                break
        else:
            self.done = True
        if waiting.rows:
            yield waiting.take()
        if self._job.number is None:
            self._job.notes.log()

    def _start(self, past: Past) -> Iterator[Batch]:
        cursors = past.cursors
        if self._batches is None:
            self._columns = past.as_columns(self._job.reader, self._job.notes)
            # Before the first call: whatever is written after this may not be in what is read.
            self._number = self._job.number() if self._job.number else None
            now = asked_time(self._job.reader).now()
            cursors = self._believed(cursors)
            self.window = self._job.window(cursors.get(self._job.cursor_key), now)
            self._batches = iter(()) if self.window is None else iter(self._read(self.window, cursors))
        return self._batches

    def _believed(self, cursors: Mapping[str, str]) -> Mapping[str, str]:
        """The cursors without those of this feed, where one of them lies in the CRM's future.

        A clock that was wrong wrote it. How far was read by then, it doesn't tell: the newest edit in the raw table may be
        one that was read back alone, and while a wrong clock went on, each run may have left a gap. So all is read again.
        """
        key = self._job.cursor_key
        own = {name: at for name, at in cursors.items() if name.startswith(key)}
        if not self._job.moves_cursor or not any(
            is_ahead(datetime.fromisoformat(at), self._job.clock) for at in own.values()
        ):
            return cursors
        self._forgotten = tuple(own)
        noted = datetime.fromisoformat(max(own.values()))
        self._job.say(
            f"{self._job.reader.capabilities.vendor}: an earlier run noted that {self.table} are read up to {noted:%F %T} UTC, "
            f"and the CRM's clock shows {self._job.clock.now():%F %T}: a clock was wrong, so all are read again, lest an edit "
            "be missed."
        )
        return {name: at for name, at in cursors.items() if name not in own}

    def _read(self, window: Window, cursors: Mapping[str, str]) -> Iterable[Batch]:
        """The window's batches; counts in ``tally``."""
        found = reading(
            self._job.reader,
            window,
            self._job.query,
            concurrency=self._job.concurrency,
            everything=self._job.cursor_key not in cursors and self._job.moves_cursor,
            columns=self._columns,
        )
        self.tally = found.tally
        return found

    def _checkpoint(self, cursors: MutableMapping[str, str]) -> None:
        """Called after the cursor moved: what else of the progress has to be kept with it."""

    def close(self) -> None:
        close = getattr(self._batches, "close", None)
        if close:
            close()


def job(
    settings: VendorSettings,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    filters: Mapping[str, str] | None = None,
    reader: LeadReader | None = None,
    number: Callable[[], int] | None = None,
    say: Callable[[str], None] = lambda _sentence: None,
) -> Job:
    """A job from settings; ``filters`` are added to those in the settings and win over them."""
    reader = reader or crm.vendor(settings.vendor).reader(settings)
    # Not every CRM can be asked for anything but the time of modification.
    query = Query(
        getattr(settings, "cursor", "updated_at"),
        {**getattr(settings, "filters", {}), **(filters or {})},
        getattr(settings, "page_size", None),
    )
    check_filters(reader, query.filters)
    return Job(
        reader=reader,
        query=query,
        first=windows.local_to_utc(datetime.combine(settings.start, datetime.min.time()), reader.zone),
        settle=settings.settle,
        lookback=settings.lookback,
        concurrency=settings.concurrency,
        start=windows.floor_second(start) if start else None,
        end=windows.floor_second(end) if end else None,
        number=number,
        say=say,
    )


def check_filters(reader: LeadReader, filters: Mapping[str, str]) -> None:
    """``ConfigError`` for the first name that is no search filter of the CRM, or that says which leads were removed.

    A lead that a search for removed ones shows would pass for one that is back.
    """
    can = reader.capabilities
    for name in filters:
        if name not in can.search_filters:
            has = did_you_mean(name, can.search_filters) or "." if can.search_filters else ": it has none."
            raise ConfigError(f"{can.vendor}'s search has no filter {name!r}{has}")
        if name.startswith(tuple(f"{removal}_at_" for removal in can.removals)):
            raise ConfigError(
                f"The filter {name!r} would read removed leads as if they were there. They are read into lead_removals "
                "by every run; --start and --end choose the time."
            )


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
    from connector.extract.kinds import feeds_by_table, wanted

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


def resource(*feeds: Feed, most: int | None = None, selected: bool = True) -> DltResource:
    """What feeds of one table read, one after the other, as a resource of that name."""
    rows = chain.from_iterable(feed.rows(most) for feed in feeds)
    return dlt.resource(rows, name=feeds[0].table, write_disposition="append", selected=selected)


def cursor(pipeline: dlt.Pipeline, job: Job) -> datetime | None:
    """How far the pipeline's destination has everything, UTC; ``None`` where nothing was ever loaded."""
    pipeline.sync_destination()
    found = cursors(pipeline, TABLE).get(job.cursor_key)
    return datetime.fromisoformat(found) if found else None


def cursors(pipeline: dlt.Pipeline, table: str) -> Mapping[str, str]:
    """What is kept of the progress of one table, as of the last load or ``sync_destination``."""
    return past(pipeline, table).cursors


def past(pipeline: dlt.Pipeline, table: str) -> Past:
    """What is known of one table, as of the last load or ``sync_destination``."""
    state: Mapping[str, Any] = pipeline.state
    name = pipeline.pipeline_name
    for part in ("sources", name, "resources", table):
        state = state.get(part) or {}
    schema = pipeline.schemas.get(name)
    there = schema.tables.get(table, {}).get("columns", {}) if schema else {}
    return Past(state.get("cursors") or {}, state.get(HOMES) or {}, tuple(there), most_columns(pipeline))


def most_columns(pipeline: Any) -> int | None:
    """How many columns of fields a table of this pipeline's destination gets; ``None`` for any number."""
    destination = pipeline.destination
    return (
        MOST_ON_POSTGRES if destination is not None and destination.destination_name == "postgres" else None
    )


@dataclass(frozen=True, slots=True)
class Extracted:
    """What an extraction did."""

    window: Window | None
    rows: int
    calls: int
    packages: int
    read_back: int
    precision: str
    gone: int = 0
    """Leads that were to be read back and weren't there."""
    removals: int | None = None
    """Rows of deleted and archived leads; ``None`` where they were not asked for."""
    recordings: int | None = None
    """Rows of recordings; ``None`` where they were not asked for."""
    notes: tuple[str, ...] = ()
    """What there is to say of single leads and fields."""


def load(
    pipeline: dlt.Pipeline,
    job: Job,
    *,
    file_format: str = "parquet",
    chunk_rows: int = CHUNK_ROWS,
    on_progress: Callable[[Progress], None] | None = None,
) -> Extracted:
    """Reads the leads of the job's window and loads them, ``chunk_rows`` rows or a little more per package.

    An error leaves everything up to the last package in the warehouse, with the cursor that belongs to it.
    """
    with closing(Feed(job, on_progress)) as feed:
        packages = load_feed(pipeline, feed, file_format, chunk_rows)
        return Extracted(
            feed.window,
            feed.tally.rows,
            feed.tally.calls,
            packages,
            0,
            feed.tally.precision,
            notes=job.notes.texts,
        )


def load_feed(pipeline: dlt.Pipeline, feed: Feed, file_format: str, chunk_rows: int = CHUNK_ROWS) -> int:
    """Loads everything the feed reads; returns in how many packages."""
    packages = 0
    while not feed.done:
        run_pipeline(pipeline, [resource(feed, most=chunk_rows)], file_format)
        packages += 1
    return packages


NEEDED = {
    "DEV_MODE": "false",
    "RESTORE_FROM_DESTINATION": "true",
    "USE_SINGLE_DATASET": "true",
    "DATASET_NAME_LAYOUT": "%s",
    "LOAD__RAISE_ON_FAILED_JOBS": "true",
    "LOAD__DELETE_COMPLETED_JOBS": "true",  # else files of leads stay behind
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_ID": "false",
}
"""dlt's options for where a load goes, what it remembers, and which columns a row has."""
UNWANTED = (
    "FULL_REFRESH",
    "REFRESH",
    "IMPORT_SCHEMA_PATH",
    "EXPORT_SCHEMA_PATH",
    "SCHEMA_CONTRACT",
    "NAMING",
)
"""Options of dlt's that would load something else, or drop what is there."""


def tune() -> None:
    """Sets what this load depends on, whatever the environment or a file says, and, where nothing else is set, what
    suits it: no telemetry, no gzip between its steps."""
    ours = {name.rpartition("__")[2] for name in NEEDED} | set(UNWANTED)
    for name in list(os.environ):
        # dlt lets the name win that says more, such as CONVOSO__DEV_MODE. After CRM__ come settings of leadloop's.
        if name.rpartition("__")[2] in ours and not name.startswith("CRM__"):
            del os.environ[name]
    os.environ.update(NEEDED)
    for name, value in {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "CRITICAL",
        "DATA_WRITER__DISABLE_COMPRESSION": "true",
    }.items():
        os.environ.setdefault(name, value)


def run_pipeline(pipeline: dlt.Pipeline, resources: list[DltResource], file_format: str) -> None:
    """Loads the resources as one package; an error of ours comes out of dlt's wrapping as itself."""
    source = dlt.source(lambda: resources, name=pipeline.pipeline_name, max_table_nesting=0)()
    try:
        pipeline.run(source, loader_file_format=file_format)
    except Exception as error:
        for cause in causes(error):
            if isinstance(cause, LeadloopError):
                raise cause from None
        raise
