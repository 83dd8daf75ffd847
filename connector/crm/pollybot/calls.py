"""The session of one PollyBot key, which keeps to what is left of the hour's calls."""

from typing import Any
from urllib.parse import quote

from connector.crm.http import Call, Session
from connector.crm.pollybot.responses import budget
from connector.crm.pollybot.settings import PollyBotSettings
from connector.crm.pollybot.values import Casing


class PollyBotSession(Session):
    """Calls to one workspace, and what reader and writer learn from its answers."""

    def __init__(self, settings: PollyBotSettings, **given: Any) -> None:
        super().__init__(
            settings,
            headers=lambda: {"Authorization": f"Bearer {settings.api_key.reveal()}"},
            budget=lambda answer: budget(answer, settings.single_calls),
            **given,
        )
        self.casing = Casing()


def call_for(settings: PollyBotSettings, method: Any, lead_id: str) -> Call:
    return Call(method, f"{settings.leads_path}/{quote(lead_id, safe='')}")
