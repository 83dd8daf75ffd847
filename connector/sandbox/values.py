"""What a CRM thinks of a value: whether it takes it, and how it writes it down."""

import re
from collections.abc import Callable
from typing import Literal, get_args

Normalise = Literal["digits", "lower", "upper", "trim", "round"]

_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]+")
_PHONE = re.compile(r"\+?[0-9 ().\-]+")


def digits(value: str) -> str:
    return re.sub(r"[^0-9]", "", value)


def is_phone(value: str) -> bool:
    """7 to 15 digits, with the usual signs between them."""
    return bool(_PHONE.fullmatch(value.strip())) and 7 <= len(digits(value)) <= 15


def is_email(value: str) -> bool:
    return bool(_EMAIL.fullmatch(value.strip()))


def is_true(value: str | None) -> bool:
    """A flag as forms send it."""
    return (value or "").strip().casefold() in {"1", "true", "yes", "on"}


def normaliser(kind: Normalise) -> Callable[[str], str]:
    """How the CRM rewrites a value of a field: ``digits``, ``lower``, ``upper``, ``trim`` or ``round`` (to an integer)."""
    known: dict[str, Callable[[str], str]] = {
        "digits": digits,
        "lower": str.lower,
        "upper": str.upper,
        "trim": str.strip,
        "round": _rounded,
    }
    if kind not in known:
        raise ValueError(
            f"{kind!r} is no way to normalise a value; there are {', '.join(get_args(Normalise))}"
        )
    return known[kind]


def _rounded(value: str) -> str:
    try:
        return str(round(float(value)))
    except (ValueError, OverflowError):
        return value
