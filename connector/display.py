"""Progress for people: bars on stderr while a terminal is there, one line per stage where there is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from connector import loop

if TYPE_CHECKING:
    from connector.extract.source import Progress as Reading


class Bars(loop.Listener):
    """A listener that draws. ``pause`` clears the bars, so that a question can be asked."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: Progress | None = None
        self._task: Any = None
        self._said: set[str] = set()

    def stage(self, name: str) -> None:
        self.pause()
        if not self._console.is_terminal:
            self._console.print(f"{name} ...", markup=False)
            return
        self._bars = Progress(
            SpinnerColumn(),
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

    def extracting(self, progress: "Reading") -> None:
        if self._bars is None:
            return
        whole = progress.window.end.timestamp() - progress.window.start.timestamp()
        done = _seconds(progress.window.start, progress.reached)
        share = f"{done / whole:.0%} of the time" if whole and done else ""
        self._bars.update(self._task, completed=progress.rows, note=f"rows  {share}")

    def building(self, done: int, total: int | None, name: str) -> None:
        if self._bars is not None:
            self._bars.update(self._task, completed=done, total=total, note=name)

    def pushing(self, done: int, total: int | None) -> None:
        if self._bars is not None:
            self._bars.update(self._task, completed=done, total=total, note="leads")

    def notice(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self.pause()
            self._console.print(sentence, markup=False, soft_wrap=True)

    def pause(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


def _seconds(start: datetime, reached: datetime | None) -> float:
    return max(0.0, (reached - start).total_seconds()) if reached else 0.0


@contextmanager
def listening(console: Console) -> Iterator[Bars]:
    """Bars that are gone when the block is left, however it is left."""
    bars = Bars(console)
    try:
        yield bars
    finally:
        bars.pause()
