"""A push that needs an approval sends what a person has approved: here, unchanged, once, and not for ever."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from connector import loop
from connector.cli.options import save_plan
from connector.errors import ConfigError, NotApprovedError, PlanMovedError, StoppedError
from connector.push import Asked, Plan
from connector.push.approved import restricted
from connector.render.document import pieces
from connector.render.plan import left_out, plan_text
from connector.render.plan_document import digest, plan_document
from connector.render.saved_plan import read_plan
from connector.warehouse import models
from tests.properties.quick_loop import QuickLoop

pytestmark = pytest.mark.long_if("postgres")

KEY = "a long and random text of the tests"


class Office:
    """A quick loop whose push needs an approval, and a plan of it in a file."""

    def __init__(self, quick: QuickLoop, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.quick, self.file, self._patch = quick, folder / "plan.json", patch
        self.crm = quick.begin()
        self.leads = self.crm.book.ids()
        patch.setenv("LEDGER__APPROVAL_KEY", KEY)
        there = models.known
        patch.setattr(models, "known", lambda *where: self._needing(there(*where)))
        self.options: dict[str, Any] = {"approval": "required"}
        for lead in self.leads:
            quick.write("insert into inputs.wanted values (:lead, 'hot', 'Bonn')", lead=lead)
        loop.extract(quick.warehouse)
        loop.build(quick.warehouse)
        self.save()

    def _needing(self, known: models.Known) -> models.Known:
        return replace(known, pushes=tuple(replace(each, **self.options) for each in known.pushes))

    def save(self) -> None:
        save_plan(loop.plan(self.quick.warehouse, "scores"), self.file)

    def approve(self, **options: Any) -> Plan:
        approved = loop.approve(self.quick.warehouse, read_plan(self.file), digest, **options)
        self.file.write_text("".join(pieces(plan_document(approved))))
        return approved

    def push(self) -> Any:
        done = loop.push(self.quick.warehouse, "scores", agreed=read_plan(self.file), first=True)
        assert done is not None
        return done

    def refused(self, error: type[StoppedError] = NotApprovedError) -> str:
        """Why the push is refused; nothing is sent."""
        before = self.crm.calls.count("update")
        with pytest.raises(error) as found:
            self.push()
        assert (found.value.exit_code, self.crm.calls.count("update")) == (4, before)
        return str(found.value)

    def shows(self, name: str = "title") -> list[str]:
        return [str(self.crm.book.row(lead).get(name) or "") for lead in self.leads]

    def approvals(self, *columns: str) -> list[tuple[Any, ...]]:
        query = f"select kind, {', '.join(columns)} from leadloop.push_approvals where kind <> 'first' order by sequence_number"
        return self.quick.rows(query)


@pytest.fixture
def office(quick: QuickLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Once in each engine."""
    return Office(quick, tmp_path, monkeypatch)


@pytest.fixture
def office_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_before: dict[Any, Any]
) -> Iterator[Office]:
    """In DuckDB only."""
    from connector.warehouse.connection import Warehouse

    monkeypatch.chdir(tmp_path)
    quick = QuickLoop(tmp_path, Warehouse.duckdb(tmp_path / "leads.duckdb"), monkeypatch, made_before)
    yield Office(quick, tmp_path, monkeypatch)
    quick.close()


def test_an_approved_plan_is_sent_once(office: Office) -> None:
    """Without an approval nothing is sent; with one everything is, and the same approval is good for nothing after it."""
    assert "no approval was given" in office.refused()
    with pytest.raises(NotApprovedError, match=r"leadloop approve plan\.json"):
        loop.push(office.quick.warehouse, "scores", first=True)
    office.approve(note="for the campaign")
    assert office.push().summary.by_state == {"applied": len(office.leads)}
    assert set(office.shows()) == {"hot"}
    assert office.approvals("leads", "note", "left_out", "push") == [
        (kind, len(office.leads), "for the campaign", None, "scores") for kind in ("plan", "sent")
    ]
    (approved, who), (_, sent_by) = office.approvals("who")
    assert (approved, who) == ("plan", sent_by)
    assert "was sent already with this approval" in office.refused()


