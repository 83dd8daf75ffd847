"""Rows of a push model in a real warehouse -> a plan."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from connector.crm.base import Outcome
from connector.errors import ConflictError, DuplicateLeadError, GuardrailError, ModelError, PlanMovedError
from connector.push import expect, make_plan
from connector.warehouse.relations import DEFAULT
from tests.integration.push.conftest import CAN, Push


def test_a_plan_holds_each_lead_once_ordered_by_id(world: Any) -> None:
    """Rows come in any order; the plan is one entry per lead, by lead id, with its fields by name."""
    world.rows(
        ("b", "status", "New", "Hot", "Cold", "change"),
        ("a", "lead_score", None, "7", None, "change"),
        ("b", "lead_score", "1", None, "1", "clear"),
    )
    plan = world.plan()
    assert [lead.lead_id for lead in plan.leads] == ["a", "b"]
    assert plan.leads[1].values() == {"lead_score": None, "status": "Hot"}
    assert (plan.fields, plan.clears) == (3, 1)
    change = plan.leads[1].changes[1]
    assert (change.current, change.desired, change.base, change.verdict) == ("New", "Hot", "Cold", "change")


def test_planning_writes_nothing(world: Any) -> None:
    """A plan leaves the journal as empty as it was."""
    world.changes(3)
    world.plan()
    assert world.journalled() == []


@pytest.mark.parametrize(
    ("on_conflict", "sent", "conflicts"), [("crm_wins", [], 1), ("warehouse_wins", ["a"], 0), ("stop", [], 1)]
)
def test_on_conflict_decides_what_becomes_of_a_persons_edit(
    local: Any, on_conflict: str, sent: list[str], conflicts: int
) -> None:
    """A conflict is left alone, sent, or kept to stop the run."""
    local.rows(("a", "status", "Theirs", "Ours", "Before", "conflict"))
    plan = local.plan(on_conflict=on_conflict)
    assert [lead.lead_id for lead in plan.leads] == sent
    assert len(plan.conflicts) == conflicts


def test_a_lead_may_be_in_conflict_with_one_field_and_sent_with_another(local: Any) -> None:
    """crm_wins protects the field that was edited, not the whole lead."""
    local.rows(
        ("a", "status", "Theirs", "Ours", "Before", "conflict"),
        ("a", "lead_score", "1", "2", "1", "change"),
    )
    plan = local.plan()
    assert plan.leads[0].values() == {"lead_score": "2"}
    assert [change.field for change in plan.conflicts[0].changes] == ["status"]


def test_stop_stops_on_a_conflict(local: Any) -> None:
    """on_conflict='stop' turns a conflict into exit code 4, naming the model and the number."""
    local.rows(("a", "status", "Theirs", "Ours", "Before", "conflict"))
    with pytest.raises(ConflictError, match=r"1 lead of scores were edited in convoso") as caught:
        local.plan(on_conflict="stop").check()
    assert caught.value.exit_code == 4
    assert "Theirs" not in str(caught.value)


LISTED = replace(CAN, lists=frozenset({"tags"}), objects={"custom": "custom.tier"})


@pytest.mark.parametrize("text", ["hot, vip", "", None, "[hot]", '["hot"', '{"a": 1}', '"hot"', "7", "null"])
def test_a_list_takes_a_json_list_and_nothing_else(local: Any, text: str | None) -> None:
    """Found when the plan is made: the error names field, type and leads, and repeats no value."""
    push = Push(fields={"tags": "tags", "status": "status"})
    local.rows(
        *((f"{number:02}", "tags", '["a"]', '["hot","vip"]', None, "change") for number in range(20)),
        ("20", "status", None, "any text", None, "change"),
        ("21", "tags", None, "[]", None, "change"),
    )
    plan = make_plan(local.engine, push, capabilities=LISTED)
    assert len(plan.leads) == 22
    verdict = "change" if text else "clear"
    local.rows(("30", "tags", '["a"]', text, None, verdict), ("31", "tags", '["a"]', text, None, verdict))
    with pytest.raises(
        ModelError, match=r"'tags' is a list in convoso.* 2 leads \(such as 30, 31\)"
    ) as caught:
        make_plan(local.engine, push, capabilities=LISTED)
    assert caught.value.fields == {"tags"}
    assert "hot," not in str(caught.value).replace('["hot","vip"]', "")


def test_an_object_takes_no_text(local: Any) -> None:
    """Whatever the rows hold: the error says which field inside of it could be meant."""
    local.changes(1)
    with pytest.raises(ModelError, match=r"'custom' is an object in convoso.* 'custom\.tier'"):
        make_plan(local.engine, Push(fields={"custom": "tier"}), capabilities=LISTED)


def test_what_is_not_sent_is_counted(local: Any) -> None:
    """Refused values, removed leads and leads the CRM never showed are shown, and never sent."""
    local.rows(
        ("a", "status", "x", "y", None, "rejected"),
        ("b", "status", None, "y", None, "removed"),
        ("b", "lead_score", None, "1", None, "removed"),
        ("c", "status", None, "y", None, "unknown_lead"),
    )
    plan = local.plan()
    assert plan.leads == ()
    assert (len(plan.rejected), plan.removed, plan.unknown_leads) == (1, 1, 1)


def test_two_rows_for_one_lead_and_field_stop_the_push(world: Any) -> None:
    """Even two equal rows are a mistake in the model: nothing is sent."""
    world.rows(("a", "status", "x", "y", None, "change"), ("a", "status", "x", "y", None, "change"))
    with pytest.raises(DuplicateLeadError, match=r"scores .* 1 lead \(such as a\)") as caught:
        world.plan().check()
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("key", [None, "", "  "])
def test_a_row_without_a_lead_id_stops_the_push(local: Any, key: str | None) -> None:
    """A NULL key is not a lead that may silently be left out."""
    local.rows((key, "status", "x", "y", None, "change"), ("a", "status", "x", "y", None, "change"))
    with pytest.raises(ModelError, match="1 row without a lead id") as caught:
        local.plan().check()
    assert caught.value.exit_code == 2


def test_max_changes_counts_leads(local: Any) -> None:
    """Three leads with two fields each are three changes."""
    local.changes(3, ("lead_score", "status"))
    local.plan(max_changes=3).check()
    with pytest.raises(GuardrailError, match=r"3 leads would change, and max_changes is 2"):
        local.plan(max_changes=2).check()


def test_max_share_counts_the_leads_that_are_there(world: Any) -> None:
    """The share is of the CRM's leads that are not removed; the limit itself is allowed."""
    world.changes(2)
    for each in range(4):
        world.lead(f"L{each}")
    world.lead("gone", removed_at=datetime.now(UTC))
    assert world.plan().crm_leads == 4
    world.plan(max_share=0.5).check()
    with pytest.raises(
        GuardrailError, match=r"50% of the leads in convoso would change, and max_share is 49%"
    ):
        world.plan(max_share=0.49).check()


