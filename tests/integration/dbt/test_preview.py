"""What a change of models would do to the CRM: two real dbt projects over one warehouse, which is left as it was."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connector.errors import BuildError, ConfigError, ModelError
from connector.push import make_plan
from connector.push.difference import Moved
from connector.push.preview import preview
from connector.warehouse import models
from connector.warehouse.aside import BEGINNING

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


@pytest.mark.long
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


@pytest.mark.long
def test_a_side_that_fails_is_named_and_nothing_stays(lab: Any, own: Any, checkout: Any) -> None:
    """A model that can't be made, a file that can't be read, models that were never built; and a saved plan as the old side."""
    shown(lab)
    own.desired("scores", "lead_id, score, tier", "'1', 5, 'hot'")
    own.push("tiers", f"{SCORES}, {FIELDS}")
    with pytest.raises(
        ModelError, match=r"The old models, in .*old, can't be built: analytics.leads is not in the warehouse"
    ):
        preview(lab.warehouse, checkout(), own.folder)
    lab.build(own.folder, select=BUILT)
    old, before = own.folder.parent / "old", everything(lab)
    saved = make_plan(lab.warehouse.engine(), models.known(own.folder, lab.warehouse).push("tiers"))
    own.desired("scores", "lead_id, score, tier", "'1', 5, 'hot'", "'2', 5, 'hot'")
    own.desired("others", "lead_id, tier", "'1', 'warm'")
    own.push("rival", f"desired = ref('others'), {CRM}, fields = {{'title': 'tier'}}")

    found = preview(lab.warehouse, saved, own.folder, named="plan.json")

    assert found.old == "plan.json"
    (only,) = found.pushes
    assert only.settings == ()
    assert "rival and tiers want" in str(only.new_stops) or "tiers and rival want" in str(only.new_stops)
    assert only.difference is not None
    assert only.difference.leads() == (1, 0, 0, 0, 0, 0, 0)
    with pytest.raises(ConfigError, match="a plan of tiers, which says nothing of other"):
        preview(lab.warehouse, saved, own.folder, only=["other"])
    with pytest.raises(ModelError, match="did you mean 'tiers'"):
        preview(lab.warehouse, old, own.folder, only=["teirs"])

    own.write(
        "models/scores.sql",
        "select no_such_column as lead_id, 1 as score, 'secret' as tier from {{ ref('leadloop', 'leads') }}\n",
    )
    with pytest.raises(
        BuildError, match=r"The new models, in .*own, can't be built: dbt: model scores"
    ) as failed:
        preview(lab.warehouse, old, own.folder)
    assert "secret" not in str(failed.value)
    own.write("models/scores.sql", "select {{ nobody }\n")
    with pytest.raises(ModelError, match=r"The new models, in .*own, can't be built"):
        preview(lab.warehouse, old, own.folder)
    assert everything(lab) == before
    assert not [each for each in before if BEGINNING in each]


@pytest.mark.long
def test_a_project_of_other_habits_leaves_the_file_as_it_is(
    duck: Any, own: Any, checkout: Any, tmp_path: Path
) -> None:
    """A profile with the file's whole path, a second database, seeds, hooks that write, incremental models, a macro that looks
    at a model's columns: all of it is built in a copy, and both files are the same byte for byte."""
    shown(duck)
    second = tmp_path / "second.duckdb"
    with duckdb.connect(str(second)) as connection:
        connection.execute("create table names as select '2' as lead_id, 'second' as tier")
    own.write(
        "profiles.yml",
        "mine:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n      schema: analytics\n"
        f"      path: {duck.warehouse.path}\n      threads: 1\n      attach:\n        - path: {second}\n",
    )
    (own.folder / "dbt_project.yml").write_text(
        "name: mine\nversion: '1.0'\nconfig-version: 2\nprofile: mine\n"
        "on-run-start: create table if not exists analytics.started as select 1 as number\n"
        "on-run-end: insert into analytics.started values (2)\n"
    )
    own.write("seeds/tiers.csv", "lead_id,tier\n1,hot\n")
    own.write(
        "models/views.sql",
        "select lead_id, tier from {{ ref('tiers') }} union all select lead_id, tier from second.main.names\n",
    )
    own.write(
        "models/growing.sql",
        "{{ config(materialized='incremental', post_hook='create table analytics.hooked as select 1 as number') }}\n"
        "select * from {{ ref('views') }}{% if is_incremental() %} where false{% endif %}\n",
    )
    own.write(
        "models/scores.sql",
        "{% set columns = adapter.get_columns_in_relation(ref('growing')) | map(attribute='name') | list %}\n"
        "select {{ columns | join(', ') if columns else \"'none' as lead_id, 'none' as tier\" }} from {{ ref('growing') }}\n",
    )
    own.push("sending", f"desired = ref('scores'), {CRM}, fields = {{'title': 'tier'}}")
    duck.build(own.folder, select="leadloop")
    duck.execute("drop table analytics.started")
    old = checkout()
    own.write("seeds/tiers.csv", "lead_id,tier\n1,hotter\n")
    files = {path: path.read_bytes() for path in (duck.warehouse.path, second)}

    (found,) = preview(duck.warehouse, old, own.folder).pushes

    assert found.difference is not None
    assert found.difference.sample(9) == [Moved("1", "changed", "title", "changed", "hot", "hotter", False)]
    assert found.new is not None
    assert found.new.plan is not None
    assert [lead.lead_id for lead in found.new.plan.leads] == ["1", "2"]
    assert {path: path.read_bytes() for path in files} == files
    assert [each.name for each in duck.warehouse.path.parent.iterdir() if BEGINNING in each.name] == []
