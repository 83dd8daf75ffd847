"""Questions about one lead after the other, that end once the CRM can't answer."""

from collections.abc import Callable
from typing import Generic, TypeVar

from connector.errors import CallsUsedError, ConfigError, LeadloopError

Wanted = TypeVar("Wanted")
Shown = TypeVar("Shown")

BREAKER = 3
"""Leads in a row that could not be read, after which the CRM is not asked about the others."""


class Look(Generic[Wanted, Shown]):
    """Asks about one lead after the other, until the CRM has failed a few times in a row."""

    def __init__(self, ask: Callable[[Wanted], Shown]) -> None:
        self._ask = ask
        self._failed = 0
        self.used_up: CallsUsedError | None = None
        """Why the CRM could not be asked, where the account has no calls left today."""

    def __call__(self, wanted: Wanted) -> Shown | None:
        """The answer; ``None`` if it can't be had now."""
        if self._failed >= BREAKER:
            return None
        try:
            found = self._ask(wanted)
        except CallsUsedError as error:
            self.used_up = error
            self._failed = BREAKER
            return None
        except ConfigError:
            self._failed = BREAKER
            return None
        except LeadloopError:
            self._failed += 1
            return None
        self._failed = 0
        return found
