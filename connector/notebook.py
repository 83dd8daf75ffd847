"""The notebook that comes with leadloop: where it is, how it comes into a project, and what its cells ask with.

It asks whatever warehouse the settings of its folder name, and holds a DuckDB file no longer than a question takes, so that it can
stay open while ``leadloop run`` works.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connector import charts
from connector.charts import Chart
from connector.errors import ConfigError
from connector.warehouse import models
from connector.warehouse.connection import Warehouse
from connector.warehouse.ledger import columns_of

FILE = "leads.ipynb"
VARIABLE = "LEADS_DATABASE"
"""Names a DuckDB file to ask instead of the settings' warehouse."""
MOST_ROWS = 200
_ANALYTICS = re.compile(r"\banalytics\.")


def packaged() -> Path:
    """The notebook: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "notebooks" / FILE
    return inside if inside.is_file() else package.parent / "notebooks" / FILE


def copy(to: Path) -> Path:
    """Puts the notebook there, or into that folder; ``ConfigError`` for a file that is there already."""
    target = to / FILE if to.is_dir() else to
    try:
        with target.open("xb") as file:
            file.write(packaged().read_bytes())
    except FileExistsError:
        raise ConfigError(
            f"{target} is there already, and nothing was written.",
            "Name another file: leadloop notebook other.ipynb",
        ) from None
    except OSError as error:
        raise ConfigError(f"{target} can't be written: {error.strerror}.") from None
    return target


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows with their columns' names; Jupyter shows them as a table."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(_shown(value))}</td>' for value in row)}</tr>"
            for row in self.rows[:MOST_ROWS]
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{escape(self._count())}</p>"

    def __str__(self) -> str:
        texts = [self.columns, *(tuple(map(_shown, row)) for row in self.rows[:MOST_ROWS])]
        widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
        lines = [
            " │ ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in texts
        ]
        return "\n".join([*lines, self._count()])

    __repr__ = __str__

    def _count(self) -> str:
        shown = f", {MOST_ROWS:,} of them shown" if len(self.rows) > MOST_ROWS else ""
        return f"{len(self.rows):,} {'row' if len(self.rows) == 1 else 'rows'}{shown}"


@dataclass(frozen=True, repr=False)
class Book:
    """The leads of a warehouse, for people who ask in SQL. ``analytics`` stands for the schema that the models have."""

    warehouse: Warehouse
    schema: str = field(default_factory=lambda: models.relations().leads.schema)

    @classmethod
    def open(cls) -> "Book":
        """The warehouse that ``LEADS_DATABASE`` names, else that of the settings. ``ConfigError`` where there is none yet."""
        path = os.environ.get(VARIABLE)
        found = cls(Warehouse.duckdb(path) if path else Warehouse.open())
        if not found.warehouse.is_there:
            raise ConfigError(
                f"There is no warehouse {found.warehouse.label} yet.",
                "Run `leadloop extract` and `leadloop build` in the project's folder, and open the notebook there.",
            )
        with found._connected() as connection:
            if not columns_of(connection, found.schema, "leads"):
                raise ConfigError(
                    f"The warehouse {found.warehouse.label} has no table {found.schema}.leads yet.",
                    "Run: leadloop build",
                )
        return found

    def ask(self, question: str) -> Answer:
        """The answer to a question in SQL, as a table."""
        with self._connected() as connection:
            found = connection.execute(self._here(question))
            return Answer(tuple(found.keys()), tuple(tuple(row) for row in found))

    def bars(self, title: str, question: str) -> Chart:
        """The same as bars: rows of (label, number) or (label, series, number)."""
        return charts.bars(title, self.ask(question).rows)

    def first(self, *names: str) -> str:
        """The first of these columns of ``leads`` that has a value, for SQL; NULL where ``leads`` has none of them."""
        with self._connected() as connection:
            there = columns_of(connection, self.schema, "leads")
            quote = connection.dialect.identifier_preparer.quote
            return f"coalesce({', '.join([*(quote(name) for name in names if name in there), 'cast(null as text)'])})"

    def has(self, schema: str, table: str) -> bool:
        """Whether there is a table of this name."""
        with self._connected() as connection:
            return bool(columns_of(connection, schema, table))

    def __repr__(self) -> str:
        return f"The leads in {self.warehouse.label}"

    def _here(self, question: str) -> sa.TextClause:
        quoted = self.warehouse.engine().dialect.identifier_preparer.quote(self.schema)
        # A colon in a text or a cast is no place for a value, and SQLAlchemy sees to % itself.
        return sa.text(_ANALYTICS.sub(f"{quoted}.", question).replace(":", r"\:"))

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        """A connection whose work is never kept."""
        with self.warehouse.translated(), self.warehouse.engine().connect() as connection:
            yield connection
            connection.rollback()


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "hour") else str(value)
