"""What is told while leads are read that belong to no window."""

from connector.extract.kinds import READ_BACK, _told
from connector.extract.source import Progress


def test_leads_that_are_read_one_by_one_are_counted() -> None:
    """Each is told of before it is read, and the stage only where there is one."""
    stages: list[str] = []
    progress: list[Progress] = []
    assert list(_told(["a", "b", "c"], stages.append, progress.append)) == ["a", "b", "c"]
    assert stages == [READ_BACK]
    assert [(each.rows, each.calls, each.window) for each in progress] == [
        (0, 0, None),
        (1, 1, None),
        (2, 2, None),
    ]
    assert list(_told([], stages.append, progress.append)) == []
    assert stages == [READ_BACK]
