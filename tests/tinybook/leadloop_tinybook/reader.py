"""Reads the leads of one account."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connector.crm.base import Page
from connector.crm.http import Answer, Call, Session, Speaking
from connector.crm.ids import as_id, names_one
from connector.crm.newest_first import Key, Listed, NewestFirst, Row
from connector.errors import RefusedError, UnexpectedAnswerError
from leadloop_tinybook.calls import open_session, path
from leadloop_tinybook.facts import CAPABILITIES, LEADS, NO_LEAD, PAGE_SIZE
from leadloop_tinybook.responses import judge, lead_in, listed
from leadloop_tinybook.settings import TinybookSettings


class TinybookReader(Speaking):
    """A ``ScanReader``."""

    def __init__(self, settings: TinybookSettings, *, session: Session | None = None) -> None:
        self.capabilities = CAPABILITIES.of(settings.name)
        self._session = session or open_session(settings)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo("UTC")

    def scan(self, since: datetime | None, only: Collection[str] | None = None) -> Iterator[Page]:
        """Every lead modified at ``since`` or later, newest first."""
        for part in NewestFirst(self.capabilities.name, self._list, self._key, since):
            rows = [dict(row) for row in part.rows if only is None or self.lead_id(row) in only]
            yield Page(rows, part.total, part.asked_at)

    def get(self, lead_id: str) -> Page:
        if not names_one(lead_id):
            return Page([], 0, self.clock.now())

        def understood(answer: Answer) -> Page:
            lead = lead_in(answer, lead_id)
            if lead is None:
                raise UnexpectedAnswerError("answered a read of one lead with something else")
            return Page([lead], 1, answer.asked_at)

        try:
            return self._session.read(Call("GET", path(lead_id)), judge, understood)
        except RefusedError as error:
            if error.code == NO_LEAD:
                return Page([], 0, self.clock.now())
            raise

    def modified_at(self, row: Mapping[str, Any]) -> str | None:
        found = row.get("changed")
        return found if isinstance(found, str) else None

    def lead_id(self, row: Mapping[str, Any]) -> str:
        if (text := as_id(row.get("id"))) is None:
            raise UnexpectedAnswerError("showed a lead without an id", crm=self.capabilities.name)
        return text

    def _list(self, number: int) -> Listed:
        call = Call("GET", LEADS, query={"page": str(number), "limit": str(PAGE_SIZE)})
        return self._session.read(call, judge, listed)

    def _key(self, row: Row) -> Key:
        made = row.get("made")
        return Key(self.lead_id(row), self.modified_at(row), made if isinstance(made, str) else None)
