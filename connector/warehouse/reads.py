"""What each extraction read, stream by stream, and how far: ``leadloop.reads``.

A row is not only told: where a window held nothing, no package is loaded, so the cursor that lies with the rows stays where it
was, and the row says that there is nothing between it and the window's end. The next run begins there.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from connector.extract.past import Nothing, Read
from connector.warehouse.ledger import METADATA, SCHEMA, columns_of, next_number
from connector.warehouse.runs import runs

WHOLE = "whole"
"""The outcome of a reading of which nothing is missing."""

KEPT = timedelta(days=400)
"""How long rows stay that decide nothing, unless a setting says it: a little more than a year, to compare with the last one."""

reads = sa.Table(
    "reads",
    METADATA,
    # The run of leadloop.runs that it was a part of.
    sa.Column("run_id", sa.Text),
    sa.Column("crm", sa.Text),
    # The raw table that it is for.
    sa.Column("stream", sa.Text),
    # The cursor's name, in which the filters are.
    sa.Column("cursor_name", sa.Text),
    sa.Column("window_start", sa.DateTime(timezone=True)),
    sa.Column("window_end", sa.DateTime(timezone=True)),
    sa.Column("rows", sa.BigInteger),
    sa.Column("calls", sa.BigInteger),
    # whole, or failed: then a part of the window may be in the raw table, and the next run reads all that is missing.
    sa.Column("outcome", sa.Text),
    # Where no row was found: the cursor that lies with the rows, and how far nothing was found since.
    sa.Column("nothing_since", sa.Text),
    sa.Column("nothing_until", sa.Text),
    sa.Column("noted_at", sa.DateTime(timezone=True)),
    sa.Column("sequence_number", sa.BigInteger),
    info={"one_row_per": "stream of a CRM and window that a run read"},
)


def note(
    connection: sa.Connection,
    run_id: str | None,
    crm: str,
    done: Collection[Read],
    keep: timedelta | None = None,
) -> None:
    """Writes what a run read, in the transaction of the connection. A lease must have been taken before.

    Deletes what is older than ``keep`` and decides nothing any more.
    """
    if not done:
        return
    number, now = next_number(connection), datetime.now(UTC)
    connection.execute(
        reads.insert(),
        [
            {
                "run_id": run_id,
                "crm": crm,
                "stream": each.stream,
                "cursor_name": each.cursor,
                "window_start": each.window.start if each.window else None,
                "window_end": each.window.end if each.window else None,
                "rows": each.rows,
                "calls": each.calls,
                "outcome": WHOLE if each.whole else "failed",
                "nothing_since": each.nothing.since if each.nothing else None,
                "nothing_until": each.nothing.until if each.nothing else None,
                "noted_at": now,
                "sequence_number": number,
            }
            for each in done
        ],
    )
    _prune(connection, crm, now - (keep or KEPT))


def _prune(connection: sa.Connection, crm: str, before: datetime) -> None:
    """Deletes rows of before that, but for the newest ones of each cursor: whole, failed, and with nothing found.

    Where an older one would be asked for, as after raw tables were restored, that time is read again.
    """
    old, newer = reads.alias("old"), reads.alias("newer")
    has_newer = (
        sa.exists()
        .where(
            newer.c.crm == old.c.crm,
            newer.c.stream == old.c.stream,
            newer.c.cursor_name == old.c.cursor_name,
            newer.c.outcome == old.c.outcome,
            newer.c.nothing_since.is_(None) == old.c.nothing_since.is_(None),
            newer.c.sequence_number > old.c.sequence_number,
        )
        .correlate(old)
    )
    gone = sa.select(old.c.stream, old.c.cursor_name, old.c.sequence_number).where(
        old.c.crm == crm, old.c.noted_at < before, has_newer
    )
    for row in connection.execute(gone).all():
        connection.execute(
            reads.delete().where(
                reads.c.crm == crm,
                reads.c.stream == row.stream,
                reads.c.cursor_name == row.cursor_name,
                reads.c.sequence_number == row.sequence_number,
            )
        )


def nothing_since(
    connection: sa.Connection, crm: str, cursors: Collection[str]
) -> Mapping[str, Mapping[str, Nothing]]:
    """Stream -> cursor's name -> the last that is known of the time since one of these cursors."""
    found: dict[str, dict[str, Nothing]] = defaultdict(dict)
    if not cursors or not columns_of(connection, SCHEMA, reads.name):
        return found
    column = reads.c
    newest = sa.select(
        column.stream,
        column.cursor_name,
        column.nothing_since,
        column.nothing_until,
        sa.func.row_number()
        .over(partition_by=(column.stream, column.cursor_name), order_by=column.sequence_number.desc())
        .label("place"),
    ).where(column.crm == crm, column.nothing_since.in_(sorted(cursors)))
    rows = newest.subquery()
    for row in connection.execute(sa.select(rows).where(rows.c.place == 1)):
        found[row.stream][row.cursor_name] = Nothing(row.nothing_since, row.nothing_until)
    return found


def last_whole(connection: sa.Connection, stream: str) -> Mapping[str, datetime]:
    """CRM -> when this stream was last read up to the present, and whole, in UTC.

    A backfill, and a part of a first read, have ends of their own and say nothing of it.
    """
    if not columns_of(connection, SCHEMA, reads.name):
        return {}
    query = (
        sa.select(reads.c.crm, sa.func.max(reads.c.noted_at))
        .where(reads.c.stream == stream, reads.c.outcome == WHOLE)
        .group_by(reads.c.crm)
    )
    if columns_of(connection, SCHEMA, runs.name):
        ends = [runs.c.arguments.like(f'%"{name}":%') for name in ("start", "end", "shard")]
        query = query.where(
            sa.func.coalesce(reads.c.run_id, "").not_in(sa.select(runs.c.run_id).where(sa.or_(*ends)))
        )
    return {name: at.astimezone(UTC) for name, at in connection.execute(query)}
