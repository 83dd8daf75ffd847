"""Every run leaves a row, however it ends, and no row is a reason for a run to fail."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector import config
from connector.cli.extract import extract
from connector.cli.status import status
from connector.errors import ConfigError, GuardrailError, LockedError, WarehouseError
from connector.sandbox import Sandbox
from connector.status import status as read_status
from connector.warehouse import kept, runs
from connector.warehouse.connection import Warehouse


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dbt_models").mkdir()
    (tmp_path / "dbt_models" / "dbt_project.yml").touch()
    config.reload()


@runs.recorded("push", facts=lambda result: {"rows": result}, push="name", limit="limit")
def stage(
    warehouse: Warehouse, name: str, error: BaseException | None = None, *, limit: int | None = None
) -> int:
    """Stands for any stage: takes its lock, tells what it is about, and ends as it is told."""
    if isinstance(error, LockedError):
        raise error
    with warehouse.lock("push"):
        runs.begin()
        runs.note(crm="convoso")
        if error is not None:
            raise error
        return 7


def recorded(warehouse: Warehouse) -> list[dict[str, Any]]:
    with warehouse.engine().connect() as connection:
        query = sa.select(runs.runs).order_by(runs.runs.c.started_at)
        return [dict(row) for row in connection.execute(query).mappings()]


def told(warehouse: Warehouse) -> dict[str, Any]:
    """The last run of the only command that there was, as ``status`` tells it."""
    (only,) = read_status(warehouse).commands
    return asdict(only)


def test_every_end_leaves_a_row(warehouse: Warehouse) -> None:
    """Done, stopped, wrongly set up, failed, interrupted: exit code and sentence are there, and nothing of a foreign error."""
    stage(warehouse, "scores", limit=3)
    ends: list[tuple[BaseException, int, str]] = [
        (GuardrailError("Too\nmany."), 4, "Too many."),
        (ConfigError("No token."), 2, "No token."),
        (ValueError("a lead's phone 555-0100"), 1, "ValueError at test_runs.py:"),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ]
    for error, _, _ in ends:
        with pytest.raises(type(error)):
            stage(warehouse, "scores", error)
    first, *others = recorded(warehouse)
    assert (first["command"], first["push"], first["crm"]) == ("push", "scores", "convoso")
    assert (first["exit_code"], first["rows"], first["arguments"], first["why"]) == (
        0,
        7,
        '{"limit": 3}',
        None,
    )
    assert (first["pid"], first["who"]) == (os.getpid(), runs.user())
    for row, (_, code, why) in zip(others, ends, strict=True):
        assert row["exit_code"] == code
        assert row["why"].startswith(why)
        assert row["ended_at"] >= row["started_at"]
        assert "555" not in row["why"]
    numbers = [row["sequence_number"] for row in (first, *others)]
    assert numbers == sorted(set(numbers))
    last = told(warehouse)
    assert (last["state"], last["exit_code"], last["last_done_at"]) == ("ended", 130, first["ended_at"])


def test_two_statements_a_run(warehouse: Warehouse) -> None:
    """One when it begins, one when it ends; the table is made once."""
    stage(warehouse, "scores")
    said: list[str] = []

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def count(*args: Any) -> None:
        said.extend([args[2]] if "leadloop.runs" in args[2] or "nextval" in args[2] else [])

    try:
        stage(warehouse, "scores")
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)
    assert len(said) == 2, "\n".join(said)


def test_a_part_of_a_run_says_of_which(warehouse: Warehouse) -> None:
    """A stage that another one began has a row of its own, and both are there as soon as it holds its lock."""

    @runs.recorded("run", facts=lambda _: {})
    def whole(warehouse: Warehouse) -> None:
        stage(warehouse, "scores")
        assert [row["ended_at"] is None for row in recorded(warehouse)] == [True, False]

    whole(warehouse)
    outer, inner = recorded(warehouse)
    assert (outer["command"], outer["part_of"]) == ("run", None)
    assert (inner["command"], inner["part_of"]) == ("push", outer["run_id"])


def test_one_that_was_killed_is_told_from_one_that_works(warehouse: Warehouse) -> None:
    """Both have no end; the process of one is there, and it isn't that of another one with its number."""
    begun, tell = os.pipe()
    if not (pid := os.fork()):
        with runs.recording(warehouse, "build", {}), warehouse.lock("build"):
            runs.begin()
            os.write(tell, b"!")
            time.sleep(60)
        os._exit(1)
    try:
        assert os.read(begun, 1) == b"!"
        assert told(warehouse)["state"] == "running"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert told(warehouse)["state"] == "killed"
    (row,) = recorded(warehouse)
    assert (row["ended_at"], row["exit_code"]) == (None, None)


