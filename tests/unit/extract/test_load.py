"""What is told while leads are read that belong to no window."""

from connector.extract.job import Progress
from connector.extract.load import told


def test_leads_that_are_read_one_by_one_are_counted() -> None:
    """Each is told of before it is read, and the stage only where there is one."""
    stages: list[str] = []
    progress: list[Progress] = []

    def read(*leads: str) -> list[str]:
        return list(told(leads, lambda: stages.append("read back"), progress.append))

    assert read("a", "b", "c") == ["a", "b", "c"]
    assert stages == ["read back"]
    assert [(each.rows, each.calls, each.window) for each in progress] == [
        (0, 0, None),
        (1, 1, None),
        (2, 2, None),
    ]
    assert read() == []
    assert stages == ["read back"]
