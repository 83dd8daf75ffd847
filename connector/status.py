"""What was read and sent, and what is still open, without a call to a CRM; ``leadloop status`` shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

import sqlalchemy as sa

from connector import crm
from connector.crm.day_calls import CallsLeft
from connector.push.kept_forms import kept_forms
from connector.push.tables import history, push_journal, push_journal_archive, push_runs
from connector.warehouse import models, moves, settings
from connector.warehouse import runs as stages
from connector.warehouse.connection import Warehouse
from connector.warehouse.ledger import columns_of
from connector.warehouse.models import OtherForm

RUNS = 20
"""How many of the latest runs are told of."""


@dataclass(frozen=True, slots=True)
class CrmStatus:
    """The leads of one CRM, as the last build saw them."""

    crm: str
    leads: int
    removed: int
    """Of these, deleted, archived or merged."""
    last_edit_at: datetime | None
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run of a command, by CRM or push, however it ended: a row of ``leadloop.runs``."""

    command: str
    crm: str | None
    push: str | None
    run_id: str
    started_at: datetime
    ended_at: datetime | None
    """``None``: it is at work, or was killed."""
    state: str
    """``ended``, ``running`` or ``killed``."""
    exit_code: int | None
    why: str | None
    last_done_at: datetime | None
    """When such a run last ended with 0 or 3."""
    who: str
    host: str
    pid: int
    windows: str | None
    rows: int | None
    calls: int | None
    push_run_id: str | None


@dataclass(frozen=True, slots=True)
class PushRun:
    """A run of a push that began to send: a row of ``leadloop.push_runs``."""

    run_id: str
    push: str
    crm: str
    started_at: datetime
    leads: int
    fields: int
    host: str
    pid: int
    fields_by_state: Mapping[str, int]
    """Fields by the last state that the journal has of each."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the warehouse knows of leads and runs."""

    warehouse: str
    """Path, or host and database."""
    settings: Mapping[str, str]
    """Setting of the warehouse -> where it is from."""
    crms: tuple[CrmStatus, ...] = ()
    commands: tuple[LastRun, ...] = ()
    """Newest first."""
    runs: tuple[PushRun, ...] = ()
    """The latest, newest first."""
    calls_today: Mapping[str, CallsLeft] = field(default_factory=dict)
    """CRM -> its calls of the day, where they are counted."""
    other_forms: tuple[OtherForm, ...] = ()
    """What a CRM keeps in another form than it was sent in, and is not sent again."""
    moved: str = ""
    """Why nobody may work with it: it was moved, or a move to it has not ended; blank where they may."""


def status(warehouse: Warehouse, *, reading: Warehouse | None = None) -> Status:
    """Leads by CRM, the last run of each command, and the latest runs of pushes with what became of their fields.

    ``reading``: where to look, if that is another copy of the warehouse.
    """
    known = Status(warehouse.label, settings.origins(), calls_today=crm.calls_today())
    place = reading or warehouse
    if not place.is_there:
        # Opening it would make it.
        return known
    with place.translated(), place.engine().connect() as connection:
        names = [each.name for each in fields(LastRun)]
        commands = [
            LastRun(**{name: each[name] for name in names}) for each in stages.latest(connection, warehouse)
        ]
        refusal = moves.refusal(connection)
        return replace(
            known,
            moved=str(refusal or ""),
            crms=_crms(connection),
            commands=tuple(commands),
            runs=_push_runs(connection),
            other_forms=kept_forms(connection),
        )


def _crms(connection: sa.Connection) -> tuple[CrmStatus, ...]:
    model = models.relations().leads
    columns = columns_of(connection, *model)
    if not {"crm", "last_seen_at", "modified_at", "removed_at"} <= columns:
        return ()
    leads = sa.table(model.name, *map(sa.column, sorted(columns)), schema=model.schema)
    query = (
        sa.select(
            leads.c.crm,
            sa.func.count().label("leads"),
            sa.func.count(leads.c.removed_at).label("removed"),
            sa.func.max(leads.c.modified_at).label("last_edit_at"),
            sa.func.max(leads.c.last_seen_at).label("last_seen_at"),
        )
        .group_by(leads.c.crm)
        .order_by(leads.c.crm)
    )
    return tuple(CrmStatus(**row) for row in connection.execute(query).mappings())


def _push_runs(connection: sa.Connection) -> tuple[PushRun, ...]:
    """The latest runs, newest first, each with its fields counted by their last state."""
    if not columns_of(connection, "leadloop", "push_journal"):
        return ()
    # Only what every version of the table has: a look brings no older one up.
    names = ("run_id", "push", "crm", "started_at", "leads", "fields", "host", "pid")
    latest = (
        sa.select(*(push_runs.c[name] for name in names)).order_by(push_runs.c.started_at.desc()).limit(RUNS)
    )
    runs = [dict(row) for row in connection.execute(latest).mappings()]
    there = [
        table
        for table in (push_journal, push_journal_archive)
        if columns_of(connection, "leadloop", table.name)
    ]
    row = (
        history([run["run_id"] for run in runs], there, "run_id", "lead_id", "field", "seq", "state")
        .subquery()
        .c
    )
    place = sa.func.row_number().over(
        partition_by=(row.run_id, row.lead_id, row.field), order_by=row.seq.desc()
    )
    last = sa.select(row.run_id, row.state, place.label("place")).subquery()
    counts = (
        sa.select(last.c.run_id, last.c.state, sa.func.count())
        .where(last.c.place == 1)
        .group_by(last.c.run_id, last.c.state)
    )
    states: dict[str, dict[str, int]] = {}
    for run_id, state, number in connection.execute(counts):
        states.setdefault(run_id, {})[state] = number
    return tuple(
        PushRun(**run, fields_by_state=dict(sorted(states.get(run["run_id"], {}).items()))) for run in runs
    )
