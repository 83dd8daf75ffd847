"""Settings, resolved by dlt. A setting is written ``crm.convoso.rate`` in a file and ``CRM__CONVOSO__RATE`` in the environment.

Everything that is wrong ends in one ``ConfigError`` that names the setting in both spellings and never shows what was set.
"""

from connector.config.lookup import anchored, env_name, named, origin, reload, value, variables
from connector.config.vendor import (
    CALLS,
    IN_SECRETS,
    IN_THE_CLEAR,
    MOST_PAGES,
    RATE,
    SINGLE_CALLS,
    VENDOR,
    Reading,
    SettingState,
    VendorSettings,
    accounts,
    check_account_name,
    default,
    describe,
    how,
    is_required,
    meaning,
    missing,
    resolve,
    sections,
)
from connector.parsing import Secret, did_you_mean

__all__ = [
    "CALLS",
    "IN_SECRETS",
    "IN_THE_CLEAR",
    "MOST_PAGES",
    "RATE",
    "SINGLE_CALLS",
    "VENDOR",
    "Reading",
    "Secret",
    "SettingState",
    "VendorSettings",
    "accounts",
    "anchored",
    "check_account_name",
    "default",
    "describe",
    "did_you_mean",
    "env_name",
    "how",
    "is_required",
    "meaning",
    "missing",
    "named",
    "origin",
    "reload",
    "resolve",
    "sections",
    "value",
    "variables",
]