def test_one_of_another_machine_works_as_long_as_it_holds_a_lease(warehouse: Warehouse) -> None:
    """Its process can't be looked for from here."""
    stage(warehouse, "scores")
    row = {
        "host_id": "elsewhere",
        "pid": 5,
        "ended_at": None,
        "started_at": sa.text("now() - interval '1 hour'"),
    }
    with warehouse.engine().begin() as connection:
        connection.execute(runs.runs.update().values(row))
    assert told(warehouse)["state"] == "killed"
    with warehouse.lock("build"):
        with warehouse.engine().begin() as connection:
            connection.execute(sa.text("update leadloop.leases set host_id = 'elsewhere', pid = 5"))
        assert told(warehouse)["state"] == "running"


def test_one_that_was_refused_waits_beside_the_project(warehouse: Warehouse) -> None:
    """It doesn't touch the warehouse that another one works on; status shows it, and the next run loads it, once."""
    stage(warehouse, "scores")
    with pytest.raises(LockedError):
        stage(warehouse, "scores", LockedError("Held by leadloop 5."))
    assert len(recorded(warehouse)) == 1
    (file,) = runs.SPOOL.iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0
    assert (told(warehouse)["exit_code"], told(warehouse)["why"]) == (5, "Held by leadloop 5.")
    for _ in range(2):
        stage(warehouse, "scores")
    assert sorted(row["exit_code"] for row in recorded(warehouse)) == [0, 0, 0, 5]
    assert list(runs.SPOOL.iterdir()) == []


def test_what_waits_for_another_warehouse_goes_on_waiting(tmp_path: Path) -> None:
    """A folder whose warehouse was changed: each row belongs to the one that its run was about."""
    first, second = (Warehouse.duckdb(tmp_path / f"{name}.duckdb") for name in ("first", "second"))
    for each in (first, second):
        stage(each, "scores")
    with pytest.raises(LockedError):
        stage(first, "scores", LockedError("Held."))
    stage(second, "scores")
    assert [row["exit_code"] for row in recorded(second)] == [0, 0]
    stage(first, "scores")
    assert sorted(row["exit_code"] for row in recorded(first)) == [0, 0, 5]


HOLDS = "import duckdb, sys, time; c = duckdb.connect('leads.duckdb'); print(flush=True); time.sleep(60)"


def test_a_file_that_is_held_fails_no_run_for_its_row(tmp_path: Path) -> None:
    """Somebody looks into the file, once it was let go of, just when a run ends: the run goes on, and its row waits."""
    warehouse = Warehouse.duckdb(tmp_path / "leads.duckdb")
    stage(warehouse, "scores")

    @runs.recorded("plan", facts=lambda _: {"exit_code": 4, "why": "Too many."})
    def looked_at(warehouse: Warehouse) -> subprocess.Popen[bytes]:
        kept.let_go()
        holder = subprocess.Popen([sys.executable, "-c", HOLDS], stdout=subprocess.PIPE)
        assert holder.stdout is not None
        holder.stdout.readline()
        return holder

    with looked_at(warehouse) as holder:
        holder.kill()
    assert len(list(runs.SPOOL.iterdir())) == 1
    stage(warehouse, "scores")
    assert sorted((row["command"], row["exit_code"]) for row in recorded(warehouse)) == [
        ("plan", 4),
        ("push", 0),
        ("push", 0),
    ]


def test_no_warehouse_is_made_for_a_row(tmp_path: Path) -> None:
    """Where none was begun, or none can be reached, only the error is told."""
    with pytest.raises(LockedError):
        stage(Warehouse.duckdb(tmp_path / "leads.duckdb"), "scores", LockedError("Held."))
    assert {path.name for path in tmp_path.iterdir()} == {"dbt_models"}
    away = Warehouse.postgres("postgresql://nobody@127.0.0.1:9/leads")
    with pytest.raises(WarehouseError, match="can't be reached"):
        stage(away, "scores")
    assert len(list(runs.SPOOL.iterdir())) == 1


def test_a_missing_setting_leaves_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An extraction that ended before it began, and one that read: the row says what was missing, and what was read."""
    warehouse = Warehouse.duckdb(tmp_path / "leads.duckdb")
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(warehouse.path))
    with Sandbox(leads=3) as crm:
        for name, value in crm.settings()["convoso"].items():
            monkeypatch.setenv(config.env_name(f"crm.convoso.{name}"), value)
        config.reload()
        extract()
    monkeypatch.delenv("CRM__CONVOSO__AUTH_TOKEN")
    config.reload()
    for vendor in (None, "convoso"):
        with pytest.raises(ConfigError, match="auth_token"):
            extract(vendor=vendor)
    read, nothing_set_up, named = recorded(warehouse)
    assert (read["exit_code"], read["crm"], read["rows"], read["push_run_id"]) == (0, "convoso", 3, None)
    assert read["calls"] >= 1
    assert ".." in read["windows"]
    assert (nothing_set_up["exit_code"], named["exit_code"], named["crm"]) == (2, 2, "convoso")
    assert "auth_token" in nothing_set_up["why"]
    assert crm.token not in nothing_set_up["why"] + named["why"]
    status()
    shown = capsys.readouterr().out
    assert "extract convoso" in shown
    assert "2: " in shown
