"""The first time that values in a field are replaced is agreed to, once, and the agreement is recorded.

A warehouse that knows nothing of what was sent to a field takes everything that stands there for its own to overwrite:
also what people typed, where it was sent before from another warehouse, another folder or one that was put back. Nobody
but a person can know which of the two it is.

``leadloop.push_approvals`` has one row per field that was agreed to (for its other rows see ``approved``). From then on something is known of that field.
"""

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import replace

import sqlalchemy as sa

from connector.errors import FirstTimeError
from connector.push.plan import Plan
from connector.push.tables import now, push_journal
from connector.texts import count
from connector.warehouse import runs
from connector.warehouse.ledger import METADATA, SCHEMA, columns_of, next_number

push_approvals = sa.Table(
    "push_approvals",
    METADATA,
    sa.Column("kind", sa.Text),
    sa.Column("who", sa.Text),
    sa.Column("approved_at", sa.DateTime(timezone=True)),
    sa.Column("crm", sa.Text),
    sa.Column("push", sa.Text),
    sa.Column("field", sa.Text),
    sa.Column("leads", sa.BigInteger),
    sa.Column("sequence_number", sa.BigInteger),
    # The run of the command in which it was agreed to, as in leadloop.runs.
    sa.Column("run_id", sa.Text),
    # Of an approved plan, and of its use.
    sa.Column("approval_id", sa.Text),
    sa.Column("plan_fingerprint", sa.Text),
    sa.Column("account", sa.Text),
    sa.Column("left_out", sa.Text),
    sa.Column("note", sa.Text),
    info={
        "one_row_per": "field of a CRM whose first time was agreed to, plan that was approved, or use of an approval"
    },
)
FIRST = "first"


def with_first_time(connection: sa.Connection, plan: Plan) -> Plan:
    """The plan, saying for which fields it would be the first time, and of how many leads values would be replaced."""
    if plan.mode == "delete":
        return plan
    replaced = plan.leads.replaced(is_read=plan.crm_leads is not None)
    unknown = _never_sent(connection, plan.crm, replaced.keys() - plan.leads.sent_before())
    return replace(plan, first_time={name: replaced[name] for name in sorted(unknown)})


def _never_sent(connection: sa.Connection, crm: str, fields: Collection[str]) -> set[str]:
    """Those of these fields of which no lead of the CRM has ever accepted a value, and that nobody has agreed to."""
    if not fields:
        return set()
    sent, agreed = push_journal.c, push_approvals.c
    accepted = sa.and_(sent.crm == crm, sent.state.in_(("applied", "confirmed")))
    asked = [
        (sent.field, accepted),
        (agreed.field, sa.and_(agreed.kind == FIRST, agreed.crm == crm)),
    ]
    there = [
        (field, condition) for field, condition in asked if columns_of(connection, SCHEMA, field.table.name)
    ]

    def is_known(name: str) -> bool:
        # One field at a time and only the first row: a journal may be long.
        queries = (sa.select(field).where(field == name, condition).limit(1) for field, condition in there)
        return any(connection.execute(query).first() for query in queries)

    return {name for name in fields if not is_known(name)}


def first_time(plan: Plan) -> str:
    """What would be replaced for the first time, in words, or ``""``."""
    if not plan.first_time:
        return ""
    fields = ", ".join(f"{name} ({count(leads, 'lead')})" for name, leads in plan.first_time.items())
    stands = (
        "and would replace what stands in them"
        if plan.crm_leads is not None
        else f"and what stands in them is not known, since {plan.crm} is not read"
    )
    return (
        f"First time: this warehouse knows of no value that was ever sent to {plan.crm} in these fields, {stands}: "
        f"{fields}"
    )


def check(plan: Plan, *, first: bool) -> None:
    """Raises ``FirstTimeError`` unless somebody agrees (``first``), or is about to be asked, or there is nothing to agree to."""
    if plan.first_time and not first:
        raise FirstTimeError(
            f"{plan.push}: {first_time(plan)}. People may have typed them, or another warehouse sent them, so nothing was "
            "sent.",
            f"Look at it: leadloop plan {plan.push}. If the warehouse is the wrong one or was put back, bring the right "
            "one back. To agree to it, once: --first, or answer the question of a push in a terminal. To leave what is "
            "there: first_push = 'fill_empty' or 'baseline' in the model.",
            crm=plan.crm,
            fields=plan.first_time,
        )


def record(transaction: AbstractContextManager[sa.Connection], plan: Plan) -> None:
    """Writes down who agreed to what; nothing where there was nothing to agree to."""
    if not plan.first_time:
        return
    with transaction as connection:
        connection.execute(
            push_approvals.insert(),
            [
                {
                    "kind": FIRST,
                    "who": runs.user(),
                    "approved_at": now(),
                    "crm": plan.crm,
                    "push": plan.push,
                    "field": name,
                    "leads": leads,
                    "sequence_number": next_number(connection),
                    "run_id": runs.current_id(),
                }
                for name, leads in plan.first_time.items()
            ],
        )
