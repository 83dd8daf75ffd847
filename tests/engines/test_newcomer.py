"""Somebody who follows docs/engines.md word by word comes to a plan, and to a push."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from connector.sandbox import Sandbox
from tests.engines import SPARK

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
PAGE = Path(__file__).parents[2] / "docs" / "engines.md"


@pytest.mark.parametrize(
    ("heading", "needed", "files"),
    [
        (
            "## DuckLake",
            "duckdb-extension-ducklake",
            {"leads.ducklake", "leads.files", "leads.ledger.duckdb"},
        ),
        pytest.param(
            "## Spark",
            "duckdb-extension-delta",
            {"leads.delta", "leads.ledger.duckdb"},
            marks=SPARK.marks,
        ),
    ],
)
def test_the_lines_of_the_page_make_a_lake(
    heading: str, needed: str, files: set[str], tmp_path: Path
) -> None:
    """init, the lines of the page, check, run: the leads are in Parquet files, and ten of them get the example's title."""
    text = PAGE.read_text(encoding="utf-8").partition(f"{heading}\n")[2]
    lines = text.partition("```toml\n")[2].partition("```")[0]
    with Sandbox(leads=200) as crm:
        env = {
            **os.environ,
            "CRM__CONVOSO__BASE_URL": f"{crm.base_url}/v1",
            "CRM__CONVOSO__AUTH_TOKEN": crm.token,
            "CRM__CONVOSO__TIMEZONE": crm.timezone,
            "CRM__CONVOSO__RATE": "1000",
            "CRM__CONVOSO__SETTLE": "0",
        }

        def leadloop(*arguments: str, code: int = 0) -> str:
            done = subprocess.run(
                [str(Path(sys.executable).with_name("leadloop")), *arguments],
                cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == code, done.stdout + done.stderr
            return done.stdout + done.stderr

        leadloop("init")
        config = tmp_path / ".dlt" / "config.toml"
        before = re.sub(
            r"(?m)^\[warehouse\]\n(.*\n)*?\n|^\[destination.*\]\n(.*\n)*?\n", "", config.read_text()
        )
        config.write_text(f"{before}\n{lines}", encoding="utf-8")
        checked = leadloop("check")
        assert needed in checked
        leadloop("extract")
        leadloop("build")
        assert "10 leads of 200 would change" in leadloop("plan", "tiers_to_convoso")
        assert "10 of 10 leads applied" in leadloop("run", "--yes", "--first")
        assert sum(row.get("title") == "hot" for row in crm.book.rows().values()) == 10
        for command in ("snapshot", "serve"):
            assert "has no snapshot" in leadloop(command, code=2)
    assert {each.name for each in tmp_path.glob("leads*") if each.suffix != ".lock"} == files
    assert len(list(tmp_path.glob("leads.*/**/*.parquet"))) > 1
