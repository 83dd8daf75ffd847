"""A warehouse is moved into another engine: carried, built there, compared, and only then is the old one out of work."""

import socket
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connector import config, crm
from connector.config import environments
from connector.errors import ConfigError, LeadloopError, LockedError, NotTheSameError
from connector.events import QUIET, Listener
from connector.loop.building import build
from connector.push import Journal, facts, forgotten
from connector.push.approvals import push_approvals
from connector.push.same import Proved, check_same
from connector.push.tables import (
    push_compactions,
    push_journal,
    push_journal_archive,
    push_runs,
    push_settled,
)
from connector.warehouse import last_build, mark, models, moves, runs, settings
from connector.warehouse.accounts import accounts
from connector.warehouse.alerts import alerts
from connector.warehouse.carrying import Carried, Carrying, as_note, noted, raw_schemas
from connector.warehouse.connection import Warehouse
from connector.warehouse.engines import engine_of
from connector.warehouse.fields import fields
from connector.warehouse.leases import Lease
from connector.warehouse.ledger import SCHEMA, columns_of, identity
from connector.warehouse.ledger import warehouse as warehouse_row
from connector.warehouse.migrations import begun_as
from connector.warehouse.models import Known
from connector.warehouse.reads import reads
from connector.warehouse.relations import Relation
from connector.warehouse.shards import shards

CARRIED = (
    *(push_journal_archive, push_journal, push_runs, push_settled, push_compactions, push_approvals),
    *(accounts, reads, shards, fields, alerts, runs.runs),
)
"""leadloop's own tables that are carried."""
_NAMES = frozenset(table.name for table in CARRIED)
LEFT = ("leases", "warehouse", "moves", "last_build", "dbt_results")
"""Those that are not: they are about a place, or are made by the build there."""
ROUNDS = 3
"""So often it is carried, built and compared again where somebody writes to the old warehouse meanwhile."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that was carried."""

    name: str
    rows: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A move that has ended."""

    old: str
    """The old warehouse, for people."""
    old_engine: str
    new: str
    new_engine: str
    tables: tuple[Table, ...]
    pushes: tuple[Proved, ...]
    set_in: str
    """Where ``warehouse.destination`` is set now."""
    was_there: bool = False
    """It had ended before."""

    @property
    def rows(self) -> int:
        return sum(each.rows for each in self.tables)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A move that doesn't count any more: the old warehouse works again."""

    old: str
    new: str
    is_told: bool
    """Whether the new one refuses from now on; else nobody could reach it."""
    unknown: int | None
    """Runs of pushes that were sent from the new one, of which the old one knows nothing; ``None`` where that can't be told."""


@dataclass(frozen=True)
class _Held:
    """Both sides, with their locks."""

    old: Warehouse
    new: Warehouse
    old_lease: Lease
    new_lease: Lease
    move_id: str

    def prove(self) -> None:
        """Renews both leases in time."""
        for lease in (self.old_lease, self.new_lease):
            if not lease.fresh:
                lease.prove()

    def note(self, **values: Any) -> None:
        """Writes into the new one's row of this move."""
        row = moves.moves.c
        with self.new_lease.transaction() as connection:
            connection.execute(
                moves.moves.update()
                .where(row.move_id == self.move_id, row.side == moves.HERE)
                .values(**values)
            )


@runs.recorded("move", facts=facts.of_move, to="to")
def move(
    warehouse: Warehouse,
    to: str,
    project: Path | None = None,
    *,
    to_env: str | None = None,
    dbt_target: str | None = None,
    listener: Listener = QUIET,
) -> Moved:
    """Moves a warehouse to where ``destination.<to>.credentials`` says, which has to be empty or to hold a part of this very move.

    ``to_env``: the environment whose settings say it, for another place in the same engine.

    Holds the locks of both. At the end the old one refuses to read, build and send. Done again after it was cut off, it goes on.
    ``dbt_target``: the target of dbt's profile for the new one, where the profile doesn't follow leadloop's settings.
    Raises ``ConfigError`` before anything is written where the new one is none to be moved to; ``NotTheSameError`` where the two
    would not send the same, and whatever a build raises: then the old one goes on as before.
    """
    new = _named(to, to_env)
    _check_other(warehouse, new)
    known = models.known(project, warehouse)
    warehouse_id = _id_of(warehouse, new)
    if (ended := _ended(warehouse, new)) is not None:
        return ended
    with _for_target(dbt_target):
        there = _known_there(project, new)
    _check_new(new, warehouse, warehouse_id, there)
    with new.translated(), ExitStack() as stack:
        held, done = _taken(stack, warehouse, new, known, warehouse_id)
        runs.begin()
        _check_remembers(warehouse, warehouse_id, known)
        carrying = Carrying(
            warehouse,
            new,
            CARRIED,
            left_out={each for each in (runs.current_id(),) if each},
            note=lambda found: held.note(copied=as_note(found)),
            prove=held.prove,
            listener=listener,
            done=done,
        )
        pushes = _carried(carrying, project, known, there, dbt_target)
        with runs.recording(new, "move", {"from": warehouse.label}, project=True, where=project):
            runs.begin()
            _switch(held)
    tables = tuple(Table(str(relation), carrying.done[relation].rows) for relation in sorted(carrying.done))
    return _result(warehouse, new, tables, pushes)


