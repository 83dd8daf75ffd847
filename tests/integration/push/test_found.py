"""Leads that are to be added and that the CRM has already: they are looked for, counted and said, and none is added twice."""

import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import PlanMovedError, TransientError
from connector.push import Journal, Recovery, Summary, confirm, deliver, expect
from connector.render.document import to_json
from connector.render.plan_document import plan_document
from connector.render.push import push_document, push_text
from connector.render.saved_plan import read_plan
from connector.warehouse.connection import Warehouse
from tests.integration.push.conftest import CAN_ALL, World

ADD: dict[str, Any] = {"mode": "insert", "options": {"list": "333"}, "max_inserts": None}
UPSERT: dict[str, Any] = {**ADD, "mode": "upsert"}


def wants(world: World, number: int, *, first: int = 1) -> None:
    """So many rows to add, each with a score of its own, by which this CRM knows a lead, and a status."""
    world.crm.capabilities = CAN_ALL
    world.rows(
        *(
            (f"form {each}", name, None, value, None, "insert")
            for each in range(first, first + number)
            for name, value in (("lead_score", str(each)), ("status", "New"))
        )
    )


def forgets(world: World) -> None:
    """The warehouse is as it was before any push: a copy was put back."""
    with world.engine.begin() as connection:
        for table in ("push_runs", "push_journal", "push_settled"):
            connection.execute(sa.text(f"delete from leadloop.{table}"))
    world.journal = Journal(world.engine)


def said(summary: Summary) -> str:
    from rich.console import Console

    console = Console(width=300)
    with console.capture() as shown:
        console.print(push_text(summary, Recovery()))
    return shown.get()


@pytest.mark.parametrize("how", ["restored", "renamed"])
def test_what_was_added_before_is_not_added_again(world: World, how: str) -> None:
    """Ten leads were added; the warehouse is put back, or the push renamed: none is added again, and each has its id."""
    wants(world, 10)
    world.deliver(world.plan(**ADD))
    if how == "restored":
        forgets(world)
    summary = world.deliver(world.plan(name="scores" if how == "restored" else "other", **ADD))
    assert (len(world.crm.leads), len(world.crm.calls)) == (10, 10)
    assert (summary.by_state, summary.found, summary.calls, summary.exit_code) == ({"applied": 10}, 10, 0, 0)
    assert "10 of them were in convoso already" in said(summary)
    assert push_document(summary, Recovery()).found == 10
    rows = [row for row in world.journalled() if row.run_id == summary.run_id and row.state == "applied"]
    assert {world.crm.leads[row.crm_lead_id]["lead_score"] == row.lead_id.split()[1] for row in rows} == {
        True
    }
    assert {row.code for row in rows} == {"found"}
    assert {row.state for row in world.journalled() if row.run_id == summary.run_id} == {"planned", "applied"}


def test_a_second_warehouse_adds_nothing_again(local: World, tmp_path: Path, postgres_url: str) -> None:
    """What one warehouse has added, another one finds: DuckDB's by PostgreSQL."""
    wants(local, 5)
    local.deliver(local.plan(**ADD))
    second = World(Warehouse.postgres(postgres_url).engine())
    second.crm = local.crm
    wants(second, 7)
    summary = second.deliver(second.plan(**ADD))
    assert (len(local.crm.leads), summary.found, summary.by_state) == (7, 5, {"applied": 7})


@pytest.mark.parametrize("number", [3, 30])
def test_a_look_is_one_search_for_each_lead(local: World, number: int) -> None:
    """The searches and the calls are as many as the leads, however many they are; known leads cost no search."""
    wants(local, number)
    local.deliver(local.plan(**ADD))
    assert (len(local.crm.reads), len(local.crm.calls)) == (number, number)


