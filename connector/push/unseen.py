"""Leads that were sent and that nobody has read since: the next extraction reads them back."""

import random
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from connector.crm import raw_schema
from connector.crm.account import Account
from connector.extract.columns import NUMBER
from connector.extract.raw import LEADS, REMOVALS, first_not_blank
from connector.push.changes import WHOLE
from connector.push.journal import Journal
from connector.warehouse.ledger import columns_of

SAMPLE = 0.05
"""The share of sent leads that ``confirm='sample'`` reads back."""

AT_ONCE = 1000
"""So many leads are named in one query."""


def unseen(engine: sa.Engine, account: Account, confirm: Mapping[str, str]) -> dict[str, datetime | None]:
    """Ids of leads that accepted an update and have not been seen since, with the time of the update by the CRM's clock, and
    of those that were found instead of added and have never been seen, with none; in the order of the ids."""
    journal = Journal(engine)
    if not journal.exists():
        return {}
    applied = journal.applied_unconfirmed(account.name).c
    # A deleted lead has nothing to show any more, and the search for removed leads finds it: unless that happened while the
    # CRM's clock was ahead of what it is now. When one was removed that wasn't there any more, nobody knows.
    was_gone = applied.code.is_not(None)
    shows = sa.or_(applied.field != WHOLE, was_gone, applied.recorded_at > account.clock.now())
    query = (
        sa.select(
            applied.meant,
            applied.run_id,
            applied.push,
            sa.func.max(applied.recorded_at),
            sa.func.max(applied.sequence_number),
        )
        .where(shows)
        .group_by(applied.meant, applied.run_id, applied.push)
    )
    with engine.connect() as connection:
        wanted = {
            lead_id: Moment(recorded_at, number)
            for lead_id, run_id, push, recorded_at, number in connection.execute(query)
            if _wants_read_back(confirm.get(push, "all"), f"{run_id}/{lead_id}")
        }
        found = set(connection.scalars(journal.found(account.name)))
        never_seen = found - _ever_seen(connection, account, found)
    if wanted:
        for lead_id, seen in last_sightings(engine, account, wanted.values()).items():
            if lead_id in wanted and seen.is_after(wanted[lead_id]):
                del wanted[lead_id]
    return {each: wanted[each].at if each in wanted else None for each in sorted(wanted.keys() | never_seen)}


def _wants_read_back(confirm: str, lead: str) -> bool:
    """By ``confirm`` of the push; a sample is the same leads however often it is drawn."""
    if confirm == "sample":
        return random.Random(lead).random() < SAMPLE  # noqa: S311 - a sample, not a secret
    return confirm != "none"


class Moment(NamedTuple):
    """When something was recorded or seen: by the clock, and by the warehouse's count where it has a number."""

    at: datetime
    number: int | None = None

    def is_after(self, other: "Moment") -> bool:
        """By the count, since clocks differ and may be wrong; what has no number is from before there were any.

        Only what is seen by a pipeline of the user's own is never counted: that goes by the time.
        """
        if self.number is not None:
            return self.number > (other.number or 0)
        return self.at > other.at


def _sightings(
    connection: sa.Connection, account: Account
) -> Iterator[tuple[sa.TableClause, sa.ColumnElement[str]]]:
    """The raw tables that say of a lead whether it is there, each with the lead's id in it.

    That a lead is gone tells as well when it was last asked for.
    """
    for table, id_fields in ((LEADS, account.capabilities.id_fields), (REMOVALS, ("id",))):
        there = columns_of(connection, raw_schema(account.name), table)
        raw = sa.table(table, *map(sa.column, sorted(there)), schema=raw_schema(account.name))
        lead_id = first_not_blank(raw, id_fields)
        if lead_id is not None:
            yield raw, lead_id


def _ever_seen(connection: sa.Connection, account: Account, leads: Collection[str]) -> set[str]:
    """Those of these leads that were ever read, or seen to be gone."""
    seen: set[str] = set()
    for _, lead_id in _sightings(connection, account) if leads else ():
        asked = sorted(leads)
        for first in range(0, len(asked), AT_ONCE):
            query = sa.select(lead_id).distinct().where(lead_id.in_(asked[first : first + AT_ONCE]))
            seen.update(map(str, connection.scalars(query)))
    return seen


def last_sightings(engine: sa.Engine, account: Account, since: Collection[Moment]) -> dict[str, Moment]:
    """Lead id -> when it was last seen, there or removed, of the leads seen after any of these moments."""
    first = min(moment.at for moment in since)
    first_number = min((moment.number for moment in since if moment.number is not None), default=None)
    latest: dict[str, Moment] = {}
    with engine.connect() as connection:
        for raw, lead_id in _sightings(connection, account):
            number = raw.c[NUMBER] if NUMBER in raw.c else sa.cast(sa.null(), sa.BigInteger)
            later = [raw.c.leadloop_seen_at > first]
            later += [number > first_number] if first_number is not None else []
            query = (
                sa.select(lead_id, sa.func.max(raw.c.leadloop_seen_at), sa.func.max(number))
                .where(sa.or_(*later), lead_id.is_not(None))
                .group_by(lead_id)
            )
            for found, *seen in connection.execute(query):
                moment = Moment(*seen)
                before = latest.get(str(found), moment)
                latest[str(found)] = moment if moment.is_after(before) else before
    return latest
