"""Any SQL client shows what a table and its columns mean: the models' pages are comments in the warehouse, and cost hardly anything."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

from connector.warehouse.connection import Warehouse
from connector.warehouse.models import packaged_project
from tests.integration.dbt.conftest import Lab

COMMENTS = {
    "duckdb": """
        select table_name, column_name, comment from duckdb_columns() where schema_name = 'analytics'
        union all
        select table_name, null, comment from duckdb_tables() where schema_name = 'analytics'
        union all
        select view_name, null, comment from duckdb_views() where schema_name = 'analytics'
    """,
    "postgres": """
        select relname, attname, col_description(attrelid, attnum) from pg_attribute join pg_class on pg_class.oid = attrelid
        where relnamespace = to_regnamespace('analytics') and relkind in ('r', 'v') and attnum > 0 and not attisdropped
        union all
        select relname, null, obj_description(oid, 'pg_class') from pg_class
        where relnamespace = to_regnamespace('analytics') and relkind in ('r', 'v')
    """,
}
WRITTEN = "select string_agg(cast(xmin as text), ',' order by objoid, objsubid) from pg_description where objoid = {}"


def pages() -> Mapping[str, set[str]]:
    """Model -> the columns that its page tells, of the package's models but the examples."""
    files = [
        file
        for file in Path(packaged_project() / "models").rglob("*.yml")
        if file.parent.name not in ("examples", "pushes")
    ]
    models = [each for file in files for each in yaml.safe_load(file.read_text()).get("models", [])]
    return {each["name"]: {column["name"] for column in each["columns"]} for each in models}


def fill(lab: Any) -> None:
    lab.land([{"id": "1", "status": "NEW", "order": "it's a word; and 'another'"}], "2 10:00")
    lab.record({"push": "p", "lead_id": "1", "field": "status", "recorded_at": "2 10:02"})


@pytest.mark.long
def test_every_page_is_in_the_warehouse(lab: Any, own: Any) -> None:
    """All of it, after the first build and after the next, with no warning; a field that only this account has says nothing."""
    fill(lab)
    for _ in range(2):
        assert lab.build(own.folder).warnings == ()
        found: dict[str, dict[str | None, str | None]] = {}
        for model, column, comment in lab.rows(COMMENTS[lab.warehouse.kind]):
            found.setdefault(model, {})[column] = comment
        # Those that are no models have no page of dbt's, and say what they are all the same.
        assert all(found.pop(name)[None] for name in ("push_conflicts", "push_pending"))
        assert pages().keys() == found.keys()
        for model, columns in pages().items():
            told = {column for column, comment in found[model].items() if column and comment}
            assert told == columns, model
            assert found[model][None], model
        assert found["leads"]["order"] is None
        assert "account's own fields" in (found["leads"][None] or "")


@pytest.mark.long
def test_a_table_that_says_it_already_is_left_alone(postgres_url: str) -> None:
    """Its comments are as old as the first build, unless somebody has changed one."""
    lab = Lab(Warehouse.postgres(postgres_url))
    fill(lab)
    written = WRITTEN.format("cast('analytics.lead_history' as regclass)")
    lab.build(select="+lead_history")
    before = lab.rows(written)
    lab.build(select="+lead_history")
    assert before
    assert lab.rows(written) == before
    lab.execute("comment on column analytics.lead_history.crm is 'mine'")
    lab.build(select="+lead_history")
    (comment,) = lab.rows("select col_description(cast('analytics.lead_history' as regclass), 1)")
    assert comment[0].startswith("The CRM")


@pytest.mark.long
def test_one_statement_for_a_view(duck: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where dbt itself takes three; a table is asked what it says, and told nothing that it says already."""
    fill(duck)
    duck.build(select="+push_outcomes +leads")
    said: list[str] = []
    real = DuckDBCursorWrapper.execute

    def execute(wrapper: Any, sql: str, bindings: Any = None) -> Any:
        if "comment on" in sql:
            said.append(sql.partition('"node_id": "')[2].partition('"')[0].rpartition(".")[2])
        return real(wrapper, sql, bindings)

    monkeypatch.setattr(DuckDBCursorWrapper, "execute", execute)
    built = duck.build(select="+push_outcomes +leads")
    views = sorted(node.name for node in built.nodes if node.kind == "model" and node.name != "lead_history")
    assert sorted(said) == views
