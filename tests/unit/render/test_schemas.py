"""Each document is described field by field, for programs and for people, and nothing else is allowed in it."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from msgspec import Meta

from connector.render import schemas
from connector.render.document import Part, Time, field_names, to_json
from connector.render.init import InitDocument
from connector.render.schemas import DOCUMENTS, json_schema, table_rows
from tests.json_documents import SCHEMAS, validated

JSON_MD = (Path(__file__).resolve().parents[3] / "docs/json.md").read_text("utf-8")


def test_every_kind_has_a_schema_and_a_section() -> None:
    """docs/schemas has a file for each kind and no other, and docs/json.md a section with its table."""
    assert {path.stem for path in SCHEMAS.iterdir()} == DOCUMENTS.keys()
    tables = re.findall(
        r"^## `leadloop ([\w -]+?)(?: PUSH| FILE)? --json`$.*?^<!-- generated: (\w+) -->$",
        JSON_MD,
        re.M | re.S,
    )
    others = {"max-age 26h": "ages", "cancel": "move_cancelled"}
    named = [command.rpartition("--")[2] for command, _ in tables]
    assert [kind for _, kind in tables] == [others.get(name, name) for name in named]
    assert {kind for _, kind in tables} == DOCUMENTS.keys()


def test_every_kind_is_the_one_its_document_says() -> None:
    """The constant in the struct is the name of the schema."""
    for kind in DOCUMENTS:
        schema = json_schema(kind)
        root = schema["$defs"][schema["$ref"].rpartition("/")[2]]
        assert root["properties"]["kind"]["enum"] == [kind]


def test_every_field_says_what_it_means() -> None:
    """No field of any document is without a description, and every document says what it is."""
    for kind in DOCUMENTS:
        for name, part in json_schema(kind)["$defs"].items():
            assert part["description"], name
            silent = [field for field, each in part["properties"].items() if not each.get("description")]
            assert not silent, f"{name}: {', '.join(silent)}"


FRESH = InitDocument(folder="mine", written=["a"], changed=[], kept=[])


@pytest.mark.parametrize(
    "change",
    [
        {"written": None},
        {"written": [1]},
        {"folder": 7},
        {"version": 2},
        {"more": "of it"},
    ],
)
def test_a_document_that_is_not_as_described_is_found(change: dict[str, Any]) -> None:
    """Another type, another version, a field that nobody described: the check that the tests use refuses it."""
    document = json.loads(to_json(FRESH))
    assert validated(document) == document
    with pytest.raises(jsonschema.ValidationError):
        validated({**document, **change})


@pytest.mark.parametrize("lost", ["kind", "version", "folder", "kept"])
def test_every_field_is_required(lost: str) -> None:
    """A program may rely on each field, the two constants included."""
    document = json.loads(to_json(FRESH))
    del document[lost]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema("init"))


def test_a_schema_allows_fields_that_come_later() -> None:
    """Who checks with today's schema isn't broken by a field that a later version adds."""
    jsonschema.validate({**json.loads(to_json(FRESH)), "more": 1}, json_schema("init"))


class Inner(Part, kw_only=True):
    """A part."""

    at: Annotated[Time | None, Meta(description="when")]


class Shared(Part, kw_only=True):
    """What two documents have."""

    first: Annotated[list[Inner], Meta(description="some")]
    again: Annotated[dict[str, Inner], Meta(description="others")]


class Whole(Shared, kw_only=True):
    """A document."""

    kind: Annotated[Literal["whole"], Meta(description="`whole`")] = "whole"
    share: Annotated[float, Meta(description="0 to 1")]


class Around(Part, kw_only=True):
    """A document that holds the part of another one."""

    kind: Annotated[Literal["around"], Meta(description="`around`")] = "around"
    side: Annotated[Literal["ours", "theirs"] | None, Meta(description="which")]
    inside: Annotated[dict[str, Shared], Meta(description="as whole")]


def test_a_table_tells_each_part_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists and objects go into their fields where they come first; what is a document of its own is told there alone."""
    monkeypatch.setattr(schemas, "DOCUMENTS", {"whole": Whole, "around": Around})
    assert table_rows("whole") == [
        ("kind", "text", "`whole`"),
        ("share", "number", "0 to 1"),
        ("first", "list", "some"),
        ("first[].at", "time?", "when"),
        ("again", "object", "others"),
    ]
    assert table_rows("around") == [
        ("kind", "text", "`around`"),
        ("side", "text?", "which"),
        ("inside", "object", "as whole"),
    ]


def test_a_documents_own_fields_come_first() -> None:
    """What it says of itself stands before what it shares with others, in JSON as in the table."""
    made = Whole(share=0.5, first=[], again={})
    assert list(json.loads(to_json(made))) == field_names(Whole) == ["kind", "share", "first", "again"]
