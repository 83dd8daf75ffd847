"""What LeadSquared's API has: endpoints, limits, names of ids and errors."""

import re
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from connector.crm.base import Capabilities, ForDbt, Option, Type
from connector.crm.leadsquared.settings import MAX_PAGE_SIZE

API = "/v2/LeadManagement.svc/"
MODIFIED = API + "Leads.RecentlyModified"
GET = API + "Leads.GetById"
METADATA = API + "LeadsMetaData.Get"
UPDATE = API + "Lead.Update"
BULK = API + "Lead/Bulk/UpdateV2"
UPSERT = API + "Lead.CreateOrUpdate"
BY_IDS = API + "Leads/Retrieve/ByIds"
LOOK_UP = API + "Leads.Get"
ACTIVITIES = "/v2/ProspectActivity.svc/RetrieveRecentlyModified"
MERGED_LEADS = API + "GetMergedChildLeadsByAuditId"
MERGED = 3003
"""The code of the activity that a merge leaves with the lead that stays (page "Get Info on Merged Child Leads")."""
MOST_ACTIVITIES = 1000
"""A page of activities (seen)."""

HOSTS = tuple(
    f"api{region}.leadsquared.com" for region in ("", "-us11", "-in21", "-in22", "-me61", "-ir31", "-ca12")
)
"""The hosts of the regions (seen in live clients and on pages)."""
HOST = re.compile(r"(?<![\w.-])api(?:-[a-z]{2}[0-9]{2})?\.leadsquared\.com(?![\w.-]*\w)")
TYPE, LEAD_TYPE = "LeadType", "OT_0"
"""The attribute that says of which Object Type a record is, and the type that leads have (page)."""

UTC_ZONE = ZoneInfo("UTC")
FORMAT = "%Y-%m-%d %H:%M:%S"
FIRST = datetime(2000, 1, 1)  # noqa: DTZ001 - bounds are naive; the vendor is younger than this
MOST_FOUND = 25
"""Leads that are looked at where one is looked for by a value; more than one is rare."""
MOST_IDS = 1000
"""Leads that are asked for together by their ids. The page allows 10,000 and shows pages of 1,000; how large a page may be, it
doesn't say."""
BULK_LEADS = 25
"""The most leads in one bulk update (page)."""
FAILED = "FailedLeads"
"""Where the answer of a bulk update has the leads that it refused."""
LEFT_OUT = "UnProcessedLeads"
"""Where it has the leads that are not there, or that it left out."""

ID = "ProspectID"
ID_NAMES = (ID, "ProspectId", "prospect_id")
ECHOES = frozenset({"Total", "CanUpdate"})
"""What a search adds to each row, and a look at one lead doesn't: how many leads it found (seen), and whether the keys' user may
change the lead (page "Get Leads by Date Range"). Metadata has neither, since they are no fields of the lead."""

SEARCH_BY = "SearchBy"
USUAL_KEYS = ("EmailAddress", "Phone")
"""What an upsert looks for a lead by unless it is told (page)."""

CAPABILITIES = Capabilities(
    vendor="leadsquared",
    modes=frozenset({"update", "upsert"}),
    page_size=MAX_PAGE_SIZE,
    offsets="pages",
    max_rate=5.0,
    most_ids=MOST_IDS,
    id_fields=(ID,),
    modified_fields=("LeadLastModifiedOn", "ModifiedOn"),
    created_field="CreatedOn",
    example_field="mx_Lead_Tier",
    removals=("merged",),
    types=True,
    protected_fields=frozenset({ID, "ProspectId", "ProspectAutoId", SEARCH_BY, *ECHOES}),
    options={SEARCH_BY: Option("[A-Za-z][A-Za-z0-9_]*", "the schema name of a field that the push sets")},
)

DUPLICATE = "MXDuplicateEntryException"
NOT_ACCEPTED = "MXInvalidInputException"

# What the types that were seen mean; any other is refused all the same, with its name as the code.
MEANINGS = {
    DUPLICATE: "another lead has this value in a field that must be unique",
    NOT_ACCEPTED: "a value, or the lead's id, is not accepted",
    "MXMandatoryAttributeMissingException": "something that must be there is missing",
    "MXUnknownAttributeException": "the account has no such field",
}
A_DAY = re.compile(r"(?<![a-z])(?:days?|daily)(?![a-z])")
"""How an answer of "too many calls" most likely says that it is the day's limit; it is on no page."""
MX_NAME = re.compile(r"MX[A-Za-z]{1,80}")

TYPES: Mapping[str, Type] = {
    "Number": "number",
    "Boolean": "boolean",
    "Date": "timestamp",
    "DateTime": "timestamp",
}
"""``DataType`` of a field (page "Create a Custom Lead Field") -> its type; any other is a text."""
ONLY_DATE = "Date"
"""How a field of dates is rendered if they have no time of day; the others have one (same page)."""
UNMEASURED = frozenset({"Phone", "Number", "Date", "DateTime", "Time", "Boolean"})
"""Data types whose ``MaxLength`` is not the length of what is sent: the page shows 10 for phones and sends 13."""

FOR_DBT = ForDbt(ids=("prospect_id",), created_at="created_on", modified_at="modified_on")
