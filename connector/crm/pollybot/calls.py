"""The session of one PollyBot key, which keeps to what is left of the hour's calls."""

from typing import Any
from urllib.parse import quote

from connector.crm.http import Call, Session
from connector.crm.pollybot.facts import NEWEST_FIRST
from connector.crm.pollybot.responses import budget
from connector.crm.pollybot.settings import PollyBotSettings
from connector.crm.pollybot.shown import Shown


class PollyBotSession(Session):
    """Calls to one workspace, and what reader and writer learn from its answers."""

    def __init__(self, settings: PollyBotSettings, **given: Any) -> None:
        super().__init__(
            settings,
            headers=lambda: {"Authorization": f"Bearer {settings.api_key.reveal()}"},
            budget=lambda answer: budget(answer, settings.single_calls),
            **given,
        )
        self.shown = Shown()


def page_call(settings: PollyBotSettings, number: int) -> Call:
    """``GET {leads}`` for a page of the list, the latest edits first; ``number`` from 1."""
    return Call("GET", settings.leads_path, query={"page": str(number), **NEWEST_FIRST})


def call_for(settings: PollyBotSettings, method: Any, lead_id: str) -> Call:
    return Call(method, f"{settings.leads_path}/{quote(lead_id, safe='')}")
