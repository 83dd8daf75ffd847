"""What a warehouse holds, carried into another one: raw tables, dlt's cursors, and all that leadloop itself remembers.

Table by table, in parts of some thousand rows, so that memory doesn't grow with a table. A table that is there whole is compared:
as many rows, and the same sum over all their values, made by each engine of what it holds itself. Then it is noted, and a
move that is done again goes on with the next one. Whatever has changed in the old warehouse since is carried once more.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from connector import crm
from connector.errors import NotTheSameError
from connector.events import Listener
from connector.extract.columns import MORE
from connector.extract.names import column_name
from connector.extract.past import most_columns
from connector.warehouse.accounts import accounts
from connector.warehouse.connection import Warehouse
from connector.warehouse.engines import engine_of
from connector.warehouse.ledger import SCHEMA, SEQUENCE, columns_of, next_number
from connector.warehouse.relations import Relation
from connector.warehouse.shapes import Shape, fields_in_more, of_ledger, of_raw, tables_in

STORED_SCHEMA = "_dlt_version"
"""dlt's table of what it thinks its tables look like."""
TRIES = 3
"""So often a table is carried that somebody else writes to meanwhile: a command that only looks leaves a row in ``leadloop.runs``."""
_NUMBERS_AT_ONCE = 1_000_000


class Carried(NamedTuple):
    """A table that is whole in the new warehouse."""

    rows: int
    checksum: str
    state: str
    """Of the table in the old one, as its engine tells it; blank where it doesn't."""
    shape: str


