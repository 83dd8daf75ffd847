"""A second run of the same thing refuses to start, whichever engine keeps the warehouse, and waits for nobody who is dead."""

import os
import signal
import time
from typing import Any

import pytest

from connector.sandbox import Sandbox

pytestmark = pytest.mark.timeout(600)


@pytest.mark.long
@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_a_second_run_is_told_who_works_since_when(
    places: Any, request: pytest.FixtureRequest, engine: Any
) -> None:
    """Exit code 5, process, machine and time; once the first is killed (-9) the next one carries on."""
    postgres = request.getfixturevalue("postgres_url") if engine == "postgres" else None
    with Sandbox(leads=60, faults=["hang:1:path=search"]) as crm:
        place = places(crm, postgres)
        first = place.start("extract")
        deadline = time.monotonic() + 30
        while not crm.calls.count("search") and time.monotonic() < deadline:
            time.sleep(0.02)
        second = place.run("extract", code=5).message
        assert f"leadloop {first.pid} on " in second
        assert "extract:convoso" in second
        assert " since 20" in second
        os.killpg(first.pid, signal.SIGKILL)
        assert first.wait().code == -signal.SIGKILL
        crm.faults.clear()
        for attempt in range(20):  # PostgreSQL notices a vanished client within moments, not at once
            done = place.start("extract").wait()
            if done.code != 5:
                break
            time.sleep(0.1 * attempt)
        assert done.code == 0, done.stderr
        assert place.rows("select count(distinct id) from convoso_raw.lead_versions") == [(60,)]
