"""leadloop's own views, and the pushes, as views of DuckDB's over the tables of another engine and the ledger.

What decides about sending shows the journal as it is now, and compares values as every engine does: a view that the other engine made
shows the ledger as it was copied there. So after a build dbt makes these views once more, by DuckDB's macros, in a file that is thrown
away, and their SQL is kept in the ledger, in a schema of the engine's own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from connector.errors import WarehouseError
from connector.warehouse import private
from connector.warehouse.apart import LAKE, LEDGER, SCHEMA, where
from connector.warehouse.relations import Relation

OF_DUCKDB = "views_of_duckdb"
"""The table of the ledger with these views."""
Ask = Callable[[str, tuple[str, ...]], Sequence[Sequence[Any]]]
"""Asks a session that has the ledger."""
RESULTS = "dbt_results"
"""The table of the lake in which dbt records what it came to."""
OURS = "leadloop"
_TAG = "leadloop_of_duckdb"
_HOOK = "leadloop.make_push_views"
_OF_HOOK = ("push_pending", "push_conflicts")
_NOT_MADE = ("test", "unit_test", "snapshot", "seed")


class Views:
    """Views that this process has made in a database of its memory: those that are as they should be are left alone."""

    def __init__(self) -> None:
        self._made: dict[Relation, str] = {}

    def show(self, instance: Any, wanted: Mapping[Relation, tuple[str, str]]) -> None:
        """Has exactly these relations be there: each with its query, and a text that is another one where the view has to be made
        anew. A view that can't be made, since what it reads is gone, is not there: it holds up nothing else."""
        import duckdb

        for relation in self._made.keys() - wanted.keys():
            del self._made[relation]
            instance.execute(f"drop view if exists {name_of(relation)}")
        for relation, (query, told) in wanted.items():
            if self._made.get(relation) == told:
                continue
            self._made.pop(relation, None)
            instance.execute(f"create schema if not exists {name_of(relation.schema)}")
            try:
                instance.execute(f"create or replace view {name_of(relation)} as {query}")
            except duckdb.Error:
                instance.execute(f"drop view if exists {name_of(relation)}")
            else:
                self._made[relation] = told


def name_of(relation: Relation | str) -> str:
    """A schema or relation of the lake as SQL has it."""
    parts: Iterable[str] = (relation,) if isinstance(relation, str) else relation
    return ".".join([LAKE, *('"' + part.replace('"', '""') + '"' for part in parts)])


def asking(connection: sa.Connection) -> Ask:
    return lambda sql, given: connection.exec_driver_sql(sql, given).all()


def kept(ask: Ask, own: str, table: str) -> dict[Relation, str]:
    """The views whose SQL is in this table of the ledger, in the order in which they stand on each other. ``own``: the engine's
    schema, with the ledger before it."""
    if not is_there(ask, own, table):
        return {}
    rows = ask(f"select schema_name, view_name, sql from {own}.{table} order by place", ())
    return {Relation(schema, name): sql for schema, name, sql in rows}


def is_there(ask: Ask, own: str, table: str) -> bool:
    known = "select 1 from duckdb_tables() where database_name = ? and schema_name = ? and table_name = ?"
    return bool(ask(known, (LEDGER, own.partition(".")[2], table)))


def make(
    engine: sa.Engine,
    own: str,
    plugin: str,
    ledger: Path,
    project: Any,
    parsed: Any,
    kind: str,
    environment: dict[str, str],
) -> list[Any]:
    """Makes them, and keeps their SQL where none failed. ``plugin``: what has dbt-duckdb show the tables. ``project``, ``parsed``: see
    ``dbt``. Returns what became of each."""
    folder = private.folder(project.state / "of_duckdb")
    file = folder / "lake.duckdb"
    _remove(file)
    try:
        aside = _aside(project, parsed, folder, file, ledger, plugin)
        manifest = aside.parse(kind, environment).manifest
        _choose(manifest)
        arguments = ["--select", f"tag:{_TAG}"]
        for each in _NOT_MADE:
            arguments += ["--exclude-resource-type", each]
        nodes: list[Any]
        nodes, made = aside.build(manifest, arguments, kind, environment, None)
        if all(node.ok for node in nodes):
            # DuckDB writes a view's SQL in its own way, which for a push it can't read itself.
            views = {**_of_hook(file), **views_in(nodes, made)}
            with engine.begin() as connection:
                in_order = sorted(views.items(), key=lambda view: view[0].name in _OF_HOOK)
                keep(connection, own, OF_DUCKDB, dict(in_order))
        return nodes
    finally:
        _remove(file)


def read_by_pushes(manifest: Any) -> set[str]:
    """Ids of the models that pushes are made from, as far as they are none of leadloop's own."""
    return {
        each
        for node in manifest.nodes.values()
        if _is_push(node)
        for each in node.depends_on_nodes
        if (found := manifest.nodes.get(each)) is not None and found.package_name != OURS
    }


