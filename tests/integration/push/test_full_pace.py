"""A push calls as fast as it may, and no faster: counted on the clock of its pace, which only waiting moves."""

import threading
from collections.abc import Collection, Mapping
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.config import Secret, resolve
from connector.crm.account import Account
from connector.crm.convoso import ConvosoReader, ConvosoSettings, ConvosoWriter
from connector.crm.http import Session
from connector.crm.leadsquared import LeadSquaredReader, LeadSquaredSettings, LeadSquaredWriter, open_session
from connector.crm.pace import Pace
from connector.push import deliver
from connector.push.edits import recent_edits
from connector.sandbox import Sandbox
from connector.warehouse.connection import Warehouse
from tests.integration.push.conftest import World
from tests.unit.crm.conftest import Time


class Pushed:
    """A push of one field of some leads to a LeadSquared of its own."""

    def __init__(self, folder: Path, leads: int, rate: float, concurrency: int) -> None:
        self.leads, self.rate, self.concurrency, self.time = leads, rate, concurrency, Time()
        folder.mkdir()
        self.world = World(Warehouse.duckdb(folder / "warehouse.duckdb").engine())

    def carry_out(self) -> None:
        with Sandbox(leads=self.leads) as sandbox:
            key = Secret(sandbox.token)
            settings = LeadSquaredSettings(
                base_url=sandbox.base_url,
                access_key=key,
                secret_key=key,
                rate=self.rate,
                concurrency=self.concurrency,
                bulk=False,
            )
            pace = Pace(self.rate, clock=self.time.clock, sleep=self.time.sleep)
            session: Session = open_session(settings, pace=pace)
            reader = LeadSquaredReader(settings, session=session)
            writer = LeadSquaredWriter(settings, session=session)
            writer.check({"mx_Notes"})
            ids = sandbox.vendors["leadsquared"].leads.ids()  # type: ignore[attr-defined]
            self.world.rows(*((each, "mx_Notes", "0", "1", None, "change") for each in ids))
            plan = self.world.plan(fields={"mx_Notes": "score"}, max_changes=None)
            sandbox.calls.clear()
            began = self.time.now

            def look(_waiting: Collection[str]) -> Mapping[str, Any]:
                now = datetime.now(UTC).replace(tzinfo=None)
                reader.search((now, now + timedelta(seconds=1)), limit=1)
                return {}

            self.summary = deliver(
                plan, writer, self.world.journal, concurrency=self.concurrency, recent_edits=look
            )
            self.seconds = self.time.now - began
            self.calls = len(sandbox.calls)
            session.close()
        self.world.let_go()


@pytest.mark.long
@pytest.mark.parametrize("leads", [50, 250])
def test_several_crms_are_pushed_to_at_their_full_rates(tmp_path: Path, leads: int) -> None:
    """Side by side, each makes at least 98 % of the calls that its own rate allows, whatever the others' are."""
    pushes = [Pushed(tmp_path / str(rate), leads, rate, 8) for rate in (4.9, 24.5)]
    threads = [threading.Thread(target=each.carry_out) for each in pushes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in pushes:
        assert each.summary.by_state == {"applied": leads}
        assert each.calls >= leads
        # The first call is made at once.
        assert each.calls - 1 >= 0.98 * each.rate * each.seconds
        assert each.calls <= each.rate * each.seconds + 2 + each.rate * 0.05


@pytest.mark.parametrize("leads", [2500, 6000])
def test_edits_of_many_pages_are_asked_for_several_pages_at_once(local: World, leads: int) -> None:
    """The look before a batch finds a lead's edit among those of thousands of others."""
    with Sandbox(leads=leads, latency=0.05) as sandbox, ExitStack() as stack:
        given = {**sandbox.settings()["convoso"], "rate": 1000.0, "concurrency": 8}
        settings = resolve(ConvosoSettings, given)
        reader = stack.enter_context(closing(ConvosoReader(settings)))
        writer = stack.enter_context(closing(ConvosoWriter(settings)))
        lead = sandbox.book.ids()[7]
        local.lead(lead)
        local.rows((lead, "lead_score", "0", "1", None, "change"))
        account = Account(settings, reader.capabilities, reader, writer)
        long_ago = datetime(2015, 1, 1, tzinfo=UTC)
        look = recent_edits(local.engine, account, local.plan(), lambda: long_ago)
        assert look is not None
        assert look([lead]).keys() == {lead}
        assert 1 < sandbox.calls.most_at_once("convoso") <= 8
        assert len(sandbox.calls) < 5 * leads / 2000 + 10
