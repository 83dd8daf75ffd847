"""``crm.tinybook.*``."""

from dataclasses import dataclass, field
from typing import ClassVar

from connector import parsing
from connector.config import IN_SECRETS, IN_THE_CLEAR, Secret, VendorSettings, how


@dataclass(frozen=True, kw_only=True)
class TinybookSettings(VendorSettings):
    """What an account of Tinybook has besides what every CRM has."""

    vendor: ClassVar[str] = "tinybook"

    base_url: str = field(
        default="https://api.tinybook.example",
        metadata=how(parsing.url, f"Address of the API. {IN_THE_CLEAR}"),
    )
    key: Secret = field(metadata=how(parsing.secret, f"The account's key. {IN_SECRETS}", secret=True))
