"""What a run of a push sent is taken back: field by field, and only where nobody has changed it since."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector import loop
from connector.cli.options import save_plan
from connector.crm.convoso.facts import CAPABILITIES
from connector.errors import ConfigError, GuardrailError, ModelError, PlanMovedError
from connector.push import Asked, Plan
from connector.push.changes import Undo
from connector.push.undo import LIMITS, make_undo, undoing
from connector.push.undo_runs import Chosen, chosen
from connector.render.plan import left_out
from connector.render.saved_plan import read_plan
from connector.sandbox.tables import API_USER
from connector.warehouse import models
from connector.warehouse.connection import Warehouse
from tests.properties.quick_loop import HISTORY, Killed, QuickLoop

pytestmark = pytest.mark.long_if("postgres")

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Book:
    """A quick loop in which leads are wanted, pushed and taken back."""

    def __init__(self, quick: QuickLoop) -> None:
        self.quick = quick
        self.crm = quick.begin()
        self.lead, self.other, *_ = self.crm.book.ids()
        for lead in self.crm.book.ids():
            self.crm.book.edit(lead, {"title": "before", "city": ""})
        self.look()

    def look(self) -> None:
        """Reads the CRM and builds."""
        loop.extract(self.quick.warehouse)
        loop.build(self.quick.warehouse)

    def want(self, lead: str, tier: str, town: str | None = None) -> None:
        self.quick.write("delete from inputs.wanted where lead_id = :lead", lead=lead)
        town = "null" if town is None else f"'{town}'"
        self.quick.write(f"insert into inputs.wanted values (:lead, :tier, {town})", lead=lead, tier=tier)

    def push(self, name: str = "scores", **options: Any) -> str:
        """Pushes, and says which run it was."""
        done = loop.push(self.quick.warehouse, name, first=True, **options)
        assert done is not None
        return done.summary.run_id

    def undo(self, run: str | None = None, *, on_conflict: str = "crm_wins", **asked: Any) -> Any:
        """Takes a run back."""
        done = loop.undo(self.quick.warehouse, Asked(run, **asked), on_conflict=on_conflict)
        assert done is not None
        return done

    def plan(self, run: str | None = None, **asked: Any) -> Plan:
        return loop.plan_undo(self.quick.warehouse, Asked(run, **asked))

    def shows(self, lead: str, name: str = "title") -> str:
        return str(self.crm.book.row(lead).get(name) or "")

    def verdicts(self, push: str = "scores") -> dict[tuple[str, str], str]:
        query = f"select lead_id, field, verdict from analytics.{push}"
        return {(lead, name): verdict for lead, name, verdict in self.quick.rows(query)}


@pytest.fixture
def book(quick: QuickLoop) -> Book:
    """Once in each engine."""
    return Book(quick)


@pytest.fixture
def quick_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_before: dict[Any, Any]
) -> Iterator[Book]:
    """In DuckDB only, for what no engine has a say in."""
    monkeypatch.chdir(tmp_path)
    made = QuickLoop(tmp_path, Warehouse.duckdb(tmp_path / "leads.duckdb"), monkeypatch, made_before)
    yield Book(made)
    made.close()


def test_a_run_is_taken_back_and_held(book: Book) -> None:
    """Every field has the value from before; the push doesn't send the same value again until it wants another one."""
    book.want(book.lead, "hot", "Bonn")
    run = book.push()
    assert (book.shows(book.lead), book.shows(book.lead, "city")) == ("hot", "Bonn")
    done = book.undo(run)
    assert done.summary.fields_by_state == {"applied": 2}
    assert (book.shows(book.lead), book.shows(book.lead, "city")) == ("before", "")
    for _ in range(2):
        assert book.verdicts() == {(book.lead, "title"): "reverted", (book.lead, "city"): "reverted"}
        assert book.push() != run
        assert book.shows(book.lead) == "before"
        book.look()
    book.want(book.lead, "cold")
    book.push()
    assert (book.shows(book.lead), book.shows(book.lead, "city")) == ("cold", "")
    book.want(book.lead, "hot")
    book.push()
    assert book.shows(book.lead) == "hot"


