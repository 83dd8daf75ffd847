"""What a process costs as a whole: CPU seconds of it and of what it started, wall seconds, and the most memory it held.

A process begins as a copy of the one that starts it, and the kernel counts that one's memory as its own. So the process
that measures imports nothing heavy: leads are made, and the CRM is served, in processes of their own.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CLEAN = {
    name: text
    for name, text in os.environ.items()
    if not name.startswith(("CRM__", "WAREHOUSE__", "DESTINATION__", "DBT__", "LEADLOOP_"))
} | {
    "COLUMNS": "100",
    "NO_COLOR": "1",
    "DO_NOT_TRACK": "1",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "PYTHONPATH": str(ROOT),
}
"""The environment of every process here: no settings of whoever runs the bench, and nobody is told of it."""

LEADLOOP = (sys.executable, "-m", "connector.cli")

Figures = dict[str, list[float]]
"""Unit -> one number for each time that something was measured."""


@dataclass(frozen=True)
class Done:
    """A process that has ended. ``cpu`` and ``wall`` are seconds, ``peak_mb`` is its own memory or that of its largest child."""

    cpu: float
    wall: float
    peak_mb: float
    stdout: str

    def figures(self, **more: float) -> dict[str, float]:
        return {"cpu": self.cpu, "wall": self.wall, "peak_mb": self.peak_mb, **more}


def module(name: str, *arguments: object) -> list[str]:
    """The command line of one of the modules beside this one."""
    return [sys.executable, "-m", f"tests.benchmarks.{name}", *map(str, arguments)]


def process(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    elsewhere: Callable[[], float] = lambda: 0.0,
) -> Done:
    """Runs a command to its end; ``RuntimeError`` with what it said where it does not end with 0.

    ``elsewhere`` gives the CPU seconds that a database server has used so far: what it uses meanwhile is added.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        there = elsewhere()
        began = time.perf_counter()
        running = subprocess.Popen(
            argv, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
        try:
            _, status, used = os.wait4(running.pid, 0)
        except BaseException:
            running.kill()
            raise
        running.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - began
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode("utf-8", "replace"))
    if running.returncode:
        command = " ".join(argv[1:5])
        raise RuntimeError(
            f"{command} ended with {running.returncode}:\n{said[0][-2000:]}\n{said[1][-2000:]}"
        )
    cpu = used.ru_utime + used.ru_stime + elsewhere() - there
    return Done(cpu, wall, used.ru_maxrss / 1024, said[0])


def repeated(measure: Callable[[], Mapping[str, float]], runs: int, within: float = 5.0) -> Figures:
    """Measures up to ``runs`` times; not again once that took ``within`` seconds, so that only what is short is repeated."""
    until = time.perf_counter() + within
    each = [dict(measure())]
    while len(each) < runs and time.perf_counter() < until:
        each.append(dict(measure()))
    return collected(each)


def collected(each: Iterable[Mapping[str, float]]) -> Figures:
    found: Figures = {}
    for one in each:
        for unit, number in one.items():
            found.setdefault(unit, []).append(round(number, 3))
    return found
