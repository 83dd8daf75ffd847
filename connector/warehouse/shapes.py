"""What a table of one warehouse looks like in another one: its columns, how their values are read, and how both are compared.

Every engine shows the values of a table as texts in the same way: a text as it is, a time as its microseconds. From these the
other one's values are made, and a sum over all rows that is the same on both sides where every value is.

A raw table on PostgreSQL has room for so many fields only, and further ones are in a JSON object (``columns.MORE``). Whoever moves
there puts them into it, and whoever moves away gives each a column again.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import sqlalchemy as sa

from connector.errors import ConfigError
from connector.extract.columns import MORE, OWN, as_objects
from connector.extract.names import NEEDED, has_suffix
from connector.warehouse.engine import Engine
from connector.warehouse.engines import engine_of
from connector.warehouse.relations import Column, Kind, Relation

_KINDS: Mapping[str, Kind] = {
    "text": "text",
    "varchar": "text",
    "character varying": "text",
    "bigint": "bigint",
    "integer": "integer",
    "boolean": "boolean",
    "timestamp with time zone": "timestamptz",
    "timestamp": "timestamp",
    "timestamp without time zone": "timestamp",
}
"""How ``information_schema`` calls the types that leadloop and dlt make, on any engine."""
_AT_ONCE = 40
"""Arguments of one call of ``concat``: PostgreSQL takes a hundred, DuckDB nests a thousand."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A table as it is in the old warehouse, and as it is to be in the new one."""

    relation: Relation
    old: tuple[Column, ...]
    new: tuple[Column, ...]
    packed: tuple[str, ...] = ()
    """Columns of the old one that have no room in the new one: fields in ``MORE``."""
    unpacked: tuple[str, ...] = ()
    """Fields in ``MORE`` of the old one that are columns in the new one."""
    kept: tuple[str, ...] = ()
    """Fields in ``MORE`` on both sides."""
    where: str = ""
    """Which rows count, as SQL; blank for all."""

    @property
    def is_other(self) -> bool:
        """Whether the two have other columns."""
        return bool(self.packed or self.unpacked)

    @property
    def digest(self) -> str:
        """Differs where the table is to look otherwise."""
        told = repr((self.old, self.new, self.packed, self.unpacked, self.kept, self.where))
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def read(self, engine: Engine, quote: Any) -> sa.Select[Any]:
        """All rows of the old one, every value as a text."""
        values: list[sa.Label[Any]] = [
            sa.literal_column(_shown(engine, quote(each.name), each.kind)).label(each.name)
            for each in self.old
        ]
        query = sa.select(*values).select_from(sa.table(self.relation.name, schema=self.relation.schema))
        return query.where(sa.text(self.where)) if self.where else query

    def made(self, rows: Any) -> Any:
        """Rows as ``read`` finds them, as an Arrow table for the new one."""
        import pyarrow as pa

        found = {name: rows.column(name) for name in rows.column_names}
        if self.packed:
            objects = _merged(
                found.get(MORE), as_objects({each: found.pop(each) for each in self.packed}, rows.num_rows)
            )
            found[MORE] = pa.chunked_array([objects])
        for name, values in _split(found.get(MORE), self.unpacked, found).items():
            found[name] = pa.chunked_array([pa.array(values, pa.string())])
        return pa.table({each.name: _typed(found[each.name], each.kind) for each in self.new})

    def checksum(self, engine: Engine, quote: Any, *, is_new: bool) -> str:
        """SQL: how many rows there are, and the sum over all of them, as a text, on one of the two sides."""
        values = list(self._compared(engine, quote, is_new))
        # concat makes an empty text of NULL, and NULL is not one.
        measured = [
            f"case when {value} is null then '-' else concat({engine.bytes_of(value)}, ':', {value}) end"
            for value in values
        ]
        table = ".".join(map(quote, self.relation))
        where = f" where {self.where}" if self.where else ""
        each = f"select {engine.digest(_concat(measured))} as found from {table}{where}"
        return f"select count(*), cast(coalesce(sum(found), 0) as varchar) from ({each}) as rows_of_it"

    def _compared(self, engine: Engine, quote: Any, is_new: bool) -> Iterator[str]:
        moved = {*self.packed, *self.unpacked, *self.kept, MORE} if self.packed or self.unpacked else set()
        for column in self.old:
            if column.name not in moved:
                yield _shown(engine, quote(column.name), column.kind)
        if not moved:
            return
        in_object = {*self.kept, *(self.packed if is_new else self.unpacked)}
        there = {column.name for column in (self.new if is_new else self.old)}
        for name in sorted(moved - {MORE}):
            parts = [f"nullif({quote(name)}, '')"] if name in there else []
            parts += [f"nullif((cast({quote(MORE)} as json) ->> '{name}'), '')"] if name in in_object else []
            yield parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"


