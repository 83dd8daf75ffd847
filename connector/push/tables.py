"""The tables that remember what was meant, what was sent and what came of it, and the questions asked of them.

``leadloop.push_runs``: one row per run of a push. ``leadloop.push_journal``: one row per run, lead, field and state;
rows are added and never changed, so the state of a field in a run is that of its row with the highest ``seq``.
``leadloop.push_journal_archive``: rows that were moved there since nothing that will be decided depends on them (see
``compaction.py``); whoever wants to know what a run did reads both (``history``). ``leadloop.push_settled``: one row per run in which nothing is open any more, so that nobody has to look through it again.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from connector.crm.base import FOUND
from connector.push.journal_row import State, columns
from connector.warehouse.ledger import METADATA

push_runs = sa.Table(
    "push_runs",
    METADATA,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("push", sa.Text),
    sa.Column("crm", sa.Text),
    sa.Column("mode", sa.Text),
    sa.Column("started_at", sa.DateTime(timezone=True)),
    sa.Column("plan_fingerprint", sa.Text),
    sa.Column("leads", sa.Integer),
    sa.Column("fields", sa.Integer),
    sa.Column("host", sa.Text),
    sa.Column("pid", sa.Integer),
    sa.Column("leadloop_version", sa.Text),
    sa.Column("options", sa.Text),
    sa.Column("equal", sa.Text),
    sa.Column("who", sa.Text),
    # Of an undo: the runs that it takes back, as a JSON list.
    sa.Column("undoes", sa.Text),
    info={"one_row_per": "run of a push"},
)

push_journal = sa.Table(
    "push_journal",
    METADATA,
    *columns(),
    info={"one_row_per": "run, lead, field and state that it reached; added, never changed"},
)

push_journal_archive = sa.Table(
    "push_journal_archive",
    METADATA,
    *columns(),
    info={"one_row_per": "run, lead, field and state, on which nothing depends any more"},
)

push_compactions = sa.Table(
    "push_compactions",
    METADATA,
    sa.Column("compacted_at", sa.DateTime(timezone=True)),
    sa.Column("kept", sa.BigInteger),
    sa.Column("moved", sa.BigInteger),
    sa.Column("deleted", sa.BigInteger),
    sa.Column("sequence_number", sa.BigInteger),
    info={"one_row_per": "time that rows of the journal were moved to its archive"},
)

push_settled = sa.Table(
    "push_settled",
    METADATA,
    sa.Column("run_id", sa.Text),
    sa.Column("settled_at", sa.DateTime(timezone=True)),
    info={"one_row_per": "run of a push with nothing left open"},
)


RESOLVED, SKIPPED = "resolved", "skipped"
"""Codes of a person's decision."""

RELEASED = "released"
"""Code of a person's word that what was taken back may be sent again."""

RESTORED = "restored"
"""Code of the rows that give a field a base in a warehouse that has forgotten what was sent."""

NOT_SENT = (FOUND, RESOLVED, RELEASED, RESTORED)
"""Codes of accepted values that no call stands behind."""

ADDING = ("insert", "upsert")
"""Modes whose ``lead_id`` is the warehouse's own, until the CRM has given one."""


def undo_runs() -> sa.Select[Any]:
    """Ids of the runs that took back what others had sent."""
    return sa.select(push_runs.c.run_id).where(push_runs.c.undoes.is_not(None))


def adding_runs() -> sa.Select[Any]:
    """Ids of the runs that add leads."""
    return sa.select(push_runs.c.run_id).where(push_runs.c.mode.in_(ADDING))


def meant(row: Any = None) -> sa.ColumnElement[str | None]:
    """The CRM's id of the lead that a row is about, of the journal or of these columns; NULL for one that the CRM has not given
    an id to."""
    row = push_journal.c if row is None else row
    return sa.case(
        (row.crm_lead_id.is_not(None), row.crm_lead_id),
        (row.run_id.in_(adding_runs()), None),
        else_=row.lead_id,
    )


def was_sent(row: Any) -> sa.ColumnElement[bool]:
    """Whether a journal row says that the CRM accepted a value from a call of ours."""
    return sa.and_(row.state.in_(("applied", "confirmed")), sa.func.coalesce(row.code, "").not_in(NOT_SENT))


def oldest_first(row: Any) -> list[sa.ColumnElement[Any]]:
    """The order of journal rows: by the number that the warehouse gave them, and rows older than that number by their times."""
    return [sa.func.coalesce(row.sequence_number, 0), row.recorded_at, row.seq, row.run_id]


def newest_first(row: Any) -> list[sa.ColumnElement[Any]]:
    """The last word first, as ``newest_first`` has it in the dbt package."""
    return [each.desc() for each in oldest_first(row)]


def history(run_ids: Sequence[str], tables: Sequence[sa.Table], *names: str) -> sa.CompoundSelect[Any]:
    """These columns of all that was recorded of some runs, in the journal and in its archive, as far as ``tables`` has them."""
    return sa.union_all(
        *(sa.select(*(each.c[name] for name in names)).where(each.c.run_id.in_(run_ids)) for each in tables)
    )


def now() -> datetime:
    """This machine's time, aware, UTC, microseconds: what is recorded is dated by it where no CRM says its own."""
    return datetime.now(UTC)


def last_rows(
    states: Sequence[State],
    *,
    push: str | None = None,
    crm: str | None = None,
    only: Sequence[sa.ColumnElement[Any]] = (),
) -> sa.Select[Any]:
    """Journal rows that are the last of their run, lead and field, and whose state is one of ``states``, all of them open.

    Whole rows with the run's ``mode``, ``options`` and ``equal``, ordered; or ``only`` what is named of them, each combination once.
    """
    row = push_journal.c
    of_interest: list[sa.ColumnElement[bool]] = [row.run_id.not_in(sa.select(push_settled.c.run_id))]
    of_interest += [row.push == push] if push is not None else []
    of_interest += [row.crm == crm] if crm is not None else []
    # One pass that every engine hashes: the last row is of these states if the highest of their numbers is the highest.
    last = (
        sa.select(row.run_id, sa.func.max(row.seq).label("seq"))
        .where(*of_interest)
        .group_by(row.run_id, row.lead_id, row.field)
        .having(sa.func.max(row.seq) == sa.func.max(sa.case((row.state.in_(states), row.seq))))
        .subquery()
    )
    found = sa.and_(row.run_id == last.c.run_id, row.seq == last.c.seq)
    if only:
        return sa.select(*only).select_from(push_journal).join(last, found).distinct()
    return (
        sa.select(push_journal, push_runs.c.mode, push_runs.c.options, push_runs.c.equal)
        .join(last, found)
        .join(push_runs, push_runs.c.run_id == row.run_id, isouter=True)
        .order_by(row.run_id, row.seq)
    )
