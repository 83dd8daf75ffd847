"""The sandbox's idea of what time it is: the machine's, or any other so that a rehearsal can take place at any date."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def utc_now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """A clock that can be set; it goes on ticking from there unless it is told to stand still.

    ``source`` returns aware datetimes. Setting the clock never changes the source, only what is read from it.
    """

    def __init__(self, source: Callable[[], datetime] | None = None) -> None:
        self._source = source or utc_now
        self._shift = timedelta(0)
        self._frozen: datetime | None = None

    def now(self) -> datetime:
        """The instant in UTC."""
        if self._frozen is not None:
            return self._frozen
        return self._source().astimezone(UTC) + self._shift

    def seconds(self) -> int:
        """Whole seconds since 1970 in UTC, which is what the book keeps."""
        return int(self.now().timestamp() // 1)

    def set(self, instant: datetime, *, ticking: bool = True) -> None:
        """From now on it is ``instant`` (aware); ``ticking=False`` stops it there."""
        instant = aware(instant)
        self._shift = instant - self._source().astimezone(UTC)
        self._frozen = None if ticking else instant

    def advance(self, seconds: float) -> None:
        """So many seconds later, or earlier for a negative number."""
        step = timedelta(seconds=seconds)
        self._shift += step
        if self._frozen is not None:
            self._frozen += step

    def reset(self) -> None:
        """Back to what the source says."""
        self._shift, self._frozen = timedelta(0), None


def aware(instant: datetime) -> datetime:
    """The instant in UTC; a naive one is a mistake of the caller, as it could mean two instants."""
    if instant.tzinfo is None:
        raise ValueError("the sandbox takes instants with a time zone; this one is naive")
    return instant.astimezone(UTC)
