"""Convoso's error codes, by endpoint: one number means one thing here and another thing there.

6004 is an unknown campaign in the call log, a status that is none in ``dnc/delete``; 6070 is a lead's id in ``leads/update``
and a callback's lead in the community's ``callbacks`` page. So a code is always looked up with its endpoint.

Sources, in the letters of the table:

- O: Convoso's own pages, help.convoso.com: "Lead Insert API", "Lead Update API", "Lead Search API", "Lead Get Recordings API",
  "Call Log Retrieve/Search API", "Lists …", "Users …", "Callbacks …", "… DNC API", "API Glossary", "API Documentation".
- S: the types of a public SDK (walmat/convoso-sdk, ``src/types``), written from the API menu of an account.
- C: the community's pages (thornebridge/convoso-js, ``docs``).

Where they disagree, O goes before S, and S before C. What only C has stays in the table if nothing contradicts it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a code means at one endpoint."""

    text: str
    """In the vendor's words."""
    meaning: str
    """In ours, to go on after a colon."""
    fields: frozenset[str] = frozenset()
    """The parameters at fault; none where the whole call is."""
    community: str = ""
    """How the community's page words it, where that differs."""


def _of(text: str, meaning: str, fields: Iterable[str] = (), community: str = "") -> Refusal:
    return Refusal(text, meaning, frozenset(fields), community)


NO_LEAD = _of("No such Lead", "there is no such lead")
LEAD_NOT_FOUND = _of("Lead not found", NO_LEAD.meaning)
BAD_LEAD_ID = _of("Invalid lead ID", NO_LEAD.meaning)
NO_USERS = _of("Missing users", "no users are given")
NO_LIST = _of("No such List", "there is no such list", ["list_id"], "List not found")
NO_USER = _of("No such User", "there is no such user", ["owner_id", "created_by", "last_modified_by"])
INCOMPLETE = _of(
    "The Lead requires a phone number and list id",
    "a phone number and a list are required",
    ["phone_number", "list_id"],
)
BAD_PHONE = _of(
    "The phone number is invalid", "the phone number is invalid", ["phone_number"], "Invalid phone number"
)
KNOWN_PHONE = _of(
    "The phone number already exists",
    "another lead has this phone number",
    ["phone_number"],
    "Lead already exists",
)
MISSING = _of("Required fields are missed", "required fields are missing")
BAD_EMAIL = _of("Invalid Email(s)", "the email address is invalid", ["email"])
BAD_LIMIT = _of("Invalid limit value", "the page size is not allowed", ["limit"])
BAD_OFFSET = _of("Invalid offset value", "the offset is not allowed", ["offset"])
_NO_LISTS = _of("Missing lists", "no lists are given")
_UNKNOWN_LIST = _of("Unknown List Id", "there is no such list", ["list_id"])
_UNKNOWN_USER = _of("Unknown User Id", "there is no such user", ["user_id"])
_UNKNOWN_CAMPAIGN = _of("Unknown Campaign ID", "there is no such campaign", ["campaign_id"])
_UNKNOWN_QUEUE = _of("Unknown Queue ID", "there is no such queue", ["queue_id"])
_LIST_NAME = _of("The List requires a name", "a list needs a name", ["name"])
_SHORT_NAME = _of(
    "The List name should be at least 10 characters long", "the list's name is too short", ["name"]
)
_TAKEN_NAME = _of("The list name should be unique", "another list has this name", ["name"])
_BUSY_LIST = _of("List deletion in progress", "the list is being deleted")
_NO_STATUS = _of("Missing status", "no status is given", ["status"])
_NO_CALLBACK = _of("No such Callback", "there is no such callback", ["callback_id"])
_NO_CALLBACKS = _of("Missing callbacks", "there are no callbacks")
_CALLBACK_TIME = _of("Invalid callback_time", "the callback's time is none", ["callback_time"])
_CALLBACK_USER = _of("No such User", "there is no such user", ["user_id"])
_DNC_CAMPAIGN = _of("Invalid Campaign ID", "there is no such campaign", ["campaign_id"])
_DNC_PHONE = _of("Invalid Phone Number", "the phone number is invalid", ["phone_number"])
_DNC_KNOWN = _of(
    "The phone number already exists.", "the phone number is on this do-not-call list", ["phone_number"]
)
_DNC_COUNTRY = _of("Missing or invalid Country Code", "the phone code is missing or none", ["phone_code"])
_DNC_ID = _of("Missing or invalid value for ID", "the record's id is missing or none", ["id"])
_DNC_PURPOSE = _of("Invalid Purpose Provided", "the purpose is none", ["purpose"])
_DNC_REASON = _of("Invalid Reason Provided", "the reason is none", ["reason"])
_DNC_TAKEN = _of(
    "This combination of Phone number, Campaign ID, and Phone Code already exists.",
    "another record has this phone number, campaign and phone code",
    ["phone_number"],
)

