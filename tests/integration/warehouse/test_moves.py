"""Who may work with a warehouse that was moved, or is being filled by a move; and where a warehouse may be moved to."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector import loop
from connector.errors import ConfigError, LockedError, MovedError, WarehouseError
from connector.loop import moving
from connector.status import status
from connector.warehouse import leases, moves
from connector.warehouse.connection import Warehouse
from connector.warehouse.ledger import identity
from connector.warehouse.migrations import begun_as
from connector.warehouse.models import Known
from connector.warehouse.relations import DEFAULT
from tests.engines import SPARK

KNOWN = Known((), DEFAULT, "", "")


def begin(warehouse: Warehouse, warehouse_id: str | None = None) -> str:
    """A warehouse with which somebody has worked; returns its id."""
    if warehouse_id is None:
        with warehouse.lock("build"):
            pass
    else:
        with begun_as(warehouse_id), warehouse.lock("build"):
            pass
    with warehouse.ledger().connect() as connection:
        return identity(connection)


def note(warehouse: Warehouse, side: str, *, ended: bool = True, move_id: str = "m") -> None:
    row = {
        "move_id": move_id, "side": side, "engine": "postgres", "place": "postgresql://db:5432/leads", "host": "here",
        "who": "ann", "begun_at": datetime.now(UTC), "ended_at": datetime.now(UTC) if ended else None,
    }  # fmt: skip
    with warehouse.ledger().begin() as connection:
        connection.execute(moves.moves.insert().values(row))


def test_a_warehouse_that_was_moved_refuses_every_lock(warehouse: Warehouse) -> None:
    """It says where to, when, by whom, and what to do, with exit code 2; whoever moves it may go on."""
    begin(warehouse)
    note(warehouse, moves.AWAY)
    with (
        pytest.raises(
            MovedError, match=r"moved to postgres, postgresql://db:5432/leads, by ann on here .*move --cancel"
        ) as refused,
        warehouse.lock("push:p"),
    ):
        pass
    assert refused.value.exit_code == 2
    with moves.at_work(), warehouse.lock("push:p"):
        pass


def test_a_warehouse_that_is_not_whole_refuses_every_lock(warehouse: Warehouse) -> None:
    """Until the move has ended; then it is one like any other."""
    begin(warehouse)
    note(warehouse, moves.HERE, ended=False)
    with pytest.raises(MovedError, match="is not whole: a move from postgres"), warehouse.lock("build"):
        pass
    with warehouse.ledger().begin() as connection:
        connection.execute(moves.moves.update().values(ended_at=datetime.now(UTC)))
    with warehouse.lock("build"):
        pass


def test_a_move_and_any_other_lock_exclude_each_other(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the lock is called: a push of another branch's project as well. The move's own process goes on."""
    begin(warehouse)
    with warehouse.lock(moves.LOCK), warehouse.lock("build"):
        monkeypatch.setattr(leases, "_HELD", set())
        monkeypatch.setattr(leases, "_is_dead", lambda *_: False)
        with pytest.raises(LockedError, match="A move of this warehouse is being worked on by leadloop"):
            leases.take(warehouse.ledger(), "push:of another branch")
    monkeypatch.undo()
    with warehouse.lock("push:of another branch"):
        monkeypatch.setattr(leases, "_HELD", set())
        monkeypatch.setattr(leases, "_is_dead", lambda *_: False)
        with pytest.raises(LockedError, match="push:of another branch is being worked on"):
            leases.take(warehouse.ledger(), moves.LOCK)


def test_a_place_with_anything_in_it_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    """Another warehouse, raw tables, models of the same name: exit code 2, and nothing is written there."""
    old = Warehouse.duckdb(tmp_path / "old.duckdb")
    old_id = begin(old)
    moving._check_new(warehouse, old, old_id, KNOWN)  # there is nothing yet
    for make, named in (
        ("create table convoso_raw.lead_versions (id varchar)", "convoso_raw.lead_versions"),
        ("create table analytics.leads (crm varchar)", "analytics.leads"),
    ):
        schema = make.split()[2].partition(".")[0]
        with warehouse.engine().begin() as connection:
            connection.exec_driver_sql(f"create schema {schema}")
            connection.exec_driver_sql(make)
        with pytest.raises(ConfigError, match=rf"not empty: it has {named}, .*Nothing was written"):
            moving._check_new(warehouse, old, old_id, KNOWN)
        with warehouse.engine().begin() as connection:
            connection.exec_driver_sql(f"drop schema {schema} cascade")
    begin(warehouse)
    with pytest.raises(ConfigError, match=r"not empty: it has leadloop\."):
        moving._check_new(warehouse, old, old_id, KNOWN)


def test_a_part_of_the_same_move_is_no_reason_to_refuse(warehouse: Warehouse, tmp_path: Path) -> None:
    """Killed before its first word in the new one, or later; but the old place of the same warehouse is not overwritten."""
    old = Warehouse.duckdb(tmp_path / "old.duckdb")
    old_id = begin(old)
    assert begin(warehouse, old_id) == old_id
    moving._check_new(warehouse, old, old_id, KNOWN)
    note(warehouse, moves.HERE, ended=False)
    with warehouse.engine().begin() as connection:
        connection.exec_driver_sql("create schema convoso_raw")
        connection.exec_driver_sql("create table convoso_raw.lead_versions (id varchar)")
    moving._check_new(warehouse, old, old_id, KNOWN)
    note(warehouse, moves.AWAY)
    with pytest.raises(ConfigError, match="is the old place of this very warehouse"):
        moving._check_new(warehouse, old, old_id, KNOWN)