def _aside(project: Any, parsed: Any, folder: Path, file: Path, ledger: Path, plugin: str) -> Any:
    """The project with a profile that leads DuckDB to the lake. All of it is where it was the last time, or dbt would parse everything anew."""
    output = {
        "type": "duckdb",
        "path": ":memory:",
        "database": LAKE,
        "schema": parsed.credentials.schema,
        "threads": 1,
        "plugins": [{"module": plugin}],
        "attach": [{"path": str(ledger), "alias": LEDGER}, {"path": str(file), "alias": LAKE}],
        "settings": {"TimeZone": "UTC", "preserve_insertion_order": "false"},
    }
    content = {parsed.profile: {"target": parsed.target, "outputs": {parsed.target: output}}}
    text = yaml.safe_dump(content)
    profiles = folder / "profiles.yml"
    if not profiles.is_file() or profiles.read_text(encoding="utf-8") != text:
        profiles.write_text(text, encoding="utf-8")
    options = replace(project.options, profiles_dir=folder, profile=parsed.profile, target=parsed.target)
    return replace(project, state=folder, options=options)


def _choose(manifest: Any) -> None:
    for unique_id, node in [*manifest.nodes.items()]:
        kind = str(node.resource_type)
        if kind == "operation":
            if node.package_name != OURS or _HOOK not in node.raw_code:
                del manifest.nodes[unique_id]
        elif kind == "model" and (node.package_name == OURS or _is_push(node)):
            if _is_push(node):
                node.config.materialized = "view"
            if node.config.materialized == "view":
                node.config.pre_hook, node.config.post_hook, node.config.grants = [], [], {}
                node.tags.append(_TAG)


def _is_push(node: Any) -> bool:
    return str(node.resource_type) == "model" and "leadloop_push" in node.config.meta


def _of_hook(file: Path) -> dict[Relation, str]:
    """The views of all pushes side by side, which are no models: see ``push_views.sql``."""
    import duckdb

    with duckdb.connect(str(file), read_only=True) as opened:
        rows = opened.execute("select schema_name, view_name, sql from duckdb_views() where not internal")
        return {
            Relation(schema, name): sql.partition(" AS ")[2].strip().removesuffix(";")
            for schema, name, sql in rows.fetchall()
            if name in _OF_HOOK
        }


def keep(
    connection: sa.Connection, own: str, table: str, views: Mapping[Relation, str], *, beside: bool = False
) -> None:
    """Keeps the SQL of these views in the ledger, in place of those that were kept, or ``beside`` those of other names."""
    connection.exec_driver_sql(f"create schema if not exists {own}")
    connection.exec_driver_sql(
        f"create table if not exists {own}.{table} (place integer, schema_name text, view_name text, sql text)"
    )
    before = kept(asking(connection), own, table) if beside else {}
    connection.exec_driver_sql(f"delete from {own}.{table}")
    for place, (relation, sql) in enumerate({**before, **views}.items()):
        row = (place, *relation, sql)
        connection.exec_driver_sql(f"insert into {own}.{table} values (?, ?, ?, ?)", row)


def check(engine: sa.Engine, own: str) -> None:
    """A push that were not there would be told of as one that was never built."""
    with engine.connect() as connection:
        for relation in kept(asking(connection), own, OF_DUCKDB):
            if where(connection, *relation) is None:
                raise WarehouseError(
                    f"DuckDB can't show {relation}, which was just made. Nothing can be planned from it.",
                    "Please report it with what `leadloop check` says.",
                )


def show_results(connection: sa.Connection) -> None:
    """What dbt's hook recorded in the lake, whoever ran dbt, is where leadloop looks for it."""
    own = f"{LEDGER}.{SCHEMA}.{RESULTS}"
    ask = asking(connection)
    if is_there(ask, f"{LEDGER}.{SCHEMA}", RESULTS):
        connection.exec_driver_sql(f"drop table {own}")
    shown = "select 1 from duckdb_views() where database_name = ? and schema_name = ? and view_name = ?"
    if ask(shown, (LAKE, SCHEMA, RESULTS)):
        query = f"select * from {LAKE}.{SCHEMA}.{RESULTS}"
        connection.exec_driver_sql(f"create or replace view {own} as {query}")
    else:
        connection.exec_driver_sql(f"drop view if exists {own}")


def views_in(nodes: Iterable[Any], made: Iterable[Any]) -> dict[Relation, str]:
    """The models among these that are views and were made well, each with its query, in the order in which they stand on each other."""
    well = {node.unique_id for node in nodes if node.ok and node.kind == "model"}
    return {
        Relation(node.schema, node.alias): node.compiled_code
        for node in made
        if node.unique_id in well and node.config.materialized == "view" and node.compiled_code
    }


def _remove(file: Path) -> None:
    for each in (file, Path(f"{file}.wal")):
        each.unlink(missing_ok=True)
