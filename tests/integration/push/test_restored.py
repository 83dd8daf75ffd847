"""A warehouse that was put back from a copy: noticed by marks outside of it, and accepted without overwriting anybody."""

import shutil
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector import crm, loop
from connector.config import resolve
from connector.crm.leadping import LeadpingSettings
from connector.errors import ConfigError, RestoredError
from connector.extract.columns import MORE
from connector.extract.names import own_column
from connector.push import Journal, forgotten
from connector.warehouse import mark, models
from connector.warehouse.connection import Warehouse
from connector.warehouse.mark import Mark, Marks
from connector.warehouse.relations import DEFAULT
from tests.engines import DUCKDB_IS_LONG
from tests.integration.push.conftest import Push, World
from tests.properties.quick_loop import QuickLoop

pytestmark = pytest.mark.long_if("postgres")

AT = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)


def settings(**given: Any) -> Any:
    return crm.vendor("convoso").settings(**{"auth_token": "token", "timezone": "UTC", **given})


def test_marks_are_kept_apart_and_private(tmp_path: Path) -> None:
    """By warehouse and CRM; a token or an address that is replaced changes nothing, and nobody else can read them."""
    folder = tmp_path / "state" / "marks"
    mine = Marks("one", settings(), folder)
    assert mine.all() == []
    mine.add(Mark("run 1", "scores", AT))
    for changed in ({"auth_token": "another"}, {"base_url": "https://elsewhere.example.com"}):
        assert Marks("one", settings(**changed), folder).all() == [Mark("run 1", "scores", AT)]
    assert Marks("two", settings(), folder).all() == []
    leadping = resolve(LeadpingSettings, {"api_key": "key"})
    assert Marks("one", leadping, folder).all() == []
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [stat.S_IMODE(each.stat().st_mode) for each in (folder, folder.parent)] == [0o700, 0o700]


