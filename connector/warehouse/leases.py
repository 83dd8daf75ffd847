"""Who works on what just now: ``leadloop.leases``, one row per name, inside the database that is worked on.

A lock beside the database would not be the database's own: a link to the file leads past it, and a session of a server
can be cut without its holder noticing. A lease is a row that its holder proves in the same transaction as what it writes,
so whoever has lost it can't write any more, and whoever takes it over finds everything that was written under it.
"""

import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connector.errors import LeaseLostError, LockedError
from connector.warehouse import moves
from connector.warehouse.engines import engine_of
from connector.warehouse.ledger import METADATA
from connector.warehouse.migrations import bring_up

TTL = 120.0
"""Seconds after which the lease of another machine (or container) counts as dead, if nobody has renewed it."""
PATIENCE = 3.0
"""Seconds to wait for a DuckDB file that another process holds, to take a lease or to give it back."""

leases = sa.Table(
    "leases",
    METADATA,
    sa.Column("name", sa.Text),
    sa.Column("token", sa.Text),
    sa.Column("host", sa.Text),
    # The machine since it was started, and the space in which its process ids are unique.
    sa.Column("host_id", sa.Text),
    sa.Column("pid", sa.BigInteger),
    sa.Column("process_started", sa.Text),
    sa.Column("acquired_at", sa.DateTime(timezone=True)),
    sa.Column("renewed_at", sa.DateTime(timezone=True)),
    info={"one_row_per": "lock that is held now"},
)

_HELD: set[str] = set()
"""Tokens of this process's leases: one of its own that is not among them was never given back, and holds nothing."""
_TAKING = threading.Lock()
_PLATFORM: str = sys.platform


class Lease:
    """A lease that this process has taken. Can be proven from any thread."""

    def __init__(self, engine: sa.Engine, name: str, token: str, proven: float) -> None:
        self.name = name
        self._engine = engine
        self._token = token
        self._proven = proven
        self._lost: str | None = None
        self._one_at_a_time = threading.Lock()
        self._released = threading.Event()

    @property
    def fresh(self) -> bool:
        """Whether it was proven so lately that nobody can have taken it over, even if this process was suspended since."""
        return self._lost is None and _clock() - self._proven < TTL / 2

    def prove(self) -> None:
        """Renews it in a transaction of its own; ``LeaseLostError`` when it is no longer this run's."""
        with self.transaction():
            pass

    @contextmanager
    def transaction(self, connect: Callable[[], sa.Connection] | None = None) -> Iterator[sa.Connection]:
        """A transaction that begins with the proof; ``LeaseLostError`` before anything can be written in it.

        ``connect`` opens the warehouse; by default as ``patient`` does.
        The row stays locked until its end, so a transaction whose answer was lost has ended before the next one goes on.
        """
        with self._one_at_a_time:
            asked = _clock()
            with (connect or partial(patient, self._engine))() as connection, connection.begin():
                self._prove(connection)
                yield connection
            self._proven = asked

    def _prove(self, connection: sa.Connection) -> None:
        renewed = (
            leases.update()
            .where(leases.c.name == self.name, leases.c.token == self._token)
            .values(renewed_at=_now(connection))
            .returning(leases.c.token)
        )
        if self._lost is None and connection.execute(renewed).first() is None:
            query = sa.select(leases).where(leases.c.name == self.name)
            holder = connection.execute(query).mappings().first()
            self._lost = described(holder) if holder else "nobody any more"
        if self._lost is not None:
            raise LeaseLostError(
                f"This run no longer holds the lease on {self.name}; it is held by {self._lost}. It stopped, and sends "
                "and records nothing more.",
                "Run again when the other one has ended: the next run finds out in the CRM what came of calls that were "
                "under way.",
            )

    def keep_alive(self) -> None:
        """Renews it now and then in the background, until it is released or lost."""
        threading.Thread(target=self._renew, name=f"lease {self.name}", daemon=True).start()

    def _renew(self) -> None:
        while not self._released.wait(TTL / 4):
            try:
                self.prove()
            except LeaseLostError:
                return
            except sa.exc.SQLAlchemyError:
                continue  # The server is out of reach for now; whoever wants to write will say so.

    def release(self) -> None:
        """Gives it back. Where the database can't be reached it dies with this process, and here holds nothing any more."""
        self._released.set()
        _HELD.discard(self._token)
        mine = leases.delete().where(leases.c.name == self.name, leases.c.token == self._token)
        with (
            suppress(Exception),
            self._one_at_a_time,
            patient(self._engine) as connection,
            connection.begin(),
        ):
            connection.execute(mine)


