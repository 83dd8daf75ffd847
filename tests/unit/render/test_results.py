"""What a terminal shows of the results that are one line or a few."""

import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from connector.checks import Check
from connector.extract.load import Extracted
from connector.extract.reconcile import Difference, Reconciled
from connector.extract.windows import Window
from connector.push.resolve import Conflict
from connector.render.build import build_document, build_text
from connector.render.check import check_text
from connector.render.document import to_json
from connector.render.extract import extract_text
from connector.render.init import init_text
from connector.render.reconcile import SHOWN, reconcile_text
from connector.render.resolve import resolve_document, resolve_text
from connector.render.status import status_text
from connector.scaffold import Scaffold
from connector.status import CrmStatus, LastRun, PushRun, Status
from connector.warehouse.dbt import NodeResult
from connector.warehouse.models import BuildResult, OtherForm

AT = datetime(2026, 11, 2, 8, 30, tzinfo=UTC)
WINDOW = Window(AT - timedelta(hours=1), AT)


def shown(renderable: Any, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_an_extraction() -> None:
    """What was read, what there was none of is left out, and a line for each note."""
    done = Extracted(
        WINDOW, 2000, 1, 1, 3, "second", gone=1, removals=0, recordings=0, notes=("a field is odd",)
    )
    assert extract_text("convoso", done) == (
        "convoso: 2,000 rows in 1 call, 3 leads read back, 1 lead gone, 0 recordings; everything edited up to "
        "2026-11-02 08:30:00 UTC is in the warehouse.\nconvoso: a field is odd"
    )


def test_an_extraction_with_nothing_to_read() -> None:
    """A run right after another one says why it read nothing."""
    done = Extracted(None, 0, 0, 0, 0, "second")
    told = "convoso: nothing to read: the last run has read everything up to `settle` seconds ago."
    assert extract_text("convoso", done) == told


def test_a_build() -> None:
    """How many models and tests, and each test that warned."""
    nodes = [NodeResult("m", "leads", "model", "success", "", 0.1, ())]
    nodes += [NodeResult("t", "few_blanks", "test", "warn", "3 rows", 0.1, ())]
    assert build_text(BuildResult(tuple(nodes), 1.25)) == (
        "1 model made, 1 test passed, in 1.2 s\nwarning: few_blanks (3 rows)"
    )


def test_a_build_that_found_another_form() -> None:
    """The field and the rule are named, once, as text and for programs; never a value."""
    done = BuildResult((), other_forms=(OtherForm("convoso", "notes", "html, lines", 3),))
    assert build_text(done).splitlines()[1] == (
        "convoso keeps notes in another form; equal = {'notes': 'html, lines'} in the push would make them equal. Until then it is not "
        "sent again; it is so in 3 leads"
    )
    (told,) = json.loads(to_json(build_document(done)))["other_forms"]
    assert told == {"crm": "convoso", "field": "notes", "rule": "html, lines", "leads": 3}


def test_a_comparison() -> None:
    """Each difference in words, and what to do about them; changes that the next extraction reads need nothing."""
    differences = (
        Difference("1", "missing"),
        Difference("2", "gone"),
        Difference("3", "differs", ("city", "status")),
        Difference("4", "changed_meanwhile", ("city",)),
    )
    found = Reconciled("convoso", WINDOW, 10, 9, differences)
    assert reconcile_text(found).splitlines() == [
        "convoso, leads edited from 2026-11-02 07:30:00 to 2026-11-02 08:30:00 UTC: 10 in the CRM, 9 in the warehouse, 3 different",
        "  1: missing in the warehouse",
        "  2: gone from the CRM",
        "  3: differs in city, status",
        "  4: changed after the last extraction; the next one reads it",
        "  --repair reads these leads again",
    ]


def test_a_long_comparison_names_the_first_leads() -> None:
    """The rest is counted; what was repaired needs a build."""
    many = tuple(Difference(f"{number:03}", "missing") for number in range(SHOWN + 5))
    lines = reconcile_text(Reconciled("convoso", None, 60, 0, many, repaired=55)).splitlines()
    assert lines[0].startswith("convoso, leads of a sample: 60 in the CRM")
    assert lines[-2:] == [
        "  and 5 more; --json has them all",
        "  55 read again; `leadloop build` brings them into the models",
    ]


def test_conflicts() -> None:
    """All three values of each, a deletion as such, and whether they are decided."""
    found = [Conflict("1", "title", None, "b", "a"), Conflict("2", "*", None, None, None)]
    assert resolve_text(None, found).splitlines() == [
        "lead 1, title: we sent “a”, the CRM shows (blank), we want “b”",
        "lead 2: we deleted it, and the CRM shows it again",
        "2 conflicts open.",
    ]
    assert resolve_text("ours", found[:1]).endswith("1 conflict decided.")


def test_a_conflict_can_steer_no_terminal() -> None:
    """Escapes, line breaks and a huge value stay on their own short line; what is masked shows nothing, not even a key."""
    hostile = "\x1b[2Jx\r\nlead 9, title: forged" + "z" * 2_000_000
    found = [Conflict("ann@example.com", "title\n", hostile, "our secret", hostile, is_own_key=True)]
    text = resolve_text(None, found)
    assert len(text.splitlines()) == 2
    assert text.replace("\n", "").isprintable()
    assert len(text) < 500

    hidden = resolve_text(None, found, mask=True) + to_json(resolve_document("p", None, found, mask=True))
    assert not re.search("ann@|secret|forged", hidden)
    assert '"masked": true' in hidden
    assert "ann@" in to_json(resolve_document("p", None, found))


def test_checks() -> None:
    """What is fine and what is wrong stand in one column, and markup in a message is only text."""
    found = [Check("token", True, "fine"), Check("warehouse", False, "[red]gone")]
    assert shown(check_text(found)).splitlines() == ["ok     token: fine", "wrong  warehouse: [red]gone"]


def test_a_new_project() -> None:
    """Each file as seen from here, and what comes next."""
    told = init_text(Scaffold(Path("mine"), ("a.sql",), ("README.md",)))
    assert told.splitlines() == [
        "  wrote  mine/a.sql",
        "  kept   mine/README.md (it was there)",
        "Next: fill in mine/.dlt/secrets.toml and mine/.dlt/config.toml, then run `leadloop check` there.",
    ]


def test_a_status_before_anything_ran() -> None:
    """It says what to run first, and where the settings are from."""
    told = shown(status_text(Status("leads.duckdb", {"warehouse.destination": "default"})))
    assert "warehouse.destination: default" in told
    assert "No leads yet: run leadloop extract and leadloop build." in told
    assert "Nothing has been pushed yet." in told


def test_a_status() -> None:
    """Leads, the last run of each command with how it ended, and what became of the fields of each push."""
    last = LastRun(
        "push", "convoso", "scores", "r1", AT, AT, "ended", 4, "Too many.", None, "ann", "box", 7, None, 3, 0, None
    )  # fmt: skip
    killed = LastRun(
        "extract", "convoso", None, "r2", AT, None, "killed", None, None, AT, "ann", "box", 7, None, None, None, None
    )  # fmt: skip
    found = Status(
        "leads.duckdb",
        {},
        (CrmStatus("convoso", 2000, 1, None, AT),),
        (last, killed),
        (PushRun("r1", "scores", "convoso", AT, 3, 6, "box", 7, {"applied": 5, "rejected": 1}),),
        other_forms=(OtherForm("convoso", "phone_number", "digits", 1200),),
    )
    told = shown(status_text(found))
    assert (
        "convoso keeps phone_number in another form; equal = {'phone_number': 'digits'} in the push" in told
    )
    assert "it is so in 1,200 leads" in told
    assert "2,000" in told
    assert "It was moved." in shown(status_text(replace(found, moved="It was moved.")))
    assert "4: Too many." in told
    assert "killed, process 7 on box" in told
    assert "5 applied, 1 rejected" in told
