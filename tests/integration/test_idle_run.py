"""A run that finds nothing new builds nothing, and what it costs doesn't grow with the book."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector import config, loop, scaffold
from connector.render.build import build_text
from connector.render.run import run_document
from connector.sandbox import Sandbox
from connector.status import status
from connector.warehouse import dbt, models, snapshot
from connector.warehouse.connection import Warehouse

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture
def book(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dbt_state: Path
) -> Iterator[Callable[[int], Sandbox]]:
    """A new project as ``init`` writes it, in a folder of its own, and a CRM with so many leads."""
    monkeypatch.setattr(models, "STATE", dbt_state)
    with ExitStack() as stack:

        def with_leads(leads: int) -> Sandbox:
            # The same name each time, which is the project's: dbt has read it then.
            folder = tmp_path / str(leads) / "idle"
            folder.mkdir(parents=True)
            monkeypatch.chdir(folder)
            scaffold.write(folder)
            crm = stack.enter_context(Sandbox(leads=leads))
            given = {**crm.settings()["convoso"], "settle": "0", "rate": "1000", "lookback": "0"}
            for name, value in given.items():
                monkeypatch.setenv(config.env_name(f"crm.convoso.{name}"), str(value))
            config.reload()
            return crm

        yield with_leads
    config.reload()


def settled(warehouse: Warehouse) -> None:
    """Sends what the new project's push has to send, reads it back, and builds what that has decided."""
    assert loop.run(warehouse, first=True).pushed["tiers_to_convoso"].summary.leads == 10
    time.sleep(1.05 - time.time() % 1)
    for _ in range(2):
        assert loop.run(warehouse).built.unchanged_since is None


def commands(warehouse: Warehouse) -> Counter[str]:
    with warehouse.engine().connect() as connection:
        return Counter(connection.scalars(sa.text("select command from leadloop.runs")))


def test_a_run_with_nothing_new_builds_nothing(
    book: Callable[[int], Sandbox], warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so as text and in its document, pushes all the same, and leaves no row of a build; a new sighting, somebody
    who asks for it and a restored warehouse have it build. Where the settings ask for it, a run leaves a snapshot."""
    crm = book(60)
    settled(warehouse)
    before = commands(warehouse)
    ran = loop.run(warehouse)
    since = ran.built.unchanged_since
    assert since is not None
    assert build_text(ran.built) == f"nothing built: nothing has changed since the build of {since:%F %T} UTC"
    document = run_document(ran).built
    assert (document.unchanged_since, document.models, document.nodes) == (since.isoformat(), 0, [])
    assert ran.pushed["tiers_to_convoso"].summary.leads == 0
    assert commands(warehouse) - before == Counter({"run": 1, "extract": 1, "push": 1})

    monkeypatch.setenv("WAREHOUSE__SNAPSHOT", "true")
    assert loop.run(warehouse, restored=True).built.unchanged_since is None
    if copied := snapshot.paths_of(warehouse):
        # The run itself has ended in it.
        assert commands(warehouse) == commands(warehouse.reading(copied))
        assert status(warehouse.reading(copied)).commands[0].state == "ended"
        for each in copied:
            each.unlink()
    monkeypatch.delenv("WAREHOUSE__SNAPSHOT")
    assert loop.run(warehouse).built.unchanged_since is not None
    assert loop.build(warehouse).models > 0
    lead = crm.book.ids()[0]
    crm.book.edit(lead, {"city": "Elsewhere"})
    time.sleep(1.05 - time.time() % 1)
    assert loop.run(warehouse).built.unchanged_since is None
    with warehouse.engine().connect() as connection:
        query = sa.text("select city from analytics.leads where lead_id = :lead")
        assert connection.scalar(query, {"lead": lead}) == "Elsewhere"


@contextmanager
def asked(warehouse: Warehouse, patch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Counts what a run asks of the warehouse through its engine, how often it opens it, and how often it calls dbt."""
    counts: Counter[str] = Counter()
    engine = warehouse.engine()
    invoke = dbt.Project._invoke

    def statement(*_: Any) -> None:
        counts["statements"] += 1

    open_now = 0

    def opened(*_: Any) -> None:
        nonlocal open_now
        counts["connections"] += 1
        counts["openings"] += open_now == 0
        open_now += 1

    def closed(*_: Any) -> None:
        nonlocal open_now
        open_now -= 1

    def called(*args: Any, **options: Any) -> Any:
        counts["dbt"] += 1
        return invoke(*args, **options)

    patch.setattr(dbt.Project, "_invoke", called)
    sa.event.listen(engine, "before_cursor_execute", statement)
    sa.event.listen(engine, "connect", opened)
    sa.event.listen(engine, "close", closed)
    try:
        yield counts
    finally:
        sa.event.remove(engine, "before_cursor_execute", statement)
        sa.event.remove(engine, "connect", opened)
        sa.event.remove(engine, "close", closed)


MOST_OPENINGS = 4
"""Times that an idle run opens the DuckDB file: a connection beside another one does not open it anew."""


def test_an_idle_run_asks_the_same_of_a_book_of_any_size(
    book: Callable[[int], Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many statements and connections for 60 leads as for 300, no call of dbt, and dbt once read for both runs before."""
    found = []
    for leads in (60, 300):
        book(leads)
        warehouse = Warehouse.duckdb(Path("leads.duckdb"))
        settled(warehouse)
        assert loop.run(warehouse).built.unchanged_since is not None
        with asked(warehouse, monkeypatch) as counts:
            assert loop.run(warehouse).built.unchanged_since is not None
        found.append(dict(counts))
    assert found[0] == found[1]
    assert "dbt" not in found[0]
    assert found[0]["openings"] <= MOST_OPENINGS
