"""The quick loop in a storm: copies that are put back, sessions that are cut, leases that are taken, clocks and CRMs that move.

Nothing here knows what has to come of it; that is ``storm_world``'s.
"""

import datetime as dt
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa

from connector.push import Journal
from connector.sandbox import Sandbox
from connector.sandbox.calls import Call
from connector.warehouse import leases
from connector.warehouse.connection import Warehouse
from tests.properties.quick_loop import NAMES, Killed, Made, QuickLoop

LEADS = 12
CUT = "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'"


class Wires:
    """Counts the statements that are sent to databases, and does something as one of them begins."""

    def __init__(self) -> None:
        self.count = 0
        self._at: int | None = None
        self._then: Callable[[], None] | None = None
        sa.event.listen(sa.engine.Engine, "before_cursor_execute", self._before)
        sa.event.listen(sa.engine.Engine, "commit", self._before)

    def close(self) -> None:
        sa.event.remove(sa.engine.Engine, "before_cursor_execute", self._before)
        sa.event.remove(sa.engine.Engine, "commit", self._before)

    def _before(self, *_: Any) -> None:
        self.count += 1
        if self._at is not None and self.count >= self._at and self._then is not None:
            then, self._at, self._then = self._then, None, None
            then()

    @contextmanager
    def at(self, number: int, then: Callable[[], None]) -> Iterator[None]:
        """Does it as the so-manieth statement from now on begins."""
        self._then, self._at = then, self.count + number
        try:
            yield
        finally:
            self._then = self._at = None


class StormLoop(QuickLoop):
    """A quick loop, its pushes under several names, on a warehouse that can be copied, cut and robbed."""

    leads: ClassVar[int] = LEADS
    pushes: ClassVar[tuple[str, ...]] = tuple(name for names in NAMES.values() for name in names)

    def __init__(
        self,
        folder: Path,
        warehouse: Warehouse,
        patch: pytest.MonkeyPatch,
        made: dict[tuple[str, str], Made] | None = None,
    ) -> None:
        self._folder = folder
        self._copies = 0
        self._past: list[Sandbox] = []
        self._admin = (
            None
            if warehouse.kind == "duckdb"
            else sa.create_engine(
                warehouse.url.set(database="postgres"),
                isolation_level="AUTOCOMMIT",
                poolclass=sa.pool.NullPool,
            )
        )
        super().__init__(folder, warehouse, patch, made)
        self.wires = Wires()
        if self._admin is not None:
            self._open.close()

    def begin(self) -> Sandbox:
        self._past.clear()
        return super().begin()

    def close(self) -> None:
        self.wires.close()
        super().close()

    # The CRM

    @property
    def crm(self) -> Sandbox:
        assert self._crm is not None
        return self._crm

    def calls(self) -> list[Call]:
        """All calls to this CRM since it began, wherever it was."""
        return [call for crm in (*self._past, self.crm) for call in crm.calls]

    def move(self) -> None:
        """The CRM ends and begins again at another address, with the same book."""
        old = self.crm
        self._stop()
        self._past.append(old)
        self._crm = Sandbox(book=old.book, leads=self.leads).__enter__()
        self.point_at(self._crm)

    @contextmanager
    def another_account(self, seed: int) -> Iterator[Sandbox]:
        """For a while the settings name an account with other leads, whose ids are the same."""
        with Sandbox(leads=self.leads, seed=seed) as other:
            self.point_at(other)
            try:
                yield other
            finally:
                self.point_at(self.crm)

    # The warehouse

    def copy(self) -> str:
        """As a backup does it, while nobody is at work; the copy's name."""
        self._copies += 1
        made = f"copy_{self._copies}"
        if self._admin is None:
            assert self.warehouse.path is not None
            self._open.close()
            shutil.copyfile(self.warehouse.path, self._folder / f"{made}.duckdb")
            self._open_again()
        else:
            self._administer(f"create database {made} template {self.warehouse.url.database}")
        return made

    def put_back(self, made: str) -> None:
        """The warehouse is that copy from now on."""
        if self._admin is None:
            assert self.warehouse.path is not None
            self._open.close()
            self.warehouse.path.with_suffix(".duckdb.wal").unlink(missing_ok=True)
            shutil.copyfile(self._folder / f"{made}.duckdb", self.warehouse.path)
            self._open_again()
        else:
            name = self.warehouse.url.database
            self._administer(f"drop database {name} with (force)", f"create database {name} template {made}")

    def throw_away(self, made: str) -> None:
        if self._admin is None:
            (self._folder / f"{made}.duckdb").unlink()
        else:
            self._administer(f"drop database {made}")

    def _open_again(self) -> None:
        self._open = self._engine.connect()
        self._open.exec_driver_sql("set threads = 1")
        self._open.commit()

    def _administer(self, *statements: str) -> None:
        assert self._admin is not None
        with self._admin.connect() as connection:
            # A session that has just said goodbye may not be gone yet, and a template must not be in use.
            connection.exec_driver_sql(CUT.format(self.warehouse.url.database))
            for statement in statements:
                connection.exec_driver_sql(statement)

    def cut(self) -> None:
        """PostgreSQL ends all sessions of the warehouse."""
        assert self._admin is not None
        with self._admin.connect() as connection:
            connection.exec_driver_sql(CUT.format(self.warehouse.url.database))

    def count(self) -> dict[str, int]:
        """How many rows the tables have that what was read or sent is in."""
        tables = ("convoso_raw.lead_versions", "convoso_raw.lead_removals", "leadloop.push_journal")
        return {table: self.rows(f"select count(*) from {table}")[0][0] for table in tables}

    # The process

    @contextmanager
    def killed_at(self, number: int, *, recorded: bool) -> Iterator[None]:
        """As in the quick loop; and who is dead gives no lease back."""
        release = leases.Lease.release

        def left_behind(lease: leases.Lease) -> None:
            if sys.exc_info()[0] is Killed:
                lease._released.set()
                leases._HELD.discard(lease._token)
            else:
                release(lease)

        with pytest.MonkeyPatch.context() as patch, super().killed_at(number, recorded=recorded):
            patch.setattr(leases.Lease, "release", left_behind)
            yield

    @contextmanager
    def robbed_at(self, number: int, struck: Counter[str]) -> Iterator[None]:
        """Before the so-manieth thing that a push writes down, another machine takes its lease, as if this one were long gone."""
        taken: list[leases.Lease] = []

        def rob(held: str) -> None:
            taken.append(self._rob(held))
            struck["robbed"] += 1

        with _at_writing(number, rob):
            try:
                yield
            finally:
                for lease in taken:
                    lease.release()

    def _rob(self, name: str) -> leases.Lease:
        table = leases.leases
        old = table.c.renewed_at - sa.text("interval '1 hour'")
        with self._engine.begin() as connection:
            connection.execute(
                table.update().where(table.c.name == name).values(host_id="elsewhere", renewed_at=old)
            )
        return leases.take(self.warehouse.engine(), name)

    @contextmanager
    def beside(self, number: int, second: Callable[[str], None]) -> Iterator[None]:
        """At the so-manieth thing that a push writes down, a second run begins; it is told which push the first one is at.

        A DuckDB file is one process's at a time, so there the first one waits until the second one has ended.
        """
        threads: list[threading.Thread] = []

        def begin(held: str) -> None:
            if held.startswith("push:"):
                threads.append(threading.Thread(target=second, args=(held.removeprefix("push:"),)))
                threads[0].start()
                if self._admin is None:
                    threads[0].join()

        with _at_writing(number, begin):
            try:
                yield
            finally:
                for thread in threads:
                    thread.join()


