"""The stages of the loop, in order: extract, build, plan, push. ``run`` is all of them.

    CRM --extract--> raw tables --build--> what changed, what should differ --plan--> --push--> CRM

Every stage takes the warehouse and can be called alone; what it needs from the ones before is in the warehouse, nothing
is handed over in memory. A stage that writes holds its lock, so that a second run of it refuses to start.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from connector import config, crm
from connector.crm.account import Account
from connector.crm.clock import skew
from connector.errors import WORST_FIRST, CallsUsedError, ConfigError, CrmError, LeadloopError, ModelError
from connector.events import QUIET, Listener
from connector.extract.asking import asked_time
from connector.extract.raw import LEADS
from connector.push import (
    Asked,
    Journal,
    Plan,
    Recovery,
    Summary,
    approvals,
    approved,
    compaction,
    deliver,
    expect,
    facts,
    make_plan,
)
from connector.push.ahead import in_the_future
from connector.push.compaction import Maintained
from connector.push.confirmation import confirm_alone
from connector.push.deleted import KnownValues, known_values
from connector.push.push_run import PushRun, opened
from connector.push.recovery import recover_all
from connector.push.release import Held, held
from connector.push.release import release as record_release
from connector.push.resolve import Conflict, Side, conflicts, decide
from connector.push.rivals import rivalry
from connector.push.undo import LIMITS, Chosen, check_asked, chosen, fields_of, make_undo, undoing
from connector.push.unseen import unseen
from connector.warehouse import (
    fields,
    kept,
    last_build,
    mark,
    models,
    pipelines,
    reads,
    runs,
    settings,
    snapshot,
    unread,
)
from connector.warehouse.accounts import answering, check_account, note_account
from connector.warehouse.connection import Warehouse
from connector.warehouse.leases import Lease
from connector.warehouse.models import BuildResult, PushSpec

if TYPE_CHECKING:
    from connector.extract.load import Extracted
    from connector.extract.past import Read
    from connector.extract.reconcile import Reconciled


def vendors() -> list[str]:
    """The CRMs whose required settings are all there; ``ConfigError`` names what the first one lacks if none is ready."""
    ready = [name for name in crm.names() if not crm.vendor(name).missing()]
    if not ready:
        raise ConfigError(
            f"No CRM is set up: {config.named(crm.vendor(crm.begun()[0]).missing()[0])} is not set.",
            "`leadloop init` writes a folder with all settings; `leadloop check` lists what is missing.",
        )
    return ready


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
        stack.enter_context(_skew_said(account, listener))
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
            is_noted = not same_account and check_account(engine, account.settings, account.reader)

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
                note_account(engine, account.settings, account.reader)
            fields.refresh(engine, lease, account, runs.current_id(), listener.notice)
            _say_future(warehouse, account, listener)
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


@contextmanager
def _skew_said(account: Account, listener: Listener) -> Iterator[None]:
    """At the end, however it came: by then the CRM's clock is known."""
    try:
        yield
    finally:
        if (sentence := skew(account.name, account.clock)) is not None:
            listener.notice(sentence)


def _say_future(warehouse: Warehouse, account: Account, listener: Listener) -> None:
    for sentence in in_the_future(warehouse.engine(), account.reader):
        listener.notice(sentence)


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
            check_account(warehouse.engine(), settings, reader)
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


@runs.recorded("build", facts=facts.of_build, select="select", full_refresh="full_refresh")
def build(
    warehouse: Warehouse,
    project: Path | None = None,
    *,
    select: str | None = None,
    full_refresh: bool = False,
    listener: Listener = QUIET,
) -> BuildResult:
    """Makes and tests the dbt models, then decides from what they show which sent values are confirmed or reverted."""
    models.find_project(project)
    listener.stage("build")
    with warehouse.lock("build") as lease:
        warehouse.probe()
        runs.begin()
        journal = Journal(warehouse.engine(), lease=lease)
        with warehouse.translated():
            before = last_build.begin(warehouse, project)
            result = models.build(
                warehouse, project, select=select, full_refresh=full_refresh, on_event=listener.building
            )
            relations = models.known(project, warehouse).relations
            warehouse.keep()
            unread.check(warehouse.engine(), relations.leads, result)
            lease.prove()
            # What it decides is in the journal, so the next run builds once more: models and tests of it are then made.
            found = [confirm_alone(warehouse, journal, vendor, relations) for vendor in journal.crms()]
            last_build.end(warehouse, project, lease, before, result)
            return replace(result, other_forms=tuple(form for each in found for form in each.other_forms))


