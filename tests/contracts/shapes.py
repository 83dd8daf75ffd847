"""A vendor's published API as data, and a watch that holds real calls against it.

``Endpoint`` is one documented call: its parameters, its body and its answers by status, each as a shape. ``watched`` stands
between a client and the sandbox's imitation of the vendor: whatever is asked and answered has to be documented. So a field,
a type or a parameter that only our client or only our sandbox knows is found, whichever of the two has drifted.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl


class Shape(Protocol):
    """What a JSON value has to be."""

    def problems(self, value: Any, path: str) -> Iterator[str]:
        """What is wrong with a value, by its path; never the value itself."""
        ...


@dataclass(frozen=True)
class Text:
    """A text, of at most ``longest`` characters, and one of ``words`` where there are any."""

    longest: int | None = None
    words: tuple[str, ...] = ()

    def problems(self, value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield f"{path} is no text"
        elif self.longest is not None and len(value) > self.longest:
            yield f"{path} is longer than {self.longest} characters"
        elif self.words and value not in self.words:
            yield f"{path} is none of the documented words"


@dataclass(frozen=True)
class Number:
    """A number; without a fraction and of 32 bits where it is ``whole``."""

    whole: bool = False

    def problems(self, value: Any, path: str) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            yield f"{path} is no {'whole ' if self.whole else ''}number"
        elif self.whole and abs(value) >= 2**31:
            yield f"{path} does not fit in 32 bits"


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
    """A list of these, of at most ``most``."""

    shape: Shape
    most: int | None = None

    def problems(self, value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{path} is no list"
            return
        if self.most is not None and len(value) > self.most:
            yield f"{path} has more than {self.most} items"
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


@dataclass(frozen=True)
class Endpoint:
    """One documented call. ``path`` has ``{…}`` for an id; ``query``: parameter -> what its text has to be, wholly."""

    method: str
    path: str
    source: str
    """Where it is documented."""
    answers: Mapping[int, Shape]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Shape | None = None
    needs_body: bool = True

    def matches(self, method: str, path: str) -> bool:
        pattern = re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(self.path))
        return method == self.method and re.fullmatch(pattern, path) is not None

    def wrong_in_call(self, query: bytes, body: bytes) -> Iterator[str]:
        for name, text in parse_qsl(query.decode(), keep_blank_values=True):
            if name not in self.query:
                yield f"the parameter {name} is not documented"
            elif not re.fullmatch(self.query[name], text):
                yield f"the parameter {name} is not as documented"
        if self.body is None:
            if body:
                yield "a body is not documented"
        elif body or self.needs_body:
            try:
                sent = json.loads(body)
            except ValueError:
                yield "the body is no JSON"
            else:
                yield from self.body.problems(sent, "")

    def wrong_in_answer(self, status: int, body: bytes) -> Iterator[str]:
        shape = self.answers.get(status)
        if shape is None:
            yield f"status {status} is not documented"
        else:
            yield from shape.problems(json.loads(body), "")


@dataclass
class Watch:
    """What was asked and answered so far, and what of it is not documented."""

    seen: list[tuple[str, str, int]] = field(default_factory=list)
    """Method, path as documented, status."""
    undocumented: list[str] = field(default_factory=list)


@contextmanager
def watched(vendor: Any, contract: Sequence[Endpoint], *, wrong_calls: bool = False) -> Iterator[Watch]:
    """Around calls to the sandbox's ``vendor``: fails where a call or its answer is not in the contract.

    ``wrong_calls``: the calls themselves are wrong on purpose, so only the answers are held against it.
    """
    watch, answer = Watch(), vendor.answer

    def watching(request: Any) -> Any:
        given = answer(request)
        found = next((each for each in contract if each.matches(request.method, request.path)), None)
        if found is None:
            watch.undocumented.append(f"{request.method} {request.path} is not documented")
            return given
        wrong = [] if wrong_calls else list(found.wrong_in_call(request.query, request.body))
        if given is None:
            wrong.append("the sandbox doesn't have it")
        else:
            watch.seen.append((found.method, found.path, given.status))
            wrong += found.wrong_in_answer(given.status, given.content())
        watch.undocumented += [f"{found.method} {found.path}: {each}" for each in wrong]
        return given

    vendor.answer = watching
    try:
        yield watch
    finally:
        vendor.answer = answer
    assert not watch.undocumented, "\n".join(dict.fromkeys(watch.undocumented))
