"""What LeadSquared publishes of the calls that leadloop makes, and of the ones that its sandbox answers besides: a table of our own.

LeadSquared has no schema and no typed client. Each endpoint is written down from its page at apidocs.leadsquared.com (``source``); what no page
shows, and was seen in live clients, says so. Attributes of a lead are texts or null.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.sandbox import Sandbox
from connector.sandbox.leadsquared import prospect_id
from tests.contracts.published.contract import Contract, Endpoint, Example, Keys, Scene, Wrong
from tests.contracts.published.shapes import (
    Each,
    Flag,
    Maybe,
    Number,
    Obj,
    Shape,
    Text,
    Whatever,
    at_least,
    exactly,
)

PAGES = "https://apidocs.leadsquared.com/"
LEADS = "/v2/LeadManagement.svc/"
ACTIVITIES = "/v2/ProspectActivity.svc/"

TEXT, FLAG, COUNT = Text(pattern=r"(?s).+"), Flag(), Number(whole=True, least=0)
VALUE = Maybe(Text())
SECOND = Text(pattern=r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
TIME = Text(pattern=r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d([.]\d+)?")
PAIR = exactly({"Attribute": TEXT, "Value": VALUE}, {"Fields": Maybe(Each(Whatever()))})
PAIRS = Each(exactly({"Attribute": TEXT, "Value": Text()}), least=1)
"""A body of attribute-value pairs."""
LEAD = at_least({"ProspectID": TEXT, "CreatedOn": TIME, "ModifiedOn": TIME}, VALUE)
"""A lead as a plain object, whole."""
ROW = Obj(others=VALUE)
"""A lead as a plain object, with the columns that were asked for."""
COLUMNS = exactly({"Include_CSV": TEXT})
DIRECTION = exactly({"ColumnName": TEXT, "Direction": Text(words=("0", "1"))})


def paging(most: int) -> Obj:
    return exactly(
        {"PageIndex": Number(whole=True, least=1), "PageSize": Number(whole=True, least=1, most=most)}
    )


SUCCESS = Text(words=("Success",))
DONE = exactly({"Status": SUCCESS, "Message": exactly({"AffectedRows": Number(whole=True)})})
MADE = exactly({"Status": SUCCESS, "Message": exactly({"Id": TEXT}, {"AffectedRows": Number(whole=True)})})
ERROR = exactly({"Status": Text(words=("Error",)), "ExceptionType": TEXT, "ExceptionMessage": Text()})
"""The page "Update a Lead" and its neighbours show the statuses; the shape was seen."""
NOT_DONE = Each(exactly({"Identifier": TEXT, "IdentifierValue": TEXT, "Reason": TEXT}), least=1)
FIELD = at_least(
    {
        "SchemaName": TEXT,
        "DisplayName": TEXT,
        # Page "Create a Custom Lead Field": case counts; a Date is rendered as one or as a DateTime.
        "DataType": Text(
            words=("Text", "Number", "Email", "Phone", "Website", "Date", "Time", "Select", "Boolean")
        ),
        "RenderTypeTextValue": TEXT,
        "IsMandatory": FLAG,
        "MaxLength": Text(pattern="[0-9]*"),
    }
)
"""Page "Get a Lead Field's Properties"."""

STATUSES: Mapping[int, str] = {
    200: "This is the status code for successful API call.",
    400: "The message body on the request is not as per API specification.",
    401: "The API call was made with invalid access credentials.",
    404: "The API could not be found.",
    429: "API calls exceeded the limit of 25 in 5 second(s)",
    500: "The API called failed.",
}
"""What every page lists."""


KEYS = Keys(("accessKey", "secretKey"), {"x-lsq-accesskey": "", "x-lsq-secretkey": ""})
"""In the query, as every page has them; or as headers (page "Authentication")."""

DUPLICATE, INVALID = "MXDuplicateEntryException", "MXInvalidInputException"
MISSING, UNKNOWN = "MXMandatoryAttributeMissingException", "MXUnknownAttributeException"


def _endpoint(
    page: str,
    name: str,
    answer: Shape,
    body: Shape | None = None,
    sent: Any = None,
    errors: tuple[str, ...] = (),
    query: Mapping[str, str] | None = None,
    may: Mapping[str, str] | None = None,
    used: bool = True,
) -> Endpoint:
    """``query``: parameters that have to be there, with an example; ``errors``: ``ExceptionType``s that were seen, at status 500."""
    return Endpoint(
        name if name.startswith("/") else LEADS + name,
        ("GET",) if body is None else ("POST",),
        f"{PAGES}{page}/",
        answer,
        Example(query or {}, sent),
        dict.fromkeys((status for status in STATUSES if status != 200), ERROR),
        dict.fromkeys(errors, ""),
        dict.fromkeys(query or {}, ".+"),
        may or {},
        body=body,
        used=used,
    )


ALWAYS = {"FromDate": "2000-01-01 00:00:00", "ToDate": "2100-01-01 00:00:00"}
PAGE = {"PageIndex": 1, "PageSize": 100}
CITY = [{"Attribute": "mx_City", "Value": "London"}]
NEW = [{"Attribute": "EmailAddress", "Value": "new@example.com"}, *CITY]
POSTING = {"postUpdatedLead": "true|false"}

ENDPOINTS: tuple[Endpoint, ...] = (
    _endpoint(
        "meta-data", "LeadsMetaData.Get", Each(FIELD), may={"excludeOptionSets": "1", "schemaName": ".+"}
    ),
    _endpoint("get-lead-by-id", "Leads.GetById", Each(LEAD, 1), query={"id": "$lead"}),
    _endpoint(
        *("get-a-lead-by-email-id", "Leads.GetByEmailaddress", Each(LEAD)),
        query={"emailaddress": "$email"},
        used=False,
    ),
    _endpoint(
        *("get-lead-by-phone-number", "RetrieveLeadByPhoneNumber", Each(LEAD)),
        query={"phone": "$phone"},
        used=False,
    ),
    _endpoint(
        "get-leads-by-date-range",
        "Leads.RecentlyModified",
        # Behind the last page there is a count of 0 and no list (seen).
        exactly({"RecordCount": COUNT}, {"Leads": Each(exactly({"LeadPropertyList": Each(PAIR, least=1)}))}),
        exactly(
            {"Parameter": exactly({"FromDate": SECOND, "ToDate": SECOND}), "Paging": paging(5000)},
            {"Columns": COLUMNS, "Sorting": DIRECTION},
        ),
        {"Parameter": ALWAYS, "Paging": PAGE},
        (INVALID,),
    ),
    _endpoint(
        "search-by-lead-criteria",
        "Leads.Get",
        Each(ROW),
        exactly(
            {
                "Parameter": exactly(
                    {
                        "LookupName": TEXT,
                        "LookupValue": TEXT,
                        "SqlOperator": Text(words=("=", "LIKE", ">", "<", "<=", ">=", "<>")),
                    }
                ),
                "Paging": paging(5000),
            },
            {"Columns": COLUMNS, "Sorting": DIRECTION},
        ),
        {
            "Parameter": {"LookupName": "Phone", "LookupValue": "$phone", "SqlOperator": "="},
            "Columns": {"Include_CSV": "ProspectID, Phone"},
            "Paging": PAGE,
        },
        (INVALID,),
    ),
    _endpoint(
        "get-leads-in-bulk-by-ids",
        "Leads/Retrieve/ByIds",
        exactly({"RecordCount": COUNT, "Leads": Each(ROW)}),
        exactly(
            {
                "SearchParameters": exactly({"LeadIds": Each(TEXT, 10_000, 1)}),
                "Columns": COLUMNS,
                "Paging": paging(10_000),
            }
        ),
        {
            "SearchParameters": {"LeadIds": ["$lead", "$other"]},
            "Columns": {"Include_CSV": "ProspectID, FirstName"},
            "Paging": PAGE,
        },
        (INVALID,),
    ),
    _endpoint(
        "update-a-lead",
        "Lead.Update",
        DONE,
        PAIRS,
        CITY,
        (DUPLICATE, INVALID, MISSING, UNKNOWN),
        query={"leadId": "$lead"},
        may=POSTING,
    ),
    _endpoint(
        "update-lead-in-bulk-v2",
        "Lead/Bulk/UpdateV2",
        exactly(
            {
                "Status": exactly(
                    {"TotalCount": COUNT, "SuccessCount": COUNT, "FailureCount": COUNT, "Message": TEXT},
                    {"UnProcessedCount": COUNT},
                )
            },
            {"Details": exactly({}, {"FailedLeads": NOT_DONE, "UnProcessedLeads": NOT_DONE})},
        ),
        exactly(
            {"LeadPropertiesList": Each(exactly({"Fields": PAIRS}), 25, 1)},
            {
                "SearchByKey": TEXT,
                "Options": exactly({}, {"PushNonExistentLeadsToUnProcessedList": FLAG}),
            },
        ),
        {
            "SearchByKey": "ProspectId",
            "Options": {"PushNonExistentLeadsToUnProcessedList": True},
            "LeadPropertiesList": [
                {"Fields": [{"Attribute": "ProspectId", "Value": each}, *CITY]}
                for each in ("$lead", "$nobody")
            ],
        },
        (INVALID, UNKNOWN),
    ),
    _endpoint("create-a-lead", "Lead.Create", MADE, PAIRS, NEW, (DUPLICATE,), used=False),
    _endpoint(
        "create-or-update",
        "Lead.CreateOrUpdate",
        MADE,
        PAIRS,
        [*NEW, {"Attribute": "SearchBy", "Value": "EmailAddress"}],
        (DUPLICATE, MISSING),
        may=POSTING,
    ),
    _endpoint(
        # The page "Get Info on Merged Child Leads" names the activity's code; this call by time was seen in live clients.
        "get-info-on-merged-child-leads",
        ACTIVITIES + "RetrieveRecentlyModified",
        exactly(
            {
                "RecordCount": COUNT,
                "ProspectActivities": Each(
                    at_least({"Id": TEXT, "EventCode": COUNT, "CreatedOn": TIME, "RelatedProspectId": TEXT})
                ),
            }
        ),
        exactly(
            {
                "Parameter": exactly(
                    {"FromDate": SECOND, "ToDate": SECOND},
                    {"ActivityEvent": COUNT, "IncludeCustomFields": Number(whole=True, least=0, most=1)},
                ),
                "Paging": paging(1000),
            },
            {"Sorting": DIRECTION},
        ),
        {"Parameter": {**ALWAYS, "ActivityEvent": 3003}, "Paging": PAGE},
        (INVALID,),
    ),
    _endpoint(
        "get-activities-of-a-lead",
        ACTIVITIES + "Retrieve",
        exactly(
            {
                "RecordCount": COUNT,
                "ProspectActivities": Each(
                    at_least({"Id": TEXT, "EventCode": COUNT, "EventName": TEXT, "CreatedOn": TIME})
                ),
            }
        ),
        exactly(
            {},
            {
                "Parameter": exactly({}, {"ActivityEvent": COUNT}),
                "Paging": exactly({"Offset": Text(), "RowCount": Text()}),
            },
        ),
        {"Parameter": {"ActivityEvent": 3003}, "Paging": {"Offset": "0", "RowCount": "10"}},
        query={"leadId": "$lead"},
        used=False,
    ),
    _endpoint(
        "get-info-on-merged-child-leads",
        "GetMergedChildLeadsByAuditId",
        Each(at_least({"ProspectID": TEXT}, VALUE)),
        exactly({"Parameter": exactly({"MergeAuditId": TEXT})}),
        {"Parameter": {"MergeAuditId": "$merge"}},
        (INVALID,),
    ),
)


def _scene(crm: Sandbox) -> Scene:
    """The first lead has taken the last one in; ``phone`` is another lead's."""
    vendor: Any = crm.vendors["leadsquared"]
    lead, *others, gone = vendor.leads.ids()
    vendor.merge(gone, lead)
    rows = vendor.leads.rows()
    phone = next(rows[each]["Phone"] for each in others if rows[each]["Phone"])
    email = next(row["EmailAddress"] for row in rows.values() if row["EmailAddress"])
    merge = vendor.merges.merges[0].id
    return {
        "lead": lead,
        "other": others[0],
        "nobody": prospect_id("nobody"),
        "phone": phone,
        "email": email,
        "merge": merge,
    }


