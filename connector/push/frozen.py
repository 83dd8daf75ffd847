"""The rows of a plan, frozen: read once from the warehouse, and the same from then on, whatever becomes of the warehouse.

They are in a database in this process's memory, whatever engine the warehouse is: there they are sorted, counted and grouped,
and leads come out of it batch by batch. As Python objects they would take ten times the room. Nothing of it is on disk.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import count, groupby, islice
from operator import attrgetter, eq, itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple, overload

from connector.push.changes import WHOLE, FieldChange, LeadPlan
from connector.texts import BLANKS, in_sql
from connector.warehouse.duckdb import connected_to, in_memory

LEADS_AT_A_TIME = 2_000
"""So many leads are Python objects at once where a list is gone through."""
ROWS_AT_A_TIME = 20_000
LISTS = ("leads", "conflicts", "rejected", "flapping", "reverted")
"""The lists of a plan, which a verdict of a row puts it in."""
GIVEN = (
    "lead_id",
    "field",
    "column_name",
    "current_value",
    "desired_value",
    "base_value",
    "verdict",
    "crm_lead_id",
    "desired_leads",
    "unsendable",
)
"""The columns of a push model's rows: ``crm_lead_id`` only where the push adds leads, those after it unless an older package made the
model."""
_NOTHING = (None,) * len(GIVEN)
WAITING = "waiting"
"""The list of those that wait for the answer to an earlier write."""
_CHANGE = "field, column_name, current_value, desired_value, base_value, verdict"
_COLUMNS = ("list", "place", "lead_id", "crm_lead_id", *_CHANGE.split(", "))
_ATTRIBUTES = attrgetter("field", "column_name", "current", "desired", "base", "verdict")
_IS_BLANK = f"trim(coalesce({{}}, ''), '{BLANKS}') = ''"


class Places(NamedTuple):
    """Which list each row of a push model is in."""

    of_verdict: Mapping[str, str]
    """Verdict -> list; a row with another verdict is in none."""
    of_field: Mapping[tuple[str, str], str] = MappingProxyType({})
    """Verdict and field -> list, where it is not that of the verdict."""

    @property
    def sql(self) -> str:
        """The list of a row of the table ``given``."""
        first = (
            f"when verdict = {in_sql(verdict)} and field = {in_sql(name)} then '{place}'"
            for (verdict, name), place in self.of_field.items()
        )
        rest = (
            f"when verdict = {in_sql(verdict)} then '{place}'" for verdict, place in self.of_verdict.items()
        )
        return f"case {' '.join([*first, *rest])} end"


class Judged(NamedTuple):
    """How many leads a field has one verdict in."""

    field: str
    verdict: str
    has_base: bool
    leads: int


class Totals(NamedTuple):
    """How much is in one list."""

    leads: int = 0
    fields: int = 0
    clears: int = 0
    """Fields without a desired value."""
    strangers: int = 0
    """Leads that the CRM has not given an id to."""


class Leads(Sequence[LeadPlan]):
    """One list of a plan, ordered by lead id as text. Whoever takes leads from it has them read from where they are frozen."""

    def __init__(self, frozen: "Frozen", name: str, totals: Totals) -> None:
        self._frozen = frozen
        self._name = name
        self.totals = totals

    def __len__(self) -> int:
        return self.totals.leads

    @overload
    def __getitem__(self, place: int) -> LeadPlan: ...
    @overload
    def __getitem__(self, place: slice) -> list[LeadPlan]: ...
    def __getitem__(self, place: int | slice) -> LeadPlan | list[LeadPlan]:
        if isinstance(place, slice):
            first, last, step = place.indices(len(self))
            return self._frozen.leads(self._name, first, last)[::step] if step > 0 else list(self)[place]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        place %= len(self)
        return self._frozen.leads(self._name, place, place + 1)[0]

    def __iter__(self) -> Iterator[LeadPlan]:
        return self.since(0)

    def since(self, place: int) -> Iterator[LeadPlan]:
        """The leads from this place on, never more than a batch of them at once."""
        for first in range(place, len(self), LEADS_AT_A_TIME):
            yield from self._frozen.leads(self._name, first, min(first + LEADS_AT_A_TIME, len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} {self._name}>"

    @property
    def frozen(self) -> "Frozen":
        """The rows of the whole plan."""
        return self._frozen

    def by_field(self) -> dict[str, int]:
        """How many leads each field is in, the most frequent first."""
        return dict(self._by_field)

    @cached_property
    def _by_field(self) -> list[tuple[str, int]]:
        return self._ask("select field, count(*) from {rows} group by field order by count(*) desc, field")

    def judged(self) -> list[Judged]:
        """How many leads each field has each verdict in, apart for those that it was ever sent to."""
        query = (
            "select field, verdict, base_value is not null, count(*) from {rows} group by all order by all"
        )
        return [Judged(*row) for row in self._ask(query)]

    def pairs(self, most: int) -> list[tuple[str, str | None, str | None]]:
        """Field, current and desired value of the first leads of each field, so many of them at most."""
        return self._ask(
            "select field, current_value, desired_value from {rows} "
            f"qualify row_number() over (partition by field order by place) <= {most} order by field, place"
        )

    def having(self, names: Collection[str]) -> int:
        """How many leads have one of these fields."""
        found = self._ask(
            "select count(distinct place) from {rows} where list_contains(?, field)", list(names)
        )
        return int(found[0][0]) if found else 0

    def cleared(self) -> dict[str, int]:
        """Field -> leads in which it has no desired value."""
        return dict(
            self._ask("select field, count(*) from {rows} where desired_value is null group by field")
        )

    def common(self, name: str, most: int) -> tuple[int, list[tuple[str | None, int]]]:
        """How many different values a field gets, and the most frequent of them with their leads."""
        query = (
            "select desired_value, count(*), count(*) over () from {rows} where field = ? group by desired_value "
            f"order by count(*) desc, coalesce(desired_value, '') limit {most}"
        )
        found = self._ask(query, name)
        return (found[0][2] if found else 0), [(value, leads) for value, leads, _ in found]

    def sample(self, most: int) -> list[LeadPlan]:
        """A few leads in which every field is seen, as far as possible; in order."""
        missing, chosen = list(self.by_field()), set[int]()
        while missing and len(chosen) < most:
            query = "select min(place) from {rows} where list_contains(?, field)"
            place = self._ask(query, missing)[0][0]
            chosen.add(place)
            seen = {change.field for change in self[place].changes}
            missing = [name for name in missing if name not in seen]
        rest = (place for place in range(len(self)) if place not in chosen)
        chosen.update(islice(rest, max(most - len(chosen), 0)))
        return [self[place] for place in sorted(chosen)]

    def replaced(self, *, is_read: bool) -> dict[str, int]:
        """Field -> leads of the CRM in which something stands, or may stand where the CRM isn't read."""
        stands = f"not ({_IS_BLANK.format('current_value')})" if is_read else "true"
        query = (
            f"select field, count(*) from {{rows}} where crm_lead_id is not null and {stands} group by field"
        )
        return dict(self._ask(query))

    def sent_before(self) -> set[str]:
        """Fields of which the plan itself knows a value that was sent."""
        return {
            name for (name,) in self._ask("select distinct field from {rows} where base_value is not null")
        }

    def no_list(self, name: str) -> tuple[int, list[str]]:
        """How many leads would get something else than a JSON list in this field, or nothing, and the first of them."""
        is_list = "case when json_valid(desired_value) then json_type(desired_value) = 'ARRAY' else false end"
        query = (
            "select lead_id, count(*) over () from {rows} where field = ? "
            f"and not coalesce({is_list}, false) order by place limit 3"
        )
        found = self._ask(query, name)
        return (found[0][1] if found else 0), [lead_id for lead_id, _ in found]

    def ids(self) -> tuple[str, ...]:
        """The ids of the leads."""
        return tuple(
            lead_id for _, lead_id in self._ask("select distinct place, lead_id from {rows} order by place")
        )

    def beside(self, rows: Iterable[Any], *, differing: bool) -> Iterator[tuple[Any, ...]]:
        """Rows, given as Arrow tables, whose columns ``crm_lead_id`` and ``field`` are those of a change in this list: all
        their columns, and the desired value; by lead and field, else in the order in which they were given.

        ``differing``: only those whose column ``value`` is, as a text, another one.
        """
        return self._frozen.beside(self._name, rows, differing=differing)

    def _ask(self, query: str, *parameters: Any) -> list[Any]:
        if not self.totals.leads:
            return []
        rows = f"(select * from changes where list = '{self._name}')"
        found: list[Any] = self._frozen.ask(query.format(rows=rows), *parameters)
        return found


