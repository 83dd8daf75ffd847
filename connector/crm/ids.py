"""Lead ids as CRMs write them, and as they go into a path."""

from typing import Any


def as_id(value: Any) -> str | None:
    """An id as text, whether it came as a number or a text; ``None`` for a blank and for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value).strip() or None


def names_one(lead_id: str) -> bool:
    """Whether a path that ends in this text means one lead, and not the list or a place above it."""
    return lead_id.strip() not in ("", ".", "..")
