"""The raw tables as one part of a first read loads into them, while other processes load theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from connector.crm import raw_schema
from connector.errors import LockedError, TransientError
from connector.extract.job import part_key
from connector.extract.past import HOMES, Past
from connector.extract.raw import LEADS
from connector.extract.shards import Shard
from connector.extract.windows import Window
from connector.warehouse import shards, waiting
from connector.warehouse.connection import Warehouse
from connector.warehouse.leases import Lease
from connector.warehouse.pipelines import AccountTables, state_of


class ShardTables(AccountTables):
    """Pages go into the part's own folder while the warehouse is anybody's; only the load itself takes it.

    A DuckDB file is then held by this process from the load's first connection to its last: dlt, which waits for nobody,
    finds it open. On PostgreSQL parts load side by side, and only changes to the tables wait for each other.
    """

    def __init__(
        self, warehouse: Warehouse, crm: str, name: str, shard: Shard, part: Window, lease: Lease
    ) -> None:
        """``name``: of the cursor whose time was cut into parts; ``part``: the time of this one."""
        super().__init__(warehouse, shards.pipeline_of(crm, shard), raw_schema(crm))
        self._crm, self._cursor_name, self._shard, self._part, self._lease = crm, name, shard, part, lease

    def past(self, table: str) -> Past:
        found = super().past(table)
        if table != LEADS:
            return found
        with self._warehouse.engine().connect() as connection:
            others = shards.homes_of(connection, self._crm)
            account = state_of(connection, self._schema, self._crm).get(LEADS) or {}
        cursors = dict(found.cursors)
        reached = (account.get("cursors") or {}).get(self._cursor_name)
        if reached and datetime.fromisoformat(reached) >= self._part.end:
            # An extraction has gone past this part.
            cursors[part_key(self._cursor_name, self._part)] = reached
        homes = {**others, **(account.get(HOMES) or {}), **found.homes}
        return replace(found, homes=homes, cursors=cursors)

    def _run(self, source: Any) -> None:
        pipeline = self._pipeline
        waiting.patiently(pipeline.sync_destination, self._held_by)
        pipeline.extract(source, loader_file_format=self._warehouse.file_format)
        pipeline.normalize()
        state = pipeline.state
        for part in ("sources", self._name, "resources", LEADS):
            state = state.get(part) or {}
        with self._tables_agreed(dict(state.get(HOMES) or {})):
            if self._warehouse.path is None:
                pipeline.sync_schema()
        with self._held(pipeline):
            pipeline.load()

    @contextmanager
    def _tables_agreed(self, homes: dict[str, str]) -> Iterator[None]:
        """A block in which no other part changes the tables; raises where one of them has given a column to another field."""
        with self._lease.transaction() as connection:
            two = shards.agree_on_homes(connection, self._crm, self._cursor_name, self._shard, homes)
            if two is None:
                yield
        if two is not None:
            raise TransientError(
                f"has the fields {two[0]!r} and {two[1]!r}, which differ only in how they are written, and another part of "
                "this first read has met the other one first. Nothing of this package was loaded",
                f"Run --shard {self._shard} again: it now knows which column each of them has.",
                crm=self._crm,
                fields=two,
            )

    @contextmanager
    def _held(self, pipeline: Any) -> Iterator[None]:
        """Holds a DuckDB file until the block ends, and waits for whoever has it before."""
        if self._warehouse.path is None:
            yield
            return

        def opened() -> Any:
            client = pipeline.sql_client()
            client.open_connection()
            return client

        client = waiting.patiently(opened, self._held_by)
        try:
            yield
        finally:
            client.close_connection()

    def _held_by(self, error: Exception) -> LockedError | None:
        found = self._warehouse.explained(error)
        return found if isinstance(found, LockedError) else None
