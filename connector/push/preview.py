"""What a change of models would do to a CRM, before anybody merges it: the plans of the old models and of the new, compared.

Both are made from the same warehouse, from models that are built aside (``warehouse.aside``). Nothing is sent, no CRM is asked and no
token is read. One of the two may be a saved plan.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from connector import crm
from connector.errors import WORST_FIRST, BuildError, ConfigError, LeadloopError, ModelError
from connector.events import QUIET, Listener
from connector.parsing import no_such
from connector.push.difference import Difference
from connector.push.plan import Plan
from connector.push.planning import make_plan
from connector.push.rivals import rivalry
from connector.push.tables import ADDING
from connector.texts import listed
from connector.warehouse import models
from connector.warehouse.aside import Built, aside
from connector.warehouse.connection import Warehouse
from connector.warehouse.models import PushSpec

_NO_SETTINGS = {"name", "schema", "identifier", "relations", "stands_on"}
"""Fields of a ``PushSpec`` that are no option of the push."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One option of a push, or one entry of an option, that is not the same on both sides; ``None``: not there, or switched off."""

    name: str
    """``max_changes``, or ``fields.title`` for an entry."""
    old: str | None
    new: str | None


@dataclass(frozen=True)
class OneSide:
    """A push as one side has it."""

    settings: Mapping[str, str | None]
    plan: Plan | None
    """``None`` where none can be made."""
    error: LeadloopError | None = None
    """Why not."""

    @property
    def stops(self) -> LeadloopError | None:
        """Why nothing would be sent."""
        return self.error or (self.plan.problem() if self.plan is not None else None)

    @property
    def reasons(self) -> set[str]:
        """The same by name, each reason by its own: the guardrails that trip, or the kind of error."""
        stops = self.stops
        if stops is None:
            return set()
        tripped = {each.name for each in self.plan.guardrails if each.tripped} if self.plan else set()
        kind = type(stops).__name__
        return tripped if tripped and kind == "GuardrailError" else {kind, *tripped}

    @property
    def has_own_keys(self) -> bool:
        """Whether lead ids are the push's own keys, which may be values of leads."""
        return self.settings["mode"] in ADDING


@dataclass(frozen=True)
class PushPreview:
    """One push before and after a change; ``None``: that side has no such push."""

    push: str
    old: OneSide | None
    new: OneSide | None

    @cached_property
    def difference(self) -> Difference | None:
        """What would be sent otherwise; ``None`` where one side has the push and no plan can be made of it."""
        sides = [each for each in (self.old, self.new) if each is not None]
        if any(each.plan is None for each in sides):
            return None
        return Difference(*(each.plan if each else None for each in (self.old, self.new)))

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """The options that differ; none where one side has no such push. Of a saved plan only those are known that decide it."""
        if self.old is None or self.new is None:
            return ()
        return tuple(_differing(self.old.settings, self.new.settings))

    @property
    def crm(self) -> str:
        """The CRM that the push goes to, the new one's where they differ."""
        return next(each.settings["crm"] or "" for each in (self.new, self.old) if each is not None)

    @property
    def has_own_keys(self) -> bool:
        """Of either side."""
        return any(each is not None and each.has_own_keys for each in (self.old, self.new))

    @property
    def new_stops(self) -> LeadloopError | None:
        """Why the new one would send nothing, for a reason that the old one has not."""
        if self.new is None or not self.new.reasons - (self.old.reasons if self.old else set()):
            return None
        return self.new.stops

    @property
    def newly_tripped(self) -> list[str]:
        """The guardrails that only the new plan trips."""
        plans = [each.plan if each is not None else None for each in (self.old, self.new)]
        before, after = (
            {each.name for each in plan.guardrails if each.tripped} if plan else set() for plan in plans
        )
        return sorted(after - before)

    @property
    def differs(self) -> bool:
        """Whether there is anything to tell."""
        if self.old is None or self.new is None or self.settings or self.old.reasons != self.new.reasons:
            return True
        if self.old.plan is None or self.new.plan is None:
            return (self.old.plan is None) != (self.new.plan is None)
        return bool(self.difference) or _left_out(self.old.plan) != _left_out(self.new.plan)


@dataclass(frozen=True)
class Preview:
    """Every push that one of the two sides has."""

    old: str
    """What it was compared with, for people: a folder or a saved plan."""
    new: str
    pushes: tuple[PushPreview, ...]
    """By name."""
    has_moved: bool
    """Whether another run began meanwhile, so that a difference may be of its doing."""

    @property
    def differing(self) -> tuple[PushPreview, ...]:
        return tuple(each for each in self.pushes if each.differs)

    @property
    def exit_code(self) -> int:
        """0, or that of the worst that would stop a push which the old models don't stop."""
        codes = [each.new_stops.exit_code for each in self.pushes if each.new_stops is not None]
        return min(codes, key=WORST_FIRST.index, default=0)


