"""Reads the leads of one LeadSquared account."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from threading import Lock
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from connector.config import named
from connector.crm.answers import first_text
from connector.crm.base import Bounds, FieldType, FieldTypes, Page, Precision
from connector.crm.http import Session, Speaking
from connector.crm.leadsquared.calls import call_with, open_session
from connector.crm.leadsquared.facts import (
    ACTIVITIES,
    BY_IDS,
    CAPABILITIES,
    FIRST,
    FORMAT,
    GET,
    ID,
    MERGED,
    MERGED_LEADS,
    MODIFIED,
    MOST_ACTIVITIES,
    UTC_ZONE,
)
from connector.crm.leadsquared.metadata import Metadata
from connector.crm.leadsquared.responses import (
    Merge,
    judge,
    lead_id_of,
    leads_found,
    leads_listed,
    merges_found,
)
from connector.crm.leadsquared.settings import MAX_PAGE_SIZE, LeadSquaredSettings
from connector.errors import ConfigError, RefusedError, UnexpectedAnswerError, UnreachableError
from connector.texts import moment

MERGED_AT = "merged_at"


class OneSided(NamedTuple):
    """Attributes that are shown by one kind of call only."""

    alone: frozenset[str]
    """By a look at one lead."""
    searched: frozenset[str]
    """By a search."""


class LeadSquaredReader(Speaking):
    """A ``WindowReader``, ``ManyReader`` and ``TypeReader`` of one LeadSquared account."""

    def __init__(self, settings: LeadSquaredSettings, *, session: Session | None = None) -> None:
        self._settings = settings
        self.capabilities = CAPABILITIES.of(settings.name)
        self._session = session or open_session(settings)
        self._lock = Lock()
        self._sides: OneSided | None = None
        self._searched: dict[str, Any] | None = None
        """A lead as a search showed it in this run."""
        self._children: dict[str, list[str]] = {}
        """Id of a merge -> the leads that it took away; a merge doesn't change."""

    @property
    def zone(self) -> ZoneInfo:
        return UTC_ZONE

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
        """``POST Leads.RecentlyModified``, ordered by id: by a time, leads that share it change places (seen).

        The API has numbered pages; an ``offset`` that is no multiple of ``limit`` costs a second call.
        """
        if cursor_field == MERGED_AT:
            return self._merged(bounds, offset, limit)
        if cursor_field not in CAPABILITIES.cursor_fields:
            raise ConfigError(
                f"LeadSquared finds leads by the time of their last change, not by {cursor_field!r}."
            )
        if filters:
            raise ConfigError(
                f"LeadSquared has no filters besides the time, so {min(filters)!r} can't be one."
            )
        size = limit or self._settings.page_size
        number, skipped = divmod(offset, size)
        page = self._page(bounds, number + 1, size)
        if skipped:
            more = self._page(bounds, number + 2, size).rows if len(page.rows) == size else []
            page = Page([*page.rows[skipped:], *more[:skipped]], page.total, page.asked_at)
        return page

    def get(self, lead_id: str) -> Page:
        """``GET Leads.GetById``, which answers ``[]`` for a lead that is not there (seen).

        It and a search need not show the same attributes, and one that comes and goes with the call would look like a person's edit.
        So a row has what a search shows, and nothing else.
        """
        page = self._alone(lead_id)
        if not page.rows or self.modified_at(page.rows[0]) is None:
            return page
        one_sided, calls = self._one_sided()
        row = {name: value for name, value in page.rows[0].items() if name not in one_sided.alone}
        if missing := one_sided.searched - row.keys():
            more, took = self._searched_only(lead_id, page.rows[0], missing)
            row |= more
            calls += took
        return Page([row], page.total, page.asked_at, page.calls + calls)

    def _alone(self, lead_id: str) -> Page:
        call = call_with(self._settings, "GET", GET, query={"id": lead_id})
        page = self._session.read(call, judge, leads_listed)
        if len(page.rows) > 1 or any(self.lead_id(row).lower() != lead_id.lower() for row in page.rows):
            raise UnexpectedAnswerError(
                "showed other leads in a look at one lead", crm=self.capabilities.name
            )
        return page

    def _one_sided(self) -> tuple[OneSided, int]:
        """Which attributes are shown by one of the two only, as one lead tells that is shown by both; and the calls that took.

        Found out once. Any lead will do but one that was just written to, which a search may not show yet.
        """
        with self._lock:
            if self._sides is not None:
                return self._sides, 0
            calls = 1
            if self._searched is None:
                calls += 1
                self._page(None, 1, 1)
            searched = self._searched
            alone = self._alone(self.lead_id(searched)).rows if searched else []
            if not searched or not alone:
                # The lead is gone, or there is none: the next one tells.
                self._searched = None
                return OneSided(frozenset(), frozenset()), calls
            ours, theirs = frozenset(searched), frozenset(alone[0])
            self._sides = OneSided(theirs - ours, ours - theirs)
            return self._sides, calls

    def _searched_only(
        self, lead_id: str, row: Mapping[str, Any], names: Collection[str]
    ) -> tuple[dict[str, Any], int]:
        """These attributes of a lead, which a look at it alone doesn't show: by its id, else by the time of its last change."""
        columns = {ID, *(name.partition(".")[0] for name in names)}
        body = {
            "SearchParameters": {"LeadIds": [lead_id]},
            "Columns": {"Include_CSV": ",".join(sorted(columns))},
            "Paging": {"PageIndex": 1, "PageSize": 1},
        }
        rows = self._session.read(
            call_with(self._settings, "POST", BY_IDS, json=body), judge, leads_found
        ).rows
        if len(rows) == 1 and set(names) <= rows[0].keys():
            return {name: rows[0][name] for name in names}, 1
        at = moment(self.modified_at(row))
        if at is not None:
            second = at.replace(tzinfo=None, microsecond=0)
            page = self._page((second, second), 1, MAX_PAGE_SIZE)
            found = next((each for each in page.rows if self.lead_id(each).lower() == lead_id.lower()), None)
            if found is not None:
                return {name: found.get(name) for name in names}, 2
        raise UnexpectedAnswerError(
            f"shows {', '.join(sorted(names))} in its searches and not by a lead's id",
            crm=self.capabilities.name,
        )

    def get_many(self, lead_ids: Sequence[str]) -> Page:
        """``POST Leads/Retrieve/ByIds``, which shows only the columns that it is asked for (page), and no list has them all.

        So they are taken from the first lead that ``get`` shows, and that lead is asked for once more with the others: where
        it doesn't look the same there, nothing of the answer counts, and of another lead only a row with all columns.
        """
        whole, calls = None, 0
        for lead_id in lead_ids:
            page = self.get(lead_id)
            calls += page.calls
            if page.rows:
                whole = dict(page.rows[0])
                break
        if whole is None:
            return Page([], None, self.clock.now(), calls)
        body = {
            "SearchParameters": {"LeadIds": list(lead_ids)},
            "Columns": {"Include_CSV": ",".join(dict.fromkeys(name.partition(".")[0] for name in whole))},
            "Paging": {"PageIndex": 1, "PageSize": len(lead_ids)},
        }
        call = call_with(self._settings, "POST", BY_IDS, json=body)
        page = self._session.read(call, judge, leads_found)
        rows = [{name: row[name] for name in whole} for row in page.rows if whole.keys() <= row.keys()]
        return Page(rows if whole in rows else [], None, page.asked_at, calls + page.calls)

    def fields(self) -> FieldTypes:
        """``GET LeadsMetaData.Get``."""
        found = Metadata(self._settings, self._session).fields()
        return FieldTypes(
            [FieldType(each.name, each.type, each.kind, each.label) for each in found.values()], 1
        )

    def modified_at(self, row: Mapping[str, Any]) -> str | None:
        """The clock that windows go by, where the row shows it."""
        return first_text(row, CAPABILITIES.modified_fields)

    def lead_id(self, row: Mapping[str, Any]) -> str:
        return lead_id_of(row, self.capabilities.name)

    def _merged(self, bounds: Bounds | None, offset: int, limit: int | None) -> Page:
        """The leads that were merged into others in this time, a row each: its id, when, and into which lead.

        An activity (``ProspectActivity.svc/RetrieveRecentlyModified``) names the lead that stays, and
        ``GetMergedChildLeadsByAuditId`` the others. Nothing else of them is kept.
        """
        low, high = self._between(bounds)
        asked_at, calls, merges = self.clock.now(), 0, list[Merge]()
        try:
            while True:
                body = {
                    "Parameter": {
                        "FromDate": low.strftime(FORMAT),
                        "ToDate": high.strftime(FORMAT),
                        "ActivityEvent": MERGED,
                    },
                    "Paging": {"PageIndex": calls + 1, "PageSize": MOST_ACTIVITIES},
                    "Sorting": {"ColumnName": "CreatedOn", "Direction": "0"},
                }
                call = call_with(self._settings, "POST", ACTIVITIES, json=body)
                found = self._session.read(call, judge, merges_found)
                merges += found
                calls += 1
                if len(found) < MOST_ACTIVITIES:
                    break
            rows: dict[str, dict[str, Any]] = {}
            for merge in merges:
                if merge.audit_id not in self._children:
                    self._children[merge.audit_id] = self._merged_into(merge)
                    calls += 1
                for lead_id in self._children[merge.audit_id]:
                    if lead_id.lower() != merge.into.lower():
                        rows[lead_id] = {ID: lead_id, MERGED_AT: merge.at, "merged_into": merge.into}
        except (RefusedError, UnreachableError, UnexpectedAnswerError) as error:
            raise UnexpectedAnswerError(
                f"does not say which leads were merged: it {error.what}",
                f"{named(f'crm.{self.capabilities.name}.removals')} = false leaves them out.",
                crm=self.capabilities.name,
            ) from None
        shown = list(rows.values())
        return Page(shown[offset : offset + limit if limit else None], len(shown), asked_at, calls)

    def _merged_into(self, merge: Merge) -> list[str]:
        body = {"Parameter": {"MergeAuditId": merge.audit_id}}
        call = call_with(self._settings, "POST", MERGED_LEADS, json=body)
        return [self.lead_id(row) for row in self._session.read(call, judge, leads_listed).rows]

    def _between(self, bounds: Bounds | None) -> Bounds:
        return bounds or (FIRST, self.clock.now().replace(tzinfo=None) + timedelta(days=1))

    def _page(self, bounds: Bounds | None, number: int, size: int) -> Page:
        low, high = self._between(bounds)
        body = {
            "Parameter": {"FromDate": low.strftime(FORMAT), "ToDate": high.strftime(FORMAT)},
            "Paging": {"PageIndex": number, "PageSize": size},
            "Sorting": {"ColumnName": ID, "Direction": "0"},
        }
        page = self._session.read(call_with(self._settings, "POST", MODIFIED, json=body), judge, leads_found)
        if self._searched is None and page.rows:
            self._searched = dict(page.rows[0])
        # Behind the last page the API says 0, however many leads there are (seen).
        return page if page.rows or number == 1 else Page([], None, page.asked_at)
