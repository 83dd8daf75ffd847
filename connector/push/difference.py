"""What one plan of a push would do to a CRM and another one would not: by lead and field, whatever made the two.

Both are in this process's memory as rows (``frozen``), and so is the difference: it is found, counted and sampled there, and a
plan of a million leads costs no more Python objects than one of ten.
"""

from typing import Literal, NamedTuple

from connector.push.changes import WHOLE
from connector.push.plan import Plan
from connector.push.tables import ADDING
from connector.warehouse.duckdb import connected_to, in_memory

How = Literal["added", "gone", "changed"]
"""What is only in the new plan; only in the old one; in both, with another value or for another lead of the CRM."""
HOWS: tuple[How, ...] = ("added", "gone", "changed")


class Moved(NamedTuple):
    """One field of one lead that the two plans don't treat alike."""

    lead_id: str
    lead: How
    """``added``: the old plan would not touch the lead; ``gone``: the new one would not; ``changed``: both would."""
    field: str
    """As the CRM calls it; ``*``: the whole lead, which would be deleted."""
    how: How
    old: str | None
    """What the old plan would send; ``None`` also where it would send nothing."""
    new: str | None
    is_insert: bool
    """Whether the lead would be added to the CRM, by the plan that has it, the new one first."""


class Leads(NamedTuple):
    """So many leads are touched by one plan alone, or by both in another way."""

    added: int = 0
    gone: int = 0
    changed: int = 0
    inserts_added: int = 0
    """Of those added: leads that only the new plan would add to the CRM."""
    inserts_gone: int = 0
    deletes_added: int = 0
    """Of those added: leads that only the new plan would delete."""
    deletes_gone: int = 0

    @property
    def all(self) -> int:
        return self.added + self.gone + self.changed


class Field(NamedTuple):
    """In so many leads a field is moved."""

    added: int
    gone: int
    changed: int
    cleared: int
    """Of those added or changed: in so many leads the new plan would clear it and the old one would not."""
    old_values: int
    """So many different values the old plan has in these leads, blank being one."""
    new_values: int


class Difference:
    """What moves from an old plan of a push to a new one; ``None``: that side has no such push."""

    def __init__(self, old: Plan | None, new: Plan | None) -> None:
        self._memory = connected_to(in_memory(self))
        is_one_key = (
            old is None
            or new is None
            or (old.crm == new.crm and (old.mode in ADDING) == (new.mode in ADDING))
        )
        self._memory.execute(_MOVED.format(old=_rows(old), new=_rows(new), side=0 if is_one_key else 1))

    def leads(self) -> Leads:
        return Leads(*self._memory.execute(_LEADS).fetchone())

    def fields(self) -> dict[str, Field]:
        """CRM field -> how many leads it is moved in, the most frequent first."""
        rows = self._memory.execute(_FIELDS).fetchall()
        return {name: Field(*numbers) for name, *numbers in rows}

    def sample(self, most: int) -> list[Moved]:
        """The first leads by id, as many of each kind as there is room for: at most so many, each with all that is moved in it."""
        return [Moved(*row) for row in self._memory.execute(_SAMPLE, [most]).fetchall()]

    def __bool__(self) -> bool:
        return bool(self._memory.execute("select 1 from moved limit 1").fetchall())


def _rows(plan: Plan | None) -> str:
    """The rows that a plan would send, as a query."""
    if plan is None:
        return "select null::text as lead_id, null::text as crm_lead_id, null::text as field, null::text as desired_value where false"
    return f"select lead_id, crm_lead_id, field, desired_value from {plan.leads.frozen.database}.changes where list = 'leads'"


# Where the two plans' lead ids are not of one kind, the CRM's own and the push's own, or of two CRMs, no lead of the one is a lead
# of the other: ``side`` keeps them apart.
_MOVED = f"""
create table moved as
with old as (select *, 0 as side from ({{old}})),
new as (select *, {{side}} as side from ({{new}})),
fields as (
    select
        coalesce(new.side, old.side) as side,
        coalesce(new.lead_id, old.lead_id) as lead_id,
        coalesce(new.field, old.field) as field,
        old.field is not null as was,
        new.field is not null as stays,
        old.desired_value as old,
        new.desired_value as new,
        case when new.field is null then old.crm_lead_id else new.crm_lead_id end as crm_lead_id,
        case
            when old.field is null then 'added'
            when new.field is null then 'gone'
            when old.desired_value is distinct from new.desired_value or old.crm_lead_id is distinct from new.crm_lead_id
                then 'changed'
        end as how
    from old full join new on old.side = new.side and old.lead_id = new.lead_id and old.field = new.field
),
leads as (
    select
        *,
        case
            when not bool_or(was) over lead then 'added'
            when not bool_or(stays) over lead then 'gone'
            else 'changed'
        end as lead
    from fields
    window lead as (partition by side, lead_id)
)
select
    side, lead_id, lead, field, how, old, new,
    crm_lead_id is null as is_insert,
    field = '{WHOLE}' as is_delete,
    new is null and field <> '{WHOLE}' and how <> 'gone' and not (was and old is null) as is_cleared
from leads
where how is not null
"""
_LEADS = """
select
    count(*) filter (lead = 'added'),
    count(*) filter (lead = 'gone'),
    count(*) filter (lead = 'changed'),
    count(*) filter (lead = 'added' and is_insert),
    count(*) filter (lead = 'gone' and is_insert),
    count(*) filter (lead = 'added' and is_delete),
    count(*) filter (lead = 'gone' and is_delete)
from (
    select side, lead_id, lead, bool_and(is_insert) as is_insert, bool_or(is_delete) as is_delete
    from moved
    group by side, lead_id, lead
)
"""
_FIELDS = """
select
    field,
    count(*) filter (how = 'added'),
    count(*) filter (how = 'gone'),
    count(*) filter (how = 'changed'),
    count(*) filter (is_cleared),
    count(distinct case when how <> 'added' then coalesce(old, '') end),
    count(distinct case when how <> 'gone' then coalesce(new, '') end)
from moved
group by field
order by count(*) desc, field
"""
_SAMPLE = """
with leads as (
    select side, lead_id, lead, row_number() over (partition by lead order by lead_id, side) as place
    from moved
    group by side, lead_id, lead
),
chosen as (
    select *
    from leads
    order by place, lead
    limit ?
)
select moved.lead_id, moved.lead, field, how, old, new, is_insert
from moved join chosen using (side, lead_id, lead)
order by lead, moved.lead_id, moved.side, field
"""