@pytest.mark.long
@pytest.mark.parametrize("is_read", [False, True])
def test_what_a_person_changed_since_stays(book: Book, is_read: bool) -> None:
    """An edit after the run is a conflict with three values, also one that nobody has read yet; asked to, undo overwrites it."""
    book.want(book.lead, "hot", "Bonn")
    run = book.push()
    book.crm.book.edit(book.lead, {"title": "typed"})
    if is_read:
        book.look()
        plan = book.plan(run)
        (conflict,) = plan.conflicts[0].changes
        assert (conflict.base, conflict.current, conflict.desired) == ("hot", "typed", "before")
        assert plan.leads[0].values() == {"city": None}
    done = book.undo(run)
    assert done.summary.fields_by_state == ({"applied": 1} if is_read else {"applied": 1, "conflict": 1})
    assert (book.shows(book.lead), book.shows(book.lead, "city")) == ("typed", "")
    book.look()
    book.undo(run, on_conflict="warehouse_wins")
    assert book.shows(book.lead) == "before"


@pytest.mark.long
def test_the_same_value_may_be_a_persons(book: Book) -> None:
    """Somebody typed something else and then the very value that was sent: it is theirs, and stays."""
    book.want(book.lead, "hot")
    run = book.push()
    for value in ("typed", "hot"):
        book.crm.book.edit(book.lead, {"title": value})
        book.look()
    assert book.undo(run).summary.leads == 0
    assert book.shows(book.lead) == "hot"


def test_an_undo_can_be_undone(book: Book) -> None:
    """Taking an undo back sends what it took away, and nothing is held then; and once more holds it again."""
    book.want(book.lead, "hot")
    run = book.push()
    first = book.undo(run).summary.run_id
    second = book.undo(first).summary.run_id
    assert (book.shows(book.lead), book.verdicts()) == ("hot", {})
    book.undo(second)
    assert (book.shows(book.lead), book.verdicts()) == ("before", {(book.lead, "title"): "reverted"})


@pytest.mark.long
def test_a_later_run_is_no_prey_of_an_earlier_ones_undo(book: Book) -> None:
    """What a later run sent is a conflict of the earlier one's undo; both together go back to the start."""
    book.want(book.lead, "hot")
    first = book.push()
    book.want(book.lead, "hotter")
    book.push()
    plan = book.plan(first)
    assert (len(plan.leads), len(plan.conflicts)) == (0, 1)
    book.undo(push="scores", since=LONG_AGO)
    assert book.shows(book.lead) == "before"
    assert undo_of(book.plan(push="scores", since=LONG_AGO)).as_before == 1


@pytest.mark.long
def test_between_two_runs_an_edit_counts(book: Book) -> None:
    """Of several runs, what a person left between them is what comes back."""
    book.want(book.lead, "hot")
    book.push()
    book.look()
    book.crm.book.edit(book.lead, {"title": "typed"})
    book.look()
    loop.resolve(book.quick.warehouse, "scores", take="ours", leads=[book.lead])
    book.push()
    assert book.shows(book.lead) == "hot"
    book.undo(push="scores", since=LONG_AGO)
    assert book.shows(book.lead) == "typed"