_RECORDINGS = {
    "6005": NO_USERS,
    "7230": BAD_LIMIT,
    "7231": BAD_OFFSET,
    "7258": BAD_LIMIT,
}  # S, C; limits as in a search
_USERS = {
    "6005": NO_USERS,
    "7230": BAD_LIMIT,
    "7231": BAD_OFFSET,
    "7258": BAD_LIMIT,
}  # S, C; limits as in a search
_DNC = {"6026": _DNC_COUNTRY, "6056": _DNC_ID, "6057": _DNC_PURPOSE, "6058": _DNC_REASON}  # O, S

CODES: Mapping[str, Mapping[str, Refusal]] = {
    # S: 6000, 7230, 7231. C: 7231, 7258.
    "leads/search": {"6000": _NO_LISTS, "7230": BAD_LIMIT, "7231": BAD_OFFSET, "7258": BAD_LIMIT},
    # S: 6001, 6002, 6006, 6008, 6079. C: 6070, 6071.
    "leads/update": {
        "6001": NO_LEAD,
        "6002": NO_LIST,
        "6006": NO_USER,
        "6008": BAD_PHONE,
        "6070": BAD_LEAD_ID,
        "6071": LEAD_NOT_FOUND,
        "6079": BAD_EMAIL,
    },
    # S and C alike. Both 6007 and 6008 are also answered to a duplicate: see ``refusal_at``.
    "leads/insert": {
        "6002": NO_LIST,
        "6006": NO_USER,
        "6007": INCOMPLETE,
        "6008": BAD_PHONE,
        "6009": KNOWN_PHONE,
        "6023": MISSING,
        "6079": BAD_EMAIL,
    },
    "leads/delete": {"6001": NO_LEAD},  # S, C
    "leads/get-recordings": _RECORDINGS,
    "lead/get-recordings": _RECORDINGS,  # O names this path and shows the other one in its example
    # S: 6002, 6004, 6006, 6030, 7231. C: 6041 for the queue, 6042 for the list, 6050 for the status.
    "log/retrieve": {
        "6002": _UNKNOWN_LIST,
        "6004": _UNKNOWN_CAMPAIGN,
        "6006": _UNKNOWN_USER,
        "6030": _UNKNOWN_QUEUE,
        "6031": _of("Invalid date format", "a time is none", ["start_time", "end_time"]),
        "6041": _UNKNOWN_QUEUE,
        "6042": _UNKNOWN_LIST,
        "6050": _of("Invalid status", "there is no such status", ["status"]),
        "7230": BAD_LIMIT,
        "7231": BAD_OFFSET,
        "7258": BAD_LIMIT,
    },
    "lists/search": {"6002": NO_LIST},  # S, C
    "lists/insert": {"6003": _LIST_NAME, "6004": _UNKNOWN_CAMPAIGN, "6046": _SHORT_NAME, "6081": _TAKEN_NAME},  # S, C
    "lists/update": {"6002": NO_LIST, "6004": _UNKNOWN_CAMPAIGN, "6046": _SHORT_NAME, "6081": _TAKEN_NAME},  # S, C
    "lists/delete": {"102": _BUSY_LIST, "6002": NO_LIST},  # S, C
    "campaigns/search": {},
    "campaigns/status": {"6004": _UNKNOWN_CAMPAIGN, "6010": _NO_STATUS},  # S
    "users/search": _USERS,
    "users/recordings": _USERS,
    "callbacks/search": {"6000": _NO_CALLBACKS, "7230": BAD_LIMIT, "7231": BAD_OFFSET, "7258": BAD_LIMIT},  # S
    # S. C has 6070 for the lead, 6071 for the time and 6073, 6074 for the callback.
    "callbacks/insert": {
        "6001": NO_LEAD,
        "6006": _CALLBACK_USER,
        "6023": MISSING,
        "6070": BAD_LEAD_ID,
        "6071": _CALLBACK_TIME,
        "7237": _CALLBACK_TIME,
    },
    "callbacks/update": {
        "6006": _CALLBACK_USER,
        "6023": MISSING,
        "6038": _NO_CALLBACK,
        "6073": _NO_CALLBACK,
        "6074": _NO_CALLBACK,
        "7237": _CALLBACK_TIME,
    },
    "callbacks/delete": {"6038": _NO_CALLBACK, "6073": _NO_CALLBACK, "6074": _NO_CALLBACK},
    # O and S alike; C swaps some of their meanings.
    "dnc/search": {**_DNC, "6006": _DNC_CAMPAIGN, "6008": _DNC_KNOWN, "7230": BAD_LIMIT, "7231": BAD_OFFSET, "7258": BAD_LIMIT},
    "dnc/insert": {**_DNC, "6006": _DNC_CAMPAIGN, "6007": _DNC_PHONE, "6008": _DNC_KNOWN},
    "dnc/update": {**_DNC, "6004": _UNKNOWN_CAMPAIGN, "6008": BAD_PHONE, "6059": _DNC_TAKEN},
    # S
    "dnc/delete": {
        "6000": _of("Missing Phone Code", "the phone code is missing", ["phone_code"]),
        "6001": _of("Missing Campaign ID", "the campaign is missing", ["campaign_id"]),
        "6002": _of("Missing Phone Number", "the phone number is missing", ["phone_number"]),
        "6003": _of("Phone Number Not Found", "the phone number is not on the list", ["phone_number"]),
        "6004": _of("Invalid Lead status", "there is no such status", ["lead_status"]),
        "6005": _of("Missing Lead status", "the lead's status is missing", ["lead_status"]),
    },
}  # fmt: skip