class Frozen:
    """The rows of one plan. For one thread."""

    def __init__(self) -> None:
        self._name = in_memory(self)
        self._memory = connected_to(self._name)
        self._memory.execute(
            f"create table given ({', '.join(f'{name} text' for name in GIVEN)});"
            "create table unanswered (crm_lead_id text, lead_id text);"
            "create table changes (list text, place bigint, lead_id text, crm_lead_id text, field text, column_name text, "
            "current_value text, desired_value text, base_value text, verdict text)"
        )

    def add(self, rows: Any) -> None:
        """Rows of a push model: an Arrow table with the columns ``GIVEN``, or the first of them."""
        _insert(self._memory, "given", rows)

    def add_unanswered(self, leads: Collection[str], own: Collection[str]) -> None:
        """Leads of the CRM, and ids of the push's own rows, that an earlier write was sent to without an answer."""
        for name, ids in (("crm_lead_id", leads), ("lead_id", own)):
            if ids:
                _insert(self._memory, "unanswered", _table({name: list(ids)}))

    def take_nameless(self) -> int:
        """Takes the rows without a lead id out, and says how many they were."""
        is_nameless = _IS_BLANK.format("lead_id")
        (number,) = self.ask(f"select count(*) from given where {is_nameless}")[0]
        if number:
            self.ask(f"delete from given where {is_nameless}")
        return int(number)

    def take_duplicates(self) -> tuple[str, ...]:
        """Takes all rows but the first out where a lead has several for one field, and says which leads those are."""
        several = "select lead_id, field, min(rowid) as first from given group by all having count(*) > 1"
        found = self.ask(f"select distinct lead_id from ({several}) order by lead_id")
        if found:
            self.ask(
                f"delete from given using ({several}) as several where given.lead_id = several.lead_id "
                "and given.field = several.field and given.rowid > several.first"
            )
        return tuple(lead_id for (lead_id,) in found)

    def desired(self) -> int | None:
        """How many leads the push is about; ``None`` where no row says."""
        found: int | None = self.ask("select max(cast(desired_leads as bigint)) from given")[0][0]
        return found

    def unsendable(self, places: Places, lists: Collection[str]) -> list[tuple[str, str, int, list[str]]]:
        """Field, type, number of leads and the first of them: of what would be sent and is no single value.

        Fields that hold ``lists`` may have one.
        """
        found: list[tuple[str, str, int, list[str]]] = self.ask(
            "select field, unsendable, count(distinct lead_id), list_sort(list(distinct lead_id))[:3] from given "
            f"where unsendable is not null and {places.sql} = 'leads' "
            "and not (list_contains(?, field) and (unsendable like '%]' or lower(unsendable) like 'json%')) "
            "group by field, unsendable order by field, unsendable",
            list(lists),
        )
        return found

    def verdicts(self, counted: Collection[str]) -> dict[str | None, int]:
        """The verdicts that there are, and how many leads have a row of it: of those that are to be ``counted``, else 0."""
        is_counted = f"verdict in ({', '.join(map(repr, counted))})"
        query = f"select verdict, count(distinct case when {is_counted} then lead_id end) from given group by verdict"
        return dict(self.ask(query))

    def sort(self, places: Places, *, adds: bool) -> None:
        """Puts every row in its list, or in none, each list ordered by lead and field as Python orders text.

        Leads that were to be sent and whose last write was not answered are in the list ``WAITING`` instead. Where the push
        ``adds`` leads, the CRM's id of a lead is in some row of it; else it is the lead's only one.
        """
        own_id = "max(crm_lead_id) over (partition by lead_id)" if adds else "lead_id"
        waits = (
            "list = 'leads' and (crm_lead_id in (select crm_lead_id from unanswered) "
            "or lead_id in (select lead_id from unanswered))"
            if self.ask("select 1 from unanswered limit 1")
            else "false"
        )
        self.ask(
            f"""
            insert into changes
            with told as (
                select * exclude (crm_lead_id), {own_id} as crm_lead_id, {places.sql} as list from given
            ),
            placed as (
                select * replace (case when {waits} then '{WAITING}' else list end as list) from told
            )
            select list, dense_rank() over (partition by list order by lead_id) - 1 as place, lead_id, crm_lead_id, {_CHANGE}
            from placed
            where list is not null
            """
        )
        self._memory.execute("drop table given; drop table unanswered")

    def cut(self, most: int) -> int:
        """Keeps the first leads of those that are to be sent, and says how many are left out."""
        before = self._totals().get("leads", Totals()).leads
        if before > most:
            self._memory.execute(
                "alter table changes rename to everything; "
                f"create table changes as from everything where list <> 'leads' or place < {most} order by list, place, field; "
                "drop table everything"
            )
        return max(before - most, 0)

    def put(self, name: str, leads: Iterable[LeadPlan]) -> None:
        """Adds leads that are in order to an empty list."""
        places = count()
        rest = iter(leads)
        while part := list(islice(rest, LEADS_AT_A_TIME)):
            rows = [
                (name, place, lead.lead_id, lead.crm_lead_id, *_ATTRIBUTES(change))
                for lead, place in zip(part, places, strict=False)
                for change in lead.changes
            ]
            _insert(
                self._memory, "changes", _table(dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True)))
            )

    def lists(self) -> dict[str, Leads]:
        """The lists of the plan, by their names, once everything is in its place."""
        totals = self._totals()
        return {name: Leads(self, name, totals.get(name, Totals())) for name in (*LISTS, WAITING)}

    def _totals(self) -> dict[str, Totals]:
        query = (
            f"select list, max(place) + 1, count(*), count(*) filter (where desired_value is null and field <> '{WHOLE}'), "
            "count(distinct place) filter (where crm_lead_id is null) from changes group by list"
        )
        return {name: Totals(*numbers) for name, *numbers in self.ask(query)}

    def leads(self, name: str, first: int, last: int) -> list[LeadPlan]:
        """The leads of one list from the place ``first`` to before ``last``."""
        query = (
            f"select place, lead_id, crm_lead_id, {_CHANGE} from changes "
            f"where list = '{name}' and place >= {first} and place < {last} order by place, field"
        )
        return [
            LeadPlan(rows[0][1], tuple(FieldChange(*row[3:]) for row in rows), rows[0][2])
            for rows in (list(of_one) for _, of_one in groupby(self.ask(query), itemgetter(0)))
        ]

    def beside(self, name: str, rows: Iterable[Any], *, differing: bool) -> Iterator[tuple[Any, ...]]:
        """See ``Leads.beside``."""
        memory = connected_to(self._name)
        is_there = False
        for part in rows:
            if is_there:
                _insert(memory, "beside", part)
            else:
                memory.register("incoming", part)
                memory.execute("create temp table beside as select * from incoming")
                is_there = True
        if not is_there:
            return
        memory.execute(
            "select beside.*, changes.desired_value from beside join changes using (crm_lead_id, field) "
            f"where list = '{name}' and field <> '{WHOLE}' "
            f"{'and value is distinct from desired_value' if differing else ''} "
            "order by beside.crm_lead_id, beside.field, beside.rowid"
        )
        while part := memory.fetchmany(ROWS_AT_A_TIME):
            yield from part

    @property
    def database(self) -> str:
        """The name of the database in memory that the rows are in, for queries that read the rows of two plans."""
        return self._name

    def door(self) -> Any:
        """A connection of the driver's to the same rows, for another thread. They are in the table ``changes``."""
        return connected_to(self._name)

    def ask(self, query: str, *parameters: Any) -> Any:
        """The rows that a query finds."""
        # The driver looks for half a dozen modules whenever it is given parameters.
        return self._memory.execute(query, *([parameters] if parameters else [])).fetchall()


def as_tables(rows: Iterable[Sequence[str | None]]) -> Iterator[Any]:
    """Rows of a push model as Arrow tables; each has the columns ``GIVEN``, or the first of them."""
    rest = iter(rows)
    while part := [(*row, *_NOTHING)[: len(GIVEN)] for row in islice(rest, ROWS_AT_A_TIME)]:
        yield _table(dict(zip(GIVEN, zip(*part, strict=True), strict=True)))


def _table(columns: Mapping[str, Sequence[Any]]) -> Any:
    import pyarrow as pa

    types = {"place": pa.int64()}
    return pa.table(
        {name: pa.array(values, types.get(name, pa.string())) for name, values in columns.items()}
    )


def _insert(memory: Any, table: str, rows: Any) -> None:
    memory.register("incoming", rows)
    try:
        memory.execute(f"insert into {table} by name select * from incoming")
    finally:
        memory.unregister("incoming")
