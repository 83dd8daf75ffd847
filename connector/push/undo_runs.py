"""Which runs of a push are to be taken back."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from connector.errors import ConfigError
from connector.parsing import did_you_mean
from connector.push.changes import Asked
from connector.push.forgotten import FORGOTTEN
from connector.push.tables import ADDING, push_runs
from connector.texts import listed
from connector.warehouse.ledger import SCHEMA, columns_of
from connector.warehouse.runs import runs as command_runs


class Ran(NamedTuple):
    """One run of a push that is to be taken back."""

    run_id: str
    push: str
    crm: str
    mode: str
    started_at: datetime
    fields: int
    equal: str | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The runs that are to be taken back, the oldest first: all of one push to one CRM."""

    asked: Asked
    runs: tuple[Ran, ...]

    @property
    def push(self) -> str:
        return self.runs[-1].push

    @property
    def crm(self) -> str:
        return self.runs[-1].crm

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(each.run_id for each in self.runs)

    @property
    def own_keys(self) -> bool:
        """Whether the push names leads by keys of its own, as some that add leads do."""
        return any(each.mode in ADDING for each in self.runs)

    @property
    def equal(self) -> dict[str, str]:
        """By which rules the last of them compared values."""
        return dict(json.loads(self.runs[-1].equal or "{}"))


def chosen(connection: sa.Connection, asked: Asked) -> Chosen:
    """The runs that are meant; ``ConfigError`` where there are none or it isn't clear which."""
    asked.check()
    if not columns_of(connection, SCHEMA, push_runs.name):
        raise ConfigError("Nothing was ever sent from this warehouse, so there is nothing to take back.")
    run = push_runs.c
    wanted = [run.mode != FORGOTTEN]
    wanted += [run.push == asked.push] if asked.push is not None else []
    if asked.run is not None:
        wanted.append(run.run_id.in_(_run_ids(connection, asked.run)))
    else:
        wanted.append(run.started_at >= asked.since)
    columns = (run.run_id, run.push, run.crm, run.mode, run.started_at, run.fields, run.equal)
    query = sa.select(*columns).where(*wanted).order_by(run.started_at, run.run_id)
    found = [Ran(*row) for row in connection.execute(query)]
    if not found:
        raise ConfigError(_none_found(connection, asked), "Runs are listed by: leadloop status")
    if len({(each.push, each.crm) for each in found}) > 1:
        told = listed(f"{each.push} ({each.run_id})" for each in found)
        raise ConfigError(f"That is more than one push: {told}.", "Name one of these runs, or say --push.")
    return Chosen(asked, tuple(found))


def _run_ids(connection: sa.Connection, named: str) -> list[str]:
    """Ids of runs of pushes: the very one, or those that this run of a command had."""
    told = command_runs.c
    if not columns_of(connection, SCHEMA, command_runs.name):
        return [named]
    query = sa.select(told.push_run_id).where(
        sa.or_(told.run_id == named, told.part_of == named), told.push_run_id.is_not(None)
    )
    return [named, *connection.scalars(query)]


def _none_found(connection: sa.Connection, asked: Asked) -> str:
    if asked.run is not None:
        of = f" of {asked.push}" if asked.push else " of a push"
        return f"There is no run {asked.run!r}{of} in this warehouse."
    known = connection.scalars(sa.select(push_runs.c.push).distinct()).all()
    if asked.push not in known:
        near = did_you_mean(str(asked.push), known) or "."
        return f"No push named {asked.push!r} has sent anything from this warehouse{near}"
    return f"{asked.push} has sent nothing since {asked.since:%F %T %Z}."


def check_asked(asked: Asked, on_conflict: str) -> None:
    """``ConfigError`` for what can't be meant, before anything is opened."""
    asked.check()
    if asked.delete_inserted and on_conflict == "warehouse_wins":
        raise ConfigError(
            "--delete-inserted never deletes a lead that anybody has touched since, so it can't go with --on-conflict "
            "warehouse_wins.",
            "Leave out one of them.",
        )
