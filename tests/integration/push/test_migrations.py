"""The tables under ``leadloop`` that another leadloop has made: older ones are brought up under a lease, newer ones refused."""

import importlib
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateSchema, CreateTable

import connector
from connector import loop
from connector.errors import OtherVersionError
from connector.push import Journal, Recovery, confirm, recover
from connector.sandbox import Sandbox
from connector.status import status
from connector.warehouse import connection, migrations, runs
from connector.warehouse.connection import Warehouse
from connector.warehouse.ledger import METADATA
from tests.integration.push.conftest import World
from tests.properties.quick_loop import LEADS, QuickLoop

pytestmark = pytest.mark.long_if("postgres")

HERE = Path(__file__).parent / "made_by_0_1_0"
THEN = (
    "run_id, seq, push, crm, lead_id, field, column_name, state, old_value, value, code, reason, recorded_at"
)
"""The journal's columns in the first 0.1.0."""


@pytest.fixture(params=["first", "last"])
def old(request: pytest.FixtureRequest, warehouse: Warehouse) -> Iterator[Warehouse]:
    """A warehouse as the first and as the last 0.1.0 left it, in each engine."""
    write(warehouse, (HERE / "first.sql").read_text("utf-8"))
    if request.param == "last":
        write(warehouse, (HERE / "last.sql").read_text("utf-8"))
    connection._engine.cache_clear()
    yield warehouse
    connection._engine.cache_clear()


def write(warehouse: Warehouse, text: str) -> None:
    with warehouse.engine().begin() as there:
        for statement in text.split(";"):
            there.exec_driver_sql(statement)


