"""What every CRM has to do, whoever its vendor is. A vendor's test inherits ``VendorContract`` and fills in its facts.

Everything runs against the sandbox, over real HTTP. A test that needs something only some vendors have belongs into that
vendor's own file.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from connector.crm.base import LeadReader, LeadWriter, Outcome, Page
from connector.crm.http import Retry
from connector.errors import AuthError, CrmError, TransientError, UnexpectedAnswerError, UnreachableError
from connector.sandbox import Sandbox

QUICK = Retry(attempts=6, first=0.01, longest=0.02, total=30)
HARD_TEXTS = {
    "scripts": "Ünïcødé Ж 漢字 עברית العربية 😀👩‍👩‍👧 e\u0301",
    "form syntax": "a&b=c;d%20e+f?g#h/i\\j",
    "json and sql": '{"a": [1]} \' "; DROP TABLE leads; --',
    "line breaks": "first\nsecond\tthird",
    "ten kilobytes": "Ж漢0123456" * 1_000,
    "digits": "007",
    "a word that is a value elsewhere": "null",
}


@dataclass(frozen=True)
class Documented:
    """One error of the vendor's page: what is written, and the code and fields the outcome has to name."""

    code: str
    fields: Mapping[str, str | None] = field(default_factory=lambda: {"status": "SALE"})
    at_fault: frozenset[str] = frozenset()


