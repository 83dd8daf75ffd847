"""A leadloop project as ``leadloop init`` writes it, for an orchestrator that runs in an environment of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from connector.sandbox import Sandbox
from tests.acceptance.conftest import WITHOUT_SETTINGS

ROOT = Path(__file__).parents[2]
LEADLOOP = f"{sys.executable} -m connector.cli"
"""The command of this environment, in which leadloop is; the orchestrator's has nothing that leadloop needs."""


def interpreter(name: str) -> Path:
    """Python of the environment ``.venv-<name>`` beside the sources; the test is skipped where there is none."""
    found = ROOT / f".venv-{name}/bin/python"
    if not found.exists():
        pytest.skip("`make test-orchestrators` makes the environment that this needs")
    return found


class Place:
    """``leads`` is the project, next to what the orchestrator keeps."""

    def __init__(self, folder: Path, crm: Sandbox, python: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.leads = folder / "leads"
        self.crm = crm
        self.python = python
        self.settings = {
            "PYTHONPATH": str(ROOT),
            "CRM__CONVOSO__BASE_URL": f"{crm.base_url}/v1",
            "CRM__CONVOSO__TIMEZONE": crm.timezone,
            "CRM__CONVOSO__RATE": "1000",
            "CRM__CONVOSO__SETTLE": "0",
        }
        self.environment = {
            **WITHOUT_SETTINGS,
            "HOME": str(folder),
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "DO_NOT_TRACK": "1",
            **environment,
        }
        for lead_id in crm.book.ids():
            crm.book.edit(lead_id, {"title": "cold"})
        self.run(sys.executable, "-m", "connector.cli", "init", str(self.leads))

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def script(self, name: str, *arguments: str) -> Any:
        """What a script of this folder prints in its last line, run in the orchestrator's environment."""
        printed = self.run(str(self.python), str(Path(__file__).with_name(name)), *arguments)
        return json.loads(printed.splitlines()[-1])

    @property
    def sent(self) -> int:
        """How many leads of the CRM are as the push wants them."""
        return sum(self.crm.book.row(each)["title"] == "hot" for each in self.crm.book.ids())

    @property
    def private(self) -> list[str]:
        """What nobody but the CRM and the warehouse should hold: the token and the leads' numbers."""
        phones = [str(self.crm.book.row(each)["phone_number"]) for each in self.crm.book.ids()]
        return [self.crm.token, *phones]
