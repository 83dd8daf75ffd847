"""A CRM's rows as Arrow columns: every value as the API said it, as text, under a name any warehouse takes."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from connector.crm.answers import REPLACED, RawRows, mended
from connector.crm.base import Capabilities, LeadReader, Page
from connector.extract.names import Names, aside, own_column
from connector.extract.names import column_name as column_name
from connector.extract.notes import Notes
from connector.texts import is_blank

SEEN_AT = "leadloop_seen_at"
TIMEZONE = "leadloop_timezone"
NUMBER = "leadloop_sequence_number"
"""The number that a reading took before its first call; see ``warehouse/ledger.py``."""

MORE = "leadloop_more_fields"
"""The fields that the table has no room for, as one JSON object: column -> text."""
OWN = frozenset({SEEN_AT, TIMEZONE, NUMBER, MORE})
"""Columns of a raw table of leads that are none of the CRM's fields."""
LEADS_OWN = frozenset(
    {
        *("crm", "lead_id", "created_at", "modified_at", "removed_at", "removal", "merged_into"),
        *("version_number", "valid_from", "valid_to", "is_current", "first_seen_at", "last_seen_at"),
        *("last_sequence_number", "sightings", "build_number", "made_at", "content_hash"),
        *(SEEN_AT, TIMEZONE, NUMBER, "_dlt_load_id", "_dlt_id"),
    }
)
"""Columns of the models of leads that are none of the CRM's fields; ``macros/leads/columns.sql`` has the same ones."""


def as_text(value: Any) -> str | None:
    """A JSON value as the text a reader of the answer would see; ``None`` for null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return msgspec.json.encode(value).decode()


def names_of(
    can: Capabilities,
    there: Collection[str] = (),
    homes: Mapping[str, str] | None = None,
    *,
    gives: bool = True,
    most: int | None = None,
) -> Names:
    """The columns of one CRM's fields in a table that has the columns ``there``; see ``Names``."""
    reserved = (*can.id_fields, *can.modified_fields)
    return Names(can.name, reserved=reserved, own=OWN, there=there, homes=homes, gives=gives, most=most)


def column_in(there: Collection[str], crm: str, field: str) -> str:
    """The column of ``leads``, which has the columns ``there``, that holds a CRM's field; one of ``MORE`` if it isn't there.

    ``macros/leads/column_of.sql`` has the same rule for pushes, and a test compares the two.
    """
    own = own_column(crm, field)
    return own if own in there else aside(aside(column_name(field), OWN), LEADS_OWN)


def text_row(row: Mapping[str, Any], names: Names) -> dict[str, str | None]:
    """One row as text by column name, the way the warehouse keeps it."""
    return {column: as_text(row[field]) for field, column in names.columns(row).items()}


