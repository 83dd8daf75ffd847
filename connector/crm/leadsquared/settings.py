"""``crm.leadsquared.*``."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from connector import parsing
from connector.config import CALLS, IN_SECRETS, IN_THE_CLEAR, RATE, Reading, Secret, VendorSettings, how

MAX_PAGE_SIZE = 5000


@dataclass(frozen=True, kw_only=True)
class LeadSquaredSettings(VendorSettings):
    """``crm.leadsquared.*``. The page allows 25 calls in 5 seconds, other pages less; "too many" slows us down."""

    vendor: ClassVar[str] = "leadsquared"

    base_url: str = field(
        default="https://api.leadsquared.com",
        metadata=how(
            parsing.url_without("/LeadManagement.svc", "/v2"),
            "The host of the account's own region, as *Settings > API and Webhooks* shows it, such as "
            f"`https://api-in21.leadsquared.com`. leadloop removes a `/v2` at its end. {IN_THE_CLEAR}",
        ),
    )
    rate: float = field(
        default=4.5,
        metadata=how(
            CALLS,
            f"{RATE} The default is a tenth below 25 calls in 5 seconds, because calls may arrive closer together "
            'than they left. After "too many calls", leadloop slows down by itself and speeds up again slowly.',
        ),
    )
    access_key: Secret = field(
        metadata=how(
            parsing.secret, f"The access key of an administrator of the account. {IN_SECRETS}", secret=True
        )
    )
    secret_key: Secret = field(
        metadata=how(parsing.secret, "The secret key of the same administrator.", secret=True)
    )
    keys_in: Literal["header", "query"] = field(
        default="header",
        metadata=how(
            parsing.choice("header", "query"),
            "Where leadloop puts the keys: `header` or `query` (the address, which proxies write to their logs).",
        ),
    )
    post_updated_lead: bool = field(
        default=False,
        metadata=how(
            parsing.flag,
            "Whether the account's automations and webhooks see the leads that leadloop changes.",
        ),
    )
    bulk: bool = field(
        default=False,
        metadata=how(
            parsing.flag,
            "Whether a call may change 25 leads. The answer then says less about why a lead was refused. It has no effect "
            "together with `post_updated_lead`.",
        ),
    )
    page_size: int = field(
        default=1000,
        metadata=how(parsing.count(1, MAX_PAGE_SIZE), f"Leads per call, 1 to {MAX_PAGE_SIZE:,}."),
    )

    @property
    def reading(self) -> Reading:
        return Reading(page_size=self.page_size)
