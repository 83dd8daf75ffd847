"""The calls of the day that an account has left, as a part of documents."""

from typing import Annotated

from msgspec import Meta

from connector.crm.day_calls import CallsLeft
from connector.render.document import Part, Time


class CallsToday(Part, kw_only=True):
    """The calls of one account on this day of UTC, of all runs together."""

    limit: Annotated[int, Meta(description="calls that the plan has a day")]
    used: Annotated[int, Meta(description="calls that leadloop has made today")]
    left: Annotated[int, Meta(description="calls that are left today")]
    new_at: Annotated[Time, Meta(description="when the next day's calls begin")]


CALLS_TODAY = "the account's calls of the day; `null` where they are not counted"
"""What every document says of its ``calls_today``."""


def calls_today(found: CallsLeft | None) -> CallsToday | None:
    if found is None:
        return None
    return CallsToday(
        limit=found.limit, used=found.used, left=found.left, new_at=found.new_at.isoformat(timespec="seconds")
    )
