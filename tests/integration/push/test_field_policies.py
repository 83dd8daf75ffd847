"""What one field of a push has of its own decides for that field, in everything that happens to it."""

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from connector.errors import ConflictError
from connector.push import expect
from connector.push.rivals import rivalry
from connector.render.plan import plan_text
from tests.integration.push.conftest import Push
from tests.integration.push.test_rivals import OTHER, other_rows

WINS = {"status": {"on_conflict": "warehouse_wins"}}
STOPS = {"status": {"on_conflict": "stop"}}
BOTH = (
    ("a", "status", "Theirs", "Ours", "Before", "conflict"),
    ("a", "lead_score", "1", "2", "3", "conflict"),
    ("b", "lead_score", "1", "2", "1", "change"),
)


def shown(plan: Any) -> str:
    console = Console(file=io.StringIO(), width=160, color_system=None)
    console.print(plan_text(plan))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_field_can_win_where_the_push_does_not(local: Any) -> None:
    """The edit of that field is overwritten, the other one is left alone, and the plan says which field decided."""
    local.rows(*BOTH)
    plan = local.plan(policies=WINS)
    assert [(lead.lead_id, lead.values()) for lead in plan.leads] == [
        ("a", {"status": "Ours"}),
        ("b", {"lead_score": "2"}),
    ]
    assert [change.field for lead in plan.conflicts for change in lead.changes] == ["lead_score"]
    plan.check()
    assert (
        "status has on_conflict = 'warehouse_wins' of its own: in 1 lead edited in convoso after we sent it: overwritten"
        in shown(plan)
    )
    assert "of its own" not in shown(local.plan())


def test_a_field_can_lose_where_the_push_wins(local: Any) -> None:
    """The other way round."""
    local.rows(*BOTH)
    plan = local.plan(on_conflict="warehouse_wins", policies={"status": {"on_conflict": "crm_wins"}})
    assert plan.leads[0].values() == {"lead_score": "2"}
    assert [change.field for change in plan.conflicts[0].changes] == ["status"]


def test_a_field_alone_can_stop_a_push(local: Any) -> None:
    """Only a conflict of that field does, and the message names it."""
    local.rows(*BOTH[1:])
    local.plan(policies=STOPS).check()
    local.rows(BOTH[0])
    with pytest.raises(
        ConflictError, match=r"1 lead of scores .* on_conflict of status is 'stop', so nothing was sent"
    ) as caught:
        local.plan(policies=STOPS).check()
    assert "Theirs" not in str(caught.value)
    assert "so nothing is sent" in shown(local.plan(policies=STOPS))
    local.plan(
        on_conflict="stop",
        policies={"status": {"on_conflict": "crm_wins"}, "lead_score": {"on_conflict": "crm_wins"}},
    ).check()


def test_the_look_before_each_batch_goes_by_the_field(local: Any) -> None:
    """What is edited while the run is under way is overwritten in one field and protected in the other."""
    local.rows(("a", "status", "New", "Hot", None, "change"), ("a", "lead_score", "1", "2", None, "change"))
    edits = {"a": {"status": "Edited", "lead_score": "9"}}
    local.deliver(local.plan(policies=WINS), recent_edits=lambda _waiting: dict(edits))
    assert local.crm.calls == [("a", {"status": "Hot"})]
    assert local.states("a", "lead_score") == ["planned", "conflict"]


def test_what_a_field_has_of_its_own_is_agreed_to(local: Any) -> None:
    """It is part of the fingerprint, and a plan that was made under another one is told so."""
    local.rows(*BOTH[1:])
    plain, own = local.plan(), local.plan(policies=WINS)
    assert plain.fingerprint != own.fingerprint
    assert local.plan(policies={"status": {"on_conflict": "warehouse_wins"}}).fingerprint == own.fingerprint
    with pytest.raises(Exception, match="What differs: what single fields have of their own"):
        expect(own, plain)


@pytest.mark.parametrize(("own", "is_rival"), [("crm_wins", False), ("warehouse_wins", True)])
def test_a_conflict_of_another_push_counts_where_its_field_is_sent(
    local: Any, own: str, is_rival: bool
) -> None:
    """Whether two pushes are rivals for a field is a matter of that field."""
    local.rows(("a", "lead_score", "1", "6", None, "change"))
    other_rows(local, ("a", "8", "conflict"))
    push_has = "crm_wins" if is_rival else "warehouse_wins"
    other = replace(OTHER, on_conflict=push_has, policies={"lead_score": {"on_conflict": own}})
    assert bool(rivalry(local.engine, Push(), local.plan(), [other])) is is_rival


def test_a_first_time_is_told_with_the_policy_that_decided(local: Any) -> None:
    """A field that only fills blanks leaves what stands there, in a push that overwrites."""
    local.rows(
        ("a", "status", "typed", "Hot", None, "conflict"), ("a", "lead_score", "1", "2", None, "change")
    )
    plan = local.plan(policies={"status": {"first_push": "fill_empty"}})
    assert dict(plan.first_time) == {"lead_score": 1}
    assert (
        "status has first_push = 'fill_empty' of its own: in 1 lead not blank in convoso, and never sent: left alone"
        in shown(plan)
    )
