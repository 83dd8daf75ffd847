"""Leads that are added, upserted and deleted; updates that go out many to a call."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connector.crm.base import Outcome
from connector.errors import ConfigError, ConflictError, DuplicateLeadError, GuardrailError, ModelError
from connector.push import Confirmation, Journal, Recovery, confirm, recover
from connector.push.journal import entry
from connector.push.resolve import conflicts, decide
from connector.render.plan import left_out
from connector.render.resolve import conflict_text
from connector.warehouse.models import OtherForm
from tests.integration.push.conftest import CAN_ALL

ADD = {"mode": "insert", "options": {"list": "333"}}
UPSERT = {"mode": "upsert", "options": {"list": "333"}}
DELETE: dict[str, Any] = {"mode": "delete", "fields": {}}


@pytest.fixture
def adding(world: Any) -> Any:
    """A CRM that can do everything, and two leads to add to it, once in each engine."""
    return _adding(world)


@pytest.fixture
def adding_here(local: Any) -> Any:
    """The same in DuckDB only."""
    return _adding(local)


def _adding(world: Any) -> Any:
    world.crm.capabilities = CAN_ALL
    world.rows(
        ("form 1", "lead_score", None, "11", None, "insert"),
        ("form 1", "status", None, "New", None, "insert"),
        ("form 2", "lead_score", None, "22", None, "insert"),
    )
    return world


def ids(world: Any, lead_id: str) -> list[str | None]:
    """The ids in the CRM that one row went through."""
    return [row.crm_lead_id for row in world.journalled() if row.lead_id == lead_id]


def test_an_added_lead_has_the_crms_id_in_the_journal(adding: Any) -> None:
    """One call per row with all its fields and the options; the id that the answer names stands beside our own."""
    plan = adding.plan(**ADD)
    assert (plan.inserts, [lead.crm_lead_id for lead in plan.leads]) == (2, [None, None])
    summary = adding.deliver(plan, concurrency=1)
    assert summary.by_state == {"applied": 2}
    assert adding.crm.calls == [
        ("[('list', '333')]", {"lead_score": "11", "status": "New"}),
        ("[('list', '333')]", {"lead_score": "22"}),
    ]
    assert ids(adding, "form 2") == [None, None, "C2"]
    assert {row.crm_lead_id for row in adding.journalled() if row.state == "applied"} == {"C1", "C2"}
    with adding.engine.connect() as connection:
        assert connection.execute(sa.text("select mode, options from leadloop.push_runs")).all() == [
            ("insert", '{"list": "333"}')
        ]


def test_a_refused_lead_is_refused_as_a_whole(adding_here: Any) -> None:
    """Without the field at fault it would be another lead, so no field of it is deferred."""
    adding_here.crm.answer = lambda lead_id, fields: Outcome(
        "rejected", "6008", "no", frozenset({"lead_score"})
    )
    adding_here.deliver(adding_here.plan(**ADD))
    assert adding_here.states("form 1", "status")[-1] == "rejected"
    assert adding_here.states("form 1", "lead_score")[-1] == "rejected"


def test_a_lost_answer_is_looked_for_before_it_is_added_again(adding: Any) -> None:
    """The lead that is there is recorded with its id, the one that isn't is deferred and planned again."""

    def loses(lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        if fields["lead_score"] == "11":
            adding.crm.leads[lead_id].update(fields)
        return Outcome("unknown")

    adding.crm.answer = loses
    adding.deliver(adding.plan(**ADD), concurrency=1)
    waiting = adding.plan(**ADD)
    assert (waiting.leads, waiting.unresolved) == ((), ("form 1", "form 2"))
    calls = len(adding.crm.calls)
    adding.crm.reads.clear()

    elsewhere = Journal(adding.engine)
    assert recover("scores", elsewhere, adding.crm, adding.crm) == Recovery(deferred=1, applied=1)
    assert adding.states("form 1", "status") == ["planned", "sent", "unknown", "applied"]
    assert ids(adding, "form 1")[-1] == "C1"
    assert adding.states("form 2") == ["planned", "sent", "unknown", "deferred"]
    assert sorted(adding.crm.reads) == ["11 in 333", "22 in 333", "22 in 333"]
    assert len(adding.crm.calls) == calls
    assert [lead.lead_id for lead in adding.plan(**ADD).leads][-1] == "form 2"
    assert not recover("scores", elsewhere, adding.crm, adding.crm)


@pytest.mark.parametrize("mode", ["insert", "delete"])
def test_one_empty_answer_is_no_proof(local: Any, mode: str) -> None:
    """A lead that one look overlooks is neither added a second time nor taken for deleted."""
    local.crm.capabilities = CAN_ALL
    local.rows(("L1", "lead_score" if mode == "insert" else "*", None, "11", None, mode))
    local.crm.answer = lambda lead_id, fields: Outcome("unknown")
    local.deliver(local.plan(**(ADD if mode == "insert" else {"mode": mode})))
    local.crm.leads["L1"] = {"lead_score": "11"}
    local.crm.overlooks = 1
    was = {"insert": Recovery(applied=1), "delete": Recovery(deferred=1)}
    assert recover("scores", local.journal, local.crm, local.crm) == was[mode]
    assert local.crm.overlooks == 0


def test_a_killed_insert_is_looked_for_too(adding_here: Any) -> None:
    """sent without an outcome is no licence to send it again."""
    plan = adding_here.plan(**ADD)
    run_id = adding_here.journal.start_run(plan)
    sent = [entry(plan, plan.leads[0], change, "sent") for change in plan.leads[0].changes]
    adding_here.journal.record(run_id, sent)
    adding_here.crm.leads["C9"] = {"lead_score": "11"}
    assert recover("scores", adding_here.journal, adding_here.crm, adding_here.crm) == Recovery(
        deferred=1, applied=1
    )
    assert adding_here.states("form 1") == ["planned", "sent", "unknown", "applied"]
    assert ids(adding_here, "form 1")[-1] == "C9"


def test_a_lead_of_another_row_is_not_taken_for_this_one(local: Any) -> None:
    """Two rows with the same number: the one that arrived keeps its lead, the other one is sent again."""
    local.crm.capabilities = CAN_ALL
    local.rows(*((key, "lead_score", None, "11", None, "insert") for key in ("form 1", "form 2", "form 3")))
    local.crm.answer = lambda lead_id, fields: Outcome("applied" if lead_id == "C1" else "unknown")
    local.deliver(local.plan(**ADD), concurrency=1)
    assert recover("scores", local.journal, local.crm, local.crm) == Recovery(deferred=2)
    assert ids(local, "form 1")[-1] == "C1"
    assert local.states("form 2")[-1] == "deferred"


def test_what_was_sent_just_now_is_not_looked_for_yet(adding_here: Any) -> None:
    """A CRM that was slow to answer may be slow to show the lead: until then it waits, and its run stays open."""
    adding_here.crm.answer = lambda lead_id, fields: Outcome("unknown")
    adding_here.deliver(adding_here.plan(**ADD))
    adding_here.crm.reads.clear()
    look: dict[str, Any] = {"settle": timedelta(minutes=1)}
    assert recover("scores", adding_here.journal, adding_here.crm, adding_here.crm, **look) == Recovery(
        unknown=2
    )
    assert adding_here.crm.reads == []
    assert adding_here.plan(**ADD).leads == ()
    later = Journal(adding_here.engine, clock=lambda: datetime.now(UTC) + timedelta(minutes=2))
    assert recover("scores", later, adding_here.crm, adding_here.crm, **look) == Recovery(deferred=2)


@pytest.mark.parametrize("writer", [False, True])
def test_an_insert_that_can_t_be_looked_for_stays_unknown(adding_here: Any, writer: bool) -> None:
    """No writer, or one whose CRM is down: nothing is sent to be on the safe side."""
    adding_here.crm.answer = lambda lead_id, fields: Outcome("unknown")
    adding_here.deliver(adding_here.plan(**ADD))
    adding_here.crm.down = True
    found = recover("scores", adding_here.journal, None, adding_here.crm if writer else None)
    assert found == Recovery(unknown=2)
    assert adding_here.plan(**ADD).leads == ()


def test_own_ids_are_never_taken_for_the_crms(world: Any) -> None:
    """A row that waits under the id 7 keeps no push from updating the CRM's lead 7, nor is that lead its confirmation."""
    world.crm.capabilities = CAN_ALL
    world.rows(("7", "lead_score", None, "11", None, "insert"))
    world.crm.answer = lambda lead_id, fields: Outcome("unknown")
    world.deliver(world.plan(name="forms", **ADD))
    world.lead("7", lead_score="11", last_seen_at=datetime.now(UTC) + timedelta(minutes=1))
    assert world.plan(name="forms", **ADD).leads == ()
    assert [lead.lead_id for lead in world.plan().leads] == ["7"]
    recover("forms", world.journal, None)
    assert confirm(world.engine, world.journal, "convoso") == Confirmation()


def test_added_leads_are_confirmed_under_the_crms_id(adding: Any) -> None:
    """Reading the lead that the CRM made of a row confirms its fields, or shows what the CRM made of them."""
    adding.deliver(adding.plan(**ADD), concurrency=1)
    later = datetime.now(UTC) + timedelta(minutes=1)
    adding.lead("C1", lead_score="11", status="new", last_seen_at=later)
    adding.lead("form 2", lead_score="22", last_seen_at=later)
    found = confirm(adding.engine, adding.journal, "convoso")
    assert (found.confirmed, found.reverted) == (1, 1)
    assert adding.states("form 1", "status")[-1] == "reverted"
    assert adding.states("form 2")[-1] == "applied"


def test_an_upsert_updates_the_lead_it_knows(world: Any) -> None:
    """A row with the CRM's id is an update of that lead, the others are added; a person's late edit is left alone."""
    world.crm.capabilities = CAN_ALL
    world.rows(
        ("form 1", "status", "Old", "New", None, "change"),
        ("form 2", "lead_score", None, "22", None, "insert"),
        ("form 3", "status", "Old", "New", None, "change"),
    )
    with world.engine.begin() as connection:
        connection.execute(sa.text("alter table analytics.scores add column crm_lead_id text"))
        connection.execute(
            sa.text(
                "update analytics.scores set crm_lead_id = '1' || right(lead_id, 1) where verdict = 'change'"
            )
        )
    plan = world.plan(**UPSERT)
    assert [(lead.lead_id, lead.crm_lead_id) for lead in plan.leads] == [
        ("form 1", "11"), ("form 2", None), ("form 3", "13"),
    ]  # fmt: skip
    world.deliver(plan, concurrency=1, recent_edits=lambda _waiting: {"13": {"status": "Edited"}})
    assert world.crm.calls == [("11", {"status": "New"}), ("[('list', '333')]", {"lead_score": "22"})]
    assert (ids(world, "form 1")[0], ids(world, "form 2")[-1]) == ("11", "C2")
    assert world.states("form 3", "status")[-1] == "conflict"


def test_an_upsert_without_an_answer_is_decided_by_what_it_was(world: Any) -> None:
    """A known lead is read by its id in the CRM; a new one is looked for."""
    world.crm.capabilities = CAN_ALL
    world.rows(
        ("form 1", "status", "Old", "New", None, "change"),
        ("form 2", "lead_score", None, "22", None, "insert"),
    )
    with world.engine.begin() as connection:
        connection.execute(sa.text("alter table analytics.scores add column crm_lead_id text"))
        connection.execute(sa.text("update analytics.scores set crm_lead_id = '11' where verdict = 'change'"))
    world.crm.answer = lambda lead_id, fields: Outcome("unknown")
    world.deliver(world.plan(**UPSERT))
    world.crm.reads.clear()
    world.crm.leads["11"] = {"status": "New"}
    assert recover("scores", world.journal, world.crm, world.crm) == Recovery(deferred=1, applied=1)
    assert sorted(world.crm.reads) == ["11", "22 in 333", "22 in 333"]


def test_a_lead_that_an_upsert_finds_may_have_been_there_before(local: Any) -> None:
    """What it shows tells which of the values arrived: one that it does not show is sent again, to that lead."""
    local.crm.capabilities = CAN_ALL
    local.rows(
        ("form 1", "lead_score", None, "22", None, "insert"),
        ("form 1", "status", None, "New", None, "insert"),
    )
    local.crm.answer = lambda lead_id, fields: Outcome("unknown")
    local.deliver(local.plan(**UPSERT))
    local.crm.leads["C9"] = {"lead_score": "22", "status": "Old"}
    assert recover("scores", local.journal, local.crm, local.crm) == Recovery(deferred=1)
    last = {row.field: (row.state, row.crm_lead_id) for row in local.journalled()}
    assert last == {"lead_score": ("applied", "C9"), "status": ("deferred", "C9")}


@pytest.fixture
def deleting(world: Any) -> Any:
    """A CRM that can do everything, and three of its leads to delete, once in each engine."""
    return _deleting(world)


@pytest.fixture
def deleting_here(local: Any) -> Any:
    """The same in DuckDB only."""
    return _deleting(local)


def _deleting(world: Any) -> Any:
    world.crm.capabilities = CAN_ALL
    world.rows(*((lead, "*", None, None, None, "delete") for lead in "abc"))
    return world


def test_deletions(deleting_here: Any) -> None:
    """One call per lead; a lead that was edited since it was read is left alone, unless the warehouse wins."""
    plan = deleting_here.plan(**DELETE)
    assert (plan.deletes, plan.clears, plan.inserts) == (3, 0, 0)
    summary = deleting_here.deliver(
        plan, concurrency=1, recent_edits=lambda _waiting: {"b": {"status": "Edited"}}
    )
    assert deleting_here.crm.calls == [("a", {}), ("c", {})]
    assert summary.by_state == {"applied": 2, "conflict": 1}
    deleting_here.deliver(
        deleting_here.plan(on_conflict="warehouse_wins", **DELETE),
        recent_edits=lambda _waiting: {"b": {"status": "Edited"}},
    )
    assert ("b", {}) in deleting_here.crm.calls


def test_a_deletion_without_an_answer_is_read(deleting_here: Any) -> None:
    """A lead that is gone was deleted; one that is still there is deferred."""
    deleting_here.crm.answer = lambda lead_id, fields: Outcome("unknown")
    deleting_here.deliver(deleting_here.plan(**DELETE))
    deleting_here.crm.leads["b"] = {"status": "New"}
    assert recover("scores", deleting_here.journal, deleting_here.crm, deleting_here.crm) == Recovery(
        deferred=1, applied=2
    )
    assert deleting_here.states("a", "*")[-1] == "applied"
    assert deleting_here.states("b", "*")[-1] == "deferred"


@pytest.mark.parametrize(("seconds", "state"), [(-2, "deferred"), (0, "applied"), (5, "applied")])
def test_a_deletion_without_an_answer_spares_who_was_brought_back(
    deleting_here: Any, seconds: int, state: str
) -> None:
    """A lead that is there and was modified since may have been brought back by a person: it isn't deleted once more.

    The answer was waited for, and did not come, for ten seconds.
    """
    now, called = [datetime.now(UTC)], {}

    def answer(lead_id: str, fields: Any) -> Outcome:
        called[lead_id] = now[0]
        now[0] += timedelta(seconds=10)
        return Outcome("unknown")

    deleting_here.crm.answer = answer
    deleting_here.journal.clock = lambda: now[0]
    deleting_here.deliver(deleting_here.plan(**DELETE), concurrency=1)
    modified = f"{called['b'] + timedelta(seconds=seconds):%F %T}"
    deleting_here.crm.leads["b"] = {"status": "New", "modified_at": modified}
    recover("scores", deleting_here.journal, deleting_here.crm, deleting_here.crm)
    assert deleting_here.states("b", "*")[-1] == state


def test_deletions_are_confirmed_by_the_removal(deleting: Any) -> None:
    """A lead that is seen as removed confirms it, one that is shown again doesn't, and one not seen says nothing."""
    deleting.deliver(deleting.plan(**DELETE))
    later = datetime.now(UTC) + timedelta(minutes=1)
    before = datetime.now(UTC) - timedelta(minutes=1)
    deleting.lead("a", removed_at=later, last_seen_at=before)
    deleting.lead("b", last_seen_at=later)
    deleting.lead("c", last_seen_at=before)
    assert confirm(deleting.engine, deleting.journal, "convoso") == Confirmation(confirmed=1, reverted=1)
    assert [deleting.states(lead, "*")[-1] for lead in "abc"] == ["confirmed", "reverted", "applied"]


def test_a_person_decides_about_a_lead_that_is_back(deleting_here: Any) -> None:
    """The conflict says what happened, and the decision is on record for the next diff."""
    deleting_here.rows(("d", "*", None, None, None, "conflict"))
    plan = deleting_here.plan(**DELETE)
    (conflict,) = decide(deleting_here.journal, plan, "ours")
    assert conflict_text(conflict) == "lead d: we deleted it, and the CRM shows it again"
    (row,) = deleting_here.journalled()
    assert (row.lead_id, row.crm_lead_id, row.field, row.state, row.code) == (
        "d",
        "d",
        "*",
        "confirmed",
        "resolved",
    )


def test_a_skipped_lead_is_decided_again_when_it_is_named(local: Any) -> None:
    """It is in no list of conflicts any more; what else was refused is not a conflict because its lead is named."""
    local.rows(("a", "lead_score", "9", "5", "3", "conflict"))
    decide(local.journal, local.plan(), "skip")
    (row,) = local.journalled()
    assert (row.state, row.code, row.value) == ("rejected", "skipped", "5")
    with local.engine.begin() as connection:
        connection.execute(sa.text("update analytics.scores set verdict = 'rejected'"))
    local.rows(("a", "status", "x", "y", None, "rejected"))
    assert conflicts(local.journal, local.plan()) == []
    (again,) = decide(local.journal, local.plan(), "ours", ["a"])
    assert (again.field, again.theirs, again.ours) == ("lead_score", "9", "5")
    rows = sorted(local.journalled(), key=lambda row: row.recorded_at)
    assert [(row.state, row.code) for row in rows] == [("rejected", "skipped"), ("confirmed", "resolved")]
    with pytest.raises(ConfigError, match="no conflict for lead a"):
        conflicts(local.journal, local.plan(), ["a"])


# --- what a plan refuses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"mode": "insert"}, "can't be added to convoso without list"),
        ({**ADD, "fields": {}}, "can't be added to convoso without lead_score"),
        ({**ADD, "options": {"lst": "3"}}, r"no option 'lst'; did you mean 'list'\?$"),
        ({**ADD, "options": {"list": "x"}}, "the option list must be a whole number"),
        ({"options": {"list": "3"}}, "options are for inserts and upserts, and mode is 'update'"),
        ({"fields": {"check": "c"}}, "'check' is no field of a lead but an option"),
        ({"fields": {"token": "t"}}, "no push to convoso sets the field 'token'"),
    ],
)
def test_what_the_crm_has_not_is_refused_at_plan_time(
    adding_here: Any, options: dict[str, Any], sentence: str
) -> None:
    """Modes, options and fields are checked against what the vendor can do, with one sentence."""
    with pytest.raises(ModelError, match=sentence):
        adding_here.plan(**options)


