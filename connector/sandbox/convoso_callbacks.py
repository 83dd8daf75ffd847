"""Convoso's scheduled callbacks, ``/v1/callbacks/…``: the sources are those of ``convoso_desk``.

A callback is pending until its time and past due after it, unless somebody dismissed it; a personal one needs its user.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone

from connector.sandbox import tables
from connector.sandbox.book import Book
from connector.sandbox.convoso_inserts import Inserts
from connector.sandbox.convoso_params import (
    Params,
    Refused,
    Row,
    answered,
    bound,
    matches,
    paging,
    user_name,
    whole,
)

USUAL_CALLBACKS, MOST_CALLBACKS, FURTHEST_CALLBACK = 20, 5_000, 50_000
CALLBACK_FILTERS = ("id", "lead_id", "list_id", "campaign_id", "user_id", "recipient", "stage")
_TIMES = ("%Y-%m-%d %I:%M %p", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")


class Callbacks:
    """The callbacks of one account; ``lists`` and ``campaigns`` have the names of those that there are."""

    def __init__(
        self, book: Book, inserts: Inserts, lists: Mapping[str, Row], campaigns: Mapping[str, Row]
    ) -> None:
        self._book = book
        self._inserts = inserts
        self._lists = lists
        self._campaigns = campaigns
        self._callbacks: dict[int, Row] = {}
        self.actions: dict[str, Callable[[Params], Row]] = {
            "callbacks/search": self._search_callbacks,
            "callbacks/insert": self._insert_callback,
            "callbacks/update": self._update_callback,
            "callbacks/delete": self._delete_callback,
        }

    def _search_callbacks(self, params: Params) -> Row:
        page = paging(params, MOST_CALLBACKS, USUAL_CALLBACKS, FURTHEST_CALLBACK)
        start = bound(params, "start_date", self._book, last=False)
        end = bound(params, "end_date", self._book, last=True)
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
            and matches({**row, "user_id": row["user"]}, params, CALLBACK_FILTERS)
        ]
        return answered(
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
        number, now = max(self._callbacks, default=0) + 1, self._book.clock.seconds()
        self._callbacks[number] = {**callback, "lead_id": str(lead.id), "created": now, "modified": now}
        return answered({"callback_id": str(number)})

    def _update_callback(self, params: Params) -> Row:
        number = self._known_callback(params)
        callback = self._callback(self._callbacks[number], params)
        self._callbacks[number] = {**callback, "modified": self._book.clock.seconds()}
        return answered({"callback_id": str(number)})

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


def _callback_second(text: str, offset: str) -> int:
    """``2026-03-01 02:30 PM`` at ``-7.00``, as seconds since 1970."""
    for form in _TIMES:
        try:
            zone = timezone(timedelta(hours=float(offset)))
            return int(datetime.strptime(text.strip(), form).replace(tzinfo=zone).timestamp())
        except (ValueError, OverflowError):
            continue
    raise Refused("7237")
