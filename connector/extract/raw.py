"""The raw tables as SQL sees them: what they are called, and what is blank in them."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from connector.extract.names import column_name
from connector.texts import BLANKS

LEADS = "lead_versions"
REMOVALS = "lead_removals"


def blank_as_null(text: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A text in SQL, or NULL where it is blank, as the dbt macro of that name."""
    return sa.case((sa.func.rtrim(text, BLANKS) != "", text))


def first_not_blank(raw: sa.TableClause, fields: Iterable[str]) -> Any:
    """The first of these fields' columns that isn't blank, without its blanks; ``None`` where the table has none of them."""
    names = [name for name in map(column_name, fields) if name in raw.c]
    values = [sa.func.nullif(sa.func.trim(raw.c[name], BLANKS), "") for name in names]
    return sa.func.coalesce(*values) if values else None
