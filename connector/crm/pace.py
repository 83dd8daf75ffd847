"""How fast one CRM is called: a steady rate that all threads share, slower after a 429 and when answers take ever longer,
faster again when it is quiet."""

import math
import threading
import time
from collections.abc import Callable

from pyrate_limiter import GCRA, AbstractClock, Decision, Rate, RateItem, StateBucket, StateStore

from connector.crm.latency import Latency

LONGEST_PAUSE = 60.0
"""Seconds; a server that asks for a longer pause is asked again after this."""


class Pace:
    """Lets calls through at ``rate`` per second, evenly spaced. Safe to use from several threads.

    A CRM that says "too many" halves the pace, and is remembered: the pace climbs back, a twentieth of ``rate`` per
    quiet second, but stays a little below what was too much for the next five minutes. So it settles under a
    limit that nobody published instead of running into it again and again.

    Answers that take markedly longer than they did (see ``latency``) take a fifth off the pace, at most every ten
    seconds and never below a quarter of ``rate``; it climbs back in the same way.

    ``store`` is where the state of the limiter is kept; one that several machines use makes them share the rate, and if it
    has a method ``hold``, also the pauses that the CRM asks for.
    """

    slowest = 1 / 16
    least = 0.1
    """What is left of a pace at least: a share of ``rate``; calls per second, where ``rate`` itself is not below that."""
    climb = 1 / 20
    caution = 0.85
    memory = 300.0
    ease = 0.8
    gentlest = 1 / 4
    easing = 10.0
    """Slow answers: what is left of the pace, how little at least, and the seconds between two such steps."""
    settling = 1.0
    """Seconds in which further 429s belong to the same burst: calls that were already under way."""
    rest = 5.0
    """Seconds before climbing begins. Until then a 429 is about calls of before, which still fill the server's window."""

    def __init__(
        self,
        rate: float,
        *,
        store: StateStore | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate = rate
        self._current = rate
        self._ceiling = rate
        self._bucket = StateBucket([_evenly(rate)], GCRA(), store, clock=_Clock(clock))
        self._hold: Callable[[float], None] | None = getattr(store, "hold", None)
        self._clock = clock
        self._sleep = sleep
        self._turn = threading.Lock()
        self._state = threading.Lock()
        self._paused_until = self._climbed_at = clock()
        self._throttled_at: float | None = None
        self._climbing = True
        self._latency = Latency()
        self._eased_at = -math.inf
        self._called_at = self._spread_until = clock()
        self._gap = 0.0

    @property
    def current(self) -> float:
        """Calls per second that are let through now."""
        return self._current

    def wait(self) -> None:
        """Returns when it is the caller's turn; callers come one after the other."""
        with self._turn:
            while (delay := self._delay()) > 0:
                self._sleep(delay)

    def pause(self, seconds: float) -> None:
        """Nobody calls for so many seconds (``LONGEST_PAUSE`` at most)."""
        seconds = min(max(seconds, 0.0), LONGEST_PAUSE)
        with self._state:
            self._paused_until = max(self._paused_until, self._clock() + seconds)
        if self._hold is not None and seconds:
            # The limiter lets calls go that much before their turn.
            self._hold(seconds + _AT_ONCE)

    def throttled(self, retry_after: float | None = None) -> None:
        """The CRM said "too many"; ``retry_after`` is the pause in seconds that it asked for."""
        if retry_after is not None:
            self.pause(retry_after)
        with self._state:
            now = self._clock()
            since = now - self._throttled_at if self._throttled_at is not None else self.memory
            if since >= self.settling:
                lowest = max(self.rate * self.slowest, min(self.rate, self.least))
                if self._climbing:
                    self._ceiling = max(self._current * self.caution, lowest)
                self._set(max(self._current / 2, lowest))
                self._throttled_at = now
                self._climbing = False
            self._climbed_at = max(now, self._paused_until) + self.rest

    def took(self, kind: str, seconds: float) -> None:
        """An answer to a call of this kind (see ``latency.kind_of``) took so long."""
        with self._state:
            now = self._clock()
            if not self._latency.risen(kind, seconds, now):
                return
            self._climbed_at = max(self._climbed_at, now + self.rest)
            if now - self._eased_at >= self.easing and self._current > self.rate * self.gentlest:
                self._eased_at = now
                self._set(max(self._current * self.ease, self.rate * self.gentlest))

    def close(self) -> None:
        self._bucket.close()

    def budget(self, remaining: float, seconds: float) -> None:
        """The CRM takes ``remaining`` more calls within ``seconds``: they are spread over that time; 0 waits for its end.

        Replaces what was said before. Never makes the pace faster; ``seconds`` of 0 ends the spreading.
        """
        with self._state:
            self._gap = seconds / remaining if remaining > 0 else math.inf
            self._spread_until = self._clock() + max(seconds, 0.0)

    def _delay(self) -> float:
        """Seconds to wait before asking again; 0 takes the turn."""
        with self._state:
            now = self._clock()
            if self._paused_until > now:
                return self._paused_until - now
            if (turn := min(self._called_at + self._gap, self._spread_until)) > now:
                return turn - now
            self._recover(now)
            now_ms = self._bucket.now()  # type: ignore[no-untyped-call]  # pyrate-limiter's gap
            item = RateItem("call", now_ms, weight=_parts(self._current))
            decision = self._bucket.put_decision(item)
            assert isinstance(decision, Decision), "the bucket must be one that answers at once"
            if not decision.allowed:
                return max((decision.retry_after_ms or 1) / 1000, 0.001)
            self._called_at = now
            return 0.0

    def _recover(self, now: float) -> None:
        if self._current >= self.rate or now - self._climbed_at < 1:
            return
        if self._throttled_at is not None and now - self._throttled_at >= self.memory:
            self._ceiling = self.rate
        steps = now - self._climbed_at
        self._climbed_at = now
        if self._current < self._ceiling:
            self._climbing = True
            self._set(min(self._current + steps * self.climb * self.rate, self._ceiling))

    def _set(self, pace: float) -> None:
        self._current = pace
        self._bucket.rates = [_evenly(pace)]


class _Clock(AbstractClock):
    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds

    def now(self) -> int:
        return int(self._seconds() * 1000)


_AT_ONCE = 0.05
"""Seconds that a call may come before its turn, if earlier ones came that late: a thread that wakes late loses no turn."""


def _parts(pace: float) -> int:
    """Into how many parts the limiter divides a call, so that it can let one go by less than a whole call early.

    It counts whole microseconds per part, so that a part is a millisecond or more.
    """
    return max(1, min(100, int(1000 / pace)))


def _evenly(pace: float) -> Rate:
    """``pace`` calls a second."""
    parts = _parts(pace)
    # Counted over 1,000 seconds, since the limiter takes a whole number per whole milliseconds.
    return Rate(
        limit=max(1, round(pace * parts * 1000)),
        interval=1_000_000,
        burst=parts + int(pace * parts * _AT_ONCE),
    )
