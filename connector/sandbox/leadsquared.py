"""LeadSquared's lead API, ``/v2/LeadManagement.svc/…``, over its own account of the book's people.

From the vendor's page of ``Lead.Update`` (calls, answers, statuses) and from what live clients see: errors as HTTP 500
with an ``MX…`` type, windows by ``LeadLastModifiedOn`` in fractions of a second, an echoed ``Total`` in every row, no list
behind the last page. Where nothing is known, the sandbox does what such a server would most likely do, and says so here:

* an unknown lead, a value that is too long and a page that can't be are ``MXInvalidInputException``;
* email address and phone number are unique where they are not blank, and only among leads that had none of them before;
* in a bulk update, an unknown lead goes where ``PushNonExistentLeadsToUnProcessedList`` says, everything else that a
  single update would refuse into ``FailedLeads``;
* of leads by their ids, a lead that isn't there is left out, and so is a column that the account doesn't have; without ids or
  columns, which the page of "Get Leads in Bulk by Ids" calls mandatory, with more than its 10,000 ids, and for a page that
  can't be, the answer is ``MXInvalidInputException``;
* calls that are turned away for being too many don't count for the limit;
* a merge (``merge``) leaves an activity 3003 with the lead that stays, and the page "Get Info on Merged Child Leads" tells of the
  others by that activity's id; a merged lead is shown by nothing else;
* of one kind of call only are the attributes that the options ``leadsquared_only_search`` and ``leadsquared_only_get`` name.
"""

import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from connector.sandbox.book import Book, Lead
from connector.sandbox.documents import Doc, Document, Documents
from connector.sandbox.leadsquared_fields import FIELDS, UNIQUE, Field
from connector.sandbox.leadsquared_merges import Merges
from connector.sandbox.leadsquared_wire import (
    INVALID,
    Failed,
    attributes_of,
    bounds_of,
    is_equal,
    json_of,
    time_text,
)
from connector.sandbox.options import Options
from connector.sandbox.refusals import Refusals
from connector.sandbox.wire import Answer, Description, Request

PREFIX = "/v2/LeadManagement.svc/"
ACTIVITIES = "/v2/ProspectActivity.svc/"
MOST_ROWS, MOST_BULK, MOST_IDS = 5000, 25, 10_000
LIMIT_SECONDS = 5.0
RATE_LIMIT = "MXAPIRateLimitExceededException"
NO_LEAD = "Lead does not exist in the system or You do not have permission to update the lead"


