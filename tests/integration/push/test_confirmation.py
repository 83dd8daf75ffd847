"""What the CRM shows of what it accepted; one test per transition."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connector.push import Confirmation, confirm
from connector.push.journal_row import Entry
from connector.warehouse.models import OtherForm


def pushed(world: Any, value: str | None = "7", **options: Any) -> datetime:
    """One lead whose score was applied; returns when."""
    world.rows(("a", "lead_score", "3", value, None, "change" if value else "clear"))
    world.deliver(world.plan(**options))
    at: datetime = world.journalled()[-1].recorded_at.astimezone(UTC)
    return at


def test_applied_confirmed(world: Any) -> None:
    """The lead was read after the push and shows our value."""
    at = pushed(world)
    world.lead("a", lead_score="7", last_seen_at=at + timedelta(minutes=1))
    assert confirm(world.engine, world.journal, "convoso") == Confirmation(confirmed=1)
    assert world.states("a") == ["planned", "sent", "applied", "confirmed"]
    assert confirm(world.engine, world.journal, "convoso") == Confirmation()


def test_a_cleared_field_is_confirmed_by_a_blank(world: Any) -> None:
    """Blank and nothing are the same."""
    at = pushed(world, None)
    world.lead("a", lead_score="  ", last_seen_at=at + timedelta(minutes=1))
    assert confirm(world.engine, world.journal, "convoso") == Confirmation(confirmed=1)


def test_an_older_sighting_says_nothing(world: Any) -> None:
    """A lead that was last read before the push can't confirm or revert it."""
    at = pushed(world)
    world.lead("a", lead_score="3", last_seen_at=at - timedelta(seconds=1))
    assert confirm(world.engine, world.journal, "convoso") == Confirmation()
    assert world.states("a")[-1] == "applied"


def counted(world: Any, step: int) -> None:
    """Has the lead seen by a reading that took its number so far after the last outcome."""
    number = world.journalled()[-1].sequence_number + step
    with world.engine.begin() as connection:
        connection.execute(sa.text("alter table analytics.leads add column last_sequence_number bigint"))
        connection.execute(sa.text("update analytics.leads set last_sequence_number = :n"), {"n": number})


def test_a_reading_after_the_push_counts_whatever_its_clock_says(world: Any) -> None:
    """A push by a clock that was ahead is confirmed by the next reading, though that looks older."""
    at = pushed(world)
    world.lead("a", lead_score="7", last_seen_at=at - timedelta(hours=1))
    counted(world, 1)
    assert confirm(world.engine, world.journal, "convoso") == Confirmation(confirmed=1)


def test_a_reading_before_the_push_says_nothing_whatever_its_clock_says(world: Any) -> None:
    """A sighting by a clock that was ahead, from before the push, makes no false reverted."""
    at = pushed(world)
    world.lead("a", lead_score="3", last_seen_at=at + timedelta(hours=1))
    counted(world, -1)
    assert confirm(world.engine, world.journal, "convoso") == Confirmation()


def test_a_write_without_a_number_is_older_than_a_counted_reading(world: Any) -> None:
    """An earlier version's write by a clock a day ahead doesn't outrank what was read since there are numbers."""
    at = pushed(world)
    world.lead("a", lead_score="7", last_seen_at=at + timedelta(minutes=1))
    counted(world, 1)
    with world.engine.begin() as connection:
        connection.execute(
            sa.text(
                "update leadloop.push_journal set sequence_number = null, recorded_at = recorded_at + interval '1 day'"
            )
        )
    assert confirm(world.engine, world.journal, "convoso") == Confirmation(confirmed=1)


def test_the_last_decision_counts_whatever_its_clock_says(world: Any) -> None:
    """A field that was skipped by a clock that was ahead, and taken up again later, is no longer skipped."""
    skipped = Entry(
        "scores", "convoso", "a", "lead_score", "lead_score", "rejected", None, "7", "skipped", None,
        datetime.now(UTC) + timedelta(days=1),
    )  # fmt: skip
    world.journal.record("one", [skipped])
    assert world.journal.decided("scores", "skipped") == {("a", "lead_score")}
    world.journal.record("two", [replace(skipped, state="applied", code="resolved", recorded_at=None)])
    assert world.journal.decided("scores", "skipped") == set()


