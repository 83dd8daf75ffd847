"""What a person sees of a long extraction: bars in a terminal, and a line now and then where there is none."""

import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from connector.display import EVERY, Bars, every
from connector.extract.job import Progress
from connector.extract.windows import Window

WORLD = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2026, 11, 26, tzinfo=UTC))
HOURS = Window(datetime(2026, 11, 26, 9, tzinfo=UTC), datetime(2026, 11, 26, 11, tzinfo=UTC))


class Screen:
    """A listener whose seconds are set by hand, and what it has written."""

    def __init__(self, *, brief: bool = False, terminal: bool = False) -> None:
        self.now = 0.0
        self._written = io.StringIO()
        console = Console(file=self._written, force_terminal=terminal, width=200)
        self.bars = Bars(console, brief=brief, clock=lambda: self.now)

    @property
    def lines(self) -> list[str]:
        return self._written.getvalue().splitlines()


def test_a_long_extraction_says_how_far_it_is() -> None:
    """Every thirty seconds where there is no terminal: what was read, and up to when of which time."""
    screen = Screen()
    screen.bars.stage("extract convoso")
    for calls in range(120):
        screen.now = calls * 1.0
        reached = datetime(2025, 3, 1, 12, tzinfo=UTC) if calls % 2 == 0 else None
        screen.bars.extracting(Progress(100 * calls, calls, reached, WORLD))
    first, *lines = screen.lines
    assert first == "extract convoso ..."
    assert [line.partition(" rows")[0] for line in lines] == [
        f"extract convoso: {100 * calls:,}" for calls in (30, 60, 90)
    ]
    assert lines[1] == (
        "extract convoso: 6,000 rows read in 60 calls, at 2025-03-01 of 2000-01-01 … 2026-11-26 (94%)"
    )


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (Progress(5, 6, None, WORLD), "reading: 5 rows read in 6 calls"),
        (Progress(0, 7, None, None), "reading: 0 rows read in 7 calls"),
        (
            Progress(5, 6, datetime(2026, 11, 26, 10, 30, tzinfo=UTC), HOURS),
            "reading: 5 rows read in 6 calls, at 2026-11-26 10:30 of 2026-11-26 09:00 … 2026-11-26 11:00 (75%)",
        ),
        (
            Progress(5, 6, HOURS.start, Window(HOURS.start, HOURS.start)),
            "reading: 5 rows read in 6 calls, at 2026-11-26 09:00 of 2026-11-26 09:00 … 2026-11-26 09:00 (100%)",
        ),
    ],
)
def test_what_cannot_be_told_is_left_out(progress: Progress, line: str) -> None:
    """A list that is read from its newest edit on has no place in time before its end."""
    screen = Screen()
    screen.bars.stage("reading")
    screen.now = EVERY
    screen.bars.extracting(progress)
    assert screen.lines[1:] == [line]


def test_a_long_push_says_how_far_it_is() -> None:
    """So do the leads of earlier runs that are looked up before it."""
    screen = Screen()
    screen.bars.stage("push scores")
    for done in range(1, 101):
        screen.now += 1
        screen.bars.recovering(done, 4000)
    for done in range(1, 31):
        screen.now += 1
        screen.bars.pushing(100 * done, 3000)
    assert screen.lines == [
        "push scores ...",
        "push scores: 30 of 4,000 leads of earlier runs looked up",
        "push scores: 60 of 4,000 leads of earlier runs looked up",
        "push scores: 90 of 4,000 leads of earlier runs looked up",
        "push scores: 2,000 of 3,000 leads",
    ]


def test_a_long_build_says_how_far_it_is() -> None:
    """Without a terminal: how many of all models and tests are done, now and then."""
    screen = Screen()
    screen.bars.stage("build")
    for number in range(1, 8):
        screen.now = number * 10
        screen.bars.building(number, 34, f"model_{number}")
    assert screen.lines == [
        "build ...",
        "build: 3 of 34 models and tests done, model_3 the last",
        "build: 6 of 34 models and tests done, model_6 the last",
    ]


def test_a_new_stage_begins_anew() -> None:
    """Neither the seconds nor the time reached of the stage before count."""
    screen = Screen()
    screen.bars.stage("one")
    screen.now = 20
    screen.bars.extracting(Progress(1, 1, WORLD.end, WORLD))
    screen.bars.stage("two")
    screen.now = 40
    screen.bars.extracting(Progress(2, 2, None, WORLD))
    screen.now = 50
    screen.bars.extracting(Progress(3, 3, None, WORLD))
    assert screen.lines == ["one ...", "two ...", "two: 3 rows read in 3 calls"]


def test_a_program_gets_no_lines() -> None:
    """With --json, a stage has its first line alone."""
    screen = Screen(brief=True)
    screen.bars.stage("one")
    screen.now = EVERY
    screen.bars.extracting(Progress(1, 1, None, WORLD))
    assert screen.lines == ["one ..."]


def test_a_terminal_has_it_in_its_bar() -> None:
    """The same words, behind the bar."""
    screen = Screen(terminal=True)
    screen.bars.stage("extract convoso")
    screen.bars.extracting(Progress(12_000, 9, datetime(2025, 3, 1, tzinfo=UTC), WORLD))
    screen.bars._bars.refresh()  # type: ignore[union-attr]
    screen.bars.pause()
    assert any("at 2025-03-01 of 2000-01-01 … 2026-11-26 (94%)" in line for line in screen.lines)


def test_other_seconds_and_numbers_for_whoever_reads_lines_of_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The environment says how often; a line of JSON has the numbers beside the sentence; what is no number counts for nothing."""
    from connector import logs

    monkeypatch.setenv("LEADLOOP_PROGRESS_SECONDS", "2")
    screen = Screen()
    screen.bars.stage("push scores")
    for second in range(6):
        screen.now = float(second)
        screen.bars.pushing(second * 10, 50)
    assert screen.lines[1:] == ["push scores: 20 of 50 leads", "push scores: 40 of 50 leads"]
    logs.use(logs.Format.json)
    try:
        clock = iter((0.0, 0.0, 5.0, 5.0))
        bars = Bars(logs.Messages(stderr=True), clock=lambda: next(clock))
        bars.stage("push scores")
        bars.pushing(7, 50)
    finally:
        logs.use(logs.Format.text)
    _, line = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["message"], line["done"], line["total"]) == ("push scores: 7 of 50 leads", 7, 50)
    monkeypatch.setenv("LEADLOOP_PROGRESS_SECONDS", "soon")
    assert every() == EVERY
