"""The Spark session in which dbt makes the models: opened for a build, with all Delta tables in its catalog, and closed after it.

dbt's adapter takes the session that this process has. The server is the one that the settings name, or Sail, which runs in this
process: its catalog is in memory, so it is told of every table again.
"""

import os
import socket
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from connector import config
from connector.errors import WarehouseError
from connector.warehouse import spark_tables as tables
from connector.warehouse.relations import Relation

TIMEOUT = 15.0
"""Seconds to wait for a server that the settings name; Spark's own client tries for minutes."""
VARIABLES = "SPARK_"
"""How the names of the variables begin that Spark's client reads and sets."""
PORT = 15002
"""Of a Spark Connect server whose address names none."""


@contextmanager
def opened(
    storage: Path,
    server: str,
    schemas: Collection[str] = (),
    views: Mapping[Relation, str] = MappingProxyType({}),
) -> Iterator[str]:
    """The address of the server, while the session is open. ``schemas``: those in which models are made. ``views``: what the last builds
    made; one that can't be made any more is not there. ``WarehouseError`` where the server can't be reached."""
    with ExitStack() as stack:
        address = server or stack.enter_context(_sail())
        session = stack.enter_context(_session(address))
        for statement in statements(storage, schemas):
            session.sql(statement).collect()
        _make(session, views)
        yield address


def _make(session: Any, views: Mapping[Relation, str]) -> None:
    from pyspark.errors import PySparkException

    for relation, sql in views.items():
        with suppress(PySparkException):
            session.sql(f"create or replace view {_quoted(*relation)} as {sql}").collect()


def statements(storage: Path, schemas: Collection[str]) -> list[str]:
    """What tells a catalog of the schemas and tables that are there, and where to make those that are not."""
    there = tables.tables(storage)
    every = sorted({"leadloop", *schemas, *(relation.schema for relation in there)})
    made = [f"create schema if not exists {_quoted(each)} location {_text(storage / each)}" for each in every]
    named = [
        f"create table if not exists {_quoted(*relation)} using delta location {_text(path)}"
        for relation, path in there.items()
        if tables.version(path) is not None
    ]
    return made + named


def _quoted(*names: str) -> str:
    return ".".join("`" + name.replace("`", "``") + "`" for name in names)


def _text(path: Path) -> str:
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"


@contextmanager
def _sail() -> Iterator[str]:
    """A Spark Connect server in this process, which nobody else can reach. It keeps no log: that would hold values."""
    with config.variables({"RUST_LOG": "off"}):
        from pysail.spark import SparkConnectServer

        server = SparkConnectServer("127.0.0.1", 0)
        server.start(background=True)
    try:
        host, port = server.listening_address
        yield f"sc://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def _session(address: str) -> Iterator[Any]:
    _reach(address)
    with warnings.catch_warnings(), _own_variables():
        warnings.simplefilter("ignore")
        from pyspark.sql import SparkSession

        session = SparkSession.builder.remote(address).create()
        session.conf.set("spark.sql.session.timeZone", "UTC")
        try:
            yield session
        finally:
            session.stop()


@contextmanager
def _own_variables() -> Iterator[None]:
    """Spark's client leaves variables of its own in the environment, with which it does not begin in another process."""
    before = _taken()
    try:
        yield
    finally:
        _taken()
        os.environ.update(before)


def _taken() -> dict[str, str]:
    """Takes Spark's variables out of the environment."""
    found = {name: text for name, text in os.environ.items() if name.startswith(VARIABLES)}
    for name in found:
        del os.environ[name]
    return found


def _reach(address: str) -> None:
    """``WarehouseError`` where nobody answers there."""
    place = urlsplit(address)
    try:
        socket.create_connection((place.hostname or "localhost", place.port or PORT), TIMEOUT).close()
    except OSError:
        raise WarehouseError(
            f"The Spark Connect server at {address} can't be reached. Nothing was built.",
            "Start it, or look at destination.spark.credentials.url.",
        ) from None