def test_max_share_of_a_crm_that_is_not_read_stops_the_push(local: Any) -> None:
    """Unknown is not passed: without leads of that CRM nothing is sent, unless the limit is switched off."""
    local.plan(max_share=0.0).check()  # nothing would change
    local.changes(2)
    guardrail = local.plan(max_share=1.0).guardrails[1]
    assert (guardrail.actual, guardrail.status) == (None, "tripped")
    with pytest.raises(GuardrailError, match=r"leadloop extract .* or set max_share = none"):
        local.plan(max_share=1.0).check()
    off = local.plan(max_share=None)
    off.check()
    assert off.guardrails[1].status == "off"


def test_max_share_counts_the_leads_of_another_schema(world: Any) -> None:
    """Where a project has its own models elsewhere, leads are not beside the push, and the share is that of them all the same."""
    world.changes(2)
    for each in range(4):
        world.lead(f"L{each}")
    with world.engine.begin() as connection:
        connection.execute(sa.text("create schema marketing"))
        connection.execute(sa.text("create table marketing.scores as select * from analytics.scores"))
    push = Push(schema="marketing", max_share=0.1)
    with pytest.raises(GuardrailError, match=r"50% of the leads in convoso would change"):
        make_plan(world.engine, push, leads=DEFAULT.leads).check()
    with pytest.raises(GuardrailError, match="is not known"):
        make_plan(world.engine, push).check()


def test_max_clears_counts_fields(local: Any) -> None:
    """Clearing is counted by field, whatever the verdict is called."""
    local.rows(("a", "status", "x", None, None, "clear"), ("a", "lead_score", "1", None, None, "clear"))
    local.plan(max_clears=2).check()
    with pytest.raises(GuardrailError, match=r"2 fields would be cleared, and max_clears is 1"):
        local.plan(max_clears=1).check()


def test_a_limit_of_none_is_switched_off(local: Any) -> None:
    """None is no limit, and the plan says that too."""
    local.changes(3)
    plan = local.plan(max_changes=None, max_clears=None, max_share=None)
    plan.check()
    assert all("switched off" in guardrail.explanation for guardrail in plan.guardrails)


def test_limit_keeps_the_first_leads_and_guards_only_them(local: Any) -> None:
    """--limit is the way to send a careful few of a plan that is too large."""
    local.changes(5)
    plan = local.plan(limit=2, max_changes=2)
    plan.check()
    assert [lead.lead_id for lead in plan.leads] == ["L0", "L1"]
    assert plan.beyond_limit == 3