def test_additions_and_deletions_have_limits_of_their_own(deleting_here: Any) -> None:
    """max_inserts and max_deletes count leads; an upsert's updates count for max_changes alone."""
    with pytest.raises(GuardrailError, match="3 leads would be deleted, and max_deletes is 2"):
        deleting_here.plan(max_deletes=2, max_changes=0, **DELETE).check()
    deleting_here.plan(max_deletes=3, max_changes=0, max_inserts=0, **DELETE).check()


def test_the_limits_of_additions(adding_here: Any) -> None:
    """An insert is bounded by max_inserts and by nothing that is about leads which are there."""
    with pytest.raises(GuardrailError, match="2 leads would be added, and max_inserts is 1"):
        adding_here.plan(max_inserts=1, **ADD).check()
    adding_here.plan(max_changes=0, max_share=0.0, max_clears=0, **ADD).check()
    with pytest.raises(GuardrailError, match="2 leads would be added"):
        adding_here.plan(max_inserts=1, **UPSERT).check()
    adding_here.plan(max_changes=0, **UPSERT).check()


def test_two_rows_with_one_key_stop_an_insert(adding_here: Any) -> None:
    """Which of the two is meant nobody knows."""
    adding_here.rows(("form 1", "status", None, "New", None, "insert"))
    with pytest.raises(DuplicateLeadError, match=r"for 1 lead \(such as “••••”\)"):
        adding_here.plan(**ADD).check()


