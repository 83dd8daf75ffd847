"""Where this warehouse was moved to, and where it was moved from: ``leadloop.moves``.

A move carries what one warehouse holds into another one, which is the same warehouse in another place and has its id. The new
one has a row from the first moment on, and is refused to everybody but the move until it is whole. The old one gets a row at
the very end, and refuses from then on: at no moment do two of them send.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from connector.errors import MovedError
from connector.warehouse.ledger import METADATA, SCHEMA, columns_of

LOCK = "move"
"""The lock of a move, which stands against every other one."""
AWAY, HERE = "away", "here"
"""Sides of a move: this warehouse is the old one; it is the new one."""

moves = sa.Table(
    "moves",
    METADATA,
    # The same in the old and in the new one.
    sa.Column("move_id", sa.Text),
    # away: from here to the other one; here: from the other one to here.
    sa.Column("side", sa.Text),
    # The other one: its engine, its place for people, and the machine on which the command was run.
    sa.Column("engine", sa.Text),
    sa.Column("place", sa.Text),
    sa.Column("host", sa.Text),
    sa.Column("who", sa.Text),
    sa.Column("begun_at", sa.DateTime(timezone=True)),
    # Empty in the new one until it is whole.
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    # When a person said that the move doesn't count any more.
    sa.Column("cancelled_at", sa.DateTime(timezone=True)),
    # In the new one: what is carried whole, as JSON.
    sa.Column("copied", sa.Text),
    info={"one_row_per": "move of this warehouse to another place, or from another place to here"},
)

_AT_WORK: ContextVar[bool] = ContextVar("a move is at work", default=False)


@contextmanager
def at_work() -> Iterator[None]:
    """In the block this process may take locks in a warehouse that is refused to all others."""
    before = _AT_WORK.set(True)
    try:
        yield
    finally:
        _AT_WORK.reset(before)


def told(name: str) -> str:
    """What a lock of this name is for, as a message begins."""
    return "A move of this warehouse" if name == LOCK else name


def open_row(connection: sa.Connection, side: str) -> dict[str, Any] | None:
    """The newest move of this side that counts; ``None`` where there is none."""
    if not columns_of(connection, SCHEMA, moves.name):
        return None
    query = sa.select(moves).where(moves.c.side == side, moves.c.cancelled_at.is_(None))
    row = connection.execute(query.order_by(moves.c.begun_at.desc()).limit(1)).mappings().first()
    return None if row is None else dict(row)


def refuse(connection: sa.Connection) -> None:
    """Raises ``MovedError`` where this warehouse is none to work with: it was moved, or a move to it has not ended."""
    if _AT_WORK.get():
        return
    if (error := refusal(connection)) is not None:
        raise error


def refusal(connection: sa.Connection) -> MovedError | None:
    """Why nobody may work with this warehouse; ``None`` where they may."""
    if (row := open_row(connection, AWAY)) is not None:
        at: datetime = row["ended_at"]
        return MovedError(
            f"This warehouse was moved to {row['engine']}, {row['place']}, by {row['who']} on {row['host']} at "
            f"{at.astimezone(UTC):%F %T} UTC. Nothing was read, built or sent.",
            f'Set warehouse.destination = "{row["engine"]}" and destination.{row["engine"]}.credentials to that place, and work there. '
            "If the new one is lost, have this one work again: "
            "leadloop move --cancel",
        )
    row = open_row(connection, HERE)
    if row is None or row["ended_at"] is not None:
        return None
    return MovedError(
        f"This warehouse is not whole: a move from {row['engine']}, {row['place']}, has not ended. Nothing was read, built "
        "or sent.",
        f'Set warehouse.destination = "{row["engine"]}" on {row["host"]}, and run `leadloop move` there once more.',
    )
