"""A CRM at its worst: one call in five suffers one of all the faults the sandbox has, and what it shows lies besides."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connector.crm import http, pace
from connector.errors import LeadloopError
from connector.extract.columns import column_name
from connector.extract.query import Query
from connector.extract.reading import reading
from connector.extract.windows import Window
from connector.push import recover
from connector.push.deliver import BREAKER
from connector.sandbox import KINDS, Sandbox
from connector.testing import VendorContract
from tests.contracts.test_convoso import TestConvosoCommunity as Community
from tests.contracts.test_convoso import TestConvosoLive as Live
from tests.contracts.test_leadping import TestLeadping as Leadping
from tests.contracts.test_leadping import TestLeadpingProfile as NewerLeadping
from tests.contracts.test_leadsquared import TestLeadSquared as LeadSquared
from tests.contracts.test_pollybot import TestPollyBot as PollyBot
from tests.contracts.test_pollybot import TestPollyBotNewer as NewerPollyBot
from tests.integration.extract.conftest import Rig, duck
from tests.integration.push.conftest import World, local

__all__ = ["duck", "local"]  # fixtures of theirs

STRIKES = 0.2
LEADS, SENT = 300, 100

ALONE: list[tuple[str, dict[str, Any]]] = [
    ("status", {"value": 429}),
    ("status", {"value": 429, "retry_after": 0}),
    ("status", {"value": 429, "retry_after": "1000000000"}),
    ("status", {"value": 429, "retry_after": "-5"}),
    ("status", {"value": 429, "retry_after": "soon"}),
    ("status", {"value": 429, "retry_after": "Thu, 01 Jan 2099 00:00:00 GMT"}),
    ("status", {"value": 500}),
    ("status", {"value": 502}),
    ("status", {"value": 503}),
    ("status_after_write", {}),
    ("drop_before_write", {}),
    ("drop_after_write", {}),
    ("hang", {"value": 2.0}),
    ("hang_after_write", {"value": 2.0}),
    ("truncate", {}),
    ("cut", {}),
    ("html", {}),
    ("no_success", {}),
    ("ids_as_numbers", {}),
]
"""Of these, at most one strikes a call."""
LIES: list[tuple[str, dict[str, Any]]] = [
    ("repeat_page", {}),
    ("extra_page", {}),
    ("empty_page", {}),
    ("lying_total", {"value": 3}),
    ("lying_total", {"value": -3}),
]


def besiege(crm: Sandbox) -> None:
    for group in (ALONE, LIES):
        for kind, how in group:
            crm.faults.add(kind, probability=STRIKES / len(group), **how)


@pytest.fixture
def crm() -> Iterator[Sandbox]:
    with Sandbox(leads=LEADS) as crm:
        yield crm


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """An absurd Retry-After is cut to a minute; a test has less time than that."""
    monkeypatch.setattr(pace, "LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(http, "LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(pace.Pace, "slowest", 1 / 2)


def test_every_fault_of_the_sandbox_takes_part() -> None:
    """A fault that the sandbox learns has to be added to the mix."""
    assert {kind for kind, _ in ALONE + LIES} == KINDS.keys() - {"latency"}


def test_reading_under_fire(duck: Rig, crm: Sandbox) -> None:
    """Each run ends in bounded time, complete or with an error that keeps the cursor; once the faults stop, nothing is missing."""
    duck.defaults |= {"timeout": 0.5, "start": "2026-08-01"}
    besiege(crm)
    ended = Counter[str]()
    for _ in range(3):
        began = time.monotonic()
        try:
            duck.extract(crm, page_size=60)
        except LeadloopError as error:
            ended[type(error).__name__] += 1
        else:
            ended["complete"] += 1
            assert duck.missing(crm) == {}
        assert time.monotonic() - began < 60
    crm.faults.clear()
    duck.extract(crm, page_size=60)
    assert duck.missing(crm) == {}, ended


@pytest.mark.long
@pytest.mark.parametrize(
    ("contract", "leads", "given"),
    [
        (Community, 150, {"page_size": 20}),
        (LeadSquared, 150, {"page_size": 20}),
        (PollyBot, 650, {}),
        (NewerPollyBot, 650, {}),
        (Leadping, 60, {}),
        (NewerLeadping, 60, {}),
    ],
    ids=["community", "leadsquared", "older pollybot", "pollybot", "older leadping", "leadping"],
)
def test_reading_each_crm_under_fire(
    contract: type[VendorContract], leads: int, given: dict[str, Any]
) -> None:
    """Whatever a CRM says, and whatever it leaves out: a reading that ends without an error has brought every lead."""
    vendor, now = contract(), datetime.now(UTC).replace(microsecond=0)
    window = Window(datetime(2020, 1, 1, tzinfo=UTC), now + timedelta(seconds=5))
    ended = Counter[str]()
    with Sandbox(leads=leads, **vendor.sandbox_options) as crm:
        for _ in range(4):
            crm.faults.clear()
            with closing(vendor.reader(crm, timeout=0.5, **given)) as reader:
                vendor.page(reader)
                besiege(crm)
                try:
                    tables = [batch.table for batch in reading(reader, window, Query(), everything=True)]
                except LeadloopError as error:
                    ended[type(error).__name__] += 1
                    continue
                rows = [row for table in tables for row in table.to_pylist()]
                ids = {row.get("id") or row.get("prospect_id") for row in rows}
                assert ids == set(vendor.book(crm).ids())
                ended["complete"] += 1
    assert ended["complete"], ended


@pytest.mark.long
@pytest.mark.parametrize(
    "contract",
    [Live, LeadSquared, PollyBot, NewerPollyBot, Leadping, NewerLeadping],
    ids=lambda each: each.__name__[4:],
)
def test_pushing_under_fire(local: World, contract: type[VendorContract]) -> None:
    """Every lead ends in a state that is true, with a reason where it did not arrive; once the faults stop, all arrive."""
    vendor, name = contract(), contract.text_field
    with (
        Sandbox(leads=LEADS, **vendor.sandbox_options) as crm,
        closing(vendor.reader(crm, timeout=0.5)) as reader,
    ):
        book = vendor.book(crm)
        lead_ids = book.ids()[:SENT]
        local.rows(*((lead_id, name, None, "4711", None, "change") for lead_id in lead_ids))
        with local.engine.begin() as connection:
            connection.execute(
                sa.text("update analytics.scores set column_name = :name"), {"name": column_name(name)}
            )
        vendor.prepare(crm)
        writer = local.crm = vendor.writer(crm, timeout=0.5)  # type: ignore[assignment]
        besiege(crm)
        began, runs = time.monotonic(), 0
        for _ in range(3):
            recover("scores", local.journal, reader)
            summary = local.deliver(concurrency=4)
            runs += 1
            assert sum(summary.by_state.values()) == summary.leads
            check_states(local, book, name, summary.run_id)
            settled(local, book, name)
        assert time.monotonic() - began < 60
        crm.faults.clear()
        recovery = recover("scores", local.journal, reader)
        assert recovery.unknown == 0
        settled(local, book, name)
        left = local.plan().leads
        assert local.deliver(concurrency=4).by_state == ({"applied": len(left)} if left else {})
        writer.close()
        assert {book.row(lead_id)[name] for lead_id in lead_ids} == {"4711"}
        written = Counter(
            call.lead_id
            for call in crm.calls
            if vendor.is_update(call)
            and call.carried_out
            and call.method == (vendor.write_method or call.method)
        )
        assert max(written.values()) <= runs + 1


def check_states(world: World, book: Any, name: str, run_id: str) -> None:
    last = {row.lead_id: row for row in world.journalled() if row.run_id == run_id}
    for lead_id, row in last.items():
        shown = book.row(lead_id).get(name)
        if row.state in ("applied", "confirmed"):
            assert shown == "4711"
        else:
            assert row.state in ("deferred", "unknown")
            assert row.reason
        if row.state == "deferred":
            assert shown != "4711"


def settled(world: World, book: Any, name: str) -> None:
    """What a build would see: leads that show the value need nothing any more."""
    done = [lead_id for lead_id, row in book.rows().items() if row.get(name) == "4711"]
    with world.engine.begin() as connection:
        connection.execute(
            sa.text("delete from analytics.scores where lead_id in :done").bindparams(
                sa.bindparam("done", done, expanding=True)
            )
        )


@pytest.mark.parametrize("how", ["refused", "failing"])
def test_a_crm_that_is_down_is_left_alone(local: World, crm: Sandbox, how: str) -> None:
    """After a few calls the rest is deferred, each lead with the reason, and nothing is called any more."""
    lead_ids = crm.book.ids()[:SENT]
    local.rows(*((lead_id, "lead_score", None, "4711", None, "change") for lead_id in lead_ids))
    with closing(Live().writer(crm, timeout=0.5)) as local.crm:  # type: ignore[assignment]
        assert local.crm.update(lead_ids[0], {"lead_score": "1"}).state == "applied"
        if how == "refused":
            crm.stop()
        else:
            crm.faults.add("status", 503)
        began, before = time.monotonic(), len(crm.calls)
        summary = local.deliver(concurrency=4)
    assert summary.by_state == {"deferred": SENT}
    assert summary.stopped
    assert time.monotonic() - began < 60
    assert len(crm.calls) - before <= BREAKER + 2 * 4
    assert all(row.reason for row in local.journalled() if row.state == "deferred")
