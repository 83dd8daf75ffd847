"""Loads, kills, late and odd rows, new columns and lost tables in any order: each build leaves what a full refresh would make.

``HEALING_EXAMPLES=50 pytest tests/integration/dbt/test_healing.py`` tries longer.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from connector.errors import BuildError
from connector.warehouse import models
from connector.warehouse.connection import Warehouse
from tests.engines import DUCKDB_IS_LONG
from tests.integration.dbt.conftest import DAY, NUMBER, Lab

EXAMPLES = int(os.environ.get("HEALING_EXAMPLES", "2"))
STEPS = 20
MOST = 2
"""Of what comes in, before a build at the latest."""
NOT_COMPARED = {"made_at", "build_number"}
"""Which build made a row, and when: the only things that a full refresh may change."""
ALL = "resource_type:model"
"""Everything but the tests, which change nothing and take most of the time."""
BUILDS = (ALL, "lead_history", "lead_changes", "lead_history lead_changes", "leads+", "int_push_memory+")
"""What somebody may have dbt make."""
LOSSES = ("lead_history", "lead_changes", "lead_scores", "push_outcomes", "int_push_memory", "leads")
CRMS = {"convoso": "modified_at", "pollybot": "updated_at"}
"""Two CRMs, each with its name for the time of modification."""
ZONES = ("UTC", "America/Los_Angeles", "Asia/Kolkata")
TIMES = (
    None,
    "2026-01-02 10:00:00",
    "2026-01-03 10:00:00",
    "2026-01-03T01:00:00+05:30",
    "2025-11-02 01:30:00",  # happened twice in Los Angeles
    "n/a",
)
STATUSES = (None, " ", "NEW", "HOT", "WON")
ANSWERS = ("applied", "confirmed", "rejected", "deferred", "unknown", "reverted", "conflict")

lead = st.tuples(
    st.sampled_from([1, 2, 3, 4, 5]),
    st.sampled_from(STATUSES),
    st.sampled_from(TIMES),
)
leads = st.lists(lead, min_size=1, max_size=4)
crm = st.sampled_from(["convoso", "convoso", "pollybot"])

arrival = precondition(lambda healing: healing.waiting < MOST)
"""A rule for what comes in."""


def snapshot(lab: Lab) -> dict[str, tuple[tuple[str, ...], Counter[tuple[Any, ...]]]]:
    """Relation -> its columns by name but for those that never matter, and its rows."""
    names = lab.rows("select table_name from information_schema.tables where table_schema = 'analytics'")
    found = {}
    for (name,) in names:
        columns = lab.rows(
            "select column_name from information_schema.columns"
            f" where table_schema = 'analytics' and table_name = '{name}'"
        )
        compared = tuple(sorted({column for (column,) in columns} - NOT_COMPARED))
        shown = ", ".join(f'"{column}"' for column in compared)
        found[name] = compared, Counter(lab.rows(f"select {shown} from analytics.{name}"))
    return found


def check_against_full_refresh(lab: Lab) -> None:
    """Every relation has the columns and rows that it has when everything is made again."""
    grown = snapshot(lab)
    lab.build(select=ALL, full_refresh=True)
    rebuilt = snapshot(lab)
    assert grown.keys() == rebuilt.keys()
    for name, (columns, rows) in rebuilt.items():
        assert grown[name][0] == columns, name
        assert grown[name][1] == rows, (name, columns, grown[name][1] - rows, rows - grown[name][1])


class Healing(RuleBasedStateMachine):
    """What may happen to a warehouse between two builds that end well."""

    begin_anew: ClassVar[Any]
    """Gives a lab with an empty warehouse."""
    start_build: ClassVar[Any]
    """Starts a build of this selection in a process of its own."""

    @initialize()
    def begin(self) -> None:
        self.lab: Lab = type(self).begin_anew()
        self.lab.execute("create schema leadloop")
        self.lab.execute("create sequence leadloop.sequence_number")
        self.clock = DAY + timedelta(days=3)
        self.loads = 0
        self.zone = dict.fromkeys(CRMS, "UTC")
        self.columns: list[str] = []
        self.unfinished: list[tuple[str, str]] = []
        self.asked: list[dict[str, Any]] = []
        self.waiting = 0

    def _now(self) -> datetime:
        """Ten minutes later, when something comes in."""
        self.waiting += 1
        self.clock += timedelta(minutes=10)
        return self.clock

    def _number(self) -> int:
        return int(self.lab.rows("select nextval('leadloop.sequence_number')")[0][0])

    def _load(self, age: int = 0) -> str:
        """The id of a new load, of a pipeline whose clock may be behind by some days."""
        self.loads += 1
        return f"{(self.clock - timedelta(days=age)).timestamp()}{self.loads:03}"

    def _land(
        self,
        crm: str,
        seen: Sequence[tuple[int, str | None, str | None]],
        at: datetime,
        load: str | None,
        number: int | None,
    ) -> None:
        rows = []
        for lead, status, modified in seen:
            row: dict[str, Any] = {
                "id": str(lead), "created_at": "2026-01-01 00:00:00", CRMS[crm]: modified, "status": status,
                "email": f"{lead}@example.com", **{name: f"{name} {status}" for name in self.columns},
            }  # fmt: skip
            rows.append({**row, "leadloop_seen_at": at, NUMBER: number})
        self.lab.land(
            rows, "1 00:00", self.zone[crm], f"{crm}_raw.lead_versions", is_load=load is not None, load=load
        )

    # What comes in

    @arrival
    @rule(crm=crm, seen=leads, counted=st.booleans())
    def extract(self, crm: str, seen: Any, counted: bool) -> None:
        """An ordinary load: new leads, changed ones, and such as are as they were."""
        number = self._number() if counted else None
        load = self._load()
        self._land(crm, seen, self._now(), load, number)
        self.lab.complete(load, f"{crm}_raw")

    @arrival
    @rule(crm=crm, seen=leads, days=st.integers(1, 9), behind=st.integers(0, 9))
    def load_late(self, crm: str, seen: Any, days: int, behind: int) -> None:
        """Sightings older than what was built, also by a pipeline whose loads have older names."""
        load = self._load(behind)
        self._land(crm, seen, self.clock - timedelta(days=days), load, None)
        self.lab.complete(load, f"{crm}_raw")

    @arrival
    @rule(crm=crm, seen=leads)
    def load_a_part(self, crm: str, seen: Any) -> None:
        """The extraction was killed while dlt wrote."""
        load = self._load()
        self._land(crm, seen, self._now(), load, self._number())
        self.unfinished.append((crm, load))

    @arrival
    @rule(seen=leads)
    def load_the_rest(self, seen: Any) -> None:
        """The next extraction completes what it finds."""
        if self.unfinished:
            crm, load = self.unfinished.pop(0)
            self._land(crm, seen, self._now(), load, self._number())
            self.lab.complete(load, f"{crm}_raw")

    @arrival
    @rule(crm=crm, status=st.sampled_from(STATUSES), first=st.integers(1, 9))
    def backfill(self, crm: str, status: str | None, first: int) -> None:
        """A first read again, of many leads, by another pipeline."""
        load = self._load(30)
        seen = [(number, status, TIMES[number % len(TIMES)]) for number in range(first, first + 6)]
        self._land(crm, seen, self._now(), load, self._number())
        self.lab.complete(load, f"{crm}_raw")

    @arrival
    @rule(
        crm=crm,
        seen=leads,
        load=st.sampled_from([None, "", "by hand", "another's"]),
        ahead=st.booleans(),
    )
    def put_in_by_hand(self, crm: str, seen: Any, load: str | None, ahead: bool) -> None:
        """Rows of no load or of one that dlt doesn't know, perhaps with a time in the future."""
        at = self._now().replace(year=2031) if ahead else self._now()
        self._land(crm, seen, at, load, None)

    @arrival
    @rule(crm=crm, status=st.sampled_from(STATUSES))
    def copy_by_hand(self, crm: str, status: str | None) -> None:
        """Rows copied with all that is in them, the load too, but another status."""
        raw = f"{crm}_raw.lead_versions"
        if raw in self.lab.tables:
            names = [name for name in self.lab.tables[raw] if name not in ("status", "leadloop_seen_at")]
            shown = ", ".join(f'"{name}"' for name in names)
            value = "null" if status is None else f"'{status}'"
            self.lab.execute(
                f"insert into {raw} ({shown}, status, leadloop_seen_at) select {shown}, {value}, "
                f"cast('{self._now().isoformat()}' as timestamptz) from {raw} where id = '1'"
            )

    @arrival
    @rule(name=st.sampled_from(["lead_score", "plan", "sightings"]))
    def add_a_column(self, name: str) -> None:
        """The account has one more field from now on."""
        if name not in self.columns:
            self.columns.append(name)

    @arrival
    @rule(crm=crm, zone=st.sampled_from(ZONES))
    def set_the_zone(self, crm: str, zone: str) -> None:
        self.zone[crm] = zone

    @arrival
    @rule(
        crm=crm,
        which=st.lists(st.integers(1, 6), min_size=1, max_size=3, unique=True),
        how=st.sampled_from(["deleted", "archived"]),
        when=st.sampled_from(TIMES),
    )
    def remove(self, crm: str, which: list[int], how: str, when: str | None) -> None:
        """Leads are gone; ``extract`` may see them again."""
        rows = [
            {"id": str(lead), "removal": how, "removed_at": when, "leadloop_seen_at": self._now()}
            for lead in which
        ]
        load = self._load()
        self.lab.land(rows, "1 00:00", self.zone[crm], f"{crm}_raw.lead_removals", load=load)
        self.lab.complete(load, f"{crm}_raw")

    @arrival
    @rule(number=st.integers(1, 3), lead=st.integers(1, 3), url=st.sampled_from(["a", "b"]))
    def record_a_call(self, number: int, lead: int, url: str) -> None:
        row = {
            "recording_id": str(number),
            "lead_id": str(lead),
            "start_time": "2026-01-02 10:00:00",
            "url": url,
        }
        self.lab.land([{**row, "leadloop_seen_at": self._now()}], "1 00:00", table="convoso_raw.recordings")

    # What was sent

    @arrival
    @rule(
        lead=st.integers(1, 5),
        value=st.sampled_from(STATUSES),
        answer=st.sampled_from([None, *ANSWERS]),
        seen=st.booleans(),
    )
    def push(self, lead: int, value: str | None, answer: str | None, seen: bool) -> None:
        """A field is sent and answered, or its answer is lost; afterwards the CRM may show the value."""
        row = {
            "run_id": f"run {self.loads}-{self.clock.timestamp()}",
            "push": "scores",
            "lead_id": str(lead),
            "crm_lead_id": str(lead),
            "field": "Status",
            "column_name": "status",
            "value": value,
        }
        self._record(row, "planned")
        self._record(row, "sent")
        if answer is None:
            self.asked.append(row)
        else:
            self._record(row, answer)
        if seen:
            self.extract("convoso", [(lead, value, None)], True)

    @arrival
    @rule(answer=st.sampled_from(ANSWERS))
    def answer_late(self, answer: str) -> None:
        """What came of a write is found out later."""
        if self.asked:
            self._record(self.asked.pop(0), answer)

    def _record(self, row: Mapping[str, Any], state: str) -> None:
        self.waiting += state != "planned"
        self.clock += timedelta(seconds=5)
        self.lab.record({**row, "state": state, "recorded_at": self.clock, "sequence_number": self._number()})

    # What becomes of it

    @rule(select=st.sampled_from(BUILDS))
    def build(self, select: str) -> None:
        self._build(select)

    @rule(select=st.sampled_from((ALL, "lead_history lead_changes")), after=st.floats(0.2, 4))
    def kill_a_build(self, select: str, after: float) -> None:
        """After this many seconds."""
        self.waiting = 0
        running = type(self).start_build(self.lab.warehouse, select)
        time.sleep(after)
        with suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGKILL)
        running.wait()

    @rule()
    def fail_a_build(self) -> None:
        """In a model after others."""
        self.waiting = 0
        if self.lab.has_journal:
            self.lab.execute("alter table leadloop.push_journal rename column column_name to renamed")
            with pytest.raises(BuildError):
                self.lab.build(select=ALL)
            self.lab.execute("alter table leadloop.push_journal rename column renamed to column_name")

    @rule(name=st.sampled_from(LOSSES))
    def lose_a_table(self, name: str) -> None:
        found = self.lab.rows(
            "select table_type from information_schema.tables"
            f" where table_schema = 'analytics' and table_name = '{name}'"
        )
        for (kind,) in found:
            self.lab.execute(f"drop {'view' if kind == 'VIEW' else 'table'} analytics.{name} cascade")

    def _build(self, select: str) -> None:
        """Models that stand on what isn't there can't be made alone; what can be, is."""
        self.waiting = 0
        with suppress(BuildError):
            self.lab.build(select=select)

    def teardown(self) -> None:
        if hasattr(self, "lab"):
            self.lab.build(select=ALL)
            made = "select lead_id, made_at from analytics.lead_history order by 1, 2"
            last = self.lab.rows(made)
            self.lab.build(select="lead_history")
            assert self.lab.rows(made) == last, "leads were made again though nothing came in"
            check_against_full_refresh(self.lab)


