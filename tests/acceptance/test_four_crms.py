"""One run, four CRMs: the same scores for the same people, every lead accounted for, and no call too many."""

from collections import Counter
from typing import Any

import pytest

from connector.sandbox import Sandbox

pytestmark = pytest.mark.timeout(600)

REFUSALS = {
    "convoso": "6008",
    "leadsquared": "MXInvalidInputException",
    "pollybot": "DUPLICATE_EMAIL",
    "leadping": "400",
}
WRITES = {"convoso": "update", "leadsquared": "Lead.Update", "pollybot": "update", "leadping": "update"}
SCORED = 30
"""The newest 15 % of the 200 people."""


@pytest.mark.long
def test_a_run_over_four_crms_sends_each_changed_lead_once(places: Any) -> None:
    """200 leads each, some refused, one CRM that allows 25 calls in 5 seconds: every lead ends in a state that is true."""
    with Sandbox(leads=200, leadsquared_calls_per_5s=25) as sandbox:
        place = places()
        refused = {}
        for vendor, settings in sandbox.settings().items():
            # One call for each lead, so that calls can be counted by lead.
            pace = {"bulk": "false"} if vendor == "leadsquared" else {"rate": "1000"}
            for name, value in {**settings, "settle": "0", **pace}.items():
                place.env[f"CRM__{vendor}__{name}".upper()] = value
            crm: Any = sandbox.vendors[vendor]
            leads = sandbox.book if vendor == "convoso" else crm.leads
            refused[vendor] = set(leads.ids()[-10:][::5])
            for lead_id in refused[vendor]:
                sandbox.refuse(lead_id, REFUSALS[vendor])

        done = place.run("run", "--yes", "--json", code=3).json

        assert not [call for call in sandbox.calls if call.status == 429]
        for vendor, write in WRITES.items():
            pushed = done["pushed"][f"lead_scores_to_{vendor}"]
            assert pushed["leads_by_state"] == {"applied": SCORED - 2, "rejected": 2}, vendor
            assert {each["lead_id"] for each in pushed["unapplied"]} == refused[vendor]
            written = Counter(call.lead_id for call in sandbox.calls.select(write, vendor=vendor))
            assert len(written) == SCORED
            assert set(written.values()) == {1}
        # Once to extract it; once to merge into what is there, and once to see that it is there: for its one write.
        read = Counter(call.lead_id for call in sandbox.calls.select("read", vendor="leadping"))
        assert {read[lead_id] for lead_id in written.keys() - refused["leadping"]} == {3}

        sandbox.calls.clear()
        again = place.run("run", "--yes", "--json").json
        assert {push["leads"] for push in again["pushed"].values()} == {0}
        assert not [
            call for vendor, write in WRITES.items() for call in sandbox.calls.select(write, vendor=vendor)
        ]
        confirmed = place.rows(
            "select crm, count(distinct lead_id) from leadloop.push_journal where state = 'confirmed' group by crm"
        )
        assert dict(confirmed) == dict.fromkeys(WRITES, SCORED - 2)
