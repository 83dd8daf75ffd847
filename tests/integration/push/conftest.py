"""A warehouse with leads and a push model in it, as dbt would have left them, and a CRM that answers as it is told."""

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from connector.crm.base import Capabilities, OneByOne, Option, Outcome, Page
from connector.errors import TransientError
from connector.push import Journal, Plan, Summary, deliver, make_plan
from connector.push.tables import push_journal

UTC_ZONE = ZoneInfo("UTC")
CAN = Capabilities(vendor="convoso", modes=frozenset({"update"}), page_size=2000, max_rate=100.0)
CAN_ALL = replace(
    CAN,
    modes=frozenset({"update", "insert", "upsert", "delete"}),
    options={"list": Option("[0-9]+", "a whole number"), "check": Option("true|false", "true or false")},
    identity=("lead_score", "list"),
    protected_fields=frozenset({"token"}),
)


@dataclass(frozen=True)
class Push:
    """A push model's options, as the manifest would give them."""

    name: str = "scores"
    schema: str = "analytics"
    identifier: str = "scores"
    crm: str = "convoso"
    mode: str = "update"
    on_conflict: str = "crm_wins"
    first_push: str = "overwrite"
    max_changes: int | None = 5000
    max_share: float | None = None
    max_unknown_share: float | None = None
    max_clears: int | None = 100
    max_inserts: int | None = 1000
    max_deletes: int | None = 100
    max_found: int | None = 100
    fields: Mapping[str, str] = field(default_factory=lambda: {"lead_score": "score"})
    options: Mapping[str, str] = field(default_factory=dict)
    equal: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    approval: str = "none"
    approve_above: int | None = None


