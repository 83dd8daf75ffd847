"""The first time that values in a field are replaced is agreed to by a person, once."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector import config, crm, loop
from connector.cli import asking
from connector.crm.base import Outcome
from connector.errors import FirstTimeError
from connector.events import QUIET
from connector.extract.load import Extracted
from connector.push import Entry, Journal, Plan
from connector.push.approvals import push_approvals
from connector.render.plan import plan_text
from connector.render.plan_document import plan_document
from connector.warehouse import mark, models, runs
from connector.warehouse.connection import Warehouse
from connector.warehouse.models import PushSpec
from connector.warehouse.relations import DEFAULT
from tests.integration.push.conftest import CAN_ALL, World

SPEC = PushSpec(
    name="scores", schema="analytics", identifier="scores", crm="convoso", key="lead_id",
    fields={"lead_score": "score", "status": "tier"}, mode="update", on_conflict="crm_wins", nulls="keep",
    first_push="overwrite", max_changes=5000, max_share=None, max_unknown_share=None, max_clears=100, confirm="all",
)  # fmt: skip
TYPED = ("a", "lead_score", "typed by a person", "7", None, "change")
Push = Callable[..., loop.Pushed | None]


@pytest.fixture
def push(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Push:
    """Pushes what the model of a world has, as ``leadloop push`` does, to that world's CRM."""
    if warehouse.ledger() is not warehouse.engine():
        pytest.skip("the world has its leads beside its journal, and this lake has them elsewhere")
    (tmp_path / "dbt_project.yml").touch()
    monkeypatch.chdir(tmp_path)
    for name, text in {"AUTH_TOKEN": "t", "TIMEZONE": "UTC", "BASE_URL": "http://127.0.0.1:9/v1"}.items():
        monkeypatch.setenv(f"CRM__CONVOSO__{name}", text)
    config.reload()

    def pushed(world: World, warehouse: Warehouse, **options: Any) -> loop.Pushed | None:
        @contextmanager
        def account(name: str) -> Iterator[crm.Account]:
            vendor = crm.vendor(name)
            yield crm.Account(vendor.settings(), vendor.capabilities, world.crm, world.crm)

        monkeypatch.setattr(crm, "account", account)
        monkeypatch.setattr(models, "known", lambda *_: models.Known((SPEC,), DEFAULT, "", ""))
        return loop.push(warehouse, "scores", **options)

    return pushed


def model(world: World, *rows: Any) -> None:
    """The push model has these rows; the CRM is read, and each of their leads is in it."""
    world.rows(*rows)
    for row in rows:
        world.lead(row[0], last_seen_at=None)


def agreed(warehouse: Warehouse) -> list[dict[str, Any]]:
    with warehouse.ledger().connect() as connection:
        return [dict(row) for row in connection.execute(sa.select(push_approvals)).mappings()]


def test_nobody_agreed_to_the_first_time(world: World, warehouse: Warehouse, push: Push) -> None:
    """Without a person nothing is sent, and field and number are named; what was agreed to is on record, and asked once."""
    model(
        world,
        TYPED,
        ("b", "lead_score", None, "8", None, "change"),
        ("c", "lead_score", " ", "8", None, "change"),
        ("c", "status", None, "hot", None, "change"),
    )
    with pytest.raises(FirstTimeError, match=r"lead_score \(1 lead\)") as stopped:
        push(world, warehouse)
    assert stopped.value.exit_code == 4
    assert "typed by" not in str(stopped.value)
    assert "status" not in str(stopped.value)
    assert (world.crm.calls, world.journalled()) == ([], [])

    done = push(world, warehouse, first=True)
    assert done
    assert len(world.crm.calls) == 3
    (row,) = agreed(warehouse)
    assert (row["kind"], row["crm"], row["push"], row["field"], row["leads"]) == (
        "first",
        "convoso",
        "scores",
        "lead_score",
        1,
    )
    assert row["who"] == runs.user()
    with warehouse.ledger().connect() as connection:
        of_run = sa.select(runs.runs.c.push_run_id, runs.runs.c.exit_code).where(
            runs.runs.c.run_id == row["run_id"]
        )
        assert connection.execute(of_run).one() == (done.summary.run_id, 0)

    model(world, ("d", "lead_score", "typed", "9", None, "change"))
    assert push(world, warehouse) is not None
    assert len(agreed(warehouse)) == 1