LEADS = (
    "leads/update",
    "leads/insert",
    "leads/delete",
    "leads/search",
    "leads/get-recordings",
    "lead/get-recordings",
)
"""Endpoints that agree on every code which more than one of them has."""
_OF_LEADS: dict[str, Refusal] = {
    code: refusal for endpoint in reversed(LEADS) for code, refusal in CODES[endpoint].items()
}
_ALSO_DUPLICATE = frozenset({"6007", "6008"})
_DUPLICATE_WORDS = ("duplicate", "already exist")

AUTH_TEXTS = {
    # Live clients: HTTP 200 with code 5001. O, "API Glossary": 401 for a token that is missing or wrong, 403 for one that
    # is not valid for the office.
    "401": "Unauthorized",
    "403": "Forbidden",
    "5001": "Auth token is invalid",
}
COMMUNITY_AUTH_TEXTS = {**AUTH_TEXTS, "5001": "Invalid authentication token"}


def refusal_at(endpoint: str, code: str, said: str = "") -> Refusal | None:
    """What a code means at this endpoint; ``said``: the text beside it, in lower case.

    6007 and 6008 of an insert or an update mean a duplicate where the text says so. If the endpoint of a lead doesn't document
    a code, the other endpoints of leads explain it. ``None`` for a code that nobody documents there.
    """
    is_of_leads = endpoint in LEADS
    if is_of_leads and code in _ALSO_DUPLICATE and any(words in said for words in _DUPLICATE_WORDS):
        return KNOWN_PHONE
    found = CODES.get(endpoint, {}).get(code)
    return found if found is not None or not is_of_leads else _OF_LEADS.get(code)


def text_at(endpoint: str, code: str, *, community: bool = False) -> str:
    """The words beside a code in an answer."""
    auth = (COMMUNITY_AUTH_TEXTS if community else AUTH_TEXTS).get(code)
    if auth is not None:
        return auth
    refusal = refusal_at(endpoint, code)
    if refusal is None:
        return "Request refused"
    return (community and refusal.community) or refusal.text