def test_what_the_warehouse_won_over_comes_back(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the push overwrites an edit that nobody has read yet, the undo brings that edit back, and not what was read."""
    there = models.known

    def winning(*where: Any) -> models.Known:
        known = there(*where)
        return replace(
            known, pushes=tuple(replace(each, on_conflict="warehouse_wins") for each in known.pushes)
        )

    monkeypatch.setattr(models, "known", winning)
    book.want(book.lead, "hot")
    book.crm.book.edit(book.lead, {"title": "typed"})
    run = book.push()
    assert book.shows(book.lead) == "hot"
    book.undo(run)
    assert book.shows(book.lead) == "typed"


def test_only_some_leads_or_fields(book: Book) -> None:
    """A lead or a field that is named is taken back, and everything else stays."""
    for lead in (book.lead, book.other):
        book.want(lead, "hot", "Bonn")
    run = book.push()
    book.undo(run, leads=(book.lead,), fields=("title",))
    shown = [(book.shows(lead), book.shows(lead, "city")) for lead in (book.lead, book.other)]
    assert shown == [("before", "Bonn"), ("hot", "Bonn")]


def test_what_names_nothing_is_an_error(quick_once: Book) -> None:
    """A run, a push, a field or a lead that isn't there is named, with what is meant where that is near."""
    book = quick_once
    book.want(book.lead, "hot")
    run = book.push()
    for asked, sentence in {
        Asked(): "Say what is to be taken back",
        Asked("nothing"): "There is no run 'nothing' of a push",
        Asked(push="scorez", since=LONG_AGO): "No push named 'scorez'.*did you mean 'scores'",
        Asked(run, fields=("titles",)): "has set no field 'titles'.*did you mean 'title'",
        Asked(run, leads=("nobody",)): "sent nothing to 1 lead of those.*nobody",
    }.items():
        with pytest.raises(ConfigError, match=sentence):
            loop.plan_undo(book.quick.warehouse, asked)


def test_a_run_of_a_command_stands_for_the_push_in_it(quick_once: Book) -> None:
    """The id that ``leadloop.runs`` has for a push is as good as that of the push itself."""
    book = quick_once
    book.want(book.lead, "hot")
    run = book.push()
    book.quick.write(
        "insert into leadloop.runs (run_id, command, push_run_id) values ('of a command', 'push', :run)",
        run=run,
    )
    assert undo_of(book.plan("of a command")).runs == (run,)


@pytest.mark.long
def test_releasing_sends_it_again(book: Book) -> None:
    """What is held goes out again once somebody says so, of the leads and fields that were named."""
    for lead in (book.lead, book.other):
        book.want(lead, "hot", "Bonn")
    book.undo(book.push())
    warehouse = book.quick.warehouse
    assert len(loop.release(warehouse, "scores")) == 4
    assert [
        (each.lead_id, each.field, each.shows, each.wanted)
        for each in loop.release(warehouse, "scores", leads=[book.lead], fields=["title"])
    ] == [(book.lead, "title", "before", "hot")]
    book.push()
    assert [book.shows(lead) for lead in (book.lead, book.other)] == ["hot", "before"]
    loop.release(warehouse, "scores", everything=True)
    book.push()
    assert [book.shows(lead, "city") for lead in (book.lead, book.other)] == ["Bonn", "Bonn"]
    with pytest.raises(ConfigError, match="holds nothing of lead nobody"):
        loop.release(warehouse, "scores", leads=["nobody"])


@pytest.mark.long
def test_a_killed_undo_goes_on(book: Book) -> None:
    """Asked for again after a kill, it takes back what is left."""
    leads = book.crm.book.ids()
    for lead in leads:
        book.want(lead, "hot")
    run = book.push()
    with book.quick.killed_at(3, recorded=True), pytest.raises(Killed):
        book.undo(run)
    book.undo(run)
    assert {book.shows(lead) for lead in leads} == {"before"}
    assert set(book.verdicts().values()) == {"reverted"}


@pytest.mark.long
def test_limits_hold_for_an_undo(quick_once: Book) -> None:
    """The push's own guardrails stop it, and ``limit`` sends the first leads."""
    book = quick_once
    for lead in book.crm.book.ids():
        book.want(lead, "hot", "Bonn")
    run = book.push()
    spec = next(each for each in models.known(None).pushes if each.name == "scores")
    found = undo_chosen(book, run)
    strict = replace(spec, max_clears=2)
    plan = make_undo(
        book.quick.warehouse.engine(), undoing(strict, found, "crm_wins"), found, capabilities=CAPABILITIES
    )
    assert isinstance(plan.problem(), GuardrailError)
    done = loop.undo(book.quick.warehouse, Asked(run), limit=2)
    assert done is not None
    assert (len(done.plan.leads), done.plan.beyond_limit) == (2, book.quick.leads - 2)


def test_what_the_crm_had_not_shown_is_not_blanked(book: Book) -> None:
    """Where the CRM was first read after the run, nobody knows what was there, and nothing is taken for blank."""
    book.want(book.lead, "hot", "Bonn")
    run = book.push()
    book.quick.write(f"update {HISTORY} set first_seen_at = timestamptz '2100-01-01 00:00:00+00'")
    plan = book.plan(run)
    assert (undo_of(plan).not_known, plan.leads[0].values()) == (1, {"title": "before"})
    assert any("had not been read" in note for note in left_out(plan))


def test_what_the_crm_cannot_blank_is_reported(quick_once: Book) -> None:
    """A field that was blank and that this CRM can't blank stays, and the plan names it."""
    book = quick_once
    book.want(book.lead, "hot", "Bonn")
    found = undo_chosen(book, book.push())
    spec = next(each for each in models.known(None).pushes if each.name == "scores")
    plan = make_undo(
        book.quick.warehouse.engine(),
        undoing(spec, found, "crm_wins"),
        found,
        capabilities=replace(CAPABILITIES, lists=frozenset({"city"})),
    )
    assert undo_of(plan).not_blanked == ((book.lead, "city"),)
    assert any("can't blank city" in note for note in left_out(plan))


@pytest.mark.long
def test_rows_that_were_deleted_are_told(book: Book) -> None:
    """A compacted journal forgets nothing that an undo needs; what was deleted from the archive is counted."""
    for lead in (book.lead, book.other):
        book.want(lead, "hot")
    run = book.push()
    book.look()
    loop.maintain(book.quick.warehouse)
    assert book.quick.rows("select count(*) from leadloop.push_journal_archive")[0][0] > 0
    plan = book.plan(run)
    assert (len(plan.leads), undo_of(plan).lost) == (2, 0)
    book.quick.write("delete from leadloop.push_journal_archive where lead_id = :lead", lead=book.other)
    book.quick.write(
        "delete from leadloop.push_journal where lead_id = :lead and state <> 'confirmed'", lead=book.other
    )
    plan = book.plan(run)
    assert ([lead.lead_id for lead in plan.leads], undo_of(plan).lost) == ([book.lead], 1)
    assert any("1 field of the run can't be taken back any more" in note for note in left_out(plan))


@pytest.mark.long
def test_a_compacted_journal_still_holds(book: Book) -> None:
    """What was taken back stays held, whatever is moved to the archive."""
    book.want(book.lead, "hot")
    book.undo(book.push())
    book.look()
    loop.maintain(book.quick.warehouse)
    assert book.verdicts() == {(book.lead, "title"): "reverted"}


@pytest.mark.long
def test_leads_that_were_added_stay_unless_asked(book: Book) -> None:
    """They are listed; with ``delete_inserted`` those are deleted that nobody has touched since, within the push's limits."""
    before = set(book.crm.book.ids())
    for number in range(3):
        book.quick.write(
            "insert into inputs.forms values (:key, :phone, 'New')",
            key=f"form {number}",
            phone=f"777555000{number}",
        )
    run = book.push("adding")
    added = sorted(set(book.crm.book.ids()) - before)
    plan = book.plan(run)
    assert (len(plan.leads), undo_of(plan).inserted) == (0, tuple(added))
    assert any("--delete-inserted" in note for note in left_out(plan))
    assert book.plan(run, delete_inserted=True).unknown_leads == 3
    book.look()
    book.crm.book.edit(added[0], {"notes": "called"})
    done = book.undo(run, delete_inserted=True)
    assert done.summary.by_state == {"applied": 2, "conflict": 1}
    assert set(book.crm.book.ids()) - before == {added[0]}
    book.look()
    plan = book.plan(run, delete_inserted=True)
    assert (len(plan.leads), len(plan.conflicts), plan.removed) == (0, 1, 2)
    assert not book.verdicts("adding")
    with pytest.raises(ConfigError, match="never deletes"):
        loop.plan_undo(book.quick.warehouse, Asked(run, delete_inserted=True), on_conflict="warehouse_wins")


@pytest.mark.parametrize("is_read", [False, True])
def test_who_is_as_quick_as_the_push_is_seen(quick_once: Book, is_read: bool) -> None:
    """A CRM's times have whole seconds: an edit in the second in which the lead was made is seen by who made it, or by the change."""
    book = quick_once
    began = datetime.now(UTC).replace(microsecond=0)
    book.crm.clock.set(began, ticking=False)
    before = set(book.crm.book.ids())
    for number in range(2):
        book.quick.write(
            "insert into inputs.forms values (:key, :phone, 'New')",
            key=f"form {number}",
            phone=f"777555000{number}",
        )
    run = book.push("adding")
    of_phone = {book.crm.book.row(lead)["phone_number"]: lead for lead in set(book.crm.book.ids()) - before}
    touched, untouched = (
        of_phone["7775550000"],
        of_phone["7775550001"],
    )  # which of both is sent first is not said
    if is_read:
        book.look()
    book.crm.book.edit(touched, {"notes": "called"}, user=API_USER if is_read else "30001")
    assert len({book.crm.book.row(lead)["modified_at"] for lead in (touched, untouched)}) == 1
    book.look()
    done = book.undo(run, delete_inserted=True)
    assert done.summary.by_state == {"applied": 1}
    assert [lead.lead_id for lead in done.plan.conflicts] == ["form 0"]
    assert set(book.crm.book.ids()) - before == {touched}


def test_an_answer_that_was_long_under_way_hides_nobody(quick_once: Book) -> None:
    """What was edited after the lead was made, and before its answer came, is an edit all the same, whoever it is said to be by."""
    book = quick_once
    before = set(book.crm.book.ids())
    book.quick.write("insert into inputs.forms values ('form', '7775550001', 'New')")
    run = book.push("adding")
    (added,) = set(book.crm.book.ids()) - before
    book.crm.clock.advance(10)
    book.crm.book.edit(added, {"notes": "called"}, user=API_USER)
    book.quick.write("update leadloop.push_journal set recorded_at = recorded_at + interval '1 minute'")
    book.look()
    assert not book.plan(run, delete_inserted=True).leads


@pytest.mark.long
def test_too_many_added_leads_are_not_deleted(quick_once: Book) -> None:
    """``max_deletes`` of the push stops it."""
    book = quick_once
    book.quick.write("insert into inputs.forms values ('form', '7775550001', 'New')")
    run = book.push("adding")
    book.look()
    spec = next(each for each in models.known(None).pushes if each.name == "adding")
    found = undo_chosen(book, run, delete_inserted=True)
    strict = undoing(replace(spec, max_deletes=0, max_share=None), found, "crm_wins")
    plan = make_undo(book.quick.warehouse.engine(), strict, found, capabilities=CAPABILITIES)
    assert "max_deletes is 0" in str(plan.problem())
    unable = replace(CAPABILITIES, modes=frozenset({"update"}))
    with pytest.raises(ModelError, match="can't delete leads"):
        make_undo(book.quick.warehouse.engine(), strict, found, capabilities=unable)


@pytest.mark.long
def test_deleted_leads_are_told_with_all_that_is_known(book: Book) -> None:
    """Nothing brings them back: the plan says so, and every known value is there for whoever adds them again."""
    book.quick.write("insert into inputs.unwanted values (:lead)", lead=book.lead)
    run = book.push("removing")
    book.look()
    plan = book.plan(run)
    assert (len(plan.leads), undo_of(plan).deleted) == (0, (book.lead,))
    assert any("can't bring a deleted lead back" in note for note in left_out(plan))
    known = loop.known_of_deleted(book.quick.warehouse, plan)
    assert known is not None
    (row,) = known.rows
    told = dict(zip(known.columns, row, strict=True))
    assert (told["lead_id"], told["title"]) == (book.lead, "before")
    assert loop.known_of_deleted(book.quick.warehouse, book.plan(run, leads=(book.lead,))) is not None


def test_an_undo_needs_no_model(book: Book) -> None:
    """A push whose model is gone is taken back all the same, by the usual limits."""
    book.want(book.lead, "hot")
    run = book.push()
    book.quick.pushes = ("ratings",)  # type: ignore[misc]
    book.undo(run)
    assert book.shows(book.lead) == "before"
    assert book.verdicts("ratings") == {(book.lead, "title"): "reverted"}


def test_the_usual_limits_are_those_of_the_macro() -> None:
    """What holds for a push whose model is gone is what a model says that says nothing."""
    text = (models.packaged_project() / "macros/push/options.sql").read_text("utf-8")
    for name, limit in LIMITS.items():
        assert f"'{name}': {limit}" in text


def test_a_saved_undo_is_sent_as_it_is_or_not_at_all(quick_once: Book, tmp_path: Path) -> None:
    """Saved, read and sent; once the CRM shows something else it is another plan."""
    book = quick_once
    for lead in (book.lead, book.other):
        book.want(lead, "hot")
    run = book.push()
    file = tmp_path / "undo.json"
    save_plan(book.plan(run), file)
    assert file.stat().st_mode & 0o077 == 0
    saved = read_plan(file)
    assert (saved.fingerprint, saved.undo) == (book.plan(run).fingerprint, book.plan(run).undo)
    book.crm.book.edit(book.lead, {"title": "typed"})
    book.look()
    with pytest.raises(PlanMovedError, match="to be sent"):
        loop.undo(book.quick.warehouse, Asked(run), agreed=saved)
    save_plan(book.plan(run), file)
    loop.undo(book.quick.warehouse, Asked(run), agreed=read_plan(file))
    assert [book.shows(lead) for lead in (book.lead, book.other)] == ["typed", "before"]


def undo_of(plan: Plan) -> Undo:
    assert plan.undo is not None
    return plan.undo


def undo_chosen(book: Book, run: str, **asked: Any) -> Chosen:
    with book.quick.warehouse.engine().connect() as connection:
        return chosen(connection, Asked(run, **asked))
