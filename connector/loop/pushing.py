"""The third and fourth stage: a plan is made, and carried out."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from connector import crm
from connector.crm.account import Account
from connector.errors import CallsUsedError, ConfigError, CrmError, ModelError
from connector.events import QUIET, Listener
from connector.loop.clocks import say_future, skew_said
from connector.push import (
    Plan,
    Recovery,
    Summary,
    approvals,
    approved,
    deliver,
    expect,
    facts,
    make_plan,
)
from connector.push.push_run import PushRun, opened
from connector.push.recovery import recover_all
from connector.push.rivals import rivalry
from connector.push.undo import fields_of
from connector.warehouse import (
    kept,
    models,
    runs,
    settings,
)
from connector.warehouse.accounts import answering
from connector.warehouse.connection import Warehouse
from connector.warehouse.models import PushSpec


@runs.recorded("plan", facts=facts.of_plan, push="name", limit="limit")
def plan(warehouse: Warehouse, name: str, project: Path | None = None, *, limit: int | None = None) -> Plan:
    """What a push would send now. Writes nothing, neither to the CRM nor to the warehouse, but the row of its run.

    Raises ``ModelError`` where the CRM says that it has no such field, as a push would.
    """
    return look(warehouse, name, models.known(project, warehouse), limit=limit, ask_crm=True)


def look(
    warehouse: Warehouse, name: str, known: models.Known, *, limit: int | None = None, ask_crm: bool = False
) -> Plan:
    """The same, of a warehouse that may be open for reading only; leaves no row of its run, and asks the CRM only where it is told to."""
    spec = known.push(name)
    with ExitStack() as stack:
        # What is sent to a CRM that is not set up can be looked at all the same.
        account = None if crm.vendor(spec.crm).missing() else stack.enter_context(crm.account(spec.crm))
        if account is not None:
            stack.enter_context(answering(warehouse, account))
        planned = _planned(warehouse, spec, limit, account, known.pushes)
        if ask_crm and account is not None and planned.leads and spec.fields:
            _check_fields(account, spec.fields)
        return planned


def _check_fields(account: Account, fields: Collection[str]) -> None:
    """What a push would be told of its fields by the CRM: that they are those of another generation, or are not there.

    Where the CRM can't be asked now, the plan is shown all the same; the push asks again.
    """
    try:
        account.writer.check(fields)
    except ModelError:
        raise
    except (CrmError, ConfigError):
        return


def _planned(
    warehouse: Warehouse,
    spec: PushSpec,
    limit: int | None,
    account: Account | None,
    others: Iterable[PushSpec] = (),
) -> Plan:
    with warehouse.translated():
        identity = account.identity if account else None
        if account is not None:
            account.privacy.check(spec.fields)
        made = make_plan(
            warehouse.engine(),
            spec,
            capabilities=account.capabilities if account else crm.vendor(spec.crm).capabilities,
            limit=limit,
            leads=spec.relations.leads,
            host=identity.host if identity else None,
            account=identity.digest if identity else None,
        )
        return replace(made, rivalry=rivalry(warehouse.engine(), spec, made, others))


@dataclass(frozen=True, slots=True)
class Pushed:
    """What one push did: first for the leads a killed run had left open, then for its own plan."""

    plan: Plan
    recovery: Recovery
    summary: Summary


@runs.recorded("push", facts=facts.of_push, push="name", limit="limit")
def push(
    warehouse: Warehouse,
    name: str,
    project: Path | None = None,
    *,
    limit: int | None = None,
    agreed: Plan | None = None,
    agree: Callable[[Plan], bool | None] = lambda _plan: None,
    restored: bool = False,
    first: bool = False,
    listener: Listener = QUIET,
    on_recovery: Callable[[Recovery], None] = lambda _recovery: None,
) -> Pushed | None:
    """Carries out the plan of a push; ``None`` where ``agree`` said no. It says ``None`` where it asked nobody.

    ``restored``: the warehouse is an older copy of itself, its leads were read since it was put back, and it is to go on.
    ``on_recovery`` is told what became of the leads that earlier runs had left open, also where the push then stops.
    ``first`` says that a person agrees, or that ``agree`` asks one, to replace values in fields to which nothing was ever
    sent as far as is known (``Plan.first_time``); without it such a plan raises ``FirstTimeError``.

    Raises before anything is sent: ``StoppedError`` when a guardrail trips, a conflict stops it or the plan is not the
    one that was ``agreed`` to (as ``render.saved_plan.read_plan`` reads it), or a dbt model or test that it stands on has failed.
    """
    known = models.known(project, warehouse)
    spec = known.push(name)
    if restored:
        warehouse.begin_anew()
    with opened(warehouse, spec, known.pushes) as run, skew_said(run.account, listener):
        return carried_out(
            run,
            lambda others: _planned(run.warehouse, run.spec, limit, run.account, others),
            agreed=agreed,
            agree=agree,
            restored=restored,
            first=first,
            listener=listener,
            on_recovery=on_recovery,
        )


def carried_out(
    run: PushRun,
    make: Callable[[Sequence[PushSpec]], Plan],
    *,
    agreed: Plan | None,
    agree: Callable[[Plan], bool | None],
    restored: bool,
    first: bool,
    listener: Listener,
    on_recovery: Callable[[Recovery], None] = lambda _recovery: None,
) -> Pushed | None:
    """Carries out the plan that ``make`` makes, given the other pushes whose values it must not contradict."""
    name = run.spec.name
    listener.stage(f"push {name}")
    run.catch_up(restored=restored)
    recovery = recover_all(run.warehouse, name, run.journal, run.account, listener.recovering)
    on_recovery(recovery)
    planned = make(run.pushes)
    approval = agreed.approval if agreed is not None else None
    if approval is not None or (planned.needs_approval and planned.leads):
        key, age = settings.approval_key(), settings.approval_age()
        with run.warehouse.ledger().connect() as connection:
            approved.verify(connection, planned, agreed, key=key, age=age)
    if agreed is not None:
        expect(planned, agreed)
    planned.check()
    if approval is not None:
        planned = approved.restricted(planned, approval)
    held = run.held
    named = run.spec.fields or fields_of(planned)
    try:
        if planned.leads and named and held is None:
            run.account.writer.check(named)
    except CallsUsedError as error:
        held = error
    approvals.check(planned, first=first)
    # Where nothing can be sent today, there is nothing to agree to.
    if planned.leads and held is None:
        kept.let_go()
        if (answer := agree(planned)) is False:
            return None
        # Only a person takes so long that what is to be sent can be another one by now.
        if answer:
            again = make(())
            expect(again if approval is None else approved.restricted(again, approval), planned)
    edits = run.recent_edits(planned) if held is None else None
    if held is None:
        run.record_approval(planned)
        approved.use(run.lease.transaction(), planned, approval)
    say_future(run.warehouse, run.account, listener)
    summary = deliver(
        planned,
        run.account.writer,
        run.journal,
        concurrency=run.account.settings.single_calls,
        recent_edits=edits,
        on_progress=listener.pushing,
        on_start=run.note,
        held=held,
    )
    return Pushed(planned, recovery, replace(summary, calls_today=run.account.calls_today))
