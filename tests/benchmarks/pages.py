"""How long each page of ``leadloop serve`` takes until its first byte, over a warehouse of so many leads and a plan of 100,000 changes.

    python -m tests.benchmarks.pages --leads 1000000 [--folder FOLDER]

With ``--folder`` the warehouse that is in there from the last time is taken. Each page is asked for ``ROUNDS`` times, one after the other,
once what is made in the background is there; the table has the median and the worst of them, and the CPU time of the server for
one: on a machine that does something else meanwhile, only that one says how fast it is.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection  # noqa: TID251 - to time the first byte
from pathlib import Path
from urllib.parse import urlencode

import psutil

from tests.benchmarks.measure import CLEAN, LEADLOOP
from tests.benchmarks.place import PUSH, Place
from tests.benchmarks.sizes import FIELDS

CHANGES = 100_000
ROUNDS = 20
PATIENCE = 1_800.0
GOAL = 0.3
"""Seconds until the first byte."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadloop-pages-") as own:
        folder = given.folder or Path(own)
        is_there = (folder / "leads.duckdb").is_file()
        place = Place(folder)
        if not is_there:
            place.new_warehouse(given.leads, share=max(1, given.leads * len(FIELDS) // CHANGES))
            place.run("build")
        with served(place) as (port, server):
            began = time.monotonic()
            wait_for(port, "/", "being counted")
            wait_for(port, f"/pushes/{PUSH}", "is being made")
            print(f"everything in the background: {time.monotonic() - began:.1f} s")
            changes = re.search(
                r"<b>([\d,]+)</b>fields would change", asked(port, "GET", f"/pushes/{PUSH}")[1]
            )
            print(f"{given.leads:,} leads, {changes[1] if changes else 'no'} changes")
            print(f"load average {os.getloadavg()[0]:.1f}")
            print(f"{'page':44} {'CPU ms':>10} {'median ms':>10} {'worst ms':>10}")
            for name, method, address, form in pages(port):
                before = sum(server.cpu_times()[:2])
                times = sorted(asked(port, method, address, form)[0] for _ in range(ROUNDS))
                cpu = (sum(server.cpu_times()[:2]) - before) / ROUNDS
                told = "" if times[-1] <= GOAL else "  over the goal"
                print(
                    f"{name:44} {cpu * 1000:10.0f} {statistics.median(times) * 1000:10.0f} {times[-1] * 1000:10.0f}{told}"
                )


def pages(port: int) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """Name, method, address and form of each."""
    word = re.search(r'name="leadloop-form" content="([^"]+)"', asked(port, "GET", "/")[1])
    assert word is not None
    own = {"form": word[1]}
    rows = f"/pushes/{PUSH}/rows"
    lead = re.search(r'href="(/leads/[^"]+)"', asked(port, "GET", f"/pushes/{PUSH}")[1])
    yield "overview", "GET", "/", {}
    yield "a push", "GET", f"/pushes/{PUSH}", {}
    yield "its rows, searched", "POST", rows, {**own, "text": "99"}
    yield "its rows, by the biggest jump", "POST", rows, {**own, "sort": "jump"}
    yield "its rows, of one field, by new value", "POST", rows, {**own, "field": FIELDS[0], "sort": "after"}
    yield "all rows as CSV, first byte", "GET", f"/pushes/{PUSH}/plan.csv", {}
    yield "conflicts", "GET", "/conflicts", {}
    yield "runs", "GET", "/runs", {}
    yield "leads, searched", "POST", "/leads", {**own, "text": "1500000"}
    if lead is not None:
        yield "a lead", "GET", lead[1], {}


def asked(port: int, method: str, address: str, form: dict[str, str] | None = None) -> tuple[float, str]:
    """Seconds until the first byte of the body, and the body."""
    body = urlencode(form or {})
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": f"http://127.0.0.1:{port}",
        "HX-Request": "true" if method == "POST" else "false",
    }
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    began = time.monotonic()
    connection.request(method, address, body if method == "POST" else None, headers)
    answer = connection.getresponse()
    first = answer.read(1)
    seconds = time.monotonic() - began
    assert answer.status == 200, (address, answer.status)
    # Of a file of 100,000 rows the first byte is enough.
    text = "" if address.endswith(".csv") else (first + answer.read()).decode()
    connection.close()
    return seconds, text


def wait_for(port: int, address: str, unless: str) -> None:
    """Asks until the page no longer says that it is being made."""
    until = time.monotonic() + PATIENCE
    while unless in asked(port, "GET", address)[1]:
        assert time.monotonic() < until, address
        time.sleep(0.2)


@contextmanager
def served(place: Place) -> Iterator[tuple[int, psutil.Process]]:
    """``leadloop serve`` in that folder; yields its port, and its process."""
    child = subprocess.Popen(
        [*LEADLOOP, "serve"],
        cwd=place.folder,
        env={**CLEAN, **place.settings},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stderr is not None
        for line in child.stderr:
            if found := re.search(r"shown at http://127\.0\.0\.1:(\d+)/", line):
                yield int(found[1]), psutil.Process(child.pid)
                break
        else:
            sys.exit("leadloop serve ended before it showed anything.")
    finally:
        child.terminate()
        child.wait(30)


if __name__ == "__main__":
    main()
