"""What Leadping's API has: endpoints, limits, error codes and what they mean."""

from typing import Literal

from connector.crm.base import Capabilities, ForDbt
from connector.crm.leadping import lead as leads

LEADS = "/leads"
LIST = "/leads/all/my"
EVERY_LEAD = {"archiveFilter": "all"}
"""The list's parameter without which archived leads are left out (the vendor's OpenAPI document)."""
PAGE_SIZE = 100

CAPABILITIES = Capabilities(
    vendor="leadping",
    modes=frozenset({"update"}),
    page_size=PAGE_SIZE,
    reading="scan",
    max_rate=300 / 60,
    cursor_fields=("updatedAt",),
    modified_fields=("modifiedAt", "createdAt"),
    created_field="createdAt",
    organisation_fields=("organizationId", "metadata.organizationId"),
    example_field="metadata.sourceMetadata.leadTier",
    protected_fields=leads.PROTECTED,
    objects={name: leads.inside(name) for name in leads.OBJECTS - leads.PROTECTED},
    types=True,
)

Order = Literal["updatedAt", "createdAt"]
PASSES = 8
"""How often a list that loses leads while it is read, or shows fewer than its total, is read again before giving up."""
QUIET_PASSES = 3
"""So many in a row that bring nothing new are believed, whatever the total says: some servers count what they don't list."""
STALLED = 100
"""Pages in a row, each with a token of its own, that may show no lead that the pass has not seen before giving up."""
FRESH = 1.5
"""Seconds for which what a read showed is taken for what is there. Four threads that share the default rate, 4.8 calls a second, take
their turns within 0.9."""
NO_LEAD, NOT_YOURS = "404", frozenset({"401", "403"})
"""The statuses with which a lead is not there, and with which it belongs to somebody else."""
NOT_SHOWN = "not_shown"
"""Our own code for a value that Leadping accepted and shows otherwise."""


MEANINGS = {
    400: "the update is not valid",
    401: "the lead belongs to somebody else",
    403: "the lead belongs to somebody else",
    404: "there is no such lead",
    422: "the update is not valid",
}

FOR_DBT = ForDbt()
