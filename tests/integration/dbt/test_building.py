"""What a build says when it can't, and what it leaves behind in this process: nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connector.errors import BuildError, ConfigError, DamagedError, LockedError, ModelError
from connector.warehouse import dbt, models
from connector.warehouse.connection import Warehouse
from tests.integration.dbt.conftest import OwnProject

GOOD = "desired = ref('scores'), crm = 'convoso', key = 'lead_id', fields = {'lead_score': 'score'}"


def with_one_push(project: Any) -> Any:
    project.desired("scores", "lead_id, score", "'1', 5")
    project.push("sent", GOOD)
    return project


@pytest.fixture(scope="module")
def _parsed(tmp_path_factory: Any, dbt_state: Any) -> None:
    """dbt has parsed such a project before: a spoilt one is never remembered, and each would be parsed from the beginning."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "STATE", dbt_state)
        models.known(with_one_push(OwnProject(tmp_path_factory.mktemp("parsed") / "own")).folder)


@pytest.fixture
def pushing(own: Any, _parsed: Any) -> Any:
    """A project with one push, whose options a test may spoil."""
    return with_one_push(own)


@pytest.mark.long
def test_the_file_is_free_after_a_build(duck: Any) -> None:
    """Another process can open the DuckDB file for writing as soon as a build has ended, also when it failed."""
    write = f"import duckdb; duckdb.connect({str(duck.warehouse.path)!r}).execute('create or replace table t (a int)')"
    duck.build(select="stg_lead_versions")
    subprocess.run([sys.executable, "-c", write], check=True)

    duck.land([{"id": None}], "1 00:00")
    duck.execute("alter table convoso_raw.lead_versions drop column leadloop_timezone")
    with pytest.raises(BuildError):
        duck.build(select="stg_lead_versions")
    subprocess.run([sys.executable, "-c", write], check=True)


def test_a_locked_file_is_one_sentence(duck: Any) -> None:
    """While another process has the DuckDB file, a build ends with a LockedError that names the file."""
    hold = f"import duckdb, sys; c = duckdb.connect({str(duck.warehouse.path)!r}); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=str(duck.warehouse.path)):
            duck.build()
        holder.communicate("")


@pytest.mark.long
def test_the_environment_is_as_before(
    lab: Any, monkeypatch: pytest.MonkeyPatch, dbt_state: Any, capfd: Any
) -> None:
    """A password is in the environment during the call only, in no file, and nothing is printed or written elsewhere."""
    if lab.warehouse.kind == "postgres":
        monkeypatch.setattr(
            lab, "warehouse", Warehouse.postgres(lab.warehouse.url.set(password="planted-secret-password"))
        )
    before = dict(os.environ)
    package = sorted(models.packaged_project().rglob("*"))
    done = []
    lab.build(select="+lead_scores_to_leadping", on_event=lambda *event: done.append(event))

    assert dict(os.environ) == before
    assert sorted(models.packaged_project().rglob("*")) == package
    assert os.listdir() == []
    assert capfd.readouterr().out == ""
    assert [number for number, _, _ in done] == list(range(1, len(done) + 1))
    assert done[-1][1] == len(done)
    for path in dbt_state.rglob("*"):
        assert path.is_dir() or b"planted-secret-password" not in path.read_bytes()


@pytest.mark.long
def test_what_else_a_project_has_breaks_nothing(duck: Any, own: Any) -> None:
    """A seed, a snapshot, a disabled model, an analysis, a test of their own, an exposure and a unit test; a push stands on the seed."""
    own.write("seeds/tiers.csv", "lead_id,tier\n1,hot\n2,cold\n")
    own.write(
        "snapshots/tiers_then.sql",
        "{% snapshot tiers_then %}{{ config(unique_key='lead_id', strategy='check', check_cols='all') }}"
        "select * from {{ ref('tiers') }}{% endsnapshot %}\n",
    )
    own.write("models/off.sql", "{{ config(enabled=false) }} select * from {{ ref('nothing') }}\n")
    own.write("analyses/asked.sql", "select count(*) from {{ ref('tiers') }}\n")
    own.write("tests/no_tier.sql", "select * from {{ ref('tiers') }} where tier is null\n")
    own.write("models/hot.sql", "select lead_id, tier from {{ ref('tiers') }} where tier = 'hot'\n")
    own.write(
        "models/about.yml",
        "version: 2\n"
        "exposures:\n  - {name: board, type: dashboard, owner: {name: us}, depends_on: [ref('hot')]}\n"
        "unit_tests:\n  - name: only_hot\n    model: hot\n"
        "    given: [{input: ref('tiers'), rows: [{lead_id: '1', tier: cold}]}]\n    expect: {rows: []}\n",
    )
    own.push("sent", "desired = ref('tiers'), crm = 'convoso', key = 'lead_id', fields = {'title': 'tier'}")
    duck.land([{"id": "1"}, {"id": "2"}], "1 00:00")

    built = duck.build(own.folder, select="+sent tiers_then hot tiers")
    kinds = {node.kind for node in built.nodes}
    assert {"seed", "snapshot", "model", "test"} <= kinds
    assert "unit_test" not in kinds
    assert duck.rows("select lead_id, desired_value from analytics.sent order by 1") == [
        ("1", "hot"),
        ("2", "cold"),
    ]
    (spec,) = models.known(own.folder).pushes
    assert {"seed.mine.tiers", "test.mine.no_tier"} <= set(spec.stands_on)


