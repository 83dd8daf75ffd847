"""What happens, as it happens: whoever wants to know while leadloop works listens here.

A ``Listener`` belongs to one call of a stage: progress bars, questions. A ``Watcher`` belongs to the process: it is told of each
thing that is done (``Doing``), from a whole command down to a single call to a CRM: traces, metrics, lineage and alerts. While
there is no watcher, nothing is made and nothing is kept.

What is told are names, times, numbers and codes, never a value of a lead and never a token.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Literal, Protocol


class Reading(Protocol):
    """How far an extraction has come: an ``extract.job.Progress``."""

    @property
    def rows(self) -> int: ...
    @property
    def calls(self) -> int: ...
    @property
    def reached(self) -> datetime | None: ...
    @property
    def window(self) -> Any: ...


class Listener:
    """What a caller is told while a stage works; this one listens to nothing."""

    def stage(self, name: str) -> None:
        """A stage begins."""

    def extracting(self, progress: Reading) -> None:
        """Rows were read."""

    def building(self, done: int, total: int | None, name: str) -> None:
        """dbt finished one more node, ``name``."""

    def copying(self, done: int, total: int | None) -> None:
        """So many rows of a table are in the warehouse that they are moved to."""

    def recovering(self, done: int, total: int) -> None:
        """So many of the leads that earlier runs left open have been looked up."""

    def pushing(self, done: int, total: int | None) -> None:
        """So many leads have an outcome."""

    def notice(self, sentence: str) -> None:
        """A person should know this, although the stage goes on."""

    def pause(self) -> None:
        """Something else is about to be written to the terminal."""


QUIET = Listener()

Kind = Literal["stage", "window", "batch", "call"]
"""``stage``: a row of ``leadloop.runs``; ``window``: one stream in one window; ``batch``: a package that is loaded, or leads
that are sent together; ``call``: one request to a CRM, and its answer."""


class Doing:
    """One thing that is being done. ``facts`` grow while it is, and are whole at its end."""

    __slots__ = ("began", "ended", "error", "facts", "ids", "kept", "kind", "name", "parent", "result")

    def __init__(self, kind: Kind, name: str, facts: dict[str, Any], parent: "Doing | None") -> None:
        self.kind = kind
        self.name = name
        self.facts = facts
        self.parent = parent
        """What it is a part of."""
        self.began = time.time_ns()
        self.ended = 0
        """Nanoseconds since 1970; 0 while it goes on."""
        self.error: BaseException | None = None
        """What it ended with, if with an error."""
        self.result: Any = None
        """Of a stage: what it returned."""
        self.kept: dict[Watcher, Any] = {}
        """What a watcher wants to find again at the end."""
        self.ids: Mapping[str, str] = {}
        """What other tools call it, for the lines of a log."""

    def tell(self, **facts: Any) -> None:
        """Adds what has become known."""
        self.facts.update(facts)


class Watcher:
    """Is told what is done in this process; this one does nothing with it. What it raises is dropped: it never harms a run.

    May be called from several threads.
    """

    def began(self, doing: Doing) -> None:
        """Something begins."""

    def ended(self, doing: Doing) -> None:
        """It has ended, whichever way."""

    def counted(self, what: str, number: int, facts: Mapping[str, Any]) -> None:
        """Something happened so many times that has no length, such as ``throttles``."""

    def said(self, message: str, level: str, doing: Doing | None) -> None:
        """A person was told this, while that was done; ``level`` is ``info``, ``warning`` or ``error``."""

    def close(self) -> None:
        """The process ends, or is done with leadloop."""


_WATCHERS: tuple[Watcher, ...] = ()
_CURRENT: ContextVar[Doing | None] = ContextVar("doing", default=None)
_LOCK = threading.Lock()
_HOMES = ("stage", "window")
_OPEN: list[Doing] = []
"""Those of ``_HOMES`` that are under way: a thread of a pool has no context of its own, and works for the last of these."""


def watch(watcher: Watcher) -> None:
    """From now on this one is told as well."""
    global _WATCHERS
    _WATCHERS = (*_WATCHERS, watcher)


def unwatch(watcher: Watcher) -> None:
    """This one is told no more."""
    global _WATCHERS
    _WATCHERS = tuple(each for each in _WATCHERS if each is not watcher)


def is_watched() -> bool:
    """Whether anybody wants to know: for what costs something to find out."""
    return bool(_WATCHERS)


def counted(what: str, number: int = 1, **facts: Any) -> None:
    """Tells all watchers that this happened."""
    for watcher in _WATCHERS:
        with suppress(Exception):
            watcher.counted(what, number, facts)


def current() -> Doing | None:
    """What is being done, as far as anybody watches."""
    return _CURRENT.get() or (_OPEN[-1] if _OPEN else None)


def ids() -> Mapping[str, str]:
    """What other tools call that; empty where none does."""
    doing = current()
    return doing.ids if doing is not None else {}


def said(message: str, level: str) -> None:
    """Tells all watchers what a person was told."""
    for watcher in _WATCHERS:
        with suppress(Exception):
            watcher.said(message, level, current())


class _Nobody(Doing):
    """Told while nobody watches: forgets it."""

    __slots__ = ()

    def tell(self, **facts: Any) -> None:
        pass


@contextmanager
def doing(kind: Kind, name: str, **facts: Any) -> Iterator[Doing]:
    """Tells all watchers when this begins and how it ends. Costs next to nothing while there is none."""
    watchers = _WATCHERS
    if not watchers:
        yield _Nobody(kind, name, {}, None)
        return
    done = Doing(kind, name, facts, current())
    token = _CURRENT.set(done)
    if kind in _HOMES:
        with _LOCK:
            _OPEN.append(done)
    for watcher in watchers:
        with suppress(Exception):
            watcher.began(done)
    try:
        yield done
    except BaseException as error:
        done.error = error
        raise
    finally:
        done.ended = time.time_ns()
        _CURRENT.reset(token)
        if kind in _HOMES:
            with _LOCK, suppress(ValueError):
                _OPEN.remove(done)
        for watcher in watchers:
            with suppress(Exception):
                watcher.ended(done)
