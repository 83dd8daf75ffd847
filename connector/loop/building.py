"""The second stage: dbt makes the models, and what they show decides about sent values."""

from dataclasses import replace
from pathlib import Path

from connector.events import QUIET, Listener
from connector.push import (
    Journal,
    facts,
)
from connector.push.confirmation import confirm_alone
from connector.warehouse import (
    last_build,
    models,
    runs,
    unread,
)
from connector.warehouse.connection import Warehouse
from connector.warehouse.models import BuildResult


@runs.recorded("build", facts=facts.of_build, select="select", full_refresh="full_refresh")
def build(
    warehouse: Warehouse,
    project: Path | None = None,
    *,
    select: str | None = None,
    full_refresh: bool = False,
    listener: Listener = QUIET,
) -> BuildResult:
    """Makes and tests the dbt models, then decides from what they show which sent values are confirmed or reverted."""
    models.find_project(project)
    listener.stage("build")
    with warehouse.lock("build") as lease:
        warehouse.probe()
        runs.begin()
        journal = Journal.of(warehouse, lease=lease)
        with warehouse.translated():
            before = last_build.begin(warehouse, project)
            result = models.build(
                warehouse, project, select=select, full_refresh=full_refresh, on_event=listener.building
            )
            relations = models.known(project, warehouse).relations
            warehouse.keep()
            unread.check(warehouse.engine(), relations.leads, result)
            lease.prove()
            # What it decides is in the journal, so the next run builds once more: models and tests of it are then made.
            found = [confirm_alone(warehouse, journal, vendor, relations) for vendor in journal.crms()]
            last_build.end(warehouse, project, lease, before, result)
            return replace(result, other_forms=tuple(form for each in found for form in each.other_forms))
