"""Convoso keeps the contract, in both of the shapes its answers come in."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.config import Secret
from connector.crm.convoso import ConvosoReader, ConvosoSettings, ConvosoWriter
from connector.crm.http import Session
from connector.errors import RefusedError
from connector.sandbox import Sandbox
from connector.testing import QUICK, Documented, VendorContract

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

    def test_a_lead_is_added_found_updated_and_deleted(self, crm: Sandbox) -> None:
        """The whole life of one lead, each step seen in the book; a second deletion finds it gone."""
        writer, options = self.writer(crm), {"list_id": "333"}
        added = writer.insert({"phone_number": "2135550142", "first_name": "Zoë"}, options)
        assert added.state == "applied"
        assert added.lead_id is not None
        row = crm.book.row(added.lead_id)
        assert (row["first_name"], row["phone_number"], row["list_id"]) == ("Zoë", "2135550142", "333")
        assert writer.find({"phone_number": "+1 (213) 555-0142"}, options) == [added.lead_id]
        assert writer.find({"phone_number": "2135550142"}, {"list_id": "401"}) == []
        again = writer.upsert(None, {"phone_number": "2135550142", "first_name": "Zoe"}, options)
        assert (again.lead_id, crm.book.row(added.lead_id)["first_name"]) == (added.lead_id, "Zoe")
        assert [writer.delete(added.lead_id).state for _ in range(2)] == ["applied", "applied"]
        assert writer.find({"phone_number": "2135550142"}, options) == []

    def test_a_lead_is_looked_for_where_the_write_would_meet_it(self, crm: Sandbox) -> None:
        """An insert in its own list; an upsert where Convoso itself would look: in a list that is named, else in all."""
        writer, new = self.writer(crm), {"phone_number": "2135550142"}
        there = writer.insert(new, {"list_id": "401"}).lead_id
        assert writer.present("insert", new, {"list_id": "333"}) == []
        assert writer.present("insert", new, {"list_id": "401"}) == [there]
        assert writer.present("upsert", new, {"list_id": "333"}) == [there]
        assert writer.present("upsert", new, {"list_id": "333", "search_list_id": "401"}) == [there]
        assert writer.present("upsert", new, {"list_id": "401", "search_list_id": "333"}) == []
        assert writer.present("upsert", new, {"list_id": "333", "search_campaign_id": "20"}) == []
        assert writer.present("upsert", {"phone_number": "none"}, {"list_id": "333"}) == []

    @pytest.mark.parametrize(
        ("fields", "options", "code"),
        [
            ({}, {"list_id": "1"}, "6002"),
            ({"owner_id": "1"}, {"list_id": "333"}, "6006"),
            ({"phone_number": "1"}, {"list_id": "333"}, "6008"),
            ({"email": "nobody"}, {"list_id": "333"}, "6079"),
            ({}, {"list_id": "333", "check_dup": "1"}, "6009"),
            ({}, {"list_id": "333", "check_dup": "2"}, None),
            ({}, {"list_id": "333", "check_dup": "3"}, None),
            ({}, {"list_id": "505", "check_dup": "3"}, "6009"),
            ({}, {"list_id": "401", "check_dup": "2"}, "6009"),
            ({}, {"list_id": "333", "check_dup_list": "true"}, None),
            ({}, {"list_id": "333", "reject_by_carrier_type": "MOBILE,VOIP,LANDLINE"}, "6008"),
        ],
    )
    def test_what_an_insert_is_refused_for(
        self, crm: Sandbox, fields: dict[str, str], options: dict[str, str], code: str | None
    ) -> None:
        """The page's codes, and what the options of an insert turn away."""
        crm.book.add({"phone_number": "2135550199", "list_id": "401", "status": "NEW"})
        done = self.writer(crm).insert({"phone_number": "2135550199", **fields}, options)
        assert (done.state, done.code) == ("rejected" if code else "applied", code)

    def test_an_insert_whose_answer_is_lost_is_found(self, crm: Sandbox) -> None:
        """Carried out, and no answer: unknown, one call, and the lead can be looked for."""
        crm.faults.add("drop_after_write", count=1, path="insert")
        writer, lead, options = self.writer(crm), {"phone_number": "2135550142"}, {"list_id": "333"}
        before = len(crm.book)
        assert writer.insert(lead, options).state == "unknown"
        assert len(crm.book) == before + 1
        (added,) = writer.find(lead, options)
        crm.book.edit(added, {"list_id": "401"})
        assert writer.find(lead, options) == []
        assert writer.find(lead, options, datetime.now(UTC)) == [added]

    @pytest.mark.parametrize("removal", ["delete", "archive"])
    def test_an_insert_whose_lead_was_removed_is_found(self, crm: Sandbox, removal: str) -> None:
        """Whoever removed it does not want it again; a lead that was there long before is another one."""
        now = datetime.now(UTC)
        lead, options = {"phone_number": "2135550142"}, {"list_id": "333"}
        old, added = (
            crm.book.add({**lead, **options}, created_at=now - ago, modified_at=now - ago)
            for ago in (timedelta(days=2), timedelta(0))
        )
        for each in (old, added):
            getattr(crm.book, removal)(each)
        assert self.writer(crm).find(lead, options) == []
        assert self.writer(crm).find(lead, options, now) == [added]


class TestConvosoCommunity(TestConvosoLive):
    """As the community page shows it: top-level ``results``, no total, no success flag, other words for errors."""

    sandbox_options = {"envelope": "community"}  # noqa: RUF012 - never changed

    def test_without_a_total_none_is_claimed(self, crm: Sandbox) -> None:
        """How many leads there are is unknown, not zero."""
        assert self.reader(crm).search(None, limit=5).total is None
