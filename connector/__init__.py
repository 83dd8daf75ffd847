"""leadloop: leads out of a CRM into a warehouse, and exactly the changed fields back.

``from connector import convoso`` is the dlt source of a CRM, and so with every CRM that is installed. It is imported when it
is first asked for, because dlt takes seconds to import.
"""

from importlib.util import find_spec
from typing import Any


def __getattr__(name: str) -> Any:
    if not name.startswith("_") and find_spec(f"{__name__}.{name}") is None:
        from connector.crm.registry import names, vendors

        if name in vendors() or name in names():
            from connector.extract.source import source_of

            return source_of(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
