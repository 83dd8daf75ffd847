"""Which rows DuckDB wants of a table, in Snowflake's SQL: of a condition of Arrow's the parts that are plain. What is left out only means
that more rows come than are wanted, since the whole condition is looked at once more where they arrive."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from connector.texts import in_sql

_COMPARED = re.compile(r'(?P<name>.+?) (?P<sign>==|>=|<=|>|<) (?:(?P<number>-?\d+)|"(?P<text>[^"\\]*)")')
_AND = " and "


def conditions(condition: Any, columns: Mapping[str, tuple[str, Any]]) -> list[str]:
    """``columns``: name -> how Snowflake has it, and its type in Arrow."""
    import pyarrow as pa

    found = []
    for part in _parts(str(condition)):
        each = _COMPARED.fullmatch(part)
        column = columns.get(each["name"]) if each else None
        if each is None or column is None:
            continue
        if each["number"] is not None and pa.types.is_int64(column[1]):
            found.append(f"{column[0]} {each['sign'].replace('==', '=')} {each['number']}")
        elif each["text"] is not None and each["sign"] == "==" and pa.types.is_string(column[1]):
            # Which text is greater, a collation of the account's may see otherwise.
            found.append(f"{column[0]} = {in_sql(each['text'])}")
    return found


def _parts(text: str) -> Iterator[str]:
    """What has to be true all together."""
    if not (text.startswith("(") and _end(text, 0) == len(text) - 1):
        yield text
        return
    inner = text[1:-1]
    place, between = 0, []
    while place < len(inner):
        if inner.startswith(_AND, place):
            between.append(place)
        place = _end(inner, place) + 1
    first = 0
    if not between:
        # In a pair of parentheses of their own, or one that holds something else than "and".
        yield from _parts(inner) if inner.startswith("(") else [inner]
        return
    for each in [*between, len(inner)]:
        yield from _parts(inner[first:each])
        first = each + len(_AND)


def _end(text: str, place: int) -> int:
    """Where what begins at this place ends: a quoted text, what is in parentheses, or one character."""
    if text[place] == '"':
        place += 1
        while place < len(text) and text[place] != '"':
            place += 2 if text[place] == "\\" else 1
    elif text[place] in "({":
        closing = {"(": ")", "{": "}"}[text[place]]
        place += 1
        while place < len(text) and text[place] != closing:
            place = _end(text, place) + 1
    return min(place, len(text) - 1)
