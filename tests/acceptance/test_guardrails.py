"""What stops a push before it sends anything, through the command."""

import os
import pty
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest

from connector.sandbox import Sandbox
from tests.acceptance.conftest import WITHOUT_SETTINGS

pytestmark = pytest.mark.timeout(600)

WANTED = "select lead_id, 'A' as value from {{ ref('leadloop', 'leads') }}"
TWICE = (
    "select * from {{ ref('wanted') }} union all select * from {{ ref('wanted') }} where lead_id like '%1'"
)
PLAIN = "key = 'lead_id', fields = {'title': 'value'}, max_share = 1"


def in_a_terminal(place: Any, answer: Any, *argv: Any) -> Any:
    """What the command says in a terminal in which somebody gives this answer."""
    ours, theirs = pty.openpty()
    env = {**WITHOUT_SETTINGS, **place.env}
    command = [sys.executable, "-m", "connector.cli", *argv]
    with subprocess.Popen(command, cwd=place.folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        os.write(ours, answer.encode() + b"\n")
        said = b""
        # A terminal whose other end is closed is an error to read from, not an end.
        with suppress(OSError):
            while part := os.read(ours, 4096):
                said += part
    os.close(ours)
    return said.decode()


@pytest.mark.long
def test_what_is_wrong_with_a_push_stops_it_before_anything_is_sent(places: Any) -> None:
    """Guardrails, two rows for one lead, a no, a plan that moved, a failed test: nothing is sent, and it is said why."""
    with Sandbox(leads=100) as crm:
        place = places(crm)
        place.project(
            WANTED,
            too_many="key = 'lead_id', fields = {'title': 'value'}, max_changes = 99, max_share = 1",
            too_large_a_share="key = 'lead_id', fields = {'title': 'value'}, max_share = 0.5",
            allowed=PLAIN,
            cities="key = 'lead_id', fields = {'city': 'value'}, max_share = 1",
        )
        place.write("models/twice.sql", TWICE)
        place.push("doubled", PLAIN, desired="twice")
        stopped = ("too_many", "too_large_a_share", "doubled")
        ran = place.run("run", *(word for name in stopped for word in ("--push", name)), code=4)
        assert crm.calls.count("update") == 0

        for name, option in (
            ("too_many", "max_changes"),
            ("too_large_a_share", "max_share"),
            ("doubled", "row"),
        ):
            assert name in ran.message
            pushed = place.run("push", name, "--yes", code=4)
            assert option in pushed.message
            assert name in pushed.message
        shown = place.run("plan", "too_many", "--json", code=4)
        assert shown.json["problem"]["error"] == "GuardrailError"
        assert "max_changes" in shown.message

        asked = in_a_terminal(place, "n", "push", "allowed")
        assert "Send this to convoso?" in asked
        assert "Nothing was sent." in asked
        saved = place.folder / "plan.json"
        saved.write_text(place.run("plan", "allowed", "--json").stdout)
        page = place.run("plan", "allowed", "--html", "plan.html")
        assert "plan.html" in page.message
        assert (place.folder / "plan.html").stat().st_mode & 0o777 == 0o600
        place.write("models/wanted.sql", WANTED.replace("'A'", "'B'"))
        place.run("build", "--select", "+allowed")
        assert "plan" in place.run("push", "allowed", "--plan", "plan.json", code=4).message
        assert crm.calls.count("update") == 0

        place.run("push", "allowed", "--limit", "3", "--yes")
        assert crm.calls.count("update") == 3
        assert sum(row.get("title") == "B" for row in crm.book.rows().values()) == 3

        place.write("tests/nobody_is_meant.sql", "select lead_id from {{ ref('allowed') }}")
        place.run("build", "--select", "+allowed", code=1)
        assert "nobody_is_meant" in place.run("push", "allowed", "--yes", code=4).message
        assert crm.calls.count("update") == 3

        # Every one of these runs left a row: the exit code, why, and the run in the journal of those that sent.
        left = place.rows(
            "select push, exit_code, why is not null, push_run_id is not null, part_of is not null"
            " from leadloop.runs where command = 'push' order by started_at"
        )
        assert left[:3] == [(name, 4, True, False, True) for name in stopped]
        assert left[3:6] == [(name, 4, True, False, False) for name in stopped]
        assert left[-2:] == [("allowed", 0, False, True, False), ("allowed", 4, True, False, False)]
        assert place.rows("select exit_code from leadloop.runs where command = 'run'") == [(4,)]
        last = {each["push"]: each for each in place.json("status")["commands"] if each["command"] == "push"}
        assert last["allowed"]["exit_code"] == 4
        assert "nobody_is_meant" in last["allowed"]["why"]
        assert last["allowed"]["last_done_at"] < last["allowed"]["started_at"]
        assert last["doubled"]["last_done_at"] is None

        # Each lead has a city that nobody knows to be ours.
        cities = place.run("push", "cities", "--yes", "--limit", "2", code=4)
        assert "city (2 leads)" in cities.message
        assert "--first" in cities.message
        assert crm.calls.count("update") == 3
        place.run("push", "cities", "--first", "--limit", "2")
        assert crm.calls.count("update") == 5
        place.run("push", "cities", "--limit", "1")
        assert crm.calls.count("update") == 6