class LeadSquared:
    """One account's LeadSquared API; see the module for where its behaviour comes from."""

    name = "leadsquared"
    prefixes: tuple[str, ...] = (PREFIX, ACTIVITIES)

    def __init__(self, book: Book, options: Options, refusals: Refusals) -> None:
        self.book = book
        self.options = options
        self.refusals = refusals
        self.leads = Documents(self._made, self._shown, book.clock, options.elsewhere)
        custom = (name if name.startswith("mx_") else f"mx_{name.title()}" for name in options.custom_fields)
        known = {field.name for field in FIELDS}
        extra = (Field(name, name.removeprefix("mx_").replace("_", " ")) for name in dict.fromkeys(custom))
        self.fields = {
            field.name: field for field in (*FIELDS, *(each for each in extra if each.name not in known))
        }
        self._acted: dict[str, tuple[datetime, datetime]] = {}
        self.merges = Merges(self.leads, self._shown)
        self._types: dict[str, str] = {}
        self._calls: deque[float] = deque()
        self._bulk_calls: deque[float] = deque()
        self._taken = 0
        self._actions: dict[tuple[str, str], Callable[[Request], Any]] = {
            ("GET", "LeadsMetaData.Get"): self._metadata,
            ("GET", "Leads.GetById"): self._get,
            ("POST", "Leads.RecentlyModified"): self._modified,
            ("POST", "Leads.Get"): self._look_up,
            ("POST", "Leads/Retrieve/ByIds"): self._by_ids,
            ("POST", "Lead.Update"): self._update,
            ("POST", "Lead/Bulk/UpdateV2"): self._bulk,
            ("POST", "Lead.CreateOrUpdate"): self._upsert,
            ("POST", "Lead.Create"): self._create,
            ("GET", "Leads.GetByEmailaddress"): lambda request: self._by_value(
                "EmailAddress", request.params.get("emailaddress")
            ),
            ("GET", "RetrieveLeadByPhoneNumber"): lambda request: self._by_value(
                "Phone", request.params.get("phone")
            ),
            ("POST", "GetMergedChildLeadsByAuditId"): self.merges.merged_leads,
            ("POST", "ProspectActivity.svc/RetrieveRecentlyModified"): self.merges.activities,
            ("POST", "ProspectActivity.svc/Retrieve"): self.merges.activities_of_a_lead,
        }

    def warm(self) -> None:
        """Nothing: the leads are made when somebody first asks for one."""

    def act(self, lead_id: str) -> None:
        """An activity, such as a visit or a call: moves ``LeadLastModifiedOn`` and nothing else."""
        with self.leads.lock:
            lead = self.leads.leads[lead_id]
            edited = self._edited(lead)
            self.leads.touch(lead)
            self._acted[lead_id] = (lead.modified, edited)

    def merge(self, lead_id: str, into: str) -> None:
        """A person merges a lead into another one, which stays."""
        self.merges.merge(lead_id, into)

    def of_type(self, lead_id: str, object_type: str) -> None:
        """Makes a lead one of another Object Type, as ``OT_1``."""
        self._types[lead_id] = object_type

    def settings(self, address: str) -> Mapping[str, str]:
        return {"base_url": address, "access_key": self.options.token, "secret_key": self.options.token}

    def describe(self, request: Request) -> Description:
        body = json_of(request)
        query = request.params
        pairs = body if isinstance(body, list) else []
        names = tuple(str(each.get("Attribute")) for each in pairs if isinstance(each, dict))
        lead_id = query.get("leadId") or query.get("id") or None
        return Description(_action(request.path), lead_id, names)

    def answer(self, request: Request) -> Answer | None:
        action = self._actions.get((request.method, _action(request.path)))
        if action is None:
            return None
        try:
            self._check_keys(request)
            self._check_limits("Bulk" in request.path)
            with self.leads.lock:
                return Answer(msgspec.json.encode(action(request)))
        except Failed as failed:
            body = {"Status": "Error", "ExceptionType": failed.kind, "ExceptionMessage": failed.message}
            return Answer(msgspec.json.encode(body), failed.status, outcome=failed.kind)

    def _check_keys(self, request: Request) -> None:
        for name in ("accessKey", "secretKey"):
            given = request.headers.get(f"x-lsq-{name.lower()}") or request.params.get(name)
            if given != self.options.token:
                raise Failed("MXInvalidAccessDetailsException", "Invalid accessKey or secretKey", 401)

    def _check_limits(self, bulk: bool) -> None:
        options, now = self.options, time.monotonic()
        if options.leadsquared_calls_per_day and self._taken >= options.leadsquared_calls_per_day:
            raise self._too_many(options.leadsquared_calls_per_day, "1 day(s)")
        limits = [(self._calls, options.leadsquared_calls_per_5s)]
        if bulk:
            limits.append((self._bulk_calls, options.leadsquared_bulk_per_5s))
        for calls, most in limits:
            while calls and calls[0] <= now - LIMIT_SECONDS:
                calls.popleft()
            if most and len(calls) >= most:
                raise self._too_many(most, "5 second(s)")
        for calls, _ in limits:
            calls.append(now)
        self._taken += 1

    def _too_many(self, most: int, time: str) -> Failed:
        """The page has these words for 5 seconds; those for a day are made after them."""
        says = f"API calls exceeded the limit of {most} in {time}"
        return Failed(RATE_LIMIT, says, self.options.leadsquared_limit_status)

    # The account

    def _made(self) -> Iterator[Document]:
        with self.book.lock:
            leads = list(self.book.leads.values())
        for lead in leads:
            if lead.removal is None:
                body = {name: self._first(field, lead) for name, field in self.fields.items()}
                # People don't wait for the full second.
                parts = timedelta(milliseconds=lead.id * 7919 % 1000)
                created, updated = (
                    datetime.fromtimestamp(each, UTC) + parts for each in (lead.created, lead.updated)
                )
                yield Document(prospect_id(lead.id), body, created, updated)

    def _first(self, field: Field, lead: Lead) -> str | None:
        value = lead.get(field.source) if field.source else None
        return value[: int(field.longest)] if value and field.longest else value

    def _edited(self, lead: Document) -> datetime:
        """When a field of the lead was last changed."""
        acted, edited = self._acted.get(lead.id, (None, lead.modified))
        return edited if acted == lead.modified else lead.modified

    def _shown(self, lead: Document) -> Doc:
        types = (
            {"LeadType": self._types.get(lead.id, "OT_0")} if self.options.leadsquared_object_types else {}
        )
        return {
            "ProspectID": lead.id,
            **types,
            **lead.body,
            "CreatedOn": time_text(lead.created),
            "ModifiedOn": time_text(self._edited(lead)),
            "LeadLastModifiedOn": time_text(lead.modified),
        }

    # Reads

    def _metadata(self, request: Request) -> list[Doc]:
        shown = [Field("ProspectID", "Lead ID", "Text", "36", 1).shown()]
        if self.options.leadsquared_object_types:
            values = [{"Value": each} for each in ("OT_0", *self.options.leadsquared_object_types)]
            options = {} if request.params.get("excludeOptionSets") == "1" else {"Options": values}
            shown.append({**Field("LeadType", "Object Type", "Select", "50").shown(), **options})
        shown += [field.shown() for field in self.fields.values()]
        wanted = request.params.get("schemaName")
        return [each for each in shown if wanted in (None, each["SchemaName"])]

    def _get(self, request: Request) -> list[Doc]:
        lead = self.leads.find(request.params.get("id", "").lower())
        return [] if lead is None else [self._alone(lead)]

    def _alone(self, lead: Document) -> Doc:
        """A lead as a look at it alone shows it."""
        hidden = self.options.leadsquared_only_search
        return {name: value for name, value in self.leads.show(lead).items() if name not in hidden}

    def _by_value(self, name: str, value: str | None) -> list[Doc]:
        """Whole leads by their email address or phone number (pages "Get a Lead by Email", "Get a Lead by Phone Number")."""
        if not value:
            raise Failed("MXMandatoryAttributeMissingException", f"'{name}' is mandatory")
        return [
            self._alone(each) for each in self.leads.leads.values() if is_equal(each.body.get(name), value)
        ]

    def _modified(self, request: Request) -> Doc:
        body = json_of(request)
        try:
            low, high = bounds_of(body)
            page, size = body["Paging"]["PageIndex"], body["Paging"]["PageSize"]
            if not 1 <= size <= MOST_ROWS or page < 1:
                raise ValueError("page")
        except (KeyError, TypeError, ValueError):
            raise Failed(INVALID, "Invalid Input! Parameter Name: parameter") from None
        ids = self.leads.within(low, high)
        if (body.get("Sorting") or {}).get("ColumnName") == "ProspectID":
            ids.sort(reverse=str(body["Sorting"].get("Direction", "1")) == "1")
        return self._page(request, ids, (page - 1) * size, size)

    def _look_up(self, request: Request) -> list[Doc]:
        """Leads by the value of a field, the newest first; only ``=`` is known here."""
        body = json_of(request)
        try:
            name, value, operator = (
                body["Parameter"][key] for key in ("LookupName", "LookupValue", "SqlOperator")
            )
            columns = [each.strip() for each in body["Columns"]["Include_CSV"].split(",")]
            most = body["Paging"]["PageSize"]
        except (KeyError, TypeError, AttributeError):
            raise Failed(INVALID, "Invalid Input! Parameter Name: parameter") from None
        if operator != "=" or name not in self.fields:
            raise Failed(INVALID, "Invalid Input! Parameter Name: LookupName")
        found = [each for each in self.leads.leads.values() if is_equal(each.body.get(name), value)]
        found.sort(key=lambda lead: lead.created, reverse=True)
        return [{column: self._shown(each).get(column) for column in columns} for each in found[:most]]

    def _by_ids(self, request: Request) -> Doc:
        """Leads by their ids, as plain objects with just the columns that are asked for (page)."""
        body = json_of(request)
        try:
            ids, columns = body["SearchParameters"]["LeadIds"], body["Columns"]["Include_CSV"]
            page, size = body["Paging"]["PageIndex"], body["Paging"]["PageSize"]
            names = [each.strip() for each in columns.split(",") if each.strip()]
            if not names or not 1 <= len(ids) <= MOST_IDS or page < 1 or size < 1:
                raise ValueError("ids, columns or page")
            wanted = dict.fromkeys(str(uuid.UUID(each)) for each in ids)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Failed(INVALID, "Invalid Input! Parameter Name: SearchParameters") from None
        there = [lead for each in wanted if (lead := self.leads.find(each)) is not None]
        shown = [
            {**self.leads.show(lead), "CanUpdate": "true"} for lead in there[(page - 1) * size : page * size]
        ]
        rows = [{name: each[name] for name in names if name in each} for each in shown]
        return {"RecordCount": len(there), "Leads": rows}

    def _page(self, request: Request, ids: list[str], offset: int, size: int) -> Doc:
        if request.twist("repeat_page"):
            offset = max(0, offset - size)
        if request.twist("extra_page") and ids and offset >= len(ids):
            offset = (len(ids) - 1) // size * size
        lie = request.twist("lying_total")
        total = len(ids) + int(lie.value if lie else 0)
        shown = [] if request.twist("empty_page") else ids[offset : offset + size]
        if not shown and not (ids and offset < len(ids)):
            return {"RecordCount": 0}
        rows = []
        for lead_id in shown:
            lead = self.leads.show(self.leads.leads[lead_id])
            lead = {
                name: value for name, value in lead.items() if name not in self.options.leadsquared_only_get
            }
            # The page "Get Leads by Date Range" shows the one, live clients see the other; a look at one lead has neither.
            values = {**lead, "CanUpdate": "true", "Total": str(total)}
            pairs = [{"Attribute": name, "Value": value, "Fields": None} for name, value in values.items()]
            rows.append({"LeadPropertyList": pairs})
        return {"RecordCount": total, "Leads": rows}

    # Writes

    def _update(self, request: Request) -> Doc:
        lead_id = request.params.get("leadId", "").lower()
        if not lead_id:
            raise Failed("MXMandatoryAttributeMissingException", "'leadId' is mandatory for updating lead")
        self._change(lead_id, attributes_of(json_of(request)))
        return {"Status": "Success", "Message": {"AffectedRows": 1}}

    def _bulk(self, request: Request) -> Doc:
        body = json_of(request)
        given = body.get("LeadPropertiesList") if isinstance(body, dict) else None
        if not isinstance(given, list) or len(given) > MOST_BULK:
            raise Failed(INVALID, "Invalid Input! Parameter Name: LeadPropertiesList")
        to_unprocessed = bool((body.get("Options") or {}).get("PushNonExistentLeadsToUnProcessedList"))
        leads = [attributes_of(each.get("Fields") if isinstance(each, dict) else None) for each in given]
        if unknown := {name for lead in leads for name in lead} - {"ProspectId", *self.fields}:
            raise Failed("MXUnknownAttributeException", f"Attribute(s) does not exist - {min(unknown)}.")
        details: dict[str, list[Doc]] = {"FailedLeads": [], "UnProcessedLeads": []}
        for values in leads:
            lead_id = str(values.pop("ProspectId", "")).lower()
            try:
                self._change(lead_id, values)
            except Failed as failed:
                gone = self.leads.find(lead_id) is None
                group = "UnProcessedLeads" if gone and to_unprocessed else "FailedLeads"
                reason = NO_LEAD if gone else failed.message
                entry = {"Identifier": "ProspectId", "IdentifierValue": lead_id, "Reason": reason}
                details[group].append(entry)
        failed_leads, unprocessed = (len(each) for each in details.values())
        status = {
            "TotalCount": len(leads),
            "SuccessCount": len(leads) - failed_leads - unprocessed,
            "FailureCount": failed_leads,
            "UnProcessedCount": unprocessed,
            "Message": "Error" if failed_leads + unprocessed else "Success",
        }
        return {"Status": status, "Details": {name: found for name, found in details.items() if found}}

    def _create(self, request: Request) -> Doc:
        """A new lead, or ``MXDuplicateEntryException`` where there is one with its email address or phone number (page)."""
        values = attributes_of(json_of(request))
        self._check(values, None)
        lead = self.leads.add(str(uuid.uuid4()), {**dict.fromkeys(self.fields), **values})
        return {"Status": "Success", "Message": {"Id": lead.id, "AffectedRows": 1}}

    def _upsert(self, request: Request) -> Doc:
        values = attributes_of(json_of(request))
        search_by = values.pop("SearchBy", None)
        keys = (search_by,) if search_by else UNIQUE
        if not any(values.get(name) for name in keys):
            raise Failed("MXMandatoryAttributeMissingException", "A unique field is mandatory")
        found = next((each for name in keys if (each := self._holder(name, values.get(name)))), None)
        if found is None:
            self._check(values, None)
            body = {**dict.fromkeys(self.fields), **values}
            found = self.leads.add(str(uuid.uuid4()), body)
        else:
            self._change(found.id, values)
        return {"Status": "Success", "Message": {"Id": found.id, "AffectedRows": 1}}

    def _change(self, lead_id: str, values: Mapping[str, str]) -> None:
        """One lead's update, whole or not at all."""
        code = self.refusals.code(lead_id, values)
        if code is not None:
            raise Failed(
                code if not code.isdigit() else "Refused", status=int(code) if code.isdigit() else 500
            )
        lead = self.leads.find(lead_id)
        if lead is None:
            raise Failed(INVALID, "Invalid Input! Parameter Name: leadId")
        self._check(values, lead)
        kept = {name: value for name, value in values.items() if value != "" or self.options.empty_clears}
        self.leads.replace(lead_id, {**lead.body, **kept})

    def _check(self, values: Mapping[str, str], lead: Document | None) -> None:
        for name, value in values.items():
            field = self.fields.get(name)
            if field is None:
                raise Failed("MXUnknownAttributeException", f"Attribute(s) does not exist - {name}.")
            if field.locked and lead is not None:
                raise Failed(INVALID, f"{field.label} is locked and cannot be updated")
            if field.longest and field.kind != "Phone" and len(value) > int(field.longest):
                raise Failed(INVALID, f"{field.label} is longer than {field.longest} characters")
            if name in UNIQUE and value and (lead is None or value != lead.body.get(name)):
                holder = self._holder(name, value)
                if holder is not None and holder is not lead:
                    raise Failed(
                        "MXDuplicateEntryException", f"A Lead with same {field.label} already exists."
                    )

    def _holder(self, name: str, value: str | None) -> Document | None:
        if not value:
            return None
        return next((each for each in self.leads.leads.values() if each.body.get(name) == value), None)


def _action(path: str) -> str:
    """What the tables and the log of calls name it: without the service, where that is the one for leads."""
    return path.removeprefix(PREFIX).removeprefix("/v2/")


def prospect_id(lead_id: int | str) -> str:
    """The id that the book's lead has here: always the same one."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"leadsquared/{lead_id}"))
