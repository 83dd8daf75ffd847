"""Tables that are carried from one engine into another one: every value, every state, and only what isn't there yet."""

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import connector.loop.moving as moving
from connector.errors import ConfigError, NotTheSameError
from connector.events import QUIET
from connector.push.tables import push_journal
from connector.warehouse import carrying as module
from connector.warehouse.carrying import Carried, Carrying, as_note, noted
from connector.warehouse.connection import Warehouse
from connector.warehouse.ledger import METADATA, next_number
from connector.warehouse.relations import Relation
from tests.engines import SPARK

RAW = "convoso_raw.lead_versions"
ODD = (
    "",
    " ",
    "NULL",
    "\\N",
    "\\.",
    '"',
    "a,b",
    "a\nb\r\nc",
    "é 🚗 ÅÅ",
    "007",
    "9007199254740993",
    "\t",
    "'; --",
    "%s :x",
)
WHEN = datetime(2026, 3, 1, 10, 0, 0, 120003, UTC)
STATES = (
    *("planned", "sent", "applied", "confirmed", "rejected", "deferred", "unknown", "conflict", "reverted"),
)


def make_source(warehouse: Warehouse) -> Warehouse:
    """A raw table with odd values and names, and a journal with all states."""
    with warehouse.lock("build"):
        pass
    with warehouse.engine().begin() as connection:
        connection.exec_driver_sql("create schema convoso_raw")
        connection.exec_driver_sql(
            f'create table {RAW} (id varchar, "cost_x1a2b3c4d" varchar, "order" varchar, "{"w" * 63}" varchar,'
            " leadloop_seen_at timestamp with time zone, leadloop_sequence_number bigint, _dlt_load_id varchar not null)"
        )
        insert = sa.text(
            f'insert into {RAW} (id, "order", {"w" * 63}, leadloop_seen_at, leadloop_sequence_number, _dlt_load_id)'
            " values (:id, :odd, :other, :seen, :number, '1.1')"
        )
        for number, odd in enumerate(ODD):
            row = {"id": str(number), "odd": odd, "other": None, "seen": WHEN, "number": number or None}
            connection.execute(insert, row)
        connection.execute(
            insert, {"id": "none", "odd": None, "other": "x" * 100_000, "seen": None, "number": 2**60}
        )
        rows = [
            {"run_id": "r", "seq": number, "state": state, "lead_id": "7", "field": "title", "value": ODD[number],
             "recorded_at": WHEN, "sequence_number": 5 + number}
            for number, state in enumerate(STATES)
        ]  # fmt: skip
        connection.execute(push_journal.insert(), rows)
        connection.execute(
            sa.text("select nextval('leadloop.sequence_number') from generate_series(1, 1234)")
        ).all()
    return warehouse


def rows(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    with warehouse.engine().connect() as connection:
        return sorted(map(tuple, connection.exec_driver_sql(query)), key=repr)


def begun(source: Warehouse, target: Warehouse) -> Carrying:
    with target.lock("build"):
        pass
    return Carrying(
        source,
        target,
        moving.CARRIED,
        left_out={"mine"},
        note=lambda _found: None,
        prove=lambda: None,
        listener=QUIET,
    )


@pytest.fixture
def postgres(postgres_url: str) -> Warehouse:
    return Warehouse.postgres(postgres_url)


ALL = f'select id, "order", {"w" * 63}, cost_x1a2b3c4d, leadloop_seen_at, leadloop_sequence_number, _dlt_load_id from {RAW}'


def test_every_value_arrives_on_postgresql_and_comes_back(tmp_path: Path, postgres: Warehouse) -> None:
    """Texts, times and numbers are what they were, to the last character, there and back again; the numbers go on."""
    source = make_source(Warehouse.duckdb(tmp_path / "leads.duckdb"))
    there = begun(source, postgres)
    assert Relation("convoso_raw", "lead_versions") in there.carry()
    assert rows(postgres, ALL) == rows(source, ALL)
    journal = "select seq, state, value, recorded_at, sequence_number from leadloop.push_journal"
    assert rows(postgres, journal) == rows(source, journal)
    assert len(rows(postgres, journal)) == len(STATES)
    (number,) = rows(postgres, "select nextval('leadloop.sequence_number')")[0]
    assert number > 1234
    back = Warehouse.duckdb(tmp_path / "back.duckdb")
    begun(postgres, back).carry()
    assert rows(back, ALL) == rows(source, ALL)
    assert rows(back, journal) == rows(source, journal)
    assert rows(back, "select nextval('leadloop.sequence_number')")[0][0] > number


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "way",
    [
        pytest.param(("ducklake",), marks=pytest.mark.long),
        pytest.param(("ducklake", "ducklake-postgres"), marks=pytest.mark.long),
        pytest.param(("spark",), marks=SPARK.marks),
    ],
)
def test_every_value_arrives_in_a_lake_and_comes_back(
    tmp_path: Path, postgres_url: str, way: tuple[str, ...]
) -> None:
    """The same for each engine that keeps leads and ledger apart, or its catalog on a server; from one lake into another one, too."""
    places = {
        "ducklake": lambda: Warehouse.ducklake(tmp_path / "leads.ducklake"),
        "ducklake-postgres": lambda: Warehouse.ducklake(postgres_url, tmp_path / "shared.files"),
        "spark": lambda: Warehouse.spark(tmp_path / "leads.delta"),
    }
    first = make_source(Warehouse.duckdb(tmp_path / "leads.duckdb"))
    journal = "select seq, state, value, recorded_at, sequence_number from leadloop.push_journal"
    numbers, source = 1234, first
    for target in (*(places[each]() for each in way), Warehouse.duckdb(tmp_path / "back.duckdb")):
        there = begun(source, target)
        assert Relation("convoso_raw", "lead_versions") in there.carry()
        assert not there.has_changed()
        assert there.carry() == []
        assert rows(target, ALL) == rows(first, ALL)
        assert rows(target, journal) == rows(first, journal)
        assert len(rows(target, journal)) == len(STATES)
        with target.ledger().begin() as connection:
            number = next_number(connection)
        assert number > numbers
        numbers, source = number, target


