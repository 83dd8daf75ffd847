"""An extraction is killed with SIGKILL at random points: the next one goes on, and no lead is missing."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("extracting.py")


def extraction(url: str, crm: Any, folder: Path, page_size: int, chunk_rows: int) -> subprocess.Popen[bytes]:
    arguments = [url, f"{crm.base_url}/v1", str(folder), str(page_size), str(chunk_rows)]
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


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
        return extraction(url, crm, folder, page_size=2000, chunk_rows=500)

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


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_ended_while_several_pages_are_under_way(duck: Any, sandbox: Any, number: signal.Signals) -> None:
    """Pages of one window that were read side by side count for nothing until all are there: the next run reads them again."""
    crm = sandbox(leads=3000, latency=0.2, edits_per_second=5)
    url = duck.warehouse.url.render_as_string(hide_password=False)
    process = extraction(url, crm, duck.folder / "same", page_size=50, chunk_rows=4000)
    began = time.monotonic()
    while len(crm.calls) < 20 and process.poll() is None and time.monotonic() - began < 60:
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode
    assert duck.cursor(crm) is None
    crm.edits_per_second = 0
    crm.faults.clear()
    process = extraction(url, crm, duck.folder / "same", page_size=50, chunk_rows=4000)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors.decode()[-2000:]
    assert duck.missing(crm) == {}
