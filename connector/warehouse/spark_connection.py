"""How leadloop itself looks into a lake of Delta tables: DuckDB in memory, with a view ``lake.<schema>.<table>`` of each of them.

``ledger`` is a DuckDB file beside the storage: the schema ``leadloop``. What shows the journal, such as a push, is a view of DuckDB's
as well, whose SQL is in the ledger (see ``apart_views``): so a plan is of this moment, and needs no Spark.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from connector.texts import in_sql
from connector.warehouse import apart_views, extensions
from connector.warehouse import spark_tables as tables
from connector.warehouse.apart import LEDGER, is_shown
from connector.warehouse.apart_views import OF_DUCKDB
from connector.warehouse.relations import Relation

EXTENSIONS = ("delta",)
"""Those of DuckDB's that are needed."""
DISTRIBUTIONS = ("deltalake", "dbt-spark", "pyspark-client", "pysail")
OF_SPARK = "views_of_spark"
"""The views that the last builds made, which Sail has forgotten since."""
PINNED = "pinned"
"""In a copy of the ledger for readers: which version of each Delta table it shows."""
OWN = f"{LEDGER}.on_spark"
"""The schema with what only this engine remembers."""


def needs() -> dict[str, bool]:
    """The distributions that are needed, and whether each is there."""
    return {**extensions.needs(EXTENSIONS), **{name: _is_installed(name) for name in DISTRIBUTIONS}}


def load_statements() -> list[str]:
    """What has a new DuckDB know Delta tables. ``ConfigError`` where what is needed is not installed."""
    return extensions.load_statements(EXTENSIONS, EXTENSIONS, "spark")


def attach_statement(ledger: str, *, read_only: bool = False) -> str:
    return f"attach if not exists {in_sql(ledger)} as {LEDGER}" + (" (read_only)" if read_only else "")


class Views:
    """The views of one lake in one DuckDB."""

    def __init__(self, storage: Path, *, of_models: bool = True) -> None:
        """``of_models``: whether those are shown that the ledger has the SQL of."""
        self._storage, self._of_models = storage, of_models
        self._shown = apart_views.Views()

    def refresh(self, instance: Any) -> None:
        """Has them show what is there now. A view keeps the columns that its table had when it was made."""

        def ask(sql: str, given: tuple[str, ...]) -> Sequence[Sequence[Any]]:
            rows: Sequence[Sequence[Any]] = instance.execute(sql, given).fetchall()
            return rows

        models = apart_views.kept(ask, OWN, OF_DUCKDB) if self._of_models else {}
        pinned = _pinned(ask) if self._of_models else None
        wanted: dict[Relation, tuple[str, str]] = {}
        for relation, path in tables.tables(self._storage).items():
            found = tables.version(path) if is_shown(relation) and relation not in models else None
            if found is None or (pinned is not None and relation not in pinned):
                continue
            version = "" if pinned is None else f", version => {pinned[relation]}"
            query = f"select * from delta_scan({in_sql(str(path))}{version})"
            wanted[relation] = (query, f"{query} {found}" if pinned is None else query)
        self._shown.show(instance, wanted | {relation: (sql, sql) for relation, sql in models.items()})


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


def _pinned(ask: apart_views.Ask) -> dict[Relation, int] | None:
    """Which versions a copy shows; ``None`` in the ledger itself."""
    if not apart_views.is_there(ask, OWN, PINNED):
        return None
    rows = ask(f"select schema_name, table_name, version from {OWN}.{PINNED}", ())
    return {Relation(schema, name): version for schema, name, version in rows}


def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True
