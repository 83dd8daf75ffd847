"""What the ``--json`` documents share: how their structs are declared, how one is made from a result, how it is encoded.

A document's struct names each field with its type and says in ``Meta(description=…)`` what it means: the JSON Schemas in
docs/schemas and the tables of docs/json.md are made from that. ``kind`` and ``version`` are constants of a document;
the version goes up when a field changes its meaning or goes away.
"""

from collections.abc import Mapping
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
    told = msgspec.to_builtins(document)
    ordered = {name: told[name] for name in field_names(type(document))}
    return msgspec.json.format(msgspec.json.encode(ordered), indent=2).decode()
