"""PollyBot keeps the contract, with a metadata key and with a field of the lead itself, at both of its paths."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connector.config import Secret
from connector.crm.base import LeadReader, Page
from connector.crm.newest_first import instant
from connector.crm.pollybot import PollyBotReader, PollyBotSession, PollyBotSettings, PollyBotWriter
from connector.extract.columns import as_text
from connector.sandbox import Sandbox
from connector.testing import QUICK, Documented, VendorContract

EMAIL = {"email": "existing@example.com"}


class TestPollyBot(VendorContract):
    """The path of the vendor's page, and a key inside the metadata."""

    text_field = "metadata.notes"
    other_field = "source"
    unknown_lead = "lead_ffffffffffffffff"
    update_path = "/api/v1/leads/"
    moving_fields = ("updatedAt",)
    documented = [  # noqa: RUF012 - never changed
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


class TestBare:
    """A list whose rows leave the metadata out."""

    contract = TestPollyBot()

    @pytest.fixture
    def crm(self) -> Iterator[Sandbox]:
        with Sandbox(leads=30) as crm:
            crm.vendors["pollybot"].list_metadata = False  # type: ignore[attr-defined]
            yield crm

    def test_each_lead_is_read_singly_once(self, crm: Sandbox) -> None:
        """All leads come whole, for one call of the list and one for each lead."""
        rows = self.contract.everything(self.contract.reader(crm))
        assert {row["id"]: row for row in rows} == self.contract.book(crm).rows()
        assert (crm.calls.count("list"), crm.calls.count("get")) == (1, 30)

    def test_only_what_changed_is_read_singly(self, crm: Sandbox) -> None:
        """A lead that is edited costs a call, those that are older don't."""
        leads = self.contract.book(crm)
        newest = instant(leads.row(leads.by_time()[-1][1])["updatedAt"])
        assert newest is not None
        leads.edit(leads.ids()[3], {"metadata.notes": "new"})
        (page,) = self.contract.reader(crm).scan(newest + timedelta(milliseconds=1))
        assert [(row["id"], row["metadata.notes"]) for row in page.rows] == [(leads.ids()[3], "new")]
        assert (crm.calls.count("list"), crm.calls.count("get")) == (1, 1)
