"""`dbt source freshness`: stale is a CRM that leadloop has stopped reading, and no other."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connector.warehouse import dbt, migrations, models
from connector.warehouse.reads import reads
from tests.engines import DUCKDB_IS_LONG


def freshness(lab: Any, own: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Raw schema -> what dbt says, as whoever calls dbt by hand has it."""
    from dbt.cli.main import dbtRunner

    for name, value in lab.warehouse.dbt_env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(dbt.PACKAGE_VARIABLE, str(models.packaged_project()))
    place = own.folder / "target"
    arguments = [
        "source",
        "freshness",
        "--project-dir",
        own.folder,
        "--target-path",
        place,
        "--log-path",
        place,
    ]
    profiles = ["--profiles-dir", models.packaged_project(), "--quiet", "--select", "source:*.lead_versions"]
    try:
        result = dbtRunner().invoke([str(each) for each in (*arguments, *profiles)])
    finally:
        dbt._let_go(False)
    return {
        each.node.schema: str(each.status)
        for each in result.result.results
        if each.node.name == "lead_versions"
    }


def read_at(lab: Any, crm: str, at: datetime, outcome: str = "whole") -> None:
    with lab.warehouse.engine().begin() as connection:
        row = {"crm": crm, "stream": "lead_versions", "noted_at": at, "outcome": outcome}
        connection.execute(sa.insert(reads).values(row))


@DUCKDB_IS_LONG
def test_what_is_stale(lab: Any, own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never read, without leads, and read with nothing new are fresh; a reading that failed is none."""
    assert set(freshness(lab, own, monkeypatch).values()) == {"pass"}

    ages_ago = "1 00:00"  # in January 2026
    for crm in ("convoso", "leadsquared", "pollybot"):
        key = "prospect_id" if crm == "leadsquared" else "id"
        lab.land([{key: "1"}], ages_ago, table=f"{crm}_raw.lead_versions")
    lab.execute("create schema if not exists leadping_raw")
    lab.execute("create table leadping_raw.lead_versions (id text, leadloop_seen_at timestamptz)")
    with lab.warehouse.engine().begin() as connection:
        migrations.bring_up(connection)
    now = datetime.now(UTC)
    read_at(lab, "pollybot", now - timedelta(minutes=1))
    read_at(lab, "leadsquared", now - timedelta(minutes=1), outcome="failed")
    assert freshness(lab, own, monkeypatch) == {
        "convoso_raw": "error",
        "leadsquared_raw": "error",
        "pollybot_raw": "pass",
        "leadping_raw": "pass",
    }
