"""One row of ``leadloop.push_journal`` and of its archive: what the table declares, what is written, and what is read of it.

Its columns are listed here and nowhere else. A new one also needs a step in ``warehouse/migrations.py`` for both tables, and a line in
``docs/warehouse.md`` and in ``journal_rows.sql``; tests compare them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from types import NoneType
from typing import Any, Literal, get_args, get_type_hints

import sqlalchemy as sa

State = Literal[
    "planned", "sent", "applied", "confirmed", "rejected", "deferred", "unknown", "conflict", "reverted"
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One state of one field of one lead, to be recorded: a row that has no place in a run yet."""

    push: str
    crm: str
    lead_id: str
    field: str
    column_name: str
    state: State
    old_value: str | None
    value: str | None
    code: str | None = None
    reason: str | None = None
    recorded_at: datetime | None = None
    """``None``: when it is written."""
    crm_lead_id: str | None = None
    """The lead in the CRM: the same as ``lead_id``, or the CRM's own id where that is the warehouse's (insert, upsert).

    An insert has none before it is answered."""
    sequence_number: int | None = None
    """What happened first (see ``warehouse/ledger.py``); that of the write where a later look says what came of it.

    ``None``: that of the transaction it is written in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow(Entry):
    """A row as it is in the table."""

    run_id: str
    seq: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded(JournalRow):
    """A row that was read, with the mode of its run, and its options and rules for equality as JSON."""

    mode: str | None = None
    options: str | None = None
    equal: str | None = None

    def then(
        self,
        state: State,
        *,
        code: str | None = None,
        reason: str | None = None,
        as_of_this: bool = False,
        crm_lead_id: str | None = None,
    ) -> Entry:
        """The next state of the same field in the same run; ``as_of_this``: at the time and place of this row."""
        same = {name: getattr(self, name) for name in GIVEN}
        when = {} if as_of_this else {"recorded_at": None, "sequence_number": None}
        given = {
            "state": state,
            "code": code,
            "reason": reason,
            "crm_lead_id": crm_lead_id or self.crm_lead_id,
        }
        return Entry(**(same | when | given))


GIVEN = tuple(each.name for each in fields(Entry))
"""The columns that whoever records something fills; the others are the journal's own business."""
NAMES = tuple(each.name for each in fields(JournalRow))
"""All columns, in the order in which they are selected and written."""
_READ = tuple(each.name for each in fields(Recorded))
_TYPES: dict[Any, Any] = {str: sa.Text, int: sa.BigInteger, datetime: sa.DateTime(timezone=True)}


def columns() -> list[sa.Column[Any]]:
    """The table's columns, for its declaration; all of them may be NULL."""
    hints = get_type_hints(JournalRow)
    return [sa.Column(name, _TYPES[_plain(hints[name])]) for name in NAMES]


def _plain(hint: Any) -> Any:
    """``str`` for ``str | None`` and for a literal."""
    first = next((each for each in get_args(hint) if each is not NoneType), hint)
    return first if isinstance(first, type) else type(first)


def recorded(row: Sequence[Any]) -> Recorded:
    """A row with the columns in their order, then as many as were selected of its run's; its time in UTC, whatever the engine's zone."""
    values = dict(zip(_READ, row, strict=False))
    values["recorded_at"] = values["recorded_at"].astimezone(UTC)
    return Recorded(**values)
