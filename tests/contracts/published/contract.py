"""What a vendor publishes of its API, as data: each call with its parameters, its body, its answers, and where that is written.

Three things are held against such a table, and each drift of one of them is a failing test:

- the sandbox (``test_sandbox.py``): each documented call is answered as documented, and refused as documented;
- our client (``test_clients.py``): whatever it asks is in the table, and everything that it is said to use is asked;
- a run of the whole loop (``tests/acceptance/test_published.py``).

Between the two that speak to each other stands ``between.Between``, which sees every exchange.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from connector.sandbox import Sandbox
from tests.contracts.published.shapes import Each, Maybe, Obj, Shape

Scene = Mapping[str, str]
"""Name -> what an example has in place of ``$name``: ids and values that a sandbox has."""


@dataclass(frozen=True)
class Example:
    """A call that a vendor would carry out. A text ``$name`` stands for what the scene has under this name."""

    params: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    path: Mapping[str, str] = field(default_factory=dict)
    """Name of a ``{…}`` in the endpoint's path -> what is there."""


@dataclass(frozen=True)
class Endpoint:
    """One documented call."""

    path: str
    """With ``{…}`` for an id."""
    methods: tuple[str, ...]
    source: str
    """Where it is documented."""
    answer: Shape
    """At status 200, where it did what it was asked to do."""
    example: Example
    refusals: Mapping[int, Shape] = field(default_factory=dict)
    """Status -> what an error looks like."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """The vendor's codes for what may be wrong with this call -> the words beside it, or "" where they are not documented."""
    required: Mapping[str, str] = field(default_factory=dict)
    """Parameter -> what its text has to be, wholly."""
    optional: Mapping[str, str] = field(default_factory=dict)
    others: str | None = None
    """What every further parameter has to be, if any is allowed."""
    form: bool = False
    """Parameters may also be in a form, or in a JSON object of texts, of a POST."""
    body: Shape | None = None
    needs_body: bool = True
    used: bool = True
    """Whether leadloop calls it."""
    played: bool = True
    """Whether the sandbox has it."""

    @property
    def name(self) -> str:
        return self.path if len(self.methods) > 1 else f"{self.methods[0]} {self.path}"

    @property
    def has_list(self) -> bool:
        """Whether its answer is, or has, a list: an empty one would be of any shape."""
        return _has_list(self.answer, 3)

    def matches(self, path: str) -> bool:
        pattern = re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(self.path))
        return re.fullmatch(pattern, path) is not None

    def wrong_params(self, params: Sequence[tuple[str, str]]) -> Iterator[str]:
        kinds = {**self.required, **self.optional}
        yield from (f"lacks {name}" for name in self.required if name not in dict(params))
        if len(dict(params)) < len(params):
            yield "a parameter is there twice"
        for name, text in params:
            kind = kinds.get(name, self.others)
            if kind is None:
                yield f"the parameter {name} is not documented"
            elif not re.fullmatch(kind, text):
                yield f"the parameter {name} is of another kind"

    def wrong_in_call(self, call: "Call", keys: "Keys") -> Iterator[str]:
        """What of a call is not as documented: names, never values."""
        if call.method not in self.methods:
            yield f"the method {call.method} is not documented"
        params = call.params(self)
        yield from keys.wrong(dict(params), call.headers)
        yield from self.wrong_params([(name, text) for name, text in params if name not in keys.params])
        if self.form:
            return
        if self.body is None:
            if call.body:
                yield "a body is not documented"
        elif call.body or self.needs_body:
            if not call.headers.get("content-type", "").startswith("application/json"):
                yield "the body is not announced as JSON"
            try:
                sent = json.loads(call.body)
            except ValueError:
                yield "the body is no JSON"
            else:
                yield from self.body.problems(sent, "")

    def wrong_in_answer(self, status: int, body: bytes) -> list[str]:
        shapes = [self.answer] if status == 200 else []
        shapes += [self.refusals[status]] if status in self.refusals else []
        if not shapes:
            return [f"status {status} is not documented"]
        try:
            shown = json.loads(body)
        except ValueError:
            return ["the answer is no JSON"]
        found = [list(shape.problems(shown, "")) for shape in shapes]
        return [] if [] in found else [f"the answer: {each}" for each in found[0]]


