"""The CRMs, and one account of one of them."""

from connector.crm.account import Account, account
from connector.crm.registry import (
    DEFAULT,
    Vendor,
    begun,
    calls_today,
    check_alone,
    for_dbt,
    names,
    raw_schema,
    reader,
    vendor,
    vendors,
    writer,
)

__all__ = [
    "DEFAULT",
    "Account",
    "Vendor",
    "account",
    "begun",
    "calls_today",
    "check_alone",
    "for_dbt",
    "names",
    "raw_schema",
    "reader",
    "vendor",
    "vendors",
    "writer",
]
