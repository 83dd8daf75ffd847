"""LeadSquared keeps the contract, with single updates, with bulk updates and with its keys in the query string."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from connector.config import Secret
from connector.crm.base import Outcome
from connector.crm.leadsquared import (
    LeadSquaredReader,
    LeadSquaredSettings,
    LeadSquaredWriter,
    Metadata,
    open_session,
)
from connector.sandbox import Sandbox
from connector.sandbox.leadsquared import prospect_id
from connector.testing import QUICK, Documented, VendorContract

SOME = {"mx_City": "Anytown"}


class TestLeadSquared(VendorContract):
    """``Lead.Update`` with the keys as headers."""

    text_field = "mx_Notes"
    other_field = "mx_Street1"
    unknown_lead = prospect_id("nobody")
    update_path = "Lead.Update"
    documented = [  # noqa: RUF012 - never changed
        Documented("MXDuplicateEntryException", {"Phone": "5550107777"}),
        Documented("MXInvalidInputException", SOME),
        Documented("MXMandatoryAttributeMissingException", SOME),
        Documented("MXUnknownAttributeException", SOME),
        Documented("MXSomethingNewException", SOME),
        Documented("400", SOME),
    ]
    moving_fields = ("ModifiedOn", "LeadLastModifiedOn")
    more: Mapping[str, Any] = {"bulk": False}

    @pytest.fixture
    def crm(self) -> Iterator[Sandbox]:
        with Sandbox(leads=30, **self.sandbox_options) as crm:
            self.prepare(crm)
            crm.calls.clear()
            yield crm

    def prepare(self, crm: Sandbox) -> None:
        settings = self.settings(crm)
        self.metadata = Metadata(settings, open_session(settings))
        self.metadata.fields()

    def settings(self, crm: Sandbox, **given: Any) -> LeadSquaredSettings:
        return LeadSquaredSettings(
            **{
                "base_url": crm.base_url,
                "access_key": Secret(crm.token),
                "secret_key": Secret(crm.token),
                "rate": 1000.0,
                "bulk_rate": 1000.0,
                "timeout": 10.0,
                "concurrency": 8,
                **self.more,
                **given,
            }
        )

    def book(self, crm: Sandbox) -> Any:
        return crm.vendors["leadsquared"].leads  # type: ignore[attr-defined]

    def reader(self, crm: Sandbox, **given: Any) -> LeadSquaredReader:
        settings = self.settings(crm, **given)
        return LeadSquaredReader(settings, session=open_session(settings, retry=QUICK))

    def writer(self, crm: Sandbox, **given: Any) -> LeadSquaredWriter:
        settings = self.settings(crm, **given)
        session = open_session(settings, retry=QUICK)
        return LeadSquaredWriter(settings, session=session, metadata=self.metadata)

    def token(self, token: str) -> dict[str, Any]:
        return {"secret_key": Secret(token)}

    def test_the_keys_may_travel_in_the_query(self, crm: Sandbox, lead: str) -> None:
        """As the page's examples have it, for reads and writes."""
        assert len(self.reader(crm, keys_in="query").search(None, limit=5).rows) == 5
        assert self.update(crm, lead, {"mx_City": "new"}, keys_in="query").state == "applied"

    @pytest.mark.parametrize("status", [429, 200])
    def test_too_many_calls_are_told_from_the_body(self, crm: Sandbox, lead: str, status: int) -> None:
        """At either status nothing was carried out, the lead's turn comes later, and the pace is halved."""
        limited: dict[str, Any] = {"leadsquared_calls_per_5s": 1, "leadsquared_limit_status": status}
        with Sandbox(book=crm.book, **limited) as busy:
            writer = self.writer(busy)
            before = writer._session.pace.current
            assert writer.update(lead, {"mx_City": "new"}).state == "applied"
            result = writer.update(lead, {"mx_City": "newer"})
            assert (result.state, result.breaks) == ("deferred", False)
            assert self.book(busy).row(lead)["mx_City"] == "new"
            assert writer._session.pace.current == before / 2

    def test_the_sandbox_itself_finds_fault(self, crm: Sandbox, lead: str) -> None:
        """Refusals that come of a value, not of a switch in the sandbox, name the field that the answer names."""
        taken = next(
            row["Phone"] for each, row in self.book(crm).rows().items() if each != lead and row["Phone"]
        )
        result = self.writer(crm).update(lead, {"Phone": taken, "mx_City": "new"})
        assert (result.state, self.book(crm).row(lead)["mx_City"] == "new") == ("rejected", False)
        assert (result.code, result.fields) == ("MXDuplicateEntryException", frozenset({"Phone"}))

    def test_an_upsert_adds_a_lead_once_and_then_finds_it(self, crm: Sandbox) -> None:
        """Also after its answer was lost: what was carried out is found by what the upsert looks by."""
        reader, writer = self.reader(crm), self.writer(crm)
        fields = {"EmailAddress": "new.lead@example.com", "Phone": "5550109999", "mx_City": "Anytown"}
        assert writer.find(fields, {}) == []
        crm.faults.add("drop_after_write", count=1, path="CreateOrUpdate")
        assert writer.upsert(None, fields, {}).state == "unknown"
        (lead,) = writer.find(fields, {})
        assert writer.present("upsert", fields, {}) == [lead]
        again = writer.upsert(None, {**fields, "mx_City": "London"}, {"SearchBy": "Phone"})
        assert (again.state, again.lead_id) == ("applied", lead)
        assert self.shown(reader, lead, "mx_City") == "London"
        assert len(self.book(crm)) == 31


class InBulk(LeadSquaredWriter):
    """Sends every update as one of two leads in a bulk call; the other one is not there."""

    def update(self, lead_id: str, fields: Mapping[str, str | None]) -> Outcome:
        if self._unsent(fields) is not None:
            return super().update(lead_id, fields)
        first, _ = self.update_many([(lead_id, fields), (prospect_id("other"), SOME)])
        return first


class TestLeadSquaredBulk(TestLeadSquared):
    """``Lead/Bulk/UpdateV2``, whose answers name leads and no types: what it refuses, its own update explains."""

    update_path = "UpdateV2"
    more = {"bulk": True}  # noqa: RUF012 - never changed

    def writer(self, crm: Sandbox, **given: Any) -> LeadSquaredWriter:
        settings = self.settings(crm, **given)
        session = open_session(settings, retry=QUICK)
        return InBulk(settings, session=session, metadata=self.metadata)
