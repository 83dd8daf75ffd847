"""The CRMs that leadloop knows. A new one is a folder beside this file, its settings in ``config.py``, and one line here."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from connector.config import VendorSettings, did_you_mean, resolve, settings_class
from connector.crm.base import Capabilities, LeadReader, LeadWriter, Parts
from connector.crm.private import kept_private
from connector.errors import ConfigError

FOLDERS = {
    "convoso": "connector.crm.convoso",
    "leadsquared": "connector.crm.leadsquared",
    "pollybot": "connector.crm.pollybot",
    "leadping": "connector.crm.leadping",
}


@dataclass(frozen=True, slots=True)
class Vendor:
    """One CRM. Its folder, and HTTP with it, is imported when it is first used."""

    name: str
    folder: str

    @property
    def parts(self) -> Parts:
        return cast(Parts, import_module(self.folder).PARTS)

    @property
    def capabilities(self) -> Capabilities:
        return self.parts.capabilities

    def settings(self, **given: Any) -> VendorSettings:
        """The vendor's settings as set; ``given`` wins."""
        return resolve(settings_class(self.name), given)

    def reader(self, settings: VendorSettings | None = None) -> LeadReader:
        """Shows of each lead what the settings let through."""
        settings = settings or self.settings()
        return kept_private(self.parts.reader(settings), settings)

    def writer(self, settings: VendorSettings | None = None) -> LeadWriter:
        parts: Parts = self.parts
        return parts.writer(settings or self.settings())


VENDORS = {name: Vendor(name, folder) for name, folder in FOLDERS.items()}


def vendor(name: str) -> Vendor:
    """A CRM by its name; ``ConfigError`` with the nearest name where there is none."""
    if name not in VENDORS:
        near = did_you_mean(name, VENDORS) or "."
        raise ConfigError(f"There is no CRM called {name!r}{near} Known: {', '.join(sorted(VENDORS))}.")
    return VENDORS[name]


def reader(name: str) -> LeadReader:
    """Reads the CRM of that name, with its settings."""
    return vendor(name).reader()


def writer(name: str) -> LeadWriter:
    """Writes to the CRM of that name, with its settings."""
    return vendor(name).writer()
