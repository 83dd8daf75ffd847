"""A copy of a DuckDB file that readers hold open: what is in it, and that making one disturbs nobody."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connector.errors import ConfigError, LockedError
from connector.warehouse import snapshot
from connector.warehouse.connection import Warehouse

WRITER = """
import duckdb, os, sys, time
path, pause, rounds = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
connection = duckdb.connect(path)
for number in range(rounds):
    connection.execute(f"begin; insert into one values ({number}); insert into two values ({number}); commit")
    if number % 5 == 4 and rounds > 10:
        connection.execute("checkpoint")
    print(number, flush=True)
    time.sleep(pause)
time.sleep(60)
"""
"""Writes the same to two tables in one transaction, over and over, and keeps the file open."""


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    path = tmp_path / "leads.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table one (number int); create table two (number int)")
    time.sleep(0.1)
    return Warehouse.duckdb(path)


@contextmanager
def writing(warehouse: Warehouse, pause: float, rounds: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WRITER, str(warehouse.path), str(pause), str(rounds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def numbers(path: Any) -> tuple[list[int], list[int]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        one, two = (
            [row[0] for row in connection.execute(f"select number from {name} order by 1").fetchall()]
            for name in ("one", "two")
        )
    return one, two


def left_beside(warehouse: Warehouse) -> set[str]:
    assert warehouse.path is not None
    return {each.name for each in warehouse.path.parent.iterdir()}


def test_a_snapshot_has_what_a_running_process_has_committed(warehouse: Warehouse) -> None:
    """Also what is only in the write-ahead log yet, while that process keeps the file to itself."""
    with writing(warehouse, 0, 3) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(3)][-1] == "2\n"
        with pytest.raises(duckdb.IOException):
            duckdb.connect(str(warehouse.path), read_only=True)
        made = snapshot.make(warehouse)
        assert numbers(made.path) == ([0, 1, 2], [0, 1, 2])
        assert made.path.name == "leads.snapshot.duckdb"
        assert made.path.stat().st_mode & 0o077 == 0
        assert not [
            name for name in left_beside(warehouse) if "new" in name or name.endswith("shot.duckdb.wal")
        ]


def test_a_snapshot_never_has_a_part_of_a_transaction(warehouse: Warehouse) -> None:
    """However a writer and its checkpoints fall between: what is in one table is in the other."""
    seen: set[int] = set()
    with writing(warehouse, 0.12, 400) as process:
        assert process.stdout is not None
        process.stdout.readline()
        # Three seconds, and longer where a busy machine has the writer wait.
        began = time.monotonic()
        while time.monotonic() < began + (3 if len(seen) > 2 else 60):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(snapshot, "_PAUSE", 0.01)
                made = snapshot.make(warehouse, patience=30)
            one, two = numbers(made.path)
            assert one == two == list(range(len(one)))
            seen.add(len(one))
    assert len(seen) > 2, "the writer wrote nothing in between"


def test_while_somebody_writes_all_the_time_the_last_snapshot_stays(warehouse: Warehouse) -> None:
    """No copy is better than half of one; and nothing is left beside it."""
    before = snapshot.make(warehouse)
    with writing(warehouse, 0, 1_000_000) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(LockedError, match="written to all the time"):
            snapshot.make(warehouse, patience=0.5)
        assert snapshot.remake(warehouse, patience=0) is None
    assert numbers(before.path) == ([], [])
    assert not [name for name in left_beside(warehouse) if "new" in name]


def test_a_reader_of_the_snapshot_and_a_writer_of_the_warehouse_do_not_meet(warehouse: Warehouse) -> None:
    """An analyst holds the copy open; the run writes, and leaves another copy; the analyst goes on reading the old one."""
    first = snapshot.make(warehouse)
    reader = duckdb.connect(str(first.path), read_only=True)
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("insert into one values (7); insert into two values (7)")
    assert not snapshot.is_current(warehouse)
    time.sleep(0.1)
    second = snapshot.make(warehouse)
    assert snapshot.is_current(warehouse)
    assert reader.execute("select count(*) from one").fetchall() == [(0,)]
    reader.close()
    assert numbers(second.path) == ([7], [7])
    assert second.made_at > first.made_at


def test_making_a_snapshot_keeps_the_locks_of_this_process(warehouse: Warehouse) -> None:
    """Whoever has the warehouse open in this process still has it to itself afterwards."""
    code = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True)"
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("select 1")
        snapshot.make(warehouse)
        other = subprocess.run(
            [sys.executable, "-c", code, str(warehouse.path)], capture_output=True, text=True, check=False
        )
        assert "Could not set lock" in other.stderr


def test_what_cannot_be_copied_is_said(tmp_path: Path) -> None:
    """A server needs none, and where there is no file there is nothing to copy."""
    with pytest.raises(ConfigError, match="needs no snapshot"):
        snapshot.make(Warehouse.postgres("postgresql://somebody:secret@127.0.0.1/leads"))
    with pytest.raises(ConfigError, match="no warehouse"):
        snapshot.make(Warehouse.duckdb(tmp_path / "none.duckdb"))


def test_whoever_reads_cannot_write(warehouse: Warehouse) -> None:
    """A warehouse that is opened for reading refuses everything else, and several processes have it open."""
    reading = warehouse.reading()
    with reading.engine().connect() as connection:
        code = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True)"
        subprocess.run([sys.executable, "-c", code, str(warehouse.path)], check=True)
        with pytest.raises(Exception, match="read-only"):
            connection.exec_driver_sql("insert into one values (1)")


@pytest.mark.parametrize("wanted", ["true", None])
def test_a_run_leaves_a_snapshot_where_the_settings_ask_for_one(
    warehouse: Warehouse, wanted: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the run ends, and without one it is none."""
    if wanted:
        monkeypatch.setenv("WAREHOUSE__SNAPSHOT", wanted)

    @snapshot.left_behind
    def run(warehouse: Warehouse) -> None:
        with duckdb.connect(str(warehouse.path)) as connection:
            connection.execute("insert into one values (7); insert into two values (7)")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(warehouse)
    path = snapshot.path_of(warehouse)
    assert path is not None
    assert path.exists() == bool(wanted)
    if wanted:
        assert numbers(path) == ([7], [7])
