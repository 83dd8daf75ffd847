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
    "inputs.unwanted", "inputs.wanted_of_four",
    "leadloop.push_runs", "leadloop.push_journal", "leadloop.push_journal_archive", "leadloop.push_settled",
    "leadloop.push_compactions", "leadloop.accounts", "leadloop.reads", "leadloop.moves",
)  # fmt: skip
CRMS = {
    "convoso": ("title", "city", "phone_number"),
    "leadsquared": ("mx_Lead_Tier", "mx_City", "Score"),
    "pollybot": ("company", "customFields.city", "tags"),
    "leadping": ("metadata.sourceMetadata.leadTier", "contact.streetAddress.line2", "metadata.price"),
}
"""The four CRMs of ``four_crms``, and what is pushed to each: two texts and something else. Convoso can't blank a phone number,
PollyBot has a list, and the third fields of LeadSquared and Leadping hold numbers."""
COLUMNS = ("tier", "town", "more")


def in_crm(crm: str) -> str:
    """The push of these fields to a CRM."""
    return f"scores_in_{crm}"


def _push(crm: str) -> str:
    fields = dict(zip(CRMS[crm], COLUMNS, strict=True))
    return (
        f"{{{{ leadloop.push(desired = ref('wanted_of_four'), crm = '{crm}', key = 'lead_id', max_share = none,"
        f" max_unknown_share = none, max_changes = none, fields = {fields}) }}}}"
    )


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
    "wanted_of_four": f"select lead_id, {', '.join(COLUMNS)} from inputs.wanted_of_four",
    **{in_crm(crm): _push(crm) for crm in CRMS},
    **{name: _MODELS[push] for push, names in NAMES.items() for name in names},
}

INPUTS = {
    "wanted": "lead_id text, tier text, town text",
    "forms": "key text, phone text, name text",
    "unwanted": "lead_id text",
    "wanted_of_four": ", ".join(f"{each} text" for each in ("lead_id", *COLUMNS)),
}
"""What the pushes want, and its columns."""

HISTORY = "analytics.lead_history"
NOTED = """
insert into leadloop.built_loads (made, crm, load_id, row_count, timezone, build_number)
select 'analytics.lead_history', '{crm}', _dlt_load_id, count(*), 'UTC',
    (select coalesce(max(build_number), 0) + 1 from leadloop.built_loads)
from {crm}_raw.lead_versions
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

    ``made``: what the first quick loop of a kind on a kind of warehouse has made. The next ones copy it.

    dlt is replaced by a transaction with the rows of a package and the cursors that go with them; dbt by the SQL that it
    compiled once for the one table that grows, everything else being a view.
    """

    pushes: ClassVar[tuple[str, ...]] = tuple(NAMES)
    """Those that are in the project; under its other names a push is not there."""
    leads: ClassVar[int] = LEADS
    crms: ClassVar[tuple[str, ...]] = ("convoso",)
    """What the warehouse is made to be read from; the sandbox plays each of them."""
    tables: ClassVar[tuple[str, ...]] = TABLES
    """What is empty when an example begins."""
    place: ClassVar[str] = "made_before"
    """What the copy of the warehouse is called: loops with the same one share it."""

    def __init__(
        self,
        folder: Path,
        warehouse: Warehouse,
        patch: pytest.MonkeyPatch,
        made: dict[tuple[str, str], Made] | None = None,
    ) -> None:
        self.warehouse = warehouse
        self._patch = patch
        self._engine = warehouse.engine()
        self._crm: Sandbox | None = None
        # Two rows of every stage would take longer than the stages do here; tests/integration/warehouse/test_runs.py has them.
        patch.setattr(runs, "_write", lambda *_, **__: True)
        kind = (warehouse.kind, self.place)
        if made is not None and kind in made:
            self._take(folder, made[kind])
        else:
            self._make(folder, made if made is not None else {})
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

    def _make(self, folder: Path, made: dict[tuple[str, str], Made]) -> None:
        """Has dlt and dbt make it, and notes it."""
        scaffold.write(folder)
        project = folder / "dbt_models"
        for old in (project / "models").rglob("*.*"):
            old.unlink()
        for name, text in MODELS.items():
            (project / "models" / f"{name}.sql").write_text(text)
        # As `dbt deps` does it, which takes a while.
        (project / "dbt_packages").mkdir()
        (project / "dbt_packages" / "leadloop").symlink_to(models.packaged_project())
        with (project / "dbt_project.yml").open("a") as file:
            file.write("data_tests:\n  leadloop:\n    +enabled: false\n")
        self.write("create schema inputs")
        for name, columns in INPUTS.items():
            self.write(f"create table inputs.{name} ({columns})")
        book = self._new_crm().book
        gone, there, *_ = book.ids()
        for lead in (gone, there):
            book.api_edit(lead, {"title": "any"})
        book.delete(gone)
        loop.extract(self.warehouse)
        loop.build(self.warehouse)
        self._note(folder, made, QuickLoop.place)

    def _note(self, folder: Path, made: dict[tuple[str, str], Made], place: str) -> None:
        """Keeps what was made, and the SQL of a build after the first one."""
        loop.build(self.warehouse, select="lead_history")
        # Other tests of this process have compiled the model for projects and leads of their own.
        compiled = models.STATE.absolute().glob("*/*/compiled/**/lead_history.sql")
        self._increment = max(compiled, key=lambda path: path.stat().st_mtime_ns).read_text("utf-8")
        made[self.warehouse.kind, place] = Made(folder, self._copied(folder, place), self._increment)

    def _copied(self, folder: Path, place: str) -> str:
        self._engine.dispose()
        if self.warehouse.path is None:
            self._administer(f"create database {place} template leads")
            return place
        return str(shutil.copyfile(self.warehouse.path, folder / f"{place}.duckdb"))

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
        with self._engine.begin() as connection:
            for table in self.tables:
                connection.exec_driver_sql(f"delete from {table}")
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
        for vendor in self.crms:
            given = {**crm.settings()[vendor], "rate": "1000", "settle": "0", "concurrency": "2"}
            given |= {"bulk_rate": "1000"} if vendor == "leadsquared" else {}
            for name, text in given.items():
                self._patch.setenv(f"CRM__{vendor}__{name}".upper(), text)
        config.reload()

    def let_go(self) -> None:
        """Closes the file, which another process can open then."""
        self._open.close()
        self._engine.dispose()

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
            for statement in ("set timezone = 'UTC'", *(NOTED.format(crm=name) for name in self.crms)):
                connection.exec_driver_sql(statement)
            self._make_increment(connection)
            connection.exec_driver_sql(REPLACED)
            columns = ", ".join(
                f'"{name}"' for name in sorted(columns_of(connection, "analytics", "lead_history"))
            )
            connection.exec_driver_sql(f"insert into {HISTORY} ({columns}) select {columns} from increment")
            connection.exec_driver_sql("drop table increment")
        return models.BuildResult(())

    def _make_increment(self, connection: sa.Connection) -> None:
        statement = f"create temp table increment as {self._increment}"
        own = connection.connection.dbapi_connection
        if self.warehouse.path is None or own is None:
            connection.exec_driver_sql(statement)
        else:
            # The dialect goes through a statement letter by letter, to know what it is.
            own.execute(statement)

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
