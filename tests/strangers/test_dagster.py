"""dagster-dbt loads and builds what ``leadloop init`` writes, as Dagster's own tools would, with no leadloop command between."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from connector import scaffold
from connector.sandbox import Sandbox
from tests.acceptance.conftest import WITHOUT_SETTINGS

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
DEFINITIONS = """
from pathlib import Path

from dagster import materialize
from dagster_dbt import DbtCliResource, DbtProject, dbt_assets

project = DbtProject(project_dir=Path("dbt_models"))
project.prepare_if_dev()


@dbt_assets(manifest=project.manifest_path)
def models(context, dbt: DbtCliResource):
    yield from dbt.cli(["build"], context=context).stream()


if __name__ == "__main__":
    done = materialize([models], resources={"dbt": DbtCliResource(project)})
    print(done.success, *sorted(key.path[-1] for key in models.keys))
"""

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]


def test_it_builds_the_assets_that_a_plan_is_made_from(tmp_path: Path) -> None:
    scaffold.write(tmp_path)
    (tmp_path / "definitions.py").write_text(DEFINITIONS)
    with Sandbox(leads=60) as crm:
        environment = {
            **WITHOUT_SETTINGS,
            "HOME": str(tmp_path),
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "CRM__CONVOSO__BASE_URL": f"{crm.base_url}/v1",
            "CRM__CONVOSO__AUTH_TOKEN": crm.token,
            "CRM__CONVOSO__TIMEZONE": "America/Los_Angeles",
            "DAGSTER_IS_DEV_CLI": "1",
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "LEADLOOP_DUCKDB_PATH": str(tmp_path / "leads.duckdb"),
        }

        def run(*command: str) -> str:
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[-3000:]
            return done.stdout

        run(str(BIN / "leadloop"), "extract")
        told = run(sys.executable, "definitions.py").splitlines()[-1].split()
        assert told[0] == "True"
        assert {"leads", "lead_history", "tiers", "tiers_to_convoso"} <= set(told)
        assert "10 leads" in run(str(BIN / "leadloop"), "plan", "tiers_to_convoso")
