"""The dbt package on Spark SQL: what a server that speaks Spark Connect makes of raw tables is what DuckDB makes of them. The server is
Sail, or Apache Spark's own, see `apache`."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from connector.push.equality import same
from connector.texts import is_blank
from connector.warehouse import models
from connector.warehouse.connection import Warehouse
from tests.engines import ENGINES, apache, awkward
from tests.engines.bench import dbt_built, made, told
from tests.properties.test_equality import FILES, ODD, Macros, number_text
from tests.unit.push.test_equality import DIFFERENT, SAME

pytest.importorskip("pysail", reason="Sail is not installed: pip install 'leadloop[spark]'")
pytest.importorskip(
    "pyspark", reason="The client of Spark Connect is not installed: pip install 'leadloop[spark]'"
)
pytest.importorskip("deltalake", reason="deltalake is not installed: pip install 'leadloop[spark]'")
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
SERVERS = ("spark", "spark-connect")


class Sail:
    """A server with an empty warehouse: a folder of Delta tables."""

    def __init__(self, address: str, folder: Path) -> None:
        from pyspark.sql import SparkSession

        self.address, self.folder = address, folder
        builder = SparkSession.builder.config("spark.remote", address)
        self.session: Any = builder.config("spark.sql.session.timeZone", "UTC").create()
        for schema in ("analytics", "leadloop"):
            self._make(schema)

    def _make(self, schema: str) -> None:
        self.execute(f"create schema if not exists {schema} location '{self.folder / schema}'")

    def execute(self, statement: str) -> None:
        self.session.sql(statement).collect()

    def rows(self, query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.session.sql(query).toArrow().to_pylist()
        return found

    def land(self, step: awkward.Step) -> None:
        from deltalake import write_deltalake

        for schema, name, rows in awkward.tables(step):
            path = self.folder / schema / name
            write_deltalake(str(path), rows, mode="append", schema_mode="merge")
            self._make(schema)
            # A table that is there keeps the columns that it had.
            self.execute(f"drop table if exists {schema}.{name}")
            self.execute(f"create table {schema}.{name} using delta location '{path}'")

    def made(self) -> dict[str, list[str]]:
        """See ``bench.made``."""
        names = [row["tableName"] for row in self.rows("show tables in analytics") if not row["isTemporary"]]
        return {name: told(self.rows(f"select * from analytics.{name}")) for name in sorted(names)}

    def drop(self) -> None:
        # Apache Spark shows the name alone, Sail what it knows of it as well.
        for schema in [next(iter(row.values())) for row in self.rows("show databases")]:
            if schema != "default":
                self.execute(f"drop schema {schema} cascade")
        self.session.stop()


@pytest.fixture(
    scope="module",
    params=[each for each in ENGINES if each in SERVERS] or ["spark"],
)
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server on this machine."""
    if request.param == "spark-connect":
        if apache.home() is None:
            pytest.skip("there is no Apache Spark here, or no Java")
        yield request.getfixturevalue("apache_spark")
        return
    from pysail.spark import SparkConnectServer

    running = SparkConnectServer("127.0.0.1", 0)
    running.start(background=True)
    _, port = running.listening_address
    yield f"sc://127.0.0.1:{port}"
    running.stop()


@pytest.fixture
def sail(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sail]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "STATE", tmp_path / "dbt")
    monkeypatch.setenv("LEADLOOP_SPARK_REMOTE", server)
    found = Sail(server, tmp_path / "lake")
    yield found
    found.drop()


@pytest.fixture
def duck(tmp_path: Path) -> Warehouse:
    found = Warehouse.duckdb(tmp_path / "leads.duckdb")
    with found.lock("build"):
        pass  # makes the tables of the schema leadloop
    return found


@pytest.fixture
def knows_delta(server: str, request: pytest.FixtureRequest) -> bool:
    """Skips where the server doesn't."""
    is_apache = request.node.callspec.params["server"] == "spark-connect"
    if is_apache and not apache.delta_jars():
        pytest.skip("DELTA_JARS names no folder with the jars of Delta Lake")
    return True


Build = Callable[..., list[str]]


