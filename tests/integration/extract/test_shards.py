"""A first read in parts: side by side, in any order, killed or not, they come to what one process would have read."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector import config, crm, loop
from connector.errors import ConfigError, LockedError, TransientError
from connector.events import Listener
from connector.extract.job import job
from connector.extract.shards import Shard
from connector.sandbox import Sandbox
from connector.sharded import extract_shard
from connector.warehouse import pipelines, shards
from connector.warehouse.connection import Warehouse
from tests.quick_tables import without_dlt

pytestmark = pytest.mark.long_if("postgres")

ROOT = Path(__file__).resolve().parents[3]
OURS = {"_dlt_load_id", "_dlt_id", "leadloop_seen_at", "leadloop_sequence_number"}


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A sandbox with leads, and convoso's settings for it."""
    with Sandbox(leads=400) as sandbox:
        given = {"rate": "1000", "settle": "0", "lookback": "0", "page_size": "20"}
        for name, value in {**sandbox.settings()["convoso"], **given}.items():
            monkeypatch.setenv(config.env_name(f"crm.convoso.{name}"), value)
        config.reload()
        monkeypatch.chdir(tmp_path)
        yield sandbox
    config.reload()


def cursor(warehouse: Warehouse) -> datetime | None:
    with crm.account("convoso") as account:
        return pipelines.cursor(warehouse, account)


def cut_at(warehouse: Warehouse) -> list[Any]:
    with warehouse.engine().connect() as connection:
        return list(connection.execute(sa.select(shards.shards).order_by(shards.shards.c.shard)))


def seen(rig: Any) -> set[tuple[tuple[str, Any], ...]]:
    return {
        tuple(sorted((name, value) for name, value in row.items() if name not in OURS and value is not None))
        for row in rig.raw()
    }


