"""What Convoso publishes of its API, as a table of our own: endpoints, methods, parameters, answers and error codes.

Convoso has no schema and no typed client of its own, so this was written by hand from the pages below. It is kept apart from the
product's own facts on purpose: ``test_convoso_published.py`` holds the sandbox and the client against it, so whoever changes one
of the three has to look at the others.

Sources:

- O: Convoso's help centre, help.convoso.com/hc/en-us/articles/…; each row names the article.
- S: the types of a public SDK, github.com/walmat/convoso-sdk, ``src/types/*.ts``, written from the API menu of an account.
- C: the community's pages, github.com/thornebridge/convoso-js, ``docs/*.md``.
- L: seen in live clients.

Where they disagree, what each of them allows is in the table, with its source.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Kinds of parameters, as regular expressions for a value.
INTEGER = r"[0-9]{1,18}"
DAY = r"\d{4}-\d\d-\d\d"
SECOND = rf"{DAY} \d\d:\d\d:\d\d"
DAY_OR_SECOND = rf"{DAY}( \d\d:\d\d:\d\d)?"  # O: a day; S: a second
FLAG = r"true|false|0|1"
TEXT = r"(?s).*"

# Kinds of values in an answer.
NUMBER = (int,)
WORDS = (str,)
ID = (int, str)
"""O and S show numbers where C and L show texts, or the other way round."""
MAYBE = (str, type(None))
COUNT = (int, str)


@dataclass(frozen=True)
class Endpoint:
    """One endpoint. A parameter's name goes with the kind of its value."""

    source: str
    methods: Mapping[str, str]
    """Method to source."""
    required: Mapping[str, str]
    optional: Mapping[str, str]
    answer: Any
    """A dict is an object with at least these names, a list of one element is a list of such; a tuple names types."""
    codes: Mapping[str, str]
    """Code to the text beside it."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Required parameter to the code that its absence has, where that is documented or can only be this one."""
    has_custom_fields: bool = False
    """O: "All customer defined fields based on customer defined record layout"."""

    @property
    def parameters(self) -> dict[str, str]:
        return {**self.required, **self.optional}


ADDRESS = dict.fromkeys(("address1", "address2", "city", "state", "province", "postal_code", "country"), TEXT)
PERSON = dict.fromkeys(("first_name", "last_name", "email", "gender", "date_of_birth"), TEXT)
PHONES = dict.fromkeys(("phone_number", "alt_phone_1", "alt_phone_2"), TEXT)
PEOPLE = dict.fromkeys(("owner_id", "created_by", "last_modified_by"), TEXT)
STANDARD = dict.fromkeys(("std_company_name", "std_consumer_number", "std_account_number"), TEXT)  # C
LEAD_FIELDS = {"status": TEXT, **PEOPLE, **PERSON, **PHONES, **ADDRESS}
PAGE = {"offset": INTEGER, "limit": INTEGER}
SEARCH_TIMES = {
    # O: created_at, updated_at. C: changed_at, too. S and C: deleted_at, archived_at and last_call.
    **{
        f"{name}_at_{end}_date": DAY_OR_SECOND
        for name in ("created", "updated", "changed")
        for end in ("start", "end")
    },
    **{f"{name}_at_{end}": DAY_OR_SECOND for name in ("deleted", "archived") for end in ("start", "end")},
    **{f"last_call_{end}_date": DAY_OR_SECOND for end in ("start", "end")},
}
INSERT_OPTIONS = {
    # O 37895469719579 and 360017016313, S: 1 or true is the account, 2 the list, 3 the campaign. O 31514538080411: 0 is none.
    "check_dup": r"[0-4]|true",
    "check_dup_archive": FLAG,  # O, S: only with check_dup, and for the whole account
    "check_dup_list": FLAG,  # C alone
    "check_dnc": FLAG,  # S
    "check_wireless": FLAG,  # S
    "hopper": FLAG,  # S
    "hopper_priority": r"\d{1,2}",  # S: 0 to 99, 99 by default
    "hopper_expires_in": r"\d{1,2}|[12]\d\d|300",  # S: at most 300 minutes; C (connect/integrations): seconds
    "filter_phone_code": FLAG,  # S: moves the country's code from the number to phone_code
    "update_if_found": FLAG,  # S
    "search_campaign_id": INTEGER,  # S
    "search_list_id": INTEGER,  # S: goes before search_campaign_id
    "update_order_by_last_called_time": r"(?i)asc|desc",  # S
    "reject_by_carrier_type": r"(?i)(mobile|voip|landline)(\s*,\s*(mobile|voip|landline))*",  # S
    "blueinkdigital_token": TEXT,  # S
    "lead_id": INTEGER,  # S
    "adaptor_id": INTEGER,  # O: in its example request
}