def take(engine: sa.Engine, name: str) -> Lease:
    """Takes the lease of this name; ``LockedError`` says who holds it since when.

    The lease of a move (``moves.LOCK``) stands against all others, but for those of this process. ``MovedError`` where the
    warehouse is none to work with.
    """
    token = uuid.uuid4().hex
    with _TAKING:
        asked = _take(engine, name, token)
        _HELD.add(token)
    return Lease(engine, name, token, asked)


def _take(engine: sa.Engine, name: str, token: str) -> float:
    """Writes the row, unless somebody else's stands against it; returns when it was ours by the clock of this machine."""
    me = os.getpid()
    with patient(engine) as connection, connection.begin():
        row = sa.select(leases)
        if name != moves.LOCK:
            row = row.where(leases.c.name.in_((name, moves.LOCK)))
        if (one_at_a_time := engine_of(connection).one_at_a_time) is not None:
            # Of two that begin at once the second waits for the first to be through here; at most a moment.
            connection.exec_driver_sql(one_at_a_time)
            row = row.with_for_update()
        bring_up(connection)
        moves.refuse(connection)
        asked = _clock()
        for holder in connection.execute(row).mappings().all():
            if holder["name"] != name and holder["token"] in _HELD:
                continue  # whoever moves a warehouse builds it as well
            # Asked once the row is locked: its holder may have renewed it just before.
            old = connection.scalar(sa.select(age(connection)).where(leases.c.name == holder["name"]))
            if not _is_dead(holder, float(old or 0)):
                raise LockedError(
                    f"{moves.told(holder['name'])} is being worked on by {described(holder)}.",
                    "Nothing was done; run again when it has ended.",
                )
        connection.execute(leases.delete().where(leases.c.name == name))
        connection.execute(
            leases.insert().values(
                name=name,
                token=token,
                host=socket.gethostname(),
                host_id=host_id(),
                pid=me,
                process_started=process_started(me),
                acquired_at=_now(connection),
                renewed_at=_now(connection),
            )
        )
    return asked


def described(holder: Any) -> str:
    """Process, machine and time of a row of ``leases``."""
    since: datetime = holder["acquired_at"]
    return f"leadloop {holder['pid']} on {holder['host']} since {since.astimezone(UTC):%F %T} UTC"


def _is_dead(holder: Any, age: float) -> bool:
    """Whether a holder can't go on. One that lives on this machine can, however long ago it renewed its lease."""
    if holder["host_id"] != host_id():
        return age > TTL
    if holder["pid"] == os.getpid() and holder["process_started"] == process_started(os.getpid()):
        return holder["token"] not in _HELD
    return not lives(holder["pid"], holder["process_started"])


def lives(pid: int, started: str | None) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # It is there, and somebody else's.
    now = process_started(pid)
    return now is None or started is None or now == started


def process_started(pid: int) -> str | None:
    """When a process began, so that a later one with the same id is told apart; ``""`` if it has ended, ``None`` if unknown."""
    if _PLATFORM == "linux":
        try:
            state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return "" if state in "ZX" else rest[18]
    if _PLATFORM == "darwin":
        ps = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
        said = subprocess.run(ps, capture_output=True, text=True, check=False)  # noqa: S603 - a number, and nothing else
        return said.stdout.strip() or None
    return None


@cache
def host_id() -> str:
    """This machine since it was started, and its space of process ids. Where that can't be told, no other process has it."""
    try:
        if _PLATFORM == "linux":
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            return f"{socket.gethostname()} {boot} {os.readlink('/proc/self/ns/pid')}"
        if _PLATFORM == "darwin":
            return f"{socket.gethostname()} {uuid.getnode():x}"
    except OSError:
        pass
    return uuid.uuid4().hex


def patient(engine: sa.Engine, seconds: float = PATIENCE) -> sa.Connection:
    """A connection; waits so long for a DuckDB file that another process holds, then raises what the engine raised."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return engine.connect()
        except sa.exc.DBAPIError as error:
            if "Could not set lock on file" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def age(connection: sa.Connection) -> sa.ColumnElement[Any]:
    """Seconds since a lease was renewed, by the database's clock, in SQL."""
    return sa.extract("epoch", _now(connection) - leases.c.renewed_at)


def _now(connection: sa.Connection) -> sa.Function[datetime]:
    """The database's own clock, also in the middle of a transaction."""
    return sa.Function(engine_of(connection).now, type_=sa.DateTime(timezone=True))


def _clock() -> float:
    """Seconds that also pass while the machine sleeps, where it can tell."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)
