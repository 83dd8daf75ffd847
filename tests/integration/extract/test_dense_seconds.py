"""More leads on one second than a page holds: bounds that can't be split are still read whole."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

SECOND = datetime(2026, 6, 1, 15, 0, 1, tzinfo=UTC)


def import_leads(crm: Any, count: int) -> None:
    """A list import: every lead with the same modification time, and a few around it."""
    for number in range(count):
        crm.book.add({"first_name": f"n{number}", "list_id": "1001"}, modified_at=SECOND)
    for seconds in (-2, -1, 1, 2):
        crm.book.add({"first_name": "near"}, modified_at=SECOND + timedelta(seconds=seconds))


@pytest.mark.long
@pytest.mark.parametrize(("envelope", "page_size"), [("live", 2000), ("community", 2000), ("community", 500)])
def test_three_thousand_leads_on_one_second_while_others_are_edited(
    duck: Any, sandbox: Any, envelope: Any, page_size: Any
) -> None:
    """With and without a total, all of them are in raw, and one more run brings what was edited meanwhile."""
    crm = sandbox(leads=300, envelope=envelope, edits_per_second=40)
    import_leads(crm, 3000)
    first = duck.extract(crm, page_size=page_size)
    crm.edits_per_second = 0
    assert crm.editor.edits > 0
    assert first.calls < 400
    duck.extract(crm, page_size=page_size)
    assert duck.missing(crm) == {}


def test_a_dense_second_whose_own_leads_are_edited(duck: Any, sandbox: Any) -> None:
    """Leads that leave the second while its pages are read shift the others, and none slips through."""
    crm = sandbox(leads=0, edits_per_second=150)
    import_leads(crm, 3000)
    duck.extract(crm, page_size=500)
    crm.edits_per_second = 0
    assert crm.editor.edits > 0
    duck.extract(crm, page_size=500)
    assert duck.missing(crm) == {}


@pytest.mark.parametrize("most", [100, 2500])
def test_a_total_that_stops_counting(duck: Any, sandbox: Any, most: Any) -> None:
    """A server whose totals end at some number, as search engines' do, is found out, and read to the end."""
    crm = sandbox(leads=0)
    import_leads(crm, 3000)
    vendor = crm.vendors["convoso"]
    envelope = vendor._envelope
    vendor._envelope = lambda paging, total, rows: envelope(paging, min(total, most), rows)
    duck.extract(crm, page_size=500)
    assert duck.missing(crm) == {}
