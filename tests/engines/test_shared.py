"""A lake with its catalog on PostgreSQL: what is where, what is shown, and several processes at work with it at once."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from connector import config, loop, status
from connector.errors import ConfigError, DamagedError, LeadloopError, LockedError, WarehouseError
from connector.push.tables import push_runs
from connector.sandbox import Sandbox
from connector.warehouse import ducklake_tidying, models
from connector.warehouse.aside import aside
from connector.warehouse.connection import Warehouse
from connector.warehouse.ducklake_catalog import Place, place_of
from connector.warehouse.ducklake_server_dialect import _Shared, _shared
from connector.warehouse.engines import ENGINES, engine_of, of_profile
from connector.warehouse.leases import leases
from connector.warehouse.ledger import next_number
from connector.web.source import Source
from tests.engines import checked, set_to
from tests.engines.bench import Bench, wait_for
from tests.engines.test_killed import PUSH, PUSHING, killed, started

VERSIONS = "select count(distinct (id, modified_at)) from convoso_raw.lead_versions"
SECRET = "hunter2 'and\\more%40"
CUT = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
EXTRACTING = """
import sys
from connector import loop
from connector.warehouse.connection import Warehouse

print("begun", flush=True)
for _ in range(3):
    loop.extract(Warehouse.open(), {!r})
"""


@pytest.fixture
def lake(postgres_url: str, tmp_path: Path) -> Warehouse:
    return Warehouse.ducklake(postgres_url, tmp_path / "leads.files")


def execute(warehouse: Warehouse, *statements: str) -> None:
    with warehouse.engine().begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def with_secret(lake: Warehouse) -> sa.URL:
    return Place.of_url(lake.url).catalog.set(drivername="postgresql", password=SECRET)


def test_a_password_is_shown_nowhere(lake: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by the warehouse, not by DuckDB, not by an error; dbt has it in the one variable that it masks."""
    place = Place.of_url(lake.url)
    catalog = with_secret(lake).render_as_string(hide_password=False)
    with_password = Warehouse.ducklake(catalog, place.storage)
    assert Place.of_url(with_password.url).catalog.password == SECRET
    assert place_of(place.address) == place_of(Place.of_url(with_password.url).address)
    with with_password.engine().connect() as connection:
        shown = connection.exec_driver_sql("select database_name, path from duckdb_databases()").all()
        secrets = connection.exec_driver_sql("select secret_string from duckdb_secrets()").all()
    told: list[Any] = [with_password, with_password.url, with_password.engine(), with_password.label]
    told += [with_password.described, with_password.place, shown, secrets]
    variables = with_password.dbt_env()
    assert [name for name, text in variables.items() if SECRET in text] == [
        "DBT_ENV_SECRET_LEADLOOP_DUCKLAKE_PASSWORD"
    ]
    nowhere = sa.make_url(catalog).set(port=1).render_as_string(hide_password=False)
    for address in (nowhere, catalog.replace("/leads", "/no_such_database")):
        refused = Warehouse.ducklake(address, place.storage)
        for door in (refused.engine, refused.ledger):
            with pytest.raises((WarehouseError, ConfigError)) as error, refused.translated():
                door().connect()
            told.append(error.value)
    assert "hunter2" not in " ".join(map(repr, told)) + " ".join(map(str, told))


