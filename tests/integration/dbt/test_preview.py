"""What a change of models would do to the CRM: two real dbt projects over one warehouse, which is left as it was."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.push.difference import Moved
from connector.push.preview import preview

CRM = "crm = 'convoso', key = 'lead_id', max_share = none, max_unknown_share = none"
SCORES = "desired = ref('scores'), " + CRM
FIELDS = "fields = {'Lead Score': 'score', 'title': 'tier'}"
LEADS = ("1", "2", "3", "4", "5")
BUILT = "+package:mine"


def shown(lab: Any) -> None:
    """Five leads that the CRM shows, and a journal."""
    rows = [
        {"id": lead, "modified_at": "2026-01-02 00:00:00", "lead_score": "1", "title": "cold"}
        for lead in LEADS
    ]
    lab.land(rows, "2 00:00")
    lab.record({"push": "tiers", "lead_id": "9", "field": "title", "value": "hot", "recorded_at": "1 00:00"})


def everything(lab: Any) -> dict[str, Any]:
    """Every relation of the warehouse and what is in it."""
    names = lab.rows(
        "select table_schema, table_name from information_schema.tables"
        " where table_schema not in ('information_schema', 'pg_catalog') order by 1, 2"
    )
    return {
        f"{schema}.{name}": sorted(map(repr, lab.rows(f'select * from "{schema}"."{name}"')))
        for schema, name in names
    }


@pytest.fixture
def checkout(own: Any, tmp_path: Path) -> Callable[[], Path]:
    """A second folder with the project as it is now."""
    return lambda: Path(shutil.copytree(own.folder, tmp_path / "old", symlinks=True))


def test_two_projects_are_compared_and_the_warehouse_is_as_before(lab: Any, own: Any, checkout: Any) -> None:
    """Leads, fields and values that move, pushes that come and go, settings and guardrails: all of it, and nothing is written."""
    shown(lab)
    own.desired(
        "scores", "lead_id, score, tier", "'1', 5, 'hot'", "'2', 5, 'hot'", "'3', 1, 'warm'", "'4', 5, 'cold'"
    )
    own.push("tiers", f"{SCORES}, {FIELDS}")
    own.push("leaving", f"{SCORES}, fields = {{'city': 'tier'}}")
    own.push("same", f"{SCORES}, fields = {{'city': 'tier'}}")
    lab.build(own.folder, select=BUILT)
    before = everything(lab)
    old = checkout()
    own.desired(
        "scores",
        "lead_id, score, tier",
        "'1', 5, 'hot'",
        "'2', 7, 'cold'",
        "'3', 1, 'warmer'",
        "'5', 5, 'cold'",
    )
    own.push("tiers", f"{SCORES}, {FIELDS}, max_changes = 2")
    own.desired("forms", "form, phone", "'form 1', 'some number'")
    own.push(
        "adding",
        "desired = ref('forms'), crm = 'convoso', key = 'form', mode = 'insert', options = {'list_id': 1}, fields = {'phone_number': 'phone'}",
    )
    (own.folder / "models" / "leaving.sql").unlink()

    found = {each.push: each for each in preview(lab.warehouse, old, own.folder).pushes}

    assert sorted(found) == ["adding", "leaving", "same", "tiers"]
    tiers = found["tiers"]
    assert tiers.difference is not None
    assert tiers.difference.sample(9) == [
        Moved("5", "added", "Lead Score", "added", None, "5", False),
        Moved("2", "changed", "Lead Score", "changed", "5", "7", False),
        Moved("2", "changed", "title", "gone", "hot", None, False),
        Moved("3", "changed", "title", "changed", "warm", "warmer", False),
        Moved("4", "gone", "Lead Score", "gone", "5", None, False),
    ]
    assert [(each.name, each.old, each.new) for each in tiers.settings] == [("max_changes", "5000", "2")]
    assert tiers.newly_tripped == ["max_changes"]
    assert found["adding"].difference is not None
    assert found["adding"].difference.leads() == (1, 0, 0, 1, 0, 0, 0)
    assert found["leaving"].new is None
    assert found["leaving"].difference is not None
    assert found["leaving"].difference.leads().gone == 4
    assert everything(lab) == before