LEAD = {
    # O 46774312268059, S, C: the response example. L: lead_id and what follows it.
    **dict.fromkeys(("created_at", "modified_at", "status", "source_id", "list_id", "phone_number"), WORDS),
    **dict.fromkeys(("first_name", "last_name", "email", "owner_id", "address1", "city", "state"), MAYBE),
    **dict.fromkeys(("postal_code", "country", "alt_phone_1", "carrier_name", "carrier_type"), MAYBE),
    "id": ID,
    "lead_id": ID,
    "status_name": WORDS,
    "called_count": COUNT,
    "last_called": MAYBE,
}
RECORDING = {
    # O 37896898809883: "end_time" may be an empty text. O 37903366580123: "seconds" may be null.
    "recording_id": ID,
    "lead_id": ID,
    "start_time": WORDS,
    "end_time": WORDS,
    "seconds": (int, type(None)),
    "url": WORDS,
}
PHP_TIME = {"date": WORDS, "timezone_type": NUMBER, "timezone": WORDS}  # S
DONE = {"success": (bool,)}
LEAD_CODES = {
    "6001": "No such Lead",  # S, C
    "6002": "No such List",  # S, C
    "6006": "No such User",  # S, C
    "6007": "The Lead requires a phone number and list id",  # S, C
    "6008": "The phone number is invalid",  # S, C
    "6009": "The phone number already exists",  # S, C
    "6023": "Required fields are missed",  # S, C
    "6070": "Invalid lead ID",  # C
    "6071": "Lead not found",  # C
    "6079": "Invalid Email(s)",  # S, C
    "7231": "Invalid offset value",  # S, C
    "7258": "Invalid limit value",  # C; 7230 in S
}


def lead_codes(*codes: str) -> dict[str, str]:
    return {code: LEAD_CODES[code] for code in codes}


def recordings(source: str) -> Endpoint:
    return Endpoint(
        source,
        {"GET": "O", "POST": "C"},
        {"lead_id": INTEGER},
        {"start_time": SECOND, "end_time": SECOND, **PAGE},
        {
            **DONE,
            "data": {"offset": COUNT, "limit": COUNT, "total": COUNT, "entries": [RECORDING]},
        },
        {"6005": "Missing users", **lead_codes("7231", "7258")},
        {"lead_id": "6005"},
    )


DNC_CODES = {
    "6026": "Missing or invalid Country Code",
    "6056": "Missing or invalid value for ID",
    "6057": "Invalid Purpose Provided",
    "6058": "Invalid Reason Provided",
}
CALLBACK = {
    **dict.fromkeys(
        ("id", "lead_id", "list_id", "campaign_id", "status", "created_at", "callback_time"), WORDS
    ),
    **dict.fromkeys(
        ("modified_at", "user", "recipient", "comments", "context", "callback_seen", "stage"), WORDS
    ),
    **dict.fromkeys(("class", "phone_number", "user_name", "directory_name", "campaign_name"), WORDS),
    **dict.fromkeys(("campaign_type", "status_name"), WORDS),
}
CALL = {
    # O 37842243696283 (the fields) and 37842066660891 (the envelope), S.
    **dict.fromkeys(("id", "lead_id", "list_id", "campaign_id", "campaign", "user", "user_id"), WORDS),
    **dict.fromkeys(
        ("phone_number", "number_dialed", "status", "status_name", "call_length", "call_date"), WORDS
    ),
    **dict.fromkeys(("called_count", "caller_id_displayed", "term_reason", "call_type", "session_id"), WORDS),
    **dict.fromkeys(("queue_position", "queue_seconds"), WORDS),
    **dict.fromkeys(("first_name", "last_name", "agent_comment", "queue_id", "originating_agent_id"), MAYBE),
}
USER = {
    # O 37903359110555: created_at has an offset, as 2016-11-17T10:54:21-0800.
    **dict.fromkeys(("id", "acl_access_profile", "user_level"), NUMBER),
    **dict.fromkeys(("email", "first_name", "last_name", "queue_override", "allow_queue_selection"), WORDS),
    **dict.fromkeys(
        ("allow_callbacks", "callback_types_allowed", "allow_transfers", "status", "local_gmt"), WORDS
    ),
    **dict.fromkeys(
        ("default_blended_selection", "alter_custdata_override", "allow_blended_campaign"), WORDS
    ),
    **dict.fromkeys(("notification", "created_at", "connection_type"), WORDS),
    "extension": [NUMBER],
    "last_login": MAYBE,
}

