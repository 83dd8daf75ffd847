"""What would be sent, decided before anything is: rows of a push model -> a frozen Plan. Writes nothing, anywhere."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from connector.crm.base import Capabilities
from connector.errors import ModelError
from connector.parsing import did_you_mean
from connector.push.approvals import with_first_time
from connector.push.frozen import GIVEN, WAITING, Frozen, Places, as_tables
from connector.push.guardrails import guardrails
from connector.push.plan import Plan, Push
from connector.push.policies import wins
from connector.push.tables import ADDING, last_rows, meant, now, push_journal, push_settled
from connector.texts import count, shown_key, shown_name
from connector.warehouse.engines import engine_of
from connector.warehouse.ledger import SCHEMA, columns_of
from connector.warehouse.relations import Relation

COLUMNS = GIVEN[:7]
VERDICTS = frozenset(
    {
        "change",
        "clear",
        "insert",
        "delete",
        "conflict",
        "rejected",
        "flapping",
        "reverted",
        "unknown_lead",
        "removed",
    }
)


def make_plan(
    engine: sa.Engine,
    push: Push,
    *,
    capabilities: Capabilities | None = None,
    limit: int | None = None,
    leads: Relation | None = None,
    host: str | None = None,
    account: str | None = None,
) -> Plan:
    """The plan of one push model as the warehouse stands now.

    ``capabilities`` (of the CRM that is written to) has mode, fields and options checked; ``limit`` keeps the first leads by id;
    ``leads`` is the model of that name, by default beside the push model; ``host`` and ``account`` say whose leads they
    are, as in ``crm.identity``. Raises ``ModelError`` for what no plan can be made of; what a plan shows but may not be sent is
    raised by ``Plan.check``.
    """
    if capabilities is not None:
        check(push, capabilities)
    made_at = now()
    with engine.connect() as connection:
        unresolved, unanswered = unresolved_leads(connection, push)
        crm_leads, seen_at = book_of(connection, push.crm, leads or Relation(push.schema, "leads"))
        plan = frozen_plan(
            push,
            push_tables(connection, push),
            limit=limit,
            unresolved=unresolved,
            unanswered=unanswered,
            crm_leads=crm_leads,
            made_at=made_at,
            seen_at=seen_at,
            host=host,
            account=account,
            lists=capabilities.lists if capabilities else (),
        )
        if capabilities is not None:
            check_lists(plan, capabilities)
        return with_first_time(connection, plan)


def plan_rows(
    push: Push,
    rows: Iterable[Sequence[Any]],
    *,
    made_at: datetime,
    limit: int | None = None,
    unresolved: Collection[str] = (),
    unanswered: Collection[str] = (),
    crm_leads: int | None = None,
    seen_at: datetime | None = None,
    host: str | None = None,
    account: str | None = None,
    lists: Collection[str] = (),
) -> Plan:
    """The plan of a push model's rows, each as long as ``COLUMNS`` or with more of ``GIVEN`` after them. Pure.

    ``unresolved``: leads of the CRM, ``unanswered``: ids of this push's own rows, that an earlier write was sent to
    without an answer. ``lists``: the fields that hold lists.
    """
    return frozen_plan(
        push,
        as_tables(rows),
        limit=limit,
        unresolved=unresolved,
        unanswered=unanswered,
        crm_leads=crm_leads,
        made_at=made_at,
        seen_at=seen_at,
        host=host,
        account=account,
        lists=lists,
    )


def frozen_plan(
    push: Push,
    tables: Iterable[Any],
    *,
    made_at: datetime,
    limit: int | None,
    unresolved: Collection[str],
    unanswered: Collection[str],
    crm_leads: int | None,
    seen_at: datetime | None,
    host: str | None,
    account: str | None,
    lists: Collection[str] = (),
    has_ids: bool = False,
) -> Plan:
    """``has_ids``: every row says the lead's id in the CRM, whatever the mode."""
    frozen = Frozen()
    for rows in tables:
        frozen.add(rows)
    frozen.add_unanswered(unresolved, unanswered)
    nameless, duplicates = frozen.take_nameless(), frozen.take_duplicates()
    desired = frozen.desired()
    verdicts = frozen.verdicts(counted=("removed", "unknown_lead"))
    if not VERDICTS.issuperset(verdicts):
        raise ModelError(
            f"{push.name} has a row whose verdict is none of {', '.join(sorted(VERDICTS))}.",
            "Let the push macro write the model, and run: leadloop build",
        )
    places = _places(push)
    _check_sendable(push, frozen, places, lists)
    frozen.sort(places, adds=has_ids or push.mode in ADDING)
    beyond_limit = 0 if limit is None else frozen.cut(max(limit, 0))
    found = frozen.lists()
    leads = found["leads"]
    inserts = leads.totals.strangers if push.mode in ADDING else 0
    unknown = verdicts.get("unknown_lead", 0)
    return Plan(
        push=push.name,
        crm=push.crm,
        mode=push.mode,
        on_conflict=push.on_conflict,
        made_at=made_at,
        seen_at=seen_at,
        leads=leads,
        conflicts=found["conflicts"],
        rejected=found["rejected"],
        flapping=found["flapping"],
        reverted=found["reverted"],
        guardrails=guardrails(
            push,
            leads=len(leads),
            clears=leads.totals.clears,
            inserts=inserts,
            crm_leads=crm_leads,
            unknown=unknown,
            desired=desired,
        ),
        removed=verdicts.get("removed", 0),
        unknown_leads=unknown,
        desired_leads=desired,
        unresolved=found[WAITING].ids(),
        beyond_limit=beyond_limit,
        crm_leads=crm_leads,
        duplicates=duplicates,
        nameless=nameless,
        options=dict(push.options),
        equal=dict(push.equal),
        policies={name: dict(own) for name, own in push.policies.items()},
        max_found=push.max_found if push.mode == "insert" else None,
        needs_approval=push.approval == "required"
        or (push.approve_above is not None and len(leads) > push.approve_above),
        host=host,
        account=account,
    )


