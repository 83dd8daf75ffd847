"""PollyBot into a warehouse: every lead once, then what changed, whole and under the names that a push uses."""

from contextlib import closing
from pathlib import Path
from typing import Any

import dlt
import pytest
import sqlalchemy as sa

from connector import config
from connector.crm.http import Retry
from connector.crm.pollybot import PollyBotReader, PollyBotSession, PollyBotSettings
from connector.extract.job import job
from connector.extract.load import load
from connector.warehouse.pipelines import AccountTables
from tests.integration.extract.conftest import people_at_work, unseen

QUICK = Retry(first=0.01, longest=0.05, attempts=12)


@pytest.fixture
def crm(sandbox: Any) -> Any:
    return sandbox(leads=250)


@pytest.fixture
def leads(crm: Any) -> Any:
    return crm.vendors["pollybot"].leads


@pytest.fixture
def extract(crm: Any, warehouse: Any, tmp_path: Path) -> Any:
    """One run of the extraction on a machine of its own."""
    runs: list[None] = []

    def run() -> Any:
        runs.append(None)
        settings = config.resolve(
            PollyBotSettings,
            {"base_url": crm.base_url, "api_key": crm.token, "rate": 1000.0, "settle": 0, "lookback": 0},
        )
        pipeline = dlt.pipeline(
            "pollybot",
            destination=warehouse.destination(),
            dataset_name="pollybot_raw",
            pipelines_dir=str(tmp_path / f"machine{len(runs)}"),
        )
        with closing(PollyBotReader(settings, session=PollyBotSession(settings, retry=QUICK))) as reader:
            tables = AccountTables(warehouse, "pollybot", "pollybot_raw", lambda: pipeline)
            return load(tables, settings, job(settings, reader=reader))

    return run


@pytest.fixture
def missing(warehouse: Any, leads: Any) -> Any:
    """Leads whose present state, every field of it, is in no raw row."""

    def find() -> Any:
        with warehouse.engine().connect() as connection:
            found = connection.execute(sa.text("select * from pollybot_raw.lead_versions")).mappings().all()
        return unseen(leads.rows(), found)

    return find


def test_every_lead_and_then_what_changed(crm: Any, leads: Any, extract: Any, missing: Any) -> None:
    """Numbers, lists and objects of the metadata are text by the names of a push; the second run is two calls, one of them for the time, and one lead."""
    assert extract().rows == 250
    assert missing() == set()
    crm.calls.clear()
    leads.edit(leads.ids()[3], {"metadata.score": 85, "status": "qualified", "metadata.tags": ["a", "ü"]})
    assert extract().rows == 1
    assert missing() == set()
    assert [call.action for call in crm.calls] == ["get", "list"]


def test_nothing_is_missing_after_runs_during_edits(crm: Any, leads: Any, extract: Any, missing: Any) -> None:
    """People edit and delete leads while the list is read, its rows without metadata; a last quiet run completes it."""
    crm.vendors["pollybot"].list_metadata = False
    with people_at_work(leads, "metadata.notes", 60):
        extract()
    extract()
    assert missing() == set()
