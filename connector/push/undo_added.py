"""Which of the leads that runs have added may be deleted again: those that nobody has touched since.

A CRM's times have whole seconds, and a person may be as quick as that: what was edited in the second in which the lead was made
has no later time of modification. So three things have to be as they were: the time, the versions that were seen, and, where
the CRM says so, who edited the lead last.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, Protocol

import sqlalchemy as sa

from connector.extract.windows import floor_second
from connector.push.changes import WHOLE
from connector.push.equality import same
from connector.texts import is_blank
from connector.warehouse.ledger import columns_of
from connector.warehouse.relations import Relation

SLACK = timedelta(seconds=2)
"""By so much the CRM's clock may be judged wrongly when a run begins: see ``crm/clock.py``."""
AT_ONCE = 5000
"""Leads that are asked for in one query."""


class Seen(NamedTuple):
    """What readings have shown of a lead."""

    versions: int
    """How often what it showed had changed, and one."""
    made_by: str | None = None
    edited_by: str | None = None
    """``None`` for both where the CRM doesn't say."""


class Added(Protocol):
    """What is known of a field that a run has set; ``undo.Write`` is one."""

    @property
    def run_id(self) -> str: ...
    @property
    def field(self) -> str: ...
    @property
    def meant(self) -> str: ...
    @property
    def value(self) -> str | None: ...
    @property
    def current(self) -> str | None: ...
    @property
    def recorded_at(self) -> datetime: ...
    @property
    def last_run(self) -> str | None: ...
    @property
    def is_known(self) -> bool | None: ...
    @property
    def is_shown(self) -> bool | None: ...
    @property
    def removed_at(self) -> datetime | None: ...
    @property
    def modified_at(self) -> datetime | None: ...
    @property
    def created_at(self) -> datetime | None: ...


def seen_of(
    connection: sa.Connection, crm: str, history: Relation, leads: Collection[str], authors: Sequence[str]
) -> dict[str, Seen]:
    """What ``lead_history`` has of these leads. ``authors``: its columns that say who made and who edited a lead, or none."""
    there = columns_of(connection, *history)
    if not {"crm", "lead_id", "version_number", "is_current"} <= there:
        return {}
    told = authors if len(authors) == 2 and there.issuperset(authors) else ()
    names = ("crm", "lead_id", "version_number", "is_current", *told)
    version = sa.table(history.name, *map(sa.column, names), schema=history.schema).c
    query = sa.select(version.lead_id, version.version_number, *(version[name] for name in told)).where(
        version.crm == crm, version.is_current
    )
    ids = sorted(leads)
    return {
        lead: Seen(versions, *who)
        for at in range(0, len(ids), AT_ONCE)
        for lead, versions, *who in connection.execute(
            query.where(version.lead_id.in_(ids[at : at + AT_ONCE]))
        )
    }


def undo_added(
    writes: Iterable[Added],
    leads: Mapping[str, str],
    seen: Mapping[str, Seen],
    runs: Collection[str],
    began: datetime,
    equal: Mapping[str, str],
) -> Iterator[Sequence[str | None]]:
    """Rows of a plan that deletes these leads (the CRM's id -> the push's own), which the ``runs`` have added since they
    ``began``; ``writes``: all that the runs have set in them, by lead and field, the oldest first; ``seen``: see ``seen_of``.

    A lead that has not been read since it was added is an unknown one; one that was touched is a conflict.
    """
    for lead, of_lead in groupby(writes, attrgetter("meant")):
        ours = list(of_lead)
        newest = [list(of_field)[-1] for _, of_field in groupby(ours, attrgetter("field"))]
        any_of_them, shown = newest[0], seen.get(lead)
        calls = len({each.run_id for each in ours})
        if any_of_them.removed_at is not None:
            verdict = "removed"
        elif not any_of_them.is_known or shown is None or not any(each.is_shown for each in newest):
            verdict = "unknown_lead"
        elif (
            _is_ours(newest, began)
            and _is_as_sent(newest, runs, equal)
            and not _is_modified(newest, calls)
            and not _is_edited(shown, calls)
        ):
            verdict = "delete"
        else:
            verdict = "conflict"
        yield leads[lead], WHOLE, WHOLE, None, None, None, verdict, lead


def _is_ours(newest: Sequence[Added], began: datetime) -> bool:
    """Whether the lead came into being by these runs. An upsert may have found one that its look beforehand had not."""
    created_at = newest[0].created_at
    return created_at is not None and created_at >= floor_second(began) - SLACK


def _is_as_sent(newest: Sequence[Added], runs: Collection[str], equal: Mapping[str, str]) -> bool:
    return all(
        each.last_run in runs and same(each.current, each.value, equal.get(each.field)) for each in newest
    )


def _is_modified(newest: Sequence[Added], calls: int) -> bool:
    """Whether its time of modification is a later one than that of ``calls`` calls of ours."""
    modified_at, created_at = newest[0].modified_at, newest[0].created_at
    if modified_at is None or created_at is None:
        return True
    written_at = max(each.recorded_at for each in newest)
    # An answer may be long under way. What only made the lead modified it as it came into being.
    latest = written_at if calls > 1 else min(written_at, created_at + SLACK)
    return modified_at > latest


def _is_edited(shown: Seen, calls: int) -> bool:
    """Whether it was seen to change oftener than by our calls, or was edited last by somebody else than who made it."""
    who = (shown.made_by, shown.edited_by)
    return shown.versions > calls or (not any(map(is_blank, who)) and who[0] != who[1])
