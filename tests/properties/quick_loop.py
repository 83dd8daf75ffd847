"""The loop with quick stand-ins for dlt and dbt, and a process that can be killed: what random sequences are run on.

Everything else is real: the CRM over HTTP, the warehouse, and every function of ours.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa

from connector import config, loop, scaffold
from connector.push import Journal
from connector.sandbox import Sandbox
from connector.warehouse import mark, models, runs
from connector.warehouse.connection import Warehouse
from connector.warehouse.ledger import columns_of
from connector.warehouse.pipelines import AccountTables
from tests.quick_tables import put_cursors, without_dlt

LEADS = 6
TABLES = (
    "convoso_raw.lead_versions", "convoso_raw.lead_removals", "convoso_raw._dlt_loads", "convoso_raw._dlt_pipeline_state", "analytics.lead_history", "leadloop.built_loads", "inputs.wanted", "inputs.forms",
    "inputs.unwanted",
    "leadloop.push_runs", "leadloop.push_journal", "leadloop.push_journal_archive", "leadloop.push_settled",
    "leadloop.push_compactions", "leadloop.accounts", "leadloop.reads",
)  # fmt: skip
_MODELS = {
    "wanted": "select lead_id, tier, town from inputs.wanted",
    "forms": "select key, phone, name from inputs.forms",
    "unwanted": "select lead_id from inputs.unwanted",
    "scores": "{{ leadloop.push(desired = ref('wanted'), crm = 'convoso', key = 'lead_id', max_share = none, max_unknown_share = none,"
    " max_changes = none, fields = {'title': 'tier', 'city': 'town'}) }}",
    "adding": "{{ leadloop.push(desired = ref('forms'), crm = 'convoso', key = 'key', max_share = none, max_unknown_share = none, mode = 'insert',"
    " max_inserts = none, options = {'list_id': 333}, fields = {'phone_number': 'phone', 'first_name': 'name'}) }}",
    "removing": "{{ leadloop.push(desired = ref('unwanted'), crm = 'convoso', key = 'lead_id', mode = 'delete',"
    " max_share = none, max_unknown_share = none) }}",
}
NAMES = {
    "scores": ("scores", "ratings", "tiers"),
    "adding": ("adding", "forms_to_crm"),
    "removing": ("removing", "deletions"),
}
"""Three pushes of what is in three tables, and what else each may be called; the rows are the same under each of its names."""
MODELS = {
    **{name: _MODELS[name] for name in ("wanted", "forms", "unwanted")},
    **{name: _MODELS[push] for push, names in NAMES.items() for name in names},
}

HISTORY = "analytics.lead_history"
NOTED = """
insert into leadloop.built_loads (made, crm, load_id, row_count, timezone, build_number)
select 'analytics.lead_history', 'convoso', _dlt_load_id, count(*), 'UTC',
    (select coalesce(max(build_number), 0) + 1 from leadloop.built_loads)
from convoso_raw.lead_versions
where _dlt_load_id not in (select load_id from leadloop.built_loads)
group by _dlt_load_id
"""
"""What lead_history's hook does."""
REPLACED = f"delete from {HISTORY} as old using increment as new where old.crm = new.crm and old.lead_id = new.lead_id"


class Killed(BaseException):
    """The process is gone."""


@dataclass(frozen=True)
class Made:
    """A project and its warehouse as dlt and dbt have made them, for the next quick loops of this process."""

    folder: Path
    warehouse: str
    """The file, or the name of the database, that is a copy of the warehouse."""
    increment: str
    """What dbt made of lead_history for a build after the first one."""