def test_options_are_part_of_what_is_agreed_to(adding_here: Any) -> None:
    """Another list is another plan."""
    plans = [adding_here.plan(mode="insert", options={"list": number}) for number in ("1", "2", "1")]
    assert plans[0].fingerprint == plans[2].fingerprint != plans[1].fingerprint


def test_a_stop_counts_restored_leads(deleting_here: Any) -> None:
    """on_conflict='stop' holds for deletions too."""
    deleting_here.rows(("d", "*", None, None, None, "conflict"))
    with pytest.raises(ConflictError):
        deleting_here.plan(on_conflict="stop", **DELETE).check()


# --- older journals, and many to a call ---------------------------------------------------------------------------


def test_an_older_journal_gets_the_new_columns(world: Any) -> None:
    """A plan works before, a push adds them, and what was recorded before is still understood."""
    world.rows(("a", "lead_score", "3", "7", None, "change"), ("b", "lead_score", "3", "7", None, "change"))
    world.crm.answer = lambda lead_id, fields: Outcome("unknown" if lead_id == "a" else "applied")
    world.deliver()
    with world.engine.begin() as connection:
        # DuckDB drops no column of a table with an index, and PostgreSQL needs none to be dropped.
        connection.execute(sa.text("alter table leadloop.push_journal drop column crm_lead_id"))
        connection.execute(sa.text("alter table leadloop.push_runs drop column options"))
        connection.execute(sa.text("alter table leadloop.push_runs drop column equal"))
        connection.execute(sa.text("update leadloop.warehouse set version = 1"))
    assert world.plan().unresolved == ("a",)
    world.journal.ensure()
    world.journal.ensure()
    world.crm.leads["a"] = {"lead_score": "7"}
    assert recover("scores", world.journal, world.crm, world.crm) == Recovery(applied=1)
    world.lead("b", lead_score="7", last_seen_at=datetime.now(UTC) + timedelta(minutes=1))
    assert confirm(world.engine, world.journal, "convoso") == Confirmation(confirmed=1)