@contextmanager
def _at_writing(number: int, strike: Callable[[str], None]) -> Iterator[None]:
    """Just before the so-manieth thing that is written down under a lease; ``strike`` is told the lease's name."""
    left = number

    def striking(real: Callable[..., Any]) -> Callable[..., Any]:
        def method(journal: Journal, *arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0 and journal.lease is not None:
                strike(journal.lease.name)
            return real(journal, *arguments, **named)

        return method

    with pytest.MonkeyPatch.context() as patch:
        for name in ("record", "start_run"):
            patch.setattr(Journal, name, striking(getattr(Journal, name)))
        yield


@contextmanager
def clock_wrong_by(seconds: float) -> Iterator[None]:
    """This machine's clock, for everything of ours: all modules that ask ``datetime`` what time it is."""
    step = dt.timedelta(seconds=seconds)

    class Like(type):
        def __call__(cls, *arguments: Any, **named: Any) -> Any:
            return dt.datetime(*arguments, **named)

        def __getattr__(cls, name: str) -> Any:
            return getattr(dt.datetime, name)

        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, dt.datetime)

    class Wrong(metaclass=Like):
        @staticmethod
        def now(tz: dt.tzinfo | None = None) -> dt.datetime:
            return dt.datetime.now(tz) + step

    class Module:
        datetime = Wrong

        def __getattr__(self, name: str) -> Any:
            return getattr(dt, name)

    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if not name.startswith("connector") or name.startswith("connector.sandbox"):
                continue
            for attribute, real, wrong in (("datetime", dt.datetime, Wrong), ("dt", dt, Module())):
                with suppress(AttributeError):
                    if getattr(module, attribute) is real:
                        patch.setattr(module, attribute, wrong)
        yield
