"""For whoever adds a CRM, or tests a push: CRMs on this machine, and the contract that every CRM keeps.

A CRM's test inherits ``VendorContract`` and says how its reader and writer are made; ``Sandbox(crms=[…])`` serves an imitation
of it over the sandbox's people. Needs pytest.
"""

import pytest

pytest.register_assert_rewrite("connector.testing.suite")

from connector.sandbox import Sandbox  # noqa: E402 - its asserts tell what they compare, as a test's do
from connector.sandbox.book import Book  # noqa: E402
from connector.sandbox.documents import Document, Documents  # noqa: E402
from connector.sandbox.options import Options  # noqa: E402
from connector.sandbox.refusals import Refusals  # noqa: E402
from connector.sandbox.wire import Answer, Description, Request  # noqa: E402
from connector.testing.suite import HARD_TEXTS, QUICK, Documented, VendorContract  # noqa: E402

__all__ = [
    "HARD_TEXTS",
    "QUICK",
    "Answer",
    "Book",
    "Description",
    "Document",
    "Documented",
    "Documents",
    "Options",
    "Refusals",
    "Request",
    "Sandbox",
    "VendorContract",
]
