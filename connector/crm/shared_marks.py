"""The notes of ``warehouse.mark`` in the database of ``crm.<vendor>.shared_pace``, so that other machines see them."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from connector.config import VendorSettings, named
from connector.crm.shared_pace import make_table, unusable

TABLE = "leadloop.marks"
NOTED_AT = "noted_at timestamptz not null default clock_timestamp()"
Result = TypeVar("Result")


def read(settings: VendorSettings, name: str, most: int) -> list[tuple[str, str, datetime]]:
    """(run, push, when) of the latest notes under a name, in the order in which they came here; none where nothing is shared, ``ConfigError`` if it can't be read."""
    import sqlalchemy as sa

    if settings.shared_pace is None:
        return []
    # By the time of this database: that of a push is what the CRM's clock said, which may be put back.
    query = sa.text(
        f"select run_id, push, at from {TABLE} where name = :name order by noted_at desc, at desc limit :most"
    )

    def rows(connection: Any) -> Sequence[Any]:
        found: Sequence[Any] = connection.execute(query, {"name": name, "most": most}).all()
        return found

    return [(run_id, push, at.astimezone(UTC)) for run_id, push, at in reversed(_in_database(settings, rows))]


def add(settings: VendorSettings, name: str, run_id: str, push: str, at: datetime) -> None:
    """Adds a note where something is shared; ``ConfigError`` if it can't be written."""
    import sqlalchemy as sa

    if settings.shared_pace is None:
        return
    statement = sa.text(f"insert into {TABLE} (name, run_id, push, at) values (:name, :run_id, :push, :at)")
    _in_database(
        settings,
        lambda connection: connection.execute(
            statement, {"name": name, "run_id": run_id, "push": push, "at": at}
        ),
    )


def _in_database(settings: VendorSettings, work: Callable[[Any], Result]) -> Result:
    import sqlalchemy as sa

    assert settings.shared_pace is not None
    address = sa.make_url(settings.shared_pace.reveal()).set(drivername="postgresql+psycopg2")
    with suppress(sa.exc.SQLAlchemyError, ImportError):
        engine = sa.create_engine(address, poolclass=sa.pool.NullPool, hide_parameters=True)
        with engine.connect() as connection, connection.begin():
            make_table(connection, TABLE, f"name text, run_id text, push text, at timestamptz, {NOTED_AT}")
            connection.execute(sa.text(f"alter table {TABLE} add column if not exists {NOTED_AT}"))
            return work(connection)
    raise unusable(named(f"crm.{settings.name}.shared_pace"))
