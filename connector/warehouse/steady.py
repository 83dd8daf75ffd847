"""Whether a build would make the same again: what of a dbt project depends on nothing but relations that can be watched.

leadloop's own models do. A view of the project's own shows what is there whenever it is read, so for it only its SQL has to
stay the same. A table and a test also depend on what they read, on the clock, on chance. What can't be shown is not assumed:
``Made.why_not`` names the first thing of that kind, and then every run builds.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from connector.warehouse.relations import Relation

OURS = "leadloop"
_DBT_OWN = re.compile(r"dbt(_\w+)?")
_MATERIALIZED = ("view", "table", "ephemeral")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_ASKS = re.compile(
    r"\b(run_started_at|invocation_id|thread_id|modules|env_var|run_query|statement|load_result|store_\w*result|graph|flags"
    r"|context|builtins(?!\s*\.\s*(ref|source)\b)|self|load_relation|load_cached_relation|selected_resources)\b|\bmodel\s*[.\[]"
    r"|\badapter\s*\.(?!\s*(quote|dispatch)\b)"
)
"""What gives a model another SQL though no file has changed."""
_WORD = re.compile(r"\w+")
_PUSH = re.compile(r"\s*\{\{-?\s*leadloop\.push\((?:(?!\}\}|\{\{|\{%).)*\)\s*-?\}\}\s*", re.DOTALL)
_SQL_COMMENT = re.compile(r"--[^\n]*$", re.MULTILINE)
_MOVES = re.compile(
    r"\b(now|today|tomorrow|yesterday|(get_)?current_\w+|localtime|localtimestamp|(clock|statement|transaction)_timestamp"
    r"|timeofday|age|rand\w*|setseed|\w*uuid\w*|nextval|currval|lastval|session_user|user|getenv|getvariable|tablesample|rowid"
    r"|ctid|xmin|txid_\w+)\b",
    re.IGNORECASE,
)
"""The clock, chance, and who asks, in any engine."""
_OPTION = "macro.dbt.should_store_failures"
"""Asks for an option that nobody gives."""
_HOOK_OF_OURS = re.compile(r"\s*\{\{\s*leadloop\.\w+\(this(?:(?!\}\}).)*\)\s*\}\}\s*")


@dataclass(frozen=True, slots=True)
class Made:
    """What a build of all made, and what else it depends on."""

    relations: tuple[Relation, ...] = ()
    """The tables and views that it made."""
    reads: tuple[Relation, ...] = ()
    """What models of the project's own read besides."""
    exactly: frozenset[Relation] = frozenset()
    """Those of them of which every row may matter."""
    functions: frozenset[str] = frozenset()
    """Functions, by their names in lower case, that must always give the same."""
    why_not: str = ""
    """Why it can't be shown that a build would make the same again; blank where it can."""


class _Unsteady(Exception):  # noqa: N818 - it is no error to have such a model
    """Says why."""


def moves(manifest: Any, is_ours: bool) -> str:
    """What may give the models another SQL though no file has changed, or does more than making them; blank where nothing does.

    To be asked before the build: dbt adds to a test's macros what it has called to run it. ``is_ours``: whether the package in
    the project is the one that came with this leadloop.
    """
    try:
        if not is_ours:
            raise _Unsteady("the package leadloop in the project is not the one that came with leadloop")
        _check_files(manifest)
        _check_macros(manifest)
        for node in manifest.nodes.values():
            _check_node(manifest, node)
    except _Unsteady as why:
        return str(why)
    return ""


def made(manifest: Any, nodes: Iterable[Any], dialect: str, why_not: str = "") -> Made:
    """What a build has made. ``nodes``: those that dbt has built and tested, with their SQL. ``dialect``: the engine, as sqlglot
    has it. ``why_not``: what ``moves`` has found."""
    nodes = list(nodes)
    relations = tuple(
        Relation(node.schema, node.alias)
        for node in nodes
        if str(node.resource_type) == "model" and node.config.materialized != "ephemeral"
    )
    if why_not:
        return Made(relations, why_not=why_not)
    try:
        reads, exactly, functions = _readings(manifest, nodes, dialect)
    except _Unsteady as why:
        return Made(relations, why_not=str(why))
    return Made(relations, tuple(sorted(reads)), frozenset(exactly), frozenset(functions))


