"""Reads the leads of one PollyBot workspace."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connector.crm.answers import flat
from connector.crm.base import Page
from connector.crm.http import Speaking
from connector.crm.ids import as_id, names_one
from connector.crm.newest_first import Key, Listed, NewestFirst, Row
from connector.crm.pollybot.calls import PollyBotSession, call_for, page_call
from connector.crm.pollybot.facts import CAPABILITIES, NO_LEAD
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
        """Every lead modified at ``since`` or later, newest first.

        A lead is read singly where its row may lack something: metadata in the older generation. In the newer one, the
        first lead that is read so tells that the rows are whole, and no other one is.
        """
        pool = ThreadPoolExecutor(self._settings.single_calls, thread_name_prefix="leadloop-pollybot")
        try:
            for part in NewestFirst(self.capabilities.name, self._list, self._key, since):
                wanted = [row for row in part.rows if only is None or self.lead_id(row) in only]
                leads, singly = self._whole(wanted, pool)
                yield Page([flat(lead) for lead in leads], part.total, part.asked_at, 1 + singly)
        finally:
            pool.shutdown(cancel_futures=True)

    def get(self, lead_id: str) -> Page:
        """``GET {leads}/{id}``."""
        lead, asked_at = self._lead(lead_id) if names_one(lead_id) else (None, self.clock.now())
        if lead is None:
            return Page([], 0, asked_at)
        self._session.shown.saw(lead)
        return Page([flat(lead)], 1, asked_at)

    def modified_at(self, row: Mapping[str, Any]) -> str | None:
        found = row.get("updatedAt") or row.get("updated_at")
        return found if isinstance(found, str) else None

    def lead_id(self, row: Mapping[str, Any]) -> str:
        if (text := as_id(row.get("id"))) is None:
            raise UnexpectedAnswerError("showed a lead without an id", crm=self.capabilities.name)
        return text

    def _list(self, number: int) -> Listed:
        return self._session.read(
            page_call(self._settings, number), judge, lambda answer: listed(answer, number)
        )

    def _key(self, row: Row) -> Key:
        created = row.get("createdAt")
        return Key(self.lead_id(row), self.modified_at(row), created if isinstance(created, str) else None)

    def _lead(self, lead_id: str) -> tuple[Row | None, datetime]:
        """The lead as a single read shows it, and when; ``None`` where there is no such lead."""
        try:
            call = call_for(self._settings, "GET", lead_id)
            return self._session.read(call, judge, lambda answer: lead_read(answer, lead_id))
        except RefusedError as error:
            if error.code != NO_LEAD:
                raise
            return None, self.clock.now()

    def _whole(self, rows: Sequence[Row], pool: Executor) -> tuple[list[Row], int]:
        """Rows of the list as whole leads, without those that were deleted meanwhile, and how many were read singly."""
        shown = self._session.shown
        bare = [place for place, row in enumerate(rows) if not shown.is_whole(row)]
        read: dict[int, Row | None] = {}
        if bare and not shown.has_compared:
            # This one tells whether the others need to be read at all.
            read[bare[0]] = self._singly(rows[bare[0]])
            bare = [place for place in bare[1:] if not shown.is_whole(rows[place])]
        read.update(zip(bare, pool.map(lambda place: self._singly(rows[place]), bare), strict=True))
        leads = [read.get(place, row) for place, row in enumerate(rows)]
        found = [lead for lead in leads if lead is not None]
        for lead in found:
            shown.saw(lead)
        return found, len(read)

    def _singly(self, row: Row) -> Row | None:
        lead, _ = self._lead(self.lead_id(row))
        if lead is not None:
            self._session.shown.read_singly(row, lead)
        return lead
