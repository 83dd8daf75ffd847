"""The warehouse's picture of some leads against the CRM's: which are missing, gone or different, and in which fields.

Either every lead that was last edited within a window is compared, or a random sample of those the warehouse knows.
The window is read from the CRM as completely as an extraction reads it. Whatever the warehouse has in the window and
the CRM did not show is then asked for one by one, so that a lead that has moved on is told from one that is gone.

A lead that was edited after the last extraction ended is no fault of anybody: it is ``changed_meanwhile``. Blank and
NULL count as equal, as they do in every model.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Literal

import pyarrow as pa
import sqlalchemy as sa

from connector.crm import raw_schema
from connector.crm.base import LeadReader
from connector.extract import removals, windows
from connector.extract.again import read_again
from connector.extract.columns import MORE, NUMBER, SEEN_AT, TIMEZONE, Columns, ids
from connector.extract.job import Job, Progress
from connector.extract.load import load_again, told
from connector.extract.past import RawTables
from connector.extract.raw import LEADS, first_not_blank
from connector.extract.reading import reading
from connector.extract.windows import Window, instants, modified_at
from connector.texts import BLANKS

Kind = Literal["missing", "gone", "differs", "changed_meanwhile"]
Row = Mapping[str, Any]

AT_ONCE = 10_000
"""Leads that are looked up in the warehouse together."""
OURS = frozenset({SEEN_AT, TIMEZONE, NUMBER, MORE, "_dlt_load_id", "_dlt_id"})
_ADDED = frozenset({"leadloop_lead_id", "leadloop_modified", "leadloop_order", "leadloop_place"})
"""Columns of ``RawLeads.rows`` that are none of the raw table."""
REMOVAL_TIMES = ("deleted_at", "archived_at")


@dataclass(frozen=True, slots=True)
class Difference:
    """One lead that the CRM and the warehouse show differently.

    ``missing``: in the CRM only. ``gone``: in the warehouse only. ``differs``: in ``fields``, named as the raw columns.
    ``changed_meanwhile``: one of these, but edited or sent after the last extraction; the next one brings it.
    """

    lead_id: str
    kind: Kind
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was compared and what differs, by lead id. ``crm`` and ``warehouse``: how many of the leads each of them has."""

    vendor: str
    window: Window | None
    """``None``: a sample."""
    crm: int
    warehouse: int
    differences: tuple[Difference, ...]
    repaired: int | None = None
    """Leads that were read again into the raw table; ``None`` where that was not asked for."""

    @property
    def faults(self) -> tuple[Difference, ...]:
        """The differences that the next extraction would not end by itself."""
        return tuple(each for each in self.differences if each.kind != "changed_meanwhile")

    @property
    def exit_code(self) -> int:
        return 3 if self.faults else 0