def _pairs(**given: str) -> list[dict[str, str]]:
    return [{"Attribute": name, "Value": value} for name, value in given.items()]


def _bulk(lead: str, count: int = 1, **given: str) -> dict[str, Any]:
    fields = _pairs(ProspectId=lead, **given)
    return {"SearchByKey": "ProspectId", "LeadPropertiesList": [{"Fields": fields}] * count}


_SEARCHES = ("Leads.RecentlyModified", "Leads.Get", "Leads/Retrieve/ByIds", "GetMergedChildLeadsByAuditId")
WRONG = (
    *(Wrong(f"POST {LEADS}{name}", INVALID, body={}) for name in _SEARCHES),
    Wrong(f"POST {ACTIVITIES}RetrieveRecentlyModified", INVALID, body={}),
    Wrong(f"POST {LEADS}Lead.Update", INVALID, {"leadId": "$nobody"}),
    Wrong(f"POST {LEADS}Lead.Update", MISSING, {"leadId": None}),
    Wrong(f"POST {LEADS}Lead.Update", DUPLICATE, body=_pairs(Phone="$phone")),
    Wrong(f"POST {LEADS}Lead.Update", UNKNOWN, body=_pairs(mx_No="1")),
    Wrong(f"POST {LEADS}Lead/Bulk/UpdateV2", INVALID, body=_bulk("$lead", 26, mx_City="London")),
    Wrong(f"POST {LEADS}Lead/Bulk/UpdateV2", UNKNOWN, body=_bulk("$lead", mx_No="1")),
    Wrong(f"POST {LEADS}Lead.Create", DUPLICATE, body=_pairs(Phone="$phone")),
    Wrong(
        f"POST {LEADS}Lead.CreateOrUpdate",
        DUPLICATE,
        body=_pairs(Phone="$phone", EmailAddress="nobody@example.com", SearchBy="EmailAddress"),
    ),
    Wrong(f"POST {LEADS}Lead.CreateOrUpdate", MISSING, body=CITY),
)
CONTRACT = Contract(
    "leadsquared",
    "leadsquared",
    ENDPOINTS,
    KEYS,
    _scene,
    lambda _, answer: str(answer.get("ExceptionType", "")),
    (401, "MXInvalidAccessDetailsException"),
    wrong=WRONG,
)


@dataclass(frozen=True)
class Limits:
    """A row of the page "Rate Limits", in the version that has this plan."""

    calls: int
    """In 5 seconds."""
    bulk: int
    a_day: int | None = None
    more: Mapping[str, int] = field(default_factory=dict)
    """What the other version of the page says of the same plan."""


RATE_LIMITS_PAGE = PAGES + "rate-limits/"
RATE_LIMITS: Mapping[str, Limits] = {
    "lite": Limits(2, 1),
    "pro": Limits(5, 1, 10_000, {"calls": 10, "bulk": 5}),
    "super": Limits(10, 1, 100_000, {"calls": 20, "bulk": 10}),
    "basic": Limits(10, 1),
    "standard": Limits(15, 1),
    "enterprise": Limits(25, 1),
}
"""Plan -> its limits: the older version's calls and bulk calls, the newer one's calls a day."""
