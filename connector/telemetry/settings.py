"""Whether telemetry is wanted, and where it goes. OpenTelemetry's own variables count as they do everywhere else."""

import os
from dataclasses import dataclass, field
from typing import Any

from connector import crm, parsing
from connector.config.lookup import found_at, merged, named, parsed, refuse_unknown_in, value
from connector.errors import ConfigError
from connector.parsing import Secret

ENDPOINT, HEADERS, PRICES = "telemetry.endpoint", "telemetry.headers", "telemetry.call_prices"
SETTINGS: dict[str, tuple[str, str]] = {
    ENDPOINT: (
        "none: nothing is sent",
        (
            "Where traces, metrics and logs of runs are sent: the address of a collector that speaks OTLP over HTTP, such as "
            "`http://localhost:4318`. OpenTelemetry's `OTEL_…` variables count too. [telemetry.md](telemetry.md) says more. Needs "
            "`pip install 'leadloop[otel]'`."
        ),
    ),
    HEADERS: (
        "none, secret",
        'Headers that the collector wants, as a table: `[telemetry.headers]` with `api-key = "…"`. In the environment: a JSON object.',
    ),
    PRICES: (
        "none: no costs",
        (
            "What one call to a CRM costs you, in a currency of your choice, as a table: `[telemetry.call_prices]` with "
            "`<crm> = 0.002`. The metric `leadloop.cost` adds it up. In the environment: a JSON object."
        ),
    ),
}
"""As docs/settings.md tells it: (default, meaning)."""
STANDARD = tuple(f"OTEL_EXPORTER_OTLP{part}_ENDPOINT" for part in ("", "_TRACES", "_METRICS", "_LOGS"))


@dataclass(frozen=True, slots=True)
class Destination:
    """Where telemetry goes; what is ``None`` is as OpenTelemetry's variables say."""

    endpoint: str | None = None
    headers: dict[str, Secret] | None = field(default=None, repr=False)
    prices: dict[str, float] = field(default_factory=dict)
    """CRM -> what one call to it costs."""


def destination() -> Destination | None:
    """``None`` where no telemetry is wanted. ``ConfigError`` for an address that is none."""
    refuse_unknown_in("telemetry", (), ["endpoint", "headers", "call_prices"])
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    endpoint = value(ENDPOINT)
    if endpoint is not None:
        return Destination(parsed(ENDPOINT, _address, endpoint), _headers(), _prices())
    if any(os.environ.get(name) for name in STANDARD):
        return Destination(prices=_prices())
    return None


def _headers() -> dict[str, Secret] | None:
    for provider, _ in found_at(HEADERS):
        if not provider.supports_secrets:
            raise ConfigError(f"{named(HEADERS)} stands in config.toml.", "Move it to .dlt/secrets.toml.")
    found = merged(HEADERS)
    if found is None:
        return None
    return {name: Secret(str(text)) for name, text in parsed(HEADERS, parsing.table, found).items()}


def _prices() -> dict[str, float]:
    """Of CRMs that there are."""
    found: dict[str, float] = parsed(PRICES, _numbers, merged(PRICES) or {})
    known = crm.names()
    for name in found:
        if name not in known:
            raise ConfigError(parsing.no_such("CRM", name, known), f"Correct the name in {PRICES}.")
    return found


def _numbers(given: Any) -> dict[str, float]:
    """``WrongValueError`` for what is no price."""
    found = {name: parsing.number(text) for name, text in parsing.table(given).items()}
    for name, price in found.items():
        if price < 0:
            raise parsing.WrongValueError(f"must hold prices of 0 or more, and that of {name!r} is less")
    return found


def _address(given: Any) -> str:
    if not isinstance(given, str) or not given.startswith(("http://", "https://")):
        raise parsing.WrongValueError("must be the address of a collector, such as http://localhost:4318")
    return given.rstrip("/")
