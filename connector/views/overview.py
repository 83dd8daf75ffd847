"""How each CRM and each push stands, and what happened day by day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from connector.push.plan import Plan
from connector.status import CrmStatus, LastRun, Status
from connector.warehouse.ledger import columns_of

DAYS = 30
"""So many days are charted, today included."""


@dataclass(frozen=True, slots=True)
class CrmView:
    """One CRM."""

    crm: str
    leads: int
    removed: int
    read_up_to: datetime | None
    """Everything that was edited before is in the warehouse; ``None``: nothing was read whole yet."""
    read_at: datetime | None
    last_edit_at: datetime | None


@dataclass(frozen=True, slots=True)
class PushView:
    """One push as its plan would be now, and how its last run went."""

    push: str
    crm: str
    plan: Plan | None
    """``None``: it can't be made (yet); ``why_not`` says why, if that is known."""
    why_not: str
    in_sync: int
    """Fields that were sent and accepted, and that differ in nothing now."""
    last: LastRun | None
    states: Mapping[str, int] = field(default_factory=dict)
    """Fields of the last run that sent, by what became of them."""


class Count(NamedTuple):
    """One number of one day and series."""

    day: date
    series: str
    number: float


@dataclass(frozen=True, slots=True)
class Days:
    """What happened day by day, in UTC, from the first day of which something is known; at most ``DAYS`` days."""

    changes: Sequence[Count]
    """Fields that changed, by who changed them: ``crm`` or ``push``."""
    deliveries: Sequence[Count]
    """Fields of pushes, by their last state."""
    delay: Sequence[Count]
    """Seconds from the build that wanted a value to the moment the CRM accepted it: ``median`` and ``slowest tenth``."""


def crm_views(connection: sa.Connection, found: Status) -> list[CrmView]:
    """The CRMs of a status, with how far they were read."""
    read = _reads(connection)
    known: dict[str, CrmStatus] = {each.crm: each for each in found.crms}
    return [
        CrmView(
            name,
            known[name].leads if name in known else 0,
            known[name].removed if name in known else 0,
            *read.get(name, (None, known[name].last_seen_at if name in known else None)),
            known[name].last_edit_at if name in known else None,
        )
        for name in sorted({*known, *read})
    ]


def _reads(connection: sa.Connection) -> dict[str, tuple[datetime | None, datetime | None]]:
    if not columns_of(connection, "leadloop", "reads"):
        return {}
    query = sa.text(
        "select crm, max(window_end), max(noted_at) from leadloop.reads"
        " where stream = 'lead_versions' and outcome = 'whole' group by crm"
    )
    return {crm: (_utc(end), _utc(noted)) for crm, end, noted in connection.execute(query)}


def in_sync(connection: sa.Connection, schema: str) -> dict[str, int]:
    """Push -> fields that the CRM has accepted and that the push wants as they are."""
    if not columns_of(connection, schema, "push_outcomes") or not columns_of(
        connection, schema, "push_pending"
    ):
        return {}
    quoted = connection.dialect.identifier_preparer.quote(schema)
    query = sa.text(
        f"""
        with last as (
            select push, crm, lead_id, field, state,
                row_number() over (partition by push, crm, lead_id, field order by run_id desc) as place
            from {quoted}.push_outcomes
        )
        select last.push, count(*)
        from last
        left join {quoted}.push_pending as pending
            on last.push = pending.push and last.crm = pending.crm and last.lead_id = pending.lead_id
            and last.field = pending.field
        where last.place = 1 and last.state in ('applied', 'confirmed') and pending.push is null
        group by last.push
        """
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def days(connection: sa.Connection, schema: str, *, today: date | None = None) -> Days:
    """The charts' numbers; a day on which nothing happened has none."""
    since = datetime.combine(
        (today or datetime.now(UTC).date()) - timedelta(days=DAYS - 1), datetime.min.time(), UTC
    )
    quoted = connection.dialect.identifier_preparer.quote(schema)
    changes: list[Count] = []
    deliveries: list[Count] = []
    delay: list[Count] = []
    if columns_of(connection, schema, "lead_changes"):
        changes = _counts(
            connection,
            f"select cast(changed_at at time zone 'UTC' as date), origin, count(*) from {quoted}.lead_changes"
            " where changed_at >= :since group by 1, 2 order by 1, 2",
            since,
        )
    if columns_of(connection, schema, "push_outcomes"):
        deliveries = _counts(
            connection,
            f"select cast(coalesce(decided_at, planned_at) at time zone 'UTC' as date), state, count(*)"
            f" from {quoted}.push_outcomes where coalesce(decided_at, planned_at) >= :since group by 1, 2 order by 1, 2",
            since,
        )
        if columns_of(connection, "leadloop", "runs") and columns_of(connection, schema, "int_push_history"):
            delay = _delay(connection, quoted, since)
    return Days(changes, deliveries, delay)


def _delay(connection: sa.Connection, quoted: str, since: datetime) -> list[Count]:
    """A push's plan is made from the build before it; what was wanted is in the models since that build ended."""
    rows = connection.execute(
        sa.text(
            f"""
            with runs as (
                select run_id, min(case when state = 'planned' then recorded_at end) as planned_at
                from {quoted}.int_push_history group by run_id
            ),
            built as (
                select runs.run_id, max(builds.ended_at) as built_at
                from runs
                inner join leadloop.runs as builds
                    on builds.command = 'build' and builds.exit_code = 0 and builds.ended_at <= runs.planned_at
                group by runs.run_id
            )
            select said.recorded_at, built.built_at
            from {quoted}.int_push_history as said
            inner join built on said.run_id = built.run_id
            where said.state = 'applied' and said.recorded_at >= :since
            """
        ),
        {"since": since},
    )
    by_day: dict[date, list[float]] = {}
    for applied, built in rows:
        by_day.setdefault(applied.astimezone(UTC).date(), []).append(
            max(0.0, (applied - built).total_seconds())
        )
    found = []
    for day, seconds in sorted(by_day.items()):
        seconds.sort()
        found.append(Count(day, "median", seconds[len(seconds) // 2]))
        found.append(Count(day, "slowest tenth", seconds[min(len(seconds) - 1, len(seconds) * 9 // 10)]))
    return found


def _counts(connection: sa.Connection, query: str, since: datetime) -> list[Count]:
    return [
        Count(_day(day), series, number)
        for day, series, number in connection.execute(sa.text(query), {"since": since})
    ]


def _day(value: Any) -> date:
    return value.date() if isinstance(value, datetime) else value


def _utc(value: datetime | None) -> datetime | None:
    return value.astimezone(UTC) if value is not None else None


def last_run(found: Status, push: str) -> LastRun | None:
    """The last run that was to send this push: its own, or the last of ``leadloop run``."""
    return next((each for each in found.commands if each.command == "push" and each.push == push), None)


def states_of(found: Status, push: str) -> Mapping[str, int]:
    return next((each.fields_by_state for each in found.runs if each.push == push), {})


def running(found: Status) -> list[LastRun]:
    """What is at work now."""
    return [each for each in found.commands if each.state == "running"]