class RawLeads:
    """The latest sighting of each lead in one CRM's raw table, as the models order them: what was seen last."""

    def __init__(self, engine: sa.Engine, reader: LeadReader) -> None:
        self._engine = engine
        schema = raw_schema(reader.capabilities.name)
        inspector = sa.inspect(engine)
        names = (
            [column["name"] for column in inspector.get_columns(LEADS, schema=schema)]
            if inspector.has_table(LEADS, schema=schema)
            else []
        )
        self.columns = [name for name in names if name not in OURS]
        self._raw = raw = sa.table(LEADS, *(sa.column(name) for name in names), schema=schema)
        self._id = first_not_blank(raw, reader.capabilities.id_fields)
        self._modified = first_not_blank(raw, reader.capabilities.modified_fields)
        self.there = self._id is not None

    def rows(self, lead_ids: Collection[str]) -> dict[str, Row]:
        """The latest sighting of these leads, by id, with the fields that the table has no columns for."""
        found: dict[str, Row] = {}
        waiting = iter(lead_ids)
        while self.there and (some := list(islice(waiting, AT_ONCE))):
            query = self._latest(self._id.in_(_listed(some)))
            with self._engine.connect() as connection:
                for row in connection.execute(query).mappings():
                    found[row["leadloop_lead_id"]] = {**dict(row), **json.loads(row.get(MORE) or "{}")}
        return found

    def edited_in(self, window: Window) -> set[str]:
        """Ids of the leads whose latest sighting shows a last edit within the window."""
        if not self.there or self._modified is None:
            return set()
        latest = self._latest().subquery()
        query = sa.select(latest.c.leadloop_lead_id, latest.c.leadloop_modified, latest.c[TIMEZONE])
        with self._engine.connect() as connection:
            return {
                lead_id
                for lead_id, text, zone in connection.execute(query)
                if any(window.start <= each <= window.end for each in instants(text, zone))
            }

    def removed(self, lead_ids: Collection[str]) -> set[str]:
        """Which of these leads the warehouse knows to be deleted, archived or merged."""
        shown = self.rows(lead_ids)
        known = {lead_id for lead_id, row in shown.items() if any(row.get(name) for name in REMOVAL_TIMES)}
        if lead_ids and sa.inspect(self._engine).has_table(removals.TABLE, schema=self._raw.schema):
            raw = sa.table(removals.TABLE, sa.column("id"), schema=self._raw.schema)
            with self._engine.connect() as connection:
                known |= set(connection.scalars(sa.select(raw.c.id).where(raw.c.id.in_(_listed(lead_ids)))))
        return known

    def sample(self, size: int) -> list[str]:
        """Ids of ``size`` known leads, or of all where there are fewer, drawn anew each time."""
        if not self.there:
            return []
        known = sa.select(self._id.label("lead_id")).where(self._id.is_not(None)).distinct().subquery()
        query = sa.select(known.c.lead_id).order_by(sa.func.random()).limit(size)
        with self._engine.connect() as connection:
            return sorted(connection.scalars(query))

    def _latest(self, where: Any = None) -> sa.Select[Any]:
        raw, modified = self._raw, self._modified if self._modified is not None else sa.null()
        each = (
            sa.select(
                raw,
                self._id.label("leadloop_lead_id"),
                modified.label("leadloop_modified"),
                self._number().label("leadloop_order"),
            )
            .where(self._id.is_not(None) if where is None else where)
            .subquery()
        )
        place = sa.func.row_number().over(
            partition_by=each.c.leadloop_lead_id,
            order_by=[
                each.c.leadloop_order.desc(),
                each.c[SEEN_AT].desc(),
                each.c.leadloop_modified.desc().nulls_last(),
                *(each.c[name].desc() for name in ("_dlt_load_id",) if name in raw.c),
            ],
        )
        placed = sa.select(each, place.label("leadloop_place")).subquery()
        return sa.select(placed).where(placed.c.leadloop_place == 1)

    def _number(self) -> sa.ColumnElement[int]:
        """As ``numbered`` in the model lead_history: what has no number comes after whatever was seen before it."""
        if NUMBER not in self._raw.c:
            return sa.literal_column("0")
        number = self._raw.c[NUMBER]
        so_far = sa.func.max(number).over(partition_by=self._id, order_by=self._raw.c[SEEN_AT])
        return sa.func.coalesce(number, so_far, 0)


