"""Which account of each CRM this warehouse holds: ``leadloop.accounts``, and a look at known leads where that may have changed.

A warehouse that reads two accounts as one shows the leads of neither, and a push would reach the wrong people. So whoever comes
with another address or another key is asked for leads that the warehouse knows: they are there, and were created when they were,
or it is another account.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa

from connector.config import VendorSettings, named
from connector.crm import raw_schema
from connector.crm.account import Account
from connector.crm.base import LeadReader
from connector.crm.identity import Identity, identity_of
from connector.errors import LeadloopError, OtherAccountError, TransientError, UnreachableError
from connector.extract.columns import SEEN_AT
from connector.extract.names import column_name
from connector.extract.raw import LEADS, first_not_blank
from connector.warehouse.connection import Warehouse
from connector.warehouse.leases import patient
from connector.warehouse.ledger import METADATA, SCHEMA, columns_of, next_number
from connector.warehouse.migrations import are_there

accounts = sa.Table(
    "accounts",
    METADATA,
    sa.Column("crm", sa.Text),
    sa.Column("vendor", sa.Text),
    sa.Column("host", sa.Text),
    sa.Column("mark", sa.Text),
    sa.Column("organisation", sa.Text),
    sa.Column("known_leads", sa.Text),
    sa.Column("sequence_number", sa.BigInteger),
    sa.Column("noted_at", sa.DateTime(timezone=True)),
    info={"one_row_per": "account of a CRM, as it was first seen under an address and a key"},
)

KNOWN = 5
"""So many leads are remembered, and looked up before an account counts as another one."""
NO_LEADS = json.dumps([])
RECENT = 200
"""The known leads are picked from so many of the newest sightings: one lead may have been seen several times in a row."""


class Known(NamedTuple):
    """A lead that the account has: its id, and when it was created as the API wrote it, where that is in the warehouse."""

    lead_id: str
    created: str | None


def check_account(
    engine: sa.Engine, settings: VendorSettings, reader: LeadReader, *, ledger: sa.Engine | None = None
) -> bool:
    """``True`` where the warehouse holds leads of the account of these settings, and has noted it; ``False`` where it holds no
    leads of this CRM.

    Raises ``OtherAccountError`` where its leads are those of another account.

    No call where address and key are those of the last time. Else one lead is looked up, and up to 2 x ``KNOWN`` if the
    first ones are gone. What is found to be the same account under another address or key is noted.
    """
    here = identity_of(settings)
    with engine.connect() as connection:
        row = _noted(connection, settings.name)
        if row is not None and Identity(row["host"], row["mark"]) == here:
            return str(row["known_leads"]) != NO_LEADS
        if (name := _held_as(connection, here)) not in (None, settings.name):
            raise OtherAccountError(
                f"crm.{settings.name} leads to the account that the warehouse holds as {name}. Under another name its leads "
                "would be there twice. Nothing was read or sent.",
                f"Call it {name} again, or give it a warehouse of its own.",
                crm=settings.name,
            )
        known = _known_leads(connection, reader, row)
    if not known:
        return False
    if not any(_shows(reader, lead) for lead in known):
        raise _other(settings, here, row, len(known))
    note_account(engine, settings, reader, ledger=ledger)
    return True


def note_account(
    engine: sa.Engine, settings: VendorSettings, reader: LeadReader, *, ledger: sa.Engine | None = None
) -> None:
    """Notes that the warehouse holds the account of these settings, with some of its leads. Writes nothing that is noted.

    ``ledger``: where it is noted, if that is another engine than shows the leads.
    """
    here = identity_of(settings)
    with engine.connect() as connection:
        row = _noted(connection, settings.name)
        is_noted = row is not None and Identity(row["host"], row["mark"]) == here
        if is_noted and row is not None and row["known_leads"] != NO_LEADS:
            return
        known = _seen_leads(connection, reader)
        if is_noted and not known:
            return
        organisation = _organisation(connection, reader)
    with (ledger or engine).begin() as connection:
        # `leadloop check` holds no lease: before the first one is taken there is nothing to note it in.
        if not are_there(connection):
            return
        connection.execute(
            accounts.insert().values(
                crm=settings.name,
                vendor=settings.vendor,
                host=here.host,
                mark=here.digest,
                organisation=organisation,
                known_leads=json.dumps(known),
                sequence_number=next_number(connection),
                noted_at=datetime.now(UTC),
            )
        )


@contextmanager
def answering(warehouse: Warehouse, account: Account) -> Iterator[None]:
    """An ``UnreachableError`` of an account that has answered before, and now does not, comes out as a ``TransientError``: no
    setting is wrong, and the same may well work in a minute."""
    try:
        yield
    except UnreachableError as error:
        if not (error.may_pass and _has_answered(warehouse, account)):
            raise
        raise TransientError(
            f"{error.what}. This address has answered before",
            f"Run again later. If it goes on: {error.advice}",
            crm=error.crm or account.name,
            down=True,
        ) from None


def _has_answered(warehouse: Warehouse, account: Account) -> bool:
    """Whether the warehouse has something from this account's address; ``False`` where the warehouse can't be asked."""
    if not warehouse.is_there:
        return False
    host = identity_of(account.settings).host
    with suppress(LeadloopError, sa.exc.SQLAlchemyError), patient(warehouse.engine()) as connection:
        if columns_of(connection, SCHEMA, accounts.name):
            column = accounts.c
            query = sa.select(column.host).where(column.crm == account.name)
            if hosts := set(connection.scalars(query)):
                return host in hosts
        # It was never noted whose leads these are: a run was killed before, or only a push has been there.
        return bool(_seen_leads(connection, account.reader))
    return False


def _noted(connection: sa.Connection, name: str) -> sa.RowMapping | None:
    """The newest note about a CRM."""
    if not columns_of(connection, SCHEMA, accounts.name):
        return None
    query = sa.select(accounts).where(accounts.c.crm == name).order_by(accounts.c.sequence_number.desc())
    return connection.execute(query.limit(1)).mappings().first()


def _held_as(connection: sa.Connection, here: Identity) -> str | None:
    """The name under which this account was noted last, whatever it is called now."""
    if not columns_of(connection, SCHEMA, accounts.name):
        return None
    column = accounts.c
    query = sa.select(column.crm).where(column.host == here.host, column.mark == here.digest)
    return connection.scalar(query.order_by(column.sequence_number.desc()).limit(1))


def _known_leads(connection: sa.Connection, reader: LeadReader, row: sa.RowMapping | None) -> list[Known]:
    """Leads of the account that the warehouse holds: those seen last first, then those that were noted."""
    noted = [Known(*each) for each in json.loads(row["known_leads"])] if row else []
    found = {known.lead_id: known for known in [*_seen_leads(connection, reader), *noted]}
    return list(found.values())


def _seen_leads(connection: sa.Connection, reader: LeadReader) -> list[Known]:
    """Up to ``KNOWN`` leads of the raw table, those seen last first; where a CRM is not read, those that a push wrote to."""
    capabilities = reader.capabilities
    schema = raw_schema(capabilities.name)
    there = columns_of(connection, schema, LEADS)
    raw = sa.table(LEADS, *map(sa.column, there), schema=schema)
    lead_id = first_not_blank(raw, capabilities.id_fields)
    if lead_id is None:
        return _sent_leads(connection, capabilities.name)
    created = column_name(capabilities.created_field)
    query = (
        sa.select(lead_id, raw.c[created] if created in there else sa.null())
        .order_by(raw.c[SEEN_AT].desc())
        .limit(RECENT)
    )
    found: dict[str, Known] = {}
    for each, moment in connection.execute(query):
        if each and len(found) < KNOWN:
            found.setdefault(each, Known(each, moment))
    return list(found.values())


def _organisation(connection: sa.Connection, reader: LeadReader) -> str | None:
    """The organisation that the lead seen last belongs to, where the vendor's leads say so."""
    schema = raw_schema(reader.capabilities.name)
    there = columns_of(connection, schema, LEADS)
    for name in map(column_name, reader.capabilities.organisation_fields):
        if name in there:
            raw = sa.table(LEADS, sa.column(name), sa.column(SEEN_AT), schema=schema).c
            return connection.scalar(sa.select(raw[name]).order_by(raw[SEEN_AT].desc()).limit(1))
    return None


