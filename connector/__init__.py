"""leadloop: leads out of a CRM into a warehouse, and exactly the changed fields back.

``from connector import convoso`` is the dlt source of a CRM, and the others are called like theirs. Everything here is imported when it is first asked for, because dlt
takes seconds to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connector.extract.source import convoso as convoso
    from connector.extract.source import leadping as leadping
    from connector.extract.source import leadsquared as leadsquared
    from connector.extract.source import pollybot as pollybot

__all__ = ["convoso", "leadping", "leadsquared", "pollybot"]

_HOMES = dict.fromkeys(__all__, "connector.extract.source")


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
