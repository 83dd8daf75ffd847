"""A push to LeadSquared, one by one and 25 in a call: every lead ends in a state, also those of a call without an answer."""

from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.config import Secret
from connector.crm.leadsquared import LeadSquaredReader, LeadSquaredSettings, LeadSquaredWriter, open_session
from connector.push import deliver, plan_rows, recover
from connector.sandbox import Sandbox
from tests.integration.push.conftest import Push


@pytest.mark.parametrize(("bulk", "most_calls"), [(False, 61), (True, 10)])
def test_every_lead_is_accounted_for(local: Any, bulk: Any, most_calls: Any) -> None:
    """A refused lead, one that is gone, a value that is too long and a lost answer; the next run asks what it left open."""
    with Sandbox(leads=62) as crm:
        vendor: Any = crm.vendors["leadsquared"]
        leads = vendor.leads
        ids = leads.ids()
        refused, gone, too_long = ids[1], ids[2], ids[3]
        crm.refuse(refused, "MXInvalidInputException")
        leads.delete(gone)
        rows = [
            (each, "mx_City", "mx_city", None, "x" * 300 if each == too_long else "London", None, "change")
            for each in ids
        ]
        plan = plan_rows(Push(crm="leadsquared"), rows, made_at=datetime.now(UTC), crm_leads=len(ids))
        key = Secret(crm.token)
        settings = LeadSquaredSettings(
            base_url=crm.base_url, access_key=key, secret_key=key, rate=1000.0, bulk=bulk
        )
        with closing(open_session(settings)) as session:
            writer = LeadSquaredWriter(settings, session=session)
            reader = LeadSquaredReader(settings, session=session)
            writer.check(["mx_City"])
            path = "Lead/Bulk/UpdateV2" if bulk else "Lead.Update"
            crm.faults.add("drop_after_write", count=1, after=1, path=path)
            summary = deliver(plan, writer, local.journal, concurrency=1)
            assert summary.by_state["unknown"] >= 1
            assert sum(summary.by_state.values()) == 62
            assert 0 < crm.calls.count(path) <= most_calls
            found = recover("scores", local.journal, reader)
        ends = Counter({row.lead_id: row.state for row in local.journalled()}.values())
        # What a lost answer would have refused is put off: the lead doesn't show the value.
        assert ends["applied"] == 59
        assert ends["rejected"] + ends["deferred"] == 3
        assert (found.applied, found.unknown) == (summary.by_state["unknown"] - found.deferred, 0)
        assert {each for each in leads.ids() if leads.row(each)["mx_City"] == "London"} == set(ids) - {
            refused,
            gone,
            too_long,
        }
