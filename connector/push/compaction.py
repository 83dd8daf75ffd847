"""The journal without what nothing depends on any more: such rows are moved to ``leadloop.push_journal_archive``.

A push is compared with the last words on a lead's field, whichever run they are from, and a run has several rows for each
field. So most rows of closed runs decide nothing, and after a thousand runs almost all of them. What every question about the
journal needs is listed in ``_needed``, one query for each; all else goes, in one transaction. A row that is not needed
today is never needed later: rows are only added, and a question for the newest rows asks for the newest of what was kept
and what was added since.

It costs as much as one look through the journal, so it is done when the journal has doubled since the last time.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from connector.crm.base import FOUND
from connector.errors import LockedError
from connector.push.journal_row import NAMES
from connector.push.tables import (
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
    undo_runs,
    was_sent,
)
from connector.warehouse import snapshot
from connector.warehouse.connection import Warehouse
from connector.warehouse.engines import engine_of
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


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done to keep a warehouse small: numbers of rows as in ``Compaction``, and how large it was and is.

    ``files`` and ``snapshots`` are those of a lake, and ``None`` in other engines.
    """

    kept: int
    moved: int
    deleted: int
    bytes_before: int
    bytes_after: int
    files_before: int | None = None
    files_after: int | None = None
    snapshots_before: int | None = None
    snapshots_after: int | None = None


def maintain(warehouse: Warehouse, keep: timedelta | None, history: timedelta) -> Maintained:
    """Compacts the journal, and has the engine make room while nobody builds.

    ``keep``: as for ``compact``; ``history``: how long an engine keeps old states of its tables. ``LockedError`` where a build or
    another one of these is under way.
    """
    done = compact(warehouse, keep)
    with warehouse.lock("build"):
        before, after = warehouse.tidy(history, snapshot.needed_since(warehouse))
    return Maintained(
        **asdict(done),
        bytes_before=before.bytes, bytes_after=after.bytes,
        files_before=before.files, files_after=after.files,
        snapshots_before=before.snapshots, snapshots_after=after.snapshots,
    )  # fmt: skip


def compact_when_due(warehouse: Warehouse, keep: timedelta | None = None) -> None:
    """Compacts a journal that has more than doubled since the last time; nothing where another run is just doing so."""
    with warehouse.ledger().connect() as connection:
        if not _is_due(connection):
            return
    with suppress(LockedError):
        compact(warehouse, keep, wait=False)


def compact(warehouse: Warehouse, keep: timedelta | None = None, *, wait: bool = True) -> Compaction:
    """Moves what nothing depends on to the archive, and deletes from there what is older than ``keep``, if it is given.

    ``LockedError`` where another run is doing so.
    """
    with warehouse.lock("compact", wait=wait) as lease:
        with lease.transaction() as connection:
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


OF_LEAD, OF_PUSH = ("crm", "meant", "field"), ("crm", "push", "lead_id", "field")


def _needed() -> list[sa.Select[Any]]:
    """The run and number of the rows that something depends on, by what does.

    Most fields of a journal went well: only a few of its rows are put in order for the questions about the others.
    """
    row = push_journal.c
    return [
        # int_push_memory: what was accepted, what was left unanswered, what flaps, what was refused, what was added,
        # what was taken back.
        _newest(OF_LEAD, _ours("applied", "confirmed")),
        _newest(OF_LEAD, _in("unknown")),
        _newest(OF_LEAD, _in("confirmed", "reverted"), having=_in("reverted"), places=READINGS),
        _newest(OF_PUSH, _in("applied", "confirmed", "rejected")),
        _newest(OF_PUSH, _in("applied", "confirmed"), having=_in("rejected")),
        _newest(
            OF_LEAD,
            lambda said: sa.and_(was_sent(said), said.run_id.not_in(undo_runs())),
            having=lambda said: said.run_id.in_(undo_runs()),
        ),
        _refused_together(),
        # What is to be confirmed.
        _newest(
            OF_LEAD,
            _ours("applied", "confirmed", "reverted", "conflict"),
            having=_in("reverted", "conflict"),
        ),
        # Whose lead it is, and which leads were there before.
        _newest(("crm", "push", "lead_id", "crm_lead_id"), lambda said: said.run_id.in_(adding_runs())),
        _newest(("crm", "meant"), lambda said: said.code == FOUND),
        # Who took turns in sending a field, see rivals.py.
        _newest(OF_LEAD, was_sent, having=lambda said: said.code.in_(NOT_SENT)),
        *_turns(),
        # The number of the next row of a run follows on the last one.
        sa.select(row.run_id, sa.func.max(row.seq).label("seq")).group_by(row.run_id),
    ]


