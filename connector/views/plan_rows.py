"""The rows of a plan as somebody looks through them: filtered, searched, sorted, page by page; and what moves in them.

The plan is frozen in this process's memory (``push/frozen.py``); the names of its leads are put beside it once. A page costs the same
wherever it is: it begins after the last row of the one before.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from connector.push.changes import WHOLE, LeadPlan
from connector.push.plan import Plan
from connector.views.settings import Masking

ROWS = 100
"""Rows of a page."""
LISTS = ("leads", "conflicts", "rejected", "flapping", "reverted", "waiting")
SORT_NAMES = (
    ("lead", "lead id"),
    ("name", "name"),
    ("field", "field"),
    ("after", "new value"),
    ("before", "value in the CRM"),
    ("jump", "biggest jump"),
)
SORTS = tuple(name for name, _ in SORT_NAMES)
_NUMBER = "try_cast(nullif(trim({}), '') as double)"
_JUMP = f"abs({_NUMBER.format('desired_value')} - coalesce({_NUMBER.format('current_value')}, 0))"
_KEYS = {
    "lead": "''",
    "name": "lower(coalesce(name, ''))",
    "field": "field",
    "before": "coalesce(current_value, '')",
    "after": "coalesce(desired_value, '')",
    # The largest first; what is no number comes last.
    "jump": f"lpad(cast(cast(1e15 - least(coalesce({_JUMP}, -1), 1e15) * 1e3 as hugeint) + cast(1e18 as hugeint) as text), 24, '0')",
}

_SOUGHT = (
    "lower(concat_ws(chr(10), changes.lead_id, crm_lead_id, name, owner, status,"
    " case when column_name not in (select column_name from hidden) then concat_ws(chr(10), current_value, desired_value) end))"
)
"""Where a search looks: made once, since a search reads it for every row. What is hidden isn't in it."""

_COLUMNS = (
    "place, lead_id, crm_lead_id, field, column_name, current_value, desired_value, base_value, verdict, name, owner, status,"
    " edited_by"
)


class Row(NamedTuple):
    """One field of one lead, with what people know the lead by."""

    place: int
    lead_id: str
    crm_lead_id: str | None
    field: str
    column_name: str
    current: str | None
    desired: str | None
    base: str | None
    verdict: str
    name: str
    owner: str
    status: str
    edited_by: str
    key: str
    """By which it is sorted."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to see."""

    list: str = "leads"
    text: str = ""
    """Is in the lead's id, name, owner, status or in one of the two values, in capitals or not."""
    field: str = ""
    sort: str = "lead"
    after: tuple[str, int, str] | None = None
    """Key, place and field of the last row of the page before."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and where the next page begins; ``None``: there is none."""

    rows: Sequence[Row]
    after: tuple[str, int, str] | None
    total_rows: int
    total_leads: int


class Move(NamedTuple):
    """How often a field goes from one value to another."""

    field: str
    column_name: str
    current: str | None
    desired: str | None
    leads: int


