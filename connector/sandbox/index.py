"""Leads in the order of a time, so that any window, offset and limit is two bisections and a slice."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

ID_BITS = 28
MAX_ID = (1 << ID_BITS) - 1
_MAX_SECOND = (1 << (62 - ID_BITS)) - 1


class Index:
    """Pairs of (second, lead id), sorted by both; a lead is in it once.

    A pair is one 64-bit number, so a million leads are 8 MB and a change in the middle is one short memory move.
    Seconds since 1970 may be negative. Not thread-safe by itself: the book holds its lock around every use.
    """

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        self._keys = array("q", sorted(second << ID_BITS | lead_id for second, lead_id in pairs))

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, second: int, lead_id: int) -> None:
        key = second << ID_BITS | lead_id
        self._keys.insert(bisect_left(self._keys, key), key)

    def drop(self, second: int, lead_id: int) -> None:
        key = second << ID_BITS | lead_id
        place = bisect_left(self._keys, key)
        if place < len(self._keys) and self._keys[place] == key:
            del self._keys[place]

    def span(self, start: int | None, end: int | None) -> tuple[int, int]:
        """Places ``low <= place < high`` of the leads from second ``start`` to second ``end``, both included."""
        low = 0 if start is None else bisect_left(self._keys, _clamp(start) << ID_BITS)
        high = len(self._keys) if end is None else bisect_right(self._keys, _clamp(end) << ID_BITS | MAX_ID)
        return low, max(low, high)

    def ids(self, low: int, high: int) -> list[int]:
        """The lead ids at these places, in order."""
        return [key & MAX_ID for key in self._keys[low:high]]

    def id_at(self, place: int) -> int:
        return self._keys[place] & MAX_ID


def _clamp(second: int) -> int:
    return max(-_MAX_SECOND, min(second, _MAX_SECOND))
