"""``leadloop demo``."""

import os
import secrets
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.app import app
from connector.cli.output import err, out

if TYPE_CHECKING:
    from connector.warehouse.connection import Warehouse


@app.command(epilog="Example: leadloop demo --leads 5000")
def demo(
    leads: Annotated[int, typer.Option(min=50, max=500_000, help="How many leads the sandbox holds.")] = 5000,
    folder: Annotated[Path, typer.Option(help="The folder for the demo's database.")] = Path(
        ".leadloop/demo"
    ),
    page: Annotated[
        bool | None,
        typer.Option(
            "--page/--no-page",
            help="At the end keep the CRM, and show a page on which a plan can be approved, sent and taken back, until Ctrl-C. "
            "Default: in a terminal.",
        ),
    ] = None,
) -> None:
    """Run the whole loop twice against a sandbox. Everything stays on this machine."""
    from connector import demo as show

    wanted = (os.isatty(0) and out.is_terminal) if page is None else page
    show.run(leads, folder, out=out, err=err, page=_page if wanted else None)


def _page(warehouse: "Warehouse", project: Path) -> None:
    """The page over the demo's warehouse, in its folder: no setting of a project around it counts, and it leaves nothing there."""
    from connector import config
    from connector.config import variables
    from connector.views.settings import page_settings
    from connector.web.keys import Keys, secret_of
    from connector.web.sending import Sender
    from connector.web.server import HOST, Server, bound
    from connector.web.site import Site

    assert warehouse.path is not None
    place = type(warehouse).duckdb(warehouse.path.absolute())
    key = {"LEDGER__APPROVAL_KEY": secrets.token_hex(16)}
    with chdir(warehouse.path.parent), variables({**key, **place.as_variables()}):
        config.reload()
        sender = Sender(project)
        site = Site.over(place, project, page_settings(), Keys(secret_of()), sender=sender)
        server = Server(site, bound(HOST, None), token=None, log=lambda *_: None)

        def ready() -> None:
            out.print(
                f"Open http://{HOST}:{server.port}/ in a browser: what tonight's push would do, to approve, to send, and to take back;",
                markup=False,
                soft_wrap=True,
            )
            out.print("every lead's story, the conflicts, and every run. Ctrl-C ends it.", markup=False)

        out.print("The page is being made ...", markup=False)
        server.run(ready)
        sender.stop()
    config.reload()
