"""A build and a push that are killed (-9), and two runs at once: on every engine the next run makes whole what is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from connector import loop
from connector.errors import LockedError
from connector.warehouse import leases, models
from connector.warehouse.connection import Warehouse
from tests.engines import settings_of
from tests.engines.bench import made, wait_for

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
PUSH = "lead_scores_to_convoso"
BUILD = """
from connector import loop
from connector.events import Listener
from connector.warehouse import models
from connector.warehouse.connection import Warehouse

class Told(Listener):
    def building(self, done, total, name):
        print(name, flush=True)

loop.build(Warehouse.open(), models.packaged_project(), full_refresh=True, listener=Told())
"""
TTL = 4.0
PUSHING = f"""
from connector import loop
from connector.warehouse import models
from connector.warehouse.connection import Warehouse

loop.push(Warehouse.open(), "{PUSH}", models.packaged_project())
"""
PAUSED = f"""
from connector.warehouse import leases
leases.TTL = {TTL}
leases.host_id = lambda: "another machine"
{PUSHING}
"""
HOLDING = """
import sys
from connector.warehouse.connection import Warehouse

with Warehouse.open().lock("build"):
    print("held", flush=True)
    sys.stdin.readline()
"""


def started(code: str, warehouse: Warehouse) -> "subprocess.Popen[str]":
    """A process of its own with the same settings."""
    env = {**os.environ, **settings_of(warehouse)}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def killed(process: "subprocess.Popen[str]") -> None:
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def test_a_killed_build_is_made_whole_by_the_next_one(bench: Callable[..., Any]) -> None:
    """It dies when the history is made and what stands on it is not; the next build makes what DuckDB makes from the beginning."""
    run = bench(leads=30)
    loop.extract(run.warehouse)
    loop.build(run.warehouse, models.packaged_project())
    run.crm.book.edit(run.crm.book.ids()[0], {"first_name": "Renée"})
    loop.extract(run.warehouse)
    process = started(BUILD, run.warehouse)
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line.strip())
        if seen[-1] == "lead_history":
            break
    assert seen[-1:] == ["lead_history"], seen
    killed(process)
    loop.build(run.warehouse, models.packaged_project())
    here, there = made(run.warehouse), run.of_duckdb()
    assert here.keys() == there.keys()
    assert len(here["lead_changes"]) > 0
    for name, rows in there.items():
        assert here[name] == rows, name


def test_a_killed_push_is_carried_on_by_the_next_one(bench: Callable[..., Any]) -> None:
    """Every lead gets its value, none is forgotten, and at most the calls under way are repeated."""
    run = bench(leads=60, latency=0.05)
    project = models.packaged_project()
    loop.extract(run.warehouse)
    loop.build(run.warehouse, project)
    wanted = {lead.lead_id for lead in loop.plan(run.warehouse, PUSH, project).leads}
    assert len(wanted) > 5
    process = started(PUSHING, run.warehouse)
    until = time.monotonic() + 300
    while run.crm.calls.count("update") < 3:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.005)
    killed(process)
    before = run.crm.calls.count("update")
    assert before < len(wanted)
    intents = run.rows("select count(distinct lead_id) from leadloop.push_journal where state = 'planned'")
    assert intents == [(len(wanted),)], "all intents are on disk before the first call"
    done = loop.push(run.warehouse, PUSH, project)
    assert done is not None
    states = run.rows("select distinct lead_id, state from leadloop.push_journal")
    assert {lead_id for lead_id, state in states if state in ("applied", "confirmed")} == wanted
    assert all(run.crm.book.row(lead_id)["lead_score"] for lead_id in wanted)
    assert run.crm.calls.count("update") <= len(wanted) + before


def test_two_at_once(bench: Callable[..., Any]) -> None:
    """The second is told who works since when; when the first is killed, it goes on."""
    run = bench(leads=1)
    process = started(HOLDING, run.warehouse)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(LockedError, match=rf"{process.pid}"):
        loop.build(run.warehouse, models.packaged_project())
    killed(process)
    until = time.monotonic() + 30
    while True:
        try:
            with run.warehouse.lock("build"):
                break
        except LockedError:  # a server notices a vanished client within moments, not at once
            assert time.monotonic() < until
            time.sleep(0.2)


def test_a_sender_that_was_paused_sends_nothing_once_another_has_taken_over(
    bench: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine sleeps in the middle of a push until its lease is over; another one ends the push. The first one wakes up and makes no
    further call. Only a server has several machines at work."""
    run = bench(leads=40, latency=0.2)
    if run.warehouse.path is not None:
        pytest.skip("the lock of a file knows that its holder lives")
    project = models.packaged_project()
    loop.extract(run.warehouse)
    loop.build(run.warehouse, project)
    wanted = {lead.lead_id for lead in loop.plan(run.warehouse, PUSH, project).leads}
    process = started(PAUSED, run.warehouse)
    wait_for(lambda: run.crm.calls.count("update") > 0, process)
    os.killpg(process.pid, signal.SIGSTOP)
    monkeypatch.setattr(leases, "TTL", TTL)
    with pytest.raises(LockedError, match=f"{process.pid}"):
        loop.push(run.warehouse, PUSH, project)
    time.sleep(TTL + 1)
    assert loop.push(run.warehouse, PUSH, project) is not None
    sent = run.crm.calls.count("update")
    os.killpg(process.pid, signal.SIGCONT)
    assert process.wait() == 1
    assert run.crm.calls.count("update") == sent
    states = run.rows("select distinct lead_id, state from leadloop.push_journal")
    assert {lead_id for lead_id, state in states if state in ("applied", "confirmed")} == wanted
