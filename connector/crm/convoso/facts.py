"""What Convoso's API has: endpoints, filters, options of an insert, error codes and what they mean."""

from dataclasses import dataclass
from datetime import timedelta

from connector.config import did_you_mean
from connector.crm.base import Capabilities, ForDbt, Option, Precision
from connector.crm.convoso.settings import MAX_PAGE_SIZE
from connector.errors import ConfigError

SEARCH = "/leads/search"
UPDATE = "/leads/update"
INSERT = "/leads/insert"
DELETE = "/leads/delete"
RECORDINGS = "/leads/get-recordings"
MAX_RECORDINGS = 100

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

# Community page, "Lead Insert API": its parameters, "Non-Asset Options" and "Insert Update Options" that are no fields of
# the lead. A lead's id is not among them: which lead is meant is the push's business.
OPTIONS = {
    "list_id": _NUMBER,
    "hopper": _FLAG,
    "hopper_priority": Option("[0-9]{1,2}", "a whole number from 0 to 99"),
    "hopper_expires_in": Option("[1-9][0-9]?|[12][0-9][0-9]|300", "a whole number of minutes from 1 to 300"),
    "update_if_found": _FLAG,
    "check_dup": Option(
        "[0-4]", "0 (no check), 1 (the list), 2 (all lists), 3 (and the archive) or 4 (everything)"
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
    protected_fields=frozenset({"auth_token", "lead_id", "id"}),
    options=OPTIONS,
    identity=("phone_number", "list_id"),
    looks_itself={"update_if_found": "true", "check_dup": "[1-4]", "check_dup_list": "true"},
    removals=("deleted", "archived"),
    recordings=True,
)


FORMATS: dict[Precision, str] = {"second": "%Y-%m-%d %H:%M:%S", "day": "%Y-%m-%d"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an error code means, in our own words, and which fields are at fault."""

    meaning: str
    fields: frozenset[str] = frozenset()


NO_LEAD = Refusal("there is no such lead")
NO_USERS = Refusal("no users are given")
NO_LIST = Refusal("there is no such list", frozenset({"list_id"}))
NO_USER = Refusal("there is no such user", frozenset({"owner_id", "created_by", "last_modified_by"}))
BAD_PHONE = Refusal("the phone number is invalid", frozenset({"phone_number"}))
KNOWN_PHONE = Refusal("another lead has this phone number", frozenset({"phone_number"}))
BAD_EMAIL = Refusal("the email address is invalid", frozenset({"email"}))

# Community page, "Error Codes" of each endpoint; 7230 and 6001 as SDKs have them. None of these passes with time.
REFUSALS = {
    "6001": NO_LEAD,
    "6070": NO_LEAD,
    "6071": NO_LEAD,
    "6002": NO_LIST,
    "6005": NO_USERS,
    "6006": NO_USER,
    "6007": Refusal("a phone number and a list are required", frozenset({"phone_number", "list_id"})),
    "6008": BAD_PHONE,
    "6009": KNOWN_PHONE,
    "6023": Refusal("required fields are missing"),
    "6079": BAD_EMAIL,
    "7230": Refusal("the page size is not allowed"),
    "7231": Refusal("the offset is not allowed"),
    "7258": Refusal("the page size is not allowed"),
}
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
