"""Takes pictures of the pages of ``leadloop serve``, with leads of the sandbox; ``make screenshots``.

    python docs/screenshots.py [FOLDER] [--again]

They are written into ``build/screenshots``, for wide and narrow screens, light and dark. ``--again`` shows the warehouse of the last time.
It needs Chromium (Debian: ``apt-get install chromium``), which loads nothing but these pages.
"""

import os
import shutil
import subprocess
import sys
import tempfile
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


def make_warehouse(path: Path, leads: int = 3_000) -> None:
    """A warehouse in which everything is: values that were sent, that wait, that are in conflict, that were refused."""
    from connector import loop
    from connector.demo import settings_of
    from connector.sandbox import Sandbox
    from connector.warehouse import models
    from connector.warehouse.connection import Warehouse

    project, warehouse = models.packaged_project(), Warehouse.duckdb(path)
    with Sandbox(leads=leads, seed=7) as crm, settings_of(crm):
        loop.extract(warehouse)
        loop.build(warehouse, project)
        first = loop.plan(warehouse, PUSH, project)
        for lead in first.leads[20:26]:
            crm.refuse(lead.lead_id, 6005, field="title")
        loop.push(warehouse, PUSH, project, first=True, limit=180)
        for number, lead in enumerate(first.leads[:9]):
            crm.book.edit(lead.lead_id, {"lead_score": str(70 + 3 * number)})
        loop.extract(warehouse)
        loop.build(warehouse, project)


@contextmanager
def served(path: Path, **more: object) -> Iterator[str]:
    """The pages of a warehouse; yields their address."""
    from connector.views.settings import page_settings
    from connector.warehouse import models
    from connector.warehouse.connection import Warehouse
    from connector.web.keys import Keys
    from connector.web.server import HOST, Server, bound
    from connector.web.site import Site

    site = Site.over(
        Warehouse.duckdb(path), models.packaged_project(), page_settings(), Keys(b"pictures" * 4)
    )
    server = Server(site, bound(HOST, None), token=None, log=lambda *_: None).start()
    for made in site.plans.pushes:
        site.plans.get(made.name, patience=60)
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
    path = folder / "leads.duckdb"
    os.chdir(folder)
    if "--again" not in sys.argv or not path.is_file():
        for old in folder.glob("leads.*"):
            old.unlink()
        make_warehouse(path)
    from connector.web.keys import Keys

    lead = Keys(b"pictures" * 4).lead("convoso", "102551")
    pages = {
        "overview": ("/", 1_500, 2_600),
        "plan": (f"/pushes/{PUSH}", 1_900, 3_600),
        "conflicts": ("/conflicts", 900, 2_000),
        "lead": (f"/leads/{lead}", 1_100, 2_400),
        "runs": ("/runs", 700, 1_600),
    }
    only = [each.removeprefix("--only=") for each in sys.argv if each.startswith("--only=")]
    with served(path) as address:
        for name, (place, wide, phone) in pages.items():
            if only and name not in only:
                continue
            for size, width in WIDTHS.items():
                height = wide if size == "wide" else phone
                picture(command, address + place, folder / f"{name}-{size}.png", width, height)
            picture(command, address + place, folder / f"{name}-dark.png", WIDTHS["wide"], wide, dark=True)
            print(folder / f"{name}-wide.png")  # noqa: T201


if __name__ == "__main__":
    main()
