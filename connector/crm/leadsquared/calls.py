"""How a call to LeadSquared is made up, with its keys."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from connector.crm.http import Call, Retry, Session
from connector.crm.leadsquared.settings import LeadSquaredSettings

BULK_LANE = "bulk"
"""Bulk calls have a limit of their own (page)."""
PATIENCE = 10
"""Attempts of an update that is turned away as one call too many."""


def open_session(settings: LeadSquaredSettings, **given: Any) -> Session:
    """A session that sends the keys as headers, unless the settings put them into the query string.

    An update that is turned away as one too many waits for its next turn: at the pace of the slowest plan, a push would else end
    after ten of them.
    """
    given = {"retry": Retry(throttled=PATIENCE), "lanes": {BULK_LANE: settings.bulk_rate}, **given}
    return Session(settings, headers=partial(_key_headers, settings), **given)


def _key_headers(settings: LeadSquaredSettings) -> dict[str, str]:
    if settings.keys_in == "query":
        return {}
    return {
        "x-LSQ-AccessKey": settings.access_key.reveal(),
        "x-LSQ-SecretKey": settings.secret_key.reveal(),
    }


def call_with(
    settings: LeadSquaredSettings,
    method: Literal["GET", "POST"],
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    json: Any = None,
    lane: str = "",
) -> Call:
    query = dict(query or {})
    if settings.keys_in == "query":
        query |= {"accessKey": settings.access_key.reveal(), "secretKey": settings.secret_key.reveal()}
    return Call(method, path, query=query, json=json, lane=lane)
