"""The ``leadloop`` command: arguments in, one stage of ``loop`` called, a result for people or for programs out.

Messages go to stderr, results to stdout; with ``--json`` stdout holds one JSON document (``docs/json.md``). Heavy
imports happen inside the commands, so that ``--help`` answers at once.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from connector.errors import ConfigError, LeadloopError, place_of

if TYPE_CHECKING:
    from connector.push import Plan
    from connector.warehouse.connection import Warehouse

EXIT_CODES = {
    0: "done",
    1: "failed",
    2: "wrong usage or configuration",
    3: "done but some leads were rejected or deferred",
    4: "stopped by a guardrail or a conflict and nothing sent",
    5: "another run holds the lock",
}
ENDS_WITH = {
    "init": (0, 1, 2),
    "sandbox": (0, 1, 2),
    "demo": (0, 1, 2, 4, 5),
    "check": (0, 1, 2, 3, 5),
    "extract": (0, 1, 2, 5),
    "build": (0, 1, 2, 5),
    "plan": (0, 1, 2, 4, 5),
    "push": (0, 1, 2, 3, 4, 5),
    "run": (0, 1, 2, 3, 4, 5),
    "status": (0, 1, 2, 5),
    "resolve": (0, 1, 2, 5),
}
"""The exit codes of each command, for docs/cli.md."""

app = typer.Typer(
    name="leadloop",
    help="Leads out of a CRM into a warehouse, SQL says what should differ, and exactly those fields go back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=f"Exit codes: {', '.join(f'{code} {meaning}' for code, meaning in EXIT_CODES.items())}.",
)
err = Console(stderr=True, highlight=False)
out = Console(highlight=False)


class Side(StrEnum):
    """Whose value stays in a conflict; or that nobody asks any more."""

    OURS = "ours"
    THEIRS = "theirs"
    SKIP = "skip"


Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, described in docs/json.md.")]
Project = Annotated[
    Path | None,
    typer.Option(
        "--dbt-project",
        help="The dbt project; else ./dbt_models or this folder. `packaged` is the one that comes with leadloop.",
    ),
]
Crm = Annotated[str | None, typer.Option("--crm", help="Which CRM; all that are set up by default.")]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="At most so many leads: for a careful first push.")
]
Start = Annotated[
    str | None, typer.Option("--start", help="Read from here: 2026-11-01 or 2026-11-01T09:30, UTC.")
]
End = Annotated[str | None, typer.Option("--end", help="Read up to here.")]
Filter = Annotated[
    list[str] | None,
    typer.Option("--filter", help="A search filter of the CRM, such as list_id=333; repeatable."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Send without asking.")]
First = Annotated[
    bool,
    typer.Option(
        "--first",
        help="Agree, once, to replace values in fields to which nothing was ever sent as far as the warehouse knows.",
    ),
]
Mask = Annotated[bool, typer.Option("--mask", help="Show values of leads masked.")]


def main() -> None:
    """The entry point: every error becomes one message on stderr and an exit code, never a bare traceback."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    signal.signal(signal.SIGTERM, _terminated)
    try:
        app()
    except LeadloopError as error:
        fail(error)
    except KeyboardInterrupt:
        err.print("Interrupted; what was recorded stays recorded, and the next run goes on from there.")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if os.environ.get("LEADLOOP_DEBUG"):
            raise
        err.print(
            f"leadloop failed in a way it did not expect: {type(error).__name__} at {place_of(error)}. Nothing that was recorded "
            "is lost. LEADLOOP_DEBUG=1 shows the whole trace, which may hold values of leads.",
            markup=False,
        )
        sys.exit(1)


def fail(error: LeadloopError) -> NoReturn:
    err.print(str(error), markup=False, soft_wrap=True)
    sys.exit(error.exit_code)


