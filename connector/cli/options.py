"""Options that several commands have, and how their values are read."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.errors import ConfigError

if TYPE_CHECKING:
    from connector.warehouse.connection import Warehouse


Json = Annotated[
    bool, typer.Option("--json", help="Write one JSON document to stdout; docs/json.md describes it.")
]
Project = Annotated[
    Path | None,
    typer.Option(
        "--dbt-project",
        help="The folder of the dbt project. Default: ./dbt_models, else this folder. `packaged` is the one that comes with leadloop.",
    ),
]
Crm = Annotated[str | None, typer.Option("--crm", help="Read only this CRM. Default: all that are set up.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Send at most N leads.")]
Start = Annotated[
    str | None, typer.Option("--start", help="Read from this time on: 2026-11-01 or 2026-11-01T09:30, UTC.")
]
End = Annotated[str | None, typer.Option("--end", help="Read up to this time.")]
Filter = Annotated[
    list[str] | None,
    typer.Option("--filter", help="Add a search filter of the CRM, such as list_id=333. Repeatable."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Send without asking.")]
First = Annotated[
    bool,
    typer.Option(
        "--first",
        help="Agree, once, to replace values in fields to which nothing was ever sent, as far as the warehouse knows.",
    ),
]
Mask = Annotated[bool, typer.Option("--mask", help="Hide the values of leads.")]


def warehouse() -> "Warehouse":
    from connector.warehouse.connection import Warehouse

    return Warehouse.open()


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


def filters_of(given: list[str] | None) -> dict[str, str]:
    filters = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ConfigError(f"--filter must be name=value, such as list_id=333, not {text!r}.")
        filters[name] = value
    return filters
