"""Reads the leads and recordings of one Convoso account."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from connector.config import did_you_mean, named
from connector.crm.answers import first_text
from connector.crm.base import Bounds, Page, Precision
from connector.crm.convoso.calls import ask, call_with
from connector.crm.convoso.facts import (
    CALL_FILTERS,
    CALL_LOG,
    CAPABILITIES,
    FORMATS,
    MAX_CALLS,
    MAX_RECORDINGS,
    SEARCH,
    time_filter,
)
from connector.crm.convoso.responses import (
    ConvosoRefusedError,
    calls,
    first_leads,
    leads,
    recordings,
    row_id,
)
from connector.crm.convoso.settings import ConvosoSettings
from connector.crm.http import Session, Speaking
from connector.crm.ids import as_id
from connector.documented.convoso import BAD_LEAD_ID, LEAD_NOT_FOUND, NO_LEAD, NO_USERS
from connector.errors import ConfigError, UnexpectedAnswerError


class ConvosoReader(Speaking):
    """A ``LeadReader`` of one Convoso account."""

    def __init__(self, settings: ConvosoSettings, *, session: Session | None = None) -> None:
        check_filters(settings.name, settings.filters)
        self._settings = settings
        self.capabilities = CAPABILITIES.of(settings.name)
        self._session = session or Session(settings)

    @property
    def zone(self) -> ZoneInfo:
        return self._settings.timezone

    def search(
        self,
        bounds: Bounds | None,
        *,
        cursor_field: str = "updated_at",
        precision: Precision = "second",
        filters: Mapping[str, str] | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Page:
        """``POST /leads/search``. Both ends of ``bounds`` are included (seen in live clients; the pages don't say).

        ``filters`` go on top of the settings' own. ``ConfigError`` for a filter that Convoso doesn't have.
        """
        form = {**self._settings.filters, **(filters or {})}
        check_filters(self.capabilities.name, form)
        if bounds is not None:
            names = time_filter(cursor_field)
            if clash := sorted(set(names) & set(form)):
                raise ConfigError(f"The filter {clash[0]!r} and the window that is read exclude each other.")
            form |= dict(zip(names, (end.strftime(FORMATS[precision]) for end in bounds), strict=True))
        form |= {"offset": str(offset), "limit": str(limit or self._settings.page_size)}
        return self._page(form)

    def get(self, lead_id: str) -> Page:
        """The lead as a search by its id shows it, whatever the settings' filters are."""
        call = call_with(self._settings, SEARCH, {"lead_id": lead_id, "offset": "0", "limit": "10"})
        page = ask(self._session, call, first_leads)
        if any(self.lead_id(row) != lead_id for row in page.rows):
            raise UnexpectedAnswerError(
                "showed other leads in a search by lead id", crm=self.capabilities.name
            )
        return Page(page.rows[:1], page.total, page.asked_at)

    def recordings(
        self, lead_id: str, bounds: Bounds | None, *, offset: int = 0, limit: int | None = None
    ) -> Page:
        """``POST /leads/get-recordings``, or ``/lead/get-recordings`` if the settings say so; at most 100 recordings a page.

        Convoso's page names the one path and shows the other in its example. The end of a recording may be an empty text.
        Code 6005, "Missing users", is the only one that the page has for it besides that of a bad offset. Since every
        call names a lead, it can only be about that lead: one without recordings.
        """
        form = {"lead_id": lead_id, "offset": str(offset), "limit": str(limit or MAX_RECORDINGS)}
        if bounds is not None:
            form |= {
                name: end.strftime(FORMATS["second"])
                for name, end in zip(("start_time", "end_time"), bounds, strict=True)
            }
        asked_at = self.clock.now()
        try:
            call = call_with(self._settings, f"/{self._settings.recordings_path}", form)
            page = ask(self._session, call, recordings)
        except ConvosoRefusedError as error:
            if error.refusal not in (NO_LEAD, LEAD_NOT_FOUND, BAD_LEAD_ID, NO_USERS):
                raise
            return Page([], 0, asked_at)
        if any(as_id(row.get("lead_id")) not in (None, lead_id) for row in page.rows):
            raise UnexpectedAnswerError("showed another lead's recordings", crm=self.capabilities.name)
        return page

    def calls(
        self,
        bounds: Bounds | None,
        *,
        filters: Mapping[str, str] | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Page:
        """``POST /log/retrieve``, the oldest call first, each with its recordings; without bounds it is the log of today.

        Both ends of ``bounds`` are included (Convoso's page has days from 00:00:00 to 23:59:59).
        """
        form = {**self._settings.filters, **(filters or {})}
        for name in form:
            if name not in CALL_FILTERS:
                raise ConfigError(
                    f"{named(f'crm.{self.capabilities.name}.calls')}: Convoso's call log can't be narrowed by the filter {name!r} of the leads.",
                    "Set it to false, or read the calls as an account of its own, without that filter.",
                )
        if bounds is not None:
            form |= {
                name: end.strftime(FORMATS["second"])
                for name, end in zip(("start_time", "end_time"), bounds, strict=True)
            }
        form |= {"order": "asc", "include_recordings": "1"}
        form |= {"offset": str(offset), "limit": str(limit or MAX_CALLS)}
        return ask(self._session, call_with(self._settings, CALL_LOG, form), calls)

    def modified_at(self, row: Mapping[str, Any]) -> str | None:
        """Rows say ``modified_at`` where filters say ``updated_at``."""
        return first_text(row, CAPABILITIES.modified_fields)

    def lead_id(self, row: Mapping[str, Any]) -> str:
        """Ids come as numbers or as texts, under ``id`` or ``lead_id``."""
        if (found := row_id(row)) is not None:
            return found
        raise UnexpectedAnswerError("showed a lead without an id", crm=self.capabilities.name)

    def _page(self, form: Mapping[str, str]) -> Page:
        return ask(self._session, call_with(self._settings, SEARCH, form), leads)


def check_filters(account: str, filters: Mapping[str, str]) -> None:
    """``ConfigError`` for the first name that is no search filter of Convoso."""
    for name in filters:
        if name not in CAPABILITIES.search_filters:
            hint = did_you_mean(name, CAPABILITIES.search_filters) or "."
            raise ConfigError(
                f"{named(f'crm.{account}.filters')}: Convoso's search has no filter {name!r}{hint}"
            )