def _carried(
    carrying: Carrying, project: Path | None, known: Known, there: Known, dbt_target: str | None
) -> tuple[Proved, ...]:
    """Carries, builds and compares, until nothing has changed in the old one meanwhile."""
    old, new, listener = carrying.source, carrying.target, carrying.listener
    for _ in range(ROUNDS):
        _build_old(old, project, listener)
        carrying.carry()
        with _for_target(dbt_target):
            build(new, project, listener=listener)
        pushes = check_same(old, new, known, there, listener)
        if not carrying.has_changed():
            return pushes
    raise NotTheSameError(
        f"Somebody keeps writing to {old.label} while it is moved, past leadloop's locks. Nothing was switched over, and the "
        "old one goes on.",
        "Stop whoever writes to its tables, then run the move again.",
    )


def _build_old(old: Warehouse, project: Path | None, listener: Listener) -> None:
    """Both are to be made from the same: what the old one has read and sent is in its models, and what they decide in its journal."""
    if last_build.unchanged_since(old, project) is not None:
        return
    before = _last_of_journal(old)
    build(old, project, listener=listener)
    if _last_of_journal(old) != before:
        build(old, project, listener=listener)


def _last_of_journal(warehouse: Warehouse) -> int:
    with warehouse.ledger().connect() as connection:
        return connection.scalar(sa.select(sa.func.max(push_journal.c.sequence_number))) or 0


def _named(engine: str, env: str | None) -> Warehouse:
    """The warehouse of this engine, as the settings of an environment have it."""
    if env is not None:
        environments.check(env, "--to-env")
    with nullcontext() if env is None else environments.seen_from(env):
        return Warehouse.named(engine)


def _check_other(old: Warehouse, new: Warehouse) -> None:
    """``ConfigError`` where both are one, or have a part in common; and where one of them is not moved yet."""
    for each in (old, new):
        if not each.is_moved:
            raise ConfigError(
                f"leadloop can't move a warehouse into {each.kind} yet, nor away from it. Nothing was done.",
                "Begin anew there: all leads are read again, and what was sent is not known there.",
            )
    if old.place == new.place:
        raise ConfigError(
            f"{old.label} is where --to leads to as well, so there is nothing to move.",
            f"Name the other one: --to takes {', '.join(settings.NAMES).replace('`', '')}, and the setting "
            "destination.<name>.credentials says where that is. To another place in the same engine: --to-env NAME, with that setting "
            "in .dlt/NAME.config.toml or .dlt/NAME.secrets.toml.",
        )
    if old.place_of_ledger == new.place_of_ledger:
        raise ConfigError(
            f"{new.label} would have its ledger in {new.place_of_ledger}, where {old.label} has its own. Nothing was done.",
            f"Name another database or file for the new one in destination.{new.kind}.credentials, then run the move again.",
        )
    storages = [each.storage for each in (old, new)]
    if all(storages) and (storages[0].startswith(storages[1]) or storages[1].startswith(storages[0])):
        raise ConfigError(
            f"The files of the new lake would be in {storages[1]}, where the old one has its own. Nothing was done.",
            f"Name another folder in destination.{new.kind}.credentials.storage, then run the move again.",
        )


def _id_of(old: Warehouse, new: Warehouse) -> str:
    """The id of the warehouse that is to be moved; ``ConfigError`` where there is none."""
    if old.is_there:
        with old.translated(), old.ledger().connect() as connection:
            if warehouse_row.c.version.name in columns_of(connection, SCHEMA, warehouse_row.name):
                return identity(connection)
    raise ConfigError(
        f"Nobody has worked with {old.label} yet, so there is nothing to move.",
        f'Set warehouse.destination = "{new.kind}", and begin there: leadloop extract',
    )


