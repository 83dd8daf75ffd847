"""What is to be read in a table: each measured row with its unit, the other one's figure, and the goal that it is held against."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.benchmarks.measure import Figures
from tests.benchmarks.sizes import BOOK, CHANGED, FIELDS, SENT, WIDE_LEADS, WIDTHS

UNITS = {
    "cpu": "CPU s",
    "rows_per_s": "rows/s",
    "calls": "calls",
    "calls_over_least": "× the fewest calls",
    "rows": "rows",
}

Rows = Mapping[str, Mapping[str, Any]]
"""Key -> a row as the results keep it: ``ours``, ``other``, ``beside``, ``why_not``."""


@dataclass(frozen=True)
class Case:
    """What a goal can ask for: this row's figures, those of its table, and those of the smallest table of its kind."""

    ours: Figures
    beside: Figures
    rows: Rows
    leads: int
    smallest: Rows

    def of(self, unit: str) -> float:
        return median(self.ours[unit])

    def ratio(self, unit: str) -> float:
        return median(self.ours[unit]) / median(self.beside[unit])

    def above(self, key: str) -> float:
        """CPU seconds more than another row of this table."""
        return self.of("cpu") - float(median(self.rows[key]["ours"]["cpu"]))

    def times(self, key: str) -> float:
        """How many times the CPU seconds of another row of this table."""
        return self.of("cpu") / float(median(self.rows[key]["ours"]["cpu"]))

    def growth(self, key: str) -> float:
        """How many times the CPU seconds that the same row has in the smallest table."""
        return self.of("cpu") / float(median(self.smallest[key]["ours"]["cpu"]))


@dataclass(frozen=True)
class Goal:
    """``met`` is asked only for tables of at least ``from_leads`` and at most ``to_leads`` leads."""

    says: str
    met: Callable[[Case], bool]
    from_leads: int = 0
    to_leads: int = 10**12


@dataclass(frozen=True)
class Shown:
    what: str
    unit: str
    goal: Goal | None = None


M10 = 10_000_000
K100 = 100_000
FEW_CALLS = Goal("at most 1.05", lambda case: case.of("calls_over_least") <= 1.05)

SHOWN: dict[str, tuple[Shown, ...]] = {
    "first_build": (
        Shown(
            "first build",
            "cpu",
            Goal(
                "10M leads: within 3 GB, at most 3 × bare DuckDB",
                lambda case: case.of("peak_mb") <= 3 * 1024 and case.ratio("cpu") <= 3,
                from_leads=M10,
            ),
        ),
    ),
    "changed_build": (
        Shown(
            f"build after {CHANGED:,} leads changed",
            "cpu",
            Goal(
                "10M leads: at most 1.5 × the cost at 100,000",
                lambda case: case.growth("changed_build") <= 1.5,
                from_leads=M10,
            ),
        ),
    ),
    "idle_build": (Shown("build with nothing new", "cpu"),),
    "plan": (
        Shown(
            f"plan of 1 % of the leads, {len(FIELDS)} fields each",
            "cpu",
            Goal("100,000 leads: under 1 CPU s", lambda case: case.of("cpu") < 1, K100, K100),
        ),
    ),
    "status": (
        Shown(
            "status",
            "cpu",
            Goal("100,000 leads: under 1 CPU s", lambda case: case.of("cpu") < 1, K100, K100),
        ),
    ),
    "help": (Shown("`leadloop --help`", "cpu", Goal("under 0.3 s", lambda case: case.of("cpu") < 0.3)),),
    "idle_run": (
        Shown(
            f"run with nothing new, a book of {BOOK:,} leads",
            "cpu",
            Goal("at most 3 CPU s", lambda case: case.of("cpu") <= 3),
        ),
    ),
    "wide_0": (Shown(f"build of {WIDE_LEADS} leads with nothing new", "cpu"),),
    **{
        f"wide_{width}": (
            Shown(
                f"first build of {WIDE_LEADS} leads with {width:,} more columns",
                "cpu",
                Goal(
                    "at most 5 s above the build with nothing new, within 500 MB",
                    lambda case: case.above("wide_0") <= 5 and case.of("peak_mb") <= 500,
                )
                if width == max(WIDTHS)
                else None,
            ),
        )
        for width in WIDTHS
    },
    "plan_at_first": (Shown("plan after one push", "cpu"),),
    "push_at_first": (Shown("push of one lead after one push", "cpu"),),
    "compacting": (
        Shown("moving what nothing depends on out of the journal", "cpu"),
        Shown("rows of the journal", "rows"),
    ),
    "plan_at_last": (
        Shown(
            "plan after all those pushes",
            "cpu",
            Goal("at most 1.5 × the cost after one push", lambda case: case.times("plan_at_first") <= 1.5),
        ),
    ),
    "push_at_last": (
        Shown(
            "push of one lead after all those pushes",
            "cpu",
            Goal("at most 1.5 × the cost after one push", lambda case: case.times("push_at_first") <= 1.5),
        ),
    ),
    "read_back": (
        Shown(f"extract that reads {SENT:,} sent leads back, 100 ms a call", "cpu"),
        Shown("the same", "calls"),
    ),
    "delivery": (
        Shown(f"push of {SENT:,} leads, {len(FIELDS)} fields each", "cpu"),
        Shown("the same", "rows_per_s"),
        Shown("the same", "calls"),
    ),
    "extract_0ms": (
        Shown(
            "all leads read, answers at once",
            "rows_per_s",
            Goal("at least 8 × dlt's rest_api", lambda case: case.ratio("rows_per_s") >= 8),
        ),
        Shown("the same", "cpu"),
        Shown("the same", "calls_over_least", FEW_CALLS),
    ),
    "extract_300ms": (
        Shown(
            "all leads read, 300 ms a page",
            "rows_per_s",
            Goal("at least 35,000 rows/s", lambda case: case.of("rows_per_s") >= 35_000),
        ),
        Shown("the same", "cpu"),
        Shown("the same", "calls_over_least", FEW_CALLS),
    ),
}
"""In the order in which they are shown."""

