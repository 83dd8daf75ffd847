"""A CRM's rows as Arrow columns: every value as the API said it, as text, under a name any warehouse takes."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from connector.crm.answers import RawRows
from connector.crm.base import Page
from connector.texts import is_blank

SEEN_AT = "leadloop_seen_at"
TIMEZONE = "leadloop_timezone"
NUMBER = "leadloop_sequence_number"
"""The number that a reading took before its first call; see ``warehouse/ledger.py``."""

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER = re.compile(r"[^A-Za-z0-9]+")


@lru_cache(maxsize=65536)
def column_name(field: str) -> str:
    """The column a CRM's field is kept in: ``mx_City`` -> ``mx_city``, ``Lead Score`` -> ``lead_score``.

    ``macros/column_of.sql`` follows the same rule, and a test compares the two.
    """
    name = _OTHER.sub("_", _WORDS.sub("_", field)).strip("_").lower()
    if not name:
        return "x"
    return f"_{name}" if name[0].isdigit() else name


def as_text(value: Any) -> str | None:
    """A JSON value as the text a reader of the answer would see; ``None`` for null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return msgspec.json.encode(value).decode()


def text_row(row: Mapping[str, Any]) -> dict[str, str | None]:
    """One row as text by column name, the way the warehouse keeps it."""
    return {name: as_text(_first(row, fields)) for name, fields in _fields_by_column(row).items()}


class Columns:
    """Turns pages into Arrow tables that all have the columns seen so far, so that a new field is only ever an addition.

    One instance serves one reading; ``table`` may be called from several threads. The first page is looked at value by
    value; later ones go from bytes to columns without becoming Python objects, as long as they hold nothing but known
    fields of known types. Whatever does not is looked at value by value again.
    """

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._order: dict[str, None] = {}
        self._types: dict[str, pa.DataType | None] = {}
        self._surprises = 0

    def table(self, page: Page) -> pa.Table:
        """``len(page.rows)`` rows: one text column per field, then ``leadloop_seen_at`` and ``leadloop_timezone``."""
        rows = page.rows
        arrays = self._straight(rows) if isinstance(rows, RawRows) else None
        if arrays is None:
            arrays = self._one_by_one(list(rows))
        for name in tuple(self._order):
            if name not in arrays:
                arrays[name] = pa.nulls(len(rows), pa.string())
        ordered = {name: arrays[name] for name in tuple(self._order) if name in arrays}
        ordered[SEEN_AT] = pa.repeat(pa.scalar(page.asked_at, pa.timestamp("us", "UTC")), len(rows))
        ordered[TIMEZONE] = pa.repeat(pa.scalar(self._zone, pa.string()), len(rows))
        return pa.table(ordered)

    def _one_by_one(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, pa.Array]:
        arrays = {}
        fields_by_column = _fields_by_column(_all_fields(rows))
        for name, fields in fields_by_column.items():
            values = (
                [_first(row, fields) for row in rows]
                if len(fields) > 1
                else [row.get(fields[0]) for row in rows]
            )
            arrays[name] = _array(values)
            # Two fields in one column, or mixed types: such a page never goes the short way.
            kind = _kind(values) if len(fields) == 1 else None
            for field in fields:
                if field not in self._types or self._types[field] == kind:
                    self._types[field] = kind
                elif arrays[name].null_count < len(rows):
                    self._types[field] = kind if self._types[field] == pa.null() else None
        for name in arrays:
            self._order.setdefault(name)
        return arrays

    def _straight(self, rows: RawRows) -> dict[str, pa.Array] | None:
        types = dict(self._types)
        if not len(rows) or not types or None in types.values() or self._surprises > MOST_SURPRISES:
            return None
        text = b"\n".join(rows.raw)
        # A field that was never more than null is most likely text.
        schema = pa.schema([(f, pa.string() if t == pa.null() else t) for f, t in types.items()])
        try:
            table = pa.json.read_json(
                pa.BufferReader(text),
                read_options=pa.json.ReadOptions(use_threads=False, block_size=len(text) + 1),
                parse_options=pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
            )
        except pa.ArrowInvalid:
            self._surprises += 1
            return None
        columns = _fields_by_column(table.column_names)
        if table.num_rows != len(rows) or any(len(fields) > 1 for fields in columns.values()):
            return None
        return {name: _as_text(table.column(field)) for name, (field,) in columns.items()}


MOST_SURPRISES = 20


def _as_text(column: pa.ChunkedArray) -> pa.Array:
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return array if array.type == pa.string() else pc.cast(array, pa.string())


def _kind(values: Sequence[Any]) -> pa.DataType | None:
    """The JSON type of a whole column: text, whole numbers, booleans, only nulls; ``None`` for anything else or mixed."""
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return pa.null()
    if kinds == {str}:
        return pa.string()
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int} and all(value is None or abs(value) < 2**63 for value in values):
        return pa.int64()
    return None


def numbered(table: pa.Table, number: int | None) -> pa.Table:
    """The table with the reading's number in each row; unchanged where nobody counts, as in a pipeline of the user's own."""
    if number is None:
        return table
    return table.append_column(NUMBER, pa.repeat(pa.scalar(number, pa.int64()), table.num_rows))


def ids(table: pa.Table, fields: Sequence[str]) -> list[str | None]:
    """Each row's lead id: the first of these fields that isn't blank."""
    found: list[str | None] = [None] * table.num_rows
    for field in reversed(fields):
        if column_name(field) in table.column_names:
            values = table.column(column_name(field)).to_pylist()
            found = [other if is_blank(value) else value for value, other in zip(values, found, strict=True)]
    return found


def _all_fields(rows: Sequence[Mapping[str, Any]]) -> dict[str, None]:
    # Nearly always every row has the keys of the first one, and comparing is far cheaper than collecting.
    fields = dict.fromkeys(rows[0]) if rows else {}
    known = fields.keys()
    for row in rows:
        if row.keys() != known:
            fields.update(dict.fromkeys(row))
            known = fields.keys()
    return fields


def _fields_by_column(fields: Iterable[str]) -> dict[str, list[str]]:
    """Column -> the API's fields that share its name, in a fixed order; ours are kept free."""
    columns: dict[str, list[str]] = {}
    for field in fields:
        name = column_name(field)
        columns.setdefault(f"crm_{name}" if name in (SEEN_AT, TIMEZONE, NUMBER) else name, []).append(field)
    for same in columns.values():
        same.sort()
    return columns


def _first(row: Mapping[str, Any], fields: Sequence[str]) -> Any:
    """The first value that isn't blank, or else that is there, of the rare fields that differ only in how they are written."""
    values = [row[field] for field in fields if row.get(field) is not None]
    return next((value for value in values if value != ""), values[0] if values else None)


def _array(values: list[Any], convert: Callable[[Any], str | None] = as_text) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([convert(value) for value in values], pa.string())