def _ended(old: Warehouse, new: Warehouse) -> Moved | None:
    """A move to there that has ended before, or that was cut off in the moment between the two last words."""
    with old.ledger().connect() as connection:
        away = moves.open_row(connection, moves.AWAY)
        refusal = moves.refusal(connection)
    if away is not None and new.is_there:
        with new.translated(), new.ledger().begin() as connection:
            here = moves.open_row(connection, moves.HERE)
            if here is not None and here["move_id"] == away["move_id"]:
                row = moves.moves.c
                connection.execute(
                    moves.moves.update()
                    .where(row.move_id == here["move_id"], row.ended_at.is_(None))
                    .values(ended_at=datetime.now(UTC))
                )
                tables = [Table(str(name), each.rows) for name, each in noted(here["copied"]).items()]
                return _result(
                    old, new, tuple(sorted(tables, key=lambda table: table.name)), (), was_there=True
                )
    if refusal is not None:
        raise refusal
    return None


def _result(
    old: Warehouse,
    new: Warehouse,
    tables: tuple[Table, ...],
    pushes: tuple[Proved, ...],
    *,
    was_there: bool = False,
) -> Moved:
    set_in = settings.origins()["warehouse.destination"]
    return Moved(old.label, old.kind, new.label, new.kind, tables, pushes, set_in, was_there)


def _known_there(project: Path | None, new: Warehouse) -> Known:
    try:
        return models.known(project, new)
    except ConfigError as error:
        error.advice = "If dbt's profile has a target for the new warehouse, name it: --to-dbt-target NAME."
        raise


def _for_target(dbt_target: str | None) -> AbstractContextManager[None]:
    """Has dbt use the target of the new warehouse."""
    return nullcontext() if dbt_target is None else config.variables({"DBT__TARGET": dbt_target})


def _check_new(new: Warehouse, old: Warehouse, warehouse_id: str, there: Known) -> None:
    """``ConfigError`` unless the new warehouse is empty, or holds a part of this very one. Writes nothing, and makes no file."""
    new.check_folder()
    if not new.is_there:
        return
    with new.translated(), new.ledger().connect() as connection:
        own = columns_of(connection, SCHEMA, warehouse_row.name)
        if own:
            found = connection.scalar(sa.select(warehouse_row.c.id))
            here, away = (moves.open_row(connection, side) for side in (moves.HERE, moves.AWAY))
            if found == warehouse_id and here is not None and here["ended_at"] is None and away is None:
                return
            if found == warehouse_id and away is not None:
                raise ConfigError(
                    f"{new.label} is the old place of this very warehouse, and holds what it was then. Nothing was written.",
                    "Put it aside, or name another place that is empty; then run the move again.",
                )
        is_begun = own and found == warehouse_id
        names = [Relation(SCHEMA, name) for name in engine_of(connection).tables_in(connection, SCHEMA)]
        if is_begun:
            names = [each for each in names if each.name in _NAMES and not _is_empty(connection, each)]
    if not names:
        # Only now: to open a lake with its catalog on a server makes the tables of that catalog.
        names = _leads_in(new, there)
    if names:
        raise ConfigError(
            f"{new.label} is not empty: it has {names[0]}, which is no part of a move from {old.label}. Nothing was written.",
            f"Name an empty one in destination.{new.kind}.credentials, then run the move again.",
        )


def _leads_in(warehouse: Warehouse, known: Known) -> list[Relation]:
    """The raw tables that are there, and the models."""
    with warehouse.translated(), warehouse.engine().connect() as connection:
        engine = engine_of(connection)
        names = [
            Relation(schema, name)
            for schema in sorted(raw_schemas(connection))
            for name in engine.tables_in(connection, schema)
        ]
        made = [*known.relations, *(Relation(each.schema, each.identifier) for each in known.pushes)]
        return names + [each for each in made if columns_of(connection, *each)]


def _is_empty(connection: sa.Connection, relation: Relation) -> bool:
    """Whether a table has no row."""
    table = sa.table(relation.name, schema=relation.schema)
    return not connection.scalar(sa.select(sa.func.count()).select_from(table))


