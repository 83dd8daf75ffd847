"""Which fields a CRM keeps in another form than they were sent in, as the journal knows it by now: what ``leadloop status`` tells."""

import json
from collections import Counter, defaultdict

import sqlalchemy as sa

from connector.push.equality import OTHER_FORM, likely, same
from connector.push.tables import meant, newest_first, push_journal, push_runs
from connector.warehouse.ledger import SCHEMA, columns_of
from connector.warehouse.models import OtherForm

LOOKED_AT = 200
"""Values of a field by which its rule is found."""
_NEEDED = {"crm_lead_id", "code", "old_value", "sequence_number"}
"""Columns that older warehouses may lack, and get with their next run."""


def kept_forms(connection: sa.Connection) -> tuple[OtherForm, ...]:
    """The fields whose last value is kept in another form, each with the rule for most of its leads, by CRM and field.

    A field of a push whose last run had a rule that makes them equal is in sync by it, and not among them.
    """
    if not columns_of(connection, SCHEMA, push_journal.name) >= _NEEDED:
        return ()
    row = push_journal.c
    key = ("crm", "meant", "field")
    once = (
        sa.select(row.crm, meant().label("meant"), row.field)
        .where(row.state == "reverted", row.code == OTHER_FORM)
        .distinct()
        .subquery()
    )
    said = (
        sa.select(push_journal, meant().label("meant"))
        .where(row.state.in_(("confirmed", "reverted")))
        .subquery()
    )
    place = sa.func.row_number().over(
        partition_by=[said.c[name] for name in key], order_by=newest_first(said.c)
    )
    is_it = sa.and_(*(said.c[name] == once.c[name] for name in key))
    last = sa.select(said, place.label("place")).join(once, is_it).subquery().c
    of_field = (last.push, last.crm, last.field)
    kept = (
        sa.select(
            *of_field,
            last.value,
            last.old_value,
            sa.func.count().over(partition_by=of_field).label("leads"),
            sa.func.row_number().over(partition_by=of_field, order_by=last.meant).label("number"),
        )
        .where(last.place == 1, last.state == "reverted", last.code == OTHER_FORM)
        .subquery()
    )
    rules = _rules(connection)
    likeliest: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    leads: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for each in connection.execute(sa.select(kept).where(kept.c.number <= LOOKED_AT)):
        rule = likely(each.value, each.old_value)
        own = rules.get((each.push, each.crm), {}).get(each.field)
        if rule is not None and not same(each.value, each.old_value, own):
            likeliest[each.crm, each.field][rule] += 1
            leads[each.crm, each.field][each.push] = each.leads
    return tuple(
        OtherForm(*of, rules_of.most_common(1)[0][0], sum(leads[of].values()))
        for of, rules_of in sorted(likeliest.items())
    )


def _rules(connection: sa.Connection) -> dict[tuple[str, str], dict[str, str]]:
    """(push, CRM) -> by which rules its last run compared the fields."""
    run = push_runs.c
    place = sa.func.row_number().over(
        partition_by=(run.push, run.crm), order_by=(run.started_at.desc(), run.run_id.desc())
    )
    # An undo compares as the push does.
    last = sa.select(run.push, run.crm, run.equal, place.label("place")).subquery().c
    query = sa.select(last.push, last.crm, last.equal).where(last.place == 1)
    return {(push, crm): json.loads(equal or "{}") for push, crm, equal in connection.execute(query)}
