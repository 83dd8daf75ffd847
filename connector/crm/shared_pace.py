"""One pace for the runs of several machines: the limiter's state as one row in a PostgreSQL database.

How fast all of them together may call is shared, and so is a pause that the CRM asks one of them for; each still slows down
by itself when it is told "too many".
The database's clock counts, so that the machines' clocks may differ.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from pyrate_limiter import Decision, Rate, StateStore
from pyrate_limiter.abstracts.algorithm import State, StateAlgorithm

from connector.config import VendorSettings, named
from connector.errors import ConfigError

TABLE = "leadloop.pace"


def store(settings: VendorSettings, lane: str = "") -> "PostgresStore | None":
    """The store that ``crm.<vendor>.shared_pace`` names; ``None`` where nothing is shared.

    ``lane``: which of several paces of the account it is, for calls that have a limit of their own.
    """
    if settings.shared_pace is None:
        return None
    host = urlsplit(settings.base_url).netloc
    return PostgresStore(
        settings.shared_pace.reveal(),
        f"{settings.pace_name or settings.name} {host}" + (f" {lane}" if lane else ""),
        named(f"crm.{settings.name}.shared_pace"),
    )


def unusable(setting: str) -> ConfigError:
    """What to say where the database that several machines share can't be used."""
    return ConfigError(
        f"{setting}: the database that keeps the shared pace can't be used.",
        "Is it running, and may this user make tables in the schema leadloop there?",
    )


def make_table(connection: Any, table: str, columns: str) -> None:
    """Makes a table in the shared database, where it is missing; in the transaction that the connection is in."""
    import sqlalchemy as sa

    # Two machines that make the same table at once would stumble over each other.
    connection.execute(sa.text("select pg_advisory_xact_lock(hashtext(:table))"), {"table": table})
    if connection.scalar(sa.text("select to_regclass(:table)"), {"table": table}) is None:
        connection.execute(sa.text("create schema if not exists leadloop"))
        connection.execute(sa.text(f"create table {table} ({columns})"))


class PostgresStore(StateStore):
    """The state of one limiter by name. ``ConfigError`` about ``setting`` where the database can't be used."""

    def __init__(self, url: str, name: str, setting: str) -> None:
        import sqlalchemy as sa

        self._sa = sa
        self._name = name
        self._setting = setting
        self._lock = threading.RLock()
        self._connection: Any = None
        self._engine: Any = None
        address = sa.make_url(url).set(drivername="postgresql+psycopg2")
        with suppress(ImportError):
            self._engine = sa.create_engine(address, poolclass=sa.pool.NullPool, hide_parameters=True)
        if self._engine is None:
            raise ConfigError(f"{setting} needs PostgreSQL's driver: pip install 'leadloop[postgres]'.")

    def check(self, algorithm: StateAlgorithm, rates: list[Rate], now: int, weight: int) -> Decision:
        """``now`` is this machine's, and is left out of it."""
        with self._lock:
            decision = self._try(algorithm, rates, weight)
            if decision is None:  # the connection may only have been idle for too long
                decision = self._try(algorithm, rates, weight)
        if decision is None:
            raise unusable(self._setting)
        return decision

    def hold(self, seconds: float) -> None:
        """Nobody who shares this pace calls for so many seconds; where the database fails, only the caller knows of it."""
        sa = self._sa
        with self._lock:
            try:
                self._connect()
                with self._connection.begin():
                    self._connection.execute(
                        sa.text(
                            f"update {TABLE} set arrival = greatest(arrival, floor("
                            "(extract(epoch from clock_timestamp()) + :seconds) * 1000000)::bigint) where name = :name"
                        ),
                        {"name": self._name, "seconds": seconds},
                    )
            except sa.exc.SQLAlchemyError:
                self.close()

    def read(self, algorithm: StateAlgorithm, rates: list[Rate]) -> State:
        """What the limiter goes by now; it has one number, whatever its rates are."""
        sa = self._sa
        found = self._ask(
            lambda: self._connection.scalar(
                sa.text(f"select arrival from {TABLE} where name = :name"), {"name": self._name}
            )
        )
        return (found or 0,)

    def reset(self) -> None:
        """Forgets all calls, of every machine that shares this pace."""
        sa = self._sa
        self._ask(
            lambda: self._connection.execute(
                sa.text(f"update {TABLE} set arrival = 0 where name = :name"), {"name": self._name}
            )
        )

    def _ask(self, query: Callable[[], Any]) -> Any:
        """In a transaction of its own; ``ConfigError`` where the database can't be used."""
        with self._lock:
            try:
                self._connect()
                with self._connection.begin():
                    return query()
            except self._sa.exc.SQLAlchemyError:
                self.close()
        raise unusable(self._setting)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _try(self, algorithm: StateAlgorithm, rates: list[Rate], weight: int) -> Decision | None:
        """One step of the limiter while nobody else can make one; ``None`` where the database fails."""
        sa = self._sa
        try:
            self._connect()
            with self._connection.begin():
                arrival = self._connection.scalar(
                    sa.text(f"select arrival from {TABLE} where name = :name for update"),
                    {"name": self._name},
                )
                # Asked for once the row is ours: waiting for it takes time.
                now = self._connection.scalar(
                    sa.text("select floor(extract(epoch from clock_timestamp()) * 1000)::bigint")
                )
                (arrival,), decision = algorithm.step(rates, (arrival or 0,), now, weight)
                if decision.allowed:
                    self._connection.execute(
                        sa.text(
                            f"insert into {TABLE} as known (name, arrival) values (:name, :arrival) "
                            "on conflict (name) do update set arrival = excluded.arrival"
                        ),
                        {"name": self._name, "arrival": arrival},
                    )
            return decision
        except sa.exc.SQLAlchemyError:
            self.close()
            return None

    def _connect(self) -> None:
        if self._connection is None:
            self._connection = self._engine.connect()
            self._prepare()

    def _prepare(self) -> None:
        sa = self._sa
        with self._connection.begin():
            make_table(self._connection, TABLE, "name text primary key, arrival bigint not null")
            self._connection.execute(
                sa.text(f"insert into {TABLE} (name, arrival) values (:name, 0) on conflict do nothing"),
                {"name": self._name},
            )