def _taken(
    stack: ExitStack, old: Warehouse, new: Warehouse, known: Known, warehouse_id: str
) -> tuple[_Held, dict[Relation, Carried]]:
    """Both sides with their locks, and what is carried already. From now on the new one is refused to everybody else."""
    names = {*crm.names()}
    with old.ledger().connect() as connection:
        if columns_of(connection, SCHEMA, accounts.name):
            names |= set(connection.scalars(sa.select(accounts.c.crm).distinct()))
    locks = [f"extract:{name}" for name in sorted(names)]
    locks += [f"push:{each.name}" for each in known.pushes]
    for name in (*locks, "compact", "build"):
        # The lock of builds is only tried: the builds of the move itself take it, and the lock of the move stands against others.
        lock = old.lock(name)
        if name == "build":
            with lock:
                continue
        stack.enter_context(lock)
    old_lease = stack.enter_context(old.lock(moves.LOCK))
    stack.enter_context(moves.at_work())
    with begun_as(warehouse_id):
        new_lease = stack.enter_context(new.lock(moves.LOCK))
    with new_lease.transaction() as connection:
        row = moves.open_row(connection, moves.HERE)
        if row is None:
            row = _row(old, moves.HERE, uuid.uuid4().hex)
            connection.execute(moves.moves.insert().values(row))
    return _Held(old, new, old_lease, new_lease, row["move_id"]), noted(row.get("copied"))


def _row(other: Warehouse, side: str, move_id: str) -> dict[str, Any]:
    return {
        "move_id": move_id,
        "side": side,
        "engine": other.kind,
        "place": other.label,
        "host": socket.gethostname(),
        "who": runs.user(),
        "begun_at": datetime.now(UTC),
    }


def _check_remembers(old: Warehouse, warehouse_id: str, known: Known) -> None:
    """``RestoredError`` for a warehouse that has forgotten pushes: what it doesn't know can't be carried."""
    journal = Journal.of(old)
    for name in sorted({*journal.crms(), *({each.crm for each in known.pushes} & {*crm.begun()})}):
        marks = forgotten.of_lost_ledger(journal, name)
        with suppress(ConfigError):
            marks += mark.Marks(warehouse_id, crm.vendor(name).settings()).all()
        forgotten.check(forgotten.forgotten(journal, marks), name, old.label)


def _switch(held: _Held) -> None:
    """The old one first: should this be cut off in between, nobody sends, and the move goes on when it is run again."""
    with held.old_lease.transaction() as connection:
        row = {**_row(held.new, moves.AWAY, held.move_id), "ended_at": datetime.now(UTC)}
        connection.execute(moves.moves.insert().values(row))
    held.note(ended_at=datetime.now(UTC))


@runs.recorded("move", project=False, facts=facts.of_decision)
def cancel_move(warehouse: Warehouse, *, to_env: str | None = None) -> Cancelled:
    """Has a warehouse that was moved work again, for whoever has lost the new one. The new one refuses from then on, if it can be reached.

    ``to_env``: see ``move``. ``ConfigError`` where it was not moved.
    """
    away = None
    if warehouse.is_there:
        with warehouse.translated(), warehouse.ledger().connect() as connection:
            away = moves.open_row(connection, moves.AWAY)
    if away is None:
        raise ConfigError(
            f"{warehouse.label} was not moved away, so there is nothing to cancel.",
            "Set warehouse.destination to the old warehouse, if that is the one that is to work again.",
        )
    with moves.at_work(), warehouse.lock(moves.LOCK) as lease:
        unknown = _tell_new(warehouse, away, to_env)
        with lease.transaction() as connection:
            row = moves.moves.c
            connection.execute(
                moves.moves.update()
                .where(row.side == moves.AWAY, row.cancelled_at.is_(None))
                .values(cancelled_at=datetime.now(UTC))
            )
    place = f"{away['engine']}, {away['place']}"
    return Cancelled(warehouse.label, place, is_told=unknown is not None, unknown=unknown)


def _tell_new(old: Warehouse, away: Mapping[str, Any], to_env: str | None) -> int | None:
    """Has the new warehouse refuse; how many runs of pushes it knows more than the old one. ``None`` where it is not there."""
    try:
        new = _named(away["engine"], to_env)
        if new.place == old.place or not new.is_there:
            return None
        with new.translated(), new.ledger().connect() as connection:
            here = moves.open_row(connection, moves.HERE)
            if here is None or here["move_id"] != away["move_id"]:
                return None
            sent = set(connection.scalars(sa.select(push_runs.c.run_id)))
    except LockedError:
        raise
    except LeadloopError:
        return None
    with new.lock(moves.LOCK) as lease, lease.transaction() as connection:
        row = {**_row(old, moves.AWAY, uuid.uuid4().hex), "ended_at": datetime.now(UTC)}
        connection.execute(moves.moves.insert().values(row))
    with old.ledger().connect() as connection:
        return len(sent - set(connection.scalars(sa.select(push_runs.c.run_id))))