def test_settings_name_it(lake: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same lake is opened by its settings; check names what it needs and where all of it is. It needs a storage."""
    set_to(lake, monkeypatch)
    assert Warehouse.open() == lake
    found = checked()
    assert found["engine"].ok
    assert "duckdb-extension-postgres-scanner" in found["engine"].message
    assert found["warehouse"].ok
    assert "leads.files" in found["warehouse"].message
    monkeypatch.delenv("DESTINATION__DUCKLAKE__CREDENTIALS__STORAGE")
    config.reload()
    with pytest.raises(ConfigError, match=r"credentials\.storage is not set"):
        Warehouse.open()


def test_a_profile_names_it(lake: Warehouse) -> None:
    """The settings of a project that dbt knows already; a password in the profile is not copied."""
    address = Place.of_url(lake.url).address
    attached = SimpleNamespace(
        alias="lake", path=f"ducklake:{address} password=hunter2", options={"data_path": "s3://b/leads/"}
    )
    profile = SimpleNamespace(type="duckdb", database="lake", attach=[attached])
    found = of_profile(profile)
    assert found is ENGINES["ducklake"]
    assert found.dbt_place(profile) == lake.place
    told, secret = found.as_toml(profile)
    assert 'storage = "s3://b/leads/"' in told
    assert 'catalog = "postgresql://postgres@127.0.0.1:' in secret
    assert "hunter2" not in told + secret


def test_a_password_in_the_wrong_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is for PostgreSQL."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(
        '[warehouse]\ndestination = "ducklake"\n[destination.ducklake.credentials]\n'
        'catalog = "postgresql://me:hunter2@localhost/leads"\nstorage = "files"\n',
        encoding="utf-8",
    )
    config.reload()
    with pytest.raises(ConfigError, match=r"stands in config\.toml") as refused:
        Warehouse.open()
    assert "hunter2" not in str(refused.value)


def test_leads_are_in_the_lake_and_the_ledger_on_the_server(lake: Warehouse) -> None:
    """Both are read in one query; locks and journal are written by PostgreSQL's own door, and a preview is refused."""
    with lake.lock("push:scores") as lease:
        with lease.transaction() as connection:
            assert engine_of(connection).name == "postgres"
            number = next_number(connection)
            connection.exec_driver_sql("insert into leadloop.push_settled values ('a run', now())")
        with pytest.raises(LockedError), lake.lock("push:scores"):
            pass
        with lake.engine().connect() as connection:
            assert connection.scalar(sa.select(leases.c.name)) == "push:scores"
    execute(
        lake,
        "create schema convoso_raw",
        f"create table convoso_raw.lead_versions as select 'a run' as id, {number} as leadloop_sequence_number",
    )
    both = "select count(*) from convoso_raw.lead_versions inner join leadloop.push_settled on run_id = id"
    with lake.engine().connect() as connection:
        assert engine_of(connection).name == "ducklake"
        assert connection.exec_driver_sql(both).scalar() == 1
    with lake.ledger().connect() as connection:
        assert not engine_of(connection).columns_of(connection, "convoso_raw", "lead_versions")
        connection.exec_driver_sql("create table leadloop.later (id text)")
        connection.commit()
    with lake.engine().connect() as connection:
        assert engine_of(connection).columns_of(connection, "leadloop", "later") == {"id"}
        assert "later" in engine_of(connection).tables_in(connection, "leadloop")
    with pytest.raises(ConfigError, match="preview"), aside(lake):
        pass
    source = Source(lake)
    source.refresh()
    with source.connected() as connection:
        assert connection.exec_driver_sql(both).scalar() == 1


def test_a_lead_may_have_more_fields_than_a_table_of_the_server(lake: Warehouse) -> None:
    """PostgreSQL has room for 1,600 columns, and for a row of 8 kB; a few rows are not put there."""
    names = [f"field_{number}" for number in range(1_700)]
    values = ", ".join(["'what somebody has typed'"] * len(names))
    execute(
        lake,
        "create schema convoso_raw",
        f"create table convoso_raw.lead_versions ({', '.join(f'{name} text' for name in names)})",
        f"insert into convoso_raw.lead_versions values ({values})",
    )
    with lake.engine().connect() as connection:
        assert connection.exec_driver_sql(f"select {names[-1]} from convoso_raw.lead_versions").scalar()


def test_two_that_come_first_make_one_catalog(lake: Warehouse) -> None:
    """The second waits until the first has made the catalog's tables."""
    doors, errors = [_Shared(lake.url) for _ in range(3)], list[Exception]()

    def come(door: _Shared) -> None:
        try:
            door.connect().execute("select count(*) from __ducklake_metadata_lake.ducklake_snapshot")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=come, args=(door,)) for door in doors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_cut_session_is_replaced(lake: Warehouse) -> None:
    """A lock is a row, and stays; leads and ledger are read again over a new session. A statement under way fails in a sentence."""
    with lake.lock("build") as lease:
        execute(lake, "create schema analytics", "create table analytics.leads as select 1 as id")
        with lake.engine().connect() as connection:
            connection.exec_driver_sql("select count(*) from leadloop.warehouse").all()
            cut(lake)
            with pytest.raises(WarehouseError, match="cut the connection"), lake.translated():
                connection.exec_driver_sql("select count(*) from leadloop.runs").all()
        lease.prove()
        with pytest.raises(LockedError), lake.lock("build"):
            pass
        with lake.engine().connect() as connection:
            both = "select count(*) from analytics.leads cross join leadloop.warehouse"
            assert connection.exec_driver_sql(both).scalar() == 1


