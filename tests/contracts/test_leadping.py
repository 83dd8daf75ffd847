"""Leadping keeps the contract: whatever it does with absent parts, and whichever name its customers have."""

from itertools import islice
from typing import Any, ClassVar

import pytest

from connector.config import Secret
from connector.crm.base import Page
from connector.crm.leadping import LeadpingReader, LeadpingSettings, LeadpingWriter, open_session
from connector.crm.leadping.lead import OBJECTS
from connector.errors import AuthError
from connector.sandbox import Sandbox
from connector.sandbox.documents import flat_texts
from connector.sandbox.leadping import lead_id
from connector.testing import QUICK, Documented, VendorContract

NAME = {"contact.firstName": "Planted"}
EVERYTHING = {
    "contact.phone.lookup": {
        "number": "+15550107777",
        "isValid": True,
        "location": {"state": "CA", "coordinate": {"latitude": 34.05, "longitude": -118.25}},
    },
    "contact.middleName": "not on the page",
    "metadata.sourceMetadata": {
        "exact": 0.1,
        "list": [1, {"a": None}],
        "dots.in.a.key": "x",
        "deep": {"er": True},
    },
}
"""A lead's further parts, down to what the page doesn't have."""


class TestLeadping(VendorContract):
    """The older generation, with ``customer``; a server that erases what an update leaves out."""

    sandbox_options: ClassVar[dict[str, Any]] = {"leadping_generation": "older"}

    text_field = "contact.streetAddress.additionalInfo"
    other_field = "contact.streetAddress.line2"
    unknown_lead = lead_id("nobody")
    update_path = "/leads/"
    write_method = "PUT"
    documented = [  # noqa: RUF012 - never changed
        Documented("400", NAME, frozenset(NAME)),
        Documented("404", NAME),
        Documented("409", NAME),
        Documented("422", {**NAME, "tagNames": "hot"}, frozenset({*NAME, "tagNames"})),
    ]
    moving_fields = ("modifiedAt",)
    hostile_share = 0.05
    hostile_reads = 3
    customer = "customer"
    """The path of the object that has the income."""
    absent: ClassVar[tuple[str, ...]] = (
        *("adminEnablementOverride", "currentDisposition"),
        "contact.phone.lookup",
    )
    """Objects that are null in the sandbox's leads."""
    further: ClassVar[dict[str, Any]] = {"adminEnablementOverride": {"enabled": False, "reason": "asked for"}}

    def settings(self, crm: Sandbox, **given: Any) -> LeadpingSettings:
        return LeadpingSettings(
            **{
                "base_url": crm.base_url,
                "api_key": Secret(crm.token),
                "rate": 1000.0,
                "timeout": 10.0,
                "concurrency": 8,
                **given,
            }
        )

    def book(self, crm: Sandbox) -> Any:
        return crm.vendors["leadping"].leads  # type: ignore[attr-defined]

    def reader(self, crm: Sandbox, **given: Any) -> LeadpingReader:
        settings = self.settings(crm, **given)
        return LeadpingReader(settings, session=open_session(settings, retry=QUICK), page_size=8)

    def writer(self, crm: Sandbox, **given: Any) -> LeadpingWriter:
        settings = self.settings(crm, **given)
        return LeadpingWriter(settings, session=open_session(settings, retry=QUICK))

    def token(self, token: str) -> dict[str, Any]:
        return {"api_key": Secret(token)}

    def page(self, reader: Any, limit: int = 8) -> Page:
        pages = list(islice(reader.scan(None), -(-limit // 8)))
        return Page([row for page in pages for row in page.rows][:limit], pages[0].total, pages[0].asked_at)

    def everything(self, reader: Any) -> list[dict[str, Any]]:
        """As text, without the tags' names and with nulls in place of the objects that aren't there: as the book has it."""
        rows = [row for page in reader.scan(None) for row in page.rows]
        absent = dict.fromkeys(self.absent)
        assert all(row["tagNames"] == sorted(tag["name"] for tag in row["tags"]) for row in rows)
        assert not any(row[name] is None for row in rows for name in OBJECTS & row.keys())
        return [
            flat_texts({**absent, **{name: row[name] for name in row if name != "tagNames"}}) for row in rows
        ]

    def is_update(self, call: Any) -> bool:
        return bool(call.method == "PUT" and call.path.startswith(self.update_path))

    def shown(self, reader: Any, lead_id: str, name: str) -> str | None:
        (row,) = reader.get(lead_id).rows
        return row.get(name) or None

    def methods(self, crm: Sandbox) -> list[str]:
        return [call.method for call in crm.calls]

    def test_a_changed_lead_takes_three_calls_and_an_unchanged_one_takes_one(
        self, crm: Sandbox, lead: str
    ) -> None:
        """One read, one write, one read back; where the read shows the values already, nothing is written."""
        writer = self.writer(crm)
        assert writer.update(lead, NAME).state == "applied"
        assert self.methods(crm) == ["GET", "PUT", "GET"]
        before = self.book(crm).row(lead)
        assert writer.update(lead, NAME).state == "applied"
        assert self.methods(crm)[3:] == ["GET"]
        assert self.book(crm).row(lead) == before

    def test_nothing_that_was_there_is_erased_or_changes_its_type(self, crm: Sandbox, lead: str) -> None:
        """Whatever the lead shows is there after the update, with its JSON types, but for the one field."""
        self.book(crm).edit(lead, {**EVERYTHING, **self.further})
        before = self.book(crm).show(self.book(crm).find(lead))
        assert self.update(crm, lead, {f"{self.customer}.income": "50000"}).state == "applied"
        after = self.book(crm).show(self.book(crm).find(lead))
        assert inside(after, self.customer)["income"] == 50000
        inside(before, self.customer)["income"] = 50000
        assert {**after, "modifiedAt": None} == {**before, "modifiedAt": None}
        assert repr(after["metadata"]) == repr(before["metadata"])

    @pytest.mark.parametrize("given", ['["vip","hot"]', "vip, hot", "hot,vip,VIP"])
    def test_tags_are_set_by_their_names(self, crm: Sandbox, lead: str, given: str) -> None:
        """Just these, known ones and new ones, whichever way the list is written; a read shows the same names in order."""
        self.book(crm).edit(lead, {"tags": [crm.vendors["leadping"].tag(name) for name in ("cold", "hot")]})  # type: ignore[attr-defined]
        assert self.update(crm, lead, {"tagNames": given}).state == "applied"
        (row,) = self.reader(crm).get(lead).rows
        assert [name.casefold() for name in row["tagNames"]] == ["hot", "vip"]
        assert self.update(crm, lead, {"tagNames": None}).state == "applied"
        (row,) = self.reader(crm).get(lead).rows
        assert row["tagNames"] == row["tags"] == []

    def test_types_are_those_of_the_lead(self, crm: Sandbox, lead: str) -> None:
        """Texts become the booleans and numbers that stand there; a free key takes any text."""
        self.book(crm).edit(lead, {f"{self.customer}.income": 7, "metadata.sourceMetadata.rank": 1.5})
        fields = {
            f"{self.customer}.isHomeowner": "TRUE",
            f"{self.customer}.hasBankruptcy": "false",
            f"{self.customer}.income": "85.0",
            "metadata.sourceMetadata.rank": "2.25",
            "metadata.sourceMetadata.score": "007",
            "enabled": "false",
        }
        assert self.update(crm, lead, fields).state == "applied"
        shown = self.book(crm).show(self.book(crm).find(lead))
        customer, free = inside(shown, self.customer), shown["metadata"]["sourceMetadata"]
        assert (customer["isHomeowner"], customer["hasBankruptcy"], shown["enabled"]) == (True, False, False)
        assert (customer["income"], free["rank"], free["score"]) == (85, 2.25, "007")
        assert isinstance(customer["income"], int)

    def test_a_value_that_does_not_fit_is_rejected_by_name(self, crm: Sandbox, lead: str) -> None:
        """Before anything is sent, without the value in the reason; the fields that would fit are not at fault."""
        self.book(crm).edit(lead, {f"{self.customer}.income": 7})
        fields = {f"{self.customer}.income": "plenty", "enabled": "perhaps", **NAME}
        result = self.update(crm, lead, fields)
        assert (result.state, result.fields) == (
            "rejected",
            frozenset({f"{self.customer}.income", "enabled"}),
        )
        assert "plenty" not in str(result.reason)
        assert self.attempts(crm) == 0

    def test_the_sandbox_itself_finds_fault(self, crm: Sandbox, lead: str) -> None:
        """Errors that name fields in the server's own way come out as the names of the push."""
        for name in ("contact.phone.number", "contact.email"):
            result = self.update(crm, lead, {name: "nobody", **NAME})
            assert (result.state, result.code, result.fields) == ("rejected", "400", frozenset({name}))
        self.book(crm).edit(lead, {"contact.email": "never was one"})
        result = self.update(crm, lead, NAME)
        assert (result.state, result.fields) == ("rejected", frozenset())
        assert "contact.email" in str(result.reason)
        assert "never" not in str(result.reason)

    @pytest.mark.parametrize("fault", ["status=503", "status=500", "drop_before_write", "html", "truncate"])
    def test_a_first_read_that_fails_defers(self, crm: Sandbox, lead: str, fault: str) -> None:
        """Nothing was sent, and that is certain."""
        writer = self.writer(crm)
        writer.update(lead, {"enabled": "false"})
        crm.faults.add(fault.partition("=")[0], float(fault.partition("=")[2] or 0.5), method="GET")
        crm.calls.clear()
        assert writer.update(lead, NAME).state == "deferred"
        assert self.attempts(crm) == 0

    @pytest.mark.parametrize("fault", ["status", "drop_before_write", "html", "truncate"])
    def test_a_read_back_that_fails_leaves_it_applied(self, crm: Sandbox, lead: str, fault: str) -> None:
        """The answer to the write has shown the lead with its new values."""
        crm.faults.add(fault, method="GET", after=1)
        result = self.update(crm, lead, NAME)
        assert (result.state, result.reason) == ("applied", None)
        assert self.carried_out(crm) == 1

    def test_too_many_calls_are_deferred_and_slow_the_pace(self, crm: Sandbox, lead: str) -> None:
        """At the limit of the organisation nothing is written, and there is no Retry-After to go by."""
        with Sandbox(book=crm.book, leadping_calls_per_60s=1, **self.sandbox_options) as busy:
            writer = self.writer(busy)
            before = writer._session.pace.current
            result = writer.update(lead, NAME)
            assert (result.state, result.breaks) == ("deferred", False)
            assert (self.attempts(busy), writer._session.pace.current) == (1, before / 2)

    @pytest.mark.parametrize("name", ["creditScore", "height", "weight", "monthsAtResidence"])
    def test_a_number_is_sent_as_one_where_the_lead_shows_null(
        self, crm: Sandbox, lead: str, name: str
    ) -> None:
        """It is documented as a whole number, so text would be refused; another kind of text is refused here, unsent."""
        self.book(crm).edit(lead, {f"{self.customer}.{name}": None, "metadata.price": None})
        fields = {f"{self.customer}.{name}": "85", "metadata.price": "0.5"}
        assert self.update(crm, lead, fields).state == "applied"
        shown = self.book(crm).show(self.book(crm).find(lead))
        assert (inside(shown, self.customer)[name], shown["metadata"]["price"]) == (85, 0.5)
        self.book(crm).edit(lead, {f"{self.customer}.{name}": None})
        crm.calls.clear()
        for text in ("many", "85.5", "99999999999"):
            result = self.update(crm, lead, {f"{self.customer}.{name}": text})
            assert (result.state, set(result.fields)) == ("rejected", {f"{self.customer}.{name}"})
            assert "whole number" in str(result.reason) or "a number" in str(result.reason)
        assert self.attempts(crm) == 0

    def test_archived_leads_are_read_like_all_others(self, crm: Sandbox) -> None:
        """The list leaves them out unless it is asked for all: such a lead is archived, and not gone."""
        archived = self.book(crm).ids()[3]
        crm.vendors["leadping"].archive(archived)  # type: ignore[attr-defined]
        rows = {row["id"]: row for row in self.everything(self.reader(crm))}
        assert rows.keys() == set(self.book(crm).ids())
        assert [each for each, row in rows.items() if row["isArchived"] == "true"] == [archived]

    def test_a_lead_of_somebody_else_is_not_a_wrong_key(self, crm: Sandbox, lead: str) -> None:
        """Both are status 401, so the list is asked: the key works there, and the next lead is read and written."""
        crm.vendors["leadping"].others.add(lead)  # type: ignore[attr-defined]
        reader, writer = self.reader(crm), self.writer(crm)
        result = writer.update(lead, NAME)
        assert (result.state, result.code, result.breaks) == ("rejected", "401", False)
        assert "somebody else" in str(result.reason)
        assert list(reader.get(lead).rows) == []
        assert [call.action for call in crm.calls] == ["read", "list"] * 2
        others = set(self.book(crm).ids()) - {lead}
        assert {row["id"] for row in self.everything(reader)} == others
        assert writer.update(min(others), NAME).state == "applied"

    def test_a_key_that_is_withdrawn_is_still_a_wrong_key(self, crm: Sandbox, lead: str) -> None:
        """The list refuses it as well: the write is deferred and nothing more is sent, and a read is an error."""
        wrong = self.token("wrong")
        result = self.writer(crm, **wrong).update(lead, NAME)
        assert (result.state, result.breaks) == ("deferred", True)
        with pytest.raises(AuthError, match=r"crm\.leadping\.api_key"):
            self.reader(crm, **wrong).get(lead)


class TestLeadpingKeeps(TestLeadping):
    """A server that keeps what an update leaves out."""

    sandbox_options = {"leadping_generation": "older", "leadping_absent": "keep"}  # noqa: RUF012 - never changed


class TestLeadpingProfile(TestLeadping):
    """The newer generation has ``profile.qualification`` and further parts."""

    sandbox_options = {"leadping_generation": "newer"}  # noqa: RUF012 - never changed
    customer = "profile.qualification"
    absent = ("assignedTo", "currentLeadStatus", "phoneIdentity")
    further: ClassVar[dict[str, Any]] = {
        "customFields.list": [1, "a", None],
        "inquiry.notDocumented": {"deep": 1.5},
    }

    def test_the_newer_parts_stay_as_they_are(self, crm: Sandbox, lead: str) -> None:
        """A server that erases what an update leaves out finds nothing left out; one lead after the other."""
        before = self.book(crm).show(self.book(crm).find(lead))
        assert {"company", "contactPreferences", "customFields", "inquiry", "serviceAddress"} <= before.keys()
        assert self.update(crm, lead, NAME).state == "applied"
        after = self.book(crm).show(self.book(crm).find(lead))
        before["contact"]["firstName"] = "Planted"
        assert {**after, "modifiedAt": None} == {**before, "modifiedAt": None}

    @pytest.mark.parametrize("name", ["customer.income", "profile.income", "profile.qualification.income"])
    def test_any_name_sets_the_part_that_is_shown(self, crm: Sandbox, lead: str, name: str) -> None:
        """A push that was written for another generation still reaches the field; it is the same one."""
        assert self.update(crm, lead, {name: "50000"}).state == "applied"
        row = self.book(crm).row(lead)
        assert str(row["profile.qualification.income"]) == "50000"
        assert not {"customer.income", "profile.income"} & row.keys()

    def test_the_newer_parts_can_be_set(self, crm: Sandbox, lead: str) -> None:
        """With their documented types, also where the lead shows null; keys of the custom fields as they stand there."""
        fields = {
            "company.name": "Planted Ltd",
            "company.employeeCount": "12",
            "inquiry.budgetMinimum": "99.5",
            "serviceAddress.line1": "1 Planted Street",
            "contactPreferences.language": "de",
            "customFields.score": "7",
            "customFields.tier": "gold",
            "customFields.interests": '["b"]',
        }
        before = self.book(crm).show(self.book(crm).find(lead))
        assert self.update(crm, lead, fields).state == "applied"
        after = self.book(crm).show(self.book(crm).find(lead))
        assert after["customFields"] == {
            **before["customFields"],
            "score": 7,
            "tier": "gold",
            "interests": ["b"],
        }
        assert (after["company"]["employeeCount"], after["inquiry"]["budgetMinimum"]) == (12, 99.5)
        assert after["contactPreferences"] == {**before["contactPreferences"], "language": "de"}


def inside(lead: Any, path: str) -> Any:
    """The object at a path of a lead."""
    for name in path.split("."):
        lead = lead[name]
    return lead
