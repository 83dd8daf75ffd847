"""The record of what was meant, sent and answered, on the warehouse the leads are in.

Rows are only ever added. A batch is one transaction and one statement per few thousand rows; in between nothing is held,
so that a DuckDB file is free for others.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from connector.crm.base import FOUND
from connector.errors import LockedError, WarehouseError
from connector.push.changes import FieldChange, LeadPlan
from connector.push.journal_row import GIVEN, NAMES, Entry, Recorded, State, recorded
from connector.push.plan import Plan
from connector.push.tables import (
    adding_runs,
    last_rows,
    meant,
    newest_first,
    now,
    push_journal,
    push_runs,
    push_settled,
)
from connector.warehouse import runs
from connector.warehouse.connection import Warehouse
from connector.warehouse.engines import engine_of
from connector.warehouse.leases import Lease, patient
from connector.warehouse.ledger import next_number
from connector.warehouse.migrations import are_there, bring_up

PATIENCE = 30.0
"""Seconds to wait for a DuckDB file that another process holds, or a server that cut us off, before a run gives up."""
_ROWS_AT_A_TIME = 20_000


class Journal:
    """Writes and reads the journal through an engine that keeps no connection (``NullPool``). For one thread.

    ``leads``: the engine that shows the journal beside the leads, where that is another one: see ``Warehouse.ledger``.

    ``clock`` dates what is recorded; a run's is that of its CRM, so that it can be compared with what the CRM shows.

    With a ``lease``, whatever is added to a run is added in a transaction that proves it: ``LeaseLostError`` if another
    run has taken over.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        leads: sa.Engine | None = None,
        clock: Callable[[], datetime] = now,
        patience: float = PATIENCE,
        lease: Lease | None = None,
    ) -> None:
        self.engine = engine
        self.leads = leads or engine
        self.lease = lease
        self.clock = clock
        self._patience = patience
        self._last_seq: dict[str, int] = {}
        self._is_there = False

    @classmethod
    def of(
        cls, warehouse: Warehouse, *, lease: Lease | None = None, clock: Callable[[], datetime] = now
    ) -> "Journal":
        """The journal of a warehouse."""
        return cls(warehouse.ledger(), leads=warehouse.engine(), lease=lease, clock=clock)

    def ensure(self) -> None:
        """Makes the tables where they are missing, and brings older ones up; whoever has taken a lease has done so already."""
        with self._transaction() as connection:
            bring_up(connection)

    def crms(self) -> list[str]:
        """The CRMs that anything was ever sent to; the journal's tables must be there (``ensure``)."""
        with self._connect() as connection:
            return sorted(connection.scalars(sa.select(push_runs.c.crm).distinct()))

    def start_run(self, plan: Plan) -> str:
        """Puts the run and everything it means to send on disk, in one transaction; returns the run's id."""
        started_at = self.clock()
        run_id = runs.new_run_id(started_at)
        run = {
            "run_id": run_id,
            "push": plan.push,
            "crm": plan.crm,
            "mode": plan.mode,
            "started_at": started_at,
            "plan_fingerprint": plan.fingerprint,
            "leads": len(plan.leads),
            "fields": plan.fields,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "leadloop_version": runs.leadloop_version(),
            "options": json.dumps(dict(plan.options)) if plan.options else None,
            "equal": json.dumps(dict(plan.equal)) if plan.equal else None,
            "who": runs.user(),
            "undoes": json.dumps(plan.undo.runs) if plan.undo else None,
        }

        def write(connection: sa.Connection, again: bool) -> int:
            there = sa.select(sa.func.count()).where(push_runs.c.run_id == run_id)
            if again and connection.scalar(there):
                return self._found_seq(connection, run_id)
            connection.execute(push_runs.insert().values(run))
            intents = (
                entry(plan, lead, change, "planned", recorded_at=started_at)
                for lead in plan.leads
                for change in lead.changes
            )
            return self._insert(connection, run_id, 0, intents)

        self._last_seq[run_id] = self._write(write)
        runs.note(push_run_id=run_id)
        return run_id

    def note(self, runs: Iterable[Mapping[str, Any]]) -> None:
        """Adds rows to ``push_runs`` in which nothing is open, in one transaction; those that are there stay as they are."""
        rows = list(runs)

        def write(connection: sa.Connection, _again: bool) -> int:
            known = set(connection.scalars(sa.select(push_runs.c.run_id)))
            for row in rows:
                if row["run_id"] not in known:
                    connection.execute(push_runs.insert().values(row))
                    closed = {"run_id": row["run_id"], "settled_at": self.clock()}
                    connection.execute(push_settled.insert().values(closed))
            return 0

        self._write(write)

    def record(self, run_id: str, entries: Iterable[Entry], *, closed: bool = False) -> None:
        """Adds the entries to a run, all or none; ``closed`` says that nothing of the run is open after them."""
        entries = list(entries)
        if not entries and not closed:
            return
        # Forgotten until it is on disk: should the commit's answer be lost, the next call looks how far it got.
        before = self._last_seq.pop(run_id, None)

        def write(connection: sa.Connection, again: bool) -> int:
            nonlocal before
            found = before if before is not None and not again else self._found_seq(connection, run_id)
            before = found if before is None else before
            if again and entries and found > before:
                return found
            written = self._insert(connection, run_id, before, entries)
            if closed:
                connection.execute(push_settled.insert().values(run_id=run_id, settled_at=self.clock()))
            return before + written

        self._last_seq[run_id] = self._write(write)

    def record_each(self, entries: Iterable[tuple[Recorded, Entry]]) -> None:
        """Adds entries, each to the run of the row that it follows on; all or none of a run's."""
        by_run: dict[str, list[Entry]] = {}
        for row, following in entries:
            by_run.setdefault(row.run_id, []).append(following)
        for run_id, group in by_run.items():
            self.record(run_id, group)

    def _found_seq(self, connection: sa.Connection, run_id: str) -> int:
        last = sa.select(sa.func.max(push_journal.c.seq)).where(push_journal.c.run_id == run_id)
        return connection.scalar(last) or 0

    def _write(self, write: Callable[[sa.Connection, bool], int]) -> int:
        """Writes in one transaction; once more under the same lease if PostgreSQL cuts the connection.

        ``write`` is then told that it is called again: the transaction may have been carried out and its answer lost.
        Its proof of the lease locks the lease's row, so the one before has ended, one way or the other.
        """
        deadline = time.monotonic() + self._patience
        again = False
        while True:
            try:
                if self.lease is None:
                    with self._transaction() as connection:
                        return write(connection, again)
                with self.lease.transaction(self._connect) as connection:
                    return write(connection, again)
            except sa.exc.DBAPIError as error:
                if self.lease is None or not engine_of(self.engine).is_cut(error):
                    raise
                if time.monotonic() > deadline:
                    raise WarehouseError(
                        f"The journal could not be written for {self._patience:.0f} s, because the server cuts or "
                        "refuses connections.",
                        "Run again when it is there: nothing that was sent is forgotten.",
                    ) from None
            again = True
            time.sleep(0.2)

    def open_runs(self, push: str) -> list[str]:
        """Runs of a push in which something may be open, the oldest first."""
        run = push_runs.c
        query = (
            sa.select(run.run_id)
            .where(run.push == push, run.run_id.not_in(sa.select(push_settled.c.run_id)))
            .order_by(run.started_at, run.run_id)
        )
        if not self.exists():
            return []
        with self._transaction() as connection:
            return list(connection.scalars(query))

    def open_leads(self, push: str) -> list[Recorded]:
        """What earlier runs of a push left open: fields last ``planned`` or ``sent`` (the run was killed), or ``unknown``."""
        return self._read(last_rows(("planned", "sent", "unknown"), push=push))

    def open_pushes(self, crm: str) -> list[str]:
        """Pushes whose runs left leads of a CRM ``planned``, ``sent`` or ``unknown``; also those whose models are gone by now.

        Until ``recovery.recover`` has been called for each of them, what was ``sent`` or is ``unknown`` is in no plan of any
        push to that CRM.
        """
        if not self.exists():
            return []
        with self._transaction() as connection:
            waiting = last_rows(("planned", "sent", "unknown"), crm=crm, only=(push_journal.c.push,))
            return sorted(connection.scalars(waiting))

    def rules(self) -> dict[str, dict[str, str]]:
        """Run -> field -> the rule by which its values are compared, of the runs that have any."""
        run = push_runs.c
        with self._transaction() as connection:
            found = connection.execute(sa.select(run.run_id, run.equal).where(run.equal.is_not(None))).all()
        return {run_id: json.loads(equal) for run_id, equal in found}

    def leads_of(self, crm: str, crm_lead_ids: Collection[str]) -> set[str]:
        """Those of these leads of a CRM that some row of some push has been given already."""
        row = push_journal.c
        query = (
            sa.select(row.crm_lead_id)
            .distinct()
            .where(row.crm == crm, row.crm_lead_id.in_(crm_lead_ids), row.run_id.in_(adding_runs()))
        )
        with self._transaction() as connection:
            return set(connection.scalars(query))

    def owners(self, crm: str, crm_lead_ids: Collection[str]) -> dict[str, set[tuple[str, str]]]:
        """Lead of a CRM -> (push, its own id) of the rows that have been given it, for those of these leads that have any."""
        row = push_journal.c
        query = (
            sa.select(row.crm_lead_id, row.push, row.lead_id)
            .distinct()
            .where(row.crm == crm, row.crm_lead_id.in_(crm_lead_ids), row.run_id.in_(adding_runs()))
        )
        found: dict[str, set[tuple[str, str]]] = {}
        with self._transaction() as connection:
            for crm_lead_id, push, lead_id in connection.execute(query):
                found.setdefault(crm_lead_id, set()).add((push, lead_id))
        return found

    def decided(self, push: str, code: str) -> set[tuple[str, str]]:
        """(lead id, field) where the last word on it, the CRM's or a person's, has this code."""
        row = push_journal.c
        newest = sa.func.row_number().over(
            partition_by=(row.lead_id, row.field),
            order_by=newest_first(row),
        )
        ranked = (
            sa.select(row.lead_id, row.field, row.code, newest.label("newest"))
            .where(row.push == push, row.state.in_(("applied", "confirmed", "rejected")))
            .subquery()
        )
        query = sa.select(ranked.c.lead_id, ranked.c.field).where(ranked.c.newest == 1, ranked.c.code == code)
        if not self.exists():
            return set()
        with self._transaction() as connection:
            return {(lead_id, name) for lead_id, name in connection.execute(query)}

    def applied_unconfirmed(self, crm: str) -> sa.Subquery:
        """The last word on each field of each lead of a CRM, where it is ``applied``: not yet seen in the CRM.

        The columns of the journal and ``meant``, the lead's id in the CRM. Counted over all pushes: a field that two of
        them send has one last writer, and only its value can be there.
        """
        row = push_journal.c
        ours = sa.and_(row.crm == crm, row.code.is_distinct_from(FOUND))
        # Most fields were confirmed long ago: only the others are put in order.
        waiting = sa.select(meant().label("meant"), row.field).where(ours, row.state == "applied").subquery()
        answered = (
            sa.select(push_journal, meant().label("meant"))
            .where(
                ours,
                row.state.in_(("applied", "confirmed", "reverted", "conflict")),
                sa.exists().where(waiting.c.meant == meant(), waiting.c.field == row.field),
            )
            .subquery()
        )
        newest = sa.func.row_number().over(
            partition_by=(answered.c.meant, answered.c.field),
            order_by=newest_first(answered.c),
        )
        ranked = sa.select(answered, newest.label("newest")).where(answered.c.meant.is_not(None)).subquery()
        return (
            sa.select(*(ranked.c[name] for name in (*NAMES, "meant")))
            .where(ranked.c.newest == 1, ranked.c.state == "applied")
            .subquery("applied")
        )

    def found(self, crm: str) -> sa.Select[Any]:
        """The CRM's ids of leads that were to be added and were found there instead."""
        row = push_journal.c
        return sa.select(meant()).distinct().where(row.crm == crm, row.code == FOUND, meant().is_not(None))

    def exists(self) -> bool:
        """Whether anything can have been recorded; ``OtherVersionError`` where it is in tables of another leadloop."""
        if not self._is_there:
            with self._transaction() as connection:
                self._is_there = are_there(connection)
        return self._is_there

    def _read(self, query: sa.Select[Any]) -> list[Recorded]:
        if not self.exists():
            return []
        with self._transaction() as connection:
            return [recorded(row) for row in connection.execute(query)]

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with self._connect() as connection, connection.begin():
            yield connection

    def _connect(self) -> sa.Connection:
        """A connection; waits for a DuckDB file that somebody is looking into, as people do in the middle of a run."""
        try:
            return patient(self.engine, self._patience)
        except sa.exc.DBAPIError as error:
            if "Could not set lock on file" not in str(error):
                raise
            raise LockedError(
                f"The journal could not be written for {self._patience:.0f} s, because another process holds "
                "the warehouse's file.",
                "Close it there and run again: nothing that was sent is forgotten.",
            ) from None

    def _insert(self, connection: sa.Connection, run_id: str, last_seq: int, entries: Iterable[Entry]) -> int:
        written, rest, at = 0, iter(entries), self.clock()
        number = next_number(connection)
        insert = engine_of(connection).insert
        while part := list(islice(rest, _ROWS_AT_A_TIME)):
            insert(connection, push_journal, _columns(run_id, last_seq + written, part, at, number))
            written += len(part)
        return written


