"""What people decide between two pushes: whose value stays, which plan is sent, what is released."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from connector.errors import ConfigError
from connector.loop.pushing import plan
from connector.push import (
    Journal,
    Plan,
    approved,
    facts,
)
from connector.push.release import Held, held
from connector.push.release import release as record_release
from connector.push.resolve import Conflict, Side, conflicts, decide
from connector.warehouse import (
    mark,
    models,
    runs,
    settings,
)
from connector.warehouse.connection import Warehouse


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
    journal = Journal.of(warehouse)
    if take is None:
        made = plan(warehouse, name, project)
        with warehouse.translated():
            return conflicts(journal, made, leads, fields)
    with warehouse.lock(f"push:{name}") as lease, warehouse.translated():
        journal = Journal.of(warehouse, lease=lease)
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
            warehouse=mark.identify(warehouse.ledger()),
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
        journal = Journal.of(warehouse, lease=lease)
        return record_release(journal, plan(warehouse, name, project), leads, fields)
