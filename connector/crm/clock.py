"""What time it is in a CRM, by the ``Date`` of its answers: an account's leads are edited by its clock, not by ours.

An answer says its time in whole seconds, and it was given after the request left and before it arrived. That bounds how far
the CRM's clock is ahead of this machine's; more answers narrow it down. A clock that may be right is not corrected, and of
one that is wrong the earliest possible time counts: what is noted as read up to then has been read.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from connector.errors import StoppedError

NOTHING = timedelta(0)
SECOND = timedelta(seconds=1)
NOTABLE = timedelta(seconds=60)
"""How far the clocks may differ before a person is told."""
NOISE = timedelta(seconds=2)
"""What the time of a CRM may be wrong by: its whole seconds, and the way of an answer."""


class CrmClock:
    """The time of one CRM; safe to use from several threads. ``local`` gives this machine's, aware.

    While nothing is known, because the answers say no time, the CRM's time is this machine's.
    """

    def __init__(self, local: Callable[[], datetime] | None = None) -> None:
        self.local = local or local_now
        self.has_answers = False
        """Whether an answer came at all, with a time or without."""
        self._bounds: tuple[timedelta, timedelta] | None = None
        self._lock = threading.Lock()

    def heard(self, said: datetime | None, sent: datetime, received: datetime) -> None:
        """An answer to a request that left at ``sent`` and was answered by ``received`` said that it was given at ``said``.

        Should it contradict all answers before it, somebody has set one of the clocks, and it alone counts.
        """
        self.has_answers = True
        if said is None or not 2000 <= said.year < 2100:
            return
        low, high = said - received, said + SECOND - sent
        with self._lock:
            if self._bounds is not None:
                both = max(low, self._bounds[0]), min(high, self._bounds[1])
                low, high = both if both[0] <= both[1] else (low, high)
            self._bounds = (low, high)

    @property
    def is_known(self) -> bool:
        return self._bounds is not None

    @property
    def ahead(self) -> timedelta:
        """How far the CRM's clock is ahead of this machine's at the least; negative where it is behind."""
        low, high = self._bounds or (NOTHING, NOTHING)
        return low if low > NOTHING else min(high, NOTHING)

    def at(self, local: datetime) -> datetime:
        """The CRM's time at an instant of this machine's, and rather too early than too late."""
        low, high = self._bounds or (NOTHING, NOTHING)
        return local if low <= NOTHING <= high else local + low

    def now(self) -> datetime:
        return self.at(self.local())


def local_now() -> datetime:
    return datetime.now(UTC)


def clock_of(source: object) -> CrmClock:
    """The clock of what reads a CRM; one that knows nothing where it has none, as that of a user's own."""
    found = getattr(source, "clock", None)
    return found if isinstance(found, CrmClock) else CrmClock()


def skew(vendor: str, clock: CrmClock) -> str | None:
    """One sentence about clocks that differ by more than a minute; ``None`` where they don't."""
    ahead = clock.ahead
    if abs(ahead) <= NOTABLE:
        return None
    return (
        f"{vendor}: this machine's clock is {length(abs(ahead))} {'behind' if ahead > NOTHING else 'ahead of'} the CRM's. "
        "What is read and sent goes by the CRM's clock, so nothing is lost by it, but set the one that is wrong: this "
        "machine's, most likely, to be kept by NTP."
    )


def length(span: timedelta) -> str:
    """A stretch of time in the unit that suits it: ``90 seconds``, ``3 hours``."""
    seconds = span.total_seconds()
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def check_not_ahead(vendor: str, reached: datetime, clock: CrmClock) -> None:
    """``StoppedError`` where what was read last carries a time that the CRM's clock has not come to."""
    if is_ahead(reached, clock):
        raise StoppedError(
            f"Nothing was sent to {vendor}: its leads were read last by a clock that was ahead ({reached:%F %T} UTC, and there "
            f"it is {clock.now():%F %T}), so nobody knows which edits were missed.",
            "Run leadloop extract, then push again.",
        )


def is_ahead(instant: datetime, clock: CrmClock) -> bool:
    """Whether an instant lies in the CRM's future. Without its clock that can't be told."""
    return clock.is_known and instant > clock.now() + NOISE
