"""What LeadSquared publishes of the calls that leadloop makes, and of the ones that its sandbox answers besides: a table of our own.

LeadSquared has no schema and no typed client. Each endpoint is written down from its page at apidocs.leadsquared.com (``source``); what no page
shows, and was seen in live clients, says so. Bodies and answers are JSON Schemas (2020-12); attributes of a lead are texts or null.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Schema = Mapping[str, Any]

PAGES = "https://apidocs.leadsquared.com/"
LEADS = "/v2/LeadManagement.svc/"
ACTIVITIES = "/v2/ProspectActivity.svc/"

TEXT: Schema = {"type": "string", "minLength": 1}
VALUE: Schema = {"type": ["string", "null"]}
TIME: Schema = {
    "type": "string",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?$",
}
SECOND: Schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$"}


def an_object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object with just these members."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def at_least(required: Mapping[str, Schema], others: Schema | bool = True) -> Schema:
    """An object with these members and any others."""
    return {
        "type": "object",
        "properties": dict(required),
        "required": list(required),
        "additionalProperties": others,
    }


def a_list(of: Schema, least: int = 0, most: int | None = None) -> Schema:
    return {"type": "array", "items": of, "minItems": least, **({} if most is None else {"maxItems": most})}


PAIR = an_object({"Attribute": TEXT, "Value": VALUE}, {"Fields": {"type": ["array", "null"]}})
PAIRS = a_list(an_object({"Attribute": TEXT, "Value": {"type": "string"}}), least=1)
"""A body of attribute-value pairs."""
LEAD = at_least({"ProspectID": TEXT, "CreatedOn": TIME, "ModifiedOn": TIME}, VALUE)
"""A lead as a plain object, whole."""
ROW: Schema = {"type": "object", "minProperties": 1, "additionalProperties": VALUE}
"""A lead as a plain object, with the columns that were asked for."""
COLUMNS = an_object({"Include_CSV": TEXT})
DIRECTION = an_object({"ColumnName": TEXT, "Direction": {"enum": ["0", "1"]}})


def paging(most: int) -> Schema:
    return an_object(
        {
            "PageIndex": {"type": "integer", "minimum": 1},
            "PageSize": {"type": "integer", "minimum": 1, "maximum": most},
        }
    )


COUNT: Schema = {"type": "integer", "minimum": 0}
DONE = an_object(
    {"Status": {"const": "Success"}, "Message": an_object({"AffectedRows": {"type": "integer"}})}
)
MADE = an_object(
    {
        "Status": {"const": "Success"},
        "Message": an_object({"Id": TEXT}, {"AffectedRows": {"type": "integer"}}),
    }
)
ERROR = an_object(
    {"Status": {"const": "Error"}, "ExceptionType": TEXT, "ExceptionMessage": {"type": "string"}}
)
"""The page "Update a Lead" and its neighbours show the statuses; the shape was seen."""
NOT_DONE = a_list(an_object({"Identifier": TEXT, "IdentifierValue": TEXT, "Reason": TEXT}), least=1)

STATUSES: Mapping[int, str] = {
    200: "This is the status code for successful API call.",
    400: "The message body on the request is not as per API specification.",
    401: "The API call was made with invalid access credentials.",
    404: "The API could not be found.",
    429: "API calls exceeded the limit of 25 in 5 second(s)",
    500: "The API called failed.",
}
"""What every page lists."""


@dataclass(frozen=True)
class Endpoint:
    """One call as its page has it."""

    source: str
    """The page; what was seen instead is said in a comment."""
    method: Literal["GET", "POST"]
    path: str
    answer: Schema
    """At status 200."""
    query: frozenset[str] = frozenset()
    """Parameters that have to be there, besides the keys where these are not headers."""
    may: frozenset[str] = frozenset()
    """Parameters that may be there."""
    body: Schema | None = None
    errors: tuple[str, ...] = ()
    """``ExceptionType``s that were seen at it, at status 500."""
    used: bool = True
    """Whether leadloop calls it."""


KEYS = frozenset({"accessKey", "secretKey"})
"""In the query, as every page has them; or as the headers ``x-LSQ-AccessKey`` and ``x-LSQ-SecretKey`` (page "Authentication")."""

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        PAGES + "meta-data/",
        "GET",
        LEADS + "LeadsMetaData.Get",
        a_list(
            at_least(
                {
                    "SchemaName": TEXT,
                    "DisplayName": TEXT,
                    "DataType": TEXT,
                    "IsMandatory": {"type": "boolean"},
                    "MaxLength": {"type": "string"},
                }
            )
        ),
        may=frozenset({"excludeOptionSets", "schemaName"}),
    ),
    Endpoint(
        PAGES + "get-lead-by-id/",
        "GET",
        LEADS + "Leads.GetById",
        a_list(LEAD, most=1),
        query=frozenset({"id"}),
    ),
    Endpoint(
        PAGES + "get-a-lead-by-email-id/",
        "GET",
        LEADS + "Leads.GetByEmailaddress",
        a_list(LEAD),
        query=frozenset({"emailaddress"}),
        used=False,
    ),
    Endpoint(
        PAGES + "get-lead-by-phone-number/",
        "GET",
        LEADS + "RetrieveLeadByPhoneNumber",
        a_list(LEAD),
        query=frozenset({"phone"}),
        used=False,
    ),
    Endpoint(
        PAGES + "get-leads-by-date-range/",
        "POST",
        LEADS + "Leads.RecentlyModified",
        # Behind the last page there is a count of 0 and no list (seen).
        an_object(
            {"RecordCount": COUNT}, {"Leads": a_list(an_object({"LeadPropertyList": a_list(PAIR, least=1)}))}
        ),
        body=an_object(
            {"Parameter": an_object({"FromDate": SECOND, "ToDate": SECOND}), "Paging": paging(5000)},
            {"Columns": COLUMNS, "Sorting": DIRECTION},
        ),
        errors=("MXInvalidInputException",),
    ),
    Endpoint(
        PAGES + "search-by-lead-criteria/",
        "POST",
        LEADS + "Leads.Get",
        a_list(ROW),
        body=an_object(
            {
                "Parameter": an_object(
                    {
                        "LookupName": TEXT,
                        "LookupValue": TEXT,
                        "SqlOperator": {"enum": ["=", "LIKE", ">", "<", "<=", ">=", "<>"]},
                    }
                ),
                "Paging": paging(5000),
            },
            {"Columns": COLUMNS, "Sorting": DIRECTION},
        ),
        errors=("MXInvalidInputException",),
    ),
    Endpoint(
        PAGES + "get-leads-in-bulk-by-ids/",
        "POST",
        LEADS + "Leads/Retrieve/ByIds",
        an_object({"RecordCount": COUNT, "Leads": a_list(ROW)}),
        body=an_object(
            {
                "SearchParameters": an_object({"LeadIds": a_list(TEXT, least=1, most=10_000)}),
                "Columns": COLUMNS,
                "Paging": paging(10_000),
            }
        ),
        errors=("MXInvalidInputException",),
    ),
    Endpoint(
        PAGES + "update-a-lead/",
        "POST",
        LEADS + "Lead.Update",
        DONE,
        query=frozenset({"leadId"}),
        may=frozenset({"postUpdatedLead"}),
        body=PAIRS,
        errors=(
            "MXDuplicateEntryException",
            "MXInvalidInputException",
            "MXMandatoryAttributeMissingException",
            "MXUnknownAttributeException",
        ),
    ),
    Endpoint(
        PAGES + "update-lead-in-bulk-v2/",
        "POST",
        LEADS + "Lead/Bulk/UpdateV2",
        an_object(
            {
                "Status": an_object(
                    {"TotalCount": COUNT, "SuccessCount": COUNT, "FailureCount": COUNT, "Message": TEXT},
                    {"UnProcessedCount": COUNT},
                )
            },
            {"Details": an_object({}, {"FailedLeads": NOT_DONE, "UnProcessedLeads": NOT_DONE})},
        ),
        body=an_object(
            {"LeadPropertiesList": a_list(an_object({"Fields": PAIRS}), least=1, most=25)},
            {
                "SearchByKey": TEXT,
                "Options": an_object({}, {"PushNonExistentLeadsToUnProcessedList": {"type": "boolean"}}),
            },
        ),
        errors=("MXInvalidInputException", "MXUnknownAttributeException"),
    ),
    Endpoint(
        PAGES + "create-a-lead/",
        "POST",
        LEADS + "Lead.Create",
        MADE,
        body=PAIRS,
        errors=("MXDuplicateEntryException",),
        used=False,
    ),
    Endpoint(
        PAGES + "create-or-update/",
        "POST",
        LEADS + "Lead.CreateOrUpdate",
        MADE,
        may=frozenset({"postUpdatedLead"}),
        body=PAIRS,
        errors=("MXDuplicateEntryException", "MXMandatoryAttributeMissingException"),
    ),
    Endpoint(
        # The page "Get Info on Merged Child Leads" names the activity's code; this call by time was seen in live clients.
        PAGES + "get-info-on-merged-child-leads/",
        "POST",
        ACTIVITIES + "RetrieveRecentlyModified",
        an_object(
            {
                "RecordCount": COUNT,
                "ProspectActivities": a_list(
                    at_least({"Id": TEXT, "EventCode": COUNT, "CreatedOn": TIME, "RelatedProspectId": TEXT})
                ),
            }
        ),
        body=an_object(
            {
                "Parameter": an_object(
                    {"FromDate": SECOND, "ToDate": SECOND},
                    {"ActivityEvent": COUNT, "IncludeCustomFields": {"enum": [0, 1]}},
                ),
                "Paging": paging(1000),
            },
            {"Sorting": DIRECTION},
        ),
        errors=("MXInvalidInputException",),
    ),
    Endpoint(
        PAGES + "get-activities-of-a-lead/",
        "POST",
        ACTIVITIES + "Retrieve",
        an_object(
            {
                "RecordCount": COUNT,
                "ProspectActivities": a_list(
                    at_least({"Id": TEXT, "EventCode": COUNT, "EventName": TEXT, "CreatedOn": TIME})
                ),
            }
        ),
        query=frozenset({"leadId"}),
        body=an_object(
            {},
            {
                "Parameter": an_object({}, {"ActivityEvent": COUNT}),
                "Paging": an_object({"Offset": {"type": "string"}, "RowCount": {"type": "string"}}),
            },
        ),
        used=False,
    ),
    Endpoint(
        PAGES + "get-info-on-merged-child-leads/",
        "POST",
        LEADS + "GetMergedChildLeadsByAuditId",
        a_list(at_least({"ProspectID": TEXT}, VALUE)),
        body=an_object({"Parameter": an_object({"MergeAuditId": TEXT})}),
        errors=("MXInvalidInputException",),
    ),
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
