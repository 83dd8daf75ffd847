"""Convoso's endpoints of lists, campaigns, users, callbacks and do-not-call lists, none of which leadloop calls. See ``convoso.py``
for the sources."""

from tests.contracts.published.convoso_leads import OTHER_PHONE, PHONE
from tests.contracts.published.convoso_rows import (
    DAY,
    DONE,
    FLAG,
    ID,
    INTEGER,
    MAYBE,
    NUMBER,
    PAGE,
    RECORDING,
    SECOND,
    TEXT,
    WORDS,
    Row,
)
from tests.contracts.published.shapes import Either, Maybe, Obj, Whatever

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

ROWS: dict[str, Row] = {
    "lists/search": Row(
        "O 37897994598683; S; C",
        {"POST": "O, C", "GET": "S"},
        {"status": r"[01]"},
        {"id": INTEGER, "campaign_id": INTEGER},
        {
            **DONE,
            "data": [
                {
                    "id": NUMBER,
                    "name": WORDS,
                    "status": WORDS,
                    "last_called_at": Maybe(Either((Obj(others=Whatever()), WORDS))),
                }
            ],
        },
        {"6002": "No such List"},
    ),
    "lists/insert": Row(
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
    "lists/update": Row(
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
    "lists/delete": Row(
        "S; C",
        {"POST": "C", "GET": "S"},
        {"list_id": INTEGER},
        {},
        DONE,
        {"6002": "No such List", "102": "List deletion in progress"},
        {"list_id": "6002"},
    ),
    "campaigns/search": Row(
        "S; C",
        {"POST": "C", "GET": "S"},
        {},
        {},
        {
            **DONE,
            "data": [
                {"id": ID, "name": WORDS, "status": WORDS, "last_call_date": Maybe(Obj(others=Whatever()))}
            ],
        },
        {},
    ),
    "campaigns/status": Row(
        "S; C",
        {"POST": "C", "GET": "S"},
        {"campaign_id": INTEGER, "status": FLAG},
        {},
        DONE,
        {"6004": "Unknown Campaign ID", "6010": "Missing status"},
        {"campaign_id": "6004", "status": "6010"},
    ),
    "users/search": Row(
        "O 37903359110555; S; C",
        {"GET": "O", "POST": "C"},
        {"user": TEXT},  # S and C: optional
        PAGE,
        # O: limit and total are texts, and results an object by the user's id.
        {**DONE, "data": {"offset": NUMBER, "limit": WORDS, "total": WORDS, "results": {"*": USER}}},
        {"6005": "Missing users", "7231": "Invalid offset value"},
        {"user": "6005"},
    ),
    "users/recordings": Row(
        "O 37903366580123; S; C",
        {"GET": "O", "POST": "C"},
        {"user": TEXT},
        {"start_time": SECOND, "end_time": SECOND, **PAGE},
        {**DONE, "data": {"offset": NUMBER, "limit": NUMBER, "total": NUMBER, "entries": [RECORDING]}},
        {"6005": "Missing users", "7231": "Invalid offset value"},
        {"user": "6005"},
    ),
    "callbacks/search": Row(
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
    "callbacks/insert": Row(
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
    "callbacks/update": Row(
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
    "callbacks/delete": Row(
        "S; C",
        {"POST": "C", "GET": "S"},
        {"callback_id": INTEGER},
        {},
        DONE,
        {"6038": "No such Callback"},
        {"callback_id": "6038"},
    ),
    "dnc/search": Row(
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
    "dnc/insert": Row(
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
    "dnc/update": Row(
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
    "dnc/delete": Row(
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

EXAMPLES: dict[str, dict[str, str]] = {
    "lists/search": {"status": "1"},
    "lists/insert": {"name": "A list of ten", "campaign_id": "10"},
    "lists/update": {"list_id": "333", "name": "Another list"},
    "lists/delete": {"list_id": "505"},
    "campaigns/search": {},
    "campaigns/status": {"campaign_id": "10", "status": "0"},
    "users/search": {"user": "agent30001@example.com"},
    "users/recordings": {
        "user": ",".join(f"agent{each}@example.com" for each in (22222, 30001, 30002, 30003, 30004))
    },
    "callbacks/search": {"lead_id": "1"},
    "callbacks/insert": {
        "lead_id": "1",
        "recipient": "system",
        "callback_time_zone": "-7.00",
        "callback_time": "2030-03-01 02:30 PM",
    },
    "callbacks/update": {"callback_id": "1", "callback_status": "dismissed"},
    "callbacks/delete": {"callback_id": "1"},
    "dnc/search": {"phone_code": "1"},
    "dnc/insert": {"phone_number": PHONE, "phone_code": "1", "campaign_id": "0", "reason": "asked"},
    "dnc/update": {"id": "1", "reason": "-BLANK-"},
    "dnc/delete": {"phone_number": OTHER_PHONE, "phone_code": "1", "campaign_id": "0"},
}
"""As in ``convoso_leads.py``."""

REFUSED: list[tuple[str, dict[str, str], str]] = [
    ("lists/search", {"id": "9"}, "6002"),
    ("lists/insert", {"name": "short"}, "6046"),
    ("lists/insert", {"name": "Made-up list 333"}, "6081"),
    ("lists/insert", {"campaign_id": "9"}, "6004"),
    ("lists/update", {"list_id": "9"}, "6002"),
    ("lists/update", {"campaign_id": "9"}, "6004"),
    ("lists/update", {"name": "short"}, "6046"),
    ("lists/update", {"name": "Made-up list 401"}, "6081"),
    ("lists/delete", {"list_id": "9"}, "6002"),
    ("campaigns/status", {"campaign_id": "9"}, "6004"),
    ("campaigns/status", {"status": "maybe"}, "6010"),
    ("users/search", {"user": ","}, "6005"),
    ("users/search", {"offset": "-1"}, "7231"),
    ("users/recordings", {"offset": "-1"}, "7231"),
    ("callbacks/search", {"offset": "50001"}, "7231"),
    ("callbacks/insert", {"lead_id": "999"}, "6001"),
    ("callbacks/insert", {"user_id": "9"}, "6006"),
    ("callbacks/insert", {"recipient": "personal"}, "6023"),
    ("callbacks/insert", {"callback_time": "soon"}, "7237"),
    ("callbacks/update", {"callback_id": "9"}, "6038"),
    ("callbacks/update", {"user_id": "9"}, "6006"),
    ("callbacks/update", {"callback_time": "soon"}, "7237"),
    ("callbacks/delete", {"callback_id": "9"}, "6038"),
    ("dnc/search", {"campaign_id": "9"}, "6006"),
    ("dnc/search", {"phone_code": "x"}, "6026"),
    ("dnc/search", {"id": "x"}, "6056"),
    ("dnc/search", {"purpose": "p" * 65}, "6057"),
    ("dnc/search", {"reason": "r" * 65}, "6058"),
    ("dnc/search", {"offset": "-1"}, "7231"),
    ("dnc/insert", {"campaign_id": "9"}, "6006"),
    ("dnc/insert", {"phone_number": "(213) 555-0142"}, "6007"),
    ("dnc/insert", {"phone_number": OTHER_PHONE}, "6008"),
    ("dnc/insert", {"phone_code": "x"}, "6026"),
    ("dnc/insert", {"purpose": "p" * 65}, "6057"),
    ("dnc/insert", {"reason": "r" * 65}, "6058"),
    ("dnc/update", {"id": "9"}, "6056"),
    ("dnc/update", {"campaign_id": "9"}, "6004"),
    ("dnc/update", {"phone_number": "x"}, "6008"),
    ("dnc/update", {"phone_code": "x"}, "6026"),
    ("dnc/update", {"purpose": "p" * 65}, "6057"),
    ("dnc/update", {"reason": "r" * 65}, "6058"),
    ("dnc/delete", {"phone_number": "2135550199"}, "6003"),
    ("dnc/delete", {"update_lead_status": "1"}, "6005"),
    ("dnc/delete", {"update_lead_status": "1", "lead_status": "x"}, "6004"),
]
