"""The settings of what people see of leads: ``page.…``."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from connector import parsing
from connector.config import named
from connector.config.lookup import parsed, refuse_unknown_in, value
from connector.errors import ConfigError
from connector.parsing import Secret
from connector.texts import masked

NAME = ("first_name last_name", "name", "full_name", "company", "std_company_name", "business_name")
OWNER = ("owner_name", "owner_id_name", "owner", "assigned_agent_id", "assigned_to", "owner_id", "user_id")
STATUS = (
    *("status_name", "prospect_stage", "stage", "lead_status", "metadata_status"),
    *("current_lead_status_display_name", "current_disposition_display_name", "status"),
)
PRIVATE = (
    *(
        "*phone*",
        "*mobile*",
        "*email*",
        "*address*",
        "*street*",
        "*postal*",
        "*zip*",
        "*birth*",
        "dob",
        "ssn",
        "*_ssn",
    ),
    *(
        "*passport*",
        "*iban*",
        "*bank*",
        "*card_number*",
        "*notes*",
        "*message*",
        "*comment*",
        "ip",
        "*ip_address*",
    ),
)

SETTINGS = {
    "page.name": (
        " ".join(f"`{each}`," for each in NAME)[:-1],
        (
            "Columns of `leads`, as a list, by whose values people know a lead. The first entry that has a value is shown; the columns of one "
            "entry are separated by a blank. [The page](page.md) shows it, and so does a plan that was written to a file."
        ),
    ),
    "page.owner": (" ".join(f"`{each}`," for each in OWNER)[:-1], "The same for who looks after a lead."),
    "page.status": (" ".join(f"`{each}`," for each in STATUS)[:-1], "The same for how far a lead has come."),
    "page.private": (
        " ".join(f"`{each}`," for each in PRIVATE)[:-1],
        (
            "Columns, as a list, of whose values `leadloop serve` shows the last two characters at most, unless it was started with "
            '`--show-values`. `*` stands for anything; `["*"]` hides all values.'
        ),
    ),
    "page.token": (
        "none, secret",
        (
            "What a browser has to say once before [the page](page.md) shows it anything: a long random text. Needed with `--host`. Put it "
            "into `.dlt/secrets.toml` or the environment."
        ),
    ),
}
"""What is set of the page, as docs/settings.md tells it: (default, meaning), both Markdown."""


@dataclass(frozen=True, slots=True)
class PageSettings:
    """How leads are shown."""

    name: tuple[str, ...] = NAME
    owner: tuple[str, ...] = OWNER
    status: tuple[str, ...] = STATUS
    private: tuple[str, ...] = PRIVATE
    token: Secret | None = field(default=None, repr=False)


def page_settings() -> PageSettings:
    """``page.…``. ``ConfigError`` for what can't be, for a misspelt name and for a token in config.toml."""
    refuse_unknown_in("page", (), [name.partition(".")[2] for name in SETTINGS])
    lists = {
        name: parsed(f"page.{name}", parsing.names, found)
        for name in ("name", "owner", "status", "private")
        if (found := value(f"page.{name}")) is not None
    }
    token: Any = value("page.token", secret=True)
    if token is None and value("page.token") is not None:
        raise ConfigError(
            f"{named('page.token')} is a secret and stands in config.toml.", "Move it to .dlt/secrets.toml."
        )
    return PageSettings(**lists, token=None if token is None else parsed("page.token", parsing.secret, token))


@dataclass(frozen=True, slots=True)
class Masking:
    """Which values are masked where they are shown."""

    private: tuple[str, ...] = PRIVATE
    show_values: bool = False

    def hides(self, column: str) -> bool:
        """Whether the values of this column, or of the field that is in it, are masked."""
        if self.show_values:
            return False
        name = column.lower().replace(".", "_").replace(" ", "_")
        return any(fnmatchcase(name, pattern.lower()) for pattern in self.private)

    def shown(self, column: str, text: str | None) -> str | None:
        """The value, or as much of it as is shown: its last two characters if it has more than six."""
        return masked(text) if self.hides(column) else text
