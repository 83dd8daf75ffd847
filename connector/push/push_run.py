"""One run of a push, opened once: it holds the lock, knows its account, and has the journal that its steps share."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property

from connector import crm
from connector.crm.account import Account
from connector.errors import CallsUsedError
from connector.push import approvals, forgotten
from connector.push.compaction import compact_when_due
from connector.push.confirmation import confirm_alone
from connector.push.deliver import Edits
from connector.push.edits import recent_edits
from connector.push.journal import Journal
from connector.push.plan import Plan
from connector.push.prod import check_environment
from connector.warehouse import mark, results, runs, settings
from connector.warehouse.accounts import answering, check_account
from connector.warehouse.connection import Warehouse
from connector.warehouse.leases import Lease
from connector.warehouse.models import PushSpec
from connector.warehouse.pipelines import cursor


@dataclass(frozen=True)
class PushRun:
    """What each step of a push needs; made by ``opened``."""

    warehouse: Warehouse
    spec: PushSpec
    pushes: Sequence[PushSpec]
    """All of the project, this one included."""
    account: Account
    lease: Lease
    marks: mark.Marks
    held: CallsUsedError | None = None
    """The day's calls are used up already, so nothing can be sent; not even whose account it is could be asked."""

    @cached_property
    def journal(self) -> Journal:
        """Dates what is sent by the CRM's clock, as what is read is: two machines' clocks needn't agree."""
        return Journal.of(self.warehouse, lease=self.lease, clock=self.account.clock.now)

    def catch_up(self, *, restored: bool) -> None:
        """Decides from the models what earlier pushes have come to. ``RestoredError`` where the warehouse has forgotten some,
        unless it was ``restored`` and is to go on."""
        vendor, relations = self.spec.crm, self.spec.relations
        self.warehouse.keep()
        confirm_alone(self.warehouse, self.journal, vendor, relations)
        compact_when_due(self.warehouse, settings.archive_days())
        noted = [*forgotten.of_lost_ledger(self.journal, vendor), *self.marks.all()]
        lost = forgotten.forgotten(self.journal, noted)
        if not restored:
            forgotten.check(lost, vendor, self.warehouse.label)
        elif lost:
            pushes = [each for each in self.pushes if each.crm == vendor]
            forgotten.accept(self.journal, lost, vendor, pushes, relations.leads)

    def recent_edits(self, planned: Plan) -> Callable[[Collection[str]], Edits] | None:
        """What tells of edits that came after the warehouse's picture of a lead."""
        return recent_edits(
            self.warehouse.engine(), self.account, planned, lambda: cursor(self.warehouse, self.account)
        )

    def record_approval(self, planned: Plan) -> None:
        """Notes that a first time was agreed to, if this is one."""
        approvals.record(self.lease.transaction(), planned)

    def note(self, run_id: str) -> None:
        """Leaves a mark of the run outside the warehouse, which an older copy of the warehouse would not have."""
        self.marks.add(mark.Mark(run_id, self.spec.name, self.account.clock.now()))


@contextmanager
def opened(
    warehouse: Warehouse, spec: PushSpec, pushes: Sequence[PushSpec], *, is_undo: bool = False
) -> Iterator[PushRun]:
    """A push under its lock, on an account that the warehouse holds, with no failed dbt model or test below it.

    ``is_undo``: what it sends does not come from its model, so a failure there stops nothing.
    """
    runs.note(crm=spec.crm)
    with ExitStack() as stack:
        lease = stack.enter_context(warehouse.lock(f"push:{spec.name}"))
        warehouse.probe()
        runs.begin()
        stack.enter_context(warehouse.translated())
        engine = warehouse.engine()
        if not is_undo:
            results.check(engine, spec.name, spec.stands_on)
        warehouse_id = mark.identify(warehouse.ledger())
        account = stack.enter_context(crm.account(spec.crm))
        stack.enter_context(answering(warehouse, account))
        check_environment(account.settings)
        held = None
        try:
            check_account(engine, account.settings, account.reader, ledger=warehouse.ledger())
        except CallsUsedError as error:
            held = error
        marks = mark.Marks(warehouse_id, account.settings)
        yield PushRun(warehouse, spec, pushes, account, lease, marks, held)
