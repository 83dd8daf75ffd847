"""What the warehouse knows of leads and runs: for a terminal, and as the document of ``status --json``."""

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from connector.render.build import Kept, kept_text
from connector.render.day_calls import CallsToday, calls_today
from connector.render.document import VERSION, Part, Time, part
from connector.render.text import moment

if TYPE_CHECKING:
    from connector.status import LastRun, Status

RUN_ID = 24
"""Characters of a run's id."""


class CrmLeads(Part, kw_only=True):
    """The leads of one CRM."""

    crm: Annotated[str, Meta(description="the CRM")]
    leads: Annotated[int, Meta(description="leads, removed ones included")]
    removed: Annotated[int, Meta(description="of these, deleted, archived or merged")]
    last_edit_at: Annotated[Time | None, Meta(description="the latest edit of a lead")]
    last_seen_at: Annotated[Time | None, Meta(description="when a lead was last read")]


class LastOf(Part, kw_only=True):
    """The last run of a command."""

    command: Annotated[
        str, Meta(description="`extract`, `build`, `plan`, `push`, `run`, `resolve`, `reconcile`")
    ]
    crm: Annotated[str | None, Meta(description="the CRM, where it was about one")]
    push: Annotated[str | None, Meta(description="the push model, where it was about one")]
    run_id: Annotated[str, Meta(description="the row in `leadloop.runs`")]
    started_at: Annotated[Time, Meta(description="when it began")]
    ended_at: Annotated[Time | None, Meta(description="`null`: it is at work, or was killed")]
    state: Annotated[
        Literal["ended", "running", "killed"], Meta(description="`ended`, `running` or `killed`")
    ]
    exit_code: Annotated[int | None, Meta(description="`null` where it has not ended")]
    why: Annotated[str | None, Meta(description="what it ended with; `null` where all went well")]
    last_done_at: Annotated[Time | None, Meta(description="when such a run last ended with 0 or 3")]
    who: Annotated[str, Meta(description="who started it, as the system calls them")]
    host: Annotated[str, Meta(description="the machine it ran on")]
    pid: Annotated[int, Meta(description="the process there")]
    windows: Annotated[str | None, Meta(description="what was covered")]
    rows: Annotated[int | None, Meta(description="rows that were read, leads that were planned")]
    calls: Annotated[int | None, Meta(description="calls to the CRM")]
    push_run_id: Annotated[str | None, Meta(description="the run in `leadloop.push_runs`")]


class Sending(Part, kw_only=True):
    """A run of a push that began to send."""

    run_id: Annotated[str, Meta(description="the row in `leadloop.push_runs`")]
    push: Annotated[str, Meta(description="the push model")]
    crm: Annotated[str, Meta(description="the CRM")]
    started_at: Annotated[Time, Meta(description="when it began")]
    leads: Annotated[int, Meta(description="leads of the plan")]
    fields: Annotated[int, Meta(description="fields of the plan")]
    host: Annotated[str, Meta(description="the machine it ran on")]
    pid: Annotated[int, Meta(description="the process there")]
    fields_by_state: Annotated[dict[str, int], Meta(description="state → fields")]


class StatusDocument(Part, kw_only=True):
    """What was read and sent, and what is still open, as `status --json` prints it."""

    kind: Annotated[Literal["status"], Meta(description="`status`")] = "status"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    warehouse: Annotated[str, Meta(description="path, or host and database")]
    settings: Annotated[
        dict[str, str],
        Meta(description="setting of the warehouse → where it is from: a variable, a file, or `default`"),
    ]
    moved: Annotated[
        str,
        Meta(
            description="why nobody may work with it: it was [moved](move.md), or a move to it has not ended; blank where they may"
        ),
    ]
    crms: Annotated[list[CrmLeads], Meta(description="one entry per CRM that was read")]
    commands: Annotated[
        list[LastOf],
        Meta(description="the last run of each command, by CRM or push, however it ended; newest first"),
    ]
    runs: Annotated[
        list[Sending],
        Meta(description="the latest 20 runs of pushes that began to send, newest first"),
    ]
    calls_today: Annotated[
        dict[str, CallsToday],
        Meta(description="CRM → its calls of the day, where they are counted"),
    ]
    other_forms: Annotated[
        list[Kept],
        Meta(
            description="what a CRM keeps in another form than it was sent in, and is not sent again until a rule makes them equal"
        ),
    ]


def status_document(found: "Status") -> StatusDocument:
    return part(
        StatusDocument,
        found,
        crms=[part(CrmLeads, each) for each in found.crms],
        commands=[part(LastOf, each) for each in found.commands],
        runs=[part(Sending, each) for each in found.runs],
        calls_today={name: told for name, each in found.calls_today.items() if (told := calls_today(each))},
        other_forms=[part(Kept, each) for each in found.other_forms],
    )


def status_text(found: "Status") -> RenderableType:
    """The warehouse and its settings, then a table each of leads, commands and runs of pushes."""
    crms = _table("CRM", "leads", "removed", "last edit (UTC)", "last seen (UTC)")
    for each in found.crms:
        crms.add_row(
            each.crm,
            f"{each.leads:,}",
            f"{each.removed:,}",
            moment(each.last_edit_at),
            moment(each.last_seen_at),
        )
    commands = _table("command", "last run (UTC)", "how it ended", "last done (UTC)")
    for last in found.commands:
        name = " ".join(filter(None, (last.command, last.push or last.crm)))
        commands.add_row(Text(name), moment(last.started_at), Text(_ended(last)), moment(last.last_done_at))
    runs = _table("run", "push", "started (UTC)", "leads", "fields by state")
    for run in found.runs:
        states = ", ".join(f"{number:,} {state}" for state, number in run.fields_by_state.items())
        runs.add_row(run.run_id, run.push, moment(run.started_at), f"{run.leads:,}", states)
    settings = [f"  {name}: {place}" for name, place in found.settings.items()]
    leads = crms if found.crms else "No leads yet: run leadloop extract and leadloop build."
    ran: list[RenderableType] = [commands, ""] if found.commands else []
    pushed = runs if found.runs else "Nothing has been pushed yet."
    calls = [f"{name}: {each}" for name, each in found.calls_today.items()]
    forms = [Text(kept_text(each)) for each in found.other_forms]
    more = [each for part in (forms, calls) if part for each in ("", *part)]
    moved = [Text(found.moved)] if found.moved else []
    return Group(found.warehouse, *settings, *moved, "", leads, "", *ran, pushed, *more)


def _ended(last: "LastRun") -> str:
    if last.state != "ended":
        return f"{last.state}, process {last.pid} on {last.host}"
    return f"{last.exit_code}: {last.why}" if last.why else str(last.exit_code)


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(
            head,
            justify="right" if head in ("leads", "removed") else "left",
            overflow="fold",
            # To be copied, so never broken over two lines however narrow the terminal is.
            no_wrap=head == "run",
            min_width=RUN_ID if head == "run" else None,
        )
    return table