class Columns:
    """Turns pages into Arrow tables that all have the columns seen so far, so that a new field is only ever an addition.

    One instance serves one reading; ``table`` may be called from several threads. The first page is looked at value by
    value; later ones go from bytes to columns without becoming Python objects, as long as they hold nothing but known
    fields of known types. Whatever does not is looked at value by value again.
    """

    def __init__(
        self,
        zone: str,
        names: Names | None = None,
        *,
        id_fields: Sequence[str] = ("id",),
        notes: Notes | None = None,
    ) -> None:
        """``id_fields``: where a row has the id of its lead, to name it in ``notes``."""
        self._zone = zone
        self.names = names or Names("crm", own=OWN)
        self._id_fields = id_fields
        self._notes = notes or Notes()
        self._order: dict[str, None] = {}
        self._types: dict[str, pa.DataType | None] = {}
        self._surprises = 0
        self._mended = mended()

    @classmethod
    def of(
        cls,
        reader: LeadReader,
        there: Collection[str] = (),
        homes: Mapping[str, str] | None = None,
        *,
        gives: bool = True,
        most: int | None = None,
        notes: Notes | None = None,
    ) -> Self:
        """For what a reader shows, to go into a table that has the columns ``there``; see ``Names``."""
        can = reader.capabilities
        names = names_of(can, there, homes, gives=gives, most=most)
        return cls(reader.zone.key, names, id_fields=can.id_fields, notes=notes)

    def table(self, page: Page) -> pa.Table:
        """``len(page.rows)`` rows: one text column per field, then ``leadloop_seen_at`` and ``leadloop_timezone``."""
        rows = page.rows
        arrays = self._straight(rows) if isinstance(rows, RawRows) else None
        if arrays is None:
            arrays = self._one_by_one(list(rows))
        if self._mended != mended():
            self._tell_replaced(arrays)
        if more := self.names.more:
            arrays[MORE] = as_objects(
                {name: arrays.pop(name) for name in sorted(more & arrays.keys())}, len(rows)
            )
            self._order.setdefault(MORE)
        for name in tuple(self._order):
            if name not in arrays:
                arrays[name] = pa.nulls(len(rows), pa.string())
        ordered = {name: arrays[name] for name in tuple(self._order) if name in arrays}
        ordered[SEEN_AT] = pa.repeat(pa.scalar(page.asked_at, pa.timestamp("us", "UTC")), len(rows))
        ordered[TIMEZONE] = pa.repeat(pa.scalar(self._zone, pa.string()), len(rows))
        return pa.table(ordered)

    def _one_by_one(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, pa.Array]:
        arrays = {}
        for field, column in self.names.columns(_all_fields(rows)).items():
            values = [row.get(field) for row in rows]
            arrays[column] = _array(values)
            # A page with mixed types never goes the short way.
            kind = _kind(values)
            if field not in self._types or self._types[field] == kind:
                self._types[field] = kind
            elif arrays[column].null_count < len(rows):
                self._types[field] = kind if self._types[field] == pa.null() else None
        more = self.names.more
        for column in arrays:
            if column not in more:
                self._order.setdefault(column)
        for field, home, column in self.names.moved():
            self._notes.say(
                ("moved", column),
                f"The fields {home!r} and {field!r}, as lead {self._lead_with(field, rows)} has them, differ only in how they "
                f"are written: {field!r} is in a column of its own, {column}.",
            )
        if spilled := self.names.spilled():
            field, column = spilled[0]
            self._notes.say(
                "more",
                f"The warehouse's table has as many columns as it can hold, so further fields are in {MORE}: "
                f"{len(spilled)} of them now, such as {field!r} of lead {self._lead_with(field, rows)}, there as {column!r}.",
            )
        return arrays

    def _tell_replaced(self, arrays: Mapping[str, pa.Array]) -> None:
        """Says where the first replaced character is: some answer had one since this began, and it may be on a later page."""
        for field, column in self.names.columns(self._types).items():
            found = (
                pc.index(pc.match_substring(arrays[column], REPLACED), True).as_py()
                if column in arrays
                else -1
            )
            if found >= 0:
                (lead_id,) = ids(pa.table(dict(arrays)).slice(found, 1), self._id_fields)
                self._notes.say(
                    "replaced",
                    f"The field {field!r} of lead {lead_id} has half a character, or a NUL, which no warehouse keeps. U+FFFD "
                    "stands in its place; more of the kind may have been read.",
                )
                self._mended = mended()
                return

    def _lead_with(self, field: str, rows: Sequence[Mapping[str, Any]]) -> str | None:
        row = next((row for row in rows if row.get(field) not in (None, "")), rows[0])
        return next((as_text(row[name]) for name in self._id_fields if row.get(name)), None)

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
        if table.num_rows != len(rows):
            return None
        columns = self.names.columns(table.column_names)
        return {column: _as_text(table.column(field)) for field, column in columns.items()}


MOST_SURPRISES = 20


def as_objects(arrays: Mapping[str, pa.Array], rows: int) -> pa.Array:
    """Per row a JSON object, column -> text, of what is neither NULL nor an empty text; NULL for an empty object."""
    values = {name: array.to_pylist() for name, array in arrays.items()}
    objects = [{name: each[at] for name, each in values.items() if each[at]} for at in range(rows)]
    return pa.array([msgspec.json.encode(each).decode() if each else None for each in objects], pa.string())


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


def _array(values: list[Any], convert: Callable[[Any], str | None] = as_text) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([convert(value) for value in values], pa.string())
