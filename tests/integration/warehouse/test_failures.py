"""A warehouse that fails says how: gone for now (1), closed to this user (2), full (1), damaged (2), or not installed (2)."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import ConfigError, DamagedError, DiskFullError, WarehouseError
from connector.warehouse import postgres
from connector.warehouse.connection import Warehouse


def at(url: str, **parts: Any) -> Warehouse:
    return Warehouse.postgres(sa.engine.make_url(url).set(**parts))


def no_access(url: str, role: str, options: str = "login") -> str:
    """A user of the server who may do nothing yet."""
    with Warehouse.postgres(url).engine().begin() as connection:
        connection.exec_driver_sql(f"drop role if exists {role}")
        connection.exec_driver_sql(f"create role {role} {options}")
    return role


def test_a_server_that_is_gone_is_tried_again_later() -> None:
    """Nothing listens, or its name is not known just now: 1, and what to check if that goes on."""
    for host, why in (("127.0.0.1", "connection refused"), ("leadloop.invalid", "can't be looked up")):
        with pytest.raises(WarehouseError, match=why) as caught:
            Warehouse.postgres(f"postgresql://me:hunter2-secret@{host}:9/leads").probe()
        assert (caught.value.exit_code, caught.value.action) == (1, "retry")
        assert "destination.postgres.credentials" in str(caught.value)
        assert "hunter2" not in str(caught.value)


def test_a_server_that_does_not_let_the_user_in_needs_a_person(postgres_url: str) -> None:
    """No such database, no such user, a user who may not log in: 2, and the setting."""
    locked_out = no_access(postgres_url, "locked_out", "nologin")
    for parts in ({"database": "no_such"}, {"username": "no_such"}, {"username": locked_out}):
        with pytest.raises(ConfigError, match=r"destination\.postgres\.credentials.*does not let") as caught:
            at(postgres_url, **parts).probe()
        assert caught.value.exit_code == 2


def test_a_server_without_a_connection_left_is_tried_again_later(postgres_url: str) -> None:
    """Too many connections are nobody's setting: 1."""
    role = no_access(postgres_url, "busy", "login connection limit 1")
    warehouse = at(postgres_url, username=role)
    with warehouse.engine().connect():
        with pytest.raises(WarehouseError, match="no connection left") as caught:
            warehouse.probe()
        assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("FATAL:  the database system is starting up", WarehouseError),
        ("FATAL:  the database system is not yet accepting connections", WarehouseError),
        ("FATAL:  the database system is shutting down", WarehouseError),
        ("FATAL:  sorry, too many clients already", WarehouseError),
        ("timeout expired", WarehouseError),
        ("No route to host", WarehouseError),
        ('FATAL:  password authentication failed for user "me"', ConfigError),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1"', ConfigError),
        ("fe_sendauth: no password supplied", ConfigError),
    ],
)
def test_what_a_server_says_when_it_lets_nobody_in(said: str, kind: Any) -> None:
    """What mends itself is 1, what a person has to change is 2; also where a second address was refused."""
    text = f'connection to server at "db" (10.0.0.1), port 5432 failed: {said}\n'
    for each in (
        text,
        'connection to server at "db" (::1), port 5432 failed: Connection refused\n\tIs it up?\n' + text,
    ):
        assert type(postgres.Postgres().explained(each, "postgresql://db")) is kind


def test_a_permission_that_was_taken_away_names_the_table(postgres_url: str) -> None:
    """2, with the table and its schema; so where the schema itself is closed."""
    role = no_access(postgres_url, "reader")
    with Warehouse.postgres(postgres_url).engine().begin() as connection:
        connection.exec_driver_sql("create schema leadloop")
        connection.exec_driver_sql("create table leadloop.leases (name text)")
        connection.exec_driver_sql(f"grant usage on schema leadloop to {role}")
    warehouse = at(postgres_url, username=role)
    for statement, name in (
        ("insert into leadloop.leases values ('x')", "table leadloop.leases"),
        ("create table leadloop.more (x integer)", "schema leadloop"),
    ):
        with (
            pytest.raises(ConfigError, match=f"no permission for .* the {name}") as caught,
            warehouse.translated(),
            warehouse.engine().begin() as connection,
        ):
            connection.exec_driver_sql(statement)
        assert caught.value.exit_code == 2
    with Warehouse.postgres(postgres_url).engine().begin() as connection:
        connection.exec_driver_sql(f"drop owned by {role}")