def emit(kind: str, document: Mapping[str, Any]) -> None:
    """One JSON document on stdout, which says what it is; a document that counts its versions itself keeps its own."""
    told = {"kind": kind, "version": 1, **document}
    sys.stdout.write(json.dumps(told, ensure_ascii=False, default=_plain, indent=2) + "\n")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    folders: Annotated[
        list[Path] | None,
        typer.Option(
            "-C",
            metavar="DIR",
            help="Work in this folder, as if the command was started there; a second one is relative to the first.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)
    ] = False,
) -> None:
    if context.invoked_subcommand != "init":
        os.umask(0o077)  # what engines, dlt and dbt write on the way holds leads as well
    for folder in folders or ():
        _go_to(folder)
    if version:
        from importlib.metadata import version as installed

        typer.echo(installed("leadloop"))
        raise typer.Exit


def _go_to(folder: Path) -> None:
    """Before anything has read a setting, or as if so: files are found relative to the folder."""
    try:
        os.chdir(folder)
    except OSError as error:
        raise ConfigError(f"-C {folder}: can't go to that folder: {error.strerror}.") from None
    if "dlt" in sys.modules:
        from connector import config

        config.reload()


@app.command(epilog="Example: leadloop init my_leads")
def init(
    folder: Annotated[Path, typer.Argument(help="Where; made if it isn't there.")] = Path(),
    as_json: Json = False,
) -> None:
    """Write a project folder of your own: settings, a private secrets file, a dbt project with one push to edit."""
    from connector import scaffold

    done = scaffold.write(folder)
    if as_json:
        emit("init", {"folder": str(done.folder), "written": done.written, "kept": done.kept})
        return
    for path in done.written:
        out.print(f"  wrote  {folder / path}", markup=False)
    for path in done.kept:
        out.print(f"  kept   {folder / path} (it was there)", markup=False)
    out.print(
        f"Next: put your token into {folder / '.dlt/secrets.toml'}, then run `leadloop check` there.",
        markup=False,
    )


@app.command(epilog="Example: leadloop sandbox --leads 5000 --port 8765 --edits-per-second 5")
def sandbox(
    leads: Annotated[int, typer.Option(min=0, help="How many leads the book holds.")] = 5000,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8765,
    seed: Annotated[int, typer.Option(help="The same seed makes the same leads.")] = 7,
    timezone: Annotated[str, typer.Option(help="The account's time zone.")] = "America/Los_Angeles",
    token: Annotated[str, typer.Option(help="The token it accepts.")] = "sandbox-token",  # noqa: S107 - not a secret
    envelope: Annotated[
        str, typer.Option(help="live or community: the two shapes of answers seen.")
    ] = "live",
    precision: Annotated[
        str, typer.Option(help="second, or day for a server that ignores the time.")
    ] = "second",
    edits_per_second: Annotated[float, typer.Option(min=0, help="Edits it makes by itself.")] = 0.0,
    touch_on_api_edit: Annotated[
        bool, typer.Option(help="Whether an API edit moves the lead's clock.")
    ] = False,
    latency: Annotated[float, typer.Option(min=0, help="Seconds added to every answer.")] = 0.0,
    fault: Annotated[
        list[str] | None, typer.Option(help="A fault and its share, such as status=503:0.1; repeatable.")
    ] = None,
) -> None:
    """Run a CRM on this machine, to rehearse with: it answers as Convoso does, and nothing leaves the machine."""
    from connector.sandbox import serve

    try:
        serve(
            leads=leads,
            port=port,
            seed=seed,
            timezone=timezone,
            token=token,
            envelope=envelope,
            precision=precision,
            edits_per_second=edits_per_second,
            touch_on_api_edit=touch_on_api_edit,
            latency=latency,
            faults=fault or [],
            on_ready=_announce,
        )
    except (ValueError, OSError) as error:
        raise ConfigError(f"leadloop sandbox: {error}") from None


