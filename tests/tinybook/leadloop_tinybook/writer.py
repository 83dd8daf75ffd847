"""Updates the leads of one account."""

from collections.abc import Collection, Mapping

from connector.crm.base import OneByOne, Outcome
from connector.crm.http import Call, Session, Speaking
from connector.crm.ids import names_one
from connector.errors import ConfigError, CrmError
from leadloop_tinybook.calls import open_session, path
from leadloop_tinybook.facts import CAPABILITIES, NO_LEAD
from leadloop_tinybook.responses import judge, updated
from leadloop_tinybook.settings import TinybookSettings


class TinybookWriter(Speaking, OneByOne):
    """A ``LeadWriter`` that updates."""

    def __init__(self, settings: TinybookSettings, *, session: Session | None = None) -> None:
        self.capabilities = CAPABILITIES.of(settings.name)
        self._session = session or open_session(settings)

    def check(self, fields: Collection[str]) -> None:
        """Tinybook can't say which fields it has."""
        self.capabilities.check_protected(fields)

    def update(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        """``PUT`` with just these fields; ``None`` is null."""
        if refused := self.capabilities.protected(fields):
            return refused
        if not names_one(lead_id):
            return Outcome("rejected", code=NO_LEAD, reason="this can't be the id of a lead in Tinybook")
        call = Call("PUT", path(lead_id), json=dict(fields))
        try:
            return self._session.write(call, judge, lambda answer: updated(answer, lead_id))
        except (CrmError, ConfigError) as error:
            return Outcome.of(error, fields)
