"""Convoso's endpoints of statuses, agents and revenue, and the one that writes into the call log: leadloop calls none of them, and the
sandbox has none. See ``convoso.py`` for the sources."""

from tests.contracts.published.convoso_rows import DAY, DONE, INTEGER, NUMBER, PAGE, TEXT, WORDS, Row
from tests.contracts.published.shapes import Either, Number

YES_NO = r"[YN]"
FLAGS = dict.fromkeys(("final", "reached", "success", "dnc", "callback", "contact", "voicemail"), YES_NO)
COLOUR = {"hex_color": r"[0-9A-Fa-f]{6}"}
STATUS_CODES = {
    "6078": "HEX color defined is invalid, do not include #, valid example: 6711d1.",
}
WHO = dict.fromkeys(("campaign_id", "queue_id", "user_id"), INTEGER)
SKILLS = {"filter_by_skill_options": TEXT}
IDS = r"[0-9]+(,[0-9]+)*"

ROWS: dict[str, Row] = {
    "log/update": Row(
        "O 37842243696283; S; C",
        {"POST": "O, C", "GET": "S"},
        {"call_log_id": INTEGER},
        {"extra_field_01": TEXT, "extra_field_02": TEXT},
        DONE,
        {
            "6032": "Missing Call Log ID",
            "6033": "No such Call Log",
            "6035": "Either Extra Field 01 or Extra Field 02 need to have value",
        },
        {"call_log_id": "6032"},
    ),
    "status/search": Row(
        "O 37901922321819; S; C",
        {"GET": "O", "POST": "C"},
        {"query": TEXT},
        {},
        # O: a number and "N"; C: a text and false.
        {**DONE, "data": [{"status": WORDS, "name": WORDS, **dict.fromkeys(FLAGS, WORDS)}]},
        {},
    ),
    "status/insert": Row(
        "O 37901768980891; S; C",
        {"GET": "O", "POST": "C"},
        {"status": r"[A-Za-z0-9]{2,6}", "name": TEXT, **FLAGS},
        COLOUR,
        {**DONE, "code": NUMBER, "data": {"new": WORDS, "status": WORDS}},
        {
            "6060": "Missing Status Description",
            "6061": (
                "Missing or Invalid Status Abbreviation, only Alphanumeric characters allowed. Must be between 2-6 characters "
                "long."
            ),
            **{
                str(6062 + number): f"Missing or Invalid {name} option, Must be Y for Yes or N for No."
                for number, name in enumerate(
                    ("Final", "Reached", "Success", "DNC", "Callback", "Contact", "Voicemail")
                )
            },
            **STATUS_CODES,
        },
    ),
    "status/update": Row(
        "O 37901781629979; S; C",
        {"POST": "O, C", "GET": "S"},
        {"status": TEXT},
        {"name": TEXT, **FLAGS, **COLOUR},
        {**DONE, "data": {"status": WORDS}},
        {
            "6069": "Missing or Invalid Status Abbreviation, Only custom statuses can be modified.",
            **STATUS_CODES,
        },
    ),
    "agent-monitor/search": Row(
        "O 37726420680731; S; C",
        {"GET": "O", "POST": "C"},
        {},
        {**WHO, **SKILLS},
        # C has no "data", and the agents at the top.
        {
            **DONE,
            "data": {"entries": {"agents": [{"user_id": WORDS, "user_full_name": WORDS, "status": WORDS}]}},
        },
        {"6006": "No such User"},
    ),
    "agent-monitor/logout": Row(
        "S; C",
        {"POST": "C", "GET": "S"},
        {"user_id": INTEGER},
        {},
        DONE,
        {"6006": "No such User", "6012": "Required fields are missing"},
        {"user_id": "6006"},
    ),
    "agent-performance/search": Row(
        "O 37835517521435; S; C",
        {"GET": "O", "POST": "C"},
        {},
        {
            "date_start": DAY,
            "date_end": DAY,
            **dict.fromkeys(("campaign_ids", "list_ids", "queue_ids", "user_ids"), IDS),
            "status_ids": TEXT,
        },
        {**DONE, "total": NUMBER, "data": {"*": {"user_id": WORDS, "name": WORDS, "calls": NUMBER}}},
        {"6031": "Missing Agents"},
    ),
    "agent-productivity/search": Row(
        "O 37841104054555; S; C",
        {"GET": "O", "POST": "C"},
        {},
        {"date_start": DAY, "date_end": DAY, "campaign_id": INTEGER, "agent_emails": TEXT, **PAGE},
        {
            **DONE,
            "data": {
                "offset": NUMBER,
                "limit": WORDS,
                "total": WORDS,
                "entries": [{"id": WORDS, "user_id": WORDS, "state": WORDS, "created_at": WORDS}],
            },
        },
        {"6031": "Missing Agents", "7231": "Invalid offset value"},
    ),
    "user-activity/search": Row(
        "O 37902514273307; C",
        {"GET": "O", "POST": "C"},
        {},
        {**WHO, **SKILLS},
        {**DONE, "data": {"available_agents": NUMBER, "logged_in_agents": NUMBER}},
        {},
    ),
    "revenue/update": Row(
        "O 37900056012443; S; C",
        {"POST": "O, C"},
        {"call_log_id": INTEGER},
        {"revenue": r"[0-9]+([.][0-9]+)?", "return": r"[01]"},
        {**DONE, "data": {"call_log_id": Either((Number(whole=True), WORDS))}},
        {},
    ),
}

EXAMPLES: dict[str, dict[str, str]] = {
    "log/update": {"call_log_id": "1", "extra_field_01": "x"},
    "status/search": {"query": "NEW"},
    "status/insert": {"status": "VIP", "name": "Very important", **dict.fromkeys(FLAGS, "N")},
    "status/update": {"status": "VIP", "hex_color": "6711d1"},
    "agent-monitor/search": {"campaign_id": "10"},
    "agent-monitor/logout": {"user_id": "30001"},
    "agent-performance/search": {"date_start": "2026-03-01", "user_ids": "30001,30002"},
    "agent-productivity/search": {"date_start": "2026-03-01", "limit": "10"},
    "user-activity/search": {},
    "revenue/update": {"call_log_id": "1", "revenue": "150.75"},
}
"""A call of each that the table allows."""
