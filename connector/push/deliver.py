"""Carries out a Plan: exactly its leads, each in one call, and every one of them ends in a state that says what came of it.

A call has one lead in it, or as many as the writer takes at once (updates only).

What is on disk when: all intents (``planned``) before the first call; a lead's ``sent`` before its call; its outcome about
a second after the answer. One transaction writes the outcomes of the last batch and the ``sent`` of the next one while
the batch between them is in flight, so that calls don't wait for the disk. A process that is killed therefore leaves at
most two batches ``sent`` without an outcome; ``recovery.recover`` finds out about those.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from connector import events
from connector.crm.base import FOUND, LeadWriter, Outcome
from connector.errors import CallsUsedError, LeadloopError, ModelError
from connector.push.calling import call
from connector.push.changes import WHOLE, FieldChange, LeadPlan
from connector.push.equality import same
from connector.push.found import AT_ONCE, Search
from connector.push.frozen import ROWS_AT_A_TIME
from connector.push.journal import Journal, entry
from connector.push.journal_row import Entry, State
from connector.push.plan import Plan
from connector.push.policies import wins
from connector.push.summary import Summary, Tally
from connector.push.switch import Switch, signals

BATCH = 2000
"""The most leads in a batch; it has as many as are sent in ``BATCH_SECONDS``."""

BATCH_SECONDS = 1.0

BREAKER = 10
"""Outcomes in a row that are ``deferred`` or ``unknown``, after which the rest of the plan is not tried."""

Edits = Mapping[str, Mapping[str, str | None]]
"""Lead id -> the lead's fields by column name, as the CRM shows them now; for the leads that were edited of late."""


def deliver(
    plan: Plan,
    writer: LeadWriter,
    journal: Journal,
    *,
    recent_edits: Callable[[Collection[str]], Edits] | None = None,
    concurrency: int = 4,
    batch: int = BATCH,
    breaker: int = BREAKER,
    on_progress: Callable[[int, int], None] | None = None,
    on_start: Callable[[str], None] | None = None,
    held: CallsUsedError | None = None,
) -> Summary:
    """Sends ``plan.leads`` and nothing else, and records everything in the journal.

    ``recent_edits`` is asked before each batch, while the one before it is in flight, about the leads whose turn is still
    to come: a field that no longer shows what
    the plan was made for becomes a ``conflict`` and is not sent, unless the warehouse wins; one that shows the desired
    value by now is ``confirmed`` without a call. What a person edits between that look and the call, a second or two, can't
    be seen by any CRM without conditional writes.

    A lead that is to be added is looked for first, ``found.AT_ONCE`` of them before the first is sent. One that the CRM has
    is ``applied`` with the code ``found`` and without a call, one that can't be looked for is ``deferred``, and where more
    are found than the plan's ``max_found`` nothing more is sent.

    Where the account's calls of the day are used up, what is left is ``deferred`` with the time at which there are new ones.
    ``held``: that is so already, so nothing is sent.

    An answer may hold all edits since the plan or only those since the answer before: edits are kept until the lead's turn.

    ``on_start`` is called with the run's id, once it is on disk and before the first call, unless there is nothing to send.
    ``on_progress`` is called with leads done and leads in all. SIGINT and SIGTERM end the run after the calls in flight,
    and what was not sent is ``deferred``; a second signal does what signals do. Raises what ``Plan.check`` raises, before
    anything is written or sent, and ``WarehouseError`` when the journal can't be written: then nothing more is sent. So it
    is when another run has taken over (``LeaseLostError``): what was in flight stays ``sent``, for that run to find out.
    """
    plan.check()
    if plan.mode not in writer.capabilities.modes:
        raise ModelError(f"{plan.push}: mode is {plan.mode!r}, which {plan.crm} can't do.")
    run = _Run(plan, writer, journal, recent_edits, max(concurrency, 1), max(batch, 1), breaker)
    if held is not None:
        run.switch.wait_for(held)
    with signals(run.switch):
        return run.carry_out(on_progress or (lambda done, total: None), on_start or (lambda run_id: None))


class _Answer(NamedTuple):
    """What one call came to: an outcome for each of its leads."""

    leads: Sequence[LeadPlan]
    outcomes: Sequence[Outcome]
    called: bool
    began: datetime
    at: datetime


