"""Delta tables and the ledger beside them: where things are, how dlt loads them, what is copied, and what is refused."""

import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector import checks, config, loop
from connector.errors import ConfigError, DamagedError, LockedError, WarehouseError
from connector.errors import TestsFailedError as NotSentError
from connector.warehouse import (
    apart_views,
    last_build,
    models,
    pipelines,
    spark_connection,
    spark_copies,
    spark_session,
    spark_tables,
)
from connector.warehouse.aside import aside
from connector.warehouse.connection import Warehouse
from connector.warehouse.engines import ENGINES, engine_of
from connector.warehouse.relations import Relation
from connector.warehouse.spark import Spark
from connector.warehouse.spark_server import Server
from tests.engines import SPARK, checked, set_to, writing
from tests.engines.bench import Bench
from tests.engines.test_loop import PUSH
from tests.engines.test_parts import RAW, filled

pytestmark = [*SPARK.marks]


@pytest.fixture
def lake(tmp_path: Path) -> Warehouse:
    return Warehouse.spark(tmp_path / "leads.delta")


def asked(lake: Warehouse, query: str) -> list[tuple[Any, ...]]:
    with lake.engine().connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def storage(lake: Warehouse) -> Path:
    return Path(lake.label)


def test_the_ledger_is_no_delta_table(lake: Warehouse) -> None:
    """Whatever names the schema leadloop means the ledger, and everything else a Delta table; no file is anybody else's to read."""
    filled(lake)
    found = "select distinct database_name, schema_name from duckdb_{}() where database_name in ('lake', 'ledger') and not internal"
    assert asked(lake, found.format("tables")) == [("ledger", "leadloop")]
    assert set(asked(lake, found.format("views"))) == {("lake", "convoso_raw"), ("lake", "leadloop")}
    assert asked(lake, f"select count(*) from {RAW} cross join leadloop.warehouse") == [(100,)]
    with lake.engine().connect() as connection:
        assert engine_of(connection).name == "spark"
        assert engine_of(connection).columns_of(connection, *RAW.split(".")) == {
            "id",
            "leadloop_sequence_number",
        }
    if sys.platform != "win32":
        assert not storage(lake).stat().st_mode & 0o077
        assert lake.path is not None
        assert not lake.path.stat().st_mode & 0o077
    lake.look_through()


def test_a_table_is_seen_as_it_is_now(lake: Warehouse) -> None:
    """Rows, a column and a table that somebody else adds are there with the next connection, and make another state."""
    filled(lake)
    relation = Relation(*RAW.split("."))

    def state() -> Any:
        with lake.engine().connect() as connection:
            return engine_of(connection).states(connection, [relation])[relation]

    before = state()
    assert state() == before
    import pyarrow as pa

    spark_tables.append(storage(lake).joinpath(*relation), pa.table({"id": ["new"], "loan_size": ["00120"]}))
    assert asked(lake, f"select loan_size, count(*) from {RAW} group by 1 order by 2") == [
        ("00120", 1),
        (None, 100),
    ]
    assert state() != before
    writing.make(lake, "analytics.later", {"id": "text"})
    assert asked(lake, "select count(*) from analytics.later") == [(0,)]
    shutil.rmtree(storage(lake) / "analytics")
    with lake.engine().connect() as connection:
        assert engine_of(connection).columns_of(connection, "analytics", "later") == frozenset()


def test_a_lake_is_let_go_of(lake: Warehouse) -> None:
    """Somebody else can open the ledger as soon as nobody here is connected, and is named where he has it."""
    import duckdb

    lake.probe()
    assert lake.path is not None
    with duckdb.connect(str(lake.path)), pytest.raises(LockedError), lake.translated():
        lake.engine().connect()
    lake.probe()


def rows_of(names: list[str], more: str = "") -> Any:
    import dlt

    def made() -> Iterator[Any]:
        dlt.current.resource_state()["cursors"] = {"leads": names[-1]}
        import pyarrow as pa

        columns = {"id": names, "leadloop_sequence_number": pa.array([len(names)] * len(names), pa.int64())}
        yield pa.table({**columns, more: names} if more else columns)

    return dlt.resource(made, name="lead_versions", write_disposition="append")


@pytest.fixture
def loaded(lake: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Loads rows as an extraction does, each time by a process that knows nothing of the last one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "CRITICAL")
    pipelines.tune()
    lake.probe()

    def load(*resources: Any) -> Any:
        tables = pipelines.AccountTables(lake, "convoso", "convoso_raw")
        tables.load(resources)
        return pipelines.AccountTables(lake, "convoso", "convoso_raw").past("lead_versions")

    return load


