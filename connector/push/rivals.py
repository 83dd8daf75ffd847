"""Two pushes that want different values for one field of one lead: found when the plan is made, before either is sent.

Each would overwrite the other for ever, since what one has sent is what the other finds to change.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import groupby
from operator import itemgetter

import sqlalchemy as sa

from connector.push.changes import WHOLE
from connector.push.equality import same
from connector.push.plan import Plan, Push
from connector.push.policies import wins
from connector.push.tables import meant, oldest_first, push_journal, was_sent
from connector.texts import count
from connector.warehouse.engines import engine_of
from connector.warehouse.ledger import SCHEMA, columns_of

ROUNDS = 2
"""So often a push has sent a value and another push a different one after it, before the journal proves that they are rivals."""


def rivalry(engine: sa.Engine, push: Push, plan: Plan, others: Iterable[Push]) -> str:
    """A sentence that names both pushes, a field and some leads, or ``""``.

    Rivals are other push models (``others``) of the same CRM whose rows in the warehouse would send another value for a
    field that the plan sends, and pushes of whatever project that, as the journal shows, have kept replacing what this
    push sends. A push that merely sent something before, under a name that is gone or for a lead that moved from one
    push to the other, is none.
    """
    fields = [name for name in plan.by_field() if name != WHOLE]
    if not fields or plan.leads.totals.strangers == len(plan.leads):
        return ""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    with engine.connect() as connection:
        for other in others:
            if other.name != push.name and plan.crm == other.crm and other.mode != "delete":
                for lead_id, name in _disagreeing(connection, push, plan, other, fields):
                    found[other.name, name].add(lead_id)
        for rival, lead_id, name in _replaced(connection, push, plan, fields):
            found[rival, name].add(lead_id)
    if not found:
        return ""
    (rival, name), leads = min(found.items())
    return (
        f"{push.name} and {rival} want different values for the field {name} of {count(len(leads), 'lead')} "
        f"(such as {', '.join(sorted(leads)[:3])}), and each would overwrite the other for ever, so nothing was sent. "
        "Leave the field or those leads out of one of the two models."
    )


def _disagreeing(
    connection: sa.Connection, push: Push, plan: Plan, other: Push, fields: Collection[str]
) -> Iterable[tuple[str, str]]:
    """(lead, field) for which another push model's rows would send another value than the plan."""
    shared = sorted({*fields} & {*other.fields})
    if not shared:
        return
    there = columns_of(connection, other.schema, other.identifier)
    if not {"lead_id", "field", "desired_value", "verdict"} <= there:
        return
    rows = sa.table(other.identifier, *map(sa.column, sorted(there)), schema=other.schema).c
    lead = rows.crm_lead_id if "crm_lead_id" in there else rows.lead_id
    overwritten = [name for name in shared if wins(other, name)]
    is_sent = sa.or_(
        rows.verdict.in_(("change", "clear")),
        sa.and_(rows.verdict == "conflict", rows.field.in_(overwritten)),
    )
    query = sa.select(lead.label("crm_lead_id"), rows.field, rows.desired_value.label("value")).where(
        rows.field.in_(shared), is_sent, lead.is_not(None)
    )
    others = engine_of(connection).tables(connection, query)
    for lead_id, name, value, ours in plan.leads.beside(others, differing=True):
        if not same(value, ours, push.equal.get(name)):
            yield lead_id, name


def _replaced(
    connection: sa.Connection, push: Push, plan: Plan, fields: Collection[str]
) -> Iterable[tuple[str, str, str]]:
    """(other push, lead, field) that keeps replacing what the plan would send once more."""
    if "sequence_number" not in columns_of(connection, SCHEMA, push_journal.name):
        return
    row = push_journal.c
    are_sent = (row.crm == push.crm, row.field.in_(sorted(fields)), was_sent(row))
    # Most fields have one push: the others are found by what takes no order.
    if not connection.scalar(sa.select(sa.func.min(row.push) != sa.func.max(row.push)).where(*are_sent)):
        return
    said = sa.select(push_journal, meant().label("meant")).where(*are_sent).subquery().c
    lead = said.meant
    shared = (
        sa.select(lead, said.field)
        .group_by(lead, said.field)
        .having(sa.func.min(said.push) != sa.func.max(said.push))
        .subquery()
        .c
    )
    query = (
        sa.select(lead.label("crm_lead_id"), said.field, said.push, said.value)
        .where(sa.exists().where(shared.meant == lead, shared.field == said.field))
        .order_by(lead, said.field, *oldest_first(said))
    )
    history = plan.leads.beside(engine_of(connection).tables(connection, query), differing=False)
    for (lead_id, name), sent in groupby(history, key=itemgetter(0, 1)):
        rule = push.equal.get(name)
        rounds, standing, rival = 0, False, ""
        for _, _, sender, value, ours in sent:
            is_ours = same(value, ours, rule)
            if sender == push.name:
                standing = is_ours
            elif standing and not is_ours:
                rounds, standing, rival = rounds + 1, False, sender
        if rounds >= ROUNDS and rival:
            yield rival, lead_id, name
