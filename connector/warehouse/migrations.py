"""The tables under ``leadloop`` have a version: numbered steps make them, and bring those of an older leadloop up to today's.

``leadloop.warehouse`` holds the number of the last step that was done; tables without one are the oldest, those of 0.1.0.
Whoever takes a lease does the steps that are missing (``leases.take``), so no command that only looks changes a table, and
none works under a lock with tables that are older than it. A warehouse that a newer leadloop has worked with is refused,
whatever is to be done with it.

A step that was released is never edited: a new one gets the next number and ``VERSION`` grows. It only adds, and it leaves
alone what is there: a run of an older leadloop may be at work meanwhile, and a step that was cut off is done again. The
tables that the code declares (``METADATA``) are those that all the steps together make; a test compares them.
``leadloop.dbt_results`` is not among them: dbt makes it, also where leadloop never ran (see ``record_results.sql``).
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

import sqlalchemy as sa

from connector.errors import OtherVersionError
from connector.warehouse.engine import Engine
from connector.warehouse.engines import engine_of
from connector.warehouse.ledger import SCHEMA, SEQUENCE, columns_of, warehouse


class Step(NamedTuple):
    """One number of the version. The SQL is the same for every engine, but for what only one of them needs."""

    number: int
    what: str
    sql: str
    """Statements with a semicolon between them."""
    only: Mapping[str, str] = MappingProxyType({})
    """An engine's name -> what it needs besides."""

    def statements(self, engine: str) -> list[str]:
        """What is done in an engine, by its name."""
        text = f"{self.sql};{self.only.get(engine, '')}"
        return [statement.strip() for statement in text.split(";") if statement.strip()]


STEPS = (
    Step(
        1,
        "runs of pushes, their journal, and in which of them nothing is open: the tables of 0.1.0",
        """
        create table if not exists leadloop.push_runs (
            run_id text not null primary key, push text, crm text, mode text, started_at timestamptz, plan_fingerprint text,
            leads integer, fields integer, host text, pid integer, leadloop_version text
        );
        create table if not exists leadloop.push_journal (
            run_id text, seq bigint, push text, crm text, lead_id text, field text, column_name text, state text,
            old_value text, value text, code text, reason text, recorded_at timestamptz
        );
        create table if not exists leadloop.push_settled (run_id text, settled_at timestamptz)
        """,
        # DuckDB scans columns faster than it keeps such an index up to date; PostgreSQL needs it to find a run's last number.
        only={
            "postgres": "create index if not exists push_journal_order on leadloop.push_journal (run_id, seq)"
        },
    ),
    Step(
        2,
        "leads can be added, which gives them an id of the CRM; fields can be compared by a rule",
        """
        alter table leadloop.push_runs add column if not exists options text;
        alter table leadloop.push_runs add column if not exists equal text;
        alter table leadloop.push_journal add column if not exists crm_lead_id text
        """,
    ),
    Step(
        3,
        "what happened first is counted by the warehouse",
        """
        create sequence if not exists leadloop.sequence_number;
        alter table leadloop.push_journal add column if not exists sequence_number bigint
        """,
    ),
    Step(
        4,
        "who works on what, which accounts the leads are of, every run, and what a person has agreed to",
        """
        create table if not exists leadloop.leases (
            name text, token text, host text, host_id text, pid bigint, process_started text, acquired_at timestamptz,
            renewed_at timestamptz
        );
        create table if not exists leadloop.accounts (
            crm text, vendor text, host text, mark text, organisation text, known_leads text, sequence_number bigint,
            noted_at timestamptz
        );
        create table if not exists leadloop.runs (
            run_id text not null primary key, part_of text, command text, crm text, push text, arguments text,
            started_at timestamptz, ended_at timestamptz, exit_code integer, why text, who text, host text, host_id text,
            pid bigint, process_started text, windows text, rows bigint, calls bigint, push_run_id text,
            leadloop_version text, sequence_number bigint
        );
        create table if not exists leadloop.push_approvals (
            kind text, who text, approved_at timestamptz, crm text, push text, field text, leads bigint,
            sequence_number bigint, run_id text
        )
        """,
    ),
    Step(
        5,
        "what nothing depends on any more is moved out of the journal",
        """
        create table if not exists leadloop.push_journal_archive (
            run_id text, seq bigint, push text, crm text, lead_id text, field text, column_name text, state text,
            old_value text, value text, code text, reason text, recorded_at timestamptz, crm_lead_id text,
            sequence_number bigint
        );
        create table if not exists leadloop.push_compactions (
            compacted_at timestamptz, kept bigint, moved bigint, deleted bigint, sequence_number bigint
        )
        """,
        only={
            "postgres": """
            create index if not exists push_journal_archive_order on leadloop.push_journal_archive (run_id, seq)
            """
        },
    ),
    Step(
        6,
        "what the last build of all was made from",
        """
        create table if not exists leadloop.last_build (
            built_at timestamptz, project text, relations text, results_up_to bigint, why_not text
        )
        """,
    ),
    Step(
        7,
        "what each extraction read, and how far nothing was found",
        """
        create table if not exists leadloop.reads (
            run_id text, crm text, stream text, cursor_name text, window_start timestamptz, window_end timestamptz,
            rows bigint, calls bigint, outcome text, nothing_since text, nothing_until text, noted_at timestamptz,
            sequence_number bigint
        )
        """,
        only={"postgres": "create index if not exists reads_nothing_since on leadloop.reads (nothing_since)"},
    ),
    Step(
        8,
        "which person or service ran a push",
        "alter table leadloop.push_runs add column if not exists who text",
    ),
    Step(
        9,
        "the parts of a first read that is read side by side",
        """
        create table if not exists leadloop.shards (
            crm text, cursor_name text, shard integer, shards integer, window_start timestamptz, window_end timestamptz,
            read_at timestamptz, homes text, cut_at timestamptz, sequence_number bigint
        )
        """,
    ),
    Step(
        10,
        "which types the fields of a CRM have",
        """
        create table if not exists leadloop.fields (
            crm text, field text, type text, crm_type text, label text, noted_at timestamptz
        )
        """,
    ),
    Step(
        11,
        "who was told of what, and when",
        """
        create table if not exists leadloop.alerts (
            subject text not null, since timestamptz not null, state text, run_id text, exit_code integer, what text,
            told_at timestamptz, primary key (subject, since)
        )
        """,
    ),
    Step(
        12,
        "which runs an undo takes back",
        "alter table leadloop.push_runs add column if not exists undoes text",
    ),
    Step(
        13,
        "who approved which plan, what they left out and why",
        """
        alter table leadloop.push_approvals add column if not exists approval_id text;
        alter table leadloop.push_approvals add column if not exists plan_fingerprint text;
        alter table leadloop.push_approvals add column if not exists account text;
        alter table leadloop.push_approvals add column if not exists left_out text;
        alter table leadloop.push_approvals add column if not exists note text
        """,
    ),
    Step(
        14,
        "where the warehouse was moved to, and where it was moved from",
        """
        create table if not exists leadloop.moves (
            move_id text, side text, engine text, place text, host text, who text, begun_at timestamptz,
            ended_at timestamptz, cancelled_at timestamptz, copied text
        )
        """,
    ),
)
VERSION = STEPS[-1].number
_OLDEST = "push_settled"
"""A table of the first step: where it is and no version, the tables are those of 0.1.0."""

