"""How long this process waits for what another one holds: a lock, or a DuckDB file. Not at all, unless somebody says so."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from connector.errors import LeadloopError

PAUSE = 0.25
"""Seconds between two tries."""
Found = TypeVar("Found")


class _Patience:
    def __init__(self, seconds: float, say: Callable[[str], None]) -> None:
        self.seconds = self.left = seconds
        self.say = say


_PATIENCE: list[_Patience] = []
"""The innermost last; not a context variable, since threads of a run wait as well."""


@contextmanager
def waiting(seconds: float, say: Callable[[str], None]) -> Iterator[None]:
    """Until the block ends, whoever finds something held tries again for so many seconds, counted over all such waits.

    ``say`` is told once per wait for whom it is.
    """
    mine = _Patience(seconds, say)
    _PATIENCE.append(mine)
    try:
        yield
    finally:
        _PATIENCE.remove(mine)


def is_on() -> bool:
    """Whether this process waits at all."""
    return bool(_PATIENCE)


def patiently(attempt: Callable[[], Found], held_by: Callable[[Exception], LeadloopError | None]) -> Found:
    """What ``attempt`` returns. It is tried again while ``held_by`` makes an error of what it raises that says who holds it,
    and while there is patience left; then it raises what it raised."""
    said = False
    while True:
        try:
            return attempt()
        except Exception as error:
            patience = _PATIENCE[-1] if _PATIENCE else None
            if patience is None or patience.left <= 0 or (holder := held_by(error)) is None:
                raise
            if not said:
                patience.say(f"{holder.what} Waiting for it, {patience.left:,.0f} s at most.")
            said = True
        pause = min(PAUSE, patience.left)
        patience.left -= pause
        time.sleep(pause)