def test_options_of_dbt_in_the_environment_change_nothing(duck: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody set for another dbt project neither empties the leads nor leaves them out, and is there afterwards."""
    duck.land([{"id": "1"}, {"id": "2"}], "1 00:00")
    options = {
        "DBT_EMPTY": "true",
        "DBT_ENGINE_EMPTY": "true",
        "DBT_RESOURCE_TYPES": "seed",
        "DBT_DEFER": "true",
    }
    for name, value in options.items():
        monkeypatch.setenv(name, value)
    duck.build(models.packaged_project(), select="+leads")
    assert duck.rows("select lead_id from analytics.leads order by 1") == [("1",), ("2",)]
    assert options.items() <= os.environ.items()


def test_variables_of_a_project_stay_for_dbt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what dbt itself would take for an option is taken away during a call."""
    import click

    build = click.Command(
        "build", params=[click.Option(["--empty"], envvar=["DBT_ENGINE_EMPTY", "DBT_EMPTY"])]
    )
    parse = click.Command(
        "parse", params=[click.Option(["--parser"], envvar="DBT_PARSER"), click.Option(["--x"])]
    )
    for name in (
        "DBT_EMPTY",
        "DBT_PARSER",
        "DBT_ENGINE_NEW",
        "DBT_RECORDER_MODE",
        "DBT_ENV_SECRET_A",
        "DBT_MINE",
        "D",
    ):
        monkeypatch.setenv(name, "1")
    with dbt._without_options([build, parse]):
        assert {name for name in os.environ if name.startswith("D")} >= {"DBT_ENV_SECRET_A", "DBT_MINE", "D"}
        assert not {"DBT_EMPTY", "DBT_PARSER", "DBT_ENGINE_NEW", "DBT_RECORDER_MODE"} & set(os.environ)
    assert os.environ["DBT_EMPTY"] == os.environ["DBT_RECORDER_MODE"] == "1"


@pytest.mark.long_if("postgres")
def test_a_failed_model_is_named_and_no_value_is_told(
    lab: Any, pushing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message of a BuildError names the models and what kind of thing went wrong, never a value of a lead, however that
    looks; ``LEADLOOP_DEBUG`` adds the engine's own words."""
    lab.execute("create schema if not exists analytics")
    lab.execute("create table analytics.notes (note text)")
    lab.execute("insert into analytics.notes values ('it''s planted\n\nrelation \"planted\" does not exist')")
    pushing.write("models/texts.sql", "{{ config(materialized='table') }} select note from analytics.notes")
    pushing.write(
        "models/numbers.sql",
        "{{ config(materialized='table') }} select cast(note as integer) as n from analytics.notes",
    )
    pushing.write("models/missing.sql", "{{ config(materialized='table') }} select nope from analytics.notes")
    pushing.write("tests/no_notes.sql", "select * from {{ ref('texts') }}")
    with pytest.raises(BuildError) as caught:
        lab.build(pushing.folder, select="numbers missing texts")
    said = str(caught.value)
    kind = "INT32, in the column note" if lab.warehouse.kind == "duckdb" else "integer"
    assert f"model numbers (a text can't be converted to {kind})" in said
    assert "model missing (there is no such column: nope)" in said
    assert "test no_notes (1 row)" in said
    assert "LEADLOOP_DEBUG=1" in said
    assert "planted" not in repr(caught.value) + said
    assert "\n" not in said
    assert not hasattr(caught.value, "__notes__")

    monkeypatch.setenv("LEADLOOP_DEBUG", "1")
    with pytest.raises(BuildError) as caught:
        lab.build(pushing.folder, select="numbers")
    assert "planted" not in str(caught.value)
    assert "planted" in "".join(caught.value.__notes__)


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("state:modified", "the selection names a state, and leadloop gives dbt none"),
        ("nosuch:abc", "there is no such method of selection: nosuch"),
    ],
)
def test_a_selection_that_dbt_does_not_know_is_told(
    duck: Any, pushing: Any, select: str, expected: str
) -> None:
    """What somebody asked for wrongly is said in words."""
    with pytest.raises(BuildError, match=f"dbt could not begin to build: {expected}"):
        duck.build(pushing.folder, select=select)


