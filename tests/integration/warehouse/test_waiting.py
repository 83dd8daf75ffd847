"""``--wait``: what another process holds is waited for, as long as was said, and it is said for whom."""

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer

from connector import cli
from connector.errors import LockedError
from connector.warehouse.connection import Warehouse
from connector.warehouse.waiting import waiting

HOLD = textwrap.dedent(
    """
    import sys, duckdb
    connection = duckdb.connect(sys.argv[1])
    print("held", flush=True)
    sys.stdin.readline()
    """
)
LOCK = textwrap.dedent(
    """
    import sys
    from connector.warehouse.connection import Warehouse
    warehouse = Warehouse.duckdb(sys.argv[1])
    with warehouse.lock("build"):
        print("held", flush=True)
        sys.stdin.readline()
        with warehouse.engine().begin() as connection:
            connection.exec_driver_sql("create table written as select 1 as one")
    """
)


@contextmanager
def process(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """One that has done what it was to do first, and goes on when it is told to."""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "held\n"
        try:
            yield started
        finally:
            started.kill()


def go_on(started: subprocess.Popen[str], after: float) -> None:
    def tell() -> None:
        time.sleep(after)
        assert started.stdin is not None
        started.stdin.write("\n")
        started.stdin.flush()

    threading.Thread(target=tell).start()


def test_a_held_lock_is_waited_for(warehouse: Warehouse) -> None:
    """It is taken when its holder has let go of it, and one sentence said who that was."""
    said: list[str] = []
    begun = threading.Event()

    def hold() -> None:
        with warehouse.lock("push:scores"):
            begun.set()
            time.sleep(0.7)

    holder = threading.Thread(target=hold)
    holder.start()
    begun.wait()
    with waiting(20, said.append), warehouse.lock("push:scores"):
        holder.join()
    (sentence,) = said
    assert sentence.startswith("push:scores is being worked on by leadloop ")
    assert sentence.endswith("Waiting for it, 20 s at most.")


def test_nobody_waits_longer_than_was_said(warehouse: Warehouse) -> None:
    """Then it is refused as without waiting (5): the time is for all waits together, and whoever needs no lock never waits."""
    said: list[str] = []
    with warehouse.lock("build"), waiting(0.5, said.append):
        began = time.monotonic()
        with pytest.raises(LockedError), warehouse.lock("build", wait=False):
            pass
        assert said == []
        with pytest.raises(LockedError, match="build is being worked on") as caught, warehouse.lock("build"):
            pass
        assert 0.5 <= time.monotonic() - began < 5
        with pytest.raises(LockedError), warehouse.lock("build"):
            pass
        assert len(said) == 1
    assert caught.value.exit_code == 5
    with pytest.raises(LockedError), warehouse.lock("build"), warehouse.lock("build"):
        pass


def test_a_file_that_another_process_holds_is_waited_for(tmp_path: Path) -> None:
    """DuckDB's own lock is one as well; it is said which process has it."""
    said: list[str] = []
    path = tmp_path / "leads.duckdb"
    with process(HOLD, path) as holder:
        go_on(holder, 0.7)
        with waiting(20, said.append):
            Warehouse.duckdb(path).probe()
        assert [f"is held by process {holder.pid}" in each for each in said] == [True]


def test_who_waits_for_a_lock_lets_its_holder_have_the_file(tmp_path: Path) -> None:
    """A run that keeps its file open closes it while it waits, else both would wait for each other."""
    path = tmp_path / "leads.duckdb"
    warehouse = Warehouse.duckdb(path)
    with process(LOCK, path) as holder, warehouse.kept_open():
        go_on(holder, 0.3)
        with waiting(20, lambda _: None), warehouse.lock("build"):
            pass
        assert holder.wait() == 0
    with warehouse.engine().connect() as connection:
        assert connection.exec_driver_sql("select one from written").scalar() == 1


def test_a_command_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--wait`` says it on stderr, and the command does its work; without it, or when time is up, it ends with 5."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "leads.duckdb"
    with process(HOLD, path) as holder:
        for argv in (["status"], ["status", "--wait", "0.3"]):
            with pytest.raises(LockedError):
                cli.app(argv, standalone_mode=False)
        assert "Waiting for it, 0 s" in capsys.readouterr().err
        go_on(holder, 0.5)
        cli.app(["status", "--wait", "30"], standalone_mode=False)
        told = capsys.readouterr()
        assert told.err.count("Waiting for it, 30 s at most.") == 1


def test_every_command_that_can_find_a_lock_held_can_wait() -> None:
    """Whoever ends with 5 has the option."""
    group: Any = typer.main.get_command(cli.app)
    for name, codes in cli.ENDS_WITH.items():
        has = any("--wait" in each.opts for each in group.commands[name].params)
        assert has is (5 in codes and name != "demo"), name