def _check_sendable(push: Push, frozen: Frozen, places: Places, lists: Collection[str]) -> None:
    """Raises ``ModelError`` for a value that a CRM would get as the text that some language writes it with."""
    for field, kind, number, leads in frozen.unsendable(places, lists):
        examples = ", ".join(shown_key(each, is_ours=push.mode in ADDING, mask=True) for each in leads)
        raise ModelError(
            f"{push.name}: the value for {field!r} is of the type {shown_name(kind)} in {count(number, 'lead')} (such as {examples}), and "
            "the field takes a text or a finite number.",
            "Make it one in the model, or NULL.",
            crm=push.crm,
            fields=[field],
        )


def _places(push: Push) -> Places:
    """Which list of the plan a row is in; one that is in none is only counted."""

    def of_conflict(is_sent: bool) -> str:
        return "leads" if is_sent else "conflicts"

    return Places(
        {
            **dict.fromkeys(("change", "clear", "insert", "delete"), "leads"),
            "conflict": of_conflict(wins(push)),
            **{each: each for each in ("rejected", "flapping", "reverted")},
        },
        {
            ("conflict", name): of_conflict(wins(push, name))
            for name in sorted(push.policies)
            if wins(push, name) != wins(push)
        },
    )


def check(push: Push, capabilities: Capabilities) -> None:
    """Raises ``ModelError`` for a mode, a field or an option that the CRM has not, or that no push may use."""
    vendor = capabilities.name
    if push.mode not in capabilities.modes:
        raise ModelError(
            f"{push.name}: mode is {push.mode!r}, and {vendor} can only do "
            f"{', '.join(sorted(capabilities.modes))}."
        )
    if protected := capabilities.protected_fields.intersection(push.fields):
        raise ModelError(
            f"{push.name}: no push to {vendor} sets the field {min(protected)!r}: it says who calls or which lead is "
            "meant.",
            "Take it out of fields.",
        )
    for name in push.fields:
        if name in capabilities.objects:
            raise ModelError(
                f"{push.name}: {name!r} is an object in {vendor}, and a text would replace all that is in it.",
                f"Name the one field that is meant, such as {capabilities.objects[name]!r}.",
                crm=vendor,
                fields=[name],
            )
        if name in capabilities.options and name not in capabilities.identity:
            raise ModelError(
                f"{push.name}: {name!r} is no field of a lead but an option of {vendor}'s insert.",
                f"Give it in options = {{'{name}': …}}.",
            )
    if push.options and push.mode not in ADDING:
        raise ModelError(f"{push.name}: options are for inserts and upserts, and mode is {push.mode!r}.")
    for name, text in push.options.items():
        option = capabilities.options.get(name)
        if option is None:
            near = did_you_mean(name, capabilities.options) or "."
            raise ModelError(f"{push.name}: {vendor}'s insert has no option {name!r}{near}")
        if not re.fullmatch(option.pattern, text, re.IGNORECASE):
            raise ModelError(f"{push.name}: the option {name} must be {option.meaning}.")
    missing = [name for name in capabilities.identity if name not in {*push.fields, *push.options}]
    if push.mode in ADDING and missing:
        raise ModelError(
            f"{push.name}: a lead can't be added to {vendor} without {' and '.join(missing)}.",
            "Give it in fields, or as one of the options where it is the same for all leads.",
        )


