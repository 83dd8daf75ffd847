"""MotherDuck, with a DuckDB file in place of the service: where things are, what is copied, what is refused, and that the token is told to
nobody. Nothing here reaches the service, and DuckDB's extension is never loaded."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connector import config, loop
from connector.errors import ConfigError, WarehouseError
from connector.loop.moving import _check_other
from connector.warehouse import models, motherduck_copies, motherduck_loading, snapshot
from connector.warehouse import motherduck_connection as opening
from connector.warehouse.aside import aside
from connector.warehouse.connection import Warehouse
from connector.warehouse.engines import ENGINES, of_profile
from connector.warehouse.motherduck import MotherDuck
from connector.web.source import Source
from tests.engines import checked, set_to
from tests.engines.bench import made
from tests.engines.test_loop import PUSH

LIVE = pytest.param(
    "motherduck-live",
    marks=pytest.mark.skipif(
        os.environ.get("LEADLOOP_LIVE") != "motherduck",
        reason="LEADLOOP_LIVE=motherduck runs this against the service: see CONTRIBUTING.md",
    ),
)
TOKEN = "a-token-that-nobody-may-see"


@pytest.fixture
def lake(instead_of_motherduck: Path, tmp_path: Path) -> Warehouse:
    return Warehouse.motherduck("md:leads", tmp_path / "leads.ledger.duckdb")


def asked(lake: Warehouse, query: str) -> list[tuple[Any, ...]]:
    with lake.engine().connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def there(folder: Path, *statements: str) -> list[tuple[Any, ...]]:
    """What somebody else does in the service."""
    with duckdb.connect(str(folder / "leads")) as opened:
        for statement in statements:
            opened.execute(statement)
        found: list[tuple[Any, ...]] = opened.fetchall()
        return found


def test_the_token_is_in_no_statement_no_address_and_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reaches DuckDB's extension by its variable, while leadloop or dlt connects, and dbt masks it."""
    lake = Warehouse.motherduck("md:leads", "leads.ledger.duckdb", TOKEN)
    told = [repr(lake), str(lake.url), lake.label, lake.described, lake.place]
    told += [*opening.load_statements("leads"), opening.attach_statement("leads")]
    assert not any(TOKEN in each for each in told)
    assert {name for name, text in lake.dbt_env().items() if TOKEN in text} == {
        "motherduck_token",
        "DBT_ENV_SECRET_LEADLOOP_MOTHERDUCK_TOKEN",
    }
    destination = lake.destination()
    unbound = motherduck_loading.Configuration()._bind_dataset_name("raw")
    credentials = destination.configuration(unbound, accept_partial=True).credentials
    connected: list[Any] = []

    def connect(**given: Any) -> Any:
        connected.append((given["database"], TOKEN in str(given), os.environ.get(opening.TOKEN)))
        raise duckdb.IOException("away")

    monkeypatch.setattr(duckdb, "connect", connect)
    with pytest.raises(duckdb.IOException):
        credentials.conn_pool.borrow_conn()
    assert connected == [("md:leads", False, TOKEN)]
    assert opening.TOKEN not in os.environ


def test_a_token_in_config_toml_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As every password is; and one in the address is, wherever it is set. Neither message shows it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WAREHOUSE__DESTINATION", "motherduck")
    (tmp_path / ".dlt").mkdir()
    file = tmp_path / ".dlt" / "config.toml"
    file.write_text(f'[destination.motherduck.credentials]\ndatabase = "leads"\npassword = "{TOKEN}"\n')
    config.reload()
    with pytest.raises(ConfigError, match=r"config\.toml") as refused:
        Warehouse.open()
    assert TOKEN not in str(refused.value)
    file.write_text(f'[destination.motherduck]\ncredentials = "md:leads?motherduck_token={TOKEN}"\n')
    config.reload()
    with pytest.raises(ConfigError, match="more than the name of a database") as refused:
        Warehouse.open()
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["lake", "ledger", "memory", "analytics", "leadloop", "convoso_raw", "a-b", "", 'x"y']
)
def test_a_name_that_can_not_be_told_apart_is_refused(name: str) -> None:
    """A session has databases of its own, and a database called like a schema in it hides that."""
    with pytest.raises(ConfigError, match="must be the name of a database"):
        MotherDuck().of(name)


