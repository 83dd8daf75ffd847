"""The session of one key."""

from typing import Any
from urllib.parse import quote

from connector.crm.http import Session
from leadloop_tinybook.facts import LEADS
from leadloop_tinybook.settings import TinybookSettings


def open_session(settings: TinybookSettings, **given: Any) -> Session:
    return Session(settings, headers=lambda: {"X-Key": settings.key.reveal()}, **given)


def path(lead_id: str) -> str:
    return f"{LEADS}/{quote(lead_id, safe='')}"
