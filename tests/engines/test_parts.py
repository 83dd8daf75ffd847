"""A lake is three things in three places: what happens where one of them is lost, put back from a copy, moved or damaged."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import ConfigError, DamagedError, LockedError
from connector.warehouse import mark
from connector.warehouse.connection import Warehouse
from connector.warehouse.engine import State
from connector.warehouse.engines import engine_of
from connector.warehouse.ledger import next_number
from connector.warehouse.relations import Relation
from tests.engines import SPARK, writing
from tests.engines.bench import Bench

RAW = "convoso_raw.lead_versions"


@pytest.fixture
def lake(tmp_path: Path) -> Warehouse:
    return at(tmp_path / "lake")


@pytest.fixture(params=["ducklake", SPARK])
def apart(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """One of each engine whose ledger is apart from its leads."""
    return at(tmp_path / "lake", request.param)


def at(folder: Path, kind: str = "ducklake") -> Warehouse:
    folder.mkdir(exist_ok=True)
    if kind == "spark":
        return Warehouse.spark(folder / "leads.delta")
    return Warehouse.ducklake(folder / "leads.ducklake")


def execute(warehouse: Warehouse, *statements: str) -> None:
    with warehouse.engine().begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def filled(warehouse: Warehouse) -> Warehouse:
    """One that was worked with: it has a ledger, and leads that were read with numbers of its sequence."""
    with warehouse.lock("extract:convoso"), warehouse.engine().begin() as connection:
        for _ in range(9):
            number = next_number(connection)
    writing.make(warehouse, RAW, {"id": "text", "leadloop_sequence_number": "bigint"})
    rows = [{"id": str(made), "leadloop_sequence_number": number} for made in range(1, 101)]
    writing.add(warehouse, RAW, rows)
    return warehouse


def ledger(warehouse: Warehouse) -> Path:
    assert warehouse.path is not None
    return warehouse.path


def again(warehouse: Warehouse) -> Warehouse:
    """As another process has it, which has not looked whether all is well yet."""
    Bench.restarted()
    return warehouse


def test_a_lake_without_its_ledger_is_refused(apart: Warehouse) -> None:
    """By whoever looks, and by whoever works on it, until a person says to go on; no lock is held then."""
    known = mark.identify(filled(apart).engine())
    ledger(apart).unlink()
    with pytest.raises(ConfigError, match=r"lost its ledger .*leads\.ledger\.duckdb.*--restored"):
        again(apart).engine().connect()
    with pytest.raises(ConfigError, match="lost its ledger"), apart.lock("push:scores"):
        pass
    apart.begin_anew()
    assert mark.identify(apart.engine()) == known, "so the marks of its pushes are still its own"
    with apart.lock("push:scores"), apart.engine().connect() as connection:
        assert engine_of(connection).begun_anew(connection) is not None
        assert next_number(connection) > 9, "what comes now is later than all that was read"


def test_the_ledger_of_another_lake_is_refused(apart: Warehouse, tmp_path: Path) -> None:
    """Its pushes are not those of this lake; nothing is begun anew in its place either."""
    filled(apart)
    other = filled(at(tmp_path / "other", apart.kind))
    shutil.copy(ledger(other), ledger(apart))
    for work in (lambda: again(apart).engine().connect(), apart.begin_anew):
        with pytest.raises(ConfigError, match="not the ledger of the lake"):
            work()


@pytest.mark.long
def test_an_older_ledger_counts_on_from_the_lake(apart: Warehouse, tmp_path: Path) -> None:
    """A number that was given is not given again: a write would seem to have come before what was read before it."""
    filled(apart)
    copy = shutil.copy(ledger(apart), tmp_path / "copy")
    filled(apart)
    shutil.copy(copy, ledger(apart))
    with again(apart).lock("push:scores"), apart.engine().connect() as connection:
        assert next_number(connection) > 18


@pytest.mark.long
def test_a_new_catalog_keeps_what_was_sent(lake: Warehouse) -> None:
    """The leads are read again; the ledger and its id are as they were."""
    known = mark.identify(filled(lake).engine())
    Path(lake.label).unlink()
    with again(lake).lock("extract:convoso"):
        assert mark.identify(lake.engine()) == known
    again(lake).probe()


@pytest.mark.long
def test_all_put_back_together_is_the_lake_that_it_was(lake: Warehouse, tmp_path: Path) -> None:
    """Also with files in its folder that the catalog of then does not know."""
    filled(lake)
    for each in (lake.label, ledger(lake)):
        shutil.copy(each, tmp_path)
    filled(lake)
    for each in (lake.label, ledger(lake)):
        shutil.copy(tmp_path / Path(each).name, each)
    again(lake).look_through()
    with lake.lock("build"), lake.engine().connect() as connection:
        assert connection.scalar(sa.text(f"select count(*) from {RAW}")) == 100


def test_another_way_to_a_lake_is_the_same_lake(lake: Warehouse, tmp_path: Path) -> None:
    """A link to the catalog leads to its own ledger and its own locks; a second name of the file is refused."""
    filled(lake)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "leads.ducklake").symlink_to(lake.label)
    linked = at(elsewhere)
    assert linked == lake
    with lake.lock("build"), pytest.raises(LockedError), linked.lock("build"):
        pass
    (tmp_path / "hard").mkdir()
    os.link(lake.label, tmp_path / "hard" / "leads.ducklake")
    hard = Warehouse.ducklake(tmp_path / "hard" / "leads.ducklake", tmp_path / "lake" / "leads.files")
    with pytest.raises(ConfigError, match="lost its ledger"):
        hard.engine().connect()


@pytest.mark.long
def test_files_that_were_moved_are_told_of(lake: Warehouse, tmp_path: Path) -> None:
    """The folder that the catalog knows is named; with the lines of docs/engines.md it knows the new one."""
    import duckdb

    filled(lake)
    moved = tmp_path / "moved.files"
    shutil.move(str(Path(lake.label).with_suffix(".files")), moved)
    there = Warehouse.ducklake(lake.label, moved)
    with pytest.raises(ConfigError, match=r"storage is .*moved\.files.*has its files in .*leads\.files"):
        there.probe()
    page = (Path(__file__).parents[2] / "docs" / "engines.md").read_text(encoding="utf-8")
    lines = page.partition("to another folder")[2].partition("```sql\n")[2].partition("```")[0]
    with duckdb.connect(":memory:") as connection:
        for statement in lines.replace("/new/leads.files", str(moved)).split(";"):
            if statement.strip():
                connection.execute(statement.replace("'leads.ducklake'", f"'{lake.label}'"))
    there.look_through()


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "a file that is gone": lambda folder: next(folder.rglob("*.parquet")).unlink(),
    "a file that was cut": lambda folder: os.truncate(next(folder.rglob("*.parquet")), 50),
    "a file of noise": lambda folder: next(folder.rglob("*.parquet")).write_bytes(b"noise" * 99),
    "a catalog that was cut": lambda folder: os.truncate(folder / "leads.ducklake", 2**19),
    "a ledger that was cut": lambda folder: os.truncate(folder / "leads.ledger.duckdb", 2**17),
}


@pytest.mark.parametrize(
    "damage",
    [
        each if each == "a file that was cut" else pytest.param(each, marks=pytest.mark.long)
        for each in DAMAGES
    ],
)
def test_what_is_damaged_is_an_error_with_a_way_out(lake: Warehouse, damage: str) -> None:
    """Whichever of the three it is; no query goes on with what is left."""
    filled(lake)
    DAMAGES[damage](Path(lake.label).parent)
    with pytest.raises(DamagedError, match=r"(missing or )?damaged.* run --restored"):
        again(lake).look_through()


def states(warehouse: Warehouse, *names: str) -> dict[Relation, State]:
    wanted = [Relation(*name.split(".")) for name in names]
    with warehouse.engine().connect() as connection:
        return engine_of(connection).states(connection, wanted)


WRITES = {
    "a row": f"insert into {RAW} values ('x', 1)",
    "many rows": f"insert into {RAW} select 'y', 1 from range(1000)",
    "a change in place": f"update {RAW} set id = 'z' where id = '7'",
    "rows that left": f"delete from {RAW} where id < '5'",
    "all rows that left": f"delete from {RAW}",
    "a column": f"alter table {RAW} add column colour text",
    "another table of that name": f"create or replace table {RAW} as select '1' as id, 1 as leadloop_sequence_number",
    "another view of that name": f"create or replace view analytics.seen as select id from {RAW} limit 1",
    "a row of the ledger": "insert into leadloop.accounts (crm) values ('east')",
}


def test_what_was_written_to_is_another_state(lake: Warehouse) -> None:
    """Each write shows, and nothing that was not written to; what isn't there has no state."""
    with lake.kept_open():  # so that it is attached once
        filled(lake)
        execute(lake, "create schema analytics", f"create view analytics.seen as select * from {RAW}")
        names = (RAW, "analytics.seen", "leadloop.accounts", "leadloop.of_ledger")
        before = states(lake, *names, "analytics.nothing")
        assert {str(each) for each in before} == set(names)
        assert states(lake, *names) == before
        execute(lake, "create table analytics.other as select range as id from range(100)")
        assert states(lake, *names) == before
        for what, statement in WRITES.items():
            execute(lake, statement)
            after = states(lake, *names)
            changed = {str(each) for each in after if after[each] != before[each]}
            assert len(changed) == 1, what
            assert next(iter(changed)) in statement, what
            before = after


@pytest.mark.long
def test_a_state_does_not_come_back(lake: Warehouse, tmp_path: Path) -> None:
    """Not in a catalog that was put back and given the same number of changes, nor where old snapshots were removed."""
    filled(lake)
    copy = shutil.copy(lake.label, tmp_path / "copy")
    seen = []
    for letter in "ab":
        execute(lake, f"insert into {RAW} values ('{letter}', 1)")
        seen.append(states(lake, RAW))
        shutil.copy(copy, lake.label)
    for _ in range(2):
        execute(lake, f"insert into {RAW} values ('c', 1)", "create schema if not exists later")
        execute(lake, "create or replace table later.thing as select 1 as one")
        execute(lake, "call ducklake_expire_snapshots('lake', older_than => now())")
        seen.append(states(lake, RAW))
    assert len({str(each) for each in seen}) == len(seen)
