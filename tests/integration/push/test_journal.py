"""The journal on both engines: added to in batches, never changed, open to others in between."""

import getpass
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import LockedError
from connector.push import Entry, Journal

AT = datetime(2025, 11, 2, 8, 30, 15, 123456, tzinfo=UTC)


def entries(number: int, state: Any = "planned", value: str | None = "7") -> list[Entry]:
    return [
        Entry("scores", "convoso", f"L{each}", "lead_score", "lead_score", state, None, value)
        for each in range(number)
    ]


def test_ensure_may_run_again(world: Any) -> None:
    """Making the tables twice is making them once, and keeps what is in them."""
    world.journal.record("r", entries(1))
    world.journal.ensure()
    assert len(world.journalled()) == 1


def test_a_run_says_who_ran_it(world: Any) -> None:
    """The user of the system: a person, or the account of a service."""
    world.rows(("a", "lead_score", "1", "7", None, "change"))
    world.journal.start_run(world.plan())
    with world.engine.connect() as connection:
        assert connection.execute(sa.text("select who from leadloop.push_runs")).scalars().all() == [
            getpass.getuser()
        ]


def test_values_come_back_as_they_were_given(world: Any) -> None:
    """Any length, script, quotation mark and line break; nothing and blank stay two things; times to the microsecond."""
    texts = [
        "",
        " ",
        "x" * 100_000,
        "naïve 東京 🙂 שלום",
        "a\nb\r\n\tc",
        "'\"\\%s :x {y} $1 ?",
        "\\N",
        "null",
        None,
    ]
    world.journal.record(
        "r", [replace(entries(1, value=text)[0], recorded_at=AT, reason=text) for text in texts]
    )
    rows = world.journalled()
    assert [row.value for row in rows] == texts
    assert [row.reason for row in rows] == texts
    assert {row.recorded_at.astimezone(UTC) for row in rows} == {AT}


def test_a_reason_with_a_nul_is_kept_without_it(world: Any) -> None:
    """A CRM may answer anything; no database refuses the record of it."""
    world.journal.record("r", [replace(entries(1)[0], reason="a\x00b", code="\x00")])
    assert (world.journalled()[0].reason, world.journalled()[0].code) == ("ab", "")


def test_numbers_go_on_where_they_ended(world: Any) -> None:
    """Within a run seq counts on, also when another process (a new journal) adds to it."""
    world.journal.record("r", entries(2))
    world.journal.record("s", entries(1))
    Journal(world.engine).record("r", entries(2, "deferred"))
    world.journal.record("r", [])
    assert [(row.run_id, row.seq) for row in world.journalled()] == [
        ("r", 1), ("r", 2), ("r", 3), ("r", 4), ("s", 1),
    ]  # fmt: skip


