"""The one setting of alerts: whom to tell."""

import json
from typing import Any

from connector.config.lookup import found_at, named, parsed, refuse_unknown_in
from connector.errors import ConfigError
from connector.parsing import Secret, WrongValueError

URLS = "alerts.urls"
SETTINGS: dict[str, tuple[str, str]] = {
    URLS: (
        "none, secret",
        (
            "Whom to tell when something stops and when it works again: addresses as a list, such as "
            '`["slack://TokenA/TokenB/TokenC", "mailto://user:password@example.com"]`; in the environment with blanks between them. '
            "[alerts.md](alerts.md) says more. Needs `pip install 'leadloop[alerts]'`."
        ),
    ),
}
"""As docs/settings.md tells it: (default, meaning)."""


def urls() -> tuple[Secret, ...]:
    """``alerts.urls``; empty where it is not set. Each address holds a token or a password."""
    refuse_unknown_in("alerts", (), ["urls"])
    for provider, found in found_at(URLS):
        if not provider.supports_secrets:
            raise ConfigError(f"{named(URLS)} stands in config.toml.", "Move it to .dlt/secrets.toml.")
        return tuple(map(Secret, parsed(URLS, _addresses, found)))
    return ()


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
