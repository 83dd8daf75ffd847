"""Several machines that call one CRM at one rate: processes of their own, a real PostgreSQL between them."""

import subprocess
import sys
import textwrap
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pyrate_limiter import GCRA, Duration, Rate

from connector import crm
from connector.config import Secret
from connector.crm.pace import Pace
from connector.crm.shared_pace import PostgresStore, store
from connector.errors import ConfigError
from tests.unit.crm.test_day_calls import MIDNIGHT, Clock, made, take_all

CALLER = textwrap.dedent(
    """
    import sys
    from connector.crm.pace import Pace
    from connector.crm.shared_pace import PostgresStore
    pace = Pace(float(sys.argv[2]), store=PostgresStore(sys.argv[1], "convoso", "the setting"))
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(int(sys.argv[3])):
        pace.wait()
    """
)


def started(url: str, rate: float, calls: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CALLER, url, str(rate), str(calls)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_keep_one_rate(postgres_url: str) -> None:
    """Two processes of 40 calls each, at a rate of 40, need two seconds: each alone would need one."""
    rate, calls = 40, 40
    both = [started(postgres_url, rate, calls) for _ in range(2)]
    for each in both:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    began = time.monotonic()
    for each in both:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in both:
        each.communicate()
    # A busy machine only makes it longer.
    assert time.monotonic() - began >= (2 * calls - rate / 10 - 1) / rate
    assert [each.returncode for each in both] == [0, 0]


def test_a_pause_that_one_is_asked_for_is_kept_by_all(postgres_url: str) -> None:
    """Retry-After is about the account, and not about the machine that was told."""
    waits = []

    def sleep(seconds: Any) -> None:
        waits.append(seconds)
        time.sleep(seconds)

    def paced(name: Any) -> Any:
        return Pace(50, store=PostgresStore(postgres_url, name, "the setting"), sleep=sleep)

    one, other, elsewhere = paced("convoso"), paced("convoso"), paced("leadping")
    other.wait()
    one.wait()
    waits.clear()
    told = time.monotonic()
    one.throttled(1.0)
    elsewhere.wait()
    assert waits == []
    other.wait()
    # A busy machine only makes it longer.
    assert time.monotonic() - told >= 1.0
    for each in (one, other, elsewhere):
        each.close()


def test_a_lost_connection_is_made_again(postgres_url: str) -> None:
    """A database that was restarted or threw the session out costs nothing but a new connection."""
    pace = Pace(1000, store=PostgresStore(postgres_url, "convoso", "the setting"))
    pace.wait()
    admin = sa.create_engine(
        postgres_url.replace("postgresql:", "postgresql+psycopg2:"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(
            sa.text(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        )
    admin.dispose()
    pace.wait()
    pace.close()


def test_the_pace_can_be_read_and_forgotten(postgres_url: str) -> None:
    """By any machine that shares it; of another account nothing is forgotten."""
    rates = [Rate(1, Duration.SECOND)]
    one, other, elsewhere = (
        PostgresStore(postgres_url, name, "the setting") for name in ("convoso", "convoso", "leadping")
    )
    assert one.read(GCRA(), rates) == (0,)
    for each in (one, elsewhere):
        assert each.check(GCRA(), rates, 0, 1).allowed
    assert other.read(GCRA(), rates) == one.read(GCRA(), rates) > (0,)
    assert not other.check(GCRA(), rates, 0, 1).allowed
    other.reset()
    assert one.read(GCRA(), rates) == (0,)
    assert elsewhere.read(GCRA(), rates) > (0,)
    assert one.check(GCRA(), rates, 0, 1).allowed
    for each in (one, other, elsewhere):
        each.close()


def test_a_database_that_is_not_there_is_named(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting is named and its password is not; the call is not made."""
    settings = crm.vendor("convoso").settings(
        auth_token="t", timezone="UTC", shared_pace="postgresql://me:hunter2-secret@127.0.0.1:9/leads"
    )
    assert "hunter2" not in repr(settings)
    pace = Pace(10, store=store(settings))
    with pytest.raises(ConfigError, match=r"crm\.convoso\.shared_pace") as caught:
        pace.wait()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["redis://localhost:6379", "localhost", "postgresql://host", "postgresql://h:x/d"]
)
def test_other_addresses_are_refused(url: Any) -> None:
    """Only a PostgreSQL database can keep the pace."""
    with pytest.raises(ConfigError, match=r"crm\.convoso\.shared_pace .*postgresql://"):
        crm.vendor("convoso").settings(auth_token="t", timezone="UTC", shared_pace=url)


def test_machines_share_the_calls_of_the_day(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are counted in a table of that database, made when it is first needed, and in no file; old days go."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    shared: dict[str, Any] = {"shared_pace": Secret(postgres_url)}
    clock = Clock()
    with closing(made(clock, **shared)) as day, closing(made(clock, **shared)) as other:
        assert day.left().used == 0
        day.take()
        assert (other.left().used, take_all(other), take_all(day)) == (1, 4, 0)
        clock.now = MIDNIGHT + timedelta(hours=1)
        assert other.use_up().new_at == MIDNIGHT + timedelta(days=1)
        assert take_all(day) == 0
    with closing(made(clock, **shared)) as day:
        clock.now += timedelta(days=30)
        day.take()
    with sa.create_engine(postgres_url, poolclass=sa.pool.NullPool).connect() as connection:
        assert connection.scalar(sa.text("select count(*) from leadloop.day_calls")) == 1
    assert not (tmp_path / "state").exists()


def test_a_shared_count_that_cannot_be_kept_is_an_error() -> None:
    """Nobody else would know of the calls; the setting is named."""
    gone = Secret("postgresql://nobody@127.0.0.1:9/none")
    with (
        closing(made(shared_pace=gone)) as day,
        pytest.raises(ConfigError, match=r"crm\.leadsquared\.shared_pace"),
    ):
        day.take()
