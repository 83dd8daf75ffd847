"""The ledger's tables as tables of the lake, so that models and analysts read there what leadloop remembers: copied before a build, each
only where it has changed since the last copy."""

from collections.abc import Callable

import sqlalchemy as sa

from connector.warehouse.apart import SCHEMA, tables_of_ledger
from connector.warehouse.engine import Engine
from connector.warehouse.relations import Relation


def copy(
    database: sa.Engine,
    engine: Engine,
    own: str,
    version: Callable[[str], str | None],
    replace: Callable[[str], None],
) -> list[str]:
    """Copies what has changed, in whole tables; the names of those. A copy that is cut off is made again: that it was made is noted after it.

    ``own``: the engine's schema, with the ledger before it. ``version``: of a table's copy, a text that is another one where somebody else
    has written to it, as far as the engine tells, and ``None`` where it is not there. ``replace`` makes the copy.
    """
    noted = f"{own}.copied"
    with database.begin() as connection:
        connection.exec_driver_sql(f"create schema if not exists {own}")
        connection.exec_driver_sql(f"create table if not exists {noted} (name text, state text)")
        connection.exec_driver_sql(f"alter table {noted} add column if not exists version text")
    with database.connect() as connection:
        rows = connection.exec_driver_sql(f"select name, state, version from {noted}")
        known = {name: tuple(told) for name, *told in rows}
        names = tables_of_ledger(connection)
        states = engine.states(connection, [Relation(SCHEMA, name) for name in names])
    copied = []
    for name in names:
        state, there = states[Relation(SCHEMA, name)].digest, version(name)
        if there is not None and known.get(name) == (state, there):
            continue
        replace(name)
        with database.begin() as connection:
            connection.exec_driver_sql(f"delete from {noted} where name = ?", (name,))
            connection.exec_driver_sql(
                f"insert into {noted} (name, state, version) values (?, ?, ?)", (name, state, version(name))
            )
        copied.append(name)
    return copied