class VendorContract:
    """Inherit, fill in the class attributes, and say how a reader and a writer are made."""

    text_field: ClassVar[str]
    """A field that takes any text."""
    other_field: ClassVar[str]
    unknown_lead: ClassVar[str]
    update_path: ClassVar[str]
    """A part of the path of the call that changes a lead, and of no other."""
    documented: ClassVar[list[Documented]]
    sandbox_options: ClassVar[dict[str, Any]] = {}
    moving_fields: ClassVar[tuple[str, ...]] = ("modified_at", "last_modified_by")
    """What the CRM itself changes with every edit."""
    write_method: ClassVar[str | None] = None
    """The HTTP method of the call that changes a lead, where an update also takes other calls."""
    hostile_share: ClassVar[float] = 0.3
    """The share of calls that each fault strikes when all strike at once: one at which some reads still succeed."""
    hostile_reads: ClassVar[int] = 20

    def reader(self, crm: Sandbox, **given: Any) -> LeadReader:
        """A reader of the sandbox that retries quickly; ``given`` are settings that differ."""
        raise AssertionError("each vendor says how its reader is made")

    def writer(self, crm: Sandbox, **given: Any) -> LeadWriter:
        raise AssertionError("each vendor says how its writer is made")

    def token(self, token: str) -> dict[str, Any]:
        """The settings that hold a token."""
        raise AssertionError("each vendor says what its token is called")

    def book(self, crm: Sandbox) -> Any:
        """The leads behind this vendor's API: a ``Book`` or ``Documents``."""
        return crm.book

    def page(self, reader: Any, limit: int = 8) -> Page:
        """The first leads of a read."""
        page: Page = reader.search(None, limit=limit)
        return page

    def everything(self, reader: Any) -> list[dict[str, Any]]:
        """Every lead, over several pages."""
        return [row for offset in range(0, 30, 8) for row in reader.search(None, offset=offset, limit=8).rows]

    def is_update(self, call: Any) -> bool:
        """Whether a call of the sandbox's record is one that changes a lead."""
        return self.update_path in call.path

    def write_fault(self, crm: Sandbox, spec: str) -> None:
        """Switches on a fault that strikes the call that changes a lead, and none of those around it."""
        crm.faults.switch_on(_fault(f"{spec}:method={self.write_method}" if self.write_method else spec))

    def shown(self, reader: LeadReader, lead_id: str, name: str) -> str | None:
        """A field as the CRM shows it now, blank as ``None``."""
        (row,) = reader.get(lead_id).rows
        return row.get(name) or None

    def prepare(self, crm: Sandbox) -> None:
        """What a writer has loaded before anything goes wrong, as the check before a push does it."""

    def update(self, crm: Sandbox, lead_id: str, fields: Mapping[str, str | None], **given: Any) -> Outcome:
        return self.writer(crm, **given).update(lead_id, fields)

    @pytest.fixture
    def crm(self) -> Iterator[Sandbox]:
        with Sandbox(leads=30, **self.sandbox_options) as crm:
            yield crm

    @pytest.fixture
    def lead(self, crm: Sandbox) -> str:
        lead_id: str = self.book(crm).ids()[7]
        return lead_id

    def carried_out(self, crm: Sandbox) -> int:
        """How many calls that change a lead reached the book."""
        return len([call for call in crm.calls if self.is_update(call) and call.carried_out])

    def attempts(self, crm: Sandbox) -> int:
        return len([call for call in crm.calls if self.is_update(call)])

    # Reading

    def test_a_search_shows_every_lead_as_the_book_has_it(self, crm: Sandbox) -> None:
        """Page after page, all leads once, every field as the CRM holds it."""
        reader = self.reader(crm)
        rows = self.everything(reader)
        seen = {reader.lead_id(row): row for row in rows}
        assert len(rows) == 30
        assert seen == self.book(crm).rows()

    def test_a_wrong_token_is_an_auth_error(self, crm: Sandbox) -> None:
        """At the first call, without a second try, and naming a setting."""
        with pytest.raises(AuthError, match=r"crm\.\w+\.\w+"):
            self.page(self.reader(crm, **self.token("wrong")))
        assert len(crm.calls) == 1

    def test_an_unknown_lead_is_an_empty_page(self, crm: Sandbox) -> None:
        """Looking up what isn't there finds nothing, and is no error."""
        assert list(self.reader(crm).get(self.unknown_lead).rows) == []

    @pytest.mark.parametrize(
        "fault",
        [
            "status=429:1:count=2",
            "status=429:1:count=2:retry_after=0",
            "status=500:1:count=2",
            "status=502:1:count=2",
            "status=503:1:count=2",
            "drop_before_write:1:count=2",
            "drop_after_write:1:count=2",
            "hang=5:1:count=1",
            "truncate:1:count=2",
            "cut:1:count=2",
        ],
    )
    def test_passing_faults_cost_a_read_only_time(self, crm: Sandbox, fault: str) -> None:
        """The same rows come, after another try."""
        reader = self.reader(crm, timeout=0.5)
        expected = list(self.page(reader).rows)
        crm.calls.clear()
        crm.faults.switch_on(_fault(fault))
        assert list(self.page(reader).rows) == expected
        assert len(crm.calls) >= 2

    @pytest.mark.parametrize("fault", ["status=503", "drop_before_write", "truncate", "html"])
    def test_a_fault_that_stays_is_an_error(self, crm: Sandbox, fault: str) -> None:
        """After all tries a read fails; it never ends in an empty page."""
        reader = self.reader(crm)
        self.page(reader)
        crm.calls.clear()
        crm.faults.switch_on(_fault(fault))
        with pytest.raises(TransientError):
            self.page(reader)
        assert len(crm.calls) == QUICK.attempts

    def test_an_answer_without_its_success_flag_is_not_trusted(self, crm: Sandbox) -> None:
        """Either the shape is one that needs no flag, or it is an error; never an empty page."""
        crm.faults.add("no_success")
        try:
            rows = self.page(self.reader(crm)).rows
        except (UnexpectedAnswerError, TransientError):
            return
        assert len(rows) == 8

    def test_ids_are_text_however_they_are_written(self, crm: Sandbox, lead: str) -> None:
        """Numbers and texts are the same id."""
        crm.faults.add("ids_as_numbers")
        reader = self.reader(crm)
        assert [reader.lead_id(row) for row in reader.get(lead).rows] == [lead]

    def test_leads_by_their_ids_are_what_get_shows_of_each(self, crm: Sandbox) -> None:
        """Where the CRM shows many in a call: all fields, each lead once, and none for one that isn't there."""
        reader: Any = self.reader(crm)
        if reader.capabilities.most_ids == 1:
            pytest.skip("this CRM shows one lead per call")
        wanted = self.book(crm).ids()[:20]
        rows = list(reader.get_many([self.unknown_lead, *wanted]).rows)
        assert len(rows) == len(wanted)
        assert {reader.lead_id(row): row for row in rows} == {
            each: reader.get(each).rows[0] for each in wanted
        }
        assert list(reader.get_many([self.unknown_lead]).rows) == []

    def test_a_wrong_address_names_the_setting(self, crm: Sandbox) -> None:
        """A path of the host that is no API is a wrong setting, and nothing to try again for long."""
        with pytest.raises(UnreachableError, match=r"crm\.\w+\.base_url"):
            self.page(self.reader(crm, base_url=crm.base_url + "/elsewhere"))

    def test_threads_share_a_reader(self, crm: Sandbox) -> None:
        """Eight threads get the same rows from one reader."""
        reader = self.reader(crm)
        pages: list[Any] = []
        threads = [
            threading.Thread(target=lambda: pages.append(self.page(reader, 30).rows)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(pages) == 8
        assert all(page == pages[0] for page in pages)

    # Writing

    def test_an_update_changes_just_its_fields(self, crm: Sandbox, lead: str) -> None:
        """The field has its new value, no other field has moved, and neither has any other lead."""
        before = self.book(crm).rows()
        assert self.update(crm, lead, {self.text_field: "new"}).state == "applied"
        after = self.book(crm).rows()
        assert after[lead][self.text_field] == "new"
        changed = {
            (each, name)
            for each in after
            for name in after[each]
            if after[each][name] != before[each].get(name) and name not in self.moving_fields
        }
        assert changed == {(lead, self.text_field)}
        assert self.attempts(crm) == 1

    @pytest.mark.parametrize("text", HARD_TEXTS.values(), ids=HARD_TEXTS)
    def test_any_text_arrives_and_comes_back_as_it_was(self, crm: Sandbox, lead: str, text: str) -> None:
        """What was sent is what a read of the lead shows, to the last character."""
        assert self.update(crm, lead, {self.text_field: text}).state == "applied"
        assert self.book(crm).row(lead)[self.text_field] == text
        assert self.shown(self.reader(crm), lead, self.text_field) == text

    def test_several_fields_and_a_cleared_one(self, crm: Sandbox, lead: str) -> None:
        """One call sets one field and empties another."""
        self.book(crm).edit(lead, {self.text_field: "old", self.other_field: "old"})
        result = self.update(crm, lead, {self.text_field: None, self.other_field: "new"})
        assert result.state == "applied"
        reader = self.reader(crm)
        assert self.shown(reader, lead, self.text_field) is None
        assert self.shown(reader, lead, self.other_field) == "new"
        assert self.attempts(crm) == 1

    def test_a_lead_that_is_not_there_is_rejected(self, crm: Sandbox) -> None:
        """With a code and a reason, and it is nobody else's fault."""
        result = self.update(crm, self.unknown_lead, {self.text_field: "new"})
        assert (result.state, result.breaks) == ("rejected", False)
        assert result.code
        assert result.reason

    def test_each_documented_error_is_a_rejection_with_its_code(self, crm: Sandbox, lead: str) -> None:
        """Code and fields at fault come out; the reason repeats no value; the next lead is not concerned."""
        writer = self.writer(crm)
        for error in self.documented:
            crm.refusals.clear()
            crm.refuse(lead, error.code)
            result = writer.update(lead, error.fields)
            assert (result.state, result.code, result.fields) == ("rejected", error.code, error.at_fault)
            assert result.reason
            assert not [
                value
                for value in error.fields.values()
                if value and len(value) > 3 and value in result.reason
            ]
        other = next(each for each in self.book(crm).ids() if each != lead)
        assert writer.update(other, {self.text_field: "new"}).state == "applied"

    def test_a_wrong_token_defers_and_stops(self, crm: Sandbox, lead: str) -> None:
        """Nothing is wrong with the lead, and no other call would succeed."""
        result = self.update(crm, lead, {self.text_field: "new"}, **self.token("wrong"))
        assert (result.state, result.breaks) == ("deferred", True)
        assert self.book(crm).row(lead)[self.text_field] != "new"

    @pytest.mark.parametrize("fault", ["status=429", "status=429:1:retry_after=0", "status=503"])
    def test_a_throttled_write_is_deferred(self, crm: Sandbox, lead: str, fault: str) -> None:
        """One call, certainly not carried out, and sent again by nobody."""
        self.write_fault(crm, fault)
        result = self.update(crm, lead, {self.text_field: "new"})
        assert (result.state, result.breaks) == ("deferred", False)
        assert (self.attempts(crm), self.carried_out(crm)) == (1, 0)

    def test_many_throttled_writes_slow_the_pace(self, crm: Sandbox) -> None:
        """A writer that is told "too many" becomes slower for all its threads."""
        writer: Any = self.writer(crm)
        pace = writer._session.pace
        before = pace.current
        self.write_fault(crm, "status=429:1:count=1")
        for lead in self.book(crm).ids()[:2]:
            writer.update(lead, {self.text_field: "new"})
        assert pace.current == before / 2

    @pytest.mark.parametrize(
        "fault",
        [
            "drop_before_write",
            "drop_after_write",
            "hang=5",
            "hang_after_write=5",
            "cut",
            "truncate",
            "status=500",
            "status=502",
            "status_after_write=500",
            "status_after_write=504",
            "no_success",
        ],
    )
    def test_a_lost_or_malformed_answer_leaves_the_outcome_unknown(
        self, crm: Sandbox, lead: str, fault: str
    ) -> None:
        """Whether it was carried out or not, the writer doesn't claim to know, and doesn't send again."""
        reader, writer = self.reader(crm), self.writer(crm, timeout=0.5)
        writer.update(self.book(crm).ids()[0], {self.text_field: "first contact"})
        crm.calls.clear()
        self.write_fault(crm, fault)
        result = writer.update(lead, {self.text_field: "new"})
        assert (result.state, result.breaks) == ("unknown", False)
        assert self.attempts(crm) == 1
        crm.faults.clear()
        # What did happen can be found out by reading the lead, and only so.
        assert (self.shown(reader, lead, self.text_field) == "new") == (self.carried_out(crm) == 1)

    def test_a_web_page_instead_of_an_answer_is_unknown_too(self, crm: Sandbox, lead: str) -> None:
        """A proxy's page after the CRM may have done its work claims nothing."""
        writer = self.writer(crm)
        writer.update(self.book(crm).ids()[0], {self.text_field: "first contact"})
        self.write_fault(crm, "html")
        assert writer.update(lead, {self.text_field: "new"}).state == "unknown"

    def test_a_crm_that_is_gone_defers_and_stops(self, crm: Sandbox, lead: str) -> None:
        """Nothing listens any more: certainly not carried out, and calling on is pointless."""
        writer = self.writer(crm)
        writer.update(lead, {self.text_field: "first contact"})
        crm.stop()
        writer._session._http.close()  # type: ignore[attr-defined]
        result = writer.update(lead, {self.text_field: "new"})
        assert (result.state, result.breaks) == ("deferred", True)

    def test_protected_fields_are_not_sent(self, crm: Sandbox, lead: str) -> None:
        """What says who calls or which lead is meant can't be a field of a push."""
        writer = self.writer(crm)
        assert writer.capabilities.protected_fields
        for name in writer.capabilities.protected_fields:
            assert writer.update(lead, {name: "x"}).state == "rejected"
        assert len(crm.calls) == 0

    def test_threads_share_a_writer(self, crm: Sandbox) -> None:
        """Thirty leads by eight threads: each updated by one call."""
        writer = self.writer(crm)
        leads = iter(self.book(crm).ids())
        lock = threading.Lock()
        states: list[str] = []

        def work() -> None:
            while True:
                with lock:
                    lead = next(leads, None)
                if lead is None:
                    return
                states.append(writer.update(lead, {self.text_field: f"to {lead}"}).state)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert states == ["applied"] * 30
        assert self.carried_out(crm) == self.attempts(crm) == 30
        assert all(row[self.text_field] == f"to {lead}" for lead, row in self.book(crm).rows().items())

    def test_errors_of_reads_are_never_an_empty_page(self, crm: Sandbox) -> None:
        """Under every fault at once a search shows all rows or raises."""
        reader = self.reader(crm, timeout=0.5)
        self.page(reader)
        for spec in (
            "status=500",
            "cut",
            "truncate",
            "drop_after_write",
            "html",
            "status=429",
        ):
            crm.faults.switch_on(_fault(f"{spec}:{self.hostile_share}"))
        whole = 0
        for _ in range(self.hostile_reads):
            try:
                assert len(self.page(reader, 30).rows) == 30
                whole += 1
            except CrmError:
                continue
        assert whole > 0


def _fault(spec: str) -> Any:
    from connector.sandbox import parse_fault

    return parse_fault(spec)
