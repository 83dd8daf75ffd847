"""A push of a thousand leads through the command: what is sent, what is not sent again, what the CRM refuses."""

from collections import Counter
from typing import Any

import pytest

from connector.sandbox import Sandbox

pytestmark = pytest.mark.timeout(600)

PUSH = "scores_to_convoso"
OPTIONS = "key = 'lead_id', fields = {'lead_score': 'score', 'title': 'tier'}, max_share = 1"


def wanted(score: Any = "7777", others: Any = ()) -> Any:
    """One row per lead: the score, or another for some leads."""
    cases = "".join(f" when '{lead_id}' then '{value}'" for lead_id, value in dict(others).items())
    chosen = f"case lead_id{cases} else '{score}' end" if cases else f"'{score}'"
    return f"select lead_id, {chosen} as score, 'hot' as tier from {{{{ ref('leadloop', 'leads') }}}}"


@pytest.mark.long
def test_a_thousand_leads_are_sent_once_and_refused_ones_again_only_with_a_new_value(places: Any) -> None:
    """1,000 leads cost 1,000 calls with exactly the changed fields, then none; a refused lead holds up no other."""
    with Sandbox(leads=1000) as crm:
        place = places(crm)
        place.project(wanted(), **{PUSH: OPTIONS})

        first = place.json("run", "--yes")
        calls = crm.calls.select("update")
        assert len(calls) == 1000
        assert {call.lead_id for call in calls} == set(crm.book.ids())
        assert {frozenset(call.names) for call in calls} == {frozenset({"lead_id", "lead_score", "title"})}
        assert all((row["lead_score"], row["title"]) == ("7777", "hot") for row in crm.book.rows().values())
        assert first["pushed"][PUSH]["leads_by_state"] == {"applied": 1000}
        assert first["pushed"][PUSH]["fields_by_state"] == {"applied": 2000}

        crm.calls.clear()
        second = place.json("run", "--yes")
        assert crm.calls.count("update") == 0
        assert second["pushed"][PUSH]["leads"] == 0
        assert second["extracted"]["convoso"]["read_back"] == 1000
        assert len(place.journal(PUSH, "confirmed")) == 2000
        origins = place.rows("select distinct origin from analytics.lead_changes where field = 'title'")
        assert origins == [("push",)]

        one, other, third = crm.book.ids()[:3]
        crm.refuse(one, 6008, field="lead_score", value="8888")
        crm.refuse(other, 6071, field="lead_score", value="8888")
        place.write("models/wanted.sql", wanted("8888"))
        place.run("build")
        refused = place.run("push", PUSH, "--yes", "--json", code=3)
        assert refused.json["leads_by_state"] == {"applied": 998, "rejected": 2}
        told = {each["lead_id"]: each for each in refused.json["unapplied"]}
        assert {lead_id: each["code"] for lead_id, each in told.items()} == {one: "6008", other: "6071"}
        assert all(each["state"] == "rejected" and each["reason"] for each in told.values())
        assert {frozenset(call.names) for call in crm.calls.select("update")} == {
            frozenset({"lead_id", "lead_score"})
        }

        crm.calls.clear()
        place.run("build")
        held = place.run("push", PUSH)
        assert crm.calls.count("update") == 0
        assert "2" in held.stdout
        assert len(place.json("plan", PUSH)["rejected"]) == 2

        place.write("models/wanted.sql", wanted("8888", {one: "9999", third: "1"}))
        place.run("build")
        place.run("push", PUSH)
        assert {call.lead_id for call in crm.calls.select("update")} == {one, third}
        assert crm.book.row(one)["lead_score"] == "9999"
        assert crm.book.row(other)["lead_score"] == "7777"

        crm.calls.clear()
        before, outcomes = place.json("plan", PUSH), place.rows("select * from analytics.push_outcomes")
        assert place.json("maintain")["moved"] > 4_000
        assert "0 rows moved from the journal" in place.run("maintain").stdout
        after = place.json("plan", PUSH)
        assert (after["leads"], after["rejected"]) == (before["leads"], before["rejected"])
        assert Counter(place.rows("select * from analytics.push_outcomes")) == Counter(outcomes)
        place.json("run", "--yes")
        assert crm.calls.count("update") == 0
