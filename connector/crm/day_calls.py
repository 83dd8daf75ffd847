"""How many calls an account has left today, for a CRM whose plan has so many a day; counted by all runs together.

The count outlives the run. Runs of one machine share a small SQLite file in the user's state folder; runs of several machines
share the database of ``crm.<account>.shared_pace``. A home that can't be written to leaves each process with a count of its own.
A day is one of UTC, by the CRM's clock.
"""

import contextlib
import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from connector.config import VendorSettings, named
from connector.crm.identity import identity_of
from connector.crm.shared_pace import make_table, unusable
from connector.errors import CallsUsedError

TABLE = "leadloop.day_calls"
FILE = "calls.sqlite"
KEPT_DAYS = 7
"""How long the counts of past days stay."""
PATIENCE = 10.0
"""Seconds to wait for another process that is counting."""


@dataclass(frozen=True, slots=True)
class CallsLeft:
    """The calls of one account on one day."""

    limit: int
    used: int
    new_at: datetime
    """UTC, when the next day's calls begin."""

    @property
    def left(self) -> int:
        return max(self.limit - self.used, 0)

    def __str__(self) -> str:
        return f"{self.left:,} of {self.limit:,} calls left until {self.new_at:%F %H:%M} UTC"


class Store(Protocol):
    """Where counts are kept, by name and day. Safe to use from several threads and processes."""

    def add(self, day: date, limit: int) -> bool:
        """Counts one call; ``False``, and no count, where the day has ``limit`` already."""
        ...

    def used(self, day: date) -> int: ...

    def raise_to(self, day: date, calls: int) -> None:
        """There are at least so many."""
        ...

    def close(self) -> None: ...


class DayCalls:
    """The calls of one account, ``limit`` a day. Safe to use from several threads."""

    def __init__(self, limit: int, store: Store, now: Callable[[], datetime]) -> None:
        self.limit = limit
        self._store = store
        self._now = now

    def take(self) -> None:
        """Counts a call that is about to be made; ``CallsUsedError`` where the day has none left."""
        day = self._day()
        if not self._store.add(day, self.limit):
            raise used_up(day, self.limit)

    def use_up(self) -> CallsUsedError:
        """The CRM itself says that there are none left today, because other programs call it, too; the error to raise."""
        day = self._day()
        self._store.raise_to(day, self.limit)
        return used_up(day, self.limit)

    def left(self) -> CallsLeft:
        day = self._day()
        return CallsLeft(self.limit, self._store.used(day), _ends(day))

    def close(self) -> None:
        self._store.close()

    def _day(self) -> date:
        return self._now().astimezone(UTC).date()


def used_up(day: date, limit: int | None = None) -> CallsUsedError:
    """What to raise where a day has no calls left; ``limit`` where it is known."""
    allowed = "" if limit is None else f" ({limit:,} a day)"
    return CallsUsedError(
        f"has no calls left today{allowed}; the next ones begin on {_ends(day):%F at %H:%M} UTC",
        "What was done until then is kept: run again after that time.",
        new_at=_ends(day),
    )


def of(settings: VendorSettings, now: Callable[[], datetime]) -> DayCalls | None:
    """The account's calls of the day; ``None`` where its settings name no limit."""
    limit = settings.calls_a_day
    if limit is None:
        return None
    host = urlsplit(settings.base_url).netloc
    if settings.shared_pace is not None:
        # As the shared pace is called, so that both mean the same accounts.
        name = f"{settings.pace_name or settings.name} {host}"
        setting = named(f"crm.{settings.name}.shared_pace")
        return DayCalls(limit, _PostgresStore(settings.shared_pace.reveal(), name, setting), now)
    # Two projects of one user may each have an account of this name: here the key tells them apart.
    name = f"{settings.pace_name} {host}" if settings.pace_name else identity_of(settings).digest
    return DayCalls(limit, _FileStore(_folder(), hashlib.sha256(name.encode()).hexdigest()[:24]), now)