@pytest.mark.parametrize("modified", [None, timedelta(seconds=-2)])
def test_applied_reverted(world: Any, modified: timedelta | None) -> None:
    """Nobody has modified the lead since, and it shows another value: the CRM keeps its own."""
    at = pushed(world)
    world.lead(
        "a",
        lead_score="7.0",
        last_seen_at=at + timedelta(minutes=1),
        modified_at=None if modified is None else at + modified,
    )
    assert confirm(world.engine, world.journal, "convoso") == Confirmation(
        reverted=1, other_forms=(OtherForm("convoso", "lead_score", "number", 1),)
    )
    last = world.journalled()[-1]
    assert (last.state, last.code, last.old_value, last.value) == ("reverted", "other_form", "7.0", "7")
    assert "7.0" not in last.reason
    assert confirm(world.engine, world.journal, "convoso") == Confirmation(), "it is told once"


def test_what_is_no_other_form_is_only_reverted(local: Any) -> None:
    """A CRM that keeps something else has a rule behind the field, and none of ours makes that equal."""
    at = pushed(local)
    local.lead("a", lead_score="3", last_seen_at=at + timedelta(minutes=1))
    assert confirm(local.engine, local.journal, "convoso") == Confirmation(reverted=1)
    assert local.journalled()[-1].code is None


def test_applied_conflict(world: Any) -> None:
    """A person edited the lead after the push: that is no refusal by the CRM."""
    at = pushed(world)
    world.lead(
        "a",
        lead_score="9",
        last_seen_at=at + timedelta(minutes=2),
        modified_at=at + timedelta(minutes=1),
    )
    assert confirm(world.engine, world.journal, "convoso") == Confirmation(edited=1)
    last = world.journalled()[-1]
    assert (last.state, last.code) == ("conflict", "edited_after_push")


@pytest.mark.parametrize(("form", "rules"), [("", {}), (".0", {"equal": {"lead_score": "number"}})])
def test_applied_confirmed_by_an_earlier_version(world: Any, form: str, rules: dict[str, Any]) -> None:
    """Our value, or another form of it, was seen after the push and edited later: the push is confirmed all the same."""
    at = pushed(world, **rules)
    world.lead(
        "a", lead_score="9", last_seen_at=at + timedelta(minutes=3), modified_at=at + timedelta(minutes=2)
    )
    with world.engine.begin() as connection:
        connection.execute(
            sa.text(
                "create table analytics.lead_history (crm text, lead_id text, lead_score text, "
                "first_seen_at timestamptz)"
            )
        )
        connection.execute(
            sa.text("insert into analytics.lead_history values ('convoso', 'a', :score, :at)"),
            [
                {"score": "3", "at": at - timedelta(days=1)},
                {"score": f"7{form}", "at": at + timedelta(minutes=1)},
                {"score": "9", "at": at + timedelta(minutes=3)},
            ],
        )
    assert confirm(world.engine, world.journal, "convoso") == Confirmation(confirmed=1)
    confirmed = world.journalled()[-1]
    assert confirmed.recorded_at.astimezone(UTC) == at, (
        "a later edit must not look older than the confirmation"
    )


def test_a_removed_lead_stays_applied(local: Any) -> None:
    """A deleted lead shows nothing that could be compared."""
    at = pushed(local)
    later = at + timedelta(minutes=1)
    local.lead("a", lead_score="3", last_seen_at=later, removed_at=later)
    assert confirm(local.engine, local.journal, "convoso") == Confirmation()


def test_a_field_the_crm_never_shows_stays_applied(local: Any) -> None:
    """Without a column there is nothing to decide by."""
    local.rows(("a", "hidden", None, "7", None, "change"))
    local.deliver()
    local.lead("a", last_seen_at=datetime.now(UTC) + timedelta(minutes=1))
    assert confirm(local.engine, local.journal, "convoso") == Confirmation()


def test_confirming_without_leads_or_journal_is_nothing(warehouse: Any) -> None:
    """Before anything was read or pushed there is nothing to confirm."""
    from connector.push import Journal

    journal = Journal(warehouse.ledger())
    assert confirm(warehouse.ledger(), journal, "convoso") == Confirmation()
    journal.ensure()
    assert confirm(warehouse.ledger(), journal, "convoso") == Confirmation()
