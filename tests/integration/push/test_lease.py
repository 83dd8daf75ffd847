"""A push under its lease: who has lost it sends and records nothing more, and a session that is cut costs nothing."""

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from connector.crm.base import Outcome
from connector.errors import LeaseLostError, LockedError, WarehouseError
from connector.push import Journal, recover
from connector.push.journal_row import Entry
from connector.warehouse import leases
from connector.warehouse.connection import Warehouse
from tests.integration.push.conftest import CAN_ALL, World

CUT = sa.text(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
)


def rob(warehouse: Any, lease: leases.Lease | None) -> leases.Lease:
    """What another run does once the first one's machine was not heard of for too long."""
    assert lease is not None
    old = leases.leases.c.renewed_at - sa.text("interval '1 hour'")
    # Between two transactions of the first, as another process would: DuckDB lets it in at no other time.
    with lease._one_at_a_time:
        with warehouse.ledger().begin() as connection:
            connection.execute(leases.leases.update().values(host_id="elsewhere", renewed_at=old))
        return leases.take(warehouse.ledger(), "push:scores")


def entries(number: int) -> list[Entry]:
    return [
        Entry("scores", "convoso", f"L{each}", "lead_score", "lead_score", "sent", None, "1")
        for each in range(number)
    ]


def test_no_lease_no_intent_no_call(warehouse: Any) -> None:
    """A run whose lease was taken over before it begins leaves no trace."""
    world = World(warehouse.ledger())
    world.changes(5)
    with warehouse.lock("push:scores") as lease:
        world.journal.lease = lease
        theirs = rob(warehouse, lease)
        with pytest.raises(LeaseLostError):
            world.deliver()
    theirs.release()
    assert (world.crm.calls, world.journalled()) == ([], [])


