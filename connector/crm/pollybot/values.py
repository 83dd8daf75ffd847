"""How the values of a push become the fields of a PollyBot lead."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connector.config import did_you_mean
from connector.crm.answers import RawRows
from connector.crm.pollybot.facts import (
    CAPABILITIES,
    CUSTOM,
    METADATA,
    OLDER_STATUSES,
    SAFE_INTEGER,
    STATUSES,
)


class Casing:
    """How this account writes its statuses, learnt from the leads it shows."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}

    def saw(self, lead: Mapping[str, Any]) -> None:
        if isinstance(status := lead.get("status"), str) and status:
            self._shown[status.casefold()] = status

    def of(self, status: str) -> str:
        """The status as the account writes it; a word that neither the account has shown nor the page has stays as it is."""
        word = status.casefold()
        if word in self._shown or word not in STATUSES:
            return self._shown.get(word, status)
        if shown := self._shown.copy().values():
            return word.upper() if all(each.isupper() for each in shown) else word
        return word if word in OLDER_STATUSES and not status.isupper() else word.upper()


def body(fields: Mapping[str, str | None], casing: Casing) -> dict[str, Any]:
    """The JSON that sets these fields: texts, and numbers inside the metadata."""
    sent: dict[str, Any] = {}
    for name, value in fields.items():
        outer, _, key = name.partition(".")
        if key:
            sent.setdefault(outer, {})[key] = number_or_text(value)
        else:
            sent[name] = casing.of(value) if name == "status" and value is not None else value
    return sent


class UnfitError(ValueError):
    """A field of this lead can't be set without losing what is in it; the text says why, and never shows a value."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} {why}")
        self.field = field


def replaced(lead: Mapping[str, Any], name: str, fields: Mapping[str, str | None]) -> tuple[str, Any]:
    """The outer name and the whole value that sets ``name`` in this lead: with all other custom fields, a list for a list.

    Raises ``UnfitError`` where the push's text would take the place of a list or an object.
    """
    outer, _, key = name.partition(".")
    shown, text = lead.get(outer), fields[name]
    if not key:
        return name, _in_place_of(shown, name, text)
    if outer not in lead:
        raise UnfitError(name, f"can't be set: the lead shows no {outer}")
    if shown is not None and not isinstance(shown, Mapping):
        raise UnfitError(name, f"can't be set: the lead's {outer} are no object")
    whole = dict(shown or {})
    for each, value in fields.items():
        if each.startswith(f"{outer}."):
            inner = each.removeprefix(f"{outer}.")
            whole[inner] = _in_place_of(whole.get(inner), each, value, number_or_text(value))
    return outer, whole


def _in_place_of(shown: Any, name: str, text: str | None, otherwise: Any = None) -> Any:
    if isinstance(shown, Mapping):
        raise UnfitError(name, "is an object in this lead; a text would replace all of it")
    if not isinstance(shown, list | RawRows) and name not in CAPABILITIES.lists:
        return text if otherwise is None else otherwise
    if text is None:
        raise UnfitError(name, "is a list; to empty it, send []")
    try:
        found = json.loads(text, parse_float=Decimal)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise UnfitError(name, "is a list; its value must be a JSON list")
    return found


def number_or_text(value: str | None) -> int | float | str | None:
    """A number where its JSON is written exactly like the text: ``85``, ``-0.5``; not ``007``, ``1.50`` or ``1e5``.

    So what a read shows afterwards is, as text, what was sent, however the workspace keeps it.
    """
    if value is None or not re.fullmatch(r"-?[0-9]{1,16}(\.[0-9]{1,15})?", value):
        return value
    if "." not in value:
        whole = int(value)
        return whole if str(whole) == value and abs(whole) <= SAFE_INTEGER else value
    part = float(value)
    return part if repr(part) == value and part != int(part) else value


def problem_with(name: str) -> str | None:
    """Why no push may set this field."""
    outer, *inner = name.split(".")
    if name in CAPABILITIES.protected_fields:
        return "PollyBot itself sets it"
    if name == METADATA:
        return "name the one key that is meant, as in 'metadata.score'"
    if not outer or not all(inner):
        return "there is an empty name in this path"
    if name == CUSTOM:
        return "name the one field that is meant, as in 'customFields.score'"
    if len(inner) > 1 and outer in (METADATA, CUSTOM):
        return (
            f"whether PollyBot merges objects inside the {outer} or replaces them is not documented, so what stands "
            f"beside it might be lost. Set one key directly below it, such as '{outer}.{inner[-1]}'"
        )
    if inner and outer not in (METADATA, CUSTOM):
        hint = did_you_mean(outer, [METADATA])
        return f"only the metadata is known to be merged, and other objects might be replaced{hint}"
    return None
