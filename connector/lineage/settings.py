"""Whether lineage is wanted, and where it goes. OpenLineage's own variables count as they do everywhere else."""

import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from connector.config.lookup import anchored, found_at, named, parsed, refuse_unknown_in, value
from connector.errors import ConfigError
from connector.parsing import Secret, WrongValueError, secret

URL, KEY, NAMESPACE = "lineage.url", "lineage.api_key", "lineage.namespace"
SETTINGS: dict[str, tuple[str, str]] = {
    URL: (
        "none: nothing is sent",
        (
            "Where OpenLineage events are sent: the address of a service such as Marquez, `http://localhost:5000`, or a file, "
            "`file:lineage.jsonl`, to which they are added line by line. OpenLineage's `OPENLINEAGE_…` variables count too. "
            "[lineage.md](lineage.md) says more. Needs `pip install 'leadloop[openlineage]'`."
        ),
    ),
    KEY: ("none, secret", "The key of that service, if it wants one."),
    NAMESPACE: (
        "`leadloop`",
        "The namespace of leadloop's jobs. OpenLineage's `OPENLINEAGE_NAMESPACE` counts too.",
    ),
}
"""As docs/settings.md tells it: (default, meaning)."""
STANDARD = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "OPENLINEAGE__TRANSPORT__TYPE")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where events go: to an address or into a file; where neither is named, as OpenLineage's variables say."""

    namespace: str
    address: str | None = None
    file: str | None = None
    key: Secret | None = field(default=None, repr=False)


def destination() -> Destination | None:
    """``None`` where no lineage is wanted. ``ConfigError`` for an address that is none."""
    refuse_unknown_in("lineage", (), ["url", "api_key", "namespace"])
    if os.environ.get("OPENLINEAGE_DISABLED", "").lower() == "true":
        return None
    namespace = str(value(NAMESPACE) or os.environ.get("OPENLINEAGE_NAMESPACE") or "leadloop")
    url = value(URL)
    if url is None:
        return Destination(namespace) if any(map(os.environ.get, STANDARD)) else None
    where = parsed(URL, _where, url)
    if where.startswith("file:"):
        return Destination(namespace, file=str(anchored(URL, where.removeprefix("file:")).absolute()))
    return Destination(namespace, address=where, key=_key())


def _key() -> Secret | None:
    for provider, found in found_at(KEY):
        if not provider.supports_secrets:
            raise ConfigError(f"{named(KEY)} stands in config.toml.", "Move it to .dlt/secrets.toml.")
        key: Secret = parsed(KEY, secret, found)
        return key
    return None


def _where(given: Any) -> str:
    if isinstance(given, str):
        if given.startswith("file:") and given.removeprefix("file:").strip("/"):
            return "file:" + given.removeprefix("file:").replace("//", "/", 1).replace("//", "/")
        if given.startswith(("http://", "https://")) and urlsplit(given).netloc:
            return given
    raise WrongValueError(
        "must be an address such as http://localhost:5000, or a file as in file:lineage.jsonl"
    )