def preview(
    warehouse: Warehouse,
    old: Path | Plan,
    project: Path | None = None,
    *,
    only: Collection[str] = (),
    named: str = "",
    listener: Listener = QUIET,
) -> Preview:
    """Compares what the pushes of ``project`` would send with what those of another project, or a saved plan, would.

    ``only``: these pushes; none: all that one of the two has. ``named``: what people call ``old``. Writes to no table of the warehouse. Raises what
    ``models.build`` raises, and says of which side; ``ConfigError`` for a folder that is no project.
    """
    new = models.find_project(project)
    if isinstance(old, Plan):
        only = _of_plan(old, only)
    else:
        old = project_in(old)
    with aside(warehouse) as place:
        before = place.last_written()
        built: dict[str, Built] = {}
        for side, source in (("old", old), ("new", new)):
            if isinstance(source, Path):
                listener.stage(f"build the {side} models aside")
                with _said_of(f"The {side} models, in {source}, can't be built", (BuildError, ModelError)):
                    built[side] = place.build(source, side, only, listener.building)
        there = {name for found in built.values() for name in found.names}
        there |= {old.push} if isinstance(old, Plan) else set()
        for name in only:
            if name not in there:
                raise ModelError(no_such("push", name, sorted(there)))
        listener.stage("compare the plans")
        sides: dict[str, dict[str, OneSide]] = {
            side: {
                each.name: one_side(place.warehouse, each, found.pushes)
                for each in found.pushes
                if not only or each.name in only
            }
            for side, found in built.items()
        }
        if isinstance(old, Plan):
            sides["old"] = {old.push: OneSide(settings_of_plan(old), old)}
        pushes = tuple(
            PushPreview(name, sides["old"].get(name), sides["new"].get(name))
            for name in sorted({*only} or there)
        )
        for each in pushes:
            _ = each.difference, each.settings
        has_moved = place.last_written() != before
    return Preview(named or str(old), str(new), pushes, has_moved)


def project_in(folder: Path) -> Path:
    """The dbt project of a folder, which it is or has in ``dbt_models``, as a checkout does."""
    for each in (folder / "dbt_models", folder):
        if (each / "dbt_project.yml").is_file():
            return each.resolve()
    raise ConfigError(
        f"--against {folder} is no dbt project: it has no dbt_project.yml, nor has {folder / 'dbt_models'}.",
        "Name the folder with the models as they were, such as a worktree of the main branch, or a plan that "
        "`leadloop plan PUSH --save FILE` saved.",
    )


def _of_plan(old: Plan, only: Collection[str]) -> tuple[str]:
    if old.undo is not None:
        raise ConfigError("--against names the plan of an undo, and no model makes such a plan.")
    if others := [name for name in only if name != old.push]:
        raise ConfigError(
            f"--against names a plan of {old.push}, which says nothing of {listed(sorted(others))}.",
            f"Leave {listed(sorted(others))} out, or compare with a folder.",
        )
    return (old.push,)


@contextmanager
def _said_of(which: str, kinds: tuple[type[LeadloopError], ...]) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        error.what = f"{which}: {error.what}"
        raise


def one_side(warehouse: Warehouse, spec: PushSpec, others: Iterable[PushSpec]) -> OneSide:
    """What a push would send, by what is known without asking the CRM."""
    engine, settings = warehouse.engine(), settings_of(spec)
    try:
        made = make_plan(
            engine, spec, capabilities=crm.vendor(spec.crm).capabilities, leads=spec.relations.leads
        )
        return OneSide(settings, replace(made, rivalry=rivalry(engine, spec, made, others)))
    except ModelError as error:
        return OneSide(settings, None, error)


def settings_of(spec: PushSpec) -> dict[str, str | None]:
    options = {each.name: getattr(spec, each.name) for each in fields(spec) if each.name not in _NO_SETTINGS}
    return _flat(options)


def settings_of_plan(plan: Plan) -> dict[str, str | None]:
    """Those that a saved plan says; a limit that it doesn't say is not known."""
    said: dict[str, Any] = {
        name: getattr(plan, name) for name in ("crm", "mode", "on_conflict", "options", "equal", "policies")
    }
    said |= {"max_found": plan.max_found} if plan.mode == "insert" else {}
    return _flat({**said, **{each.name: each.limit for each in plan.guardrails}})


def _flat(options: Mapping[str, Any]) -> dict[str, str | None]:
    """Option -> its text; an option with entries has one for each, such as ``policies.title.nulls``, and one that says that it is known."""
    found: dict[str, str | None] = {}
    for name, value in options.items():
        if isinstance(value, Mapping):
            found[f"{name}."] = None
            entries = _flat(value)
            found |= {f"{name}.{key}": text for key, text in entries.items() if not key.endswith(".")}
        else:
            # A limit of 5 is read from a saved plan as 5.0.
            whole = isinstance(value, float) and value.is_integer()
            found[name] = None if value in (None, "") else str(int(value) if whole else value)
    return found


def _differing(old: Mapping[str, str | None], new: Mapping[str, str | None]) -> Iterator[Setting]:
    for name in sorted({*old, *new}):
        option, is_entry, _ = name.partition(".")
        known = f"{option}." if is_entry else name
        if known in old and known in new and old.get(name) != new.get(name):
            yield Setting(name, old.get(name), new.get(name))


def _left_out(plan: Plan) -> tuple[object, ...]:
    """What of a plan a person is told besides what it sends."""
    lists = (plan.conflicts, plan.rejected, plan.flapping, plan.reverted, plan.unresolved)
    return (*map(len, lists), plan.removed, plan.unknown_leads, bool(plan.first_time), plan.needs_approval)
