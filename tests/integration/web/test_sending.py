"""What was approved on the page is sent from it, and taken back: by a process of its own, against a CRM that is there."""

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connector import loop
from connector.demo import settings_of
from connector.sandbox import Sandbox
from connector.warehouse import models
from connector.warehouse.connection import Warehouse
from connector.web.sending import Sender
from connector.web.subject import Subject
from tests.integration.conftest import PUSH
from tests.integration.web.conftest import Answer, Browser, hidden, opened, settled, shown, to_approve

pytestmark = [pytest.mark.usefixtures("approval_key"), pytest.mark.timeout(600)]
ADDRESS = f"/pushes/{PUSH}"


class World:
    """A CRM that answers, and a warehouse that has read it and whose push wants something."""

    def __init__(self, crm: Sandbox, path: Path) -> None:
        self.crm = crm
        self.path = path
        self.read = self.scores(crm.book.ids())
        """What the CRM showed when it was read."""

    def begin(self) -> None:
        """The CRM shows again what was read, whatever another test has sent."""
        for lead, score in self.scores(self.read).items():
            if score != self.read[lead]:
                self.crm.book.edit(lead, {"lead_score": self.read[lead] or ""})

    def scores(self, leads: Any) -> dict[str, str | None]:
        return {lead: self.crm.book.row(lead)["lead_score"] or None for lead in leads}


