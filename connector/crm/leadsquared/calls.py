"""How a call to LeadSquared is made up, with its keys."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from connector.crm.http import Call, Session
from connector.crm.leadsquared.settings import LeadSquaredSettings


def open_session(settings: LeadSquaredSettings, **given: Any) -> Session:
    """A session that sends the keys as headers, unless the settings put them into the query string."""
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
) -> Call:
    query = dict(query or {})
    if settings.keys_in == "query":
        query |= {"accessKey": settings.access_key.reveal(), "secretKey": settings.secret_key.reveal()}
    return Call(method, path, query=query, json=json)
