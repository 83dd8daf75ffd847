"""leadloop: leads out of a CRM into a warehouse, and exactly the changed fields back.

``from connector import convoso`` is the dlt source. Everything here is imported when it is first asked for, because dlt
takes seconds to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connector.extract.source import convoso as convoso

__all__ = ["convoso"]

_HOMES = {"convoso": "connector.extract.source"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