@pytest.fixture
def build(tmp_path: Path, sail: Sail) -> Build:
    """Runs dbt on Sail, and returns what is wrong."""

    package = models.packaged_project()
    return partial(dbt_built, package, package, tmp_path / "target", "--target", "spark")


@contextmanager
def told_to_server() -> Iterator[list[str]]:
    """The statements of dbt, as they come."""
    from dbt.adapters.spark.session import Cursor

    execute, said = Cursor.execute, list[str]()

    def note(self: Any, sql: str, *parameters: Any) -> None:
        said.append(sql.rpartition("*/")[2].lstrip())
        execute(self, sql, *parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cursor, "execute", note)
        yield said


@contextmanager
def broken_at(beginning: str) -> Iterator[None]:
    """The statement that begins so fails, as if the server were gone."""
    from dbt.adapters.spark.session import Cursor

    execute = Cursor.execute

    def fail(self: Any, sql: str, *parameters: Any) -> None:
        # dbt puts a comment in front.
        if sql.rpartition("*/")[2].lstrip().startswith(beginning):
            raise ConnectionError("the server is gone")
        execute(self, sql, *parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cursor, "execute", fail)
        yield


@pytest.mark.usefixtures("knows_delta")
def test_every_relation_is_duckdbs(sail: Sail, duck: Warehouse, build: Build) -> None:
    """Made from the beginning, then from what came since, with a new column, late rows and late answers: row by row the same, also
    where a build failed in between."""
    pushes = ["--exclude", "lead_scores_to_leadping", "lead_scores_to_leadsquared", "lead_scores_to_pollybot"]
    broken = {1: "merge into analytics.lead_changes", 3: "merge into analytics.lead_history"}
    for number, step in enumerate(awkward.STEPS):
        awkward.land(duck, step)
        sail.land(step)
        if number in broken:
            with broken_at(broken[number]):
                assert len(build("--select", "lead_history", "lead_changes")) == 1
        models.build(duck, models.packaged_project())
        with told_to_server() as said:
            assert build(*([] if number == 0 else pushes)) == []
        # What a merge names is made again for each time that it is named.
        merges = [each for each in said if each.startswith("merge into analytics.")]
        assert not any("__dbt_tmp" in each for each in merges)
        for table in {re.findall(r"\S+built_rows_\w+", each)[0] for each in merges}:
            assert sail.rows(f"select * from {table}") == []
        assert bool(merges) == (number > 0)
        here, there = sail.made(), made(duck)
        assert here.keys() == there.keys()
        for name, rows in there.items():
            assert here[name] == rows, (number, name)
    assert all(
        there[name] for name in ("leads", "lead_history", "lead_changes", "push_outcomes", "int_push_memory")
    )
    assert build("--full-refresh", "--select", "lead_history", "lead_changes") == []
    again = sail.made()
    for name, rows in there.items():
        assert again[name] == rows, name


@pytest.mark.usefixtures("knows_delta")
def test_the_tables_follow_what_comes(sail: Sail, duck: Warehouse, build: Build) -> None:
    """History and changes alone, which are what a build adds to: a new field is a new column, and late rows find their place."""
    names = ("lead_history", "lead_changes")
    for number, step in enumerate(awkward.STEPS):
        awkward.land(duck, step)
        sail.land(step)
        models.build(duck, models.packaged_project())
        assert build("--select", "+lead_changes", "--exclude-resource-type", "test") == []
        there = made(duck)
        for name in names:
            assert told(sail.rows(f"select * from analytics.{name}")) == there[name], (number, name)
    assert "loan_size=" in there["lead_history"][0]


@pytest.mark.usefixtures("knows_delta")
def test_a_table_that_is_there_is_never_seen_as_missing(
    sail: Sail, build: Build, request: pytest.FixtureRequest
) -> None:
    """Sail describes a table that was only given its folder without columns, and no model is empty for that."""
    sail.land({"convoso_raw.lead_versions": awkward.STEPS[0]["convoso_raw.lead_versions"][:3]})
    described = sail.rows("describe extended convoso_raw.lead_versions")
    is_sail = request.node.callspec.params["server"] == "spark"
    assert ("id" in {row["col_name"] for row in described}) is not is_sail
    assert build("--select", "stg_lead_versions") == []
    assert len(sail.rows("select lead_id from analytics.stg_lead_versions")) == 3