@pytest.fixture(scope="module")
def world(known_project: None, dbt_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch, Sandbox(leads=60, seed=7) as crm, settings_of(crm):
        patch.chdir(folder)
        path = folder / "leads.duckdb"
        for lead in crm.book.ids():
            crm.book.edit(lead, {"title": "typed by a person"})
        loop.extract(Warehouse.duckdb(path))
        loop.build(Warehouse.duckdb(path), models.packaged_project())
        yield World(crm, path)


@pytest.fixture
def page(
    world: World, dbt_state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Opens the pages over a copy of the world's warehouse; they send."""
    world.begin()
    monkeypatch.chdir(tmp_path)
    # What dbt knows of the project, so that the process that sends need not parse it again.
    shutil.copytree(dbt_state, tmp_path / ".leadloop" / "dbt")

    @contextmanager
    def made(*, again: bool = False, **options: Any) -> Iterator[Browser]:
        path = tmp_path / "leads.duckdb"
        if not again:
            shutil.copy(world.path, path)
        with settings_of(world.crm), opened(path, sends=True, **options) as found:
            settled(found)
            yield found

    return made


def ended(browser: Browser, address: str) -> Answer:
    """The page of a plan once its sending has ended, and the warehouse is shown as it is then."""
    sender = browser.site.sender
    assert sender is not None
    wait_for(lambda: (now := sender.now()) is not None and not now.is_running, 120)
    before = browser.site.source.generation
    browser.site.source.refresh(patience=10)
    wait_for(lambda: browser.site.source.generation > before or browser.site.source.seen().is_current, 30)
    settled(browser)
    return shown(browser, address)


def wait_for(there: Callable[[], Any], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < until, "It did not come in time."
        time.sleep(0.05)


def approve_and_send(browser: Browser, address: str, **given: Any) -> Answer:
    form = to_approve(shown(browser, address).body, who="Ana", then="send", **given)
    return browser.post(f"{address}/approve", form)


@pytest.mark.long
def test_a_plan_is_approved_sent_and_taken_back(page: Any, world: World) -> None:
    """The CRM has what was approved and nothing of what was left out; who did it is recorded; after the undo it is as before."""
    with page() as browser:
        plan = browser.site.plans.get(PUSH, patience=60).plan
        ids = [lead.lead_id for lead in plan.leads]
        before = world.scores(ids)
        untouched = approve_and_send(browser, ADDRESS)
        assert "values would be replaced for the first time" in untouched.text
        sent = approve_and_send(browser, ADDRESS, first="yes", not_leads=ids[0], note="asked Bob")
        assert sent.status == 303
        now = browser.site.sender.now()
        assert now is not None
        assert now.who == "Ana"
        page_now = browser.get(ADDRESS)
        if now.is_running:
            assert "It goes on if you leave this page" in page_now.text
        done = ended(browser, ADDRESS)
        assert "started by Ana" in done.text
        assert "done" in done.text
        after = world.scores(ids)
        assert after[ids[0]] == before[ids[0]]
        assert all(after[lead] != before[lead] for lead in ids[1:] if "lead_score" in _wanted(plan, lead))
        with duckdb.connect("leads.duckdb", read_only=True) as connection:
            rows = connection.execute(
                "select kind, who, note from leadloop.push_approvals where kind <> 'first' order by approved_at"
            ).fetchall()
            (run,) = connection.execute(
                "select push_run_id from leadloop.runs where command = 'push'"
            ).fetchone() or ("",)
        assert [row[0] for row in rows] == ["plan", "sent"]
        assert rows[1][1].endswith(", for Ana on the page")
        assert rows[0][2] == "Ana, on the page: asked Bob"

        # And back again.
        run_page = browser.get(f"/push-runs/{run}")
        assert run_page.status == 303
        assert f'href="/undo/{run}"' in browser.get(run_page.headers["location"]).body
        undo = shown(browser, f"/undo/{run}")
        assert "What takes the run" in undo.text
        assert "Approve and send to convoso" in undo.text
        assert approve_and_send(browser, f"/undo/{run}").status == 303
        ended(browser, f"/undo/{run}")
        assert world.scores(ids) == before


def hidden_run(page: str) -> str:
    """Where the page of the last sending's run is."""
    return str(re.findall(r'href="(/runs/[^"?]+)"', page)[0])


def _wanted(plan: Any, lead_id: str) -> set[str]:
    return {change.field for lead in plan.leads if lead.lead_id == lead_id for change in lead.changes}


@pytest.mark.long
def test_one_at_a_time_and_an_approval_once(page: Any, world: World) -> None:
    """While one plan is sent, nobody sends another one; what is stopped says so; a used approval sends nothing."""
    with page() as browser:
        approve_and_send(browser, ADDRESS, first="yes")
        now = browser.site.sender.now()
        assert now is not None
        if now.is_running:
            again = browser.post(
                f"{ADDRESS}/send", {"approval": now.approval_id, "who": "Bob", "first": "yes"}
            )
            assert "is being sent, started by Ana, and the page sends one plan at a time" in again.text
        ended(browser, ADDRESS)
        used = browser.post(f"{ADDRESS}/send", {"approval": now.approval_id, "who": "Bob", "first": "yes"})
        if used.status == 303:
            refused = ended(browser, ADDRESS)
            assert "was sent already with this approval" in refused.text


@pytest.mark.long
def test_what_is_sent_is_stopped(page: Any, world: World) -> None:
    """The button is there while something is sent. Calls under way are finished, nothing else is sent, and the rest is still to send."""
    world.crm.faults.add("latency", 0.5, path="update")
    try:
        with page() as browser:
            ids = [lead.lead_id for lead in browser.site.plans.get(PUSH, patience=60).plan.leads]
            before = world.scores(ids)
            written = world.crm.calls.count("update")
            approve_and_send(browser, ADDRESS, first="yes")
            wait_for(lambda: world.crm.calls.count("update") > written, 120)
            assert f'action="{ADDRESS}/stop"' in browser.get(ADDRESS).body
            assert "Stop sending" in browser.get(ADDRESS).text
            assert browser.post(f"{ADDRESS}/stop", {}).status == 303
            told = ended(browser, ADDRESS)
            assert 'role="status">stopped</span>' in told.body
            assert "What it had sent is in the CRM; the rest is in the plan below." in told.text
            assert "Stop sending" not in told.text
            calls = world.crm.calls.count("update") - written
            after = world.scores(ids)
            sent = [lead for lead in ids if after[lead] != before[lead]]
            assert 0 < calls < len(ids)
            assert 0 < len(sent) <= calls
            run = hidden_run(told.body)
            assert "not sent: the run was interrupted" in browser.get(run).text
            # Whoever presses it when nothing is sent any more does no harm.
            assert browser.post(f"{ADDRESS}/stop", {}).status == 303
            left = browser.site.plans.get(PUSH, patience=60).plan
            assert {lead.lead_id for lead in left.leads}.isdisjoint(sent)
    finally:
        world.crm.faults.clear()


@pytest.mark.long
@pytest.mark.parametrize("fate", ["goes on", "killed"])
def test_a_page_that_is_ended_meanwhile(page: Any, world: World, fate: str) -> None:
    """What is being sent goes on without it; the page that is started next says how it went, also of one that was killed."""
    with page() as browser:
        approve_and_send(browser, ADDRESS, first="yes")
        now = browser.site.sender.now()
        assert now is not None
        note = Sender(None)._note()
        assert note is not None
        assert os.getsid(note.pid) == note.pid
        if fate == "killed":
            os.kill(note.pid, signal.SIGKILL)
    sender = Sender(None)
    wait_for(lambda: (found := sender.now()) is not None and not found.is_running, 120)
    # As another process sees it, which did not start it.
    (Path(".leadloop") / "plans" / "sending.json").write_bytes(
        (Path(".leadloop") / "plans" / "sending.json")
        .read_bytes()
        .replace(b'"exit_code":0', b'"exit_code":null')
    )
    with page(again=True) as browser:
        told = shown(browser, ADDRESS).text
    assert "started by Ana" in told
    assert ("killed" if fate == "killed" else "done") in told


def test_nothing_is_sent_unless_the_page_may(fresh: Any) -> None:
    """Without --send there is no button, and whoever posts all the same is told."""
    with fresh("update analytics.lead_scores set score = score + 7") as browser:
        body = shown(browser, ADDRESS).body
        assert "Approve and send" not in body
        told = browser.post(f"{ADDRESS}/send", {"approval": "x", "who": "Ana"})
        assert "it was started without --send" in told.text
        assert browser.post(f"{ADDRESS}/approve", to_approve(body, who="Ana", then="send")).status == 200
        page = shown(browser, ADDRESS)
        assert f"leadloop push {PUSH} --plan .leadloop/plans/" in page.text
        assert hidden(page.body, "approval")
    assert Subject(push=PUSH).address == ADDRESS
