"""Updates the leads of one Leadping organisation, each as a whole."""

import threading
import time
from collections.abc import Callable, Collection

from connector.crm.base import OneByOne, Outcome, OutcomeState, not_set
from connector.crm.http import Call, LateError, Session, Speaking
from connector.crm.ids import names_one
from connector.crm.leadping import lead as leads
from connector.crm.leadping.calls import about_one, open_session
from connector.crm.leadping.facts import CAPABILITIES, FRESH, NO_LEAD, NOT_SHOWN
from connector.crm.leadping.lead import Fields, Lead
from connector.crm.leadping.responses import judge, lead_in, path, stamp
from connector.crm.leadping.settings import LeadpingSettings
from connector.errors import ConfigError, CrmError, OutcomeUnknownError, UnexpectedAnswerError


class LeadpingWriter(Speaking, OneByOne):
    """A ``LeadWriter`` of one Leadping organisation: three calls for a lead that changes, one for a lead that need not.

    Until one update has been read back and found to have erased nothing, updates go one after the other, so that a server
    that erases does so to one lead. After one that erased something, none is sent.
    """

    def __init__(
        self,
        settings: LeadpingSettings,
        *,
        session: Session | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self.capabilities = CAPABILITIES.of(settings.name)
        self._session = session or open_session(settings)
        self._clock = clock
        self._gate = threading.Lock()
        self._is_proven = False
        self._harm: str | None = None

    def check(self, fields: Collection[str]) -> None:
        """Every name must be one that a request has, or a key below ``metadata.sourceMetadata`` or ``customFields``."""
        for name, why in leads.unknown(fields).items():
            raise not_set(self.capabilities.name, name, why)

    def update(self, lead_id: str, fields: Fields) -> Outcome:
        """Reads the lead, sends it whole with these fields in it, and reads it again.

        ``conflict`` where the lead was modified between the reads before the call, ``rejected`` with the code
        ``not_shown`` where Leadping accepts a value and shows another one. ``harm`` where the lead has lost something by it.
        """
        if refused := leads.unknown(fields):
            reason = f"leadloop does not set this field: {next(iter(refused.values()))}"
            return Outcome("rejected", reason=reason, fields=frozenset(refused))
        if not names_one(lead_id):
            return Outcome("rejected", code=NO_LEAD, reason="this can't be the id of a lead in Leadping")
        if not fields:
            return Outcome("applied", reason="nothing to set")
        if not self._is_proven:
            with self._gate:
                if not self._is_proven:
                    return self._watched(lead_id, fields)
        return self._watched(lead_id, fields)

    def _watched(self, lead_id: str, fields: Fields) -> Outcome:
        if self._harm is not None:
            return Outcome("deferred", reason=f"not sent: {self._harm}", breaks=True)
        done = self._tried(lead_id, fields)
        if done.harm:
            self._harm = self._harm or done.reason
        return done

    def _tried(self, lead_id: str, fields: Fields) -> Outcome:
        try:
            return self._update(lead_id, fields)
        except UnexpectedAnswerError as error:
            # Only a read before the write ends so.
            return Outcome("deferred", reason=str(error))
        except (CrmError, ConfigError) as error:
            return Outcome.of(error, fields)

    def _update(self, lead_id: str, fields: Fields) -> Outcome:
        before = self._read(lead_id)
        read_at = self._clock()
        if "tags" not in before:
            return Outcome(
                "deferred", reason="leadping shows this lead without its tags; an update could erase them"
            )
        merged = leads.merged(before, fields)
        if merged.unfit:
            reason = "; ".join(f"{name} {why}" for name, why in sorted(merged.unfit.items()))
            return Outcome("rejected", reason=reason, fields=frozenset(merged.unfit))
        if not leads.differing(before, fields):
            return Outcome("applied", reason="the lead shows these values already")
        call = Call("PUT", path(lead_id), json=merged.body, exact=True)
        try:
            with about_one(self._session):
                answer = self._session.write(call, judge, late=lambda: self._clock() - read_at > FRESH)
        except LateError:
            if stamp(self._read(lead_id)) != stamp(before):
                return Outcome("conflict", reason="the lead was modified while its update waited its turn")
            with about_one(self._session):
                answer = self._session.write(call, judge)
        try:
            written = lead_in(answer, lead_id)
        except UnexpectedAnswerError:
            raise OutcomeUnknownError(
                "answered an update with something else than the lead", crm=self.capabilities.name
            ) from None
        return self._confirmed(before, written, fields)

    def _confirmed(self, before: Lead, written: Lead, fields: Fields) -> Outcome:
        """What a write came to that was answered with the lead: by that answer, and by reading the lead again."""
        lead_id = str(written["id"])
        missed = leads.differing(written, fields)
        try:
            shown = self._read(lead_id)
        except (CrmError, ConfigError):
            if missed:
                reason = (
                    "leadping accepted the update, answered with another value, and could not be read again"
                )
                return Outcome("unknown", reason=reason)
            return Outcome("applied", lead_id=lead_id)
        # A replica may lag behind, or a person may have been quick: one of the two is enough.
        missed = missed & leads.differing(shown, fields) if missed else missed
        if gone := self._vanished(before, shown, fields):
            reason = (
                f"after its update leadping no longer shows {', '.join(gone)} of lead {lead_id}, which the push does not "
                "set. Nothing more is sent. Enter it again in Leadping (leadping_raw.lead_versions has what was there), "
                "and don't push to Leadping before its support has said how an update keeps it."
            )
            state: OutcomeState = "rejected" if missed else "applied"
            code = NOT_SHOWN if missed else None
            return Outcome(state, code=code, reason=reason, fields=missed, lead_id=lead_id, harm=True)
        self._is_proven = True
        if missed:
            reason = f"leadping accepted the update and shows another value in {', '.join(sorted(missed))}"
            return Outcome("rejected", code=NOT_SHOWN, reason=reason, fields=missed)
        return Outcome("applied", lead_id=lead_id)

    def _vanished(self, before: Lead, shown: Lead, fields: Fields) -> list[str]:
        """What the lead has lost; nothing is gone that shows up when it is read once more."""
        gone = leads.vanished(before, shown, fields)
        if gone:
            try:
                again = self._read(str(shown["id"]))
            except (CrmError, ConfigError):
                # One look has found it gone, and that is enough to stop.
                return gone
            gone = [path for path in gone if path in leads.vanished(before, again, fields)]
        return gone

    def _read(self, lead_id: str) -> Lead:
        call = Call("GET", path(lead_id), exact=True)
        with about_one(self._session):
            return self._session.read(call, judge, lambda answer: lead_in(answer, lead_id))
