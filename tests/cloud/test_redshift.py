"""The dbt package on dbt-redshift, with a DuckDB in place of the service, for which sqlglot writes each statement: what it makes of raw tables
is what DuckDB makes of them."""

import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from connector.warehouse import models
from connector.warehouse.connection import Warehouse
from tests.engines import awkward
from tests.engines.bench import dbt_built, made, told
from tests.unit.test_golden import REFUSED

pytest.importorskip("dbt.adapters.redshift", reason="`leadloop[redshift]` is what this needs")
pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
TYPES = {"string": "varchar", "int64": "bigint", "timestamp[us, tz=UTC]": "timestamptz"}
PROFILE = """
leadloop:
  target: redshift
  outputs:
    redshift:
      type: redshift
      host: nowhere
      port: 5439
      user: nobody
      password: none
      dbname: leads
      schema: analytics
      threads: 1
"""
CATALOG = (
    """create view svv_columns as select database_name as table_catalog, schema_name as table_schema, table_name, column_name,
        column_index as ordinal_position, case
            when data_type = 'VARCHAR' then 'character varying'
            when data_type like 'DECIMAL%' then 'numeric'
            when data_type = 'DOUBLE' then 'double precision'
            when data_type = 'TIMESTAMP' then 'timestamp without time zone'
            when data_type like '%]' then 'super'
            else lower(data_type) end as data_type
        from duckdb_columns() where not internal""",
    """create view svv_tables as select table_catalog, table_schema, table_name, table_type from information_schema.tables""",
    "create macro btrim(x, y) as trim(x, y)",
)
"""What the macros ask of Redshift's catalog, and a function that an older sqlglot leaves as it is."""
NOTHING = re.compile(r"begin|commit|rollback|comment on|set |analyze|grant", re.IGNORECASE)
"""Statements that do nothing here: each one is a transaction of its own, so that no test leans on one."""
LENGTH = 65535


def carried_over(statement: str) -> str:
    """A statement as DuckDB's: what sqlglot leaves as it is, or forgets, is put right here."""
    statement = statement.replace(
        ", unpivot parsed.named as entry at field",
        ", lateral (select unnest(json_keys(named)) as field) as entry",
    )
    statement = re.sub(
        r"case when can_json_parse\((\w+)\) then json_parse\(\w+\) end", r"cast(\1 as json)", statement
    )
    trees = [each for each in sqlglot.parse(statement, read="redshift") if each is not None]
    for tree in trees:
        assert not list(tree.find_all(exp.Command)), statement
        for each in tree.find_all(exp.RegexpReplace):
            each.set("modifiers", exp.Literal.string("g"))
    return "; ".join(tree.sql("duckdb") for tree in trees)


