"""A CRM on this machine: the vendors' APIs over one seeded book of leads, with faults on demand."""

from connector.sandbox.book import COLUMNS, Book
from connector.sandbox.calls import Call, Calls
from connector.sandbox.clock import Clock
from connector.sandbox.faults import KINDS, Fault, Faults, parse_fault
from connector.sandbox.options import Options
from connector.sandbox.server import Sandbox, serve

__all__ = [
    "COLUMNS",
    "KINDS",
    "Book",
    "Call",
    "Calls",
    "Clock",
    "Fault",
    "Faults",
    "Options",
    "Sandbox",
    "parse_fault",
    "serve",
]