def test_a_part_is_approved(office: Office) -> None:
    """Leads and fields that the approver left out stay as they are, are recorded, and are in the next plan again."""
    before = office.shows("city")
    office.approve(only_fields=["title"], not_leads=[office.leads[0]], note="asks for it")
    assert office.push().summary.leads == len(office.leads) - 1
    assert office.shows("city") == before
    assert [title == "hot" for title in office.shows()] == [False, *[True] * (len(office.leads) - 1)]
    ((kind, left, leads), _) = office.approvals("left_out", "leads")
    assert (kind, leads) == ("plan", len(office.leads) - 1)
    assert json.loads(left) == {"only_fields": ["title"], "not_leads": [office.leads[0]]}
    assert len(loop.plan(office.quick.warehouse, "scores").leads) == len(office.leads)


def test_one_changed_byte_is_refused(office_here: Office) -> None:
    """Whatever byte of an approved plan is another one, also where it means the same, nothing is sent."""
    office = office_here
    office.approve()
    text = office.file.read_text()
    for old, new in {
        '"made_at": "2': '"made_at": "1',
        "\n  ": "\n   ",
        '"hot"': '"hog"',
        '"note": null': '"note": "x"',
        '"only_fields": []': '"only_fields": ["title"]',
        '"signature": "': '"signature": "0',
    }.items():
        assert old in text
        office.file.write_text(text.replace(old, new, 1))
        with pytest.raises(
            (StoppedError, ConfigError), match=r"changed after|not a plan|lacks a part"
        ) as found:
            office.push()
        assert found.value.exit_code == (2 if isinstance(found.value, ConfigError) else 4)
    assert office.crm.calls.count("update") == 0
    office.file.write_text(text)
    office.push()


