"""The raw tables as SQL sees them: what they are called, and what is blank in them."""

import hashlib
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from connector.extract.columns import MORE
from connector.extract.names import column_name
from connector.texts import BLANKS

_LONGEST = 57
"""Characters; with ``__text`` PostgreSQL keeps no more of a name."""
LEADS = "lead_versions"
REMOVALS = "lead_removals"


def blank_as_null(text: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A text in SQL, or NULL where it is blank, as the dbt macro of that name."""
    return sa.case((sa.func.rtrim(text, BLANKS) != "", text))


def field_text(table: sa.TableClause, column: str) -> sa.ColumnElement[Any]:
    """A field as text, exactly as the CRM shows it, also one that has a type in ``leads``, or for which the table has no column."""
    exact = text_column(column)
    if exact in table.c:
        return sa.cast(table.c[exact], sa.Text)
    if column in table.c:
        return sa.cast(table.c[column], sa.Text)
    text: sa.ColumnElement[Any] = sa.cast(table.c[MORE], sa.JSON)[column].as_string()
    return text


def text_column(column: str) -> str:
    """The column of ``leads`` with the text of one that has a type there. The same rule as in the dbt macro ``text_column``."""
    if len(column) <= _LONGEST:
        return f"{column}__text"
    return f"{column[:48]}_{hashlib.md5(column.encode(), usedforsecurity=False).hexdigest()[:8]}__text"


def first_not_blank(raw: sa.TableClause, fields: Iterable[str]) -> Any:
    """The first of these fields' columns that isn't blank, without its blanks; ``None`` where the table has none of them."""
    names = [name for name in map(column_name, fields) if name in raw.c]
    values = [sa.func.nullif(sa.func.trim(raw.c[name], BLANKS), "") for name in names]
    return sa.func.coalesce(*values) if values else None
