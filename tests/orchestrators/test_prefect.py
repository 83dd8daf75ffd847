"""The code of docs/prefect.md with the real Prefect and its own server: run against a sandbox, stopped, tried again, looked at by a person."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests  # noqa: TID251 - a person's browser, not leadloop

from connector.sandbox import Sandbox
from tests.orchestrators.places import LEADLOOP, ROOT, Place, interpreter
from tests.postgres import free_port

PAGE = (ROOT / "docs/prefect.md").read_text("utf-8")
CODE = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.S))

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


class Prefect(Place):
    """With a server of its own, and the block of the page saved there."""

    def flow(self, file: str, flow: str, *more: str, **given: Any) -> Any:
        """What came of a flow of one of the page's files."""
        found = self.script("run_prefect.py", str(self.folder / file), flow, json.dumps(given), *more)
        for each in self.private:
            assert each not in json.dumps(found)
        return found

    def block(self, **fields: Any) -> None:
        """Saves the block again with these fields."""
        program = (
            "import json, sys\nfrom connector.orchestrators.prefect import LeadloopProject\n"
            "block = LeadloopProject.load('leads')\n"
            "block.environment |= json.loads(sys.argv[1])\nblock.wait = 0\nblock.save('leads', overwrite=True)\n"
        )
        self.run(str(self.python), "-c", program, json.dumps(fields))


