"""The campaigns in their short form, so that they are known to work; their long forms are scripts."""

from pathlib import Path

import pytest

from tests.acceptance.conftest import PLACE, Launcher
from tests.campaigns import kill
from tests.campaigns.world import Table

pytestmark = pytest.mark.timeout(600)


@pytest.mark.long
def test_nothing_is_lost_by_runs_that_are_killed_in_every_stage(launcher: Launcher, tmp_path: Path) -> None:
    """Killed once in each stage: no lead lost, none doubled, no person's edit overwritten."""
    said = list[str]()
    found = kill.campaign(5, 1, tmp_path / PLACE, launcher, say=said.append)
    total = sum(found.values(), Table())
    assert not said
    assert total.clean
    assert total.kills == 5