@pytest.mark.long
@pytest.mark.timeout(0)
def test_each_build_leaves_what_a_full_refresh_would_make(
    warehouse: Warehouse, launcher: Any, tmp_path: Path, dbt_state: Path
) -> None:
    """Whatever came in and whatever broke off before: after the next build every relation is like made from the beginning."""
    folder = tmp_path / "builds"
    (folder / ".leadloop").mkdir(parents=True)
    (folder / ".leadloop" / "dbt").symlink_to(dbt_state)

    def begin_anew() -> Lab:
        if warehouse.path is not None:
            for file in warehouse.path.parent.glob(f"{warehouse.path.name}*"):
                file.unlink()
        else:
            with warehouse.engine().begin() as connection:
                for name in ("analytics", "leadloop", *(f"{crm}_raw" for crm in CRMS)):
                    connection.execute(sa.text(f"drop schema if exists {name} cascade"))
        return Lab(warehouse)

    def start_build(warehouse: Warehouse, select: str) -> Any:
        where = str(warehouse.path) if warehouse.path else warehouse.url.render_as_string(hide_password=False)
        env = {
            **os.environ,
            "WAREHOUSE__DESTINATION": warehouse.kind,
            f"DESTINATION__{warehouse.kind.upper()}__CREDENTIALS": where,
            "DBT__PROJECT": models.PACKAGED,
        }
        return launcher.start(("build", "--select", select), folder, env)

    Healing.begin_anew, Healing.start_build = staticmethod(begin_anew), staticmethod(start_build)
    run_state_machine_as_test(
        Healing,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


HISTORY = "select lead_id, version_number, status, sightings from analytics.lead_history order by 1, 2"


@DUCKDB_IS_LONG
def test_what_a_load_brings_after_a_build_is_read(lab: Any) -> None:
    """A build saw the first rows of a load; dlt has completed it since, and the next build reads the others."""
    lab.land([{"id": "1", "status": "NEW"}], "1 10:00", load="1")
    lab.build(select="lead_history")
    lab.land([{"id": "2", "status": "NEW"}], "1 10:00", load="1")
    lab.complete("1")
    lab.build(select="lead_history")
    assert lab.rows(HISTORY) == [("1", 1, "NEW", 1), ("2", 1, "NEW", 1)]


@pytest.mark.long
def test_rows_that_are_copied_with_the_id_of_their_load_are_read(lab: Any) -> None:
    """What somebody adds to a load that dlt completed long ago is noticed."""
    lab.land([{"id": "1", "status": "NEW"}, {"id": "2", "status": "NEW"}], "1 10:00", load="1")
    lab.complete("1")
    lab.land([{"id": "3", "status": "NEW"}], "1 10:00", load="2")
    lab.complete("2")
    lab.build(select="lead_history")
    lab.land([{"id": "1", "status": "WON"}], "2 10:00", load="1")
    lab.build(select="lead_history")
    assert lab.rows(HISTORY) == [
        ("1", 1, "NEW", 2),
        ("1", 2, "WON", 2),
        ("2", 1, "NEW", 1),
        ("3", 1, "NEW", 1),
    ]


@pytest.mark.long
def test_a_load_that_was_taken_out_is_forgotten(duck: Any) -> None:
    """It is not missed by every build from then on, so that each would count all loads."""
    for load in ("1", "2"):
        duck.land([{"id": load, "status": "NEW"}], f"{load} 10:00", load=load)
        duck.complete(load)
    duck.build(select="lead_history")
    duck.execute("delete from convoso_raw.lead_versions where _dlt_load_id = '2'")
    duck.build(select="lead_history")
    assert duck.rows("select load_id, row_count from leadloop.built_loads") == [("1", 1)]


@pytest.mark.long
def test_a_late_answer_says_again_whose_a_change_was(lab: Any) -> None:
    """What came of a write was found out after its lead's change was built: the next build says whose change that was."""
    sent = {"run_id": "run", "push": "scores", "field": "Status", "column_name": "status", "value": "HOT"}
    lost = {**sent, "lead_id": "1", "crm_lead_id": "1"}
    refused = {**sent, "lead_id": "2", "crm_lead_id": "2"}
    lab.land([{"id": "1", "status": "NEW"}, {"id": "2", "status": "NEW"}], "1 10:00", load="1")
    lab.record({**lost, "state": "sent", "recorded_at": "1 09:00", "sequence_number": 1})
    lab.record({**refused, "state": "sent", "recorded_at": "1 11:00", "sequence_number": 2})
    lab.land([{"id": "1", "status": "HOT"}, {"id": "2", "status": "HOT"}], "1 12:00", load="2")
    lab.build(select="+lead_changes")
    lab.record({**lost, "state": "applied", "recorded_at": "1 13:00", "sequence_number": 3})
    lab.record({**refused, "state": "rejected", "recorded_at": "1 13:00", "sequence_number": 4})
    lab.build(select="+lead_changes")
    origins = lab.rows("select lead_id, origin from analytics.lead_changes order by 1")
    assert origins == [("1", "push"), ("2", "crm")]
