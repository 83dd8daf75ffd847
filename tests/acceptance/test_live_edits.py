"""Leads that are edited while they are read."""

import time
from typing import Any

import pytest

from connector.sandbox import Sandbox

pytestmark = pytest.mark.timeout(600)

TIMES = ("created_at", "modified_at")


def blank_as_null(row: Any) -> Any:
    return {name: value if value and value.strip() else None for name, value in row.items()}


@pytest.mark.long
def test_leads_edited_fifty_times_a_second_are_complete_after_one_more_run(places: Any) -> None:
    """3,000 leads under edits: after the edits stop and one more run analytics.leads equals the book, field by field."""
    with Sandbox(leads=3000, latency=0.1) as crm:
        place = places(crm)
        place.env["CRM__CONVOSO__PAGE_SIZE"] = "100"
        reading = place.start("extract")
        while not crm.calls.count("search"):
            time.sleep(0.01)
        crm.edits_per_second = 50
        assert reading.wait().code == 0
        crm.edits_per_second = 0
        assert crm.state()["edits"] > 50

        place.run("extract", CRM__CONVOSO__PAGE_SIZE="2000")
        place.run("build", "--select", "+leads")
        book = crm.book.rows()
        names = list(next(iter(book.values())))[1:]
        columns = ", ".join(
            f"strftime(timezone('{crm.timezone}', {name}), '%Y-%m-%d %H:%M:%S')" if name in TIMES else name
            for name in names
        )
        found = {
            row[0]: dict(zip(names, row[1:], strict=True))
            for row in place.rows(f"select lead_id, {columns} from analytics.leads")
        }
        assert found.keys() == book.keys()
        different = {
            lead_id: {
                name: (found[lead_id][name], value)
                for name, value in blank_as_null(row).items()
                if name != "id" and found[lead_id][name] != value
            }
            for lead_id, row in book.items()
        }
        assert not {lead_id: fields for lead_id, fields in different.items() if fields}
        assert place.rows("select count(*) from analytics.leads") == [(3000,)]