def test_a_forged_approval_is_refused(office_here: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever hasn't the key can't approve, nor widen what was approved."""
    office = office_here
    monkeypatch.setenv("LEDGER__APPROVAL_KEY", "another key, as long as the first")
    office.approve()
    monkeypatch.setenv("LEDGER__APPROVAL_KEY", KEY)
    assert "approved with another key" in office.refused()
    approved = office.approve(not_leads=[office.leads[0]])
    assert approved.approval is not None
    wider = replace(approved, approval=replace(approved.approval, not_leads=()))
    office.file.write_text("".join(pieces(plan_document(wider))))
    assert "was changed after it was approved" in office.refused()
    monkeypatch.delenv("LEDGER__APPROVAL_KEY")
    assert "LEDGER__APPROVAL_KEY" in office.refused()


def test_an_approval_is_good_for_one_account_and_warehouse_and_a_while(
    office_here: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere, of another account, or too late it is refused with a sentence of its own."""
    office = office_here
    office.approve()
    office.quick.write("update leadloop.warehouse set id = 'another'")
    assert "approved for another warehouse" in office.refused()
    office.save()
    office.approve()
    monkeypatch.setattr("connector.push.approved.now", lambda: _later(hours=25))
    assert "is good for 24 h" in office.refused()
    saved = read_plan(office.file)
    with pytest.raises(NotApprovedError, match="approved for another account"):
        loop.push(office.quick.warehouse, "scores", agreed=replace(saved, account="0" * 12), first=True)
    monkeypatch.setenv("LEDGER__APPROVAL_HOURS", "48")
    office.push()


def _later(**by: float) -> Any:
    from connector.push.tables import now

    return now() + timedelta(**by)


@pytest.mark.long
def test_the_world_is_looked_at_again(office: Office) -> None:
    """An approval agrees to the plan that was saved: another one is refused, and an edit just before the call stays."""
    office.approve()
    office.crm.book.edit(office.leads[0], {"title": "typed"})
    assert office.push().summary.by_state["conflict"] == 1
    assert office.shows()[0] == "typed"
    office.quick.write("update inputs.wanted set tier = 'cold'")
    office.save()
    office.approve()
    office.quick.write("update inputs.wanted set tier = 'hot'")
    assert "is not the plan any more" in office.refused(PlanMovedError)


@pytest.mark.long
def test_only_a_larger_plan_needs_one(office_here: Office) -> None:
    """``approve_above`` lets so many leads pass, and no more."""
    office = office_here
    for above, needs in ((len(office.leads), False), (len(office.leads) - 1, True)):
        office.options = {"approval": "none", "approve_above": above}
        plan = loop.plan(office.quick.warehouse, "scores")
        assert plan.needs_approval is needs
    office.save()
    assert "has to be approved" in office.refused()
    office.options = {"approval": "none", "approve_above": len(office.leads)}
    assert loop.push(office.quick.warehouse, "scores", first=True) is not None


def test_a_run_says_how_to_approve(office_here: Office) -> None:
    """``run`` sends nothing of such a push, ends with 4, and names the three commands."""
    ran = loop.run(office_here.quick.warehouse, pushes=["scores"], first=True)
    assert (ran.exit_code, office_here.crm.calls.count("update")) == (4, 0)
    assert "leadloop plan scores --save plan.json, then leadloop approve plan.json" in str(
        ran.failed["scores"]
    )


def test_what_is_not_in_the_plan_can_not_be_left_out(office_here: Office) -> None:
    """A field or lead that isn't there is named; nothing and everything can't be approved."""
    office = office_here
    for options, sentence in (
        ({"only_fields": ["titles"]}, "no field 'titles'.*did you mean 'title'"),
        ({"not_leads": ["nobody"]}, "no lead nobody"),
        ({"not_leads": office.leads}, "leave out everything"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            office.approve(**options)
    office.approve()
    office.push()
    office.save()
    with pytest.raises(ConfigError, match="nothing to approve"):
        office.approve()


def test_the_key_is_a_secret_of_some_length(office_here: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key nothing is approved, a short one is refused, and neither is ever shown."""
    monkeypatch.setenv("LEDGER__APPROVAL_KEY", "too short")
    with pytest.raises(ConfigError, match="at least 16 characters") as found:
        office_here.approve()
    assert "too short" not in str(found.value)
    monkeypatch.delenv("LEDGER__APPROVAL_KEY")
    with pytest.raises(ConfigError, match="LEDGER__APPROVAL_KEY"):
        office_here.approve()


def test_a_lead_that_is_to_be_added_is_whole_or_left_out(office_here: Office) -> None:
    """Some of its fields would be another lead."""
    office = office_here
    office.quick.write("insert into inputs.forms values ('form', '7775550001', 'New')")
    plan = loop.plan(office.quick.warehouse, "adding")
    save_plan(plan, office.file)
    with pytest.raises(ConfigError, match="leave out everything"):
        office.approve(only_fields=["first_name"])
    approved = office.approve(only_fields=["first_name", "phone_number"])
    assert approved.approval is not None
    assert len(restricted(approved, approved.approval).leads) == 1


@pytest.mark.long
def test_an_undo_is_approved_as_well(office: Office) -> None:
    """The undo of such a push needs an approval, and is sent with one."""
    office.approve()
    run = office.push().summary.run_id
    warehouse = office.quick.warehouse
    with pytest.raises(NotApprovedError, match=f"leadloop undo {run} --save plan.json"):
        loop.undo(warehouse, Asked(run))
    save_plan(loop.plan_undo(warehouse, Asked(run)), office.file)
    office.approve()
    done = loop.undo(warehouse, Asked(run), agreed=read_plan(office.file))
    assert done is not None
    assert "hot" not in office.shows()
    assert not left_out(done.plan)


def test_the_plan_says_that_it_needs_an_approval(office_here: Office) -> None:
    """Whoever looks at it knows what to do next."""

    console = Console(record=True, width=200, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(plan_text(loop.plan(office_here.quick.warehouse, "scores")))
    assert "It is sent only once it is approved" in console.export_text()
