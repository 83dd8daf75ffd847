"""One warehouse, three doors that open the same one: a dlt destination, a SQLAlchemy engine, a dbt target."""

import json
import os
import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from connector.errors import (
    ConfigError,
    LeadloopError,
    LeaseLostError,
    LockedError,
    WarehouseError,
    causes,
    disk_full,
)
from connector.warehouse import kept, leases, migrations, moves, private, settings, waiting
from connector.warehouse.duckdb import DuckDB
from connector.warehouse.ducklake import DuckLake
from connector.warehouse.engine import Engine, Size
from connector.warehouse.engines import ENGINES, engine_at, engine_of
from connector.warehouse.leases import Lease
from connector.warehouse.motherduck import MotherDuck
from connector.warehouse.postgres import Postgres
from connector.warehouse.relations import Relation
from connector.warehouse.snowflake import Snowflake
from connector.warehouse.snowflake_account import Account
from connector.warehouse.spark import Spark
from connector.warehouse.spark_server import Server


@dataclass(frozen=True)
class Warehouse:
    """A warehouse in one of the engines leadloop knows. Make one with ``open``, ``duckdb``, ``postgres``, ``ducklake``, ``spark``, ``motherduck`` or ``snowflake``."""

    kind: str
    """The engine's name."""
    url: URL = field(repr=False)

    @classmethod
    def open(cls) -> "Warehouse":
        """The warehouse of the settings ``warehouse.destination`` and ``destination.<name>.credentials``."""
        return cls.named(settings.destination())

    @classmethod
    def named(cls, kind: str) -> "Warehouse":
        """The warehouse of the setting ``destination.<kind>.credentials``, whatever ``warehouse.destination`` says."""
        return cls(kind, ENGINES[kind].url(settings.credentials(kind)))

    @classmethod
    def duckdb(cls, path: str | Path) -> "Warehouse":
        return cls("duckdb", DuckDB().of(path))

    @classmethod
    def postgres(cls, url: str | URL) -> "Warehouse":
        return cls("postgres", Postgres().of(url))

    @classmethod
    def ducklake(cls, catalog: str | Path, storage: str | Path | None = None) -> "Warehouse":
        """``catalog``: a path, or the URL of a PostgreSQL database, which needs a ``storage``."""
        return cls("ducklake", DuckLake().of(catalog, storage))

    @classmethod
    def spark(
        cls, storage: str | Path, ledger: str | Path | None = None, server: Server | str = ""
    ) -> "Warehouse":
        return cls("spark", Spark().of(storage, ledger, server))

    @classmethod
    def motherduck(cls, database: str, ledger: str | Path | None = None, token: str = "") -> "Warehouse":
        return cls("motherduck", MotherDuck().of(database, ledger, token))

    @classmethod
    def snowflake(cls, account: Account, ledger: str | Path | None = None) -> "Warehouse":
        return cls("snowflake", Snowflake().of(account, ledger))

    @property
    def _kind(self) -> Engine:
        return engine_at(self.url)

    @property
    def path(self) -> Path | None:
        """The database file, where the warehouse is one."""
        return self._kind.path(self.url)

    @property
    def has_previews(self) -> bool:
        """Whether models can be made beside the warehouse, and be gone afterwards."""
        return self._kind.has_previews

    @property
    def is_moved(self) -> bool:
        """Whether it can be moved, or another one into it."""
        return self._kind.is_moved

    @property
    def has_ledger_apart(self) -> bool:
        """Whether what leadloop remembers is in another place than the leads."""
        return self._kind.has_ledger_apart

    @property
    def is_there(self) -> bool:
        """Whether looking into it makes no new file; a server counts as there."""
        return self._kind.is_there(self.url)

    @property
    def label(self) -> str:
        """The warehouse for people: a path, or host and database; never a password."""
        return self._kind.label(self.url)

    @property
    def described(self) -> str:
        """The warehouse with all that belongs to it."""
        return self._kind.described(self.url)

    @property
    def file(self) -> Path | None:
        """The file that is the whole warehouse, where there is one."""
        return self.path if self._kind.is_one_file else None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are written to again and again: see ``Engine.files``."""
        return self._kind.files(self.url)

    def tables_written(self) -> dict[Relation, tuple[int, float]]:
        """See ``Engine.tables_written``."""
        return self._kind.tables_written(self.url)

    def last_written(self) -> float:
        """When somebody wrote to one of its files or tables last, as ``time.time`` tells it."""
        # The log of a file that a link leads to is beside the file.
        files = [path.resolve() for path in self.files]
        found = [at for _, at in self.tables_written().values()]
        for each in [each for path in files for each in (path, Path(f"{path}.wal"))]:
            with suppress(FileNotFoundError):
                found.append(each.stat().st_mtime)
        return max(found, default=0.0)

    def reading(self, copies: Sequence[Path] = ()) -> "Warehouse":
        """The same warehouse for whoever only reads, or copies of its ``files`` in their place."""
        kind = self._kind
        return Warehouse(self.kind, kind.copied_to(self.url, copies) if copies else kind.reading(self.url))

    def note_in_copy(self, copies: Sequence[Path], written: Mapping[Relation, tuple[int, float]]) -> None:
        """See ``Engine.note_in_copy``."""
        self._kind.note_in_copy(copies, written)

    def copied_to(self, path: Path) -> "Warehouse":
        """The same warehouse in another file, which is a copy of its own."""
        return Warehouse(self.kind, self._kind.url(str(path.absolute())))

    def engine(self) -> sa.Engine:
        """A SQLAlchemy engine that keeps no connection, so that a DuckDB file is held no longer than it is used.

        One for all that this process does: what an engine finds out about a database at first, it finds out once.
        """
        return _engine(self.url)

    def ledger(self) -> sa.Engine:
        """The SQLAlchemy engine by which leadloop's own tables are written, the schema ``leadloop``.

        The same as ``engine()``, but for a lake with its catalog on a server: ``engine()`` then shows these tables beside the leads,
        for a query of both, and is not to write to them.
        """
        return _engine(self._kind.ledger(self.url))

    @contextmanager
    def beside(self, connection: sa.Connection) -> Iterator[sa.Connection]:
        """A connection to the leads, for whoever is in a transaction of ``ledger()``: the same one, where one database has both."""
        if connection.engine.url == self.url:
            yield connection
            return
        with self.engine().connect() as leads:
            yield leads

    def destination(self) -> Any:
        """The dlt destination."""
        return self._kind.destination(self.url)

    def begin_anew(self) -> None:
        """Where what leadloop remembers is gone and the rest of the warehouse is there: begins it anew, which else is refused."""
        if self.has_ledger_apart:
            with self._kind.loss_accepted(), self.lock("ledger"):
                pass

    def tidy(self, keep: timedelta, needed_since: datetime | None = None) -> tuple[Size, Size]:
        """Makes room; returns how large the warehouse was before and is after. For whoever holds the lock of builds."""
        with self.engine().connect() as opened:
            connection = opened.execution_options(isolation_level="AUTOCOMMIT")
            before = self._kind.size(connection)
            self._kind.tidy(connection, keep, needed_since)
            return before, self._kind.size(connection)

    @property
    def file_format(self) -> str:
        """What dlt loads fastest into this engine."""
        return self._kind.file_format

    @property
    def place(self) -> str:
        """The warehouse by a text that is the same for all ways to name it."""
        return self._kind.place(self.url)

    @property
    def place_of_ledger(self) -> str:
        """The same of what leadloop itself remembers, which a lake has in another place than its leads."""
        return self._kind.place_of_ledger(self.url)

    @property
    def storage(self) -> str:
        """The folder or bucket with the files of a lake; blank where there is none."""
        return self._kind.storage(self.url)

    def dbt_env(self) -> dict[str, str]:
        """What ``dbt_models/profiles.yml`` reads; holds the password, under a name that dbt masks."""
        return self._kind.dbt_env(self.url)

    def building(self, schemas: Collection[str]) -> AbstractContextManager[Mapping[str, str]]:
        """Around a build, which makes models in these schemas: the same, with what dbt needs besides."""
        return self._kind.building(self.engine(), schemas)

    def built(self, project: Any, parsed: Any, nodes: Sequence[Any], made: Sequence[Any]) -> list[Any]:
        """After a build: notes and makes what dbt itself could not. See ``Engine.built``."""
        return self._kind.built(self.engine(), project, parsed, nodes, made)

    def as_variables(self) -> dict[str, str]:
        """The settings with which another process of this folder opens the same file; none for a server, which is set already."""
        if self.file is None:
            return {}
        given = {"warehouse.destination": self.kind, self._kind.credentials: str(self.file.absolute())}
        return {name.upper().replace(".", "__"): value for name, value in given.items()}

    def probe(self) -> None:
        """Opens the warehouse for writing and lets go of it again: ``LockedError``, ``WarehouseError``, ``ConfigError``."""
        with self._opening(), self.engine().connect() as connection:
            connection.execute(sa.text("select 1"))

    def look_through(self) -> None:
        """Reads everything that is in the warehouse's file: ``DamagedError`` where a part of it can't be read."""
        with self._opening(), self.engine().connect() as connection:
            self._kind.look_through(connection)

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Around steps that each open the warehouse: a DuckDB file is opened and closed once for all of them.

        It is let go of before the first call to a CRM, and by ``kept.let_go``: nobody else can open the file meanwhile.
        """
        if self.path is None or not self.is_there:
            yield
            return
        with kept.kept_open(self.engine()):
            yield

    def keep(self) -> None:
        """Within such steps, after a call: keeps the file open once more."""
        kept.keep(self.engine())

    @contextmanager
    def _opening(self) -> Iterator[None]:
        """Around the first look into a warehouse: its file is private, whoever makes it, and errors are sentences."""
        self.check_folder()
        with nullcontext() if self.is_there else private.new_files(), self.translated():
            yield
        if self.path is not None:
            private.keep(self.path)

    def check_folder(self) -> None:
        """``ConfigError`` for a file in a folder that isn't there. It is not made: it would be where nobody looks for it."""
        if self.path is not None and not self.path.parent.is_dir():
            raise ConfigError(
                f"{self._kind.setting} names a file in a folder that doesn't exist: {self.path.parent}."
            )

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turns an engine's errors about the warehouse as a whole into sentences."""
        try:
            yield
        except LeadloopError:
            raise
        except Exception as error:
            found = self.explained(error)
            if found is None:
                raise
            raise found from None

    def explained(self, error: BaseException) -> WarehouseError | ConfigError | None:
        """What an error means for a person, if it is about the warehouse as a whole or a full disk."""
        if (full := disk_full(error)) is not None:
            return full
        return self._kind.explained(" ".join(str(each) for each in causes(error)), self.label)

    @contextmanager
    def lock(self, name: str, *, wait: bool = True) -> Iterator[Lease]:
        """Holds ``name`` for this process by a lease in the database; whoever writes under it proves it as it writes.

        It is free again when the process has ended, however it ended: at once for others on this machine, after
        ``leases.TTL`` for other machines. ``LockedError`` says who holds it since when, where ``waiting`` has it wait only
        after that; without ``wait`` at once, for whoever has no need of it.
        """
        with ExitStack() as held:
            yield (
                waiting.patiently(lambda: self._locked(name, held), _held_by)
                if wait
                else self._locked(name, held)
            )

    def _locked(self, name: str, held: ExitStack) -> Lease:
        try:
            with ExitStack() as stack:
                if self.path is not None:
                    stack.enter_context(self._file_lock(name))
                lease = stack.enter_context(self._lease(name))
                held.enter_context(stack.pop_all())
                return lease
        except LockedError:
            kept.let_go()  # whoever works under the lock needs the file, and this process may wait until they have ended
            raise

    @contextmanager
    def _lease(self, name: str) -> Iterator[Lease]:
        with self._opening():
            lease = leases.take(self.ledger(), name)
            with leases.patient(self.ledger()) as connection, connection.begin():
                engine_of(connection).bind(connection)
        if self._kind.keeps_leases_alive:
            lease.keep_alive()
        try:
            yield lease
        finally:
            lease.release()

    @contextmanager
    def _file_lock(self, name: str) -> Iterator[None]:
        """Besides the lease: the system knows at once that its holder is dead or alive, also one in another container.

        It is beside the file itself, not beside a symlink to it. Where a hard link leads past it, the lease is there.
        """
        assert self.path is not None
        self.check_folder()
        stem = f"{self.path.resolve()}.{name.replace(':', '-')}"
        lock, note = FileLock(f"{stem}.lock", mode=0o600), Path(f"{stem}.holder")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise self._held(name, _read(note)) from None
        try:
            note.write_text(json.dumps(_me()), encoding="utf-8")
            yield
        finally:
            note.unlink(missing_ok=True)
            lock.release()

    def _held(self, name: str, holder: dict[str, Any]) -> LockedError:
        who = f"leadloop {holder['pid']} on {holder['host']}" if "pid" in holder else "another run"
        since = f" since {holder['since']} UTC" if "since" in holder else ""
        return LockedError(
            f"{moves.told(name)} is being worked on by {who}{since}.",
            "Nothing was done; run again when it has ended.",
        )


