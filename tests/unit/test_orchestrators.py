"""What every orchestrator's face shares: how the command is started and ended, and which of its results are kept."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from connector.orchestrators.command import Leadloop
from connector.orchestrators.shown import numbers, plan_markdown

SAYS = """
import json, os, signal, sys, time
line = {"message": "extract convoso ...", "level": "info"}
print(json.dumps(line), file=sys.stderr, flush=True)
if "wait" in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
    print("a line of its own", file=sys.stderr, flush=True)
    time.sleep(60)
print(json.dumps({"argv": sys.argv[1:], "environment": dict(os.environ)}))
"""


@pytest.fixture
def command(tmp_path: Path) -> str:
    """A program that prints how it was started, in a folder whose name has a space."""
    (tmp_path / "a b").mkdir()
    program = tmp_path / "a b/leadloop.py"
    program.write_text(SAYS)
    return f"{sys.executable} '{program}'"


def test_the_command_of_another_environment_is_started(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its folder and settings, and without what is about this process's interpreter."""
    monkeypatch.setenv("PYTHONPATH", "/of/airflow")
    monkeypatch.setenv("VIRTUAL_ENV", "/of/airflow")
    said: list[tuple[str, str]] = []
    leadloop = Leadloop("/srv/leads", {"LEADLOOP_ENV": "prod"}, wait=60, command=command)
    ended = leadloop.run("extract", "--crm", "convoso", say=lambda *each: said.append(each))
    assert ended.is_done
    assert ended.document["argv"][:5] == ["-C", "/srv/leads", "extract", "--crm", "convoso"]
    assert ended.document["argv"][5:] == ["--json", "--log-format", "json", "--wait", "60"]
    assert ended.document["environment"]["LEADLOOP_ENV"] == "prod"
    assert not {"PYTHONPATH", "VIRTUAL_ENV"} & set(ended.document["environment"])
    assert said == [("extract convoso ...", "info")]


def test_settings_may_name_a_path_of_their_own(command: str) -> None:
    """Only what was inherited is dropped."""
    ended = Leadloop("/srv/leads", {"PYTHONPATH": "/of/leads"}, command=command).run("build")
    assert ended.document["environment"]["PYTHONPATH"] == "/of/leads"


def test_a_command_that_is_not_there_needs_a_person(tmp_path: Path) -> None:
    """The error names it and the setting."""
    ended = Leadloop(".", command=str(tmp_path / "leadloop")).run("run")
    assert ended.is_final
    assert str(tmp_path / "leadloop") in ended.why
    assert "Set `command`" in ended.why


def test_without_what_leadloop_needs_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an environment of Airflow's that has leadloop alone."""
    monkeypatch.setattr("connector.orchestrators.command.find_spec", lambda _name: None)
    ended = Leadloop(".").run("run")
    assert ended.code == 2
    assert "not installed in this environment" in ended.why


def test_it_can_be_asked_to_end_from_elsewhere(command: str) -> None:
    """Such as by a signal's handler; it is waited for, and says how it ended."""
    stops: list[object] = []

    def say(message: str, _level: str) -> None:
        if message == "a line of its own":
            os.kill(os.getpid(), signal.SIGUSR1)

    def started(stop: object) -> None:
        stops.append(stop)
        signal.signal(signal.SIGUSR1, lambda *_: stop())  # type: ignore[operator]

    before = signal.getsignal(signal.SIGUSR1)
    try:
        ended = Leadloop(".", command=command).run("wait", say=say, started=started)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(stops) == 1
    assert ended.code == 3


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5])
def test_each_exit_code_is_of_one_kind(code: int) -> None:
    """Done, for a person, held by another run, or worth another try."""
    ended = Leadloop(".", command=f"{sys.executable} -c 'import sys; sys.exit({code})'").run()
    kinds = {"done": ended.is_done, "final": ended.is_final, "held": ended.is_held}
    wanted = {0: "done", 3: "done", 2: "final", 4: "final", 5: "held"}.get(code)
    assert [kind for kind, holds in kinds.items() if holds] == ([wanted] if wanted else [])


def test_numbers_hold_nothing_of_a_lead() -> None:
    """Neither the ids in a push's document nor a note; of a document that nobody knows, numbers alone."""
    push = {
        "kind": "push",
        "run_id": "20261128T020000-1a2b3c4d",
        "calls": 2,
        "leads_by_state": {"applied": 1, "rejected": 1},
        "unapplied": [{"lead_id": "4711", "reason": "bad phone 5550100"}],
    }
    extract = {"rows": 3, "calls": 1, "window": None, "notes": ["lead 4711 has no id"]}
    run = {
        "kind": "run",
        "extracted": {"convoso": extract},
        "pushed": {"tiers_to_convoso": {name: value for name, value in push.items() if name != "kind"}},
        "failed": {"other": {"error": "GuardrailError", "lead_id": "4711", "message": "lead 4711"}},
    }
    found = numbers(run)
    assert found["read"]["convoso"] == {"rows": 3, "calls": 1, "window": None}
    assert found["sent"]["tiers_to_convoso"] == {
        "run_id": push["run_id"],
        "calls": 2,
        "applied": 1,
        "rejected": 1,
    }
    assert found["failed"] == {"other": "GuardrailError"}
    assert "4711" not in json.dumps([found, numbers(push)])
    assert numbers({"kind": "check", "version": 1, "ok": True, "checks": [{"message": "4711"}]}) == {
        "version": 1,
        "ok": True,
    }
    assert numbers(None) == {}


def a_plan(**more: Any) -> dict[str, Any]:
    """The document of a plan, as far as its Markdown tells of it."""
    names = (
        "leads",
        "fields",
        "clears",
        "inserts",
        "deletes",
        "conflicts",
        "rejected",
        "flapping",
        "reverted",
    )
    totals = dict.fromkeys((*names, "removed", "unresolved", "unknown_leads"), 0) | more.pop("totals", {})
    return {
        "crm": "convoso",
        "push": "tiers",
        "totals": totals,
        "fields": {},
        "guardrails": [],
        "first_time": [],
        **more,
    }


def test_a_plan_says_what_each_of_its_numbers_counts() -> None:
    """Those it sends, and all that it leaves out; one of something is no plural."""
    totals = {"leads": 3, "fields": 1, "inserts": 1, "deletes": 2, "conflicts": 1, "unknown_leads": 2_000}
    text = plan_markdown(a_plan(totals=totals, fields={"title": 1, "*": 2}))
    assert text.splitlines()[0] == "**3 leads** (1 to be added, 2 to be deleted), 1 field to convoso by tiers"
    assert "| the whole lead | 2 |" in text
    assert "- 1 lead with a conflict that is left alone" in text
    assert "- 2,000 leads that the CRM has never shown" in text


def test_a_name_is_shown_as_it_is() -> None:
    """Whatever Markdown makes of its characters otherwise."""
    text = plan_markdown(a_plan(fields={"__score__": 1, "a|b": 2}, first_time=["__score__"]))
    assert r"| \_\_score\_\_ | 1 |" in text
    assert r"| a\|b | 2 |" in text
    assert r"sent to \_\_score\_\_ before" in text
