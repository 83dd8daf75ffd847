"""What the ``--json`` documents share: how their structs are declared, how one is made from a result, how it is encoded.

A document's struct names each field with its type and says in ``Meta(description=…)`` what it means: the JSON Schemas in
docs/schemas and the tables of docs/json.md are made from that. ``kind`` and ``version`` are constants of a document;
the version goes up when a field changes its meaning or goes away.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""A moment as ISO 8601 with an offset."""
VERSION = "of this document"
"""What every document says of its ``version``."""


class Part(msgspec.Struct):
    """A document, or an object within one."""


P = TypeVar("P", bound=Part)


class Stretch(Part, kw_only=True):
    """A window of time."""

    start: Annotated[Time, Meta(description="its first instant, in UTC")]
    end: Annotated[Time, Meta(description="its last instant, in UTC")]


def stretch(window: Any) -> Stretch | None:
    """The document of an ``extract.windows.Window``."""
    return None if window is None else part(Stretch, window)


def part(struct: type[P], found: Any, **others: Any) -> P:
    """The struct with the attributes of a result that have the same names; ``others`` are given, not looked up."""
    names = [name for name in struct.__struct_fields__ if name not in others and hasattr(found, name)]
    return struct(**{name: plain(getattr(found, name)) for name in names}, **others)


def plain(value: Any) -> Any:
    """A moment as text, a tuple as a list; everything else as it is."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def field_names(struct: type[Part]) -> list[str]:
    """The names in the order in which they are told: what a document adds to a part that others have, too, comes first."""
    own = [name for name in struct.__annotations__ if name in struct.__struct_fields__]
    return [*own, *(name for name in struct.__struct_fields__ if name not in own)]


def to_json(document: Part) -> str:
    """The document as indented JSON."""
    return "".join(pieces(document))


def pieces(document: Part) -> Iterator[str]:
    """The same piece by piece: of a list that makes its items when they are asked for, one item at a time."""
    for number, name in enumerate(field_names(type(document))):
        value = getattr(document, name)
        yield f'{"," if number else "{"}\n  "{name}": '
        if isinstance(value, Sequence) and not isinstance(value, (str, list)) and value:
            yield "["
            for place, item in enumerate(value):
                yield f"{',' if place else ''}\n    {_indented(item, 4)}"
            yield "\n  ]"
        else:
            yield _indented(value, 2)
    yield "\n}"


def _indented(value: Any, by: int) -> str:
    told = [] if isinstance(value, Sequence) and not value and not isinstance(value, str) else value
    text: str = msgspec.json.format(msgspec.json.encode(told), indent=2).decode()
    # A line break within a value is written as \n, so that these are all between values.
    return text.replace("\n", "\n" + " " * by)
