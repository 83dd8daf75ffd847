"""The settings of the warehouse and of dbt."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from connector import parsing
from connector.config.lookup import (
    anchored,
    found_at,
    merged,
    named,
    origin,
    parsed,
    refuse_unknown_in,
    value,
)
from connector.errors import ConfigError
from connector.warehouse.engines import ENGINES, NOT_YET

NAMES = [f"`{name}`" for name in ENGINES]
SECRETS = (
    "password",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "token",
    "private_key",
    "private_key_passphrase",
)
"""Entries of a table of credentials that no file but secrets.toml may have."""
_TOKEN = re.compile(r"[;?&]token=")
"""In an address that has a token."""
HISTORY_DAYS = 7
SETTINGS: dict[str, tuple[str, str]] = {
    "warehouse.destination": (
        NAMES[0],
        f"{', '.join(NAMES[:-1])} or {NAMES[-1]}. This one setting switches loading, modelling and the journal together.",
    ),
    **{engine.credentials: engine.told for engine in ENGINES.values()},
    "warehouse.snapshot": (
        "false",
        (
            "Whether `leadloop run` leaves a [snapshot](warehouse.md#a-snapshot-for-readers) of a warehouse in files when it ends: a copy "
            "that notebooks and SQL clients hold open as long as they like."
        ),
    ),
    "warehouse.history_days": (
        str(HISTORY_DAYS),
        (
            "So many days, at least, `leadloop maintain` keeps the snapshots of a [lake](engines.md#ducklake), old states of its tables, "
            "which DuckDB shows with `at (timestamp => …)`, and the old versions of Delta tables. 0 keeps the newest one alone. The models' history of leads does not depend on it."
        ),
    ),
    "dbt.project": (
        "none",
        (
            "The folder of the dbt project, if it is neither `./dbt_models` nor the current folder. `packaged` is the one "
            "that comes with leadloop. The option `--dbt-project` wins."
        ),
    ),
    "dbt.profile": (
        "`profile` in `dbt_project.yml`",
        "The profile in `profiles.yml`. It must name the warehouse that leadloop opens. dbt's `DBT_PROFILE` counts too.",
    ),
    "dbt.target": (
        "`target` in `profiles.yml`",
        "The target of the profile, such as `dev` or `prod`. dbt's `DBT_TARGET` counts too.",
    ),
    "dbt.profiles_dir": (
        "where dbt looks",
        (
            "The folder of `profiles.yml`. If it is not set, leadloop looks where dbt does: `DBT_PROFILES_DIR`, the folder of the "
            "dbt project, the current folder, `~/.dbt`."
        ),
    ),
    "dbt.vars": (
        "none",
        'Variables for dbt, as a table: `[dbt.vars]` with `region = "east"`. In the environment: a JSON object.',
    ),
    "ledger.archive_days": (
        "none: for ever",
        (
            "So many days, at least, what was sent stays in `leadloop.push_journal_archive`, and so in `push_outcomes`. What a "
            "later push depends on is not in the archive, and stays for ever. Rows of `leadloop.reads` on which no extraction "
            "depends stay as long, and 400 days if nothing is set."
        ),
    ),
    "ledger.approval_key": (
        "none",
        (
            "The secret by which approvals of plans are signed and checked, at least 16 characters, the same wherever plans are "
            "approved and sent: in `.dlt/secrets.toml` or the environment. Only a push with `approval` or `approve_above` needs it."
        ),
    ),
    "ledger.approval_hours": (
        "24",
        "So many hours an approval of a plan is good for.",
    ),
}
"""What is set beside the CRMs, as docs/settings.md tells it: (default, meaning), both Markdown."""


SHORTEST_KEY = 16
"""Characters of a key by which approvals are signed."""
APPROVAL_HOURS = 24


def destination() -> str:
    """``warehouse.destination``: the name of an engine, the first one if unset. ``ConfigError`` also for misspelt names beside it."""
    _refuse_unknown()
    raw = value("warehouse.destination")
    if raw is None:
        return next(iter(ENGINES))
    if raw in NOT_YET:
        what, then = NOT_YET[raw]
        raise ConfigError(
            f"{named('warehouse.destination')} is {raw}, and {what}",
            f"{then}, and have leadloop's own warehouse in one of {', '.join(ENGINES)}: docs/engines.md says more.",
        )
    return str(parsed("warehouse.destination", parsing.choice(*ENGINES), raw))


def leaves_snapshot() -> bool:
    """``warehouse.snapshot``: whether a run leaves a copy for readers."""
    _refuse_unknown()
    found = value("warehouse.snapshot")
    return found is not None and bool(parsed("warehouse.snapshot", parsing.flag, found))


def history_days() -> timedelta:
    """``warehouse.history_days``: how long an engine that keeps old states of its tables has to keep them."""
    _refuse_unknown()
    found = value("warehouse.history_days")
    return timedelta(
        days=HISTORY_DAYS
        if found is None
        else parsed("warehouse.history_days", parsing.count(0, 36_500), found)
    )


def credentials(name: str) -> Any:
    """``destination.<name>.credentials`` as dlt defines it: a URL or path as text, a table, or ``None`` when unset.

    A table may be spread over the places where settings are (``DESTINATION__POSTGRES__CREDENTIALS__HOST``, the password in
    secrets.toml); with a text below it, that text is its entry ``url``. Holds a password: never show it.
    """
    setting = f"destination.{name}.credentials"
    for provider, found in found_at(setting):
        if not provider.supports_secrets and _has_password(found):
            raise ConfigError(
                f"A secret of {named(setting)} stands in config.toml.", "Move it to .dlt/secrets.toml."
            )
    return merged(setting, text_entry="url")


def origins() -> dict[str, str]:
    """Where each setting of the warehouse is from, by its name."""
    names = ("warehouse.destination", f"destination.{destination()}.credentials")
    return {name: origin(name) or "default" for name in names}


@dataclass(frozen=True, slots=True)
class DbtSettings:
    """How dbt is called; what is not set here is as dbt itself would have it."""

    profile: str | None = None
    target: str | None = None
    profiles_dir: Path | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)


def dbt() -> DbtSettings:
    """``dbt.profile``, ``dbt.target``, ``dbt.profiles_dir`` and ``dbt.vars``. ``ConfigError`` for what none of them can be."""
    _refuse_unknown_of_dbt()
    folder = _text("dbt.profiles_dir")
    if folder is not None:
        profiles_dir = anchored("dbt.profiles_dir", folder).absolute()
        if not (profiles_dir / "profiles.yml").is_file():
            raise ConfigError(f"{named('dbt.profiles_dir')}: there is no profiles.yml in {profiles_dir}.")
    else:
        profiles_dir = None
    variables = merged("dbt.vars", as_table=parsing.values)
    if variables is not None:
        variables = parsed("dbt.vars", parsing.values, variables)
    return DbtSettings(_text("dbt.profile"), _text("dbt.target"), profiles_dir, variables or {})


def archive_days() -> timedelta | None:
    """``ledger.archive_days``: how long rows stay in the archive of the journal; ``None``: for ever."""
    _refuse_unknown_of_ledger()
    found = value("ledger.archive_days")
    if found is None:
        return None
    return timedelta(days=parsed("ledger.archive_days", parsing.count(1, 36_500), found))


def approval_key() -> str | None:
    """``ledger.approval_key``, a secret: never show it; ``None`` where it is not set."""
    _refuse_unknown_of_ledger()
    found = value("ledger.approval_key", secret=True)
    if found is None:
        if value("ledger.approval_key") is not None:
            raise ConfigError(
                f"{named('ledger.approval_key')} stands in config.toml.", "Move it to .dlt/secrets.toml."
            )
        return None
    if not isinstance(found, str) or len(found.strip()) < SHORTEST_KEY:
        raise ConfigError(
            f"{named('ledger.approval_key')} must be a text of at least {SHORTEST_KEY} characters."
        )
    return found.strip()


def approval_age() -> timedelta:
    """``ledger.approval_hours``: how long an approval is good."""
    _refuse_unknown_of_ledger()
    found = value("ledger.approval_hours")
    hours = (
        APPROVAL_HOURS if found is None else parsed("ledger.approval_hours", parsing.count(1, 8_760), found)
    )
    return timedelta(hours=hours)


def _refuse_unknown_of_ledger() -> None:
    refuse_unknown_in("ledger", (), ["archive_days", "approval_key", "approval_hours"])


def _text(setting: str) -> str | None:
    found = value(setting)
    if found is None or isinstance(found, str):
        return found
    raise ConfigError(f"{named(setting)} must be a text.")


def _refuse_unknown_of_dbt() -> None:
    refuse_unknown_in("dbt", (), ["project", "profile", "target", "profiles_dir", "vars"])


def dbt_project() -> Path | None:
    """``dbt.project``: the folder of the dbt project, ``packaged`` for the one that comes with leadloop, ``None`` when unset."""
    _refuse_unknown_of_dbt()
    found = value("dbt.project")
    if found is None or found == "packaged":
        return found if found is None else Path(found)
    if not isinstance(found, str):
        raise ConfigError(f"{named('dbt.project')} must be a folder's path.")
    return anchored("dbt.project", found)


def _has_password(found: Any) -> bool:
    if isinstance(found, Mapping):
        addresses = (found.get("catalog"), found.get("url"))
        return any(found.get(name) for name in SECRETS) or any(map(_has_password, addresses))
    if not isinstance(found, str) or "://" not in found:
        return False
    return bool(urlsplit(found).password or _TOKEN.search(found))


def _refuse_unknown() -> None:
    """The same as for a CRM. Below ``destination`` only our engines are looked at, by dlt's own names."""
    refuse_unknown_in("warehouse", (), ["destination", "snapshot", "history_days"])
    for engine in ENGINES.values():
        refuse_unknown_in("destination", (engine.name,), [*engine.options])
        refuse_unknown_in("destination", (engine.name, "credentials"), [*engine.parts, *engine.more_parts])
