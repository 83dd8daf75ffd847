"""A CRM that another distribution brings goes the whole way, and no file of leadloop's is edited for it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from leadloop_tinybook.sandbox import Tinybook

from connector.testing import Sandbox

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the distribution was installed, as pip does it, without asking anything outside of this machine."""
    place = tmp_path_factory.mktemp("installed")
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(place)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(HERE)], check=True, timeout=120)
    return place


@pytest.mark.long
@pytest.mark.timeout(900)
def test_from_the_first_command_to_the_last(installed: Path, tmp_path: Path) -> None:
    """init, check, extract, build, plan, push, run and status; a person's edit is a conflict as anywhere else."""
    with Sandbox(leads=60, crms=[Tinybook]) as crm:
        book: Any = crm.vendors["tinybook"].leads  # type: ignore[attr-defined]
        settings = crm.settings()["tinybook"]
        outside = {
            name: text for name, text in os.environ.items() if not name.startswith(("CRM__", "LEADLOOP_"))
        }
        environment = outside | {
            "PYTHONPATH": str(installed),
            "CRM__TINYBOOK__BASE_URL": settings["base_url"],
            "CRM__TINYBOOK__KEY": settings["key"],
            "CRM__TINYBOOK__SETTLE": "0",
        }
        project = tmp_path / "project"

        def leadloop(*arguments: str, code: int = 0) -> str:
            command = [str(Path(sys.executable).parent / "leadloop"), *arguments]
            folder = project if project.exists() else tmp_path
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
            )
            assert done.returncode == code, done.stdout + done.stderr
            return done.stdout

        leadloop("init", "project", "--crm", "tinybook")
        assert "tinybook answers" in leadloop("check")
        leadloop("extract", "--crm", "tinybook")
        leadloop("build")
        plan = json.loads(leadloop("plan", "tiers_to_tinybook", "--json"))
        assert (plan["crm"], len(plan["leads"])) == ("tinybook", 10)
        leadloop("push", "tiers_to_tinybook", "--yes", "--first")
        told = [lead for lead in book.ids() if book.row(lead)["notes"] == "hot"]
        assert len(told) == 10
        leadloop("run", "--yes")
        book.edit(told[0], {"notes": "a person's"})
        leadloop("run", "--yes")
        assert book.row(told[0])["notes"] == "a person's"
        assert crm.calls.count("update") == 10
        status = json.loads(leadloop("status", "--json"))
        assert "tinybook" in json.dumps(status)