def _announce(running: Any) -> None:
    for place, (vendor, settings) in enumerate(running.settings().items()):
        leads = ", the same people" if place else f" with {len(running.book):,} leads"
        name = type(running.vendors[vendor]).__name__
        out.print(f"{name} at {settings['base_url']}{leads}", markup=False)
    out.print("Point leadloop at one or more of them, in another terminal:", markup=False)
    for vendor, settings in running.settings().items():
        for name, value in settings.items():
            out.print(f"  export CRM__{vendor.upper()}__{name.upper()}={value}", markup=False)
    sys.stdout.flush()


@app.command(epilog="Example: leadloop demo --leads 5000")
def demo(
    leads: Annotated[int, typer.Option(min=50, max=500_000, help="How many leads the sandbox holds.")] = 5000,
    folder: Annotated[Path, typer.Option(help="Where the demo's database goes.")] = Path(".leadloop/demo"),
) -> None:
    """Run the whole loop twice against a sandbox CRM on this machine, and show what happened."""
    from connector import demo as show

    show.run(leads, folder, out=out, err=err)


@app.command(epilog="Example: leadloop check --reconcile --window 2026-11-01..2026-11-02")
def check(
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Compare the leads in the CRM and in the warehouse instead.")
    ] = False,
    window: Annotated[
        str | None,
        typer.Option(help="With --reconcile: leads edited in it, such as 2026-11-01..2026-11-02, UTC."),
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="With --reconcile: so many random leads, read one by one.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="With --reconcile: read again what differs.")
    ] = False,
    vendor: Annotated[
        str | None, typer.Option("--crm", help="With --reconcile: only this CRM; else all that are set up.")
    ] = None,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Tell, before anything runs, what is missing or wrong: settings, token, time zone, warehouse, dbt project.

    With --reconcile it tells which leads the warehouse and the CRM show differently, and exits with 3 if any.
    """
    if reconcile:
        _reconcile(vendor, window, sample, repair=repair, as_json=as_json)
        return
    only = {"--window": window, "--sample": sample, "--repair": repair or None, "--crm": vendor}
    if given := [name for name, value in only.items() if value is not None]:
        raise ConfigError(f"{given[0]} goes with --reconcile.")
    from connector import checks

    found = checks.run(project)
    if as_json:
        emit("check", {"ok": all(each.ok for each in found), "checks": [each.as_dict() for each in found]})
    else:
        for each in found:
            mark = "[green]ok[/]     " if each.ok else "[red]wrong[/]  "
            out.print(mark, end="")
            out.print(f"{each.name}: {each.message}", markup=False, soft_wrap=True)
    if not all(each.ok for each in found):
        raise typer.Exit(2)


def _reconcile(
    vendor: str | None, window: str | None, sample: int | None, *, repair: bool, as_json: bool
) -> None:
    from connector import loop
    from connector.display import listening

    if window is not None and sample is not None:
        raise ConfigError("--window and --sample exclude each other.")
    start, end = _stretch(window)
    found = []
    with listening(err, brief=as_json) as listener:
        for name in [vendor] if vendor else loop.vendors():
            found.append(
                loop.reconcile(
                    _warehouse(), name, start=start, end=end, sample=sample, repair=repair, listener=listener
                )
            )
    if as_json:
        emit(
            "reconcile",
            {"ok": not any(each.faults for each in found), "crms": [each.as_dict() for each in found]},
        )
    else:
        for each in found:
            out.print(each.text(), markup=False, soft_wrap=True)
    raise typer.Exit(max(each.exit_code for each in found))


def _stretch(window: str | None) -> tuple[datetime | None, datetime | None]:
    """The two ends of ``2026-11-01..2026-11-02``; the second may be left out."""
    if window is None:
        return None, None
    first, dots, last = window.partition("..")
    if not dots or not first:
        raise ConfigError(f"--window must be two times such as 2026-11-01..2026-11-02, not {window!r}.")
    start, end = _instant("--window", first), _instant("--window", last or None)
    if start and end and start >= end:
        raise ConfigError(f"--window {window} must start before it ends.")
    if start and start > datetime.now(UTC):
        raise ConfigError(f"--window {window} lies in the future, where no lead was edited yet.")
    return start, end


@app.command(epilog="Example: leadloop extract --start 2026-10-01 --end 2026-10-31 --filter list_id=333")
def extract(
    vendor: Crm = None,
    start: Start = None,
    end: End = None,
    filters: Filter = None,
    same_account: Annotated[
        bool,
        typer.Option(
            "--same-account",
            help="With --crm: the account is the known one, though its known leads are gone.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Read what was edited or removed since the last run into the warehouse. A backfill (--start, --end) leaves the cursor alone."""
    from connector import loop
    from connector.display import listening

    first, last = _instant("--start", start), _instant("--end", end)
    if first and last and first >= last:
        raise ConfigError(f"--start {start} must lie before --end {end}.")
    if first and first > datetime.now(UTC):
        raise ConfigError(f"--start {start} lies in the future, where no lead was edited yet.")
    if same_account and vendor is None:
        raise ConfigError("--same-account is about one CRM: say with --crm which.")
    vendors = [vendor] if vendor else _ready()
    if len(vendors) > 1 and (as_json or filters):
        option = "--json" if as_json else "--filter"
        raise ConfigError(f"{option} is about one CRM: say with --crm which ({', '.join(vendors)}).")
    failed = None
    for name in vendors:
        try:
            with listening(err, brief=as_json) as listener:
                done = loop.extract(
                    _warehouse(),
                    name,
                    start=first,
                    end=last,
                    filters=_filters(filters),
                    same_account=same_account,
                    listener=listener,
                )
        except LeadloopError as error:
            if failed is not None:
                err.print(str(error), markup=False, soft_wrap=True)
            failed = failed or error
            continue
        if as_json:
            emit("extract", {"crm": name, **_extracted(done)})
        else:
            out.print(_extracted_text(name, done), markup=False, soft_wrap=True)
    if failed is not None:
        raise failed


