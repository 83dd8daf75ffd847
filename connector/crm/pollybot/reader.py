"""Reads the leads of one PollyBot workspace."""

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connector.crm.answers import flat
from connector.crm.base import Page
from connector.crm.http import Call, Speaking
from connector.crm.ids import as_id, names_one
from connector.crm.newest_first import Key, Listed, NewestFirst, Row
from connector.crm.pollybot.calls import PollyBotSession, call_for
from connector.crm.pollybot.facts import CAPABILITIES, METADATA, NEWEST_FIRST, NO_LEAD
from connector.crm.pollybot.responses import judge, lead_read, listed
from connector.crm.pollybot.settings import PollyBotSettings
from connector.errors import RefusedError, UnexpectedAnswerError


class PollyBotReader(Speaking):
    """A ``ScanReader`` of one PollyBot workspace."""

    _session: PollyBotSession

    def __init__(self, settings: PollyBotSettings, *, session: PollyBotSession | None = None) -> None:
        self._settings = settings
        self.capabilities = CAPABILITIES.of(settings.name)
        self._session = session or PollyBotSession(settings)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo("UTC")

    def scan(self, since: datetime | None, only: Collection[str] | None = None) -> Iterator[Page]:
        """Every lead modified at ``since`` or later, newest first; a lead is read singly where its row has no metadata."""
        pool = ThreadPoolExecutor(self._settings.single_calls, thread_name_prefix="leadloop-pollybot")
        try:
            for part in NewestFirst(self.capabilities.name, self._list, self._key, since):
                wanted = [row for row in part.rows if only is None or self.lead_id(row) in only]
                rows = [whole for whole in pool.map(self._whole, wanted) if whole is not None]
                singly = sum(not isinstance(row.get(METADATA), Mapping) for row in wanted)
                yield Page(rows, part.total, part.asked_at, 1 + singly)
        finally:
            pool.shutdown(cancel_futures=True)

    def get(self, lead_id: str) -> Page:
        """``GET {leads}/{id}``."""
        if not names_one(lead_id):
            return Page([], 0, self.clock.now())
        try:
            call = call_for(self._settings, "GET", lead_id)
            lead, asked_at = self._session.read(call, judge, lambda answer: lead_read(answer, lead_id))
        except RefusedError as error:
            if error.code == NO_LEAD:
                return Page([], 0, self.clock.now())
            raise
        self._session.casing.saw(lead)
        return Page([flat(lead)], 1, asked_at)

    def modified_at(self, row: Mapping[str, Any]) -> str | None:
        found = row.get("updatedAt") or row.get("updated_at")
        return found if isinstance(found, str) else None

    def lead_id(self, row: Mapping[str, Any]) -> str:
        if (text := as_id(row.get("id"))) is None:
            raise UnexpectedAnswerError("showed a lead without an id", crm=self.capabilities.name)
        return text

    def _list(self, number: int) -> Listed:
        query = {"page": str(number), **NEWEST_FIRST}
        call = Call("GET", self._settings.leads_path, query=query)
        return self._session.read(call, judge, lambda answer: listed(answer, number))

    def _key(self, row: Row) -> Key:
        created = row.get("createdAt")
        return Key(self.lead_id(row), self.modified_at(row), created if isinstance(created, str) else None)

    def _whole(self, row: Row) -> dict[str, Any] | None:
        """The lead with its metadata; ``None`` where it was deleted meanwhile."""
        if isinstance(row.get(METADATA), Mapping):
            self._session.casing.saw(row)
            return flat(row)
        return next(iter(self.get(self.lead_id(row)).rows), None)
