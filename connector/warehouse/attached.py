"""A ledger's file that is attached to a DuckDB in memory while anybody in this process is connected, and no longer: another process
may wait for it. To begin that DuckDB takes a hundred times as long as to attach a file, so it is begun once."""

import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
from duckdb_sqlalchemy import ConnectionWrapper

from connector.errors import ConfigError
from connector.warehouse.apart import LAKE, LEDGER, SCHEMA

PATIENCE = 3.0
_BEING_DETACHED = "in the process of being detached"


class Attached(ABC):
    """One lake with its ledger in this process. Safe to use from several threads."""

    def __init__(self, ledger: str, *, read_only: bool) -> None:
        self.ledger, self.read_only = ledger, read_only
        self._lock = threading.Lock()
        self._users = 0
        self._instance: Any = None

    def connect(self) -> "Connection":
        """A connection of the driver's; the ledger is let go of with the last one."""
        with self._lock:
            if self._instance is None:
                self._instance = begun(self.load_statements(), temporary=f"{self.ledger}.tmp")
            if not self._users:
                self._attach_all()
            self._users += 1
            try:
                self.looked(self._instance)
                connection = self._instance.cursor()
                self.opened(connection)
                connection.execute(f"set search_path = '{LAKE}.main,{LEDGER}.{SCHEMA}'")
            except BaseException:
                self._leave()
                raise
        return Connection(connection, self._let_go)

    @abstractmethod
    def load_statements(self) -> list[str]:
        """What has a new DuckDB know what the lake is made of."""

    @abstractmethod
    def attach_statements(self) -> list[str]:
        """What attaches the lake's databases."""

    @abstractmethod
    def attached(self) -> tuple[str, ...]:
        """The names of the databases that are let go of with the last connection."""

    def prepare(self) -> None:  # noqa: B027 - most need nothing
        """Before the databases are attached for writing."""

    def made(self) -> None:  # noqa: B027
        """Once they are attached for writing."""

    def looked(self, instance: Any) -> None:  # noqa: B027
        """Before each new connection."""

    def opened(self, connection: Any) -> None:  # noqa: B027
        """Once a new connection is there."""

    def _attach_all(self) -> None:
        if not self.read_only:
            self.prepare()
        try:
            for statement in self.attach_statements():
                self._run(statement)
            if not self.read_only:
                # A search path names only what is there.
                self._instance.execute(f"create schema if not exists {LEDGER}.{SCHEMA}")
                self.made()
        except BaseException:
            self._detach()
            raise

    def _run(self, statement: str) -> None:
        """Waits a moment for a file that this process is just letting go of."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._instance.execute(statement)
                return
            except duckdb.Error as error:
                if _BEING_DETACHED not in str(error) or time.monotonic() > deadline:
                    raise
            time.sleep(0.01)

    def _let_go(self) -> None:
        with self._lock:
            self._leave()

    def _leave(self) -> None:
        self._users -= 1
        if not self._users:
            self._detach()

    def _detach(self) -> None:
        for name in self.attached():
            self._instance.execute(f"detach database if exists {name}")


def begun(statements: Iterable[str], *, temporary: str | None) -> Any:
    """A DuckDB in memory. ``temporary``: a folder for what is too large for memory; by default below the current one."""
    config = {
        "autoinstall_known_extensions": "false",
        "preserve_insertion_order": "false",
        **({"temp_directory": temporary} if temporary else {}),
    }
    instance = duckdb.connect(":memory:", config=config)
    for statement in statements:
        instance.execute(statement)
    return instance


def make_room(storage: Path) -> None:
    """The folder of the files is its owner's alone: whoever writes into it may make files that all can read."""
    if not storage.is_dir() and not storage.parent.is_dir():
        raise ConfigError(
            f"The storage of the lake is to be in a folder that doesn't exist: {storage.parent}."
        )
    with suppress(FileExistsError):
        storage.mkdir(mode=0o700)
    if not os.access(storage, os.W_OK):
        raise ConfigError(f"Nobody may write into the storage of the lake: {storage}.")


class Connection(ConnectionWrapper):
    """Of the driver's kind; lets go of the lake when it is closed."""

    def __init__(self, connection: Any, let_go: Callable[[], None]) -> None:
        super().__init__(connection)
        self._let_go: Callable[[], None] | None = let_go

    def close(self) -> None:
        super().close()
        let_go, self._let_go = self._let_go, None
        if let_go is not None:
            let_go()
