"""Convoso's do-not-call lists, ``/v1/dnc/…``: the sources are those of ``convoso_desk``.

A reason or a purpose may be any text of up to 64 characters: which ones an account takes is not documented.
"""

from collections.abc import Callable, Mapping

from connector.sandbox import tables
from connector.sandbox.book import Book
from connector.sandbox.convoso_inserts import Inserts
from connector.sandbox.convoso_params import Params, Refused, Row, answered, matches, paging, whole
from connector.sandbox.options import Options
from connector.sandbox.values import digits

USUAL_DNC, MOST_DNC, FURTHEST_DNC = 100, 1_000, 100_000
LONGEST_REASON = 64
BLANK, NOT_BLANK = "-BLANK-", "-NOTBLANK-"
GLOBAL = "0"
"""The campaign of a record that counts everywhere."""


class DoNotCall:
    """The do-not-call records of one account; ``campaigns`` has those that there are."""

    def __init__(self, book: Book, options: Options, inserts: Inserts, campaigns: Mapping[str, Row]) -> None:
        self._book = book
        self._inserts = inserts
        self._campaigns = campaigns
        self._dnc: dict[int, Row] = {}
        for phone in sorted(options.do_not_call):
            self._add_dnc({"phone_number": phone, "phone_code": "1", "campaign_id": GLOBAL})
        self.actions: dict[str, Callable[[Params], Row]] = {
            "dnc/search": self._search_dnc,
            "dnc/insert": self._insert_dnc,
            "dnc/update": self._update_dnc,
            "dnc/delete": self._delete_dnc,
        }

    def _search_dnc(self, params: Params) -> Row:
        page = paging(params, MOST_DNC, USUAL_DNC, FURTHEST_DNC)
        self._check_dnc(params, unknown_campaign="6006", bad_phone=None)
        if "id" in params and whole(params["id"]) is None:
            raise Refused("6056")
        rows = [self._shown_dnc(number, record) for number, record in self._dnc.items()]
        found = [
            row
            for row in rows
            if matches(row, params, ("id", "campaign_id", "phone_number", "phone_code"))
            and row["insert_date"].startswith(params.get("insert_date", "")[:10])
            and all(_says(row[name], params.get(name)) for name in ("reason", "purpose"))
        ]
        shown = found[page.offset : page.offset + page.limit]
        return answered({**page._asdict(), "total": len(found), "entries": shown})

    def _insert_dnc(self, params: Params) -> Row:
        given = {"phone_number": "", "phone_code": "", "campaign_id": "", **params}
        self._check_dnc(given, unknown_campaign="6006", bad_phone="6007")
        if self._same_dnc(given) is not None:
            raise Refused("6008")
        return {"success": True, "id": self._add_dnc(given)}

    def _update_dnc(self, params: Params) -> Row:
        number = whole(params.get("id", ""))
        if number is None or number not in self._dnc:
            raise Refused("6056")
        after = {**self._dnc[number], **params}
        self._check_dnc(after, unknown_campaign="6004", bad_phone="6008")
        if self._same_dnc(after) not in (None, number):
            raise Refused("6059")
        names = ("phone_number", "phone_code", "campaign_id", "reason", "purpose")
        self._dnc[number] |= {name: "" if after[name] == BLANK else after[name] for name in names}
        self._inserts.do_not_call = self._global_numbers()
        return {"success": True, "id": number}

    def _delete_dnc(self, params: Params) -> Row:
        for name, code in (("phone_code", "6000"), ("campaign_id", "6001"), ("phone_number", "6002")):
            if name not in params:
                raise Refused(code)
        moves_leads = params.get("update_lead_status", "").lower() in ("1", "true")
        if moves_leads and "lead_status" not in params:
            raise Refused("6005")
        if moves_leads and params["lead_status"] not in tables.STATUSES:
            raise Refused("6004")
        if (number := self._same_dnc(params)) is None:
            raise Refused("6003")
        del self._dnc[number]
        self._inserts.do_not_call = self._global_numbers()
        for lead in self._inserts.with_phone(digits(params["phone_number"])) if moves_leads else ():
            if lead.removal is None:
                self._book.api_edit(lead.id, {"status": params["lead_status"]})
        return {"success": True}

    def _add_dnc(self, given: Params) -> int:
        number = max(self._dnc, default=0) + 1
        names = ("phone_number", "phone_code", "campaign_id", "reason", "purpose")
        self._dnc[number] = {
            **{name: given.get(name, "") for name in names},
            "at": self._book.clock.seconds(),
        }
        self._inserts.do_not_call = self._global_numbers()
        return number

    def _global_numbers(self) -> frozenset[str]:
        """Numbers that an insert with ``check_dnc`` turns away."""
        return frozenset(
            digits(each["phone_number"]) for each in self._dnc.values() if each["campaign_id"] == GLOBAL
        )

    def _same_dnc(self, given: Params) -> int | None:
        names = ("phone_number", "phone_code", "campaign_id")
        wanted = tuple(given.get(name) for name in names)
        return next(
            (number for number, each in self._dnc.items() if tuple(each[name] for name in names) == wanted),
            None,
        )

    def _check_dnc(self, given: Params, *, unknown_campaign: str, bad_phone: str | None) -> None:
        if "campaign_id" in given and given["campaign_id"] not in {GLOBAL, *self._campaigns}:
            raise Refused(unknown_campaign)
        phone = given.get("phone_number", "")
        if bad_phone is not None and not (phone.isascii() and phone.isdigit() and 7 <= len(phone) <= 15):
            raise Refused(bad_phone)
        if "phone_code" in given and not (given["phone_code"].isascii() and given["phone_code"].isdigit()):
            raise Refused("6026")
        for name, code in (("purpose", "6057"), ("reason", "6058")):
            if len(given.get(name, "")) > LONGEST_REASON:
                raise Refused(code)

    def _shown_dnc(self, number: int, record: Row) -> Row:
        campaign = record["campaign_id"]
        return {
            "id": str(number),
            "phone_number": record["phone_number"],
            "campaign_id": campaign,
            "insert_date": self._book.local(record["at"]),
            "phone_code": record["phone_code"],
            "campaign_uid": f"sandbox-{campaign}",
            "campaign_name": self._campaigns.get(campaign, {"name": "Global"})["name"],
            "campaign_type": "Normal",
            "purpose": record["purpose"],
            "reason": record["reason"],
        }


def _says(shown: str, wanted: str | None) -> bool:
    if wanted is None:
        return True
    return {BLANK: not shown, NOT_BLANK: bool(shown)}.get(wanted, shown == wanted)
