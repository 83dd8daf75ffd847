"""What may be told of an error of dbt or of a database: what kind it is, and names. Its own text may quote a lead's values.

Only known forms of messages are told, in words of our own. From a message come at most names (of columns, tables,
functions), and only those that the node's own SQL has as well, and types, and only those that the database has.
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

UNKNOWN = "an error that leadloop knows no words for"
OF_THE_SQL = ("name", "column", "table")
"""The groups of a form that have to be names in the SQL."""

_WORD = re.compile(r'"((?:[^"]|"")+)"|(\w+)')
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_HEAD = re.compile(r"(\w+) Error(?: in [^\n]*)?\n\s*(.*)", re.DOTALL)
# What dbt adds at the very end, so that the last one is dbt's, whatever stands in the message itself.
_MACRO = re.compile(r".*\n\s*> in macro (?P<macro>\w+) \([^\n]*", re.DOTALL)


class Form(NamedTuple):
    """A message that is known: a pattern of the whole of it, and what is told."""

    pattern: str
    """Of the message without what dbt and the engine write before and after it. A dot stands for line breaks, too."""
    told: str
    """May have the pattern's groups: ``{column}``, ``{table}``, ``{name}`` and ``{type}``. What is in brackets is left out
    where its group is not there or may not be told."""


class Language(NamedTuple):
    """How one database engine talks."""

    forms: Sequence[Form]
    types: Collection[str]
    """The types that may be told, in capitals."""
    body: Callable[[str], str]
    """Takes an engine's additions (details, hints, the place in the SQL) off a message."""


DBT = (
    Form(r"This model has an enforced contract that failed\..*", "its columns are not those of its contract"),
    Form(r"'(?P<name>\w+)' is undefined\..*", "[{name} is undefined: ]a macro or variable is undefined"),
    Form(r"Got \d+ results?, configured to .*", "rows were found that should not be there"),
    Form(
        r"Got a state selector method, but no comparison manifest",
        "the selection names a state, and leadloop gives dbt none",
    ),
    Form(r"'(?P<name>[^'\n]+)' is not a valid method name", "there is no such method of selection[: {name}]"),
)
OURS = re.compile(r"(?:push (?P<push>\w+)|leadloop_types): [^\n]+", re.ASCII)
"""What macros of leadloop say. They name options, columns and fields."""
REFUSING = ("refuse_push", "refuse_type")


def body(message: str, language: Language) -> str:
    """The message as the database made it, without what dbt writes before and after it."""
    found = _HEAD.match(message.strip())
    return language.body(found[2] if found else message.strip())


def told(message: str, language: Language, sql: str) -> str:
    """The kind of an error in a few words. ``sql``: of the node, or whatever else people wrote and may be shown."""
    text = message.strip()
    kind, text = found.groups() if (found := _HEAD.match(text)) else ("", text)
    if kind == "Compilation":
        return _of_macro(text, sql) or _matching(text, DBT, language, sql) or "its Jinja can't be compiled"
    body = language.body(text)
    return _matching(body, (*language.forms, *DBT), language, sql) or UNKNOWN


def _of_macro(text: str, sql: str) -> str | None:
    """What a macro of leadloop refuses about this very node, on one line."""
    found = _MACRO.match(text)
    if found is None or found["macro"] not in REFUSING:
        return None
    first = text.splitlines()[0].strip()
    about = OURS.fullmatch(first)
    return (
        first
        if about and (about["push"] or "leadloop_types").lower() in _names(f"{sql} leadloop_types")
        else None
    )


def _matching(text: str, forms: Sequence[Form], language: Language, sql: str) -> str | None:
    for form in forms:
        found = re.fullmatch(form.pattern, text.strip(), re.DOTALL)
        if found is not None:
            return _filled(form.told, found.groupdict(), language, sql)
    return None


def _filled(sentence: str, groups: dict[str, str | None], language: Language, sql: str) -> str:
    names = _names(sql) if groups else frozenset[str]()
    known: dict[str, str] = {}
    for group, text in groups.items():
        if text is None:
            continue
        if group == "type":
            bare = re.sub(r"\(.*\)|\[\d*\]", "", text, flags=re.DOTALL).strip()
            if bare.upper() in language.types:
                known[group] = bare
        elif all(part.lower() in names for part in _parts(text)):
            known[group] = text.replace('"', "")

    def optional(part: re.Match[str]) -> str:
        wanted = re.findall(r"\{(\w+)\}", part[1])
        return part[1] if all(name in known for name in wanted) else ""

    return _OPTIONAL.sub(optional, sentence).format_map(known)


def _names(sql: str) -> frozenset[str]:
    """Whatever could be a name in a statement, in lower case."""
    return frozenset((quoted or bare).lower() for quoted, bare in _WORD.findall(sql))


def _parts(name: str) -> list[str]:
    """``a.b`` is two names; what is no name at all is one that no SQL has."""
    parts = name.replace('"', "").split(".")
    return parts if all(re.fullmatch(r"\w[\w $-]{0,62}", part) for part in parts) else ["\0"]
