"""The reading of one stream in one window, as tables for one dlt resource, with the cursor that belongs to them.

The cursor lives in the resource's state and travels with the rows: dlt makes both visible in one step. It is the end of
the last window that was read whole, never a value taken from a row. Where there are no rows, nothing is loaded: the window's end is
noted elsewhere (``Read.nothing``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from datetime import datetime, timedelta
from itertools import chain
from typing import ClassVar

import pyarrow as pa

from connector.crm.clock import is_ahead
from connector.errors import CallsUsedError
from connector.extract import windows
from connector.extract.asking import asked_time
from connector.extract.columns import Columns, numbered
from connector.extract.job import Job, Progress
from connector.extract.past import HOMES, Nothing, Past, Read, most_columns
from connector.extract.query import Batch, Tally
from connector.extract.raw import LEADS
from connector.extract.reading import reading
from connector.extract.windows import Window

OPEN = timedelta(days=366)
"""How far past this machine's clock a window is asked for whose end the CRM's clock decides, as soon as it is known."""
ITEM_ROWS = 20_000
"""Rows per table that dlt is handed."""


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

    table: ClassVar[str] = LEADS
    asks_time_first: ClassVar[bool] = False
    """Whether the CRM is asked for the time by a call of its own also where the first page would tell it soon enough."""

    def __init__(self, job: Job, on_progress: Callable[[Progress], None] | None = None) -> None:
        self._job = job
        self._on_progress = on_progress
        self._source: Iterator[Batch] | None = None
        self._batches: Iterator[Batch] | None = None
        self._columns: Columns | None = None
        self._number: int | None = None
        self._forgotten: tuple[str, ...] = ()
        self._most: int | None = None
        self._nothing: Nothing | None = None
        self._is_blind = False
        self.window: Window | None = None
        self.tally = Tally()
        self.done = False
        self.used_up: CallsUsedError | None = None
        """Why it ended early, where the account has no calls left today; what was read until then is handed out all the same."""

    def rows(self, most: int | None = None) -> Iterator[pa.Table]:
        """Tables for one dlt resource, at least ``most`` rows of them if there are so many, and the cursor's progress.

        Stops only where everything before has been read whole.
        """
        import dlt

        state = dlt.current.resource_state()
        cursors = state.setdefault("cursors", {})
        key = self._job.cursor_key
        if self._batches is None:
            self._most = most
            there = dlt.current.source_schema().tables.get(self.table, {}).get("columns", {})
            destination = getattr(dlt.current.pipeline().destination, "destination_name", None)
            self._start(Past(cursors, state.get(HOMES, {}), tuple(there), most_columns(destination)))
        batches = self._batches or iter(())
        for name in self._forgotten:
            cursors.pop(name, None)
        self._forgotten = ()
        taken = 0
        # In a pipeline of the user's own each page is an item, as its add_limit would expect.
        waiting = _Tables(1 if most is None else ITEM_ROWS)
        for batch in self._until_used_up(batches):
            taken += batch.table.num_rows
            if self._columns:
                state[HOMES] = self._columns.names.homes()
            if waiting.add(numbered(batch.table, self._number)):
                self._job.prove()
                yield waiting.take()
            if self._on_progress and self.window:
                self._on_progress(Progress(self.tally.rows, self.tally.calls, batch.reached, self.window))
            if batch.reached is None:
                continue
            if self._job.moves_cursor:
                cursors[key] = self._moved(cursors.get(key), batch.reached)
                self._checkpoint(cursors)
            if (
                most is not None
                and taken >= most
                and (self.window is None or batch.reached < self.window.end)
            ):
                break
        else:
            self.done = self.used_up is None
        # Also where there is nothing new: the cursor moves all the same.
        self._job.prove()
        if waiting.rows:
            yield waiting.take()
        if self._job.number is None:
            self._job.notes.log()

    def _until_used_up(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """In a pipeline of the user's own it is an error as any other: nobody would see there that not all was read."""
        # Not "yield from", which would close the batches with this: the next package goes on with them.
        while True:
            try:
                batch = next(batches, None)
            except CallsUsedError as error:
                if self._most is None:
                    raise
                self.used_up = error
                return
            if batch is None:
                return
            yield batch

    def idle(self, past: Past, most: int) -> bool:
        """Whether there is nothing to load, which is so on most runs, and a package costs far more than the calls.

        Reads up to the first rows, if there are any. ``most``: as for ``rows``, if there is something.
        """
        self._most = most
        batches = self._start(past)
        key = self._job.cursor_key
        since, until = past.kept.get(key), past.cursors.get(key)
        if self._forgotten or self._must_load(since):
            return False
        ahead: list[Batch] = []
        for batch in batches:
            ahead.append(batch)
            if batch.table.num_rows:
                break
            if batch.reached is not None:
                until = self._moved(until, batch.reached)
        else:
            self.done = not self._has_progress(past)
        if not self.done:
            self._batches = chain(ahead, batches)
        elif since is not None and until is not None and self._job.moves_cursor:
            self._nothing = Nothing(since, until)
        return self.done

    def _must_load(self, since: str | None) -> bool:
        """Whether a package is to be made whatever is found: the first one of an account says that it was read."""
        return since is None and self._job.moves_cursor

    def _has_progress(self, _past: Past) -> bool:
        """Whether there is progress to be kept although there are no rows."""
        return False

    def read(self) -> Read:
        """What this reading came to."""
        name = self._job.cursor_key
        return Read(
            self.table, name, self.window, self.tally.rows, self.tally.calls, self.done, self._nothing
        )

    def _moved(self, cursor: str | None, reached: datetime) -> str:
        """The cursor, now that everything up to there is read."""
        # What a window ends with that was begun before any answer told the time may not have settled yet.
        settled = windows.floor_second(self._job.clock.now() - timedelta(seconds=self._job.settle))
        return max(cursor or "", min(reached, settled).isoformat())

    def _start(self, past: Past) -> Iterator[Batch]:
        self._columns = past.as_columns(self._job.reader, self._job.notes)
        # Before the first call: whatever is written after this may not be in what is read.
        self._number = self._job.number() if self._job.number else None
        self._is_blind = self._may_be_blind(past.cursors)
        now = self._job.clock.now() + OPEN if self._is_blind else asked_time(self._job.reader).now()
        cursors = self._believed(past.cursors)
        self.window = self._job.window(cursors.get(self._job.cursor_key), now)
        self._source = iter(()) if self.window is None else iter(self._read(self.window, cursors))
        self._batches = self._source
        return self._batches

    def _may_be_blind(self, cursors: Mapping[str, str]) -> bool:
        """Whether a first read can begin before anybody knows what time it is there: its first page says it."""
        return (
            not self.asks_time_first
            and self._job.moves_cursor
            and self._job.reader.capabilities.reading == "windows"
            and not self._job.clock.is_known
            and not any(name.startswith(self._job.cursor_key) for name in cursors)
        )

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
            f"{self._job.reader.capabilities.name}: an earlier run noted that {self.table} are read up to {noted:%F %T} UTC, "
            f"and the CRM's clock shows {self._job.clock.now():%F %T}: a clock was wrong, so all are read again, lest an edit "
            "be missed."
        )
        return {name: at for name, at in cursors.items() if name not in own}

    def _read(self, window: Window, cursors: Mapping[str, str]) -> Iterable[Batch]:
        """The window's batches; counts in ``tally``, and says in ``window`` where it ends after all."""
        found = reading(
            self._job.reader,
            window,
            self._job.query,
            concurrency=self._job.concurrency,
            everything=self._job.cursor_key not in cursors and self._job.moves_cursor,
            columns=self._columns,
            resume_rows=self._most,
            settle=self._job.settle if self._is_blind else None,
        )
        self.tally = found.tally
        for batch in found:
            self.window = found.window
            yield batch

    def _checkpoint(self, cursors: MutableMapping[str, str]) -> None:
        """Called after the cursor moved: what else of the progress has to be kept with it."""

    def close(self) -> None:
        close = getattr(self._source, "close", None)
        if close:
            close()