def test_dlt_loads_delta_tables(lake: Warehouse, loaded: Callable[..., Any]) -> None:
    """Loads, state and schemas are tables beside the raw one; a new column is NULL in older rows; the cursor is with the rows."""
    assert loaded(rows_of(["1", "2"])).cursors == {"leads": "2"}
    past = loaded(rows_of(["3"], more="loan_size"))
    assert past.cursors == {"leads": "3"}
    assert "loan_size" in past.columns
    assert asked(lake, f"select id, loan_size from {RAW} order by id") == [
        ("1", None),
        ("2", None),
        ("3", "3"),
    ]
    query = f"select count(distinct _dlt_load_id) from {RAW} join convoso_raw._dlt_loads on load_id = _dlt_load_id and status = 0"
    assert asked(lake, query) == [(2,)]
    assert asked(lake, "select count(*) from convoso_raw._dlt_version")[0][0] >= 2
    with lake.engine().connect() as connection:
        assert Spark().highest_number(connection) == 2, "told by the log, for a ledger that is older"


def test_a_load_that_was_cut_off_moves_no_cursor(
    lake: Warehouse, loaded: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows may be there; that they are, nobody counts on: the next run reads them again."""
    from connector.warehouse.spark_loading import Client

    loaded(rows_of(["1"]))
    with monkeypatch.context() as cut:
        cut.setattr(Client, "complete_load", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(Exception, match="killed"):
            loaded(rows_of(["2"]))
    assert asked(lake, f"select count(*) from {RAW}") == [(2,)]
    assert pipelines.AccountTables(lake, "convoso", "convoso_raw").past("lead_versions").cursors == {
        "leads": "1"
    }
    assert loaded(rows_of(["2"])).cursors == {"leads": "2"}


def test_only_what_changed_is_copied(lake: Warehouse) -> None:
    """The ledger's tables are Delta tables before a build; those that are as they were are left alone."""

    def copied() -> list[str]:
        with lake.lock("build"):
            return spark_copies.copy(lake.engine(), ENGINES["spark"], storage(lake))

    assert {"push_journal", "push_runs", "accounts", "fields"} <= set(copied())
    assert copied() == []
    with lake.engine().begin() as connection:
        connection.exec_driver_sql("insert into leadloop.push_settled values ('run', current_timestamp)")
    assert copied() == ["push_settled"]
    copy = storage(lake) / "leadloop" / "push_settled"
    assert spark_tables.delta(copy).to_pyarrow_table().column("run_id").to_pylist() == ["run"]
    shutil.rmtree(copy)
    assert copied() == ["push_settled"], "a copy that was lost is made again"


def test_a_lake_that_is_damaged_says_so(lake: Warehouse) -> None:
    """The file is named, and what to do."""
    filled(lake)
    for file in storage(lake).joinpath(*RAW.split(".")).glob("*.parquet"):
        file.unlink()
    Bench.restarted()
    with pytest.raises(DamagedError, match=r"\.parquet.*--restored"):
        lake.look_through()


def test_what_is_not_there_yet_is_refused(lake: Warehouse, tmp_path: Path) -> None:
    """Each with a sentence; a folder that isn't there is not made."""
    with pytest.raises(ConfigError, match="folder that doesn't exist"):
        Warehouse.spark(tmp_path / "none" / "leads.delta").probe()
    with pytest.raises(ConfigError, match="not be in the folder"):
        Warehouse.spark(storage(lake), storage(lake) / "ledger.duckdb")
    lake.probe()
    with pytest.raises(ConfigError, match=r"preview .* more than one file"), aside(lake):
        pass


@pytest.mark.parametrize("text", ["s3://bucket/leads", "abfss://leads@account"])
def test_a_bucket_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting is named."""
    monkeypatch.setenv("WAREHOUSE__DESTINATION", "spark")
    monkeypatch.setenv("DESTINATION__SPARK__CREDENTIALS__STORAGE", text)
    config.reload()
    with pytest.raises(ConfigError, match=r"destination\.spark\.credentials\.storage.* path"):
        Warehouse.open()


def test_settings_name_a_lake(lake: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By a path, by a table, and with a server; check says what it needs and where all of it is."""
    monkeypatch.setenv("WAREHOUSE__DESTINATION", "spark")
    monkeypatch.setenv("DESTINATION__SPARK__CREDENTIALS", lake.label)
    config.reload()
    assert Warehouse.open() == lake
    monkeypatch.delenv("DESTINATION__SPARK__CREDENTIALS")
    set_to(lake, monkeypatch)
    assert Warehouse.open() == lake
    found = checked()
    assert found["engine"].ok, found["engine"].message
    for part in ("duckdb-extension-delta", "dbt-spark", "pysail"):
        assert part in found["engine"].message
    assert found["warehouse"].ok
    for part in ("leads.delta", "leads.ledger.duckdb", "Sail"):
        assert part in found["warehouse"].message
    monkeypatch.setenv("DESTINATION__SPARK__CREDENTIALS__URL", "sc://spark.example:15002")
    monkeypatch.setenv("DESTINATION__SPARK__CREDENTIALS__LEDGER", str(tmp_path / "elsewhere.duckdb"))
    config.reload()
    there = Warehouse.open()
    assert there.path == tmp_path / "elsewhere.duckdb"
    assert "sc://spark.example:15002" in there.described
    assert there.dbt_env()["LEADLOOP_SPARK_REMOTE"] == "sc://spark.example:15002"
    assert there.place == lake.place


def test_what_is_missing_is_named(lake: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """check and every other command name what to install."""
    monkeypatch.setattr(spark_connection, "EXTENSIONS", ("delta", "nowhere"))
    monkeypatch.setattr(spark_connection, "DISTRIBUTIONS", ("deltalake", "nothing-of-that-name"))
    set_to(lake, monkeypatch)
    with pytest.raises(ConfigError, match=r"duckdb-extension-nowhere .*\[spark\]"):
        Warehouse.open()
    found = {each.name: each for each in checks._engine()}
    assert not found["engine"].ok
    for part in ("duckdb-extension-nowhere", "nothing-of-that-name", "leadloop[spark]"):
        assert part in found["engine"].message


def node(
    kind: str, materialized: str, *, push: bool = False, reads: tuple[str, ...] = (), **more: Any
) -> Any:
    class Config(SimpleNamespace):
        def get(self, name: str) -> Any:
            return self._extra.get(name)

    made = Config(materialized=materialized, meta={"leadloop_push": {}} if push else {}, _extra=dict(more))
    return SimpleNamespace(
        unique_id=kind, resource_type="model", package_name="mine", config=made, depends_on_nodes=list(reads)
    )


def test_what_a_push_reads_is_a_table() -> None:
    """Of the user's models only that; and every table is a Delta table where the project says nothing else."""
    nodes = {
        each.unique_id: each
        for each in (
            node("tiers", "view"),
            node("scores", "ephemeral"),
            node("report", "view"),
            node("parquet", "table", file_format="parquet"),
            node("push", "view", push=True, reads=("tiers", "scores")),
        )
    }
    ENGINES["spark"].prepare(SimpleNamespace(nodes=nodes))
    made = {name: (each.config.materialized, each.config.get("file_format")) for name, each in nodes.items()}
    assert made == {
        "tiers": ("table", "delta"),
        "scores": ("table", "delta"),
        "report": ("view", "delta"),
        "parquet": ("table", "parquet"),
        "push": ("view", "delta"),
    }


def test_maintain_puts_files_together(lake: Warehouse) -> None:
    """Small files become one, those of old versions are gone, and no row is another one."""
    filled(lake)
    for number in range(4):
        writing.add(lake, RAW, [{"id": f"more {number}", "leadloop_sequence_number": 1}])
    files = storage(lake).joinpath(*RAW.split("."))
    assert len(list(files.glob("*.parquet"))) == 5
    before, after = lake.tidy(timedelta(0))
    assert before.bytes > 0
    assert after.bytes > 0
    assert len(list(files.glob("*.parquet"))) == 1
    assert asked(lake, f"select count(*), count(distinct id) from {RAW}") == [(104, 104)]
    lake.look_through()


@pytest.mark.long
def test_a_session_knows_every_table(lake: Warehouse) -> None:
    """Sail is started, told of all tables and views, and gone afterwards; a server that is not there is named."""
    filled(lake)
    views = {
        Relation("analytics", "broken"): "select * from nowhere.at_all",
        Relation("analytics", "seen"): f"select id from {RAW}",
    }
    with spark_session.opened(storage(lake), Server(), {"analytics"}, views) as address:
        from pyspark.sql import SparkSession

        # As dbt's adapter does.
        session = SparkSession.builder.config("spark.remote", address).getOrCreate()
        assert session.sql("select count(*) from analytics.seen").collect()[0][0] == 100
        session.sql("create table analytics.made using delta as select 1 as one").collect()
    assert asked(lake, "select one from analytics.made") == [(1,)]
    with (
        pytest.raises(WarehouseError, match="can't be reached"),
        spark_session.opened(storage(lake), Server(address)),
    ):
        pass
    with spark_session._sail() as server, spark_session.opened(storage(lake), Server(server)) as given:
        assert given == server
        session = SparkSession.builder.config("spark.remote", given).getOrCreate()
        assert session.sql("select one from analytics.made").collect()[0][0] == 1


def test_the_views_of_builds_are_kept(lake: Warehouse) -> None:
    """Those that were made well, in their order; a build of some leaves the others, and one that can't be shown holds up nothing."""

    def model(name: str, sql: str, *, materialized: str = "view", ok: bool = True) -> tuple[Any, Any]:
        made = SimpleNamespace(
            unique_id=name,
            schema="analytics",
            alias=name,
            compiled_code=sql,
            config=SimpleNamespace(materialized=materialized),
        )
        return SimpleNamespace(unique_id=name, kind="model", ok=ok), made

    def built(*given: tuple[Any, Any]) -> None:
        nodes, made = zip(*given, strict=True)
        with lake.engine().begin() as connection:
            views = apart_views.views_in(nodes, made)
            apart_views.keep(connection, spark_connection.OWN, apart_views.OF_DUCKDB, views, beside=True)

    with lake.lock("build"):
        built(
            model("one", "select 1 as number"),
            model("two", "select number + 1 as number from analytics.one"),
            model("lost", "select * from analytics.nowhere"),
            model("table", "select 1", materialized="table"),
            model("failed", "select 1", ok=False),
        )
        assert asked(lake, "select number from analytics.two") == [(2,)]
        built(model("one", "select 10 as number"))
        assert asked(lake, "select number from analytics.two") == [(11,)]
    shown = "select view_name from duckdb_views() where database_name = 'lake' and schema_name = 'analytics' order by 1"
    assert asked(lake, shown) == [("one",), ("two",)]


def test_what_dbt_records_is_shown_by_the_ledger_after_every_build(lake: Warehouse) -> None:
    """Also by a process that finds both there; and in place of what an older leadloop had written into the ledger itself."""
    filled(lake)
    with lake.ledger().begin() as connection:
        connection.exec_driver_sql("create table leadloop.dbt_results as select 'old' as name")
    writing.make(lake, "leadloop.dbt_results", {"name": "text"})
    for number in (1, 2, 3):
        writing.add(lake, "leadloop.dbt_results", [{"name": f"model {number}"}])
        Bench.restarted()
        with lake.engine().begin() as connection:
            apart_views.show_results(connection)
        shown = asked(lake, "select name from ledger.leadloop.dbt_results order by 1")
        assert shown == [(f"model {each}",) for each in range(1, number + 1)]


def test_the_highest_number_is_asked_of_the_log(lake: Warehouse) -> None:
    """A ledger that is older than its lake goes on after all numbers that were given."""
    filled(lake)
    with lake.engine().connect() as connection:
        assert Spark().highest_number(connection) == 9
    assert asked(lake, "select count(*) from lake.leadloop.of_ledger") == [(1,)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("warehouse", ["spark"], indirect=True)
def test_the_loop_in_short(bench: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Read, build, send; the plan after it is empty, though nothing was built since and no Spark is there."""
    run = bench(leads=8)
    project = models.packaged_project()
    loop.extract(run.warehouse)
    built = loop.build(run.warehouse, project)
    assert built.models > 10
    assert run.rows("select count(*) from leadloop.dbt_results where status not in ('success', 'pass')") == [
        (0,)
    ]
    with monkeypatch.context() as without:
        without.setattr(spark_session, "opened", None)
        sent = loop.push(run.warehouse, PUSH, project)
        assert sent is not None
        assert sent.plan.leads
        assert all(run.crm.book.row(lead.lead_id)["lead_score"] for lead in sent.plan.leads)
        assert not loop.plan(run.warehouse, PUSH, project).leads
    assert last_build.unchanged_since(run.warehouse, project) is None, "the journal has grown"
    assert run.rows("select count(distinct invocation_id) from leadloop.dbt_results") == [(1,)]
    failed = {
        "invocation_id": "by hand",
        "unique_id": "model.leadloop.lead_history",
        "name": "lead_history",
        "kind": "model",
        "status": "error",
        "sequence_number": 100,
        "recorded_at": datetime.now(UTC),
        "schema_name": "analytics",
    }
    writing.add(run.warehouse, "leadloop.dbt_results", [failed])
    with pytest.raises(NotSentError, match="lead_history"):
        loop.push(run.warehouse, PUSH, project)
    loop.build(run.warehouse, project)
    loop.push(run.warehouse, PUSH, project)
    of_spark = spark_tables.delta(storage(run.warehouse) / "analytics" / "lead_history").to_pyarrow_table()
    assert of_spark.num_rows == len(run.rows("select * from analytics.leads")) == 8
