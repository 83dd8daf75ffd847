"""When two values of a field are the same, also where the CRM keeps a value in a form of its own.

The rules are those of ``comparable`` in dbt_models/macros/push/equal.sql, which decides what is in sync; a test compares the two.
"""

import re
from collections.abc import Callable, Mapping

from connector.texts import BLANKS, is_blank, lowered

_LEFT_OUT = str.maketrans("", "", ",$" + BLANKS)


def _digits(text: str) -> str:
    return re.sub("[^0-9]", "", text) or text


def _number(text: str) -> str:
    bare = text.translate(_LEFT_OUT)
    if not re.fullmatch("[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)", bare):
        return text.strip(BLANKS)
    for pattern, plain in (
        ("^[+]", ""),
        ("^(-?)[.]", r"\g<1>0."),
        ("^(-?)0+([0-9])", r"\1\2"),
        ("([.][0-9]*[1-9])0+$", r"\1"),
        ("[.]0*$", ""),
        ("^-0$", "0"),
    ):
        bare = re.sub(pattern, plain, bare)
    return bare


RULES: Mapping[str, Callable[[str], str]] = {
    "digits": _digits,
    "lower": lambda text: lowered(text.strip(BLANKS)),
    "trim": lambda text: text.strip(BLANKS),
    "number": _number,
}
"""``digits``: a phone number's digits; ``lower``: whatever case, of A to Z; ``trim``: without blanks around; ``number``: 1,200.50 is 1200.5."""


def same(one: str | None, other: str | None, rule: str | None = None) -> bool:
    """Whether two values of a field are the same: as text, or by a rule; blank is nothing."""
    return _comparable(one, rule) == _comparable(other, rule)


def _comparable(text: str | None, rule: str | None) -> str | None:
    if text is None or is_blank(text):
        return None
    return RULES[rule](text) if rule else text
