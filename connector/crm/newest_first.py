"""What changed in a CRM that only has a numbered list of its leads, newest edit first, while it is being edited.

An edit moves a lead to the top and the others down: the next page repeats some, and nothing is lost. A lead that is
deleted moves all after it up, and one of them into a page that was read already. So the list's total is watched: where
it shrinks, just as many places count as unread again, and reading goes back to the first of them.

Two things can't be seen from a page alone. A server that ignores the order that is asked for is recognised by rows that
don't descend; one that orders by creation, as long as nothing was edited, by no lead that was edited later than its
neighbour was made. Until then, no row is taken for the last one. And leads that share one moment over the edge of a page
may come in another order for every page: then the leads are counted, and read again until none is new.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from connector.errors import IncompleteReadError, UnexpectedAnswerError
from connector.texts import moment

PASSES = 8
"""How often a list without a reliable order is read before giving up."""
STALLED = 30
"""Pages in a row that may bring the reading no further before giving up."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the list."""

    rows: Sequence[Row]
    total: int
    """How many leads the list has in all."""
    size: int
    """How many of them a full page holds."""
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Key:
    """What tells one sighting of a lead from another."""

    lead_id: str
    modified: str | None
    """As the API wrote it."""
    created: str | None = None


class NewestFirst:
    """One scan; iterate it once. Gives pages with just those leads in them that are ``since`` or younger, each state once.

    ``fetch`` takes a page's number, from 1. Raises ``IncompleteReadError`` where the list never holds still enough.
    """

    def __init__(
        self, vendor: str, fetch: Callable[[int], Listed], key: Callable[[Row], Key], since: datetime | None
    ) -> None:
        self._vendor = vendor
        self._fetch = fetch
        self._key = key
        self._since = since
        self._seen: set[Key] = set()
        self._ids: set[str] = set()
        self._new = 0
        self._latest: datetime | None = None
        self._horizon: datetime | None = None
        self._is_sorted = True
        self._is_proven = False
        self._is_tied = False
        self._expected = 0

    def __iter__(self) -> Iterator[Listed]:
        for number in range(PASSES):
            self._new = 0
            yield from self._pass()
            if self._is_sorted and (not self._is_tied or len(self._ids) >= self._expected):
                return
            if number and not self._new:
                return
            # What is edited from here on doesn't have to be found, and must not keep the reading going.
            self._horizon = self._horizon or self._latest
        raise IncompleteReadError(
            f"shows other leads each time its list is read ({PASSES} times, {len(self._ids)} leads)",
            "The cursor stays where it was, so nothing is skipped: run again.",
            crm=self._vendor,
        )

    def _pass(self) -> Iterator[Listed]:
        covered = covered_before = 0  # places read without a gap, now and before the latest of their pages
        total, edge, before = -1, None, 0
        number, stalled, done = 1, 0, False
        shown: list[Key] = []  # by the page before
        beyond: set[Key] = set()  # by pages that go on behind what was counted
        while stalled <= STALLED:
            page, is_first = self._fetch(number), total < 0
            keys = [self._key(row) for row in page.rows]
            times = [instant(key.modified) for key in keys]
            self._look_at_order(page.rows, times)
            if before and number == before + 1 and keys and keys == shown:
                self._check_number(number)
            shown = keys
            if before and number == before + 1 and times and times[0] == edge:
                self._is_tied = True
            if page.rows:
                # Also where none of them is wanted: whoever waits is told that the reading goes on.
                yield replace(page, rows=self._unseen(page.rows, times))
            shrunk = max(0, total - page.total)
            if shrunk:
                covered, done = max(0, covered_before - shrunk), False
            start, reached, covered_before = (number - 1) * page.size, covered, covered
            if start <= covered:
                # The rows of a page whose total has shrunk may be those of before.
                reached = max(covered, start + len(page.rows) - shrunk)
                was_done, done = done or is_first, self._is_end(page, times, start, reached)
                # What follows the first page, or ends the list, is believed when a second look has the same total: the
                # server may have counted just before or just after the deletion that its rows show.
                if done and was_done:
                    return
                if is_first:
                    reached = 0
            is_repeated = _goes_on(page, start) and beyond.issuperset(keys)
            beyond.update(keys if _goes_on(page, start) else ())
            stalled = 0 if (reached > covered and not is_repeated) or done else stalled + 1
            covered, total = reached, page.total
            before, edge = number, times[-1] if times else None
            number = number if done else covered // page.size + 1
        if covered > total:
            raise IncompleteReadError(
                f"counts {total} leads and shows more, without an end: the same ones come again and again",
                "The cursor stays where it was, so nothing is skipped: run again, and if it stays like this, ask the CRM's "
                "support about it.",
                crm=self._vendor,
            )
        raise IncompleteReadError(
            f"says that its list has {total} leads, but only {covered} of them could be read one after the other",
            "The cursor stays where it was, so nothing is skipped: run again, and if it stays like this, ask the CRM's "
            "support about it.",
            crm=self._vendor,
        )

    def _check_number(self, number: int) -> None:
        """Raises where this page and the one before it show the same again: no edit between two answers does that twice."""
        before, page = ([self._key(row) for row in self._fetch(each).rows] for each in (number - 1, number))
        if page and page == before:
            raise UnexpectedAnswerError(
                f"overlooks the number of the page: asked twice for the pages {number - 1} and {number} of its list of leads, "
                "it showed the same leads on both. So no more than a page of them can be read",
                "The cursor stays where it was: run again, and if it stays like this, ask the CRM's support about it.",
                crm=self._vendor,
            )

    def _is_end(self, page: Listed, times: Sequence[datetime | None], start: int, reached: int) -> bool:
        """Whether all that is wanted lies within ``reached`` places; notes how many leads that should be."""
        older = self._first_older(times)
        self._expected = max(page.total, start + len(page.rows)) if older is None else start + older
        if older is not None and self._is_sorted and self._is_proven:
            return True
        return reached >= page.total and not _goes_on(page, start)

    def _look_at_order(self, rows: Sequence[Row], times: Sequence[datetime | None]) -> None:
        known = [time for time in times if time is not None]
        if len(known) < len(times) or any(one < two for one, two in pairwise(known)):
            self._is_sorted = False
        made = [instant(self._key(row).created) for row in rows]
        by_creation = all(one >= two for one, two in pairwise([time for time in made if time is not None]))
        descends = any(one > two for one, two in pairwise(known))
        self._is_proven |= descends and (not by_creation or not any(made))

    def _unseen(self, rows: Sequence[Row], times: Sequence[datetime | None]) -> list[Row]:
        found = []
        for row, time in zip(rows, times, strict=True):
            key = self._key(row)
            if key in self._seen or (time is not None and self._since is not None and time < self._since):
                continue
            if key.lead_id not in self._ids and (
                time is None or self._horizon is None or time <= self._horizon
            ):
                self._new += 1
            if time is not None:
                self._latest = max(time, self._latest or time)
            self._seen.add(key)
            self._ids.add(key.lead_id)
            found.append(row)
        return found

    def _first_older(self, times: Sequence[datetime | None]) -> int | None:
        if self._since is None:
            return None
        return next((at for at, time in enumerate(times) if time is not None and time < self._since), None)


def _goes_on(page: Listed, start: int) -> bool:
    """Whether a full page has more leads than were counted up to its end, so that the count says nothing about the next one."""
    return 0 < page.size <= len(page.rows) and start + len(page.rows) > page.total


def page_of(rows: Sequence[Row], total: Any, size: int, asked_at: datetime) -> Listed:
    """A page whose numbers make sense; ``UnexpectedAnswerError`` otherwise."""
    if isinstance(total, bool) or not isinstance(total, int) or total < 0:
        raise UnexpectedAnswerError("showed a page of leads without their total")
    if len(rows) > size:
        raise UnexpectedAnswerError(f"showed a page of {len(rows)} leads, where {size} were asked for")
    return Listed(rows, total, size, asked_at)


def instant(text: str | None) -> datetime | None:
    """An ISO time in UTC; without an offset it is meant as UTC. ``None`` for anything else."""
    found = moment(text)
    if found is None:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