def test_a_batch_is_all_or_nothing(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that fails after its first statement leaves nothing behind, and the next one is numbered right."""
    monkeypatch.setattr("connector.push.journal._ROWS_AT_A_TIME", 2)
    world.journal.record("r", entries(1))
    with pytest.raises(TypeError):
        world.journal.record("r", [*entries(3), replace(entries(1)[0], lead_id=object())])  # type: ignore[arg-type]
    world.journal.record("r", entries(1))
    assert [row.seq for row in world.journalled()] == [1, 2]


def test_ten_thousand_rows_are_quick(world: Any) -> None:
    """Journalling must never be what a push waits for: 10,000 rows in well under two seconds."""
    seconds = []
    for run_id in ("r", "s"):
        began = time.perf_counter()
        world.journal.record(run_id, entries(10_000))
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 2.0
    with world.engine.connect() as connection:
        assert connection.scalar(sa.text("select count(*) from leadloop.push_journal")) == 20_000


def test_open_is_what_has_no_outcome(world: Any) -> None:
    """Planned and sent without a later outcome, and unknown, are open; everything else is settled."""
    states: dict[str, list[Any]] = {
        "planned": ["planned"],
        "sent": ["planned", "sent"],
        "unknown": ["planned", "sent", "unknown"],
        "applied": ["planned", "sent", "applied"],
        "looked up": ["planned", "sent", "unknown", "applied"],
        "deferred": ["planned", "deferred"],
    }
    world.journal.record(
        "r",
        [replace(entries(1, state)[0], lead_id=lead) for lead, path in states.items() for state in path],
    )
    world.journal.record("r", [replace(entries(1)[0], push="another")])
    found = world.journal.open_leads("scores")
    assert {row.lead_id: row.state for row in found} == {
        "planned": "planned",
        "sent": "sent",
        "unknown": "unknown",
    }


def test_the_same_lead_is_open_per_run(world: Any) -> None:
    """A later run's outcome doesn't settle what an earlier run left open."""
    world.journal.record("r1", entries(1, "sent"))
    world.journal.record("r2", entries(1, "applied"))
    assert [row.run_id for row in world.journal.open_leads("scores")] == ["r1"]


def test_a_push_that_is_gone_is_found_by_what_it_left_open(world: Any) -> None:
    """A lead that waits for an answer to a push whose model was deleted or renamed since can be looked up all the same, and
    what was never sent is not left as planned for good."""
    world.journal.record("r", [*entries(2, "unknown"), *entries(1, "applied")])
    world.journal.record("s", [replace(entries(1, "applied")[0], push="another")])
    world.journal.record("t", [replace(entries(1, "sent")[0], push="elsewhere", crm="pollybot")])
    world.journal.record("u", [replace(entries(1, "planned")[0], push="renamed")])
    assert world.journal.open_pushes("convoso") == ["renamed", "scores"]


def test_a_journal_that_was_never_made_has_nothing_open(warehouse: Any) -> None:
    """The first run of all asks before there is a table."""
    journal = Journal(warehouse.ledger())
    assert journal.open_leads("scores") == []
    assert not journal.exists()


def test_the_last_word_counts_over_runs_and_pushes(world: Any) -> None:
    """Of two writes to one field, whoever sent it, only the later one waits to be confirmed."""

    def one(push: str, state: Any, minute: int) -> Entry:
        return replace(entries(1, state)[0], push=push, recorded_at=AT + timedelta(minutes=minute))

    world.journal.record("r1", [one("scores", "applied", 0)])
    world.journal.record("r2", [one("tiers", "applied", 1), one("tiers", "deferred", 2)])
    with world.engine.connect() as connection:
        found = connection.execute(sa.select(world.journal.applied_unconfirmed("convoso"))).all()
    assert [(row.run_id, row.push) for row in found] == [("r2", "tiers")]
    world.journal.record("r2", [one("tiers", "confirmed", 3)])
    with world.engine.connect() as connection:
        assert connection.execute(sa.select(world.journal.applied_unconfirmed("convoso"))).all() == []


HOLD = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def hold(world: Any, seconds: float) -> subprocess.Popen[str]:
    """Another process that has the warehouse's file open for writing."""
    world.let_go()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, world.engine.url.database, str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_between_batches_the_file_is_free(local: Any) -> None:
    """Another process can open the DuckDB file while a journal exists that has just written."""
    local.journal.record("r", entries(10))
    with hold(local, 0) as process:
        assert process.wait(30) == 0


def test_a_file_that_somebody_looks_into_is_waited_for(local: Any) -> None:
    """A short look from another process delays a flush and fails nothing."""
    with hold(local, 1.5):
        local.journal.record("r", entries(10))
    assert len(local.journalled()) == 10


def test_a_file_that_stays_held_is_an_error_in_words(local: Any) -> None:
    """After a while the run gives up with exit code 5."""
    with hold(local, 60) as process:
        with pytest.raises(LockedError, match="another process holds") as caught:
            Journal(local.engine, patience=0.5).record("r", entries(1))
        process.kill()
    assert caught.value.exit_code == 5
