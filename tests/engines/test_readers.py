"""A copy of a lake for readers: of one moment, whatever is written meanwhile, and whole for as long as somebody may have it open."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import LeadloopError
from connector.warehouse import snapshot
from connector.warehouse.connection import Warehouse
from connector.warehouse.engines import engine_of
from connector.warehouse.relations import Column, Relation
from connector.web.source import Source
from tests.engines import SPARK, empty_warehouse, settings_of

RAW = Relation("convoso_raw", "lead_versions")
BOTH = f"select (select count(distinct id) from {RAW}), (select count(*) from leadloop.push_settled)"


@pytest.fixture(params=["ducklake", SPARK])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """A lake in files with an empty raw table."""
    found = empty_warehouse(request, tmp_path)
    with found.lock("build"):
        pass
    with found.engine().begin() as connection:
        engine_of(connection).make_anew(connection, RAW, [Column("id", "text")])
    return found


def add(lake: Warehouse, number: int) -> None:
    """A row to a table of the lake, and then one to the ledger."""
    import pyarrow as pa

    with lake.engine().begin() as connection:
        rows = pa.table({"id": [str(number)] * 100})
        engine_of(connection).append(connection, RAW, rows)
    with lake.ledger().begin() as connection:
        connection.execute(
            sa.text("insert into leadloop.push_settled (run_id) values (:id)"), {"id": str(number)}
        )


def both(place: Warehouse) -> tuple[int, int]:
    with place.engine().connect() as connection:
        found = connection.exec_driver_sql(BOTH).one()
    return found[0], found[1]


def copy_of(lake: Warehouse) -> Warehouse:
    return lake.reading(snapshot.paths_of(lake))


WRITER = """
import time
from connector.warehouse.connection import Warehouse
from tests.engines.test_readers import add

for number in range(1000):
    add(Warehouse.open(), number)
    print(number, flush=True)
    time.sleep(0.15)
"""


def test_catalog_files_and_ledger_are_of_one_moment(lake: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process writes all the time, first to the lake and then to its ledger, no copy has one without the other."""
    for name, text in settings_of(lake).items():
        monkeypatch.setenv(name, text)
    with subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "0\n"
            seen = []
            for _ in range(4):
                made = snapshot.make(lake)
                seen.append(both(copy_of(lake)))
                assert not made.path.stat().st_mode & 0o077
        finally:
            writer.kill()
    assert all(of_lake - of_ledger in (0, 1) for of_lake, of_ledger in seen), seen
    assert seen[-1][0] > 1
    assert seen == sorted(seen)


def test_maintaining_the_lake_leaves_what_readers_have_open(lake: Warehouse) -> None:
    """Who has a copy open sees what was there then, to the last row. Without a copy, nothing is kept for it."""
    for number in range(4):
        add(lake, number)
    snapshot.make(lake)
    reading = copy_of(lake)
    with reading.engine().connect():
        for number in range(4, 8):
            add(lake, number)
        assert not snapshot.is_current(lake)
        lake.tidy(timedelta(0), snapshot.needed_since(lake))
        assert both(reading) == (4, 4)
        assert both(lake) == (8, 8)
    for path in snapshot.paths_of(lake):
        path.rename(f"{path}.old")
    assert snapshot.needed_since(lake) is None
    add(lake, 8)
    lake.tidy(timedelta(0), snapshot.needed_since(lake))
    for path in snapshot.paths_of(lake):
        Path(f"{path}.old").rename(path)
    with pytest.raises((sa.exc.DBAPIError, LeadloopError), match="parquet"):
        both(reading)
    assert both(lake) == (9, 9)


HOLDING = """
import sys
from connector.warehouse.connection import Warehouse
with Warehouse.open().engine().begin() as connection:
    connection.exec_driver_sql("insert into leadloop.push_settled (run_id) values ('open')")
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_page_shows_a_lake_while_a_run_is_at_work(
    lake: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows what was there last, and of when that is; it holds up nobody, and goes over to what was written as soon as it can."""
    for name, text in settings_of(lake).items():
        monkeypatch.setenv(name, text)
    add(lake, 0)
    source = Source(lake)
    source.refresh(patience=10)
    seen = source.seen()
    assert seen.at is not None
    assert seen.is_current
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "held\n"
        source.refresh()
        with source.reading() as place:
            assert both(place) == (1, 1)
        _, _ = run.communicate("")
        assert run.returncode == 0, "nobody was held up"
    add(lake, 1)
    source.soon()
    source.refresh(patience=10)
    with source.reading() as place:
        assert both(place) == (2, 3)
    later: Any = source.seen().at
    assert seen.at < later <= datetime.now(UTC)
    source.stop()


def test_where_nothing_was_read_yet_the_page_says_so(tmp_path: Path) -> None:
    """It makes no lake."""
    source = Source(Warehouse.ducklake(tmp_path / "leads.ducklake"))
    source.refresh()
    assert "leadloop extract" in source.seen().why_not
    assert list(tmp_path.iterdir()) == []
