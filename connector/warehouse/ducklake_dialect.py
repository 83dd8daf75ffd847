"""SQLAlchemy's door to a DuckLake; see ``ducklake_connection``."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
from duckdb_sqlalchemy import ConnectionWrapper
from duckdb_sqlalchemy import Dialect as DuckDBDialect
from sqlalchemy.engine import URL

from connector.errors import ConfigError
from connector.warehouse import private
from connector.warehouse.ducklake_bucket import Access, is_bucket
from connector.warehouse.ducklake_connection import LAKE, LEDGER, SCHEMA, attach_statements, load_statements

PATIENCE = 3.0
_BEING_DETACHED = "in the process of being detached"


class _Attached:
    """One lake in this process. To load the extension takes a hundred times as long as to attach a lake, so it is loaded once;
    both files are attached while anybody is connected, and no longer: another process may wait for them."""

    def __init__(self, ledger: str, catalog: str, storage: str, access: Access, *, read_only: bool) -> None:
        self._statements = attach_statements(ledger, catalog, storage, read_only=read_only)
        self._ledger, self._catalog, self._storage = ledger, catalog, storage
        self._access = access
        self._read_only = read_only
        self._lock = threading.Lock()
        self._users = 0
        self._instance: Any = None

    def connect(self) -> Any:
        with self._lock:
            if self._instance is None:
                self._instance = self._begun()
            if not self._users:
                self._attach()
            self._users += 1
            try:
                connection = self._instance.cursor()
                connection.execute(f"set search_path = '{LAKE}.main,{LEDGER}.{SCHEMA}'")
            except BaseException:
                self._leave()
                raise
        return connection

    def let_go(self) -> None:
        with self._lock:
            self._leave()

    def _leave(self) -> None:
        self._users -= 1
        if not self._users:
            self._detach()

    def _begun(self) -> Any:
        config = {
            "autoinstall_known_extensions": "false",
            "temp_directory": f"{self._ledger}.tmp",
            "preserve_insertion_order": "false",
        }
        instance = duckdb.connect(":memory:", config=config)
        for statement in load_statements(self._storage, self._access):
            instance.execute(statement)
        return instance

    def _attach(self) -> None:
        if not self._read_only:
            self._make_room()
        try:
            for statement in self._statements:
                self._run(statement)
            if not self._read_only:
                # A search path names only what is there.
                self._instance.execute(f"create schema if not exists {LEDGER}.{SCHEMA}")
                private.keep(Path(self._catalog))
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

    def _make_room(self) -> None:
        """The folder of the files is its owner's alone: whoever writes into it may make files that all can read."""
        if is_bucket(self._storage):
            return
        storage = Path(self._storage)
        if not storage.is_dir() and not storage.parent.is_dir():
            raise ConfigError(
                f"The storage of the lake is to be in a folder that doesn't exist: {storage.parent}."
            )
        with suppress(FileExistsError):
            storage.mkdir(mode=0o700)
        if not os.access(storage, os.W_OK):
            raise ConfigError(f"Nobody may write into the storage of the lake: {storage}.")

    def _detach(self) -> None:
        for name in (LAKE, LEDGER):
            self._instance.execute(f"detach database if exists {name}")


@lru_cache(maxsize=8)
def _attached(ledger: str, catalog: str, storage: str, access: Access, read_only: bool) -> _Attached:
    return _Attached(ledger, catalog, storage, access, read_only=read_only)


class _Connection(ConnectionWrapper):
    """Of the driver's kind; lets go of the lake when it is closed."""

    def __init__(self, connection: Any, let_go: Callable[[], None]) -> None:
        super().__init__(connection)
        self._let_go: Callable[[], None] | None = let_go

    def close(self) -> None:
        super().close()
        let_go, self._let_go = self._let_go, None
        if let_go is not None:
            let_go()


class Dialect(DuckDBDialect):
    """DuckDB's, for a URL that names the ledger's file, and catalog and storage in its query."""

    driver = "ducklake"
    supports_statement_cache = True

    def create_connect_args(self, url: URL) -> tuple[tuple[Any, ...], dict[str, Any]]:
        query = dict(url.query)
        given = {
            "ledger": url.database,
            "catalog": query["catalog"],
            "storage": query["storage"],
            "access": Access.of_url(url),
            "read_only": query.get("access_mode") == "read_only",
        }
        return (), given

    def connect(self, *_args: Any, **given: Any) -> Any:
        attached = _attached(
            given["ledger"], given["catalog"], given["storage"], given["access"], given["read_only"]
        )
        return _Connection(attached.connect(), attached.let_go)
