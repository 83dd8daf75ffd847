"""Convoso keeps the contract, in both of the shapes its answers come in."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.config import ConvosoSettings, Secret
from connector.crm.convoso import ConvosoReader, ConvosoWriter
from connector.crm.http import Session
from connector.errors import RefusedError
from connector.sandbox import Sandbox
from tests.contracts.suite import QUICK, Documented, VendorContract

PHONE = {"phone_number": "5551230000"}
ONE_SECOND = datetime(2026, 3, 1, 12)


class TestConvosoLive(VendorContract):
    """As live clients see it: ``data.entries`` with a total."""

    text_field = "notes"
    other_field = "address1"
    unknown_lead = "999999999"
    update_path = "/leads/update"
    documented = [  # noqa: RUF012 - never changed
        Documented("6001"),
        Documented("6070"),
        Documented("6071"),
        Documented("6002", {"list_id": "333", "status": "SALE"}, frozenset({"list_id"})),
        Documented("6006", {"owner_id": "1234", "notes": "abcd"}, frozenset({"owner_id"})),
        Documented("6006", {"last_modified_by": "1234"}, frozenset({"last_modified_by"})),
        Documented("6007", PHONE, frozenset({"phone_number"})),
        Documented("6008", PHONE, frozenset({"phone_number"})),
        Documented("6009", PHONE, frozenset({"phone_number"})),
        Documented("6023"),
        Documented("6079", {"email": "nobody", "notes": "abcd"}, frozenset({"email"})),
        Documented("8123"),
    ]

    def settings(self, crm: Sandbox, **given: Any) -> ConvosoSettings:
        return ConvosoSettings(
            **{
                "base_url": crm.base_url + "/v1",
                "auth_token": Secret(crm.token),
                "timezone": ZoneInfo(crm.timezone),
                "rate": 1000.0,
                "timeout": 10.0,
                "concurrency": 8,
                **given,
            }
        )

    def reader(self, crm: Sandbox, **given: Any) -> ConvosoReader:
        settings = self.settings(crm, **given)
        return ConvosoReader(settings, session=Session(settings, retry=QUICK))

    def writer(self, crm: Sandbox, **given: Any) -> ConvosoWriter:
        settings = self.settings(crm, **given)
        return ConvosoWriter(settings, session=Session(settings, retry=QUICK))

    def token(self, token: str) -> dict[str, Any]:
        return {"auth_token": Secret(token)}

    def test_the_token_may_travel_in_the_query(self, crm: Sandbox, lead: str) -> None:
        """As one of Convoso's pages has it, for reads and writes."""
        assert len(self.reader(crm, token_in="query").search(None, limit=5).rows) == 5
        assert self.update(crm, lead, {"notes": "new"}, token_in="query").state == "applied"

    def test_a_window_is_closed_on_both_sides(self, crm: Sandbox) -> None:
        """A lead that was edited in the very second of a bound is in the window."""
        reader = self.reader(crm)
        row = reader.search(None, limit=1).rows[0]
        second = datetime.strptime(str(reader.modified_at(row)), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - local
        found = reader.search((second, second)).rows
        assert reader.lead_id(row) in [reader.lead_id(each) for each in found]

    def test_filters_of_the_settings_narrow_every_search(self, crm: Sandbox) -> None:
        """Only leads of the list come; a lookup by id ignores the filter."""
        lead = crm.book.ids()[3]
        list_id = str(crm.book.row(lead)["list_id"])
        expected = {each for each, row in crm.book.rows().items() if row["list_id"] == list_id}
        reader = self.reader(crm, filters={"list_id": list_id})
        assert {reader.lead_id(row) for row in reader.search(None).rows} == expected
        other = next(each for each in crm.book.ids() if each not in expected)
        assert len(reader.get(other).rows) == 1

    @pytest.mark.parametrize(("given", "code"), [({"limit": 3000}, "7258"), ({"offset": -1}, "7231")])
    def test_a_refused_search_carries_its_code(self, crm: Sandbox, given: dict[str, int], code: str) -> None:
        """What the page documents for searches."""
        with pytest.raises(RefusedError) as caught:
            self.reader(crm).search(None, **given)  # type: ignore[arg-type]
        assert caught.value.code == code

    def test_the_sandbox_itself_finds_fault(self, crm: Sandbox, lead: str) -> None:
        """Codes that come of a value, not of a switch in the sandbox: phone, email, list, user, lead."""
        writer = self.writer(crm)
        results = [
            writer.update(lead, {"phone_number": "1"}),
            writer.update(lead, {"email": "nobody"}),
            writer.update(lead, {"list_id": "1"}),
            writer.update(lead, {"owner_id": "1"}),
            writer.update("x", {"notes": "a"}),
        ]
        assert [result.code for result in results] == ["6008", "6079", "6002", "6006", "6070"]
        assert [sorted(result.fields) for result in results[:4]] == [
            ["phone_number"],
            ["email"],
            ["list_id"],
            ["owner_id"],
        ]


class TestConvosoCommunity(TestConvosoLive):
    """As the community page shows it: top-level ``results``, no total, no success flag, other words for errors."""

    sandbox_options = {"envelope": "community"}  # noqa: RUF012 - never changed

    def test_without_a_total_none_is_claimed(self, crm: Sandbox) -> None:
        """How many leads there are is unknown, not zero."""
        assert self.reader(crm).search(None, limit=5).total is None
