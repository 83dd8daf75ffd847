"""Updates the leads of one account."""

from collections.abc import Collection, Mapping

from connector.crm.base import Capabilities, OneByOne, Outcome
from connector.crm.http import Call, Session, Speaking, outcome
from connector.crm.ids import names_one
from connector.errors import ConfigError, CrmError, OutcomeUnknownError
from leadloop_tinybook.calls import open_session, path
from leadloop_tinybook.facts import CAPABILITIES, NO_LEAD
from leadloop_tinybook.responses import TinybookRefusedError, judge, lead_in
from leadloop_tinybook.settings import TinybookSettings


class TinybookWriter(Speaking, OneByOne):
    """A ``LeadWriter`` that updates."""

    def __init__(self, settings: TinybookSettings, *, session: Session | None = None) -> None:
        self._session = session or open_session(settings)

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    def check(self, fields: Collection[str]) -> None:
        """Tinybook can't say which fields it has."""
        CAPABILITIES.check_protected(fields)

    def update(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        """``PUT`` with just these fields; ``None`` is null."""
        if refused := CAPABILITIES.protected(fields):
            return refused
        if not names_one(lead_id):
            return Outcome("rejected", code=NO_LEAD, reason="this can't be the id of a lead in Tinybook")
        try:
            answer = self._session.write(Call("PUT", path(lead_id), json=dict(fields)), judge)
            if lead_in(answer, lead_id) is None:
                raise OutcomeUnknownError("tinybook: an update was answered in no known shape")
        except TinybookRefusedError as error:
            at_fault = frozenset({error.field} & fields.keys())
            return Outcome("rejected", code=error.code, reason=str(error), fields=at_fault)
        except (CrmError, ConfigError) as error:
            return outcome(error)
        return Outcome("applied", lead_id=lead_id)