def test_a_run_that_was_taken_over_stops_before_its_next_batch(warehouse: Any) -> None:
    """Exit code 5; what was in flight stays ``sent``, so that the other run looks in the CRM what came of it."""
    world = World(warehouse.ledger())
    world.changes(100)
    theirs: list[leases.Lease] = []

    def answer(lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        if len(world.crm.calls) == 15:
            theirs.append(rob(warehouse, world.journal.lease))
        return Outcome("applied")

    world.crm.answer = answer
    with warehouse.lock("push:scores") as lease:
        world.journal.lease = lease
        with pytest.raises(LeaseLostError, match="Run again") as caught:
            world.deliver(concurrency=1, batch=10)
    assert caught.value.exit_code == 5
    called = {lead_id for lead_id, _ in world.crm.calls}
    assert 15 <= len(called) < 70
    last = {row.lead_id: row.state for row in world.journalled()}
    assert {last[lead_id] for lead_id in called} <= {"sent", "applied"}
    assert "sent" in {last[lead_id] for lead_id in called}
    assert len({row.lead_id for row in world.journalled() if row.state == "sent"} - called) <= 40
    journal = Journal(warehouse.ledger(), lease=theirs[0])
    recover("scores", journal, world.crm, world.crm)
    theirs[0].release()
    assert all("applied" in world.states(lead_id) for lead_id in called)


def test_a_process_that_slept_asks_before_it_calls(warehouse: Any, monkeypatch: Any) -> None:
    """A call waits for a new proof when the last one is old; with the lease gone, it is not made."""
    world = World(warehouse.ledger())
    world.changes(40)
    theirs: list[leases.Lease] = []
    awake = leases._clock

    def answer(lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        if len(world.crm.calls) == 3:
            theirs.append(rob(warehouse, world.journal.lease))
            monkeypatch.setattr(leases, "_clock", lambda: awake() + leases.TTL)
        return Outcome("applied")

    world.crm.answer = answer
    with warehouse.lock("push:scores") as lease:
        world.journal.lease = lease
        with pytest.raises(LeaseLostError):
            world.deliver(concurrency=1, batch=20)
    theirs[0].release()
    assert len(world.crm.calls) == 3


def test_sessions_cut_at_any_moment_double_no_lead(postgres_url: str) -> None:
    """The run goes on through new sessions, every lead is added once, and no second run gets in meanwhile."""
    warehouse = Warehouse.postgres(postgres_url)
    world, chance = World(warehouse.ledger()), random.Random(8)
    world.crm.capabilities = CAN_ALL
    world.rows(*((f"form {each}", "lead_score", None, str(each), None, "insert") for each in range(120)))
    ended, cuts, refused = threading.Event(), 0, 0

    def answer(lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        time.sleep(0.02)
        return Outcome("applied")

    def cut() -> None:
        nonlocal cuts
        with sa.create_engine(warehouse.url, isolation_level="AUTOCOMMIT").connect() as connection:
            while not ended.is_set():
                hit = len(connection.execute(CUT).all())
                cuts += hit
                # A session is short, so it is looked for all the time; the next one then has a chance.
                ended.wait(chance.random() / 5 if hit else 0.001)

    def come_in() -> None:
        nonlocal refused
        while not ended.is_set():
            try:
                leases.take(warehouse.ledger(), "push:scores")
            except LockedError:
                refused += 1
            except sa.exc.DBAPIError:
                pass  # It was cut itself.
            ended.wait(chance.random() / 50)

    world.crm.answer = answer
    threads = [threading.Thread(target=each) for each in (cut, come_in)]
    with warehouse.lock("push:scores") as lease:
        world.journal.lease = lease
        plan = world.plan(mode="insert", options={"list": "333"})
        for thread in threads:
            thread.start()
        try:
            summary = world.deliver(plan, concurrency=4, batch=8)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
    assert summary.by_state == {"applied": 120}
    assert cuts > 0
    assert refused > 0
    assert Counter(fields["lead_score"] for _, fields in world.crm.calls) == Counter(map(str, range(120)))
    rows = world.journalled()
    assert len({row.seq for row in rows}) == len(rows) == 360


@pytest.mark.parametrize("when", ["before the commit", "after the commit"])
def test_a_commit_whose_answer_is_lost_is_looked_up(postgres_url: str, monkeypatch: Any, when: str) -> None:
    """The rows are there once, whether or not the transaction was carried out before the session was cut."""
    warehouse = Warehouse.postgres(postgres_url)
    world = World(warehouse.ledger())
    world.changes(3)
    commit: Any = sa.engine.default.DefaultDialect.do_commit
    cut = 0

    def broken(self: Any, connection: Any) -> None:
        nonlocal cut
        if cut % 2:
            cut += 1
            commit(self, connection)
            return
        cut += 1
        if when == "after the commit":
            commit(self, connection)
        with sa.create_engine(warehouse.url, isolation_level="AUTOCOMMIT").connect() as other:
            other.execute(CUT)
        connection.cursor().execute("select 1")

    with warehouse.lock("push:scores") as lease:
        journal = Journal(warehouse.ledger(), lease=lease)
        with monkeypatch.context() as patched:
            patched.setattr(sa.dialects.postgresql.psycopg2.dialect, "do_commit", broken)
            run_id = journal.start_run(world.plan())
            for _ in range(2):
                journal.record(run_id, entries(3))
            journal.record(run_id, entries(3), closed=True)
    assert cut >= 8
    assert [row.seq for row in world.journalled()] == list(range(1, 13))
    with warehouse.ledger().connect() as connection:
        for table in ("push_runs", "push_settled"):
            assert connection.scalar(sa.text(f"select count(*) from leadloop.{table}")) == 1


def test_a_server_that_stays_away_ends_the_run_with_a_sentence(postgres_url: str, monkeypatch: Any) -> None:
    """After some patience the journal says what happened, and that nothing that was sent is forgotten."""
    warehouse = Warehouse.postgres(postgres_url)
    World(warehouse.ledger())
    with warehouse.lock("push:scores") as lease:
        journal = Journal(warehouse.ledger(), lease=lease, patience=0.3)
        away = Warehouse.postgres("postgresql://postgres@127.0.0.1:9/leads").engine()
        monkeypatch.setattr(journal, "_connect", away.connect)
        with pytest.raises(WarehouseError, match="nothing that was sent is forgotten"):
            journal.record("r", entries(1))
