"""The command itself: its exit codes, what every command shares, and the entry point that turns errors into messages."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from connector import logs
from connector.cli import absent
from connector.cli.options import with_logs
from connector.cli.output import err, fail
from connector.cli.streams import Streams, unfailing
from connector.errors import EXIT_CODES, ConfigError, LeadloopError, disk_full, is_debugging, place_of

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])

ENDS_WITH = {
    "init": (0, 1, 2),
    "sandbox": (0, 1, 2),
    "demo": (0, 1, 2, 4, 5),
    "check": (0, 1, 2, 3, 5),
    "extract": (0, 1, 2, 3, 5),
    "build": (0, 1, 2, 5),
    "plan": (0, 1, 2, 4, 5),
    "preview": (0, 1, 2, 4, 5),
    "approve": (0, 1, 2, 4, 5),
    "push": (0, 1, 2, 3, 4, 5),
    "run": (0, 1, 2, 3, 4, 5),
    "status": (0, 1, 2, 5),
    "resolve": (0, 1, 2, 5),
    "undo": (0, 1, 2, 3, 4, 5),
    "release": (0, 1, 2, 5),
    "move": (0, 1, 2, 4, 5),
    "maintain": (0, 1, 2, 5),
    "serve": (0, 1, 2),
    "snapshot": (0, 1, 2, 5),
    "notebook": (0, 1, 2),
}
"""The exit codes of each command, for docs/cli.md."""
SHOW_ONLY = ("check", "plan", "preview", "status")
"""Commands that do nothing but show something."""
_COMMAND: list[str | None] = []
"""The last is the one that is under way."""


class App(typer.Typer):
    """All commands; each has the option ``--log-format`` beside its own."""

    def command(self, *args: Any, **given: Any) -> Callable[[CommandFunction], CommandFunction]:
        register = super().command(*args, **given)

        def registered(function: CommandFunction) -> CommandFunction:
            register(with_logs(function))
            return function

        return registered


app = App(
    name="leadloop",
    help="Read leads from a CRM into a warehouse, say in SQL what should be different, send exactly those fields back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=f"Exit codes: {', '.join(f'{code} {meaning}' for code, meaning in EXIT_CODES.items())}.",
)


def main() -> None:
    """The entry point: every error becomes one message on stderr and an exit code, never a bare traceback."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    signal.signal(signal.SIGTERM, _terminated)
    absent.remember("pandas")
    if logs.asked(sys.argv[1:], os.environ):
        logs.use(logs.Format.json)
    with unfailing() as streams:
        try:
            _ended()
        except SystemExit as ended:
            _say_lost(streams, ended)
            raise


def _ended() -> NoReturn:
    """Ends with the exit code of what the command line asks for; an error becomes a message."""
    try:
        sys.exit(_watched(_run))
    except LeadloopError as error:
        fail(error)
    except KeyboardInterrupt:
        err.print(
            "Interrupted; what was recorded stays recorded, and the next run goes on from there.",
            level="error",
        )
        sys.exit(130)
    except Exception as error:
        if is_debugging():
            raise
        if (known := _explained(error)) is not None:
            fail(known)
        err.print(
            f"Unexpected error: {type(error).__name__} at {place_of(error)}. Run again; if it goes on, LEADLOOP_DEBUG=1 shows "
            "the whole trace, which may hold values of leads.",
            markup=False,
            soft_wrap=True,
            level="error",
        )
        sys.exit(1)


def _say_lost(streams: Streams, ended: SystemExit) -> None:
    """Where stdout took less than was printed: what a command did is done, but one that only shows something has failed."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    if streams.lost is None:
        return
    err.print(f"The output could not be written: {streams.lost.strerror}.", markup=False, level="error")
    if _COMMAND and _COMMAND[-1] in SHOW_ONLY and not ended.code:
        ended.code = 1


def _explained(error: Exception) -> LeadloopError | None:
    """What an error means that no stage has explained, where it is about a full disk or about the warehouse as a whole."""
    if (full := disk_full(error)) is not None:
        return full
    if "connector.warehouse.connection" not in sys.modules:
        return None
    from connector.warehouse.connection import Warehouse

    with suppress(Exception):
        return Warehouse.open().explained(error)
    return None


def _watched(run: Callable[[], int]) -> int:
    """Whoever was told of what happened has all of it before the command ends."""
    try:
        return run()
    finally:
        if "connector.watching" in sys.modules:
            sys.modules["connector.watching"].close()


def _run() -> int:
    """Understands the command line and does what it says; as JSON, what is wrong with it is a message like any other."""
    if not logs.is_json():
        app()
    try:
        return app(standalone_mode=False) or 0
    except typer.Abort:
        err.print("Aborted.", level="error")
        return 1
    except Exception as error:
        # What is raised is of a module that typer doesn't show: its own copy of click.
        if not hasattr(error, "format_message"):
            raise
        err.print(error.format_message(), markup=False, level="error")
        return int(getattr(error, "exit_code", 2))


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    folders: Annotated[
        list[Path] | None,
        typer.Option(
            "-C",
            metavar="DIR",
            help="Work in this folder, as if you had started the command there. A second -C is relative to the first.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)
    ] = False,
) -> None:
    _COMMAND.append(context.invoked_subcommand)
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
    if "connector.config" in sys.modules:
        from connector import config

        config.reload()


def _terminated(_signal: int, _frame: Any) -> NoReturn:
    raise KeyboardInterrupt
