"""What Tinybook's API has: endpoints, limits, error codes, names of ids and times."""

from connector.crm.base import Capabilities, ForDbt

LEADS = "/book/leads"
PAGE_SIZE = 50
NO_LEAD, BAD_VALUE, BAD_KEY = "no_lead", "bad_value", "bad_key"

CAPABILITIES = Capabilities(
    vendor="tinybook",
    modes=frozenset({"update"}),
    page_size=PAGE_SIZE,
    reading="scan",
    max_rate=5.0,
    cursor_fields=("changed",),
    modified_fields=("changed",),
    created_field="made",
    example_field="notes",
    protected_fields=frozenset({"id", "made", "changed"}),
)

FOR_DBT = ForDbt(created_at="made", modified_at="changed")
