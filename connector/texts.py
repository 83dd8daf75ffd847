"""Small facts about texts: blank, lower case, printable, a moment, a plural.

Blank and lower case are the same in Python, in DuckDB and in PostgreSQL, whatever a database's locale:
``dbt_models/macros/values/text.sql`` has the same two in SQL, and a test compares them.
"""

from collections.abc import Iterable
from datetime import datetime
from string import ascii_lowercase, ascii_uppercase

BLANKS = " \t\n\v\f\r"
"""ASCII's white space. On what else may look like a space (U+00A0, U+2028) engines and languages disagree: it is a
character like any other."""

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def is_blank(text: str | None) -> bool:
    """Whether there is nothing, or nothing but blanks."""
    return not text or not text.strip(BLANKS)


def lowered(text: str) -> str:
    """A to Z in lower case; what else has a case, and which, depends on a locale."""
    return text.translate(_LOWER)


def printable(text: str, keep: str = "") -> str:
    """The text with a dot for each character that a terminal would obey instead of show, but for those to ``keep``."""
    return "".join(
        char if char.isprintable() or char in keep else "⏎" if char == "\n" else "·" for char in text
    )


def moment(text: str | None) -> datetime | None:
    """The ISO time that a text is, aware where it says its zone; ``None`` for anything else."""
    try:
        return datetime.fromisoformat((text or "").strip(BLANKS))
    except ValueError:
        return None


def count(number: int, noun: str) -> str:
    """``1 lead``, ``2,000 leads``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
