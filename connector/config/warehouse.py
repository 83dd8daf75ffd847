"""The settings of the warehouse and of dbt."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from connector import parsing
from connector.config.lookup import (
    anchored,
    dlt_ready,
    found_at,
    merged,
    named,
    origin,
    parsed,
    refuse_unknown_in,
    value,
)
from connector.errors import ConfigError

DESTINATIONS = ("duckdb", "postgres")
SHARED_SETTINGS: dict[str, tuple[str, str]] = {
    "warehouse.destination": (
        "`duckdb`",
        "`duckdb` or `postgres`. This one setting switches loading, modelling and the journal together.",
    ),
    "destination.duckdb.credentials": (
        "`leads.duckdb`",
        (
            "The path of the database file. Its folder must exist. The file can't have the name of one of its schemas "
            "(`analytics`, `leadloop`, the `_raw` of a CRM). Only its owner can read it."
        ),
    ),
    "destination.postgres.credentials": (
        "required with `postgres`, secret",
        (
            "`postgresql://user:password@host:5432/database`, or a table with `host`, `port`, `username`, `password`, "
            "`database`. In the environment you can also set them one by one, as `DESTINATION__POSTGRES__CREDENTIALS__PASSWORD`. "
            "Needs `pip install 'leadloop[postgres]'`."
        ),
    ),
    "dbt.project": (
        "none",
        (
            "The folder of the dbt project, if it is neither `./dbt_models` nor the current folder. `packaged` is the one "
            "that comes with leadloop. The option `--dbt-project` wins."
        ),
    ),
}
"""What is set beside the CRMs, as docs/settings.md tells it: (default, meaning), both Markdown."""


def warehouse_destination() -> str:
    """``warehouse.destination``: ``duckdb`` (the default) or ``postgres``. ``ConfigError`` also for misspelt names beside it."""
    _refuse_unknown_warehouse()
    raw = value("warehouse.destination")
    return (
        str(parsed("warehouse.destination", parsing.choice(*DESTINATIONS), raw))
        if raw is not None
        else "duckdb"
    )


def destination_credentials(name: str) -> Any:
    """``destination.<name>.credentials`` as dlt defines it: a URL or path as text, a table, or ``None`` when unset.

    A table may be spread over the places where settings are (``DESTINATION__POSTGRES__CREDENTIALS__HOST``, the password in
    secrets.toml); with a text below it, that text is its entry ``url``. Holds a password: never show it.
    """
    setting = f"destination.{name}.credentials"
    for provider, found in found_at(setting):
        if not provider.supports_secrets and _has_password(found):
            raise ConfigError(
                f"The password of {named(setting)} stands in config.toml; move it to .dlt/secrets.toml."
            )
    return merged(setting, text_entry="url")


def warehouse_origins() -> dict[str, str]:
    """Where each setting of the warehouse is from, by its name."""
    names = ("warehouse.destination", f"destination.{warehouse_destination()}.credentials")
    return {name: origin(name) or "default" for name in names}


def dbt_project() -> Path | None:
    """``dbt.project``: the folder of the dbt project, ``packaged`` for the one that comes with leadloop, ``None`` when unset."""
    refuse_unknown_in("dbt", (), ["project"])
    found = value("dbt.project")
    if found is None or found == "packaged":
        return found if found is None else Path(found)
    if not isinstance(found, str):
        raise ConfigError(f"{named('dbt.project')} must be a folder's path.")
    return anchored("dbt.project", found)


def _has_password(credentials: Any) -> bool:
    if isinstance(credentials, Mapping):
        return bool(credentials.get("password"))
    return bool(isinstance(credentials, str) and "://" in credentials and urlsplit(credentials).password)


def _refuse_unknown_warehouse() -> None:
    """The same as for a CRM. Below ``destination`` only our engines are looked at, by dlt's own names."""
    refuse_unknown_in("warehouse", (), ["destination"])
    for engine in DESTINATIONS:
        spec = getattr(dlt_ready().destinations, engine)().spec.get_resolvable_fields()
        refuse_unknown_in("destination", (engine,), list(spec))
        parts = list(spec["credentials"].get_resolvable_fields())
        refuse_unknown_in("destination", (engine, "credentials"), parts)
