"""A plan carried out against a CRM, one test per transition of the journal's states."""

import os
import signal
import threading
import time
from collections.abc import Collection
from typing import Any

import pytest
import sqlalchemy as sa

from connector.crm.base import Outcome
from connector.errors import (
    AuthError,
    ConflictError,
    GuardrailError,
    LockedError,
    ModelError,
    OutcomeUnknownError,
    RefusedError,
    TransientError,
)
from connector.push import Journal, deliver


def test_planned_sent_applied(world: Any) -> None:
    """A lead the CRM accepts: intent, call, outcome, in this order, with both values."""
    world.rows(("a", "Lead Score", "3", "7", None, "change"))
    summary = world.deliver()
    rows = world.journalled()
    assert [row.state for row in rows] == ["planned", "sent", "applied"]
    assert [row.seq for row in rows] == [1, 2, 3]
    assert {(row.old_value, row.value, row.field, row.column_name) for row in rows} == {
        ("3", "7", "Lead Score", "lead score")
    }
    assert rows[0].recorded_at <= rows[1].recorded_at <= rows[2].recorded_at
    assert world.crm.calls == [("a", {"Lead Score": "7"})]
    assert (summary.exit_code, summary.by_state, summary.calls) == (0, {"applied": 1}, 1)


def test_intents_are_on_disk_before_the_first_call(world: Any) -> None:
    """During a call the journal already holds every planned lead, and this lead as sent."""
    world.changes(12)
    seen: list[tuple[int, bool]] = []

    def answer(lead_id: str, fields: object) -> Outcome:
        states = [(row.lead_id, row.state) for row in world.journalled()]
        seen.append((sum(state == "planned" for _, state in states), (lead_id, "sent") in states))
        return Outcome("applied")

    world.crm.answer = answer
    world.deliver(concurrency=1)
    assert seen == [(12, True)] * 12


def test_the_run_is_on_record(world: Any) -> None:
    """push_runs says who ran what, with the fingerprint of the plan."""
    world.changes(2, ("lead_score", "status"))
    plan = world.plan()
    summary = world.deliver(plan)
    with world.engine.connect() as connection:
        run = connection.execute(sa.text("select * from leadloop.push_runs")).one()
    assert (run.run_id, run.push, run.crm, run.mode) == (summary.run_id, "scores", "convoso", "update")
    assert (run.leads, run.fields, run.plan_fingerprint, run.pid) == (2, 4, plan.fingerprint, os.getpid())
    assert run.started_at.utcoffset() is not None


def test_sent_rejected(world: Any) -> None:
    """A refused lead is rejected with its code and reason, the others arrive, and the exit code is 3."""
    world.changes(50)
    world.crm.answer = lambda lead_id, fields: (
        Outcome("rejected", "6008", "The phone number is invalid") if lead_id == "L07" else Outcome("applied")
    )
    summary = world.deliver()
    assert world.states("L07") == ["planned", "sent", "rejected"]
    assert summary.by_state == {"applied": 49, "rejected": 1}
    assert summary.unapplied[0] == (
        "L07", "rejected", ("lead_score",), "6008", "The phone number is invalid",
    )  # fmt: skip
    assert summary.exit_code == 3


def test_only_the_fields_at_fault_are_rejected(local: Any) -> None:
    """Where the CRM names a field, the lead's others are deferred, so that the next run sends them."""
    local.changes(1, ("lead_score", "status"))
    local.crm.answer = lambda lead_id, fields: Outcome(
        "rejected", "6008", "no such status", frozenset({"status"})
    )
    summary = local.deliver()
    assert local.states("L0", "status")[-1] == "rejected"
    assert local.states("L0", "lead_score")[-1] == "deferred"
    assert (summary.by_state, summary.fields_by_state) == ({"rejected": 1}, {"rejected": 1, "deferred": 1})


def test_a_fault_in_a_field_that_was_not_sent_is_the_whole_calls(local: Any) -> None:
    """A CRM that blames another field of the lead has still refused this call."""
    local.changes(1)
    local.crm.answer = lambda lead_id, fields: Outcome("rejected", fields=frozenset({"phone"}))
    local.deliver()
    assert local.states("L0")[-1] == "rejected"


