"""``crm.pollybot.*``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from connector import parsing
from connector.config import IN_SECRETS, IN_THE_CLEAR, RATE, Secret, VendorSettings, how


@dataclass(frozen=True, kw_only=True)
class PollyBotSettings(VendorSettings):
    """``crm.pollybot.*``. PollyBot allows 1,000 calls an hour per key; what is left of them slows us down in time."""

    vendor: ClassVar[str] = "pollybot"
    meanings: ClassVar[Mapping[str, str]] = {
        "rate": f"{RATE} When four fifths of the key's hourly calls are used, leadloop spreads the others over the rest of the "
        "hour.",
        "settle": "Seconds before now at which a run's window ends. At most one day.",
        "lookback": "Seconds before the cursor that every run reads again. At most 31 days.",
        "start": "Not used: the first run reads every lead.",
    }

    base_url: str = field(
        default="https://pollybot.app",
        metadata=how(parsing.url, f"Address of the service, without the API's path. {IN_THE_CLEAR}"),
    )
    api_key: Secret = field(
        metadata=how(parsing.secret, f"The workspace's key, `sk-workspace_…`. {IN_SECRETS}", secret=True)
    )
    leads_path: str = field(
        default="/api/v1/leads",
        metadata=how(
            parsing.path,
            "The path of the leads below the address. Newer workspaces have `/api/v1/chatbots/ID/leads`, with the "
            "chatbot's id.",
        ),
    )