class Cursor:
    """What dbt-redshift needs of a cursor."""

    rowcount = 0

    def __init__(self, red: "Red") -> None:
        self.red = red
        self.rows: list[tuple[Any, ...]] = []
        self.description: Any = None

    def execute(self, statement: str, given: Any = None) -> "Cursor":
        bare = re.sub(r"/\*.*?\*/", "", statement, flags=re.DOTALL).strip().rstrip(";")
        self.rows, self.description = [], None
        if NOTHING.match(bare):
            return self
        answered = self.red.asked_by_dbt(bare) or self.red.renamed(bare)
        if not answered:
            self.red.statements.append(re.sub("--.*", "", bare))
        found = self.red.duck.execute(answered or carried_over(bare))
        self.description = found.description
        self.rows = found.fetchall() if self.description else []
        return self

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.rows

    def fetchone(self) -> tuple[Any, ...] | None:
        return self.rows[0] if self.rows else None

    def fetchmany(self, number: int) -> list[tuple[Any, ...]]:
        return self.rows[:number]

    def close(self) -> None:
        pass

    def __enter__(self) -> "Cursor":
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Red:
    """A DuckDB that is asked in Redshift's SQL."""

    def __init__(self, file: Path) -> None:
        self.duck = duckdb.connect(str(file))
        self.duck.execute("set TimeZone = 'UTC'")
        self.statements: list[str] = []
        for each in CATALOG:
            self.duck.execute(each)

    def asked_by_dbt(self, statement: str) -> str | None:
        """The questions that dbt-redshift itself has for the catalog, in DuckDB's words."""
        if "pg_get_late_binding_view_cols" in statement:
            name = re.search(r"table_name = '(\w+)'", statement)
            schema = re.findall(r"table_schema = '(\w+)'", statement)
            assert name
            return (
                f"select column_name, data_type, case when data_type = 'character varying' then {LENGTH} end, null, null from svv_columns"
                f" where table_name = '{name[1]}'"
                + (f" and table_schema = '{schema[-1]}'" if schema else "")
                + " order by ordinal_position"
            )
        if "pg_proc" in statement:
            schema = re.findall(r"ilike '(\w+)'", statement)
            return (
                "select table_catalog as database, table_name as name, table_schema as schema,"
                " case table_type when 'VIEW' then 'view' else 'table' end as type"
                f" from information_schema.tables where table_schema = '{schema[0]}'"
                + ("" if "information_schema" in statement else " and false")
            )
        if "pg_class" in statement or "pg_depend" in statement or "pg_views" in statement:
            return "select '' as a, '' as b, '' as c, '' as d where false"
        if "pg_namespace" in statement:
            return "select distinct schema_name from duckdb_schemas() where database_name = 'leads'"
        if "pg_backend_pid" in statement:
            return "select 1"
        return None

    def renamed(self, statement: str) -> str | None:
        """A view has another name by "alter table" in Redshift."""
        found = re.fullmatch(r'alter table ("?\S*?"?\."?(\w+)"?) rename to (\S+)', statement)
        views = self.rows("select table_name from svv_tables where table_type = 'VIEW'")
        if found and {"table_name": found[2]} in views:
            return f"alter view {found[1]} rename to {found[3]}"
        return None

    def cursor(self) -> Cursor:
        return Cursor(self)

    def commit(self) -> None:
        pass

    rollback = close = commit

    def rows(self, query: str) -> list[dict[str, Any]]:
        found = self.duck.execute(query)
        names = [each[0] for each in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def land(self, step: awkward.Step) -> None:
        for schema, name, rows in awkward.tables(step):
            self.duck.execute(f"create schema if not exists {schema}")
            columns = [(field.name, TYPES[str(field.type)]) for field in rows.schema]
            declared = ", ".join(f'"{column}" {kind}' for column, kind in columns)
            self.duck.execute(f"create table if not exists {schema}.{name} ({declared})")
            for column, kind in columns:
                self.duck.execute(f'alter table {schema}.{name} add column if not exists "{column}" {kind}')
            self.duck.register("given", rows)
            self.duck.execute(f"insert into {schema}.{name} by name select * from given")
            self.duck.unregister("given")

    def made(self) -> dict[str, list[str]]:
        """See ``bench.made``."""
        names = [
            row["table_name"]
            for row in self.rows("select table_name from svv_tables where table_schema = 'analytics'")
        ]
        return {name: told(self.rows(f"select * from analytics.{name}")) for name in sorted(names)}


@pytest.fixture
def red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Red]:
    from dbt.adapters.redshift import connections

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "STATE", tmp_path / "dbt")
    (tmp_path / "profiles.yml").write_text(PROFILE)
    (tmp_path / "red").mkdir()
    found = Red(tmp_path / "red" / "leads.duckdb")
    monkeypatch.setattr(connections, "get_connection_method", lambda _credentials: lambda: found)
    yield found
    found.duck.close()


Build = Callable[..., list[str]]


@pytest.fixture
def build(tmp_path: Path, red: Red) -> Build:
    """Runs dbt on Redshift, and returns what is wrong."""
    project = tmp_path / "package"
    shutil.copytree(models.packaged_project(), project, ignore=shutil.ignore_patterns("target", "logs"))

    return partial(dbt_built, project, tmp_path, tmp_path / "target")


def without_hash(rows: list[str]) -> list[str]:
    """It is a hash of hashes there, since a text has 65,535 bytes."""
    return sorted(re.sub(r"content_hash=\w+", "content_hash", row) for row in rows)


def test_every_relation_is_duckdbs(red: Red, build: Build, duck: Warehouse) -> None:
    """Made from the beginning, then from what came since, with a new column, late rows and late answers: row by row the same."""
    for number, step in enumerate(awkward.STEPS):
        awkward.land(duck, step)
        red.land(step)
        models.build(duck, models.packaged_project())
        assert build() == []
        here, there = red.made(), made(duck)
        assert here.keys() == there.keys()
        for name, rows in there.items():
            assert without_hash(here[name]) == without_hash(rows), (number, name)
    # Statements may have these, which the expressions of the golden files never need.
    marks = {*REFUSED["redshift"]} - {r"\bvalues\b", r"\bexists\b", r"(?<![bl])(?<!r)\btrim\("}
    assert {
        each for each in marks if any(re.search(each, statement) for statement in red.statements)
    } == set()