def test_as_many_leads_are_looked_for_at_once_as_calls_are_allowed(
    local: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than are recorded together: the next ones are asked for meanwhile. Each search waits for 39 others."""
    wants(local, 80)
    together, find = threading.Barrier(40), local.crm.find

    def waiting(*given: Any) -> list[str]:
        together.wait(10)
        return find(*given)

    monkeypatch.setattr(local.crm, "find", waiting)
    summary = local.deliver(local.plan(**ADD), concurrency=40)
    assert (summary.by_state, len(local.crm.reads)) == ({"applied": 80}, 80)


def test_two_rows_with_one_number_stay_two_leads(world: World) -> None:
    """What another row of the same push was given is its own; after a restore each of the two gets one of the two leads."""
    world.crm.capabilities = CAN_ALL
    world.rows(*((key, "lead_score", None, "11", None, "insert") for key in ("form 1", "form 2")))
    world.deliver(world.plan(**ADD), concurrency=1)
    assert len(world.crm.leads) == 2
    world.rows(("form 3", "lead_score", None, "11", None, "insert"))
    with world.engine.begin() as connection:
        connection.execute(sa.text("delete from analytics.scores where lead_id <> 'form 3'"))
    assert world.deliver(world.plan(**ADD)).found == 0
    assert len(world.crm.leads) == 3
    world.rows(*((key, "lead_score", None, "11", None, "insert") for key in ("form 1", "form 2")))
    renamed = world.deliver(world.plan(name="other", **ADD))
    assert (renamed.found, len(world.crm.leads)) == (3, 3)
    own = {row.lead_id: row.crm_lead_id for row in world.journalled() if row.code == "found"}
    assert own == {"form 1": "C1", "form 2": "C2", "form 3": "C3"}


def test_a_later_look_knows_what_this_run_has_added(local: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many rows with one number, each is a lead of its own, also if the first are sent before the last are looked for."""
    monkeypatch.setattr(sys.modules[deliver.__module__], "AT_ONCE", 3)
    local.crm.capabilities = CAN_ALL
    local.rows(*((f"form {number}", "lead_score", None, "11", None, "insert") for number in range(9)))
    assert local.deliver(local.plan(**ADD)).found == 0
    assert len(local.crm.leads) == 9


@pytest.mark.parametrize("limit", [4, 5, None])
def test_more_than_max_found_stops_the_push(world: World, limit: int | None) -> None:
    """Exit code 4: what was found counts as added, nothing of the rest was sent, and the next run sends it."""
    world.crm.capabilities = CAN_ALL
    wants(world, 5)
    world.deliver(world.plan(**ADD))
    forgets(world)
    wants(world, 3, first=6)
    summary = world.deliver(world.plan(max_found=limit, **ADD))
    stops = limit == 4
    assert (summary.exit_code, summary.found, len(world.crm.leads)) == (
        4 if stops else 0,
        5,
        5 if stops else 8,
    )
    if stops:
        assert summary.by_state == {"deferred": 3, "applied": 5}
        assert "convoso had 5 of the first 8 leads already, and max_found is 4" in said(summary)
        assert world.states("form 6") == ["planned", "deferred"]
        assert len(world.crm.calls) == 5
    assert world.journal.open_runs("scores") == []


def test_max_found_is_a_part_of_what_is_agreed_to(local: World, tmp_path: Path) -> None:
    """A plan that was saved with one limit is not the one with another; it is read again with its own."""
    wants(local, 1)
    saved = tmp_path / "plan.json"
    saved.write_text(to_json(plan_document(local.plan(max_found=7, **ADD))))
    agreed = read_plan(saved)
    assert agreed.max_found == 7
    with pytest.raises(PlanMovedError, match="max_found"):
        expect(local.plan(max_found=8, **ADD), agreed)


def test_a_lead_that_cannot_be_looked_for_is_not_sent(world: World) -> None:
    """Deferred, with the reason; after a few failures the CRM isn't asked about the others, and nothing is added."""
    wants(world, 20)
    world.crm.down = True
    summary = world.deliver(world.plan(**ADD), concurrency=1)
    assert (summary.by_state, summary.calls, summary.exit_code) == ({"deferred": 20}, 0, 3)
    assert "could not be asked whether it has this lead" in (summary.unapplied[0].reason or "")
    assert len(world.crm.reads) == 3
    world.crm.down = False
    assert world.deliver(world.plan(**ADD)).by_state == {"applied": 20}


def test_one_failed_search_holds_up_no_other_lead(local: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the lead itself waits for the next run."""
    wants(local, 4)
    real = local.crm.find

    def fails(fields: Any, options: Any, sent_at: Any = None) -> list[str]:
        if fields["lead_score"] == "2":
            raise TransientError("Too many calls.")
        return real(fields, options, sent_at)

    monkeypatch.setattr(local.crm, "find", fails)
    assert local.deliver(local.plan(**ADD)).by_state == {"applied": 3, "deferred": 1}


def test_where_an_option_has_the_crm_look_nothing_is_looked_for(local: World) -> None:
    """The option says so by its value; an upsert is looked for all the same, since it would overwrite what it finds."""
    local.crm.capabilities = replace(CAN_ALL, looks_itself={"check": "true"})
    wants(local, 2)
    local.crm.capabilities = replace(CAN_ALL, looks_itself={"check": "true"})
    with_option = {"list": "333", "check": "true"}
    local.deliver(local.plan(**{**ADD, "options": with_option}))
    assert local.crm.reads == []
    forgets(local)
    local.deliver(local.plan(**{**ADD, "options": {"list": "333", "check": "false"}}))
    assert len(local.crm.reads) == 2
    forgets(local)
    local.deliver(local.plan(**{**UPSERT, "options": with_option}))
    assert (len(local.crm.reads), len(local.crm.leads)) == (4, 2)


def test_an_upsert_that_finds_its_lead_overwrites_nothing(world: World) -> None:
    """The lead is known from now on, what a person typed into it stands, and finding it is nothing to stop for."""
    wants(world, 1)
    world.crm.leads["C9"] = {"lead_score": "1", "status": "typed by a person"}
    summary = world.deliver(world.plan(max_found=0, **UPSERT))
    assert (summary.found, summary.exit_code, world.crm.calls) == (1, 0, [])
    assert world.crm.leads["C9"]["status"] == "typed by a person"
    assert {row.crm_lead_id for row in world.journalled() if row.code == "found"} == {"C9"}


def test_a_found_lead_is_no_ones_write(world: World) -> None:
    """What it shows is not compared with what was never sent to it: neither confirmed nor reverted, nor read back for it."""
    from datetime import UTC, datetime, timedelta

    wants(world, 1)
    world.crm.leads["C9"] = {"lead_score": "1", "status": "Old"}
    world.deliver(world.plan(**ADD))
    world.lead("C9", lead_score="1", status="Old", last_seen_at=datetime.now(UTC) + timedelta(minutes=1))
    assert not any(vars_of(confirm(world.engine, world.journal, "convoso")))
    assert world.states("form 1", "status") == ["planned", "applied"]


def vars_of(counts: Any) -> list[int]:
    return [counts.confirmed, counts.reverted, counts.edited]


def test_a_killed_look_is_looked_again(local: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found by then is on disk with its id; the rest is planned again and found by the next run."""
    from connector.push import found, recover

    monkeypatch.setattr(found, "PART", 2)
    wants(local, 6)
    local.deliver(local.plan(**ADD))
    forgets(local)
    real, asked = local.crm.find, 0

    def dies(fields: Any, options: Any, sent_at: Any = None) -> list[str]:
        nonlocal asked
        asked += 1
        if asked > 4:
            raise KeyboardInterrupt
        return real(fields, options, sent_at)

    monkeypatch.setattr(local.crm, "find", dies)
    with pytest.raises(KeyboardInterrupt):
        local.deliver(local.plan(**ADD), concurrency=1)
    monkeypatch.setattr(local.crm, "find", real)
    assert recover("scores", local.journal, local.crm, local.crm).deferred == 2
    with local.engine.begin() as connection:
        done = "select lead_id from leadloop.push_journal where code = 'found'"
        connection.execute(sa.text(f"delete from analytics.scores where lead_id in ({done})"))
    assert local.deliver(local.plan(**ADD)).found == 2
    assert len(local.crm.leads) == 6
