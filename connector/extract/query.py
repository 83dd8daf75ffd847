"""What is asked of a CRM in one reading, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from connector.crm.base import Precision


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of the CRM besides the window."""

    cursor_field: str = "updated_at"
    filters: Mapping[str, str] = field(default_factory=dict)
    page_size: int | None = None
    """Leads per page; the vendor's largest by default."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that were read, and how far."""

    table: pa.Table
    reached: datetime | None
    """UTC: everything of the run's window up to here is in this batch or before it. ``None``: still in the middle."""


@dataclass(slots=True)
class Tally:
    """What a reading has done so far."""

    calls: int = 0
    rows: int = 0
    splits: int = 0
    precision: Precision = "second"
