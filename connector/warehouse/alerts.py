"""What was told of each thing that can fail, and when: ``leadloop.alerts``, one row per change of its state.

Nothing depends on the table but who is told what: a row that can't be written waits beside the project (``alerts/memory.py``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from connector.warehouse.ledger import METADATA, SCHEMA, columns_of

State = Literal["ok", "warned", "critical"]

alerts = sa.Table(
    "alerts",
    METADATA,
    # What it is about: `extract convoso`, `build`, `push tiers_to_convoso`, `run`.
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("since", sa.DateTime(timezone=True), primary_key=True),
    # ok, warned or critical.
    sa.Column("state", sa.Text),
    # The run of leadloop.runs that ended so, and how.
    sa.Column("run_id", sa.Text),
    sa.Column("exit_code", sa.Integer),
    sa.Column("what", sa.Text),
    # When somebody was told; NULL: nobody yet, or there was nothing to tell.
    sa.Column("told_at", sa.DateTime(timezone=True)),
    info={"one_row_per": "change of the state of an extraction, a build or a push"},
)


@dataclass(frozen=True, slots=True)
class Alert:
    """One change of a state."""

    subject: str
    since: datetime
    state: State
    run_id: str | None = None
    exit_code: int | None = None
    what: str | None = None
    """What happened, in one sentence that holds no lead's data."""
    told_at: datetime | None = None


_NAMES = tuple(Alert.__dataclass_fields__)


def are_there(connection: sa.Connection) -> bool:
    """Whether the table is: an older leadloop made none, and only a lease brings it."""
    return bool(columns_of(connection, SCHEMA, alerts.name))


def latest(connection: sa.Connection) -> list[Alert]:
    """Of each subject the last change, and the last one that somebody was told of."""
    row = alerts.c
    is_told = row.told_at.is_not(None)
    places = [
        sa.func.row_number().over(partition_by=by, order_by=row.since.desc())
        for by in ((row.subject,), (row.subject, is_told))
    ]
    ranked = sa.select(
        *alerts.c, is_told.label("is_told"), places[0].label("a"), places[1].label("b")
    ).subquery()
    wanted = sa.or_(ranked.c.a == 1, sa.and_(ranked.c.b == 1, ranked.c.is_told))
    query = sa.select(*(ranked.c[name] for name in _NAMES)).where(wanted)
    return [
        Alert(**{**each, "since": _utc(each["since"]), "told_at": _utc(each["told_at"])})
        for each in connection.execute(query).mappings()
    ]


def save(connection: sa.Connection, rows: Iterable[Alert]) -> None:
    """Writes changes, in the transaction of the connection; of one that is there only when somebody was told is new."""
    for row in rows:
        insert = postgresql.insert(alerts).values(**{name: getattr(row, name) for name in _NAMES})
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=["subject", "since"], set_={"told_at": insert.excluded.told_at}
            )
        )


def _utc(instant: datetime | None) -> datetime | None:
    return instant.astimezone(UTC) if instant else None