def rows(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    with warehouse.engine().connect() as there:
        return [tuple(row) for row in there.exec_driver_sql(query)]


def columns(warehouse: Warehouse, schema: str = "leadloop") -> list[tuple[Any, ...]]:
    """Every column of every table of a schema, with its type, and whether it may be NULL."""
    return rows(
        warehouse,
        "select table_name, column_name, data_type, is_nullable from information_schema.columns"
        f" where table_schema = '{schema}' and table_name <> 'dbt_results' order by 1, 2",
    )


def everything(warehouse: Warehouse) -> list[Any]:
    """All that is in the tables under ``leadloop``, and how they are made."""
    tables = sorted({row[0] for row in columns(warehouse)})
    return [
        columns(warehouse),
        *(sorted(map(repr, rows(warehouse, f"select * from leadloop.{table}"))) for table in tables),
    ]


def test_a_warehouse_made_by_0_1_0_is_brought_up_under_a_lease(old: Warehouse) -> None:
    """What was recorded is understood as before: recovered, confirmed, planned upon; and no old row is changed."""
    before = rows(old, f"select {THEN} from leadloop.push_journal order by 1, 2")
    world = World(old.engine(), ensure=False)
    world.let_go()
    world.rows(("b", "lead_score", "3", "7", None, "change"), ("e", "lead_score", "3", "7", None, "change"))
    world.lead("a", lead_score="7", last_seen_at=datetime.now(UTC) + timedelta(minutes=1))
    world.crm.leads["b"] = {"lead_score": "7"}
    with old.lock("push:scores") as lease:
        journal = world.journal = Journal(old.engine(), lease=lease)
        assert recover("scores", journal, world.crm, world.crm) == Recovery(deferred=1, applied=1)
        assert confirm(old.engine(), journal, "convoso").confirmed >= 1
        assert journal.open_leads("scores") == []
        assert world.deliver().by_state == {"applied": 2}
    assert rows(old, "select version from leadloop.warehouse") == [(migrations.VERSION,)]
    after = rows(old, f"select {THEN} from leadloop.push_journal order by 1, 2")
    assert [row for row in after if row in before] == before
    assert len(after) > len(before)
    states = rows(old, "select state from leadloop.push_journal where lead_id = 'a' order by run_id, seq")
    assert states[-1] == ("confirmed",)


@pytest.mark.long
def test_the_whole_loop_goes_on_from_a_warehouse_made_by_0_1_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Extract, build, recovery, plan and push, with dlt and dbt, over what 0.1.0 has recorded of the same leads."""
    monkeypatch.chdir(tmp_path)
    warehouse = Warehouse.duckdb(tmp_path / "leads.duckdb")
    with Sandbox(leads=LEADS) as crm:
        leads = dict(zip("abcd", crm.book.ids()[2:], strict=True))
    text = (HERE / "first.sql").read_text("utf-8").replace("'lead_score'", "'title'")
    for name, lead in leads.items():
        text = text.replace(f"'convoso', '{name}'", f"'convoso', '{lead}'")
    write(warehouse, text)
    before = rows(warehouse, f"select {THEN} from leadloop.push_journal order by 1, 2")
    # dbt's hook fills what it finds, whoever made it.
    results = "invocation_id text, unique_id text, name text, kind text, status text, later text, sequence_number bigint"
    write(warehouse, f"create table leadloop.dbt_results ({results}, recorded_at timestamptz)")
    quick = QuickLoop(tmp_path, warehouse, monkeypatch)
    try:
        quick.write("insert into inputs.wanted values (:lead, 'gold', null)", lead=leads["c"])
        assert loop.run(warehouse).exit_code == 0
        assert loop.run(warehouse).exit_code == 0
        assert quick._crm is not None
        assert quick._crm.book.row(leads["c"])["title"] == "gold"
        now = quick.rows(f"select {THEN} from leadloop.push_journal order by 1, 2")
        assert [row for row in now if row in before] == before
        last = dict(
            quick.rows("select lead_id, arg_max(state, (run_id, seq)) from leadloop.push_journal group by 1")
        )
        assert last[leads["c"]] == "confirmed"
        assert set(last.values()) <= {"confirmed", "reverted", "conflict", "deferred"}
        shown = quick.rows("select distinct lead_id, crm_lead_id from analytics.stg_leadloop__push_journal")
        assert set(shown) == {(lead, lead) for lead in leads.values()}
        assert quick.rows("select distinct later from leadloop.dbt_results") == [(None,)]
    finally:
        quick.close()


def test_who_only_looks_brings_nothing_up(old: Warehouse) -> None:
    """A plan and the status read tables of 0.1.0 as they are; what can't says what to do. None of them changes a table."""
    world = World(old.engine(), ensure=False)
    world.let_go()
    world.rows(("b", "lead_score", "3", "7", None, "change"), ("e", "lead_score", "3", "7", None, "change"))
    before = everything(old)
    plan = world.plan()
    assert (plan.unresolved, [lead.lead_id for lead in plan.leads]) == (("b",), ["e"])
    assert [run.fields_by_state for run in status(old).runs] == [
        {"applied": 1, "planned": 1, "sent": 1},
        {"confirmed": 1},
    ]
    with pytest.raises(OtherVersionError, match=r"version 0, .* reads version \d+.* leadloop build"):
        world.journal.decided("scores", "resolved")
    assert everything(old) == before
    with runs.recording(old, "plan", {}):
        pass
    assert columns(old) == before[0]


def test_all_steps_make_what_the_code_declares(warehouse: Warehouse) -> None:
    """A new warehouse has the tables of METADATA, and each step was done; doing them again changes nothing."""
    package = Path(connector.__file__).parent
    for path in (*package.glob("warehouse/*.py"), *package.glob("push/*.py")):
        importlib.import_module(".".join(path.relative_to(package.parent).with_suffix("").parts))
    with warehouse.lock("build"):
        pass
    made = everything(warehouse)
    write(warehouse, "update leadloop.warehouse set version = null")
    with warehouse.engine().begin() as there:
        migrations.bring_up(there)
        there.execute(CreateSchema("declared"))
        declared = there.execution_options(schema_translate_map={"leadloop": "declared"})
        for table in METADATA.tables.values():
            declared.execute(CreateTable(table))
    assert everything(warehouse) == made
    assert columns(warehouse, "declared") == made[0]
    assert [step.number for step in migrations.STEPS] == [*range(1, migrations.VERSION + 1)]


def test_a_step_only_adds() -> None:
    """A run of an older leadloop may be at work while a step is done, and one that was cut off is done again."""
    adding = re.compile(
        r"create (table|index|sequence) if not exists |alter table [\w.]+ add column if not exists \w+ \w+$"
    )
    for step in migrations.STEPS:
        for statement in step.statements("postgres"):
            assert adding.match(statement), statement


def test_what_is_cut_off_in_the_middle_leaves_the_tables_as_they_were(
    old: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps and their number are one transaction; the next lease does them."""
    before = everything(old)
    good = migrations.STEPS
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", (*good[:3], good[3]._replace(sql="this is no SQL")))
        with pytest.raises(sa.exc.DBAPIError), old.lock("build"):
            pass
    assert everything(old) == before
    with old.lock("build"):
        assert rows(old, "select count(*), min(version) from leadloop.warehouse") == [(1, migrations.VERSION)]


def test_of_two_that_bring_a_server_up_at_once_the_second_waits(postgres_url: str) -> None:
    """It finds everything done when it is its turn, and neither fails."""
    warehouse = Warehouse.postgres(postgres_url)
    write(warehouse, (HERE / "first.sql").read_text("utf-8"))
    failed: list[BaseException] = []

    def second() -> None:
        try:
            with warehouse.engine().begin() as there:
                migrations.bring_up(there)
        except BaseException as error:
            failed.append(error)

    other = threading.Thread(target=second)
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    with warehouse.engine().begin() as there:
        migrations.bring_up(there)
        other.start()
        while other.is_alive() and rows(warehouse, waiting) == [(0,)]:
            other.join(0.01)
    other.join()
    assert failed == []
    assert rows(warehouse, "select version from leadloop.warehouse") == [(migrations.VERSION,)]


def test_a_newer_warehouse_is_refused_by_whoever_opens_it(quick: Any) -> None:
    """Every command ends with 2 and says how to upgrade; nothing is written to the warehouse, and nothing sent."""
    crm = quick.begin()
    quick.write(f"update leadloop.warehouse set version = {migrations.VERSION + 1}")
    connection._engine.cache_clear()
    calls, warehouse = len(crm.calls), quick.warehouse
    with quick._engine.connect() as there:
        before = there.exec_driver_sql("select * from leadloop.warehouse").all()
    commands: dict[str, Any] = {
        "extract": lambda: loop.extract(warehouse),
        "reconcile": lambda: loop.reconcile(warehouse),
        "build": lambda: loop.build(warehouse),
        "plan": lambda: loop.plan(warehouse, "scores"),
        "push": lambda: loop.push(warehouse, "scores"),
        "run": lambda: loop.run(warehouse),
        "resolve": lambda: loop.resolve(warehouse, "scores"),
        "resolve --take": lambda: loop.resolve(warehouse, "scores", take="ours"),
        "status": lambda: status(warehouse),
        "check": warehouse.probe,
    }
    for name, command in commands.items():
        with pytest.raises(
            OtherVersionError, match=r"newer leadloop .* Upgrade leadloop on this machine"
        ) as refused:
            command()
        assert refused.value.exit_code == 2, name
    assert len(crm.calls) == calls
    with quick._engine.connect() as there:
        assert there.exec_driver_sql("select * from leadloop.warehouse").all() == before
        assert there.exec_driver_sql("select count(*) from leadloop.leases").scalar() == 0


def test_a_lease_costs_the_same_whatever_is_in_the_journal(warehouse: Warehouse) -> None:
    """The version is one small query where nothing is missing, and a process looks once whether it is newer."""
    world = World(warehouse.engine())
    world.let_go()

    def cost() -> list[str]:
        said: list[str] = []
        listener = lambda *args: said.append(args[2])  # noqa: E731
        sa.event.listen(sa.Engine, "before_cursor_execute", listener)
        with warehouse.lock("push:scores"):
            pass
        sa.event.remove(sa.Engine, "before_cursor_execute", listener)
        return said

    few = cost()
    world.changes(500)
    world.deliver()
    many = cost()
    assert len(few) == len(many)
    assert sum("version" in statement for statement in many) == 1
    assert not [statement for statement in many if "create" in statement or "alter" in statement]