class PlanRows:
    """A plan that several threads look through."""

    def __init__(self, plan: Plan, people: Iterable[Any] = (), masking: Masking | None = None) -> None:
        """``people``: Arrow tables as ``people.people`` gives them. What ``masking`` hides can't be searched for."""
        self.plan = plan
        self._masking = masking or Masking(show_values=True)
        self._door = plan.leads.frozen.door()
        self._one_at_a_time = threading.Lock()
        with self._one_at_a_time:
            self._door.execute(
                "create temp table people (lead_id text, name text, owner text, status text, edited_by text)"
            )
            for part in people:
                self._door.register("incoming", part)
                self._door.execute(
                    "insert into people by name select incoming.* from incoming"
                    " semi join changes on incoming.lead_id = changes.crm_lead_id"
                )
                self._door.unregister("incoming")
            hidden = [
                name
                for (name,) in self._ask("select distinct column_name from changes")
                if self._masking.hides(name)
            ]
            self._door.execute("create temp table hidden (column_name text)")
            if hidden:
                self._door.executemany("insert into hidden values (?)", [[name] for name in hidden])
            self._door.execute(
                f"""
                create temp table seen as
                select
                    changes.*, coalesce(name, '') as name, coalesce(owner, '') as owner, coalesce(status, '') as status,
                    coalesce(edited_by, '') as edited_by, {_SOUGHT} as sought
                from changes
                left join people on people.lead_id = changes.crm_lead_id
                order by list, place, field
                """
            )

    def page(self, asked: Asked, most: int = ROWS) -> Page:
        """``ValueError`` for a list or an order that there is not."""
        if asked.list not in LISTS or asked.sort not in SORTS:
            raise ValueError(asked)
        where, given = _conditions(asked)
        key = _KEYS[asked.sort]
        source = f"(select *, {key} as sort_key from seen where {where}) as seen"
        beyond, more = "", []
        if asked.after is not None:
            beyond, more = "where (sort_key, place, field) > (?, ?, ?)", list(asked.after)
        with self._one_at_a_time:
            found = self._ask(
                f"select {_COLUMNS}, sort_key from {source} {beyond} order by sort_key, place, field limit {most + 1}",
                *given,
                *more,
            )
            rows, leads = self._ask(f"select count(*), count(distinct place) from {source}", *given)[0]
        shown = [Row(*each) for each in found[:most]]
        last = (shown[-1].key, shown[-1].place, shown[-1].field) if len(found) > most else None
        return Page(shown, last, rows, leads)

    def every(self, name: str, at_once: int) -> Iterator[list[Row]]:
        """All rows of a list by lead and field, so many at once."""
        place, field = -1, ""
        while True:
            with self._one_at_a_time:
                found = self._ask(
                    f"select {_COLUMNS}, '' from seen where list = ? and (place, field) > (?, ?)"
                    f" order by place, field limit {at_once}",
                    *(name, place, field),
                )
            if not found:
                return
            rows = [Row(*each) for each in found]
            yield rows
            place, field = rows[-1].place, rows[-1].field

    def of_lead(self, name: str, crm_lead_id: str) -> list[Row]:
        """The rows of one lead in a list."""
        with self._one_at_a_time:
            found = self._ask(
                f"select {_COLUMNS}, '' from seen where list = ? and crm_lead_id = ? order by place, field",
                name,
                crm_lead_id,
            )
        return [Row(*each) for each in found]

    def people(self) -> Mapping[str, tuple[str, str, str, str]]:
        """Lead in the CRM -> name, owner, status and last editor, of all leads of the plan that are known."""
        with self._one_at_a_time:
            rows = self._ask(
                "select lead_id, coalesce(name, ''), coalesce(owner, ''), coalesce(status, ''), coalesce(edited_by, '')"
                " from people"
            )
        return {row[0]: row[1:] for row in rows}

    def rows_of(self, leads: Iterable[LeadPlan], known: Mapping[str, tuple[str, str, str, str]]) -> list[Row]:
        """The rows of leads of this plan that were taken out of one of its lists."""
        return [
            Row(
                place,
                lead.lead_id,
                lead.crm_lead_id,
                change.field,
                change.column_name,
                change.current,
                change.desired,
                change.base,
                change.verdict,
                *known.get(lead.crm_lead_id or "", ("", "", "", "")),
                "",
            )
            for place, lead in enumerate(leads)
            for change in lead.changes
        ]

    def moves(self, most: int = 5) -> dict[str, list[Move]]:
        """Field -> its most frequent moves, the fields with the most leads first; without fields in which every lead moves differently."""
        with self._one_at_a_time:
            found = self._ask(
                f"""
                with moved as (
                    select field, any_value(column_name) as column_name, current_value, desired_value, count(*) as leads
                    from changes where list = 'leads' and field <> '{WHOLE}' group by field, current_value, desired_value
                )
                select field, column_name, current_value, desired_value, leads, sum(leads) over (partition by field) as of_field
                from moved
                qualify row_number() over (partition by field order by leads desc, current_value, desired_value) <= {most}
                order by of_field desc, field, leads desc, current_value, desired_value
                """
            )
        moves: dict[str, list[Move]] = {}
        for row in found:
            moves.setdefault(row[0], []).append(Move(*row[:5]))
        return moves

    def jumps(self, most: int = 5) -> list[Row]:
        """The rows whose numbers change the most, from one number to another."""
        page = self.page(Asked(sort="jump"), most=most * 4)
        return [row for row in page.rows if _is_number(row.current) and _is_number(row.desired)][:most]

    def fields(self) -> Mapping[str, Mapping[str, int]]:
        """List -> field -> leads."""
        with self._one_at_a_time:
            rows = self._ask(
                "select list, field, count(*) from changes group by all order by list, count(*) desc, field"
            )
        found: dict[str, dict[str, int]] = {}
        for name, field, leads in rows:
            found.setdefault(name, {})[field] = leads
        return found

    def _ask(self, query: str, *given: Any) -> list[Any]:
        found: list[Any] = self._door.execute(query, list(given)).fetchall()
        return found


def _conditions(asked: Asked) -> tuple[str, list[Any]]:
    where, given = ["list = ?"], [asked.list]
    if asked.field:
        where.append("field = ?")
        given.append(asked.field)
    if text := asked.text.strip():
        where.append("contains(sought, lower(?))")
        given.append(text)
    return " and ".join(where), given


def _is_number(text: str | None) -> bool:
    try:
        return text is not None and float(text) == float(text)
    except ValueError:
        return False
