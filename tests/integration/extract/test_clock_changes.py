"""An account in Los Angeles while its clocks change: the hour that never happens, and the one that happens twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

SPRING = datetime(2026, 3, 8, 10, tzinfo=UTC)  # 02:00 PST becomes 03:00 PDT
AUTUMN = datetime(2026, 11, 1, 9, tzinfo=UTC)  # 02:00 PDT becomes 01:00 PST


@pytest.mark.long
@pytest.mark.parametrize(("change", "fold"), [(SPRING, 0), (AUTUMN, 0), (AUTUMN, 1)])
def test_runs_throughout_a_change_miss_nothing(
    duck: Any, sandbox: Any, at: Any, change: Any, fold: Any
) -> None:
    """Leads come and are edited every few minutes; each run has all there was, also in the middle of the repeated hour."""
    time = at(change - timedelta(hours=3))
    crm = sandbox(leads=0, clock=time, fold=fold)
    for minutes in range(-170, 0, 4):
        crm.book.add({"first_name": "before"}, modified_at=change + timedelta(minutes=minutes))
    for minutes in (-31, 0, 29, 59, 125):
        time.now = change + timedelta(minutes=minutes, seconds=7)
        crm.book.add({"first_name": f"at {minutes}"})
        crm.book.edit(crm.book.ids()[minutes % 30], {"status": f"edited at {minutes}"})
        duck.extract(crm, page_size=20)
        due = {
            lead_id for lead_id in duck.missing(crm) if crm.book.find(lead_id).updated <= time.now.timestamp()
        }
        assert due == set(), f"after the run {minutes} minutes past the change"


def test_many_leads_in_the_hour_that_happens_twice(duck: Any, sandbox: Any, at: Any) -> None:
    """More leads than pages hold, in both of its passes: bounds are not split there, and every lead is read."""
    time = at(AUTUMN + timedelta(days=2))
    crm = sandbox(leads=0, clock=time, fold=1)
    for step in range(0, 2 * 3600, 12):
        crm.book.add({"first_name": "x"}, modified_at=AUTUMN - timedelta(hours=1) + timedelta(seconds=step))
    duck.extract(crm, page_size=50)
    assert duck.missing(crm) == {}


def test_a_cursor_inside_the_repeated_hour(duck: Any, sandbox: Any, at: Any) -> None:
    """A run between the two passes leaves a cursor from which the second pass is read, though its clock shows less."""
    time = at(AUTUMN - timedelta(minutes=10))
    crm = sandbox(leads=0, clock=time)
    first = crm.book.add({"status": "NEW"})
    duck.extract(crm)
    time.now = AUTUMN + timedelta(minutes=20)  # 01:20 again; the cursor stands at the first 01:50
    crm.book.edit(first, {"status": "SALE"})
    duck.extract(crm)
    assert duck.missing(crm) == {}
    assert duck.cursor(crm) == time.now