@dataclass
class Crm(OneByOne):
    """Leads in memory; ``answer`` decides what comes of each call, and the calls are counted."""

    answer: Callable[[str, Mapping[str, str | None]], Outcome] = lambda lead_id, fields: Outcome("applied")
    leads: dict[str, dict[str, str | None]] = field(default_factory=lambda: defaultdict(dict))
    calls: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    down: bool = False
    reads: list[str] = field(default_factory=list)
    zone: ZoneInfo = UTC_ZONE
    capabilities: Capabilities = CAN
    overlooks: int = 0
    """So many of the next looks find nothing, whatever is there."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def update(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        with self._lock:
            self.calls.append((lead_id, dict(fields)))
        outcome = self.answer(lead_id, fields)
        if outcome.state == "applied":
            self.leads[lead_id].update(fields)
        return outcome

    def insert(self, fields: Mapping[str, str | None], options: Mapping[str, str]) -> Outcome:
        with self._lock:
            self.calls.append((str(sorted(options.items())), dict(fields)))
            new = f"C{len(self.calls)}"
        outcome = self.answer(new, fields)
        if outcome.state != "applied":
            return outcome
        self.leads[new].update(fields)
        return replace(outcome, lead_id=new)

    def upsert(
        self, lead_id: str | None, fields: Mapping[str, str | None], options: Mapping[str, str]
    ) -> Outcome:
        return self.insert(fields, options) if lead_id is None else self.update(lead_id, fields)

    def delete(self, lead_id: str) -> Outcome:
        with self._lock:
            self.calls.append((lead_id, {}))
        outcome = self.answer(lead_id, {})
        if outcome.state == "applied":
            self.leads.pop(lead_id, None)
        return outcome

    def find(
        self, fields: Mapping[str, str | None], options: Mapping[str, str], sent_at: datetime | None = None
    ) -> list[str]:
        self.reads.append(f"{fields.get('lead_score')} in {options.get('list')}")
        if self.down:
            raise TransientError("The CRM is down.")
        found = [lead for lead, row in self._seen() if row.get("lead_score") == fields.get("lead_score")]
        return found[::-1]

    def _seen(self) -> list[tuple[str, dict[str, str | None]]]:
        with self._lock:
            if self.overlooks:
                self.overlooks -= 1
                return []
            return list(self.leads.items())

    def get(self, lead_id: str) -> Page:
        self.reads.append(lead_id)
        if self.down:
            raise TransientError("The CRM is down.")
        rows = [{"id": lead_id, **row} for each, row in self._seen() if each == lead_id]
        return Page(rows, len(rows), datetime.now(UTC))

    def lead_id(self, row: Mapping[str, Any]) -> str:
        return str(row["id"])

    def modified_at(self, row: Mapping[str, Any]) -> str | None:
        return row.get("modified_at")

    def check(self, fields: Collection[str]) -> None: ...

    def close(self) -> None: ...


class World:
    """One warehouse, one CRM, one push."""

    def __init__(self, engine: sa.Engine, *, ensure: bool = True) -> None:
        self.engine = engine
        # A DuckDB file that is opened for each look at it takes most of the tests' time.
        self.kept = engine.connect() if engine.dialect.name == "duckdb" else None
        self.journal = Journal(engine)
        self.crm = Crm()
        if ensure:
            self.journal.ensure()
        with engine.begin() as connection:
            connection.execute(sa.text("create schema analytics"))
            connection.execute(
                sa.text(
                    "create table analytics.leads (crm text, lead_id text, modified_at timestamptz, "
                    "removed_at timestamptz, last_seen_at timestamptz, lead_score text, status text)"
                )
            )
            connection.execute(
                sa.text(
                    "create table analytics.scores (crm text, lead_id text, field text, column_name text, "
                    "current_value text, desired_value text, base_value text, verdict text)"
                )
            )

    def let_go(self) -> None:
        """From now on other processes can open the DuckDB file as well."""
        if self.kept is not None:
            self.kept.close()

    def rows(self, *rows: Sequence[Any]) -> None:
        """Rows of the push model: lead id, field, current, desired, base, verdict."""
        names = ("lead_id", "field", "current", "desired", "base", "verdict")
        values = [{**dict(zip(names, row, strict=True)), "column_name": row[1].lower()} for row in rows]
        statement = sa.text(
            "insert into analytics.scores values "
            "('convoso', :lead_id, :field, :column_name, :current, :desired, :base, :verdict)"
        )
        with self.engine.begin() as connection:
            connection.execute(statement, values)

    def changes(self, number: int, fields: Sequence[str] = ("lead_score",)) -> None:
        """So many leads, each with these fields to change."""
        names = ", ".join(f"('{name}')" for name in fields)
        statement = sa.text(
            "insert into analytics.scores select 'convoso', 'L' || lpad(cast(n as text), :wide, '0'), name, name, "
            "'0', cast(n as text), null, 'change' "
            f"from generate_series(0, :last) as numbers(n), (values {names}) as fields(name)"
        )
        with self.engine.begin() as connection:
            connection.execute(statement, {"wide": len(str(number - 1)), "last": number - 1})

    def lead(self, lead_id: str, **columns: Any) -> None:
        """A lead as last seen."""
        known = {
            "modified_at": None,
            "removed_at": None,
            "last_seen_at": datetime.now(UTC),
            "lead_score": None,
            "status": None,
        }
        statement = sa.text(
            "insert into analytics.leads values "
            "('convoso', :lead_id, :modified_at, :removed_at, :last_seen_at, :lead_score, :status)"
        )
        with self.engine.begin() as connection:
            connection.execute(statement, {**known, **columns, "lead_id": lead_id})

    def plan(self, *, limit: int | None = None, **options: Any) -> Plan:
        return make_plan(self.engine, Push(**options), capabilities=self.crm.capabilities, limit=limit)

    def deliver(self, plan: Plan | None = None, **options: Any) -> Summary:
        return deliver(plan or self.plan(), self.crm, self.journal, **options)

    def journalled(self) -> list[Any]:
        """Every row of the journal, in the order of recording."""
        with self.engine.connect() as connection:
            return list(
                connection.execute(
                    sa.select(push_journal).order_by(push_journal.c.run_id, push_journal.c.seq)
                )
            )

    def states(self, lead_id: str, name: str = "lead_score") -> list[str]:
        """The states one field of one lead went through."""
        return [row.state for row in self.journalled() if (row.lead_id, row.field) == (lead_id, name)]


@pytest.fixture
def world(warehouse: Any) -> Iterator[World]:
    """The world of these tests, once in each engine."""
    made = World(warehouse.ledger())
    yield made
    made.let_go()


@pytest.fixture
def local(tmp_path: Any) -> Iterator[World]:
    """The same in DuckDB only, for what no engine has a say in."""
    from connector.warehouse.connection import Warehouse

    made = World(Warehouse.duckdb(tmp_path / "warehouse.duckdb").engine())
    yield made
    made.let_go()
