"""``crm.convoso.*``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from connector import parsing
from connector.config import CALLS, IN_SECRETS, IN_THE_CLEAR, RATE, Reading, Secret, VendorSettings, how

MAX_PAGE_SIZE = 2000


@dataclass(frozen=True, kw_only=True)
class ConvosoSettings(VendorSettings):
    """``crm.convoso.*``. Convoso publishes no rate limit: 10 calls a second is a courteous guess, and 429 slows us down."""

    vendor: ClassVar[str] = "convoso"
    meanings: ClassVar[Mapping[str, str]] = {
        "start": "The first day to read if there is no cursor yet, in the account's zone."
    }

    base_url: str = field(
        default="https://api.convoso.com/v1",
        metadata=how(parsing.url, f"Address of the API. {IN_THE_CLEAR}"),
    )
    auth_token: Secret = field(
        metadata=how(parsing.secret, f"The account's API token. {IN_SECRETS}", secret=True)
    )
    timezone: ZoneInfo = field(
        metadata=how(
            parsing.zone,
            "The account's own time zone, as an IANA name such as `America/Los_Angeles`. Convoso takes and shows every "
            "time in it.",
        )
    )
    rate: float = field(
        default=10.0,
        metadata=how(
            CALLS,
            f"{RATE} After a 429, or if answers take longer and longer, leadloop slows down by itself and speeds up again slowly.",
        ),
    )
    cursor: Literal["updated_at", "changed_at"] = field(
        default="updated_at",
        metadata=how(
            parsing.choice("updated_at", "changed_at"),
            "Which time of the CRM drives the extraction: `updated_at` (a user's edits) or `changed_at` (any change, "
            "if the account has this filter). Each has its own cursor.",
        ),
    )
    filters: Mapping[str, str] = field(
        default_factory=dict,
        metadata=how(
            parsing.table,
            'Search filters of every read, as a table: `[crm.convoso.filters]` with `list_id = "333"`. In the '
            "environment: a JSON object, or one variable per filter, such as `CRM__CONVOSO__FILTERS__LIST_ID=333`.",
        ),
    )
    token_in: Literal["body", "query"] = field(
        default="body",
        metadata=how(
            parsing.choice("body", "query"),
            "Where leadloop puts the token: `body` (the form) or `query` (the address, as Convoso's own pages show; proxies "
            "write it to their logs).",
        ),
    )
    page_size: int = field(
        default=MAX_PAGE_SIZE,
        metadata=how(parsing.count(1, MAX_PAGE_SIZE), f"Leads per call, 1 to {MAX_PAGE_SIZE:,}."),
    )
    removals: bool = field(
        default=True,
        metadata=how(
            parsing.flag,
            "Whether every run also asks which leads were deleted or archived since the last run. If none were, this costs "
            "two small searches.",
        ),
    )
    recordings: bool = field(
        default=False,
        metadata=how(
            parsing.flag,
            "Whether every run also reads recordings. Each lead that was called since the last run costs one call; on the "
            "first run, each lead that was called since `start`.",
        ),
    )
    recordings_path: Literal["leads/get-recordings", "lead/get-recordings"] = field(
        default="leads/get-recordings",
        metadata=how(
            parsing.choice("leads/get-recordings", "lead/get-recordings"),
            "Where recordings are read. Convoso's page names `lead/get-recordings` and shows `leads/get-recordings` in its "
            "example; set the other one if your account answers a web page there.",
        ),
    )
    recordings_lookback: float = field(
        default=3600.0,
        metadata=how(
            parsing.between(0, 31 * 86_400, "seconds"),
            "Seconds before the cursor for which leadloop looks for recordings again. Set it to the length of your longest "
            "call, because a recording appears when the call has ended. At most 31 days.",
        ),
    )

    calls: bool = field(
        default=False,
        metadata=how(
            parsing.flag,
            "Whether every run also reads the call log: who called which lead when, how long, with which result, and the "
            "links to its recordings. 500 calls cost one call of the API.",
        ),
    )
    calls_lookback: float = field(
        default=3600.0,
        metadata=how(
            parsing.between(0, 31 * 86_400, "seconds"),
            "Seconds before the cursor for which leadloop looks for calls again. Set it to the length of your longest call, "
            "because a call has the time at which it began. At most 31 days.",
        ),
    )

    @property
    def reading(self) -> Reading:
        return Reading(
            self.cursor,
            self.filters,
            self.page_size,
            self.removals,
            self.recordings,
            self.recordings_lookback,
            self.calls,
            self.calls_lookback,
        )
