"""Whether a build has seen the leads that are there: a green build of nothing is a failure.

A model asks the database's catalog which columns a raw table has. Where an engine answers that with nothing, or shows dbt other
rows than it shows leadloop, every model is made, is empty, and fails no test.
"""

from collections.abc import Iterator

import sqlalchemy as sa

from connector import crm
from connector.errors import BuildError
from connector.extract.raw import LEADS
from connector.warehouse.accounts import accounts
from connector.warehouse.ledger import SCHEMA, columns_of
from connector.warehouse.models import BuildResult
from connector.warehouse.relations import Relation

MODEL = "model.leadloop.leads"
_ADVICE = (
    "Nothing was planned from it, and what was read stays. Run `leadloop build --full-refresh`; if it says the same, this engine "
    "does not work with leadloop: please report it with what `leadloop check` says."
)


def check(engine: sa.Engine, leads: Relation, built: BuildResult) -> None:
    """``BuildError`` where a raw table has leads and the model ``leads``, if it was just made, has none of that CRM."""
    if not any(node.unique_id == MODEL for node in built.nodes):
        return
    with engine.connect() as connection:
        for name, vendor in sorted(_accounts(connection)):
            if _is_filled(connection, name, vendor) and not _has_any(connection, leads, name):
                raise BuildError(
                    f"{crm.raw_schema(name)}.{LEADS} has leads, and {leads.schema}.{leads.name} has none of {name} after the build: "
                    "the models did not see its columns or its rows.",
                    _ADVICE,
                )


def _accounts(connection: sa.Connection) -> Iterator[tuple[str, str]]:
    """(name, vendor) of every account whose leads may be there."""
    known = crm.vendors()
    yield from ((name, name) for name in known)
    if columns_of(connection, SCHEMA, accounts.name):
        query = sa.select(accounts.c.crm, accounts.c.vendor).distinct()
        for name, vendor in connection.execute(query):
            if vendor in known and name not in known:
                yield name, vendor


def _is_filled(connection: sa.Connection, name: str, vendor: str) -> bool:
    """Whether there is a raw row with an id: one without is no lead."""
    schema = crm.raw_schema(name)
    ids = set(crm.vendors()[vendor].parts.as_dbt()["ids"]) & columns_of(connection, schema, LEADS)
    if not ids:
        return False
    raw = sa.table(LEADS, *map(sa.column, sorted(ids)), schema=schema)
    has_id = sa.or_(*(sa.func.trim(column) != "" for column in raw.c))
    return connection.scalar(sa.select(sa.literal(1)).select_from(raw).where(has_id).limit(1)) is not None


def _has_any(connection: sa.Connection, leads: Relation, name: str) -> bool:
    model = sa.table(leads.name, sa.column("crm"), schema=leads.schema)
    found = connection.scalar(sa.select(sa.literal(1)).select_from(model).where(model.c.crm == name).limit(1))
    return found is not None