def test_marks_survive_a_cut_line_and_a_long_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed process left half written is no mark; old ones are given up once there are many."""
    monkeypatch.setattr(mark, "LONGEST", 2000)
    monkeypatch.setattr(mark, "KEPT", 5)
    marks = Marks("one", settings(), tmp_path)
    for number in range(50):
        marks.add(Mark(f"run {number}", "scores", AT + timedelta(minutes=number)))
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size < 2 * 2000
    with file.open("a") as end:
        end.write('{"run_id": "run 50", "pu')
    assert [each.run_id for each in marks.all()] == ["run 46", "run 47", "run 48", "run 49"]


def test_marks_are_shared_with_other_machines(tmp_path: Path, postgres_url: str) -> None:
    """The database of the shared pace has them too, so that a deleted folder doesn't matter; without it nobody goes on."""
    shared = settings(shared_pace=postgres_url)
    Marks("one", shared, tmp_path / "here").add(Mark("run 1", "scores", AT))
    Marks("one", shared, tmp_path / "there").add(Mark("run 2", "scores", AT + timedelta(minutes=1)))
    assert [each.run_id for each in Marks("one", shared, tmp_path / "third").all()] == ["run 1", "run 2"]
    assert Marks("two", shared, tmp_path / "third").all() == []
    unreachable = settings(shared_pace="postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(ConfigError, match="shared pace can't be used"):
        Marks("one", unreachable, tmp_path).all()


def test_marks_are_in_the_order_in_which_they_were_made(tmp_path: Path, postgres_url: str) -> None:
    """The time of a push is the CRM's; a clock that was put back must not make what was forgotten look cleared away."""
    alone, shared = settings(), settings(shared_pace=postgres_url)
    Marks("one", alone, tmp_path).add(Mark("before it was shared", "scores", AT))
    for number in range(3):
        Marks("one", shared, tmp_path).add(Mark(f"run {number}", "scores", AT - timedelta(hours=number)))
    Marks("one", shared, tmp_path / "elsewhere").add(Mark("run 3", "scores", AT - timedelta(days=1)))
    Marks("one", alone, tmp_path).add(Mark("no longer shared", "scores", AT - timedelta(days=2)))
    noted = ["before it was shared", "run 0", "run 1", "run 2", "no longer shared"]
    assert [each.run_id for each in Marks("one", alone, tmp_path).all()] == noted
    noted = ["before it was shared", "run 0", "run 1", "run 2", "no longer shared", "run 3"]
    assert [each.run_id for each in Marks("one", shared, tmp_path).all()] == noted


def test_a_warehouse_has_one_id_from_its_first_lock_on(warehouse: Warehouse) -> None:
    """So a copy that was made before its first push has it as well."""
    with warehouse.lock("extract:convoso"):
        pass
    first = mark.identify(warehouse.ledger())
    with warehouse.lock("build"):
        pass
    assert mark.identify(warehouse.ledger()) == first
    with warehouse.ledger().connect() as connection:
        assert connection.scalar(sa.text("select count(*) from leadloop.warehouse")) == 1


def test_what_the_warehouse_knows_is_not_forgotten(world: Any) -> None:
    """Runs that are in it; and those before the first one that it knows, which somebody may have cleared away.

    A run without a mark, by a clock that was wrong, says nothing of that.
    """
    world.changes(2)
    known = world.deliver().run_id
    now = datetime.now(UTC)
    mine, old, new = (
        Mark(known, "scores", now),
        Mark("old", "scores", now - timedelta(hours=1)),
        Mark("new", "scores", now + timedelta(days=1)),
    )
    world.journal.clock = lambda: now - timedelta(days=1)
    world.deliver()
    assert forgotten.forgotten(world.journal, [old, mine]) == []
    assert forgotten.forgotten(world.journal, [old, mine, new]) == [new]
    with world.engine.begin() as connection:
        connection.execute(sa.text("delete from leadloop.push_runs"))
    assert forgotten.forgotten(world.journal, [old, mine]) == [old, mine]
    with pytest.raises(
        RestoredError, match=r"knows nothing of 2 pushes to convoso .* leadloop run --restored"
    ):
        forgotten.check([old, mine], "convoso", "leads.duckdb")


def test_accepting_gives_a_base_to_what_has_none(quick: QuickLoop) -> None:
    """What a push wants is ours where the CRM shows it; else its base is what a push wants, or nothing, and so it is a
    conflict. Known bases are left as they are; a second time changes nothing."""
    crm = quick.begin()
    differs, blank, known, same, nobody, refused = crm.book.ids()[:6]
    titles = {differs: "typed", known: "40", same: "50", nobody: "typed", refused: "typed"}
    for lead, title in titles.items():
        crm.book.edit(lead, {"title": title})
    for lead in (differs, blank, known, same, refused):
        quick.write("insert into inputs.wanted values (:lead, '50', null)", lead=lead)
    for lead, state in ((known, "confirmed"), (refused, "rejected")):
        quick.write(
            "insert into leadloop.push_journal (run_id, seq, push, crm, lead_id, field, column_name, state, value,"
            " recorded_at) values ('r', 1, 'scores', 'convoso', :lead, 'title', 'title', :state, '50', now())",
            lead=lead, state=state,
        )  # fmt: skip
    loop.extract(quick.warehouse)
    loop.build(quick.warehouse)
    journal = Journal(quick.warehouse.ledger())
    lost = [Mark("lost 1", "scores", AT), Mark("lost 2", "other", AT + timedelta(hours=1))]
    pushes = models.known().pushes
    for _ in range(2):
        forgotten.accept(journal, lost, "convoso", pushes, DEFAULT.leads)
    given = "select lead_id, state, old_value, value from leadloop.push_journal where field = 'title' and code = 'restored'"
    assert sorted(quick.rows(given)) == sorted([
        (differs, "confirmed", "typed", "50"),
        (blank, "confirmed", None, None),
        (same, "confirmed", "50", "50"),
        (nobody, "confirmed", "typed", None),
        (refused, "confirmed", "typed", "50"),
    ])  # fmt: skip
    assert forgotten.forgotten(journal, lost) == []
    assert journal.open_runs("scores") == []
    assert quick.rows("select count(*) from leadloop.push_journal where value like '(leadloop asks%'") == [
        (0,)
    ]


@pytest.mark.parametrize(
    "policy", [{"first_push": "baseline"}, {"policies": {"title": {"first_push": "baseline"}}}]
)
def test_a_push_that_leaves_alone_what_it_never_sent_still_does(
    quick: QuickLoop, policy: dict[str, Any]
) -> None:
    """Under first_push = 'baseline' no base protects better than any."""
    crm = quick.begin()
    differs, same, blank = crm.book.ids()[:3]
    for lead, title in ((differs, "typed"), (same, "50")):
        crm.book.edit(lead, {"title": title})
    for lead in (differs, same, blank):
        quick.write("insert into inputs.wanted values (:lead, '50', null)", lead=lead)
    loop.extract(quick.warehouse)
    loop.build(quick.warehouse)
    (scores,) = (replace(each, **policy) for each in models.known().pushes if each.name == "scores")
    forgotten.accept(Journal(quick.warehouse.ledger()), [], "convoso", [scores], DEFAULT.leads)
    given = "select lead_id, value from leadloop.push_journal where field = 'title'"
    assert quick.rows(given) == [(same, "50")]


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("status", "status"),
        ("Status", own_column("convoso", "Status")),
        ("crm_status", "crm_status"),
        ("plan", "plan"),
    ],
)
def test_accepting_looks_where_the_field_is(world: World, field: str, column: str) -> None:
    """Also where another field of the account has its plain column, and where the table has no room for it."""
    names = ("status", "crm_status", own_column("convoso", "Status"))
    columns = ", ".join(f"cast('of {name}' as text) as {name}" for name in names)
    more = """cast('{"plan": "of plan"}' as text) as """ + MORE
    with world.engine.begin() as connection:
        connection.exec_driver_sql("drop table analytics.leads")
        connection.exec_driver_sql(
            f"create table analytics.leads as select 'convoso' as crm, '1' as lead_id, {columns}, {more}"
        )
    world.rows(("1", field, "-", "wanted", None, "change"))
    forgotten.accept(world.journal, [], "convoso", [Push(fields={field: "score"})], DEFAULT.leads)

    assert [(each.column_name, each.old_value) for each in world.journalled()] == [(column, f"of {column}")]