def entry(
    plan: Plan,
    lead: LeadPlan,
    change: FieldChange,
    state: State,
    *,
    code: str | None = None,
    reason: str | None = None,
    recorded_at: datetime | None = None,
    crm_lead_id: str | None = None,
) -> Entry:
    """A state of one field of a plan; ``crm_lead_id`` where the CRM has just given one."""
    return Entry(
        plan.push, plan.crm, lead.lead_id, change.field, change.column_name, state, change.current, change.desired,
        code, reason, recorded_at, crm_lead_id or lead.crm_lead_id,
    )  # fmt: skip


def _columns(
    run_id: str, last_seq: int, entries: Sequence[Entry], at: datetime, number: int
) -> dict[str, Sequence[Any]]:
    """Column of ``push_journal`` -> its values."""
    count = len(entries)
    given = dict(zip(GIVEN, zip(*map(attrgetter(*GIVEN), entries), strict=True), strict=True))
    return {
        **given,
        "run_id": [run_id] * count,
        "seq": range(last_seq + 1, last_seq + 1 + count),
        "code": [_printable(code) for code in given["code"]],
        "reason": [_printable(reason) for reason in given["reason"]],
        "recorded_at": [time or at for time in given["recorded_at"]],
        "sequence_number": [number if own is None else own for own in given["sequence_number"]],
    }


def _printable(text: str | None) -> str | None:
    # The one character that PostgreSQL's text can't hold; a reason from a CRM may have anything in it.
    return text.replace("\x00", "") if text else text
