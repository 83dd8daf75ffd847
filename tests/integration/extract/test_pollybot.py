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


@pytest.fixture(params=["newer", "older"])
def crm(request: pytest.FixtureRequest, sandbox: Any) -> Any:
    """Either generation: what a lead of each shows in ``metadata`` or in ``customFields`` is read whole."""
    return sandbox(leads=250, pollybot_generation=request.param)


@pytest.fixture
def custom(crm: Any) -> str:
    """The object that takes any keys."""
    return {"newer": "customFields", "older": "metadata"}[crm.options.pollybot_generation]


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


def test_every_lead_and_then_what_changed(
    crm: Any, custom: str, leads: Any, extract: Any, missing: Any
) -> None:
    """Numbers, lists and objects are text by the names of a push. The second run asks for the time and for one page.

    In the newer generation it also reads one lead singly, which tells that the rows of the page are whole.
    """
    assert extract().rows == 250
    assert missing() == set()
    crm.calls.clear()
    status = "qualified" if custom == "metadata" else "QUALIFIED"
    edit = {
        f"{custom}.score": 85,
        "status": status,
        f"{custom}.tags": ["a", "ü"],
        f"{custom}.o": {"p": {"q": 1}},
    }
    leads.edit(leads.ids()[3], edit)
    assert extract().rows == 1
    assert missing() == set()
    told = ["get"] if custom == "customFields" else []
    assert [call.action for call in crm.calls] == ["get", "list", *told]


@pytest.mark.long_if("postgres")
@pytest.mark.parametrize("is_whole", [True, False])
def test_nothing_is_missing_after_runs_during_edits(
    crm: Any, custom: str, leads: Any, extract: Any, missing: Any, is_whole: bool
) -> None:
    """People edit and delete leads while the list is read, its rows whole or not; a last quiet run completes it."""
    crm.vendors["pollybot"].list_metadata = is_whole
    with people_at_work(leads, f"{custom}.notes", 60):
        extract()
    extract()
    assert missing() == set()
