"""Runs that are killed without a warning, and what the next one makes of it."""

import os
import signal
import time
from typing import Any

import pytest

from connector.sandbox import Sandbox

pytestmark = pytest.mark.timeout(600)

WANTED = "select lead_id, 'hot' as tier from {{ ref('leadloop', 'leads') }}"
TITLES = "key = 'lead_id', fields = {'title': 'tier'}, max_share = 1"


def kill_when(running: Any, reached: Any) -> None:
    """Kills the command once ``reached()`` holds; it must not have ended by itself before."""
    until = time.monotonic() + 300
    while not reached():
        assert time.monotonic() < until, running.stderr.read_text()
        time.sleep(0.005)
    os.kill(running.pid, signal.SIGKILL)
    assert running.wait().code == -signal.SIGKILL


@pytest.mark.long
def test_a_killed_run_is_picked_up_by_the_next_one(places: Any) -> None:
    """Killed in the middle of reading, then in the middle of sending: the third run leaves no lead missing or unsent."""
    with Sandbox(leads=200, latency=0.05) as crm:
        place = places(crm)
        place.env["CRM__CONVOSO__PAGE_SIZE"] = "20"
        place.project(WANTED, titles=TITLES)
        kill_when(place.start("run", "--yes"), lambda: crm.calls.count("search") > 5)
        assert crm.calls.count("update") == 0

        kill_when(place.start("run", "--yes"), lambda: crm.calls.count("update") > 60)
        sent = crm.calls.count("update")
        assert 60 < sent < 200

        done = place.json("run", "--yes")
        assert done["exit_code"] == 0
        assert all(row.get("title") == "hot" for row in crm.book.rows().values())
        assert place.rows("select count(*) from analytics.leads") == [(200,)]
        again = crm.calls.count("update") - 200
        assert 0 <= again <= 60, "an update may be repeated, but only those that had no recorded answer"
        open_leads = place.rows(
            "select count(*) from (select lead_id, max(case when state in ('applied', 'confirmed') then 1 else 0 end) as ok"
            " from leadloop.push_journal group by lead_id) as each_lead where ok = 0"
        )
        assert open_leads == [(0,)]
