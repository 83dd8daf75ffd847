"""The CRMs, and one account of one of them."""

from connector.crm.account import Account, account
from connector.crm.registry import VENDORS, Vendor, reader, vendor, writer

__all__ = ["VENDORS", "Account", "Vendor", "account", "reader", "vendor", "writer"]
