"""The Spark session in which dbt makes the models: opened for a build, with all Delta tables in its catalog, and closed after it.

dbt's adapter takes the session that this process has. The server is the one that the settings name, or Sail, which runs in this
process: its catalog is in memory, so it is told of every table again. A server of somebody's own may have a catalog that stays, with
schemas of the same names elsewhere: models must not be made there.
"""

import os
import socket
import sys
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

from connector import config
from connector.errors import ConfigError, WarehouseError
from connector.warehouse import spark_tables as tables
from connector.warehouse.relations import Relation
from connector.warehouse.spark_server import Server

TIMEOUT = 15.0
"""Seconds to wait for a server that the settings name; Spark's own client tries for minutes."""
VARIABLES = "SPARK_"
"""How the names of the variables begin that Spark's client reads and sets."""
_URL = "destination.spark.credentials.url"
_BESIDE = "destination.spark.credentials.token"


@contextmanager
def opened(
    storage: Path,
    server: Server,
    schemas: Collection[str] = (),
    views: Mapping[Relation, str] = MappingProxyType({}),
) -> Iterator[str]:
    """The address of the server, while the session is open. ``schemas``: those in which models are made. ``views``: what the last builds
    made; one that can't be made any more is not there. ``WarehouseError`` where the server can't be reached."""
    with ExitStack() as stack:
        there = server or Server(stack.enter_context(_sail()))
        session = stack.enter_context(_session(there))
        with _told(there):
            made, named = statements(storage, schemas)
            _say(session, made)
            if server:
                _check_places(session, storage, schemas, server)
                _forget(session, storage)
            _say(session, named)
        _make(session, views)
        yield there.address


def _make(session: Any, views: Mapping[Relation, str]) -> None:
    from pyspark.errors import PySparkException

    for relation, sql in views.items():
        with suppress(PySparkException):
            session.sql(f"create or replace view {_quoted(*relation)} as {sql}").collect()


def _say(session: Any, statements: Iterable[str]) -> None:
    for statement in statements:
        session.sql(statement).collect()


def statements(storage: Path, schemas: Collection[str]) -> tuple[list[str], list[str]]:
    """What tells a catalog of the schemas, and where to make those that are not there; and what tells it of the tables."""
    there = tables.tables(storage)
    every = _every(storage, schemas)
    made = [f"create schema if not exists {_quoted(each)} location {_text(storage / each)}" for each in every]
    named = [
        f"create table if not exists {_quoted(*relation)} using delta location {_text(path)}"
        for relation, path in there.items()
        if tables.version(path) is not None
    ]
    return made, named


def _every(storage: Path, schemas: Collection[str]) -> list[str]:
    return sorted({"leadloop", *schemas, *(relation.schema for relation in tables.tables(storage))})


def _check_places(session: Any, storage: Path, schemas: Collection[str], server: Server) -> None:
    """``ConfigError`` where the server has one of the schemas somewhere else than in this folder."""
    for schema in _every(storage, schemas):
        told = {
            str(row[0]).lower(): str(row[1])
            for row in session.sql(f"describe schema {_quoted(schema)}").collect()
        }
        place = told.get("location", "")
        if (
            urlsplit(place).scheme not in ("", "file")
            or Path(unquote(urlsplit(place).path)) != storage / schema
        ):
            raise ConfigError(
                f"The Spark Connect server at {server} has the schema {schema} already, and its tables are in {place}, not in "
                f"{storage / schema}. Nothing was built.",
                f"Drop that schema there if nobody needs it, give leadloop a server or a catalog of its own ({_URL}), or set "
                "destination.spark.credentials.storage to the folder that it is in.",
            )


def _forget(session: Any, storage: Path) -> None:
    """Has the catalog forget tables of this folder that are not in it any more, as after it was put back from a copy: dbt would take
    them for there. Nothing is deleted: there is nothing."""
    known = {str(row[0]) for row in session.sql("show schemas").collect()}
    for schema in sorted(known & {each.name for each in _in(storage)}):
        views = {row["viewName"] for row in session.sql(f"show views in {_quoted(schema)}").collect()}
        for row in session.sql(f"show tables in {_quoted(schema)}").collect():
            name = row["tableName"]
            if (
                name in views
                or row["isTemporary"]
                or any(each.name.lower() == name.lower() for each in _in(storage / schema))
            ):
                continue
            if _is_at(session, schema, name, storage / schema / name):
                session.sql(f"drop table if exists {_quoted(schema, name)}").collect()


