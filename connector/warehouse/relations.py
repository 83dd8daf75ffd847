"""Where the models are that leadloop itself reads. dbt's manifest says so: a project may give them another schema or name."""

from typing import Literal, NamedTuple


class Relation(NamedTuple):
    """A table or view of the warehouse."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


Kind = Literal["text", "bigint", "integer", "boolean", "timestamptz", "timestamp"]
"""The types of the columns that leadloop and dlt make, on any engine."""


class Column(NamedTuple):
    """A column of a table."""

    name: str
    kind: Kind
    nullable: bool = True


class Relations(NamedTuple):
    """The models of leadloop's dbt package that a push is planned and confirmed by."""

    leads: Relation
    lead_history: Relation


DEFAULT = Relations(Relation("analytics", "leads"), Relation("analytics", "lead_history"))
"""Where they are in a project that says nothing else, and whose profile has the schema ``analytics``."""