class Bulk:
    """Takes the part of a writer that has one call for many."""

    def __init__(self, world: Any, most: int) -> None:
        self.calls: list[int] = []
        self.answers: Any = lambda leads: [world.crm.update(lead_id, fields) for lead_id, fields in leads]
        world.crm.most_per_call = most
        world.crm.update_many = self.update_many

    def update_many(self, leads: Sequence[tuple[str, Mapping[str, str | None]]]) -> list[Outcome]:
        self.calls.append(len(leads))
        outcomes: list[Outcome] = self.answers(leads)
        return outcomes


def test_many_leads_go_out_in_one_call(world: Any) -> None:
    """As many as the writer takes, and each lead has the state that its own outcome says."""
    world.changes(60)
    bulk = Bulk(world, 25)
    world.crm.answer = lambda lead_id, fields: Outcome("rejected" if lead_id == "L30" else "applied")
    summary = world.deliver(concurrency=1, batch=60)
    assert sorted(lead for lead, _ in world.crm.calls) == [f"L{number:02}" for number in range(60)]
    assert summary.by_state == {"applied": 59, "rejected": 1}
    assert bulk.calls == [25, 25, 10]
    assert summary.calls == 3
    assert world.states("L30") == ["planned", "sent", "rejected"]


def test_an_answer_that_leaves_leads_out_says_nothing_about_any(local: Any) -> None:
    """Which outcome belongs to which lead can't be guessed."""
    local.changes(3)
    Bulk(local, 25).answers = lambda leads: [Outcome("applied")]
    assert local.deliver(concurrency=3).by_state == {"unknown": 3}


