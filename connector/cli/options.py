"""Options that several commands have, and how their values are read."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector import logs
from connector.cli.output import err, write_private
from connector.errors import ConfigError

if TYPE_CHECKING:
    from connector.push import Plan
    from connector.warehouse.connection import Warehouse


Json = Annotated[
    bool, typer.Option("--json", help="Write one JSON document to stdout; docs/json.md describes it.")
]
Project = Annotated[
    Path | None,
    typer.Option(
        "--dbt-project",
        help="The folder of the dbt project. Default: the setting dbt.project, else ./dbt_models, else this folder. `packaged` is the one that comes with leadloop.",
    ),
]
Crm = Annotated[str | None, typer.Option("--crm", help="Read only this CRM. Default: all that are set up.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Send at most N leads.")]
Start = Annotated[
    str | None, typer.Option("--start", help="Read from this time on: 2026-11-01 or 2026-11-01T09:30, UTC.")
]
End = Annotated[
    str | None,
    typer.Option(
        "--end", help="Read up to this time. A CRM that lists its leads from the newest edit on takes none."
    ),
]
Filter = Annotated[
    list[str] | None,
    typer.Option("--filter", help="Add a search filter of the CRM, such as list_id=333. Repeatable."),
]
Yes = Annotated[
    bool,
    typer.Option(
        "--yes",
        "-y",
        help="Send without asking, but for values that would be replaced for the first time (see --first).",
    ),
]
First = Annotated[
    bool,
    typer.Option(
        "--first",
        help="Agree, once, to replace values in fields to which nothing was ever sent, as far as the warehouse knows.",
    ),
]
Save = Annotated[
    Path | None,
    typer.Option("--save", help="Save the plan in this file, so that exactly it can be approved and sent."),
]
Mask = Annotated[
    bool, typer.Option("--mask", help="Hide the values of leads, and the keys of leads to be added.")
]


def _text(metavar: str, meaning: str) -> Any:
    return Annotated[str | None, typer.Option(metavar=metavar, help=meaning)]


_WAIT = Annotated[
    float | None,
    typer.Option(
        "--wait",
        metavar="SECONDS",
        min=0,
        help="Wait so long for another run's lock, or for a DuckDB file that another process holds. Default: don't wait.",
    ),
]
_ENV = {
    "env": (
        "LEADLOOP_ENV",
        _text(
            "NAME",
            "Use the settings of this environment, such as dev: .dlt/dev.config.toml and .dlt/dev.secrets.toml.",
        ),
    )
}
_DBT = {
    "dbt_profile": (
        "DBT__PROFILE",
        _text("NAME", "The profile of dbt's to use. Default: the one that the dbt project names."),
    ),
    "dbt_target": (
        "DBT__TARGET",
        _text("NAME", "The target of the profile, such as prod. Default: the profile's own."),
    ),
    "dbt_profiles_dir": (
        "DBT__PROFILES_DIR",
        _text("DIR", "The folder of profiles.yml. Default: where dbt looks for it."),
    ),
    "dbt_vars": ("DBT__VARS", _text("JSON", """Variables for dbt, as JSON: '{"region": "east"}'.""")),
}
"""Option -> the variable of the environment that it sets for this one command, and how it is told."""


def with_env(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options that say in which environment it works, and how long it waits for others."""
    return _with(_ENV, command)


def with_dbt(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options that say how dbt is called and in which environment, and how long it waits for others."""
    return _with(_DBT | _ENV, command)


def with_dbt_unlocked(command: Callable[..., None]) -> Callable[..., None]:
    """The same for a command that takes no lock, and so waits for nobody."""
    return _with(_DBT | _ENV, command, waits=False)


def with_logs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the option that says how messages are written."""

    @wraps(command)
    def called(**given: Any) -> None:
        logs.use(given.pop("log_format"))
        command(**given)

    form = Annotated[
        logs.Format,
        typer.Option(
            logs.OPTION,
            envvar=logs.VARIABLE,
            help="Write messages for people, or each as one line of JSON with time, level and run id.",
        ),
    ]
    return _more_options(called, command, {"log_format": (form, logs.Format.text)})


def _with(
    options: Mapping[str, tuple[str, Any]], command: Callable[..., None], *, waits: bool = True
) -> Callable[..., None]:
    @wraps(command)
    def called(**given: Any) -> None:
        from connector.config import variables

        values = {variable: given.pop(name, None) for name, (variable, _) in options.items()}
        patience = _patience(given.pop("wait", None))
        with variables({name: value for name, value in values.items() if value is not None}), patience:
            if any(values.values()):
                _check_settings()
            command(**given)

    kinds = {**({"wait": _WAIT} if waits else {}), **{name: kind for name, (_, kind) in options.items()}}
    return _more_options(called, command, {name: (kind, None) for name, kind in kinds.items()})


def _more_options(
    called: Callable[..., None], command: Callable[..., Any], more: Mapping[str, tuple[Any, Any]]
) -> Callable[..., None]:
    """The function with the parameters of a command and more of them: name -> (kind, default)."""
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in more.items()
    ]
    own = inspect.signature(command)
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own.parameters.values()]
    called.__signature__ = own.replace(parameters=[*parameters, *added])  # type: ignore[attr-defined]
    called.__annotations__ = {**command.__annotations__, **{name: kind for name, (kind, _) in more.items()}}
    return called


def _patience(seconds: float | None) -> AbstractContextManager[None]:
    if not seconds:
        return nullcontext()
    from connector.cli.output import err
    from connector.warehouse.waiting import waiting

    return waiting(seconds, lambda sentence: err.print(sentence, markup=False, soft_wrap=True))


def _check_settings() -> None:
    """What is wrong about these options is told before anything is opened."""
    from connector.warehouse.settings import dbt

    dbt()


def save_plan(made: "Plan", path: Path, *, mask: bool = False) -> None:
    """Writes a plan as ``push --plan`` reads it; nobody but its owner can read it, since it holds values of leads."""
    from connector.render.document import pieces
    from connector.render.plan_document import plan_document

    if mask:
        raise ConfigError("A masked plan can't be sent, so it isn't saved: leave out --mask or --save.")
    write_private(path, pieces(plan_document(made)))
    err.print(f"Wrote {path}.", markup=False)


def warehouse() -> "Warehouse":
    """The warehouse of the settings; whoever they say is to be told of what happens is told from now on."""
    from connector import watching
    from connector.cli.output import err
    from connector.warehouse.connection import Warehouse

    opened = Warehouse.open()
    watching.begin(opened, lambda sentence: logs.warn(err, sentence))
    return opened


def instant(option: str, text: str | None) -> datetime | None:
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


def interval(start: str | None, end: str | None) -> tuple[datetime | None, datetime | None]:
    """What --start and --end say; ``ConfigError`` for an interval in which no lead can have been edited."""
    from connector.extract.windows import check_interval

    first, last = instant("--start", start), instant("--end", end)
    check_interval(first, last, (f"--start {start}", f"--end {end}"))
    if first and first > datetime.now(UTC):
        raise ConfigError(f"--start {start} lies in the future, where no lead was edited yet.")
    return first, last


def filters_of(given: list[str] | None) -> dict[str, str]:
    filters = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ConfigError(f"--filter must be name=value, such as list_id=333, not {text!r}.")
        filters[name] = value
    return filters
