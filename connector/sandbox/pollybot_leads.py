"""The leads of the sandbox's PollyBot workspace, as either generation of its API shows and takes them.

The older generation, with ``metadata``, is that of the vendor's page. The newer one is that of the public client that the
automation tool Activepieces has for PollyBot (August 2026): its forms, and the lead in the sample of its webhook.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.sandbox.book import Lead
from connector.sandbox.documents import Doc
from connector.sandbox.values import is_email, is_phone

OLDER_STATUSES = ("new", "contacted", "qualified", "converted", "lost", "follow_up")
NEWER_STATUSES = ("NEW", "CONTACTED", "QUALIFIED", "NEGOTIATING", "CONVERTED", "LOST", "UNRESPONSIVE")
# fmt: off
FROM_BOOK = {
    "NEW": "new", "ACTIVE": "contacted", "CALLBACK": "follow_up", "NOANSWER": "contacted", "BUSY": "contacted",
    "NOTINT": "lost", "SALE": "converted", "COMPLETED": "qualified", "DNC": "lost",
}
# fmt: on
SOURCES = ("website", "webinar", "referral", "chat")
INTERESTS = ("enterprise_solution", "support_package", "training")
MOST_TAGS, LONGEST_TAG = 10, 50


@dataclass(frozen=True)
class Generation:
    """What an update takes, and how the list is paged."""

    texts: Mapping[str, int | None]
    """Field -> the most characters it may have."""
    statuses: tuple[str, ...]
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    merged: tuple[str, ...] = ()
    """Objects that an update is merged into."""
    replaced: Mapping[str, type] = field(default_factory=dict)
    """Objects and lists that an update replaces as a whole."""
    page: int = 20
    """Rows of a page where no limit is asked for."""


OLDER = Generation(
    texts=dict.fromkeys(("name", "email", "phone", "source", "status")),
    statuses=OLDER_STATUSES,
    merged=("metadata",),
)
NEWER = Generation(
    texts={
        "name": 100,
        "email": None,
        "phone": 20,
        "source": 50,
        "status": None,
        "company": 100,
        "message": 1_000,
        "notes": 2_000,
        "priority": None,
        "urgency": None,
        "preferredMethod": None,
        "discord": 50,
    },
    statuses=NEWER_STATUSES,
    choices={
        "priority": ("LOW", "MEDIUM", "HIGH", "URGENT"),
        "urgency": ("low", "medium", "high"),
        "preferredMethod": ("email", "phone", "discord"),
    },
    replaced={"customFields": dict, "tags": list},
    page=50,
)
GENERATIONS = {"older": OLDER, "newer": NEWER}


class Unfit(Exception):  # noqa: N818 - an answer on its way, not a failure
    """A value is not one that the API takes."""

    def __init__(self, field: str, message: str, value: Any = None) -> None:
        super().__init__(field)
        self.field, self.message, self.value = field, message, value


def older(lead: Lead) -> Doc:
    """The book's lead with its metadata."""
    dice = hashlib.sha256(str(lead.id).encode()).digest()
    metadata: Doc = {
        "company": lead.get("std_company_name") or None,
        "city": lead.get("city"),
        "notes": lead.get("notes") or "",
        "utm_source": ("google", "newsletter", "partner")[dice[0] % 3],
        "visits": dice[1],
        "engagement": dice[2] / 256,
        "newsletter": dice[3] % 2 == 0,
        "interests": list(INTERESTS[: dice[4] % 4]),
        "conversation": {"messages": dice[5], "last": {"channel": "chat", "rating": dice[6] % 6}},
    }
    return {**_person(lead), "status": _status(lead), "metadata": metadata}


def newer(lead: Lead) -> Doc:
    """The book's lead with flat fields, tags and custom fields."""
    dice = hashlib.sha256(str(lead.id).encode()).digest()
    status = _status(lead).upper()
    return {
        "chatbotId": "chatbot_sandbox",
        "conversationId": None,
        **_person(lead),
        "company": lead.get("std_company_name") or None,
        "message": None,
        "status": "UNRESPONSIVE" if status == "FOLLOW_UP" else status,
        "priority": ("LOW", "MEDIUM", "HIGH", "URGENT")[dice[0] % 4],
        "assignedAgentId": None,
        "notes": lead.get("notes") or None,
        "tags": list(INTERESTS[: dice[4] % 4]),
        "customFields": {
            "city": lead.get("city"),
            "visits": dice[1],
            "engagement": dice[2] / 256,
            "newsletter": dice[3] % 2 == 0,
        },
        "followUpDate": None,
        "lastContactAt": None,
        "convertedAt": None,
        "discord": None,
        "preferredMethod": ("email", "phone", "discord")[dice[5] % 3],
        "urgency": ("low", "medium", "high")[dice[6] % 3],
    }


def _person(lead: Lead) -> Doc:
    names = [lead.get(name) for name in ("first_name", "last_name")]
    dice = hashlib.sha256(str(lead.id).encode()).digest()
    return {
        "name": " ".join(name for name in names if name),
        "email": lead.get("email") or None,
        "phone": f"+1{lead.get('phone_number')}",
        "source": SOURCES[dice[7] % 4],
    }


def _status(lead: Lead) -> str:
    return FROM_BOOK[lead.get("status") or "NEW"]


def check(given: Mapping[str, Any], rules: Generation, statuses: tuple[str, ...]) -> None:
    """Raises ``Unfit`` for the first value of an update that is of the wrong type, too long or none of the words allowed."""
    for name in (name for name in rules.texts if name in given):
        value, longest = given[name], rules.texts[name]
        if value is not None and not isinstance(value, str):
            raise Unfit(name, f"{name} must be a string")
        if value and longest is not None and len(value) > longest:
            raise Unfit(name, f"{name} must be at most {longest} characters", value)
    if "status" in given and given["status"] not in statuses:
        raise Unfit("status", f"Status must be one of: {', '.join(statuses)}", given["status"])
    for name, words in rules.choices.items():
        if given.get(name) not in (None, *words):
            raise Unfit(name, f"{name} must be one of: {', '.join(words)}", given[name])
    if given.get("phone") and not is_phone(given["phone"]):
        raise Unfit("phone", "Invalid phone number", given["phone"])
    if given.get("email") and not is_email(given["email"]):
        raise Unfit("email", "Invalid email address", given["email"])
    for name, kind in (*((name, dict) for name in rules.merged), *rules.replaced.items()):
        if name in given and not isinstance(given[name], kind):
            raise Unfit(name, f"{name} must be {'an object' if kind is dict else 'a list'}")
    tags = given.get("tags", [])
    if len(tags) > MOST_TAGS or not all(isinstance(tag, str) and len(tag) <= LONGEST_TAG for tag in tags):
        raise Unfit("tags", f"tags must be at most {MOST_TAGS} texts of at most {LONGEST_TAG} characters")
