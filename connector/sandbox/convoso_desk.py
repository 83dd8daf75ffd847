"""Convoso's endpoints that are not about leads: the call log, lists, campaigns and users.

Callbacks and do-not-call lists have files of their own.

From Convoso's own pages and the types of a public SDK (the sources are named in ``connector/documented/convoso.py``). leadloop
calls the log alone; the others are here for whoever rehearses with more than leadloop. Where nothing is documented:

* a call was outbound, and made by the lead's user or by one that its id picks;
* there are no queues;
* a call log without times is that of today, as the SDK says.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from connector.sandbox import tables
from connector.sandbox.book import Book, Recording
from connector.sandbox.convoso_callbacks import Callbacks
from connector.sandbox.convoso_dnc import DoNotCall
from connector.sandbox.convoso_inserts import Inserts
from connector.sandbox.convoso_params import (
    Params,
    Refused,
    Row,
    answered,
    bound,
    matches,
    names_of,
    paging,
    second_at,
    user_email,
    user_name,
)
from connector.sandbox.options import Options
from connector.sandbox.values import digits

MOST_CALLS, FURTHEST_CALL = 500, 40_000
USUAL_USERS, MOST_USERS = 20, 1_000
SHORTEST_NAME = 10
CALL_FILTERS = (
    "id", "lead_id", "campaign_id", "list_id", "user_id", "status", "phone_number", "number_dialed", "first_name", "last_name",
    "call_type", "called_count",
)  # fmt: skip


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
        callbacks = Callbacks(book, inserts, self._lists, self._campaigns)
        dnc = DoNotCall(book, options, inserts, self._campaigns)
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
            **callbacks.actions,
            **dnc.actions,
        }

    # The call log

    def _call_log(self, params: Params) -> Row:
        page = paging(params, MOST_CALLS, MOST_CALLS, FURTHEST_CALL)
        if "campaign_id" in params and params["campaign_id"] not in self._campaigns:
            raise Refused("6004")
        if "list_id" in params and params["list_id"] not in self._lists:
            raise Refused("6002")
        if "user_id" in params and params["user_id"] not in self._book.users:
            raise Refused("6006")
        if "queue_id" in params:
            raise Refused("6030")
        today = self._book.local(self._book.clock.seconds())[:10]
        start = second_at(params.get("start_time", today), self._book, "6031", last=False)
        end = second_at(params.get("end_time", today), self._book, "6031", last=True)
        with_recordings = params.get("include_recordings", "0").lower() in ("1", "true")
        rows = [
            row
            for call in self._book.calls(start, end)
            if matches(row := self._logged(call, with_recordings), params, CALL_FILTERS)
        ]
        if params.get("order", "").lower() != "asc":
            rows.reverse()
        shown = rows[page.offset : page.offset + page.limit]
        found = {"total_found": str(len(rows)), "entries": len(shown), "results": shown}
        return answered({**page._asdict(), **found})

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
        return answered(
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
        return {**answered({"list_id": int(list_id)}), "id": int(list_id)}

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
        return answered({"list_id": int(list_id)})

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
        return answered(
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
        return answered(
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
        start = bound(params, "start_time", self._book, last=False)
        end = bound(params, "end_time", self._book, last=True)
        found = [call for call in self._book.calls(start, end) if self._caller(call) in users]
        shown = found[page.offset : page.offset + page.limit]
        entries = [recorded(self._book, call) for call in shown]
        return answered({**page._asdict(), "total": len(found), "entries": entries})

    def _users(self, params: Params) -> list[str]:
        """Whoever is named by one of the words: an address, a first or a last name."""
        words = {word.strip().casefold() for word in params.get("user", "").split(",")} - {""}
        if not words:
            raise Refused("6005")
        return [
            user
            for user in tables.USERS
            if words & {name.casefold() for name in (user_email(user), *names_of(user))}
        ]

    def _profile(self, user: str) -> Row:
        first, last = names_of(user)
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
