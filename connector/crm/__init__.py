"""The CRMs that leadloop knows. A new one is a file beside this one, its settings in ``config.py``, and one line here."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from connector.config import VendorSettings, did_you_mean, resolve, settings_class
from connector.crm.base import Capabilities, LeadReader, LeadWriter
from connector.crm.private import Privacy, kept_private
from connector.errors import ConfigError

__all__ = ["VENDORS", "Parts", "Vendor", "account", "reader", "vendor", "writer"]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a vendor's file provides."""

    capabilities: Capabilities
    reader: Callable[..., LeadReader]
    writer: Callable[..., LeadWriter]
    session: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Vendor:
    """One CRM. Its file, and HTTP with it, is imported when it is first used."""

    name: str
    parts: Callable[[], Parts]

    @property
    def capabilities(self) -> Capabilities:
        return self.parts().capabilities

    def settings(self, **given: Any) -> VendorSettings:
        """The vendor's settings as set; ``given`` wins."""
        return resolve(settings_class(self.name), given)

    def reader(self, settings: VendorSettings | None = None) -> LeadReader:
        """Shows of each lead what the settings let through."""
        settings = settings or self.settings()
        return kept_private(self.parts().reader(settings), settings)

    def privacy(self) -> Privacy:
        """What the settings keep out of the warehouse; ``ConfigError`` where a required setting is missing."""
        return Privacy(self.settings(), self.capabilities)

    def writer(self, settings: VendorSettings | None = None) -> LeadWriter:
        return self.parts().writer(settings or self.settings())


def _convoso() -> Parts:
    from connector.crm import convoso
    from connector.crm.http import Session

    return Parts(convoso.CAPABILITIES, convoso.ConvosoReader, convoso.ConvosoWriter, Session)


def _leadsquared() -> Parts:
    from connector.crm import leadsquared

    return Parts(
        leadsquared.CAPABILITIES,
        leadsquared.LeadSquaredReader,
        leadsquared.LeadSquaredWriter,
        leadsquared.open_session,
    )


def _pollybot() -> Parts:
    from connector.crm import pollybot

    return Parts(
        pollybot.CAPABILITIES, pollybot.PollyBotReader, pollybot.PollyBotWriter, pollybot.PollyBotSession
    )


def _leadping() -> Parts:
    from connector.crm import leadping

    return Parts(
        leadping.CAPABILITIES, leadping.LeadpingReader, leadping.LeadpingWriter, leadping.open_session
    )


VENDORS: dict[str, Vendor] = {
    "convoso": Vendor("convoso", _convoso),
    "leadsquared": Vendor("leadsquared", _leadsquared),
    "pollybot": Vendor("pollybot", _pollybot),
    "leadping": Vendor("leadping", _leadping),
}


def vendor(name: str) -> Vendor:
    """A CRM by its name; ``ConfigError`` with the nearest name where there is none."""
    if name not in VENDORS:
        near = did_you_mean(name, VENDORS) or "."
        raise ConfigError(f"There is no CRM called {name!r}{near} Known: {', '.join(sorted(VENDORS))}.")
    return VENDORS[name]


@contextmanager
def account(name: str) -> Iterator[tuple[LeadReader, LeadWriter]]:
    """Reads and writes one CRM account through one session, so that both together keep its rate limit."""
    found = vendor(name)
    settings, parts = found.settings(), found.parts()
    with closing(parts.session(settings)) as session:
        reader = kept_private(parts.reader(settings, session=session), settings)
        yield reader, parts.writer(settings, session=session)


def reader(name: str) -> LeadReader:
    """Reads the CRM of that name, with its settings."""
    return vendor(name).reader()


def writer(name: str) -> LeadWriter:
    """Writes to the CRM of that name, with its settings."""
    return vendor(name).writer()
