"""Updates the leads of one PollyBot workspace."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from connector.crm.base import OneByOne, Outcome, not_set
from connector.crm.http import Answer, Speaking
from connector.crm.ids import as_id, names_one
from connector.crm.pollybot.calls import PollyBotSession, call_for, page_call
from connector.crm.pollybot.facts import CAPABILITIES, CUSTOM, METADATA, NO_LEAD, PLAIN, TEXTS
from connector.crm.pollybot.responses import judge, lead_in, lead_read, listed
from connector.crm.pollybot.settings import PollyBotSettings
from connector.crm.pollybot.values import UnfitError, body, problem_with, replaced
from connector.errors import ConfigError, CrmError, OutcomeUnknownError, UnexpectedAnswerError


class PollyBotWriter(Speaking, OneByOne):
    """A ``LeadWriter`` of one PollyBot workspace."""

    _session: PollyBotSession

    def __init__(self, settings: PollyBotSettings, *, session: PollyBotSession | None = None) -> None:
        self._settings = settings
        self.capabilities = CAPABILITIES.of(settings.name)
        self._session = session or PollyBotSession(settings)

    def check(self, fields: Collection[str]) -> None:
        """PollyBot can't say which fields it has, so only those are refused that it can't set or might set too much of.

        Where that depends on the workspace, and no lead of it was seen yet, one page of the list is read: which generation
        it has, how it writes statuses, and which fields are objects. A single lead is read if the page doesn't tell.
        """
        self._check(fields, problem_with)
        if not PLAIN.issuperset(fields):
            self._look()
            self._check(fields, self._session.shown.problem_with)

    def _check(self, fields: Collection[str], problem_of: Callable[[str], str | None]) -> None:
        for name in sorted(fields):
            if problem := problem_of(name):
                raise not_set(self.capabilities.name, name, problem)

    def _look(self) -> None:
        shown = self._session.shown
        if shown.is_told:
            return
        page = self._session.read(page_call(self._settings, 1), judge, lambda answer: listed(answer, 1))
        for row in page.rows:
            shown.saw(row)
        lead_id = next((found for row in page.rows if (found := as_id(row.get("id")))), None)
        if not shown.is_told and lead_id is not None:
            call = call_for(self._settings, "GET", lead_id)
            shown.saw(self._session.read(call, judge, lambda answer: lead_read(answer, lead_id))[0])

    def update(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        """``PUT {leads}/{id}`` with just these fields; ``metadata.x`` sets the key ``x`` of the metadata, ``None`` is null.

        ``customFields.x``, and a field that may be a list, cost a read before: the custom fields that the push doesn't name
        are sent along, and a list is only ever replaced by a list. ``harm`` where the answer shows fewer custom fields.
        """
        refused = {name: problem for name in fields if (problem := problem_with(name))}
        if refused:
            reason = f"leadloop does not set this field: {next(iter(refused.values()))}"
            return Outcome("rejected", reason=reason, fields=frozenset(refused))
        if not names_one(lead_id):
            return Outcome("rejected", code=NO_LEAD, reason="this can't be the id of a lead in PollyBot")
        if not fields:
            return Outcome("applied", reason="nothing to set")
        try:
            return self._sent(lead_id, fields)
        except UnfitError as wrong:
            return Outcome("rejected", reason=str(wrong), fields=frozenset({wrong.field}))
        except (CrmError, ConfigError) as error:
            return Outcome.of(error, fields)

    def _sent(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        looked_at = [name for name in fields if name not in TEXTS and not name.startswith(f"{METADATA}.")]
        if looked_at:
            try:
                lead, _ = self._session.read(
                    replace(call_for(self._settings, "GET", lead_id), exact=True),
                    judge,
                    lambda answer: lead_read(answer, lead_id),
                )
            except UnexpectedAnswerError as error:
                return Outcome("deferred", reason=str(error))
            self._session.shown.saw(lead)
        sent = body(fields, self._session.shown.casing)
        if looked_at:
            sent |= {name: value for name in looked_at for name, value in [replaced(lead, name, fields)]}
        call = replace(call_for(self._settings, "PUT", lead_id), json=sent, exact=bool(looked_at))
        answer = self._session.write(call, judge)
        done = self._updated(answer, lead_id)
        had, has = sent.get(CUSTOM), (lead_in(answer) or {}).get(CUSTOM)
        if isinstance(had, dict) and isinstance(has, dict) and (gone := sorted(had.keys() - has.keys())):
            reason = (
                f"after its update pollybot no longer shows {', '.join(f'{CUSTOM}.{name}' for name in gone)} of lead "
                f"{lead_id}, though they were sent along. Nothing more is sent. Enter it again in PollyBot "
                "(pollybot_raw.lead_versions has what was there), and ask its support how an update keeps them."
            )
            return replace(done, reason=reason, harm=True)
        return done

    def _updated(self, answer: Answer, lead_id: str) -> Outcome:
        """``applied`` only where the answer says so and shows this very lead."""
        lead = lead_in(answer)
        if lead is None:
            raise OutcomeUnknownError("answered an update in no known shape", crm=self.capabilities.name)
        if as_id(lead.get("id")) != lead_id:
            raise OutcomeUnknownError("answered an update with another lead", crm=self.capabilities.name)
        self._session.shown.saw(lead)
        return Outcome("applied", lead_id=lead_id)