JOIN = Goal("at most 2 × the bare join", lambda case: case.ratio("cpu") <= 2, from_leads=K100 + 1)
"""The plan's goal where there are more leads than in the other one."""

HEAD: tuple[str, ...] = (
    "measured",
    "unit",
    "leadloop",
    "beside it",
    "ratio",
    "goal",
    "met",
    "wall s",
    "peak MB",
)


def table(rows: Rows, leads: int, smallest: Rows) -> list[tuple[str, ...]]:
    """The lines below ``HEAD``: ``min · median · max`` where something was measured more than once."""
    return [line for key in SHOWN if key in rows for line in _lines(key, rows, leads, smallest)]


def _lines(key: str, rows: Rows, leads: int, smallest: Rows) -> Iterator[tuple[str, ...]]:
    row = rows[key]
    for number, shown in enumerate(SHOWN[key]):
        ours, beside = row["ours"], row["beside"]
        case = Case(ours, beside, rows, leads, smallest)
        both = shown.unit in beside and shown.unit in ours
        other = f"{row['other']}: {figures(beside[shown.unit])}" if both else ""
        if row["why_not"] and not number:
            other = f"{row['other']}: not measured, {row['why_not']}"
        goal = JOIN if key == "plan" and leads >= JOIN.from_leads else shown.goal
        yield (
            shown.what,
            UNITS[shown.unit],
            figures(ours[shown.unit]),
            other,
            f"{case.ratio(shown.unit):.2g} ×" if both else "",
            goal.says if goal else "",
            verdict(goal, case) if goal else "",
            figures(ours["wall"]) if not number else "",
            number_of(max(ours["peak_mb"])) if not number else "",
        )


def verdict(goal: Goal, case: Case) -> str:
    """``yes`` or ``no``, or a dash where the goal is not about so many leads or what it compares with was not measured."""
    if not goal.from_leads <= case.leads <= goal.to_leads:
        return "–"
    try:
        return "yes" if goal.met(case) else "no"
    except KeyError:
        return "–"


def figures(numbers: list[float]) -> str:
    if len(numbers) == 1:
        return number_of(numbers[0])
    return " · ".join(number_of(each) for each in (min(numbers), median(numbers), max(numbers)))


def number_of(number: float) -> str:
    return f"{number:.2f}" if number < 10 else f"{number:.1f}" if number < 100 else f"{number:,.0f}"
