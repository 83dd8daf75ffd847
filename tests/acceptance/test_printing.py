"""A run whose output goes to ASCII, to a reader that has gone or to a full disk sends what it was to send, and ends with 0."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connector.sandbox import Sandbox
from tests.acceptance.conftest import WITHOUT_SETTINGS

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

ASCII = {
    "LANG": "C",
    "LC_ALL": "C",
    "PYTHONIOENCODING": "ascii",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
}


def test_no_output_fails_a_run(places: Any) -> None:
    """Each in a process of its own, with something to send: told in the journal and in ``leadloop.runs``."""
    with Sandbox(leads=4) as crm:
        place = places(crm)
        place.project("select 1 as one", titles="key = 'lead_id', fields = {'title': 'value'}, max_share = 1")

        def run(value: str, shell: str, **env: str) -> "subprocess.CompletedProcess[bytes]":
            place.write(
                "models/wanted.sql",
                f"select lead_id, '{value}' as value from {{{{ ref('leadloop', 'leads') }}}}",
            )
            leadloop = f"{sys.executable} -m connector.cli run --yes --first"
            done = subprocess.run(
                ["bash", "-c", f"set -o pipefail; {shell.format(leadloop)}"],
                cwd=place.folder,
                env={**WITHOUT_SETTINGS, **place.env, **env},
                capture_output=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert b"Traceback" not in done.stderr
            assert {row["title"] for row in map(crm.book.row, crm.book.ids())} == {value}
            assert place.rows("select exit_code from leadloop.runs order by started_at desc limit 1") == [
                (0,)
            ]
            return done

        done = run("é→漢", "{}", **ASCII)
        assert done.stdout.isascii()
        assert b"titles -> convoso: 4 of 4 leads applied" in done.stdout
        run("two", "{} 2>&1 | head -n 1")
        if Path("/dev/full").exists():
            run("three", "{} > /dev/full 2> /dev/full")
