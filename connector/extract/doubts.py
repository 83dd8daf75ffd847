"""What a server may overlook: the bounds that were asked for, their hours, or ``offset``. Where it seems to, it is asked in a
way that tells, and what it then says twice ends the reading (``UnexpectedAnswerError``)."""

from datetime import datetime

from connector.crm.base import Bounds, Page
from connector.errors import RefusedError, UnexpectedAnswerError
from connector.extract import windows
from connector.extract.pages import LOOKS, Pages, as_texts

BEFORE_ALL = (datetime.fromisoformat("1971-01-01 00:00:00"), datetime.fromisoformat("1971-01-01 00:00:01"))
AFTER_ALL = (datetime.fromisoformat("2037-12-01 00:00:00"), datetime.fromisoformat("2037-12-01 00:00:01"))
"""Bounds in which no CRM of today has a lead: who shows one overlooks where they end, or where they start."""


class Doubts:
    """What is known of one server's heed, as one reading goes on."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._heeds_time = False
        self._heeds_offset = False

    def ignores_time(self, page: Page, bounds: Bounds) -> bool:
        """Whether rows lie outside the bounds, but on their days: such a server answers whole days.

        Rows come in the order of time, so the first and the last tell. Should they not, whole days are read all the
        same, only not recognised as such.
        """
        if self._pages.query.cursor_field != "updated_at" or not page.rows:
            return False
        low, high = as_texts(bounds)
        return any(
            moment and not low <= moment <= high and low[:10] <= moment[:10] <= high[:10]
            for moment in map(self._pages.moment, (page.rows[0], page.rows[-1]))
        )

    def strays(self, page: Page, bounds: Bounds) -> bool:
        low, high = as_texts(bounds)
        ends = (page.rows[0], page.rows[-1]) if page.rows else ()
        return any(
            moment and not low[:10] <= moment[:10] <= high[:10] for moment in map(self._pages.moment, ends)
        )

    def seems_unbounded(self, *, strays: bool, tells: bool, rows: int, total: int | None) -> bool:
        """Whether bounds that hold more than a page may hold just what any others do, so that splitting never ends.

        Rows tell where they show the clock that is asked for (``tells``), and so does a total that the page itself doesn't
        bear out.
        """
        blind = self._pages.query.cursor_field != "updated_at" or not tells
        return not self._heeds_time and (strays or blind or (total is not None and rows < self._pages.limit))

    def check_time(self) -> None:
        """Raises where the server shows leads of a time at which there can't be any; asks once per reading.

        A total that it gives for such a time is not one of the bounds.
        """
        parts = []
        for bounds, part in ((AFTER_ALL, "start"), (BEFORE_ALL, "end")):
            try:
                looks = [self._pages.search(bounds, 0, 1)]
                if looks[0].rows or looks[0].total:
                    looks.append(self._pages.search(bounds, 0, 1))
            except RefusedError:
                # Who refuses such a time has looked at it.
                continue
            if all(page.rows for page in looks):
                parts.append(part)
            elif all(page.total for page in looks):
                self._pages.totals_are_true = False
        if parts:
            vendor, name = self._pages.reader.capabilities.name, self._pages.query.cursor_field
            what = " and the ".join(parts)
            raise UnexpectedAnswerError(
                f"overlooks the {what} of the time filter {name!r}: asked twice for leads of a time at which there can be "
                "none, it showed some. So what it shows can't be read window by window",
                "The cursor stays where it was: ask the CRM's support whether the account may search by that time.",
                crm=vendor,
            )
        self._heeds_time = True

    def check_offset(self, bounds: Bounds, one: int, other: int, size: int) -> None:
        """Raises where two looks show just the same leads at both places: no edit between two answers does that twice."""
        for _ in range(LOOKS):
            here, there = (
                [self._pages.reader.lead_id(row) for row in self._pages.search(bounds, offset, size).rows]
                for offset in (one, other)
            )
            if not here or here != there:
                return
        vendor = self._pages.reader.capabilities.name
        raise UnexpectedAnswerError(
            f"overlooks 'offset': asked twice for the leads from place {one} and from place {other} between "
            f"{bounds[0]:%F %T} and {bounds[1]:%F %T} ({self._pages.reader.zone.key}), it showed the same ones. So no more than "
            "a page of them can be read",
            "The cursor stays before this window: run again, and if it stays like this, ask the CRM's support about it.",
            crm=vendor,
        )

    def answers_whole_days(self, bounds: Bounds, first: str | None) -> bool:
        """Whether the last two seconds of a day begin with the lead that the whole of it begins with.

        For rows that don't show the clock that is asked for. If they do begin so without the server being one that answers
        whole days, nothing is lost by reading whole days.
        """
        low, high = bounds
        if self._pages.query.cursor_field == "updated_at" or low.date() != high.date():
            return False
        last = self._pages.search((high - windows.SECOND, high), 0, 1).rows
        return bool(last) and self._pages.reader.lead_id(last[0]) == first

    def check_offset_once(self, bounds: Bounds, size: int) -> None:
        """The same for the first and the second page of these bounds, unless that was asked before."""
        if not self._heeds_offset:
            self.check_offset(bounds, 0, size, size)
            self._heeds_offset = True
