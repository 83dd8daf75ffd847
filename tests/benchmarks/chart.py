"""Cost against size, on logarithmic axes, as an SVG: one line for each kind of work, and a dashed one for bare DuckDB's."""

from collections.abc import Iterator, Mapping
from html import escape
from itertools import pairwise
from math import ceil, floor, log10
from statistics import median
from typing import Any

KINDS = {
    "first_build": ("first build", "#0b6bcb"),
    "changed_build": ("2,000 leads changed", "#c2410c"),
    "idle_build": ("nothing new", "#6b7280"),
    "plan": ("plan of 1 %", "#15803d"),
    "status": ("status", "#7e22ce"),
}
WIDTH, HEIGHT = 860, 520
LEFT, RIGHT, TOP, BOTTOM = 70, 640, 40, 460
"""The edges of the drawing; the legend stands to the right of it."""

SHAPE = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'

Point = tuple[float, float]


def drawn(sizes: Mapping[int, Mapping[str, Mapping[str, Any]]]) -> str:
    """``sizes``: leads -> the rows that were measured with so many. At least one."""
    lines = [
        (label, colour, whose, points(sizes, key, whose))
        for key, (label, colour) in KINDS.items()
        for whose in ("ours", "beside")
    ]
    lines = [line for line in lines if line[3]]
    every = [point for *_, line in lines for point in line]
    low_x, high_x = _decades([x for x, _ in every])
    low_y, high_y = _decades([y for _, y in every])

    def place(point: Point) -> Point:
        return (
            LEFT + (log10(point[0]) - low_x) / (high_x - low_x) * (RIGHT - LEFT),
            BOTTOM - (log10(point[1]) - low_y) / (high_y - low_y) * (BOTTOM - TOP),
        )

    return "\n".join(
        [
            f'<svg {SHAPE} font-family="sans-serif" font-size="13">',
            "<title>CPU seconds against the number of leads</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            *(_rule(place((10**at, 10**low_y)), place((10**at, 10**high_y)), f"{10**at:,}", "middle")
              for at in range(low_x, high_x + 1)),
            *(_rule(place((10**low_x, 10.0**at)), place((10**high_x, 10.0**at)), f"{10.0**at:,g}", "end")
              for at in range(low_y, high_y + 1)),
            _text((LEFT + RIGHT) / 2, BOTTOM + 45, "leads in the warehouse", "middle"),
            _text(LEFT - 50, TOP - 18, "CPU seconds", "start"),
            *(part for number, line in enumerate(lines) for part in _line(number, *line, place=place)),
            "</svg>",
            "",
        ]
    )  # fmt: skip


def points(sizes: Mapping[int, Mapping[str, Mapping[str, Any]]], key: str, whose: str) -> list[Point]:
    """Leads and the median of the CPU seconds, the smallest size first."""
    return [
        (leads, median(rows[key][whose]["cpu"]))
        for leads, rows in sorted(sizes.items())
        if key in rows and rows[key][whose]
    ]


def _decades(numbers: list[float]) -> tuple[int, int]:
    low, high = floor(log10(min(numbers))), ceil(log10(max(numbers)))
    return low, max(high, low + 1)


def _line(number: int, label: str, colour: str, whose: str, line: list[Point], place: Any) -> Iterator[str]:
    dashes = ' stroke-dasharray="6 4"' if whose == "beside" else ""
    label = f"{label}, bare DuckDB" if whose == "beside" else label
    placed = [place(point) for point in line]
    stroke = f'stroke="{colour}" stroke-width="2"{dashes}'
    for (x, y), (next_x, next_y) in pairwise(placed):
        yield f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{next_x:.1f}" y2="{next_y:.1f}" {stroke}/>'
    for x, y in placed:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour if not dashes else "white"}" stroke="{colour}"/>'
    height = TOP + 12 + 24 * number
    yield f'<line x1="{RIGHT + 20}" y1="{height}" x2="{RIGHT + 46}" y2="{height}" {stroke}/>'
    yield _text(RIGHT + 52, height + 4, label, "start")


def _rule(start: Point, end: Point, label: str, anchor: str) -> str:
    """A line of the grid, with its number at the axis."""
    beside = (start[0] - 8, start[1] + 4) if anchor == "end" else (start[0], start[1] + 20)
    (x, y), (to_x, to_y) = start, end
    rule = f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="#e5e7eb"/>'
    return rule + _text(*beside, label, anchor)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#374151">{escape(text)}</text>'