def _ends(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _folder() -> Path | None:
    """``~/.local/state/leadloop``; ``None`` for a user without a home."""
    state = os.environ.get("XDG_STATE_HOME", "")
    with contextlib.suppress(RuntimeError):
        return (Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state") / "leadloop"
    return None


class _FileStore:
    """A SQLite file; where it can't be used, the memory of this process."""

    def __init__(self, folder: Path | None, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._path = folder / FILE if folder is not None else None
        self._file: sqlite3.Connection | None = None
        self._memory: dict[date, int] = {}

    def add(self, day: date, limit: int) -> bool:
        with self._lock:
            if (file := self._opened(day)) is not None:
                with contextlib.suppress(sqlite3.Error):
                    row = file.execute(
                        "insert into calls (name, day, calls) select ?1, ?2, 1 where ?3 > 0 "
                        "on conflict (name, day) do update set calls = calls + 1 where calls < ?3 returning calls",
                        (self._name, day.isoformat(), limit),
                    ).fetchone()
                    return row is not None
            used = self._memory.get(day, 0)
            if used >= limit:
                return False
            self._memory[day] = used + 1
            return True

    def used(self, day: date) -> int:
        with self._lock:
            # A look makes no file.
            if self._path is not None and self._path.is_file() and (file := self._opened(day)) is not None:
                with contextlib.suppress(sqlite3.Error):
                    row = file.execute(
                        "select calls from calls where name = ? and day = ?", (self._name, day.isoformat())
                    ).fetchone()
                    return int(row[0]) if row else 0
            return self._memory.get(day, 0)

    def raise_to(self, day: date, calls: int) -> None:
        with self._lock:
            self._memory[day] = max(self._memory.get(day, 0), calls)
            if (file := self._opened(day)) is not None:
                with contextlib.suppress(sqlite3.Error):
                    file.execute(
                        "insert into calls (name, day, calls) values (?1, ?2, ?3) "
                        "on conflict (name, day) do update set calls = max(calls, ?3)",
                        (self._name, day.isoformat(), calls),
                    )

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _opened(self, day: date) -> sqlite3.Connection | None:
        if self._file is None and self._path is not None:
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                # Each statement commits by itself, and what a power cut loses is a few counted calls.
                file = sqlite3.connect(
                    self._path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
                )
                file.execute("pragma synchronous = off")
                file.execute(
                    "create table if not exists calls (name text, day text, calls integer, primary key (name, day))"
                )
                file.execute(
                    "delete from calls where day < ?", ((day - timedelta(days=KEPT_DAYS)).isoformat(),)
                )
                self._file = file
            except (OSError, sqlite3.Error):
                self._path = None
        return self._file


class _PostgresStore:
    """A table in the database of the shared pace. ``ConfigError`` about ``setting`` where it can't be used."""

    def __init__(self, url: str, name: str, setting: str) -> None:
        import sqlalchemy as sa

        self._sa = sa
        self._name = name
        self._setting = setting
        self._lock = threading.Lock()
        self._address = sa.make_url(url).set(drivername="postgresql+psycopg2")
        self._connection: Any = None
        self._made = False

    def add(self, day: date, limit: int) -> bool:
        statement = (
            f"insert into {TABLE} as known (name, day, calls) select :name, :day, 1 where :limit > 0 "
            "on conflict (name, day) do update set calls = known.calls + 1 where known.calls < :limit returning calls"
        )
        return self._scalar(statement, day=day, limit=limit) is not None

    def used(self, day: date) -> int:
        return int(self._scalar(f"select calls from {TABLE} where name = :name and day = :day", day=day) or 0)

    def raise_to(self, day: date, calls: int) -> None:
        statement = (
            f"insert into {TABLE} as known (name, day, calls) values (:name, :day, :calls) "
            "on conflict (name, day) do update set calls = greatest(known.calls, :calls) returning calls"
        )
        self._scalar(statement, day=day, calls=calls)

    def close(self) -> None:
        with self._lock:
            self._let_go()

    def _scalar(self, statement: str, **values: Any) -> Any:
        sa = self._sa
        with self._lock:
            # Twice, since a connection may only have been idle for too long.
            for _ in range(2):
                try:
                    return self._asked(statement, values)
                except (sa.exc.SQLAlchemyError, ImportError):
                    self._let_go()
        raise unusable(self._setting)

    def _asked(self, statement: str, values: dict[str, Any]) -> Any:
        sa = self._sa
        if self._connection is None:
            engine = sa.create_engine(self._address, poolclass=sa.pool.NullPool, hide_parameters=True)
            self._connection = engine.connect()
        with self._connection.begin():
            if not self._made:
                make_table(
                    self._connection,
                    TABLE,
                    "name text, day date, calls bigint not null, primary key (name, day)",
                )
                self._connection.execute(
                    sa.text(f"delete from {TABLE} where day < :day"),
                    {"day": values["day"] - timedelta(days=KEPT_DAYS)},
                )
                self._made = True
            return self._connection.scalar(sa.text(statement), {"name": self._name, **values})

    def _let_go(self) -> None:
        self._made = False
        if self._connection is not None:
            with closing(self._connection):
                self._connection = None
