"""Two pushes that want different values for one field of one lead are found before either overwrites the other."""

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import ConflictError
from connector.push import Entry
from connector.push.rivals import rivalry
from tests.integration.push.conftest import Push

MINE, OTHER = Push(), replace(Push(), name="other", identifier="other")


def other_rows(world: Any, *rows: tuple[str, str, str]) -> None:
    """Rows of the other push model: lead id, desired value, verdict."""
    with world.engine.begin() as connection:
        connection.execute(
            sa.text("create table analytics.other as select * from analytics.scores where false")
        )
        for lead_id, desired, verdict in rows:
            connection.execute(
                sa.text("insert into analytics.other (lead_id, field, desired_value, verdict) values (:l, 'lead_score', :d, :v)"),
                {"l": lead_id, "d": desired, "v": verdict},
            )  # fmt: skip


def accepted(world: Any, *sent: tuple[str, str]) -> None:
    """The journal of lead a: which push sent which value, in this order."""
    for number, (push, value) in enumerate(sent):
        state = Entry(
            push, "convoso", "a", "lead_score", "lead_score", "applied", None, value, crm_lead_id="a"
        )
        world.journal.record(f"run {number}", [state])


def test_another_model_wants_another_value(world: Any) -> None:
    """Both pushes, the field and the lead are named, no value is, and nothing may be sent; equal wishes are no rivalry."""
    world.rows(
        ("a", "lead_score", "1", "secret", None, "change"), ("b", "lead_score", "1", "7", None, "change")
    )
    other_rows(world, ("a", "8", "change"), ("b", "7", "change"), ("c", "9", "change"))
    plan = world.plan()
    found = rivalry(world.engine, MINE, plan, [MINE, OTHER])
    assert "scores and other want different values for the field lead_score of 1 lead (such as a)" in found
    assert "secret" not in found
    with pytest.raises(ConflictError, match="scores and other") as caught:
        replace(plan, rivalry=found).check()
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("other", [replace(OTHER, crm="pollybot"), replace(OTHER, fields={"status": "x"})])
def test_other_crms_and_fields_are_no_rivals(local: Any, other: Push) -> None:
    """Only one CRM and a field that both have can be overwritten."""
    local.rows(("a", "lead_score", "1", "6", None, "change"))
    other_rows(local, ("a", "8", "change"))
    assert rivalry(local.engine, MINE, local.plan(), [other]) == ""


@pytest.mark.parametrize(("on_conflict", "is_rival"), [("crm_wins", False), ("warehouse_wins", True)])
def test_a_conflict_counts_where_it_is_sent(local: Any, on_conflict: str, is_rival: bool) -> None:
    """A push that leaves a person's edit alone overwrites nobody."""
    local.rows(("a", "lead_score", "1", "6", None, "change"))
    other_rows(local, ("a", "8", "conflict"))
    other = replace(OTHER, on_conflict=on_conflict)
    assert bool(rivalry(local.engine, MINE, local.plan(), [other])) is is_rival


@pytest.mark.parametrize(
    ("sent", "is_rival"),
    [
        ([("scores", "6"), ("prod", "8"), ("scores", "6"), ("prod", "8")], True),
        ([("scores", "6"), ("prod", "8")], False),
        ([("old_name", "6"), ("old_name", "8")], False),
        ([("scores", "6"), ("prod", "6"), ("scores", "6"), ("prod", "6")], False),
        ([("scores", "6"), ("scores", "8"), ("scores", "6"), ("scores", "8")], False),
    ],
)
def test_the_journal_shows_who_keeps_replacing(world: Any, sent: Any, is_rival: bool) -> None:
    """A push that no project here knows is found by what it did; a former name, or one lead that moved, is no rival."""
    world.rows(("a", "lead_score", "8", "6", "8", "change"))
    accepted(world, *sent)
    found = rivalry(world.engine, MINE, world.plan(), [])
    assert ("scores and prod want different values" in found) is is_rival
