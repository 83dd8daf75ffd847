"""What PollyBot's API has: limits, statuses, error codes, names of ids and times."""

import re

from connector.crm.base import Capabilities, ForDbt

PAGE_SIZE = 100
NEWEST_FIRST = {"limit": str(PAGE_SIZE), "sortBy": "updatedAt", "sortOrder": "desc"}

METADATA = "metadata"
CUSTOM = "customFields"

CAPABILITIES = Capabilities(
    vendor="pollybot",
    modes=frozenset({"update"}),
    page_size=PAGE_SIZE,
    reading="scan",
    max_rate=5.0,
    cursor_fields=("updatedAt",),
    created_field="createdAt",
    organisation_fields=("workspaceId", "chatbotId"),
    example_field="customFields.tier",
    protected_fields=frozenset(
        {"id", "createdAt", "updatedAt", "workspaceId", "chatbotId", "conversationId"}
    ),
    lists=frozenset({"tags"}),
    objects={METADATA: f"{METADATA}.score", CUSTOM: f"{CUSTOM}.score"},
)

OLDER_STATUSES = ("new", "contacted", "qualified", "converted", "lost", "follow_up")
"""As the page has them."""
NEWER_STATUSES = ("new", "contacted", "qualified", "negotiating", "converted", "lost", "unresponsive")
"""As the client of the newer generation has them, which writes them in capitals."""
STATUSES = tuple(dict.fromkeys((*OLDER_STATUSES, *NEWER_STATUSES)))
TEXTS = frozenset(
    {"name", "email", "phone", "source", "status"}
    | {"company", "message", "notes", "priority", "urgency", "preferredMethod", "discord"}
)
"""Fields of a lead that both generations only ever show as a text; what another one holds is looked at before it is set."""

PLAIN = TEXTS - {"status"}
"""Fields that can be set without knowing anything of the workspace; how it writes statuses differs."""

NO_LEAD, BAD_VALUE, KNOWN_EMAIL = "LEAD_NOT_FOUND", "VALIDATION_ERROR", "DUPLICATE_EMAIL"
AUTH_CODES = frozenset({"INVALID_API_KEY", "MISSING_AUTH_HEADER"})
THROTTLE_CODES = ("RATE_LIMIT", "TOO_MANY", "QUOTA")
# Words with underscores between them: not the shape that a value of a lead has.
CODE = re.compile(r"[A-Z]{2,}(?:_[A-Z]{2,}){1,5}")
LEAD_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

HOURLY = 1000
LOW = 0.2
"""Of an hour's calls: while more are left, calls go out at the pace of the settings."""
LONGEST_RESET = 7200.0
"""Seconds; an end of the quota's hour that lies further ahead is a misunderstanding."""
SAFE_INTEGER = 2**53 - 1
"""The largest whole number that a server in JavaScript keeps as it is."""

FOR_DBT = ForDbt(modified_at="updated_at")
