"""What the leads of one workspace have shown so far: which generation of the API it has, and what rows of its list lack.

There are two generations, and a lead tells which one it is of. The older one has ``metadata`` (the vendor's page). The
newer one has flat fields, ``tags`` and ``customFields`` instead (the public client of Activepieces for PollyBot, August
2026). Nothing has to be set: one lead that is read singly tells.
"""

from collections.abc import Mapping
from typing import Any

from connector.crm.answers import flat
from connector.crm.pollybot.facts import CUSTOM, METADATA
from connector.crm.pollybot.values import Casing

Lead = Mapping[str, Any]


class Shown:
    """Learns from every lead that a reader or a writer is shown. Safe to use from several threads: it only ever adds."""

    def __init__(self) -> None:
        self.casing = Casing()
        self._generations: set[str] = set()
        self._objects: set[str] = set()
        self.has_compared = False
        """Whether some lead was read singly and beside its row of the list."""
        self._keys: frozenset[str] | None = None

    def saw(self, lead: Lead) -> None:
        """A lead, or a row of the list, which may lack some of a lead's fields."""
        self.casing.saw(lead)
        for outer in (METADATA, CUSTOM):
            if isinstance(inner := lead.get(outer), Mapping):
                self._generations.add(outer)
                self._objects |= {
                    f"{outer}.{key}" for key, value in inner.items() if isinstance(value, Mapping)
                }
        self._objects |= {name for name, value in lead.items() if isinstance(value, Mapping)}

    @property
    def is_told(self) -> bool:
        """Whether it is known which generation the workspace has."""
        return bool(self._generations)

    def read_singly(self, row: Lead, lead: Lead) -> None:
        """A lead that was read singly, and its row of the list.

        Where the two are the same, rows with every one of these fields are whole, and so are those to come. It has to have
        custom fields: where a list leaves metadata out, a lead that has none looks whole, and others would not be.
        """
        self.has_compared = True
        is_same = CUSTOM in lead and flat(row) == flat(lead)
        if is_same or self._keys is not None:
            self._keys = (self._keys or frozenset()) | lead.keys()

    def is_whole(self, row: Lead) -> bool:
        """Whether a row of the list has all that a single read of the lead would show."""
        if isinstance(row.get(METADATA), Mapping):
            return True
        return self._keys is not None and CUSTOM in row and self._keys <= row.keys()

    def problem_with(self, name: str) -> str | None:
        """Why a push can't set this field in this workspace, as far as its leads have told."""
        outer, _, key = name.partition(".")
        if outer in (METADATA, CUSTOM) and self.is_told and outer not in self._generations:
            other = METADATA if outer == CUSTOM else CUSTOM
            return f"the leads of this workspace have no {outer}, but {other}; name it '{other}.{key}'"
        if name in self._objects:
            return "it is an object in this workspace, and a text would replace all that is in it"
        return None
