"""People, the warehouse, runs, kills, faults and decisions in any order, against a model of what must come of them.

The loop's own functions run against the sandbox over HTTP and a DuckDB file. Two things are replaced, for speed: dlt, by a
load of the same reading in one transaction with its cursor, and dbt, by the SQL that it compiled once. A kill is simulated
as what it is for whoever comes after: from some moment on, nothing is recorded any more.

``STATES_EXAMPLES=500 pytest tests/properties/test_states.py`` tries longer.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from connector import config, loop, scaffold
from connector.extract import kinds
from connector.extract.columns import Columns
from connector.extract.reading import read_back, reading
from connector.push import Journal
from connector.sandbox import Sandbox
from connector.warehouse import models
from connector.warehouse.connection import Warehouse

EXAMPLES = int(os.environ.get("STATES_EXAMPLES", "2"))
PUSH = "scores"
MODEL = "select lead_id, tier, town from inputs.wanted"
CALL = "{{ leadloop.push(desired = ref('wanted'), crm = 'convoso', key = 'lead_id', %s) }}"
OPTIONS = "fields = {'title': 'tier', 'city': 'town'}, max_share = none, max_changes = none"
PUSHED = ("title", "city")
LEADS = 6
FAULTS = (
    "status",
    "drop_before_write",
    "drop_after_write",
    "status_after_write",
    "truncate",
    "html",
    "no_success",
)


class Killed(BaseException):
    """The process is gone."""


class Parts:
    """A CRM, a warehouse, and the two stand-ins; made once, and emptied for each example."""

    def __init__(self, folder: Path, crm: Sandbox) -> None:
        self.crm = crm
        self.path = folder / "leads.duckdb"
        self.warehouse = Warehouse.duckdb(self.path)
        self.cursor: datetime | None = None
        scaffold.write(folder)
        project = folder / "dbt_models"
        for old in (project / "models").rglob("*.*"):
            old.unlink()
        (project / "models" / "wanted.sql").write_text(MODEL)
        (project / "models" / "scores.sql").write_text(CALL % OPTIONS)
        with (project / "dbt_project.yml").open("a") as file:
            file.write("data_tests:\n  leadloop:\n    +enabled: false\n")
        self.write("create schema inputs; create table inputs.wanted (lead_id text, tier text, town text)")
        crm.book.api_edit(crm.book.ids()[0], {"title": "any"})
        loop.extract(self.warehouse)
        loop.build(self.warehouse)
        loop.extract(self.warehouse)
        loop.build(self.warehouse)
        compiled = (folder / ".leadloop" / "dbt" / "duckdb").glob("*/compiled/**/lead_history.sql")
        self.increment = next(compiled).read_text("utf-8")

    def write(self, statement: str, *values: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(statement, values)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def empty(self) -> None:
        """Nothing was read, wanted or sent."""
        self.cursor = None
        self.crm.faults.clear()
        Journal(self.warehouse.engine()).ensure()
        tables = ("convoso_raw.lead_versions", "analytics.lead_history", "inputs.wanted", *(
            f"leadloop.{name}" for name in ("push_runs", "push_journal", "push_settled")
        ))  # fmt: skip
        self.write(";".join(f"delete from {table}" for table in tables))
        for lead in self.crm.book.ids():
            self.crm.book.api_edit(lead, {"title": None, "city": "Boston", "notes": "none"})

    def load(self, _pipeline: Any, _settings: Any, job: Any, *, again: Any = (), **_: Any) -> Any:
        """What ``load_everything`` does for leads: the rows of the window, and the cursor with them."""
        key = self.cursor.isoformat() if self.cursor else None
        window = job.window(key, datetime.now().astimezone())
        tables, reached = [], self.cursor
        if window is not None:
            for batch in reading(job.reader, window, job.query, everything=key is None):
                tables.append(batch.table)
                reached = max(filter(None, (batch.reached, reached)), default=None)
        self._land(tables)
        self.cursor = reached
        columns = Columns(job.reader.zone.key)
        pages = [page for lead in again if (page := read_back(job.reader, lead)).rows]
        self._land([columns.table(page) for page in pages])
        return SimpleNamespace(window=window)

    def _land(self, tables: list[Any]) -> None:
        with duckdb.connect(str(self.path)) as connection:
            for table in tables:
                connection.register("incoming", table)
                connection.execute(
                    "insert into convoso_raw.lead_versions by name select *, 'load' as _dlt_load_id from incoming"
                )
                connection.unregister("incoming")

    def build(self, *_: Any, **__: Any) -> Any:
        """What ``models.build`` does for a table that grows; everything else is a view."""
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute(f"create temp table increment as {self.increment}")
            connection.execute(
                "begin; delete from analytics.lead_history where (crm, lead_id) in (select (crm, lead_id) from increment);"
                "insert into analytics.lead_history by name from increment; commit"
            )
        return SimpleNamespace(nodes=())


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    folder = tmp_path_factory.mktemp("states")
    with Sandbox(leads=LEADS) as crm, pytest.MonkeyPatch.context() as patch:
        for name, text in {
            "BASE_URL": f"{crm.base_url}/v1", "AUTH_TOKEN": crm.token, "TIMEZONE": crm.timezone, "RATE": "1000",
            "SETTLE": "0", "CONCURRENCY": "2",
        }.items():  # fmt: skip
            patch.setenv(f"CRM__CONVOSO__{name}", text)
        patch.chdir(folder)
        config.reload()
        made = Parts(folder, crm)
        patch.setattr(kinds, "load_everything", made.load)
        patch.setattr(loop, "_pipeline", lambda *_: None)
        patch.setattr(loop, "cursor", lambda *_: made.cursor)
        patch.setattr(models, "build", made.build)
        yield made


@contextmanager
def killed_at(number: int, *, recorded: bool) -> Iterator[None]:
    """The process dies at the so-manieth thing it records: just before that is on disk, or just after."""
    left = number

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def method(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left > 0:
                return real(*arguments, **named)
            if recorded and left == 0:
                real(*arguments, **named)
            raise Killed

        return method

    with pytest.MonkeyPatch.context() as patch:
        for name in ("record", "start_run"):
            patch.setattr(Journal, name, dying(getattr(Journal, name)))
        yield


class States(RuleBasedStateMachine):
    """The model: what is wanted, and what people typed into fields that we had sent."""

    parts: Parts

    @initialize()
    def begin(self) -> None:
        self.parts.empty()
        self.crm = self.parts.crm
        self.leads = self.crm.book.ids()
        self.number = 0
        self.wanted: dict[str, int] = {}
        self.typed: dict[tuple[str, str], str] = {}
        self.unseen: set[str] = set()
        """Leads that another program edited, which moves no clock that the CRM could be asked for."""

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _ours(self, lead: str, name: str) -> bool:
        """Whether the CRM may have accepted this field from us, by our own record."""
        query = f"select state from leadloop.push_journal where lead_id = '{lead}' and field = '{name}' order by recorded_at, seq"
        states = [state for (state,) in self.parts.rows(query)]
        return states[-1:] == ["sent"] or not {"applied", "confirmed", "unknown"}.isdisjoint(states)

    lead = st.integers(0, LEADS - 1)

    @rule(lead=lead)
    def want(self, lead: int) -> None:
        """The warehouse wants something new of a lead."""
        key, version = self.leads[lead], self._next()
        self.wanted[key] = version
        self.parts.write("delete from inputs.wanted where lead_id = ?", key)
        self.parts.write(
            "insert into inputs.wanted values (?, ?, ?)", key, f"tier {version}", f"town {version}"
        )

    @rule(lead=lead, name=st.sampled_from(PUSHED))
    def edit(self, lead: int, name: str) -> None:
        """A person types something of their own into a field that is pushed."""
        key, value = self.leads[lead], f"typed {self._next()}"
        self.crm.book.edit(key, {name: value})
        if self._ours(key, name):
            self.typed[key, name] = value
        self.unseen.discard(key)

    @rule(lead=lead)
    def write_note(self, lead: int) -> None:
        """A person edits a field that nobody pushes."""
        self.crm.book.edit(self.leads[lead], {"notes": f"note {self._next()}"})
        self.unseen.discard(self.leads[lead])

    @rule(lead=lead)
    def other_program(self, lead: int) -> None:
        """Another program edits a field that nobody pushes."""
        self.crm.book.api_edit(self.leads[lead], {"notes": f"note {self._next()}"})
        self.unseen.add(self.leads[lead])

    @rule()
    def extract(self) -> None:
        loop.extract(self.parts.warehouse)

    @rule()
    def build(self) -> None:
        loop.build(self.parts.warehouse)

    @rule(limit=st.none() | st.integers(0, 3))
    def push(self, limit: int | None) -> None:
        """A push of what was read and built when it was; the models may be behind, or not know the leads yet."""
        with self._justified():
            loop.push(self.parts.warehouse, PUSH, limit=limit)

    @rule()
    def run(self) -> None:
        self.extract()
        self.build()
        self.push(None)

    @rule(number=st.integers(1, 4), recorded=st.booleans())
    def killed_run(self, number: int, recorded: bool) -> None:
        """A run whose process dies while it sends."""
        self.extract()
        self.build()
        with self._justified(), killed_at(number, recorded=recorded), suppress(Killed):
            loop.push(self.parts.warehouse, PUSH)

    @rule(kinds=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3))
    def failing_run(self, kinds: list[str]) -> None:
        """A run in which some updates go wrong, one way or another."""
        for kind in kinds:
            self.crm.faults.add(kind, path="update", count=1)
        self.run()
        self.crm.faults.clear()

    @precondition(lambda self: self.typed)
    @rule(side=st.sampled_from(["ours", "theirs"]), data=st.data())
    def decide(self, side: Any, data: st.DataObject) -> None:
        """Somebody looks at a conflict and decides."""
        found = sorted({conflict.lead_id for conflict in loop.resolve(self.parts.warehouse, PUSH)})
        if found:
            lead = data.draw(st.sampled_from(found))
            for conflict in loop.resolve(self.parts.warehouse, PUSH, take=side, leads=[lead]):
                if side == "ours":
                    self.typed.pop((lead, conflict.field), None)

    @rule()
    def rest(self) -> None:
        """Everything comes to rest: two runs, of which the second sends nothing; then all is as it should be."""
        self.run()
        before = self.crm.calls.count("update")
        self.run()
        assert self.crm.calls.count("update") == before, "an update although nothing had changed"
        book = self.crm.book.rows()
        for lead, version in self.wanted.items():
            for name, ours in zip(PUSHED, (f"tier {version}", f"town {version}"), strict=True):
                if (lead, name) not in self.typed:
                    assert book[lead].get(name) == ours, f"{name} of {lead} was forgotten"
        shown = {
            row[0]: row[1:]
            for row in self.parts.rows("select lead_id, title, city, notes from analytics.leads")
        }
        assert shown.keys() == book.keys()
        for lead, (*pushed, notes) in shown.items():
            if lead not in self.unseen:
                assert notes == book[lead]["notes"]
            assert pushed == [book[lead].get(name) for name in PUSHED], f"{lead} differs in the warehouse"
        open_ones = self.parts.rows(
            "select lead_id, field, arg_max(state, seq) as state from leadloop.push_journal"
            " group by run_id, lead_id, field having arg_max(state, seq) in ('planned', 'sent', 'unknown')"
        )
        assert not open_ones

    @contextmanager
    def _justified(self) -> Iterator[None]:
        """Every update is of a lead that needs one, and there is one of each at most."""
        before, known = self.crm.book.rows(), len(self.crm.calls.select("update"))
        yield
        made = [call for call in self.crm.calls.select("update")[known:] if call.carried_out]
        for call in made:
            lead = str(call.lead_id)
            version = self.wanted[lead]
            shown = [before[lead].get(name) for name in PUSHED]
            assert shown != [f"tier {version}", f"town {version}"], f"{lead} was in sync"
        assert all(number == 1 for number in Counter(call.lead_id for call in made).values())

    @invariant()
    def no_edit_is_lost(self) -> None:
        """What a person typed over a value of ours is there until somebody decides for ours."""
        for (lead, name), value in getattr(self, "typed", {}).items():
            assert self.crm.book.row(lead).get(name) == value

    def teardown(self) -> None:
        if hasattr(self, "wanted"):
            self.crm.faults.clear()
            self.rest()


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_whatever_happens_nothing_is_lost(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """After any sequence of edits, runs, kills, faults and decisions: in sync, no edit lost, no lead forgotten."""
    _keep(monkeypatch, parts)
    States.parts = parts
    run_state_machine_as_test(
        States,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=16,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def _keep(monkeypatch: pytest.MonkeyPatch, parts: Parts) -> None:
    """The settings of the CRM, which are taken away from every test for its own good."""
    settings_of: Mapping[str, str] = {
        "BASE_URL": f"{parts.crm.base_url}/v1", "AUTH_TOKEN": parts.crm.token, "TIMEZONE": parts.crm.timezone,
        "RATE": "1000", "SETTLE": "0", "CONCURRENCY": "2",
    }  # fmt: skip
    for name, text in settings_of.items():
        monkeypatch.setenv(f"CRM__CONVOSO__{name}", text)
    config.reload()