def test_settings_name_a_database(lake: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """check says whether there is a token, where all of it is, and that nobody has run it against the service yet."""
    monkeypatch.delenv("motherduck_token", raising=False)
    set_to(lake, monkeypatch)
    assert Warehouse.open() == lake
    found = checked()
    assert found["engine"].ok
    assert found["engine"].warning
    assert "not yet run against the service" in found["engine"].message
    assert found["warehouse"].ok
    assert "leads.ledger.duckdb" in found["warehouse"].message
    monkeypatch.setenv("DESTINATION__MOTHERDUCK__CREDENTIALS__LEDGER", "s3://bucket/ledger")
    config.reload()
    with pytest.raises(ConfigError, match=r"ledger.* must be a path"):
        Warehouse.open()


def test_without_a_token_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extension would open a browser and wait for a person."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WAREHOUSE__DESTINATION", "motherduck")
    monkeypatch.delenv("motherduck_token", raising=False)
    config.reload()
    with pytest.raises(ConfigError, match=r"password.* is not set: the access token of md:leads"):
        Warehouse.open()
    assert not checked()["warehouse"].ok
    monkeypatch.setenv("motherduck_token", TOKEN)
    assert Warehouse.open().label == "md:leads"


def test_what_is_in_the_service_is_seen(lake: Warehouse, instead_of_motherduck: Path) -> None:
    """Tables that others make, drop or add columns to, between two looks; the journal is the ledger's, whatever copy is there."""
    with lake.lock("build"):
        pass
    there(
        instead_of_motherduck,
        "create schema analytics",
        "create table analytics.leads as select 1 as id",
        "create schema if not exists leadloop",
        "create table leadloop.push_journal as select 'an old copy' as state",
    )
    assert asked(lake, "select * from analytics.leads cross join leadloop.push_journal") == []
    assert asked(lake, "select id from analytics.leads") == [(1,)]
    there(instead_of_motherduck, "alter table analytics.leads add column email text")
    assert asked(lake, "select id, email from analytics.leads") == [(1, None)]
    there(instead_of_motherduck, "drop table analytics.leads")
    with pytest.raises(Exception, match="leads does not exist"):
        asked(lake, "select * from analytics.leads")


def test_only_what_has_changed_is_copied(lake: Warehouse, instead_of_motherduck: Path) -> None:
    """Before each build; and a table that somebody dropped in the service is copied again."""
    with lake.lock("build"):

        def copied() -> list[str]:
            return motherduck_copies.copy(lake.engine(), ENGINES["motherduck"], "leads")

        assert "push_runs" in copied()
        assert copied() == []
        with lake.engine().begin() as connection:
            connection.exec_driver_sql("insert into leadloop.push_runs (run_id) values ('run')")
        assert copied() == ["push_runs"]
        assert there(instead_of_motherduck, "select run_id from leadloop.push_runs") == [("run",)]
        there(instead_of_motherduck, "drop table leadloop.push_runs")
        assert copied() == ["push_runs"]
    assert not there(instead_of_motherduck, "select 1 from duckdb_tables() where table_name = 'leases'")


def test_a_ledger_that_is_lost_or_another_s_is_refused(lake: Warehouse, tmp_path: Path) -> None:
    """The database has a note of its ledger's id: a file on this machine is lost more easily than a service."""
    with lake.lock("build"):
        pass
    assert asked(lake, "select count(*) from lake.leadloop.of_ledger") == [(1,)]
    other = Warehouse.motherduck("leads", tmp_path / "other.ledger.duckdb")
    with pytest.raises(ConfigError, match="lost its ledger"), other.lock("build"):
        pass
    other.begin_anew()
    with other.lock("build"):
        pass


