"""Two accounts of one CRM whose leads have the same ids: whatever is in the warehouse of one, all that is said of the other is the same.

dbt compiles the models once, on DuckDB; hypothesis then puts raw rows, removals, recordings, journal rows and wanted values of its
own below them, of one account and of both.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector import config, crm
from connector.crm.account import Account
from connector.push import Journal, make_plan
from connector.push.confirmation import confirm
from connector.push.tables import push_journal, push_runs
from connector.push.unseen import unseen
from connector.warehouse import models
from connector.warehouse.connection import Warehouse
from tests.integration.dbt.conftest import OwnProject

ACCOUNTS = ("convoso", "convoso_east")
LEADS = ("1", "2", "3")
FIELDS = ("title", "city")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SHOWN = (
    "leads", "lead_history", "lead_changes", "lead_recordings", "push_outcomes", "int_push_memory",
    "stg_lead_versions", "stg_lead_removals", "stg_leadloop__push_journal", "stg_leadloop__push_journal_archive", "int_push_history",
    *(f"{what}_{name}" for what in ("scores", "gone") for name in ACCOUNTS),
)  # fmt: skip
RAW = ("lead_versions", "lead_removals", "recordings")
TEXTS = {
    "lead_versions": ("id", "created_at", "modified_at", *FIELDS),
    "lead_removals": ("id", "removal", "removed_at"),
    "recordings": ("recording_id", "lead_id", "start_time", "end_time", "seconds", "url"),
}
OURS = ("leadloop_seen_at", "leadloop_timezone", "leadloop_sequence_number", "_dlt_load_id")


@dataclass(frozen=True)
class Rows:
    """What is in the warehouse of one account, each with the minute in which it happened."""

    seen: Sequence[tuple[int, str, str | None, str | None]]
    """Minute, lead, title, city."""
    removed: Sequence[tuple[int, str]]
    recorded: Sequence[tuple[int, str]]
    sent: Sequence[tuple[int, str, str, str, str, bool]]
    """Minute, lead, field, value, state, whether by the push that is called after the other account."""
    wanted: Sequence[tuple[str, str]]
    unwanted: Sequence[str]


VALUES = st.sampled_from(["a", "b", "c"])
LEAD = st.sampled_from(LEADS)
MINUTE = st.integers(0, 30)
ROWS = st.builds(
    Rows,
    st.lists(st.tuples(MINUTE, LEAD, st.none() | VALUES, st.none() | VALUES), max_size=8),
    st.lists(st.tuples(MINUTE, LEAD), max_size=2),
    st.lists(st.tuples(MINUTE, LEAD), max_size=2),
    st.lists(
        st.tuples(
            MINUTE, LEAD, st.sampled_from(FIELDS), VALUES,
            st.sampled_from(["planned", "sent", "applied", "confirmed", "rejected", "unknown", "reverted", "conflict"]),
            st.booleans(),
        ),
        max_size=8,
    ),
    st.lists(st.tuples(LEAD, VALUES), max_size=3, unique_by=lambda row: row[0]),
    st.lists(LEAD, max_size=2, unique=True),
)  # fmt: skip


class Models:
    """A project with pushes for both accounts, all of its models views, over tables that begin empty for each example."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.warehouse = Warehouse.duckdb(folder / "leads.duckdb")
        self.engine = self.warehouse.engine()
        self._open = stack.enter_context(self.engine.connect())
        self.accounts: dict[str, Account] = {
            name: stack.enter_context(crm.account(name)) for name in ACCOUNTS
        }
        self.journal = Journal(self.engine)
        self.journal.ensure()
        self._make_tables()
        self._open.close()
        project = OwnProject(folder / "own")
        for name in ACCOUNTS:
            self._push(project, name)
        models.build(self.warehouse, project.folder)
        self._open = stack.enter_context(self.engine.connect())
        self._open.exec_driver_sql("set threads = 1")  # for a few rows, threads only wait for each other
        self._open.commit()
        compiled = (models.STATE / "duckdb" / "mine" / "compiled").rglob("*.sql")
        with self.engine.begin() as connection:
            for path in compiled:
                if path.stem in ("lead_history", "lead_changes"):
                    connection.exec_driver_sql(f"drop table analytics.{path.stem}")
                    connection.exec_driver_sql(
                        f"create view analytics.{path.stem} as {path.read_text('utf-8')}"
                    )
        self.specs = models.known(project.folder).pushes

    def _push(self, project: OwnProject, name: str) -> None:
        for table, columns in (("wanted", "lead_id, title"), ("unwanted", "lead_id")):
            project.write(f"models/{table}_{name}.sql", f"select {columns} from inputs.{table}_{name}")
        options = f"crm = '{name}', key = 'lead_id', max_share = none, max_unknown_share = none"
        project.push(
            f"scores_{name}", f"desired = ref('wanted_{name}'), {options}, fields = {{'title': 'title'}}"
        )
        project.push(f"gone_{name}", f"desired = ref('unwanted_{name}'), {options}, mode = 'delete'")

    def _make_tables(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text("create schema inputs"))
            for name in ACCOUNTS:
                connection.execute(
                    sa.text(f"insert into leadloop.accounts (crm, vendor) values ('{name}', 'convoso')")
                )
                connection.execute(sa.text(f"create table inputs.wanted_{name} (lead_id text, title text)"))
                connection.execute(sa.text(f"create table inputs.unwanted_{name} (lead_id text)"))
                connection.execute(sa.text(f"create schema {name}_raw"))
                for table, texts in TEXTS.items():
                    columns = ", ".join(f"{column} text" for column in texts)
                    connection.execute(
                        sa.text(
                            f"create table {name}_raw.{table} ({columns}, leadloop_seen_at timestamptz,"
                            " leadloop_timezone text, leadloop_sequence_number bigint, _dlt_load_id text)"
                        )
                    )

    def told(self, rows: dict[str, Rows], of: str) -> dict[str, Any]:
        """All that is said of one account with these rows in the warehouse."""
        with self.engine.begin() as connection:
            self._empty(connection)
            for name, each in rows.items():
                self._fill(connection, name, each)
        with self.engine.connect() as connection:
            found: dict[str, Any] = {
                model: sorted(
                    map(
                        repr,
                        connection.execute(sa.text(f"select * from analytics.{model} where crm = '{of}'")),
                    )
                )
                for model in SHOWN
            }
        for spec in self.specs:
            if spec.crm == of:
                plan = make_plan(self.engine, spec, leads=spec.relations.leads)
                found[f"plan of {spec.name}"] = replace(plan, made_at=NOON)
        found["read back"] = list(unseen(self.engine, self.accounts[of], {}))
        found["confirmed"] = confirm(self.engine, self.journal, of)
        return found

    def _empty(self, connection: sa.Connection) -> None:
        tables = ["leadloop.push_runs", "leadloop.push_journal", "leadloop.push_settled"]
        for name in ACCOUNTS:
            tables += [
                f"inputs.wanted_{name}",
                f"inputs.unwanted_{name}",
                *(f"{name}_raw.{each}" for each in RAW),
            ]
        for table in tables:
            connection.execute(sa.text(f"delete from {table}"))

    def _fill(self, connection: sa.Connection, name: str, rows: Rows) -> None:
        side = ACCOUNTS.index(name)

        def ours(minute: int) -> tuple[Any, ...]:
            """No two things have one number, and the accounts take turns."""
            return NOON + timedelta(minutes=minute), "UTC", 2 * minute + side, "load"

        def land(table: str, minute: int, *texts: str | None) -> None:
            columns = (*TEXTS[table], *OURS)
            values = dict(zip(columns, (*texts, *ours(minute)), strict=True))
            marks = ", ".join(f":{column}" for column in columns)
            connection.execute(
                sa.text(f"insert into {name}_raw.{table} ({', '.join(columns)}) values ({marks})"), values
            )

        for minute, lead, title, city in rows.seen:
            modified = f"{NOON + timedelta(minutes=minute):%F %T}"
            land("lead_versions", minute, lead, "2026-01-01 00:00:00", modified, title, city)
        for minute, lead in rows.removed:
            land("lead_removals", minute, lead, "deleted", f"{NOON + timedelta(minutes=minute):%F %T}")
        for minute, lead in rows.recorded:
            land(
                "recordings", minute, f"r{minute}", lead, f"{NOON:%F %T}", f"{NOON:%F %T}", "1", f"of {name}"
            )
        for place, (minute, lead, field, value, state, by_other) in enumerate(rows.sent):
            run_id = f"{name} {place}"
            push = f"scores_{ACCOUNTS[1 - side] if by_other else name}"
            moment, _, number, _ = ours(minute)
            connection.execute(
                push_runs.insert().values(
                    run_id=run_id, push=push, crm=name, mode="update", started_at=moment
                )
            )
            connection.execute(
                push_journal.insert().values(
                    run_id=run_id, seq=1, push=push, crm=name, lead_id=lead, field=field, column_name=field,
                    state=state, value=value, recorded_at=moment, sequence_number=number, crm_lead_id=lead,
                )
            )  # fmt: skip
        for lead, title in rows.wanted:
            connection.execute(
                sa.text(f"insert into inputs.wanted_{name} values (:lead, :title)"),
                {"lead": lead, "title": title},
            )
        for lead in rows.unwanted:
            connection.execute(sa.text(f"insert into inputs.unwanted_{name} values (:lead)"), {"lead": lead})


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    folder = tmp_path_factory.mktemp("accounts")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(models, "STATE", folder / "state")
        patch.chdir(folder)
        for name in ACCOUNTS:
            for setting, text in {"AUTH_TOKEN": name, "TIMEZONE": "UTC"}.items():
                patch.setenv(f"CRM__{name.upper()}__{setting}", text)
        patch.setenv("CRM__CONVOSO_EAST__VENDOR", "convoso")
        config.reload()
        yield Models(folder, stack)
    config.reload()


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(west=ROWS, east=ROWS)
def test_what_is_said_of_one_account_is_the_same_beside_another(both: Models, west: Rows, east: Rows) -> None:
    """In every model, plan, question to the journal and read-back."""
    rows = dict(zip(ACCOUNTS, (west, east), strict=True))
    for name in ACCOUNTS:
        assert both.told(rows, name) == both.told({name: rows[name]}, name)
