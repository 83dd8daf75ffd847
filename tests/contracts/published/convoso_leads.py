"""Convoso's endpoints about leads and calls. See ``convoso.py`` for the sources."""

from tests.contracts.published.convoso_rows import (
    COUNT,
    DAY_OR_SECOND,
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

PHONE, OTHER_PHONE = "2135550142", "2135550143"
ADDRESS = dict.fromkeys(("address1", "address2", "city", "state", "province", "postal_code", "country"), TEXT)
PERSON = dict.fromkeys(("first_name", "last_name", "email", "gender", "date_of_birth"), TEXT)
PHONES = dict.fromkeys(("phone_number", "alt_phone_1", "alt_phone_2"), TEXT)
PEOPLE = dict.fromkeys(("owner_id", "created_by", "last_modified_by"), TEXT)
STANDARD = dict.fromkeys(("std_company_name", "std_consumer_number", "std_account_number"), TEXT)  # C
LEAD_FIELDS = {"status": TEXT, **PEOPLE, **PERSON, **PHONES, **ADDRESS}
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


def recordings(source: str) -> Row:
    return Row(
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


ROWS: dict[str, Row] = {
    "leads/search": Row(
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
    "leads/update": Row(
        "O: the page of vendor-docs; S; C",
        {"POST": "O, C", "GET": "S"},
        {"lead_id": INTEGER},
        {"list_id": r"[0-9]*", "phone_code": TEXT, **LEAD_FIELDS, **STANDARD, "adaptor_id": INTEGER},
        {**DONE, "data": {"lead_id": ID}},
        lead_codes("6001", "6002", "6006", "6008", "6070", "6071", "6079"),
        {"lead_id": "6070"},
        has_custom_fields=True,
    ),
    "leads/insert": Row(
        "O 37895469719579, 31514538080411, 360017016313; S; C",
        {"POST": "O, C", "GET": "S"},
        {"list_id": INTEGER, "phone_number": TEXT},
        {"phone_code": TEXT, "user_id": TEXT, **LEAD_FIELDS, **STANDARD, **INSERT_OPTIONS},
        {**DONE, "data": {"lead_id": ID}},  # C: the id is also beside "data"
        lead_codes("6002", "6006", "6007", "6008", "6009", "6023", "6079"),
        {"list_id": "6007", "phone_number": "6007"},
        has_custom_fields=True,
    ),
    "leads/delete": Row(
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
    "log/retrieve": Row(
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
}

EXAMPLES: dict[str, dict[str, str]] = {
    "leads/search": {"list_id": "333", "limit": "5"},
    "leads/update": {"lead_id": "1", "status": "SALE"},
    "leads/insert": {"list_id": "333", "phone_number": OTHER_PHONE, "last_name": "Doe"},
    "leads/delete": {"lead_id": "1"},
    "leads/get-recordings": {"lead_id": "1"},
    "lead/get-recordings": {"lead_id": "1"},
    "log/retrieve": {"include_recordings": "1"},
}
"""A call of each that the account of ``convoso.py`` carries out."""

REFUSED: list[tuple[str, dict[str, str], str]] = [
    ("leads/search", {"limit": "2001"}, "7258"),
    ("leads/search", {"offset": "-1"}, "7231"),
    ("leads/update", {"lead_id": "x"}, "6070"),
    ("leads/update", {"lead_id": "999"}, "6071"),
    ("leads/update", {"list_id": "9"}, "6002"),
    ("leads/update", {"owner_id": "9"}, "6006"),
    ("leads/update", {"phone_number": "1"}, "6008"),
    ("leads/update", {"email": "nobody"}, "6079"),
    ("leads/insert", {"list_id": "9"}, "6002"),
    ("leads/insert", {"owner_id": "9"}, "6006"),
    ("leads/insert", {"phone_number": "1"}, "6008"),
    ("leads/insert", {"phone_number": PHONE, "check_dup": "1"}, "6009"),
    ("leads/insert", {"last_name": ""}, "6023"),
    ("leads/insert", {"email": "nobody"}, "6079"),
    ("leads/delete", {"lead_id": "999"}, "6001"),
    ("leads/get-recordings", {"limit": "101"}, "7258"),
    ("lead/get-recordings", {"offset": "x"}, "7231"),
    ("log/retrieve", {"list_id": "9"}, "6002"),
    ("log/retrieve", {"campaign_id": "9"}, "6004"),
    ("log/retrieve", {"user_id": "9"}, "6006"),
    ("log/retrieve", {"queue_id": "9"}, "6030"),
    ("log/retrieve", {"offset": "40001"}, "7231"),
]
"""What makes the sandbox answer each code: an example that is valid but for this."""
