"""Whether a push goes on calling: what turns it off, and the signals that do."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import FrameType

from connector.crm.base import Outcome
from connector.errors import CallsUsedError


class Switch:
    """Says whether to go on calling; once it is off it stays off, and knows why. Shared by all threads."""

    def __init__(self, patience: int) -> None:
        # Re-entrant: a signal handler runs in the middle of whatever the main thread does, also in here.
        self._lock = threading.RLock()
        self._patience = patience
        self._failed = 0
        self.off: str | None = None
        self.until: datetime | None = None
        """When there are calls again, if that is why it is off."""
        self.interrupted = False
        self.harmed = False

    def turn_off(self, why: str) -> None:
        with self._lock:
            self.off = self.off or why

    def wait_for(self, used_up: CallsUsedError) -> None:
        """The day's calls are used up."""
        with self._lock:
            self.until = used_up.new_at if self.off is None else self.until
            self.turn_off(used_up.sentence)

    def interrupt(self) -> None:
        self.interrupted = True
        self.turn_off("the run was interrupted")

    def heard(self, outcomes: Sequence[Outcome]) -> None:
        """Counts calls that look like trouble between here and the CRM; an answer about a lead itself ends the count."""
        with self._lock:
            failed = all(outcome.state in ("deferred", "unknown") for outcome in outcomes)
            self._failed = self._failed + 1 if failed else 0
            reasons = [outcome.reason for outcome in outcomes if outcome.reason]
            self.harmed |= any(outcome.harm for outcome in outcomes)
            if self.off is None:
                self.until = next((outcome.until for outcome in outcomes if outcome.until), None)
            if any(outcome.breaks or outcome.harm for outcome in outcomes):
                self.turn_off(
                    next((each.reason for each in outcomes if (each.breaks or each.harm) and each.reason), "")
                    or "the CRM is not available"
                )
            elif self._failed >= self._patience:
                self.turn_off(
                    f"{self._failed} calls in a row failed, the last one because: "
                    f"{reasons[-1] if reasons else 'no reason was given'}"
                )


@contextmanager
def signals(switch: Switch) -> Iterator[None]:
    """The first SIGINT or SIGTERM ends the run in good order; after it signals do again what they did before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: handler
        for number in (signal.SIGINT, signal.SIGTERM)
        if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None)
    }

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def interrupt(number: int, frame: FrameType | None) -> None:
        restore()
        switch.interrupt()

    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        restore()
