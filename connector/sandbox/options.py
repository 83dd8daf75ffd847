"""Everything about a sandbox that can be chosen, with the defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from connector.sandbox.values import Normalise

Envelope = Literal["live", "community"]
Precision = Literal["second", "day"]


@dataclass(frozen=True, slots=True)
class Options:
    """How the account behaves; ``ValueError`` where a choice makes no sense."""

    leads: int = 500
    elsewhere: int | None = None
    """How many of the people are leads in the other CRMs as well, old and new ones alike; all by default."""
    seed: int = 7
    timezone: str = "America/Los_Angeles"
    envelope: Envelope = "live"
    """``live``: as live clients see it, with a total. ``community``: as the community page shows it, without one."""
    precision: Precision = "second"
    """``day``: the time of day in a search's dates is ignored, and whole days are answered."""
    fold: int = 0
    """Which of the two hours is meant by a bound in the hour that happens twice: 0 the first, 1 the second."""
    touch_on_api_edit: bool = False
    """Whether an edit through the API moves ``modified_at``, as a person's edit does."""
    empty_clears: bool = True
    """Whether an empty parameter empties the field, or leaves it as it is."""
    edits_per_second: float = 0.0
    latency: float = 0.0
    """Seconds every call takes at least."""
    token: str = field(default="sandbox-token", repr=False)
    port: int = 0
    """0 takes a free one."""
    custom_fields: tuple[str, ...] = ()
    required_fields: tuple[str, ...] = ()
    """What an insert has to bring along besides phone number and list."""
    normalise: Mapping[str, Normalise] = field(default_factory=dict)
    do_not_call: frozenset[str] = frozenset()
    """Phone numbers that an insert with ``check_dnc`` turns away, digits only."""
    show_removal_times: bool = True
    """Whether a deleted or archived lead shows since when it is."""

    times: Literal["naive", "offset"] = "naive"
    """How Convoso shows times: ``2026-03-01 10:00:00`` in the account's zone, or ``2026-03-01T10:00:00-0800``."""
    other_office_token: str = field(default="", repr=False)
    """A token that Convoso knows and that is not valid for this office: it is answered with HTTP 403."""
    ignore_time: bool = False
    """Whether Convoso's searches overlook their time filters, and answer with all leads."""
    ignore_offset: bool = False
    """Whether Convoso's searches overlook ``offset``, and answer with their first page."""

    leadsquared_calls_per_5s: int = 0
    """How many calls LeadSquared takes within 5 seconds; 0 for any number."""
    leadsquared_bulk_per_5s: int = 0
    """How many of these may be bulk calls; 0 for any number."""
    leadsquared_calls_per_day: int = 0
    """How many calls LeadSquared takes in all, as if it were one day; 0 for any number."""
    leadsquared_object_types: tuple[str, ...] = ()
    """The Object Types that LeadSquared's account has besides ``OT_0``, as ``OT_1``; with none, nothing shows a type."""
    leadsquared_only_search: tuple[str, ...] = ()
    """Attributes that LeadSquared's searches show, and a look at one lead doesn't."""
    leadsquared_only_get: tuple[str, ...] = ()
    """Attributes that a look at one lead shows, and LeadSquared's search by time doesn't."""
    leadsquared_limit_status: int = 429
    """The HTTP status of one call too many: 429, or 200 as some accounts have it."""

    pollybot_generation: Literal["newer", "older"] = "newer"
    """Which generation of PollyBot's API answers: the older one has ``metadata``, the newer one ``customFields``."""

    leadping_generation: Literal["newer", "older"] = "newer"
    """Which generation of Leadping's API answers: the older one has ``customer``, the newer one ``profile``."""
    leadping_absent: Literal["keep", "erase"] = "erase"
    """What Leadping does with the parts of a lead that an update leaves out."""
    leadping_order: Literal["asked", "created", "none"] = "asked"
    """How Leadping's list goes: as asked for; by creation, whatever is asked for; in no order."""
    leadping_calls_per_60s: int = 0
    """How many calls Leadping takes within 60 seconds; 0 for any number."""

    def __post_init__(self) -> None:
        if self.leads < 0:
            raise ValueError(f"leads can't be negative: {self.leads}")
        if self.envelope not in get_args(Envelope):
            raise ValueError(f"envelope must be live or community, not {self.envelope!r}")
        if self.times not in ("naive", "offset"):
            raise ValueError(f"times must be naive or offset, not {self.times!r}")
        if self.precision not in get_args(Precision):
            raise ValueError(f"precision must be second or day, not {self.precision!r}")
        if self.fold not in (0, 1):
            raise ValueError(f"fold must be 0 or 1, not {self.fold!r}")
        if self.edits_per_second < 0 or self.latency < 0:
            raise ValueError("edits_per_second and latency can't be negative")
        most = (
            self.leadsquared_calls_per_5s,
            self.leadsquared_bulk_per_5s,
            self.leadsquared_calls_per_day,
        )
        if min(most) < 0 or self.leadsquared_limit_status not in (200, 429):
            raise ValueError(
                "leadsquared takes 0 or more calls in 5 seconds and in a day, and answers 429 or 200 to one too many"
            )
        for name in ("pollybot_generation", "leadping_generation"):
            if getattr(self, name) not in ("newer", "older"):
                raise ValueError(f"{name} must be newer or older, not {getattr(self, name)!r}")
        if not self.token:
            raise ValueError("the token can't be empty")
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError):
            raise ValueError(
                f"{self.timezone!r} is no time zone; write it like America/Los_Angeles"
            ) from None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def as_json(self) -> dict[str, Any]:
        """The options without the tokens."""
        secret = ("token", "other_office_token")
        shown = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in secret}
        return {**shown, "normalise": dict(self.normalise), "do_not_call": len(self.do_not_call)}


def make_options(given: Mapping[str, Any]) -> Options:
    """Options from keyword arguments; ``TypeError`` names what is not known, and what may have been meant."""
    known = [each.name for each in fields(Options)]
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            raise TypeError(
                f"a sandbox has no option {name!r}" + (f"; did you mean {close[0]!r}?" if close else "")
            )
    return Options(**given)