@lru_cache(maxsize=8)
def _engine(url: URL) -> sa.Engine:
    engine = sa.create_engine(url, poolclass=NullPool, hide_parameters=True)
    kind = engine_of(engine)
    sa.event.listen(engine, "connect", lambda connection, _record: kind.connected(connection))
    sa.event.listen(engine, "engine_connect", _refusing_newer())
    if kind.path(url) is not None:
        sa.event.listen(engine, "do_connect", _waiting_for_file(kind, url))
    return engine


def _held_by(error: Exception) -> LockedError | None:
    return error if isinstance(error, LockedError) and not isinstance(error, LeaseLostError) else None


def _waiting_for_file(kind: Engine, url: URL) -> Callable[..., Any]:
    """Opens the file as SQLAlchemy would, and waits for another process that has it, where ``waiting`` says so."""

    def held_by(error: Exception) -> LockedError | None:
        found = kind.explained(str(error), kind.label(url))
        return found if isinstance(found, LockedError) else None

    def connect(dialect: Any, _record: Any, args: Any, given: Any) -> Any:
        return waiting.patiently(lambda: dialect.connect(*args, **given), held_by)

    return connect


def _refusing_newer() -> Callable[[sa.Connection], None]:
    """Has the first connection of this process look whether a newer leadloop has worked with the warehouse, whoever asks for it.

    Raises ``OtherVersionError`` then, at every connection; where all is well, it is not asked again.
    """
    is_known = False

    def look(connection: sa.Connection) -> None:
        nonlocal is_known
        if is_known:
            return
        try:
            migrations.refuse_newer(connection)
            connection.rollback()
        except BaseException:
            connection.close()
            raise
        is_known = True

    return look


def _me() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": f"{datetime.now(UTC):%F %T}"}


def _read(note: Path) -> dict[str, Any]:
    try:
        holder = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}
