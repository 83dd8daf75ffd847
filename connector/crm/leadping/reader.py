"""Reads the leads of one Leadping organisation."""

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connector.crm.base import FieldType, FieldTypes, Page, Type
from connector.crm.http import Call, Session, Speaking
from connector.crm.ids import as_id, names_one
from connector.crm.leadping import lead as leads
from connector.crm.leadping.calls import about_one, list_call, open_session
from connector.crm.leadping.changed import Changed
from connector.crm.leadping.facts import CAPABILITIES, NO_LEAD, NOT_YOURS, PAGE_SIZE, Order
from connector.crm.leadping.responses import Listed, judge, judge_list, lead_in, listed, path
from connector.crm.leadping.settings import LeadpingSettings
from connector.errors import RefusedError, UnexpectedAnswerError


class LeadpingReader(Speaking):
    """A ``ScanReader`` and ``TypeReader`` of one Leadping organisation."""

    def __init__(
        self, settings: LeadpingSettings, *, session: Session | None = None, page_size: int = PAGE_SIZE
    ) -> None:
        self._settings = settings
        self.capabilities = CAPABILITIES.of(settings.name)
        self._session = session or open_session(settings)
        self._page_size = page_size

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo("UTC")

    def scan(self, since: datetime | None, only: Collection[str] | None = None) -> Iterator[Page]:
        """Every lead modified or created at ``since`` or later; each is read singly, since the list shows only summaries.

        Where the list puts leads that were never modified is not known, so new ones are also looked for by creation.
        """
        changes = Changed(self._listed, self.lead_id, since, self.capabilities.name)
        pool = ThreadPoolExecutor(self._settings.single_calls, thread_name_prefix="leadloop-leadping")
        try:
            for changed, total in changes:
                wanted = [lead_id for lead_id in changed if only is None or lead_id in only]
                pages = [page for page in pool.map(self.get, wanted) if page.rows]
                rows = [row for page in pages for row in page.rows]
                asked_at = min((page.asked_at for page in pages), default=self.clock.now())
                yield Page(rows, total, asked_at, 1 + len(wanted))
        finally:
            pool.shutdown(cancel_futures=True)

    def get(self, lead_id: str) -> Page:
        """``GET /leads/{id}``, flat, with the tags' names as ``tagNames``.

        A lead that belongs to somebody else is not there: the key can't read it.
        """
        if not names_one(lead_id):
            return Page([], 0, self.clock.now())
        asked_at = self.clock.now()
        try:
            with about_one(self._session):
                lead = self._session.read(
                    Call("GET", path(lead_id)), judge, lambda answer: lead_in(answer, lead_id)
                )
        except RefusedError as error:
            if error.code in {NO_LEAD, *NOT_YOURS}:
                return Page([], 0, asked_at)
            raise
        return Page([leads.row(lead)], 1, asked_at)

    def fields(self) -> FieldTypes:
        """As the published schema has them; no call says it."""
        kinds: tuple[tuple[Type, str, Collection[str]], ...] = (
            ("integer", "integer", leads.WHOLE_NUMBERS),
            ("number", "number", leads.NUMBERS - leads.WHOLE_NUMBERS),
            ("boolean", "boolean", leads.FLAGS),
            ("date", "date", leads.DATES),
            ("timestamp", "date-time", leads.TIMES),
        )
        return FieldTypes(
            [FieldType(name, kind, theirs, name) for kind, theirs, names in kinds for name in sorted(names)]
        )

    def modified_at(self, row: Mapping[str, Any]) -> str | None:
        """The first of ``modifiedAt`` and ``createdAt`` that isn't null; a summary says ``updatedAt``."""
        names = ("modifiedAt", "updatedAt", "createdAt")
        return next((row[name] for name in names if isinstance(row.get(name), str) and row[name]), None)

    def lead_id(self, row: Mapping[str, Any]) -> str:
        if (text := as_id(row.get("id"))) is None:
            raise UnexpectedAnswerError("showed a lead without an id", crm=self.capabilities.name)
        return text

    def _listed(self, order: Order, token: str | None) -> "Listed":
        return self._session.read(list_call(self._page_size, order, token), judge_list, listed)
