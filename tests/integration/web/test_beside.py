"""The pages beside whoever writes: they never hold up a run, never fail since one holds the file, and say how old they are."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connector import loop
from connector.views.settings import PageSettings
from connector.warehouse import models
from connector.web.server import HOST, Server, bound
from connector.web.site import Site
from tests.integration.conftest import PUSH
from tests.integration.web.conftest import KEYS, Browser, settled, shown
from tests.properties.quick_loop import QuickLoop

HOLDER = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1])
connection.execute("insert into leadloop.runs (run_id, command, started_at) values ('from-outside', 'extract', now())")
print("held", flush=True)
time.sleep(60)
"""
BUSY = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1])
connection.execute("create table if not exists busy (n int)")
print("busy", flush=True)
until = time.time() + float(sys.argv[2])
while time.time() < until:
    connection.execute("insert into busy values (1)")
connection.close()
"""
WRITES = """
import duckdb, sys
for n in range(40):
    with duckdb.connect(sys.argv[1]) as connection:
        connection.execute("create or replace table written as select ?::int as n", [n])
"""


def until(told: Callable[[], object], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if told():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.long
def test_what_another_process_has_written_is_shown_while_it_holds_the_file(fresh: Any) -> None:
    """DuckDB would let nobody open the file; the page shows what is committed all the same, and fails at nothing."""
    with fresh() as browser:
        path = browser.site.source.warehouse.path
        with subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
        ) as holder:
            try:
                assert holder.stdout is not None
                assert holder.stdout.readline() == "held\n"
                with pytest.raises(duckdb.IOException, match="Could not set lock"):
                    duckdb.connect(str(path), read_only=True)
                assert until(lambda: "/runs/from-outside" in browser.get("/runs").body)
                assert browser.get(f"/pushes/{PUSH}").status == 200
            finally:
                holder.kill()


@pytest.mark.long
def test_while_somebody_writes_all_the_time_the_page_keeps_what_it_had_and_says_so(fresh: Any) -> None:
    """The top of each page says that the warehouse has changed since; when there is peace, it is up to date again."""
    with fresh() as browser:
        assert "Up to date" in browser.get("/fresh").text
        path = browser.site.source.warehouse.path
        with subprocess.Popen(
            [sys.executable, "-c", BUSY, str(path), "4"], stdout=subprocess.PIPE, text=True
        ) as busy:
            assert busy.stdout is not None
            busy.stdout.readline()
            assert until(lambda: "the warehouse has changed since" in browser.get("/fresh").text, 3)
            page = browser.get("/")
            assert page.status == 200
            assert "As of" in page.text
            assert f"{PUSH} to convoso" in page.text
            busy.wait()
        assert until(lambda: "Up to date" in browser.get("/fresh?generation=1").text)
        assert "show what is new" in browser.get("/fresh?generation=1").text


def test_no_page_stands_in_the_way_of_a_run(fresh: Any) -> None:
    """Somebody opens and closes the file for writing forty times while pages are asked for all the time: neither ever fails."""
    with fresh() as browser:
        path = browser.site.source.warehouse.path
        ended = threading.Event()
        found: list[int] = []

        def ask() -> None:
            while not ended.is_set():
                found.extend(browser.get(each).status for each in ("/", f"/pushes/{PUSH}", "/runs"))

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for each in threads:
            each.start()
        done = subprocess.run(
            [sys.executable, "-c", WRITES, str(path)], capture_output=True, text=True, check=False
        )
        ended.set()
        for each in threads:
            each.join()
        assert done.stderr == ""
        assert set(found) == {200}
        assert len(found) > 3


def test_before_anything_was_read_the_page_says_what_to_do(
    tmp_path: Path, known_project: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no warehouse yet, and looking makes none; when there is one, the same page shows it."""
    from tests.integration.web.conftest import opened

    monkeypatch.chdir(tmp_path)
    path = tmp_path / "leads.duckdb"
    with opened(path) as browser:
        for address in ("/", f"/pushes/{PUSH}", "/conflicts", "/runs", "/leads"):
            page = browser.get(address)
            assert page.status == 200
            assert "Run: leadloop extract" in page.text, address
        assert "Nothing to show yet" in browser.get("/fresh").text
        assert not path.exists()
        duckdb.connect(str(path)).close()
        assert until(lambda: "No lead has been read yet" in browser.get("/").text)


