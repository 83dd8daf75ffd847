"""One warehouse, three doors that open the same one: a dlt destination, a SQLAlchemy engine, a dbt target."""

import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from connector import config, crm
from connector.errors import ConfigError, LockedError, WarehouseError, causes
from connector.warehouse import leases, migrations, private
from connector.warehouse.leases import Lease

Engine = Literal["duckdb", "postgres"]

DEFAULT_FILE = "leads.duckdb"
PARTS = ("username", "password", "host", "port", "database")
"""Of a table of credentials, what is a part of the address itself."""


@dataclass(frozen=True)
class Warehouse:
    """A warehouse in one of the engines leadloop knows. Make one with ``open``, ``duckdb`` or ``postgres``."""

    kind: Engine
    url: URL = field(repr=False)

    @classmethod
    def open(cls) -> "Warehouse":
        """The warehouse of the settings ``warehouse.destination`` and ``destination.<name>.credentials``."""
        kind = config.warehouse_destination()
        given = config.destination_credentials(kind)
        if kind == "duckdb":
            return cls.duckdb(_duckdb_path(given))
        if given is None:
            raise ConfigError(
                f"{config.named('destination.postgres.credentials')} is not set, and warehouse.destination is "
                "postgres. Put postgresql://user:password@host:5432/database into .dlt/secrets.toml."
            )
        return cls.postgres(_postgres_url(given))

    @classmethod
    def duckdb(cls, path: str | Path) -> "Warehouse":
        if Path(path).stem.lower() in {"analytics", "leadloop", *map(crm.raw_schema, crm.names())}:
            # DuckDB names the database after its file, and could not tell it from the schema of that name.
            raise ConfigError(
                f"{config.named('destination.duckdb.credentials')}: the file can't be called {Path(path).name}, since "
                f"{Path(path).stem} is a schema in it. Call it {DEFAULT_FILE}, for instance."
            )
        return cls("duckdb", URL.create("duckdb", database=str(Path(path).absolute())))

    @classmethod
    def postgres(cls, url: str | URL) -> "Warehouse":
        return cls("postgres", make_url(url).set(drivername="postgresql+psycopg2"))

    @property
    def path(self) -> Path | None:
        """The database file, where the warehouse is one."""
        return Path(self.url.database or "") if self.kind == "duckdb" else None

    @property
    def is_there(self) -> bool:
        """Whether looking into it makes no new file; a server counts as there."""
        return self.path is None or self.path.exists()

    @property
    def label(self) -> str:
        """The warehouse for people: a path, or host and database; never a password."""
        if self.kind == "duckdb":
            return str(self.path)
        return f"postgresql://{self.url.host or 'localhost'}:{self.url.port or 5432}/{self.url.database}"

    def engine(self) -> sa.Engine:
        """A SQLAlchemy engine that keeps no connection, so that a DuckDB file is held no longer than it is used.

        One for all that this process does: what an engine finds out about a database at first, it finds out once.
        """
        return _engine(self.url)

    def destination(self) -> Any:
        """The dlt destination."""
        if self.kind == "duckdb":
            import dlt

            return dlt.destinations.duckdb(credentials=str(self.path))
        # dlt insists on a password; a server that trusts its clients never looks at it.
        password = self.url.password or os.environ.get("PGPASSWORD") or "none"
        url = self.url.set(drivername="postgresql", password=password)
        from connector.warehouse.postgres import postgres

        return postgres(credentials=url.render_as_string(hide_password=False))

    @property
    def file_format(self) -> str:
        """What dlt loads fastest into this engine."""
        return "parquet" if self.kind == "duckdb" else "csv"

    @property
    def dbt_target(self) -> Engine:
        return self.kind

    def dbt_env(self) -> dict[str, str]:
        """What ``dbt_models/profiles.yml`` reads; holds the password, under a name that dbt masks."""
        if self.kind == "duckdb":
            return {"LEADLOOP_DBT_TARGET": "duckdb", "LEADLOOP_DUCKDB_PATH": str(self.path)}
        query = self.url.query
        return {
            "LEADLOOP_DBT_TARGET": "postgres",
            "LEADLOOP_POSTGRES_HOST": self.url.host or "localhost",
            "LEADLOOP_POSTGRES_PORT": str(self.url.port or 5432),
            "LEADLOOP_POSTGRES_USER": self.url.username or "postgres",
            "LEADLOOP_POSTGRES_DBNAME": self.url.database or "postgres",
            "LEADLOOP_POSTGRES_SSLMODE": str(query.get("sslmode", "prefer")),
            "DBT_ENV_SECRET_LEADLOOP_POSTGRES_PASSWORD": self.url.password or "",
        }

    def probe(self) -> None:
        """Opens the warehouse for writing and lets go of it again: ``LockedError``, ``WarehouseError``, ``ConfigError``."""
        with self._opening(), self.engine().connect() as connection:
            connection.execute(sa.text("select 1"))

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Around steps that each open the warehouse: a DuckDB file is opened and closed once for all of them.

        Nothing that takes long belongs into it, such as calls to a CRM: nobody else can open the file meanwhile.
        """
        with ExitStack() as stack:
            if self.kind == "duckdb" and self.is_there:
                # Where another process has the file, the steps themselves wait for it, and say so.
                with suppress(sa.exc.DBAPIError):
                    stack.enter_context(self.engine().connect())
            yield

    @contextmanager
    def _opening(self) -> Iterator[None]:
        """Around the first look into a warehouse: its file is private, whoever makes it, and errors are sentences."""
        self._check_folder()
        with nullcontext() if self.is_there else private.new_files(), self.translated():
            yield
        if self.path is not None:
            private.keep(self.path)

    def _check_folder(self) -> None:
        """A folder is not made: it would be where nobody looks for it."""
        if self.path is not None and not self.path.parent.is_dir():
            raise ConfigError(
                f"{config.named('destination.duckdb.credentials')} names a file in a folder that doesn't exist: "
                f"{self.path.parent}."
            )

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turns an engine's errors about the warehouse as a whole into sentences."""
        try:
            yield
        except Exception as error:
            found = self.explained(error)
            if found is None:
                raise
            raise found from None

    def explained(self, error: BaseException) -> WarehouseError | ConfigError | None:
        """What an engine's error means for a person, if it is about reaching the warehouse at all."""
        text = " ".join(str(each) for each in causes(error))
        if "Could not set lock on file" in text or "different configuration" in text:
            holder = text.partition("PID ")[2].partition(")")[0]
            by = f"process {holder}" if holder.isdigit() else "another process"
            return LockedError(
                f"{self.label} is held by {by}, and DuckDB lets one process write at a time. Close it there (a "
                "notebook, a SQL shell, another run) and run again."
            )
        if self.kind == "duckdb" and any(
            mark in text for mark in ("not a valid DuckDB database", "Serialization Error", "newer version")
        ):
            return ConfigError(
                f"{config.named('destination.duckdb.credentials')}: {self.label} is no database file that this "
                "version of DuckDB can read."
            )
        if self.kind == "duckdb" and "IO Error" in text and "Cannot open file" in text:
            return ConfigError(
                f"{config.named('destination.duckdb.credentials')}: {self.label} can't be opened."
            )
        if self.kind == "postgres" and any(
            mark in text
            for mark in (
                "could not translate host",
                "Connection refused",
                "authentication failed",
                "does not exist\n",
            )
        ):
            return ConfigError(
                f"{config.named('destination.postgres.credentials')}: {self.label} can't be opened; is the server "
                "running, and are host, database, user and password right?"
            )
        if self.kind == "postgres" and any(
            mark in text for mark in ("terminating connection", "server closed the connection", "starting up")
        ):
            return WarehouseError(
                f"{self.label} cut the connection in the middle of the work. What was recorded stays; run again when "
                "the server is there."
            )
        if self.kind == "postgres" and "row is too big" in text:
            return WarehouseError(
                f"{self.label}: a lead has more filled fields than a row of a table can hold in PostgreSQL. Fields that nobody "
                "needs can be left out of the warehouse: crm.<vendor>.leave_out. Nothing of the last package was kept."
            )
        return None

    @contextmanager
    def lock(self, name: str) -> Iterator[Lease]:
        """Holds ``name`` for this process by a lease in the database; whoever writes under it proves it as it writes.

        It is free again when the process has ended, however it ended: at once for others on this machine, after
        ``leases.TTL`` for other machines. ``LockedError`` says who holds it since when.
        """
        with self._file_lock(name) if self.kind == "duckdb" else nullcontext(), self._lease(name) as lease:
            yield lease

    @contextmanager
    def _lease(self, name: str) -> Iterator[Lease]:
        with self._opening():
            lease = leases.take(self.engine(), name)
        if self.kind == "postgres":
            # A DuckDB file would be held for it, against whoever works on it in this very run; dbt is another process.
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
        self._check_folder()
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
            f"{name} is being worked on by {who}{since}. Nothing was done; run again when it has ended."
        )


