"""What earlier runs left open; one test per transition."""

from typing import Any

import pytest

from connector.crm.base import Outcome
from connector.errors import AuthError
from connector.push import Recovery, recover
from connector.push.journal import entry


def killed(world: Any, *sent: str) -> None:
    """A run that was killed after these leads were recorded as sent."""
    plan = world.plan()
    run_id = world.journal.start_run(plan)
    world.journal.record(
        run_id,
        [
            entry(plan, lead, change, "sent")
            for lead in plan.leads
            if lead.lead_id in sent
            for change in lead.changes
        ],
    )


def test_planned_deferred(world: Any) -> None:
    """A lead the killed run had not come to was certainly not sent: deferred, without asking the CRM."""
    world.changes(2)
    killed(world)
    assert recover("scores", world.journal, world.crm) == Recovery(deferred=2)
    assert world.states("L0") == ["planned", "deferred"]
    assert world.crm.reads == []


def test_sent_unknown_applied(world: Any) -> None:
    """A sent lead without an outcome is unknown, then read: it shows our value, so it is applied, and not sent again."""
    world.changes(2)
    killed(world, "L1")
    world.crm.leads["L1"] = {"lead_score": "1"}
    found = recover("scores", world.journal, world.crm)
    assert found == Recovery(deferred=1, applied=1)
    assert world.states("L1") == ["planned", "sent", "unknown", "applied"]


def test_sent_unknown_deferred(world: Any) -> None:
    """A lead that does not show our value is deferred, so that the next plan has it again."""
    world.changes(1)
    killed(world, "L0")
    world.crm.leads["L0"] = {"lead_score": "other"}
    assert recover("scores", world.journal, world.crm) == Recovery(deferred=1)
    assert world.states("L0") == ["planned", "sent", "unknown", "deferred"]
    assert [lead.lead_id for lead in world.plan().leads] == ["L0"]


def test_it_is_told_how_far_the_looks_are(local: Any) -> None:
    """Each lead that is looked up counts, once however many fields it has; those that were never sent need no look."""
    local.changes(4)
    killed(local, "L0", "L1", "L2")
    told: list[tuple[int, int]] = []
    recover("scores", local.journal, local.crm, on_progress=lambda *count: told.append(count))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_sent_unknown_and_no_such_lead(local: Any) -> None:
    """A lead the CRM doesn't have is deferred: whether it is refused or comes back, the next call shows."""
    local.changes(1)
    killed(local, "L0")
    recover("scores", local.journal, local.crm)
    assert local.states("L0")[-1] == "deferred"


def test_sent_unknown_unknown(world: Any) -> None:
    """While the lead can't be read it stays unknown and out of every plan; a later look decides."""
    world.changes(2)
    killed(world, "L0")
    world.crm.down = True
    assert recover("scores", world.journal, world.crm) == Recovery(deferred=1, unknown=1)
    assert world.states("L0") == ["planned", "sent", "unknown"]
    assert [lead.lead_id for lead in world.plan().leads] == ["L1"]
    world.crm.down = False
    world.crm.leads["L0"] = {"lead_score": "0"}
    assert recover("scores", world.journal, world.crm) == Recovery(applied=1)
    assert world.states("L0")[-1] == "applied"


def test_a_lost_answer_is_looked_up_too(local: Any) -> None:
    """unknown as a run's own outcome is recovered like a crash."""
    local.changes(1)
    local.crm.answer = lambda lead_id, fields: Outcome("unknown")
    local.deliver()
    local.crm.leads["L0"] = {"lead_score": "0"}
    assert recover("scores", local.journal, local.crm) == Recovery(applied=1)


def test_fields_of_one_lead_are_decided_each_for_itself(local: Any) -> None:
    """A field that shows our value is applied, one that doesn't is deferred; the lead counts as deferred."""
    local.changes(1, ("lead_score", "status"))
    killed(local, "L0")
    local.crm.leads["L0"] = {"lead_score": "0", "status": "other"}
    assert recover("scores", local.journal, local.crm) == Recovery(deferred=1)
    assert local.states("L0", "lead_score")[-1] == "applied"
    assert local.states("L0", "status")[-1] == "deferred"


def test_without_a_reader_an_update_is_repeated(local: Any) -> None:
    """A CRM that can't be read gets the update again: it sets the same values."""
    local.changes(1)
    killed(local, "L0")
    assert recover("scores", local.journal, None) == Recovery(deferred=1)


def test_a_crm_that_is_down_is_asked_three_times(local: Any) -> None:
    """Looking up ends after three failures in a row; the leads stay unknown."""
    local.changes(20)
    killed(local, *(f"L{each:02}" for each in range(20)))
    local.crm.down = True
    assert recover("scores", local.journal, local.crm, concurrency=1) == Recovery(unknown=20)
    assert len(local.crm.reads) == 3


def test_a_wrong_token_is_asked_once(local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials, no look: the leads wait."""

    def refuse(lead_id: str) -> None:
        local.crm.reads.append(lead_id)
        raise AuthError("The CRM refuses the token.")

    local.changes(5)
    killed(local, "L0", "L1", "L2")
    monkeypatch.setattr(local.crm, "get", refuse)
    assert recover("scores", local.journal, local.crm, concurrency=1).unknown == 3
    assert len(local.crm.reads) == 1


def test_a_run_that_ended_leaves_nothing_open(local: Any) -> None:
    """After a whole run there is nothing to recover, and nothing is written."""
    local.changes(5)
    local.deliver()
    before = len(local.journalled())
    assert local.journal.open_runs("scores") == []
    assert not recover("scores", local.journal, local.crm)
    assert len(local.journalled()) == before


def test_a_run_is_closed_when_its_last_lead_is(world: Any) -> None:
    """A run is looked through until nothing in it is open, also when it was killed just before it could say so."""
    world.changes(2)
    killed(world, "L0")
    world.crm.down = True
    recover("scores", world.journal, world.crm)
    assert len(world.journal.open_runs("scores")) == 1
    world.crm.down = False
    recover("scores", world.journal, world.crm)
    assert world.journal.open_runs("scores") == []
    plan = world.plan()
    run_id = world.journal.start_run(plan)
    world.journal.record(
        run_id,
        [entry(plan, lead, change, "applied") for lead in plan.leads for change in lead.changes],
    )
    assert world.journal.open_runs("scores") == [run_id]
    recover("scores", world.journal, world.crm)
    assert world.journal.open_runs("scores") == []
