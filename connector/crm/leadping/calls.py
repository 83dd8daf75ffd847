"""The session of one Leadping key."""

from typing import Any

from connector.crm.http import Session
from connector.crm.leadping.settings import LeadpingSettings


def open_session(settings: LeadpingSettings, **given: Any) -> Session:
    """Calls to one organisation, with its key as a header; ``given`` are further arguments of ``Session``."""
    return Session(
        settings, headers=lambda: {"Authorization": f"Bearer {settings.api_key.reveal()}"}, **given
    )
