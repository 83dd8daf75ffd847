"""The settings of alerts: whom to tell, and when a run took too long."""

import json
from datetime import timedelta
from typing import Any

from connector.config.lookup import found_at, named, parsed, refuse_unknown_in
from connector.errors import ConfigError
from connector.parsing import Secret, WrongValueError, duration

URLS = "alerts.urls"
LONGER_THAN = "alerts.longer_than"
SETTINGS: dict[str, tuple[str, str]] = {
    URLS: (
        "none, secret",
        (
            "Whom to tell when something stops and when it works again: addresses as a list, such as "
            '`["slack://TokenA/TokenB/TokenC", "mailto://user:password@example.com"]`; in the environment with blanks between them. '
            "[alerts.md](alerts.md) says more. Needs `pip install 'leadloop[alerts]'`."
        ),
    ),
    LONGER_THAN: (
        "none",
        "Also warn when an extraction, a build, a push or a whole run took longer than this, such as `45m`, `2h` or `1d12h`.",
    ),
}
"""As docs/settings.md tells it: (default, meaning)."""


def urls() -> tuple[Secret, ...]:
    """``alerts.urls``; empty where it is not set. Each address holds a token or a password."""
    refuse_unknown_in("alerts", (), ["urls", "longer_than"])
    for provider, found in found_at(URLS):
        if not provider.supports_secrets:
            raise ConfigError(f"{named(URLS)} stands in config.toml.", "Move it to .dlt/secrets.toml.")
        return tuple(map(Secret, parsed(URLS, _addresses, found)))
    return ()


def longer_than() -> timedelta | None:
    """``alerts.longer_than``; ``None`` where it is not set."""
    for _, found in found_at(LONGER_THAN):
        return parsed(LONGER_THAN, duration, found)  # type: ignore[no-any-return]
    return None


def _addresses(value: Any) -> list[str]:
    given = value
    if isinstance(given, str):
        try:
            given = json.loads(given) if given.lstrip().startswith("[") else given.split()
        except ValueError:
            given = None
    if not isinstance(given, list) or not all(isinstance(each, str) and "://" in each for each in given):
        raise WrongValueError("must be a list of addresses such as slack://TokenA/TokenB/TokenC")
    return given
