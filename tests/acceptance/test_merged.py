"""A lead that somebody merged into another one: it is a removed one, and nothing is sent to either unless the row says whom it means."""

from typing import Any

import pytest

from connector.sandbox import Sandbox

PUSH = "cities"
WANTED = "select cast('{lead}' as text) as lead_id, 'London' as city"
FOLLOWING = (
    "select coalesce(leads.merged_into, wanted.lead_id) as lead_id, 'London' as city "
    "from (select cast('{lead}' as text) as lead_id) as wanted "
    "left join {{{{ ref('leadloop', 'leads') }}}} as leads on wanted.lead_id = leads.lead_id"
)
OPTIONS = "key = 'lead_id', fields = {'mx_City': 'city'}, max_share = none"


@pytest.mark.long
def test_a_merged_lead_gets_nothing_until_the_row_follows_it(places: Any) -> None:
    """Then the lead that stays gets what the row says, as any other."""
    with Sandbox(leads=10) as crm:
        vendor: Any = crm.vendors["leadsquared"]
        gone, stays = vendor.leads.ids()[:2]
        place = places()
        for name, value in {**crm.settings()["leadsquared"], "settle": "0", "rate": "1000"}.items():
            place.env[f"CRM__LEADSQUARED__{name.upper()}"] = value
        place.project(WANTED.format(lead=gone))
        model = "{{ leadloop.push(desired = ref('wanted'), crm = 'leadsquared', " + OPTIONS + ") }}"
        place.write(f"models/pushes/{PUSH}.sql", model)
        place.run("extract", "--crm", "leadsquared")
        vendor.merge(gone, stays)
        read = place.json("extract", "--crm", "leadsquared")
        assert read["removals"] == 1
        place.run("build")
        assert place.rows(
            f"select removal, merged_into from analytics.leads where lead_id in ('{gone}', '{stays}') "
            "order by removal nulls last"
        ) == [("merged", stays), (None, None)]
        planned = place.json("plan", PUSH)
        assert (planned["totals"]["removed"], planned["leads"]) == (1, [])
        assert "1 lead deleted, archived or merged in leadsquared" in place.run("plan", PUSH).stdout

        place.write("models/wanted.sql", FOLLOWING.format(lead=gone))
        place.run("build")
        assert place.json("push", PUSH, "--yes", "--first")["leads_by_state"] == {"applied": 1}
        assert vendor.leads.row(stays)["mx_City"] == "London"
