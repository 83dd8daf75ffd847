"""Sends a message to everybody whom the settings name, through apprise."""

import logging
from collections.abc import Sequence
from typing import Literal

from connector.config import named
from connector.parsing import Secret

NEEDS = "pip install 'leadloop[alerts]'"
Level = Literal["ok", "warned", "critical"]


def problems(urls: Sequence[Secret]) -> list[str]:
    """What is wrong with the addresses, as far as it shows without sending anything; none of them is ever shown."""
    try:
        import apprise
    except ImportError:
        return [f"{named('alerts.urls')} is set, and the library that sends alerts is missing. Run: {NEEDS}"]
    with _Silent():
        return [
            f"{named('alerts.urls')}: address {place} of {len(urls)} is of no known kind, or not whole."
            for place, url in enumerate(urls, 1)
            if apprise.Apprise.instantiate(url.reveal(), suppress_exceptions=True) is None
        ]


def send(urls: Sequence[Secret], title: str, body: str, level: Level) -> list[str]:
    """Sends it to each address; returns a sentence for each that did not take it, as many as there are addresses if none did."""
    try:
        import apprise
    except ImportError:
        return problems(urls) * len(urls)
    kinds = {
        "ok": apprise.NotifyType.SUCCESS,
        "warned": apprise.NotifyType.WARNING,
        "critical": apprise.NotifyType.FAILURE,
    }
    failed = []
    with _Silent():
        for place, url in enumerate(urls, 1):
            try:
                one = apprise.Apprise()
                taken = one.add(url.reveal()) and one.notify(
                    title=title, body=body, notify_type=kinds[level], body_format=apprise.NotifyFormat.TEXT
                )
            except Exception:
                taken = False
            if not taken:
                failed.append(
                    f"An alert could not be sent to address {place} of {len(urls)} in {named('alerts.urls')}. The next run tries again."
                )
    return failed


class _Silent:
    """What apprise logs may show an address, and so a token."""

    def __enter__(self) -> None:
        self._logger = logging.getLogger("apprise")
        self._before = self._logger.disabled
        self._logger.disabled = True

    def __exit__(self, *_: object) -> None:
        self._logger.disabled = self._before
