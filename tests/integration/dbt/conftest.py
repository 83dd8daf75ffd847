"""Raw rows and journal rows put straight into a warehouse, and what dbt makes of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.push.tables import push_journal, push_runs
from connector.warehouse import models
from connector.warehouse.connection import Warehouse
from connector.warehouse.engines import engine_of
from connector.warehouse.ledger import SCHEMA

DAY = datetime(2026, 1, 1, tzinfo=UTC)
OURS = ("leadloop_seen_at", "leadloop_timezone", "_dlt_load_id")
NUMBER = "leadloop_sequence_number"


def at(text: str) -> datetime:
    """``3 10:30`` is half past ten, UTC, on the third of January 2026."""
    day, clock = text.split()
    hours, minutes = clock.split(":")
    return DAY + timedelta(days=int(day) - 1, hours=int(hours), minutes=int(minutes))


class Lab:
    """One warehouse, filled by hand and built by dbt."""

    at = staticmethod(at)

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._columns: dict[str, list[str]] = {}
        self._journal = False
        self._loads = 0

    def land(
        self,
        rows: Iterable[Mapping[str, Any]],
        seen_at: str,
        zone: str = "UTC",
        table: str = "convoso_raw.lead_versions",
        *,
        is_load: bool = True,
        load: str | None = None,
    ) -> None:
        """Adds a load of raw rows as the extraction would: text columns, a new one wherever a row has one.

        ``load``: its id, where it is to have a certain one.
        """
        self._loads += 1
        if load is None and is_load:
            load = f"{at(seen_at).timestamp()}{self._loads:03}"
        with self.warehouse.engine().begin() as connection:
            for row in rows:
                self._make_room(connection, table, list(row))
                values = {
                    "leadloop_seen_at": at(seen_at),
                    "leadloop_timezone": zone,
                    "_dlt_load_id": load,
                    **row,
                }
                names = ", ".join(f'"{name}"' for name in values)
                marks = ", ".join(f":{name}" for name in values)
                connection.execute(sa.text(f"insert into {table} ({names}) values ({marks})"), values)

    def _make_room(self, connection: sa.Connection, table: str, names: Sequence[str]) -> None:
        if table not in self._columns:
            connection.execute(sa.text(f"create schema if not exists {table.partition('.')[0]}"))
            connection.execute(
                sa.text(
                    f"create table {table} (leadloop_seen_at timestamptz,"
                    " leadloop_timezone text, _dlt_load_id text)"
                )
            )
            self._columns[table] = list(OURS)
        for name in names:
            if name not in self._columns[table]:
                kind = "bigint" if name == NUMBER else "text"
                connection.execute(sa.text(f'alter table {table} add column "{name}" {kind}'))
                self._columns[table].append(name)

    def complete(self, load: str, schema: str = "convoso_raw") -> None:
        """dlt has loaded all of this load."""
        self.execute(f"create schema if not exists {schema}")
        self.execute(f"create table if not exists {schema}._dlt_loads (load_id text, status bigint)")
        self.execute(f"insert into {schema}._dlt_loads values ('{load}', 0)")

    @property
    def tables(self) -> Mapping[str, Sequence[str]]:
        """The raw tables, each with the columns that rows gave it."""
        return self._columns

    @property
    def has_journal(self) -> bool:
        return self._journal

    def record(self, *rows: Mapping[str, Any]) -> None:
        """Adds rows to the journal; what a row doesn't say has a plain default."""
        with self.warehouse.engine().begin() as connection:
            if not self._journal:
                engine_of(connection).make_schema(connection, SCHEMA)
                push_runs.create(connection, checkfirst=True)
                push_journal.create(connection, checkfirst=True)
                self._journal = True
            count = connection.scalar(sa.select(sa.func.count()).select_from(push_journal))
            for seq, row in enumerate(rows, (count or 0) + 1):
                plain: dict[str, Any] = {"run_id": "run", "seq": seq, "crm": "convoso", "state": "applied"}
                full = plain | dict(row)
                if isinstance(full["recorded_at"], str):
                    full["recorded_at"] = at(full["recorded_at"])
                full.setdefault("column_name", full["field"])
                connection.execute(push_journal.insert(), full)

    def build(self, project: Path | None = None, **options: Any) -> models.BuildResult:
        return models.build(self.warehouse, project or models.packaged_project(), **options)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.warehouse.engine().connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(sql))]

    def execute(self, sql: str) -> None:
        with self.warehouse.engine().begin() as connection:
            connection.execute(sa.text(sql))


@pytest.fixture(autouse=True)
def _away_from_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dbt_state: Path) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(models, "STATE", dbt_state)


@pytest.fixture
def lab(warehouse: Warehouse) -> Lab:
    return Lab(warehouse)


@pytest.fixture
def duck(tmp_path: Path) -> Lab:
    return Lab(Warehouse.duckdb(tmp_path / "leads.duckdb"))


class OwnProject:
    """Somebody's own dbt project, which uses leadloop as a package, linked to as ``dbt deps`` does it: that takes longer
    than a build of a few models."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "dbt_packages").mkdir(parents=True)
        (folder / "dbt_packages" / "leadloop").symlink_to(models.packaged_project())
        self.write(
            "dbt_project.yml",
            "name: mine\nversion: '1.0'\nconfig-version: 2\nprofile: leadloop\n"
            "models:\n  leadloop:\n    examples:\n      +enabled: false\n    pushes:\n      +enabled: false\n",
        )
        self.write("packages.yml", "packages:\n  - local: \"{{ env_var('LEADLOOP_DBT_PACKAGE') }}\"\n")

    def write(self, path: str, text: str) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def desired(self, name: str, columns: str, *rows: str) -> None:
        """A model of fixed rows."""
        values = ", ".join(f"({row})" for row in rows)
        self.write(f"models/{name}.sql", f"select * from (values {values}) as given ({columns})\n")

    def push(self, name: str, options: str) -> None:
        self.write(f"models/{name}.sql", "{{ leadloop.push(" + options + ") }}\n")


@pytest.fixture
def own(tmp_path: Path) -> OwnProject:
    return OwnProject(tmp_path / "own")
