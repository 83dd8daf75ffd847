"""What the CRM shows of a field, as leads that were read tell, and whether they were read since something was sent."""

from collections.abc import Sequence

import sqlalchemy as sa

from connector.extract.raw import field_text

NUMBER = "last_sequence_number"
"""Column of ``leads`` and ``lead_history``: the highest number of the readings in which the version was seen."""


def shown_by(
    connection: sa.Connection, leads: sa.TableClause, crm: str, names: Sequence[str]
) -> Sequence[str]:
    """Those columns that some lead of this CRM has a value in; the others may be another CRM's alone."""
    if not names:
        return names
    query = sa.select(*(sa.func.count(field_text(leads, name)) for name in names)).where(leads.c.crm == crm)
    return [name for name, number in zip(names, connection.execute(query).one(), strict=True) if number]


def seen_after(shown: sa.TableClause, clock: str, applied: sa.Subquery) -> sa.ColumnElement[bool]:
    """Whether a row was seen after the write: by the warehouse's count where the sighting has a number, and a write without
    one is from before there were any; else by their times."""
    later: sa.ColumnElement[bool] = shown.c[clock] > applied.c.recorded_at
    if NUMBER not in shown.c:
        return later
    number, written = shown.c[NUMBER], applied.c.sequence_number
    return sa.case((number.is_not(None), number > sa.func.coalesce(written, 0)), else_=later)


def shown_value(
    applied: sa.Subquery, leads: sa.TableClause, known: Sequence[str]
) -> sa.ColumnElement[str | None]:
    """The value of the very column that the journal's row is about, as text."""
    return sa.case(*((applied.c.column_name == name, field_text(leads, name)) for name in known), else_=None)