@lru_cache(maxsize=8)
def _engine(url: URL) -> sa.Engine:
    engine = sa.create_engine(url, poolclass=NullPool, hide_parameters=True)
    if url.get_backend_name() == "duckdb":
        sa.event.listen(engine, "connect", _in_utc)
    sa.event.listen(engine, "engine_connect", _refusing_newer())
    return engine


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


def _in_utc(connection: Any, _record: Any) -> None:
    """DuckDB takes the zone in which it shows times from the machine: a user's view would be another one on the next machine.

    PostgreSQL takes it from the server, which is one for all.
    """
    connection.execute("set TimeZone = 'UTC'")


def _me() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": f"{datetime.now(UTC):%F %T}"}


def _read(note: Path) -> dict[str, Any]:
    try:
        holder = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _duckdb_path(given: Any) -> str:
    if given is None:
        return DEFAULT_FILE
    path = (given.get("database") or given.get("url")) if isinstance(given, dict) else given
    if not isinstance(path, str) or not path or path == ":memory:":
        raise ConfigError(
            f"{config.named('destination.duckdb.credentials')} must be the path of a database file, such as "
            f"{DEFAULT_FILE}."
        )
    path = path.removeprefix("duckdb:///")
    setting = "destination.duckdb.credentials"
    table = isinstance(given, dict) and given.get("database")
    return str(config.anchored(f"{setting}.database" if table else setting, path))


def _query(given: Mapping[str, Any]) -> dict[str, str]:
    """What a table of credentials says besides who and where, as the driver takes it: ``query`` and the timeout."""
    query = given.get("query") or {}
    query = dict(parse_qsl(query.lstrip("?"))) if isinstance(query, str) else query
    timeout = {"connect_timeout": given["connect_timeout"]} if given.get("connect_timeout") else {}
    return {str(name): str(value) for name, value in {**timeout, **query}.items()}


def _postgres_url(given: Any) -> URL:
    try:
        if isinstance(given, str):
            url = make_url(given)
        else:
            base = make_url(given["url"]) if given.get("url") else URL.create("postgresql", port=5432)
            parts = {name: given[name] for name in PARTS if given.get(name)}
            if "port" in parts:
                parts["port"] = int(parts["port"])
            url = base.set(**parts).update_query_dict(_query(given))
        if not url.drivername.startswith("postgres") or not url.database:
            raise ValueError(url.drivername)
    except (sa.exc.ArgumentError, AttributeError, TypeError, ValueError):
        raise ConfigError(
            f"{config.named('destination.postgres.credentials')} must look like "
            "postgresql://user:password@host:5432/database."
        ) from None
    return url
