"""The journal without what nothing depends on any more: such rows are moved to ``leadloop.push_journal_archive``.

A push is compared with the last words on a lead's field, whichever run they are from, and a run has several rows for each
field. So most rows of closed runs decide nothing, and after a thousand runs almost all of them. What every question about the
journal needs is listed in ``_needed``, one query for each; all else goes, in one transaction. A row that is not needed
today is never needed later: rows are only added, and a question for the newest rows asks for the newest of what was kept
and what was added since.

It costs as much as one look through the journal, so it is done when the journal has doubled since the last time.
"""

from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from connector.errors import LockedError
from connector.push.journal_row import NAMES
from connector.push.tables import (
    FOUND,
    NOT_SENT,
    adding_runs,
    meant,
    newest_first,
    now,
    oldest_first,
    push_compactions,
    push_journal,
    push_journal_archive,
    push_runs,
    push_settled,
)
from connector.warehouse.connection import Warehouse
from connector.warehouse.engines import engine_of
from connector.warehouse.leases import patient
from connector.warehouse.ledger import next_number

SMALL = 100_000
"""A journal of fewer rows is left as it is: no question takes long."""
READINGS = 3
"""So many readings of a field decide whether it flaps: see ``int_push_memory.sql``."""

_moved = sa.Table(
    "leadloop_moved",
    sa.MetaData(),
    sa.Column("run_id", sa.Text),
    sa.Column("seq", sa.BigInteger),
    prefixes=["TEMPORARY"],
)


@dataclass(frozen=True, slots=True)
class Compaction:
    """Numbers of rows: left in the journal, moved to the archive, deleted from the archive."""

    kept: int
    moved: int
    deleted: int


def compact_when_due(warehouse: Warehouse, keep: timedelta | None = None) -> None:
    """Compacts a journal that has more than doubled since the last time; nothing where another run is just doing so."""
    with warehouse.engine().connect() as connection:
        if not _is_due(connection):
            return
    with suppress(LockedError):
        compact(warehouse, keep)


def compact(warehouse: Warehouse, keep: timedelta | None = None) -> Compaction:
    """Moves what nothing depends on to the archive, and deletes from there what is older than ``keep``, if it is given.

    ``LockedError`` where another run is doing so.
    """
    with warehouse.lock("compact") as lease:
        with lease.transaction(lambda: patient(warehouse.engine())) as connection:
            moved = _move(connection)
            deleted = _delete(connection, keep) if keep is not None else 0
            kept = connection.scalar(sa.select(sa.func.count()).select_from(push_journal)) or 0
            done = Compaction(kept, moved, deleted)
            number = next_number(connection)
            connection.execute(
                push_compactions.insert().values(compacted_at=now(), sequence_number=number, **asdict(done))
            )
            engine_of(connection).analyze(connection, push_journal)
        return done


def _is_due(connection: sa.Connection) -> bool:
    done = push_compactions.c
    kept = connection.scalar(sa.select(done.kept).order_by(done.sequence_number.desc()).limit(1)) or 0
    return engine_of(connection).about(connection, push_journal) > SMALL + 2 * kept


def _move(connection: sa.Connection) -> int:
    row, old = push_journal.c, push_journal_archive.c
    needed = sa.union_all(*_needed()).subquery("needed")
    # What is at work, and rows of a clock that was wrong, stay where people look for them.
    open_runs = sa.select(push_runs.c.run_id).where(
        push_runs.c.run_id.not_in(sa.select(push_settled.c.run_id))
    )
    is_needed = sa.exists().where(needed.c.run_id == row.run_id, needed.c.seq == row.seq)
    _moved.create(connection)
    connection.execute(
        _moved.insert().from_select(
            ["run_id", "seq"],
            sa.select(row.run_id, row.seq).where(
                row.run_id.not_in(open_runs), row.recorded_at <= now(), ~is_needed
            ),
        )
    )
    is_moved = sa.and_(row.run_id == _moved.c.run_id, row.seq == _moved.c.seq)
    connection.execute(
        push_journal_archive.insert().from_select(
            [old[name] for name in NAMES],
            sa.select(*(row[name] for name in NAMES)).join(_moved, is_moved).order_by(row.run_id, row.seq),
        )
    )
    connection.execute(push_journal.delete().where(sa.exists().where(is_moved)))
    moved = connection.scalar(sa.select(sa.func.count()).select_from(_moved)) or 0
    _moved.drop(connection)
    return moved


def _delete(connection: sa.Connection, keep: timedelta) -> int:
    old = push_journal_archive.c.recorded_at < now() - keep
    deleted = connection.scalar(sa.select(sa.func.count()).select_from(push_journal_archive).where(old)) or 0
    if deleted:
        connection.execute(push_journal_archive.delete().where(old))
    return deleted


