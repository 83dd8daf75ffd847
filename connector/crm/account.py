"""One account of a CRM in one run: its settings are resolved once, and whatever speaks to it keeps one rate together."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from connector.config import VendorSettings
from connector.crm.base import Capabilities, LeadReader, LeadWriter
from connector.crm.clock import CrmClock, clock_of
from connector.crm.day_calls import CallsLeft, DayCalls
from connector.crm.identity import Identity, identity_of
from connector.crm.private import Privacy, kept_private
from connector.crm.registry import check_alone, vendor


@dataclass(frozen=True, slots=True)
class Account:
    """Made by ``account`` and passed on; ``reader`` shows of each lead what the settings let through."""

    settings: VendorSettings
    capabilities: Capabilities
    reader: LeadReader
    writer: LeadWriter
    day: DayCalls | None = None
    """The calls of the day, where the settings say how many there are."""

    @property
    def calls_today(self) -> CallsLeft | None:
        """How many calls of the day are left; ``None`` where nobody counts them."""
        return self.day.left() if self.day is not None else None

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def identity(self) -> Identity:
        """Whose leads these are, told without the token."""
        return identity_of(self.settings)

    @property
    def privacy(self) -> Privacy:
        """What the settings keep out of the warehouse."""
        return Privacy(self.settings, self.capabilities)

    @property
    def clock(self) -> CrmClock:
        """The CRM's, as far as its answers have told it."""
        return clock_of(self.reader)


@contextmanager
def account(name: str, **given: Any) -> Iterator[Account]:
    """The account of the CRM of that name, with its settings as set; ``given`` wins. One session for reader and writer."""
    found = vendor(name)
    settings, parts = found.settings(**given), found.parts
    check_alone(settings)
    with closing(parts.session(settings)) as session:
        reader = kept_private(parts.reader(settings, session=session), settings)
        writer = parts.writer(settings, session=session)
        yield Account(settings, found.capabilities, reader, writer, getattr(session, "day", None))
