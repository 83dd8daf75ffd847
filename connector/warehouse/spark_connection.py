"""How leadloop itself looks into a lake of Delta tables: DuckDB in memory, with a view ``lake.<schema>.<table>`` of each of them.

``ledger`` is a DuckDB file beside the storage: the schema ``leadloop``. What shows the journal, such as a push, is a view of DuckDB's
as well, whose SQL is in the ledger (see ``spark_views``): so a plan is of this moment, and needs no Spark.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from connector.texts import in_sql
from connector.warehouse import extensions
from connector.warehouse import spark_tables as tables
from connector.warehouse.apart import LAKE, LEDGER, NOTE, SCHEMA
from connector.warehouse.relations import Relation

EXTENSIONS = ("delta",)
"""Those of DuckDB's that are needed."""
DISTRIBUTIONS = ("deltalake", "dbt-spark", "pyspark-client", "pysail")
MADE_ON_SPARK = ("built_loads", "built_versions", "dbt_results", NOTE)
"""Tables of the schema ``leadloop`` that are in the lake; all others there are copies of the ledger's."""
OF_DUCKDB = "views_of_duckdb"
"""The views that leadloop reads: see ``spark_views``."""
OF_SPARK = "views_of_spark"
"""The views that the last builds made, which Sail has forgotten since."""
PINNED = "pinned"
"""In a copy of the ledger for readers: which version of each Delta table it shows."""
OWN = f"{LEDGER}.on_spark"
"""The schema with what only this engine remembers."""
Ask = Callable[[str, tuple[str, ...]], Sequence[Sequence[Any]]]
"""Asks a session that has the ledger."""


def needs() -> dict[str, bool]:
    """The distributions that are needed, and whether each is there."""
    return {**extensions.needs(EXTENSIONS), **{name: _is_installed(name) for name in DISTRIBUTIONS}}


def load_statements() -> list[str]:
    """What has a new DuckDB know Delta tables. ``ConfigError`` where what is needed is not installed."""
    return extensions.load_statements(EXTENSIONS, EXTENSIONS, "spark")


def attach_statement(ledger: str, *, read_only: bool = False) -> str:
    return f"attach if not exists {in_sql(ledger)} as {LEDGER}" + (" (read_only)" if read_only else "")


class Views:
    """The views of one lake in one DuckDB: those that are as they should be are left alone."""

    def __init__(self, storage: Path, *, of_models: bool = True) -> None:
        """``of_models``: whether those are shown that the ledger has the SQL of."""
        self._storage, self._of_models = storage, of_models
        self._tables: dict[Relation, tables.Version] = {}
        self._models: dict[Relation, str] = {}

    def refresh(self, instance: Any) -> None:
        """Has them show what is there now. A view keeps the columns that its table had when it was made."""
        there = {
            relation: (path, found)
            for relation, path in tables.tables(self._storage).items()
            if _is_shown(relation) and (found := tables.version(path)) is not None
        }

        def ask(sql: str, given: tuple[str, ...]) -> Sequence[Sequence[Any]]:
            rows: Sequence[Sequence[Any]] = instance.execute(sql, given).fetchall()
            return rows

        models = kept(ask, OF_DUCKDB) if self._of_models else {}
        pinned = _pinned(ask) if self._of_models else None
        if pinned is not None:
            there = {
                relation: (path, tables.Version(pinned[relation], 0, 0))
                for relation, (path, _) in there.items()
                if relation in pinned
            }
        for relation in [*self._tables.keys() - there.keys(), *self._models.keys() - models.keys()]:
            self._tables.pop(relation, None)
            self._models.pop(relation, None)
            instance.execute(f"drop view if exists {name_of(relation)}")
        for relation, (path, found) in there.items():
            if relation not in models and self._tables.get(relation) != found:
                instance.execute(f"create schema if not exists {name_of(relation.schema)}")
                version = f", version => {found.number}" if pinned is not None else ""
                shown = f"select * from delta_scan({in_sql(str(path))}{version})"
                instance.execute(f"create or replace view {name_of(relation)} as {shown}")
                self._tables[relation] = found
        self._make_models(instance, models)

    def _make_models(self, instance: Any, models: dict[Relation, str]) -> None:
        """A view that can't be made, since what it reads is gone, is not there: it holds up nothing else."""
        import duckdb

        for relation, sql in models.items():
            if self._models.get(relation) == sql:
                continue
            self._models.pop(relation, None)
            self._tables.pop(relation, None)
            instance.execute(f"create schema if not exists {name_of(relation.schema)}")
            try:
                instance.execute(f"create or replace view {name_of(relation)} as {sql}")
            except duckdb.Error:
                instance.execute(f"drop view if exists {name_of(relation)}")
            else:
                self._models[relation] = sql


def kept(ask: Ask, table: str) -> dict[Relation, str]:
    """The views whose SQL is in this table of the ledger, in the order in which they stand on each other."""
    if not _is_there(ask, table):
        return {}
    rows = ask(f"select schema_name, view_name, sql from {OWN}.{table} order by place", ())
    return {Relation(schema, name): sql for schema, name, sql in rows}


def pin(ledger: Path, versions: Mapping[Relation, int]) -> None:
    """Has a copy of the ledger show these versions of the Delta tables, whatever is written to them later."""
    import duckdb

    schema = OWN.rpartition(".")[2]
    rows = [(*relation, number) for relation, number in versions.items()]
    with duckdb.connect(str(ledger)) as connection:
        connection.execute(f"create schema if not exists {schema}")
        connection.execute(
            f"create or replace table {schema}.{PINNED} (schema_name text, table_name text, version bigint)"
        )
        if rows:
            connection.executemany(f"insert into {schema}.{PINNED} values (?, ?, ?)", rows)
        connection.execute("checkpoint")


def _pinned(ask: Ask) -> dict[Relation, int] | None:
    """Which versions a copy shows; ``None`` in the ledger itself."""
    if not _is_there(ask, PINNED):
        return None
    rows = ask(f"select schema_name, table_name, version from {OWN}.{PINNED}", ())
    return {Relation(schema, name): version for schema, name, version in rows}


def _is_there(ask: Ask, table: str) -> bool:
    known = "select 1 from duckdb_tables() where database_name = ? and schema_name = ? and table_name = ?"
    return bool(ask(known, (LEDGER, OWN.rpartition(".")[2], table)))


def name_of(relation: Relation | str) -> str:
    """A schema or relation of the lake as SQL has it."""
    parts: Iterable[str] = (relation,) if isinstance(relation, str) else relation
    return ".".join([LAKE, *('"' + part.replace('"', '""') + '"' for part in parts)])


def _is_shown(relation: Relation) -> bool:
    return relation.schema != SCHEMA or relation.name in MADE_ON_SPARK


def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True
