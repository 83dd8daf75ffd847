"""Fields whose names or number a warehouse can't take as they are, from the CRM through the models to a push."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.crm.convoso import ConvosoReader
from connector.extract.columns import MORE
from connector.extract.edited import edited_since
from connector.extract.names import column_name, own_column
from connector.extract.query import Query
from connector.push import Confirmation, Journal, confirm
from connector.sandbox import Sandbox
from connector.warehouse import models
from connector.warehouse.connection import Warehouse
from connector.warehouse.ledger import columns_of
from connector.warehouse.pipelines import NEEDED
from tests.integration.dbt.conftest import Lab
from tests.integration.extract.conftest import Rig

QUESTION = "What is the annual income of your household before taxes in 20"
ODD = ("Cost ($)", "Cost (€)", f"{QUESTION}25", f"{QUESTION}26", "Policy Number", "xmin")
TEXT = "no text longer is toast"
"""PostgreSQL keeps one of up to 23 bytes within the row, and a row within a page."""
TWIN = "policyNumber"
"""It comes to be later than the field that it resembles."""


@pytest.fixture(autouse=True)
def _as_the_command_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)


@pytest.mark.long
def test_each_field_has_a_column_of_its_own(lab: Any, own: Any, tmp_path: Path) -> None:
    """Names that differ in signs, in their end or in their spelling: every value arrives, and no push takes one for another."""
    rig = Rig(lab.warehouse, tmp_path)
    fields = (*ODD, TWIN)
    own.desired("wanted", "lead_id, ours", "'1', 'ours'")
    chosen = ", ".join(f"'{field}': 'ours'" for field in fields)
    own.push("to_crm", f"desired = ref('wanted'), crm = 'convoso', key = 'lead_id', fields = {{{chosen}}}")
    with pytest.raises(Exception, match="each needs a push of its own"):
        lab.build(own.folder, select="+package:mine")
    chosen = ", ".join(f"'{field}': 'ours'" for field in fields[:4] + fields[5:])
    own.push("to_crm", f"desired = ref('wanted'), crm = 'convoso', key = 'lead_id', fields = {{{chosen}}}")

    with Sandbox(leads=0, custom_fields=ODD) as crm:
        lead = crm.book.add({field: f"shown {place}" for place, field in enumerate(ODD)}, lead_id="1")
        assert rig.extract(crm).notes == ()
        crm.book.custom_fields = (*crm.book.custom_fields, TWIN)
        crm.book.edit(lead, {field: f"edited {place}" for place, field in enumerate(fields)})
        (note,) = rig.extract(crm).notes
        assert "lead 1" in note
        assert repr(TWIN) in note
        assert rig.extract(crm).notes == ()
        for field in fields:
            lab.record(
                {"push": "to_crm", "lead_id": "1", "field": field, "value": "sent", "recorded_at": "1 00:00"}
            )
        lab.build(own.folder, select="+package:mine +int_push_history lead_changes")
        with lab.warehouse.engine().connect() as connection:
            there = columns_of(connection, "convoso_raw", "lead_versions")
        with closing(ConvosoReader(rig.settings(crm))) as reader:
            now = datetime.now(UTC)
            looked = edited_since(reader, now - timedelta(hours=1), now, Query(), there=there)["1"]

    columns = {field: column_name(field) for field in ODD} | {TWIN: own_column("convoso", TWIN)}
    assert len(set(columns.values())) == len(fields)
    edited = {columns[field]: f"edited {place}" for place, field in enumerate(fields)}
    assert {column: looked[column] for column in edited} == edited
    pushed = lab.rows("select field, column_name, current_value, verdict from analytics.to_crm")
    assert set(pushed) == {
        (field, columns[field], f"edited {place}", "conflict")
        for place, field in enumerate(fields)
        if field != "Policy Number"
    }
    changed = lab.rows(
        "select field, old_value, new_value from analytics.lead_changes where version_number = 2"
    )
    assert {row for row in changed if row[0] in edited} == {
        (columns[field], f"shown {place}" if field != TWIN else None, f"edited {place}")
        for place, field in enumerate(fields)
    }


@pytest.mark.long
def test_more_fields_than_a_table_can_have(lab: Any, own: Any, tmp_path: Path) -> None:
    """1,700 fields with short texts: all of them are read, compared, planned and settled, in columns or beside them.

    On DuckDB, where each is a column, fewer show the same.
    """
    rig = Rig(lab.warehouse, tmp_path)
    is_postgres = lab.warehouse.kind == "postgres"
    fields = [f"Custom Field {number}" for number in range(1700 if is_postgres else 250)]
    first, last = fields[0], fields[-1]
    own.desired("wanted", "lead_id, ours", "'1', 'ours'", "'2', 'ours'")
    own.push(
        "to_crm",
        "desired = ref('wanted'), crm = 'convoso', key = 'lead_id',"
        f" fields = {{'{first}': 'ours', '{last}': 'ours'}}",
    )
    with Sandbox(leads=0, custom_fields=fields) as crm:
        for lead_id in "12":
            crm.book.add(dict.fromkeys(fields, TEXT), lead_id=lead_id)
        notes = rig.extract(crm).notes
        crm.book.edit("1", {first: "a person's", last: "a person's", fields[-2]: ""})
        assert rig.extract(crm).notes == ()
        sent = {"push": "to_crm", "recorded_at": "1 00:00"}
        for field in (first, last):
            lab.record(
                {**sent, "lead_id": "1", "field": field, "value": "sent", "column_name": column_name(field)}
            )
            lab.record(
                {
                    **sent,
                    "lead_id": "2",
                    "field": field,
                    "value": TEXT,
                    "column_name": column_name(field),
                }
            )
        lab.build(own.folder, select="+package:mine +int_push_history lead_changes")

    assert bool(notes) == is_postgres
    assert all("of lead 1," in note and "'Custom Field" in note for note in notes)
    with lab.warehouse.engine().connect() as connection:
        columns = columns_of(connection, "analytics", "leads")
    assert (MORE in columns) == is_postgres
    assert (column_name(first) in columns, column_name(last) in columns) == (True, not is_postgres)
    assert set(lab.rows("select lead_id, field, current_value, verdict from analytics.to_crm")) == {
        ("1", first, "a person's", "conflict"),
        ("1", last, "a person's", "conflict"),
        ("2", first, TEXT, "change"),
        ("2", last, TEXT, "change"),
    }
    changes = lab.rows("select version_number, field, old_value, new_value from analytics.lead_changes")
    found = [row[1:] for row in changes if row[0] == 2 and row[1].startswith("custom_field_")]
    assert (len(found), {row[0] for row in changes}) == (3, {2})
    assert set(found) == {
        (column_name(first), TEXT, "a person's"),
        (column_name(last), TEXT, "a person's"),
        (column_name(fields[-2]), TEXT, None),
    }
    journal = Journal(lab.warehouse.engine())
    journal.ensure()
    assert confirm(lab.warehouse.engine(), journal, "convoso") == Confirmation(confirmed=2, edited=2)


@pytest.mark.long
def test_more_columns_than_a_query_can_have(postgres_url: str) -> None:
    """A raw table that had a thousand columns before is compared in parts: PostgreSQL selects no more than 1,664 at once."""
    lab = Lab(Warehouse.postgres(postgres_url))
    fields = [f"field_{number}" for number in range(1000)]
    for day, value in (("2", "1"), ("3", "2")):
        row = {"id": "1", "modified_at": f"2026-01-0{day} 00:00:00"}
        lab.land(
            [row | dict.fromkeys((fields[0], fields[-1]), value) | dict.fromkeys(fields[1:-1])],
            f"{day} 00:00",
        )
    lab.build(select="stg_lead_versions +int_push_history lead_history lead_changes")
    changes = lab.rows(
        "select field, old_value, new_value from analytics.lead_changes where version_number = 2"
    )
    assert set(changes) == {(fields[0], "1", "2"), (fields[-1], "1", "2")}


@pytest.mark.long
def test_wide_leads_are_made_in_a_statement_half_as_long(duck: Lab) -> None:
    """Of few leads with many fields, each field is staged once; what comes out is what narrow leads give."""
    hours = ("1 00:00", "1 01:00", "1 02:00")
    made, lengths = [], []
    for width in (300, 301):
        fields = [f"field_{number}" for number in range(width)]
        duck.execute("drop schema if exists convoso_raw cascade")
        duck.execute("drop schema if exists analytics cascade")
        duck._columns.clear()
        for seen, hour in enumerate(hours):
            rows = [{"id": "1", "modified_at": None, **dict.fromkeys(fields, f" {seen} ")}]
            if not seen:
                rows.append({"id": "2", "modified_at": None, **dict.fromkeys(fields, " \n")})
            duck.land(rows, hour, load=str(seen))
        duck.build(select="lead_history")
        made.append(
            duck.rows(
                "select lead_id, version_number, valid_from, valid_to, is_current, sightings, field_0, field_299"
                " from analytics.lead_history order by 1, 2"
            )
        )
        made_by = models.STATE.glob("duckdb/*/run/leadloop/models/marts/lead_history.sql")
        sql = max(made_by, key=lambda path: path.stat().st_mtime_ns).read_text(encoding="utf-8")
        lengths.append(sql.count('"field_0"'))
    assert made[0] == made[1]
    assert [row[:2] + row[-2:] for row in made[0]] == [
        ("1", 1, " 0 ", " 0 "),
        ("1", 2, " 1 ", " 1 "),
        ("1", 3, " 2 ", " 2 "),
        ("2", 1, None, None),
    ]
    assert lengths[1] * 2 <= lengths[0] + 2
