"""How much of everything is measured; imported by all, so it imports nothing."""

SEED = 2_000
"""Leads that are read from the sandbox; the others have their names, cities and notes."""

CHANGED = 2_000
"""Leads that a later load has seen again, with another status and note."""

SHARE = 100
"""One lead in so many is wanted otherwise by the push: 1 %."""

FIELDS = (
    "first_name", "last_name", "email", "address1", "address2", "city", "postal_code", "notes", "lead_score", "plan_interest",
)  # fmt: skip
"""The fields that the push sends."""

PAGE = 2_000
"""Leads that Convoso shows in one call, at most."""

MOST_READ = 200_000
"""Leads that are read from the sandbox at most: it holds its book in memory, and more leads change no rate."""

WIDE_LEADS = 30
WIDTHS = (1_000, 2_000, 3_000)
"""Fields of their own that the few leads have."""

BOOK = 2_000
"""Leads of the CRM that takes a push and from which, after that, a run has nothing to read."""

SENT = 1_000
"""Leads of that book that are sent."""