ENDPOINTS: dict[str, Endpoint] = {
    "leads/search": Endpoint(
        "O 46774312268059 (GET), O 360034739154 (POST); S; C",
        {"GET": "O", "POST": "O, C"},
        {},
        {
            "lead_id": INTEGER,
            "list_id": INTEGER,
            "user_id": TEXT,
            **LEAD_FIELDS,
            **STANDARD,
            **SEARCH_TIMES,
            **PAGE,
        },
        # L: total is a text. S: it is a number.
        {**DONE, "data": {"offset": COUNT, "limit": COUNT, "total": COUNT, "entries": [LEAD]}},
        lead_codes("7231", "7258"),
    ),
    "leads/update": Endpoint(
        "O: the page of vendor-docs; S; C",
        {"POST": "O, C", "GET": "S"},
        {"lead_id": INTEGER},
        {"list_id": r"[0-9]*", "phone_code": TEXT, **LEAD_FIELDS, **STANDARD, "adaptor_id": INTEGER},
        {**DONE, "data": {"lead_id": ID}},
        lead_codes("6001", "6002", "6006", "6008", "6070", "6071", "6079"),
        {"lead_id": "6070"},
        has_custom_fields=True,
    ),
    "leads/insert": Endpoint(
        "O 37895469719579, 31514538080411, 360017016313; S; C",
        {"POST": "O, C", "GET": "S"},
        {"list_id": INTEGER, "phone_number": TEXT},
        {"phone_code": TEXT, "user_id": TEXT, **LEAD_FIELDS, **STANDARD, **INSERT_OPTIONS},
        {**DONE, "data": {"lead_id": ID}},  # C: the id is also beside "data"
        lead_codes("6002", "6006", "6007", "6008", "6009", "6023", "6079"),
        {"list_id": "6007", "phone_number": "6007"},
        has_custom_fields=True,
    ),
    "leads/delete": Endpoint(
        "S; C",
        {"POST": "C", "GET": "S"},
        {"lead_id": INTEGER},
        {},
        DONE,
        lead_codes("6001"),
        {"lead_id": "6001"},
    ),
    "leads/get-recordings": recordings("O 37896898809883 (its example); S; C"),
    "lead/get-recordings": recordings("O 37896898809883 (its endpoint)"),
    "log/retrieve": Endpoint(
        "O 37842066660891; S; C",
        {"GET": "O", "POST": "C"},
        {},
        {
            **dict.fromkeys(
                ("id", "lead_id", "campaign_id", "queue_id", "list_id", "user_id", "called_count"), INTEGER
            ),
            **dict.fromkeys(
                ("status", "phone_number", "number_dialed", "first_name", "last_name", "call_type"), TEXT
            ),
            "start_time": SECOND,
            "end_time": SECOND,
            "order": r"(?i)asc|desc",
            "include_recordings": r"[01]",
            **PAGE,
        },
        # O: total_found is a text, and entries a number: how many rows there are in results.
        {
            **DONE,
            "data": {
                "offset": NUMBER,
                "limit": NUMBER,
                "total_found": WORDS,
                "entries": NUMBER,
                "results": [CALL],
            },
        },
        {
            "6002": "Unknown List Id",
            "6004": "Unknown Campaign ID",
            "6006": "Unknown User Id",
            "6030": "Unknown Queue ID",
            "7231": "Invalid offset value",
        },
    ),
    "lists/search": Endpoint(
        "O 37897994598683; S; C",
        {"POST": "O, C", "GET": "S"},
        {"status": r"[01]"},
        {"id": INTEGER, "campaign_id": INTEGER},
        {
            **DONE,
            "data": [
                {"id": NUMBER, "name": WORDS, "status": WORDS, "last_called_at": (dict, str, type(None))}
            ],
        },
        {"6002": "No such List"},
    ),
    "lists/insert": Endpoint(
        "O 37897750760987; S; C",
        {"POST": "O, C", "GET": "S"},
        {"name": TEXT, "campaign_id": INTEGER},
        {"description": TEXT, "status": FLAG},
        {**DONE, "data": {"list_id": ID}, "id": NUMBER},
        {
            "6003": "The List requires a name",
            "6004": "Unknown Campaign ID",
            "6046": "The List name should be at least 10 characters long",
            "6081": "The list name should be unique",
        },
        {"name": "6003", "campaign_id": "6004"},
    ),
    "lists/update": Endpoint(
        "O 37898041561115; S; C",
        {"POST": "O, C", "GET": "S"},
        {"list_id": INTEGER},
        {"name": TEXT, "campaign_id": INTEGER, "description": TEXT, "status": FLAG},
        {**DONE, "data": {"list_id": ID}},
        {
            "6002": "No such List",
            "6004": "Unknown Campaign ID",
            "6046": "The List name should be at least 10 characters long",
            "6081": "The list name should be unique",
        },
        {"list_id": "6002"},
    ),
    "lists/delete": Endpoint(
        "S; C",
        {"POST": "C", "GET": "S"},
        {"list_id": INTEGER},
        {},
        DONE,
        {"6002": "No such List", "102": "List deletion in progress"},
        {"list_id": "6002"},
    ),
    "campaigns/search": Endpoint(
        "S; C",
        {"POST": "C", "GET": "S"},
        {},
        {},
        {**DONE, "data": [{"id": ID, "name": WORDS, "status": WORDS, "last_call_date": (dict, type(None))}]},
        {},
    ),
    "campaigns/status": Endpoint(
        "S; C",
        {"POST": "C", "GET": "S"},
        {"campaign_id": INTEGER, "status": FLAG},
        {},
        DONE,
        {"6004": "Unknown Campaign ID", "6010": "Missing status"},
        {"campaign_id": "6004", "status": "6010"},
    ),
    "users/search": Endpoint(
        "O 37903359110555; S; C",
        {"GET": "O", "POST": "C"},
        {"user": TEXT},  # S and C: optional
        PAGE,
        # O: limit and total are texts, and results an object by the user's id.
        {**DONE, "data": {"offset": NUMBER, "limit": WORDS, "total": WORDS, "results": {"*": USER}}},
        {"6005": "Missing users", "7231": "Invalid offset value"},
        {"user": "6005"},
    ),
    "users/recordings": Endpoint(
        "O 37903366580123; S; C",
        {"GET": "O", "POST": "C"},
        {"user": TEXT},
        {"start_time": SECOND, "end_time": SECOND, **PAGE},
        {**DONE, "data": {"offset": NUMBER, "limit": NUMBER, "total": NUMBER, "entries": [RECORDING]}},
        {"6005": "Missing users", "7231": "Invalid offset value"},
        {"user": "6005"},
    ),
    "callbacks/search": Endpoint(
        "O 37882964431771; S; C",
        {"GET": "O", "POST": "C"},
        {},
        {
            **dict.fromkeys(("campaign_id", "account_id", "id", "lead_id", "list_id", "user_id"), INTEGER),
            **dict.fromkeys(("comments", "recipient", "stage"), TEXT),
            "start_date": DAY,
            "end_date": DAY,
            **PAGE,
        },
        # O: all three numbers are texts; 20 a page by default.
        {**DONE, "data": {"offset": WORDS, "limit": WORDS, "total": WORDS, "results": [CALLBACK]}},
        {"7231": "Invalid offset value"},
    ),
    "callbacks/insert": Endpoint(
        "O 37882936663835; S; C",
        {"POST": "O, C", "GET": "S"},
        {
            "lead_id": INTEGER,
            "recipient": r"(?i)system|personal",
            "callback_time_zone": r"-?\d{1,2}\.\d\d",
            "callback_time": r"\d{4}-\d\d-\d\d \d\d:\d\d (AM|PM)",
        },
        {"user_id": INTEGER, "comments": TEXT},
        {**DONE, "data": {"callback_id": WORDS}},
        {
            "6001": "No such Lead",
            "6006": "No such User",
            "6023": "Required fields are missed",
            "7237": "Invalid callback_time",
        },
        dict.fromkeys(("lead_id", "recipient", "callback_time_zone", "callback_time"), "6023"),
    ),
    "callbacks/update": Endpoint(
        "O 37883126861339; S; C",
        {"POST": "O, C", "GET": "S"},
        {"callback_id": INTEGER},
        {
            "user_id": INTEGER,
            "recipient": r"(?i)system|personal",
            "comments": TEXT,
            "callback_time_zone": r"-?\d{1,2}\.\d\d",
            "callback_time": r"\d{4}-\d\d-\d\d \d\d:\d\d (AM|PM)",
            "callback_status": r"(?i)dismissed",
        },
        {**DONE, "data": {"callback_id": WORDS}},
        {
            "6006": "No such User",
            "6023": "Required fields are missed",
            "6038": "No such Callback",
            "7237": "Invalid callback_time",
        },
        {"callback_id": "6023"},
    ),
    "callbacks/delete": Endpoint(
        "S; C",
        {"POST": "C", "GET": "S"},
        {"callback_id": INTEGER},
        {},
        DONE,
        {"6038": "No such Callback"},
        {"callback_id": "6038"},
    ),
    "dnc/search": Endpoint(
        "O 37883643157147; S; C",
        {"GET": "O", "POST": "C"},
        {},
        {
            **dict.fromkeys(("id", "campaign_id", "phone_number", "phone_code"), INTEGER),
            "insert_date": DAY,
            "reason": TEXT,
            "purpose": TEXT,
            **PAGE,
        },
        {
            **DONE,
            "data": {
                "offset": NUMBER,
                "limit": NUMBER,
                "total": NUMBER,
                "entries": [
                    {
                        **dict.fromkeys(
                            ("id", "phone_number", "campaign_id", "insert_date", "phone_code"), WORDS
                        ),
                        **dict.fromkeys(("campaign_uid", "campaign_name", "campaign_type"), WORDS),
                        "purpose": WORDS,
                        "reason": WORDS,
                    }
                ],
            },
        },
        {
            **DNC_CODES,
            "6006": "Invalid Campaign ID",
            "6008": "The phone number already exists.",
            "7231": "Invalid offset value",
        },
    ),
    "dnc/insert": Endpoint(
        "O 37883693599131; S; C",
        {"POST": "O, C", "GET": "S"},
        {"phone_number": INTEGER, "phone_code": INTEGER, "campaign_id": INTEGER},
        {"reason": TEXT, "purpose": TEXT},
        {**DONE, "id": NUMBER},
        {
            **DNC_CODES,
            "6006": "Invalid Campaign ID",
            "6007": "Invalid Phone Number",
            "6008": "The phone number already exists.",
        },
        {"phone_number": "6007", "phone_code": "6026", "campaign_id": "6006"},
    ),
    "dnc/update": Endpoint(
        "O 38811867126171; S; C",
        {"POST": "O, C", "GET": "S"},
        {"id": INTEGER},
        {
            **dict.fromkeys(("phone_number", "phone_code", "campaign_id"), INTEGER),
            "reason": TEXT,
            "purpose": TEXT,
        },
        {**DONE, "id": NUMBER},
        {
            **DNC_CODES,
            "6004": "Unknown Campaign ID",
            "6008": "The phone number is invalid",
            "6059": "This combination of Phone number, Campaign ID, and Phone Code already exists.",
        },
        {"id": "6056"},
    ),
    "dnc/delete": Endpoint(
        "S; C",
        {"POST": "C", "GET": "S"},
        {"phone_number": INTEGER, "phone_code": INTEGER, "campaign_id": INTEGER},
        {"update_lead_status": TEXT, "lead_status": TEXT},
        DONE,
        {
            "6000": "Missing Phone Code",
            "6001": "Missing Campaign ID",
            "6002": "Missing Phone Number",
            "6003": "Phone Number Not Found",
            "6004": "Invalid Lead status",
            "6005": "Missing Lead status",
        },
        {"phone_code": "6000", "campaign_id": "6001", "phone_number": "6002"},
    ),
}

ALIASES = {
    # O names these in "Endpoint" and the usual ones in the example of the same page.
    "list/search": "lists/search",
    "list/insert": "lists/insert",
}

STATUSES = {
    # O 37988572145691, "API Glossary".
    401: "missing or invalid token",
    403: "token is invalid for the office",
}
REFUSED_TOKEN = {"success": False, "code": 5001, "text": "Auth token is invalid"}
"""L: at HTTP 200."""


def problems(shape: Any, value: Any, where: str = "answer") -> list[str]:
    """Where an answer is not of its shape; names of fields, never values."""
    if isinstance(shape, tuple):
        fits = type(value) in shape
        return (
            []
            if fits
            else [f"{where} is {type(value).__name__}, not {' or '.join(each.__name__ for each in shape)}"]
        )
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where} is no list"]
        return [found for row in value for found in problems(shape[0], row, f"{where}[]")]
    if not isinstance(value, dict):
        return [f"{where} is no object"]
    if "*" in shape:
        return [found for row in value.values() for found in problems(shape["*"], row, f"{where}.*")]
    found = [f"{where} lacks {name}" for name in shape if name not in value]
    return found + [
        each
        for name in shape
        if name in value
        for each in problems(shape[name], value[name], f"{where}.{name}")
    ]
