"""``leadloop undo``."""

import csv
import io
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli.app import app
from connector.cli.asking import asking, in_a_terminal
from connector.cli.options import (
    Json,
    Limit,
    Mask,
    Project,
    Save,
    instant,
    save_plan,
    warehouse,
    with_dbt,
)
from connector.cli.output import emit, err, fail, out, write_private
from connector.cli.pages import write_page
from connector.errors import ConfigError, NotAgreedError

if TYPE_CHECKING:
    from connector.push import Asked, Plan

DELETED = Path(".leadloop") / "deleted"
"""Where the known values of deleted leads are written, a file for each run."""


class OnConflict(StrEnum):
    """What to do with a field that was changed since; as in a push."""

    CRM_WINS = "crm_wins"
    WAREHOUSE_WINS = "warehouse_wins"
    STOP = "stop"


@app.command(epilog="Example: leadloop undo 20261128T020000-1a2b3c4d")
@with_dbt
def undo(
    run: Annotated[
        str | None,
        typer.Argument(help="The run of a push, as `leadloop status` names it.", metavar="RUN"),
    ] = None,
    push: Annotated[
        str | None, typer.Option(help="With --since: take back the runs of this push.", metavar="PUSH")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="With --push: the runs from this time on, 2026-11-01 or 2026-11-01T09:30, UTC."),
    ] = None,
    lead: Annotated[list[str] | None, typer.Option(help="Take back only this lead. Repeatable.")] = None,
    field: Annotated[list[str] | None, typer.Option(help="Take back only this field. Repeatable.")] = None,
    on_conflict: Annotated[
        OnConflict,
        typer.Option(
            help="What to do if a person or a later run has changed a field since. crm_wins: leave it. warehouse_wins: set "
            "what was there before all the same. stop: send nothing at all."
        ),
    ] = OnConflict.CRM_WINS,
    delete_inserted: Annotated[
        bool,
        typer.Option(
            "--delete-inserted",
            help="Delete the leads that the run added, where nobody has touched them since, instead of setting fields.",
        ),
    ] = False,
    project: Project = None,
    limit: Limit = None,
    save: Save = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the plan to this file, as one self-contained page.")
    ] = None,
    agreed: Annotated[
        Path | None,
        typer.Option("--plan", help="Send only the undo that --save saved in this file, or nothing."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Send without asking.")] = False,
    mask: Mask = False,
    as_json: Json = False,
) -> None:
    """Take back what a push has sent. Each field gets the value that the CRM showed before, where it still shows what was sent.

    In a terminal it asks first, unless you give --yes or --plan. Without a terminal it sends nothing, unless you give one of them. With --save or --html it only writes the plan.
    What was taken back is held: the push sends the field again when it wants another value there, or after `leadloop release`.
    """
    from connector.push import Asked

    asked = Asked(
        run, push, instant("--since", since), tuple(lead or ()), tuple(field or ()), delete_inserted
    )
    given: dict[str, Any] = {"on_conflict": on_conflict.value, "limit": limit}
    if agreed is not None:
        saved = _saved(agreed, asked, only_writes=save is not None or html is not None)
        given |= {"on_conflict": saved.on_conflict, "agreed": saved}
        asked = saved.undo.asked if saved.undo is not None else asked
    if save is not None or html is not None:
        _write(asked, project, given, save, html, mask=mask, as_json=as_json)
    else:
        _send(asked, project, given, yes=yes or agreed is not None, mask=mask, as_json=as_json)


def _saved(file: Path, asked: "Asked", *, only_writes: bool) -> "Plan":
    """The undo that is in this file; ``ConfigError`` for what can't go with it."""
    from connector.push import Asked
    from connector.render.saved_plan import read_plan

    if only_writes:
        raise ConfigError(
            "--plan sends a saved plan, and --save and --html only write one: leave out one of them."
        )
    if asked != Asked():
        raise ConfigError("--plan says already what is taken back: leave out everything that names it.")
    saved = read_plan(file)
    if saved.undo is None:
        raise ConfigError(
            f"--plan {file} is no plan of an undo.", f"Send it: leadloop push {saved.push} --plan {file}"
        )
    return saved


def _write(
    asked: "Asked",
    project: Path | None,
    given: dict[str, Any],
    save: Path | None,
    html: Path | None,
    *,
    mask: bool,
    as_json: bool,
) -> None:
    """Writes the plan, and sends nothing."""
    from connector import loop

    made = loop.plan_undo(warehouse(), asked, project, **given)
    _show(made, save, html, project, mask=mask, as_json=as_json)
    _keep_deleted(made, project)
    if (stopped := made.problem()) is not None:
        fail(stopped)


def _send(
    asked: "Asked", project: Path | None, given: dict[str, Any], *, yes: bool, mask: bool, as_json: bool
) -> None:
    """Takes back what is asked for, once somebody has agreed, and says what came of it."""
    from connector import loop
    from connector.display import listening
    from connector.render.plan import plan_text
    from connector.render.push import push_document, push_text

    with listening(err, brief=as_json) as listener:
        agree = asking(yes, listener, first=True, mask=mask, quiet=as_json)
        done = loop.undo(
            warehouse(),
            asked,
            project,
            agree=_noting(agree, is_agreed=yes),
            listener=listener,
            **given,
        )
    if done is None:
        raise typer.Exit(0)
    if as_json:
        emit(push_document(done.summary, done.recovery))
    else:
        out.print(push_text(done.summary, done.recovery, mask=mask or not out.is_terminal))
        if not done.plan.leads:
            err.print(plan_text(done.plan, mask=mask or not err.is_terminal))
    _keep_deleted(done.plan, project)
    raise typer.Exit(done.summary.exit_code)


def _show(
    made: "Plan", save: Path | None, html: Path | None, project: Path | None, *, mask: bool, as_json: bool
) -> None:
    from connector.render.plan_document import plan_document

    if save is not None:
        save_plan(made, save, mask=mask)
    if html is not None:
        write_page(html, made, warehouse(), project, mask=mask)
    if as_json:
        emit(plan_document(made, mask=mask))


def _noting(agree: "Callable[[Plan], bool | None]", *, is_agreed: bool) -> "Callable[[Plan], bool | None]":
    """Asks as a push does, but where there is nobody to ask and nobody has agreed, nothing is sent."""

    def asked(made: "Plan") -> bool | None:
        answer = agree(made)
        if answer is None and not is_agreed and not in_a_terminal():
            raise NotAgreedError(
                f"Nobody was there to agree to this undo of {made.push}, so nothing was sent.",
                "Send it with --yes; or save it with --save FILE, look at it, and send it with --plan FILE.",
                crm=made.crm,
            )
        return answer

    return asked


def _keep_deleted(made: "Plan", project: Path | None) -> None:
    """Writes what is known of deleted leads to a private file, and says where."""
    from connector import loop
    from connector.warehouse import private

    known = loop.known_of_deleted(warehouse(), made, project)
    if known is None or made.undo is None:
        return
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(known.columns)
    rows.writerows(known.rows)
    path = private.folder(DELETED.absolute()) / f"{made.undo.runs[-1]}.csv"
    write_private(path, text.getvalue())
    err.print(
        f"What is known of the deleted leads, for whoever adds them again: {DELETED / path.name}.",
        markup=False,
    )