def test_accepting_has_no_base_for_a_field_that_no_lead_shows(world: World) -> None:
    """Nobody can have typed into it, as far as is known."""
    world.lead("1")
    world.rows(("1", "plan", None, "wanted", None, "change"))
    forgotten.accept(world.journal, [], "convoso", [Push(fields={"plan": "score"})], DEFAULT.leads)
    assert world.journalled() == []


@DUCKDB_IS_LONG
def test_a_restored_warehouse_overwrites_nobody(quick: QuickLoop) -> None:
    """Without --restored nothing is sent; with it, what a person typed since the copy stands, also what is typed later."""
    crm = quick.begin()
    typed, later, new, *_ = crm.book.ids()
    for lead in (typed, later):
        quick.write("insert into inputs.wanted values (:lead, 'gold', null)", lead=lead)
    quick.write("insert into inputs.forms values ('form', '7775550001', 'Form')")
    assert loop.run(quick.warehouse, restored=False).exit_code == 0
    assert [crm.book.row(lead)["title"] for lead in (typed, later)] == ["gold", "gold"]
    added = len(crm.book)
    crm.book.edit(typed, {"title": "typed by a person"})

    # The copy is from before the first push.
    for table in ("push_runs", "push_journal", "push_settled"):
        quick.write(f"delete from leadloop.{table}")
    writes = sum(crm.calls.count(each) for each in ("update", "insert"))
    stopped = loop.run(quick.warehouse)
    assert (stopped.exit_code, stopped.pushed) == (4, {})
    assert {type(each) for each in stopped.failed.values()} == {RestoredError}
    assert "2 pushes to convoso" in str(stopped.failed["scores"])
    assert sum(crm.calls.count(each) for each in ("update", "insert")) == writes

    went_on = loop.run(quick.warehouse, restored=True)
    assert went_on.exit_code == 0
    assert went_on.pushed["adding"].summary.found == 1
    assert len(crm.book) == added
    assert crm.book.row(typed)["title"] == "typed by a person"
    assert [lead.lead_id for lead in went_on.pushed["scores"].plan.conflicts] == [typed]
    crm.book.edit(later, {"title": "typed even later"})
    quick.write("insert into inputs.wanted values (:lead, 'gold', null)", lead=new)
    assert loop.run(quick.warehouse).exit_code == 0
    assert crm.book.row(later)["title"] == "typed even later"
    assert crm.book.row(typed)["title"] == "typed by a person"

    # A warehouse in the same folder with an id of its own has no marks yet, and a folder that was deleted has none.
    for forgetting in ("update leadloop.warehouse set id = 'another'", "delete from leadloop.push_runs"):
        quick.write("delete from leadloop.push_runs")
        quick.write(forgetting)
        quick.write("update inputs.wanted set tier = tier || '!' where lead_id = :lead", lead=new)
        assert loop.run(quick.warehouse).exit_code == 0
        shutil.rmtree(mark.FOLDER)


