"""``leadloop serve``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.app import app
from connector.cli.options import Project, warehouse, with_dbt_unlocked
from connector.cli.output import err
from connector.errors import ConfigError

if TYPE_CHECKING:
    from connector.views.settings import PageSettings
    from connector.web.site import Site


@app.command(epilog="Example: leadloop serve --open")
@with_dbt_unlocked
def serve(
    project: Project = None,
    database: Annotated[
        Path | None,
        typer.Option(help="Show this DuckDB file instead of the warehouse of the settings.", metavar="FILE"),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            help="Listen on this address, for other machines too. It needs the setting page.token.",
            metavar="ADDRESS",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Listen on this port. Default: 8765, or the next free one."),
    ] = None,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Show private values, such as phone numbers, as they are.")
    ] = False,
    send: Annotated[
        bool,
        typer.Option(
            "--send",
            help="Let the page send the plans that were approved on it, and undo runs. It needs the setting ledger.approval_key.",
        ),
    ] = False,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Show the warehouse, the plans and their conflicts as pages in a browser. Without --host it listens on this machine only.

    It reads, and never holds up a run. It writes only when somebody decides a conflict or approves a plan, as `leadloop resolve` and `leadloop approve` do. It sends nothing, unless you give --send.
    """
    from connector.views.settings import page_settings
    from connector.warehouse import models
    from connector.warehouse.connection import Warehouse
    from connector.web.keys import Keys, secret_of
    from connector.web.sending import Sender
    from connector.web.server import HOST, Server, bound
    from connector.web.site import Site

    settings = page_settings()
    listens_at = host or HOST
    _check(listens_at, settings, database, send=send)
    if project is not None:
        models.find_project(project)
    place = Warehouse.duckdb(database) if database is not None else warehouse()
    sender = Sender(project, place.as_variables() if database is not None else {}) if send else None
    site = Site.over(place, project, settings, Keys(secret_of()), show_values=show_values, sender=sender)
    token = settings.token.reveal() if settings.token else None
    server = Server(site, bound(listens_at, port), token=token, log=_log)
    shown_at = f"[{listens_at}]" if ":" in listens_at else listens_at
    address = f"http://{shown_at}:{server.port}/"
    err.print(f"Reading {place.label} …", markup=False, soft_wrap=True)
    server.run(lambda: _ready(site, place.label, address, token, open_browser=open_browser))
    if sender is not None and (going := sender.now()) is not None and going.is_running:
        err.print(
            f"What {going.who} has sent from the page goes on; the page shows how it went when you start it again.",
            markup=False,
            soft_wrap=True,
        )


def _check(listens_at: str, settings: "PageSettings", database: Path | None, *, send: bool) -> None:
    """``ConfigError`` for what is not to be shown, or can't be."""
    from connector.parsing import is_loopback
    from connector.push.approved import KEY_ADVICE
    from connector.warehouse.settings import approval_key

    if not is_loopback(listens_at) and settings.token is None:
        raise ConfigError(
            f"--host {listens_at} shows leads to other machines, and page.token is not set.",
            'Put a long random text into .dlt/secrets.toml: [page] token = "…". Put a proxy with TLS before it.',
        )
    if send and approval_key() is None:
        raise ConfigError(
            "--send sends what was approved on the page, and ledger.approval_key, by which approvals are signed, is not set.",
            KEY_ADVICE,
        )
    if database is not None and not database.is_file():
        raise ConfigError(f"--database {database}: there is no such file.")


def _ready(site: "Site", label: str, address: str, token: str | None, *, open_browser: bool) -> None:
    """Says where the page is, once it is there."""
    entry = f"{address}enter?token={token}" if token else address
    told = f"{address}enter?token=<page.token>" if token else address
    err.print(f"{label} is shown at {told}", markup=False, soft_wrap=True)
    if why := site.plans.why_none:
        err.print(f"Without pushes: {why}", markup=False, soft_wrap=True)
    err.print("Ctrl-C ends it.", markup=False)
    if open_browser:
        import webbrowser

        webbrowser.open(entry)


def _log(method: str, route: str, status: int, seconds: float) -> None:
    """Only what went wrong: a page asks every few seconds how old it is."""
    if status >= 500:
        err.print(f"{method} {route}: {status} after {seconds:.2f} s", markup=False)