def test_a_ledger_goes_on_after_all_numbers(lake: Warehouse, instead_of_motherduck: Path) -> None:
    """Those in raw tables and models count, those in copies of the ledger's own tables don't."""
    with lake.lock("build"):
        pass
    there(
        instead_of_motherduck,
        "create schema convoso_raw",
        "create table convoso_raw.lead_versions as select 41 as leadloop_sequence_number",
        "create table leadloop.push_journal_archive as select 99 as build_number",
    )
    with lake.engine().connect() as connection:
        assert MotherDuck().highest_number(connection) == 41


def test_what_is_not_there_yet_is_refused(lake: Warehouse, tmp_path: Path) -> None:
    """A copy of the ledger alone would be taken for one of the warehouse, and each page would hold up runs."""
    with lake.lock("build"):
        pass
    with pytest.raises(ConfigError, match="has no snapshot for readers"):
        snapshot.make(lake)
    with pytest.raises(ConfigError, match=r"can't show .* on pages yet"):
        Source(lake).start()
    with pytest.raises(ConfigError, match="preview"), aside(lake):
        pass
    other = Warehouse.duckdb(tmp_path / "other.duckdb")
    for old, new in ((lake, other), (other, lake)):
        with pytest.raises(ConfigError, match="can't move a warehouse into motherduck yet"):
            _check_other(old, new)


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ('Failed to download "http://x/extension_version" (attempt 5): Could not establish connection', WarehouseError, "can't be reached"),
        ("Your request is not authenticated. Please check your MotherDuck token.", ConfigError, "access token"),
        ("no database/share named 'leads' found", ConfigError, "create database leads"),
    ],
)  # fmt: skip
def test_what_the_extension_says_is_told_in_a_sentence(text: str, kind: type[Exception], said: str) -> None:
    """Of the first it is known that it says so; the others are as its users quote them."""
    found = MotherDuck().explained(f"Invalid Input Error: {text}", "md:leads")
    assert isinstance(found, kind)
    assert said in f"{found} {getattr(found, 'advice', '')}"


def test_a_profile_of_dbt_is_known_by_its_path() -> None:
    """dbt-duckdb makes models in both."""
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

    def engine(path: str) -> str:
        credentials = DuckDBCredentials.from_dict({"path": path, "schema": "analytics"})
        found = of_profile(credentials)
        assert found is not None
        return f"{found.name} {found.dbt_place(credentials)}"

    assert engine(f"md:leads?motherduck_token={TOKEN}") == "motherduck md:leads"
    assert engine("/tmp/leads.duckdb").startswith("duckdb ")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("warehouse", ["motherduck", LIVE], indirect=True)
def test_the_loop_in_short(bench: Callable[..., Any]) -> None:
    """Read, build, send; the plan after it is empty, though nothing was built since; and what is made is what DuckDB makes."""
    run = bench(leads=8)
    project = models.packaged_project()
    loop.extract(run.warehouse)
    assert loop.build(run.warehouse, project).models > 10
    wrong = "select count(*) from leadloop.dbt_results where status not in ('success', 'pass')"
    assert run.rows(wrong) == [(0,)]
    sent = loop.push(run.warehouse, PUSH, project)
    assert sent is not None
    assert sent.plan.leads
    assert all(run.crm.book.row(lead.lead_id)["lead_score"] for lead in sent.plan.leads)
    assert not loop.plan(run.warehouse, PUSH, project).leads
    loop.extract(run.warehouse)
    loop.build(run.warehouse, project)
    here, there = made(run.warehouse), run.of_duckdb()
    assert here.keys() == there.keys()
    for name, rows in there.items():
        assert here[name] == rows, name
