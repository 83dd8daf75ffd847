"""Leadping into a warehouse: every lead once, then what changed, whole and under the names that a push uses."""

import json
from pathlib import Path
from typing import Any

import dlt
import pytest
import sqlalchemy as sa

from connector import leadping
from connector.crm.leadping import lead as leadping_lead
from connector.warehouse.connection import Warehouse
from tests.integration.extract.conftest import people_at_work, unseen


@pytest.fixture(params=["newer", "older"])
def crm(request: pytest.FixtureRequest, sandbox: Any) -> Any:
    return sandbox(leads=120, leadping_generation=request.param)


@pytest.fixture
def leads(crm: Any) -> Any:
    return crm.vendors["leadping"].leads


@pytest.fixture
def duckdb(tmp_path: Path) -> Any:
    return Warehouse.duckdb(tmp_path / "leads.duckdb")


@pytest.fixture
def extract(crm: Any, duckdb: Any, tmp_path: Path) -> Any:
    """One run of the dlt source, in a pipeline that goes on from the last one; gives back the rows there are by now."""

    def run() -> Any:
        pipeline = dlt.pipeline(
            "leadping",
            destination=duckdb.destination(),
            dataset_name="leadping_raw",
            pipelines_dir=str(tmp_path / "dlt"),
        )
        pipeline.run(leadping(base_url=crm.base_url, api_key=crm.token, settle=0, lookback=0, rate=1000))
        with duckdb.engine().connect() as connection:
            found = connection.execute(sa.text("select * from leadping_raw.lead_versions")).mappings()
            return [dict(row) for row in found]

    return run


def as_text(value: Any) -> Any:
    """A value as raw tables have it."""
    return (
        value
        if value is None or isinstance(value, str)
        else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    )


def missing(leads: Any, rows: Any) -> Any:
    shown = {each: leadping_lead.row(leads.show(leads.find(each))) for each in leads.ids()}
    book = {each: {name: as_text(value) for name, value in row.items()} for each, row in shown.items()}
    return unseen(book, rows)


def test_every_lead_and_then_what_changed(crm: Any, leads: Any, extract: Any) -> None:
    """Nested fields, numbers, flags, lists and tags by name; a second run reads just the lead that was edited."""
    rows = extract()
    assert len(rows) == 120
    assert missing(leads, rows) == set()
    crm.calls.clear()
    tag = crm.vendors["leadping"].tag
    edit = {"metadata.sourceMetadata.score": 85, "enabled": False, "tags": [tag("vip"), tag("Ä")]}
    leads.edit(leads.ids()[3], edit)
    rows = extract()
    assert missing(leads, rows) == set()
    (row,) = [row for row in rows if row["metadata_source_metadata_score"]]
    assert (row["metadata_source_metadata_score"], row["enabled"], row["tag_names"]) == (
        "85",
        "false",
        '["vip","Ä"]',
    )
    assert len(rows) == 121
    assert [call.action for call in crm.calls].count("read") == 1 + 1  # the first asks what time it is there


def test_nothing_is_missing_after_runs_during_edits(crm: Any, leads: Any, extract: Any) -> None:
    """People edit and delete leads while the list is read, and one is archived; a last quiet run completes it."""
    crm.vendors["leadping"].archive(leads.ids()[50])
    with people_at_work(leads, "contact.streetAddress.line2", 40):
        extract()
    assert missing(leads, extract()) == set()
