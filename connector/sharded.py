"""``extract --shard 3/8``: one part of a first read, beside others, in any order, in this process or on another machine."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from connector import crm
from connector.errors import ConfigError
from connector.events import QUIET, Listener
from connector.extract import windows
from connector.extract.asking import asked_time
from connector.extract.job import Job, job
from connector.extract.raw import LEADS
from connector.extract.shards import Shard, cut
from connector.extract.windows import Window
from connector.push import facts
from connector.warehouse import pipelines, reads, runs, settings, shards, waiting
from connector.warehouse.accounts import answering, check_account, note_account
from connector.warehouse.connection import Warehouse
from connector.warehouse.leases import Lease

if TYPE_CHECKING:
    from connector.extract.load import Extracted
    from connector.extract.past import Read

PATIENCE = 3600.0
"""Seconds that a part waits, all in all, while others load into the same DuckDB file."""


@runs.recorded(
    "extract",
    project=False,
    facts=facts.of_extraction,
    crm="vendor",
    shard="shard",
    start="start",
    end="end",
)
def extract_shard(
    warehouse: Warehouse,
    vendor: str,
    shard: Shard,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    filters: Mapping[str, str] | None = None,
    same_account: bool = False,
    listener: Listener = QUIET,
) -> "Extracted":
    """Reads one part of all leads, or of those edited from ``start`` to ``end`` (aware), into the raw tables.

    The first part that is read cuts the time into all of them, by how many leads there are. When the parts are read, the next
    extraction goes on from where they end; a part that is missing is read by it. Parts of a stretch leave the cursor alone.

    Raises ``LockedError`` while another process reads the same part, and ``ConfigError`` for a CRM that can't be asked for
    a stretch of time, one that was read before, and for another number of parts than those that were begun.
    """
    from connector.extract.shards import load_shard
    from connector.warehouse.shard_tables import ShardTables

    listener.stage(f"extract {vendor}: {shard}")
    pipelines.tune()
    with ExitStack() as stack:
        account = stack.enter_context(crm.account(vendor))
        stack.enter_context(answering(warehouse, account))
        todo = job(
            account.settings,
            filters=filters,
            reader=account.reader,
            number=pipelines.numbers(warehouse),
            say=listener.notice,
        )
        if account.capabilities.reading != "windows":
            raise ConfigError(
                f"{vendor} lists its leads from the newest edit on, so a first read of it can't be split: --shard is for CRMs "
                "that can be asked for a stretch of time.",
            )
        is_patient = waiting.is_on()
        if not is_patient:
            turn = f"{warehouse.label} is in use, by another part perhaps: waiting for a turn to load."
            stack.enter_context(waiting.waiting(PATIENCE, lambda _who: listener.notice(turn)))
        name = f"extract:{vendor}:{shard.number}-of-{shard.of}"
        lease = stack.enter_context(warehouse.lock(name, wait=is_patient))
        warehouse.probe()
        runs.begin()
        with warehouse.translated():
            engine = warehouse.engine()
            is_noted = not same_account and check_account(
                engine, account.settings, account.reader, ledger=warehouse.ledger()
            )
            stretch = replace(todo, start=_second(start), end=_second(end))
            cursor_name = _name(stretch)
            part = _part(warehouse, lease, account.name, stretch, cursor_name, shard)
            todo = replace(todo, prove=lease.prove, part=part)
            tables = ShardTables(warehouse, account.name, cursor_name, shard, part, lease)
            found: list[Read] = []
            try:
                done = load_shard(
                    tables, account.settings, todo, on_progress=listener.extracting, on_read=found.append
                )
            finally:
                with lease.transaction() as connection:
                    reads.note(connection, runs.current_id(), vendor, found, settings.archive_days())
                    if all(each.whole for each in found):
                        shards.note_read(connection, vendor, cursor_name, shard)
            if not is_noted:
                note_account(engine, account.settings, account.reader, ledger=warehouse.ledger())
            return replace(done, calls_today=account.calls_today, shard=str(shard))


def _second(instant: datetime | None) -> datetime | None:
    return windows.floor_second(instant) if instant else None


def _name(todo: Job) -> str:
    """The cursor that the parts belong to; with the stretch in it where it is no first read."""
    if todo.moves_cursor:
        return todo.cursor_key
    given = (f"{each:%Y%m%dT%H%M%S}" if each else "" for each in (todo.start, todo.end))
    return f"{todo.cursor_key} {'/'.join(given)}"


def _part(warehouse: Warehouse, lease: Lease, name: str, todo: Job, cursor_name: str, shard: Shard) -> Window:
    """What this part covers; whoever comes first cuts all of them."""
    engine = warehouse.engine()
    raw = pipelines.AccountTables(warehouse, name, crm.raw_schema(name))
    with engine.connect() as connection:
        before = shards.cut_before(connection, name, cursor_name)
        states = _states(crm.raw_schema(name), connection)
        shards.check_number(name, cursor_name, before, shard.of, states)
    if len(before) != shard.of:
        reached = raw.past(LEADS).cursors.get(cursor_name)
        if todo.moves_cursor and reached:
            raise ConfigError(
                f"{name} was read before, up to {datetime.fromisoformat(reached):%F %T} UTC, so there is no first read to split.",
                "Run leadloop extract without --shard, or give --start and --end to read a stretch of time once more.",
            )
        settled = windows.floor_second(asked_time(todo.reader).now() - timedelta(seconds=todo.settle))
        parts = cut(todo, Window(todo.start or todo.first, todo.end or settled), shard.of)
        with lease.transaction() as connection, warehouse.beside(connection) as leads:
            before = shards.note_cut(
                connection, name, cursor_name, parts, _states(crm.raw_schema(name), leads)
            )
    return before[shard.number - 1]


def _states(schema: str, connection: sa.Connection) -> shards.States:
    return lambda pipeline: pipelines.state_of(connection, schema, pipeline)
