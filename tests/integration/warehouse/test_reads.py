"""What was read is noted, and where there was nothing the next run begins behind it, without a package of dlt's."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from connector import config, loop
from connector.crm import before_calls, http
from connector.errors import CrmError, WarehouseError
from connector.extract.past import Nothing, Read
from connector.sandbox import Sandbox
from connector.warehouse import pipelines
from connector.warehouse.connection import Warehouse
from connector.warehouse.pipelines import AccountTables
from connector.warehouse.reads import note, reads
from tests.quick_tables import without_dlt

LEADS = 30


@pytest.fixture
def crm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.chdir(tmp_path)
    with Sandbox(leads=LEADS) as crm:
        given = {**crm.settings()["convoso"], "settle": "0", "rate": "1000", "lookback": "0"}
        for name, value in given.items():
            monkeypatch.setenv(config.env_name(f"crm.convoso.{name}"), str(value))
        config.reload()
        yield crm
    config.reload()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_dlt(monkeypatch)


def rows(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    with warehouse.engine().connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def read_of_leads(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return rows(
        warehouse,
        "select rows, outcome, nothing_until is not null from leadloop.reads where stream = 'lead_versions'"
        " order by sequence_number",
    )


def test_rows_that_decide_nothing_stay_for_a_while(warehouse: Warehouse) -> None:
    """Of rows older than the setting, the newest of each kind and cursor stay, and each of another CRM."""
    day, until = timedelta(days=1), datetime.now(UTC)

    def read(cursor: str, *, whole: bool = True, nothing: bool = False) -> Read:
        known = Nothing("a", "b") if nothing else None
        return Read("lead_versions", cursor, None, 0, 1, whole, known)

    with warehouse.lock("extract:convoso") as lease:
        for crm in ("convoso", "other"):
            for each in (read("one"), read("one", whole=False), read("one", nothing=True), read("two")) * 2:
                with lease.transaction() as connection:
                    note(connection, None, crm, [each])
        with lease.transaction() as connection:
            connection.execute(reads.update().values(noted_at=until - 10 * day))
        with lease.transaction() as connection:
            note(connection, None, "convoso", [read("three")], 11 * day)
        assert len(rows(warehouse, "select 1 from leadloop.reads")) == 17
        with lease.transaction() as connection:
            note(connection, None, "convoso", [read("three")], 9 * day)
    told = rows(
        warehouse,
        "select cursor_name, outcome, nothing_since is null, count(*) from leadloop.reads where crm = 'convoso'"
        " group by 1, 2, 3 order by 1, 2, 3",
    )
    assert told == [
        ("one", "failed", True, 1),
        ("one", "whole", False, 1),
        ("one", "whole", True, 1),
        ("three", "whole", True, 2),
        ("two", "whole", True, 1),
    ]
    assert len(rows(warehouse, "select 1 from leadloop.reads where crm = 'other'")) == 8


@pytest.mark.parametrize("warehouse", ["postgres"], indirect=True)
def test_times_in_the_future_are_found_without_reading_the_table(warehouse: Warehouse, crm: Sandbox) -> None:
    """PostgreSQL looks only at those parts of a raw table whose greatest time is late enough."""
    for _ in range(2):
        loop.extract(warehouse)
        crm.clock.advance(60)
    with warehouse.engine().begin() as connection:
        connection.exec_driver_sql("set local enable_seqscan = off")
        query = "explain select count(*) from convoso_raw.lead_versions where leadloop_seen_at > now() + interval '1 hour'"
        plan = "".join(row[0] for row in connection.exec_driver_sql(query))
    assert "lead_versions_leadloop_seen_at" in plan


def packages(warehouse: Warehouse) -> int:
    return int(rows(warehouse, "select count(*) from convoso_raw._dlt_loads")[0][0])


def tables(warehouse: Warehouse) -> AccountTables:
    return AccountTables(warehouse, "convoso", "convoso_raw")


def test_an_idle_run_moves_the_cursor_without_a_package(crm: Sandbox, warehouse: Warehouse) -> None:
    """And what was edited later is read, from where nothing was found on."""
    loop.extract(warehouse)
    loaded, first = packages(warehouse), tables(warehouse).past("lead_versions").cursors
    crm.clock.advance(3600)
    loop.extract(warehouse)
    assert packages(warehouse) == loaded
    second = tables(warehouse).past("lead_versions")
    assert second.kept == first
    assert all(second.cursors[name] > first[name] for name in first)
    assert read_of_leads(warehouse) == [(LEADS, "whole", False), (0, "whole", True)]
    crm.clock.advance(3600)
    crm.book.edit(crm.book.ids()[0], {"city": "Trier"})
    crm.clock.advance(10)
    loop.extract(warehouse)
    assert rows(warehouse, "select count(*) from convoso_raw.lead_versions where city = 'Trier'") == [(1,)]
    assert packages(warehouse) == loaded + 1
    starts = rows(
        warehouse,
        "select window_start, window_end from leadloop.reads where stream = 'lead_versions' order by sequence_number",
    )
    # Each begins where the one before ended.
    assert [at[0] for at in starts][1:] == [at[1] for at in starts][:-1]


@pytest.mark.long_if("duckdb")
def test_the_state_is_read_as_dlt_reads_it(crm: Sandbox, warehouse: Warehouse) -> None:
    loop.extract(warehouse)
    of_dlt = tables(warehouse)._fresh()
    of_dlt.sync_destination()
    kept = of_dlt.state["sources"]["convoso"]["resources"]
    assert {table: found["cursors"] for table, found in kept.items()} == {
        table: tables(warehouse).past(table).kept for table in kept
    }


@pytest.mark.long_if("duckdb")
@pytest.mark.usefixtures("quick")
def test_nothing_counts_no_more_once_the_raw_tables_are_gone(crm: Sandbox, warehouse: Warehouse) -> None:
    loop.extract(warehouse)
    crm.clock.advance(3600)
    loop.extract(warehouse)
    with warehouse.engine().begin() as connection:
        connection.exec_driver_sql("drop schema convoso_raw cascade")
    assert tables(warehouse).past("lead_versions").cursors == {}
    loop.extract(warehouse)
    assert rows(warehouse, "select count(*) from convoso_raw.lead_versions") == [(LEADS,)]


@pytest.mark.long_if("duckdb")
@pytest.mark.usefixtures("quick")
def test_a_reading_that_fails_is_noted_and_moves_nothing(
    crm: Sandbox, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.extract(warehouse)
    before = tables(warehouse).past("lead_versions").cursors
    crm.clock.advance(3600)
    crm.book.edit(crm.book.ids()[0], {"city": "Trier"})
    crm.clock.advance(10)
    monkeypatch.setattr(http, "Retry", partial(http.Retry, first=0.01))
    crm.faults.add("html", after=1)
    with pytest.raises(CrmError):
        loop.extract(warehouse)
    crm.faults.clear()
    assert read_of_leads(warehouse)[1:] == [(0, "failed", False)]
    assert tables(warehouse).past("lead_versions").cursors == before


@pytest.mark.usefixtures("quick")
def test_a_table_without_a_state_still_has_its_columns(crm: Sandbox, warehouse: Warehouse) -> None:
    """As after somebody has restored the rows, and not the tables of dlt's."""
    loop.extract(warehouse)
    with warehouse.engine().begin() as connection:
        connection.exec_driver_sql("drop table convoso_raw._dlt_pipeline_state")
    past = tables(warehouse).past("lead_versions")
    assert "phone_number" in past.columns
    assert past.cursors == {}


@pytest.mark.usefixtures("quick")
def test_a_state_that_another_dlt_wrote_stops_the_run(
    crm: Sandbox, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.extract(warehouse)
    monkeypatch.setattr(pipelines, "STATE_VERSION", 99)
    with pytest.raises(WarehouseError, match="in version 4 of dlt's state; this leadloop reads version 99"):
        loop.extract(warehouse)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_the_file_is_kept_from_step_to_step_and_let_go_of_before_a_call(
    crm: Sandbox, warehouse: Warehouse
) -> None:
    loop.extract(warehouse)
    path = str(warehouse.path)
    with warehouse.kept_open():
        with warehouse.engine().connect():
            pass
        with pytest.raises(duckdb.ConnectionException):  # it is open, and writable, in this process
            duckdb.connect(path, read_only=True).close()
        before_calls.let_go()
        duckdb.connect(path, read_only=True).close()
        warehouse.keep()
        with pytest.raises(duckdb.ConnectionException):
            duckdb.connect(path, read_only=True).close()
    duckdb.connect(path, read_only=True).close()
