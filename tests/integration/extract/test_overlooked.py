"""An account that overlooks what a search asks for: an error that names it, and the cursor stays."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from connector.crm.base import Page
from connector.errors import UnexpectedAnswerError
from connector.extract.recordings import recordings_of


@pytest.mark.parametrize("cursor", ["updated_at", "changed_at"])
@pytest.mark.parametrize("envelope", ["live", "community"])
def test_a_time_filter_that_is_overlooked(duck: Any, sandbox: Any, cursor: Any, envelope: Any) -> None:
    """Whatever clock is asked for, and whether there are totals or not."""
    crm = sandbox(leads=60, ignore_time=True, envelope=envelope)
    with pytest.raises(UnexpectedAnswerError, match=f"time filter {cursor!r}"):
        duck.extract(crm, page_size=20, cursor=cursor)
    assert duck.cursor(crm) is None


@pytest.mark.parametrize("envelope", ["live", "community"])
def test_an_offset_that_is_overlooked(duck: Any, sandbox: Any, envelope: Any) -> None:
    """Leads of one second, of which only the first page is ever shown."""
    second = datetime(2026, 6, 1, 15, 0, 1, tzinfo=UTC)
    crm = sandbox(leads=0, ignore_offset=True, envelope=envelope, clock=lambda: second)
    for _ in range(50):
        crm.book.add({"phone_number": "5551234567"})
    with pytest.raises(UnexpectedAnswerError, match="overlooks 'offset'"):
        duck.extract(crm, page_size=10)
    assert duck.cursor(crm) is None


class SameRecordings:
    """A lead with more recordings than it ever shows: wherever it is to go on, the first ones come again."""

    capabilities = SimpleNamespace(name="convoso")
    zone = SimpleNamespace(key="UTC")

    def __init__(self, total: Any) -> None:
        self.total, self.calls = total, 0

    def recordings(self, lead_id: Any, bounds: Any, *, offset: Any = 0, limit: Any = None) -> Any:
        self.calls += 1
        return Page([{"recording_id": str(each)} for each in range(10)], self.total, bounds[0])


class Signed(SameRecordings):
    """Recordings without an id whose address has a new signature in every answer."""

    def recordings(self, lead_id: Any, bounds: Any, *, offset: Any = 0, limit: Any = None) -> Any:
        self.calls += 1
        return Page([{"url": f"https://x/{each}?{self.calls}"} for each in range(limit)], None, bounds[0])


def test_recordings_that_look_new_each_time_end() -> None:
    """More than anybody has of one lead are no recordings."""
    reader: Any = Signed(None)
    with pytest.raises(UnexpectedAnswerError, match="no end of them"):
        recordings_of(reader, "7", (datetime(2026, 1, 1), datetime(2026, 1, 2)))


class Undercounted(SameRecordings):
    """Thirty recordings, ten on a page, and a total that counts less than are shown."""

    def recordings(self, lead_id: Any, bounds: Any, *, offset: Any = 0, limit: Any = None) -> Any:
        self.calls += 1
        rows = [{"recording_id": str(each)} for each in range(offset, min(offset + 10, 30))]
        return Page(rows, self.total, bounds[0])


@pytest.mark.parametrize("total", [0, 5, 12, 30])
def test_a_total_of_recordings_that_is_too_small_is_no_end(total: Any) -> None:
    """What was shown says more than the total does."""
    reader: Any = Undercounted(total)
    pages = recordings_of(reader, "7", (datetime(2026, 1, 1), datetime(2026, 1, 2)))
    assert len({row["recording_id"] for page in pages for row in page.rows}) == 30
    assert reader.calls <= 4


@pytest.mark.parametrize("total", [None, 25])
def test_recordings_whose_offset_is_overlooked(total: Any) -> None:
    """They are not taken for all of them where no total tells."""
    reader: Any = SameRecordings(total)
    with pytest.raises(UnexpectedAnswerError, match="overlooks 'offset'"):
        recordings_of(reader, "7", (datetime(2026, 1, 1), datetime(2026, 1, 2)))
    assert reader.calls < 20
