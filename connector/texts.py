"""Small facts about texts: blank, lower case, a moment, a plural; and how a value of a lead is shown, everywhere.

Blank and lower case are the same in Python, in DuckDB and in PostgreSQL, whatever a database's locale:
``dbt_models/macros/values/text.sql`` has the same two in SQL, and a test compares them.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from string import ascii_lowercase, ascii_uppercase

BLANKS = " \t\n\v\f\r"
"""ASCII's white space. On what else may look like a space (U+00A0, U+2028) engines and languages disagree: it is a
character like any other."""

_LONGEST = 80
_PLAIN_NAME = re.compile(r"\w[\w .:-]{0,79}")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~!])")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
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


def in_markdown(text: str) -> str:
    """The text so that Markdown shows it as it is: a backslash stands before each character that means something there."""
    return _MARKDOWN.sub(r"\\\1", printable(text))


def in_sql(text: str) -> str:
    """The text as a literal of SQL, for statements that take no parameters there."""
    return "'" + text.replace("'", "''") + "'"


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


def shape(value: str | None) -> str:
    """What kind of value it is, and nothing of the value: ``number, 2 digits``, ``text, 7 characters``."""
    if value is None or is_blank(value):
        return "(blank)"
    if _NUMBER.fullmatch(value):
        return f"number, {count(sum(char.isdigit() for char in value), 'digit')}"
    return f"text, {count(len(value), 'character')}"


def shown_name(text: str) -> str:
    """A lead id or a field as it is, or in quotation marks where it is no ordinary one."""
    return text if _PLAIN_NAME.fullmatch(text) else readable(text)


def shown_key(lead_id: str, *, is_ours: bool, mask: bool) -> str:
    """The id of a lead for a person. Where it ``is_ours``, the key of a row that was to be added, it may be an email address or
    a phone number, so it is masked as values are."""
    return readable(lead_id, mask=True) if is_ours and mask else shown_name(lead_id)


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
