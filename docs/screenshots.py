"""Takes pictures of the pages of ``leadloop serve``, with leads of the sandbox; ``make screenshots``.

    python docs/screenshots.py [FOLDER] [--again]

They are written into ``build/screenshots``, for wide and narrow screens, light and dark; the picture in the README is ``docs/page.png``. ``--again`` shows the warehouse of the last time.
It needs Chromium (Debian: ``apt-get install chromium``), which loads nothing but these pages.
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "screenshots"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PUSH = "lead_scores_to_convoso"
WIDTHS = {"wide": 1280, "phone": 390}
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip


def browser() -> str | None:
    """The path of Chromium, if it is installed."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def picture(command: str, address: str, file: Path, width: int, height: int, *, dark: bool = False) -> None:
    """What Chromium shows of a page."""
    with tempfile.TemporaryDirectory() as own:
        more = ["--blink-settings=preferredColorScheme=0"] if dark else []
        subprocess.run(  # noqa: S603 - a browser that this machine has, with our own arguments
            [
                *(command, *FLAGS, *more, f"--user-data-dir={own}", f"--window-size={width},{height}"),
                *("--virtual-time-budget=4000", f"--screenshot={file}", address),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )


def make_warehouse(folder: Path, leads: int = 3_000) -> Path:
    """The warehouse of `leadloop demo`: values that were sent, that wait, that are in conflict, that were refused. Its file."""
    from rich.console import Console

    from connector import demo

    quiet = Console(file=io.StringIO(), width=100)
    demo.run(leads, folder, out=quiet, err=quiet)
    return folder / "leads.duckdb"


def places(path: Path) -> tuple[str, str]:
    """A lead that somebody has edited after it was sent, and the first run of the push."""
    import duckdb

    with duckdb.connect(str(path), read_only=True) as connection:
        lead = connection.execute(
            "select lead_id from analytics.lead_changes where field = 'lead_score' and origin = 'crm'"
            " order by lead_id limit 1"
        ).fetchone()
        run = connection.execute(
            "select run_id from leadloop.push_runs where push = ? and leads > 0 order by started_at limit 1",
            [PUSH],
        ).fetchone()
    assert lead is not None and run is not None  # noqa: PT018 - both or neither
    return str(lead[0]), str(run[0])


@contextmanager
def served(path: Path, *more: str) -> Iterator[str]:
    """The pages of a warehouse, with the plans of its pushes and of ``more``; yields their address."""
    from connector.views.settings import page_settings
    from connector.warehouse import models
    from connector.warehouse.connection import Warehouse
    from connector.web.keys import Keys
    from connector.web.sending import Sender
    from connector.web.server import HOST, Server, bound
    from connector.web.site import Site

    os.environ.setdefault("LEDGER__APPROVAL_KEY", "only for pictures, nothing is sent")
    project = models.packaged_project()
    site = Site.over(
        Warehouse.duckdb(path), project, page_settings(), Keys(b"pictures" * 4), sender=Sender(project)
    )
    server = Server(site, bound(HOST, None), token=None, log=lambda *_: None).start()
    for name in (*(each.name for each in site.plans.pushes), *more):
        site.plans.get(name, patience=60)
    try:
        yield f"http://{HOST}:{server.port}"
    finally:
        server.stop()


def main() -> None:
    command = browser()
    if command is None:
        sys.exit("Chromium is not installed. On Debian: apt-get install chromium")
    given = [each for each in sys.argv[1:] if not each.startswith("--")]
    folder = Path(given[0]).absolute() if given else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "demo" / "leads.duckdb"
    os.chdir(folder)
    if "--again" not in sys.argv or not path.is_file():
        path = make_warehouse(folder / "demo")
    from connector.demo import settings_of
    from connector.sandbox import Sandbox
    from connector.web.keys import Keys

    edited, run = places(path)
    lead = Keys(b"pictures" * 4).lead("convoso", edited)
    pages = {
        "overview": ("/", 1_500, 2_600),
        "plan": (f"/pushes/{PUSH}", 1_900, 3_600),
        "conflicts": ("/conflicts", 900, 2_000),
        "lead": (f"/leads/{lead}", 1_100, 2_400),
        "runs": ("/runs", 1_000, 2_600),
        "run": (f"/push-runs/{run}", 800, 1_600),
        "undo": (f"/undo/{run}", 1_900, 3_600),
    }
    only = [each.removeprefix("--only=") for each in sys.argv if each.startswith("--only=")]
    # What takes a run back is made for an account: the one of a sandbox, of which nobody asks anything.
    with Sandbox(leads=50) as crm, settings_of(crm), served(path, f"undo {run}") as address:
        picture(command, f"{address}/", folder / "first.png", 400, 400)
        time.sleep(3)  # what the overview counts in the background is there by then
        (folder / "first.png").unlink()
        for name, (place, wide, phone) in pages.items():
            if only and name not in only:
                continue
            for size, width in WIDTHS.items():
                height = wide if size == "wide" else phone
                picture(command, address + place, folder / f"{name}-{size}.png", width, height)
            picture(command, address + place, folder / f"{name}-dark.png", WIDTHS["wide"], wide, dark=True)
            print(folder / f"{name}-wide.png")  # noqa: T201
        picture(command, f"{address}/pushes/{PUSH}", ROOT / "docs" / "page.png", WIDTHS["wide"], 1_000)


if __name__ == "__main__":
    main()
