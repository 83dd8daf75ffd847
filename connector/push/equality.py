"""When two values of a field are the same, also where the CRM keeps a value in a form of its own.

A rule is the name of a form, with a parameter where it has one, or several of them in their order: ``number``, ``cut(50)``,
``html, lines, trim``. The rules are those of ``comparable`` in dbt_models/macros/push/equal.sql, which decides what is in sync; a test
compares the two.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from itertools import combinations
from typing import NamedTuple

from connector.push import forms
from connector.texts import is_blank

OTHER_FORM = "other_form"
"""Code of a ``reverted`` field that the CRM keeps in another form, which a rule makes equal; ``old_value`` of that row is this form."""
TOLERANCE = "tolerance"


class Rule(NamedTuple):
    """One form of values, and the parameters that it takes."""

    form: forms.Form
    parameter: str = ""
    """A pattern; ``""`` where it takes none."""


_ORDER, _COUNT = "(mdy|dmy)?", "[0-9]{1,4}"
RULES: Mapping[str, Rule] = {
    "digits": Rule(forms.digits),
    "lower": Rule(forms.lower),
    "trim": Rule(forms.trim),
    "number": Rule(forms.number),
    "round": Rule(forms.rounded, "[0-9]|1[0-8]"),
    TOLERANCE: Rule(forms.number, "[0-9]{1,18}([.][0-9]{1,18})?"),
    "boolean": Rule(forms.boolean),
    "date": Rule(forms.day, _ORDER),
    "time": Rule(forms.moment, _ORDER),
    "list": Rule(forms.in_any_order),
    "html": Rule(forms.html),
    "lines": Rule(forms.lines),
    "unicode": Rule(forms.unicode),
    "cut": Rule(forms.cut, _COUNT),
}
"""What each of them makes equal: docs/push.md."""

_AS_TEXT = ("html", "lines", "unicode", "lower")
_ALONE = (
    "trim", "lower", "lines", "html", "unicode", "number", "boolean", "time", "date", "time(mdy)", "time(dmy)", "date(mdy)", "date(dmy)",
    "list",
)  # fmt: skip
_MOST_PLACES, _LEAST_CUT, _LEAST_DIGITS = 18, 10, 7


def same(one: str | None, other: str | None, rule: str | None = None) -> bool:
    """Whether two values of a field are the same: as text, or by a rule; blank is nothing."""
    ours, theirs = _comparable(one, rule), _comparable(other, rule)
    if ours == theirs:
        return True
    most = _tolerance(rule) if rule else None
    if most is None or ours is None or theirs is None:
        return False
    are_small = (re.fullmatch(forms.SMALL_NUMBER, each) for each in (ours, theirs))
    return all(are_small) and forms.EXACT.subtract(Decimal(ours), Decimal(theirs)).copy_abs() <= most


def likely(sent: str | None, shown: str | None) -> str | None:
    """The rule by which two values, that are not the same as text, would be the same; ``None`` where there is none.

    Of several, the one that makes the least else equal.
    """
    if sent is None or shown is None or is_blank(sent) or is_blank(shown):
        return None
    return next((rule for rule in _candidates(sent, shown) if same(sent, shown, rule)), None)


def _candidates(sent: str, shown: str) -> Iterator[str]:
    yield from _ALONE
    yield from (", ".join(some) for size in (2, 3, 4) for some in combinations(_AS_TEXT, size))
    places = len(forms.number(shown).partition(".")[2])
    if places < len(forms.number(sent).partition(".")[2]) <= _MOST_PLACES:
        yield f"round({places})"
    if sent.startswith(shown) and len(shown) >= _LEAST_CUT:
        yield f"cut({len(shown)})"
    if sum(map(str.isdigit, shown)) >= _LEAST_DIGITS:
        yield "digits"


def _comparable(text: str | None, rule: str | None) -> str | None:
    if text is None or is_blank(text):
        return None
    found: str | None = text
    for name, parameter in _steps(rule) if rule else ():
        found = None if found is None else RULES[name].form(found, parameter)
    return found


def _tolerance(rule: str) -> Decimal | None:
    name, parameter = _steps(rule)[-1]
    return Decimal(parameter) if name == TOLERANCE else None


@cache
def _steps(rule: str) -> tuple[tuple[str, str], ...]:
    """(name, parameter) of each form, as the push macro writes them."""
    found = (each.partition("(") for each in rule.split(", "))
    return tuple((name, parameter.rstrip(")")) for name, _, parameter in found)
