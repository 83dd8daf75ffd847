"""The quick loop over all four CRMs, each as its people see it: their ids, their fields, and what each field holds."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from connector import crm as crms
from connector import loop
from connector.sandbox import Sandbox
from tests.properties.quick_loop import CRMS, TABLES, Made, QuickLoop, in_crm
from tests.quick_tables import without_dlt

OTHERS = tuple(name for name in CRMS if name != "convoso")


def text(number: int) -> str:
    return f"text {number}"


KINDS = {
    "phone_number": lambda number: f"77755{number:05}",
    "Score": lambda number: str(number),
    "tags": lambda number: json.dumps([f"tag {number}"]),
    "metadata.price": lambda number: f"{number}.5",
}
"""How a field that holds no plain text shows the so-manieth value."""


def _left_out(name: str, sandbox: Sandbox) -> list[str]:
    """The fields of this CRM that nobody here looks at."""
    can = crms.vendor(name).capabilities
    kept = {*CRMS[name], *can.id_fields, *can.modified_fields, can.created_field}
    crm, same = Crm(name, sandbox), {_plain(each) for each in kept}
    return [each for each in crm.row(crm.ids()[0]) if _plain(each) not in same]


def _plain(name: str) -> str:
    """``updatedAt`` and ``updated_at`` are one field for the setting."""
    return re.sub("[^a-z0-9]+", "", name.lower())


@dataclass(frozen=True)
class Crm:
    """One CRM as its people see it."""

    name: str
    sandbox: Sandbox

    @property
    def push(self) -> str:
        return in_crm(self.name)

    @property
    def fields(self) -> tuple[str, ...]:
        return CRMS[self.name]

    @property
    def _leads(self) -> Any:
        vendor: Any = self.sandbox.vendors[self.name]
        return self.sandbox.book if self.name == "convoso" else vendor.leads

    def ids(self) -> list[str]:
        return list(self._leads.ids())

    def value(self, field: str, number: int) -> str:
        """The so-manieth value of a field, as a push wants it and the CRM shows it."""
        return KINDS.get(field, text)(number)

    def type(self, lead: str, field: str, number: int | None) -> None:
        """A person types the so-manieth value into a field, or empties it."""
        held: Any = None if number is None else self.value(field, number)
        if self.name == "convoso":
            held = held or ""
        elif field == "tags":
            held = json.loads(held or "[]")
        elif field == "metadata.price" and held:
            held = json.loads(held)
        self._leads.edit(lead, {field: held})

    def row(self, lead: str) -> Mapping[str, str | None]:
        found: Mapping[str, str | None] = self._leads.row(lead)
        return found

    def shows(self, lead: str, field: str) -> str | None:
        shown = self.row(lead).get(field) or None
        return json.dumps(json.loads(shown)) if shown and field == "tags" else shown

    def break_next(self, kind: str) -> None:
        """The next write meets a fault."""
        path, method = {
            "convoso": ("update", None),
            "leadsquared": ("Update", None),
            "pollybot": ("leads", "PUT"),
            "leadping": ("leads", "PUT"),
        }[self.name]
        self.sandbox.faults.add(kind, path=path, method=method, count=1)

    def writes(self) -> int:
        """How many calls have set something."""
        actions = ("update", "Lead.Update", "Lead/Bulk/UpdateV2")
        return sum(self.sandbox.calls.count(action, vendor=self.name) for action in actions)


class FourCrms(QuickLoop):
    """One warehouse with the leads of four CRMs, of which an example reads and writes one.

    It is made of a quick loop's: to that come the leads of the other three.
    """

    crms: ClassVar[tuple[str, ...]] = tuple(CRMS)
    place: ClassVar[str] = "made_of_four"
    pushes: ClassVar[tuple[str, ...]] = (*map(in_crm, CRMS), "adding")
    tables: ClassVar[tuple[str, ...]] = (
        *TABLES,
        *(
            f"{crm}_raw.{table}"
            for crm in OTHERS
            for table in ("lead_versions", "_dlt_loads", "_dlt_pipeline_state")
        ),
    )

    def _make(self, folder: Path, made: dict[tuple[str, str], Made]) -> None:
        of_one = (self.warehouse.kind, QuickLoop.place)
        if of_one in made:
            self._take(folder, made[of_one])
        else:
            super()._make(folder, made)
        without_dlt(self._patch)
        assert self._crm is not None
        for name in OTHERS:
            crm = Crm(name, self._crm)
            # A field that no lead has shown has no column.
            crm.type(crm.ids()[0], crm.fields[0], 1)
            loop.extract(self.warehouse, name)
        loop.build(self.warehouse, select="lead_history+")
        self._note(made[of_one].folder, made, self.place)

    def point_at(self, crm: Sandbox) -> None:
        # What a statement costs here is to plan it, by the columns that it has, and these CRMs have hundreds.
        for name in OTHERS:
            self._patch.setenv(f"CRM__{name}__LEAVE_OUT".upper(), ",".join(_left_out(name, crm)))
        super().point_at(crm)

    def begin_with(self, name: str) -> Crm:
        """One of the CRMs, of which nothing was read, and to which nothing was sent."""
        return Crm(name, self.begin())
