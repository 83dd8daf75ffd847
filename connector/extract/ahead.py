"""Pages that are fetched before anybody takes them, in the order in which they are taken, by as many threads as help."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import takewhile
from statistics import median
from typing import Any, Generic, Protocol, TypeVar

from connector.config import MOST_PAGES, SINGLE_CALLS
from connector.crm.base import Bounds

FIRST = 3
"""Calls after which the number is judged for the first time: a window begins with one page, and then has two halves."""
ALIKE = 1.25
SLOWER = 2.0
"""Times the best: up to the one, more calls are worth a try; from the other on, there are too many."""


class InFlight:
    """How many calls may be under way at once: ``fixed``, or as many as help. Safe to use from several threads.

    While answers take no longer than they did with fewer calls, the number doubles. Where they take markedly longer, the
    CRM, its rate or this machine has no room for so many, and it falls again.
    """

    def __init__(self, fixed: int | None = None) -> None:
        self.fewest, self.most = (SINGLE_CALLS, MOST_PAGES) if fixed is None else (fixed, fixed)
        self.limit = self.fewest
        self._times: list[float] = []
        self._best = float("inf")
        self._lock = threading.Lock()

    def took(self, seconds: float) -> None:
        """A call took so long, waiting for its turn included. Only calls that bring about the same can be compared."""
        with self._lock:
            self._times.append(seconds)
            if len(self._times) < (FIRST if self._best == float("inf") else self.limit):
                return
            typical = median(self._times)
            self._times.clear()
            self._best = min(self._best, typical)
            if typical <= ALIKE * self._best:
                self.limit = min(2 * self.limit, self.most)
            elif typical > SLOWER * self._best:
                self.limit = max(self.limit * 3 // 4, self.fewest)


@dataclass(slots=True, eq=False)
class Piece:
    """One page that is to be asked for: ``limit`` leads from place ``offset`` on within ``bounds``."""

    bounds: Bounds
    offset: int = 0
    limit: int | None = None
    """``None``: as many as a page holds."""
    pages: int = 1
    """How many pages it will probably turn out to be."""
    fetched: Future[Any] = field(default_factory=Future, repr=False)
    is_under_way: bool = False


class HasRest(Protocol):
    @property
    def rest(self) -> tuple[Piece, ...]:
        """Pieces that come right after this one."""
        ...


Fetched = TypeVar("Fetched", bound=HasRest)


class Ahead(Generic[Fetched]):
    """Pieces in order. The first few are being fetched already: about ``most`` pages that nobody has taken yet.

    What was fetched may have a ``rest``, which is fetched as well without anybody having to take the piece first.
    """

    def __init__(
        self, pool: ThreadPoolExecutor, fetch: Callable[[Piece], Fetched], flight: InFlight, most: int
    ) -> None:
        self._pool, self._fetch, self._flight, self._most = pool, fetch, flight, most
        self._pieces: deque[Piece] = deque()
        self._running = 0
        self._lock = threading.Lock()

    def prepend(self, pieces: Iterable[Piece]) -> None:
        """These come before everything else that is left."""
        with self._lock:
            self._pieces.extendleft(reversed(list(pieces)))

    def next(self) -> tuple[Piece, Fetched] | None:
        """The first piece and what was fetched for it, once it is there; raises what the fetch raised."""
        with self._lock:
            self._start()
            if not self._pieces:
                return None
            piece = self._pieces[0]
        fetched = piece.fetched.result()
        with self._lock:
            self._pieces.popleft()
            self._start()
        return piece, fetched

    def recut(self, cut: Callable[[list[Piece]], list[Piece]]) -> None:
        """Replaces the pieces at the end that nobody has begun to fetch, if there are any."""
        with self._lock:
            pieces = list(
                takewhile(lambda piece: not piece.is_under_way and not piece.limit, reversed(self._pieces))
            )
            if pieces:
                cut_anew = cut(pieces[::-1])
                for _ in pieces:
                    self._pieces.pop()
                self._pieces.extend(cut_anew)

    def skip(self, pieces: Iterable[Piece]) -> None:
        """Nobody will take these any more."""
        with self._lock:
            for piece in pieces:
                self._pieces.remove(piece)

    def drop(self) -> None:
        """Nobody will take any of what is left."""
        with self._lock:
            self._pieces.clear()

    def _start(self) -> None:
        pages = 0
        for piece in self._pieces:
            pages += piece.pages
            if not piece.is_under_way:
                if self._running >= self._flight.limit or (
                    pages > self._most and piece is not self._pieces[0]
                ):
                    return
                piece.is_under_way = True
                self._running += 1
                self._pool.submit(self._run, piece)

    def _run(self, piece: Piece) -> None:
        fetched: Fetched | None = None
        error: BaseException | None = None
        try:
            # What was skipped or dropped before its turn came costs no call.
            with self._lock:
                is_wanted = piece in self._pieces
            if is_wanted:
                fetched = self._fetch(piece)
        except BaseException as raised:
            error = raised
        with self._lock:
            self._running -= 1
            piece.pages = 1
            if fetched is not None and fetched.rest and piece in self._pieces:
                place = self._pieces.index(piece) + 1
                for number, each in enumerate(fetched.rest):
                    self._pieces.insert(place + number, each)
            self._start()
        if error is not None:
            piece.fetched.set_exception(error)
        else:
            piece.fetched.set_result(fetched)
