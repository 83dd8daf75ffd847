"""The CRMs, and one account of one of them."""

from connector.crm.account import Account, account
from connector.crm.registry import Vendor, names, raw_schema, reader, vendor, writer

__all__ = ["Account", "Vendor", "account", "names", "raw_schema", "reader", "vendor", "writer"]