def test_what_is_there_is_not_carried_again(tmp_path: Path, postgres: Warehouse) -> None:
    """Done again, it carries what has changed since, and what somebody took away in the new one."""
    source = make_source(Warehouse.duckdb(tmp_path / "leads.duckdb"))
    first = begun(source, postgres)
    assert len(first.carry()) == 1 + len(moving.CARRIED)
    again = begun(source, postgres)
    again.done.update(noted(as_note(first.done)))
    assert not again.has_changed()
    assert again.carry() == []
    with source.engine().begin() as connection:
        connection.exec_driver_sql("delete from leadloop.push_journal where seq = 3")
    with postgres.engine().begin() as connection:
        connection.exec_driver_sql(f"delete from {RAW} where id = '3'")
    assert again.has_changed()
    assert [str(each) for each in again.carry()] == [RAW, "leadloop.push_journal"]
    assert rows(postgres, ALL) == rows(source, ALL)
    assert len(rows(postgres, "select 1 from leadloop.push_journal")) == len(STATES) - 1


def test_another_value_is_noticed(
    tmp_path: Path, postgres: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that arrives with another value, or without a row, is tried again, and then it is an error that shows no value."""
    source = make_source(Warehouse.duckdb(tmp_path / "leads.duckdb"))
    real = Carrying._copy

    def bent(self: Carrying, shape: Any) -> None:
        real(self, shape)
        if shape.relation.name == "lead_versions":
            with self.target.engine().begin() as connection:
                connection.exec_driver_sql(f"""update {RAW} set "order" = null where "order" = ''""")

    monkeypatch.setattr(Carrying, "_copy", bent)
    with pytest.raises(NotTheSameError, match="lead_versions is not") as error:
        begun(source, postgres).carry()
    assert "007" not in str(error.value)


def test_a_table_that_somebody_writes_to_meanwhile_is_carried_again(
    tmp_path: Path, postgres: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that only looks leaves a row of its run while the others are copied."""
    source = make_source(Warehouse.duckdb(tmp_path / "leads.duckdb"))
    real, late = Carrying._copy, ["late"]

    def meanwhile(self: Carrying, shape: Any) -> None:
        real(self, shape)
        if shape.relation.name == "runs" and late:
            with source.engine().begin() as connection:
                connection.execute(
                    sa.text("insert into leadloop.runs (run_id) values (:id), ('mine')"), {"id": late.pop()}
                )

    monkeypatch.setattr(Carrying, "_copy", meanwhile)
    begun(source, postgres).carry()
    assert rows(postgres, "select run_id from leadloop.runs") == [("late",)]


def test_fields_without_room_go_into_the_object_and_come_out_again(
    tmp_path: Path, postgres: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL a raw table has so many columns of fields; further ones are in one object, and are columns again in DuckDB."""
    monkeypatch.setattr(module, "most_columns", lambda kind: 4 if kind == "postgres" else None)
    source = Warehouse.duckdb(tmp_path / "leads.duckdb")
    with source.lock("build"):
        pass
    with source.engine().begin() as connection:
        connection.exec_driver_sql("create schema convoso_raw")
        connection.exec_driver_sql(
            f"create table {RAW} (first varchar, late varchar, later varchar, id varchar, modified_at varchar, _dlt_load_id varchar)"
        )
        connection.exec_driver_sql(
            f"insert into {RAW} values ('a', 'b\"', 'ç', '1', 'm', '1.1'), ('a', '', null, '2', 'm', '1.1'), (null, null, 'x', '3', 'm', '1.1')"
        )
        connection.exec_driver_sql("create table convoso_raw._dlt_version (schema_name varchar)")
    begun(source, postgres).carry()
    assert rows(postgres, f"select id, first, leadloop_more_fields from {RAW}") == [
        ("1", "a", '{"late":"b\\"","later":"ç"}'),
        ("2", "a", None),
        ("3", None, '{"later":"x"}'),
    ]
    assert rows(postgres, "select 1 from information_schema.tables where table_name = '_dlt_version'") == []
    back = Warehouse.duckdb(tmp_path / "back.duckdb")
    begun(postgres, back).carry()
    assert rows(back, f"select id, first, late, later, modified_at, _dlt_load_id from {RAW}") == [
        ("1", "a", 'b"', "ç", "m", "1.1"),
        ("2", "a", None, None, "m", "1.1"),
        ("3", None, None, "x", "m", "1.1"),
    ]


def test_a_column_that_leadloop_never_makes_is_named(tmp_path: Path, postgres: Warehouse) -> None:
    """What can't be compared isn't moved: exit code 2, and the table is named."""
    source = make_source(Warehouse.duckdb(tmp_path / "leads.duckdb"))
    with source.engine().begin() as connection:
        connection.exec_driver_sql("create table convoso_raw.mine (price double)")
    with pytest.raises(ConfigError, match=r"price of convoso_raw\.mine has the type double"):
        begun(source, postgres).carry()


KILLED = """
import os, signal
from tests.integration.warehouse.test_carrying import begun
from connector.events import Listener
from connector.warehouse.connection import Warehouse

WHERE = {where!r}

class Dying(Listener):
    def stage(self, name):
        if name == WHERE:
            os.kill(os.getpid(), signal.SIGKILL)

    def copying(self, done, total):
        if WHERE == "in a table":
            os.kill(os.getpid(), signal.SIGKILL)

carrying = begun(Warehouse.duckdb({source!r}), Warehouse.postgres({target!r}))
carrying.listener = Dying()
carrying.carry()
"""


def test_killed_in_a_table_or_after_it_nothing_is_there_by_halves(tmp_path: Path, postgres_url: str) -> None:
    """SIGKILL in the middle of a table leaves none of its rows, and one after it all of them; the next one makes it whole."""
    source, target = (
        make_source(Warehouse.duckdb(tmp_path / "leads.duckdb")),
        Warehouse.postgres(postgres_url),
    )
    number = len(ODD) + 1
    for where, there in (("in a table", 0), ("copy leadloop.push_journal", number)):
        code = KILLED.format(where=where, source=str(source.path), target=postgres_url)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert len(rows(target, f"select 1 from {RAW}")) == there
        assert len(rows(source, f"select 1 from {RAW}")) == number, "the old one can be worked with"
    begun(source, target).carry()
    assert rows(target, ALL) == rows(source, ALL)
    assert len(rows(target, "select 1 from leadloop.push_journal")) == len(STATES)


def test_a_text_that_postgresql_cant_hold_is_named(tmp_path: Path, postgres: Warehouse) -> None:
    """The table is named and not the value: exit code 2, and the table has no rows there."""
    source = make_source(Warehouse.duckdb(tmp_path / "leads.duckdb"))
    with source.engine().begin() as connection:
        connection.exec_driver_sql("update leadloop.push_journal set value = 'a' || chr(0) where seq = 2")
    with pytest.raises(ConfigError, match=r"A text in leadloop\.push_journal has a NUL"):
        begun(source, postgres).carry()
    assert rows(postgres, "select 1 from leadloop.push_journal") == []


def test_every_table_of_leadloop_is_carried_or_left_for_a_reason() -> None:
    """A table that is new is not forgotten."""
    names = {table.name for table in METADATA.tables.values()}
    assert {table.name for table in moving.CARRIED} | set(moving.LEFT) == names


def test_a_note_is_read_as_it_was_written() -> None:
    """What is whole is known to the next process."""
    done = {Relation("a", "b"): Carried(3, "9", "s", "t")}
    assert noted(as_note(done)) == done
    assert noted(None) == {}
