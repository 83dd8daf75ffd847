"""What is true of an engine and can be seen in moments: where things are, who can read them, and what is refused."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
import sqlglot

from connector import checks, config, loop
from connector.errors import BuildError, ConfigError, LockedError
from connector.warehouse import ducklake_connection, models, unread
from connector.warehouse.aside import aside
from connector.warehouse.connection import Warehouse
from connector.warehouse.dbt import NodeResult
from connector.warehouse.engines import ENGINES, engine_of
from connector.warehouse.models import BuildResult
from connector.warehouse.relations import DEFAULT
from tests.engines import EVERY, IMITATED, SPARK, checked, set_to, writing

BUILT = BuildResult((NodeResult(unread.MODEL, "leads", "model", "success", "", 0.1, ()),))


def execute(warehouse: Warehouse, *statements: str) -> None:
    with warehouse.engine().begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.fixture
def lake(tmp_path: Path) -> Warehouse:
    return Warehouse.ducklake(tmp_path / "leads.ducklake")


@pytest.mark.parametrize("engine", ["duckdb", "postgres", "ducklake", SPARK])
def test_an_empty_model_of_a_filled_raw_table_is_a_failure(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """It says which table has leads; a row without an id is none, and a model that wasn't made is not asked."""
    warehouse = {
        "duckdb": lambda: Warehouse.duckdb(tmp_path / "leads.duckdb"),
        "postgres": lambda: Warehouse.postgres(request.getfixturevalue("postgres_url")),
        "ducklake": lambda: Warehouse.ducklake(tmp_path / "leads.ducklake"),
        "spark": lambda: Warehouse.spark(tmp_path / "leads.delta"),
    }[engine]()
    raw, leads = "convoso_raw.lead_versions", "analytics.leads"
    writing.make(warehouse, raw, {"id": "text", "email": "text"})
    writing.make(warehouse, leads, {"crm": "text", "lead_id": "text"})
    writing.add(warehouse, raw, [{"id": " ", "email": "a"}])
    writing.add(warehouse, leads, [{"crm": "leadping", "lead_id": "1"}])
    unread.check(warehouse.engine(), DEFAULT.leads, BUILT)
    writing.add(warehouse, raw, [{"id": "1", "email": "a"}])
    with pytest.raises(BuildError, match=r"convoso_raw\.lead_versions has leads, .* none of convoso"):
        unread.check(warehouse.engine(), DEFAULT.leads, BUILT)
    unread.check(warehouse.engine(), DEFAULT.leads, BuildResult(()))
    writing.add(warehouse, leads, [{"crm": "convoso", "lead_id": "1"}])
    unread.check(warehouse.engine(), DEFAULT.leads, BUILT)


@pytest.mark.long
def test_a_build_that_sees_no_columns_fails(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dbt_state: Path
) -> None:
    """A project whose macro for the engine's catalog finds nothing makes all models, empty; the build is no success."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "STATE", dbt_state)
    project = tmp_path / "blind"
    (project / "macros").mkdir(parents=True)
    (project / "dbt_packages").mkdir()
    (project / "dbt_packages" / "leadloop").symlink_to(models.packaged_project())
    (project / "packages.yml").write_text(
        "packages:\n  - local: \"{{ env_var('LEADLOOP_DBT_PACKAGE') }}\"\n", encoding="utf-8"
    )
    (project / "dbt_project.yml").write_text(
        "name: blind\nversion: '1.0'\nconfig-version: 2\nprofile: leadloop\n"
        "dispatch:\n  - macro_namespace: leadloop\n    search_order: [blind, leadloop]\n",
        encoding="utf-8",
    )
    nothing = "{{ return(\"select cast('' as text) as column_name where false\") }}"
    (project / "macros" / "blind.sql").write_text(
        "".join(
            f"{{% macro {engine}__select_columns_of(relation) -%}}\n"
            f"{{%- if relation.schema.endswith('_raw') -%}}{nothing}{{%- endif -%}}\n"
            f"{{{{ return(leadloop.{engine}__select_columns_of(relation)) }}}}\n"
            "{%- endmacro %}\n"
            for engine in ("default", "duckdb")
        )
        + "{% macro spark__columns_there(relation) -%}\n"
        "{%- if relation.schema.endswith('_raw') -%}{{ return([]) }}{%- endif -%}\n"
        "{{ return(leadloop.spark__columns_there(relation)) }}\n"
        "{%- endmacro %}\n",
        encoding="utf-8",
    )
    raw = "convoso_raw.lead_versions"
    columns = {
        "id": "text",
        "leadloop_seen_at": "timestamptz",
        "leadloop_timezone": "text",
        "_dlt_load_id": "text",
    }
    writing.make(warehouse, raw, columns)
    writing.add(warehouse, raw, [dict(zip(columns, ("1", datetime.now(UTC), "UTC", "1.0"), strict=True))])
    with pytest.raises(BuildError, match=r"convoso_raw\.lead_versions has leads"):
        loop.build(warehouse, project)


def test_the_ledger_of_a_lake_is_no_part_of_it(lake: Warehouse) -> None:
    """Whatever names the schema leadloop means the ledger, and everything else the lake; no file is anybody else's to read."""
    with lake.lock("push:scores"):
        pass
    execute(lake, "create schema analytics", "create table analytics.leads as select 1 as id")
    found = (
        "select distinct database_name, schema_name from duckdb_tables() where database_name in ('lake', 'ledger')"
        " and table_name != 'of_ledger'"
    )
    with lake.engine().connect() as connection:
        assert engine_of(connection).name == "ducklake"
        assert set(map(tuple, connection.exec_driver_sql(found))) == {
            ("lake", "analytics"),
            ("ledger", "leadloop"),
        }
        both = "select count(*) from analytics.leads cross join leadloop.warehouse"
        assert connection.exec_driver_sql(both).scalar() == 1
    assert lake.path is not None
    folder = lake.path.parent
    assert {each.name for each in folder.iterdir() if each.suffix != ".lock"} == {
        "leads.ducklake",
        "leads.files",
        "leads.ledger.duckdb",
    }
    if sys.platform != "win32":
        for name in ("leads.ducklake", "leads.ledger.duckdb", "leads.files"):
            assert not (folder / name).stat().st_mode & 0o077, name
    lake.look_through()