def _needed() -> list[sa.Select[Any]]:
    """The run and number of the rows that something depends on, by what does."""
    row = push_journal.c
    journal = sa.select(push_journal, meant().label("meant")).subquery("journal")
    said = journal.c
    is_there, is_found = said.meant.is_not(None), said.code == FOUND
    is_ours = said.code.is_distinct_from(FOUND)
    of_lead = (said.crm, said.meant, said.field)
    of_push = (said.crm, said.push, said.lead_id, said.field)

    def newest(
        alike: tuple[sa.ColumnElement[Any], ...], *conditions: sa.ColumnElement[bool], places: int = 1
    ) -> sa.Select[Any]:
        place = sa.func.row_number().over(partition_by=alike, order_by=newest_first(said))
        ranked = sa.select(said.run_id, said.seq, place.label("place")).where(*conditions).subquery()
        return sa.select(ranked.c.run_id, ranked.c.seq).where(ranked.c.place <= places)

    return [
        # int_push_memory: what was accepted, what was left unanswered, what flaps, what was refused, what was added.
        newest(of_lead, said.state.in_(("applied", "confirmed")), is_ours, is_there),
        newest(of_lead, said.state == "unknown", is_there),
        newest(of_lead, said.state.in_(("confirmed", "reverted")), is_there, places=READINGS),
        newest(of_push, said.state.in_(("applied", "confirmed", "rejected"))),
        _refused_together(said),
        newest(of_push, said.state.in_(("applied", "confirmed"))),
        # What is to be confirmed.
        newest(of_lead, said.state.in_(("applied", "confirmed", "reverted", "conflict")), is_ours, is_there),
        # Whose lead it is, and which leads were there before.
        newest(
            (said.crm, said.push, said.lead_id, said.crm_lead_id),
            said.crm_lead_id.is_not(None),
            said.run_id.in_(adding_runs()),
        ),
        newest((said.crm, said.meant), is_found, is_there),
        *_turns(said),
        # The number of the next row of a run follows on the last one.
        sa.select(row.run_id, sa.func.max(row.seq).label("seq")).group_by(row.run_id),
    ]


def _refused_together(said: Any) -> sa.Select[Any]:
    """All that was refused in one call with a field that is still refused: they are held back together."""
    of_field = sa.func.row_number().over(
        partition_by=(said.crm, said.push, said.lead_id, said.field), order_by=newest_first(said)
    )
    call = (said.crm, said.push, said.lead_id, said.run_id)
    answers = (
        sa.select(*call, said.seq, said.state, of_field.label("place"))
        .where(said.state.in_(("applied", "confirmed", "rejected")))
        .subquery()
    )
    is_standing = sa.case((sa.and_(answers.c.place == 1, answers.c.state == "rejected"), 1), else_=0)
    in_call = (
        sa.select(
            answers.c.run_id,
            answers.c.seq,
            answers.c.state,
            sa.func.max(is_standing)
            .over(partition_by=[answers.c[each.name] for each in call])
            .label("stands"),
        )
    ).subquery()
    return sa.select(in_call.c.run_id, in_call.c.seq).where(
        in_call.c.state == "rejected", in_call.c.stands == 1
    )


def _turns(said: Any) -> list[sa.Select[Any]]:
    """Who took turns in sending a field (see ``rivals.py``): of each turn the last value, and the last one that differs from it.

    A turn is what one push sent before another one did. The first turn replaced nobody's value, so its last value is enough.
    """
    of_lead = (said.crm, said.meant, said.field)
    before = sa.func.lag(said.push).over(partition_by=of_lead, order_by=oldest_first(said))
    sent = (
        sa.select(said, before.label("push_before"))
        .where(
            said.state.in_(("applied", "confirmed")),
            sa.func.coalesce(said.code, "").not_in(NOT_SENT),
            said.meant.is_not(None),
        )
        .subquery()
    )
    of_lead = (sent.c.crm, sent.c.meant, sent.c.field)
    begins = sa.case((sent.c.push.is_distinct_from(sent.c.push_before), 1), else_=0)
    turn = sa.func.sum(begins).over(partition_by=of_lead, order_by=oldest_first(sent.c), rows=(None, 0))
    turns = sa.select(sent, turn.label("turn")).subquery()
    of_turn = (turns.c.crm, turns.c.meant, turns.c.field, turns.c.turn)
    last = sa.func.first_value(turns.c.value).over(partition_by=of_turn, order_by=newest_first(turns.c))
    place = sa.func.row_number().over(partition_by=of_turn, order_by=newest_first(turns.c))
    placed = sa.select(turns, last.label("last_value"), place.label("place")).subquery()
    differs = sa.case((placed.c.value.is_distinct_from(placed.c.last_value), 1), else_=0)
    of_value = (placed.c.crm, placed.c.meant, placed.c.field, placed.c.turn, differs)
    other = sa.func.row_number().over(partition_by=of_value, order_by=newest_first(placed.c))
    among = (
        sa.select(placed, differs.label("differs"), other.label("other")).where(placed.c.turn > 1).subquery()
    )
    return [
        sa.select(placed.c.run_id, placed.c.seq).where(placed.c.place == 1),
        sa.select(among.c.run_id, among.c.seq).where(among.c.differs == 1, among.c.other == 1),
    ]
