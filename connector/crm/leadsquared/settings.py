"""``crm.leadsquared.*``."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

from connector import parsing
from connector.config import CALLS, IN_SECRETS, IN_THE_CLEAR, RATE, Reading, Secret, VendorSettings, how

MAX_PAGE_SIZE = 5000


class Plan(NamedTuple):
    """What a plan allows, by the page "Rate Limits".

    Two versions of the page are about, and they disagree; of each number this is the lower one. The older one has all plans and no
    quota of a day, the newer one Pro and Super, twice as fast, with 5 and 10 bulk calls and the quota.
    """

    calls: int
    """In 5 seconds."""
    a_day: int | None = None
    bulk: int = 1
    """Bulk calls in 5 seconds."""


PLANS = {
    "lite": Plan(2),
    "pro": Plan(5, 10_000),
    "super": Plan(10, 100_000),
    "basic": Plan(10),
    "standard": Plan(15),
    "enterprise": Plan(25),
}
COURTESY = 0.9
"""Calls may arrive closer together than they left, so a tenth of what is allowed is left free."""
DEFAULT_RATE = 4.5
DEFAULT_BULK_RATE = 0.18


def per_second(calls: int) -> float:
    """The rate for so many calls in 5 seconds."""
    return round(calls / 5 * COURTESY, 3)


@dataclass(frozen=True, kw_only=True)
class LeadSquaredSettings(VendorSettings):
    """``crm.leadsquared.*``. How many calls are allowed is a matter of the account's plan; "too many" slows us down."""

    vendor: ClassVar[str] = "leadsquared"

    base_url: str = field(
        default="https://api.leadsquared.com",
        metadata=how(
            parsing.url_without("/LeadManagement.svc", "/v2"),
            "The host of the account's own region, as *Settings > API and Webhooks* shows it, such as "
            f"`https://api-in21.leadsquared.com`. leadloop removes a `/v2` at its end. {IN_THE_CLEAR}",
        ),
    )
    plan: str | None = field(
        default=None,
        metadata=how(
            parsing.choice(*PLANS),
            "The account's plan: `lite`, `pro`, `super`, `basic`, `standard` or `enterprise`. It sets `rate`, `bulk_rate` and "
            "`calls_per_day`, unless you set them yourself. See [limits](leadsquared.md#limits).",
        ),
    )
    rate: float = field(
        default=DEFAULT_RATE,
        metadata=how(
            CALLS,
            f"{RATE} The default is a tenth below what `plan` allows, or below 25 calls in 5 seconds if there is no `plan`. "
            'After "too many calls", leadloop slows down by itself and speeds up again slowly.',
        ),
    )
    bulk_rate: float = field(
        default=DEFAULT_BULK_RATE,
        metadata=how(
            CALLS,
            "Bulk calls per second, in addition to `rate`; above 0, at most 1,000. The default is a tenth below 1 call in "
            "5 seconds, which every plan allows.",
        ),
    )
    calls_per_day: int | None = field(
        default=None,
        metadata=how(
            parsing.count(1, 100_000_000),
            "Calls per day of UTC, of all runs together. If it is not set, it is what `plan` allows: 10,000 for `pro`, 100,000 for "
            "`super`; leadloop doesn't count the calls of other plans. See [a day's calls](leadsquared.md#a-days-calls).",
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
        default=True,
        metadata=how(
            parsing.flag,
            "Whether a call may change 25 leads. It has no effect together with `post_updated_lead`, which bulk calls don't "
            "have.",
        ),
    )
    removals: bool = field(
        default=True,
        metadata=how(
            parsing.flag,
            "Whether every run also asks which leads were merged into others since the last run. If none were, this costs one "
            "small call.",
        ),
    )
    page_size: int = field(
        default=1000,
        metadata=how(parsing.count(1, MAX_PAGE_SIZE), f"Leads per call, 1 to {MAX_PAGE_SIZE:,}."),
    )

    def __post_init__(self) -> None:
        if self.plan is None:
            return
        allowed = PLANS[self.plan]
        if self.rate == DEFAULT_RATE:
            object.__setattr__(self, "rate", per_second(allowed.calls))
        if self.bulk_rate == DEFAULT_BULK_RATE:
            object.__setattr__(self, "bulk_rate", per_second(allowed.bulk))

    @property
    def calls_a_day(self) -> int | None:
        return self.calls_per_day or (PLANS[self.plan].a_day if self.plan else None)

    @property
    def reading(self) -> Reading:
        return Reading(page_size=self.page_size, removals=self.removals)