def test_a_lake_is_let_go_of(lake: Warehouse) -> None:
    """Somebody else can open both files as soon as nobody here is connected."""
    import duckdb

    lake.probe()
    assert lake.path is not None
    for path in (lake.path, lake.path.with_name("leads.ducklake")):
        duckdb.connect(str(path)).close()
    with duckdb.connect(str(lake.path)), pytest.raises(LockedError), lake.translated():
        lake.engine().connect()
    lake.probe()


def test_a_lake_that_is_missing_says_so(lake: Warehouse) -> None:
    """A folder that isn't there is not made, and a lake is no file to be copied."""
    assert lake.path is not None
    with pytest.raises(ConfigError, match="folder that doesn't exist"):
        Warehouse.ducklake(lake.path.parent / "none" / "leads.ducklake").probe()
    with pytest.raises(ConfigError, match="folder that doesn't exist"):
        Warehouse.ducklake(lake.path.with_name("leads.ducklake"), lake.path.parent / "none" / "files").probe()
    lake.probe()
    with pytest.raises(ConfigError, match=r"preview .* more than one file"), aside(lake):
        pass


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("CATALOG", "mysql://me:hunter2-secret@localhost/lake"),
        ("CATALOG", "postgres:dbname=lake"),
        ("STORAGE", "gs://bucket/leads"),
        ("STORAGE__BUCKET_URL", "az://bucket/leads"),
    ],
)
def test_what_a_lake_can_not_be_is_refused(part: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting is named; what it says, which may be a password, is not."""
    monkeypatch.setenv("WAREHOUSE__DESTINATION", "ducklake")
    monkeypatch.setenv(f"DESTINATION__DUCKLAKE__CREDENTIALS__{part}", text)
    config.reload()
    with pytest.raises(ConfigError, match=r"destination\.ducklake\.credentials\.\w+.* path") as refused:
        Warehouse.open()
    assert "hunter2" not in str(refused.value)


def test_settings_name_a_lake(lake: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same lake is opened by its settings as by its path, and check says what it needs and where all of it is."""
    set_to(lake, monkeypatch)
    assert Warehouse.open() == lake
    found = checked()
    assert found["engine"].ok
    assert "duckdb-extension-ducklake" in found["engine"].message
    assert found["warehouse"].ok
    for part in ("leads.ducklake", "leads.files", "leads.ledger.duckdb"):
        assert part in found["warehouse"].message


def test_an_extension_that_is_missing_is_named(lake: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """check and every other command name what to install."""
    monkeypatch.setattr(ducklake_connection, "EXTENSIONS", ("ducklake", "nowhere"))
    set_to(lake, monkeypatch)
    with pytest.raises(ConfigError, match=r"duckdb-extension-nowhere .*\[ducklake\]"):
        Warehouse.open()
    found = {each.name: each for each in checks._engine()}
    assert not found["engine"].ok
    assert "leadloop[ducklake]" in found["engine"].message


@pytest.mark.parametrize("name", list(ENGINES))
def test_every_engine_has_a_profile_and_a_place(name: str) -> None:
    """The package's profiles.yml has a target of its name, and the suite runs on it."""
    import yaml

    text = (models.packaged_project() / "profiles.yml").read_text(encoding="utf-8")
    assert name in yaml.safe_load(text)["leadloop"]["outputs"]
    assert sqlglot.parse_one("select 1", dialect=ENGINES[name].sql)
    assert name in (*EVERY, *IMITATED)


def test_other_tools_read_the_tables(lake: Warehouse) -> None:
    """The lines of docs/engines.md, word by word, show what is in a lake."""
    import duckdb

    page = (Path(__file__).parents[2] / "docs" / "engines.md").read_text(encoding="utf-8")
    lines = page.partition("```sql\n")[2].partition("```")[0]
    with lake.lock("push:scores"):
        execute(lake, "create schema analytics", "create table analytics.leads as select 1 as id")
    assert lake.path is not None
    with duckdb.connect(":memory:") as connection:
        for statement in ducklake_connection.load_statements():
            connection.execute(statement)
        for statement in lines.split(";"):
            if statement.strip() and "ducklake;" not in f"{statement.strip()};":
                connection.execute(statement.replace("leads.", f"{lake.path.parent}/leads."))
        assert connection.execute("select count(*) from analytics.leads").fetchall() == [(1,)]


def test_a_statement_that_fails_leaves_both_as_they_were(lake: Warehouse) -> None:
    """A transaction writes to the lake or to the ledger; one that tries both changes neither."""
    with lake.lock("push:scores"):
        pass
    execute(lake, "create schema analytics", "create table analytics.leads (id text)")
    with pytest.raises(sa.exc.DBAPIError, match="single transaction"):
        execute(
            lake,
            "insert into leadloop.push_settled values ('run', current_timestamp)",
            "insert into analytics.leads values ('1')",
        )
    with lake.engine().connect() as connection:
        for table in ("leadloop.push_settled", "analytics.leads"):
            assert connection.exec_driver_sql(f"select count(*) from {table}").scalar() == 0
