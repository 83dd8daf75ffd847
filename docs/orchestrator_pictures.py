"""Takes pictures of the plan on the orchestrators' own pages, with leads of the sandbox; ``make screenshots-orchestrators``.

    python docs/orchestrator_pictures.py [dagster] [prefect] [airflow]

They are the pictures of the pages in docs/, and ``dagster-push`` is in ``build/screenshots``. Each orchestrator's own server runs the code of its page in docs/, in the environments of
``make test-orchestrators``. It needs Chromium (Debian: ``apt-get install chromium``), which loads nothing but these pages.
"""

import base64
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen  # noqa: TID251 - not leadloop, but who looks at Prefect

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.integration.web.chrome import Chrome, chrome  # noqa: E402 - the tests are found from here
from tests.postgres import free_port  # noqa: E402

PICTURES = runpy.run_path(str(ROOT / "docs/screenshots.py"))
PUSH = "tiers_to_convoso"
PATIENCE = 300.0
# Without the question whether one wants to join Dagster's community.
QUIET = "telemetry: {enabled: false}\nnux: {enabled: false}\n"


class Page(NamedTuple):
    """A page, and the words by which it is known to be whole."""

    name: str
    address: str
    words: str
    height: int = 1_000


@contextmanager
def server(command: list[str], folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """A server with all of its processes, while it is needed."""
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - of our own environment
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def reached(address: str) -> None:
    """Waits for a server that is starting."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            urlopen(address, timeout=60).close()  # noqa: S310 - our own server
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(1)
        else:
            return


def dagster(folder: Path) -> Iterator[Page]:
    """The check that stops a first time, then the push that somebody has agreed to."""
    from tests.orchestrators.test_dagster import scaffolded

    with scaffolded(folder) as project:
        port, definitions = free_port(), ["-m", "orchestration.definitions"]
        (folder / "home").mkdir()
        (folder / "home/dagster.yaml").write_text(QUIET)
        project.environment["DAGSTER_HOME"] = str(folder / "home")
        job = [sys.executable, "-m", "dagster", "job", "execute", *definitions, "-j", "leadloop"]
        pages = [sys.executable, "-m", "dagster_webserver", *definitions, "-h", "127.0.0.1", "-p", str(port)]
        stopped = subprocess.run(  # noqa: S603 - of our own environment
            job, cwd=project.folder, env=project.environment, capture_output=True, text=True, check=False
        )
        if f"{PUSH}_may_be_sent" not in stopped.stderr:
            sys.exit(stopped.stderr[-3_000:])
        # Only now, since both parse the dbt project while they start.
        with server(pages, project.folder, project.environment):
            place = f"http://127.0.0.1:{port}/assets"
            check = f"{place}/{PUSH}?view=checks&checkDetail={PUSH}_may_be_sent"
            reached(f"http://127.0.0.1:{port}/server_info")
            yield Page("dagster", check, "nobody has agreed")
            project.set(first=True)
            project.run(*job)
            yield Page("dagster-push", f"{place}/convoso/{PUSH}?view=overview", "applied")


def prefect(folder: Path) -> Iterator[Page]:
    """The artifact of a plan that a first time stops."""
    from tests.orchestrators.test_prefect import started

    with started(folder, pages=True) as place:
        place.flow("flow.py", "loop", project="leads", crms=["convoso"], pushes=[PUSH])
        api = place.environment["PREFECT_API_URL"]
        asked = Request(f"{api}/artifacts/filter", b"{}", {"Content-Type": "application/json"})  # noqa: S310 - our own server
        with urlopen(asked, timeout=60) as found:  # noqa: S310
            (artifact,) = (each["id"] for each in json.load(found) if each["type"] == "markdown")
        # The page of the key shows its history alone.
        yield Page("prefect", f"{api.removesuffix('/api')}/artifacts/artifact/{artifact}", "guardrail")


def airflow(folder: Path) -> Iterator[Page]:
    """What a person is asked."""
    from tests.orchestrators.test_airflow import started

    with started(folder) as place:
        place.trigger("leads")
        run = place.asked("reviewed")["task_instance"]["dag_run_id"]
        task = f"{place.url}/dags/reviewed/runs/{run}/tasks/look"
        yield Page("airflow", f"{task}/required_actions", "guardrail", 740)


ORCHESTRATORS: Mapping[str, Callable[[Path], Iterator[Page]]] = {
    "dagster": dagster,
    "prefect": prefect,
    "airflow": airflow,
}


def take(browser: Chrome, page: Page) -> None:
    """The page may first go elsewhere, to sign somebody in. What never was whole has a picture too, to see why."""
    size = {"width": 1_400, "height": page.height, "deviceScaleFactor": 1, "mobile": False}
    browser("Emulation.setDeviceMetricsOverride", **size)
    browser("Page.navigate", url=page.address)
    try:
        browser.until(f"document.body.innerText.includes({page.words!r})", PATIENCE)
    finally:
        time.sleep(3)  # what still moves comes to rest
        file = (ROOT / "docs" if page.name in ORCHESTRATORS else PICTURES["FOLDER"]) / f"{page.name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(browser("Page.captureScreenshot")["data"]))
        print(file)  # noqa: T201


def main() -> None:
    command = PICTURES["browser"]()
    if command is None:
        sys.exit("Chromium is not installed. On Debian: apt-get install chromium")
    for name in sys.argv[1:] or ORCHESTRATORS:
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            closing(ORCHESTRATORS[name](Path(folder))) as pages,
        ):
            for page in pages:
                with chrome(command, PICTURES["FLAGS"]) as browser:
                    take(browser, page)


if __name__ == "__main__":
    main()
