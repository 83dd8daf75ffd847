"""The CRMs there are: leadloop's own, each a folder beside this file and one line here, and those that other distributions
bring, as entry points of the group ``leadloop.crms``."""

from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from connector.config import SettingState, VendorSettings, accounts, describe, missing, resolve, sections
from connector.crm import day_calls
from connector.crm.base import Capabilities, LeadReader, LeadWriter, Parts
from connector.crm.day_calls import CallsLeft
from connector.crm.identity import identity_of
from connector.crm.private import kept_private
from connector.errors import ConfigError
from connector.parsing import no_such

FOLDERS = {
    "convoso": "connector.crm.convoso",
    "leadsquared": "connector.crm.leadsquared",
    "pollybot": "connector.crm.pollybot",
    "leadping": "connector.crm.leadping",
}
DEFAULT = next(iter(FOLDERS))
"""The CRM that is meant where none is named."""
GROUP = "leadloop.crms"
"""An entry point is called like its CRM, and names a module that has ``PARTS``: ``fifth = "leadloop_fifth"``."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """One CRM, or one account of it that has a name of its own. Its folder, and HTTP with it, is imported when it is first used."""

    name: str
    """What settings, pushes and the column ``crm`` call it."""
    folder: str
    brought_by: str = "leadloop"
    """The distribution that the folder comes with."""
    account_of: str = ""
    """The CRM whose account this is, where the account has a name of its own."""

    @property
    def kind(self) -> str:
        """Which CRM it is, whatever the account is called."""
        return self.account_of or self.name

    def called(self, name: str) -> "Vendor":
        """An account of this CRM with that name; the CRM itself for its own name."""
        return self if name == self.name else replace(self, name=name, account_of=self.kind)

    @property
    def parts(self) -> Parts:
        """What the folder provides; ``ConfigError`` where that is nothing that leadloop can use."""
        try:
            parts = getattr(import_module(self.folder), "PARTS", None)
        except ImportError as error:
            raise self._unusable(f"{self.folder} can't be imported: {error}") from error
        if not isinstance(parts, Parts):
            raise self._unusable(f"{self.folder} has no PARTS")
        for what, name in (
            ("its settings", parts.settings.vendor),
            ("its capabilities", parts.capabilities.vendor),
        ):
            if name != self.kind:
                raise self._unusable(f"{what} are those of {name!r}")
        return parts

    @property
    def capabilities(self) -> Capabilities:
        return self.parts.capabilities.of(self.name)

    @property
    def settings_class(self) -> type[VendorSettings]:
        return _of_account(self.parts.settings, self.name) if self.account_of else self.parts.settings

    def settings(self, **given: Any) -> VendorSettings:
        """The CRM's settings as set; ``given`` wins."""
        return resolve(self.settings_class, given, names())

    def described(self) -> list[SettingState]:
        """Every setting of the CRM: whether it is set, left at its default, missing or wrong."""
        return describe(self.settings_class)

    def missing(self) -> list[str]:
        """The names of its required settings that have no value."""
        return missing(self.settings_class)

    def reader(self, settings: VendorSettings | None = None) -> LeadReader:
        """Shows of each lead what the settings let through."""
        settings = settings or self.settings()
        return kept_private(self.parts.reader(settings), settings)

    def writer(self, settings: VendorSettings | None = None) -> LeadWriter:
        return self.parts.writer(settings or self.settings())

    def _unusable(self, why: str) -> ConfigError:
        return ConfigError(
            f"The CRM {self.name!r} that {self.brought_by} brings can't be used: {why}.",
            f"Install another version of {self.brought_by}, or remove it.",
        )


def check_alone(settings: VendorSettings) -> None:
    """``ConfigError`` where another account's settings lead to the same one: its leads would be there twice, and a push to the
    one would reach the other."""
    here = identity_of(settings)
    for name in names():
        other = vendor(name)
        if name == settings.name or other.kind != settings.vendor:
            continue
        # One that lacks something or is set wrongly says so itself, and holds up no other.
        usable = all(each.state in ("set", "default") for each in other.described())
        if usable and identity_of(other.settings()) == here:
            raise ConfigError(
                f"crm.{settings.name} and crm.{name} lead to the same account: they have the same address and key.",
                "Give each its own key, or remove one of them.",
            )


def calls_today() -> dict[str, CallsLeft]:
    """CRM -> its calls of the day, of those that are set up and count them; calls none of them."""
    found = {}
    spoken_of = sections()
    for name in names():
        each = vendor(name)
        # Nothing of a CRM is imported that the settings don't speak of.
        if name not in spoken_of or any(state.state in ("missing", "wrong") for state in each.described()):
            continue
        if (day := day_calls.of(each.settings(), lambda: datetime.now(UTC))) is not None:
            with closing(day):
                found[name] = day.left()
    return found


@cache
def vendors() -> dict[str, Vendor]:
    """Every CRM by its name, ours first. ``ConfigError`` where two have the same name."""
    found = {name: Vendor(name, folder) for name, folder in FOLDERS.items()}
    for entry in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        brought = Vendor(entry.name, entry.value, _distribution(entry))
        known = found.setdefault(entry.name, brought)
        if known != brought:
            raise ConfigError(
                f"Two CRMs are called {entry.name!r}: {known.brought_by} and {brought.brought_by} each bring one.",
                "Remove one of them.",
            )
    return found


def names() -> list[str]:
    """The names of all CRMs, and of accounts with a name of their own, as settings, pushes and the column ``crm`` have them."""
    return [*vendors(), *accounts(vendors())]


def begun() -> list[str]:
    """The CRMs that the settings speak of, filled in or not; the first that there is where they speak of none."""
    spoken_of = sections()
    return [name for name in names() if name in spoken_of] or [DEFAULT]


def for_dbt() -> dict[str, Any]:
    """What the dbt models have to be told of the CRMs that others bring; of ours they know it."""
    return {name: each.parts.as_dbt() for name, each in vendors().items() if name not in FOLDERS}


def raw_schema(name: str) -> str:
    """The schema in which the leads of the CRM lie as it showed them."""
    return f"{name}_raw"


def vendor(name: str) -> Vendor:
    """A CRM by its name; ``ConfigError`` with the nearest name where there is none."""
    known = vendors()
    if name in known:
        return known[name]
    named = accounts(known)
    if name not in named:
        raise ConfigError(no_such("CRM", name, names()))
    return known[named[name]].called(name)


def _of_account(settings: type[VendorSettings], name: str) -> type[VendorSettings]:
    """The same settings, read from the account's own section."""
    return type(settings.__name__, (settings,), {"account": name, "__doc__": settings.__doc__})


def reader(name: str) -> LeadReader:
    """Reads the CRM of that name, with its settings."""
    return vendor(name).reader()


def writer(name: str) -> LeadWriter:
    """Writes to the CRM of that name, with its settings."""
    return vendor(name).writer()


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value
