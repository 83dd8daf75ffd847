"""Merged leads in the sandbox's LeadSquared account, and the activities that tell of them."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from connector.sandbox.documents import Doc, Document, Documents
from connector.sandbox.leadsquared_wire import FORMAT, INVALID, Failed, bounds_of, json_of
from connector.sandbox.wire import Request

MERGED = 3003
"""The code of the activity that a merge leaves (page "Get Info on Merged Child Leads")."""
MOST_ACTIVITIES = 1000


@dataclass(frozen=True, slots=True)
class Merge:
    """One merge: its id, the lead that stays, the others as they were, and when it was."""

    id: str
    into: str
    children: list[Doc]
    at: datetime


class Merges:
    """All that there were, and the calls that show them; of all kinds of activities, only merges are known here."""

    def __init__(self, leads: Documents, shown: Callable[[Document], Doc]) -> None:
        self._leads = leads
        self._shown = shown
        self.merges: list[Merge] = []

    def merge(self, lead_id: str, into: str) -> None:
        """A person merges a lead into another one, which stays."""
        with self._leads.lock:
            child, stays = self._leads.leads[lead_id], self._leads.leads[into]
            shown = self._shown(child)
            self._leads.delete(lead_id)
            self._leads.touch(stays)
            self.merges.append(Merge(str(uuid.uuid4()), into, [shown], stays.modified))

    def activities(self, request: Request) -> Doc:
        """Activities by time and kind; of all kinds, only merges are known here."""
        body = json_of(request)
        try:
            low, high = bounds_of(body)
            kind = body["Parameter"].get("ActivityEvent", MERGED)
            page, size = body["Paging"]["PageIndex"], body["Paging"]["PageSize"]
            if not 1 <= size <= MOST_ACTIVITIES or page < 1:
                raise ValueError("page")
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Failed(INVALID, "Invalid Input! Parameter Name: parameter") from None
        found = [
            each for each in self.merges if kind == MERGED and low <= each.at.replace(microsecond=0) <= high
        ]
        return _activities_shown(found, (page - 1) * size, size)

    def activities_of_a_lead(self, request: Request) -> Doc:
        """The same of one lead; ``Offset`` is the number of the page (page "Get Activities of a Lead")."""
        body = json_of(request) or {}
        kind = (body.get("Parameter") or {}).get("ActivityEvent", MERGED)
        paging = body.get("Paging") or {}
        try:
            offset, size = int(paging.get("Offset", 0)), int(paging.get("RowCount", 25))
        except (TypeError, ValueError):
            raise Failed(INVALID, "Invalid Input! Parameter Name: paging") from None
        lead_id = request.params.get("leadId", "").lower()
        found = [each for each in self.merges if kind == MERGED and each.into == lead_id]
        return _activities_shown(found, offset * size, size)

    def merged_leads(self, request: Request) -> list[Doc]:
        body = json_of(request)
        parameter = body.get("Parameter") if isinstance(body, dict) else None
        if not isinstance(parameter, dict) or not isinstance(parameter.get("MergeAuditId"), str):
            raise Failed(INVALID, "Invalid Input! Parameter Name: MergeAuditId")
        return [
            child for each in self.merges if each.id == parameter["MergeAuditId"] for child in each.children
        ]


def _activities_shown(found: list[Merge], offset: int, size: int) -> Doc:
    shown = [
        {
            "Id": each.id,
            "EventCode": MERGED,
            "EventName": "Lead Merged",
            "CreatedOn": each.at.strftime(FORMAT),
            "ActivityType": 0,
            "RelatedProspectId": each.into,
            "Data": [],
        }
        for each in found[offset : offset + size]
    ]
    return {"RecordCount": len(found), "ProspectActivities": shown}
