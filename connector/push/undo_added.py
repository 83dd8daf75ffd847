"""Which of the leads that runs have added may be deleted again: those that nobody has touched since."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Protocol

from connector.extract.windows import floor_second
from connector.push.changes import WHOLE
from connector.push.equality import same

SLACK = timedelta(seconds=2)
"""By so much the CRM's clock may be judged wrongly when a run begins: see ``crm/clock.py``."""


class Added(Protocol):
    """What is known of a field that a run has set; ``undo.Write`` is one."""

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


def undo_added(
    writes: Iterable[Added],
    leads: Mapping[str, str],
    runs: Collection[str],
    began: datetime,
    equal: Mapping[str, str],
) -> Iterator[Sequence[str | None]]:
    """Rows of a plan that deletes these leads (the CRM's id -> the push's own), which the ``runs`` have added since they
    ``began``; ``writes``: all that the runs have set in them, by lead and field, the oldest first.

    A lead that has not been read since it was added is an unknown one; one that was touched is a conflict.
    """
    for lead, of_lead in groupby(writes, attrgetter("meant")):
        newest = [list(of_field)[-1] for _, of_field in groupby(of_lead, attrgetter("field"))]
        any_of_them = newest[0]
        if any_of_them.removed_at is not None:
            verdict = "removed"
        elif not any_of_them.is_known or not any(each.is_shown for each in newest):
            verdict = "unknown_lead"
        elif _is_ours(newest, began) and _is_untouched(newest, runs, equal):
            verdict = "delete"
        else:
            verdict = "conflict"
        yield leads[lead], WHOLE, WHOLE, None, None, None, verdict, lead


def _is_ours(newest: Sequence[Added], began: datetime) -> bool:
    """Whether the lead came into being by these runs. An upsert may have found one that its look beforehand had not."""
    created_at = newest[0].created_at
    return created_at is not None and created_at >= floor_second(began) - SLACK


def _is_untouched(newest: Sequence[Added], runs: Collection[str], equal: Mapping[str, str]) -> bool:
    modified_at, written_at = newest[0].modified_at, max(each.recorded_at for each in newest)
    return (
        modified_at is not None
        and modified_at <= written_at
        and all(
            each.last_run in runs and same(each.current, each.value, equal.get(each.field)) for each in newest
        )
    )