@pytest.mark.parametrize("state", ["deferred", "unknown", "conflict"])
def test_sent_and_the_writers_other_outcomes(local: Any, state: Any) -> None:
    """Whatever state the writer gives is the lead's state; only a conflict is no reason for exit code 3."""
    local.changes(2)
    local.crm.answer = lambda lead_id, fields: Outcome(state if lead_id == "L0" else "applied", reason="why")
    summary = local.deliver()
    assert local.states("L0") == ["planned", "sent", state]
    assert local.states("L1") == ["planned", "sent", "applied"]
    assert summary.exit_code == (0 if state == "conflict" else 3)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (RefusedError("no", code="6071"), "rejected"),
        (TransientError("busy"), "deferred"),
        (OutcomeUnknownError("lost"), "unknown"),
        (ZeroDivisionError("+15550001111"), "unknown"),
    ],
)
def test_a_writer_that_raises_fails_one_lead_only(local: Any, error: Exception, state: str) -> None:
    """No exception of a writer reaches another lead, and none of its words that could quote a value."""
    local.changes(3)

    def answer(lead_id: str, fields: object) -> Outcome:
        if lead_id == "L1":
            raise error
        return Outcome("applied")

    local.crm.answer = answer
    summary = local.deliver()
    assert summary.by_state == {"applied": 2, state: 1}
    assert "5550001111" not in repr(local.journalled())


def test_a_thousand_leads_are_a_thousand_calls(world: Any) -> None:
    """1,000 leads with two fields each: exactly 1,000 calls with exactly the planned fields."""
    world.changes(1000, ("lead_score", "status"))
    plan = world.plan()
    summary = world.deliver(plan)
    assert sorted(world.crm.calls) == [(lead.lead_id, lead.values()) for lead in plan.leads]
    assert (summary.calls, summary.by_state) == (1000, {"applied": 1000})
    assert len(world.journalled()) == 6000


def test_an_empty_plan_makes_no_call(local: Any) -> None:
    """Nothing to send is a run of nothing, and fine."""
    summary = local.deliver()
    assert (summary.exit_code, summary.leads, summary.calls, local.crm.calls) == (0, 0, 0, [])


@pytest.mark.parametrize(
    ("options", "error"), [({"max_changes": 1}, GuardrailError), ({"on_conflict": "stop"}, ConflictError)]
)
def test_a_plan_that_may_not_be_sent_sends_and_records_nothing(
    local: Any, options: dict[str, Any], error: type[Exception]
) -> None:
    """The guard stands in front of the calls themselves, not only in the command."""
    local.changes(2)
    local.rows(("c", "status", "x", "y", "z", "conflict"))
    with pytest.raises(error):
        local.deliver(local.plan(**options))
    assert (local.crm.calls, local.journalled()) == ([], [])


def test_a_mode_that_can_t_be_carried_out_is_refused(local: Any) -> None:
    """A plan for another mode never turns into updates."""
    from dataclasses import replace

    local.changes(1)
    with pytest.raises(ModelError, match="mode is 'delete', which convoso can't do"):
        local.deliver(replace(local.plan(), mode="delete"))
    assert local.crm.calls == []


# --- edits meanwhile ----------------------------------------------------------------------------------------------


def test_planned_conflict(world: Any) -> None:
    """A field that was edited after the plan is not sent under crm_wins; the lead's other field is."""
    world.changes(2, ("lead_score", "status"))
    summary = world.deliver(recent_edits=lambda _waiting: {"L1": {"status": "Edited", "lead_score": "0"}})
    assert world.states("L1", "status") == ["planned", "conflict"]
    assert world.states("L1", "lead_score") == ["planned", "sent", "applied"]
    assert ("L1", {"lead_score": "1"}) in world.crm.calls
    assert (summary.by_state, summary.exit_code) == ({"applied": 1, "conflict": 1}, 0)


def test_planned_confirmed(local: Any) -> None:
    """A field that somebody has set to our value meanwhile is done without a call."""
    local.rows(("a", "status", "New", "Hot", None, "change"))
    summary = local.deliver(recent_edits=lambda _waiting: {"a": {"status": "Hot"}})
    assert local.states("a", "status") == ["planned", "confirmed"]
    assert (local.crm.calls, summary.by_state) == ([], {"confirmed": 1})