class Stop(Listener):
    """Ends an extraction in the middle, as a kill does: nothing more is loaded, and nobody is told."""

    def __init__(self, after: int) -> None:
        self.left = after

    def extracting(self, _progress: Any) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_parts_in_any_order_come_to_the_whole(
    rig: Any, book: Any, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Parts in a random order, some of them stopped and read again, while leads are edited: the cursor never passes a part
    that is not whole, and after the next extraction no lead is missing, at whatever moment it comes."""
    without_dlt(monkeypatch)
    warehouse, chance = rig.warehouse, random.Random(seed)
    left = list(range(1, 5))
    chance.shuffle(left)
    early = chance.randint(1, 4)
    done: set[int] = set()
    while left and len(done) < early:
        number = left.pop(0)
        book.book.edit(chance.choice(book.book.ids()), {"status": f"S{number}"})
        listener = Stop(chance.choice([0, 3])) if chance.random() < 0.4 else Listener()
        try:
            extract_shard(warehouse, "convoso", Shard(number, 4), listener=listener)
            done.add(number)
        except KeyboardInterrupt:
            left.append(number)
        whole = next((place for place in range(1, 5) if place not in done), 5) - 1
        ends = [row.window_end.astimezone(UTC) for row in cut_at(warehouse)]
        assert cursor(warehouse) == (ends[whole - 1] if whole else None)
    book.clock.advance(60)
    loop.extract(warehouse, "convoso")
    assert rig.missing(book) == {}
    for number in left:
        again = extract_shard(warehouse, "convoso", Shard(number, 4))
        assert again.window is None
    book.book.edit(book.book.ids()[7], {"status": "LAST"})
    book.clock.advance(60)
    assert loop.extract(warehouse, "convoso").rows == 1
    assert rig.missing(book) == {}


def test_parts_read_what_one_process_reads(
    rig: Any, book: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row for row, and the extraction after them reads nothing again."""
    without_dlt(monkeypatch)
    for number in (3, 1, 2):
        extract_shard(rig.warehouse, "convoso", Shard(number, 3))
    book.clock.advance(60)
    assert loop.extract(rig.warehouse, "convoso").rows == 0
    alone = type(rig)(Warehouse.duckdb(tmp_path / "alone.duckdb"), tmp_path)
    loop.extract(alone.warehouse, "convoso")
    assert seen(rig) == seen(alone)
    assert all(row.read_at for row in cut_at(rig.warehouse))


def test_an_edit_between_two_parts_is_read_by_the_next_extraction(duck: Any, book: Any) -> None:
    """A lead of the second part that is edited before that is read leaves its time; one of the first part has been read."""
    extract_shard(duck.warehouse, "convoso", Shard(1, 2))
    middle = cut_at(duck.warehouse)[0].window_end.astimezone(UTC)
    rows = book.book.rows()
    late = max(rows, key=lambda each: str(rows[each]["modified_at"]))
    early = min(rows, key=lambda each: str(rows[each]["modified_at"]))
    book.clock.advance(60)
    for lead_id in (early, late):
        book.book.edit(lead_id, {"status": "EDITED"})
    extract_shard(duck.warehouse, "convoso", Shard(2, 2))
    assert set(duck.missing(book)) == {early, late}
    assert middle < (cursor(duck.warehouse) or middle)
    book.clock.advance(60)
    loop.extract(duck.warehouse, "convoso")
    assert duck.missing(book) == {}


def test_one_part_is_read_by_one_process_at_a_time(duck: Any, book: Any) -> None:
    """A second one ends with 5, while another part goes ahead."""
    with duck.warehouse.lock("extract:convoso:1-of-2"):
        with pytest.raises(LockedError) as locked:
            extract_shard(duck.warehouse, "convoso", Shard(1, 2))
        assert extract_shard(duck.warehouse, "convoso", Shard(2, 2)).rows
    assert locked.value.exit_code == 5


def test_the_number_of_parts_is_settled_by_the_first_that_is_loaded(duck: Any, book: Any) -> None:
    """Before that another number takes its place; afterwards it is refused."""
    with pytest.raises(KeyboardInterrupt):
        extract_shard(duck.warehouse, "convoso", Shard(1, 3), listener=Stop(0))
    extract_shard(duck.warehouse, "convoso", Shard(1, 2))
    assert len(cut_at(duck.warehouse)) == 2
    with pytest.raises(ConfigError, match="is in 2 parts"):
        extract_shard(duck.warehouse, "convoso", Shard(1, 3))


@pytest.mark.long
def test_an_account_that_was_read_has_no_first_read(duck: Any, book: Any) -> None:
    """Parts of a stretch of time can be read all the same, and leave the cursor where it is."""
    loop.extract(duck.warehouse, "convoso")
    before = cursor(duck.warehouse)
    with pytest.raises(ConfigError, match="was read before"):
        extract_shard(duck.warehouse, "convoso", Shard(1, 2))
    book.clock.advance(60)
    end = datetime.now(UTC) + timedelta(days=1)
    start = end - timedelta(days=3650)
    parts = [
        extract_shard(duck.warehouse, "convoso", Shard(number, 2), start=start, end=end) for number in (2, 1)
    ]
    assert sum(part.rows for part in parts) >= 400
    assert cursor(duck.warehouse) == before


@pytest.mark.long
def test_dropped_raw_tables_are_read_from_the_start(duck: Any, book: Any) -> None:
    """That parts were read counts only as long as their rows are there."""
    for number in (1, 2):
        extract_shard(duck.warehouse, "convoso", Shard(number, 2))
    with duck.warehouse.engine().begin() as connection:
        connection.exec_driver_sql("drop schema convoso_raw cascade")
    assert cursor(duck.warehouse) is None
    loop.extract(duck.warehouse, "convoso")
    assert duck.missing(book) == {}


def test_a_crm_without_windows_is_not_split(duck: Any, book: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lists its leads from the newest edit on can't be asked for a stretch of time."""
    for name, value in book.settings()["pollybot"].items():
        monkeypatch.setenv(config.env_name(f"crm.pollybot.{name}"), value)
    config.reload()
    with pytest.raises(ConfigError, match="can't be split"):
        extract_shard(duck.warehouse, "pollybot", Shard(1, 2))


def test_parts_agree_on_the_columns_of_fields(rig: Any, book: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two fields that differ only in how they are written: a part that met one first is told that the other has the column."""
    without_dlt(monkeypatch)
    extract_shard(rig.warehouse, "convoso", Shard(1, 2))
    with crm.account("convoso") as account:
        name = job(account.settings, reader=account.reader).cursor_key
    engine = rig.warehouse.engine()
    with engine.begin() as connection:
        assert shards.agree_on_homes(connection, "convoso", name, Shard(1, 2), {"cost": "Cost"}) is None
        two = shards.agree_on_homes(connection, "convoso", name, Shard(2, 2), {"cost": "cost", "x": "x"})
        assert two == ("cost", "Cost")
        assert shards.agree_on_homes(connection, "convoso", name, Shard(2, 2), {"cost": "Cost"}) is None
        assert shards.homes_of(connection, "convoso") == {"cost": "Cost"}


@pytest.mark.long
def test_a_part_that_gave_a_column_to_another_field_loads_nothing(
    loaded_by_dlt: Any, book: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which fields, and read again it gives each the column that the other parts have."""
    warehouse = loaded_by_dlt.warehouse
    extract_shard(warehouse, "convoso", Shard(1, 2))
    with warehouse.engine().begin() as connection:
        real = cut_at(warehouse)[0].homes
        others = real.replace('"first_name": "first_name"', '"first_name": "First Name"')
        assert others != real
        connection.execute(shards.shards.update().where(shards.shards.c.shard == 1).values(homes=others))
        monkeypatch.setattr(shards, "homes_of", lambda *_: {})
    with pytest.raises(TransientError, match="'first_name' and 'First Name'"):
        extract_shard(warehouse, "convoso", Shard(2, 2))
    monkeypatch.undo()
    assert cut_at(warehouse)[1].read_at is None


@pytest.mark.long
@pytest.mark.timeout(300)
def test_processes_side_by_side(rig: Any, book: Any, tmp_path: Path) -> None:
    """Four processes load into one warehouse while people edit; one is killed in the middle and run again."""
    book.edits_per_second = 10
    kind, url = rig.warehouse.kind, rig.warehouse.url.render_as_string(hide_password=False)
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "WAREHOUSE__DESTINATION": kind,
        f"DESTINATION__{kind.upper()}__CREDENTIALS": str(rig.warehouse.path or url),
    }

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "connector.cli", "extract", "--crm", "convoso", *arguments]
        return subprocess.Popen(
            command, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    calls = len(book.calls)
    running = {number: start("--shard", f"{number}/4") for number in (4, 2, 3, 1)}
    while len(book.calls) < calls + 20 and running[2].poll() is None:
        time.sleep(0.02)
    running[2].kill()
    for number, process in running.items():
        said = process.communicate(timeout=120)[0]
        assert process.returncode == 0 or number == 2, said
    for arguments in (("--shard", "2/4"), ("--shard", "1/4")):
        process = start(*arguments)
        assert process.communicate(timeout=120)[0]
        assert process.returncode == 0
    book.edits_per_second = 0
    assert cursor(rig.warehouse) == cut_at(rig.warehouse)[-1].window_end.astimezone(UTC)
    time.sleep(1.1)
    process = start()
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 0, said
    assert rig.missing(book) == {}