def window_of(
    job: Job,
    raw: RawLeads,
    window: Window,
    *,
    cursor: datetime | None,
    sent: Collection[str] = (),
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> Reconciled:
    """Compares every lead that was last edited within the window.

    ``cursor``: how far the extractions have read. ``sent``: ids of leads that were written to and not read since.
    """
    compared = _Comparison(job.reader, raw, cursor, sent, on_progress)
    query = replace(job.query, cursor_field="updated_at")
    rows: dict[str, Row] = {}
    found = reading(job.reader, window, query, concurrency=job.concurrency, columns=compared.columns)
    for batch in found:
        on_progress(Progress(found.tally.rows, found.tally.calls, batch.reached, window))
        rows.update(_by_id(batch.table, job.reader))
        if len(rows) >= AT_ONCE:
            compared.add(rows)
            rows = {}
    compared.add(rows)
    compared.ask_for(raw.edited_in(window) - compared.seen, job.single_calls)
    return compared.result(window)


def sample_of(
    job: Job,
    raw: RawLeads,
    size: int,
    *,
    cursor: datetime | None,
    sent: Collection[str] = (),
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> Reconciled:
    """Compares ``size`` random leads of those that the warehouse knows, each read by its id."""
    compared = _Comparison(job.reader, raw, cursor, sent, on_progress)
    compared.ask_for(raw.sample(size), job.single_calls)
    return compared.result(None)


def repair(
    raw: RawTables,
    reader: LeadReader,
    found: Reconciled,
    number: Callable[[], int] | None = None,
    *,
    concurrency: int = 4,
    on_progress: Callable[[Progress], None] | None = None,
    prove: Callable[[], None] = lambda: None,
) -> Reconciled:
    """Reads every lead that differs again into the raw tables, also that it is gone; no cursor moves."""
    faults = [each.lead_id for each in found.faults]
    leads = told(read_again(reader, faults, concurrency=concurrency), on_progress)
    return replace(found, repaired=sum(load_again(raw, reader, leads, number, prove=prove)))


class _Comparison:
    def __init__(
        self,
        reader: LeadReader,
        raw: RawLeads,
        cursor: datetime | None,
        sent: Collection[str],
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._reader = reader
        self._raw = raw
        self._cursor = cursor
        self._sent = frozenset(sent)
        self._on_progress = on_progress
        self.columns = Columns.of(reader, raw.columns)
        self._found: dict[str, Difference] = {}
        self._known = 0
        self.seen: set[str] = set()

    def add(self, shown: Mapping[str, Row]) -> None:
        """Rows of the CRM by lead id, as text by column name. The later sighting of a lead is the one that counts."""
        known = self._raw.rows(shown)
        for lead_id, row in shown.items():
            if lead_id not in self.seen:
                self.seen.add(lead_id)
                self._known += lead_id in known
            difference = self._compare(lead_id, row, known.get(lead_id))
            if difference is None:
                self._found.pop(lead_id, None)
            else:
                self._found[lead_id] = difference

    def ask_for(self, lead_ids: Collection[str], concurrency: int) -> None:
        """Reads leads of the warehouse by their ids."""
        shown: dict[str, Row] = {}
        gone = []
        found = read_again(self._reader, lead_ids, concurrency=concurrency)
        for lead_id, page in told(found, self._on_progress):
            if page.rows:
                (shown[lead_id],) = self.columns.table(page).to_pylist()
            else:
                gone.append(lead_id)
        self.add(shown)
        for lead_id in set(gone) - self._raw.removed(gone):
            self._known += 1
            self._found[lead_id] = Difference(lead_id, "gone")

    def result(self, window: Window | None) -> Reconciled:
        differences = tuple(self._found[lead_id] for lead_id in sorted(self._found))
        vendor = self._reader.capabilities.name
        return Reconciled(vendor, window, len(self.seen), self._known, differences)

    def _compare(self, lead_id: str, shown: Row, known: Row | None) -> Difference | None:
        names = sorted({*shown, *self._raw.columns, *(known or ())} - OURS - _ADDED)
        fields = tuple(name for name in names if known and (shown.get(name) or "") != (known.get(name) or ""))
        if known is not None and not fields:
            return None
        if lead_id in self._sent or self._edited_since(shown):
            return Difference(lead_id, "changed_meanwhile", fields)
        return Difference(lead_id, "missing" if known is None else "differs", fields)

    def _edited_since(self, row: Row) -> bool:
        return self._cursor is not None and any(
            each >= self._cursor for each in modified_at(row, self._reader)
        )


def _listed(lead_ids: Collection[str]) -> Any:
    """The ids for an IN, as a table with its values written out.

    DuckDB takes half a millisecond for each value that is a parameter, and compares a list of constants one by one.
    """
    wanted = sa.values(sa.column("lead_id", sa.String), name="wanted", literal_binds=True)
    return sa.select(wanted.data([(lead_id,) for lead_id in lead_ids]).c.lead_id)


def _by_id(table: pa.Table, reader: LeadReader) -> dict[str, Row]:
    """The rows of a table by lead id; of a lead that is there twice, the last."""
    found = zip(ids(table, reader.capabilities.id_fields), table.to_pylist(), strict=True)
    return {(lead_id or "").strip(BLANKS): row for lead_id, row in found}


def last_day(cursor: datetime) -> Window:
    """The window to compare where none is named: the day before the end of the last extraction."""
    end = windows.floor_second(cursor)
    return Window(end - windows.DAY, end)
