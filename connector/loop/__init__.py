"""The stages of the loop, in order: extract, build, plan, push. ``run`` is all of them.

    CRM --extract--> raw tables --build--> what changed, what should differ --plan--> --push--> CRM

Every stage takes the warehouse and can be called alone; what it needs from the ones before is in the warehouse, nothing
is handed over in memory. A stage that writes holds its lock, so that a second run of it refuses to start.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from connector import config, crm
from connector.errors import WORST_FIRST, ConfigError, CrmError, LeadloopError
from connector.events import QUIET, Listener
from connector.loop.building import build
from connector.loop.deciding import approve, release, resolve
from connector.loop.moving import Cancelled, Moved, cancel_move, move
from connector.loop.pushing import Pushed, look, plan, push
from connector.loop.reading import extract, reconcile
from connector.loop.undoing import known_of_deleted, look_undo, plan_undo, undo
from connector.push import Plan, Recovery, compaction, facts
from connector.push.compaction import Maintained
from connector.warehouse import last_build, models, runs, settings, snapshot
from connector.warehouse.connection import Warehouse
from connector.warehouse.models import BuildResult, PushSpec

if TYPE_CHECKING:
    from connector.extract.load import Extracted

__all__ = [
    "Cancelled",
    "Moved",
    "Pushed",
    "Ran",
    "approve",
    "build",
    "cancel_move",
    "extract",
    "known_of_deleted",
    "look",
    "look_undo",
    "maintain",
    "move",
    "plan",
    "plan_undo",
    "push",
    "reconcile",
    "release",
    "resolve",
    "run",
    "undo",
    "vendors",
]


def vendors() -> list[str]:
    """The CRMs whose required settings are all there; ``ConfigError`` names what the first one lacks if none is ready."""
    ready = [name for name in crm.names() if not crm.vendor(name).missing()]
    if not ready:
        raise ConfigError(
            f"No CRM is set up: {config.named(crm.vendor(crm.begun()[0]).missing()[0])} is not set.",
            "`leadloop init` writes a folder with all settings; `leadloop check` lists what is missing.",
        )
    return ready


def _built(
    warehouse: Warehouse, project: Path | None, extracted: Iterable["Extracted"], listener: Listener
) -> BuildResult:
    """A build, unless nothing was read and everything is as it was built: then no dbt is started and no stage begins."""
    if not any(each.is_new for each in extracted):
        with warehouse.translated():
            if since := last_build.unchanged_since(warehouse, project):
                return BuildResult((), unchanged_since=since)
    return build(warehouse, project, listener=listener)


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
    unreadable: dict[str, LeadloopError] = {}
    for vendor in vendors():
        try:
            extracted[vendor] = extract(
                warehouse, vendor, start=start, end=end, confirm=confirm, listener=listener
            )
        except (CrmError, ConfigError) as error:
            unreadable[vendor] = error
    if not extracted:
        raise min(unreadable.values(), key=lambda error: WORST_FIRST.index(error.exit_code))
    built = (
        build(warehouse, project, listener=listener)
        if restored
        else _built(warehouse, project, extracted.values(), listener)
    )
    ran = Ran(extracted, built)
    ran.failed.update({f"extract {vendor}": error for vendor, error in unreadable.items()})
    # One after the other, also where their CRMs differ: only the main thread hears a signal, so a push in another one would
    # send on after Ctrl-C, and questions and progress of several would mix on one terminal. Who wants them side by side
    # starts `leadloop push` for each: a lock belongs to a push, a pace to a CRM, and a DuckDB file is held for moments only.
    for name in pushes or models.own_pushes(project, specs.values()):
        if name in specs and specs[name].crm in unreadable:
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
