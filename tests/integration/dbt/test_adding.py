"""Leads are added to a CRM over HTTP, by a push model, from extraction to confirmation: the whole loop."""

import time
from pathlib import Path
from typing import Any

import pytest

from connector import config, loop
from connector.errors import ModelError, RestoredError
from connector.sandbox import Sandbox

FORMS = (
    "'form 1', '2135551101', 'Ann'",
    "'form 2', '2135551102', 'Bea'",
    "'form 3', '2135551103', 'Cy'",
)


@pytest.fixture
def crm(monkeypatch: pytest.MonkeyPatch) -> Any:
    with Sandbox(leads=20, seed=7) as crm:
        for name, value in {
            "BASE_URL": f"{crm.base_url}/v1",
            "AUTH_TOKEN": crm.token,
            "TIMEZONE": crm.timezone,
            "RATE": "1000",
            "SETTLE": "0",
        }.items():
            monkeypatch.setenv(f"CRM__CONVOSO__{name}", value)
        config.reload()
        yield crm
    config.reload()


@pytest.mark.long
def test_forms_become_leads_once(crm: Any, duck: Any, own: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """Three forms, one of them with a lost answer: three leads, each known by its id, confirmed, and then deleted."""
    own.desired("forms", "id, phone, name", *FORMS)
    own.push(
        "forms_to_convoso",
        "mode = 'insert', desired = ref('forms'), crm = 'convoso', key = 'id', options = {'list_id': 333}, "
        "fields = {'phone_number': 'phone', 'first_name': 'name'}",
    )
    # The leads to delete are those that the first push has made.
    own.write(
        "models/unwanted.sql",
        "select crm_lead_id as lead_id from {{ ref('leadloop', 'push_outcomes') }} "
        "where push = 'forms_to_convoso' and field = 'first_name' and value = 'Cy' and state = 'confirmed'",
    )
    own.push(
        "unwanted_in_convoso",
        "mode = 'delete', desired = ref('unwanted'), crm = 'convoso', key = 'lead_id', max_share = none, max_unknown_share = none",
    )
    loop.extract(duck.warehouse)
    loop.build(duck.warehouse, own.folder, select="+forms_to_convoso")
    crm.faults.add("drop_after_write", count=1, path="insert", after=1)
    first = loop.push(duck.warehouse, "forms_to_convoso", own.folder)
    assert first is not None
    assert first.summary.by_state == {"applied": 2, "unknown": 1}

    # Another machine: nothing but the warehouse and the project.
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    loop.build(
        duck.warehouse, own.folder, select="stg_leadloop__push_journal int_push_memory forms_to_convoso"
    )
    second = loop.push(duck.warehouse, "forms_to_convoso", own.folder)
    assert second is not None
    assert (second.recovery.applied, len(second.plan.leads)) == (1, 0)
    assert len(crm.book) == 23

    loop.extract(duck.warehouse)
    loop.build(
        duck.warehouse,
        own.folder,
        select="lead_history leads forms forms_to_convoso +push_outcomes unwanted unwanted_in_convoso",
    )
    rows = duck.rows(
        "select o.lead_id, o.state, l.first_name from analytics.push_outcomes as o "
        "join analytics.leads as l on l.lead_id = o.crm_lead_id where o.field = 'first_name' order by o.lead_id"
    )
    assert rows == [
        ("form 1", "confirmed", "Ann"), ("form 2", "confirmed", "Bea"), ("form 3", "confirmed", "Cy"),
    ]  # fmt: skip
    assert duck.rows("select * from analytics.forms_to_convoso") == []

    # A push that is no longer in the project left this very lead without an answer: it is read, and doesn't wait for ever.
    ((cy,),) = duck.rows("select lead_id from analytics.unwanted_in_convoso")
    open_row = {"push": "forgotten", "lead_id": cy, "field": "title", "value": "x", "state": "unknown"}
    duck.record({**open_row, "run_id": "old", "seq": 1, "recorded_at": "1 00:00"})
    gone = loop.push(duck.warehouse, "unwanted_in_convoso", own.folder)
    assert gone is not None
    assert (gone.recovery.deferred, gone.summary.by_state) == (1, {"applied": 1})
    assert len(crm.book) == 22
    loop.build(duck.warehouse, own.folder, select="unwanted unwanted_in_convoso")
    assert duck.rows("select * from analytics.unwanted_in_convoso") == []
    # Convoso shows the removal, which confirms the deletion.
    loop.extract(duck.warehouse)
    loop.build(duck.warehouse, own.folder, select="stg_lead_removals leads")
    last = "select state from leadloop.push_journal where push = 'unwanted_in_convoso' order by recorded_at desc, seq desc"
    assert duck.rows(last)[0] == ("confirmed",)


@pytest.mark.long
def test_an_edit_that_was_read_does_not_hold_up_a_deletion(
    crm: Any, duck: Any, own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look before a deletion finds two leads that were edited of late; only the one edited since the plan stays."""
    known, edited, *_ = sorted(crm.book.ids())
    own.desired("unwanted", "lead_id", f"'{known}'", f"'{edited}'")
    own.push(
        "unwanted_in_convoso",
        "mode = 'delete', desired = ref('unwanted'), crm = 'convoso', key = 'lead_id', max_share = none, max_unknown_share = none",
    )
    crm.book.edit(known, {"title": "read"})
    loop.extract(duck.warehouse)
    time.sleep(1.1)
    loop.extract(duck.warehouse)
    loop.build(duck.warehouse, own.folder, select="+unwanted_in_convoso")
    crm.book.edit(edited, {"title": "typed since"})
    monkeypatch.setenv("CRM__CONVOSO__SETTLE", "30")
    config.reload()
    done = loop.push(duck.warehouse, "unwanted_in_convoso", own.folder)
    assert done is not None
    assert done.summary.by_state == {"applied": 1, "conflict": 1}
    assert known not in crm.book.ids()


@pytest.mark.long
def test_a_field_the_crm_does_not_have_stops_the_push(
    duck: Any, own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LeadSquared is asked for its fields before anybody agrees to anything: nothing is sent, nothing recorded."""
    own.desired("scores", "lead_id, score", "'1', 5")
    own.push(
        "scores_to_leadsquared",
        "desired = ref('scores'), crm = 'leadsquared', key = 'lead_id', fields = {'mx_Citi': 'score'}, max_share = none, max_unknown_share = none",
    )
    with Sandbox(leads=3) as crm:
        for name, value in {
            "BASE_URL": crm.base_url,
            "ACCESS_KEY": crm.token,
            "SECRET_KEY": crm.token,
            "RATE": "1000",
        }.items():
            monkeypatch.setenv(f"CRM__LEADSQUARED__{name}", value)
        config.reload()
        loop.build(duck.warehouse, own.folder, select="+scores_to_leadsquared")
        with pytest.raises(ModelError, match="no field 'mx_Citi'; did you mean 'mx_City'"):
            loop.push(duck.warehouse, "scores_to_leadsquared", own.folder)
        assert not any("Update" in call.path for call in crm.calls)
    config.reload()
    assert duck.rows("select * from leadloop.push_runs") == []


@pytest.mark.long
def test_no_lead_is_added_twice_by_a_warehouse_that_has_forgotten_it(
    crm: Any, duck: Any, own: Any, postgres_url: str, tmp_path: Path
) -> None:
    """A copy of the file that is put back, another warehouse and another push name: ten leads are made of ten forms."""
    from connector.warehouse.connection import Warehouse

    forms = [f"'form {number}', '21355511{number:02}', 'Name {number}'" for number in range(10)]
    options = (
        "mode = 'insert', desired = ref('forms'), crm = 'convoso', key = 'id', options = {'list_id': 333}, "
        "fields = {'phone_number': 'phone', 'first_name': 'name'}"
    )
    own.desired("forms", "id, phone, name", *forms)
    own.push("forms_to_convoso", options)
    own.push("renamed", options)
    loop.extract(duck.warehouse)
    loop.build(duck.warehouse, own.folder, select="+forms_to_convoso +renamed")
    path = duck.warehouse.path
    (tmp_path / "backup").write_bytes(path.read_bytes())
    first = loop.push(duck.warehouse, "forms_to_convoso", own.folder)
    assert first is not None
    assert (first.summary.by_state, first.summary.found) == ({"applied": 10}, 0)
    assert len(crm.book) == 30
    crm.book.edit(crm.book.ids()[-1], {"first_name": "typed by a person"})

    path.write_bytes((tmp_path / "backup").read_bytes())
    with pytest.raises(RestoredError, match="knows nothing of a push to convoso"):
        loop.push(duck.warehouse, "forms_to_convoso", own.folder)
    assert len(crm.book) == 30
    searches = crm.calls.count("search")
    again = loop.push(duck.warehouse, "forms_to_convoso", own.folder, restored=True)
    assert again is not None
    assert (again.summary.by_state, again.summary.found, again.summary.exit_code) == ({"applied": 10}, 10, 0)
    # One for each, and one that asks what time it is there.
    assert crm.calls.count("search") - searches == 11
    renamed = loop.push(duck.warehouse, "renamed", own.folder)
    assert renamed is not None
    assert renamed.summary.found == 10

    other = Warehouse.postgres(postgres_url)
    loop.extract(other)
    loop.build(other, own.folder, select="+forms_to_convoso")
    elsewhere = loop.push(other, "forms_to_convoso", own.folder)
    assert elsewhere is not None
    assert elsewhere.summary.found == 10
    assert len(crm.book) == 30
    assert crm.book.row(crm.book.ids()[-1])["first_name"] == "typed by a person"