def _built(
    warehouse: Warehouse, project: Path | None, extracted: Iterable["Extracted"], listener: Listener
) -> BuildResult:
    """A build, unless nothing was read and everything is as it was built: then no dbt is started and no stage begins."""
    if not any(each.is_new for each in extracted):
        with warehouse.translated():
            if since := last_build.unchanged_since(warehouse, project):
                return BuildResult((), unchanged_since=since)
    return build(warehouse, project, listener=listener)


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
    with opened(warehouse, spec, known.pushes) as run, _skew_said(run.account, listener):
        return _sent(
            run,
            lambda others: _planned(run.warehouse, run.spec, limit, run.account, others),
            agreed=agreed,
            agree=agree,
            restored=restored,
            first=first,
            listener=listener,
            on_recovery=on_recovery,
        )


def _sent(
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
        with run.warehouse.engine().connect() as connection:
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
    _say_future(run.warehouse, run.account, listener)
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


@runs.recorded("undo", facts=facts.of_plan, asked="asked", on_conflict="on_conflict", limit="limit")
def plan_undo(
    warehouse: Warehouse,
    asked: Asked,
    project: Path | None = None,
    *,
    on_conflict: str = "crm_wins",
    limit: int | None = None,
) -> Plan:
    """What taking runs of a push back would send now. Writes nothing, as ``plan``."""
    check_asked(asked, on_conflict)
    known = models.known(project, warehouse)
    return look_undo(warehouse, asked, known, on_conflict=on_conflict, limit=limit)


def look_undo(
    warehouse: Warehouse,
    asked: Asked,
    known: models.Known,
    *,
    on_conflict: str = "crm_wins",
    limit: int | None = None,
) -> Plan:
    """The same, of a warehouse that may be open for reading only; leaves no row of its run."""
    found, spec = _undoing(warehouse, asked, known, on_conflict)
    with crm.account(spec.crm) as account, answering(warehouse, account):
        return _planned_undo(warehouse, spec, found, known, limit, account)


@runs.recorded("undo", facts=facts.of_push, asked="asked", on_conflict="on_conflict", limit="limit")
def undo(
    warehouse: Warehouse,
    asked: Asked,
    project: Path | None = None,
    *,
    on_conflict: str = "crm_wins",
    limit: int | None = None,
    agreed: Plan | None = None,
    agree: Callable[[Plan], bool | None] = lambda _plan: None,
    listener: Listener = QUIET,
) -> Pushed | None:
    """Takes runs of a push back: a push whose plan is that of ``plan_undo``; all else is as for ``push``.

    Models and tests of dbt that failed stop it not: a bad model is what one takes back.
    """
    check_asked(asked, on_conflict)
    known = models.known(project, warehouse)
    found, spec = _undoing(warehouse, asked, known, on_conflict)
    with (
        opened(warehouse, spec, known.pushes, is_undo=True) as run,
        _skew_said(run.account, listener),
    ):
        return _sent(
            run,
            lambda _others: _planned_undo(warehouse, spec, found, known, limit, run.account),
            agreed=agreed,
            agree=agree,
            restored=False,
            first=False,
            listener=listener,
        )


def _undoing(
    warehouse: Warehouse, asked: Asked, known: models.Known, on_conflict: str
) -> tuple[Chosen, PushSpec]:
    """The runs that are meant, and the push that takes them back: by the limits of its model, where it still has one."""
    with warehouse.translated(), warehouse.engine().connect() as connection:
        found = chosen(connection, asked)
    runs.note(push=found.push, crm=found.crm)
    there = [each for each in known.pushes if (each.name, each.crm) == (found.push, found.crm)]
    gone = PushSpec(
        found.push,
        "",
        "",
        found.crm,
        "",
        {},
        "update",
        "",
        "",
        "",
        confirm="",
        relations=known.relations,
        **LIMITS,
    )
    return found, undoing(next(iter(there), gone), found, on_conflict)


def _planned_undo(
    warehouse: Warehouse,
    spec: PushSpec,
    found: Chosen,
    known: models.Known,
    limit: int | None,
    account: Account,
) -> Plan:
    with warehouse.translated():
        made = make_undo(
            warehouse.engine(),
            spec,
            found,
            capabilities=account.capabilities,
            limit=limit,
            relations=known.relations,
            host=account.identity.host,
            account=account.identity.digest,
        )
        account.privacy.check(fields_of(made))
        return made


@runs.recorded("resolve", facts=facts.of_decision, push="name", take="take")
def resolve(
    warehouse: Warehouse,
    name: str,
    project: Path | None = None,
    *,
    take: Side | None = None,
    leads: Collection[str] | None = None,
    fields: Collection[str] | None = None,
    shown: Mapping[tuple[str, str], str] | None = None,
) -> list[Conflict]:
    """The conflicts of a push, or of these leads and fields of it; with ``take``, the decision is recorded for the next push.

    ``shown``: (lead, field) -> ``Conflict.mark`` of those that a person saw and means, and no others.
    """
    models.find_project(project)
    journal = Journal(warehouse.engine())
    if take is None:
        made = plan(warehouse, name, project)
        with warehouse.translated():
            return conflicts(journal, made, leads, fields)
    with warehouse.lock(f"push:{name}") as lease, warehouse.translated():
        journal = Journal(warehouse.engine(), lease=lease)
        return decide(journal, plan(warehouse, name, project), take, leads, fields, shown)


@runs.recorded("approve", project=False, facts=facts.of_decision)
def approve(
    warehouse: Warehouse,
    saved: Plan,
    digest: Callable[[Plan], str],
    *,
    only_fields: Collection[str] = (),
    not_leads: Collection[str] = (),
    note: str | None = None,
    controls: approved.Controls = approved.OPTIONS,
) -> Plan:
    """A saved plan with a person's approval in it: signed and recorded. ``digest`` is that of what is signed, as
    ``render.plan_document`` has it; ``controls``: what an error calls the things by which parts are left out. Sends nothing; whether the plan is still the one to be sent is seen then."""
    runs.note(push=saved.push, crm=saved.crm)
    key = settings.approval_key()
    if key is None:
        raise ConfigError(
            "ledger.approval_key, by which approvals are signed, is not set.", approved.KEY_ADVICE
        )
    with warehouse.lock(f"approve:{saved.push}") as lease, warehouse.translated():
        given = approved.approval_of(
            saved,
            warehouse=mark.identify(warehouse.engine()),
            only_fields=only_fields,
            not_leads=not_leads,
            note=note,
            controls=controls,
        )
        plan = replace(saved, approval=given)
        given = replace(given, signature=approved.signature(key, digest(plan)))
        approved.record(lease.transaction(), approved.restricted(plan, given), given)
    return replace(plan, approval=given)


@runs.recorded("release", facts=facts.of_decision, push="name")
def release(
    warehouse: Warehouse,
    name: str,
    project: Path | None = None,
    *,
    leads: Collection[str] = (),
    fields: Collection[str] = (),
    everything: bool = False,
) -> list[Held]:
    """What ``undo`` took back from a push and is held. With ``leads``, ``fields`` or ``everything`` it is released: the next
    push sends it again."""
    models.find_project(project)
    if not (leads or fields or everything):
        return held(plan(warehouse, name, project))
    with warehouse.lock(f"push:{name}") as lease, warehouse.translated():
        journal = Journal(warehouse.engine(), lease=lease)
        return record_release(journal, plan(warehouse, name, project), leads, fields)


def known_of_deleted(warehouse: Warehouse, planned: Plan, project: Path | None = None) -> KnownValues | None:
    """What the warehouse knows of the leads that the runs deleted which an undo would take back; ``None`` where there are none."""
    if planned.undo is None or not planned.undo.deleted:
        return None
    relations = models.known(project, warehouse).relations
    with warehouse.translated():
        return known_values(warehouse.engine(), planned.crm, planned.undo.deleted, relations.leads)


@runs.recorded("maintain", project=False, facts=facts.of_compaction)
def maintain(warehouse: Warehouse) -> Maintained:
    """Moves what nothing depends on any more out of the journal, deletes from its archive what is older than the settings say, and
    has the engine make room: a lake removes old snapshots and merges small files."""
    with warehouse.translated():
        return compaction.maintain(warehouse, settings.archive_days(), settings.history_days())


@dataclass(frozen=True, slots=True)
class Ran:
    """What a whole run did; ``failed`` holds the errors of pushes that stopped or failed, by name.

    So it does with those of CRMs that could not be read, as ``extract NAME``.
    """

    extracted: dict[str, "Extracted"]
    built: BuildResult
    pushed: dict[str, Pushed] = field(default_factory=dict)
    failed: dict[str, LeadloopError] = field(default_factory=dict)
    recovered: dict[str, Recovery] = field(default_factory=dict)
    """Push -> what it found out about leads that earlier runs had left open, if there were any, whatever became of the push."""

    @property
    def exit_code(self) -> int:
        """The worst thing that happened: a stop, a failure, then leads that were rejected or deferred."""
        codes = [error.exit_code for error in self.failed.values()]
        codes += [each.summary.exit_code for each in self.pushed.values()]
        return min(codes, key=WORST_FIRST.index, default=0)


@snapshot.left_behind
@runs.recorded("run", facts=facts.of_run, pushes="pushes", limit="limit", start="start", end="end")
def run(
    warehouse: Warehouse,
    project: Path | None = None,
    *,
    pushes: Iterable[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int | None = None,
    agree: Callable[[Plan], bool | None] = lambda _plan: None,
    restored: bool = False,
    first: bool = False,
    listener: Listener = QUIET,
) -> Ran:
    """Extract, build, and every push of the dbt project (or those named). One push that stops holds up no other, and
    neither does a CRM that can't be read: only its own pushes are left out. ``start`` and ``end``: as for ``extract``;
    ``restored``: as for ``push``. Nothing is built where it is known that a build would make the same as the last one
    (``BuildResult.unchanged_since``). At the end, however it came, a snapshot is left where the settings ask for one.

    The examples that come with leadloop are for rehearsals: unless one is named, only a CRM on this machine gets it.
    """
    known = models.known(project, warehouse)
    for name in pushes or ():
        known.push(name)
    if restored:
        warehouse.begin_anew()
    specs = {spec.name: spec for spec in known.pushes}
    confirm = {name: spec.confirm for name, spec in specs.items()}
    extracted: dict[str, Extracted] = {}
    unread: dict[str, LeadloopError] = {}
    for vendor in vendors():
        try:
            extracted[vendor] = extract(
                warehouse, vendor, start=start, end=end, confirm=confirm, listener=listener
            )
        except (CrmError, ConfigError) as error:
            unread[vendor] = error
    if not extracted:
        raise min(unread.values(), key=lambda error: WORST_FIRST.index(error.exit_code))
    built = (
        build(warehouse, project, listener=listener)
        if restored
        else _built(warehouse, project, extracted.values(), listener)
    )
    ran = Ran(extracted, built)
    ran.failed.update({f"extract {vendor}": error for vendor, error in unread.items()})
    # One after the other, also where their CRMs differ: only the main thread hears a signal, so a push in another one would
    # send on after Ctrl-C, and questions and progress of several would mix on one terminal. Who wants them side by side
    # starts `leadloop push` for each: a lock belongs to a push, a pace to a CRM, and a DuckDB file is held for moments only.
    for name in pushes or models.own_pushes(project, specs.values()):
        if name in specs and specs[name].crm in unread:
            ran.failed[name] = LeadloopError(
                f"Nothing was sent, since {specs[name].crm} could not be read.", crm=specs[name].crm
            )
            continue
        if harm := next(
            (each.summary for each in ran.pushed.values() if _harms(each, specs.get(name))), None
        ):
            ran.failed[name] = LeadloopError(
                f"Nothing was sent to {harm.crm} after {harm.push}: {harm.stopped}", crm=harm.crm
            )
            continue
        found: list[Recovery] = []
        try:
            done = push(
                warehouse,
                name,
                project,
                limit=limit,
                agree=agree,
                restored=restored,
                first=first,
                listener=listener,
                on_recovery=found.append,
            )
        except LeadloopError as error:
            ran.failed[name] = error
        else:
            if done is not None:
                ran.pushed[name] = done
        if any(found):
            ran.recovered[name] = found[0]
    return ran


def _harms(pushed: Pushed, spec: PushSpec | None) -> bool:
    """Whether the CRM of this push lost something by another one: a person has to look first."""
    return pushed.summary.harmed and spec is not None and spec.crm == pushed.summary.crm
