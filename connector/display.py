"""Progress for people: bars on stderr while a terminal is there; where there is none, a line per stage and, in a long
one, another now and then."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from connector import logs
from connector.events import Listener, Reading

EVERY = 30.0
"""Seconds between two lines of one stage."""
VARIABLE = "LEADLOOP_PROGRESS_SECONDS"
"""The variable of the environment that says other seconds."""


class Bars(Listener):
    """A listener that draws. ``pause`` clears the bars, so that a question can be asked.

    ``brief``: without a terminal, a stage has its first line alone.
    """

    def __init__(
        self, console: Console, *, brief: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._brief = brief
        self._clock = clock
        self._every = every()
        self._name = ""
        self._noted_at = clock()
        self._reached: datetime | None = None
        self._bars: Progress | None = None
        self._task: Any = None
        self._said: set[str] = set()

    def stage(self, name: str) -> None:
        self.pause()
        self._name, self._noted_at, self._reached = name, self._clock(), None
        if not self._console.is_terminal:
            self._console.print(f"{name} ...", markup=False)
            return
        self._bars = Progress(
            SpinnerColumn("dots" if self._console.encoding.startswith("utf") else "line"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._bars.add_task(name, total=None, note="")
        self._bars.start()

    def extracting(self, progress: Reading) -> None:
        # In the middle of a stretch of time, what was reached before it still holds.
        self._reached = progress.reached or self._reached
        far = _how_far(progress, self._reached)
        if self._bars is not None:
            self._bars.update(self._task, completed=progress.rows, note=f"rows{far}")
        else:
            self._now_and_then(f"{progress.rows:,} rows read in {progress.calls:,} calls{far}")

    def building(self, done: int, total: int | None, name: str) -> None:
        if self._bars is not None:
            self._bars.update(self._task, completed=done, total=total, note=name)
        else:
            of = "" if total is None else f" of {total:,}"
            self._now_and_then(f"{done:,}{of} models and tests done, {name} the last")

    def copying(self, done: int, total: int | None) -> None:
        self._count(done, total, "rows")

    def recovering(self, done: int, total: int) -> None:
        self._count(done, total, "leads of earlier runs looked up")

    def pushing(self, done: int, total: int | None) -> None:
        self._count(done, total, "leads")

    def _count(self, done: int, total: int | None, what: str) -> None:
        if self._bars is not None:
            self._bars.update(self._task, completed=done, total=total, note=what)
        else:
            of = "" if total is None else f" of {total:,}"
            self._now_and_then(f"{done:,}{of} {what}", done=done, total=total)

    def _now_and_then(self, text: str, **facts: int | None) -> None:
        if not self._brief and self._clock() - self._noted_at >= self._every:
            self._noted_at = self._clock()
            logs.progress(self._console, f"{self._name}: {text}", **facts)

    def notice(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self.pause()
            logs.warn(self._console, sentence)

    def pause(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


def every() -> float:
    """Seconds between two lines of one stage, as the environment says; what is no number there counts for nothing."""
    try:
        return max(0.0, float(os.environ.get(VARIABLE, EVERY)))
    except ValueError:
        return EVERY


def _how_far(progress: Reading, reached: datetime | None) -> str:
    """``, at 2025-03-01 of 2000-01-01 … 2026-11-26 (93%)``; empty where that can't be told."""
    if progress.window is None or reached is None:
        return ""
    start, end = progress.window.start, progress.window.end
    days = end - start >= timedelta(days=3)
    at, first, last = (f"{each:%F}" if days else f"{each:%F %H:%M}" for each in (reached, start, end))
    share = (reached - start) / (end - start) if end > start else 1.0
    return f", at {at} of {first} … {last} ({min(max(share, 0.0), 1.0):.0%})"


@contextmanager
def listening(console: Console, *, brief: bool = False) -> Iterator[Bars]:
    """Bars that are gone when the block is left, however it is left; ``brief`` as in ``Bars``."""
    bars = Bars(console, brief=brief)
    try:
        yield bars
    finally:
        bars.pause()