@dataclass(frozen=True)
class Call:
    """A call as it came over the wire. Names of headers are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def in_query(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query, keep_blank_values=True)

    def params(self, endpoint: Endpoint) -> list[tuple[str, str]]:
        """Those of the query string, and of the body where the endpoint takes them there."""
        found = self.in_query
        if endpoint.form and self.body:
            if "json" in self.headers.get("content-type", ""):
                return found + [(name, str(value)) for name, value in json.loads(self.body).items()]
            found += parse_qsl(self.body.decode(), keep_blank_values=True)
        return found


@dataclass(frozen=True)
class Keys:
    """Where the account's key is: in all of these parameters, or in all of these headers."""

    params: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    """Header, in lower case -> what is before the key."""

    def wrong(self, params: Mapping[str, str], headers: Mapping[str, str]) -> Iterator[str]:
        in_params = bool(self.params) and all(name in params for name in self.params)
        in_headers = bool(self.headers) and all(
            headers.get(name, "").startswith(before) and len(headers.get(name, "")) > len(before)
            for name, before in self.headers.items()
        )
        if in_params == in_headers:
            yield "the key is nowhere" if not in_params else "the key is in two places"

    def places(self, key: str) -> list[tuple[dict[str, str], dict[str, str]]]:
        """Parameters and headers, for each of the ways to give a key."""
        return [
            *([(dict.fromkeys(self.params, key), {})] if self.params else []),
            *([({}, {name: before + key for name, before in self.headers.items()})] if self.headers else []),
        ]


@dataclass(frozen=True)
class Wrong:
    """A call that is refused: the example of an endpoint with something else in it."""

    name: str
    """The endpoint's."""
    code: str
    params: Mapping[str, str | None] = field(default_factory=dict)
    """``None``: this one is left out."""
    body: Any = ...
    path: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Contract:
    """One generation of a vendor's API."""

    name: str
    vendor: str
    endpoints: tuple[Endpoint, ...]
    keys: Keys
    scene: Callable[[Sandbox], Scene]
    """Makes a sandbox one in which each example is carried out, and says what they ask for."""
    code_of: Callable[[int, Any], str]
    """The vendor's code in an answer: by its status, and its decoded body."""
    wrong_key: tuple[int, str]
    """Status and code where the key is not the account's."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the sandbox, which is then of this generation."""
    wrong: tuple[Wrong, ...] = ()
    never: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(Endpoint, code) that the sandbox never answers -> why."""

    def __str__(self) -> str:
        return self.name

    def endpoint(self, name: str) -> Endpoint:
        return next(each for each in self.endpoints if each.name == name)

    def found(self, method: str, path: str) -> Endpoint | None:
        """The one that a call is of; one with another method, where no other has this path."""
        there = [each for each in self.endpoints if each.matches(path)]
        # A path without an id goes before one that would take a part of it for an id.
        there.sort(key=lambda each: (method not in each.methods, each.path.count("{")))
        return there[0] if there else None


def filled(value: Any, scene: Scene) -> Any:
    """An example's value, with what the scene has."""
    if isinstance(value, str):
        return scene[value[1:]] if value.startswith("$") else value
    if isinstance(value, Mapping):
        return {name: filled(inner, scene) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [filled(each, scene) for each in value]
    return value


def _has_list(shape: Shape, depth: int) -> bool:
    if isinstance(shape, Maybe):
        return _has_list(shape.shape, depth)
    if isinstance(shape, Obj) and depth:
        return any(_has_list(inner, depth - 1) for inner in shape.keys.values())
    return isinstance(shape, Each)
