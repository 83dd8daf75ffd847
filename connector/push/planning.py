"""What would be sent, decided before anything is: rows of a push model -> a frozen Plan. Writes nothing, anywhere."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from connector.crm.base import Capabilities
from connector.errors import ModelError
from connector.parsing import did_you_mean
from connector.push.approvals import with_first_time
from connector.push.fingerprint import fingerprint
from connector.push.guardrails import guardrails
from connector.push.plan import FieldChange, LeadPlan, Plan, Push
from connector.push.tables import ADDING, last_rows, meant, now, push_journal, push_settled
from connector.texts import is_blank
from connector.warehouse.ledger import SCHEMA, columns_of
from connector.warehouse.relations import Relation

COLUMNS = (
    "lead_id",
    "field",
    "column_name",
    "current_value",
    "desired_value",
    "base_value",
    "verdict",
)
VERDICTS = frozenset(
    {"change", "clear", "insert", "delete", "conflict", "rejected", "flapping", "unknown_lead", "removed"}
)
_ROWS_AT_A_TIME = 20_000


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
        unresolved, unanswered = _unresolved(connection, push)
        crm_leads, seen_at = _book(connection, push.crm, leads or Relation(push.schema, "leads"))
        plan = plan_rows(
            push,
            push_rows(connection, push),
            limit=limit,
            unresolved=unresolved,
            unanswered=unanswered,
            crm_leads=crm_leads,
            made_at=made_at,
            seen_at=seen_at,
            host=host,
            account=account,
        )
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
) -> Plan:
    """The plan of a push model's rows, each as long as ``COLUMNS`` or with the lead's id in the CRM after them. Pure.

    ``unresolved``: leads of the CRM, ``unanswered``: ids of this push's own rows, that an earlier write was sent to
    without an answer.
    """
    found = _Sorting(push)
    for row in rows:
        found.add(row)
    waiting = sorted(
        lead_id for lead_id in found.send if found.crm_lead_id(lead_id) in unresolved or lead_id in unanswered
    )
    for lead_id in waiting:
        del found.send[lead_id]
    everything = found.lead_plans(found.send)
    leads = everything if limit is None else everything[: max(limit, 0)]
    plan = Plan(
        push=push.name,
        crm=push.crm,
        mode=push.mode,
        on_conflict=push.on_conflict,
        made_at=made_at,
        seen_at=seen_at,
        leads=leads,
        conflicts=found.lead_plans(found.conflicts),
        rejected=found.lead_plans(found.rejected),
        flapping=found.lead_plans(found.flapping),
        removed=len(found.removed),
        unknown_leads=len(found.unknown),
        unresolved=tuple(waiting),
        beyond_limit=len(everything) - len(leads),
        crm_leads=crm_leads,
        duplicates=tuple(sorted(found.duplicates)),
        nameless=found.nameless,
        options=dict(push.options),
        equal=dict(push.equal),
        max_found=push.max_found if push.mode == "insert" else None,
        host=host,
        account=account,
    )
    plan = replace(
        plan,
        guardrails=guardrails(
            push, leads=len(leads), clears=plan.clears, inserts=plan.inserts, crm_leads=crm_leads
        ),
    )
    return replace(plan, fingerprint=fingerprint(plan))


class _Sorting:
    """Puts each row of a push model where it belongs."""

    def __init__(self, push: Push) -> None:
        self._push = push
        self._conflicts_go = push.on_conflict == "warehouse_wins"
        self._bits: dict[str, int] = {}
        self._fields: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._adds = push.mode in ADDING
        self._crm_lead_ids: dict[str, str] = {}
        self.send: dict[str, list[FieldChange]] = defaultdict(list)
        self.conflicts: dict[str, list[FieldChange]] = defaultdict(list)
        self.rejected: dict[str, list[FieldChange]] = defaultdict(list)
        self.flapping: dict[str, list[FieldChange]] = defaultdict(list)
        self.removed: set[str] = set()
        self.unknown: set[str] = set()
        self.duplicates: set[str] = set()
        self.nameless = 0

    def add(self, row: Sequence[Any]) -> None:
        lead_id, name, column, current, desired, base, verdict, *rest = row
        if is_blank(lead_id):
            self.nameless += 1
            return
        # One bit per field and one number per lead say which fields were there: a set of pairs takes far more memory.
        bit = self._bits.setdefault(name, 1 << len(self._bits))
        there = self._fields.get(lead_id, 0)
        if there & bit:
            self.duplicates.add(lead_id)
            return
        self._fields[lead_id] = there | bit
        if rest and rest[0] is not None:
            self._crm_lead_ids[lead_id] = rest[0]
        target = self._target(verdict)
        if isinstance(target, set):
            target.add(lead_id)
            return
        change = FieldChange(
            self._shared(name), self._shared(column), current, desired, base, self._shared(verdict)
        )
        target[lead_id].append(change)

    def _target(self, verdict: str) -> dict[str, list[FieldChange]] | set[str]:
        match verdict:
            case "change" | "clear" | "insert" | "delete":
                return self.send
            case "conflict":
                return self.send if self._conflicts_go else self.conflicts
            case "rejected":
                return self.rejected
            case "flapping":
                return self.flapping
            case "removed":
                return self.removed
            case "unknown_lead":
                return self.unknown
        raise ModelError(
            f"{self._push.name} has a row whose verdict is none of {', '.join(sorted(VERDICTS))}.",
            "Let the push macro write the model, and run: leadloop build",
        )

    def _shared(self, text: str) -> str:
        # A million rows name the same three fields: one string each is enough.
        return self._texts.setdefault(text, text)

    def crm_lead_id(self, lead_id: str) -> str | None:
        return self._crm_lead_ids.get(lead_id) if self._adds else lead_id

    def lead_plans(self, changes: Mapping[str, list[FieldChange]]) -> tuple[LeadPlan, ...]:
        # Sorted here, because every database orders text after its own fashion.
        return tuple(
            LeadPlan(
                lead_id, tuple(sorted(changes[lead_id], key=attrgetter("field"))), self.crm_lead_id(lead_id)
            )
            for lead_id in sorted(changes)
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


def push_rows(connection: sa.Connection, push: Push) -> Iterator[Sequence[Any]]:
    """The rows of a push model: ``COLUMNS``, and after them the lead's id in the CRM where the push adds leads."""
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
    names = [*COLUMNS, "crm_lead_id"] if "crm_lead_id" in found else COLUMNS
    view = sa.table(push.identifier, *map(sa.column, names), schema=push.schema)
    query = sa.select(*(view.c[name] for name in names))
    try:
        result = connection.execution_options(stream_results=True).execute(query)
        for part in result.partitions(_ROWS_AT_A_TIME):
            yield from part
    except (sa.exc.ProgrammingError, sa.exc.DataError) as error:
        # The engine's own words may quote a value, so only their kind is told.
        raise ModelError(
            f"The push model {push.name} can't be read ({type(error.orig).__name__}).", "Run: leadloop build"
        ) from None


def _unresolved(connection: sa.Connection, push: Push) -> tuple[set[str], set[str]]:
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


def _book(connection: sa.Connection, crm: str, model: Relation) -> tuple[int | None, datetime | None]:
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
