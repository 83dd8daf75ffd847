"""PollyBot keeps the contract, with a metadata key and with a field of the lead itself, at both of its paths."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from connector.config import Secret
from connector.crm.base import LeadReader, Page
from connector.crm.newest_first import instant
from connector.crm.pollybot import PollyBotReader, PollyBotSession, PollyBotSettings, PollyBotWriter
from connector.errors import ModelError
from connector.extract.columns import as_text
from connector.sandbox import Sandbox
from connector.testing import QUICK, Documented, VendorContract

EMAIL = {"email": "existing@example.com"}


class TestPollyBot(VendorContract):
    """The older generation, at the path of the vendor's page, with a key inside the metadata."""

    sandbox_options: ClassVar[dict[str, Any]] = {"pollybot_generation": "older"}
    text_field = "metadata.notes"
    other_field = "source"
    unknown_lead = "lead_ffffffffffffffff"
    update_path = "/api/v1/leads/"
    moving_fields = ("updatedAt",)
    documented: ClassVar[list[Documented]] = [
        Documented("VALIDATION_ERROR", {"status": "invalid_status"}, frozenset({"status"})),
        Documented("VALIDATION_ERROR", {"metadata.notes": "abcd"}, frozenset({"metadata.notes"})),
        Documented("LEAD_NOT_FOUND"),
        Documented("DUPLICATE_EMAIL", {**EMAIL, "name": "Nobody"}, frozenset({"email"})),
        Documented("SOMETHING_NEW"),
    ]
    path = "/api/v1/leads"

    def session(self, crm: Sandbox, **given: Any) -> tuple[PollyBotSettings, PollyBotSession]:
        settings = PollyBotSettings(
            **{
                "base_url": crm.base_url,
                "api_key": Secret(crm.token),
                "leads_path": self.path,
                "rate": 1000.0,
                "timeout": 10.0,
                "concurrency": 8,
                **given,
            }
        )
        return settings, PollyBotSession(settings, retry=QUICK)

    def reader(self, crm: Sandbox, **given: Any) -> PollyBotReader:
        settings, session = self.session(crm, **given)
        return PollyBotReader(settings, session=session)

    def writer(self, crm: Sandbox, **given: Any) -> PollyBotWriter:
        settings, session = self.session(crm, **given)
        return PollyBotWriter(settings, session=session)

    def token(self, token: str) -> dict[str, Any]:
        return {"api_key": Secret(token)}

    def book(self, crm: Sandbox) -> Any:
        return crm.vendors["pollybot"].leads  # type: ignore[attr-defined]

    def page(self, reader: Any, limit: int = 8) -> Page:
        found: Page = next(reader.scan(None))
        return replace(found, rows=found.rows[:limit])

    def everything(self, reader: Any) -> list[dict[str, Any]]:
        rows = [row for page in reader.scan(None) for row in page.rows]
        return [{name: as_text(value) for name, value in row.items()} for row in rows]

    def is_update(self, call: Any) -> bool:
        return call.method == "PUT" and self.update_path in call.path

    def shown(self, reader: LeadReader, lead_id: str, name: str) -> str | None:
        (row,) = reader.get(lead_id).rows
        return as_text(row.get(name)) or None


class TestPollyBotOfAChatbot(TestPollyBot):
    """The newer path, and a field of the lead itself."""

    text_field = "name"
    other_field = "metadata.notes"
    update_path = "/api/v1/chatbots/bot_7/leads/"
    path = "/api/v1/chatbots/bot_7/leads"