def test_a_server_whose_disk_is_full(postgres_url: str) -> None:
    """It is called so, and the session that met it goes on."""
    warehouse = Warehouse.postgres(postgres_url)
    with warehouse.engine().connect() as connection:
        backend = int(connection.scalar(sa.text("select pg_backend_pid()")) or 0)
        # As large as a file of its log is: a table may not become larger.
        # The server's own user sets it, since the server may run as another one than the tests.
        connection.exec_driver_sql(
            f"copy (select 1) to program 'prlimit --pid {backend} --fsize={16 * 2**20}'"
        )
        connection.exec_driver_sql("create table large (x text)")
        connection.exec_driver_sql("alter table large alter x set storage plain")
        with pytest.raises(DiskFullError, match="no space left") as caught, warehouse.translated():
            connection.exec_driver_sql(
                "insert into large select repeat('x', 2000) from generate_series(1, 10000)"
            )
    assert caught.value.exit_code == 1
    warehouse.probe()


@pytest.fixture
def file(tmp_path: Path) -> Warehouse:
    """A DuckDB warehouse of some megabytes, closed."""
    warehouse = Warehouse.duckdb(tmp_path / "leads.duckdb")
    with warehouse.engine().begin() as connection:
        connection.exec_driver_sql(
            "create table many as select i, md5(i::text) as a, md5(i::text || 'b') as b from range(60000) as r(i)"
        )
    return warehouse


def test_a_truncated_file_is_called_damaged(file: Warehouse) -> None:
    """Exit code 2, for nothing but a copy helps; and no word that all is kept. So where the rest of it still opens."""
    assert file.path is not None
    for size in (file.path.stat().st_size // 2, 20_000):
        os.truncate(file.path, size)
        with pytest.raises(
            DamagedError, match=r"leads\.duckdb is damaged.*restore a copy.*--restored"
        ) as caught:
            file.look_through()
        assert (caught.value.exit_code, caught.value.action) == (2, "stop")
    with pytest.raises(DamagedError):
        file.probe()


def test_what_opens_and_is_damaged_is_found_by_reading_all(file: Warehouse) -> None:
    """A block in the middle of the file is bad: it opens, and can be written, and yet is no sound file."""
    assert file.path is not None
    file.look_through()
    with file.path.open("r+b") as content:
        content.seek(file.path.stat().st_size // 2)
        content.write(os.urandom(64))
    file.probe()
    with pytest.raises(DamagedError):
        file.look_through()


@pytest.mark.parametrize("limit", [True, False])
def test_a_full_disk_is_called_so(tmp_path: Path, limit: bool) -> None:
    """DuckDB hits the largest size that a file may have, or Python does: exit code 1, what was recorded stays."""
    code = textwrap.dedent(
        """
        import resource, sys
        from pathlib import Path
        from connector.warehouse.connection import Warehouse
        warehouse = Warehouse.duckdb(sys.argv[1])
        with warehouse.engine().begin() as connection:
            connection.exec_driver_sql("create table few as select 1 as one")
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
        try:
            with warehouse.translated():
                if sys.argv[2] == "True":
                    with warehouse.engine().begin() as connection:
                        connection.exec_driver_sql("create table many as select md5(i::text) as a from range(300000) as r(i)")
                else:
                    Path(sys.argv[1] + ".parquet").write_bytes(b"x" * 2_000_000)
        except Exception as error:
            print(type(error).__name__, error.exit_code, error)
        with warehouse.engine().connect() as connection:
            print(connection.exec_driver_sql("select one from few").scalar())
        """
    )
    path = tmp_path / "leads.duckdb"
    argv = [sys.executable, "-c", code, str(path), str(limit)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told, kept = done.stdout.splitlines()
    assert told.startswith("DiskFullError 1 ")
    assert kept == "1"


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra for PostgreSQL: 2, and the command that installs it."""
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.delitem(sys.modules, "psycopg2", raising=False)
    with pytest.raises(ConfigError, match=r"pip install 'leadloop\[postgres\]'") as caught:
        Warehouse.postgres("postgresql://localhost/leads")
    assert caught.value.exit_code == 2


def test_an_unexplained_error_stays_itself(file: Warehouse) -> None:
    """A value that names such a failure is no such failure."""
    for text in (
        "No space left on device",
        "Corrupt",
        "connection to server failed",
        "permission denied for table x",
    ):
        with (
            pytest.raises(sa.exc.DBAPIError),
            file.translated(),
            file.engine().connect() as connection,
        ):
            connection.exec_driver_sql(f"select cast('{text}' as integer)")