def test_failed_calls_are_counted_not_their_leads(local: Any) -> None:
    """One failed call with 25 leads is one failure on the way to giving up."""
    local.changes(600)
    bulk = Bulk(local, 25)
    bulk.answers = lambda leads: [Outcome("deferred", reason="busy")] * len(leads)
    summary = local.deliver(concurrency=1, breaker=10)
    assert (len(bulk.calls), summary.by_state) == (10, {"deferred": 600})


# --- values that the CRM keeps in a form of its own ---------------------------------------------------------------

EQUAL = {"equal": {"lead_score": "number"}}


def test_a_value_in_another_form_is_confirmed(world: Any) -> None:
    """By the rule of the run that sent it; without one it is reverted, and the rule is told."""
    world.changes(2)
    world.deliver(world.plan(limit=1, **EQUAL))
    world.lead("L0", lead_score="0.00", last_seen_at=datetime.now(UTC) + timedelta(minutes=1))
    assert confirm(world.engine, world.journal, "convoso") == Confirmation(confirmed=1)
    world.deliver(world.plan(max_share=None))
    with world.engine.begin() as connection:
        connection.execute(
            sa.text("update analytics.leads set last_seen_at = last_seen_at + interval '1 hour'")
        )
    world.lead("L1", lead_score="1.00", last_seen_at=datetime.now(UTC) + timedelta(minutes=1))
    kept = OtherForm("convoso", "lead_score", "number", 2)
    assert confirm(world.engine, world.journal, "convoso") == Confirmation(reverted=2, other_forms=(kept,))


