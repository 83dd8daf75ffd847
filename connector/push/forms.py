"""The forms that a CRM may keep a value in, and the one form of each in which values are compared.

``dbt_models/macros/push/forms.sql`` and ``form_times.sql`` have the same in SQL; a test compares the two, on both engines. So everything here is
what SQL can do as well: no locale, no table that differs from one version of a language to the next.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from html.entities import name2codepoint

from connector.texts import BLANKS, lowered

Form = Callable[[str, str], "str | None"]
"""A text, and the rule's parameter or ``""`` -> the form in which it is compared; ``None`` for what counts as nothing."""

_LEFT_OUT = str.maketrans("", "", ",$" + BLANKS)
_TRUE, _FALSE = ("true", "yes", "on", "t", "y", "1"), ("false", "no", "off", "f", "n", "0")
ENTITIES: Mapping[str, int] = {**name2codepoint, "apos": 39}
"""Name of an HTML 4 entity -> code point; ``&apos;`` came with XHTML."""
SMALL_NUMBER = "-?[0-9]{1,18}([.][0-9]{1,18})?"
"""What the engines calculate with to the last digit, as ``plain_number`` writes it."""
EXACT = Context(prec=60)
"""For two of these: with fewer digits, Python would round what it calculates."""

# Marks that Unicode has added since version 14, or may add, are in these ranges; engines and languages know other versions of it.
_STILL_GROWING = re.compile("[\u0870-\u08ff\U00010000-\U0001cfff\U0001e000-\U0001efff]")
_STRING = r'"([^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"'
_ITEM = rf"({_STRING}|[-+.A-Za-z0-9]+)"
_JSON_LIST = re.compile(rf"\[[ \t\n\r]*({_ITEM}[ \t\n\r]*(,[ \t\n\r]*{_ITEM}[ \t\n\r]*)*)?\]")
_ITEMS = re.compile(_ITEM)
_UNITS = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[^u]|[^\\]+"
)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def digits(text: str, _: str) -> str:
    return re.sub("[^0-9]", "", text) or text


def lower(text: str, _: str) -> str:
    return lowered(text.strip(BLANKS))


def trim(text: str, _: str) -> str:
    return text.strip(BLANKS)


def number(text: str, _: str = "") -> str:
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


def rounded(text: str, places: str) -> str:
    plain = number(text)
    if not re.fullmatch(SMALL_NUMBER, plain):
        return plain
    return number(f"{Decimal(plain).quantize(Decimal(1).scaleb(-int(places)), ROUND_HALF_UP, EXACT):f}")


def boolean(text: str, _: str) -> str:
    word = lower(text, "")
    return "true" if word in _TRUE else "false" if word in _FALSE else trim(text, "")


def html(text: str, _: str) -> str:
    first, *rest = text.split("&")
    return first + "".join(map(_decoded, rest))


def _decoded(part: str) -> str:
    """What stands after an ampersand, with the character that its beginning means, or with the ampersand."""
    name, ends, rest = part.partition(";")
    if not ends:
        return "&" + part
    if re.fullmatch("#[0-9]{1,7}", name):
        found = int(name[1:])
    elif re.fullmatch("#[xX][0-9A-Fa-f]{1,6}", name):
        found = int(name[2:], 16)
    else:
        found = ENTITIES.get(name, 0)
    return chr(found) + rest if _is_character(found) else "&" + part


def _is_character(number: int) -> bool:
    return 1 <= number <= 0xD7FF or 0xE000 <= number <= 0x10FFFF