WRONG = [
    (GOOD.replace("crm = 'convoso', ", ""), "push sent: crm is missing"),
    (GOOD.replace("key = 'lead_id', ", ""), "push sent: key is missing"),
    (GOOD.replace("{'lead_score': 'score'}", "{}"), "push sent: fields is missing"),
    (GOOD.replace("ref('scores')", "'scores'"), "push sent: desired is missing"),
    (GOOD + ", max_change = 5", "there is no option max_change; did you mean max_changes?"),
    (GOOD + ", mode = 'delete'", "mode 'delete' deletes whole leads; leave fields out."),
    (GOOD + ", lead_id = 'lead'", "lead_id is for mode 'upsert'"),
    (
        GOOD + ", options = {'list_id': 3}",
        "options are what each insert or upsert is told besides its fields",
    ),
    (
        GOOD + ", mode = 'insert', options = {'list_id': none}",
        "the option list_id must be a text, a whole number",
    ),
    (GOOD + ", max_inserts = 0.5", "max_inserts must be a whole number"),
    (
        GOOD + ", equal = {'lead_scor': 'trim'}",
        "which is not one of its fields; did you mean lead_score?",
    ),
    (GOOD + ", equal = {'lead_score': 'trimm'}", "for lead_score, not trimm; did you mean trim?"),
    (
        GOOD + ", equal = {'lead_score': ['html', 'cutt(5)']}",
        "for lead_score, not cutt(5); did you mean cut?",
    ),
    (
        GOOD + ", equal = {'lead_score': 'cut'}",
        "equal has cut for lead_score; write cut(50), with up to 9999 characters",
    ),
    (
        GOOD + ", equal = {'lead_score': 'round(-1)'}",
        "equal has round(-1) for lead_score; write round(2), with up to 18",
    ),
    (GOOD + ", equal = {'lead_score': 'date(ymd)'}", "for lead_score; write date, date(mdy) or date(dmy)"),
    (GOOD + ", equal = {'lead_score': 'trim(1)'}", "for lead_score; write trim, alone"),
    (GOOD + ", equal = {'lead_score': 5}", "for lead_score, not 5"),
    (GOOD + ", equal = {'lead_score': []}", "for lead_score, not []"),
    (
        GOOD + ", equal = {'lead_score': 'tolerance(1), trim'}",
        "tolerance must be the last rule for lead_score",
    ),
    (
        GOOD.replace("'score'}", "{'column': 'score', 'tolerance': -1}}"),
        "equal has tolerance(-1) for lead_score; write",
    ),
    (GOOD + ", colour = 5", "there is no option colour."),
    (
        GOOD.replace("crm = 'convoso'", "crm = 'convosso'"),
        "No CRM named 'convosso'; did you mean 'convoso'? Available: ",
    ),
    (GOOD + ", mode = 'updat'", "did you mean update?"),
    (GOOD + ", nulls = 'clean'", "did you mean clear?"),
    (GOOD + ", first_push = 'base'", "did you mean baseline?"),
    (GOOD + ", confirm = 'some'", "confirm must be one of all, sample, none, not some."),
    (GOOD + ", max_share = -0.1", "max_share must be a number from 0 to 1"),
    (GOOD + ", max_deletes = -1", "max_deletes must be a whole number"),
    (GOOD.replace("'score'}", "none}"), "fields must have a field of the CRM and a column"),
    (GOOD + ", on_conflict = 'crm_win'", "did you mean crm_wins?"),
    (
        GOOD.replace("'score'}", "{'column': 'score', 'null': 'clear'}}"),
        "fields has null for lead_score, and a field can have column, on_conflict, nulls, first_push, equal, tolerance",
    ),
    (GOOD.replace("'score'}", "{'nulls': 'clear'}}"), "fields has no column for lead_score"),
    (GOOD.replace("'score'}", "{'column': none}}"), "fields must have a field of the CRM and a column"),
    (
        GOOD.replace("'score'}", "{'column': 'score', 'on_conflict': 'crm_win'}}"),
        "on_conflict must be one of crm_wins, warehouse_wins, stop for lead_score, not crm_win; did you mean crm_wins?",
    ),
    (
        GOOD.replace("'score'}", "{'column': 'score', 'equal': 'trimm'}}"),
        "for lead_score, not trimm; did you mean trim?",
    ),
    (
        GOOD.replace("'score'}", "{'column': 'score', 'equal': 'trim'}}")
        + ", equal = {'lead_score': 'trim'}",
        "equal is given twice for lead_score: in fields and in equal",
    ),
    (GOOD + ", policies = {}", "there is no option policies."),
    (GOOD + ", max_share = 20", "max_share must be a number from 0 to 1"),
    (GOOD + ", max_changes = '5'", "max_changes must be a whole number"),
    (GOOD + ", max_clears = true", "max_clears must be a whole number"),
    ("ref('scores'), 'convoso'", "every option needs its name"),
    (GOOD.replace("'score'}", "'score', 'Lead Score': 'score'}"), "one and the same column, lead_score"),
]
"""The options of a push, and what is said of the wrong one among them."""


