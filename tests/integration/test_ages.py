"""How old what was read and sent is: what a monitor is told by ``leadloop status --max-age``."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector import config, loop
from connector.ages import Ages, ages
from connector.cli import main
from connector.errors import GuardrailError
from connector.sandbox import Sandbox
from connector.warehouse import runs
from connector.warehouse.connection import Warehouse
from tests.json_documents import validated
from tests.quick_tables import without_dlt

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def crm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder without a dbt project, a CRM that is set up, and loads that take no time."""
    monkeypatch.chdir(tmp_path)
    without_dlt(monkeypatch)
    with Sandbox(leads=20) as crm:
        given = {**crm.settings()["convoso"], "settle": "0", "rate": "1000"}
        for name, value in given.items():
            monkeypatch.setenv(config.env_name(f"crm.convoso.{name}"), str(value))
        config.reload()
        yield crm


@runs.recorded("push", facts=lambda code: {"exit_code": code}, push="name", project=False)
def pushed(warehouse: Warehouse, name: str, code: int = 0) -> int:
    """Stands for a push that ends with this code."""
    with warehouse.lock("push"):
        runs.begin()
        runs.note(crm="convoso")
        if code == 4:
            raise GuardrailError("Too many.")
    return code


def told(found: Ages) -> dict[str, bool]:
    return {f"{each.kind} {each.name}": each.is_stale for each in found.found}


def test_what_never_happened_is_stale(warehouse: Warehouse) -> None:
    """A CRM that is set up and was never read, with or without a warehouse, and no such thing as a push."""
    assert told(ages(warehouse, DAY)) == {"crm convoso": True}
    with warehouse.lock("build"):
        pass
    (age,) = ages(warehouse, DAY).found
    assert (age.last_at, age.seconds, age.is_stale) == (None, None, True)


def test_the_last_good_end_counts(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole reading, and a push with 0 or 3, are as old as they are; a run that failed or stopped makes nothing younger."""
    loop.extract(warehouse)
    pushed(warehouse, "scores", 3)
    now = datetime.now(UTC)
    found = ages(warehouse, DAY, now=now)
    assert told(found) == {"crm convoso": False, "push scores": False}
    assert all(each.seconds is not None and each.seconds < 60 for each in found.found)
    assert {each.crm for each in found.found} == {"convoso"}
    with pytest.raises(GuardrailError):
        pushed(warehouse, "scores", 4)
    later = now + 2 * DAY
    assert told(ages(warehouse, DAY, now=later)) == {"crm convoso": True, "push scores": True}
    assert told(ages(warehouse, 3 * DAY, now=later)) == {"crm convoso": False, "push scores": False}
    # A machine whose clock is behind sees what lies in its future.
    assert [each.seconds for each in ages(warehouse, DAY, now=now - DAY).found] == [0, 0]


def test_a_backfill_and_half_a_reading_make_nothing_younger(warehouse: Warehouse) -> None:
    """Only a window up to the present, of which nothing is missing, says that the CRM is being read."""
    loop.extract(warehouse)
    before = ages(warehouse, DAY).found[0].last_at
    loop.extract(warehouse, start=datetime(2026, 1, 1, tzinfo=UTC))
    with warehouse.engine().begin() as connection:
        connection.execute(
            sa.text(
                "insert into leadloop.reads (crm, stream, outcome, noted_at) values"
                " ('convoso', 'lead_versions', 'failed', timestamptz '2090-01-01 00:00:00+00')"
            )
        )
    assert ages(warehouse, DAY).found[0].last_at == before
    loop.extract(warehouse)
    after = ages(warehouse, DAY).found[0].last_at
    assert before is not None
    assert after is not None
    assert after > before


def test_a_monitor_needs_no_token(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no CRM is set up, those that were ever read are asked about."""
    loop.extract(warehouse)
    monkeypatch.delenv("CRM__CONVOSO__AUTH_TOKEN")
    config.reload()
    assert told(ages(warehouse, DAY)) == {"crm convoso": False}


def monitor(
    *arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[Any, str, str]:
    monkeypatch.setattr("sys.argv", ["leadloop", "status", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 and 1, one line of JSON, a sentence that names what is too old; 2 where there is nothing to ask about."""
    path = tmp_path / "leads.duckdb"
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(path))
    config.reload()
    loop.extract(Warehouse.duckdb(path))
    code, out, err = monitor("--max-age", "1h", "--json", monkeypatch=monkeypatch, capsys=capsys)
    assert (code, out.count("\n"), err) == (0, 1, "")
    document = validated(json.loads(out))
    assert (document["ok"], document["max_age_seconds"], document["ages"][0]["stale"]) == (True, 3600, False)
    with Warehouse.duckdb(path).engine().begin() as connection:
        connection.execute(sa.text("update leadloop.reads set noted_at = noted_at - interval 30 hour"))
    code, out, err = monitor("--max-age", "1d2h", "--json", monkeypatch=monkeypatch, capsys=capsys)
    assert (code, json.loads(out)["ok"]) == (1, False)
    assert "Older than 1 day 2 hours: crm convoso (1 day 6 hours ago)." in err
    code, out, _ = monitor("--max-age", "2d", monkeypatch=monkeypatch, capsys=capsys)
    assert (code, "1 day 6 hours" in out) == (0, True)
    monkeypatch.delenv("CRM__CONVOSO__AUTH_TOKEN")
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "none.duckdb"))
    config.reload()
    code, _, err = monitor("--max-age", "2d", monkeypatch=monkeypatch, capsys=capsys)
    assert (code, "no CRM and no push" in err) == (2, True)
    assert not (tmp_path / "none.duckdb").exists()


@pytest.mark.parametrize("given", ["soon", "26", "h", "-2h", "0h", "1.5h", ""])
def test_a_wrong_time_is_told(
    given: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """2, and an example of a right one."""
    code, _, err = monitor("--max-age", given, monkeypatch=monkeypatch, capsys=capsys)
    assert code == 2
    assert "--max-age must be" in err
