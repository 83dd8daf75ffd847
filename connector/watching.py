"""Whoever the settings say is to be told of what happens: alerts, traces, lineage. Nothing of them is imported unless they do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from connector import events
from connector.alerts import settings as alerts
from connector.lineage import settings as lineage
from connector.telemetry import settings as telemetry

if TYPE_CHECKING:
    from connector.warehouse.connection import Warehouse

SETTINGS: dict[str, tuple[str, str]] = {**alerts.SETTINGS, **telemetry.SETTINGS, **lineage.SETTINGS}
"""What is set about them, as docs/settings.md tells it: (default, meaning)."""

NEEDS = "pip install 'leadloop[{}]'"

_WATCHING: list[events.Watcher] = []


def begin(warehouse: "Warehouse", say: Callable[[str], None] = lambda _sentence: None) -> None:
    """Has them watch from now on, once per process. ``say``: told, in a sentence, what could not be told to them.

    ``ConfigError`` for settings that are wrong.
    """
    if _WATCHING:
        return
    for watcher in _wanted(warehouse, say):
        _WATCHING.append(watcher)
        events.watch(watcher)


def close() -> None:
    """Lets them finish: what they have collected is sent."""
    while _WATCHING:
        watcher = _WATCHING.pop()
        events.unwatch(watcher)
        watcher.close()


@contextmanager
def watching(warehouse: "Warehouse", say: Callable[[str], None] = lambda _sentence: None) -> Iterator[None]:
    """For a program that calls the stages itself: as the command does it."""
    begin(warehouse, say)
    try:
        yield
    finally:
        close()


def _wanted(warehouse: "Warehouse", say: Callable[[str], None]) -> Iterator[events.Watcher]:
    if addresses := alerts.urls():
        from connector.alerts.watcher import Alerts

        yield Alerts(warehouse, addresses, say, alerts.longer_than())
    if (destination := telemetry.destination()) is not None:
        try:
            from connector.telemetry.sending import Sent
        except ImportError:
            say(f"No telemetry is sent: a library is missing. Run: {NEEDS.format('otel')}")
        else:
            yield Sent(destination, say)
    if (events_to := lineage.destination()) is not None:
        try:
            from connector.lineage.watcher import Lineage
        except ImportError:
            say(f"No lineage is sent: a library is missing. Run: {NEEDS.format('openlineage')}")
        else:
            yield Lineage(warehouse, events_to, say)