def _sent_leads(connection: sa.Connection, name: str) -> list[Known]:
    """Leads that accepted something from a push, the last ones first."""
    if "crm_lead_id" not in columns_of(connection, SCHEMA, "push_journal"):
        return []
    columns = ("crm", "lead_id", "crm_lead_id", "state", "recorded_at")
    journal = sa.table("push_journal", *map(sa.column, columns), schema=SCHEMA).c
    query = (
        sa.select(sa.func.coalesce(journal.crm_lead_id, journal.lead_id))
        .where(journal.crm == name, journal.state.in_(("applied", "confirmed")))
        .order_by(journal.recorded_at.desc())
        .limit(RECENT)
    )
    return [Known(each, None) for each in dict.fromkeys(connection.scalars(query))][:KNOWN]


def _shows(reader: LeadReader, lead: Known) -> bool:
    """Whether the CRM has this lead, created when the warehouse's was."""
    times = [row.get(reader.capabilities.created_field) for row in reader.get(lead.lead_id).rows]
    return any(
        lead.created is None or time is None or _digits(time) == _digits(lead.created) for time in times
    )


def _digits(moment: object) -> str:
    """A time to the second, however it is written: a list and a single lead of one API may write it differently."""
    return re.sub(r"\D", "", str(moment))[:14]


def _other(
    settings: VendorSettings, here: Identity, row: sa.RowMapping | None, count: int
) -> OtherAccountError:
    was = f" of {row['host']}" if row and row["host"] != here.host else ""
    return OtherAccountError(
        f"{named(f'crm.{settings.name}.base_url')} or its key leads to another account: none of {count} leads that the "
        f"warehouse knows{was} is at {here.host}. Nothing was read or sent.",
        "Give the other account a warehouse of its own (a folder made by `leadloop init`), or put address and key back. If "
        f"it is the same account, and these leads are gone from it, run: leadloop extract --crm {settings.name} "
        "--same-account",
        crm=settings.name,
    )
