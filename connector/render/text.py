"""What all results share on a terminal: tables and moments. How a value and a name are shown is in ``texts``."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich import box
from rich.table import Table
from rich.text import Text


def moment(instant: datetime | None) -> str:
    """``2026-11-01 09:30:00`` in UTC, or ``-``."""
    return f"{instant.astimezone(UTC):%F %T}" if instant else "-"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table whose cells are text, never markup: a value such as ``[red]`` is shown as it is."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        made.add_column(head, overflow="fold")
    for row in rows:
        made.add_row(*map(Text, row))
    return made
