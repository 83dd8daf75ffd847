"""A server that only knows days: whole days are read, and of today only what is new is loaded."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

NOON = datetime(2026, 6, 3, 19, tzinfo=UTC)  # 12:00 in Los Angeles


@pytest.mark.parametrize("options", [{}, {"envelope": "community"}, {"times": "offset"}])
def test_several_runs_a_day(duck: Any, sandbox: Any, at: Any, options: Any) -> None:
    """Each run is complete; a later one of the same day loads what was edited since, not the day's leads again."""
    time = at(NOON - timedelta(hours=8))
    crm = sandbox(leads=0, clock=time, precision="day", **options)
    for hours in range(72):
        crm.book.add({"first_name": f"n{hours}"}, modified_at=time.now - timedelta(hours=hours))
    for number in range(150):
        crm.book.add({"first_name": f"m{number}"}, modified_at=time.now - timedelta(seconds=60 + number))
    first = duck.extract(crm, page_size=100)
    assert first.precision == "day"
    assert first.rows >= 222
    for hour in (3, 6):
        time.now = NOON - timedelta(hours=8 - hour)
        crm.book.edit(crm.book.ids()[hour], {"status": "SALE"})
        again = duck.extract(crm, page_size=100, lookback=60)
        assert again.rows <= 10
        assert duck.missing(crm) == {}


def test_a_day_of_more_than_a_page_while_it_is_edited(duck: Any, sandbox: Any) -> None:
    """The day's pages are read from the last to the first while its leads move, and one more run completes it."""
    crm = sandbox(leads=0, precision="day", timezone="UTC", edits_per_second=60)
    now = datetime.now(UTC)
    # All of them on this day, whatever time it is: else the edits move leads of yesterday into it on every pass.
    passed = now - now.replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(900):
        crm.book.add({"first_name": f"n{number}"}, modified_at=now - passed * number / 900)
    duck.extract(crm, page_size=100)
    crm.edits_per_second = 0
    assert crm.editor.edits > 0
    duck.extract(crm, page_size=100)
    assert duck.missing(crm) == {}


def test_a_day_over_a_clock_change(duck: Any, sandbox: Any, at: Any) -> None:
    """Days of 23 and 25 hours are read as whole as any other."""
    for change in (datetime(2026, 3, 8, 10, tzinfo=UTC), datetime(2026, 11, 1, 9, tzinfo=UTC)):
        time = at(change + timedelta(minutes=30))
        crm = sandbox(leads=0, clock=time, precision="day")
        for minutes in range(-1500, 31, 30):
            crm.book.add({"last_name": "x"}, modified_at=change + timedelta(minutes=minutes))
        duck.extract(crm, page_size=500, filters={"last_name": "x"})
        time.now += timedelta(minutes=50)
        crm.book.edit(crm.book.ids()[3], {"status": "SALE"})
        duck.extract(crm, page_size=500, filters={"last_name": "x"})
        assert duck.missing(crm) == {}
