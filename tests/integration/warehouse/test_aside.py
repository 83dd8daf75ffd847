"""Where models are built aside: a place that is gone afterwards, also after a kill, and beside whoever works in the warehouse."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from filelock import FileLock

from connector.errors import ConfigError
from connector.warehouse.aside import BEGINNING, LEFT_BEHIND, aside
from connector.warehouse.connection import Warehouse
from connector.warehouse.runs import runs

HOLDER = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1])
connection.execute("create table theirs as select 1 as number")
print("there", flush=True)
time.sleep(60)
"""


def execute(warehouse: Warehouse, *statements: str) -> None:
    with warehouse.engine().begin() as connection:
        for each in statements:
            connection.exec_driver_sql(each)


def schemas(warehouse: Warehouse) -> set[str]:
    with warehouse.engine().connect() as connection:
        rows = connection.exec_driver_sql("select schema_name from information_schema.schemata")
        return {name for (name,) in rows if name.startswith(BEGINNING)}


def beside(warehouse: Warehouse) -> list[str]:
    assert warehouse.path is not None
    return sorted(each.name for each in warehouse.path.parent.glob(f".{BEGINNING}*"))


def test_a_file_is_copied_beside_whoever_writes_to_it(tmp_path: Path) -> None:
    """The copy is private, has the name that views may hold, takes what is written to it, and is gone at the end."""
    path = tmp_path / "leads.duckdb"
    warehouse = Warehouse.duckdb(path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "there\n"
            with aside(warehouse) as place:
                copy = place.warehouse.path
                assert copy is not None
                assert copy.name == "leads.duckdb"
                assert copy != path
                assert copy.parent.stat().st_mode & 0o077 == 0
                execute(place.warehouse, "insert into theirs values (2)")
                assert place.last_written() == 0
        finally:
            process.kill()
    assert beside(warehouse) == []
    with warehouse.engine().connect() as connection:
        assert connection.scalar(sa.text("select count(*) from theirs")) == 1


def test_what_a_killed_process_left_is_taken_away(tmp_path: Path) -> None:
    """And what one that is at work has there is not."""
    warehouse = Warehouse.duckdb(tmp_path / "leads.duckdb")
    execute(warehouse, "create table one (number int)")
    for name in ("dead", "alive"):
        (tmp_path / f".{BEGINNING}{name}").mkdir()
        (tmp_path / f".{BEGINNING}{name}" / "leads.duckdb").touch()
    with FileLock(tmp_path / f".{BEGINNING}alive" / "lock"):
        with aside(warehouse):
            assert len(beside(warehouse)) == 2
            assert f".{BEGINNING}alive" in beside(warehouse)
        assert beside(warehouse) == [f".{BEGINNING}alive"]


def test_without_a_warehouse_none_is_begun(tmp_path: Path) -> None:
    """A file that isn't there is an error, and stays away."""
    with (
        pytest.raises(ConfigError, match="There is no warehouse"),
        aside(Warehouse.duckdb(tmp_path / "leads.duckdb")),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_schemas_of_a_server_are_dropped(postgres_url: str) -> None:
    """Its own at the end, however it comes; older ones at the beginning; those of somebody who is at work never."""
    warehouse = Warehouse.postgres(postgres_url)

    def named(age: timedelta) -> str:
        return f"{BEGINNING}{datetime.now(UTC) - age:%Y%m%d%H%M%S}_0a1b2c_old"

    old, young = named(LEFT_BEHIND + timedelta(minutes=1)), named(LEFT_BEHIND - timedelta(minutes=1))
    theirs = f"{BEGINNING}notes"
    for name in (old, young, theirs):
        execute(warehouse, f"create schema {name}", f"create table {name}.one (number int)")

    def fail() -> None:
        with aside(warehouse) as place:
            own = f"{place.schemas}new"
            execute(place.warehouse, f"create schema {own}", f"create view {own}.two as select 1 as number")
            assert schemas(warehouse) == {young, theirs, own}
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert schemas(warehouse) == {young, theirs}


def test_a_run_that_begins_meanwhile_is_seen(warehouse: Any) -> None:
    """On a server; in a copy there is none."""
    if not warehouse.has_previews:
        pytest.skip("a preview of a lake is refused")
    execute(warehouse, "create schema leadloop")
    runs.create(warehouse.engine())
    with aside(warehouse) as place:
        before = place.last_written()
        with warehouse.engine().begin() as connection:
            connection.execute(runs.insert().values(run_id="theirs", sequence_number=7))
        assert (place.last_written() != before) == (warehouse.path is None)