def test_two_that_change_one_table_are_told_apart(lake: Warehouse) -> None:
    """Two may add rows at once; the one whose table has got another column meanwhile is told to run again, and has changed nothing."""
    execute(lake, "create schema convoso_raw", "create table convoso_raw.lead_versions (id text)")
    add = "insert into convoso_raw.lead_versions values ('1')"
    with lake.engine().connect() as one:
        one.exec_driver_sql(add)
        execute(lake, add)
        one.commit()
        one.exec_driver_sql(add)
        execute(lake, "alter table convoso_raw.lead_versions add column email text")
        with pytest.raises(WarehouseError, match=r"changed the same table .* Run again"), lake.translated():
            one.commit()
    with lake.engine().connect() as connection:
        assert connection.exec_driver_sql("select count(*) from convoso_raw.lead_versions").scalar() == 2


def cut(lake: Warehouse) -> int:
    engine = sa.create_engine(Place.of_url(lake.url).catalog, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        found = len(connection.exec_driver_sql(CUT).all())
    engine.dispose()
    return found


def test_files_that_somebody_may_be_at_work_with_stay(lake: Warehouse, tmp_path: Path) -> None:
    """maintain drops old snapshots and merges files, and leaves alone what another process may read or has not committed yet."""
    execute(lake, "create schema convoso_raw", "create table convoso_raw.lead_versions (id text)")
    for number in range(3):
        execute(lake, f"insert into convoso_raw.lead_versions values ('{number}')")
    written = next((tmp_path / "leads.files").rglob("*.parquet"))
    under_way = written.with_name("ducklake-under-way.parquet")
    under_way.write_bytes(written.read_bytes())
    before, after = lake.tidy(timedelta(0))
    assert before.bytes > 0
    assert (before.files, after.files, after.snapshots) == (3, 1, 1)
    assert under_way.exists()
    assert written.exists()
    with lake.engine().connect() as connection:
        assert connection.exec_driver_sql("select count(*) from convoso_raw.lead_versions").scalar() == 3


@pytest.fixture
def warehouse(lake: Warehouse) -> Warehouse:
    """For ``bench``: the tests below are of this engine alone."""
    return lake


@pytest.fixture
def east(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A second account of the vendor's."""
    with Sandbox(leads=30, seed=8) as crm:
        settings = {
            "VENDOR": "convoso",
            "BASE_URL": f"{crm.base_url}/v1",
            "AUTH_TOKEN": crm.token,
            "TIMEZONE": crm.timezone,
            "RATE": "1000",
        }
        for name, text in settings.items():
            monkeypatch.setenv(f"CRM__CONVOSO_EAST__{name}", text)
        yield crm


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_several_processes_work_at_once(bench: Callable[..., Any], east: Sandbox) -> None:
    """Two extractions load side by side while this process builds and looks; then of two that push the same, the second is told."""
    run = bench(leads=40, latency=0.05)
    project = models.packaged_project()
    processes = [started(EXTRACTING.format(name), run.warehouse) for name in ("convoso", "convoso_east")]
    while any(each.poll() is None for each in processes):
        assert status.status(run.warehouse) is not None
        time.sleep(0.5)
    assert [each.returncode for each in processes] == [0, 0]
    assert run.rows("select count(distinct id) from convoso_raw.lead_versions") == [(40,)]
    assert run.rows("select count(distinct id) from convoso_east_raw.lead_versions") == [(30,)]
    other = started(EXTRACTING.format("convoso_east"), run.warehouse)
    loop.build(run.warehouse, project)
    assert other.wait() == 0

    wanted = {lead.lead_id for lead in loop.plan(run.warehouse, PUSH, project).leads}
    first = started(PUSHING, run.warehouse)
    wait_for(lambda: run.crm.calls.count("update") > 0, first)
    with pytest.raises(LockedError, match=rf"{first.pid}") as refused:
        loop.push(run.warehouse, PUSH, project)
    assert refused.value.exit_code == 5
    assert status.status(run.warehouse) is not None
    killed(first)
    done = loop.push(run.warehouse, PUSH, project)
    assert done is not None
    states = run.rows("select distinct lead_id, state from leadloop.push_journal")
    assert {lead_id for lead_id, state in states if state in ("applied", "confirmed")} == wanted


@pytest.fixture
def put_back(lake: Warehouse, postgres_url: str) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """Makes a copy of the lake's database, and puts it back in its place; the files of the lake stay what they are."""
    server, _, name = postgres_url.rpartition("/")
    admin = sa.create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")

    def copied(source: str, target: str) -> None:
        end_sessions = f"select pg_terminate_backend(pid) from pg_stat_activity where datname in ('{source}', '{target}')"
        with admin.connect() as connection:
            connection.exec_driver_sql(end_sessions).all()
            connection.exec_driver_sql(f"drop database if exists {target}")
            connection.exec_driver_sql(f"create database {target} template {source}")
        Bench.restarted()
        _shared.cache_clear()

    yield lambda: copied(name, "older"), lambda: copied("older", name)
    with admin.connect() as connection:
        connection.exec_driver_sql("drop database if exists older")
    admin.dispose()


@pytest.mark.long
def test_an_older_copy_of_the_database_is_put_back(
    bench: Callable[..., Any], put_back: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that it doesn't know do no harm, and what came since is read again. Where `maintain` has deleted files that it names, check
    and a build say so, and what to do. Without a copy all leads are read again, and what was sent stays known."""
    monkeypatch.setattr(ducklake_tidying, "LONGEST_WORK", timedelta(0))
    copy, restore = put_back
    run = bench(leads=30)
    set_to(run.warehouse, monkeypatch)
    project = models.packaged_project()
    for lead_id in run.crm.book.ids()[:5]:
        loop.extract(run.warehouse)
        run.crm.book.edit(lead_id, {"first_name": "Renée"})
        time.sleep(1.1)
    copy()
    known = run.rows(VERSIONS)
    assert loop.extract(run.warehouse).rows > 0
    newer = run.rows(VERSIONS)
    restore()
    assert run.rows(VERSIONS) == known
    assert checked()["warehouse"].ok
    loop.extract(run.warehouse)
    assert run.rows(VERSIONS) == newer

    run.warehouse.tidy(timedelta(0))
    restore()
    found = checked()["warehouse"]
    assert not found.ok
    assert "older than the last `leadloop maintain`" in found.message
    assert ".parquet" in found.message
    with pytest.raises(DamagedError, match="older than the last `leadloop maintain`"):
        run.warehouse.look_through()
    with pytest.raises(LeadloopError, match=r"is missing or damaged: .*\.parquet"):
        loop.build(run.warehouse, project)

    with run.warehouse.ledger().begin() as connection:
        connection.execute(push_runs.insert().values(run_id="sent before"))
        connection.exec_driver_sql("drop schema public cascade")
        connection.exec_driver_sql("create schema public")
    Bench.restarted()
    _shared.cache_clear()
    assert loop.extract(run.warehouse).rows == 30
    assert loop.build(run.warehouse, project).models > 0
    assert run.rows("select run_id from leadloop.push_runs") == [("sent before",)]


PART = """
from connector.extract.shards import Shard
from connector.sharded import extract_shard
from connector.warehouse.connection import Warehouse

extract_shard(Warehouse.open(), "convoso", Shard({}, 3))
"""


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_parts_of_a_first_read_side_by_side_have_each_lead_once(bench: Callable[..., Any]) -> None:
    """Three processes read a part each into one lake; one of them is killed and its part read again. The next extraction goes on
    from where they end."""
    run = bench(leads=90, latency=0.05)
    parts = [started(PART.format(number), run.warehouse) for number in (1, 2, 3)]
    wait_for(lambda: run.crm.calls.count("search") > 3, parts[1])
    killed(parts[1])
    assert [parts[each].wait() for each in (0, 2)] == [0, 0]
    assert started(PART.format(2), run.warehouse).wait() == 0
    counted = "select count(*), count(distinct id) from convoso_raw.lead_versions"
    assert run.rows(counted) == [(90, 90)]
    assert loop.extract(run.warehouse).rows == 0
    assert run.rows(counted) == [(90, 90)]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_cut_sessions_lose_no_lead(bench: Callable[..., Any]) -> None:
    """All sessions are cut while a push sends: it goes on, or stops in a sentence and the next one carries on."""
    run = bench(leads=40, latency=0.05)
    project = models.packaged_project()
    loop.extract(run.warehouse)
    loop.build(run.warehouse, project)
    wanted = {lead.lead_id for lead in loop.plan(run.warehouse, PUSH, project).leads}
    ended, cuts = threading.Event(), 0

    def cutting() -> None:
        nonlocal cuts
        while not run.crm.calls.count("update"):
            ended.wait(0.01)
        while not ended.wait(0.1):
            cuts += cut(run.warehouse)

    thread = threading.Thread(target=cutting)
    thread.start()
    try:
        with suppress(WarehouseError):
            loop.push(run.warehouse, PUSH, project)
    finally:
        ended.set()
        thread.join()
    assert cuts > 0
    loop.push(run.warehouse, PUSH, project)
    states = run.rows("select distinct lead_id, state from leadloop.push_journal")
    assert {lead_id for lead_id, state in states if state in ("applied", "confirmed")} == wanted
    assert all(run.crm.book.row(lead_id)["lead_score"] for lead_id in wanted)
