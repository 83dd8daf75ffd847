"""Spark: Delta tables in a folder, made by whatever speaks Spark Connect. One machine, one process at a time.

Raw tables and models are Delta tables (``spark_tables``). dlt loads the raw ones (``spark_loading``), dbt makes the models on a Spark
Connect server: one that the settings name, or Sail, which leadloop starts for the time of a build (``spark_session``). What leadloop itself
remembers is in a DuckDB file beside the storage, its ledger, and what it asks is DuckDB's SQL over both (``spark_connection``).
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.engine import URL

from connector import config
from connector.errors import ConfigError, DamagedError, DiskFullError, WarehouseError
from connector.warehouse import apart_views
from connector.warehouse import spark_connection as opening
from connector.warehouse import spark_tables as tables
from connector.warehouse.apart import NOTE, NUMBERED, OF_LEDGER, SCHEMA, Apart
from connector.warehouse.duckdb import size_of
from connector.warehouse.engine import Size, State
from connector.warehouse.relations import Column, Kind, Relation
from connector.warehouse.spark_errors import SPARK
from connector.warehouse.spark_server import SCHEME, Server

DEFAULT_STORAGE = "leads.delta"
DRIVER = "duckdb+spark"
PLUGIN = "connector.warehouse.spark_dbt"
registry.register("duckdb.spark", "connector.warehouse.spark_dialect", "Dialect")
_MISSING = re.compile(
    r"""["'(](?:file://)?(?P<file>[^"'()\n]*\.parquet)["')]?|(?P<log>_delta_log|log segment)"""
)


class Spark(Apart):
    name = "spark"
    told = (
        f"`{DEFAULT_STORAGE}`",
        (
            "The folder of the Delta tables, or a table with `storage` (that folder), `ledger` (the file of what leadloop itself "
            "remembers; by default it is beside the storage and ends in `.ledger.duckdb`) and `url` (a Spark Connect server, `sc://host:port`; "
            "without it leadloop starts Sail for each build) and `token` (secret: the one that this server asks for). Needs `pip install 'leadloop[spark]'`. See [engines](engines.md#spark)."
        ),
    )
    options = ("credentials",)
    parts = ()
    more_parts = ("storage", "ledger", "url", "token")
    language = SPARK
    dialect = DRIVER
    about_itself = re.compile(
        r"(?:IO|TransactionContext|FATAL) Error: (?!Cannot open file)|.*(?:StatusCode\.UNAVAILABLE|No space left on device)",
        re.DOTALL,
    )
    place_variables = frozenset({"LEADLOOP_SPARK_REMOTE"})
    loaded_as = "VIEW"

    @property
    def sql(self) -> str:
        return self.name

    def needs(self, credentials: Any = None) -> dict[str, bool]:
        return opening.needs()

    def url(self, credentials: Any) -> URL:
        table = credentials if isinstance(credentials, Mapping) else {"url": credentials}
        text = table.get("url")
        is_server = isinstance(text, str) and text.startswith(SCHEME)
        storage = table.get("storage") or (None if is_server else text) or DEFAULT_STORAGE
        ledger = table.get("ledger")
        named = config.named(f"{self.credentials}.url")
        token = table.get("token")
        if token and not is_server:
            raise ConfigError(
                f"{config.named(f'{self.credentials}.token')} is set, and there is no server that could ask for it.",
                f"Set {named} to the server's address, sc://host:port, or leave the token out.",
            )
        return self.of(
            self._local("storage", storage),
            None if ledger is None else self._local("ledger", ledger),
            Server.of(str(text), token, named) if is_server else Server(),
        )

    def of(self, storage: str | Path, ledger: str | Path | None = None, server: Server | str = "") -> URL:
        """The lake in this folder. ``server``: a Spark Connect server; blank for Sail in this process. ``ConfigError`` also where
        DuckDB's extension is not installed."""
        if isinstance(server, str):
            server = Server.of(server, None, "the server") if server else Server()
        opening.load_statements()
        # Whichever way leads to the folder, its ledger and its locks are in one place.
        folder = Path(storage).resolve()
        file = Path(ledger).resolve() if ledger is not None else folder.with_suffix(".ledger.duckdb")
        if file.is_relative_to(folder):
            raise ConfigError(f"{self.credentials}.ledger must not be in the folder of the Delta tables.")
        query = {"storage": str(folder), **({"server": server.address} if server else {})}
        # The token is where SQLAlchemy expects a password, so that it is shown nowhere.
        return URL.create(DRIVER, password=server.token or None, database=str(file), query=query)

    def label(self, url: URL) -> str:
        return str(storage_of(url))

    def described(self, url: URL) -> str:
        server = str(server_of(url)) or "Sail, which each build starts,"
        return f"{self.label(url)}, with its ledger in {self.path(url)} and its models made by {server}"

    def files(self, url: URL) -> tuple[Path, ...]:
        return (self.path(url),)

    def tables_written(self, url: URL) -> dict[Relation, tuple[int, float]]:
        found = {relation: tables.version(path) for relation, path in tables.tables(storage_of(url)).items()}
        return {relation: (each.number, each.written_at / 1e9) for relation, each in found.items() if each}

    def copied_to(self, url: URL, files: Sequence[Path]) -> URL:
        return self.reading(url.set(database=str(files[0])))

    def note_in_copy(self, files: Sequence[Path], written: Mapping[Relation, tuple[int, float]]) -> None:
        opening.pin(files[0], {relation: number for relation, (number, _) in written.items()})

    def storage(self, url: URL) -> str:
        return f"{storage_of(url)}/"

    def place(self, url: URL) -> str:
        return f"Delta tables in {storage_of(url)}"

    def is_of(self, credentials: Any) -> bool:
        return bool(credentials.type == self.name)

    def dbt_place(self, credentials: Any) -> str:
        return f"Spark at {credentials.host}"

    def as_toml(self, credentials: Any) -> tuple[str, str]:
        return f"[{self.credentials}]\nstorage = {json.dumps(DEFAULT_STORAGE)}\n", ""

    def is_there(self, url: URL) -> bool:
        return super().is_there(url) or storage_of(url).exists()

    def destination(self, url: URL) -> Any:
        from connector.warehouse.spark_loading import delta

        return delta(str(storage_of(url)))

    def dbt_env(self, url: URL) -> dict[str, str]:
        return {
            "LEADLOOP_DBT_TARGET": self.name,
            "LEADLOOP_SPARK_STORAGE": self.label(url),
            # Sail's is known when it runs.
            "LEADLOOP_SPARK_REMOTE": server_of(url).address or f"{SCHEME}localhost",
        }

    def prepare(self, manifest: Any) -> None:
        """Every table is a Delta table without a comment, and what a push is made from is a table."""
        read = apart_views.read_by_pushes(manifest)
        for node in manifest.nodes.values():
            if str(node.resource_type) not in ("model", "seed", "snapshot"):
                continue
            # Sail makes no table from a query that has a comment, which dbt writes also where nothing is described.
            node.config.persist_docs = {}
            if node.unique_id in read and node.config.materialized in ("view", "ephemeral"):
                node.config.materialized = "table"
            if node.config.get("file_format") is None:
                node.config._extra["file_format"] = "delta"
                node.config._extra.setdefault("options", {"overwriteSchema": "true"})

    @contextmanager
    def building(self, database: sa.Engine, schemas: Collection[str]) -> Iterator[Mapping[str, str]]:
        from connector.warehouse import spark_copies, spark_session

        url = database.url
        spark_copies.copy(database, self, storage_of(url))
        with database.connect() as connection:
            views = apart_views.kept(apart_views.asking(connection), opening.OWN, opening.OF_SPARK)
        with spark_session.opened(storage_of(url), server_of(url), schemas, views) as address:
            yield {**self.dbt_env(url), "LEADLOOP_SPARK_REMOTE": address}

    def built(
        self, database: sa.Engine, project: Any, parsed: Any, nodes: Sequence[Any], made: Sequence[Any]
    ) -> list[Any]:
        with database.begin() as connection:
            apart_views.show_results(connection)
            made_well = apart_views.views_in(nodes, made)
            apart_views.keep(connection, opening.OWN, opening.OF_SPARK, made_well, beside=True)
        if not all(node.ok for node in nodes):
            return []
        url = database.url
        found = apart_views.make(
            database, opening.OWN, PLUGIN, self.path(url), project, parsed, self.name, self.dbt_env(url)
        )
        apart_views.check(database, opening.OWN)
        return found

    def explained(self, text: str, label: str) -> WarehouseError | ConfigError | None:
        if "StatusCode.UNAVAILABLE" in text:
            return WarehouseError(
                "The Spark Connect server is gone, or can't be reached.",
                f"Start it, or look at {self.credentials}.url, then run again: what was being made is made whole.",
            )
        if "No space left on device" in text:
            return DiskFullError(
                f"There is no space left to write to {label}. What was recorded before stays.",
                "Make space, then run again.",
            )
        if missing := _MISSING.search(text):
            what = missing["file"] or "a log of a table's versions"
            return DamagedError(
                f"A file of the lake {label} is missing or damaged: {what}. What it held is lost from this lake.",
                "Put the folder of the Delta tables back from a copy, then continue with `leadloop run --restored`.",
            )
        return super().explained(text, label)

    def look_through(self, connection: sa.Connection) -> None:
        ledger = connection.exec_driver_sql(OF_LEDGER).scalars()
        lake = map(apart_views.name_of, tables.tables(storage_of(connection.engine.url)))
        for name in [*ledger, *lake]:
            connection.exec_driver_sql(f"select bit_xor(hash(columns(*))) from {name}").all()

    def highest_number(self, connection: sa.Connection) -> int | None:
        storage = storage_of(connection.engine.url)
        found = [_highest(path, tables.version(path)) for path in tables.tables(storage).values()]
        return max((each for each in found if each is not None), default=None)

    def note_ledger(self, connection: sa.Connection, own: str) -> None:
        import pyarrow as pa

        rows = {
            "ledger_id": pa.array([own]),
            "noted_at": pa.array([datetime.now(UTC)], pa.timestamp("us", "UTC")),
        }
        tables.append(storage_of(connection.engine.url) / SCHEMA / NOTE, pa.table(rows))

    def size(self, connection: sa.Connection) -> Size:
        url = connection.engine.url
        files = [each for each in storage_of(url).rglob("*") if each.is_file()]
        versions = sum(map(tables.commits, tables.tables(storage_of(url)).values()))
        return Size(
            size_of(self.path(url)) + sum(each.stat().st_size for each in files), len(files), versions
        )

    def tidy(self, connection: sa.Connection, keep: timedelta, needed_since: datetime | None = None) -> None:
        if needed_since is not None:
            keep = max(keep, datetime.now(UTC) - needed_since)
        for path in tables.tables(storage_of(connection.engine.url)).values():
            tables.tidy(path, keep)
        connection.exec_driver_sql("checkpoint ledger")

    def make_anew(self, connection: sa.Connection, relation: Relation, columns: Sequence[Column]) -> None:
        """One version of the table, after which it is empty. leadloop's own columns come first, as dlt has them there."""
        import pyarrow as pa

        ordered = sorted(columns, key=lambda column: not column.name.startswith("leadloop_"))
        schema = pa.schema([pa.field(each.name, _in_arrow(each.kind)) for each in ordered])
        tables.replace(_folder(connection, relation), schema.empty_table())

    def fill(self, connection: sa.Connection, relation: Relation, parts: Iterable[Any]) -> None:
        """A Delta table gets all of it as one version."""
        if relation.schema == SCHEMA:
            super().fill(connection, relation, parts)
            return
        import pyarrow as pa

        folder = _folder(connection, relation)
        schema = pa.schema(tables.delta(folder).schema().to_arrow())
        batches = (batch for rows in parts for batch in rows.select(schema.names).cast(schema).to_batches())
        tables.append(folder, pa.RecordBatchReader.from_batches(schema, batches))

    def append(self, connection: sa.Connection, relation: Relation, rows: Any) -> None:
        if relation.schema == SCHEMA:
            super().append(connection, relation, rows)
        else:
            tables.append(_folder(connection, relation), rows)

    def states(self, connection: sa.Connection, relations: Iterable[Relation]) -> dict[Relation, State]:
        wanted = list(relations)
        found = self.states_of_ledger(connection, wanted)
        views = apart_views.kept(apart_views.asking(connection), opening.OWN, apart_views.OF_DUCKDB)
        there = tables.tables(storage_of(connection.engine.url))
        for relation in wanted:
            if relation in found:
                continue
            if relation in views:
                found[relation] = State("view", views[relation])
            elif relation in there:
                found[relation] = State("table", str(tables.version(there[relation])))
        return found

    def steady(self, connection: sa.Connection, functions: Collection[str]) -> bool:
        """Spark does not say which of its functions are; those that are known to be are not asked for here."""
        return not functions

    def _local(self, part: str, given: Any) -> Path:
        setting = f"{self.credentials}.{part}"
        text = given.removeprefix("file://") if isinstance(given, str) else given
        if not isinstance(text, str) or not text or "://" in text:
            raise ConfigError(
                f"{config.named(setting)} must be a path on this machine.",
                "leadloop does not work with Delta tables in a bucket yet; a Spark Connect server is named by `url`, sc://host:port.",
            )
        return config.anchored(setting, text)


def _folder(connection: sa.Connection, relation: Relation) -> Path:
    return storage_of(connection.engine.url) / relation.schema / relation.name


def _in_arrow(kind: Kind) -> Any:
    import pyarrow as pa

    return {
        "text": pa.string(),
        "bigint": pa.int64(),
        "integer": pa.int32(),
        "boolean": pa.bool_(),
        "timestamptz": pa.timestamp("us", "UTC"),
        "timestamp": pa.timestamp("us"),
    }[kind]


_HIGHEST: dict[Path, tuple[tables.Version, int | None]] = {}


def _highest(path: Path, version: "tables.Version | None") -> int | None:
    """What is known of a version of a table need not be asked again."""
    if version is None:
        return None
    known = _HIGHEST.get(path)
    if known is None or known[0] != version:
        known = _HIGHEST[path] = (version, tables.highest(path, NUMBERED))
    return known[1]


def storage_of(url: URL) -> Path:
    found = url.query["storage"]
    return Path(found if isinstance(found, str) else found[0])


def server_of(url: URL) -> Server:
    """The Spark Connect server; a blank one for Sail in this process."""
    found = url.query.get("server", "")
    return Server(found if isinstance(found, str) else found[0], str(url.password or ""))
