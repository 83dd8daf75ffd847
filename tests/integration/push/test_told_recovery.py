"""What a push finds out about the leads that a killed run left open is told, whatever then becomes of the push."""

import json
from pathlib import Path
from typing import Any

import pytest

from connector import cli, loop
from connector.errors import PlanMovedError
from connector.render.document import to_json
from connector.render.plan_document import plan_document
from connector.render.run import run_document
from connector.warehouse.connection import Warehouse
from tests.json_documents import validated
from tests.properties.quick_loop import Killed, QuickLoop

TOLD = "Left open by earlier runs: 2 leads had not arrived, so this plan has what is still wanted of them"


pytestmark = pytest.mark.long_if("postgres")


@pytest.fixture
def killed(quick: QuickLoop, monkeypatch: pytest.MonkeyPatch) -> QuickLoop:
    """Two leads are wanted otherwise, and a run was killed when it had written down what it meant to send."""
    ids = quick.begin().book.ids()[:2]
    monkeypatch.setattr(Warehouse, "open", lambda: quick.warehouse)
    loop.extract(quick.warehouse)
    for lead in ids:
        quick.write("insert into inputs.wanted values (:id, 'gold', null)", id=lead)
    loop.build(quick.warehouse)
    with quick.killed_at(1, recorded=True), pytest.raises(Killed):
        loop.push(quick.warehouse, "scores", first=True)
    return quick


def test_a_push_that_stops_says_it(
    killed: QuickLoop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plan that was agreed to is not today's, so nothing is sent; what was recovered stands beside the reason."""
    saved = tmp_path / "plan.json"
    killed.write("update inputs.wanted set tier = 'silver'")
    saved.write_text(to_json(plan_document(loop.plan(killed.warehouse, "scores"))))
    killed.write("update inputs.wanted set tier = 'bronze'")
    with pytest.raises(PlanMovedError):
        cli.app(["push", "scores", "--plan", str(saved)], standalone_mode=False)
    assert capsys.readouterr().err.count(TOLD) == 1


def test_a_run_says_it(killed: QuickLoop) -> None:
    """In its document, by push: also of one that sent nothing, since somebody said no."""
    document = run_document(
        loop.run(killed.warehouse, pushes=["scores"], agree=lambda _plan: False, first=True)
    )
    found: Any = validated(json.loads(to_json(document)))
    assert found["pushed"] == {}
    assert found["recovered"] == {"scores": {"applied": 0, "deferred": 2, "unknown": 0}}


def test_a_push_that_sends_says_it_once(killed: QuickLoop, capsys: pytest.CaptureFixture[str]) -> None:
    """With its result, on stdout alone."""
    with pytest.raises(SystemExit, match="0"):
        cli.app(["push", "scores", "--first"])
    shown = capsys.readouterr()
    assert TOLD in shown.out.replace("\n", "")
    assert TOLD not in shown.err
