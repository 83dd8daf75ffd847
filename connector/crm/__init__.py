"""The CRMs, and one account of one of them."""

from connector.crm.account import Account, account
from connector.crm.registry import DEFAULT, Vendor, begun, for_dbt, names, raw_schema, reader, vendor, writer

__all__ = [
    "DEFAULT",
    "Account",
    "Vendor",
    "account",
    "begun",
    "for_dbt",
    "names",
    "raw_schema",
    "reader",
    "vendor",
    "writer",
]
