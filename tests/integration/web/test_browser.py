"""The pages in a real browser: scripts run, nothing is refused, and nothing sticks out of a phone's screen."""

import re
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import PUSH, Past
from tests.integration.web.conftest import KEYS

PICTURES = runpy.run_path(str(Path(__file__).parents[3] / "docs" / "screenshots.py"))
FLAGS: tuple[str, ...] = PICTURES["FLAGS"]
CHROMIUM: str | None = PICTURES["browser"]()
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)"
    ),
]
REFUSED = re.compile(r"Refused to|Content.Security.Policy|Uncaught|SyntaxError|ERR_", re.IGNORECASE)


def looked_at(address: str, folder: Path, width: int = 1280) -> tuple[str, str]:
    """(what the page has become, what the browser complained of)."""
    done = subprocess.run(
        [
            *(str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900"),
            *("--enable-logging=stderr", "--virtual-time-budget=3000", "--dump-dom", address),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, "\n".join(console)


def test_scripts_run_and_nothing_is_refused(fresh: Any, past: Past, tmp_path: Path) -> None:
    """The content security policy stands in the way of nothing that the pages need; times are in the reader's zone."""
    with fresh("update analytics.lead_scores set score = score + 7") as browser:
        addresses = (
            "/",
            f"/pushes/{PUSH}",
            f"/leads/{KEYS.lead('convoso', past.renamed)}",
            "/conflicts",
            "/runs",
            "/leads",
        )
        for number, address in enumerate(addresses):
            page, complaints = looked_at(f"http://127.0.0.1:{browser.port}{address}", tmp_path / str(number))
            assert not REFUSED.search(complaints), (address, complaints)
            assert "<h1" in page
        lead, _ = looked_at(f"http://127.0.0.1:{browser.port}{addresses[2]}", tmp_path / "times")
        assert "data-local" in lead


def test_a_plan_that_was_written_to_a_file_works_without_leadloop(fresh: Any, tmp_path: Path) -> None:
    """Its script runs under its own policy, and shows the rows; on a phone nothing is wider than the screen."""
    from connector.render.plan_page import plan_page

    with fresh("update analytics.lead_scores set score = score + 7, tier = '<b>new</b>'") as browser:
        made = browser.site.plans.get(PUSH, patience=60)
        file = tmp_path / "plan.html"
        file.write_text(plan_page(made.rows.plan), encoding="utf-8")
    page, complaints = looked_at(f"file://{file}", tmp_path / "file")
    assert not REFUSED.search(complaints), complaints
    assert page.count("“&lt;b&gt;new&lt;/b&gt;”") > 3