Condition = Callable[[Any], sa.ColumnElement[bool]]
"""The columns of journal rows, with ``meant`` -> whether a row is one of those."""


def _in(*states: str) -> Condition:
    return lambda said: said.state.in_(states)


def _ours(*states: str) -> Condition:
    return lambda said: sa.and_(said.state.in_(states), said.code.is_distinct_from(FOUND))


def _rows(alike: Sequence[str], condition: Condition, keys: sa.Select[Any] | None = None) -> Any:
    """The columns of rows that have something in each of ``alike``; of those only that are alike one of ``keys``."""
    said = sa.select(push_journal, meant().label("meant")).subquery().c
    wanted = [condition(said), *(said[name].is_not(None) for name in alike)]
    if keys is not None:
        key = keys.subquery().c
        wanted.append(sa.exists().where(*(key[name] == said[name] for name in alike)))
    return sa.select(*said).where(*wanted).subquery().c


def _newest(
    alike: Sequence[str], condition: Condition, *, having: Condition | None = None, places: int = 1
) -> sa.Select[Any]:
    """The newest of the rows that are alike; ``having``: only where one row of the journal that is alike is so."""
    keys = None
    if having is not None:
        some = _rows(alike, having)
        keys = sa.select(*(some[name] for name in alike)).distinct()
    said = _rows(alike, condition, keys)
    place = sa.func.row_number().over(
        partition_by=[said[name] for name in alike], order_by=newest_first(said)
    )
    ranked = sa.select(said.run_id, said.seq, place.label("place")).subquery().c
    return sa.select(ranked.run_id, ranked.seq).where(ranked.place <= places)


def _refused_together() -> sa.Select[Any]:
    """All that was refused in one call with a field that is still refused: they are held back together."""
    refused = _rows(OF_PUSH, _in("rejected"))
    fields = sa.select(*(refused[name] for name in OF_PUSH)).distinct()
    said = _rows(OF_PUSH, _in("applied", "confirmed", "rejected"), fields)
    place = sa.func.row_number().over(
        partition_by=[said[name] for name in OF_PUSH], order_by=newest_first(said)
    )
    answers = sa.select(*said, place.label("place")).subquery().c
    call = (answers.crm, answers.push, answers.lead_id, answers.run_id)
    stands = sa.case((sa.and_(answers.place == 1, answers.state == "rejected"), 1), else_=0)
    in_call = sa.select(
        answers.run_id,
        answers.seq,
        answers.state,
        sa.func.max(stands).over(partition_by=call).label("stands"),
    ).subquery()
    return sa.select(in_call.c.run_id, in_call.c.seq).where(
        in_call.c.state == "rejected", in_call.c.stands == 1
    )


def _turns() -> list[sa.Select[Any]]:
    """Of each turn the last value, and the last one that differs from it.

    A turn is what one push sent before another one did. The first turn replaced nobody's value, so its last value is enough.
    """
    every = _rows(OF_LEAD, was_sent)
    shared = sa.select(*(every[name] for name in OF_LEAD)).group_by(*(every[name] for name in OF_LEAD))
    said = _rows(OF_LEAD, was_sent, shared.having(sa.func.min(every.push) != sa.func.max(every.push)))
    of_lead = [said[name] for name in OF_LEAD]
    before = sa.func.lag(said.push).over(partition_by=of_lead, order_by=oldest_first(said))
    sent = sa.select(*said, before.label("push_before")).subquery().c
    of_lead = [sent[name] for name in OF_LEAD]
    begins = sa.case((sent.push.is_distinct_from(sent.push_before), 1), else_=0)
    turn = sa.func.sum(begins).over(partition_by=of_lead, order_by=oldest_first(sent), rows=(None, 0))
    turns = sa.select(*sent, turn.label("turn")).subquery().c
    of_turn = [turns[name] for name in (*OF_LEAD, "turn")]
    last = sa.func.first_value(turns.value).over(partition_by=of_turn, order_by=newest_first(turns))
    place = sa.func.row_number().over(partition_by=of_turn, order_by=newest_first(turns))
    placed = sa.select(*turns, last.label("last_value"), place.label("place")).subquery().c
    differs = sa.case((placed.value.is_distinct_from(placed.last_value), 1), else_=0)
    of_value = [*(placed[name] for name in (*OF_LEAD, "turn")), differs]
    other = sa.func.row_number().over(partition_by=of_value, order_by=newest_first(placed))
    among = (
        sa.select(*placed, differs.label("differs"), other.label("other")).where(placed.turn > 1).subquery().c
    )
    return [
        sa.select(placed.run_id, placed.seq).where(placed.place == 1),
        sa.select(among.run_id, among.seq).where(among.differs == 1, among.other == 1),
    ]
