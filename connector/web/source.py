"""What the pages read, and how old it is.

A server is read as it is. Of a DuckDB file, and of a lake in files, the pages read the snapshot (``warehouse/snapshot.py``) and never
the files themselves, so no page holds up a run. When the file has changed, a new snapshot is made in the background, and the pages go over to it between two
questions. While none can be made, since a run writes all the time or the disk is full, the pages show what they have and say how old it is.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from connector.errors import ConfigError, LeadloopError, LockedError
from connector.warehouse import snapshot
from connector.warehouse.connection import Warehouse
from connector.warehouse.ledger import SEQUENCE, columns_of

LOOK_EVERY = 1.0
"""Seconds between two looks whether a file has changed; a server is asked every five."""
REST = 10
"""So many times as long as a copy took, the disk has rest before the next one."""
LATELY = 120.0
"""Seconds since the last page for which somebody is taken to be still looking."""
PATIENCE = 0.15
"""Seconds that a page waits for numbers before it is shown without them."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen:
    """How old what is shown is."""

    at: datetime | None
    """It is what was in the warehouse then; ``None``: there is nothing to show yet."""
    is_current: bool
    """Nobody has written to the warehouse since."""
    why_not: str = ""
    """Why it can't be shown as it is now, where it can't."""


class Source:
    """The warehouse as the pages see it. For many threads."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.generation = 0
        """Another one whenever there is something new to show."""
        self.shows = datetime.min.replace(tzinfo=UTC)
        """Whatever was written before is in what is shown."""
        self._reading: Warehouse | None = None
        self._anchor: sa.Connection | None = None
        self._gate = _Gate()
        self._why_not = ""
        self._at: datetime | None = None
        self._rest_until = 0.0
        self._mark: Any = None
        self._ended = threading.Event()
        self._wanted = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._kept: dict[Any, tuple[int, Any]] = {}
        self._coming: dict[Any, tuple[int, Future[Any]]] = {}
        self._maker = ThreadPoolExecutor(2, thread_name_prefix="leadloop counts")
        self._asked_at = 0.0
        self.on_change: Callable[[], None] = lambda: None
        """Called when there is something new and somebody has looked lately, so that the next page is quick."""
        self._locks: dict[Any, threading.Lock] = {}

    def start(self, *, patience: float = 3.0) -> None:
        """Opens what there is, and looks for changes from then on. ``ConfigError`` where each page would hold up runs."""
        if self.warehouse.path is not None and not self.warehouse.files:
            raise ConfigError(
                f"leadloop can't show {self.warehouse.label} on pages yet: its ledger is a file that one process at a time can open."
            )
        self.refresh(patience=patience)
        threading.Thread(target=self._watch, name="leadloop page", daemon=True).start()

    def stop(self) -> None:
        self._ended.set()
        self._wanted.set()
        self._maker.shutdown(wait=False, cancel_futures=True)
        with self._gate.alone():
            self._close()

    @contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        """A connection for reading; ``LockedError`` where there is nothing to show yet."""
        with self.reading() as place, place.translated(), place.engine().connect() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Warehouse]:
        """The warehouse, opened for reading, as long as the block lasts."""
        self._asked_at = time.monotonic()
        with self._gate.together():
            if self._reading is None:
                raise LockedError(
                    self._why_not or f"There is nothing to show yet of {self.warehouse.label}.",
                    "This page looks again by itself.",
                )
            yield self._reading

    def seen(self) -> Seen:
        if self.warehouse.path is None:
            return Seen(
                datetime.now(UTC) if self._reading else None, self._reading is not None, self._why_not
            )
        is_current = self._reading is not None and snapshot.is_current(self.warehouse)
        return Seen(self._at, is_current, self._why_not)

    def kept(self, name: Any, make: Callable[[], T]) -> T:
        """What ``make`` makes of the warehouse as it is now; made once for as long as nothing changes."""
        with self._one_at_a_time:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            generation = self.generation
            found = self._kept.get(name)
            if found is not None and found[0] == generation:
                result: T = found[1]
                return result
            made = make()
            self._kept[name] = (generation, made)
            return made

    def ready(self, name: Any, make: Callable[[], T], *, patience: float = PATIENCE) -> T | None:
        """The same, made in the background; ``None`` while it is being made. What ``make`` raises is raised here."""
        with self._one_at_a_time:
            known = self._coming.get(name)
            if known is None or known[0] != self.generation:
                known = self._coming[name] = (self.generation, self._maker.submit(self.kept, name, make))
        coming: Future[T] = known[1]
        try:
            return coming.result(timeout=patience)
        except TimeoutError:
            return None

    def soon(self) -> None:
        """Has it look at once: this process has just written to the warehouse."""
        self._rest_until = 0.0
        self._wanted.set()

    def refresh(self, *, patience: float = 0.0) -> None:
        """Goes over to what is in the warehouse now, as far as it can be had."""
        try:
            if self.warehouse.path is None:
                self._refresh_server()
            else:
                self._refresh_file(patience)
        except (LeadloopError, sa.exc.SQLAlchemyError, OSError) as error:
            known = isinstance(error, LeadloopError)
            self._why_not = str(error) if known else f"It can't be read ({type(error).__name__})."

    def _refresh_server(self) -> None:
        place, began = self.warehouse.reading(), datetime.now(UTC)
        with place.translated(), place.ledger().connect() as connection:
            mark = _mark(connection)
        self._why_not = ""
        if mark != self._mark or self._reading is None:
            self._reading, self._mark, self.shows = place, mark, began
            self._changed()

    def _refresh_file(self, patience: float) -> None:
        if not self.warehouse.is_there:
            self._why_not = f"There is no warehouse {self.warehouse.label} yet. Run: leadloop extract"
            return
        if snapshot.is_current(self.warehouse):
            self._why_not = ""
        elif time.monotonic() >= self._rest_until:
            try:
                made = snapshot.make(self.warehouse, patience=patience)
                self._rest_until = time.monotonic() + REST * made.seconds
                self._why_not = ""
            except LeadloopError as error:
                self._why_not = error.what
        if snapshot.made_at(self.warehouse) in (None, self._at):
            return
        with self._gate.alone(), snapshot.opening(self.warehouse):
            self._close()
            at = snapshot.made_at(self.warehouse)
            if at is None:
                return
            place = self.warehouse.reading(snapshot.paths_of(self.warehouse))
            # A file that stays open is opened once more in a millisecond.
            self._anchor = place.engine().connect()
            self._reading, self._at, self.shows = place, at, at
        self._changed()

    def _changed(self) -> None:
        self.generation += 1
        self._kept = {name: found for name, found in self._kept.items() if found[0] >= self.generation}
        if time.monotonic() - self._asked_at < LATELY:
            with suppress(RuntimeError):  # it is being stopped
                self.on_change()

    def _close(self) -> None:
        anchor, self._anchor, self._reading = self._anchor, None, None
        if anchor is not None:
            with suppress(sa.exc.SQLAlchemyError):
                anchor.close()

    def _watch(self) -> None:
        while not self._ended.is_set():
            self._wanted.wait(LOOK_EVERY if self.warehouse.path else LOOK_EVERY * 5)
            self._wanted.clear()
            if not self._ended.is_set():
                self.refresh()


def _mark(connection: sa.Connection) -> Any:
    """Another one whenever leadloop or dbt has done something with a server's database."""
    found = []
    if columns_of(connection, "leadloop", "warehouse"):
        found.append(connection.exec_driver_sql(f"select last_value from {SEQUENCE}").scalar())
    if "recorded_at" in columns_of(connection, "leadloop", "dbt_results"):
        found.append(connection.exec_driver_sql("select max(recorded_at) from leadloop.dbt_results").scalar())
    return found


class _Gate:
    """Many at once, or one alone. Whoever waits to be alone lets no more in, so that it is not waited for ever."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside = 0
        self._alone = False
        self._mine = threading.local()

    @contextmanager
    def together(self) -> Iterator[None]:
        depth = getattr(self._mine, "depth", 0)
        with self._condition:
            # A thread that is inside already may go further in.
            while self._alone and not depth:
                self._condition.wait()
            self._inside += 1
        self._mine.depth = depth + 1
        try:
            yield
        finally:
            self._mine.depth = depth
            with self._condition:
                self._inside -= 1
                self._condition.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._condition:
            while self._alone:
                self._condition.wait()
            self._alone = True
            while self._inside:
                self._condition.wait()
        try:
            yield
        finally:
            with self._condition:
                self._alone = False
                self._condition.notify_all()