@pytest.mark.long
def test_the_pages_are_the_same_on_both_warehouses(quick: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Extract, build, push; a person edits; the pages say so, on DuckDB and on PostgreSQL, and a decision is recorded."""
    monkeypatch.setattr(quick, "pushes", ("scores",), raising=False)
    crm = quick.begin()
    loop.extract(quick.warehouse)
    leads = crm.book.ids()[:4]
    for number, lead in enumerate(leads):
        quick.write(
            "insert into inputs.wanted values (:lead, :tier, 'Graz')", lead=lead, tier=f"tier {number}"
        )
    loop.build(quick.warehouse)
    loop.push(quick.warehouse, "scores", first=True)
    time.sleep(1.1)
    crm.book.edit(leads[0], {"title": "by a person"})
    loop.extract(quick.warehouse)
    loop.build(quick.warehouse)
    quick.write("update inputs.wanted set town = 'Linz' where lead_id = :lead", lead=leads[1])
    site = Site.over(quick.warehouse, None, PageSettings(), KEYS)
    server = Server(site, bound(HOST, 0), token=None, log=lambda *_: None).start()
    try:
        browser = Browser(site, server, [])
        made = site.plans.get("scores", patience=60)
        assert made is not None
        assert made.why_not == ""
        settled(browser)
        plan = browser.get("/pushes/scores")
        assert "1 lead of 6 would change, in 1 field" in plan.text
        assert "“Linz”" in plan.body
        overview = browser.get("/")
        assert "scores to convoso Ready to send 1 lead, 1 field" in overview.text
        assert "Deliveries" in overview.text
        story = browser.get(f"/leads/{KEYS.lead('convoso', leads[0])}").text
        assert "leadloop sent, by the push scores" in story
        assert leads[0] in browser.post("/leads", {"text": leads[0]}).text
        assert browser.get("/runs").status == 200
        page = browser.get("/conflicts")
        assert "“by a person”" in page.body
        items = [each.partition('"')[0] for each in page.body.split('name="shown" value="')[1:]]
        done = browser.post("/conflicts", {"push": "scores", "take": f"theirs {items[0]}"})
        assert "1 conflict of scores decided" in done.text
        assert quick.rows("select field, state from leadloop.push_journal where run_id like 'resolve-%'") == [
            ("title", "rejected")
        ]
    finally:
        server.stop()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_push_that_is_killed_while_the_page_is_open(quick: QuickLoop, tmp_path: Path) -> None:
    """Another process's push: the page shows it at work, then killed, in plain words and with what is right next; no page fails."""
    crm = quick.begin()
    leads = crm.book.ids()
    loop.extract(quick.warehouse)
    loop.build(quick.warehouse)
    for lead in leads:
        quick.write("insert into inputs.wanted values (:lead, 'hot', null)", lead=lead)
    quick.let_go()
    if not (tmp_path / models.STATE).exists() or models.STATE.absolute() != tmp_path / models.STATE:
        shutil.copytree(models.STATE, tmp_path / ".leadloop" / "dbt")
    crm.faults.add("latency", 1.0, path="update")
    site = Site.over(quick.warehouse, None, PageSettings(), KEYS)
    server = Server(site, bound(HOST, 0), token=None, log=lambda *_: None).start()
    try:
        browser = Browser(site, server, [])
        settled(browser)
        command = [sys.executable, "-m", "connector.cli", "push", "scores", "--yes", "--first"]
        environment = {**os.environ, **quick.warehouse.as_variables()}
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as pushing:
            try:
                assert until(lambda: crm.calls.count("update") > 0 or pushing.poll() is not None, 240)
                assert pushing.poll() is None, pushing.stderr and pushing.stderr.read()
                assert until(lambda: "at work" in browser.get("/runs").text)
                run = re.findall(r'href="/runs/([^"?]+)"', browser.get("/runs").body)[0]
                assert "at work" in browser.get(f"/runs/{run}").text
            finally:
                os.kill(pushing.pid, signal.SIGKILL)
        crm.faults.clear()
        sent = sum(row.get("title") == "hot" for row in crm.book.rows().values())
        assert 0 < sent < len(leads)
        assert until(lambda: "killed" in browser.get("/runs").text)
        told = browser.get(f"/runs/{run}")
        assert (
            "It was killed on the way. What it had sent is in the CRM. The next run of scores first finds out"
            in told.text
        )
        links = partial(re.findall, r'href="(/undo/[^"]+)"')
        assert until(lambda: links(browser.get(f"/runs/{run}").body))
        undo = links(browser.get(f"/runs/{run}").body)[0]
        for address in ("/", "/runs", f"/runs/{run}", "/pushes/scores", "/conflicts", "/leads", undo):
            assert shown(browser, address).status == 200, address
        assert "What takes the run" in shown(browser, undo).text
        assert "killed" in shown(browser, "/pushes/scores").text

        done = loop.push(quick.warehouse, "scores")
        assert done is not None
        assert done.recovery
        assert all(row.get("title") == "hot" for row in crm.book.rows().values())
        assert until(lambda: "In sync" in shown(browser, "/pushes/scores").text)
        assert "killed" in browser.get(f"/runs/{run}").text
    finally:
        server.stop()
