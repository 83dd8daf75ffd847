"""What a push does about a field: what it has for all of its fields, unless the field has something of its own."""

from collections.abc import Mapping
from typing import Protocol

from connector.push.changes import WHOLE

Policies = Mapping[str, Mapping[str, str]]
"""CRM field -> ``on_conflict``, ``nulls`` or ``first_push`` -> what it has of its own."""


class HasPolicies(Protocol):
    """A push or a plan."""

    @property
    def policies(self) -> Policies: ...


def of_field(of: HasPolicies, name: str, field: str) -> str:
    """``on_conflict``, ``nulls`` or ``first_push`` of one field of a push or a plan."""
    found: str = of.policies.get(field, {}).get(name) or getattr(of, name)
    return found


def wins(of: HasPolicies, field: str = WHOLE) -> bool:
    """Whether the warehouse's value of this field replaces what a person has typed in the CRM."""
    return of_field(of, "on_conflict", field) == "warehouse_wins"