class TestPollyBotNewer(TestPollyBot):
    """The newer generation, with a custom field, which is set by sending all of them, and a flat field."""

    sandbox_options: ClassVar[dict[str, Any]] = {"pollybot_generation": "newer"}
    text_field = "customFields.city"
    other_field = "company"
    update_path = "/api/v1/chatbots/bot_7/leads/"
    path = "/api/v1/chatbots/bot_7/leads"
    write_method = "PUT"
    documented: ClassVar[list[Documented]] = [
        Documented("VALIDATION_ERROR", {"status": "invalid_status"}, frozenset({"status"})),
        Documented("VALIDATION_ERROR", {"customFields.city": "abcd"}, frozenset({"customFields.city"})),
        Documented("LEAD_NOT_FOUND"),
        Documented("DUPLICATE_EMAIL", {**EMAIL, "name": "Nobody"}, frozenset({"email"})),
    ]

    def test_every_documented_field_can_be_set(self, crm: Sandbox, lead: str) -> None:
        """In two calls, a read and a write; what the push doesn't name is what it was, with its types."""
        before = self.book(crm).show(self.book(crm).find(lead))
        fields = {
            "company": "Planted Ltd",
            "message": "m",
            "notes": "n",
            "priority": "URGENT",
            "urgency": "high",
            "preferredMethod": "discord",
            "discord": "somebody",
            "status": "NEGOTIATING",
            "tags": '["hot","vip"]',
            "customFields.tier": "gold",
            "customFields.visits": "85",
        }
        assert self.update(crm, lead, fields).state == "applied"
        assert [call.method for call in crm.calls] == ["GET", "PUT"]
        after = self.book(crm).show(self.book(crm).find(lead))
        flat = {name: value for name, value in fields.items() if name != "tags" and "." not in name}
        custom = {**before["customFields"], "tier": "gold", "visits": 85}
        changed = {**flat, "tags": ["hot", "vip"], "customFields": custom, "updatedAt": after["updatedAt"]}
        assert after == {**before, **changed}

    def test_a_list_is_read_whole_after_one_lead(self, crm: Sandbox) -> None:
        """One lead that is read singly shows that the rows have all there is, and no other one is read so."""
        rows = self.everything(self.reader(crm))
        assert {row["id"]: row for row in rows} == self.book(crm).rows()
        assert (crm.calls.count("list"), crm.calls.count("get")) == (1, 1)

    def test_a_list_that_leaves_the_custom_fields_out_is_read_lead_by_lead(self, crm: Sandbox) -> None:
        """As one that leaves metadata out."""
        crm.vendors["pollybot"].list_metadata = False  # type: ignore[attr-defined]
        rows = self.everything(self.reader(crm))
        assert {row["id"]: row for row in rows} == self.book(crm).rows()
        assert crm.calls.count("get") == 30

    def test_the_other_generations_names_are_refused(self, crm: Sandbox) -> None:
        """One page of the list tells which generation it is, before anything is sent; the error has the right name."""
        writer = self.writer(crm)
        with pytest.raises(ModelError, match=r"'metadata\.tier'.* no metadata, .*'customFields\.tier'"):
            writer.check(["metadata.tier"])
        writer.check(["customFields.tier", "tags", "status"])
        assert [call.action for call in crm.calls] == ["list"]


class TestBare:
    """A list of the older generation whose rows leave the metadata out."""

    contract = TestPollyBot()

    @pytest.fixture
    def crm(self) -> Iterator[Sandbox]:
        with Sandbox(leads=30, pollybot_generation="older") as crm:
            crm.vendors["pollybot"].list_metadata = False  # type: ignore[attr-defined]
            yield crm

    def test_each_lead_is_read_singly_once(self, crm: Sandbox) -> None:
        """All leads come whole, for one call of the list and one for each lead."""
        rows = self.contract.everything(self.contract.reader(crm))
        assert {row["id"]: row for row in rows} == self.contract.book(crm).rows()
        assert (crm.calls.count("list"), crm.calls.count("get")) == (1, 30)

    def test_the_other_generations_names_are_refused(self, crm: Sandbox) -> None:
        """Rows without metadata don't tell, so one lead is read; the error has the right name."""
        writer = self.contract.writer(crm)
        with pytest.raises(ModelError, match=r"'customFields\.tier'.* no customFields, .*'metadata\.tier'"):
            writer.check(["customFields.tier"])
        writer.check(["metadata.tier"])
        assert [call.action for call in crm.calls] == ["list", "get"]

    def test_only_what_changed_is_read_singly(self, crm: Sandbox) -> None:
        """A lead that is edited costs a call, those that are older don't."""
        leads = self.contract.book(crm)
        newest = instant(leads.row(leads.by_time()[-1][1])["updatedAt"])
        assert newest is not None
        leads.edit(leads.ids()[3], {"metadata.notes": "new"})
        (page,) = self.contract.reader(crm).scan(newest + timedelta(milliseconds=1))
        assert [(row["id"], row["metadata.notes"]) for row in page.rows] == [(leads.ids()[3], "new")]
        assert (crm.calls.count("list"), crm.calls.count("get")) == (1, 1)
