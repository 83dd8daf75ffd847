"""``leadloop demo``: the whole loop, twice, against a sandbox CRM on this machine."""

import os
import shlex
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from connector import config, loop
from connector.crm import DEFAULT
from connector.display import Bars, listening
from connector.push import Plan
from connector.render.build import build_text
from connector.render.plan import headline, plan_text
from connector.render.push import push_text
from connector.sandbox import Sandbox
from connector.texts import count, listed
from connector.warehouse import models, private
from connector.warehouse.connection import Warehouse

PUSH = f"lead_scores_to_{DEFAULT}"
PEOPLE_EDIT = 3
"""How many of the pushed leads a salesperson edits between the two runs."""
BAD_PHONE = 6008
"""Convoso's code for a phone number that it doesn't take."""
FOUND_OUT = 40
"""Of so many more leads people learn something before the last night."""

QUERIES = (
    "select field, origin, count(*) from analytics.lead_changes group by all order by 3 desc;",
    "select lead_id, field, old_value, new_value, changed_at from analytics.lead_changes where origin = 'push' limit 5;",
    f"select verdict, count(*) from analytics.{PUSH} group by verdict;",
)


def run(
    leads: int,
    folder: Path,
    *,
    out: Console,
    err: Console,
    page: Callable[[Warehouse, Path], None] | None = None,
) -> None:
    """Shows, in order: extraction, models, plan, push, a second run that confirms and finds nothing left to send, the
    same scores on their way into the other CRMs of the sandbox, and a plan that waits for a yes.

    ``page`` is called at the end with the warehouse and the project, while the CRM is still there."""
    shutil.rmtree(folder, ignore_errors=True)
    private.folder(folder)
    warehouse = Warehouse.duckdb(folder / "leads.duckdb")
    project = models.packaged_project()
    out.print(f"A CRM with {leads:,} leads starts on this machine; nothing leaves it.")
    others = max(leads // 10, 20)
    with Sandbox(leads=leads, elsewhere=others) as crm, settings_of(crm), listening(err) as bars:
        _heading(out, "First run")
        _read(out, warehouse, project, bars)
        plan = loop.plan(warehouse, PUSH, project)
        bars.pause()
        out.print(plan_text(plan))
        _refuse(out, crm, plan)
        _send(out, warehouse, project, bars)

        edited = [lead.lead_id for lead in plan.leads[:PEOPLE_EDIT]]
        for lead_id in edited:
            crm.book.edit(lead_id, {"lead_score": "100"})
        out.print(
            f"\nMeanwhile a salesperson sets another score for {len(edited)} of these leads in the CRM."
        )

        _heading(out, "Second run")
        _read(out, warehouse, project, bars)
        _show_origins(out, warehouse)
        _send(out, warehouse, project, bars)
        out.print(
            f"The {len(edited)} edited leads are conflicts and stay as the salesperson left them: on_conflict is 'crm_wins'."
        )

        _heading(out, "The same scores in other CRMs")
        elsewhere = {vendor: type(each).__name__ for vendor, each in crm.vendors.items() if vendor != DEFAULT}
        out.print(
            f"{others:,} of these people are leads in {listed(elsewhere.values())} as well. lead_matches finds them by "
            "phone number and email address."
        )
        _send_elsewhere(out, warehouse, project, bars, elsewhere)

        _heading(out, "Tonight")
        _leave_waiting(out, crm, warehouse, project, bars, plan)
        _heading(out, "Look around")
        if page is not None:
            page(warehouse, project)
    command = (
        f"leadloop serve --database {shlex.quote(warehouse.label)} --dbt-project {models.PACKAGED} --open"
    )
    out.print("In a browser, without SQL: every push, every lead's story, and the conflicts to decide:")
    out.print(f"  {command}", markup=False, soft_wrap=True)
    if page is None:
        out.print(
            "The same once more, with the CRM kept, so that the plan that waits can be approved, sent and taken back:"
        )
        out.print("  leadloop demo --page", markup=False, soft_wrap=True)
    out.print(f"In SQL, in {warehouse.label}:", markup=False, soft_wrap=True)
    for query in QUERIES:
        out.print(f"  {query}", markup=False, soft_wrap=True)


def _refuse(out: Console, crm: Sandbox, plan: Plan) -> None:
    """Has the CRM refuse some of what is about to be sent, as CRMs do."""
    refused = [lead.lead_id for lead in plan.leads[PEOPLE_EDIT : 2 * PEOPLE_EDIT]]
    for lead_id in refused:
        crm.refuse(lead_id, BAD_PHONE)
    out.print(f"The CRM will refuse {len(refused)} of these leads: it takes their phone numbers for wrong.")


def _leave_waiting(
    out: Console, crm: Sandbox, warehouse: Warehouse, project: Path, bars: Bars, plan: Plan
) -> None:
    """People find out more about some leads, so that their scores change: a push would send that, and nobody has agreed yet."""
    known = [lead.lead_id for lead in plan.leads[2 * PEOPLE_EDIT : 2 * PEOPLE_EDIT + FOUND_OUT]]
    for number, lead_id in enumerate(known):
        shown = crm.book.row(lead_id)
        missing = [
            name for name in ("monthly_revenue", "plan_interest", "std_company_name") if not shown[name]
        ]
        better: dict[str, str | None] = (
            {missing[0]: "4200"} if missing and number % 2 else {"monthly_revenue": None}
        )
        crm.book.edit(lead_id, better)
    out.print(f"Salespeople look at {len(known)} leads again: what the scores are made of changes.")
    _read(out, warehouse, project, bars)
    waits = loop.plan(warehouse, PUSH, project)
    bars.pause()
    out.print(f"A plan waits for a yes: {headline(waits)}.", markup=False)


@contextmanager
def settings_of(crm: Sandbox) -> Iterator[None]:
    """The sandbox's settings for this process, whatever else is set."""
    given = {
        f"CRM__{vendor}__{name}".upper(): value
        for vendor, settings in crm.settings().items()
        for name, value in {**settings, "rate": "1000", "settle": "0"}.items()
    }
    before = {name: value for name, value in os.environ.items() if name.startswith("CRM__")}
    for name in before:
        del os.environ[name]
    os.environ.update(given)
    config.reload()
    try:
        yield
    finally:
        for name in given:
            del os.environ[name]
        os.environ.update(before)


def _heading(out: Console, text: str) -> None:
    out.print()
    out.rule(f"[bold]{text}[/]", align="left")


def _read(out: Console, warehouse: Warehouse, project: Path, bars: Bars) -> None:
    extracted = loop.extract(warehouse, listener=bars)
    bars.pause()
    again = f", {extracted.read_back:,} pushed leads read back" if extracted.read_back else ""
    out.print(f"Extracted: {extracted.rows:,} rows in {count(extracted.calls, 'call')}{again}.")
    built = loop.build(warehouse, project, listener=bars)
    bars.pause()
    out.print(f"dbt: {build_text(built)}.")


def _send(out: Console, warehouse: Warehouse, project: Path, bars: Bars) -> None:
    done = loop.push(warehouse, PUSH, project, listener=bars)
    bars.pause()
    if done is not None:
        out.print(push_text(done.summary, done.recovery))


def _send_elsewhere(
    out: Console, warehouse: Warehouse, project: Path, bars: Bars, vendors: Collection[str]
) -> None:
    for vendor in vendors:
        extracted = loop.extract(warehouse, vendor, listener=bars)
        bars.pause()
        out.print(f"Extracted from {vendor}: {extracted.rows:,} rows in {count(extracted.calls, 'call')}.")
    built = loop.build(warehouse, project, listener=bars)
    bars.pause()
    out.print(f"dbt: {build_text(built)}.")
    for vendor in vendors:
        done = loop.push(warehouse, f"lead_scores_to_{vendor}", project, listener=bars)
        bars.pause()
        if done is not None:
            out.print(push_text(done.summary, done.recovery))


def _show_origins(out: Console, warehouse: Warehouse) -> None:
    query = sa.text(
        "select state, count(*) as fields from leadloop.push_journal where state in ('confirmed', 'reverted', 'conflict')"
        " group by state order by state"
    )
    origins = sa.text(
        "select field, origin, count(*) as changes from analytics.lead_changes"
        " group by field, origin order by changes desc"
    )
    with warehouse.engine().connect() as connection:
        states = {row.state: row.fields for row in connection.execute(query)}
        table = Table("field", "origin", "changes", box=None, pad_edge=False)
        for field, origin, number in connection.execute(origins):
            table.add_row(field, origin, f"{number:,}")
    out.print(
        f"Read back: {states.get('confirmed', 0):,} sent values confirmed, {states.get('reverted', 0):,} reverted."
    )
    out.print("What changed since the first run, by origin (analytics.lead_changes):")
    out.print(table)
