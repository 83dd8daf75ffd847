"""The steps of docs/dagster.md with the real Dagster: scaffolded, checked, run against a sandbox, stopped by a guardrail, backfilled."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.sandbox import Sandbox
from connector.warehouse.connection import Warehouse
from tests.acceptance.conftest import WITHOUT_SETTINGS

pytest.importorskip("dagster_dg_cli", reason="`make test-orchestrators` has what this needs")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/dagster.md").read_text("utf-8")
BIN = Path(sys.executable).parent
DEFINITIONS = """
from pathlib import Path

from dagster import definitions, load_from_defs_folder


@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
PYPROJECT = """
[project]
name = "orchestration"
version = "0.1.0"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "orchestration"
"""

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


class Project:
    """A Dagster project next to a leadloop project, in a folder of its own."""

    def __init__(self, folder: Path, crm: Sandbox) -> None:
        self.folder = folder / "orchestration"
        self.crm = crm
        (self.folder / "orchestration/defs").mkdir(parents=True)
        (self.folder / "orchestration/__init__.py").touch()
        (self.folder / "orchestration/definitions.py").write_text(DEFINITIONS)
        (self.folder / "pyproject.toml").write_text(PYPROJECT)
        self.defs = self.folder / "orchestration/defs/leads/defs.yaml"
        self.environment = {
            **WITHOUT_SETTINGS,
            "HOME": str(folder),
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PYTHONPATH": f"{self.folder}:{ROOT}",
            "CRM__CONVOSO__BASE_URL": f"{crm.base_url}/v1",
            "CRM__CONVOSO__AUTH_TOKEN": crm.token,
            "CRM__CONVOSO__TIMEZONE": crm.timezone,
            "CRM__CONVOSO__RATE": "1000",
            "CRM__CONVOSO__SETTLE": "0",
            "DAGSTER_IS_DEV_CLI": "1",
            "DAGSTER_DISABLE_TELEMETRY": "yes",
        }
        self.run(str(BIN / "leadloop"), "init", str(folder / "leads"))

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def job(self, *what: str) -> Any:
        """What came of the job, or of one asset for a range of days."""
        printed = self.run(sys.executable, str(Path(__file__).with_name("run_dagster.py")), *what)
        return json.loads(printed.splitlines()[-1])

    def set(self, **attributes: Any) -> None:
        found = yaml.safe_load(self.defs.read_text("utf-8"))
        found["attributes"] |= attributes
        self.defs.write_text(yaml.safe_dump(found))

    @property
    def sent(self) -> int:
        """How many leads of the CRM are as the push wants them."""
        return sum(self.crm.book.row(each)["title"] == "hot" for each in self.crm.book.ids())


@contextmanager
def scaffolded(folder: Path) -> Iterator[Project]:
    """With the page's own lines."""
    with Sandbox(leads=60) as crm:
        for lead_id in crm.book.ids():
            crm.book.edit(lead_id, {"title": "cold"})
        project = Project(folder, crm)
        (lines,) = re.findall(r"```sh\n(.*?)```", PAGE, re.S)
        for line in lines.splitlines():
            project.run(*line.split())
        yield project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """In a folder of its own."""
    with scaffolded(tmp_path_factory.mktemp("dagster")) as project:
        yield project


def test_the_scaffolded_file_is_the_pages(project: Project) -> None:
    """But for the attributes that a person adds."""
    (shown,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    wanted, found = yaml.safe_load(shown), yaml.safe_load(project.defs.read_text("utf-8"))
    assert found["type"] == wanted["type"]
    assert found["attributes"].items() <= wanted["attributes"].items()


def test_a_first_time_is_blocked_then_sent(project: Project) -> None:
    """The blocking check shows the plan and keeps the push from starting, until somebody agrees; then it says what became of it."""
    stopped = project.job("leadloop")
    assert not stopped["success"]
    check = stopped["checks"]["tiers_to_convoso_may_be_sent"]
    assert (check["passed"], check["blocking"]) == (False, True)
    assert "nobody has agreed" in check["description"]
    assert "**10 leads**" in check["metadata"]["plan"]
    assert check["metadata"]["leads"] == 10
    assert "convoso/tiers_to_convoso" not in stopped["made"]
    assert {"convoso_raw/lead_versions", "leads", "tiers"} <= stopped["made"].keys()
    assert stopped["made"]["convoso_raw/lead_versions"]["dagster/row_count"] == 60
    assert stopped["checks"]["not_stale"]["passed"]
    assert project.sent == 0
    project.set(first=True)
    done = project.job("leadloop")
    assert done["success"], done
    assert done["checks"]["tiers_to_convoso_may_be_sent"]["passed"]
    assert done["made"]["convoso/tiers_to_convoso"]["applied"] == 10
    assert "| title | 10 |" in done["made"]["convoso/tiers_to_convoso"]["plan"]
    assert done["checks"]["no_rejected_leads"]["passed"]
    assert done["checks"]["no_rejected_leads"]["severity"] == "WARN"
    assert project.sent == 10
    phones = [str(project.crm.book.row(each)["phone_number"]) for each in project.crm.book.ids()]
    assert not any(phone in json.dumps([stopped, done]) for phone in phones)


def test_days_are_read_again(project: Project) -> None:
    """A range of partitions is one extraction of that stretch; the cursor stays where it is."""
    yesterday = date.today() - timedelta(days=1)  # noqa: DTZ011 - a day of Dagster's
    first = yesterday - timedelta(days=2)
    project.set(backfill_from=first.isoformat())
    done = project.job("convoso_raw/lead_versions_backfill", first.isoformat(), yesterday.isoformat())
    assert done["success"], done
    warehouse = Warehouse.duckdb(project.folder.parent / "leads/leads.duckdb")
    with warehouse.engine().connect() as connection:
        rows = connection.exec_driver_sql(
            "select arguments from leadloop.runs where command = 'extract' and arguments is not null"
        ).fetchall()
    ((arguments,),) = rows
    assert first.isoformat() in json.loads(arguments)["start"]


def test_a_wrong_setting_fails_without_a_retry(project: Project) -> None:
    """What only a person can mend is not tried again."""
    program = (
        "import dagster as dg\nfrom connector.orchestrators.dagster import LeadloopResource\n"
        "leadloop = LeadloopResource(folder='../leads', environment={'CRM__CONVOSO__RATE': 'fast'})\n"
        "try:\n    leadloop.run(dg.build_op_context(), 'extract', '--crm', 'convoso')\n"
        "except dg.Failure as failure:\n    print(failure.allow_retries, failure.description)\n"
    )
    told = project.run(sys.executable, "-c", program)
    assert told.startswith("False leadloop ended with 2: crm.convoso.rate")


def test_an_asset_of_ones_own(project: Project) -> None:
    """The page's Python runs as it stands."""
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    program = example + (
        "\ndone = dg.materialize([compared], resources={'leadloop': LeadloopResource(folder='../leads')})\n"
        "print(done.asset_materializations_for_node('compared')[0].metadata['ok'].value)\n"
    )
    assert project.run(sys.executable, "-c", program).splitlines()[-1] == "True"


def test_every_attribute_is_on_the_page() -> None:
    """With no other beside it."""
    from connector.orchestrators.dagster import LeadloopComponent

    table = PAGE.partition("## Attributes")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.M)) == set(LeadloopComponent.model_fields)