RULES = (None, "digits", "lower", "trim", "number", "boolean", "list", "html", "lines", "cut(3)", "round(2)", "tolerance(0.5)", "date", "date(dmy)", "time(mdy)")  # fmt: skip


def test_values_are_equal_there_as_in_python(sail: Sail) -> None:
    """Neighbours are equal by every rule where they are in Python; what is blank is so."""
    macros = Macros("spark", *FILES)
    values = [
        *ODD,
        *(value for value in ODD for _ in range(2)),
        *(value for _, *pair in SAME + DIFFERENT for value in pair),
    ]
    rows = ", ".join(
        f"({number}, {'cast(null as string)' if value is None else macros.literal(value)})"
        for number, value in enumerate(values)
    )
    sail.execute(
        f"create or replace temporary view texts as select * from (values {rows}) as texts (number, value)"
    )
    assert [row["value"] for row in sail.rows("select value from texts order by number")] == values
    sail.execute(
        "create or replace temporary view pairs as select number, given_value, lag(given_value) over (order by number) as value_before "
        f"from (select number, {macros.blank_as_null('value')} as given_value from texts) as given"
    )
    blank = sail.rows("select given_value is null as is_blank from pairs order by number")
    assert [row["is_blank"] for row in blank] == [is_blank(value) for value in values]
    for rule in RULES:
        differ = (
            macros.differ_by("given_value", "value_before", rule)
            if rule
            else "given_value is distinct from value_before"
        )
        found = [
            row["same"] for row in sail.rows(f"select not ({differ}) as same from pairs order by number")
        ][1:]
        unlike = [
            (rule, pair, by_sql)
            for pair, by_sql in zip(pairwise(values), found, strict=True)
            if by_sql != same(*pair, rule)
        ]
        assert not unlike, unlike[:10]


NUMBERS = [0.0, -0.0, -1.0, 1e3, 2.5, 1e7, 1e15, 1.7e15, 1e16, 1.5e20, 9e37, 1e38, 1e-4, 1e-5, 1.5e-5, 1e-7, -2.5e-9, 12345678.9, 1e300,
           float("nan"), float("inf"), float("-inf")]  # fmt: skip
TYPED = (
    ("cast('2026-07-01 23:30:00.500-04' as timestamp)", "2026-07-02 03:30:00.5+00", None),
    ("cast('2026-03-01 10:00:00' as timestamp_ntz)", "2026-03-01 10:00:00", None),
    ("cast('2026-03-01' as date)", "2026-03-01", None),
    ("cast(1234567 as float)", "1234567", None),
    ("cast(2.50 as decimal(10, 2))", "2.5", None),
    ("cast(0 as decimal(38, 18))", "0", None),
    ("cast(-5 as bigint)", "-5", None),
    ("true", "true", None),
    ("cast('-0' as string)", "-0", None),
    ("array('a', 'b;')", '["a","b;"]', "string[]"),
)


def test_a_value_has_one_text(sail: Sail) -> None:
    """Numbers as they stand in a CRM, times in UTC, lists as JSON; and what no field takes is named."""
    macros = Macros("spark", *FILES)
    rows = ", ".join(f"({place}, '{number!r}')" for place, number in enumerate(NUMBERS))
    text = macros.as_text("given.number")
    found = sail.rows(
        f"select {text} as shown from (select place, cast(value as double) as number from (values {rows}) as texts (place, value)) "
        "as given order by place"
    )
    assert [row["shown"] for row in found] == [number_text(number) for number in NUMBERS]
    for value, shown, unsendable in TYPED:
        (row,) = sail.rows(
            f"select {macros.as_text('given.v')} as shown, {macros.unsendable('given.v')} as no from (select {value} as v) as given"
        )
        assert (row["shown"], row["no"]) == (shown, unsendable), value
    numbers = (34, 127, 128, 233, 2047, 2048, 8364, 55295, 65535, 65536, 128512, 1114111)
    for number in numbers:
        (row,) = sail.rows(f"select {macros.character('n')} as c from (select {number} as n) as given")
        assert row["c"] == chr(number)