def _is_at(session: Any, schema: str, name: str, folder: Path) -> bool:
    """Whether a table of the catalog is a Delta table in this folder, which is not there."""
    from pyspark.errors import PySparkException

    try:
        rows = session.sql(f"describe extended {_quoted(schema, name)}").collect()
    except PySparkException as error:
        return "DELTA_PATH_DOES_NOT_EXIST" in str(error) and f"{folder} " in str(error)
    told = {str(row[0]): str(row[1]) for row in rows}
    return told.get("Provider") == "delta" and _path(told.get("Location", "")) == folder


def _in(folder: Path) -> list[Path]:
    return [*folder.iterdir()] if folder.is_dir() else []


def _path(address: str) -> Path | None:
    """Where on this machine an address is that a catalog has."""
    parts = urlsplit(address)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") and parts.path else None


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
def _session(server: Server) -> Iterator[Any]:
    with warnings.catch_warnings(), _own_variables(), _with_a_file():
        warnings.simplefilter("ignore")
        _reach(server)
        from pyspark.sql.connect.session import SparkSession

        session = SparkSession.builder.channelBuilder(server.channel_builder()).create()
        try:
            with _told(server):
                session.conf.set("spark.sql.session.timeZone", "UTC")
            yield session
        finally:
            # Also one that was refused: dbt's adapter would take it for its own.
            session.stop()


@contextmanager
def _told(server: Server) -> Iterator[None]:
    """What a server answers that can't be worked with, in words of ours: its own may hold what it was asked with."""
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        raise _explained(server, str(error)) from None


def _explained(server: Server, text: str) -> WarehouseError:
    if "UNAUTHENTICATED" in text or "PERMISSION_DENIED" in text:
        asked = "does not take the token that leadloop has for it" if server.token else "asks for a token"
        return WarehouseError(
            f"The Spark Connect server at {server} {asked}. Nothing was built.",
            f"Set {_BESIDE} to the server's token, in .dlt/secrets.toml.",
        )
    if "DATA_SOURCE_NOT_FOUND" in text or "DELTA_CONFIGURE_SPARK_SESSION" in text:
        return WarehouseError(
            f"The Spark Connect server at {server} doesn't know Delta tables. Nothing was built.",
            "Start it with Delta Lake, as docs/engines.md has it.",
        )
    if "UNAVAILABLE" in text:
        return _unreachable(server)
    kind = text.strip().partition("]")[0].removeprefix("[") if text.lstrip().startswith("[") else "an error"
    return WarehouseError(
        f"The Spark Connect server at {server} can't be told of the Delta tables: {kind}. Nothing was built.",
        "LEADLOOP_DEBUG=1 shows what the server itself says.",
    )


@contextmanager
def _own_variables() -> Iterator[None]:
    """Spark's client leaves variables of its own in the environment, with which it does not begin in another process."""
    before = _taken()
    try:
        yield
    finally:
        _taken()
        os.environ.update(before)


@contextmanager
def _with_a_file() -> Iterator[None]:
    """Spark's client takes a program that is in no file, as of ``python -c``, for doctests of its own, and ends the process."""
    program = sys.modules["__main__"]
    if hasattr(program, "__file__"):
        yield
        return
    program.__file__ = "-c"
    try:
        yield
    finally:
        del program.__file__


def _taken() -> dict[str, str]:
    """Takes Spark's variables out of the environment."""
    found = {name: text for name, text in os.environ.items() if name.startswith(VARIABLES)}
    for name in found:
        del os.environ[name]
    return found


def _reach(server: Server) -> None:
    """``WarehouseError`` where nobody answers there, or what answers is no such server."""
    import grpc

    try:
        socket.create_connection((server.host, server.port), TIMEOUT).close()
        channel = server.channel_builder().toChannel()
        try:
            grpc.channel_ready_future(channel).result(timeout=TIMEOUT)
        finally:
            channel.close()
    except (OSError, grpc.FutureTimeoutError):
        raise _unreachable(server) from None


def _unreachable(server: Server) -> WarehouseError:
    speaks = (
        " Whether it speaks TLS is told by /;use_ssl=true; with a token, any host but localhost has to."
        if server
        else ""
    )
    return WarehouseError(
        f"The Spark Connect server at {server} can't be reached. Nothing was built.",
        f"Start it, or look at {_URL}.{speaks}",
    )
