"""Convoso's endpoints that are not about leads: the call log, lists, campaigns, users, callbacks, do-not-call lists.

From Convoso's own pages and the types of a public SDK (the sources are named in ``connector/documented/convoso.py``). leadloop
calls none of them; they are here for whoever rehearses with more than leadloop. Where nothing is documented:

* a call was outbound, and made by the lead's user or by one that its id picks;
* there are no queues;
* a reason or a purpose may be any text of up to 64 characters;
* a call log without times is that of today, as the SDK says.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from connector.sandbox import tables
from connector.sandbox.book import Book, Recording
from connector.sandbox.convoso_inserts import Inserts
from connector.sandbox.convoso_params import Refused, paging, second_of, whole
from connector.sandbox.options import Options
from connector.sandbox.values import digits

Params = Mapping[str, str]
Row = dict[str, Any]

MOST_CALLS, FURTHEST_CALL = 500, 40_000
USUAL_CALLBACKS, MOST_CALLBACKS, FURTHEST_CALLBACK = 20, 5_000, 50_000
USUAL_DNC, MOST_DNC, FURTHEST_DNC = 100, 1_000, 100_000
USUAL_USERS, MOST_USERS = 20, 1_000
SHORTEST_NAME, LONGEST_REASON = 10, 64
BLANK, NOT_BLANK = "-BLANK-", "-NOTBLANK-"
GLOBAL = "0"
"""The campaign of a do-not-call record that counts everywhere."""
CALL_FILTERS = (
    "id", "lead_id", "campaign_id", "list_id", "user_id", "status", "phone_number", "number_dialed", "first_name", "last_name",
    "call_type", "called_count",
)  # fmt: skip
CALLBACK_FILTERS = ("id", "lead_id", "list_id", "campaign_id", "user_id", "recipient", "stage")
_CALLBACK_TIMES = ("%Y-%m-%d %I:%M %p", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")


class Desk:
    """The endpoints over one book. ``actions`` take the parameters that are not empty, with the book's lock held."""

    def __init__(self, book: Book, options: Options, inserts: Inserts) -> None:
        self._book = book
        self._inserts = inserts
        self._lists: dict[str, Row] = {
            each: {"name": f"Made-up list {each}", "status": "Y"} for each in tables.LISTS
        }
        self._campaigns: dict[str, Row] = {
            each: {"name": f"Made-up campaign {each}", "status": "Y"} for each in inserts.campaigns
        }
        self._callbacks: dict[int, Row] = {}
        self._dnc: dict[int, Row] = {}
        for phone in sorted(options.do_not_call):
            self._add_dnc({"phone_number": phone, "phone_code": "1", "campaign_id": GLOBAL})
        self.actions: dict[str, Callable[[Params], Row]] = {
            "log/retrieve": self._call_log,
            "lists/search": self._search_lists,
            "lists/insert": self._insert_list,
            "lists/update": self._update_list,
            "lists/delete": self._delete_list,
            "campaigns/search": self._search_campaigns,
            "campaigns/status": self._set_campaign,
            "users/search": self._search_users,
            "users/recordings": self._user_recordings,
            "callbacks/search": self._search_callbacks,
            "callbacks/insert": self._insert_callback,
            "callbacks/update": self._update_callback,
            "callbacks/delete": self._delete_callback,
            "dnc/search": self._search_dnc,
            "dnc/insert": self._insert_dnc,
            "dnc/update": self._update_dnc,
            "dnc/delete": self._delete_dnc,
        }

    # The call log

    def _call_log(self, params: Params) -> Row:
        page = paging(params, MOST_CALLS, MOST_CALLS, FURTHEST_CALL)
        if params.get("campaign_id", GLOBAL) not in {GLOBAL, *self._campaigns}:
            raise Refused("6004")
        if "list_id" in params and params["list_id"] not in self._lists:
            raise Refused("6002")
        if "user_id" in params and params["user_id"] not in self._book.users:
            raise Refused("6006")
        if "queue_id" in params:
            raise Refused("6030")
        today = self._book.local(self._book.clock.seconds())[:10]
        start = self._second(params.get("start_time", today), "6031", last=False)
        end = self._second(params.get("end_time", today), "6031", last=True)
        with_recordings = params.get("include_recordings", "0").lower() in ("1", "true")
        rows = [
            row
            for call in self._book.calls(start, end)
            if _matches(row := self._logged(call, with_recordings), params, CALL_FILTERS)
        ]
        if params.get("order", "").lower() != "asc":
            rows.reverse()
        shown = rows[page.offset : page.offset + page.limit]
        found = {"total_found": str(len(rows)), "entries": len(shown), "results": shown}
        return _data({**page._asdict(), **found})

    def _logged(self, call: Recording, with_recording: bool) -> Row:
        lead = self._book.leads[int(call.lead_id)]
        user, list_id, status = self._caller(call), lead.get("list_id") or "", lead.get("status") or ""
        campaign = self._inserts.campaign_of(list_id) or ""
        url = recording_url(call)
        recording = [
            {
                "recording_id": call.recording_id,
                "filename": url.rpartition("/")[2],
                "src": url,
                "public_url": url,
                "type": "mp3",
            }
        ]
        return {
            "id": call.recording_id,
            "lead_id": call.lead_id,
            "list_id": list_id,
            "campaign_id": campaign,
            "campaign": self._campaigns.get(campaign, {}).get("name", ""),
            "user": user_name(user),
            "user_id": user,
            "phone_number": lead.get("phone_number") or "",
            "number_dialed": digits(lead.get("phone_number") or ""),
            "first_name": lead.get("first_name"),
            "last_name": lead.get("last_name"),
            "status": status,
            "status_name": tables.STATUS_NAMES.get(status, status),
            "call_length": str(call.seconds),
            "call_date": self._book.local(call.start),
            "agent_comment": None,
            "queue_id": None,
            "called_count": str(self._book.called_count(lead)),
            "caller_id_displayed": "2135550100",
            "term_reason": "AGENT",
            "call_type": "OUTBOUND",
            "queue_position": "0",
            "queue_seconds": "0",
            "originating_agent_id": None,
            "session_id": f"sandbox-{call.recording_id}",
            **({"recording": recording} if with_recording else {}),
        }

    def _caller(self, call: Recording) -> str:
        return (
            self._book.leads[int(call.lead_id)].get("user_id")
            or tables.USERS[int(call.lead_id) % len(tables.USERS)]
        )

    # Lists and campaigns

    def _search_lists(self, params: Params) -> Row:
        if params.get("status") not in ("0", "1"):
            raise Refused("4001")
        if "id" in params and params["id"] not in self._lists:
            raise Refused("6002")
        wanted = "Y" if params["status"] == "1" else "N"
        return _data(
            [
                {
                    "id": int(list_id),
                    "name": row["name"],
                    "campaign_id": self._inserts.campaign_of(list_id),
                    "status": row["status"],
                    "last_called_at": self._last_call({list_id}),
                }
                for list_id, row in self._lists.items()
                if row["status"] == wanted
                and params.get("id") in (None, list_id)
                and params.get("campaign_id") in (None, self._inserts.campaign_of(list_id))
            ]
        )

    def _insert_list(self, params: Params) -> Row:
        if "name" not in params:
            raise Refused("6003")
        if params.get("campaign_id") not in self._campaigns:
            raise Refused("6004")
        self._check_name(params["name"])
        list_id = str(max(map(int, self._lists)) + 1)
        self._lists[list_id] = {
            "name": params["name"],
            "status": "Y" if params.get("status", "1") in ("1", "true") else "N",
        }
        self._book.lists.add(list_id)
        self._inserts.campaigns[params["campaign_id"]].add(list_id)
        return {**_data({"list_id": int(list_id)}), "id": int(list_id)}

    def _update_list(self, params: Params) -> Row:
        list_id = self._known_list(params)
        if "campaign_id" in params and params["campaign_id"] not in self._campaigns:
            raise Refused("6004")
        if "name" in params:
            self._check_name(params["name"], but=list_id)
            self._lists[list_id]["name"] = params["name"]
        if "status" in params:
            self._lists[list_id]["status"] = "Y" if params["status"] in ("1", "true") else "N"
        if "campaign_id" in params:
            for lists in self._inserts.campaigns.values():
                lists.discard(list_id)
            self._inserts.campaigns[params["campaign_id"]].add(list_id)
        return _data({"list_id": int(list_id)})

    def _delete_list(self, params: Params) -> Row:
        list_id = self._known_list(params)
        del self._lists[list_id]
        self._book.lists.discard(list_id)
        return {"success": True}

    def _known_list(self, params: Params) -> str:
        if (list_id := params.get("list_id", "")) not in self._lists:
            raise Refused("6002")
        return list_id

    def _check_name(self, name: str, but: str | None = None) -> None:
        if len(name) < SHORTEST_NAME:
            raise Refused("6046")
        if any(row["name"] == name and list_id != but for list_id, row in self._lists.items()):
            raise Refused("6081")

    def _search_campaigns(self, params: Params) -> Row:
        return _data(
            [
                {
                    "id": int(campaign),
                    "name": row["name"],
                    "status": row["status"],
                    "last_call_date": self._last_call(self._inserts.campaigns[campaign]),
                }
                for campaign, row in self._campaigns.items()
            ]
        )

    def _set_campaign(self, params: Params) -> Row:
        if params.get("campaign_id") not in self._campaigns:
            raise Refused("6004")
        if params.get("status", "").lower() not in ("0", "1", "true", "false"):
            raise Refused("6010")
        active = params["status"].lower() in ("1", "true")
        self._campaigns[params["campaign_id"]]["status"] = "Y" if active else "N"
        return {"success": True}

    def _last_call(self, lists: set[str]) -> Row | None:
        """The shape in which PHP writes a time."""
        called = [
            lead.called for lead in self._book.leads.values() if lead.called and lead.get("list_id") in lists
        ]
        if not called:
            return None
        moment = datetime.fromtimestamp(max(called), self._book.zone)
        return {
            "date": f"{moment:%Y-%m-%d %H:%M:%S}.000000",
            "timezone_type": 3,
            "timezone": self._book.zone.key,
        }

    # Users

    def _search_users(self, params: Params) -> Row:
        page = paging(params, MOST_USERS, USUAL_USERS)
        found = self._users(params)
        shown = found[page.offset : page.offset + page.limit]
        return _data(
            {
                "offset": page.offset,
                "limit": str(page.limit),
                "total": str(len(found)),
                "results": {user: self._profile(user) for user in shown},
            }
        )

    def _user_recordings(self, params: Params) -> Row:
        page = paging(params, MOST_USERS, USUAL_USERS)
        users = set(self._users(params))
        start = self._bound(params, "start_time", last=False)
        end = self._bound(params, "end_time", last=True)
        found = [call for call in self._book.calls(start, end) if self._caller(call) in users]
        shown = found[page.offset : page.offset + page.limit]
        entries = [recorded(self._book, call) for call in shown]
        return _data({**page._asdict(), "total": len(found), "entries": entries})

    def _users(self, params: Params) -> list[str]:
        """Whoever is named by one of the words: an address, a first or a last name."""
        words = {word.strip().casefold() for word in params.get("user", "").split(",")} - {""}
        if not words:
            raise Refused("6005")
        return [
            user
            for user in tables.USERS
            if words & {name.casefold() for name in (user_email(user), *_names(user))}
        ]

    def _profile(self, user: str) -> Row:
        first, last = _names(user)
        created = datetime.fromtimestamp(0, self._book.zone) + timedelta(days=16_000)
        return {
            "id": int(user),
            "acl_access_profile": 1,
            "email": user_email(user),
            "first_name": first,
            "last_name": last,
            "user_level": 1,
            "queue_override": "USE_CAMPAIGN",
            "allow_queue_selection": "1",
            "allow_callbacks": "1",
            "callback_types_allowed": "1",
            "allow_transfers": "1",
            "default_blended_selection": "0",
            "alter_custdata_override": "Y",
            "status": "Y",
            "local_gmt": "-8.00",
            "allow_blended_campaign": "1",
            "notification": "0",
            "created_at": f"{created:%Y-%m-%dT%H:%M:%S%z}",
            "connection_type": "BROWSER",
            "extension": [int(user)],
            "last_login": None,
        }

    # Callbacks

    def _search_callbacks(self, params: Params) -> Row:
        page = paging(params, MOST_CALLBACKS, USUAL_CALLBACKS, FURTHEST_CALLBACK)
        start = self._bound(params, "start_date", last=False)
        end = self._bound(params, "end_date", last=True)
        rows = [
            self._shown_callback(number, callback)
            for number, callback in self._callbacks.items()
            if (start is None or callback["at"] >= start) and (end is None or callback["at"] <= end)
        ]
        words = params.get("comments", "").casefold()
        found = [
            row
            for row in rows
            if words in row["comments"].casefold()
            and _matches({**row, "user_id": row["user"]}, params, CALLBACK_FILTERS)
        ]
        return _data(
            {
                "offset": str(page.offset),
                "limit": str(page.limit),
                "total": str(len(found)),
                "results": found[page.offset : page.offset + page.limit],
            }
        )

    def _insert_callback(self, params: Params) -> Row:
        if any(
            name not in params for name in ("lead_id", "recipient", "callback_time_zone", "callback_time")
        ):
            raise Refused("6023")
        lead = self._book.find(params["lead_id"])
        if lead is None:
            raise Refused("6001")
        callback = self._callback({"comments": "", "user_id": "", "dismissed": False}, params)
        number = len(self._callbacks) and max(self._callbacks)
        now = self._book.clock.seconds()
        self._callbacks[number + 1] = {**callback, "lead_id": str(lead.id), "created": now, "modified": now}
        return _data({"callback_id": str(number + 1)})

    def _update_callback(self, params: Params) -> Row:
        number = self._known_callback(params)
        callback = self._callback(self._callbacks[number], params)
        self._callbacks[number] = {**callback, "modified": self._book.clock.seconds()}
        return _data({"callback_id": str(number)})

    def _delete_callback(self, params: Params) -> Row:
        if (number := whole(params.get("callback_id", ""))) not in self._callbacks:
            raise Refused("6038")
        del self._callbacks[number]
        return {"success": True}

    def _known_callback(self, params: Params) -> int:
        if "callback_id" not in params:
            raise Refused("6023")
        number = whole(params["callback_id"])
        if number is None or number not in self._callbacks:
            raise Refused("6038")
        return number

    def _callback(self, before: Row, params: Params) -> Row:
        """The callback with what is asked for; a personal one needs its user."""
        after = {**before, **{name: params[name] for name in ("comments", "user_id") if name in params}}
        if after["user_id"] and after["user_id"] not in self._book.users:
            raise Refused("6006")
        if "recipient" in params:
            after["recipient"] = params["recipient"].lower()
        if after["recipient"] not in ("system", "personal") or (
            after["recipient"] == "personal" and not after["user_id"]
        ):
            raise Refused("6023")
        if "callback_time" in params or "callback_time_zone" in params:
            after["wall"] = params.get("callback_time", after.get("wall", ""))
            after["offset"] = params.get("callback_time_zone", after.get("offset", ""))
            after["at"] = _callback_second(after["wall"], after["offset"])
        status = params.get("callback_status", params.get("status", "")).lower()
        return {**after, "dismissed": after["dismissed"] or status == "dismissed"}

    def _shown_callback(self, number: int, callback: Row) -> Row:
        lead = self._book.leads[int(callback["lead_id"])]
        list_id, local = lead.get("list_id") or "", self._book.local
        campaign = self._inserts.campaign_of(list_id) or ""
        late = callback["at"] < self._book.clock.seconds()
        stage = "Dismissed" if callback["dismissed"] else "Past_Due" if late else "Pending"
        return {
            "id": str(number),
            "lead_id": callback["lead_id"],
            "list_id": list_id,
            "campaign_id": campaign,
            "status": "DISMISSED" if callback["dismissed"] else "LIVE",
            "created_at": local(callback["created"]),
            "callback_time": local(callback["at"]),
            "modified_at": local(callback["modified"]),
            "user": callback["user_id"],
            "recipient": "USERONLY" if callback["recipient"] == "personal" else "ANYONE",
            "comments": callback["comments"],
            "context": "",
            "callback_seen": "",
            "phone_number": lead.get("phone_number") or "",
            "stage": stage,
            "class": stage.lower(),
            "user_name": user_name(callback["user_id"]) if callback["user_id"] else "",
            "directory_name": self._lists.get(list_id, {}).get("name", ""),
            "campaign_name": self._campaigns.get(campaign, {}).get("name", ""),
            "campaign_type": "Normal",
            "status_name": tables.STATUS_NAMES.get(lead.get("status") or "", ""),
        }

    # Do-not-call lists

    def _search_dnc(self, params: Params) -> Row:
        page = paging(params, MOST_DNC, USUAL_DNC, FURTHEST_DNC)
        self._check_dnc(params, unknown_campaign="6006", bad_phone=None)
        if "id" in params and whole(params["id"]) is None:
            raise Refused("6056")
        rows = [self._shown_dnc(number, record) for number, record in self._dnc.items()]
        found = [
            row
            for row in rows
            if _matches(row, params, ("id", "campaign_id", "phone_number", "phone_code"))
            and row["insert_date"].startswith(params.get("insert_date", "")[:10])
            and all(_says(row[name], params.get(name)) for name in ("reason", "purpose"))
        ]
        shown = found[page.offset : page.offset + page.limit]
        return _data({**page._asdict(), "total": len(found), "entries": shown})

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

    # Times

    def _bound(self, params: Params, name: str, *, last: bool) -> int | None:
        return self._second(params[name], "400", last=last, about=f" in {name}") if name in params else None

    def _second(self, text: str, code: str, *, last: bool, about: str = "") -> int:
        found = second_of(text, self._book.zone, last=last)
        if found is None:
            raise Refused(code, about)
        return found


