"""What the sandbox says a client has to set is all that leadloop needs."""

from contextlib import closing
from itertools import chain
from typing import Any, cast

import pytest

from connector import crm
from connector.crm.base import ScanReader, WindowReader
from connector.sandbox import Sandbox


@pytest.mark.parametrize("vendor", crm.names())
def test_a_crm_is_reached_by_what_the_sandbox_says(vendor: str) -> None:
    """Every vendor's leads are read with these settings and no others; the other CRMs hold as many people as wished."""
    with Sandbox(leads=20, elsewhere=12) as sandbox:
        given: dict[str, Any] = dict(sandbox.settings()[vendor])
        settings = crm.vendor(vendor).settings(**given, rate=1000)
        with closing(crm.vendor(vendor).reader(settings)) as reader:
            if reader.capabilities.reading == "scan":
                rows = list(chain.from_iterable(page.rows for page in cast(ScanReader, reader).scan(None)))
            else:
                rows = list(cast(WindowReader, reader).search(None, limit=20).rows)
    assert len({reader.lead_id(row) for row in rows}) == (20 if vendor == "convoso" else 12)
