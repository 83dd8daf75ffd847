"""A DuckDB file that stays open from one step to the next, and is let go of before anything that others would wait for.

To open and to close it takes far longer than what most steps do in it, and a run that finds nothing new has dozens of steps.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

from connector.crm import before_calls
from connector.errors import LeadloopError


class _Kept:
    """One file, while a run is at work with it. Safe to use from several threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._lock = threading.Lock()
        self._connection: sa.Connection | None = None

    def open(self) -> None:
        with self._lock:
            if self._connection is None:
                # Where another process has the file, or it is refused, the steps themselves wait for it, and say so.
                with suppress(sa.exc.DBAPIError, LeadloopError):
                    self._connection = self.engine.connect()

    def let_go(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()


_AT_WORK: list[_Kept] = []


@contextmanager
def kept_open(engine: sa.Engine) -> Iterator[None]:
    """Keeps the engine's file open until the block ends, or until ``let_go``; a block in a block until the outer one ends."""
    if any(each.engine is engine for each in _AT_WORK):
        keep(engine)
        yield
        return
    kept = _Kept(engine)
    _AT_WORK.append(kept)
    try:
        kept.open()
        yield
    finally:
        _AT_WORK.remove(kept)
        kept.let_go()


def keep(engine: sa.Engine) -> None:
    """Within a block that has let go of it: opens the file again, to keep it for what is left of the block, or until
    ``let_go``."""
    for kept in _AT_WORK:
        if kept.engine is engine:
            kept.open()
            return


def let_go() -> None:
    """Closes what is kept open: whatever comes next can take long, such as a call, a question, or a build."""
    for kept in tuple(_AT_WORK):
        kept.let_go()


before_calls.let_go_by(let_go)
