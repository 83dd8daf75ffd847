"""The calls of a day: counted by all threads, processes and machines together, and never more than the plan has."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector import crm
from connector.config import Secret
from connector.crm import day_calls
from connector.crm.day_calls import CallsLeft, DayCalls
from connector.crm.leadsquared import LeadSquaredSettings
from connector.errors import CallsUsedError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def settings(**given: Any) -> LeadSquaredSettings:
    keys = {"access_key": Secret("a"), "secret_key": Secret("b")}
    return LeadSquaredSettings(**{**keys, "calls_per_day": 5, **given})


def made(clock: Clock | None = None, **given: Any) -> DayCalls:
    found = day_calls.of(settings(**given), clock or Clock())
    assert found is not None
    return found


def take_all(day: DayCalls) -> int:
    """How many calls could be taken before the error."""
    for taken in range(10_000):
        try:
            day.take()
        except CallsUsedError:
            return taken
    raise AssertionError("there is no end to them")


def test_a_day_has_so_many_calls_and_the_next_one_has_new_ones(state: Path) -> None:
    """The error names the time at which they begin, which is midnight in UTC."""
    clock = Clock()
    with closing(made(clock)) as day:
        assert day.left() == CallsLeft(5, 0, MIDNIGHT)
        assert take_all(day) == 5
        with pytest.raises(
            CallsUsedError, match=r"no calls left today \(5 a day\).*2026-03-02 at 00:00 UTC"
        ) as caught:
            day.take()
        assert (caught.value.new_at, caught.value.down, caught.value.exit_code) == (MIDNIGHT, True, 3)
        assert (day.left().left, str(day.left())) == (0, "0 of 5 calls left until 2026-03-02 00:00 UTC")
        clock.now = MIDNIGHT
        assert (day.left().left, take_all(day)) == (5, 5)


def test_runs_after_each_other_share_the_count(state: Path) -> None:
    """It is on disk, in a file that only its owner's folder has."""
    with closing(made()) as day:
        day.take()
    with closing(made()) as day:
        assert (day.left().used, take_all(day)) == (1, 4)
    assert (state / "leadloop").stat().st_mode & 0o077 == 0


def test_another_key_is_another_account(state: Path) -> None:
    """Two projects may call their accounts alike; keys that share a ``pace_name`` share the organisation's calls."""
    with closing(made()) as day, closing(made(access_key=Secret("other"))) as other:
        assert take_all(day) == 5
        assert take_all(other) == 5
    other_key = Secret("other")
    with (
        closing(made(pace_name="acme")) as day,
        closing(made(access_key=other_key, pace_name="acme")) as other,
    ):
        assert take_all(day) == 5
        assert take_all(other) == 0


def test_what_the_crm_says_counts_for_all(state: Path) -> None:
    """Other programs have used the rest."""
    with closing(made()) as day, closing(made()) as other:
        day.take()
        assert day.use_up().new_at == MIDNIGHT
        assert take_all(other) == 0


def test_threads_take_no_call_twice(state: Path) -> None:
    """And none is lost."""
    with closing(made(calls_per_day=200)) as day, ThreadPoolExecutor(8) as pool:

        def take(_number: int) -> int:
            try:
                day.take()
            except CallsUsedError:
                return 0
            return 1

        assert sum(pool.map(take, range(300))) == 200


PROCESS = """
from contextlib import closing
from tests.unit.crm.test_day_calls import made, take_all
with closing(made(calls_per_day=300)) as day:
    print(take_all(day))
"""


def test_processes_take_no_call_twice(state: Path) -> None:
    """Three at once get what there is, together."""
    started = [
        subprocess.Popen([sys.executable, "-c", PROCESS], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert sum(int(each.communicate()[0]) for each in started) == 300


def test_without_a_home_each_process_counts_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing fails, and the limit holds for the run."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with closing(made()) as day:
        assert take_all(day) == 5
        assert day.left().used == 5


def test_a_damaged_file_stops_no_run(state: Path) -> None:
    """The count begins again in memory."""
    (state / "leadloop").mkdir(parents=True)
    (state / "leadloop" / day_calls.FILE).write_bytes(b"no database" * 500)
    with closing(made()) as day:
        assert take_all(day) == 5


@pytest.mark.parametrize(
    ("given", "limit"),
    [
        ({"calls_per_day": None}, None),
        ({"calls_per_day": None, "plan": "lite"}, None),
        ({"calls_per_day": None, "plan": "pro"}, 10_000),
        ({"calls_per_day": None, "plan": "super"}, 100_000),
        ({"calls_per_day": 250_000, "plan": "pro"}, 250_000),
    ],
)
def test_the_plan_says_how_many(given: dict[str, Any], limit: int | None) -> None:
    """Unless the settings do; where nobody says it, nobody counts."""
    assert settings(**given).calls_a_day == limit
    assert (day_calls.of(settings(**given), Clock()) is None) == (limit is None)


@pytest.mark.parametrize(
    ("given", "rate", "bulk_rate"),
    [
        ({}, 4.5, 0.18),
        ({"plan": "lite"}, 0.36, 0.18),
        ({"plan": "pro"}, 0.9, 0.18),
        ({"plan": "super"}, 1.8, 0.18),
        ({"plan": "standard"}, 2.7, 0.18),
        ({"plan": "enterprise"}, 4.5, 0.18),
        ({"plan": "pro", "rate": 1.8, "bulk_rate": 0.9}, 1.8, 0.9),
    ],
)
def test_the_plan_says_how_fast(given: dict[str, Any], rate: float, bulk_rate: float) -> None:
    """A tenth below what it allows; numbers that are set win."""
    found = settings(**given)
    assert (found.rate, found.bulk_rate) == (rate, bulk_rate)


def test_what_is_left_is_known_without_a_call(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By CRM, of those that count."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"ACCESS_KEY": "a", "SECRET_KEY": "b", "PLAN": "pro"}.items():
        monkeypatch.setenv(f"CRM__LEADSQUARED__{name}", value)
    with closing(day_calls.of(crm.vendor("leadsquared").settings(), lambda: datetime.now(UTC))) as day:  # type: ignore[type-var]
        assert day is not None
        day.take()
    assert {name: each.left for name, each in crm.calls_today().items()} == {"leadsquared": 9_999}
