"""The command as a person has it: an empty folder, settings in the environment, a CRM on loopback."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector import scaffold
from connector.sandbox import Sandbox
from connector.warehouse.connection import Warehouse
from connector.warehouse.models import PACKAGED, STATE, packaged_project
from tests.child import Child
from tests.json_documents import validated

WITHOUT_SETTINGS = {
    name: text
    for name, text in os.environ.items()
    if not name.startswith(("CRM__", "WAREHOUSE__", "DESTINATION__", "DBT__", "LEADLOOP_"))
} | {"COLUMNS": "100", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}

WITHOUT_TESTS = "data_tests:\n  leadloop:\n    +enabled: false\n"
"""The package's own tests of its models would take a part of each run's time, and run in projects as init writes them."""

PLACE = "place"
"""The name of every folder in which commands work: dbt's project is called like it, and what is parsed belongs to a name."""


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The document that it printed, which is as its schema says."""
        return validated(json.loads(self.stdout))

    @property
    def message(self) -> str:
        """What it said on stderr besides naming its stages, on one line."""
        return " ".join(line for line in self.stderr.splitlines() if not line.endswith("..."))


@dataclass(frozen=True)
class Running:
    """A command under way."""

    pid: int
    launcher: "Launcher"
    stdout: Path
    stderr: Path

    def wait(self) -> Done:
        code = self.launcher.ask({"wait": self.pid})["code"]
        return Done(code, self.stdout.read_text("utf-8"), self.stderr.read_text("utf-8"))


class Launcher:
    """Where commands are started; see ``launcher.py``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        start = Place(folder / PLACE, self)
        self.parsed = start.folder / STATE
        """What dbt has parsed of a project and of the package: every place's own project begins with it."""
        start.project("select 'a' as lead_id")
        launcher = Path(__file__).with_name("launcher.py")
        self._child = Child([sys.executable, str(launcher), str(start.folder)], env=WITHOUT_SETTINGS)
        self._child.answer()

    def start(self, argv: tuple[str, ...], cwd: Path, env: Mapping[str, str]) -> Running:
        number = next(self._numbers)
        if not any((cwd / name).exists() for name in ("dbt_models", "dbt_project.yml")):
            env = {"DBT__PROJECT": PACKAGED, **env}  # a place without a project of its own takes ours
        name = f"{number}-{argv[0] if argv else 'leadloop'}"
        stdout, stderr = self._folder / f"{name}.out", self._folder / f"{name}.err"
        request = {
            "argv": argv,
            "cwd": str(cwd),
            "env": dict(env),
            "stdout": str(stdout),
            "stderr": str(stderr),
        }
        return Running(self.ask(request)["pid"], self, stdout, stderr)

    def ask(self, request: Mapping[str, Any]) -> Any:
        return self._child.ask(request)

    def close(self) -> None:
        self._child.close()


@dataclass
class Place:
    """A folder in which somebody works with leadloop."""

    folder: Path
    launcher: Launcher
    env: dict[str, str] = field(default_factory=dict)
    postgres: str | None = None

    def start(self, *argv: str, **env: str) -> Running:
        return self.launcher.start(argv, self.folder, {**WITHOUT_SETTINGS, **self.env, **env})

    def run(self, *argv: str, code: int = 0, **env: str) -> Done:
        """The command's outcome, which has to be ``code`` and no traceback."""
        done = self.start(*argv, **env).wait()
        assert done.code == code, f"{argv} ended with {done.code}:\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def json(self, *argv: str, code: int = 0) -> Any:
        return self.run(*argv, "--json", code=code).json

    def settings_of(self, crm: Sandbox) -> None:
        self.env |= {
            "CRM__CONVOSO__BASE_URL": f"{crm.base_url}/v1",
            "CRM__CONVOSO__AUTH_TOKEN": crm.token,
            "CRM__CONVOSO__TIMEZONE": crm.timezone,
            "CRM__CONVOSO__RATE": "1000",
            "CRM__CONVOSO__SETTLE": "0",
        }

    @property
    def warehouse(self) -> Warehouse:
        if self.postgres:
            return Warehouse.postgres(self.postgres)
        return Warehouse.duckdb(self.env["DESTINATION__DUCKDB__CREDENTIALS"])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.warehouse.engine().connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    def journal(self, push: str, state: str) -> set[tuple[str, str]]:
        """(lead, field) of everything in this state in the journal of a push."""
        query = (
            f"select lead_id, field from leadloop.push_journal where push = '{push}' and state = '{state}'"
        )
        return {(lead_id, name) for lead_id, name in self.rows(query)}

    def write(self, path: str, text: str) -> None:
        target = self.folder / "dbt_models" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def project(self, wanted: str, **pushes: str) -> None:
        """A dbt project as ``leadloop init`` writes it, with the model ``wanted`` and pushes by name: their options.

        dbt parses only what is different from any other such project, which is of the same name.
        """
        scaffold.write(self.folder)
        shutil.rmtree(self.folder / "dbt_models" / "models")
        settings = self.folder / "dbt_models" / "dbt_project.yml"
        settings.write_text(settings.read_text("utf-8") + WITHOUT_TESTS, encoding="utf-8")
        # As `dbt deps` does it, which takes a while.
        (self.folder / "dbt_models" / "dbt_packages").mkdir()
        (self.folder / "dbt_models" / "dbt_packages" / "leadloop").symlink_to(packaged_project())
        if self.launcher.parsed.exists():
            shutil.copytree(self.launcher.parsed, self.folder / STATE, dirs_exist_ok=True)
        self.write("models/wanted.sql", wanted)
        for name, options in pushes.items():
            self.push(name, options)

    def push(self, name: str, options: str, desired: str = "wanted") -> None:
        call = f"leadloop.push(desired = ref('{desired}'), crm = 'convoso', {options})"
        self.write(f"models/pushes/{name}.sql", "{{ " + call + " }}")


@pytest.fixture(scope="module")
def places(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Place]:
    """Makes a place of its own, with settings for a CRM where one is given."""

    def make(crm: Sandbox | None = None, postgres: str | None = None) -> Place:
        folder = Path(tmp_path_factory.mktemp("place")) / PLACE
        folder.mkdir()
        if postgres:
            env = {"WAREHOUSE__DESTINATION": "postgres", "DESTINATION__POSTGRES__CREDENTIALS": postgres}
        else:
            env = {"DESTINATION__DUCKDB__CREDENTIALS": str(folder / "leads.duckdb")}
        place = Place(folder, launcher, env, postgres)
        if crm is not None:
            place.settings_of(crm)
        return place

    return make
