"""What it costs to read back what was sent, counted at the CRM: calls, and how many of them at once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector import config, crm, loop
from connector.extract.again import read_again
from connector.push import Journal
from connector.push.journal_row import Entry
from connector.sandbox import Sandbox

CALLS: dict[str, Callable[[int], int]] = {
    "convoso": lambda leads: 1,
    "leadsquared": lambda leads: 2 + 2,
    "pollybot": lambda leads: leads,
    "leadping": lambda leads: leads,
}
"""For so many leads: a page of what was modified since, one lead and a group, or each lead alone. LeadSquared's reader also asks once, in
two calls, which attributes a look at one lead shows and a search doesn't."""


def written_by_the_api(sandbox: Any, vendor: str, leads: int) -> list[str]:
    """Leads that were sent a value just now."""
    if vendor == "convoso":
        ids: list[str] = sandbox.book.ids()[:leads]
        for each in ids:
            sandbox.book.api_edit(each, {"title": "sent"})
        return ids
    found = sandbox.vendors[vendor].leads
    ids = found.ids()[:leads]
    for each in ids:
        found.replace(each, found.leads[each].body)
    return ids


@pytest.mark.parametrize("leads", [50, 500])
@pytest.mark.parametrize("vendor", CALLS)
def test_reading_back_takes_few_calls_and_many_at_once(vendor: str, leads: int) -> None:
    """Calls by the number of leads, for every CRM; where there are many, as many at once as the setting says."""
    parts = crm.vendor(vendor).parts
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(leads=leads + 20, latency=0.03))
        ids = written_by_the_api(sandbox, vendor, leads)
        given = {**sandbox.settings()[vendor], "rate": 1000.0, "concurrency": 8}
        reader = stack.enter_context(closing(parts.reader(config.resolve(parts.settings, given))))
        written = dict.fromkeys(ids, datetime.now(UTC) - timedelta(minutes=1))
        found = dict(read_again(reader, ids, concurrency=8, written=written))
        calls, at_once = len(sandbox.calls), sandbox.calls.most_at_once(vendor)
        assert sorted(found) == sorted(ids)
        assert all([reader.lead_id(row) for row in page.rows] == [each] for each, page in found.items())
        assert all(found[each].rows[0] == reader.get(each).rows[0] for each in (ids[0], ids[-1]))
    assert calls == CALLS[vendor](leads)
    assert 1 < at_once <= 8 if calls > 8 else at_once == 1


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Convoso in a sandbox, set up for the whole loop."""
    with Sandbox(leads=520) as sandbox:
        given = {**sandbox.settings()["convoso"], "rate": "1000", "settle": "0", "lookback": "0"}
        for name, value in {**given, "concurrency": "8"}.items():
            monkeypatch.setenv(config.env_name(f"crm.convoso.{name}"), value)
        config.reload()
        yield sandbox
    config.reload()


@pytest.mark.long
def test_an_extraction_costs_the_same_whatever_was_sent(account: Sandbox, duck: Any) -> None:
    """Of 50 leads and of 500 that the journal has: the search is told since when they were written to."""
    loop.extract(duck.warehouse)
    journal = Journal(duck.warehouse.engine())
    journal.ensure()
    calls = []
    for number in (50, 500):
        ids = written_by_the_api(account, "convoso", number)
        at = datetime.now(UTC) - timedelta(minutes=1)
        entries = [
            Entry("p", "convoso", each, "title", "title", "applied", None, "x", recorded_at=at)
            for each in ids
        ]
        journal.record(f"run {number}", entries)
        account.calls.clear()
        done = loop.extract(duck.warehouse)
        assert done.read_back == number
        calls.append(len(account.calls))
        assert loop.extract(duck.warehouse).read_back == 0
    assert calls[0] == calls[1] < 10
