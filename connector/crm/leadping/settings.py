"""``crm.leadping.*``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from connector import parsing
from connector.config import CALLS, IN_SECRETS, IN_THE_CLEAR, RATE, Secret, VendorSettings, how


@dataclass(frozen=True, kw_only=True)
class LeadpingSettings(VendorSettings):
    """``crm.leadping.*``. Leadping allows an organisation 300 calls in 60 seconds; a changed lead takes three of them."""

    vendor: ClassVar[str] = "leadping"
    meanings: ClassVar[Mapping[str, str]] = {
        "settle": "Seconds before now at which a window ends. The next run reads younger edits, because the CRM's list may "
        "not show them yet. At most one day.",
        "lookback": "Seconds before the cursor that every run reads again, because the list can show an edit late. "
        "At most 31 days.",
        "start": "Not used: the first run reads every lead.",
    }

    base_url: str = field(
        default="https://api.leadping.ai",
        metadata=how(parsing.url, f"Address of the API. {IN_THE_CLEAR}"),
    )
    rate: float = field(
        default=4.8,
        metadata=how(
            CALLS,
            f"{RATE} The default is a little below Leadping's own limit, 300 calls in 60 seconds for the whole "
            "organisation. Set it lower if other programs use the same organisation.",
        ),
    )
    api_key: Secret = field(
        metadata=how(parsing.secret, f"The organisation's API key (`sk_…`). {IN_SECRETS}", secret=True)
    )
