"""DuckDB beside what stands for a service, with the same raw tables; and the bench of the engines' tests, with a warehouse in such a service."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.warehouse import models, snowflake_connection
from connector.warehouse.connection import Warehouse
from connector.warehouse.snowflake_account import Account
from tests.cloud import fake
from tests.engines.conftest import bench, dbt_state

__all__ = ["bench", "dbt_state"]


@pytest.fixture
def duck(tmp_path: Path) -> Warehouse:
    found = Warehouse.duckdb(tmp_path / "leads.duckdb")
    with found.lock("build"):
        pass  # makes the tables of the schema leadloop
    return found


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The dbt project, with its examples and without comments: fakesnow can't read one with an apostrophe in it."""
    monkeypatch.setenv("DBT__VARS", '{"leadloop_examples": true}')
    project = tmp_path / "package"
    shutil.copytree(models.packaged_project(), project, ignore=shutil.ignore_patterns("target", "logs"))
    file = project / "dbt_project.yml"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(line for line in lines if "persist_docs" not in line), encoding="utf-8")
    return project


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    """An empty database in what stands for the service."""
    with fake.served(monkeypatch):
        account = Account("nowhere", "nobody", "LEADS", secret="none")
        door = snowflake_connection.door(account)
        for schema in (
            "ANALYTICS",
            "CONVOSO_RAW",
            "LEADLOOP",
        ):  # all servers of a process have the same databases
            door.run(f"drop schema if exists LEADS.{schema} cascade")
        yield Warehouse.snowflake(account, tmp_path / "leads.ledger.duckdb")
        door.close()
        snowflake_connection.door.cache_clear()
