"""What all results share on a terminal: tables, and how a value, a name and a moment are shown."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich import box
from rich.table import Table
from rich.text import Text

from connector.texts import is_blank, printable

_LONGEST = 80
_PLAIN_NAME = re.compile(r"\w[\w .:-]{0,79}")


def masked(value: str | None) -> str | None:
    """``•••• 67``: enough to recognise a value one knows, not to learn one."""
    if value is None or is_blank(value):
        return value
    return f"•••• {value.strip()[-2:]}" if len(value.strip()) > 6 else "••••"


def readable(value: str | None, *, mask: bool = False) -> str:
    """A value on one line, in quotation marks, so that a blank is seen and nothing is taken for a formula or a command."""
    if value is None or is_blank(value):
        return "(blank)"
    text = (masked(value) or "") if mask else value
    text = printable(text[: _LONGEST + 1])
    return f"“{text[:_LONGEST]}…”" if len(text) > _LONGEST else f"“{text}”"


def shown_name(text: str) -> str:
    """A lead id or a field as it is, or in quotation marks where it is no ordinary one."""
    return text if _PLAIN_NAME.fullmatch(text) else readable(text)


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
