"""A task for each command. What they return holds counts and names, no id and no value of a lead."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from connector.orchestrators.prefect.project import (
    HeldError,
    LeadloopFailedError,
    LeadloopProject,
    NeedsAPersonError,
    failure_of,
)
from connector.orchestrators.shown import numbers, plan_markdown, stops
from connector.texts import in_markdown

HELD_TRIES, FAILED_TRIES = 20, 3
SECONDS = 60
"""How often, and after how long, a task is run again where another run holds the lock, and where something failed."""


def _again(_task: Any, task_run: Any, state: Any) -> bool:
    why = state.result(raise_on_failure=False)
    if isinstance(why, NeedsAPersonError):
        return False
    if isinstance(why, HeldError):
        return True
    return isinstance(why, LeadloopFailedError) and task_run.run_count <= FAILED_TRIES


def _leadloop_task(function: Any) -> Any:
    """Never cached: the same arguments read and send something else the next time."""
    return task(
        function,
        name=f"leadloop {function.__name__}",
        tags=["leadloop"],
        cache_policy=NO_CACHE,
        retries=HELD_TRIES,
        retry_delay_seconds=SECONDS,
        retry_condition_fn=_again,
    )


@_leadloop_task
def extract(
    project: LeadloopProject, crm: str, *, start: datetime | None = None, end: datetime | None = None
) -> dict[str, Any]:
    """Reads what was edited since the last run; with ``start`` or ``end`` that stretch again, and the cursor stays."""
    given = [("--start", start), ("--end", end)]
    stretch = [word for name, value in given if value is not None for word in (name, value.isoformat())]
    return numbers(project.do("extract", "--crm", crm, *stretch).document)


@_leadloop_task
def build(project: LeadloopProject, *, select: str | None = None) -> dict[str, Any]:
    """Makes and tests the dbt models."""
    return numbers(project.do("build", *(["--select", select] if select else [])).document)


@_leadloop_task
def plan(
    project: LeadloopProject,
    push: str,
    *,
    first: bool = False,
    save: str | None = None,
    html: str | None = None,
) -> dict[str, Any]:
    """Makes the plan of a push and shows it as an artifact.

    ``save`` and ``html`` are files on the machine that runs this, and they hold leads' values. Returns the plan's totals and ``stops``:
    why a push would send nothing of it, or ``None``. Of a saved plan it takes for granted that a person will have approved it.
    """
    files = [word for name, value in (("--save", save), ("--html", html)) if value for word in (name, value)]
    ended = project.ask("plan", push, *(files or ["--mask"]))
    if ended.document is None:
        raise failure_of(ended)
    why = stops(ended.document, first=first, approved=save is not None)
    create_markdown_artifact(
        plan_markdown(ended.document)
        + (f"\n\nA push would send nothing: {in_markdown(why)}." if why else ""),
        key=re.sub("[^a-z0-9]+", "-", f"plan-{push}".lower()),
        description=f"What {push} would send.",
    )
    return {**numbers(ended.document), "stops": why}


@_leadloop_task
def approve(project: LeadloopProject, saved: str, *, note: str) -> dict[str, Any]:
    """Signs a saved plan. ``note`` says who agreed to it, and why."""
    return numbers(project.do("approve", saved, "--note", note).document)


@_leadloop_task
def push(
    project: LeadloopProject,
    push: str,
    *,
    saved: str | None = None,
    first: bool = False,
    limit: int | None = None,
) -> dict[str, Any]:
    """Sends a push; with ``saved``, exactly the plan in that file, or nothing."""
    how = ["--plan", saved] if saved else ["--yes"]
    how += ["--first"] if first else []
    how += ["--limit", str(limit)] if limit is not None else []
    return numbers(project.do("push", push, *how).document)


@_leadloop_task
def run(project: LeadloopProject, *, pushes: Sequence[str] = (), first: bool = False) -> dict[str, Any]:
    """Everything with one command: reads, builds, and sends every push, or only those that are named."""
    chosen = [word for each in pushes for word in ("--push", each)]
    return numbers(project.do("run", "--yes", *chosen, *(["--first"] if first else [])).document)


@_leadloop_task
def undo(
    project: LeadloopProject,
    run_id: str,
    *,
    fields: Sequence[str] = (),
    on_conflict: str = "crm_wins",
) -> dict[str, Any]:
    """Takes back what the run of a push has sent, or some fields of it."""
    chosen = [word for each in fields for word in ("--field", each)]
    return numbers(project.do("undo", run_id, "--yes", "--on-conflict", on_conflict, *chosen).document)