def recorded(book: Book, call: Recording, *, as_text: bool = False) -> Row:
    """A recording as a list of recordings shows it: ids are numbers on Convoso's pages and texts on the community's.

    A call that goes on has no end yet: an empty text, as in the example of Convoso's page, and no length.
    """
    end = call.start + call.seconds
    goes_on = end > book.clock.seconds() and not as_text
    return {
        "recording_id": call.recording_id if as_text else int(call.recording_id),
        "lead_id": call.lead_id if as_text else int(call.lead_id),
        "start_time": book.local(call.start),
        "end_time": "" if goes_on else book.local(end),
        "seconds": None if goes_on else call.seconds,
        "url": recording_url(call),
    }


def recording_url(call: Recording) -> str:
    return f"https://convoso.com/recording/{call.recording_id}.mp3"


def _names(user: str) -> tuple[str, str]:
    first, last, _ = tables.PEOPLE[int(user) % len(tables.PEOPLE)]
    return first, last


def user_name(user: str) -> str:
    return " ".join(_names(user)) if user.isdigit() else user


def user_email(user: str) -> str:
    return f"agent{user}@example.com"


def _data(data: Any) -> Row:
    return {"success": True, "data": data}


def _matches(row: Row, params: Params, names: tuple[str, ...]) -> bool:
    return all(_alike(row.get(name), params[name]) for name in names if name in params)


def _alike(shown: Any, wanted: str) -> bool:
    """Without regard to case; ``PASTDUE`` and ``Past_Due``, ``System`` and ``ANYONE`` are the same."""
    same = {"system": "anyone", "personal": "useronly"}
    words = [str(each or "").strip().casefold().replace("_", "") for each in (shown, wanted)]
    return len({same.get(word, word) for word in words}) == 1


def _says(shown: str, wanted: str | None) -> bool:
    if wanted is None:
        return True
    return {BLANK: not shown, NOT_BLANK: bool(shown)}.get(wanted, shown == wanted)


def _callback_second(text: str, offset: str) -> int:
    """``2026-03-01 02:30 PM`` at ``-7.00``, as seconds since 1970."""
    for form in _CALLBACK_TIMES:
        try:
            zone = timezone(timedelta(hours=float(offset)))
            return int(datetime.strptime(text.strip(), form).replace(tzinfo=zone).timestamp())
        except (ValueError, OverflowError):
            continue
    raise Refused("7237")
