"""What is known of leads that were deleted, for whoever wants to add them again: no CRM can bring them back."""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from connector.warehouse.ledger import columns_of
from connector.warehouse.relations import Relation

_OURS = ("crm", "last_seen_at", "last_sequence_number", "removed_at", "removal", "merged_into")
_AT_ONCE = 1_000


class KnownValues(NamedTuple):
    """The last known values of deleted leads: ``columns`` of ``leads``, the lead's id first, and a row for each lead."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]


def known_values(engine: sa.Engine, crm: str, deleted: Sequence[str], model: Relation) -> KnownValues:
    """Every value that the warehouse knows of these leads, without columns that are blank in all of them."""
    with engine.connect() as connection:
        there = columns_of(connection, *model)
        if not {"crm", "lead_id"} <= there:
            return KnownValues(("lead_id",), tuple((each,) for each in deleted))
        leads = sa.table(model.name, *map(sa.column, sorted(there)), schema=model.schema)
        names = ["lead_id", *sorted(there - {"lead_id", *_OURS})]
        query = sa.select(*(sa.cast(leads.c[name], sa.Text) for name in names)).where(leads.c.crm == crm)
        rows = [
            tuple(row)
            for first in range(0, len(deleted), _AT_ONCE)
            for row in connection.execute(query.where(leads.c.lead_id.in_(deleted[first : first + _AT_ONCE])))
        ]
    filled = [
        place for place, name in enumerate(names) if name == "lead_id" or any(row[place] for row in rows)
    ]
    known = {row[0] for row in rows}
    rows += [(each, *[None] * (len(names) - 1)) for each in deleted if each not in known]
    return KnownValues(
        tuple(names[place] for place in filled),
        tuple(tuple(row[place] for place in filled) for row in sorted(rows, key=lambda row: str(row[0]))),
    )
