"""What a JSON value has to be, as data: the shapes that bodies and answers of a published API have."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol


class Shape(Protocol):
    """What a JSON value has to be."""

    def problems(self, value: Any, path: str) -> Iterator[str]:
        """What is wrong with a value, by its path; never the value itself."""
        ...


@dataclass(frozen=True)
class Text:
    """A text, of at most ``longest`` characters, one of ``words`` where there are any, and wholly of this ``pattern``."""

    longest: int | None = None
    words: tuple[str, ...] = ()
    pattern: str = r"(?s).*"

    def problems(self, value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield f"{path} is no text"
        elif self.longest is not None and len(value) > self.longest:
            yield f"{path} is longer than {self.longest} characters"
        elif self.words and value not in self.words:
            yield f"{path} is none of the documented words"
        elif not re.fullmatch(self.pattern, value):
            yield f"{path} is of another kind"


@dataclass(frozen=True)
class Number:
    """A number, from ``least`` to ``most``; without a fraction and of 32 bits where it is ``whole``."""

    whole: bool = False
    least: float = float("-inf")
    most: float = float("inf")

    def problems(self, value: Any, path: str) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            yield f"{path} is no {'whole ' if self.whole else ''}number"
        elif self.whole and abs(value) >= 2**31:
            yield f"{path} does not fit in 32 bits"
        elif not self.least <= value <= self.most:
            yield f"{path} is out of range"


@dataclass(frozen=True)
class Flag:
    """True or false, or only one of them."""

    only: bool | None = None

    def problems(self, value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, bool) or self.only not in (None, value):
            yield f"{path} is not {'true or false' if self.only is None else str(self.only).lower()}"


@dataclass(frozen=True)
class Moment:
    """A text that is a time with an offset, or a date alone."""

    only_date: bool = False

    def problems(self, value: Any, path: str) -> Iterator[str]:
        try:
            if self.only_date:
                date.fromisoformat(value)
            elif datetime.fromisoformat(value).tzinfo is None:
                yield f"{path} has no offset"
        except (TypeError, ValueError):
            yield f"{path} is no {'date' if self.only_date else 'time'}"


@dataclass(frozen=True)
class Whatever:
    """Any JSON."""

    def problems(self, value: Any, path: str) -> Iterator[str]:
        yield from ()


@dataclass(frozen=True)
class Maybe:
    """Null, or this."""

    shape: Shape

    def problems(self, value: Any, path: str) -> Iterator[str]:
        if value is not None:
            yield from self.shape.problems(value, path)


@dataclass(frozen=True)
class Either:
    """One of these."""

    shapes: tuple[Shape, ...]

    def problems(self, value: Any, path: str) -> Iterator[str]:
        found = [list(shape.problems(value, path)) for shape in self.shapes]
        if all(found):
            yield from found[0]


@dataclass(frozen=True)
class Each:
    """A list of these, of ``least`` to ``most``."""

    shape: Shape
    most: int | None = None
    least: int = 0

    def problems(self, value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{path} is no list"
            return
        if self.most is not None and len(value) > self.most:
            yield f"{path} has more than {self.most} items"
        if len(value) < self.least:
            yield f"{path} has fewer than {self.least} items"
        for place, item in enumerate(value):
            yield from self.shape.problems(item, f"{path}[{place}]")


@dataclass(frozen=True)
class Obj:
    """An object with these keys; ``needs`` have to be there, ``others`` is what every further key holds, if any is allowed."""

    keys: Mapping[str, Shape] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    others: Shape | None = None

    def problems(self, value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{path or 'the body'} is no object"
            return
        for name in self.needs:
            if name not in value:
                yield f"{_below(path, name)} is missing"
        for name, item in value.items():
            shape = self.keys.get(name, self.others)
            if shape is None:
                yield f"{_below(path, name)} is not documented"
            else:
                yield from shape.problems(item, _below(path, name))


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def at_least(keys: Mapping[str, Shape], others: Shape | None = None) -> Obj:
    """An object with all of these keys, and any others."""
    return Obj(keys, tuple(keys), others or Whatever())


def exactly(needed: Mapping[str, Shape], may: Mapping[str, Shape] | None = None) -> Obj:
    """An object with all of these keys, and no others but those that it may have."""
    return Obj({**needed, **(may or {})}, tuple(needed))


def like(pattern: Any) -> Shape:
    """A shape, written as what it looks like: a dict is an object with at least these names (``*``: with any), a list of one
    element is a list of such."""
    if isinstance(pattern, dict):
        if "*" in pattern:
            return Obj(others=like(pattern["*"]))
        return at_least({name: like(inner) for name, inner in pattern.items()})
    if isinstance(pattern, list):
        return Each(like(pattern[0]))
    shape: Shape = pattern
    return shape
