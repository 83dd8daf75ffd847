"""int_push_memory in somebody's own dbt project: every push stands on it, and it never waits for a build."""

from typing import Any

import pytest

from connector.warehouse import dbt, models
from connector.warehouse.duckdb import DEFAULT_FILE

CRM = "desired = ref('scores'), crm = 'convoso', key = 'lead_id', fields = {'score': 'score'}"


@pytest.mark.long
def test_a_push_sees_at_once_what_another_has_sent(lab: Any, own: Any) -> None:
    """Between two builds the journal grows: what was accepted is in sync, what was refused is held back, by the one view."""
    lab.land([{"id": lead, "score": "3"} for lead in ("1", "2", "3")], "2 00:00")
    own.desired("scores", "lead_id, score", *(f"'{lead}', 5" for lead in ("1", "2", "3")))
    own.push("scores_to_crm", CRM)
    lab.record({"push": "earlier", "lead_id": "3", "field": "other", "value": "1", "recorded_at": "1 00:00"})
    lab.build(own.folder, select="+package:mine")
    verdicts = "select lead_id, base_value, verdict from analytics.scores_to_crm order by lead_id"
    assert lab.rows(verdicts) == [(lead, None, "change") for lead in ("1", "2", "3")]

    sent = {"field": "score", "value": "5", "recorded_at": "3 00:00"}
    lab.record(
        {**sent, "push": "another", "lead_id": "1"},
        {**sent, "push": "scores_to_crm", "lead_id": "2", "state": "rejected", "code": "400"},
        {**sent, "push": "another", "lead_id": "3", "state": "rejected", "code": "400"},
    )
    assert lab.rows(verdicts) == [("2", None, "rejected"), ("3", None, "change")]
    remembered = "select memory, push, lead_id, field from analytics.int_push_memory where memory <> 'added' order by 1, 3, 4"
    assert lab.rows(remembered) == [
        ("accepted", "another", "1", "score"),
        ("accepted", "earlier", "3", "other"),
        ("refused", "scores_to_crm", "2", "score"),
        ("refused", "another", "3", "score"),
    ]


@pytest.mark.long
def test_a_push_stands_on_the_memory_and_the_macro_is_told_of(own: Any) -> None:
    """The memory, the journal below it and the tests on both stop a push where they failed; dbt docs shows what push takes."""
    own.desired("scores", "lead_id, score", "'1', 5")
    own.push("scores_to_crm", CRM)
    stands_on = models.known(own.folder).push("scores_to_crm").stands_on
    assert {
        "model.leadloop.int_push_memory",
        "model.leadloop.stg_leadloop__push_journal",
        "model.leadloop.leads",
        "model.mine.scores",
    } <= set(stands_on)
    assert any(each.startswith("test.leadloop.grain_int_push_memory") for each in stands_on)

    project = dbt.Project(own.folder, models.packaged_project(), models.STATE.absolute())
    manifest = project.parse(
        "duckdb", {"LEADLOOP_DBT_TARGET": "duckdb", dbt.FILE_VARIABLE: DEFAULT_FILE}
    ).manifest
    push = manifest.macros["macro.leadloop.push"]
    assert "{{ leadloop.push(\n    desired = ref('lead_scores')," in push.description
    assert {"desired", "crm", "max_share"} <= {each.name for each in push.arguments}