@dataclass
class Carrying:
    """One move between two warehouses whose locks are held."""

    source: Warehouse
    target: Warehouse
    ledger: Collection[sa.Table]
    """leadloop's own tables that are carried."""
    left_out: Collection[str]
    """Ids of runs that are at work on the move itself."""
    note: Callable[[Mapping[Relation, Carried]], None]
    """Writes down what is whole."""
    prove: Callable[[], None]
    """Raises where somebody else has taken over."""
    listener: Listener
    done: dict[Relation, Carried] = field(default_factory=dict)

    def carry(self) -> list[Relation]:
        """Carries what isn't there as it is in the old warehouse; returns what that was."""
        shapes = self._shapes()
        states = self._states(shapes)
        carried = []
        for relation, shape in shapes.items():
            if not self._is_as_noted(shape, states.get(relation, "")) or not self._is_there(shape):
                self._carry(shape, states.get(relation, ""))
                carried.append(relation)
        self._count_on()
        return carried

    def has_changed(self) -> bool:
        """Whether somebody has written to the old warehouse since it was carried, other than to what only tells of runs."""
        shapes = self._shapes()
        states = self._states(shapes)
        return any(
            not self._is_as_noted(shape, states.get(relation, ""))
            for relation, shape in shapes.items()
            if relation.schema != SCHEMA or relation.name not in ("runs", "alerts")
        )

    def _is_as_noted(self, shape: Shape, state: str) -> bool:
        """Whether the old table is what was carried. A state tells it at once; one that is another may only mean that the engine
        has put the rows elsewhere, so then they are counted and summed up."""
        before = self.done.get(shape.relation)
        if before is None or before.shape != shape.digest:
            return False
        if state and before.state == state:
            return True
        if self._sums(self.source, shape, is_new=False) != (before.rows, before.checksum):
            return False
        self.done[shape.relation] = before._replace(state=state)
        return True

    def _shapes(self) -> dict[Relation, Shape]:
        """Raw tables first: they are what takes long."""
        with self.source.engine().connect() as connection:
            raw = tables_in(connection, raw_schemas(connection))
            found = {
                relation: self._raw(connection, relation, columns)
                for relation, columns in sorted(raw.items())
            }
        other = {relation.schema for relation, shape in found.items() if shape.is_other}
        # dlt would give the new table the columns of the old one. Without this, it looks at the table itself.
        found = {
            each: shape
            for each, shape in found.items()
            if each.schema not in other or each.name != STORED_SCHEMA
        }
        for table in self.ledger:
            found[Relation(SCHEMA, table.name)] = of_ledger(table, self._where(table))
        return found

    def _where(self, table: sa.Table) -> str:
        ids = ", ".join(f"'{each}'" for each in sorted(self.left_out))
        return f"run_id not in ({ids})" if table.name == "runs" and ids else ""

    def _raw(self, connection: sa.Connection, relation: Relation, columns: Any) -> Shape:
        needed: set[str] = set()
        name = relation.schema.removesuffix(crm.raw_schema(""))
        if name in crm.vendors() or name in crm.names():
            can = crm.vendor(name).capabilities
            needed = {column_name(each) for each in (*can.id_fields, *can.modified_fields, can.created_field)}
        in_object: set[str] = set()
        if any(each.name == MORE for each in columns):
            table = sa.table(relation.name, sa.column(MORE), schema=relation.schema)
            query = sa.select(table.c[MORE]).where(table.c[MORE].is_not(None))
            in_object = fields_in_more(engine_of(connection).tables(connection, query))
        most = None if relation.name.startswith("_dlt") else most_columns(self.target.kind)
        if relation.name.startswith("_dlt"):
            return Shape(relation, columns, columns)
        return of_raw(relation, columns, most=most, needed=needed, in_object=in_object)

    def _states(self, shapes: Mapping[Relation, Shape]) -> dict[Relation, str]:
        with self.source.engine().connect() as connection:
            states = engine_of(connection).states(connection, [*shapes])
        return {relation: state.digest for relation, state in states.items()}

    def _is_there(self, shape: Shape) -> bool:
        """Whether the new table has as many rows as were carried."""
        with _database(self.target, shape.relation).connect() as connection:
            if not columns_of(connection, *shape.relation):
                return False
            table = sa.table(shape.relation.name, schema=shape.relation.schema)
            return (
                connection.scalar(sa.select(sa.func.count()).select_from(table))
                == self.done[shape.relation].rows
            )

    def _carry(self, shape: Shape, state: str) -> None:
        self.listener.stage(f"copy {shape.relation}")
        self.done.pop(shape.relation, None)
        for _ in range(TRIES):
            self._empty(shape)
            self._copy(shape)
            rows, checksum = self._sums(self.source, shape, is_new=False)
            if (rows, checksum) == (found := self._sums(self.target, shape, is_new=True)):
                break
        else:
            raise NotTheSameError(
                f"{shape.relation} is not in {self.target.label} what it is in {self.source.label}: {rows:,} rows there "
                f"are {found[0]:,} here, or hold other values. Nothing was switched over, and the old one goes on.",
                "Run the move again. If it goes on: is somebody else writing to this table?",
            )
        self.done[shape.relation] = Carried(rows, checksum, state, shape.digest)
        self.note(self.done)

    def _empty(self, shape: Shape) -> None:
        """The new table, with no row in it. In a transaction of its own: DuckDB gives a key free when a deletion is committed."""
        with _database(self.target, shape.relation).begin() as connection:
            if shape.relation.schema == SCHEMA:
                quote = connection.dialect.identifier_preparer.quote_identifier
                connection.exec_driver_sql(f"delete from {'.'.join(map(quote, shape.relation))}")
                return
            # An earlier attempt may have built views on it; this one builds them again.
            engine_of(connection).make_anew(connection, shape.relation, shape.new)

    def _copy(self, shape: Shape) -> None:
        """In one transaction, so that a table has no row or all of them."""
        databases = _database(self.source, shape.relation), _database(self.target, shape.relation)
        with databases[0].connect() as source, databases[1].begin() as target:
            writing = engine_of(target)
            writing.fill(target, shape.relation, self._parts(source, shape))
            writing.analyze(target, _named(shape.relation))

    def _parts(self, source: sa.Connection, shape: Shape) -> Iterator[Any]:
        """The rows of the old table as the new one is to have them, some thousand at a time."""
        reading = engine_of(source)
        total = reading.about(source, _named(shape.relation))
        quote = source.dialect.identifier_preparer.quote_identifier
        done = 0
        for rows in reading.tables(source, shape.read(reading, quote)):
            if rows.num_rows:
                self.prove()
                yield shape.made(rows)
                done += rows.num_rows
                self.listener.copying(done, max(total, done))

    def _sums(self, warehouse: Warehouse, shape: Shape, *, is_new: bool) -> tuple[int, str]:
        self.prove()
        with _database(warehouse, shape.relation).connect() as connection:
            quote = connection.dialect.identifier_preparer.quote_identifier
            query = shape.checksum(engine_of(connection), quote, is_new=is_new)
            number, found = connection.exec_driver_sql(query).one()
        return int(number), str(found)

    def _count_on(self) -> None:
        """Has the new warehouse's sequence go on after every number that the old one has given."""
        with self.source.ledger().begin() as connection:
            highest = next_number(connection)
        with self.target.ledger().begin() as connection:
            left = highest - next_number(connection)
            while left > 0:
                number = min(left, _NUMBERS_AT_ONCE)
                connection.exec_driver_sql(
                    f"select max(nextval('{SEQUENCE}')) from generate_series(1, {number})"
                ).all()
                left -= number


def raw_schemas(connection: sa.Connection) -> set[str]:
    """The raw schemas of every CRM and account that this warehouse can hold."""
    names = {*crm.vendors(), *crm.names()}
    if columns_of(connection, SCHEMA, accounts.name):
        names |= set(connection.scalars(sa.select(accounts.c.crm).distinct()))
    return set(map(crm.raw_schema, names))


def noted(text: str | None) -> dict[Relation, Carried]:
    """What is whole, as ``as_note`` wrote it."""
    found = json.loads(text) if text else []
    return {Relation(*relation): Carried(*carried) for relation, carried in found}


def as_note(done: Mapping[Relation, Carried]) -> str:
    return json.dumps([[[*relation], [*carried]] for relation, carried in done.items()])


def _database(warehouse: Warehouse, relation: Relation) -> sa.Engine:
    """By which a table is written, and read alone."""
    return warehouse.ledger() if relation.schema == SCHEMA else warehouse.engine()


def _named(relation: Relation) -> sa.Table:
    return sa.Table(relation.name, sa.MetaData(), schema=relation.schema)
