"""What ``/leads/insert`` does besides adding a lead: duplicates, updates of what is found, the do-not-call list, the hopper.

The community page names the parameters; how they work together is not documented, and is what this file decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connector.sandbox import tables
from connector.sandbox.book import Book, Lead
from connector.sandbox.options import Options
from connector.sandbox.values import digits, is_true

CAMPAIGNS = {"10": frozenset({"333", "17257"}), "20": frozenset({"401", "402", "505"})}
"""Which lists belong to which campaign."""

THIS_LIST, ALL_LISTS, WITH_ARCHIVE, EVERYTHING = 1, 2, 3, 4
"""The levels of ``check_dup`` above 0, which checks nothing."""

CARRIER_TYPES = {"MOBILE": "wireless", "VOIP": "voip", "LANDLINE": "landline"}
MOST_MINUTES = 300


@dataclass(frozen=True, slots=True)
class Queued:
    """A lead waiting to be dialled at once."""

    priority: int
    expires_in: int
    """Minutes."""


class Inserts:
    """The rules of an insert over one book."""

    def __init__(self, book: Book, options: Options) -> None:
        self._book = book
        self._options = options
        self.hopper: dict[str, Queued] = {}

    def unwanted(self, params: Mapping[str, str]) -> bool:
        """Whether the number is turned away: on the do-not-call list, or of a kind of carrier that is not wanted."""
        phone = digits(params["phone_number"])
        if is_true(params.get("check_dnc")) and self._is_do_not_call(phone):
            return True
        carrier = carrier_of(phone)[1]
        if is_true(params.get("check_wireless")) and carrier == "wireless":
            return True
        rejected = (params.get("reject_by_carrier_type") or "").upper().split(",")
        return any(CARRIER_TYPES.get(each.strip()) == carrier for each in rejected)

    def _is_do_not_call(self, phone: str) -> bool:
        if phone in self._options.do_not_call:
            return True
        return any(lead.get("status") == "DNC" for lead in self._with_phone(phone))

    def _with_phone(self, phone: str) -> list[Lead]:
        return [lead for lead in self._book.leads.values() if digits(lead.get("phone_number") or "") == phone]

    def existing(self, params: Mapping[str, str]) -> Lead | None:
        """The lead that stands in the way of adding another one, or that is to be updated instead."""
        if is_true(params.get("update_if_found")):
            named = self._book.find(params["lead_id"]) if params.get("lead_id") else None
            found = named or self._best(self._in_scope(params, self._search_lists(params), 0), params)
            if found is not None:
                return found
        level = duplicate_level(params)
        if level == 0:
            return None
        lists = frozenset({params["list_id"]}) if level == THIS_LIST else None
        return self._best(self._in_scope(params, lists, level), params)

    def may_update(self, lead: Lead, params: Mapping[str, str]) -> bool:
        return is_true(params.get("update_if_found")) and lead.removal is None

    def _search_lists(self, params: Mapping[str, str]) -> frozenset[str] | None:
        """The lists to look in; ``None`` means all. A list that is named beats a campaign."""
        if params.get("search_list_id"):
            return frozenset({params["search_list_id"]})
        if params.get("search_campaign_id"):
            return CAMPAIGNS.get(params["search_campaign_id"], frozenset())
        return None

    def _in_scope(self, params: Mapping[str, str], lists: frozenset[str] | None, level: int) -> list[Lead]:
        archive = level >= WITH_ARCHIVE or (level and is_true(params.get("check_dup_archive")))
        removals = (
            {None} | ({"archived"} if archive else set()) | ({"deleted"} if level >= EVERYTHING else set())
        )
        code = (params.get("phone_code") or "1") if is_true(params.get("filter_phone_code")) else None
        return [
            lead
            for lead in self._with_phone(digits(params["phone_number"]))
            if lead.removal in removals
            and (lists is None or lead.get("list_id") in lists)
            and code in (None, lead.get("phone_code"))
        ]

    def _best(self, leads: list[Lead], params: Mapping[str, str]) -> Lead | None:
        """The lead with the lowest id, unless an order by the time of the last call is asked for."""
        order = (params.get("update_order_by_last_called_time") or "").strip().upper()
        if order in {"ASC", "DESC"}:
            called = [lead for lead in leads if lead.called is not None]
            leads = sorted(called, key=lambda lead: lead.called or 0, reverse=order == "DESC") or leads
        return leads[0] if leads else None

    def add(self, params: Mapping[str, str], fields: Mapping[str, str]) -> str:
        """A new lead with what such a server fills in by itself; returns its id."""
        carrier, kind = carrier_of(digits(params["phone_number"]))
        usual = {
            "created_by": tables.API_USER,
            "last_modified_by": tables.API_USER,
            "source_id": tables.SOURCES[0],
            "status": "NEW",
            "phone_code": "1",
            "carrier_name": carrier,
            "carrier_type": kind,
        }
        return self._book.add({**usual, **fields})

    def queue(self, lead_id: str, params: Mapping[str, str]) -> None:
        """Puts the lead into the hopper where that is asked for; numbers out of range are moved to the nearest in it."""
        if is_true(params.get("hopper")):
            priority = min(99, max(0, _number(params.get("hopper_priority"), 0)))
            minutes = min(MOST_MINUTES, max(1, _number(params.get("hopper_expires_in"), MOST_MINUTES)))
            self.hopper[lead_id] = Queued(priority, minutes)


def duplicate_level(params: Mapping[str, str]) -> int:
    """How far ``check_dup`` and its two flags reach: 0 to 4."""
    level = min(EVERYTHING, max(0, _number(params.get("check_dup"), 0)))
    if is_true(params.get("check_dup_list")):
        level = max(level, THIS_LIST)
    if is_true(params.get("check_dup_archive")):
        level = max(level, WITH_ARCHIVE if level >= ALL_LISTS else THIS_LIST)
    return level


def carrier_of(phone: str) -> tuple[str, str]:
    """Carrier and kind of a number: made up, but always the same."""
    return tables.CARRIERS[sum(map(int, phone)) % len(tables.CARRIERS)]


def _number(text: str | None, default: int) -> int:
    try:
        return int(text or default)
    except ValueError:
        return default
