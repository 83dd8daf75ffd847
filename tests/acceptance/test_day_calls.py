"""A plan with so many calls a day: whatever doesn't fit into the day waits for a date, and every command says what is left."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.sandbox import Sandbox

PUSH = "cities"
WANTED = "select lead_id, 'London' as city from {{ ref('leadloop', 'leads') }} where crm = 'leadsquared'"
OPTIONS = "key = 'lead_id', fields = {'mx_City': 'city'}, max_share = none"


@pytest.mark.long
def test_what_does_not_fit_into_the_day_waits_for_a_date(places: Any, tmp_path: Any) -> None:
    """A push ends with 3 and the date, in the middle or before it began; so does reading; with calls again, the rest goes out."""
    with Sandbox(leads=20) as crm:
        place = places()
        given = {**crm.settings()["leadsquared"], "settle": "0", "rate": "1000", "bulk": "false"}
        place.env |= {f"CRM__LEADSQUARED__{name.upper()}": value for name, value in given.items()}
        place.env["XDG_STATE_HOME"] = str(tmp_path / "state")
        place.project(WANTED)
        model = "{{ leadloop.push(desired = ref('wanted'), crm = 'leadsquared', " + OPTIONS + ") }}"
        place.write(f"models/pushes/{PUSH}.sql", model)
        read = place.json("extract", "--crm", "leadsquared")
        assert read["calls_today"] is None
        place.run("build")

        # What a push asks before it sends takes a few calls.
        place.env["CRM__LEADSQUARED__CALLS_PER_DAY"] = "1000"
        checked = place.run("push", PUSH, "--yes", "--first", "--limit", "1", "--json").json
        before = checked["calls_today"]["used"] - 1
        place.env["CRM__LEADSQUARED__CALLS_PER_DAY"] = str(checked["calls_today"]["used"] + before + 1)

        tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%F")
        pushed = place.json("push", PUSH, "--yes", "--first", code=3)
        assert (pushed["calls_today"]["left"], pushed["deferred_until"][:10]) == (0, tomorrow)
        assert pushed["leads_by_state"]["deferred"] >= 1
        assert sum(pushed["leads_by_state"].values()) == 19

        calls = crm.calls.count()
        held = place.run("push", PUSH, "--yes", code=3)
        assert (
            f"What is left waits until {tomorrow} 00:00 UTC, when leadsquared has calls again" in held.stdout
        )
        assert "leadsquared: 0 of " in held.stdout
        read = place.run("extract", "--crm", "leadsquared", code=3)
        assert "leadsquared has no calls left today" in read.message
        assert f"the next ones begin on {tomorrow} at 00:00 UTC" in read.message
        assert place.json("status")["calls_today"]["leadsquared"]["left"] == 0
        assert "leadsquared: 0 of " in place.run("status").stdout
        checks = {each["name"]: each for each in place.json("check", code=3)["checks"]}
        assert not checks["calls"]["ok"]
        assert crm.calls.count() == calls

        place.env["CRM__LEADSQUARED__CALLS_PER_DAY"] = "1000"
        rest = place.json("push", PUSH, "--yes")
        assert (rest["deferred_until"], set(rest["leads_by_state"])) == (None, {"applied"})
        assert rest["calls_today"]["left"] > 900
