"""``leadloop check``."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from connector.cli.app import app
from connector.cli.options import Json, Project, instant, warehouse, with_dbt
from connector.cli.output import emit, err, out
from connector.errors import ConfigError


@app.command(epilog="Example: leadloop check --reconcile --window 2026-11-01..2026-11-02")
@with_dbt
def check(
    reconcile: Annotated[
        bool,
        typer.Option("--reconcile", help="Compare the leads of the CRM with those of the warehouse instead."),
    ] = False,
    window: Annotated[
        str | None,
        typer.Option(
            help="With --reconcile: compare the leads edited in this time, such as 2026-11-01..2026-11-02, UTC."
        ),
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="With --reconcile: compare N random leads, read one by one.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="With --reconcile: read the leads that differ again.")
    ] = False,
    vendor: Annotated[
        str | None,
        typer.Option("--crm", help="With --reconcile: compare only this CRM. Default: all that are set up."),
    ] = None,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Say what is missing or wrong before anything runs. It checks settings, token, time zone, warehouse and dbt project, reads a DuckDB file whole, and names the versions that a report of a fault needs.

    With --reconcile, name the leads that differ between the CRM and the warehouse, and exit with 3 if there are any.
    """
    if reconcile:
        _reconcile(vendor, window, sample, repair=repair, as_json=as_json)
        return
    only = {"--window": window, "--sample": sample, "--repair": repair or None, "--crm": vendor}
    if given := [name for name, value in only.items() if value is not None]:
        raise ConfigError(f"{given[0]} goes with --reconcile.")
    from connector import checks
    from connector.render.check import check_document, check_text

    found = checks.run(project)
    if as_json:
        emit(check_document(found))
    else:
        out.print(check_text(found), soft_wrap=True)
    raise typer.Exit(checks.exit_code(found))


def _reconcile(
    vendor: str | None, window: str | None, sample: int | None, *, repair: bool, as_json: bool
) -> None:
    from connector import loop
    from connector.display import listening
    from connector.render.reconcile import reconcile_document, reconcile_text

    if window is not None and sample is not None:
        raise ConfigError("--window and --sample exclude each other.")
    start, end = _stretch(window)
    found = []
    with listening(err, brief=as_json) as listener:
        for name in [vendor] if vendor else loop.vendors():
            found.append(
                loop.reconcile(
                    warehouse(), name, start=start, end=end, sample=sample, repair=repair, listener=listener
                )
            )
    if as_json:
        emit(reconcile_document(found))
    else:
        for each in found:
            out.print(reconcile_text(each), markup=False, soft_wrap=True)
    raise typer.Exit(max(each.exit_code for each in found))


def _stretch(window: str | None) -> tuple[datetime | None, datetime | None]:
    """The two ends of ``2026-11-01..2026-11-02``; the second may be left out."""
    if window is None:
        return None, None
    first, dots, last = window.partition("..")
    if not dots or not first:
        raise ConfigError(f"--window must be two times such as 2026-11-01..2026-11-02, not {window!r}.")
    start, end = instant("--window", first), instant("--window", last or None)
    if start and end and start >= end:
        raise ConfigError(f"--window {window} must start before it ends.")
    if start and start > datetime.now(UTC):
        raise ConfigError(f"--window {window} lies in the future, where no lead was edited yet.")
    return start, end
