"""Bars, drawn as SVG without any library: for the notebook, which has to work wherever leadloop does.

A chart is one bar for each label, made of parts in colours where there are several series. What it shows is there as text as well,
for a terminal and for whoever can't see colours: each bar says its number, and each part has a tooltip.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999")
"""Those of Okabe and Ito (https://jfly.uni-koeln.de/color/), which colour-blind people tell apart."""
WIDTH, ROW, GAP = 760, 26, 14
"""Pixels: of the drawing, of a bar with the space below it, and between text and bar."""
MOST_LETTERS = 32
MOST_BARS = 60
_LETTER, _CAPITAL = 7.2, 9.6
_TEXT_BARS = 40


@dataclass(frozen=True, slots=True)
class Chart:
    """A bar chart; Jupyter draws it, and ``str`` writes it out."""

    title: str
    rows: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
    """(label, its parts), from top to bottom; a part is (series, number)."""
    left_out: int = 0
    """Bars for which there was no room."""

    @property
    def series(self) -> tuple[str, ...]:
        """The names of the parts, in the order in which they first come."""
        return tuple(dict.fromkeys(name for _, parts in self.rows for name, _ in parts))

    def _repr_html_(self) -> str:
        return self.svg()

    def __str__(self) -> str:
        lines = [self.title]
        most, width = self._most(), max((len(label) for label, _ in self.rows), default=0)
        for label, parts in self.rows:
            total = sum(number for _, number in parts)
            told = ", ".join(f"{name} {_number(number)}" for name, number in parts if name)
            bar = "█" * max(1 if total else 0, round(_TEXT_BARS * total / most))
            lines.append(f"{label:<{width}}  {bar} {_number(total)}" + (f" ({told})" if told else ""))
        if not self.rows:
            lines.append("nothing to show yet")
        return "\n".join([*lines, *self._note()])

    __repr__ = __str__

    def svg(self) -> str:
        """The drawing; every text in it is escaped."""
        left = GAP + max((_wide(_cut(label)) for label, _ in self.rows), default=0)
        room, most = WIDTH - left - 90, self._most()
        series = self.series
        named = [name for name in series if name]
        parts, y = [_text(0, 20, self.title, size=16, bold=True)], 34
        if named:
            x = 0.0
            for place, name in enumerate(named):
                parts.append(_box(x, y, 12, 12, COLOURS[place % len(COLOURS)], name))
                parts.append(_text(x + 17, y + 11, name))
                x += 17 + _wide(name) + 3 * _LETTER
            y += 26
        for label, pieces in self.rows:
            parts.append(_text(left - GAP / 2, y + 15, _cut(label), anchor="end"))
            x = left
            for name, number in pieces:
                width = room * number / most
                colour = COLOURS[named.index(name) % len(COLOURS)] if name else COLOURS[0]
                told = f"{label}: {name} {_number(number)}" if name else f"{label}: {_number(number)}"
                parts.append(_box(x, y, width, ROW - 6, colour, told))
                x += width
            parts.append(_text(x + 6, y + 15, _number(sum(number for _, number in pieces))))
            y += ROW
        for note in self._note() if self.rows else ["nothing to show yet"]:
            parts.append(_text(0, y + 15, note))
            y += ROW
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(self.title)}" width="{WIDTH}" height="{y + 6}"'
            f' viewBox="0 0 {WIDTH} {y + 6}" font-family="sans-serif" font-size="13">{"".join(parts)}</svg>'
        )

    def _most(self) -> float:
        """The length of the longest bar, never 0."""
        return max((sum(number for _, number in parts) for _, parts in self.rows), default=0) or 1

    def _note(self) -> list[str]:
        return [f"and {self.left_out:,} more"] if self.left_out else []


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns side by side, one for each label, made of parts; its colours are the classes ``s1``, ``s2`` … of whoever shows it."""

    title: str
    labels: tuple[str, ...]
    series: tuple[tuple[str, int, tuple[float, ...]], ...]
    """(name, number of its class, a number for each label)."""
    unit: str = ""
    stacked: bool = True

    def svg(self) -> str:
        """The drawing, as wide as there is room; every text in it is escaped."""
        width, height, left, below = 400.0, 150.0, 40.0, 22.0
        totals = [sum(numbers[place] for _, _, numbers in self.series) for place in range(len(self.labels))]
        single = max((number for _, _, numbers in self.series for number in numbers), default=0)
        most = _round_up((max(totals, default=0) if self.stacked else single) or 1)
        room, step = height - below - 8, (width - left) / max(len(self.labels), 1)
        parts = []
        for share in (0, 0.5, 1):
            y = 8 + room * (1 - share)
            parts.append(f'<line x1="{left:.1f}" x2="{width:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(
                f'<text x="{left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{escape(_short(most * share) + self.unit)}</text>'
            )
        for place, label in enumerate(self.labels):
            x, y = left + step * place, 8 + room
            broad = min(step * 0.78, 40) / (1 if self.stacked else max(len(self.series), 1))
            start = x + (step - min(step * 0.78, 40)) / 2
            for number, (name, colour, numbers) in enumerate(self.series):
                tall = room * numbers[place] / most
                if not numbers[place]:
                    continue
                at = start if self.stacked else start + broad * number
                top = (y if self.stacked else 8 + room) - tall
                told = escape(f"{label}: {name} {_number(numbers[place])}{self.unit}")
                parts.append(
                    f'<rect class="s{colour}" x="{at:.1f}" y="{top:.1f}" width="{broad:.1f}" height="{tall:.1f}">'
                    f"<title>{told}</title></rect>"
                )
                y = top if self.stacked else y
            # As many labels as don't touch each other.
            if place % max(1, -(-52 // max(int(step), 1))) == 0:
                parts.append(
                    f'<text x="{x + step / 2:.1f}" y="{height - 6:.1f}" text-anchor="middle">{escape(label)}</text>'
                )
        return (
            f'<svg class="chart" role="img" aria-label="{escape(self.title)}" viewBox="0 0 {width:.0f} {height:.0f}">'
            f"{''.join(parts)}</svg>"
        )


def _cut(label: str) -> str:
    return label if len(label) <= MOST_LETTERS else f"{label[: MOST_LETTERS - 1]}…"


def _wide(text: str) -> float:
    """About as many pixels as the text takes: at least that, so that none is cut off."""
    return sum(_CAPITAL if letter.isupper() or not letter.isascii() else _LETTER for letter in text)


def _round_up(number: float) -> float:
    """The next number that one reads easily: 1, 2, 5 and ten times those."""
    size: float = 10.0 ** math.floor(math.log10(number))
    return next(each * size for each in (1, 2, 5, 10) if each * size >= number)


def _short(number: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"


def bars(title: str, rows: Iterable[Sequence[Any]]) -> Chart:
    """A chart of rows (label, number) or (label, series, number), in their order; a label's rows are one bar.

    NULL as a label is told as "none", and NULL as a number is none of it. ``ValueError`` for a negative number.
    """
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        label, name, number = row if len(row) == 3 else (row[0], "", row[1])
        if number is not None and number < 0:
            raise ValueError(f"{title}: a bar can't be {number} long.")
        each = found.setdefault(_label(label), {})
        name = _label(name)
        each[name] = each.get(name, 0) + float(number or 0)
    every = [(label, tuple(parts.items())) for label, parts in found.items()]
    return Chart(title, tuple(every[:MOST_BARS]), max(0, len(every) - MOST_BARS))


def _label(value: Any) -> str:
    return "none" if value is None else " ".join(str(value).split())


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _text(x: float, y: float, text: str, *, size: int = 13, bold: bool = False, anchor: str = "start") -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}"{weight} text-anchor="{anchor}" fill="currentColor">'
        f"{escape(text)}</text>"
    )


def _box(x: float, y: float, width: float, height: float, colour: str, told: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}">'
        f"<title>{escape(told)}</title></rect>"
    )