def test_a_whole_run_stops_the_push_and_says_so(
    local: World, tmp_path: Path, push: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``leadloop run`` from cron ends with 4, and with 0 once somebody has agreed."""
    model(local, TYPED)
    warehouse = Warehouse.duckdb(tmp_path / "warehouse.duckdb")
    with pytest.raises(FirstTimeError):
        push(local, warehouse)
    read = Extracted(None, 0, 0, 0, 0, "second")
    monkeypatch.setattr(loop, "extract", lambda *_, **__: read)
    monkeypatch.setattr(loop, "build", lambda *_, **__: models.BuildResult(()))
    stopped = loop.run(warehouse)
    assert (stopped.exit_code, type(stopped.failed["scores"])) == (4, FirstTimeError)
    assert loop.run(warehouse, first=True).exit_code == 0
    assert local.crm.leads["a"] == {"lead_score": "7"}


def test_an_agreement_counts_where_nothing_arrived(world: World, warehouse: Warehouse, push: Push) -> None:
    """The CRM refused every value, so the journal knows of none that stands there: the same is not asked again."""
    model(world, TYPED)
    world.crm.answer = lambda *_: Outcome("rejected", code="1", reason="No.")
    push(world, warehouse, first=True)
    assert world.plan().first_time == {}


def test_a_no_is_no_agreement(world: World, warehouse: Warehouse, push: Push) -> None:
    """Whoever is asked and says no has agreed to nothing."""
    model(world, TYPED)
    assert push(world, warehouse, first=True, agree=lambda _: False) is None
    assert world.plan().first_time == {"lead_score": 1}


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        ([("a", "lead_score", None, "7", None, "change"), ("b", "status", "", "x", None, "change")], {}),
        ([("a", "lead_score", "typed", "7", None, "conflict")], {}),
        ([("a", "lead_score", "ours", "7", "ours", "change")], {}),
        ([("a", "*", None, None, None, "delete")], {"mode": "delete", "fields": {}}),
    ],
    ids=["blanks", "left alone, as under fill_empty", "sent before", "deletion"],
)
def test_what_needs_no_agreement(local: World, rows: list[Any], options: dict[str, Any]) -> None:
    """Filling blanks, leaving alone, replacing what was ours, deleting."""
    local.crm.capabilities = CAN_ALL
    model(local, *rows)
    assert replaced(local, **options) == {}


def replaced(world: World, **options: Any) -> Any:
    return world.plan(**options).first_time


def test_what_does(local: World) -> None:
    """Clearing what is there replaces it as well, and so does a conflict in which the warehouse wins."""
    model(
        local,
        ("a", "lead_score", "typed", None, None, "clear"),
        ("b", "lead_score", "typed", "7", None, "conflict"),
    )
    assert replaced(local) == {"lead_score": 1}
    assert replaced(local, on_conflict="warehouse_wins") == {"lead_score": 2}


def test_one_lead_of_any_push_is_enough(local: World) -> None:
    """Something was sent to the field before: this warehouse has a memory. Another CRM, or another field, says nothing."""
    model(local, TYPED)
    others = [("pollybot", "lead_score", "applied"), ("convoso", "status", "applied")]
    others += [("convoso", "lead_score", "rejected")]
    for name, field, state in others:
        entry = Entry("renamed", name, "x", field, field, state, None, "1", crm_lead_id="x")  # type: ignore[arg-type]
        local.journal.record("run", [entry])
    assert replaced(local) == {"lead_score": 1}
    local.journal.record(
        "run", [Entry("renamed", "convoso", "x", "lead_score", "lead_score", "applied", None, "1")]
    )
    assert replaced(local) == {}


def test_a_crm_that_is_not_read_may_hold_anything(local: World) -> None:
    """What stands there isn't known, so it isn't known to be blank."""
    local.rows(("a", "lead_score", None, "7", None, "change"))
    assert replaced(local) == {"lead_score": 1}
    assert "is not read" in cli_text(local.plan())


def test_another_warehouse_knows_nothing(local: World, postgres_url: str, tmp_path: Path, push: Push) -> None:
    """``warehouse.destination`` was changed: the new one would send over what people typed since, and stops."""
    here, there = Warehouse.duckdb(tmp_path / "warehouse.duckdb"), Warehouse.postgres(postgres_url)
    model(local, TYPED)
    push(local, here, first=True)
    assert local.crm.leads["a"] == {"lead_score": "7"}
    other = World(there.engine())
    other.crm = local.crm
    model(other, ("a", "lead_score", "typed since", "7", None, "change"))
    with pytest.raises(FirstTimeError):
        push(other, there)
    assert len(local.crm.calls) == 1


def test_one_that_was_put_back_knows_nothing(local: World, tmp_path: Path, push: Push) -> None:
    """A backup from before the first push was restored, without the marks beside it, and a person edited meanwhile."""
    warehouse = Warehouse.duckdb(tmp_path / "warehouse.duckdb")
    model(local, TYPED)
    local.let_go()
    shutil.copy(tmp_path / "warehouse.duckdb", tmp_path / "backup")
    push(local, warehouse, first=True)
    shutil.copy(tmp_path / "backup", tmp_path / "warehouse.duckdb")
    shutil.rmtree(mark.FOLDER)
    with pytest.raises(FirstTimeError):
        push(local, warehouse)
    assert len(local.crm.calls) == 1


def test_an_agreed_plan_says_so(local: World, push: Push, tmp_path: Path) -> None:
    """A saved plan shows that it is a first time, its fingerprint covers it, and it is no agreement to it by itself."""
    model(local, TYPED)
    warehouse = Warehouse.duckdb(tmp_path / "warehouse.duckdb")
    saved = loop_plan(warehouse)
    assert plan_document(saved).first_time == {"lead_score": 1}
    assert "lead_score (1 lead)" in cli_text(saved)
    with pytest.raises(FirstTimeError):
        push(local, warehouse, agreed=saved)
    assert replace(saved, first_time={}).fingerprint != saved.fingerprint
    Journal(warehouse.ledger()).record(
        "run", [Entry("renamed", "convoso", "x", "lead_score", "lead_score", "applied", None, "1")]
    )
    assert loop_plan(warehouse).fingerprint != saved.fingerprint


def loop_plan(warehouse: Warehouse) -> Plan:
    with crm.account("convoso") as account:
        return loop.pushing._planned(warehouse, SPEC, None, account)


def cli_text(plan: Plan) -> str:
    from rich.console import Console

    console = Console(width=500)
    with console.capture() as shown:
        console.print(plan_text(plan))
    return shown.get()


@pytest.mark.parametrize("yes", [True, False])
def test_the_question_names_it(local: World, monkeypatch: pytest.MonkeyPatch, yes: bool) -> None:
    """In a terminal it is asked, also with --yes, which is no answer to this; with --first and --yes nobody is."""
    model(local, TYPED)
    questions: list[str] = []

    def confirm(text: str, **_: Any) -> bool:
        questions.append(text)
        return True

    monkeypatch.setattr(asking, "in_a_terminal", lambda: True)
    monkeypatch.setattr("typer.confirm", confirm)
    ask = {first: asking.asking(yes, QUIET, first=first, mask=False, quiet=True) for first in (False, True)}
    assert ask[False](local.plan()) is True
    assert "lead_score (1 lead)" in questions[0]
    assert ask[True](local.plan()) is (None if yes else True)
    assert len(questions) == (1 if yes else 2)
    monkeypatch.setattr(asking, "in_a_terminal", lambda: False)
    assert ask[False](local.plan()) is None
    assert len(questions) == (1 if yes else 2)