_GIVEN: ContextVar[str | None] = ContextVar("the id of a new warehouse", default=None)


@contextmanager
def begun_as(warehouse_id: str) -> Iterator[None]:
    """A warehouse that is begun in the block has this id: it is the same warehouse, in another place."""
    before = _GIVEN.set(warehouse_id)
    try:
        yield
    finally:
        _GIVEN.reset(before)


def bring_up(connection: sa.Connection) -> None:
    """Does the steps that are missing, in the transaction of the connection: all of them and their number, or none.

    Raises ``OtherVersionError`` where a newer leadloop has worked with the warehouse. Costs two small queries where nothing is
    missing. Not for commands that only look.
    """
    engine = engine_of(connection)
    engine.check_whole(connection)
    if _version(connection) != VERSION:
        _do(connection, engine)
    engine.count_on(connection, SEQUENCE)


def _do(connection: sa.Connection, engine: Engine) -> None:
    if engine.one_at_a_time is not None:
        connection.exec_driver_sql(engine.one_at_a_time)
    engine.make_schema(connection, SCHEMA)
    for statement in (
        "create table if not exists leadloop.warehouse (id text, made_at timestamptz)",
        "alter table leadloop.warehouse add column if not exists version integer",
    ):
        connection.exec_driver_sql(statement)
    if not connection.scalar(sa.select(sa.func.count()).select_from(warehouse)):
        known = engine.id_before(connection) or _GIVEN.get() or uuid.uuid4().hex
        connection.execute(warehouse.insert().values(id=known, made_at=datetime.now(UTC)))
    # Asked again: whoever was waited for has done it.
    for step in STEPS[_version(connection) or 0 :]:
        for statement in step.statements(engine.name):
            connection.exec_driver_sql(statement)
        connection.execute(warehouse.update().values(version=step.number))


def are_there(connection: sa.Connection) -> bool:
    """Whether there are tables that can be read; ``False`` where nobody ever took a lease.

    Raises ``OtherVersionError`` where they are those of another leadloop.
    """
    found = _version(connection)
    if found == VERSION:
        return True
    if found is None and not columns_of(connection, SCHEMA, _OLDEST):
        return False
    raise OtherVersionError(
        f"The tables in the warehouse's schema {SCHEMA} have version {found or 0}, since an older leadloop made them; this "
        f"one reads version {VERSION}. Nothing was done.",
        "To bring them up, with all that is in them: leadloop build",
    )


def refuse_newer(connection: sa.Connection) -> None:
    """Raises ``OtherVersionError`` where a newer leadloop has worked with the warehouse, and ``ConfigError`` where its parts don't
    belong together; for commands that only look."""
    engine_of(connection).check_whole(connection)
    _version(connection)


def _version(connection: sa.Connection) -> int | None:
    """The number of the last step that was done; ``None`` where there is no number. No other than a known one."""
    if warehouse.c.version.name not in columns_of(connection, SCHEMA, warehouse.name):
        return None
    found: int | None = connection.scalar(sa.select(sa.func.max(warehouse.c.version)))
    if found is not None and found > VERSION:
        raise OtherVersionError(
            f"A newer leadloop has worked with this warehouse: the tables in its schema {SCHEMA} have version {found}, and "
            f"this leadloop knows them up to version {VERSION}. Nothing was read or written.",
            "Upgrade leadloop on this machine, as docs/upgrade.md says.",
        )
    return found
