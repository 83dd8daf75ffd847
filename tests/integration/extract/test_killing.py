"""An extraction is killed with SIGKILL at random points: the next one goes on, and no lead is missing."""

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("extracting.py")


@pytest.mark.long
@pytest.mark.timeout(300)
def test_killed_at_any_moment(rig: Any, sandbox: Any) -> None:
    """With what the killed run left on the machine, or without: the end is the whole book, each column of it."""
    machine = "same" if rig.warehouse.kind == "duckdb" else "new"
    crm = sandbox(leads=3000, latency=0.02, edits_per_second=20)
    url = rig.warehouse.url.render_as_string(hide_password=False)
    chance = random.Random(rig.warehouse.kind)
    began = time.monotonic()

    def start(run: int) -> subprocess.Popen[bytes]:
        folder = rig.folder / (machine if machine == "same" else f"new{run}")
        arguments = [sys.executable, str(SCRIPT), url, crm.base_url + "/v1", str(folder)]
        return subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    for run in range(2):
        calls = len(crm.calls)
        process = start(run)
        while process.poll() is None and len(crm.calls) == calls and time.monotonic() - began < 60:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 1.2))
        process.kill()
        process.communicate()
    crm.edits_per_second = 0
    for run in (2, 3):
        process = start(run)
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors.decode()[-2000:]
    assert rig.missing(crm) == {}
