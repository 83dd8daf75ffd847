"""DuckDB beside what stands for a service, with the same raw tables."""

from pathlib import Path

import pytest

from connector.warehouse.connection import Warehouse


@pytest.fixture
def duck(tmp_path: Path) -> Warehouse:
    found = Warehouse.duckdb(tmp_path / "leads.duckdb")
    with found.lock("build"):
        pass  # makes the tables of the schema leadloop
    return found
