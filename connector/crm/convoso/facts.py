"""What Convoso's API has: endpoints, filters, options of an insert. What its error codes mean is in ``documented``."""

from datetime import timedelta

from connector.config import did_you_mean
from connector.crm.base import Capabilities, ForDbt, Option, Precision
from connector.crm.convoso.settings import MAX_PAGE_SIZE
from connector.documented.convoso import BAD_EMAIL, BAD_PHONE, KNOWN_PHONE, NO_LEAD, NO_LIST, NO_USER
from connector.errors import ConfigError

SEARCH = "/leads/search"
UPDATE = "/leads/update"
INSERT = "/leads/insert"
DELETE = "/leads/delete"
MAX_RECORDINGS = 100
CALL_LOG = "/log/retrieve"
MAX_CALLS = 500
"""Calls on a page of the log; none begins further than 40,000 calls from its start (Convoso's "Call Log Retrieve/Search API")."""
CALL_FILTERS = frozenset({"lead_id", "list_id", "phone_number", "first_name", "last_name"})
"""Filters of the search for leads that mean the same in the log; others have another meaning there, or none."""

# Parameters of a time filter's two ends (community page, "Lead Search API"). Two of them are spelt differently.
TIME_FILTERS = {
    "updated_at": ("updated_at_start_date", "updated_at_end_date"),
    "changed_at": ("changed_at_start_date", "changed_at_end_date"),
    "created_at": ("created_at_start_date", "created_at_end_date"),
    "last_call": ("last_call_start_date", "last_call_end_date"),
    "deleted_at": ("deleted_at_start", "deleted_at_end"),
    "archived_at": ("archived_at_start", "archived_at_end"),
}
# fmt: off
VALUE_FILTERS = (
    "lead_id", "list_id", "user_id", "owner_id", "status", "created_by", "email", "last_modified_by",
    "first_name", "last_name", "phone_number", "alt_phone_1", "alt_phone_2", "address1", "address2", "city",
    "state", "province", "postal_code", "country", "gender", "date_of_birth", "std_company_name",
    "std_consumer_number", "std_account_number",
)
# fmt: on

_FLAG = Option("true|false", "true or false")
_NUMBER = Option("[0-9]{1,18}", "a whole number")

# Convoso's "Lead Insert API" and the community page of the same name: parameters, "Non-Asset Options" and "Insert Update
# Options" that are no fields of the lead. A lead's id is not among them: which lead is meant is the push's business.
#
# ``check_dup``: Convoso's "API Documentation" and "Insert Leads via API" say 0 none, 1 or true the account, 2 the list, 3
# the campaign. The community page has other meanings, which are wrong. Convoso's "Lead Insert API" has a 4 as well; what it
# does is not known, so leadloop looks for the lead itself.
OPTIONS = {
    "list_id": _NUMBER,
    "hopper": _FLAG,
    "hopper_priority": Option("[0-9]{1,2}", "a whole number from 0 to 99"),
    # Minutes on one page, seconds on another.
    "hopper_expires_in": Option("[1-9][0-9]?|[12][0-9][0-9]|300", "a whole number from 1 to 300"),
    "update_if_found": _FLAG,
    "check_dup": Option(
        "[0-4]|true",
        "0 (no check), 1 (the whole account), 2 (the list), 3 (the campaign) or 4 (which leadloop doesn't rely on)",
    ),
    "check_dup_list": _FLAG,
    "check_dup_archive": _FLAG,
    "check_dnc": _FLAG,
    "check_wireless": _FLAG,
    "filter_phone_code": _FLAG,
    "reject_by_carrier_type": Option(
        "(mobile|voip|landline)( *, *(mobile|voip|landline))*",
        "MOBILE, VOIP or LANDLINE, or some of them with commas",
    ),
    "search_campaign_id": _NUMBER,
    "search_list_id": _NUMBER,
    "update_order_by_last_called_time": Option("asc|desc", "ASC or DESC"),
}

CAPABILITIES = Capabilities(
    vendor="convoso",
    modes=frozenset({"update", "insert", "upsert", "delete"}),
    page_size=MAX_PAGE_SIZE,
    max_rate=10.0,
    search_filters=frozenset(VALUE_FILTERS).union(*TIME_FILTERS.values()),
    cursor_fields=("updated_at", "changed_at"),
    id_fields=("id", "lead_id"),
    author_columns=("created_by", "last_modified_by"),
    protected_fields=frozenset({"auth_token", "lead_id", "id"}),
    options=OPTIONS,
    identity=("phone_number", "list_id"),
    # Not check_dup_list: Convoso's own pages don't have it.
    looks_itself={"update_if_found": "true", "check_dup": "[1-3]|true"},
    removals=("deleted", "archived"),
    recordings=True,
    calls=MAX_CALLS,
    call_times=("call_date",),
    call_fields={"number_dialed": "phone_number"},
)


FORMATS: dict[Precision, str] = {"second": "%Y-%m-%d %H:%M:%S", "day": "%Y-%m-%d"}


# The community page's "Error Handling" shows errors that have a text and no code.
PHRASES = {
    "lead not found": NO_LEAD,
    "no such lead": NO_LEAD,
    "invalid lead": NO_LEAD,
    "list not found": NO_LIST,
    "no such list": NO_LIST,
    "no such user": NO_USER,
    "invalid phone": BAD_PHONE,
    "phone number is invalid": BAD_PHONE,
    "already exists": KNOWN_PHONE,
    "invalid email": BAD_EMAIL,
}
NATIONAL_DIGITS = 10
ABOUT = timedelta(minutes=10)
"""Between an insert being sent and the lead's creation as the CRM's clock has it."""
MARGIN = timedelta(days=1)
"""Around a search for removed leads, so that neither clocks nor changes of the clock matter."""
GONE = frozenset({"6001", "6071"})
"""Codes with which a delete says that there is no such lead."""
AUTH_CODES = frozenset({"5001", "401", "403"})
OTHER_OFFICE = "403"
"""Code and HTTP status with which Convoso refuses a token that is not valid for the office (its "API Glossary")."""
TOKEN_PHRASES = ("auth token", "auth_token", "authentication token")
AUTH_PHRASES = ("unauthorized", "forbidden")
THROTTLE_PHRASES = ("rate limit", "too many", "throttl", "quota", "limit exceeded", "limit reached")
FAULT_PHRASES = (
    "try again",
    "temporar",
    "internal error",
    "internal server",
    "unavailable",
    "timeout",
    "timed out",
    "maintenance",
)


def time_filter(name: str) -> tuple[str, str]:
    """The parameters for the two ends of a time filter."""
    if name not in TIME_FILTERS:
        raise ConfigError(
            f"Convoso's search has no time filter {name!r}{did_you_mean(name, TIME_FILTERS) or '.'}"
        )
    return TIME_FILTERS[name]


FOR_DBT = ForDbt(ids=("id", "lead_id"), no_lead_codes=tuple(sorted(GONE)))
