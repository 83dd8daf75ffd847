"""One sandbox CRM, one warehouse, and what a test wants to know about them: is everything in the book also in raw?"""

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import dlt
import pytest
import sqlalchemy as sa

from connector import config
from connector.crm import clock
from connector.crm.convoso import ConvosoReader, ConvosoSettings
from connector.crm.http import Retry, Session
from connector.extract import past
from connector.extract.columns import column_name
from connector.extract.job import job
from connector.extract.load import CHUNK_ROWS, Extracted, load
from connector.extract.raw import LEADS
from connector.sandbox import Sandbox
from connector.sandbox.documents import Documents
from connector.warehouse import reads
from connector.warehouse.connection import Warehouse
from connector.warehouse.pipelines import AccountTables
from tests.meanwhile import meanwhile
from tests.quick_tables import without_dlt

QUICK = Retry(first=0.01, longest=0.05, attempts=12)
"""Retries that wait for nearly nothing."""


@contextmanager
def people_at_work(leads: Documents, field: str, leaving: int) -> Iterator[None]:
    """Meanwhile this field of random leads is edited, and of the first ``leaving`` leads every fourth one is deleted."""
    ids = leads.ids()

    def people(done: threading.Event) -> None:
        number = 0
        while not done.wait(0.004):
            number += 1
            leads.edit(random.choice(ids[leaving:]), {field: f"edit {number}"})
            if number <= leaving and not number % 4:
                leads.delete(ids[number - 1])

    with meanwhile(people):
        yield


def unseen(book: Mapping[str, Mapping[str, Any]], rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Leads of the CRM whose present state, every field of it, is in no row of a raw table."""
    fields = sorted({name for row in book.values() for name in row})
    columns = [column_name(name) for name in fields]
    seen = {tuple(row.get(column) for column in columns) for row in rows}
    return {lead_id for lead_id, row in book.items() if tuple(row.get(name) for name in fields) not in seen}


@dataclass
class Rig:
    """A warehouse that is loaded from sandboxes; every run is a new machine unless it is given a pipeline."""

    warehouse: Warehouse
    folder: Path
    defaults: dict[str, Any] = field(default_factory=dict)
    runs: int = 0

    def settings(self, crm: Sandbox, **given: Any) -> ConvosoSettings:
        base = {"base_url": crm.base_url + "/v1", "auth_token": crm.token, "timezone": crm.timezone}
        quick = {"rate": 1000.0, "settle": 0.0, "lookback": 0.0}
        return config.resolve(ConvosoSettings, base | quick | self.defaults | given)

    def pipeline(self) -> dlt.Pipeline:
        """One that was never used on this machine: what it knows comes from the warehouse."""
        self.runs += 1
        return dlt.pipeline(
            "convoso",
            destination=self.warehouse.destination(),
            dataset_name="convoso_raw",
            pipelines_dir=str(self.folder / f"machine{self.runs}"),
        )

    def extract(
        self,
        crm: Sandbox,
        *,
        retry: Retry = QUICK,
        pipeline: dlt.Pipeline | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        filters: Mapping[str, str] | None = None,
        chunk_rows: int = CHUNK_ROWS,
        say: Callable[[str], None] = lambda _sentence: None,
        **given: Any,
    ) -> Extracted:
        settings = self.settings(crm, **{"removals": False, **given})
        with closing(ConvosoReader(settings, session=Session(settings, retry=retry))) as reader:
            todo = job(settings, start=start, end=end, filters=filters, reader=reader, say=say)
            return self._noted(partial(load, self.tables(pipeline), settings, todo, chunk_rows=chunk_rows))

    def everything(
        self,
        crm: Sandbox,
        *,
        retry: Retry = QUICK,
        start: datetime | None = None,
        end: datetime | None = None,
        filters: Mapping[str, str] | None = None,
        again: Iterable[str] = (),
        chunk_rows: int = CHUNK_ROWS,
        **given: Any,
    ) -> Extracted:
        """Leads, removed leads and recordings, as the settings ask for them."""
        settings = self.settings(crm, **given)
        with closing(ConvosoReader(settings, session=Session(settings, retry=retry))) as reader:
            todo = job(settings, start=start, end=end, filters=filters, reader=reader)
            written = dict.fromkeys(again)
            return self._noted(
                partial(load, self.tables(), settings, todo, chunk_rows=chunk_rows, again=lambda: written)
            )

    def tables(self, pipeline: dlt.Pipeline | None = None) -> AccountTables:
        return AccountTables(self.warehouse, "convoso", "convoso_raw", lambda: pipeline or self.pipeline())

    def _noted(self, loading: Callable[..., Extracted]) -> Extracted:
        """As the loop does: what was read is noted, so that the next run goes on from where nothing was found."""
        with self.warehouse.lock("extract:convoso") as lease:
            found: list[past.Read] = []
            done = loading(on_read=found.append)
            with lease.transaction() as connection:
                reads.note(connection, None, "convoso", found)
        return done

    def cursors(self, table: str) -> dict[str, str]:
        """All that is kept of the progress of one table, as the warehouse has it."""
        return dict(self.tables().past(table).kept)

    def cursor(self, crm: Sandbox, filters: Mapping[str, str] | None = None, **given: Any) -> datetime | None:
        todo = job(self.settings(crm, **given), filters=filters)
        with closing(todo.reader):
            return past.cursor(self.tables(), LEADS, todo.cursor_key)

    def raw(self, table: str = "lead_versions") -> list[dict[str, Any]]:
        engine = self.warehouse.engine()
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table(table, schema="convoso_raw"):
                return []
            rows = connection.execute(sa.text(f"select * from convoso_raw.{table}"))
            return [dict(row) for row in rows.mappings()]

    def missing(self, crm: Sandbox) -> dict[str, str]:
        """Leads whose present state, every field of it, is in no raw row: id -> when it was last edited."""
        book = crm.book.rows()
        return {lead_id: str(book[lead_id]["modified_at"]) for lead_id in unseen(book, self.raw())}


@pytest.fixture
def rig(warehouse: Warehouse, tmp_path: Path) -> Rig:
    """Both engines."""
    return Rig(warehouse, tmp_path)


@pytest.fixture
def loaded_by_dlt(tmp_path: Path) -> Rig:
    """Only DuckDB, and dlt itself."""
    return Rig(Warehouse.duckdb(tmp_path / "warehouse.duckdb"), tmp_path)


@pytest.fixture
def duck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Only DuckDB, and a stand-in for dlt, for what has nothing to do with the engine or with how it is loaded."""
    without_dlt(monkeypatch)
    return Rig(Warehouse.duckdb(tmp_path / "warehouse.duckdb"), tmp_path)


@pytest.fixture
def sandbox() -> Iterator[Callable[..., Sandbox]]:
    """Starts sandboxes that end with the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Sandbox(**options))


class Time:
    """The time of day, for a CRM and its reader alike."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], Time]:
    """Sets this machine's clock; the returned object is the sandbox's ``clock``, and its ``now`` moves both."""

    def set_clock(now: datetime) -> Time:
        time = Time(now)

        class Set(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return time.now.astimezone(tz or UTC)

        monkeypatch.setattr(clock, "datetime", Set)
        return time

    return set_clock
