"""Holds what a command printed with --json against the JSON Schema of its kind in docs/schemas."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

SCHEMAS = Path(__file__).resolve().parents[1] / "docs/schemas"


def validated(document: Any) -> Any:
    """The document; ``jsonschema.ValidationError`` where its schema doesn't allow it, or doesn't name one of its fields."""
    _validator(document["kind"]).validate(document)
    return document


@cache
def _validator(kind: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{kind}.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    for part in schema["$defs"].values():
        # A reader ignores fields that it doesn't know; whoever writes one has to describe it.
        part["additionalProperties"] = False
    return jsonschema.Draft202012Validator(schema)