def _ready() -> list[str]:
    """The CRMs that are set up; where none is, an extraction has failed, and leaves its row as any other."""
    from connector import loop
    from connector.warehouse import runs

    try:
        return loop.vendors()
    except LeadloopError as error:
        runs.failed(_warehouse, "extract", error)
        raise


@app.command(epilog="Example: leadloop build --select leads+")
def build(
    select: Annotated[str | None, typer.Option(help="Which models, as dbt selects them.")] = None,
    full_refresh: Annotated[
        bool, typer.Option(help="Make incremental models anew from the raw tables.")
    ] = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Make and test the dbt models: leads, their history, what changed, what should differ."""
    from connector import loop
    from connector.display import listening

    with listening(err, brief=as_json) as listener:
        done = loop.build(_warehouse(), project, select=select, full_refresh=full_refresh, listener=listener)
    if as_json:
        emit("build", done.as_dict())
    else:
        out.print(done.text(), markup=False)


@app.command(epilog="Example: leadloop plan lead_scores_to_convoso --html plan.html")
def plan(
    push: Annotated[str, typer.Argument(help="The push model's name.", metavar="PUSH")],
    project: Project = None,
    limit: Limit = None,
    html: Annotated[Path | None, typer.Option(help="Write the plan as one self-contained page.")] = None,
    mask: Mask = False,
    as_json: Json = False,
) -> None:
    """Show what a push would send now. Sends nothing."""
    from connector import loop
    from connector import push as pushing

    made = loop.plan(_warehouse(), push, project, limit=limit)
    if html is not None:
        _write_private(html, pushing.plan_html(made, mask=mask))
        err.print(f"Wrote {html}.", markup=False)
    if as_json:
        emit("plan", pushing.plan_json(made, mask=mask))
    elif html is None:
        out.print(pushing.plan_text(made, mask=mask))
    stopped = made.problem()
    if stopped is not None:
        fail(stopped)


@app.command(epilog="Example: leadloop push lead_scores_to_convoso --limit 10")
def push(
    name: Annotated[str, typer.Argument(help="The push model's name.", metavar="PUSH")],
    project: Project = None,
    limit: Limit = None,
    agreed: Annotated[
        Path | None,
        typer.Option("--plan", help="A plan saved by `plan --json`: anything else is refused."),
    ] = None,
    yes: Yes = False,
    first: First = False,
    mask: Mask = False,
    as_json: Json = False,
) -> None:
    """Send exactly what the plan shows. Asks first in a terminal, unless --yes is given."""
    from connector import loop
    from connector import push as pushing
    from connector.display import listening

    saved = None if agreed is None else pushing.read_plan(agreed)
    with listening(err, brief=as_json) as listener:
        done = loop.push(
            _warehouse(),
            name,
            project,
            limit=limit,
            agreed=saved,
            agree=_asking(yes or saved is not None, listener, first=first, mask=mask, quiet=as_json),
            first=first or _in_a_terminal(),
            listener=listener,
        )
    if done is None:
        raise typer.Exit(0)
    _report_push(done, as_json=as_json)
    raise typer.Exit(done.summary.exit_code)


@app.command(epilog="Example, from cron: leadloop run --yes")
def run(
    pushes: Annotated[list[str] | None, typer.Option("--push", help="Only this push; repeatable.")] = None,
    project: Project = None,
    limit: Limit = None,
    yes: Yes = False,
    restored: Annotated[
        bool,
        typer.Option(
            "--restored",
            help="The warehouse is an older copy of itself that was put back: go on with it, and leave alone what the CRM "
            "shows and nobody knows to have been sent.",
        ),
    ] = False,
    first: First = False,
    as_json: Json = False,
) -> None:
    """Extract, build, and send every push of the dbt project. In a terminal it asks before each, unless --yes is given."""
    from connector import loop
    from connector import push as pushing
    from connector.display import listening

    with listening(err, brief=as_json) as listener:
        done = loop.run(
            _warehouse(),
            project,
            pushes=pushes or None,
            limit=limit,
            restored=restored,
            agree=_asking(yes, listener, first=first, mask=False, quiet=as_json),
            first=first or _in_a_terminal(),
            listener=listener,
        )
    if as_json:
        emit(
            "run",
            {
                "extracted": {name: _extracted(each) for name, each in done.extracted.items()},
                "built": done.built.as_dict(),
                "pushed": {name: pushing.summary_json(each.summary) for name, each in done.pushed.items()},
                "failed": {
                    name: {"error": type(e).__name__, "message": str(e)} for name, e in done.failed.items()
                },
                "exit_code": done.exit_code,
            },
        )
    else:
        for name, each in done.extracted.items():
            out.print(_extracted_text(name, each), markup=False, soft_wrap=True)
        out.print(done.built.text(), markup=False)
        for pushed in done.pushed.values():
            _report_push(pushed, as_json=False)
    for name, error in done.failed.items():
        err.print(f"{name}: {error}", markup=False, soft_wrap=True)
    raise typer.Exit(done.exit_code)


@app.command(epilog="Example: leadloop status --json")
def status(as_json: Json = False) -> None:
    """Tell what was read and sent, and what is still open, from the warehouse alone."""
    from connector import report

    found = report.status(_warehouse())
    if as_json:
        emit("status", found)
    else:
        out.print(report.status_text(found))


@app.command(epilog="Example: leadloop resolve lead_scores_to_convoso --take ours --lead 12345")
def resolve(
    push: Annotated[str, typer.Argument(help="The push model's name.", metavar="PUSH")],
    take: Annotated[
        Side | None,
        typer.Option(
            help="ours: send our value after all; theirs: keep the CRM's and forget ours; skip: leave the field "
            "alone, whatever we want of it, until its lead is named for one of the others."
        ),
    ] = None,
    lead: Annotated[list[str] | None, typer.Option(help="Only this lead; repeatable.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every conflict of the push.")] = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """List the conflicts of a push, or settle them. Settling is recorded; the next push acts on it."""
    from connector import loop

    if take is not None and not lead and not everything:
        raise ConfigError("Say which conflicts: --lead ID (repeatable) or --all.")
    found = loop.resolve(
        _warehouse(), push, project, take=None if take is None else take.value, leads=lead or None
    )
    if as_json:
        emit("resolve", {"push": push, "take": take, "conflicts": [each.as_dict() for each in found]})
        return
    for each in found:
        out.print(each.text(), markup=False)
    from connector.push.guardrails import count

    out.print(f"{count(len(found), 'conflict')} {'settled' if take else 'open'}.", markup=False)


def _warehouse() -> "Warehouse":
    from connector.warehouse.connection import Warehouse

    return Warehouse.open()


def _in_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _asking(yes: bool, listener: Any, *, first: bool, mask: bool, quiet: bool) -> "Callable[[Plan], bool]":
    """Shows the plan and asks in a terminal. Elsewhere there is nobody to ask, the guardrails decide, and values are masked:
    what is written there ends up in a log. ``yes`` is no answer for a first time, only ``first`` is."""

    def agree(made: "Plan") -> bool:
        from connector import push as pushing
        from connector.push.approvals import first_time

        listener.pause()
        if not quiet:
            err.print(pushing.plan_text(made, mask=mask or not err.is_terminal))
        asks = made.first_time and not first
        if (yes and not asks) or not _in_a_terminal():
            return True
        question = f"Send this to {made.crm}?"
        if typer.confirm(f"{first_time(made)}. {question}" if asks else question, err=True):
            return True
        err.print("Nothing was sent.")
        return False

    return agree


def _report_push(done: Any, *, as_json: bool) -> None:
    from connector import push as pushing

    if as_json:
        emit("push", pushing.summary_json(done.summary))
    else:
        out.print(pushing.summary_text(done.summary))


def _extracted(done: Any) -> dict[str, Any]:
    return {
        "rows": done.rows,
        "read_back": done.read_back,
        "gone": done.gone,
        "removals": done.removals,
        "recordings": done.recordings,
        "calls": done.calls,
        "packages": done.packages,
        "precision": done.precision,
        "window": {"start": done.window.start, "end": done.window.end} if done.window else None,
        "notes": list(done.notes),
    }


def _extracted_text(vendor: str, done: Any) -> str:
    notes = "".join(f"\n{vendor}: {note}" for note in done.notes)
    if done.window is None:
        return f"{vendor}: nothing has settled since the last run.{notes}"
    from connector.push.guardrails import count

    parts = [
        f"{count(done.rows, 'row')} in {count(done.calls, 'call')}",
        f"{count(done.read_back, 'lead')} read back" if done.read_back else "",
        f"{count(done.gone, 'lead')} gone" if done.gone else "",
        f"{count(done.removals, 'removed lead')}" if done.removals else "",
        f"{count(done.recordings, 'recording')}" if done.recordings is not None else "",
    ]
    return (
        f"{vendor}: {', '.join(filter(None, parts))}; everything edited up to "
        f"{done.window.end:%F %T} UTC is in the warehouse.{notes}"
    )


def _instant(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{option} must be a date or a time such as 2026-11-01 or 2026-11-01T09:30+01:00, not {text!r}."
        ) from None
    if not 1970 <= instant.year < 2100:
        raise ConfigError(f"{option} must lie between 1970 and 2100, not in {instant.year}.")
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _filters(given: list[str] | None) -> dict[str, str]:
    filters = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ConfigError(f"--filter must be name=value, such as list_id=333, not {text!r}.")
        filters[name] = value
    return filters


def _write_private(path: Path, text: str) -> None:
    """A page of leads is for whoever asked for it."""
    from connector.warehouse import private

    try:
        private.keep(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror}.") from None


def _terminated(_signal: int, _frame: Any) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
