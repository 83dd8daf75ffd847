"""What a machine sees of the command: an age per CRM and push, and messages that are all lines of JSON."""

import json
from collections.abc import Callable
from typing import Any

from connector.sandbox import Sandbox


def test_a_run_that_nobody_watches(places: Callable[..., Any]) -> None:
    """The messages of a failed and of a good run are JSON, belong to a row of leadloop.runs, and the ages know the project's pushes."""
    with Sandbox(leads=30) as crm:
        place = places(crm)
        place.project(
            "select id as lead_id, 'hot' as tier from {{ ref('leadloop', 'leads') }}",
            tiers="key = 'lead_id', fields = {'title': 'tier'}",
        )
        failed = place.run("push", "tires", "--log-format", "json", code=2)
        (line,) = map(json.loads, failed.stderr.splitlines())
        assert line["level"] == "error"
        assert "tiers" in line["message"]
        done = place.run("extract", LEADLOOP_LOG_FORMAT="json")
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        assert next(each["message"] for each in lines if each["level"] == "info") == "extract convoso ..."
        (run_id,) = {each["run_id"] for each in lines}
        assert (run_id,) in place.rows("select run_id from leadloop.runs where command = 'extract'")
        found = place.run("status", "--max-age", "1h", "--json", code=1)
        ages = {(each["kind"], each["name"]): each for each in found.json["ages"]}
        assert (found.stdout.count("\n"), found.json["ok"]) == (1, False)
        assert not ages["crm", "convoso"]["stale"]
        push = ages["push", "tiers"]
        assert (push["crm"], push["last_at"], push["stale"]) == ("convoso", None, True)
        assert "push tiers (never done)" in found.stderr