def tables_in(connection: sa.Connection, schemas: Collection[str]) -> dict[Relation, tuple[Column, ...]]:
    """The tables of these schemas with their columns in order; ``ConfigError`` for a column of a type that leadloop never makes."""
    names = ("table_catalog", "table_schema", "table_name")
    told = sa.table("tables", *map(sa.column, (*names, "table_type")), schema="information_schema")
    columns = sa.table(
        "columns",
        *map(sa.column, (*names, "column_name", "data_type", "is_nullable", "ordinal_position")),
        schema="information_schema",
    )
    column = columns.c
    is_table = sa.and_(
        *(column[name] == told.c[name] for name in names),
        told.c.table_type == engine_of(connection).loaded_as,
    )
    query = (
        sa.select(
            column.table_schema, column.table_name, column.column_name, column.data_type, column.is_nullable
        )
        .join_from(columns, told, is_table)
        .where(column.table_schema.in_(sorted(schemas)))
        .order_by(column.table_schema, column.table_name, column.ordinal_position)
    )
    found: dict[Relation, tuple[Column, ...]] = {}
    for schema, table, name, kind, nullable in connection.execute(query):
        relation = Relation(schema, table)
        if kind.lower() not in _KINDS:
            raise ConfigError(
                f"The column {name} of {relation} has the type {kind.lower()}, and leadloop makes no such column. Nothing was moved.",
                f"Put the table {relation} into another schema, then run the move again.",
            )
        each = Column(name, _KINDS[kind.lower()], nullable == "YES")
        found[relation] = (*found.get(relation, ()), each)
    return found


def of_ledger(table: sa.Table, where: str = "") -> Shape:
    """One of leadloop's own tables, which is the same everywhere."""
    kinds: dict[type[Any], Kind] = {
        sa.Text: "text",
        sa.Integer: "integer",
        sa.BigInteger: "bigint",
        sa.DateTime: "timestamptz",
    }
    columns = tuple(Column(each.name, kinds[type(each.type)]) for each in table.columns)
    return Shape(Relation(str(table.schema), table.name), columns, columns, where=where)


def of_raw(
    relation: Relation,
    columns: tuple[Column, ...],
    *,
    most: int | None,
    needed: Collection[str],
    in_object: Collection[str],
) -> Shape:
    """A raw table where it may have ``most`` columns of fields, or as many as it likes.

    ``needed``: columns that have to stay columns; ``in_object``: the fields that rows have in ``MORE``.
    """
    shape = Shape(relation, columns, columns, kept=tuple(sorted(in_object)))
    if most is None:
        return _unpacked(shape) if any(each.name == MORE for each in columns) else shape
    fields = [each.name for each in columns if each.name not in OWN]
    if len(fields) <= most:
        return shape
    stays = [
        name
        for name in fields
        if name in NEEDED or name in needed or name.startswith("_dlt") or has_suffix(name)
    ]
    room = max(most - len(stays), 0)
    others = [name for name in fields if name not in set(stays)]
    packed = tuple(others[room:])
    new = tuple(each for each in columns if each.name not in {*packed, MORE})
    return replace(shape, new=(*new, Column(MORE, "text")), packed=packed)


def _unpacked(shape: Shape) -> Shape:
    there = {each.name for each in shape.old}
    new = [each for each in shape.old if each.name != MORE]
    new += [Column(name, "text") for name in shape.kept if name not in there]
    return replace(shape, new=tuple(new), unpacked=shape.kept, kept=())


def fields_in_more(tables: Iterable[Any]) -> set[str]:
    """The names in the JSON objects of Arrow tables with one column."""
    found: set[str] = set()
    for rows in tables:
        for each in rows.column(0).unique().to_pylist():
            found.update(msgspec.json.decode(each) if each else ())
    return found


def _shown(engine: Engine, column: str, kind: Kind) -> str:
    if kind == "text":
        return column
    return f"cast({engine.micros(column) if kind.startswith('timestamp') else column} as varchar)"


def _typed(column: Any, kind: Kind) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind == "text":
        return column
    if kind == "boolean":
        return pc.equal(column, "true")
    if kind == "integer":
        return pc.cast(column, pa.int32())
    number = pc.cast(column, pa.int64())
    if kind == "bigint":
        return number
    return pc.cast(number, pa.timestamp("us", "UTC" if kind == "timestamptz" else None))


def _concat(values: Sequence[str]) -> str:
    """SQL: one text of many."""
    while len(values) > 1:
        values = [
            f"concat({', '.join(values[at : at + _AT_ONCE])})" for at in range(0, len(values), _AT_ONCE)
        ]
    return values[0] if values else "''"


def _merged(before: Any, objects: Any) -> Any:
    """JSON objects, each with what an older one had."""
    import pyarrow as pa

    if before is None or before.null_count == len(before):
        return objects
    both = zip(before.to_pylist(), objects.to_pylist(), strict=True)
    found = [{**_object(old), **_object(new)} for old, new in both]
    return pa.array([msgspec.json.encode(each).decode() if each else None for each in found], pa.string())


def _split(objects: Any, names: Sequence[str], found: Mapping[str, Any]) -> dict[str, list[str | None]]:
    """The fields of these names as columns; a column that is there goes before."""
    if not names:
        return {}
    each = list(map(_object, objects.to_pylist()))
    columns = {name: [row.get(name) for row in each] for name in names}
    for name in columns.keys() & found.keys():
        columns[name] = [
            own or other for own, other in zip(found[name].to_pylist(), columns[name], strict=True)
        ]
    return columns


def _object(text: str | None) -> dict[str, str]:
    found: dict[str, str] = msgspec.json.decode(text) if text else {}
    return found