@DUCKDB_IS_LONG
def test_what_no_push_wants_when_a_restore_is_accepted_is_nobodys(quick: QuickLoop) -> None:
    """A field that shows what a push wants counts as ours. Of any other, nobody knows whose value it shows: once a push
    wants it again, it is a conflict."""
    crm = quick.begin()
    unwanted, no_value, in_sync, blank, *_ = crm.book.ids()
    for lead in (unwanted, no_value, in_sync, blank):
        quick.write("insert into inputs.wanted values (:lead, 'gold', null)", lead=lead)
    assert loop.run(quick.warehouse, first=True).exit_code == 0
    crm.book.edit(unwanted, {"title": "typed"})
    crm.book.edit(no_value, {"title": "typed too"})
    crm.book.edit(blank, {"title": ""})
    # So that it is read again: Convoso's own writes don't move the time of a lead.
    crm.book.edit(in_sync, {"notes": "called"})
    quick.write("delete from inputs.wanted where lead_id in (:one, :other)", one=unwanted, other=blank)
    quick.write("update inputs.wanted set tier = null where lead_id = :lead", lead=no_value)
    for table in ("push_runs", "push_journal", "push_settled"):
        quick.write(f"delete from leadloop.{table}")
    crm.clock.advance(60)
    went_on = loop.run(quick.warehouse, restored=True)
    assert went_on.exit_code == 0
    assert went_on.pushed["scores"].plan.leads == ()

    crm.book.edit(blank, {"title": "typed at last"})
    crm.clock.advance(60)
    quick.write("delete from inputs.wanted")
    for lead in (unwanted, no_value, in_sync, blank):
        quick.write("insert into inputs.wanted values (:lead, 'silver', null)", lead=lead)
    later = loop.run(quick.warehouse)
    shown = {lead: crm.book.row(lead)["title"] for lead in (unwanted, no_value, in_sync, blank)}
    assert shown == {
        unwanted: "typed",
        no_value: "typed too",
        in_sync: "silver",
        blank: "typed at last",
    }
    conflicts = [lead.lead_id for lead in later.pushed["scores"].plan.conflicts]
    assert conflicts == sorted([unwanted, no_value, blank])


@pytest.mark.long
def test_what_was_on_its_way_when_the_copy_was_made_overwrites_nobody(quick: QuickLoop) -> None:
    """A lead with an unanswered write waits, and its other fields with it: a base they get all the same."""
    crm = quick.begin()
    lead, another = crm.book.ids()[:2]
    quick.write("insert into inputs.wanted values (:lead, 'gold', null)", lead=another)
    loop.run(quick.warehouse)
    for table in ("push_runs", "push_journal", "push_settled"):
        quick.write(f"delete from leadloop.{table}")
    quick.write(
        "insert into leadloop.push_journal (run_id, seq, push, crm, lead_id, field, column_name, state, value, recorded_at,"
        " crm_lead_id) values ('killed', 1, 'scores', 'convoso', :lead, 'title', 'title', 'sent', 'gold', now(), :lead)",
        lead=lead,
    )
    quick.write("insert into inputs.wanted values (:lead, 'gold', 'a town')", lead=lead)
    crm.book.edit(lead, {"title": "typed by a person", "city": "typed as well"})
    crm.clock.advance(600)
    loop.run(quick.warehouse, restored=True)
    crm.clock.advance(600)
    for _ in range(2):
        loop.run(quick.warehouse)
    shown = crm.book.row(lead)
    assert (shown["title"], shown["city"]) == ("typed by a person", "typed as well")


@DUCKDB_IS_LONG
def test_what_a_restored_warehouse_has_forgotten_to_have_added_or_deleted(quick: QuickLoop) -> None:
    """A lead that is found while its time lies in the CRM's future is read all the same; one that we deleted and that a
    person brings back, before or after the restore was accepted, is not deleted again."""
    crm = quick.begin()
    before, after, *_ = crm.book.ids()
    quick.write("insert into inputs.unwanted values (:lead)", lead=after)
    assert loop.run(quick.warehouse).exit_code == 0
    quick.write("insert into inputs.unwanted values (:lead)", lead=before)
    quick.write("insert into inputs.forms values ('form', '7775550001', 'Form')")
    loop.build(quick.warehouse)
    crm.clock.advance(86_400)
    for name in ("adding", "removing"):
        assert loop.push(quick.warehouse, name) is not None
    crm.clock.advance(-86_400)
    (added,) = (lead for lead in crm.book.ids() if crm.book.row(lead)["phone_number"] == "7775550001")
    assert not {before, after} & set(crm.book.ids())
    for table in ("push_runs", "push_journal", "push_settled"):
        quick.write(f"delete from leadloop.{table}")
    crm.book.restore(before)
    assert loop.run(quick.warehouse, restored=True).exit_code == 0
    crm.book.restore(after)
    for _ in range(2):
        assert loop.run(quick.warehouse).exit_code == 0
        assert {before, after} <= set(crm.book.ids())
    shown = "select lead_id from analytics.leads where lead_id = :lead"
    assert quick.rows(shown, lead=added) == [(added,)]
    # Once it was seen, it isn't asked for again.
    calls = crm.calls.count()
    loop.extract(quick.warehouse)
    assert crm.calls.count() - calls == 4


def test_the_command_passes_it_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``leadloop run --restored`` accepts, ``leadloop run`` doesn't."""
    from connector.cli.run import run as command

    given: list[bool] = []

    def run(*_: Any, restored: bool, **__: Any) -> None:
        given.append(restored)
        raise RestoredError("stopped")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop, "run", run)
    for restored in (True, False):
        with pytest.raises(RestoredError):
            command(restored=restored)
    assert given == [True, False]
