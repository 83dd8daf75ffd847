"""A CRM that ``prod`` pushes to is not pushed to from another environment, unless the settings there say so."""

from contextlib import suppress

from connector import crm
from connector.config import VendorSettings, environments, named
from connector.crm.identity import identity_of
from connector.errors import ConfigError


def check_environment(settings: VendorSettings) -> None:
    """``ConfigError`` where ``--env`` names another environment than ``prod`` and the account is one of ``prod``'s.

    Accounts are the same by address and key. Without ``--env`` there is nothing to tell apart.
    """
    here = environments.chosen()
    if here in (None, environments.PROD) or settings.shared_with_prod:
        return
    account = identity_of(settings)
    with environments.seen_from(environments.PROD):
        for name in crm.names():
            with suppress(ConfigError):
                if identity_of(crm.vendor(name).settings()) == account:
                    break
        else:
            return
    raise ConfigError(
        f"{settings.name} has in the environment {here} the address and key that {environments.PROD} pushes to. Nothing was sent.",
        f"Give {here} an account of its own in .dlt/{here}.secrets.toml; or agree there to push to the same leads: "
        f"{named(f'crm.{settings.name}.shared_with_prod')} = true.",
        crm=settings.name,
    )
