"""The parts of a first read: ``leadloop.shards``, one row each, from when it was cut.

The rows say which stretch of time each part has, so that all who read one mean the same. How far a part came is not in them but
lies with its rows, in dlt's state of a pipeline of its own: whoever drops the raw tables drops that too.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from connector.errors import ConfigError
from connector.extract.job import part_key
from connector.extract.raw import LEADS
from connector.extract.shards import Shard
from connector.extract.windows import Window
from connector.warehouse.engines import engine_of
from connector.warehouse.ledger import METADATA, SCHEMA, columns_of, next_number

shards = sa.Table(
    "shards",
    METADATA,
    sa.Column("crm", sa.Text),
    # The cursor that moves once the parts are read; with a stretch of time in it where they are parts of that.
    sa.Column("cursor_name", sa.Text),
    # Counted from 1, in the order of time.
    sa.Column("shard", sa.Integer),
    sa.Column("shards", sa.Integer),
    sa.Column("window_start", sa.DateTime(timezone=True)),
    sa.Column("window_end", sa.DateTime(timezone=True)),
    # When the last row of the part was loaded; empty before that.
    sa.Column("read_at", sa.DateTime(timezone=True)),
    # Which field of the CRM each column is for, as far as the part has shown, as JSON.
    sa.Column("homes", sa.Text),
    sa.Column("cut_at", sa.DateTime(timezone=True)),
    sa.Column("sequence_number", sa.BigInteger),
    info={"one_row_per": "part of a first read, or of a stretch of time, that is read side by side"},
)

State = Mapping[str, Any]
States = Callable[[str], State]
"""The name of a pipeline -> what its last whole package left, by table."""


def pipeline_of(crm: str, shard: Shard) -> str:
    """dlt's pipeline of a part."""
    return f"{crm}_shard_{shard.number}_of_{shard.of}"


def cut_before(connection: sa.Connection, crm: str, name: str) -> list[Window]:
    """The parts as they were cut, in order; none where nobody has cut anything yet."""
    if not columns_of(connection, SCHEMA, shards.name):
        return []
    column = shards.c
    query = (
        sa.select(column.window_start, column.window_end)
        .where(column.crm == crm, column.cursor_name == name)
        .order_by(column.shard)
    )
    return [
        Window(row.window_start.astimezone(UTC), row.window_end.astimezone(UTC))
        for row in connection.execute(query)
    ]


def note_cut(
    connection: sa.Connection, crm: str, name: str, parts: Sequence[Window], states: States
) -> list[Window]:
    """Keeps these parts, unless somebody was faster: then theirs are returned. Within a lease's transaction.

    ``ConfigError`` where there are other ones, of which rows were loaded.
    """
    if (one_at_a_time := engine_of(connection).one_at_a_time) is not None:
        connection.exec_driver_sql(one_at_a_time)
    before = cut_before(connection, crm, name)
    if len(before) == len(parts):
        return before
    check_number(crm, name, before, len(parts), states)
    connection.execute(shards.delete().where(shards.c.crm == crm, shards.c.cursor_name == name))
    number, now = next_number(connection), datetime.now(UTC)
    connection.execute(
        shards.insert(),
        [
            {
                "crm": crm,
                "cursor_name": name,
                "shard": place,
                "shards": len(parts),
                "window_start": part.start,
                "window_end": part.end,
                "cut_at": now,
                "sequence_number": number,
            }
            for place, part in enumerate(parts, 1)
        ],
    )
    return list(parts)


def check_number(crm: str, name: str, before: Sequence[Window], of: int, states: States) -> None:
    """``ConfigError`` where it is in another number of parts already, and some of that is loaded."""
    if not before or len(before) == of:
        return
    if any(reached for reached in _reached(crm, name, before, states)):
        raise ConfigError(
            f"This first read of {crm} is in {len(before)} parts, some of which are loaded, and not in {of}.",
            f"Read the others with --shard 1/{len(before)} to --shard {len(before)}/{len(before)}, or all that is left with "
            f"leadloop extract --crm {crm}.",
        )


def progress(
    connection: sa.Connection, crm: str, known: Mapping[str, str], states: States
) -> tuple[dict[str, str], dict[str, str]]:
    """What first reads in parts have come to: cursors, for those names that aren't ``known``, and homes (see ``Names``).

    A cursor stands where the first part begins that isn't read to its end, or as far as that one came: everything before
    is in the warehouse.
    """
    cursors: dict[str, str] = {}
    homes: dict[str, str] = {}
    if not columns_of(connection, SCHEMA, shards.name):
        return cursors, homes
    query = (
        sa.select(shards.c.cursor_name).where(shards.c.crm == crm).distinct().order_by(shards.c.cursor_name)
    )
    for name in connection.execute(query).scalars().all():
        if name in known or " " in name:
            continue
        parts = cut_before(connection, crm, name)
        for part, reached in zip(parts, _reached(crm, name, parts, states), strict=True):
            if reached is not None:
                cursors[name] = reached
            if reached is None or datetime.fromisoformat(reached) < part.end:
                break
        homes = homes_of(connection, crm)
    return cursors, homes


def homes_of(connection: sa.Connection, crm: str) -> dict[str, str]:
    """Which field each column is for, as far as parts of this CRM's leads have shown."""
    found: dict[str, str] = {}
    if not columns_of(connection, SCHEMA, shards.name):
        return found
    query = sa.select(shards.c.homes).where(shards.c.crm == crm, shards.c.homes.is_not(None))
    for homes in connection.execute(query.order_by(shards.c.cursor_name, shards.c.shard)).scalars():
        for column, field in json.loads(homes).items():
            found.setdefault(column, field)
    return found


def _reached(crm: str, name: str, parts: Sequence[Window], states: States) -> list[str | None]:
    """How far each part came, by its own cursor."""
    found = []
    for place, part in enumerate(parts, 1):
        state = states(pipeline_of(crm, Shard(place, len(parts)))).get(LEADS) or {}
        found.append((state.get("cursors") or {}).get(part_key(name.partition(" ")[0], part)))
    return found


def agree_on_homes(
    connection: sa.Connection, crm: str, name: str, shard: Shard, homes: Mapping[str, str]
) -> tuple[str, str] | None:
    """Keeps which field each column of a part is for, so that no other part gives one to another field.

    Returns two fields of one column where another part, or an earlier extraction, was faster. Within a lease's transaction.
    """
    if (one_at_a_time := engine_of(connection).one_at_a_time) is not None:
        connection.exec_driver_sql(one_at_a_time)
    column = shards.c
    others = sa.select(column.homes).where(
        column.crm == crm,
        column.homes.is_not(None),
        sa.not_(sa.and_(column.cursor_name == name, column.shard == shard.number)),
    )
    for row in connection.execute(others):
        for plain, field in json.loads(row.homes).items():
            if homes.get(plain, field) != field:
                return homes[plain], field
    mine = (column.crm == crm, column.cursor_name == name, column.shard == shard.number)
    connection.execute(shards.update().where(*mine).values(homes=json.dumps(dict(homes), sort_keys=True)))
    return None


def note_read(connection: sa.Connection, crm: str, name: str, shard: Shard) -> None:
    """Writes down for people that a part is read whole."""
    column = shards.c
    connection.execute(
        shards.update()
        .where(
            column.crm == crm,
            column.cursor_name == name,
            column.shard == shard.number,
            column.read_at.is_(None),
        )
        .values(read_at=datetime.now(UTC))
    )