def test_a_server_that_lets_nobody_in_is_told_before_anything_is_written(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong database ends with 2, a server that isn't there with 1; no password is shown."""
    old = Warehouse.duckdb(tmp_path / "old.duckdb")
    old_id = begin(old)
    wrong = Warehouse.postgres(
        postgres_url.rpartition("/")[0].replace("postgres@", "postgres:s3cret@") + "/nowhere"
    )
    with pytest.raises(ConfigError, match="does not let this user in") as refused:
        moving._check_new(wrong, old, old_id, KNOWN)
    assert "s3cret" not in str(refused.value)
    with pytest.raises(WarehouseError, match="can't be reached"):
        moving._check_new(Warehouse.postgres("postgresql://u:s3cret@127.0.0.1:1/leads"), old, old_id, KNOWN)
    with pytest.raises(ConfigError, match="a folder that doesn't exist"):
        moving._check_new(Warehouse.duckdb(tmp_path / "no" / "new.duckdb"), old, old_id, KNOWN)
    assert not (tmp_path / "no").exists()


def test_a_move_is_cancelled_where_the_new_one_is_lost_or_there(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one works again. A new one that can be reached refuses, and it is told how many pushes only that one knows."""
    monkeypatch.chdir(tmp_path)
    old, new = Warehouse.duckdb(tmp_path / "old.duckdb"), Warehouse.postgres(postgres_url)
    old_id = begin(old)
    with pytest.raises(ConfigError, match="was not moved away"):
        loop.cancel_move(old)
    note(old, moves.AWAY)
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://u:s3cret@127.0.0.1:1/leads")
    lost = loop.cancel_move(old)
    assert (lost.is_told, lost.unknown) == (False, None)
    with old.lock("build"):
        pass
    begin(new, old_id)
    note(new, moves.HERE, move_id="second")
    note(old, moves.AWAY, move_id="second")
    with new.engine().begin() as connection:
        connection.exec_driver_sql("insert into leadloop.push_runs (run_id) values ('there')")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", postgres_url)
    told = loop.cancel_move(old)
    assert (told.is_told, told.unknown) == (True, 1)
    with old.lock("build"):
        pass
    with pytest.raises(MovedError, match="was moved to duckdb"), new.lock("build"):
        pass


def test_a_move_that_was_cut_off_between_its_last_words_is_ended_when_it_is_run_again(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """The old one refuses already, and the new one still: nobody sends. Then the new one is whole."""
    old = Warehouse.duckdb(tmp_path / "old.duckdb")
    begin(warehouse, begin(old))
    note(old, moves.AWAY)
    note(warehouse, moves.HERE, ended=False)
    for each in (old, warehouse):
        with pytest.raises(MovedError), each.lock("push:p"):
            pass
    ended = moving._ended(old, warehouse)
    assert ended is not None
    assert ended.was_there
    with warehouse.lock("push:p"):
        pass
    with pytest.raises(MovedError), old.lock("push:p"):
        pass
    with pytest.raises(MovedError, match="was moved to postgres"):
        moving._ended(old, Warehouse.duckdb(tmp_path / "another.duckdb"))


def test_two_places_with_a_part_in_common_are_refused(tmp_path: Path, postgres_url: str) -> None:
    """A lake in the old one's database, or with its files among the old one's: it is said before anything is looked at."""
    lake = Warehouse.ducklake(tmp_path / "leads.ducklake")
    shared = Warehouse.ducklake(postgres_url, tmp_path / "leads.files")
    for old, new, told in (
        (lake, Warehouse.ducklake(tmp_path / "leads.ducklake"), "nothing to move"),
        (Warehouse.postgres(postgres_url), shared, "would have its ledger in"),
        (shared, Warehouse.postgres(postgres_url), "would have its ledger in"),
        (lake, shared, "where the old one has its own"),
        (
            lake,
            Warehouse.ducklake(tmp_path / "new.ducklake", tmp_path / "leads.files" / "new"),
            "where the old one has its own",
        ),
    ):
        with pytest.raises(ConfigError, match=told):
            moving._check_other(old, new)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("engine", [SPARK])
def test_two_lakes_of_one_name_would_have_one_ledger(tmp_path: Path, engine: str) -> None:
    """Both have it beside the lake, under the lake's own name."""
    lakes = Warehouse.ducklake(tmp_path / "leads.ducklake"), Warehouse.spark(tmp_path / "leads.delta")
    for old, new in (lakes, lakes[::-1]):
        with pytest.raises(ConfigError, match=r"would have its ledger in .*leads\.ledger\.duckdb"):
            moving._check_other(old, new)


def test_the_status_says_that_it_was_moved(warehouse: Warehouse) -> None:
    """Whoever only looks is told as well, and may look."""
    begin(warehouse)
    assert status(warehouse).moved == ""
    note(warehouse, moves.AWAY)
    assert "was moved to postgres" in status(warehouse).moved
