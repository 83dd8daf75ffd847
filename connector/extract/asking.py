"""Asks a CRM what time it is there, before anything is asked of it that depends on the time."""

from contextlib import suppress
from typing import cast

from connector.crm.base import LeadReader, WindowReader
from connector.crm.clock import CrmClock, clock_of
from connector.errors import LeadloopError, RefusedError, UnexpectedAnswerError, UnreachableError
from connector.extract.doubts import BEFORE_ALL

NOBODY = "00000000-0000-0000-0000-000000000000"
"""The id of no lead."""


def asked_time(reader: LeadReader) -> CrmClock:
    """The CRM's clock; asks by a call of its own, for next to nothing, where no answer has told yet.

    Raises what a search raises, but not because of the answer's content, which is of no interest.
    """
    clock = clock_of(reader)
    if clock.is_known or getattr(reader, "clock", None) is None:
        return clock
    if reader.capabilities.reading == "scan":
        # A lead that isn't there may be answered with any page.
        with suppress(RefusedError, UnexpectedAnswerError, UnreachableError):
            reader.get(NOBODY)
    else:
        with suppress(RefusedError, UnexpectedAnswerError):
            cast(WindowReader, reader).search(BEFORE_ALL, limit=1)
    return clock


def try_asking(reader: LeadReader) -> None:
    """The same before something is sent: a CRM that can't be asked now won't be able to say what was edited in it, either."""
    with suppress(LeadloopError):
        asked_time(reader)
