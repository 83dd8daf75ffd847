"""What the last build of all was made from and what it made, so that a run leaves out a build that would make the same.

``leadloop.last_build`` has a row as long as nothing but that build has touched the models: whoever begins to build takes it
away, and puts it back when all went well. A run compares the row with what is there now: the project's files, the states of
what the models read and of what was made (see ``Engine.states``), and whether dbt ran since. Whatever differs, or can't be
told, means that the run builds.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from connector import crm
from connector.warehouse import models
from connector.warehouse.accounts import accounts
from connector.warehouse.connection import Warehouse
from connector.warehouse.engine import State
from connector.warehouse.engines import engine_of
from connector.warehouse.fields import fields
from connector.warehouse.leases import Lease
from connector.warehouse.ledger import METADATA, SCHEMA, columns_of
from connector.warehouse.models import BuildResult
from connector.warehouse.relations import Relation
from connector.warehouse.results import dbt_results
from connector.warehouse.steady import Made

last_build = sa.Table(
    "last_build",
    METADATA,
    sa.Column("built_at", sa.DateTime(timezone=True)),
    sa.Column("project", sa.Text),
    sa.Column("relations", sa.Text),
    sa.Column("results_up_to", sa.BigInteger),
    sa.Column("why_not", sa.Text),
    info={"one_row_per": "warehouse: its last build of all models, if nobody has begun another since"},
)


@dataclass(frozen=True, slots=True)
class Before:
    """What there was when a build began."""

    files: str
    inputs: dict[Relation, State]
    results: int


def begin(warehouse: Warehouse, project: Path | None) -> Before | None:
    """Forgets the last build, so that one that is killed or fails leaves none, and looks at what the models read.

    A lease must have been taken. ``None`` where it can't be looked at, which is no reason for a build to fail.
    """
    files = models.files_digest(project)
    with warehouse.ledger().begin() as connection:
        connection.execute(last_build.delete())
    with suppress(sa.exc.DBAPIError), warehouse.engine().connect() as connection:
        inputs = engine_of(connection).states(connection, _inputs(connection))
        return Before(files, inputs, _results(connection))
    return None


def end(
    warehouse: Warehouse, project: Path | None, lease: Lease, before: Before | None, built: BuildResult
) -> None:
    """Remembers a build of all models, in which nothing failed; ``LeaseLostError`` if another one has begun meanwhile."""
    if built.made is None or before is None:
        return
    with (
        suppress(sa.exc.DBAPIError),
        lease.transaction(warehouse.ledger().connect) as connection,
        warehouse.beside(connection) as leads,
    ):
        states, why_not = _states(leads, before, built.made)
        if not why_not and built.warnings:
            why_not = f"{built.warnings[0].name} warned, and is to say so again"
        if not why_not and _runs_of_dbt(connection, before.results) != 1:
            why_not = "dbt ran more than once meanwhile, or did not record its results"
        connection.execute(
            last_build.insert().values(
                built_at=datetime.now(UTC),
                project=models.digest(project, before.files),
                relations=_text(states),
                results_up_to=_results(connection),
                why_not=why_not or None,
            )
        )


def unchanged_since(warehouse: Warehouse, project: Path | None) -> datetime | None:
    """When everything was built as it would be built now; ``None`` where it might be made otherwise. Writes nothing."""
    if not warehouse.is_there:
        return None
    # Whoever can't look builds, and is told then what is wrong.
    with suppress(sa.exc.DBAPIError), warehouse.engine().connect() as connection:
        if not columns_of(connection, SCHEMA, last_build.name):
            return None
        rows = connection.execute(sa.select(last_build)).mappings().all()
        if len(rows) != 1 or rows[0]["why_not"] or rows[0]["results_up_to"] != _results(connection):
            return None
        row = rows[0]
        if row["project"] is None or row["project"] != models.digest(project, models.files_digest(project)):
            return None
        known = {Relation(*each) for each, _ in json.loads(row["relations"])}
        now = engine_of(connection).states(connection, known | set(_inputs(connection)))
        built_at: datetime = row["built_at"]
        return built_at.astimezone(UTC) if _text(now) == row["relations"] else None
    return None


def _states(connection: sa.Connection, before: Before, made: Made) -> tuple[dict[Relation, State], str]:
    """What is to be as it is, and why that would not be enough, if so."""
    engine = engine_of(connection)
    if made.why_not:
        return {}, made.why_not
    if not engine.steady(connection, made.functions):
        return {}, f"not all of these always give the same: {', '.join(sorted(made.functions))}"
    others = [relation for relation in made.reads if relation not in before.inputs]
    read = engine.states(connection, others)
    after = engine.states(connection, [*made.relations, *_logs(connection)])
    for relation in others:
        state = read.get(relation)
        if state is None or state.kind == "view" or (relation in made.exactly and state.kind != "table"):
            return {}, f"it can't be told whether {relation} has changed"
    if missing := set(made.relations) - after.keys():
        return {}, f"{min(missing)} is not there"
    if looked := [relation for relation, state in before.inputs.items() if state.kind == "view"]:
        return {}, f"{looked[0]} is a view"
    return {**before.inputs, **read, **after}, ""


def _inputs(connection: sa.Connection) -> Iterable[Relation]:
    """What leadloop's models read: the raw tables of every CRM and account, and what is known of pushes and of types.

    Each write to one of these is another state, also one that changes no model: the next run builds once more, then. A run of
    a push that sends nothing leaves a row in push_runs alone; one that sends something leaves rows in the journal with it.
    """
    engine = engine_of(connection)
    names = set(crm.vendors())
    if columns_of(connection, SCHEMA, accounts.name):
        names |= set(connection.scalars(sa.select(accounts.c.crm).distinct()))
    for schema in sorted(map(crm.raw_schema, names)):
        for name in engine.tables_in(connection, schema):
            if not name.startswith("_dlt"):
                yield Relation(schema, name)
    for name in engine.tables_in(connection, SCHEMA):
        if name in (accounts.name, fields.name) or name.startswith("push_journal"):
            yield Relation(SCHEMA, name)


def _logs(connection: sa.Connection) -> list[Relation]:
    """What the models note of themselves: see loads.sql."""
    return [
        Relation(SCHEMA, name)
        for name in engine_of(connection).tables_in(connection, SCHEMA)
        if name.startswith("built_")
    ]


def _results(connection: sa.Connection) -> int:
    """The number of the last results that dbt recorded, whoever ran it."""
    if not columns_of(connection, SCHEMA, dbt_results.name):
        return 0
    return connection.scalar(sa.select(sa.func.max(dbt_results.c.sequence_number))) or 0


def _runs_of_dbt(connection: sa.Connection, after: int) -> int:
    """How many there were since these results."""
    if not columns_of(connection, SCHEMA, dbt_results.name):
        return 0
    column = dbt_results.c
    query = sa.select(sa.func.count(column.invocation_id.distinct())).where(column.sequence_number > after)
    return connection.scalar(query) or 0


def _text(states: dict[Relation, State]) -> str:
    return json.dumps(sorted([[*relation], [*state]] for relation, state in states.items()))
