"""Updates, adds and deletes the leads of one Convoso account."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from connector.crm.base import Mode, OneByOne, Outcome
from connector.crm.convoso.calls import ask, call_with, write
from connector.crm.convoso.facts import (
    ABOUT,
    CAPABILITIES,
    DELETE,
    FORMATS,
    GONE,
    INSERT,
    MARGIN,
    NATIONAL_DIGITS,
    SEARCH,
    UPDATE,
    time_filter,
)
from connector.crm.convoso.responses import (
    deleted,
    first_leads,
    inserted,
    row_id,
    updated,
)
from connector.crm.convoso.settings import MAX_PAGE_SIZE, ConvosoSettings
from connector.crm.http import Answer, Session, Speaking
from connector.crm.ids import as_id
from connector.documented.convoso import INCOMPLETE
from connector.errors import ConfigError, CrmError, UnexpectedAnswerError
from connector.texts import is_blank, moment


class ConvosoWriter(Speaking, OneByOne):
    """A ``LeadWriter`` of one Convoso account."""

    def __init__(self, settings: ConvosoSettings, *, session: Session | None = None) -> None:
        self._settings = settings
        self.capabilities = CAPABILITIES.of(settings.name)
        self._session = session or Session(settings)

    def check(self, fields: Collection[str]) -> None:
        """Convoso can't say which fields an account has, so only those that mean something else are refused."""
        self.capabilities.check_protected(fields)

    def update(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        """``POST /leads/update`` with just these fields; ``None`` goes out as an empty parameter.

        What an empty parameter does is on neither page, so whoever clears a field has to read the lead back.
        """
        if (refused := self.capabilities.protected(fields)) is not None:
            return refused
        if not fields:
            return Outcome("applied", reason="nothing to set")
        form = {name: value if value is not None else "" for name, value in fields.items()}
        return self._write(
            UPDATE, {**form, "lead_id": lead_id}, fields, lambda answer: updated(answer, lead_id)
        )

    def insert(self, fields: Mapping[str, str | None], options: Mapping[str, str]) -> Outcome:
        """``POST /leads/insert``; blank fields are left out. A lead without a phone number or list is refused here.

        With ``update_if_found`` in ``options`` the lead that is found may be one that was there before.
        """
        form = _filled(fields, options)
        if (refused := self.capabilities.protected(form)) is not None:
            return refused
        if not all(form.get(name) for name in CAPABILITIES.identity):
            return Outcome("rejected", code="6007", reason=INCOMPLETE.meaning)
        return self._write(INSERT, form, fields, inserted)

    def upsert(
        self, lead_id: str | None, fields: Mapping[str, str | None], options: Mapping[str, str]
    ) -> Outcome:
        """``update`` where the id is known, else ``insert`` with ``update_if_found``: Convoso looks for the phone number."""
        if lead_id is not None:
            return self.update(lead_id, fields)
        return self.insert(fields, {**options, "update_if_found": "true"})

    def delete(self, lead_id: str) -> Outcome:
        """``POST /leads/delete``; a lead that Convoso doesn't have is as good as deleted."""
        done = self._write(DELETE, {"lead_id": lead_id}, (), deleted)
        if done.state == "rejected" and done.code in GONE:
            return Outcome("applied", code=done.code, reason="there was no such lead any more")
        return done

    def find(
        self, fields: Mapping[str, str | None], options: Mapping[str, str], sent_at: datetime | None = None
    ) -> list[str]:
        """Leads with the same phone number, by search, the highest id first: those in the same list, and those that were
        made about when the insert was sent and may have been moved to another list or, where ``removals`` are read,
        deleted or archived since.

        Whether Convoso keeps a number as it was given, or its digits, or those without a country code, is on no page: all
        three are searched for.
        """
        form = _filled(fields, options)
        phone, list_id = (form.get(name, "") for name in CAPABILITIES.identity)
        digits = _digits(phone)
        if not digits or not list_id:
            return []
        return self._with_phone(phone, digits, list_id.strip(), sent_at)

    def present(self, mode: Mode, fields: Mapping[str, str | None], options: Mapping[str, str]) -> list[str]:
        """As ``find``; for an upsert, leads in the list where Convoso would look for one to update, else in any list.

        Which lists a campaign has can't be asked for: with ``search_campaign_id`` only the lead's own list is looked at.
        """
        form = _filled(fields, options)
        if mode != "upsert" or ("search_campaign_id" in form and "search_list_id" not in form):
            return self.find(fields, options)
        phone, list_id = form.get("phone_number", ""), form.get("search_list_id")
        digits = _digits(phone)
        return self._with_phone(phone, digits, list_id, None) if digits else []

    def _with_phone(
        self, phone: str, digits: str, list_id: str | None, sent_at: datetime | None
    ) -> list[str]:
        """Leads with this number, in this list or in any, or made about when an insert was sent; the highest id first."""
        ids: set[str] = set()
        for number in dict.fromkeys((phone, digits, digits[-NATIONAL_DIGITS:])):
            form = {"phone_number": number, "offset": "0", "limit": str(MAX_PAGE_SIZE)}
            call = call_with(self._settings, SEARCH, form)
            rows = ask(self._session, call, first_leads).rows
            if any(not _has_phone(row, digits) for row in rows):
                # A filter that is ignored would show leads that are not meant, and hide the one that is.
                raise UnexpectedAnswerError(
                    "showed other leads in a search by phone number", crm=self.capabilities.name
                )
            ids |= {
                found
                for row in rows
                if (found := row_id(row)) is not None
                and (
                    list_id is None
                    or as_id(row.get("list_id")) in (None, list_id)
                    or self._made_about(row, sent_at)
                )
            }
            if sent_at is not None and self._settings.removals:
                ids |= self._removed_since(form, digits, sent_at)
        return sorted(ids, key=lambda each: (len(each), each), reverse=True)

    def _removed_since(self, form: Mapping[str, str], digits: str, sent_at: datetime) -> set[str]:
        """Those that were made about when the insert was sent and are gone. A filter that is ignored does no harm here."""
        bounds = (sent_at - MARGIN, self._session.crm_clock.now() + MARGIN)
        ends = [end.astimezone(self._settings.timezone).strftime(FORMATS["second"]) for end in bounds]
        ids: set[str] = set()
        for removal in CAPABILITIES.removals:
            wanted = {**form, **dict(zip(time_filter(f"{removal}_at"), ends, strict=True))}
            rows = ask(self._session, call_with(self._settings, SEARCH, wanted), first_leads).rows
            ids |= {
                found
                for row in rows
                if (found := row_id(row)) is not None
                and _has_phone(row, digits)
                and self._made_about(row, sent_at)
            }
        return ids

    def _made_about(self, row: Mapping[str, Any], sent_at: datetime | None) -> bool:
        """Whether a lead came into being about when an insert was sent, in either of an hour that happens twice.

        Times come as ``2026-03-01 10:00:00`` in the account's zone, or as ``2026-03-01T10:00:00-0800`` ("Users Search API").
        """
        created = moment(str(row.get("created_at")))
        if created is None or sent_at is None:
            return False
        zone = self._settings.timezone
        moments = (
            [created] if created.tzinfo else [created.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
        )
        return any(abs(each.astimezone(UTC) - sent_at) <= ABOUT for each in moments)

    def _write(
        self,
        path: str,
        form: Mapping[str, str],
        fields: Collection[str],
        understood: Callable[[Answer], Outcome],
    ) -> Outcome:
        """One call, and what came of it; ``fields`` are those of the lead that can be at fault."""
        try:
            return write(self._session, call_with(self._settings, path, form), understood)
        except (CrmError, ConfigError) as error:
            return Outcome.of(error, fields)


def _filled(fields: Mapping[str, str | None], options: Mapping[str, str]) -> dict[str, str]:
    """The form of an insert: the options, and over them what the lead itself has."""
    return {**options, **{name: value for name, value in fields.items() if value and not is_blank(value)}}


def _has_phone(row: Mapping[str, Any], digits: str) -> bool:
    """Whether a row that was found is one that was searched for; a country code may be there or not."""
    shown = _digits(str(row.get("phone_number") or ""))
    return bool(shown) and (shown.endswith(digits) or digits.endswith(shown))


def _digits(phone: str) -> str:
    return "".join(char for char in phone if char in "0123456789")