def test_an_edit_of_another_field_is_no_conflict(local: Any) -> None:
    """Only the fields of the plan count, and a blank is the same as nothing."""
    local.rows(("a", "status", None, "Hot", None, "change"))
    local.deliver(recent_edits=lambda _waiting: {"a": {"status": "  ", "city": "Elsewhere"}})
    assert local.states("a", "status")[-1] == "applied"


def test_warehouse_wins_sends_over_an_edit(local: Any) -> None:
    """Under warehouse_wins a late edit is overwritten, as the model asks for."""
    local.rows(("a", "status", "New", "Hot", None, "change"))
    local.deliver(
        local.plan(on_conflict="warehouse_wins"), recent_edits=lambda _waiting: {"a": {"status": "Edited"}}
    )
    assert local.crm.calls == [("a", {"status": "Hot"})]


def test_edits_are_looked_up_before_every_batch(local: Any) -> None:
    """A lead that is edited while the run is under way is protected too."""
    local.changes(40)
    edits: dict[str, dict[str, str | None]] = {}
    local.crm.answer = lambda lead_id, fields: (
        edits.update(L39={"lead_score": "Edited"}),
        Outcome("applied"),
    )[1]
    local.deliver(batch=5, concurrency=1, recent_edits=lambda _waiting: dict(edits))
    assert local.states("L39") == ["planned", "conflict"]


def test_an_edit_that_is_shown_once_is_remembered(local: Any) -> None:
    """A look may show only what is new since the last one: the lead is protected when its turn comes, batches later."""
    local.changes(40)
    looks = iter([{"L39": {"lead_score": "Edited"}, "other": {"lead_score": "x"}}])
    summary = local.deliver(batch=5, concurrency=1, recent_edits=lambda _waiting: next(looks, {}))
    assert local.states("L39") == ["planned", "conflict"]
    assert summary.by_state == {"applied": 39, "conflict": 1}


def test_no_look_no_call(local: Any) -> None:
    """When the CRM can't say what was edited, nothing is sent, and everything is deferred with that reason."""

    def fails(_waiting: Collection[str]) -> dict[str, dict[str, str | None]]:
        raise TransientError("The CRM is down.")

    local.changes(20)
    summary = local.deliver(recent_edits=fails)
    assert (local.crm.calls, summary.by_state) == ([], {"deferred": 20})
    assert "could not be asked" in (summary.stopped or "")


# --- trouble ------------------------------------------------------------------------------------------------------


def test_a_crm_that_is_down_is_not_hammered(world: Any) -> None:
    """After ten failures in a row the rest is deferred without a call, with the reason."""
    world.changes(500)
    world.crm.answer = lambda lead_id, fields: Outcome("deferred", "503", "unavailable")
    summary = world.deliver(concurrency=2)
    assert 10 <= summary.calls <= 12
    assert summary.calls == len(world.crm.calls)
    assert summary.by_state == {"deferred": 500}
    assert "10 calls in a row failed" in (summary.stopped or "")
    assert world.states("L499") == ["planned", "deferred"]


def test_failures_in_between_are_no_breakdown(local: Any) -> None:
    """One answer about a lead ends the count of failures."""
    local.changes(100)
    local.crm.answer = lambda lead_id, fields: Outcome("applied" if lead_id.endswith("5") else "deferred")
    summary = local.deliver(concurrency=1)
    assert (summary.calls, summary.stopped) == (100, None)


def test_a_withdrawn_token_ends_the_run_at_once(local: Any) -> None:
    """An outcome that says the CRM itself is at fault needs no ten repeats."""
    local.changes(200)

    def answer(lead_id: str, fields: object) -> Outcome:
        if lead_id == "L005":
            raise AuthError("The CRM refuses the token.")
        return Outcome("applied")

    local.crm.answer = answer
    summary = local.deliver(concurrency=1)
    assert (summary.calls, summary.by_state) == (6, {"applied": 5, "deferred": 195})
    assert summary.stopped == "The CRM refuses the token."


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_in_good_order(local: Any, number: signal.Signals) -> None:
    """Calls in flight end, their outcomes are kept, the rest is deferred, and the signal's handler is back."""
    before = signal.getsignal(number)
    local.changes(300)

    def answer(lead_id: str, fields: object) -> Outcome:
        if len(local.crm.calls) == 20:
            os.kill(os.getpid(), number)
        time.sleep(0.01)
        return Outcome("applied")

    local.crm.answer = answer
    summary = local.deliver()
    assert summary.interrupted
    assert summary.stopped == "the run was interrupted"
    assert 20 <= summary.by_state["applied"] == summary.calls < 300
    assert summary.by_state["applied"] + summary.by_state["deferred"] == 300
    assert summary.exit_code == 3
    assert signal.getsignal(number) == before


