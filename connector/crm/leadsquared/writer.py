"""Updates and upserts the leads of one LeadSquared account."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from connector.crm.base import FOUND, Outcome, UpdatesOnly
from connector.crm.http import Answer, Session, Speaking
from connector.crm.leadsquared.calls import BULK_LANE, call_with, open_session
from connector.crm.leadsquared.facts import (
    BULK,
    BULK_LEADS,
    CAPABILITIES,
    DUPLICATE,
    GET,
    ID,
    LOOK_UP,
    MOST_FOUND,
    NOT_ACCEPTED,
    SEARCH_BY,
    UPDATE,
    UPSERT,
    USUAL_KEYS,
)
from connector.crm.leadsquared.metadata import Metadata
from connector.crm.leadsquared.responses import (
    GONE,
    failed_untold,
    is_same,
    judge,
    lead_id_of,
    leads_listed,
    many_updated,
    nearest,
    rejected_by,
    updated,
    upserted,
)
from connector.crm.leadsquared.settings import LeadSquaredSettings
from connector.errors import (
    CallsUsedError,
    ConfigError,
    CrmError,
    LeadloopError,
    ModelError,
    RefusedError,
    TransientError,
)


class LeadSquaredWriter(Speaking, UpdatesOnly):
    """A ``LeadWriter`` of one LeadSquared account."""

    def __init__(
        self,
        settings: LeadSquaredSettings,
        *,
        session: Session | None = None,
        metadata: Metadata | None = None,
    ) -> None:
        self._settings = settings
        self.capabilities = CAPABILITIES.of(settings.name)
        self._session = session or open_session(settings)
        self._metadata = metadata or Metadata(settings, self._session)

    @property
    def most_per_call(self) -> int:
        """25 unless the setting ``bulk`` is off or automations are to fire: the bulk page has no ``postUpdatedLead``."""
        return BULK_LEADS if self._settings.bulk and not self._settings.post_updated_lead else 1

    def check(self, fields: Collection[str]) -> None:
        """By ``LeadsMetaData.Get``: ``ModelError`` for a field the account doesn't have, or has locked."""
        self.capabilities.check_protected(fields)
        known = self._metadata.fields() if fields else {}
        for name in sorted(fields):
            if name not in known:
                raise ModelError(
                    f"leadsquared: the account's leads have no field {name!r}{nearest(name, known)}",
                    crm=self.capabilities.name,
                    fields=[name],
                )
            if known[name].locked:
                raise ModelError(
                    f"leadsquared: the field {name!r} is locked once a lead is made (LockAfterCreate)",
                    "Leave it out of the push, or take the lock away in the account's lead fields.",
                    crm=self.capabilities.name,
                    fields=[name],
                )

    def update(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        """``POST Lead.Update`` with just these fields; ``None`` goes out as an empty text.

        What an empty text does is on no page, so whoever clears a field has to read the lead back.
        """
        return self._unsent(fields) or self._update(lead_id, fields)

    def update_many(self, leads: Sequence[tuple[str, Mapping[str, str | None]]]) -> list[Outcome]:
        """``POST Lead/Bulk/UpdateV2``, or one call for each lead where the settings want that.

        A lead that it refuses without saying why is sent once more on its own: nothing of it was carried out.
        """
        if self.most_per_call == 1:
            return [self.update(lead_id, fields) for lead_id, fields in leads]
        found = [self._unsent(fields) for _, fields in leads]
        ready = [place for place, outcome in enumerate(found) if outcome is None]
        for first in range(0, len(ready), BULK_LEADS):
            places = ready[first : first + BULK_LEADS]
            for place, result in zip(places, self._bulk([leads[each] for each in places]), strict=True):
                found[place] = result
        return [each for each in found if each is not None]

    def upsert(
        self, lead_id: str | None, fields: Mapping[str, str | None], options: Mapping[str, str]
    ) -> Outcome:
        """``update`` where there is an id, else ``POST Lead.CreateOrUpdate``, which can be repeated: it looks first.

        It looks by email address and phone number, or by the field that the option ``SearchBy`` names. An update without
        a value for any of these would make a new lead each time, so it is rejected.
        """
        if lead_id is not None:
            return self.update(lead_id, fields)
        if not _keys(fields, options):
            names = options.get(SEARCH_BY) or " or ".join(USUAL_KEYS)
            reason = f"not sent: without {names} nobody could tell whether there is such a lead"
            return Outcome("rejected", reason=reason)
        if (unsent := self._unsent(fields)) is not None:
            return unsent
        search_by = {SEARCH_BY: options[SEARCH_BY]} if options.get(SEARCH_BY) else {}
        outcome = self._write(UPSERT, {}, [*_pairs(fields), *_pairs(search_by)], fields, upserted)
        return self._instead(fields, outcome) if outcome.code == DUPLICATE else outcome

    def _instead(self, fields: Mapping[str, str | None], refused: Outcome) -> Outcome:
        """The lead that an upsert was refused for, looked for once: by its phone number, then by its email address.

        It is the one that is meant if it is the only one; nothing is sent to it, as to every lead that an upsert finds.
        """
        try:
            for name in ("Phone", "EmailAddress"):
                found = self._look_up(name, (fields.get(name) or "").strip())
                if len(found) == 1:
                    reason = f"leadsquared had this lead already, by its {name}; nothing was sent"
                    return Outcome("applied", FOUND, reason, lead_id=found[0])
                if found:
                    break
        except (CrmError, ConfigError) as error:
            outcome = Outcome.of(error, fields)
            return outcome if outcome.state == "deferred" else refused
        return refused

    def find(
        self, fields: Mapping[str, str | None], options: Mapping[str, str], sent_at: datetime | None = None
    ) -> list[str]:
        """Leads that an upsert of these fields would find, by ``POST Leads.Get``, whose body keeps values out of addresses.

        Only equal values count. Where the CRM has another spelling of a phone number nothing is found, and an upsert that
        is sent again finds it.
        """
        found: dict[str, None] = {}
        for name, value in _keys(fields, options).items():
            found |= dict.fromkeys(self._look_up(name, value))
        return list(found)

    def _look_up(self, name: str, value: str) -> list[str]:
        """Ids of the leads with this very value, the newest first; none for a blank one."""
        if value:
            body = {
                "Parameter": {"LookupName": name, "LookupValue": value, "SqlOperator": "="},
                "Columns": {"Include_CSV": f"{ID},{name}"},
                "Sorting": {"ColumnName": "CreatedOn", "Direction": "1"},
                "Paging": {"PageIndex": 1, "PageSize": MOST_FOUND},
            }
            call = call_with(self._settings, "POST", LOOK_UP, json=body)
            rows = self._session.read(call, judge, leads_listed).rows
            return [lead_id_of(row) for row in rows if is_same(row.get(name), value)]
        return []

    def _unsent(self, fields: Mapping[str, str | None]) -> Outcome | None:
        """What comes of an update that needs no call, or must not have one."""
        if (refused := self.capabilities.protected(fields)) is not None:
            return refused
        if not fields:
            return Outcome("applied", reason="nothing to set")
        try:
            known = self._metadata.fields()
        except CallsUsedError as error:
            return Outcome.of(error)
        except LeadloopError as error:
            # Whatever it was, the lead itself was not sent.
            return Outcome("deferred", reason=str(error), breaks=not isinstance(error, TransientError))
        return rejected_by(known, fields)

    def _update(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        outcome = self._write(UPDATE, {"leadId": lead_id}, _pairs(fields), fields, updated)
        if outcome.code == NOT_ACCEPTED and not outcome.fields and self._is_gone(lead_id):
            return replace(outcome, reason=f"leadsquared refuses: {GONE} ({NOT_ACCEPTED})")
        return outcome

    def _is_gone(self, lead_id: str) -> bool:
        """Looked at once; where the CRM can't say it, nobody says so."""
        try:
            call = call_with(self._settings, "GET", GET, query={"id": lead_id})
            return not self._session.read(call, judge, leads_listed).rows
        except (CrmError, ConfigError):
            return False

    def _write(
        self,
        path: str,
        query: Mapping[str, str],
        body: Any,
        fields: Mapping[str, str | None],
        read: Callable[[Answer], Outcome],
    ) -> Outcome:
        if self._settings.post_updated_lead:
            query = {**query, "postUpdatedLead": "true"}
        call = call_with(self._settings, "POST", path, query=query, json=body)
        try:
            return self._session.write(call, partial(judge, labels=self._labels(fields)), read)
        except (CrmError, ConfigError) as error:
            return Outcome.of(error, fields)

    def _bulk(self, leads: Sequence[tuple[str, Mapping[str, str | None]]]) -> list[Outcome]:
        if len(leads) == 1:
            return [self._update(*leads[0])]
        body = {
            "SearchByKey": "ProspectId",
            "Options": {"PushNonExistentLeadsToUnProcessedList": True},
            "LeadPropertiesList": [
                {"Fields": [{"Attribute": "ProspectId", "Value": lead_id}, *_pairs(fields)]}
                for lead_id, fields in leads
            ],
        }
        try:
            call = call_with(self._settings, "POST", BULK, json=body, lane=BULK_LANE)
            lead_ids = [lead_id for lead_id, _ in leads]
            found = self._session.write(call, judge, lambda answer: many_updated(answer.data, lead_ids))
            # Of a lead that failed, the answer says neither why nor which field is to blame: its own update does.
            return [
                self._update(*lead) if failed_untold(outcome) else outcome
                for lead, outcome in zip(leads, found, strict=True)
            ]
        except RefusedError:
            # The whole call was refused, so nothing was carried out, and one lead may be to blame: each on its own.
            return [self._update(lead_id, fields) for lead_id, fields in leads]
        except (CrmError, ConfigError) as error:
            return [Outcome.of(error)] * len(leads)

    def _labels(self, fields: Mapping[str, str | None]) -> dict[str, str]:
        return {name: self._metadata.fields()[name].label for name in fields}


def _keys(fields: Mapping[str, str | None], options: Mapping[str, str]) -> dict[str, str]:
    """The values by which an upsert looks for its lead."""
    names = (options[SEARCH_BY],) if options.get(SEARCH_BY) else USUAL_KEYS
    return {name: value for name in names if (value := (fields.get(name) or "").strip())}


def _pairs(fields: Mapping[str, str | None]) -> list[dict[str, str]]:
    return [{"Attribute": name, "Value": "" if value is None else value} for name, value in fields.items()]
