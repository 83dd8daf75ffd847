"""What earlier loads left in a pipeline's destination: the cursors, and the columns of a raw table."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dlt

from connector.crm.base import LeadReader
from connector.extract.columns import Columns
from connector.extract.job import Job
from connector.extract.notes import Notes
from connector.extract.raw import LEADS

HOMES = "homes"
"""Where a resource's state has ``Past.homes``."""
MOST_COLUMNS = {"postgres": 300}
"""A destination's name -> how many columns of fields a raw table gets there; any number where it is not named.

A row on PostgreSQL has to fit a page of 8 kB, in which a text takes up to 24 bytes; only longer ones are kept elsewhere. So no more
than 330 are sure to fit, filled, beside our own columns. And ``leads``, with the fields of all CRMs, has at most 1,600.
"""


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of one table from earlier loads."""

    cursors: Mapping[str, str] = field(default_factory=dict)
    homes: Mapping[str, str] = field(default_factory=dict)
    """Plain column -> the field it belongs to; see ``Names``."""
    columns: Collection[str] = ()
    most: int | None = None
    """How many columns of fields the table may have."""

    def as_columns(self, reader: LeadReader, notes: Notes | None = None) -> Columns:
        """What makes further rows of this table."""
        return Columns.of(reader, self.columns, self.homes, most=self.most, notes=notes)


def cursor(pipeline: dlt.Pipeline, job: Job) -> datetime | None:
    """How far the pipeline's destination has everything, UTC; ``None`` where nothing was ever loaded."""
    pipeline.sync_destination()
    found = cursors(pipeline, LEADS).get(job.cursor_key)
    return datetime.fromisoformat(found) if found else None


def cursors(pipeline: dlt.Pipeline, table: str) -> Mapping[str, str]:
    """What is kept of the progress of one table, as of the last load or ``sync_destination``."""
    return past(pipeline, table).cursors


def past(pipeline: dlt.Pipeline, table: str) -> Past:
    """What is known of one table, as of the last load or ``sync_destination``."""
    state: Mapping[str, Any] = pipeline.state
    name = pipeline.pipeline_name
    for part in ("sources", name, "resources", table):
        state = state.get(part) or {}
    schema = pipeline.schemas.get(name)
    there = schema.tables.get(table, {}).get("columns", {}) if schema else {}
    return Past(state.get("cursors") or {}, state.get(HOMES) or {}, tuple(there), most_columns(pipeline))


def most_columns(pipeline: Any) -> int | None:
    """How many columns of fields a table of this pipeline's destination gets; ``None`` for any number."""
    destination = pipeline.destination
    return MOST_COLUMNS.get(destination.destination_name) if destination is not None else None
