"""A run leaves out a build that would make the same, and no other one: every way in which it might be wrong."""

import os
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector import config, loop
from connector.errors import BuildError, LeaseLostError
from connector.warehouse import last_build, leases, models, steady
from connector.warehouse.connection import Warehouse
from connector.warehouse.engines import engine_of
from connector.warehouse.relations import Relation
from tests.integration.dbt.conftest import Lab, OwnProject

LEADS = "{{ ref('leadloop', 'leads') }}"
PUSH = "desired = ref('scores'), crm = 'convoso', key = 'lead_id', fields = {'lead_score': 'score'}"


def filled(project: OwnProject, lab: Lab) -> None:
    """A project with a view and a table of its own, a test on each, a push, and a view on a table that another tool loads."""
    project.write("models/hot.sql", f"select lead_id, 'hot' as tier from {LEADS} order by lead_id limit 10\n")
    project.write(
        "models/scores.sql",
        "{{ config(materialized='table') }}\nselect lead_id, length(tier) as score from {{ ref('hot') }}\n",
    )
    project.write(
        "models/about.yml",
        "version: 2\nmodels:\n  - name: hot\n    columns: [{name: lead_id, data_tests: [not_null]}]\n"
        "  - name: scores\n    columns: [{name: lead_id, data_tests: [unique]}]\n",
    )
    project.write("models/things.sql", "select * from elsewhere.things\n")
    project.push("sent", PUSH)
    lab.execute("create schema elsewhere")
    lab.execute("create table elsewhere.things (thing text)")
    lab.land([{"id": "1", "created_at": "2026-01-01 00:00:00"}, {"id": "2"}], "1 00:00")


def since(lab: Lab, project: OwnProject) -> object:
    return last_build.unchanged_since(lab.warehouse, project.folder)


def why_not(lab: Lab) -> Any:
    return lab.rows("select why_not from leadloop.last_build")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, dbt_state: Path) -> tuple[Path, OwnProject]:
    """A DuckDB file and a project, built once; each test works on copies."""
    folder = Path(tmp_path_factory.mktemp("built"))
    project = OwnProject(folder / "own")
    lab = Lab(Warehouse.duckdb(folder / "leads.duckdb"))
    filled(project, lab)
    with pytest.MonkeyPatch.context() as patch:
        (folder / "here").mkdir()
        patch.chdir(folder / "here")
        patch.setattr(models, "STATE", dbt_state)
        loop.build(lab.warehouse, project.folder)
        lab.record({"run_id": "1", "push": "p", "lead_id": "1", "field": "title", "recorded_at": "1 00:00"})
        loop.build(lab.warehouse, project.folder)
    assert why_not(lab) == [(None,)]
    return folder / "leads.duckdb", project


@pytest.fixture
def copy(built: tuple[Path, OwnProject], tmp_path: Path) -> Lab:
    """The warehouse as it was built, under the same name: dbt's views name the database, and DuckDB calls it after its file."""
    return Lab(Warehouse.duckdb(shutil.copy(built[0], tmp_path / "leads.duckdb")))