@pytest.mark.parametrize(
    ("options", "message"),
    [*WRONG[:5], *(pytest.param(*each, marks=pytest.mark.long) for each in WRONG[5:])],
)
def test_a_wrong_option_is_named(pushing: Any, options: Any, message: Any) -> None:
    """Each wrong option of a push ends in one sentence that names the push, the option and the file."""
    pushing.push("sent", options)
    with pytest.raises(ModelError) as caught:
        models.known(pushing.folder)
    assert message in str(caught.value)
    assert "models/sent.sql" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "?." not in str(caught.value)


def test_broken_files_are_named(pushing: Any, tmp_path: Path) -> None:
    """Broken YAML, broken Jinja and a folder that is no project: one sentence each, which names the file."""
    pushing.write("models/broken.yml", "models:\n  - name: [sent\n")
    with pytest.raises(ModelError, match=r"broken\.yml is no valid YAML near line 3: while") as caught:
        models.known(pushing.folder)
    assert "|" not in str(caught.value)
    assert "--" not in str(caught.value)
    (pushing.folder / "models/broken.yml").unlink()

    pushing.write("models/broken.sql", "select {{ ref('scores' }}")
    with pytest.raises(ModelError, match=r"broken\.sql"):
        models.known(pushing.folder)
    (pushing.folder / "models/broken.sql").unlink()

    pushing.write("models/lost.sql", "select * from {{ ref('no_such_model') }}")
    with pytest.raises(ModelError, match="no_such_model"):
        models.known(pushing.folder)

    with pytest.raises(ModelError, match="no dbt project"):
        models.known(tmp_path)