def _check_files(manifest: Any) -> None:
    """Files outside the project's folder, or in hidden folders, are not watched."""
    for each in (*manifest.nodes.values(), *manifest.macros.values()):
        path = PurePath(each.original_file_path)
        if path.is_absolute() or any(part.startswith(".") for part in path.parts):
            raise _Unsteady(f"{each.name} is in {path.parent}, outside the project's folder or hidden")
    if getattr(manifest, "functions", None):
        raise _Unsteady("the project has functions")


def _check_macros(manifest: Any) -> None:
    """Macros of the project's own that dbt calls by itself in place of its own: names, schemas, materializations."""
    known = {macro.name for macro in manifest.macros.values() if _DBT_OWN.fullmatch(macro.package_name)}
    for macro in manifest.macros.values():
        if _is_foreign(macro) and (
            macro.name in known or macro.name.startswith(("materialization_", "generate_"))
        ):
            _check_jinja(f"the macro {macro.name}", macro.macro_sql)


def _check_node(manifest: Any, node: Any) -> None:
    kind, config = str(node.resource_type), node.config
    if kind in ("analysis", "unit_test"):
        return
    if kind not in ("model", "test", "operation"):
        raise _Unsteady(f"the project has a {kind}, {node.name}")
    if kind == "operation":
        if node.package_name != OURS:
            raise _Unsteady(f"{node.name} is run with every build")
        return
    hooks = [hook.sql for hook in (*config.get("pre_hook", []), *config.get("post_hook", []))]
    if node.package_name == OURS:
        if not all(map(_HOOK_OF_OURS.fullmatch, hooks)):
            raise _Unsteady(f"{node.name} has a hook of the project's own")
        if config.materialized == "table" and "examples" not in node.fqn:
            raise _Unsteady(f"the project makes a table of {node.name}")
        _check_called(manifest, node)
        return
    if hooks or config.get("sql_header"):
        raise _Unsteady(f"{node.name} has a hook")
    if kind == "model" and (config.materialized not in _MATERIALIZED or node.language != "sql"):
        raise _Unsteady(f"{node.name} is made as {config.materialized} in {node.language}")
    _check_jinja(node.name, node.raw_code)
    _check_called(manifest, node)


def _check_called(manifest: Any, node: Any) -> None:
    """The macros that a node calls. Those of leadloop's own may ask dbt whatever they ask, also where they are called from a model
    of the project's own."""
    for macro in _called(manifest, node, but=""):
        if _is_foreign(macro):
            _check_jinja(f"{node.name}, by the macro {macro.name},", macro.macro_sql)
    if node.package_name != OURS:
        for macro in _called(manifest, node, but=OURS):
            _check_jinja(f"{node.name}, by the macro {macro.name},", macro.macro_sql)


def _called(manifest: Any, node: Any, but: str) -> list[Any]:
    """The macros that a node calls, and those that they call; but for what a package calls.

    dbt knows those that were called when it read the project, which leaves out what stands behind ``if execute``: whatever
    has the name of a macro counts as well.
    """
    words = set(_WORD.findall(" ".join(_JINJA.findall(node.raw_code))))
    named = [macro.unique_id for macro in manifest.macros.values() if macro.name in words]
    found, waiting = dict[str, Any](), [*node.depends_on.macros, *named]
    while waiting:
        name = waiting.pop()
        macro = manifest.macros.get(name)
        if name in found or macro is None or macro.package_name == but or name == _OPTION:
            continue
        found[name] = macro
        waiting.extend(macro.depends_on.macros)
    return list(found.values())


def _is_foreign(macro: Any) -> bool:
    return macro.package_name != OURS and not _DBT_OWN.fullmatch(macro.package_name)


def _check_jinja(who: str, code: str) -> None:
    for part in _JINJA.findall(_COMMENT.sub("", code)):
        if found := _ASKS.search(part):
            raise _Unsteady(f"{who} uses {found[0]}")