@contextmanager
def started(folder: Path, *, pages: bool = False) -> Iterator[Prefect]:
    """Prefect's server, with its pages or without them; and the page's block, with this place's folder, command and settings in it."""
    python, port = interpreter("prefect"), free_port()
    api = f"http://127.0.0.1:{port}/api"
    environment = {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": str(pages).lower(),
    }
    with Sandbox(leads=60) as crm:
        place = Prefect(folder, crm, python, environment)
        server = subprocess.Popen(
            [python, "-m", "prefect", "server", "start", "--port", str(port), "--ui" if pages else "--no-ui"],
            env=place.environment,
            cwd=folder,
            stdout=(folder / "server.log").open("wb"),
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(f"{api}/health", folder / "server.log")
            for name, text in CODE.items():
                (folder / name).write_text(_here(text, place))
            (folder / "flow.py").write_text("from connector.orchestrators.prefect import loop\n")
            place.run(str(python), str(folder / "block.py"))
            place.block(**place.settings)
            yield place
        finally:
            server.terminate()
            server.wait()


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """Without pages, which nobody looks at."""
    with started(tmp_path_factory.mktemp("prefect")) as place:
        yield place


def _here(text: str, place: Place) -> str:
    """The page's code with this place's folder, command, zone and token."""
    own = {
        '"/srv/leads"': repr(str(place.leads)),
        '"/srv/leads/.venv/bin/leadloop"': repr(LEADLOOP),
        '"America/New_York"': repr(place.crm.timezone),
        '"…"': repr(place.crm.token),
    }
    for shown, real in own.items():
        text = text.replace(shown, real)
    return text


def _wait_for(url: str, log: Path) -> None:
    end = time.monotonic() + 900
    while time.monotonic() < end:
        try:
            requests.get(url, timeout=5)
            return
        except requests.RequestException:
            time.sleep(0.5)
    raise AssertionError(f"{url} never answered:\n{log.read_text()[-3000:]}")


def test_a_first_time_is_stopped(prefect: Prefect) -> None:
    """The plan is an artifact all the same; what only a person can mend is not tried again."""
    stopped = prefect.flow("flow.py", "loop", project="leads", crms=["convoso"], pushes=["tiers_to_convoso"])
    assert stopped["state"] == "Failed"
    push = stopped["tasks"]["leadloop push"]
    assert (push["state"], push["runs"]) == ("Failed", 1)
    assert "NeedsAPersonError: leadloop ended with 4" in push["message"]
    shown = stopped["artifacts"]["plan-tiers-to-convoso"]
    assert "**10 leads**" in shown
    assert "| title | 10 |" in shown
    assert "nobody has agreed" in shown
    assert any("extract convoso" in line for line in stopped["log"])
    assert prefect.sent == 0


def test_a_run_waits_for_a_person(prefect: Prefect) -> None:
    """Who looks sees the plan's counts; what is sent is what was saved."""
    done = prefect.flow("reviewed.py", "reviewed", "resume", name="tiers_to_convoso")
    assert done["state"] == "Completed", done
    assert "**10 leads**" in done["waited"]["plan-tiers-to-convoso"]
    assert done["tasks"]["leadloop push"]["state"] == "Completed"
    assert (prefect.leads / "plan.html").exists()
    assert prefect.sent == 10


def test_the_flow_completes(prefect: Prefect) -> None:
    """Where nothing is left to be sent."""
    done = prefect.flow("flow.py", "loop", project="leads", crms=[], pushes=["tiers_to_convoso"])
    assert done["state"] == "Completed", done
    assert {each["state"] for each in done["tasks"].values()} == {"Completed"}
    assert "**0 leads**" in done["artifacts"]["plan-tiers-to-convoso"]


def test_days_are_read_again(prefect: Prefect) -> None:
    """With the page's own flow."""
    start = datetime.now().astimezone() - timedelta(days=3)
    done = prefect.flow(
        "again.py", "again", start=start.isoformat(), end=datetime.now().astimezone().isoformat()
    )
    assert done["state"] == "Completed", done
    assert start.isoformat()[:10] in done["value"]


def test_a_held_file_is_waited_for(prefect: Prefect) -> None:
    """The task runs again after a while, and goes through once the other process has let go."""
    program = "import duckdb, sys, time\nheld = duckdb.connect(sys.argv[1])\nprint('held', flush=True)\ntime.sleep(20)\n"
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(prefect.leads / "leads.duckdb")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    start = datetime.now().astimezone() - timedelta(hours=1)
    done = prefect.flow(
        "again.py", "again", start=start.isoformat(), end=datetime.now().astimezone().isoformat()
    )
    holder.wait()
    assert done["state"] == "Completed", done
    assert done["tasks"]["leadloop extract"]["runs"] > 1
    assert any("leads.duckdb" in line for line in done["log"])


def test_what_fails_for_a_while_is_tried_three_times_more(prefect: Prefect) -> None:
    """A CRM that answers in no known shape: then the flow fails."""
    fault = prefect.crm.faults.add("no_success")
    start = datetime.now().astimezone() - timedelta(hours=1)
    done = prefect.flow(
        "again.py", "again", start=start.isoformat(), end=datetime.now().astimezone().isoformat()
    )
    prefect.crm.faults.remove(fault)
    assert done["state"] == "Failed"
    assert done["tasks"]["leadloop extract"]["runs"] == 4
    assert "LeadloopFailedError: leadloop ended with 1" in done["tasks"]["leadloop extract"]["message"]


def test_the_page_serves_a_deployment(prefect: Prefect) -> None:
    """``leads.py`` as it stands makes a deployment with its schedule, for one run at a time."""
    serving = subprocess.Popen(
        [prefect.python, str(prefect.folder / "leads.py")],
        cwd=prefect.folder,
        env=prefect.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(20):
            time.sleep(3)
            shown = subprocess.run(
                [
                    prefect.python,
                    "-m",
                    "prefect",
                    "deployment",
                    "inspect",
                    "leadloop/leads",
                    "--output",
                    "json",
                ],
                env=prefect.environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if shown.returncode == 0:
                break
        found = json.loads(shown.stdout)
    finally:
        serving.terminate()
        serving.wait()
    assert found["parameters"]["pushes"] == ["tiers_to_convoso"]
    assert found["schedules"][0]["schedule"]["cron"] == "*/15 * * * *"


def test_every_field_of_the_block_is_on_the_page(prefect: Prefect) -> None:
    """With no other beside it."""
    program = (
        "import json\nfrom connector.orchestrators.prefect import LeadloopProject\n"
        "print(json.dumps([name for name in LeadloopProject.model_fields if not name.startswith('_')]))\n"
    )
    fields = json.loads(prefect.run(str(prefect.python), "-c", program).splitlines()[-1])
    table = PAGE.partition("## The block")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.M)) == set(fields)


def test_secrets_are_stars(prefect: Prefect) -> None:
    """Prefect shows the block without them."""
    shown = prefect.run(str(prefect.python), "-m", "prefect", "block", "inspect", "leadloop-project/leads")
    assert "CRM__CONVOSO__AUTH_TOKEN" in shown
    assert prefect.crm.token not in shown