def test_a_push_that_was_not_built_says_so(local: Any) -> None:
    """A missing view is a sentence with the command that makes it."""
    with pytest.raises(ModelError, match=r"hot is not in the warehouse yet .* leadloop build"):
        local.plan(name="hot", identifier="hot")


def test_a_model_the_macro_did_not_write_says_so(local: Any) -> None:
    """A view of other columns can't be read as a push."""
    with local.engine.begin() as connection:
        connection.execute(sa.text("create view analytics.own as select 'a' as lead_id"))
    with pytest.raises(ModelError, match="has no column field, column_name"):
        local.plan(identifier="own")


def test_a_view_that_fails_names_the_model_and_no_value(world: Any) -> None:
    """An error inside the model's SQL tells its kind; the engine's words could quote a lead."""
    with world.engine.begin() as connection:
        connection.execute(sa.text("create table analytics.texts (number text)"))
        connection.execute(sa.text("insert into analytics.texts values ('+15550001111')"))
        columns = ", ".join(
            f"'x' as {name}"
            for name in (
                "crm",
                "field",
                "column_name",
                "current_value",
                "desired_value",
                "base_value",
                "verdict",
            )
        )
        connection.execute(
            sa.text(
                "create view analytics.broken as select "
                f"cast(cast(number || 'z' as integer) as text) as lead_id, {columns} from analytics.texts"
            )
        )
    with pytest.raises(ModelError, match="scores can't be read") as caught:
        world.plan(identifier="broken")
    assert "5550001111" not in str(caught.value)


def test_a_verdict_nobody_knows_is_an_error(local: Any) -> None:
    """A row that isn't understood is never skipped."""
    local.rows(("a", "status", "x", "y", None, "maybe"))
    with pytest.raises(ModelError, match="verdict is none of"):
        local.plan()


def test_a_mode_the_vendor_lacks_says_what_it_can_do(local: Any) -> None:
    """Asking for an upsert where only updates exist fails at plan time."""
    local.changes(1)
    with pytest.raises(ModelError, match=r"mode is 'upsert', and convoso can only do update"):
        local.plan(mode="upsert")


def test_a_lead_with_an_open_question_waits(world: Any) -> None:
    """A lead whose last write was not answered, by any push to that CRM, is left out until it was read."""
    world.changes(3)
    world.crm.answer = lambda lead_id, fields: Outcome("unknown" if lead_id == "L1" else "rejected")
    world.deliver()
    plan = world.plan(name="another")
    assert plan.unresolved == ("L1",)
    assert [lead.lead_id for lead in plan.leads] == ["L0", "L2"]


def test_the_fingerprint_is_that_of_what_is_sent(local: Any) -> None:
    """The same rows give the same fingerprint; another value another one, and the plan that was agreed to is refused."""
    local.rows(("a", "status", "x", "y", None, "change"))
    first = local.plan()
    assert local.plan().fingerprint == first.fingerprint
    local.rows(("b", "status", "x", None, None, "clear"))
    second = local.plan()
    expect(second, second)
    with pytest.raises(PlanMovedError, match="leadloop plan scores"):
        expect(second, first)


def test_an_edit_since_the_agreement_stops_the_push(world: Any) -> None:
    """What a person typed where the plan had shown a blank is read by now: nothing is sent, and no value is told."""
    world.rows(("a", "status", None, "Hot", None, "change"), ("b", "status", None, "Hot", None, "change"))
    agreed = world.plan()
    with world.engine.begin() as connection:
        connection.execute(
            sa.text("update analytics.scores set current_value = 'do not call' where lead_id = 'a'")
        )
    with pytest.raises(PlanMovedError, match=r"1 lead to be sent \(such as a: status\)") as caught:
        expect(world.plan(), agreed)
    assert "do not call" not in str(caught.value)


def test_the_plan_knows_when_leads_were_last_read(world: Any) -> None:
    """seen_at is the last sighting of any of the CRM's leads, in UTC."""
    at = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
    world.lead("a", last_seen_at=at)
    world.lead("b", last_seen_at=at - timedelta(days=1))
    assert world.plan().seen_at == at


def test_anything_of_the_right_shape_is_a_push(local: Any) -> None:
    """A plan needs a model's options, not a class of ours; capabilities only serve to check the mode."""
    local.changes(1)
    push = SimpleNamespace(
        name="scores", schema="analytics", identifier="scores", crm="convoso", mode="update",
        on_conflict="crm_wins", max_changes=10, max_share=None, max_unknown_share=None, max_clears=None, max_inserts=None, max_deletes=None,
        fields={}, options={}, equal={}, policies={}, approval="none", approve_above=None,
    )  # fmt: skip
    assert make_plan(local.engine, push).leads == local.plan().leads
