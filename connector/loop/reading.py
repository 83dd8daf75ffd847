"""The first stage: what the CRM shows comes into the raw tables, and is compared with them."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, cast

from connector import crm
from connector.errors import ConfigError
from connector.events import QUIET, Listener
from connector.extract.asking import asked_time
from connector.extract.raw import LEADS
from connector.loop.clocks import say_future, skew_said
from connector.push import (
    facts,
)
from connector.push.unseen import unseen
from connector.warehouse import (
    fields,
    pipelines,
    reads,
    runs,
    settings,
)
from connector.warehouse.accounts import answering, check_account, note_account
from connector.warehouse.connection import Warehouse
from connector.warehouse.leases import Lease

if TYPE_CHECKING:
    from connector.extract.load import Extracted
    from connector.extract.past import Read
    from connector.extract.reconcile import Reconciled


@runs.recorded("extract", project=False, facts=facts.of_extraction, crm="vendor", start="start", end="end")
def extract(
    warehouse: Warehouse,
    vendor: str = crm.DEFAULT,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    filters: Mapping[str, str] | None = None,
    confirm: Mapping[str, str] | None = None,
    same_account: bool = False,
    listener: Listener = QUIET,
) -> "Extracted":
    """Reads what was edited since the last run, and the leads that were sent and not seen since, into the raw tables.

    So it does with what else the CRM shows and the settings ask for: removed leads, logged calls, recordings. With ``start`` or ``end``
    (aware) it is a backfill of that stretch and leaves the cursor alone. ``confirm``: push -> which of its leads are read
    back, ``all`` (the default), ``sample`` or ``none``. ``same_account``: a person says that the account is the one that the
    warehouse holds, though it has none of the leads that the warehouse knows; else that is an ``OtherAccountError``.
    """
    from connector.extract.job import job
    from connector.extract.load import load

    told = ""

    def stage(table: str) -> None:
        nonlocal told
        if table != told:
            told = table
            listener.stage(f"extract {vendor}" + ("" if table == LEADS else f": {table}"))

    stage(LEADS)
    pipelines.tune()
    with ExitStack() as stack:
        account = stack.enter_context(crm.account(vendor))
        stack.enter_context(skew_said(account, listener))
        stack.enter_context(answering(warehouse, account))
        # Before the lock, which begins a warehouse where there is none: a misspelt filter leaves nothing behind.
        todo = job(
            account.settings,
            start=start,
            end=end,
            filters=filters,
            reader=account.reader,
            number=pipelines.numbers(warehouse),
            say=listener.notice,
        )
        lease = stack.enter_context(warehouse.lock(f"extract:{vendor}"))
        todo = replace(todo, prove=lease.prove)
        warehouse.probe()
        runs.begin()
        with warehouse.translated():
            engine = warehouse.engine()
            is_noted = not same_account and check_account(
                engine, account.settings, account.reader, ledger=warehouse.ledger()
            )

            def sent() -> Mapping[str, datetime | None]:
                warehouse.keep()
                return unseen(engine, account, confirm or {})

            with _noted(lease, vendor) as found:
                done = load(
                    pipelines.tables(warehouse, account),
                    account.settings,
                    todo,
                    again=sent if todo.moves_cursor else dict,
                    on_table=stage,
                    on_progress=listener.extracting,
                    on_read=found.append,
                )
                warehouse.keep()
            if not is_noted:
                note_account(engine, account.settings, account.reader, ledger=warehouse.ledger())
            fields.refresh(engine, lease, account, runs.current_id(), listener.notice)
            say_future(warehouse, account, listener)
            return replace(done, calls_today=account.calls_today)


@contextmanager
def _noted(lease: Lease, crm: str) -> Iterator[list["Read"]]:
    """Writes what was read into ``leadloop.reads``, also where it ends with an error, which then goes before one of this."""
    found: list[Read] = []

    def note() -> None:
        with lease.transaction() as connection:
            reads.note(connection, runs.current_id(), crm, found, settings.archive_days())

    try:
        yield found
    except BaseException:
        with suppress(Exception):
            note()
        raise
    note()


@runs.recorded("reconcile", project=False, facts=facts.of_comparison, crm="vendor", start="start", end="end")
def reconcile(
    warehouse: Warehouse,
    vendor: str = crm.DEFAULT,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    sample: int | None = None,
    repair: bool = False,
    listener: Listener = QUIET,
) -> "Reconciled":
    """Compares what the CRM and the raw tables show: of leads edited from ``start`` to ``end`` (aware), or of a sample.

    Without either it is the day before the end of the last extraction. ``repair`` reads again what differs.
    """
    from connector.extract import reconcile as comparing
    from connector.extract.job import job
    from connector.extract.windows import Window

    listener.stage(f"reconcile {vendor}")
    pipelines.tune()
    with (
        crm.account(vendor) as account,
        answering(warehouse, account),
        warehouse.lock(f"extract:{vendor}") as lease,
    ):
        settings, reader = account.settings, account.reader
        todo = job(settings, start=start, end=end, reader=reader)
        warehouse.probe()
        with warehouse.translated():
            check_account(warehouse.engine(), settings, reader, ledger=warehouse.ledger())
            reached = pipelines.cursor(warehouse, account)
            raw = comparing.RawLeads(warehouse.engine(), reader)
            sent = set(unseen(warehouse.engine(), account, {}))
            if sample is not None:
                found = comparing.sample_of(
                    todo, raw, sample, cursor=reached, sent=sent, on_progress=listener.extracting
                )
            elif todo.moves_cursor and reached is None:
                raise ConfigError(f"Nothing was extracted from {vendor} yet: `leadloop extract` comes first.")
            else:
                window = comparing.last_day(cast(datetime, reached))
                if not todo.moves_cursor:
                    window = cast(Window, todo.window(None, asked_time(reader).now()))
                found = comparing.window_of(
                    todo, raw, window, cursor=reached, sent=sent, on_progress=listener.extracting
                )
            if repair:
                found = comparing.repair(
                    pipelines.tables(warehouse, account),
                    reader,
                    found,
                    pipelines.numbers(warehouse),
                    concurrency=settings.single_calls,
                    on_progress=listener.extracting,
                    prove=lease.prove,
                )
        return found
