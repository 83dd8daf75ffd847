"""A lease is held in the database itself: no way to the same database leads past it, and only the dead lose one."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import LeaseLostError, LockedError
from connector.warehouse import leases
from connector.warehouse.connection import Warehouse

TRY = textwrap.dedent(
    """
    import sys
    from connector.errors import LockedError
    from connector.warehouse.connection import Warehouse
    try:
        with Warehouse.duckdb(sys.argv[1]).lock("push:scores"):
            print("mine")
    except LockedError as error:
        print(error)
        sys.exit(error.exit_code)
    """
)


def change(warehouse: Any, **columns: Any) -> None:
    """Makes the one lease another one's, or an older one."""
    with warehouse.ledger().begin() as connection:
        connection.execute(leases.leases.update().values(columns))


def aged(seconds: int) -> Any:
    return leases.leases.c.renewed_at - sa.text(f"interval '{seconds} seconds'")


def rows(warehouse: Any) -> int:
    with warehouse.ledger().connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(leases.leases)) or 0)


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_a_link_to_the_file_leads_to_the_same_lock(tmp_path: Path, link: str) -> None:
    """A second process that reaches the file by another name is refused with exit code 5 and told who holds it."""
    warehouse = Warehouse.duckdb(tmp_path / "release" / "leads.duckdb")
    other = tmp_path / "current" / "leads.duckdb"
    assert warehouse.path is not None
    for path in (warehouse.path, other):
        path.parent.mkdir()
    warehouse.probe()
    getattr(other, link)(warehouse.path)

    def second() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", TRY, str(other)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    with warehouse.lock("push:scores"):
        refused = second()
    assert refused.returncode == 5, refused.stderr
    assert f"push:scores is being worked on by leadloop {os.getpid()} on " in refused.stdout
    assert second().stdout == "mine\n"


def test_a_living_process_of_this_machine_keeps_its_lease(warehouse: Any) -> None:
    """However long ago it was renewed: a process that was suspended goes on where it was."""
    with warehouse.lock("extract:convoso"):
        change(warehouse, pid=os.getppid(), process_started=leases.process_started(os.getppid()))
        change(warehouse, renewed_at=aged(100_000))
        with pytest.raises(LockedError, match=f"leadloop {os.getppid()} on "):
            leases.take(warehouse.ledger(), "extract:convoso")


@pytest.mark.parametrize("gone", ["ended", "another has its id"])
def test_a_dead_process_of_this_machine_holds_nothing(warehouse: Any, gone: str) -> None:
    """Its lease is taken over at once, also when a later process was given its id; the first learns of it."""
    with warehouse.lock("build") as first:
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        columns: dict[str, Any] = {"pid": process.pid} if gone == "ended" else {"process_started": "long ago"}
        change(warehouse, **columns)
        second = leases.take(warehouse.ledger(), "build")
        with pytest.raises(LeaseLostError, match=f"held by leadloop {os.getpid()} on") as caught:
            first.prove()
        assert caught.value.exit_code == 5
        second.prove()
    second.prove()
    second.release()
    assert rows(warehouse) == 0


def test_another_machine_keeps_its_lease_as_long_as_it_renews_it(warehouse: Any) -> None:
    """Nobody can ask after a process there; the database's clock says when it was last heard of."""
    with warehouse.lock("push:scores"):
        change(warehouse, host_id="elsewhere", renewed_at=aged(int(leases.TTL) - 30))
        with pytest.raises(LockedError):
            leases.take(warehouse.ledger(), "push:scores")
        change(warehouse, renewed_at=aged(60))
        leases.take(warehouse.ledger(), "push:scores").release()


def test_a_lease_that_could_not_be_given_back_binds_nobody(warehouse: Any, monkeypatch: Any) -> None:
    """The process that left it behind takes it again, and it is proven no more often than asked."""
    with monkeypatch.context() as broken:
        lease = leases.take(warehouse.ledger(), "build")
        broken.setattr(leases, "patient", lambda engine: engine.unreachable)
        lease.release()
    assert rows(warehouse) == 1
    with warehouse.lock("build"):
        assert rows(warehouse) == 1
    assert rows(warehouse) == 0


def test_a_lease_in_use_is_renewed(postgres_url: str, monkeypatch: Any) -> None:
    """On a server a thread renews it, so that a run that writes nothing for long keeps it."""
    monkeypatch.setattr(leases, "TTL", 0.4)
    with Warehouse.postgres(postgres_url).lock("extract:convoso") as lease:
        before = lease._proven
        lease._released.wait(0.5)
        assert lease._proven > before
        assert lease.fresh