HAZARDS = {
    "a sighting": "insert into convoso_raw.lead_versions (id, leadloop_seen_at) values ('3', now())",
    "a sighting that was changed in place": "update convoso_raw.lead_versions set created_at = '' where id = '1'",
    "a sighting that was taken out": "delete from convoso_raw.lead_versions where id = '1'",
    "a new raw column": "alter table convoso_raw.lead_versions add column colour text",
    "the first removals": "create table convoso_raw.lead_removals (id text)",
    "the leads of another CRM": "create schema pollybot_raw; create table pollybot_raw.lead_versions (id text)",
    "an account": "insert into leadloop.accounts (crm, vendor) values ('east', 'convoso')",
    "a journal row": "insert into leadloop.push_journal (run_id, seq) values ('2', 1)",
    "a journal row of a run that has some": "insert into leadloop.push_journal (run_id, seq) values ('1', 2)",
    "a journal row that was moved away": "delete from leadloop.push_journal",
    "a row of the archive": "insert into leadloop.push_journal_archive (run_id, seq) values ('2', 1)",
    "a view that was dropped": "drop view analytics.hot",
    "a view that was made by hand": "create or replace view analytics.hot as select '1' as lead_id, 'hot' as tier",
    "leadloop's view, dropped": "drop view analytics.push_outcomes",
    "a table that was dropped": "drop table analytics.scores",
    "a table that was filled by hand": "insert into analytics.scores values ('9', 3)",
    "a table that was changed by hand": "update analytics.scores set score = 5 where lead_id = '1'",
    "leadloop's table, changed by hand": "update analytics.lead_history set lead_id = '7' where lead_id = '1'",
    "the log of loads, changed by hand": "delete from leadloop.built_loads",
    "the log of versions, changed by hand": "delete from leadloop.built_versions",
    "another tool's table": "insert into elsewhere.things values ('x')",
    "another tool's table, with a new column": "alter table elsewhere.things add column size text",
    "another tool's table, gone": "drop table elsewhere.things",
    "dbt by hand": "insert into leadloop.dbt_results (invocation_id, sequence_number)"
    " values ('x', nextval('leadloop.sequence_number'))",
    "a build that was killed": "delete from leadloop.last_build",
    "a warehouse of an older leadloop": "drop table leadloop.last_build",
}


def test_nothing_new_is_known(copy: Lab, built: tuple[Path, OwnProject]) -> None:
    """As it was built, and after what every run writes, which no model reads."""
    assert since(copy, built[1]) is not None
    copy.execute("insert into leadloop.push_runs (run_id, leads) values ('empty', 0)")
    copy.execute("insert into leadloop.runs (run_id) values ('a')")
    copy.execute("create table convoso_raw._dlt_loads (load_id text)")
    copy.execute("create table elsewhere.others as select 1 as one")
    copy.execute("drop table elsewhere.others")
    assert since(copy, built[1]) is not None


@pytest.mark.parametrize("hazard", list(HAZARDS))
def test_whatever_is_new_is_built(copy: Lab, built: tuple[Path, OwnProject], hazard: str) -> None:
    """Whoever writes to what the models read, or to what they made, has the next run build."""
    for statement in HAZARDS[hazard].split(";"):
        copy.execute(statement)
    assert since(copy, built[1]) is None


def test_two_changes_that_undo_each_other_are_two(copy: Lab, built: tuple[Path, OwnProject]) -> None:
    """A row that left and another one that came are not the same number of rows as before."""
    copy.execute("delete from convoso_raw.lead_versions where id = '2'")
    copy.execute(
        "insert into convoso_raw.lead_versions (id, leadloop_seen_at, leadloop_timezone) values ('3', now(), 'UTC')"
    )
    assert since(copy, built[1]) is None


FILES: dict[str, Callable[[OwnProject], None]] = {
    "a model": lambda own: own.write("models/hot.sql", f"select lead_id, 'cold' as tier from {LEADS}\n"),
    "a model of as many letters": lambda own: _replaced(own.folder / "models/hot.sql", "'hot'", "'hat'"),
    "a new model": lambda own: own.write("models/new.sql", "select 1 as one\n"),
    "a model that is gone": lambda own: (own.folder / "models/things.sql").unlink(),
    "a test": lambda own: _replaced(own.folder / "models/about.yml", "not_null", "unique"),
    "a macro": lambda own: own.write("macros/some.sql", "{% macro some() %}1{% endmacro %}\n"),
    "a macro of another package": lambda own: own.write(
        "dbt_packages/other/macros/some.sql", "{% macro some() %}1{% endmacro %}\n"
    ),
    "a variable": lambda own: _replaced(
        own.folder / "dbt_project.yml", "name: mine", "vars: {a: 1}\nname: mine"
    ),
    "the schema of a profile": lambda own: own.write(
        "profiles.yml",
        (models.packaged_project() / "profiles.yml").read_text("utf-8").replace("analytics", "marketing"),
    ),
}


