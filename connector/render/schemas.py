"""The ``--json`` documents described from their structs: as JSON Schemas for programs, as table rows for docs/json.md."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from connector.render.ages import AgesDocument
from connector.render.approve import ApproveDocument
from connector.render.build import BuildDocument
from connector.render.check import CheckDocument
from connector.render.document import Part, field_names
from connector.render.extract import ExtractDocument
from connector.render.init import InitDocument
from connector.render.maintain import MaintainDocument
from connector.render.move import CancelDocument, MoveDocument
from connector.render.plan_document import PlanDocument
from connector.render.preview_document import PreviewDocument
from connector.render.push import PushDocument
from connector.render.reconcile import ReconcileDocument
from connector.render.release import ReleaseDocument
from connector.render.resolve import ResolveDocument
from connector.render.run import RunDocument
from connector.render.snapshot import SnapshotDocument
from connector.render.status import StatusDocument

DOCUMENTS: dict[str, type[Part]] = {
    "init": InitDocument,
    "check": CheckDocument,
    "reconcile": ReconcileDocument,
    "extract": ExtractDocument,
    "build": BuildDocument,
    "plan": PlanDocument,
    "preview": PreviewDocument,
    "approve": ApproveDocument,
    "push": PushDocument,
    "run": RunDocument,
    "status": StatusDocument,
    "ages": AgesDocument,
    "resolve": ResolveDocument,
    "release": ReleaseDocument,
    "snapshot": SnapshotDocument,
    "move": MoveDocument,
    "move_cancelled": CancelDocument,
    "maintain": MaintainDocument,
}
"""Kind -> struct of each document."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a document: every field is there, and fields that it doesn't name may be added."""
    schema = msgspec.json.schema(DOCUMENTS[kind])
    for part in schema["$defs"].values():
        part["required"] = sorted(part["properties"])
        for each in part["properties"].values():
            each.pop("default", None)  # a constant, which is always written
    return {"$schema": DIALECT, **schema}


def table_rows(kind: str) -> list[tuple[str, str, str]]:
    """(path, type, meaning) of each field of a document, as docs/json.md tells them.

    A part that comes twice is told once, and one that is a document of its own only there.
    """
    root = DOCUMENTS[kind]
    others = [each for each in DOCUMENTS.values() if each is not root]
    told = {base for each in others for base in each.__mro__ if base not in root.__mro__}
    return list(_rows(root, "", told))


def _rows(struct: type[Part], path: str, told: set[type]) -> Iterator[tuple[str, str, str]]:
    told.add(struct)
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    types = {each.name: each.type for each in info.fields}
    for name in field_names(struct):
        here = f"{path}{name}"
        yield here, _word(types[name]), _extra(types[name], "description")
        steps, inner = _inner(types[name])
        if inner is not None and inner not in told:
            yield from _rows(inner, f"{here}{steps}.", told)


def _word(kind: inspect.Type) -> str:
    """The type as the page calls it."""
    bare, optional = _bare(kind)
    if isinstance(bare, inspect.ListType):
        word = "list of text" if isinstance(_bare(bare.item_type)[0], inspect.StrType) else "list"
    elif isinstance(bare, inspect.LiteralType):
        word = "number" if isinstance(bare.values[0], int) else "text"
    elif isinstance(bare, inspect.StrType):
        word = "time" if _extra(kind, "format") == "date-time" else "text"
    else:
        word = _WORDS[type(bare)]
    return f"{word}?" if optional else word


_WORDS: dict[type[inspect.Type], str] = {
    inspect.IntType: "number",
    inspect.FloatType: "number",
    inspect.BoolType: "boolean",
    inspect.DictType: "object",
    inspect.StructType: "object",
}


def _inner(kind: inspect.Type) -> tuple[str, type[Part] | None]:
    """The struct that a field holds, with what stands behind the field's name in its path: ``[]``, ``.*`` or nothing."""
    bare, _ = _bare(kind)
    steps = ""
    if isinstance(bare, inspect.ListType):
        steps, (bare, _) = "[]", _bare(bare.item_type)
    elif isinstance(bare, inspect.DictType):
        steps, (bare, _) = ".*", _bare(bare.value_type)
    if isinstance(bare, inspect.StructType):
        assert issubclass(bare.cls, Part)
        return steps, bare.cls
    return steps, None


def _bare(kind: inspect.Type) -> tuple[inspect.Type, bool]:
    """The type without what is said of it, and whether it may be ``null``."""
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        (only,) = (each for each in kind.types if not isinstance(each, inspect.NoneType))
        return _bare(only)[0], True
    if isinstance(kind, inspect.LiteralType) and None in kind.values:
        return inspect.LiteralType(tuple(each for each in kind.values if each is not None)), True
    return kind, False


def _extra(kind: inspect.Type, name: str) -> str:
    """What ``Meta`` says of a type under this name, here or within a union; ``""`` where it says nothing."""
    if isinstance(kind, inspect.Metadata):
        said = (kind.extra_json_schema or {}).get(name)
        return said or _extra(kind.type, name)
    if isinstance(kind, inspect.UnionType):
        return next(filter(None, (_extra(each, name) for each in kind.types)), "")
    return ""
