"""What ``leadloop status`` tells, read from the warehouse alone."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from connector import config
from connector.push.tables import push_journal, push_runs
from connector.warehouse import runs as stages
from connector.warehouse.connection import Warehouse
from connector.warehouse.ledger import columns_of

RUNS = 20
"""How many of the latest runs are told of."""
RUN_ID = 24
"""Characters of a run's id."""
COMMAND = (
    "command", "crm", "push", "run_id", "started_at", "ended_at", "state", "exit_code", "why", "last_done_at", "who",
    "host", "pid", "windows", "rows", "calls", "push_run_id",
)  # fmt: skip
"""What is told of the last run of a command."""


def status(warehouse: Warehouse) -> dict[str, Any]:
    """Leads by CRM, the last run of each command however it ended, the latest runs of pushes with what became of their
    fields, and what is still open; for ``--json`` as it is."""
    known = {"warehouse": warehouse.label, "settings": config.warehouse_origins()}
    if not warehouse.is_there:
        # Opening it would make it.
        return {**known, "crms": [], "commands": [], "runs": []}
    with warehouse.translated(), warehouse.engine().connect() as connection:
        return {
            **known,
            "crms": _crms(connection),
            "commands": [
                {name: each[name] for name in COMMAND} for each in stages.latest(connection, warehouse)
            ],
            "runs": _runs(connection),
        }


def _crms(connection: sa.Connection) -> list[dict[str, Any]]:
    columns = columns_of(connection, "analytics", "leads")
    if not {"crm", "last_seen_at", "modified_at", "removed_at"} <= columns:
        return []
    leads = sa.table("leads", *map(sa.column, sorted(columns)), schema="analytics")
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
    return [dict(row) for row in connection.execute(query).mappings()]


def _runs(connection: sa.Connection) -> list[dict[str, Any]]:
    """The latest runs, newest first, each with its fields counted by their last state."""
    if not columns_of(connection, "leadloop", "push_journal"):
        return []
    # Only what every version of the table has: a look brings no older one up.
    names = ("run_id", "push", "crm", "started_at", "leads", "fields", "host", "pid")
    latest = (
        sa.select(*(push_runs.c[name] for name in names)).order_by(push_runs.c.started_at.desc()).limit(RUNS)
    )
    runs = [dict(row) for row in connection.execute(latest).mappings()]
    row = push_journal.c
    place = sa.func.row_number().over(
        partition_by=(row.run_id, row.lead_id, row.field), order_by=row.seq.desc()
    )
    last = (
        sa.select(row.run_id, row.state, place.label("place"))
        .where(row.run_id.in_([run["run_id"] for run in runs]))
        .subquery()
    )
    counts = (
        sa.select(last.c.run_id, last.c.state, sa.func.count())
        .where(last.c.place == 1)
        .group_by(last.c.run_id, last.c.state)
    )
    states: dict[str, dict[str, int]] = {}
    for run_id, state, number in connection.execute(counts):
        states.setdefault(run_id, {})[state] = number
    return [
        {
            **run,
            "fields_by_state": dict(sorted(states.get(run["run_id"], {}).items())),
        }
        for run in runs
    ]


def status_text(found: dict[str, Any]) -> RenderableType:
    """The same for people."""
    crms = _table("CRM", "leads", "removed", "last edit (UTC)", "last seen (UTC)")
    for each in found["crms"]:
        crms.add_row(
            each["crm"],
            f"{each['leads']:,}",
            f"{each['removed']:,}",
            _moment(each["last_edit_at"]),
            _moment(each["last_seen_at"]),
        )
    commands = _table("command", "last run (UTC)", "how it ended", "last done (UTC)")
    for each in found["commands"]:
        name = " ".join(filter(None, (each["command"], each["push"] or each["crm"])))
        commands.add_row(
            Text(name), _moment(each["started_at"]), Text(_ended(each)), _moment(each["last_done_at"])
        )
    runs = _table("run", "push", "started (UTC)", "leads", "fields by state")
    for each in found["runs"]:
        states = ", ".join(f"{number:,} {state}" for state, number in each["fields_by_state"].items())
        runs.add_row(each["run_id"], each["push"], _moment(each["started_at"]), f"{each['leads']:,}", states)
    nothing = "Nothing has been pushed yet." if not found["runs"] else runs
    empty = "No leads yet: run leadloop extract and leadloop build." if not found["crms"] else crms
    settings = [f"  {name}: {place}" for name, place in found["settings"].items()]
    ran: list[RenderableType] = [commands, ""] if found["commands"] else []
    return Group(found["warehouse"], *settings, "", empty, "", *ran, nothing)


def _ended(each: dict[str, Any]) -> str:
    if each["state"] != "ended":
        return f"{each['state']}, process {each['pid']} on {each['host']}"
    return f"{each['exit_code']}: {each['why']}" if each["why"] else str(each["exit_code"])


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(
            head,
            justify="right" if head in ("leads", "removed") else "left",
            overflow="fold",
            # To be copied, so never broken over two lines however narrow the terminal is.
            no_wrap=head == "run",
            min_width=RUN_ID if head == "run" else None,
        )
    return table


def _moment(instant: datetime | None) -> str:
    return f"{instant.astimezone(UTC):%F %T}" if instant else "-"