def lines(text: str, _: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def unicode(text: str, _: str) -> str:
    return text if _STILL_GROWING.search(text) else unicodedata.normalize("NFC", text)


def cut(text: str, length: str) -> str:
    return text[: int(length)]


def in_any_order(text: str, _: str) -> str | None:
    bare = text.strip(BLANKS)
    if bare.startswith("["):
        if not _JSON_LIST.fullmatch(bare):
            return bare
        items = [_unescaped(found[0]) for found in _ITEMS.finditer(bare)]
    else:
        items = re.split("[;,\n]", bare)
    told = {item.strip(BLANKS).replace("\\", "\\\\").replace(",", "\\,") for item in items} - {""}
    return ",".join(sorted(told)) or None


def _unescaped(item: str) -> str:
    if not item.startswith('"'):
        return item
    return "".join(_character(found[0]) for found in _UNITS.finditer(item[1:-1]))


def _character(unit: str) -> str:
    if not unit.startswith("\\"):
        return unit
    if unit[1] != "u":
        return _ESCAPED.get(unit[1], unit[1])
    first = int(unit[2:6], 16)
    if len(unit) > 6:
        return chr(0x10000 + (first - 0xD800) * 1024 + int(unit[8:], 16) - 0xDC00)
    return chr(first) if _is_character(first) else unit


# Dates and times, step by step as in form_times.sql: each step replaces the first thing in a text that looks so.

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = f"({'|'.join(_MONTHS)})"
_LONG = {
    "january": "jan", "february": "feb", "march": "mar", "april": "apr", "june": "jun", "july": "jul", "august": "aug",
    "september": "sep", "sept": "sep", "october": "oct", "november": "nov", "december": "dec",
}  # fmt: skip
_CLOCK = (
    "([ t]+[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?( ?[ap]m)?( ?(z|utc|gmt|[-+][0-9]{2}(:?[0-9]{2})?))?)?$"
)
_FIRST = ((r"^(mon|tue|wed|thu|fri|sat|sun)[a-z]*,? +", ""),)
_ORDERS = {
    "": (),
    "mdy": (("^([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})" + _CLOCK, r"\3-\1-\2\4"),),
    "dmy": (("^([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})" + _CLOCK, r"\3-\2-\1\4"),),
}
_WRITTEN = (
    (f"^([0-9]{{1,2}})(st|nd|rd|th)?[ .-]+{_MONTH}[ .,-]+([0-9]{{4}})" + _CLOCK, r"\4-\3-\1\5"),
    (f"^{_MONTH}[ .]+([0-9]{{1,2}})(st|nd|rd|th)?,? +([0-9]{{4}})" + _CLOCK, r"\4-\1-\2\5"),
)
_PLAIN = (
    ("^([0-9]{4})([0-9]{2})([0-9]{2})$", r"\1-\2-\3"),
    ("^([0-9]{4})[/.-]([0-9]{1,2})[/.-]([0-9]{1,2})" + _CLOCK, r"\1-\2-\3\4"),
    ("^([0-9]{4})-([0-9])-", r"\1-0\2-"),
    ("^([0-9]{4}-[0-9]{2})-([0-9])([ t]|$)", r"\1-0\2\3"),
)
_IS_DAY = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])" + _CLOCK
_TO_ISO = (
    ("^(.{10})$", r"\1 00:00:00"),
    ("^(.{10})[ t]+", r"\1 "),
    ("^(.{10}) ([0-9]:)", r"\1 0\2"),
    ("^(.{10} [0-9]{2}:[0-9]{2})([^:0-9]|$)", r"\1:00\2"),
    (" ?(utc|gmt|z)$", "z"),
    (" ([-+][0-9]{2}(:?[0-9]{2})?)$", r"\1"),
    ("^(.{10}) 12(:.*) ?am", r"\1 00\2am"),
)
_AFTERNOON = "^.{10} (0[0-9]|1[01]):.* ?pm"
_ISO = re.compile(
    "([0-9]{4}-[0-9]{2}-[0-9]{2}) (([01][0-9]|2[0-3])(:[0-5][0-9]){2})([.][0-9]+)?(z|[+-][0-9]{2}(:?[0-9]{2})?)?"
)


def day(text: str, order: str) -> str:
    found = _calendar(text, order)
    return found[:10] if re.search(_IS_DAY, found) else text.strip(BLANKS)


def moment(text: str, order: str) -> str:
    """The time in UTC; what says no zone is taken to be in UTC."""
    found = _calendar(text, order)
    if not re.search(_IS_DAY, found):
        return text.strip(BLANKS)
    iso = _stepped(found, _TO_ISO)
    if re.search(_AFTERNOON, iso):
        iso = f"{iso[:11]}{int(iso[11:13]) + 12}{iso[13:]}"
    iso = re.sub(" ?[ap]m", "", iso, count=1)
    return _in_utc(iso) or text.strip(BLANKS)


def _calendar(text: str, order: str) -> str:
    """The text with its date as year, month and day in front, where it has the shape of one."""
    found = _stepped(lower(text, ""), _FIRST + _ORDERS[order])
    for long, short in _LONG.items():
        found = found.replace(long, short)
    found = _stepped(found, _WRITTEN)
    for number, month in enumerate(_MONTHS, 1):
        found = found.replace(f"-{month}-", f"-{number:02}-")
    return _stepped(found, _PLAIN)


def _stepped(text: str, steps: tuple[tuple[str, str], ...]) -> str:
    for pattern, plain in steps:
        text = re.sub(pattern, re.sub(r"\\([0-9])", r"\\g<\1>", plain), text, count=1)
    return text


def _in_utc(iso: str) -> str | None:
    found = _ISO.fullmatch(iso)
    if found is None or not "1900" <= iso[:4] <= "9998":
        return None
    try:
        clock = datetime.fromisoformat(f"{found[1]} {found[2]}{(found[5] or '.0')[:7].ljust(7, '0')}")
    except ValueError:
        return None
    zone = (found[6] or "z").replace(":", "")
    minutes = 0 if zone == "z" else 60 * int(zone[1:3]) + int(zone[3:] or 0)
    moved = clock - timedelta(minutes=-minutes if zone[0] == "-" else minutes)
    return f"{moved:%F %T.%f}".rstrip("0").rstrip(".")
