"""Runs of a push are taken back: a push whose plan is the reverse of theirs."""

from collections.abc import Callable
from pathlib import Path

from connector import crm
from connector.crm.account import Account
from connector.events import QUIET, Listener
from connector.loop.clocks import skew_said
from connector.loop.pushing import Pushed, carried_out
from connector.push import (
    Asked,
    Plan,
    facts,
)
from connector.push.deleted import KnownValues, known_values
from connector.push.push_run import opened
from connector.push.undo import LIMITS, fields_of, make_undo, undoing
from connector.push.undo_runs import Chosen, check_asked, chosen
from connector.warehouse import (
    models,
    runs,
)
from connector.warehouse.accounts import answering
from connector.warehouse.connection import Warehouse
from connector.warehouse.models import PushSpec


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
        skew_said(run.account, listener),
    ):
        return carried_out(
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


def known_of_deleted(warehouse: Warehouse, planned: Plan, project: Path | None = None) -> KnownValues | None:
    """What the warehouse knows of the leads that the runs deleted which an undo would take back; ``None`` where there are none."""
    if planned.undo is None or not planned.undo.deleted:
        return None
    relations = models.known(project, warehouse).relations
    with warehouse.translated():
        return known_values(warehouse.engine(), planned.crm, planned.undo.deleted, relations.leads)