def _replaced(path: Path, old: str, new: str) -> None:
    """Leaves size and time of the file as they are where they can be."""
    text, stat = path.read_text("utf-8"), path.stat()
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.fixture
def project(built: tuple[Path, OwnProject], tmp_path: Path) -> OwnProject:
    """A copy of the project, elsewhere, which dbt has read."""
    shutil.copytree(built[1].folder, tmp_path / "mine", symlinks=True)
    copied = OwnProject.__new__(OwnProject)
    copied.folder = tmp_path / "mine"
    models.known(copied.folder)
    return copied


def test_another_machine_has_the_same_project(copy: Lab, project: OwnProject) -> None:
    """Where the project is, and when its files were written, makes no difference."""
    assert since(copy, project) is not None


@pytest.mark.long_if("a model", "a model that is gone", "a test", "a macro", "a variable")
@pytest.mark.parametrize("changed", list(FILES))
def test_a_changed_project_is_built(copy: Lab, project: OwnProject, changed: str) -> None:
    """By its files alone, also where dbt has read the project again since."""
    before = models.files_digest(project.folder)
    FILES[changed](project)
    assert models.files_digest(project.folder) != before
    assert since(copy, project) is None


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "value"),
    [("DBT__VARS", '{"leadloop_read": ["convoso"]}'), ("DBT__TARGET", "other"), ("DBT__PROFILE", "second")],
)
def test_another_choice_is_built(
    copy: Lab, project: OwnProject, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Variables, target and profile, also where dbt has read the project with them."""
    text = (models.packaged_project() / "profiles.yml").read_text("utf-8")
    duck = "type: duckdb\n      path: \"{{ env_var('LEADLOOP_DUCKDB_PATH', 'leads.duckdb') }}\"\n      schema: analytics"
    second = f"second:\n  target: duckdb\n  outputs:\n    duckdb:\n      {duck}\n"
    project.write(
        "profiles.yml", text.replace("    postgres:", f"    other:\n      {duck}\n    postgres:", 1) + second
    )
    loop.build(copy.warehouse, project.folder)
    assert since(copy, project) is not None
    monkeypatch.setenv(name, value)
    config.reload()
    models.known(project.folder)
    assert since(copy, project) is None
    monkeypatch.delenv(name)
    config.reload()
    assert since(copy, project) is not None


@pytest.mark.parametrize("name", ["leadloop", "dbt-core", "duckdb"])
def test_another_version_is_built(
    copy: Lab, built: tuple[Path, OwnProject], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """leadloop's own and dbt's: what they make of the same files may be something else."""
    monkeypatch.setattr(models, "version", lambda given: "9.9" if given == name else version(given))
    assert since(copy, built[1]) is None


@pytest.mark.long
def test_a_variable_of_the_environment_is_built(
    copy: Lab, project: OwnProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that the project's settings ask for has another value."""
    schema = "  mine:\n    +schema: \"{{ env_var('REGION') }}\"\n"
    _replaced(project.folder / "dbt_project.yml", "models:\n", f"models:\n{schema}")
    monkeypatch.setenv("REGION", "east")
    loop.build(copy.warehouse, project.folder)
    assert since(copy, project) is not None
    monkeypatch.setenv("REGION", "west")
    assert since(copy, project) is None


@pytest.mark.long
def test_builds_that_are_no_whole_success_are_not_remembered(copy: Lab, project: OwnProject) -> None:
    """One of some models, one that is killed, one that fails, one with a test that warns; and the next whole one is."""

    def whole() -> None:
        loop.build(copy.warehouse, project.folder)
        assert since(copy, project) is not None

    loop.build(copy.warehouse, project.folder, select="scores")
    assert since(copy, project) is None
    assert why_not(copy) == []
    whole()
    last_build.begin(copy.warehouse, project.folder)
    assert since(copy, project) is None
    whole()
    project.write("tests/none.sql", "select lead_id from {{ ref('hot') }}\n")
    with pytest.raises(BuildError):
        loop.build(copy.warehouse, project.folder)
    assert since(copy, project) is None
    project.write("tests/none.sql", "{{ config(severity='warn') }} select lead_id from {{ ref('hot') }}\n")
    loop.build(copy.warehouse, project.folder)
    assert since(copy, project) is None
    assert why_not(copy) == [("none warned, and is to say so again",)]


@pytest.mark.long
def test_what_is_decided_after_a_build_is_built(copy: Lab, project: OwnProject) -> None:
    """A journal row that was written while dbt was at work, as by a confirmation after it, is new to the next run."""
    lease = leases.take(copy.warehouse.engine(), "build")
    before = last_build.begin(copy.warehouse, project.folder)
    copy.execute(
        "insert into leadloop.push_journal select * replace (2 as seq, 'confirmed' as state) from leadloop.push_journal"
    )
    result = models.build(copy.warehouse, project.folder)
    last_build.end(copy.warehouse, project.folder, lease, before, result)
    assert why_not(copy) == [(None,)]
    assert since(copy, project) is None


def test_a_build_that_has_lost_its_lease_is_not_remembered(copy: Lab, built: tuple[Path, OwnProject]) -> None:
    """Another one has begun meanwhile, and may have made something else."""
    lease = leases.take(copy.warehouse.engine(), "build")
    before = last_build.begin(copy.warehouse, built[1].folder)
    copy.execute("delete from leadloop.leases")
    done = models.BuildResult((), made=steady.Made())
    with pytest.raises(LeaseLostError):
        last_build.end(copy.warehouse, built[1].folder, lease, before, done)
    assert why_not(copy) == []


@pytest.mark.long
def test_dbt_beside_a_build_is_not_taken_for_it(copy: Lab, project: OwnProject) -> None:
    """What somebody's dbt made meanwhile may be of other variables."""
    lease = leases.take(copy.warehouse.engine(), "build")
    before = last_build.begin(copy.warehouse, project.folder)
    models.build(copy.warehouse, project.folder, select="scores")
    result = models.build(copy.warehouse, project.folder)
    last_build.end(copy.warehouse, project.folder, lease, before, result)
    assert why_not(copy) == [("dbt ran more than once meanwhile, or did not record its results",)]
    assert since(copy, project) is None


@pytest.mark.long
def test_the_package_itself_and_both_engines(lab: Lab, tmp_path: Path) -> None:
    """A new project's models and the examples of the package are left out in DuckDB and in PostgreSQL; and built when a lead comes."""
    lab.land([{"id": "1"}, {"id": "2"}], "1 00:00")
    project = models.packaged_project()
    for _ in range(2):  # the journal's tables are new to the first one's end
        loop.build(lab.warehouse, project)
    assert why_not(lab) == [(None,)]
    assert last_build.unchanged_since(lab.warehouse, project) is not None
    lab.land([{"id": "3"}], "2 00:00")
    assert last_build.unchanged_since(lab.warehouse, project) is None


WRITES = {
    "insert": "insert into plain.rows values (3, 'c')",
    "update": "update plain.rows set b = 'z' where a = 1",
    "delete": "delete from plain.rows where a = 1",
    "column": "alter table plain.rows add column c int",
    "emptied": "truncate plain.rows",
    "again": "drop view plain.seen; drop table plain.rows; create table plain.rows (a int, b text);"
    " insert into plain.rows values (1, 'a'), (2, 'z'); create view plain.seen as select a from plain.rows",
}


def states(lab: Lab) -> Any:
    relations = [Relation("plain", name) for name in ("rows", "others", "seen", "nothing")]
    with lab.warehouse.engine().connect() as connection:
        return engine_of(connection).states(connection, relations)


@pytest.mark.parametrize("how", list(WRITES))
def test_a_table_that_was_written_to_is_in_another_state(lab: Lab, how: str) -> None:
    """In both engines, at once, also where the number of rows is the same; and another table is as it was."""
    lab.execute("create schema plain")
    for name in ("rows", "others"):
        lab.execute(f"create table plain.{name} (a int, b text)")
        lab.execute(f"insert into plain.{name} values (1, 'a'), (2, 'b')")
    lab.execute("create view plain.seen as select a from plain.rows")
    before = states(lab)
    assert {relation.name: state.kind for relation, state in before.items()} == {
        "rows": "table", "others": "table", "seen": "view",
    }  # fmt: skip
    assert states(lab) == before
    for statement in WRITES[how].split(";"):
        lab.execute(statement)
    after = states(lab)
    assert after[Relation("plain", "rows")] != before[Relation("plain", "rows")]
    assert after[Relation("plain", "others")] == before[Relation("plain", "others")]


def test_a_view_is_known_by_what_it_says_and_shows(lab: Lab) -> None:
    """Made anew with other SQL it is another one, with the same it is not; and one that can't be read is none."""
    lab.execute("create schema plain")
    lab.execute("create table plain.rows (a int, b text)")
    lab.execute("create view plain.seen as select * from plain.rows")
    before = states(lab)
    lab.execute("create or replace view plain.seen as select * from plain.rows")
    assert states(lab)[Relation("plain", "seen")] == before[Relation("plain", "seen")]
    lab.execute("create or replace view plain.seen as select a, upper(b) as b from plain.rows")
    assert states(lab)[Relation("plain", "seen")] != before[Relation("plain", "seen")]
    if lab.warehouse.kind == "duckdb":
        lab.execute("drop table plain.rows")
        assert Relation("plain", "seen") not in states(lab)


def test_a_large_table_of_postgres_is_counted(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not looked through: what tells of a write are the server's counters, and the state says so."""
    from connector.warehouse import postgres

    monkeypatch.setattr(postgres, "SMALL", 0)
    lab = Lab(Warehouse.postgres(postgres_url))
    lab.execute("create schema plain")
    lab.execute("create table plain.rows (a int, b text)")
    lab.execute("insert into plain.rows select n, 'x' from generate_series(1, 1000) as n")
    before = states(lab)[Relation("plain", "rows")]
    assert before.kind == "counted"
    lab.execute("update plain.rows set b = 'y' where a = 7")
    for _ in range(100):  # a session that ends says what it wrote; it takes the server a moment
        if states(lab)[Relation("plain", "rows")] != before:
            break
    assert states(lab)[Relation("plain", "rows")] != before


@pytest.mark.parametrize(
    ("names", "is_steady"),
    [
        ({"lower", "upper"}, True),
        (set(), True),
        ({"lower", "random"}, False),
        ({"now"}, False),
        ({"nextval"}, False),
        ({"no_such_function"}, False),
        ({"some_own"}, False),
    ],
)
def test_functions_that_always_give_the_same(lab: Lab, names: set[str], is_steady: bool) -> None:
    """Those of the engine's own that look at nothing but their arguments; nobody knows what a user's own one reads."""
    lab.execute(
        "create function some_own(x int) returns int language sql immutable as 'select x'"
        if lab.warehouse.kind == "postgres"
        else "create macro some_own(x) as x"
    )
    with lab.warehouse.engine().connect() as connection:
        assert engine_of(connection).steady(connection, names) is is_steady


# What is in a project -> why that project is always built. Every file is there; each case looks at the package, at the
# models without fault, and at its own.
TABLE = "{{ config(materialized='table') }} "
MOVING = {
    "t_now": (TABLE + f"select lead_id, now() as t from {LEADS}", "t_now uses now"),
    "t_today": (TABLE + "select current_date as t", "t_today uses current_date"),
    "t_chance": (TABLE + "select random() as t", "t_chance uses random"),
    "t_uuid": (TABLE + "select uuid() as t", "t_uuid uses uuid"),
    "t_by_macro": (TABLE + "select {{ dbt.current_timestamp() }} as t", "t_by_macro uses now"),
    "t_unknown": (TABLE + "select thing from things_of_mine", "t_unknown reads things_of_mine, without its schema"),
    "t_file": (TABLE + "select file from glob('*.none')", "t_file reads what is no table"),
    "v_file": ("select * from read_csv('{{ project_root }}/../rows.csv')", "v_file reads what is no table"),
    "v_started": ("select '{{ run_started_at }}' as t", "v_started uses run_started_at"),
    "v_invocation": ("select '{{ invocation_id }}' as t", "v_invocation uses invocation_id"),
    "v_env": ("select '{{ env_var(\"HOME\", \"x\") }}' as t", "v_env uses env_var"),
    "v_asks": ("{% set x = run_query('select 1') %} select 1 as t", "v_asks uses run_query"),
    "v_columns": (
        "{% set x = adapter.get_columns_in_relation(ref('leadloop', 'leads')) %} select 1 as t",
        "v_columns uses adapter",
    ),
    "v_python": ("select '{{ modules.datetime.datetime.now() }}' as t", "v_python uses modules"),
    "v_macro": ("select {{ stamped() }} as t", "v_macro, by the macro stamp, uses run_started_at"),
    "v_of_dbt": (
        "{% if execute %}{% set x = get_columns_in_query('select 1 as a') %}{% endif %} select 1 as t",
        "v_of_dbt, by the macro default__get_columns_in_query, uses statement",
    ),
    "v_hooked": ("{{ config(post_hook='select 1') }} select 1 as t", "v_hooked has a hook"),
    "v_header": ("{{ config(sql_header='select 1;') }} select 1 as t", "v_header has a hook"),
    "i_rows": ("{{ config(materialized='incremental') }} select 1 as t", "i_rows is made as incremental in sql"),
    "v_clock_tested": ("select now() as t", "v_clock_tested uses now"),
    "p_model": ("def model(dbt, session):\n    dbt.config(materialized='table')\n    return session.sql('select 1 as t')\n", "p_model is made as table in python"),
}  # fmt: skip
OTHERS = {
    "seed.mine.tiers": "the project has a seed, tiers",
    "snapshot.mine.then": "the project has a snapshot, then",
    "operation.mine.mine-on-run-end-0": "mine-on-run-end-0 is run with every build",
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, dbt_state: Path) -> Callable[..., steady.Made]:
    """Judges parts of a project that has everything in it, which is built once: what moves its SQL, else what it was made of."""
    folder = Path(tmp_path_factory.mktemp("judged"))
    project = OwnProject(folder / "own")
    lab = Lab(Warehouse.duckdb(folder / "leads.duckdb"))
    filled(project, lab)
    lab.execute("create table main.things_of_mine (thing text)")
    for name, (text, _) in MOVING.items():
        ending = "py" if text.startswith("def ") else "sql"
        project.write(
            f"models/{name}.{ending}", text.replace("{{ project_root }}", str(project.folder)) + "\n"
        )
    (folder / "rows.csv").write_text("a\n1\n")
    project.write(
        "macros/stamp.sql",
        "{% macro stamp() %}'{{ run_started_at }}'{% endmacro %}\n{% macro stamped() %}{{ stamp() }}{% endmacro %}\n",
    )
    project.write(
        "models/more.yml",
        "version: 2\nmodels:\n  - {name: v_clock_tested, columns: [{name: t, data_tests: [not_null]}]}\n"
        "  - {name: things, columns: [{name: thing, data_tests: [{not_null: {name: things_tested}}]}]}\n",
    )
    project.write("models/t_things.sql", TABLE + "select * from elsewhere.things\n")
    project.write("models/t_called.sql", TABLE + "select jaccard('a', lead_id) as t from {{ ref('hot') }}\n")
    project.write(
        "models/e_hot.sql", "{{ config(materialized='ephemeral') }} select lead_id from {{ ref('hot') }}\n"
    )
    project.write(
        "models/t_clean.sql", TABLE + "with hot as (select * from {{ ref('e_hot') }}) select * from hot\n"
    )
    project.write("models/v_shown.sql", "select now() as t\n")
    project.write("seeds/tiers.csv", "lead_id,tier\n1,hot\n")
    project.write(
        "snapshots/then.sql",
        "{% snapshot then %}{{ config(unique_key='lead_id', strategy='check', check_cols='all') }}"
        "select * from {{ ref('hot') }}{% endsnapshot %}\n",
    )
    settings = project.folder / "dbt_project.yml"
    settings.write_text(settings.read_text("utf-8") + 'on-run-end: ["select 1"]\n', "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        (folder / "here").mkdir()
        patch.chdir(folder / "here")
        patch.setattr(models, "STATE", dbt_state)
        found = models._project(project.folder)
        manifest = models._parse(found, lab.warehouse)[0].manifest
        called = {unique_id: list(node.depends_on.macros) for unique_id, node in manifest.nodes.items()}
        results, nodes = found.build(
            manifest, ["--exclude-resource-type", "unit_test"], "duckdb", lab.warehouse.dbt_env(), None
        )
    assert all(each.ok for each in results), [each for each in results if not each.ok]
    for unique_id, node in manifest.nodes.items():
        node.depends_on.macros = called[unique_id]  # as before the build, when it is judged

    def judge(*names: str, is_ours: bool = True, **more: Any) -> steady.Made:
        good = {"hot", "scores", "sent"}
        part = {
            unique_id: node
            for unique_id, node in manifest.nodes.items()
            if node.package_name == "leadloop"
            or node.name in names
            or unique_id in names
            or node.name in good
            or (node.name.startswith("not_null_") and any(name in node.name for name in names))
        }
        given = SimpleNamespace(nodes=part, macros=manifest.macros, sources=manifest.sources, functions={})
        vars(given).update(more)
        why_not = steady.moves(given, is_ours)
        return steady.made(given, [node for node in nodes if node.unique_id in part], "duckdb", why_not)

    return judge


@pytest.mark.long
@pytest.mark.parametrize("name", list(MOVING))
def test_a_model_that_may_move_by_itself_is_named(judged: Callable[..., steady.Made], name: str) -> None:
    """The clock, chance, questions to the database or the machine while SQL is made, files: then every run builds."""
    assert MOVING[name][1] in judged(name).why_not


@pytest.mark.long
@pytest.mark.parametrize("unique_id", list(OTHERS))
def test_what_is_no_model_is_named(judged: Callable[..., steady.Made], unique_id: str) -> None:
    """Seeds are loaded from files, snapshots add to what they were, hooks do what they like."""
    assert OTHERS[unique_id] in judged(unique_id).why_not


@pytest.mark.long
def test_what_stays_as_it_is(judged: Callable[..., steady.Made]) -> None:
    """Views on anything, tables and tests on what can be watched; a table on which every row matters is told from a view's."""
    things = Relation("elsewhere", "things")
    good = judged("e_hot", "t_clean", "v_shown", "things")
    assert (good.why_not, good.reads, good.exactly) == ("", (things,), frozenset())
    assert Relation("analytics", "t_clean") in good.relations
    assert Relation("analytics", "e_hot") not in good.relations
    assert judged("t_things").exactly == {things}
    assert judged("things", "things_tested").exactly == {things}
    assert judged("t_called").functions == {"jaccard"}
    assert "is not the one that came with leadloop" in judged(is_ours=False).why_not


@pytest.mark.long
@pytest.mark.parametrize("name", ["create_view_as", "generate_schema_name", "materialization_view_default"])
def test_a_macro_in_place_of_dbts_own_is_looked_into(judged: Callable[..., steady.Made], name: str) -> None:
    """dbt calls it though no model names it."""
    macro = SimpleNamespace(
        name=name,
        unique_id="macro.mine.own",
        package_name="mine",
        macro_sql="{{ run_started_at }}",
        original_file_path="macros/own.sql",
    )
    dbts = SimpleNamespace(
        name="create_view_as",
        unique_id="macro.dbt.create_view_as",
        package_name="dbt",
        macro_sql="",
        original_file_path="macros/view.sql",
    )
    macros = {"macro.mine.own": macro, "macro.dbt.create_view_as": dbts}
    assert judged(macros=macros).why_not == f"the macro {name} uses run_started_at"
    macro.macro_sql = "'fixed'"
    assert judged(macros=macros).why_not == ""
    macro.original_file_path = "../shared/own.sql"
    assert "outside the project's folder" in judged(macros=macros).why_not
