"""What earlier runs left of one account: how far they came, and the columns of the raw tables."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from connector.crm.base import LeadReader
from connector.extract.notes import Notes
from connector.extract.windows import Window

if TYPE_CHECKING:
    from connector.extract.columns import Columns

HOMES = "homes"
"""Where a resource's state has ``Past.homes``."""
MOST_COLUMNS = {"postgres": 300}
"""A destination's name -> how many columns of fields a raw table gets there; any number where it is not named.

A row on PostgreSQL has to fit a page of 8 kB, in which a text takes up to 24 bytes; only longer ones are kept elsewhere. So no more
than 330 are sure to fit, filled, beside our own columns. And ``leads``, with the fields of all CRMs, has at most 1,600.
"""


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of one table from earlier loads."""

    cursors: Mapping[str, str] = field(default_factory=dict)
    """How far each reading came, by its cursor's name."""
    homes: Mapping[str, str] = field(default_factory=dict)
    """Plain column -> the field it belongs to; see ``Names``."""
    columns: Collection[str] = ()
    most: int | None = None
    """How many columns of fields the table may have."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """The cursors as they lie with the rows; ``cursors`` may be ahead of them, by what is known to be nothing."""

    def as_columns(self, reader: LeadReader, notes: Notes | None = None) -> "Columns":
        """What makes further rows of this table."""
        from connector.extract.columns import Columns

        return Columns.of(reader, self.columns, self.homes, most=self.most, notes=notes)


@dataclass(frozen=True, slots=True)
class Nothing:
    """Between these two instants nothing is to be found: the cursor that is kept with the rows, and how far was read since.

    Both are as cursors are written.
    """

    since: str
    until: str


@dataclass(frozen=True, slots=True)
class Read:
    """One reading of one stream in one window, as far as it came."""

    stream: str
    """The raw table that it is for."""
    cursor: str
    """The cursor's name, which holds the filters."""
    window: Window | None
    """``None``: nothing had settled since the cursor."""
    rows: int
    calls: int
    whole: bool
    """Whether all of the window was read."""
    nothing: Nothing | None = None
    """Where no row was found: what a cursor would say, if it were moved."""


class RawTables(Protocol):
    """The raw tables of one account in one warehouse."""

    def past(self, table: str) -> Past:
        """What is known of one table, as of the last package."""

    def load(self, resources: Sequence[Any]) -> None:
        """Brings the rows of dlt resources into their tables, as one package, with the state that belongs to them.

        An error of ours in a resource comes out as itself.
        """


def moved(cursors: Mapping[str, str], nothing: Mapping[str, Nothing]) -> dict[str, str]:
    """The cursors, each moved on by what is known of the time since it: name -> ``Nothing``.

    Where a cursor is another one than the ``Nothing`` begins at, its table was loaded or dropped since, and it stays.
    """
    return {
        name: nothing[name].until if name in nothing and nothing[name].since == at else at
        for name, at in cursors.items()
    }


def cursor(raw: RawTables, table: str, name: str) -> datetime | None:
    """How far everything is in the warehouse, UTC, by the cursor of this name; ``None`` where nothing was ever loaded."""
    found = raw.past(table).cursors.get(name)
    return datetime.fromisoformat(found) if found else None


def most_columns(destination: str | None) -> int | None:
    """How many columns of fields a table of this kind of destination gets; ``None`` for any number."""
    return MOST_COLUMNS.get(destination) if destination is not None else None
