"""The dbt package on dbt-snowflake, with fakesnow in place of the service: what it makes of raw tables is what DuckDB makes of them."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connector.warehouse import models
from connector.warehouse.connection import Warehouse
from tests.cloud.fake import complete
from tests.engines import awkward
from tests.engines.bench import dbt_built, made, told

pytest.importorskip("fakesnow", reason="`make test-cloud` has what this needs")
pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
TYPES = {"string": "varchar", "int64": "number(38, 0)", "timestamp[us, tz=UTC]": "timestamp_tz"}
PROFILE = """
leadloop:
  target: snowflake
  outputs:
    snowflake:
      type: snowflake
      account: nowhere
      user: nobody
      password: none
      database: LEADS
      warehouse: NONE
      schema: analytics
      threads: 1
"""


OF_ALL_PUSHES = ("push_pending", "push_conflicts")
"""Made of the pushes that the catalog has, and fakesnow's has no views among its tables."""


class Snow:
    """An imitation of Snowflake in this process, with an empty database."""

    def __init__(self) -> None:
        import snowflake.connector

        self.connection: Any = snowflake.connector.connect(
            database="LEADS", schema="PUBLIC", account="nowhere"
        )
        self.schemas: set[str] = set()

    def execute(self, statement: str, given: Any = None) -> Any:
        return self.connection.cursor().execute(statement, given)

    def rows(self, query: str) -> list[dict[str, Any]]:
        cursor = self.execute(query)
        names = [each[0].lower() for each in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def land(self, step: awkward.Step) -> None:
        for schema, name, rows in awkward.tables(step):
            self.execute(f"create schema if not exists {schema}")
            columns = [(field.name, TYPES[str(field.type)]) for field in rows.schema]
            self.execute(
                f"create table if not exists {schema}.{name} ({', '.join(' '.join(each) for each in columns)})"
            )
            there = {row["column_name"].lower() for row in self.rows(
                f"select column_name from information_schema.columns where table_schema = upper('{schema}')"
                f" and table_name = upper('{name}')"
            )}  # fmt: skip
            for column, kind in columns:
                if column not in there:
                    self.execute(f"alter table {schema}.{name} add column {column} {kind}")
            names = ", ".join(rows.column_names)
            for row in rows.to_pylist():
                texts = [None if each is None else str(each) for each in row.values()]
                casts = ", ".join(f"cast(%s as {kind})" for _, kind in columns)
                self.execute(f"insert into {schema}.{name} ({names}) select {casts}", texts)

    def made(self) -> dict[str, list[str]]:
        """See ``bench.made``."""
        names = [
            row["table_name"].lower()
            for kind in ("tables", "views")
            for row in self.rows(
                f"select table_name from information_schema.{kind} where table_schema = 'ANALYTICS'"
            )
        ]
        return {name: told(self.rows(f"select * from analytics.{name}")) for name in sorted(set(names))}


@pytest.fixture
def snow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Snow]:
    import fakesnow

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "STATE", tmp_path / "dbt")
    (tmp_path / "profiles.yml").write_text(PROFILE)
    complete(monkeypatch)
    with fakesnow.patch():
        yield Snow()


Build = Callable[..., list[str]]


@pytest.fixture
def build(tmp_path: Path, snow: Snow) -> Build:
    """Runs dbt on Snowflake, and returns what is wrong."""

    # fakesnow can't read a comment with an apostrophe in it.
    project = tmp_path / "package"
    shutil.copytree(models.packaged_project(), project, ignore=shutil.ignore_patterns("target", "logs"))
    file = project / "dbt_project.yml"
    file.write_text(
        "".join(line for line in file.read_text().splitlines(keepends=True) if "persist_docs" not in line)
    )

    return partial(dbt_built, project, tmp_path, tmp_path / "target")


def test_every_relation_is_duckdbs(snow: Snow, build: Build, duck: Warehouse) -> None:
    """Made from the beginning, then from what came since, with a new column, late rows and late answers: row by row the same."""
    for number, step in enumerate(awkward.STEPS):
        awkward.land(duck, step)
        snow.land(step)
        models.build(duck, models.packaged_project())
        assert build() == []
        here, there = snow.made(), made(duck)
        for name in OF_ALL_PUSHES:
            there.pop(name)
        assert here.keys() == there.keys()
        for name, rows in there.items():
            assert here[name] == rows, (number, name)
