"""What is told while leads are read that belong to no window."""

from datetime import UTC, datetime

from connector.crm.base import Page
from connector.extract.job import Progress
from connector.extract.load import told


def test_leads_that_are_read_back_are_counted() -> None:
    """Each lead after it was read, with the calls so far: of a page that several share, one of them has the call."""
    progress: list[Progress] = []
    found = [
        (each, Page([], None, datetime.now(UTC), calls)) for each, calls in (("a", 2), ("b", 0), ("c", 1))
    ]
    assert list(told(found, progress.append)) == found
    assert [(each.rows, each.calls, each.window) for each in progress] == [
        (1, 2, None),
        (2, 2, None),
        (3, 3, None),
    ]
