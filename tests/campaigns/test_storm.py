"""The storm in its short form, on each warehouse: some strikes at any time, a longer life before an issue is called resolved."""

from pathlib import Path
from typing import Any

import pytest

from connector.warehouse.connection import Warehouse
from tests.campaigns import storm
from tests.campaigns.storm_world import Table

pytestmark = pytest.mark.timeout(600)


@pytest.mark.long
def test_nothing_is_lost_doubled_mixed_or_stalled_in_a_storm(
    warehouse: Warehouse, tmp_path: Path, made_before: dict[Any, Any]
) -> None:
    """Killed, cut, put back, renamed, with a wrong clock, elsewhere and two at once: all comes to rest as it has to be."""
    said, strikes = list[str](), 2 * len(storm.KINDS)
    with storm.storm(warehouse, tmp_path, 1, said.append, made_before) as made:
        storm.campaign(made, strikes)
    total = sum(made.tables.values(), Table())
    assert not said
    assert total.clean
    assert total.strikes == strikes
