"""What ``/leads/insert`` does besides adding a lead: duplicates, updates of what is found, the do-not-call list, the hopper.

Convoso's "Lead Insert API" and "API Documentation" name the parameters, and so does the community page. How they work together is
not documented, and is what this file decides:

* ``check_dup`` is 1 for the account, 2 for the list, 3 for the campaign, as Convoso says. Its "Lead Insert API" has a 4, too;
  what that does is not known, and here it is 1 with the archive;
* ``check_dup_archive`` adds the archived leads of the account, if ``check_dup`` is on;
* ``check_dup_list`` is on the community page alone, so only that page's account (``envelope="community"``) knows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connector.sandbox import tables
from connector.sandbox.book import Book, Lead
from connector.sandbox.options import Options
from connector.sandbox.values import digits, is_true

CAMPAIGNS = {"10": frozenset({"333", "17257"}), "20": frozenset({"401", "402", "505"})}
"""Which lists belong to which campaign, at first."""

ACCOUNT, LIST, CAMPAIGN, EVERYTHING = 1, 2, 3, 4
"""The values of ``check_dup`` above 0, which checks nothing."""

CARRIER_TYPES = {"MOBILE": "wireless", "VOIP": "voip", "LANDLINE": "landline"}
MOST_MINUTES = 300
NATIONAL = 10
"""Digits of a phone number without the country's code."""


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
        self.campaigns = {campaign: set(lists) for campaign, lists in CAMPAIGNS.items()}
        self.do_not_call = options.do_not_call
        """Numbers that no campaign may call, digits only."""

    def campaign_of(self, list_id: str) -> str | None:
        return next((campaign for campaign, lists in self.campaigns.items() if list_id in lists), None)

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
        if phone in self.do_not_call:
            return True
        return any(lead.get("status") == "DNC" for lead in self.with_phone(phone))

    def with_phone(self, phone: str) -> list[Lead]:
        return [lead for lead in self._book.leads.values() if digits(lead.get("phone_number") or "") == phone]

    def existing(self, params: Mapping[str, str]) -> Lead | None:
        """The lead that stands in the way of adding another one, or that is to be updated instead."""
        if is_true(params.get("update_if_found")):
            named = self._book.find(params["lead_id"]) if params.get("lead_id") else None
            found = named or self._best(self._in_scope(params, self._search_lists(params), False), params)
            if found is not None:
                return found
        level = self._level(params)
        if level == 0:
            return None
        archive = level == EVERYTHING or is_true(params.get("check_dup_archive"))
        return self._best(self._in_scope(params, self._lists_at(level, params["list_id"]), archive), params)

    def _level(self, params: Mapping[str, str]) -> int:
        """What ``check_dup`` asks for; ``true`` is 1."""
        given = params.get("check_dup")
        level = ACCOUNT if (given or "").lower() == "true" else min(EVERYTHING, max(0, _number(given, 0)))
        flagged = self._options.envelope == "community" and is_true(params.get("check_dup_list"))
        return LIST if flagged and level == 0 else level

    def _lists_at(self, level: int, list_id: str) -> frozenset[str] | None:
        """The lists in which a duplicate counts; ``None`` means all."""
        if level == CAMPAIGN:
            campaign = self.campaign_of(list_id)
            return frozenset({list_id, *(self.campaigns[campaign] if campaign else ())})
        return frozenset({list_id}) if level == LIST else None

    def may_update(self, lead: Lead, params: Mapping[str, str]) -> bool:
        return is_true(params.get("update_if_found")) and lead.removal is None

    def _search_lists(self, params: Mapping[str, str]) -> frozenset[str] | None:
        """The lists to look in; ``None`` means all. A list that is named beats a campaign."""
        if params.get("search_list_id"):
            return frozenset({params["search_list_id"]})
        if params.get("search_campaign_id"):
            return frozenset(self.campaigns.get(params["search_campaign_id"], ()))
        return None

    def _in_scope(self, params: Mapping[str, str], lists: frozenset[str] | None, archive: bool) -> list[Lead]:
        """Leads with this number in these lists, and with ``archive`` also the archived ones, wherever they are."""
        return [
            lead
            for lead in self.with_phone(digits(params["phone_number"]))
            if (lead.removal is None and (lists is None or lead.get("list_id") in lists))
            or (archive and lead.removal == "archived")
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
            priority = min(99, max(0, _number(params.get("hopper_priority"), 99)))
            minutes = min(MOST_MINUTES, max(1, _number(params.get("hopper_expires_in"), MOST_MINUTES)))
            self.hopper[lead_id] = Queued(priority, minutes)


def without_code(params: Mapping[str, str]) -> dict[str, str]:
    """With ``filter_phone_code``, the country's code moves from the number to ``phone_code``."""
    number = digits(params.get("phone_number") or "")
    if not is_true(params.get("filter_phone_code")) or len(number) <= NATIONAL:
        return dict(params)
    return {**params, "phone_number": number[-NATIONAL:], "phone_code": number[:-NATIONAL]}


def carrier_of(phone: str) -> tuple[str, str]:
    """Carrier and kind of a number: made up, but always the same."""
    return tables.CARRIERS[sum(map(int, phone)) % len(tables.CARRIERS)]


def _number(text: str | None, default: int) -> int:
    try:
        return int(text or default)
    except ValueError:
        return default
