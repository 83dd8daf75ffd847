"""``leadloop check --reconcile``: what the CRM and the raw table show differently is found, named and read again."""

import random
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connector.crm.convoso import ConvosoReader
from connector.crm.http import Session
from connector.extract import past, reconcile
from connector.extract.job import Progress, job
from connector.extract.raw import LEADS
from connector.extract.reconcile import Difference, RawLeads
from connector.extract.windows import Window

from .conftest import QUICK, Rig


class Desk:
    """Compares a rig's warehouse with a sandbox."""

    def __init__(self, rig: Rig, crm: Any) -> None:
        self.rig, self.crm = rig, crm

    def execute(self, statement: str, **values: Any) -> None:
        with self.rig.warehouse.engine().begin() as connection:
            connection.execute(sa.text(statement), values)

    def compare(self, *, sample: Any = None, days: Any = 4000, repair: Any = False, sent: Any = ()) -> Any:
        settings = self.rig.settings(self.crm)
        with closing(ConvosoReader(settings, session=Session(settings, retry=QUICK))) as reader:
            todo = job(settings, reader=reader)
            reached = past.cursor(self.rig.tables(), LEADS, todo.cursor_key)
            raw = RawLeads(self.rig.warehouse.engine(), reader)
            if sample:
                found = reconcile.sample_of(todo, raw, sample, cursor=reached, sent=sent)
            else:
                assert reached is not None
                window = Window(reached - timedelta(days=days), reached)
                found = reconcile.window_of(todo, raw, window, cursor=reached, sent=sent)
            if repair:
                self.told: list[Progress] = []
                found = reconcile.repair(self.rig.tables(), reader, found, on_progress=self.told.append)
            return found


@pytest.fixture
def desk(rig: Any, sandbox: Any) -> Any:
    """Both engines; 300 leads, all read."""
    crm = sandbox(leads=300)
    rig.extract(crm)
    return Desk(rig, crm)


@pytest.mark.long
def test_every_kind_of_difference_is_told_and_mended(desk: Any) -> None:
    """Missing, different and gone leads are named with their fields, edits after the extraction apart; --repair mends."""
    equal = desk.compare()
    assert (equal.crm, equal.warehouse, equal.differences, equal.exit_code) == (300, 300, (), 0)

    lost, bent, dead, edited, sent = random.Random(7).sample(desk.crm.book.ids(), 5)
    desk.execute("delete from convoso_raw.lead_versions where id = :id", id=lost)
    desk.execute("update convoso_raw.lead_versions set city = 'x', status = 'y' where id = :id", id=bent)
    desk.crm.book.delete(dead)
    desk.crm.book.edit(edited, {"city": "Elsewhere"})
    desk.crm.book.api_edit(sent, {"city": "Elsewhere"})
    before = desk.rig.cursor(desk.crm)

    found = desk.compare(repair=True, sent={sent})
    assert [each.rows for each in desk.told] == list(range(1, len(found.faults) + 1))
    kinds = {each.lead_id: each for each in found.differences}
    assert kinds.keys() == {lost, bent, dead, edited, sent}
    assert kinds[lost] == Difference(lost, "missing")
    assert kinds[bent] == Difference(bent, "differs", ("city", "status"))
    assert kinds[dead].kind == "gone"
    assert kinds[edited].kind == "changed_meanwhile"
    assert "city" in kinds[edited].fields
    assert kinds[sent] == Difference(sent, "changed_meanwhile", ("city",))
    assert (found.crm, found.warehouse, found.repaired, found.exit_code) == (299, 299, 3, 3)
    assert desk.rig.cursor(desk.crm) == before

    again = {each.lead_id: each.kind for each in desk.compare(sent={sent}).differences}
    assert again == {edited: "changed_meanwhile", sent: "changed_meanwhile"}
    desk.rig.extract(desk.crm)
    assert {each.lead_id for each in desk.compare(sent={sent}).differences} == {sent}


def test_a_lead_whose_modification_went_back_is_mended(desk: Any) -> None:
    """What was read last counts: a lead that was restored in the CRM is repaired for good, with its older time."""
    back = desk.crm.book.ids()[7]
    desk.execute(
        "update convoso_raw.lead_versions set modified_at = '2035-01-01 00:00:00', city = 'x' where id = :id",
        id=back,
    )
    found = desk.compare(repair=True)
    assert [(each.lead_id, each.kind) for each in found.faults] == [(back, "differs")]
    assert desk.compare().differences == ()


def test_a_sample_reads_known_leads_one_by_one(duck: Any, sandbox: Any) -> None:
    """A sample finds what differs and what is gone among the leads it drew, in two calls per lead at most."""
    crm = sandbox(leads=40)
    duck.extract(crm)
    desk = Desk(duck, crm)
    desk.execute("update convoso_raw.lead_versions set city = 'x'")
    dead = crm.book.ids()[0]
    crm.book.delete(dead)
    crm.calls.clear()
    found = desk.compare(sample=15)
    assert len(found.differences) == 15
    assert {each.kind for each in found.differences} <= {"differs", "gone"}
    assert len(crm.calls) <= 16
    everything = desk.compare(sample=1000)
    assert {each.lead_id for each in everything.differences if each.kind == "gone"} == {dead}
    assert (everything.crm, everything.warehouse) == (39, 40)


def test_a_lead_the_warehouse_knows_as_removed_is_not_gone(duck: Any, sandbox: Any) -> None:
    """Where the raw table shows when a lead was deleted, its absence is what is to be expected."""
    crm = sandbox(leads=20)
    duck.extract(crm)
    desk = Desk(duck, crm)
    dead = crm.book.ids()[3]
    desk.execute("alter table convoso_raw.lead_versions add column deleted_at text")
    desk.execute("update convoso_raw.lead_versions set deleted_at = '2026-11-20' where id = :id", id=dead)
    crm.book.delete(dead)
    assert desk.compare().differences == ()


def test_faults_while_reading_change_nothing(duck: Any, sandbox: Any) -> None:
    """A CRM that fails now and then is compared as one that doesn't."""
    crm = sandbox(leads=300)
    duck.extract(crm)
    desk = Desk(duck, crm)
    lost = crm.book.ids()[100]
    desk.execute("delete from convoso_raw.lead_versions where id = :id", id=lost)
    crm.faults.add("status", 500, probability=0.2)
    crm.faults.add("empty_page", probability=0.1)
    assert desk.compare().differences == (Difference(lost, "missing"),)