class _Run:
    """One plan being carried out. Everything but ``_send`` happens in one thread."""

    def __init__(
        self,
        plan: Plan,
        writer: LeadWriter,
        journal: Journal,
        recent_edits: Callable[[Collection[str]], Edits] | None,
        concurrency: int,
        most: int,
        breaker: int,
    ) -> None:
        self.plan = plan
        self.switch = Switch(breaker)
        self._writer = writer
        self._journal = journal
        self._recent_edits = recent_edits
        # Only an update has a call for many; the other modes go one by one.
        self._per_call = max(writer.most_per_call, 1) if plan.mode == "update" else 1
        self._concurrency = concurrency
        self._most = most
        self._least = concurrency * self._per_call
        self._size = min(self._least * 2, most)
        self._under_way: deque[list[Future[_Answer]]] = deque()
        looked_at = plan.leads if recent_edits is not None else ()
        self._waiting = {lead.crm_lead_id for lead in looked_at if lead.crm_lead_id is not None}
        self._edits: dict[str, Mapping[str, str | None]] = {}
        self._search = Search(plan, writer, journal)
        self._decided: set[str] = set()
        """Leads that are not to be sent, as looking for them has shown."""
        self._outcomes: list[Entry] = []
        self._tally = Tally()
        self._untried = 0
        self._paced_at = time.monotonic()

    def carry_out(self, on_progress: Callable[[int, int], None], on_start: Callable[[str], None]) -> Summary:
        started_at = self._journal.clock()
        run_id = self._journal.start_run(self.plan)
        total = len(self.plan.leads)
        if total:
            on_start(run_id)
        with ThreadPoolExecutor(self._concurrency, thread_name_prefix="leadloop-push") as pool:
            try:
                position = self._call_all(pool, run_id, lambda: on_progress(self._tally.leads, total))
            except BaseException:
                # Unforeseen, such as a journal that can't be written: no further call, and what is known is kept.
                self.switch.turn_off("the run failed")
                with suppress(Exception):
                    self._finish_all()
                    self._flush(run_id)
                raise
        self._put_off(run_id, position)
        self._flush(run_id, closed="unknown" not in self._tally.fields)
        on_progress(self._tally.leads, total)
        return self._summary(run_id, started_at)

    def _call_all(self, pool: ThreadPoolExecutor, run_id: str, progress: Callable[[], None]) -> int:
        """Sends batch after batch; returns how many leads were taken up before there was a reason to stop."""
        leads, position, looked_for = self.plan.leads, 0, 0
        while position < len(leads) and self.switch.off is None:
            if position == looked_for:
                looked_for = min(position + AT_ONCE, len(leads)) if self._search.is_wanted else len(leads)
                if self._search.is_wanted:
                    self._look_for(pool, run_id, leads[position:looked_for])
                progress()
                continue
            batch = leads[position : min(position + self._size, looked_for)]
            ready = self._look([lead for lead in batch if lead.lead_id not in self._decided])
            if ready is None:
                break
            position += len(batch)
            self._flush(run_id, [each for lead in ready for each in self._sent(lead)])
            calls = [ready[at : at + self._per_call] for at in range(0, len(ready), self._per_call)]
            self._under_way.append([pool.submit(self._send, leads) for leads in calls])
            while len(self._under_way) > 1:
                self._finish(self._under_way.popleft())
            progress()
        self._finish_all()
        return position

    def _look_for(self, pool: ThreadPoolExecutor, run_id: str, leads: Sequence[LeadPlan]) -> None:
        """Records which of these leads the CRM has already; may be the end of the run, before the first of them is sent."""
        # On record before it is looked for: a lead that this very run has added is its row's, and no other's.
        self._finish_all()
        self._flush(run_id)
        for part in self._search.among(leads, pool, self._concurrency):
            at = self._journal.clock()
            for lead, crm_lead_id, asked in part:
                if crm_lead_id is not None:
                    reason = f"{self.plan.crm} had this lead already; nothing was sent"
                    self._note(
                        lead, lead.changes, "applied", at, code=FOUND, reason=reason, crm_lead_id=crm_lead_id
                    )
                elif not asked:
                    reason = (
                        f"not sent: {self.plan.crm} could not be asked whether it has this lead already"
                        if self._search.used_up is None
                        else f"not sent: {self._search.used_up.sentence}"
                    )
                    self._note(lead, lead.changes, "deferred", at, reason=reason)
                if crm_lead_id is not None or not asked:
                    self._decided.add(lead.lead_id)
            self._flush(run_id)
            if (too_many := self._search.too_many) is not None:
                self.switch.turn_off(too_many)
            if (used_up := self._search.used_up) is not None:
                self.switch.wait_for(used_up)
            if self.switch.off is not None:
                return
        self._paced_at = time.monotonic()

    def _look(self, batch: Sequence[LeadPlan]) -> list[LeadPlan] | None:
        """The leads and fields of a batch that may still be sent; what becomes of the others is recorded.

        ``None``: the CRM doesn't say what was edited in it, so that nothing may be sent any more.
        """
        if self._recent_edits is None:
            return list(batch)
        try:
            edits = self._recent_edits(self._waiting)
        except CallsUsedError as error:
            self.switch.wait_for(error)
            return None
        except LeadloopError as error:
            self.switch.turn_off(
                f"the CRM could not be asked what was edited in it since the plan ({type(error).__name__})"
            )
            return None
        # Kept, because a look may show only what was edited since the look before it, and a lead's turn may come later.
        self._edits.update((lead_id, edits[lead_id]) for lead_id in edits if lead_id in self._waiting)
        self._waiting.difference_update(lead.crm_lead_id for lead in batch if lead.crm_lead_id is not None)
        looked = [
            lead
            if (shown := self._edits.pop(lead.crm_lead_id or "", None)) is None
            else self._still_to_send(lead, shown)
            for lead in batch
        ]
        return [lead for lead in looked if lead.changes]

    def _still_to_send(self, lead: LeadPlan, shown: Mapping[str, str | None]) -> LeadPlan:
        send: list[FieldChange] = []
        moved: list[FieldChange] = []
        there: list[FieldChange] = []
        for change in lead.changes:
            theirs = shown.get(change.column_name, change.current)
            rule = self.plan.equal.get(change.field)
            if change.field == WHOLE:
                # What the plan saw of the lead isn't in the plan, so any edit counts.
                (send if wins(self.plan) else moved).append(change)
            elif change.column_name in shown and same(theirs, change.desired, rule):
                there.append(change)
            elif same(theirs, change.current, rule):
                send.append(change)
            elif wins(self.plan, change.field):
                # What is overwritten is what the CRM shows now: whoever takes it back wants that one.
                send.append(replace(change, current=theirs))
            else:
                moved.append(change)
        at = self._journal.clock()
        self._note(lead, there, "confirmed", at, reason="the CRM shows this value already")
        self._note(lead, moved, "conflict", at, reason="edited in the CRM since the plan was made")
        return replace(lead, changes=tuple(send))

    def _send(self, leads: Sequence[LeadPlan]) -> _Answer:
        """One call at most; in a thread of the pool."""
        began = self._journal.clock()
        if (off := self.switch.off or self._without_lease()) is not None:
            put_off = [Outcome("deferred", reason=f"not sent: {off}")] * len(leads)
            return _Answer(leads, put_off, False, began, began)
        with events.doing(
            "batch", f"send {self.plan.push}", crm=self.plan.crm, push=self.plan.push, leads=len(leads)
        ) as batch:
            outcomes = call(self._writer, self.plan, leads)
            if events.is_watched():
                batch.tell(states=dict(Counter(each.state for each in outcomes)))
        self.switch.heard(outcomes)
        called = any(outcome.until is None for outcome in outcomes)
        return _Answer(leads, outcomes, called, began, self._journal.clock())

    def _without_lease(self) -> str | None:
        """Why nothing may be sent, where this run can't prove that no other has taken over; a process may have slept."""
        lease = self._journal.lease
        if lease is None or lease.fresh:
            return None
        try:
            lease.prove()
        except Exception as error:
            # The next flush says it in full: what it would record can't be recorded without the lease either.
            self.switch.turn_off(f"the run's lease could not be proven ({type(error).__name__})")
        return self.switch.off

    def _finish_all(self) -> None:
        while self._under_way:
            self._finish(self._under_way.popleft())

    def _finish(self, batch: Sequence["Future[_Answer]"]) -> None:
        """Waits for a batch, keeps its outcomes for the next flush, and fits the next batch to the pace."""
        for future in batch:
            answer = future.result()
            self._tally.calls += answer.called
            self._untried += 0 if answer.called else len(answer.leads)
            for lead, outcome in zip(answer.leads, answer.outcomes, strict=True):
                # Whoever brings a lead back may do so while the answer to its deletion is waited for.
                doubtful = self.plan.mode == "delete" and outcome.state == "unknown"
                self._answered(lead, outcome, answer.began if doubtful else answer.at)
        seconds, self._paced_at = time.monotonic() - self._paced_at, time.monotonic()
        if not batch:
            return
        fitting = int(len(batch) * self._per_call * BATCH_SECONDS / max(seconds, 1e-6))
        # Grows step by step: one lucky batch says little.
        self._size = min(max(self._least, min(fitting, self._size * 4)), self._most)

    def _answered(self, lead: LeadPlan, outcome: Outcome, at: datetime) -> None:
        if outcome.code == FOUND and lead.crm_lead_id is None:
            outcome = self._search.claimed(lead, outcome)
        culprits = [change for change in lead.changes if change.field in outcome.fields]
        # A lead that is to be added is refused as a whole: without the field at fault it would be another lead.
        if outcome.state != "rejected" or not culprits or lead.crm_lead_id is None:
            given = outcome.lead_id if outcome.state == "applied" and lead.crm_lead_id is None else None
            self._note(
                lead,
                lead.changes,
                outcome.state,
                at,
                code=outcome.code,
                reason=outcome.reason,
                crm_lead_id=given,
            )
            return
        innocent = [change for change in lead.changes if change.field not in outcome.fields]
        names = ", ".join(change.field for change in culprits)
        self._note(lead, culprits, "rejected", at, code=outcome.code, reason=outcome.reason)
        self._note(
            lead, innocent, "deferred", at, reason=f"refused because of {names}; the next run sends it"
        )

    def _note(
        self,
        lead: LeadPlan,
        changes: Sequence[FieldChange],
        state: State,
        at: datetime,
        *,
        code: str | None = None,
        reason: str | None = None,
        crm_lead_id: str | None = None,
    ) -> None:
        if not changes:
            return
        self._outcomes += (
            entry(
                self.plan, lead, change, state,
                code=code, reason=reason, recorded_at=at, crm_lead_id=crm_lead_id,
            )
            for change in changes
        )  # fmt: skip
        self._tally.add(lead.lead_id, state, changes, code, reason)

    def _put_off(self, run_id: str, position: int) -> None:
        """Records that the leads from this place on were not sent, as far as nothing else is known of them."""
        at = self._journal.clock()
        for lead in self.plan.leads.since(position):
            if lead.lead_id not in self._decided:
                self._untried += 1
                self._note(lead, lead.changes, "deferred", at, reason=f"not sent: {self.switch.off}")
            if len(self._outcomes) >= ROWS_AT_A_TIME:
                self._flush(run_id)

    def _sent(self, lead: LeadPlan) -> list[Entry]:
        at = self._journal.clock()
        return [entry(self.plan, lead, change, "sent", recorded_at=at) for change in lead.changes]

    def _flush(self, run_id: str, more: Sequence[Entry] = (), *, closed: bool = False) -> None:
        self._journal.record(run_id, [*self._outcomes, *more], closed=closed)
        self._outcomes.clear()

    def _summary(self, run_id: str, started_at: datetime) -> Summary:
        guarded = self._search.too_many is not None
        until = self.switch.until
        return Summary(
            run_id=run_id,
            push=self.plan.push,
            crm=self.plan.crm,
            started_at=started_at,
            ended_at=self._journal.clock(),
            leads=len(self.plan.leads),
            fields=self.plan.fields,
            calls=self._tally.calls,
            by_state=self._tally.by_state(),
            fields_by_state=dict(self._tally.fields),
            unapplied=tuple(self._tally.unapplied),
            stopped=self.switch.off if self._untried or self.switch.harmed or guarded or until else None,
            interrupted=self.switch.interrupted,
            harmed=self.switch.harmed,
            found=self._search.found,
            guarded=guarded,
            deferred_until=until,
            has_own_keys=self.plan.has_own_keys,
            unknown_leads=self.plan.unknown_leads,
            desired_leads=self.plan.desired_leads,
        )