def test_a_second_signal_does_what_signals_do(local: Any) -> None:
    """Whoever presses Ctrl-C twice is heard; what was sent is on record as sent."""
    local.changes(50)

    def answer(lead_id: str, fields: object) -> Outcome:
        if lead_id == "L05":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)
        return Outcome("applied")

    local.crm.answer = answer
    with pytest.raises(KeyboardInterrupt):
        local.deliver(concurrency=2)
    called = {lead_id for lead_id, _ in local.crm.calls}
    assert all(local.states(lead_id)[1] == "sent" for lead_id in called)


def test_a_run_in_another_thread_leaves_signals_alone(local: Any) -> None:
    """Only a main thread may set handlers; elsewhere a run works without."""
    local.changes(3)
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(local.deliver()))
    thread.start()
    thread.join(30)
    assert done[0].by_state == {"applied": 3}


class Failing(Journal):
    """A journal whose disk goes away after so many flushes."""

    flushes = 3

    def record(self, run_id: str, entries: Any, *, closed: bool = False) -> None:
        self.flushes -= 1
        if self.flushes < 0:
            raise LockedError("The journal could not be written.")
        super().record(run_id, entries, closed=closed)


def test_without_a_journal_no_further_call(local: Any) -> None:
    """A journal that can't be written ends the run with an error, and every call that was made is on record as sent."""
    local.changes(500)
    with pytest.raises(LockedError):
        deliver(local.plan(), local.crm, Failing(local.engine), concurrency=1, batch=10)
    called = {lead_id for lead_id, _ in local.crm.calls}
    assert 0 < len(called) < 60
    assert all("sent" in local.states(lead_id) for lead_id in called)


def test_progress_counts_up_to_all_leads(local: Any) -> None:
    """on_progress ends with every lead, in ever rising numbers."""
    local.changes(60)
    seen: list[tuple[int, int]] = []
    local.deliver(on_progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (60, 60)


def test_calls_run_side_by_side_up_to_the_given_number(local: Any) -> None:
    """Concurrency is used, and never exceeded."""
    local.changes(60)
    now, most, lock = [0], [0], threading.Lock()

    def answer(lead_id: str, fields: object) -> Outcome:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1
        return Outcome("applied")

    local.crm.answer = answer
    local.deliver(concurrency=3)
    assert most[0] == 3


@pytest.mark.long
def test_slow_calls_make_small_batches(local: Any) -> None:
    """What is sent but not yet answered on disk is a second or two of work, whatever the pace."""
    local.changes(25)
    open_at_once: list[int] = []

    def answer(lead_id: str, fields: object) -> Outcome:
        time.sleep(0.15)
        states = [row.state for row in local.journalled()]
        open_at_once.append(states.count("sent") - states.count("applied"))
        return Outcome("applied")

    local.crm.answer = answer
    local.deliver(concurrency=1)
    assert max(open_at_once) <= 15


def test_a_write_that_took_something_away_ends_the_run_with_1(world: Any) -> None:
    """Its own outcome stays what it is and is on record; the other leads are deferred, also where there are none."""
    said = "after its update it no longer shows company.name of lead 1"
    world.changes(3)
    world.crm.answer = lambda lead_id, fields: Outcome("applied", reason=said, harm=True)
    summary = world.deliver(concurrency=1)
    assert (summary.exit_code, summary.stopped, summary.harmed) == (1, said, True)
    assert (summary.calls, dict(summary.by_state)) == (1, {"applied": 1, "deferred": 2})
    states = [row.state for row in world.journalled()]
    assert (states.count("applied"), states.count("deferred")) == (1, 2)
    assert world.deliver(world.plan(limit=1)).exit_code == 1
