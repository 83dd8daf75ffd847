"""What is done before each call to a CRM, which can take long: others may wait for something that this process holds.

Whoever holds such a thing adds what lets go of it. It is called from any thread, and costs nothing where nothing is held.
"""

from collections.abc import Callable

_LET_GO: list[Callable[[], None]] = []


def let_go_by(let_go: Callable[[], None]) -> None:
    """Has this called before each call."""
    _LET_GO.append(let_go)


def let_go() -> None:
    """To be called before anything that can take long."""
    for each in _LET_GO:
        each()
