"""One warehouse behind three doors, and what a person reads when it can't be opened."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import ConfigError, LockedError, WarehouseError
from connector.warehouse import private
from connector.warehouse.connection import Warehouse
from connector.warehouse.ledger import columns_of
from tests.engines import settings_of

HOLD = textwrap.dedent(
    """
    import sys, duckdb
    connection = duckdb.connect(sys.argv[1])
    print("held", flush=True)
    sys.stdin.readline()
    """
)


def test_all_doors_open_the_same_warehouse(
    warehouse: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What dlt loads, SQLAlchemy reads, in one process and without a conflict between their connections."""
    import dlt

    monkeypatch.chdir(tmp_path)
    with warehouse.engine().begin() as connection:
        connection.execute(sa.text("create table before (x integer)"))
        pipeline = None
    for _ in range(2):
        pipeline = pipeline or dlt.pipeline(
            "doors",
            destination=warehouse.destination(),
            dataset_name="raw",
            pipelines_dir=str(tmp_path / "dlt"),
        )
        pipeline.run([{"x": 1}], table_name="rows", loader_file_format=warehouse.file_format)
    with warehouse.engine().connect() as connection:
        assert connection.scalar(sa.text("select count(*) from raw.rows")) == 2


def test_a_file_that_another_process_holds(tmp_path: Path) -> None:
    """The message names the file and the process; the exit code is 5."""
    path = tmp_path / "held.duckdb"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=f"held.duckdb is held by process {holder.pid}") as caught:
            Warehouse.duckdb(path).probe()
        assert caught.value.exit_code == 5
    finally:
        holder.communicate("\n")


def test_a_row_that_postgres_cannot_hold(postgres_url: str) -> None:
    """Where a table has more columns from before than fit a row when all are filled, the way out is named."""
    warehouse = Warehouse.postgres(postgres_url)
    columns = ", ".join(f"c{number} text" for number in range(430))
    values = ", ".join(["'a text of 20 letters'"] * 430)
    with warehouse.engine().begin() as connection:
        connection.exec_driver_sql(f"create table wide ({columns})")
    with (
        pytest.raises(WarehouseError, match=r"more filled fields than .*leave_out"),
        warehouse.translated(),
        warehouse.engine().begin() as connection,
    ):
        connection.exec_driver_sql(f"insert into wide values ({values})")


def test_a_lock_refuses_a_second_holder_and_names_the_first(warehouse: Any) -> None:
    """Whoever comes second is told who works on it since when, and can go on once the first has ended."""
    with warehouse.lock("push:scores"):
        with (
            pytest.raises(LockedError, match=r"push:scores is being worked on by .+ since 20\d\d-"),
            warehouse.lock("push:scores"),
        ):
            pass
        with warehouse.lock("push:others"):
            pass
    with warehouse.lock("push:scores"):
        pass


def test_a_lock_dies_with_its_holder(warehouse: Any) -> None:
    """A holder that is killed leaves nothing to clean up."""
    code = textwrap.dedent(
        """
        import time
        from connector.warehouse.connection import Warehouse
        with Warehouse.open().lock("push:scores"):
            print("held", flush=True)
            time.sleep(60)
        """
    )
    env = {**os.environ, **settings_of(warehouse)}
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(LockedError), warehouse.lock("push:scores"):
        pass
    holder.kill()
    holder.wait()
    for _ in range(50):  # PostgreSQL notices a vanished client within moments, not at once
        try:
            with warehouse.lock("push:scores"):
                return
        except LockedError:
            import time

            time.sleep(0.1)
    pytest.fail("the lock outlived its holder")


@pytest.mark.parametrize("content", [b"not a database" * 1000, b"\0" * 20000])
def test_a_file_that_is_no_database(tmp_path: Path, content: Any) -> None:
    """A wrong file is a wrong setting, named as such, and is left as it was."""
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"destination\.duckdb\.credentials"):
        Warehouse.duckdb(path).probe()
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The missing folder is named."""
    with pytest.raises(ConfigError, match="nowhere"):
        Warehouse.duckdb(tmp_path / "nowhere" / "x.duckdb").probe()


def test_a_password_is_never_shown() -> None:
    """Neither in what a warehouse is called, nor where it is printed."""
    warehouse = Warehouse.postgres("postgresql://me:hunter2-secret@127.0.0.1:9/leads")
    assert "hunter2" not in repr(warehouse) + warehouse.label


@pytest.mark.parametrize(
    "value", ["mysql://x/y", "postgresql://only-a-host", "12", "postgresql://h:notaport/d"]
)
def test_a_url_that_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: Any) -> None:
    """Whatever isn't a PostgreSQL address is refused by the setting's name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WAREHOUSE__DESTINATION", "postgres")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", value)
    with pytest.raises(ConfigError, match=r"destination\.postgres\.credentials"):
        Warehouse.open()


def test_a_table_of_credentials_is_taken_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a table says about TLS and timeouts reaches the driver, as it would in a URL."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WAREHOUSE__DESTINATION", "postgres")
    for name, text in {
        "HOST": "h",
        "DATABASE": "d",
        "QUERY": "?sslmode=require",
        "CONNECT_TIMEOUT": "7",
    }.items():
        monkeypatch.setenv(f"DESTINATION__POSTGRES__CREDENTIALS__{name}", text)
    warehouse = Warehouse.open()
    assert dict(warehouse.url.query) == {"connect_timeout": "7", "sslmode": "require"}
    assert warehouse.dbt_env()["LEADLOOP_POSTGRES_SSLMODE"] == "require"


def test_the_file_is_private(tmp_path: Path) -> None:
    """Only its owner can read a database of leads: one that is made, and one that somebody made before."""
    warehouse = Warehouse.duckdb(tmp_path / "leads.duckdb")
    before = os.umask(0o022)
    try:
        warehouse.probe()
        assert warehouse.path is not None
        assert warehouse.path.stat().st_mode & 0o077 == 0
        assert os.umask(0o022) == 0o022
        warehouse.path.chmod(0o644)
        warehouse.probe()
        assert warehouse.path.stat().st_mode & 0o077 == 0
        made = private.folder(tmp_path / "a" / "b")
        assert {path.stat().st_mode & 0o777 for path in (made, made.parent)} == {0o700}
    finally:
        os.umask(before)


def test_the_columns_of_what_is_there_and_of_what_is_not(warehouse: Any) -> None:
    """Of tables and views, whatever they are called; none of what is missing, in a transaction that goes on."""
    with warehouse.engine().begin() as connection:
        connection.exec_driver_sql('create schema "odd ""schema"')
        connection.exec_driver_sql('create table "odd ""schema"."a b" (one text, "Two ""2" text)')
        connection.exec_driver_sql('create view "odd ""schema".seen as select one from "odd ""schema"."a b"')
        found = [columns_of(connection, 'odd "schema', name) for name in ("a b", "seen", "missing")]
        assert found == [{"one", 'Two "2'}, {"one"}, frozenset()]
        assert columns_of(connection, "missing", "a b") == frozenset()
        connection.exec_driver_sql('insert into "odd ""schema"."a b" (one) values (\'kept\')')
    with warehouse.engine().connect() as connection:
        assert connection.scalar(sa.text('select one from "odd ""schema".seen')) == "kept"