class QuickLoop:
    """A warehouse, made once with dlt and dbt, and a CRM; both begin anew for each example.

    ``made``: what the first quick loop on a kind of warehouse has made, by kind. The next ones copy it.

    dlt is replaced by a transaction with the rows of a package and the cursors that go with them; dbt by the SQL that it
    compiled once for the one table that grows, everything else being a view.
    """

    pushes: ClassVar[tuple[str, ...]] = tuple(NAMES)
    """Those that are in the project; under its other names a push is not there."""
    leads: ClassVar[int] = LEADS

    def __init__(
        self,
        folder: Path,
        warehouse: Warehouse,
        patch: pytest.MonkeyPatch,
        made: dict[str, Made] | None = None,
    ) -> None:
        self.warehouse = warehouse
        self._patch = patch
        self._engine = warehouse.engine()
        self._crm: Sandbox | None = None
        # Two rows of every stage would take longer than the stages do here; tests/integration/warehouse/test_runs.py has them.
        patch.setattr(runs, "_write", lambda *_, **__: True)
        if made is not None and warehouse.kind in made:
            self._take(folder, made[warehouse.kind])
        else:
            self._make(folder)
            # Other tests of this process have compiled the model for projects and leads of their own.
            compiled = models.STATE.absolute().glob("*/*/compiled/**/lead_history.sql")
            self._increment = max(compiled, key=lambda path: path.stat().st_mtime_ns).read_text("utf-8")
            if made is not None:
                made[warehouse.kind] = Made(folder, self._copied(folder), self._increment)
        # A file that stays open is not written out whenever somebody is done with it.
        self._open = self._engine.connect()
        if warehouse.kind == "duckdb":
            # For a few rows, threads only wait for each other.
            self._open.exec_driver_sql("set threads = 1")
            self._open.commit()
        without_dlt(patch)
        patch.setattr(models, "build", self._build)
        there = models.known
        patch.setattr(models, "known", lambda *where: self._chosen(there(*where)))

    def _chosen(self, known: models.Known) -> models.Known:
        return replace(known, pushes=tuple(each for each in known.pushes if each.name in self.pushes))

    def _make(self, folder: Path) -> None:
        scaffold.write(folder)
        project = folder / "dbt_models"
        for old in (project / "models").rglob("*.*"):
            old.unlink()
        for name, text in MODELS.items():
            (project / "models" / f"{name}.sql").write_text(text)
        with (project / "dbt_project.yml").open("a") as file:
            file.write("data_tests:\n  leadloop:\n    +enabled: false\n")
        self.write("create schema inputs")
        self.write("create table inputs.wanted (lead_id text, tier text, town text)")
        self.write("create table inputs.forms (key text, phone text, name text)")
        self.write("create table inputs.unwanted (lead_id text)")
        book = self._new_crm().book
        gone, there, *_ = book.ids()
        for lead in (gone, there):
            book.api_edit(lead, {"title": "any"})
        book.delete(gone)
        loop.extract(self.warehouse)
        loop.build(self.warehouse)
        loop.build(self.warehouse, select="lead_history")

    def _copied(self, folder: Path) -> str:
        self._engine.dispose()
        if self.warehouse.path is None:
            self._administer("create database made_before template leads")
            return "made_before"
        return str(shutil.copyfile(self.warehouse.path, folder / "made_before.duckdb"))

    def _take(self, folder: Path, made: Made) -> None:
        self._increment = made.increment
        self._patch.setattr(models, "STATE", made.folder / models.STATE)
        (folder / "dbt_models").symlink_to(made.folder / "dbt_models")
        if self.warehouse.path is None:
            self._administer("drop database leads", f"create database leads template {made.warehouse}")
        else:
            shutil.copyfile(made.warehouse, self.warehouse.path)
        self._new_crm()

    def _administer(self, *statements: str) -> None:
        """Does something to PostgreSQL's database, to which nobody may be connected meanwhile."""
        assert self.warehouse.url.database == "leads"
        url = self.warehouse.url.set(database="postgres")
        admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
        with admin.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def begin(self) -> Sandbox:
        """A CRM of which nothing was read, and to which nothing was sent."""
        shutil.rmtree(mark.FOLDER, ignore_errors=True)
        for table in TABLES:
            self.write(f"delete from {table}")
        return self._new_crm()

    def _stop(self) -> None:
        if self._crm is not None:
            self._crm.__exit__(None, None, None)

    def _new_crm(self) -> Sandbox:
        self._stop()
        self._crm = crm = Sandbox(leads=self.leads).__enter__()
        self.point_at(crm)
        return crm

    def point_at(self, crm: Sandbox) -> None:
        """From now on the settings name this CRM."""
        given = {**crm.settings()["convoso"], "rate": "1000", "settle": "0", "concurrency": "2"}
        for name, text in given.items():
            self._patch.setenv(f"CRM__CONVOSO__{name.upper()}", text)
        config.reload()

    def close(self) -> None:
        """Stops the CRM, and lets go of the warehouse."""
        self._open.close()
        self._stop()

    def write(self, statement: str, **values: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.text(statement), values)

    def rows(self, query: str, **values: str) -> list[tuple[Any, ...]]:
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), values)]

    def cursors(self, table: str) -> dict[str, str]:
        """The cursors of a raw table, as they lie with its rows."""
        return dict(self._tables().past(table).kept)

    def put_cursors(self, table: str, cursors: Mapping[str, str]) -> None:
        """Has the cursors of a raw table say something else."""
        put_cursors(self._tables(), table, cursors)

    def _tables(self) -> AccountTables:
        return AccountTables(self.warehouse, "convoso", "convoso_raw")

    # As dbt

    def _build(self, *_: Any, **__: Any) -> Any:
        with self._engine.connect().execution_options(no_parameters=True) as connection, connection.begin():
            for statement in (
                "set timezone = 'UTC'",
                NOTED,
                f"create temp table increment as {self._increment}",
                REPLACED,
            ):
                connection.exec_driver_sql(statement)
            columns = ", ".join(
                f'"{name}"' for name in sorted(columns_of(connection, "analytics", "lead_history"))
            )
            connection.exec_driver_sql(f"insert into {HISTORY} ({columns}) select {columns} from increment")
            connection.exec_driver_sql("drop table increment")
        return models.BuildResult(())

    @contextmanager
    def killed_at(self, number: int, *, recorded: bool) -> Iterator[None]:
        """The process dies at the so-manieth thing it writes down: just before that is on disk, or just after."""
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
            patch.setattr(AccountTables, "load", dying(AccountTables.load))
            yield