def check_lists(plan: Plan, capabilities: Capabilities) -> None:
    """Raises ``ModelError`` where a field that holds a list would get something else than a JSON list, or be cleared."""
    for name in sorted(capabilities.lists):
        number, examples = plan.leads.no_list(name)
        if number:
            raise ModelError(
                f"{plan.push}: {name!r} is a list in {capabilities.name}, and what the push has for it is no JSON list in "
                f"{count(number, 'lead')} (such as {plan.shown_keys(examples)}).",
                'Make it a JSON list in the model, such as ["hot","vip"]; [] empties it.',
                crm=capabilities.name,
                fields=[name],
            )


def push_rows(connection: sa.Connection, push: Push) -> Iterator[Mapping[str, Any]]:
    """The rows of a push model by column: ``COLUMNS``, and what else of ``GIVEN`` it has."""
    for part in push_tables(connection, push):
        yield from part.to_pylist()


def push_tables(connection: sa.Connection, push: Push) -> Iterator[Any]:
    """The same as Arrow tables, read by one statement and so of one moment."""
    found = columns_of(connection, push.schema, push.identifier)
    if not found:
        raise ModelError(
            f"The push model {push.name} is not in the warehouse yet ({push.schema}.{push.identifier}).",
            "Run: leadloop build",
        )
    missing = [name for name in COLUMNS if name not in found]
    if missing:
        raise ModelError(
            f"The push model {push.name} has no column {', '.join(missing)}.",
            "Let the push macro write it, and run: leadloop build",
        )
    names = [name for name in GIVEN if name in found]
    view = sa.table(push.identifier, *map(sa.column, names), schema=push.schema)
    texts = [
        sa.cast(view.c[name], sa.Text).label(name) if name == "desired_leads" else view.c[name]
        for name in names
    ]
    try:
        yield from engine_of(connection).tables(connection, sa.select(*texts))
    except (sa.exc.ProgrammingError, sa.exc.DataError) as error:
        # The engine's own words may quote a value, so only their kind is told.
        raise ModelError(
            f"The push model {push.name} can't be read ({type(error.orig).__name__}).", "Run: leadloop build"
        ) from None


def unresolved_leads(connection: sa.Connection, push: Push) -> tuple[set[str], set[str]]:
    """What was written to without learning what came of it: leads of this CRM by any push, own rows by this one."""
    if not columns_of(connection, SCHEMA, push_settled.name):
        return set(), set()
    row = push_journal.c
    lead = (
        meant() if row.crm_lead_id.name in columns_of(connection, SCHEMA, push_journal.name) else row.lead_id
    )
    open_rows = connection.execute(
        last_rows(("sent", "unknown"), crm=push.crm, only=(row.push, row.lead_id, lead))
    ).all()
    leads = {lead_id for _, _, lead_id in open_rows if lead_id is not None}
    return leads, {own for name, own, _ in open_rows if name == push.name}


def book_of(connection: sa.Connection, crm: str, model: Relation) -> tuple[int | None, datetime | None]:
    """How many leads the CRM has, and when one was last read; ``None`` for a CRM that is not read."""
    columns = columns_of(connection, *model)
    if not {"crm", "lead_id"} <= columns:
        return None, None
    leads = sa.table(model.name, *map(sa.column, sorted(columns)), schema=model.schema)
    there = [leads.c.crm == crm]
    there += [leads.c.removed_at.is_(None)] if "removed_at" in columns else []
    seen = sa.func.max(leads.c.last_seen_at) if "last_seen_at" in columns else sa.null()
    number, seen_at = connection.execute(sa.select(sa.func.count(), seen).where(*there)).one()
    return number or None, seen_at.astimezone(UTC) if seen_at else None