def test_a_value_in_another_form_is_no_edit(local: Any) -> None:
    """Neither between plan and call, nor when a lost answer is looked up."""
    local.rows(("a", "lead_score", "3", "7", None, "change"), ("b", "lead_score", "3", "7", None, "change"))
    edits = {"a": {"lead_score": "7.0"}, "b": {"lead_score": "3.0"}}
    local.crm.answer = lambda lead_id, fields: Outcome("unknown")
    local.deliver(local.plan(**EQUAL), recent_edits=lambda _waiting: edits)
    assert local.states("a") == ["planned", "confirmed"]
    assert local.states("b") == ["planned", "sent", "unknown"]
    local.crm.leads["b"] = {"lead_score": "7.00"}
    assert recover("scores", local.journal, local.crm) == Recovery(applied=1)


def test_flapping_values_are_shown_and_not_sent(local: Any) -> None:
    """The plan holds them apart, and its text says what to do."""
    local.rows(("a", "lead_score", "3", "7", "7", "flapping"))
    plan = local.plan()
    assert (plan.leads, [lead.lead_id for lead in plan.flapping]) == ((), ["a"])
    (note,) = left_out(plan)
    assert "accepted the same value three times" in note
    local.rows(("b", "lead_score", "7.0", "7", "7", "flapping"), ("c", "status", "x", "y", "y", "flapping"))
    assert sorted(left_out(local.plan())) == [
        "1 lead held back: convoso accepted the same value three times and showed another one each time, in status",
        "2 leads held: convoso keeps lead_score in another form; equal = {'lead_score': 'number'} in the push would make them equal",
    ]
