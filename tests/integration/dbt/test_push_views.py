"""All pushes of a project side by side, and where they disagree: views for whatever pushes there are, made after each run of dbt."""

from typing import Any

import pytest
from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

MODELS = "+int_push_history stg_lead_removals lead_history leads int_push_memory"
PENDING = "select push, lead_id, field, current_value, desired_value, verdict, is_sent from analytics.push_pending order by 1, 2, 3"
CONFLICTS = (
    "select kind, push, other_push, lead_id, field, current_value, base_value, desired_value, other_value"
    " from analytics.push_conflicts order by 1, 2, 3, 4"
)


def fill(lab: Any, own: Any) -> None:
    lab.land([{"id": str(n), "phone": f"555-{n}", "status": "NEW"} for n in range(1, 5)], "5 10:00")
    sent = {"push": "one", "field": "status", "value": "WON", "state": "applied", "recorded_at": "2 10:00"}
    lab.record({**sent, "lead_id": "4"})
    own.desired(
        "first", "lead_id, phone, status", "'1', '555-9', 'NEW'", "'2', '7', 'NEW'", "'4', '555-4', 'LOST'"
    )
    own.desired(
        "second", "lead_id, phone, status", "'1', '5559', 'NEW'", "'2', '8', 'NEW'", "'5', '1', 'NEW'"
    )
    own.desired("third", "form, phone", "'form 1', '1'")
    common = "crm = 'convoso', key = 'lead_id', fields = {'phone': 'phone', 'status': 'status'}"
    own.push("one", f"desired = ref('first'), {common}")
    own.push("two", f"desired = ref('second'), {common}, equal = {{'phone': 'digits'}}")
    own.push(
        "adding",
        "desired = ref('third'), crm = 'convoso', key = 'form', mode = 'insert', fields = {'phone': 'phone'},"
        " options = {'list_id': '1'}",
    )
    own.push("deleting", "desired = ref('first'), crm = 'convoso', key = 'lead_id', mode = 'delete'")


@pytest.mark.long_if("postgres")
def test_all_pushes_and_what_they_disagree_about(lab: Any, own: Any) -> None:
    """Each push's rows once, edits, and values that differ however either push compares; a push that is gone leaves."""
    fill(lab, own)
    built = lab.build(own.folder)
    assert built.warnings == ()
    assert lab.rows(PENDING) == [
        ("adding", "form 1", "phone", None, "1", "insert", True),
        *(("deleting", n, "*", None, None, "delete", True) for n in "124"),
        ("one", "1", "phone", "555-1", "555-9", "change", True),
        ("one", "2", "phone", "555-2", "7", "change", True),
        ("one", "4", "status", "NEW", "LOST", "conflict", False),
        ("two", "1", "phone", "555-1", "5559", "change", True),
        ("two", "2", "phone", "555-2", "8", "change", True),
        *(("two", "5", field, None, value, "unknown_lead", False) for field, value in (("phone", "1"), ("status", "NEW"))),
    ]  # fmt: skip
    # one compares the phones of lead 1 as they are, and they differ.
    assert lab.rows(CONFLICTS) == [
        ("edited", "one", None, "4", "status", "NEW", "WON", "LOST", None),
        ("rival", "one", "two", "1", "phone", "555-1", None, "555-9", "5559"),
        ("rival", "one", "two", "2", "phone", "555-2", None, "7", "8"),
    ]
    (own.folder / "models/two.sql").unlink()
    rules = "equal = {'phone': 'digits'}"
    for name, source in (("one", "first"), ("three", "second")):
        own.push(
            name,
            f"desired = ref('{source}'), crm = 'convoso', key = 'lead_id', fields = {{'phone': 'phone'}}, {rules}",
        )
    lab.build(own.folder, select="one three")
    assert [row[0] for row in lab.rows("select distinct push from analytics.push_pending order by 1")] == [
        *("adding", "deleting", "one", "three"),
    ]
    assert lab.rows(CONFLICTS) == [("rival", "one", "three", "2", "phone", "555-2", None, "7", "8")]


@pytest.mark.long
def test_a_project_without_pushes_and_one_that_uses_the_names(lab: Any, own: Any) -> None:
    """Without pushes both are empty; a model or a table of one of the names stays, and no run fails for it."""
    lab.build(own.folder)
    assert lab.rows(PENDING) == lab.rows(CONFLICTS) == []
    lab.execute("drop view analytics.push_conflicts")
    lab.execute("create table analytics.push_conflicts as select 'mine' as whose")
    own.write("models/push_pending.sql", "select 'a model' as whose")
    for select in (None, "push_pending"):
        lab.build(own.folder, select=select)
        assert lab.rows("select whose from analytics.push_pending") == [("a model",)]
        assert lab.rows("select whose from analytics.push_conflicts") == [("mine",)]


@pytest.mark.long
def test_they_have_the_schema_of_the_package(lab: Any, own: Any) -> None:
    """A push may be in another schema; one that has not been built since an older version is left out, until it is."""
    fill(lab, own)
    project = (own.folder / "dbt_project.yml").read_text()
    own.write("dbt_project.yml", project.replace("  leadloop:\n", "  leadloop:\n    +schema: crm\n"))
    lab.build(own.folder)
    assert len(lab.rows("select distinct push from analytics_crm.push_pending")) == 4
    lab.execute("drop view analytics.two" + (" cascade" if lab.warehouse.kind == "postgres" else ""))
    lab.execute("create view analytics.two as select 'convoso' as crm")
    lab.build(own.folder, select="one")
    assert len(lab.rows("select distinct push from analytics_crm.push_pending")) == 3


@pytest.mark.long
def test_they_take_two_statements(duck: Any, own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that asks what is there and one that makes both, however many pushes there are."""
    fill(duck, own)
    duck.build(own.folder)
    said: list[str] = []
    real = DuckDBCursorWrapper.execute

    def execute(wrapper: Any, sql: str, bindings: Any = None) -> Any:
        if "information_schema.columns as columns" in sql or "push_pending" in sql:
            said.append(sql)
        return real(wrapper, sql, bindings)

    monkeypatch.setattr(DuckDBCursorWrapper, "execute", execute)
    duck.build(own.folder)
    assert len(said) == 2
