"""The loop, twice, with edits between: on every engine it does the same, and what is made is what DuckDB makes of the same rows."""

import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector import loop
from connector.errors import ConfigError
from connector.warehouse import last_build, models
from tests.engines import writing
from tests.engines.bench import Bench, made

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
PUSH = "lead_scores_to_convoso"

ODD: tuple[dict[str, str | None], ...] = (
    # Ids are text: leading zeros, and more digits than a floating-point number holds.
    {"id": "007", "first_name": "Zero", "last_name": " ", "email": None, "created_at": "2026-03-01 10:00:00"},
    {"id": "7", "first_name": "", "last_name": None, "email": "a@example.org", "created_at": "2026-03-01"},
    {"id": "9007199254740993", "first_name": "a'b\"c;d\\e\nf", "created_at": "n/a"},
    # An hour that happens twice, and one that never happens, where the account is; then a text with an offset of its own.
    {"id": "autumn", "created_at": "2025-11-02 01:30:00", "modified_at": "2025-11-02 01:30:00"},
    {"id": "spring", "created_at": "2026-03-08 02:30:00", "modified_at": "2026-03-08 02:30:00"},
    {"id": "offset", "created_at": "2026-03-01T10:00:00+05:30", "modified_at": "2026-03-01T10:00:00.25Z"},
)


def land(bench: Bench) -> None:
    """Puts rows into the raw table that the sandbox would never show."""
    rows = [
        {
            "leadloop_seen_at": datetime(2026, 3, 9, 0, 0, number, tzinfo=UTC),
            "leadloop_timezone": "America/Los_Angeles",
            "_dlt_load_id": "1772000000.1",
            **row,
        }
        for number, row in enumerate(ODD)
    ]
    writing.add(bench.warehouse, "convoso_raw.lead_versions", rows)


def test_the_loop_does_the_same_on_every_engine(bench: Callable[..., Any]) -> None:
    """Read, build, send; people edit, a field is new; again. What was sent is confirmed, and every relation is DuckDB's."""
    run = bench(leads=40)
    warehouse, book = run.warehouse, run.crm.book
    project = models.packaged_project()
    loop.extract(warehouse)
    loop.build(warehouse, project)
    sent = loop.push(warehouse, PUSH, project)
    assert sent is not None
    pushed = [lead.lead_id for lead in sent.plan.leads]
    others = [lead_id for lead_id in book.ids() if lead_id not in pushed]
    assert pushed
    assert len(others) > 2
    assert all(book.row(lead_id)["lead_score"] for lead_id in pushed)

    time.sleep(
        1.1
    )  # the CRM's clock counts whole seconds: an edit in the second of our write would look like a part of it
    book.custom_fields += ("loan_size",)
    book.edit(pushed[0], {"lead_score": "100"})
    book.edit(others[0], {"first_name": "Renée", "loan_size": "00120"})
    book.edit(others[1], {"email": ""})
    land(run)
    loop.extract(warehouse)
    loop.build(warehouse, project)

    assert run.rows("select count(*), count(distinct lead_id) from analytics.leads") == [(40 + len(ODD),) * 2]
    assert run.rows(f"select first_name, loan_size from analytics.leads where lead_id = '{others[0]}'") == [
        ("Renée", "00120")
    ]
    assert run.rows(
        "select lead_id, first_name, last_name, email from analytics.leads where lead_id in ('007', '7') order by 1"
    ) == [("007", "Zero", None, None), ("7", None, None, "a@example.org")]
    times = dict(
        run.rows("select lead_id, created_at from analytics.leads where lead_id in ('007', 'offset')")
    )
    assert {key: f"{value.astimezone(UTC):%H:%M}" for key, value in times.items()} == {
        "007": "18:00",
        "offset": "04:30",
    }
    states = dict(run.rows("select lead_id, min(state) from analytics.push_outcomes group by lead_id"))
    assert states.keys() == set(pushed)
    assert {state for lead_id, state in states.items() if lead_id != pushed[0]} == {"confirmed"}
    again = loop.plan(warehouse, PUSH, project)
    assert {lead.lead_id for lead in again.leads} <= set(book.ids())
    assert not {lead.lead_id for lead in again.leads} & set(pushed[1:]), "what was sent is not sent again"

    here, there = made(warehouse), run.of_duckdb()
    assert here.keys() == there.keys()
    assert len(here["lead_history"]) > len(here["leads"])
    for name, rows in there.items():
        assert here[name] == rows, name


def test_nothing_new_is_not_built_again(bench: Callable[..., Any]) -> None:
    """A run that reads nothing new has nothing to build; after an edit, and after a write to what was made, it has."""
    run = bench(leads=12)
    warehouse, project = run.warehouse, models.packaged_project()
    if warehouse.kind == "motherduck":
        pytest.skip("nothing tells at a small cost whether a table there was written to: each run builds")
    loop.extract(warehouse)
    loop.build(warehouse, project)
    loop.extract(warehouse)
    assert last_build.unchanged_since(warehouse, project) is not None
    run.crm.book.edit(run.crm.book.ids()[0], {"first_name": "Renée"})
    loop.extract(warehouse)
    assert last_build.unchanged_since(warehouse, project) is None
    loop.build(warehouse, project)
    assert last_build.unchanged_since(warehouse, project) is not None
    writing.update(warehouse, "analytics.lead_history", "lead_id", "other")
    assert last_build.unchanged_since(warehouse, project) is None


def test_a_lost_ledger_overwrites_nobody(bench: Callable[..., Any], tmp_path: Path) -> None:
    """What a person typed over a value of ours stands, though nobody knows any more that it was ours."""
    run = bench(leads=12)
    if not run.warehouse.has_ledger_apart:
        pytest.skip(
            "leads and journal are in one place there; tests/integration/push/test_restored.py loses the journal"
        )
    project, book = models.packaged_project(), run.crm.book
    assert loop.run(run.warehouse, project, pushes=[PUSH], first=True).exit_code == 0
    typed = next(lead_id for lead_id in book.ids() if book.row(lead_id)["lead_score"])
    run.crm.clock.advance(60)
    book.edit(typed, {"lead_score": "a person's"})
    run.warehouse.path.unlink()
    shutil.rmtree(tmp_path / ".leadloop" / "marks")
    run.restarted()
    with pytest.raises(ConfigError, match="lost its ledger"):
        loop.run(run.warehouse, project, pushes=[PUSH])
    went_on = loop.run(run.warehouse, project, pushes=[PUSH], restored=True, first=True)
    assert went_on.failed == {}
    assert [lead.lead_id for lead in went_on.pushed[PUSH].plan.conflicts] == [typed]
    assert book.row(typed)["lead_score"] == "a person's"
