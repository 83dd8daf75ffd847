"""How the rows of Convoso's table are written, and the kinds of values that they share. See ``convoso.py`` for the sources."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.contracts.published.shapes import Either, Flag, Maybe, Number, Text

# Kinds of parameters, as regular expressions for a value.
INTEGER = r"[0-9]{1,18}"
DAY = r"\d{4}-\d\d-\d\d"
SECOND = rf"{DAY} \d\d:\d\d:\d\d"
DAY_OR_SECOND = rf"{DAY}( \d\d:\d\d:\d\d)?"  # O: a day; S: a second
FLAG = r"true|false|0|1"
TEXT = r"(?s).*"

# Kinds of values in an answer.
NUMBER = Number(whole=True)
WORDS = Text()
ID = Either((NUMBER, WORDS))
"""O and S show numbers where C and L show texts, or the other way round."""
MAYBE = Maybe(WORDS)
COUNT = ID


PAGE = {"offset": INTEGER, "limit": INTEGER}
PHP_TIME = {"date": WORDS, "timezone_type": NUMBER, "timezone": WORDS}  # S
DONE = {"success": Flag(True)}
RECORDING = {
    # O 37896898809883: "end_time" may be an empty text. O 37903366580123: "seconds" may be null.
    "recording_id": ID,
    "lead_id": ID,
    "start_time": WORDS,
    "end_time": WORDS,
    "seconds": Maybe(NUMBER),
    "url": WORDS,
}
PAGE_CODES = {
    "7231": "Invalid offset value",  # S, C
    "7258": "Invalid limit value",  # C; 7230 in S
}


@dataclass(frozen=True)
class Row:
    """One endpoint. A parameter's name goes with the kind of its value."""

    source: str
    methods: Mapping[str, str]
    """Method to source."""
    required: Mapping[str, str]
    optional: Mapping[str, str]
    answer: Any
    """As ``shapes.like`` takes it."""
    codes: Mapping[str, str]
    """Code to the text beside it."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Required parameter to the code that its absence has, where that is documented or can only be this one."""
    has_custom_fields: bool = False
    """O: "All customer defined fields based on customer defined record layout"."""