def test_pushes_are_found_by_name(pushing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A push is found without parsing again while the files are the same; a wrong name is told the nearest right one."""
    assert [spec.name for spec in models.known(pushing.folder).pushes] == ["sent"]

    with monkeypatch.context() as patch:
        patch.setattr(dbt.Project, "parse", None)
        assert models.known(pushing.folder).push("sent").crm == "convoso"
    with pytest.raises(ModelError, match="did you mean 'sent'"):
        models.known(pushing.folder).push("send")
    with pytest.raises(ModelError, match="No push named 'xyz'"):
        models.known(pushing.folder).push("xyz")

    pushing.push("another", GOOD)
    assert [spec.name for spec in models.known(pushing.folder).pushes] == ["another", "sent"]


def test_a_package_that_moved_is_found_again(
    pushing: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A project of one's own goes on working when leadloop is installed anew at another place, by link or by copy."""
    installed = pushing.folder / "dbt_packages" / "leadloop"
    models.known(pushing.folder)
    assert installed.resolve() == models.packaged_project()

    moved = tmp_path / "moved"
    shutil.copytree(models.packaged_project(), moved)
    monkeypatch.setattr(models, "packaged_project", lambda: moved)
    models.known(pushing.folder)
    assert installed.resolve() == moved

    installed.unlink()
    shutil.copytree(moved, installed)
    (installed / "macros" / "push.sql").write_text("old", encoding="utf-8")
    pushing.push("another", GOOD)
    assert [spec.name for spec in models.known(pushing.folder).pushes] == ["another", "sent"]


def test_projects_that_take_turns_are_told_apart(pushing: Any) -> None:
    """What a project of one's own disables in the package is there when the package itself is the project, and back."""
    for _ in range(2):
        assert [spec.name for spec in models.known(pushing.folder).pushes] == ["sent"]
        assert len(models.known(models.packaged_project()).pushes) == 4
        pushing.push("sent", GOOD + ", nulls = 'clear'")


@pytest.mark.long
def test_a_file_at_another_place_is_not_parsed_for_anew(pushing: Any, tmp_path: Path, dbt_state: Any) -> None:
    """What dbt has parsed is good for a DuckDB file in another folder too."""
    parsed = dbt_state / "duckdb" / "mine" / "partial_parse.msgpack"
    parsed_at = []
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        models.build(Warehouse.duckdb(tmp_path / folder / "leads.duckdb"), pushing.folder, select="scores")
        parsed_at.append(parsed.stat().st_mtime_ns)
    assert parsed_at[0] == parsed_at[1]


def test_a_selection_of_nothing_is_an_error(duck: Any) -> None:
    """Selecting a model that isn't there is a ModelError, not a green run in which nothing happened."""
    with pytest.raises(ModelError, match="no_such_model"):
        duck.build(select="no_such_model")


def test_the_project_is_looked_for_where_it_belongs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the option names wins, then what the setting names, then ./dbt_models, then the folder; ours only by its name."""
    with pytest.raises(ConfigError, match="There is no dbt project here"):
        models.find_project()
    for folder in (tmp_path / "here", tmp_path / "here" / "dbt_models", tmp_path / "other"):
        folder.mkdir(exist_ok=True)
        (folder / "dbt_project.yml").touch()
        if folder != tmp_path / "other":
            assert models.find_project() == folder
    monkeypatch.setenv("DBT__PROJECT", "../other")
    assert models.find_project() == tmp_path / "other"
    monkeypatch.setenv("DBT__PROJECT", "packaged")
    assert models.find_project() == models.packaged_project()
    assert models.find_project(tmp_path / "here") == tmp_path / "here"
    assert models.find_project(Path("packaged")) == models.packaged_project()
    monkeypatch.setenv("DBT__PROJECT", "nowhere")
    with pytest.raises(ModelError, match="DBT__PROJECT"):
        models.find_project()


@pytest.mark.parametrize("engine", ["duckdb", pytest.param("postgres", marks=pytest.mark.long)])
def test_what_is_wrong_with_the_whole_database_is_no_models_fault(
    engine: str, request: pytest.FixtureRequest, own: OwnProject, tmp_path: Path
) -> None:
    """A damaged DuckDB file, a permission that was taken away on PostgreSQL: told as such, with the way out (2)."""
    own.write("models/copied.sql", "{{ config(materialized='table') }} select a from shop.many")
    rows = "select cast(i as text) as a from generate_series(1, 50000) as r(i)"
    if engine == "duckdb":
        warehouse = Warehouse.duckdb(tmp_path / "shop_leads.duckdb")
        kind: Any = DamagedError
        words = r"shop_leads\.duckdb is damaged.*restore a copy"
    else:
        warehouse = Warehouse.postgres(request.getfixturevalue("postgres_url"))
        kind, words = ConfigError, "no permission for what it does with the table many"
    with warehouse.engine().begin() as connection:
        connection.exec_driver_sql("create schema shop")
        connection.exec_driver_sql(f"create table shop.many as {rows}")
        if engine == "postgres":
            connection.exec_driver_sql("drop role if exists modeller")
            connection.exec_driver_sql("create role modeller login")
            connection.exec_driver_sql("grant create on database leads to modeller")
            connection.exec_driver_sql("grant usage on schema shop to modeller")
    if warehouse.path is not None:
        with warehouse.path.open("r+b") as file:
            file.seek(3 * 4096 + 1000)
            file.write(os.urandom(64))
    else:
        warehouse = Warehouse.postgres(warehouse.url.set(username="modeller"))
    with pytest.raises(kind, match=words) as caught:
        models.build(warehouse, own.folder, select="copied")
    assert caught.value.exit_code == 2
