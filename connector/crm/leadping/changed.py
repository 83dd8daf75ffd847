"""The leads that were edited since some time, out of a list that moves while it is read."""

from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from connector.crm.leadping.facts import PASSES, QUIET_PASSES, STALLED, Order
from connector.crm.leadping.responses import Listed, created, updated
from connector.errors import IncompleteReadError, UnexpectedAnswerError


class Changed:
    """The ids of the leads that changed since ``since``, page by page, each once. Iterate it once.

    The list is read up to the first lead that is older, once its order has proved to be the one that was asked for: it
    descends, and not only because it goes by another time. A list in any other order is read to its end. Where leads are
    deleted meanwhile, others move up into pages that were read already: then its total shrinks, and it is read again.
    """

    def __init__(
        self,
        fetch: Callable[[Order, str | None], Listed],
        lead_id: Callable[[Mapping[str, Any]], str],
        since: datetime | None,
        crm: str,
    ) -> None:
        self._fetch = fetch
        self._crm = crm
        self._lead_id = lead_id
        self._since = since
        self._given: set[str] = set()
        self._seen: set[str] = set()

    def __iter__(self) -> Iterator[tuple[list[str], int | None]]:
        orders: tuple[Order, ...] = ("updatedAt", "createdAt")
        for order in orders:
            whole_list = yield from self._until_complete(order)
            if whole_list:
                return

    def _until_complete(self, order: Order) -> Generator[tuple[list[str], int | None], None, bool]:
        """Passes until one has missed nothing; returns whether it was through the whole list."""
        quiet = 0
        for number in range(PASSES):
            known = len(self._seen)
            one = _Pass(order)
            yield from self._pass(one)
            quiet = quiet + 1 if number and len(self._seen) == known else 0
            if one.is_complete or quiet >= QUIET_PASSES:
                if one.total and not self._seen:
                    raise UnexpectedAnswerError(
                        f"says that it has {one.total} leads, and shows none", crm=self._crm
                    )
                return one.at_end
        raise IncompleteReadError(
            f"showed another list of leads each time it was read ({PASSES} times, {len(self._seen)} leads)",
            "The cursor stays where it was, so nothing is skipped: run again.",
            crm=self._crm,
        )

    def _pass(self, one: "_Pass") -> Iterator[tuple[list[str], int | None]]:
        token: str | None = None
        tokens: set[str] = set()
        stalled = 0
        while True:
            page = self._fetch(one.order, token)
            if page.token in tokens:
                # One page that comes again in place of the next may be an accident; a circle stays one.
                page = self._fetch(one.order, token)
            if page.token in tokens:
                raise UnexpectedAnswerError(
                    "shows its list of leads in a circle: a continuation token came twice",
                    crm=self._crm,
                )
            changed = []
            known = len(one.ids)
            for row in page.rows:
                lead_id = self._lead_id(row)
                self._seen.add(lead_id)
                one.ids.add(lead_id)
                if lead_id not in self._given and self._is_changed(row):
                    self._given.add(lead_id)
                    changed.append(lead_id)
            one.look_at(page, self._since)
            stalled = stalled + 1 if len(one.ids) == known else 0
            if stalled > STALLED:
                raise UnexpectedAnswerError(
                    f"showed {stalled} pages of its list of leads in a row with a new continuation token and no new lead",
                    "The cursor stays where it was, so nothing is skipped: run again, and if it stays like this, ask "
                    "Leadping's support about it.",
                    crm=self._crm,
                )
            if page.rows:
                # Also where none of them has changed: whoever waits is told that the reading goes on.
                yield changed, page.total
            token = page.token
            if token is None:
                one.at_end = True
                return
            if one.is_past:
                return
            tokens.add(token)

    def _is_changed(self, row: Mapping[str, Any]) -> bool:
        times = [time for time in (updated(row), created(row)) if time is not None]
        return self._since is None or not times or max(times) >= self._since


class _Pass:
    """What one way through the list has shown so far."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.ids: set[str] = set()
        self.total: int | None = None
        self.at_end = False
        self._has_shrunk = False
        self._is_sorted = True
        self._is_proven = False
        self._has_older = False
        self._last: Mapping[str, Any] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether no lead can have been missed."""
        return not self._has_shrunk and not (self.at_end and len(self.ids) < (self.total or 0))

    @property
    def is_past(self) -> bool:
        """Whether everything that is left is too old."""
        return self._has_older and self._is_sorted and self._is_proven

    def look_at(self, page: Listed, since: datetime | None) -> None:
        if page.total is not None:
            self._has_shrunk |= self.total is not None and page.total < self.total
            self.total = page.total
        mine, other = (updated, created) if self.order == "updatedAt" else (created, updated)
        timed = [row for row in ([self._last] if self._last else []) + page.rows if mine(row) is not None]
        for one, two in pairwise(timed):
            first, second, its_other, their_other = mine(one), mine(two), other(one), other(two)
            assert first is not None
            assert second is not None
            self._is_sorted &= first >= second
            # Descending by this time and not by the other one: then it isn't the other one that the list goes by.
            told_apart = its_other is None or their_other is None or its_other < their_other
            self._is_proven |= first > second and told_apart
        self._last = timed[-1] if timed else None
        self._has_older |= since is not None and any((mine(row) or since) < since for row in timed)