def _readings(
    manifest: Any, nodes: Iterable[Any], dialect: str
) -> tuple[set[Relation], set[Relation], set[str]]:
    """What models and tests of the project's own read besides models; what of it, and which functions, makes tables and tests."""
    compiled = {node.unique_id: node for node in nodes}
    models = {
        Relation(node.schema, node.alias): node.unique_id
        for node in manifest.nodes.values()
        if str(node.resource_type) == "model"
    }
    own = [node for node in manifest.nodes.values() if _is_own(node)]
    found = {node.unique_id: _sql(compiled.get(node.unique_id, node), dialect) for node in own}
    evaluated = _up_from((node for node in own if not _is_lazy(node)), found, models, manifest)
    reads, exactly, functions = set[Relation](), set[Relation](), set[str]()
    for node in own:
        sql = found[node.unique_id]
        named = {
            Relation(source.schema, source.identifier)
            for each in node.depends_on.nodes
            if (source := manifest.sources.get(each)) is not None
        }
        others = (sql.reads | named) - models.keys()
        reads |= others
        if node.unique_id in evaluated:
            exactly |= others
            functions |= sql.functions
            if sql.moves:
                raise _Unsteady(f"{node.name} uses {sql.moves}")
    return reads, exactly, functions


def _is_own(node: Any) -> bool:
    return str(node.resource_type) in ("model", "test") and node.package_name != OURS


def _is_lazy(node: Any) -> bool:
    """Whether it is looked into anew whenever somebody reads it."""
    return str(node.resource_type) == "model" and node.config.materialized in ("view", "ephemeral")


def _up_from(
    nodes: Iterable[Any], found: Mapping[str, "_Sql"], models: Mapping[Relation, str], manifest: Any
) -> set[str]:
    """These nodes and all that they are made from, by id."""
    seen, waiting = set[str](), [node.unique_id for node in nodes]
    while waiting:
        each = waiting.pop()
        if each in seen or each not in manifest.nodes:
            continue
        seen.add(each)
        waiting.extend(manifest.nodes[each].depends_on_nodes)
        if each in found:
            waiting.extend(models[read] for read in found[each].reads if read in models)
    return seen


@dataclass(frozen=True, slots=True)
class _Sql:
    """What a compiled model reads, the functions that only the engine knows, and what in it moves by itself, if anything."""

    reads: frozenset[Relation] = frozenset()
    functions: frozenset[str] = frozenset()
    moves: str = ""


def _sql(node: Any, dialect: str) -> _Sql:
    """``_Unsteady`` where that can't be told. An ephemeral model's is in those that it is a part of."""
    is_push = "leadloop_push" in node.config.meta and _PUSH.fullmatch(
        _SQL_COMMENT.sub("", _COMMENT.sub("", node.raw_code))
    )
    # What a push reads is what it says that it stands on.
    if is_push or node.config.materialized == "ephemeral":
        return _Sql()
    if not node.compiled_code:
        raise _Unsteady(f"{node.name} was not a part of the build")
    import sqlglot
    from sqlglot import exp

    try:
        statements = sqlglot.parse(node.compiled_code, dialect=dialect)
    except sqlglot.errors.SqlglotError:
        raise _Unsteady(f"what {node.name} reads can't be told") from None
    if len(statements) != 1 or statements[0] is None:
        raise _Unsteady(f"{node.name} is not one statement")
    tree = statements[0]
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    reads = frozenset(_tables(node, tree.find_all(exp.Table), ctes))
    functions = frozenset(each.name.lower() for each in tree.find_all(exp.Anonymous))
    moves = _MOVES.search(node.compiled_code)
    return _Sql(reads, functions, moves[0] if moves else "")


def _tables(node: Any, tables: Iterable[Any], ctes: Collection[str]) -> Iterator[Relation]:
    from sqlglot import exp

    for table in tables:
        if isinstance(table.this, exp.GenerateSeries):
            continue
        if not isinstance(table.this, exp.Identifier):
            raise _Unsteady(f"{node.name} reads what is no table")
        if not table.db and table.name in ctes:
            continue
        if not table.db or table.catalog not in ("", node.database):
            raise _Unsteady(f"{node.name} reads {table.name}, without its schema or in another database")
        yield Relation(_name(table.args["db"]), _name(table.this))


def _name(identifier: Any) -> str:
    return str(identifier.this if identifier.quoted else identifier.this.lower())
