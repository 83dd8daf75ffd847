"""How long ago each CRM was read and each push was done, and whether that is too long: what a monitor asks, without a call to a CRM."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from connector import crm
from connector.errors import ConfigError
from connector.extract.raw import LEADS
from connector.warehouse import models, reads, runs
from connector.warehouse.connection import Warehouse


@dataclass(frozen=True, slots=True)
class Age:
    """How old the last good run of one thing is."""

    kind: Literal["crm", "push"]
    name: str
    crm: str | None
    """The CRM that a push sends to, where that is known."""
    last_at: datetime | None
    """When the CRM's leads were last read whole, or the push last ended with 0 or 3; ``None``: never."""
    seconds: int | None
    """Since then."""
    is_stale: bool


@dataclass(frozen=True, slots=True)
class Ages:
    """The ages of all CRMs and pushes that there should be."""

    max_age: timedelta
    checked_at: datetime
    found: tuple[Age, ...]

    @property
    def stale(self) -> tuple[Age, ...]:
        return tuple(each for each in self.found if each.is_stale)


def ages(
    warehouse: Warehouse, max_age: timedelta, project: Path | None = None, *, now: datetime | None = None
) -> Ages:
    """Compares with ``max_age`` the last time that each CRM was read and each push was done. Writes nothing, calls no CRM.

    The CRMs are those that are set up, or, where none is (a monitor needs no token), those that were ever read; the pushes are
    those of the dbt project, or, where there is none, those that ever ran. What never happened is too old.
    """
    at = now or datetime.now(UTC)
    read: Mapping[str, datetime] = {}
    done: dict[str, tuple[str | None, datetime | None]] = {}
    if warehouse.is_there:
        with warehouse.translated(), warehouse.engine().connect() as connection:
            read = reads.last_whole(connection, LEADS)
            done = _pushes_done(connection, warehouse)
    expected = [name for name in crm.names() if not crm.vendor(name).missing()] or sorted(read)
    pushes = _pushes(warehouse, project)
    if pushes is None:
        pushes = {name: of for name, (of, _) in sorted(done.items())}
    found = [_age("crm", name, name, read.get(name), at, max_age) for name in expected]
    for name, of in pushes.items():
        found.append(_age("push", name, of, done.get(name, (None, None))[1], at, max_age))
    return Ages(max_age, at, tuple(found))


def _age(
    kind: Literal["crm", "push"],
    name: str,
    of: str | None,
    last_at: datetime | None,
    now: datetime,
    max_age: timedelta,
) -> Age:
    if last_at is None:
        return Age(kind, name, of, None, None, True)
    # Another machine's clock may be ahead of this one's.
    age = max(now - last_at, timedelta())
    return Age(kind, name, of, last_at, int(age.total_seconds()), age > max_age)


def _pushes(warehouse: Warehouse, project: Path | None) -> dict[str, str | None] | None:
    """The pushes that a run sends -> their CRM; ``None`` where there is no dbt project."""
    try:
        models.find_project(project)
    except ConfigError:
        if project is not None:
            raise
        return None
    specs = {spec.name: spec for spec in models.known(project, warehouse).pushes}
    return {name: specs[name].crm for name in models.own_pushes(project, specs.values())}


def _pushes_done(
    connection: sa.Connection, warehouse: Warehouse
) -> dict[str, tuple[str | None, datetime | None]]:
    """Push -> its CRM, and when it was last done."""
    return {
        row["push"]: (row["crm"], row["last_done_at"])
        for row in runs.latest(connection, warehouse)
        if row["command"] == "push" and row["push"]
    }
