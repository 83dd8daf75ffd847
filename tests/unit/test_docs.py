"""What the documentation says and the code does are the same: settings, options, documents, commands, tests."""

import ast
import importlib.util
import inspect
import json
import re
import shlex
import shutil
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector.cli.options import save_plan
from connector.crm.convoso import ConvosoSettings
from connector.crm.day_calls import CallsLeft
from connector.crm.pollybot import PollyBotSettings
from connector.warehouse.connection import Warehouse
from tests.json_documents import validated

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "SECURITY.md",
    *sorted(DOCS.rglob("*.md")),
    ROOT / "tests/README.md",
]
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def page(name: str) -> str:
    return (ROOT / name if name == "README.md" else DOCS / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next one of its rank."""
    rank = heading.partition(" ")[0]
    return re.split(rf"^{rank} ", text.partition(f"{heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def table(text: str) -> list[list[str]]:
    """The cells of every table row, without heads and rulers."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows]


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language; ``""`` for those that name none."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for name, block in found if name == language]


# Settings and options


@pytest.fixture(scope="module")
def generate() -> Any:
    """docs/generate.py, which is a script and no module of the package."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_generated_is_what_the_code_declares(
    generate: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pages and tables that `make docs` writes are as it would write them now."""
    assert generate.main(["--check"]) == 0, capsys.readouterr().err


def test_a_changed_text_is_noticed(
    generate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another meaning of a setting, another help of an option or an edited page fails the check, until it is made anew."""
    from connector import cli

    for name in generate.pages():
        copy = tmp_path / name.relative_to(DOCS) if name.is_relative_to(DOCS) else tmp_path / name.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(name.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    assert generate.main(["--check"]) == 0

    monkeypatch.setattr(PollyBotSettings, "meanings", {"start": "Something else."})
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().err == "docs/settings.md is not what the code declares: run `make docs`.\n"
    assert generate.main([]) == 0
    assert "| Something else. |" in (tmp_path / "settings.md").read_text("utf-8")

    monkeypatch.setitem(cli.EXIT_CODES, 5, "somebody else is at it")
    assert generate.main(["--check"]) == 1
    assert generate.main([]) == generate.main(["--check"]) == 0

    from connector.render import schemas
    from connector.render.init import InitDocument

    documents = {**schemas.DOCUMENTS, "check": type("CheckDocument", (InitDocument,), {})}
    with monkeypatch.context() as patch:
        patch.setattr(schemas, "DOCUMENTS", documents)
        assert generate.main(["--check"]) == 1
        told = capsys.readouterr().err
        assert "docs/json.md is not what the code declares" in told
        assert "docs/schemas/check.json is not what the code declares" in told

    page = (tmp_path / "cli.md").read_text("utf-8")
    (tmp_path / "cli.md").write_text(page.replace("`--limit", "`--limits"), "utf-8")
    assert generate.main(["--check"]) == 1
    assert "docs/cli.md" in capsys.readouterr().err
    (tmp_path / "cli.md").unlink()  # it tells the sandbox's token, which the leak watch would find


def test_a_changed_description_or_column_of_a_table_is_noticed(
    generate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/schema.md follows the yml files of the models, docs.md, and the tables that leadloop declares itself."""
    import sqlalchemy as sa

    from connector.warehouse import ledger

    shutil.copytree(generate.MODELS, tmp_path / "models")
    monkeypatch.setattr(generate, "MODELS", tmp_path / "models")
    assert generate.schema() == page("schema.md")
    for name, old in (("marts/leads.yml", "blank is NULL"), ("docs.md", "The first sighting")):
        before = generate.schema()
        text = (tmp_path / "models" / name).read_text("utf-8")
        (tmp_path / "models" / name).write_text(text.replace(old, "something else"), "utf-8")
        assert generate.schema() != before

    declared = sa.MetaData(schema=ledger.SCHEMA)
    sa.Table(
        "notes", declared, sa.Column("said_at", sa.DateTime(timezone=True)), info={"one_row_per": "note"}
    )
    monkeypatch.setattr(ledger, "METADATA", declared)
    assert "### `leadloop.notes`\n\nOne row per note." in generate.schema()
    assert "| `said_at` | timestamptz |" in generate.schema()


def test_what_people_write_around_a_generated_part_stays(generate: Any) -> None:
    """Only what stands between the marks is replaced; a part that nobody makes, or has no place, is an error."""
    text = "before\n<!-- generated: a -->\nold\n<!-- end -->\nafter\n"
    assert generate.filled(text, {"a": lambda: "new"}) == text.replace("old", "\nnew\n")
    with pytest.raises(ValueError, match="the generator makes"):
        generate.filled(text, {"a": lambda: "new", "b": lambda: "more"})


def test_the_warehouses_settings_are_listed() -> None:
    """Every engine has its credentials in the list, and the default engine and file are as in the code."""
    from connector import config
    from connector.warehouse.duckdb import DEFAULT_FILE
    from connector.warehouse.engines import ENGINES

    rows = {row[0].strip("`"): row for row in table(page("settings.md")) if not row[0].startswith("`crm.")}
    assert rows["warehouse.destination"][2] == "`duckdb`"
    assert rows["destination.duckdb.credentials"][2] == f"`{DEFAULT_FILE}`"
    for engine in ENGINES:
        name = f"destination.{engine}.credentials"
        assert rows[name][1] == f"`{config.env_name(name)}`"


def test_every_option_of_a_push_is_listed_with_its_default() -> None:
    """docs/push.md has each option of the macro, and names every choice."""
    macros = (ROOT / "dbt_models/macros/push/options.sql").read_text(encoding="utf-8")
    returned = [
        re.sub(r"\bnone\b(?!')", "None", text)
        for text in re.findall(r"return\((\{.*?\})\)", macros, re.DOTALL)
    ]
    defaults, choices = (ast.literal_eval(text) for text in returned)
    rows = {row[0].strip("`"): row for row in table(section(page("push.md"), "## Options"))}
    assert rows.keys() == {"desired", *defaults}
    for name, default in defaults.items():
        told = (
            "required"
            if name in ("crm", "key", "fields")
            else f"`{'none' if default is None else repr(default)}`"
        )
        assert rows[name][1] == told
    for name, words in choices.items():
        missing = [word for word in words if f"`'{word}'`" not in " ".join(rows[name])]
        assert not missing or name == "mode"


def test_every_option_of_the_source_is_listed() -> None:
    """docs/source.md has each parameter of ``convoso()`` by its name, and no name that it doesn't take."""
    from connector import convoso

    *own, _settings = inspect.signature(convoso).parameters
    taken = {*own, *(each.name for each in fields(ConvosoSettings))}
    rows = [row[0].strip("`") for row in table(section(page("source.md"), "## Options"))]
    assert set(own) <= set(rows) <= taken


# The --json documents


def documented(command: str) -> dict[str, str]:
    """Path of a field -> its type, as docs/json.md has it."""
    return {
        row[0].strip("`"): row[1]
        for row in table(section(page("json.md"), f"## `leadloop {command} --json`"))
    }


TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "time": (str, datetime),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "list": (list,),
    "list of text": (list, tuple),
}


def check(found: Any, known: dict[str, str], path: str = "") -> set[str]:
    """The documented paths that a document has; fails for a field that is not documented, or of another type."""
    seen: set[str] = set()
    for name, value in found.items():
        here = f"{path}{name}"
        here = (
            here if here in known or f"{path}*" not in {k.rpartition(".")[0] for k in known} else f"{path}*"
        )
        if not here.endswith("*"):
            assert here in known, f"{here} is not in docs/json.md"
            optional = known[here].endswith("?")
            kinds = TYPES[known[here].removesuffix("?")]
            assert (optional and value is None) or isinstance(value, kinds), f"{here} is no {known[here]}"
            assert kinds != (int, float) or not isinstance(value, bool)
            seen.add(here)
        if isinstance(value, dict) and any(each.startswith(f"{here}.") for each in known):
            seen |= check(value, known, f"{here}.")
        if isinstance(value, list | tuple) and any(each.startswith(f"{here}[].") for each in known):
            for item in value:
                seen |= check(item, known, f"{here}[].")
    return seen


def same_fields(found: Any, command: str) -> None:
    known = documented(command)
    assert known, f"docs/json.md has no section for {command}"
    seen = check(found, known)
    assert {each for each in known if ".*." not in each} <= seen


def told(document: Any) -> Any:
    """The document as a program reads it."""
    from connector.render.document import to_json

    return validated(json.loads(to_json(document)))


def made_plan() -> Any:
    from connector.push import Asked, plan_rows
    from connector.push.changes import Approval, Undo

    spec = SimpleNamespace(
        name="p", schema="analytics", identifier="p", crm="convoso", mode="update", on_conflict="crm_wins",
        max_changes=0, max_share=0.2, max_unknown_share=0.5, max_clears=100, max_inserts=1000, max_deletes=100, fields={}, options={}, equal={}, policies={},
        approval="required", approve_above=None,
    )  # fmt: skip
    rows = [
        (str(number), "title", "title", "old", "new", None, verdict)
        for number, verdict in enumerate(
            ("change", "conflict", "rejected", "removed", "flapping", "reverted")
        )
    ]
    return replace(
        plan_rows(spec, rows, made_at=NOW, crm_leads=4),
        undo=Undo(Asked("run", "p", NOW), ("run",), not_blanked=(("7", "title"),)),
        approval=Approval("id", "ana", NOW, None, (), (), "warehouse"),
    )


def test_the_plans_document() -> None:
    """A plan with leads, conflicts, refusals and a tripped guardrail has all documented fields and no other."""
    from connector.render.plan_document import plan_document

    same_fields(told(plan_document(made_plan())), "plan PUSH")


CALLS_LEFT = CallsLeft(10, 1, NOW)


def made_summary() -> Any:
    from connector.push import Summary, Unapplied

    return Summary(
        "run", "p", "convoso", NOW, NOW, 1, 1, 1, {"rejected": 1}, {"rejected": 1},
        (Unapplied("1", "rejected", ("title",), "6008", "no"),), None, False, calls_today=CALLS_LEFT,
    )  # fmt: skip


def test_the_pushs_document() -> None:
    """A summary with a lead that did not arrive has all documented fields and no other."""
    from connector.push import Recovery
    from connector.render.push import push_document

    same_fields(told(push_document(made_summary(), Recovery())), "push PUSH")


def made_extracted() -> Any:
    from connector.extract.load import Extracted
    from connector.extract.windows import Window

    return Extracted(Window(NOW, NOW), 1, 1, 1, 0, "second", calls_today=CALLS_LEFT)


def made_preview() -> Any:
    """Two pushes with a lead and a setting that move, and a guardrail that trips on one of the sides."""
    from connector.push import plan_rows
    from connector.push.preview import OneSide, Preview, PushPreview, settings_of_plan

    spec = SimpleNamespace(
        name="p", schema="analytics", identifier="p", crm="convoso", mode="update", on_conflict="crm_wins",
        max_changes=0, max_share=0.2, max_unknown_share=0.5, max_clears=100, max_inserts=1000, max_deletes=100, fields={}, options={}, equal={}, policies={},
        approval="none", approve_above=None,
    )  # fmt: skip
    old = plan_rows(spec, [], made_at=NOW, crm_leads=4)
    new = plan_rows(spec, [("1", "title", "title", "old", "new", None, "change")], made_at=NOW, crm_leads=4)
    one, other = (
        OneSide({**settings_of_plan(old), "max_changes": "1"}, old),
        OneSide(settings_of_plan(new), new),
    )
    return Preview("../main", "/here", (PushPreview("p", one, other), PushPreview("q", other, one)), False)


def made_snapshot() -> Any:
    from connector.warehouse.snapshot import Snapshot

    return Snapshot(Path("leads.snapshot.duckdb"), NOW, 1, False, 0.1)


def made_build() -> Any:
    from connector.warehouse.dbt import NodeResult
    from connector.warehouse.models import BuildResult, OtherForm

    made = NodeResult("model.p.leads", "leads", "model", "success", "", 0.1, ())
    return BuildResult((made,), 1.0, other_forms=(OtherForm("convoso", "lead_score", "number", 1),))


class Printed:
    """What the command wrote to stdout."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: str) -> Any:
        from connector import cli

        self.monkeypatch.setattr(Warehouse, "open", lambda: None)
        self.capsys.readouterr()
        with suppress(SystemExit):  # a plan with a problem is printed, and ends with its code
            cli.app(list(arguments), standalone_mode=False)
        return validated(json.loads(self.capsys.readouterr().out))


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Printed:
    return Printed(monkeypatch, capsys)


def test_the_documents_of_extract_and_build(printed: Printed) -> None:
    """What the three commands print has all documented fields and no other."""
    from connector import loop

    printed.monkeypatch.setattr(loop, "extract", lambda *_, **__: made_extracted())
    printed.monkeypatch.setattr(loop, "build", lambda *_, **__: made_build())
    same_fields(printed("extract", "--crm", "convoso", "--json"), "extract")
    same_fields(printed("build", "--json"), "build")


def test_every_document_says_what_it_is(printed: Printed, tmp_path: Path) -> None:
    """Each command that takes --json prints a document with its kind and a version, as docs/json.md says."""
    from connector import checks, loop, status
    from connector.extract.reconcile import Reconciled
    from connector.extract.windows import Window
    from connector.push import Recovery, preview
    from connector.push.compaction import Maintained
    from connector.warehouse import snapshot

    for name, made in {
        "extract": made_extracted(),
        "build": made_build(),
        "plan": made_plan(),
        "push": loop.Pushed(made_plan(), Recovery(), made_summary()),
        "run": loop.Ran({}, made_build()),
        "resolve": [],
        "release": [],
        "approve": made_plan(),
        "undo": loop.Pushed(made_plan(), Recovery(), made_summary()),
        "maintain": Maintained(2, 3, 0, 10, 9),
        "move": made_move(),
        "cancel_move": loop.Cancelled("leads.duckdb", "postgres, postgresql://db:5432/leads", True, 1),
        "reconcile": Reconciled("convoso", Window(NOW, NOW), 1, 1, ()),
    }.items():
        printed.monkeypatch.setattr(loop, name, lambda *_, made=made, **__: made)
    printed.monkeypatch.setattr(snapshot, "make", lambda *_: made_snapshot())
    printed.monkeypatch.setattr(preview, "preview", lambda *_, **__: made_preview())
    printed.monkeypatch.setattr(checks, "run", lambda *_, **__: [])
    printed.monkeypatch.setattr(status, "status", lambda *_, **__: status.Status("leads.duckdb", {}))
    saved = tmp_path / "plan.json"
    save_plan(replace(made_plan(), approval=None), saved)
    more = {
        "approve": [str(saved)],
        "preview": ["--against", str(tmp_path)],
        "undo": ["run", "--yes"],
        "move": ["--to", "postgres"],
        "init": [str(tmp_path / "mine")],
        "extract": ["--crm", "convoso"],
        **{name: ["p"] for name in ("plan", "push", "resolve", "release")},
    }
    lines = {
        name: [name, *more.get(name, ())]
        for name, command in commands().items()
        if any("--json" in each.opts for each in command.params)
    }
    lines["move --cancel"] = ["move", "--cancel"]
    lines["check --reconcile"] = ["check", "--reconcile", "--crm", "convoso"]
    versions = {name: printed(*line, "--json") for name, line in lines.items()}
    for name, found in versions.items():
        kind = {"undo": "push", "move --cancel": "move_cancelled"}.get(name, name.split(" --")[-1])
        assert list(found)[:2] == ["kind", "version"], name
        assert found["kind"] == kind
        assert isinstance(found["version"], int)
        of = (
            " FILE"
            if kind == "approve"
            else " PUSH"
            if kind in ("plan", "push", "resolve", "release")
            else ""
        )
        heading = f"## `leadloop {'push' if name == 'undo' else name}{of} --json`"
        assert f"| `kind` | text | `{kind}` |" in section(page("json.md"), heading)
    assert {name for name, found in versions.items() if found["version"] != 1} == {"plan"}


def test_the_document_of_run(printed: Printed) -> None:
    """A run holds the documents of its stages, and says of a push that stopped why."""
    from connector import loop
    from connector.errors import GuardrailError
    from connector.push import Recovery

    done = loop.Ran({"convoso": made_extracted()}, made_build())
    done.pushed["p"] = loop.Pushed(made_plan(), Recovery(), made_summary())
    done.failed["q"] = GuardrailError("too much")
    printed.monkeypatch.setattr(loop, "run", lambda *_, **__: done)
    found = printed("run", "--json")
    same_fields(found, "run")
    check({"crm": "convoso", **found["extracted"]["convoso"]}, documented("extract"))
    check(found["built"], documented("build"))
    check(found["pushed"]["p"], documented("push PUSH"))
    failed = found["failed"]["q"]
    assert (failed["error"], failed["message"], failed["exit_code"]) == ("GuardrailError", "too much", 4)


def test_the_documents_of_init_resolve_and_maintain(printed: Printed, tmp_path: Path) -> None:
    """What the two commands print has all documented fields and no other."""
    from connector import loop
    from connector.push.compaction import Maintained
    from connector.push.resolve import Conflict

    same_fields(printed("init", str(tmp_path / "mine"), "--json"), "init")
    printed.monkeypatch.setattr(loop, "resolve", lambda *_, **__: [Conflict("1", "title", "a", "b", None)])
    same_fields(printed("resolve", "p", "--json"), "resolve PUSH")
    printed.monkeypatch.setattr(loop, "maintain", lambda *_: Maintained(2, 3, 1, 10, 9, 4, 3, 2, 1))
    same_fields(printed("maintain", "--json"), "maintain")


def made_move() -> Any:
    from connector import loop
    from connector.loop.moving import Table
    from connector.push.same import Proved

    return loop.Moved(
        "leads.duckdb", "duckdb", "postgresql://db:5432/leads", "postgres",
        (Table("convoso_raw.lead_versions", 5),), (Proved("p", "convoso", 2, 3, ""),), ".dlt/config.toml",
    )  # fmt: skip


def test_the_documents_of_move(printed: Printed) -> None:
    """What was moved, and what became of a move that was cancelled, have all documented fields and no other."""
    from connector import loop

    printed.monkeypatch.setattr(loop, "move", lambda *_, **__: made_move())
    same_fields(printed("move", "--to", "postgres", "--json"), "move")
    cancelled = loop.Cancelled("leads.duckdb", "postgres, postgresql://db:5432/leads", True, 1)
    printed.monkeypatch.setattr(loop, "cancel_move", lambda *_, **__: cancelled)
    same_fields(printed("move", "--cancel", "--json"), "move --cancel")


def test_the_document_of_preview(printed: Printed, tmp_path: Path) -> None:
    """A push that differs has all documented fields and no other."""
    from connector.push import preview

    printed.monkeypatch.setattr(preview, "preview", lambda *_, **__: made_preview())
    same_fields(printed("preview", "--against", str(tmp_path), "--json"), "preview")


def test_the_document_of_snapshot(printed: Printed) -> None:
    """Where the copy is, when it was made and what it cost."""
    from connector.warehouse import snapshot

    printed.monkeypatch.setattr(snapshot, "make", lambda *_: made_snapshot())
    same_fields(printed("snapshot", "--json"), "snapshot")


def test_the_document_of_check(printed: Printed) -> None:
    """Every check has its three fields."""
    from connector import checks

    printed.monkeypatch.setattr(checks, "run", lambda *_, **__: [checks.Check("token", True, "fine")])
    same_fields(printed("check", "--json"), "check")


def test_the_document_of_a_comparison(printed: Printed) -> None:
    """What --reconcile prints has all documented fields and no other."""
    from connector import loop
    from connector.extract.reconcile import Difference, Reconciled
    from connector.extract.windows import Window

    found = Reconciled("convoso", Window(NOW, NOW), 1, 1, (Difference("1", "changed_meanwhile", ("city",)),))
    printed.monkeypatch.setattr(loop, "reconcile", lambda *_, **__: found)
    same_fields(printed("check", "--reconcile", "--crm", "convoso", "--json"), "check --reconcile")


# Commands, files, links, tests


def commands() -> dict[str, Any]:
    import typer.main

    from connector.cli import app

    return dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def command_lines() -> list[tuple[str, str]]:
    """(page, command line) of everything that begins with ``leadloop`` in a block or in code within text."""
    found = []
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        lines = [line for block in blocks(text, "") for line in block.splitlines()]
        lines += re.findall(r"`(leadloop [a-z][^`·]*)`", text)
        for line in lines:
            line = line.partition("&& ")[2] if "&& leadloop" in line else line
            line = re.split(r"\s+#|\s>>?\s|\s2>", line.strip())[0]
            if line.startswith("leadloop "):
                found.append((path.name, line.strip()))
    return sorted(set(found))


@pytest.mark.parametrize(("where", "line"), command_lines())
def test_every_command_line_is_one_the_command_takes(where: str, line: str) -> None:
    """What a page tells a person to type has a command, options and values that exist."""
    words = shlex.split(line)[1:]
    known = commands()
    assert words[0] in known, f"{where}: there is no leadloop {words[0]}"
    needs_push = words[0] in ("plan", "push", "resolve", "release", "approve") and (
        len(words) == 1 or words[1].startswith("-")
    )
    if words[0] == "preview" and "--against" not in words:
        words += ["--against", "."]
    known[words[0]].make_context(words[0], [*(["name"] if needs_push else []), *words[1:]])


def test_every_named_test_exists() -> None:
    """docs/guarantees.md names only tests that are there, and every promise of the README has some."""
    text = page("guarantees.md")
    for file, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text):
        assert re.search(rf"def {name}\b", (ROOT / file).read_text(encoding="utf-8")), f"{file}::{name}"
    promises = re.findall(r"^\| \*\*(.+?)\*\* \|", page("README.md"), re.MULTILINE)
    assert promises
    for promise in promises:
        assert "::test_" in section(text, f"## {promise[0].upper()}{promise[1:]}"), promise


def test_every_arrow_of_the_drawing_has_a_test() -> None:
    """Each letter in the drawing of the journal's states is in the table below it, with a test, and the other way round."""
    states = section(page("guarantees.md"), "## The states of one field in one run")
    drawing = states.split("```")[1]
    rows = re.findall(r"^\| ([A-Z, ]+) \| .*`tests/.*::test_\w+` \|$", states, re.MULTILINE)
    assert set(re.findall(r"\b[A-Z]\b(?=─|[ ]─)", drawing)) == {
        letter for row in rows for letter in row.split(", ")
    }


def test_every_named_file_of_ours_exists() -> None:
    """A path such as ``connector/crm/http.py`` in a page is a file of the repository."""
    for path in PAGES:
        for name in re.findall(
            r"`((?:connector|dbt_models|tests|docs)/[\w/]+\.\w+)", path.read_text(encoding="utf-8")
        ):
            ours = (ROOT / name).exists() or name in written_by_init()
            assert ours, f"{path.name} names {name}"


def test_every_decision_is_whole_and_in_the_index() -> None:
    """A record of docs/decisions says what it was about, what was decided and what it costs, and the index has it."""
    records = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "decisions").glob("*.md")}
    index = records.pop("README.md")
    assert records
    for name, text in records.items():
        assert re.findall(r"^\*\*(.+?)\*\*", text, re.MULTILINE)[:3] == [
            "Context.",
            "Decision.",
            "What it costs.",
        ]
        assert f"[{text.splitlines()[0].removeprefix('# ')}]({name})" in index


def test_every_fear_has_its_files() -> None:
    """tests/README.md names files that are there, in their folders, and leaves out no folder that has tests."""
    text = (ROOT / "tests/README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.*?) ?\| `(tests[\w/]*)` \| (`.+`) \|$", text, re.MULTILINE)
    assert rows[0][0], "the first row has no fear"
    for _, folder, files in rows:
        missing = [name for name in re.findall(r"`(.+?)`", files) if not (ROOT / folder / name).is_file()]
        assert not missing, f"{folder}: {', '.join(missing)}"
    assert {path.parent for path in (ROOT / "tests").rglob("test_*.py")} <= {ROOT / row[1] for row in rows}


def written_by_init() -> dict[str, str]:
    from connector import crm, scaffold

    return scaffold.files("mine", crm.vendor(crm.DEFAULT))


def test_the_readmes_push_is_the_one_that_init_writes() -> None:
    """Whoever reads the README beside a fresh project sees the same model in both."""
    body = written_by_init()["dbt_models/models/pushes/tiers_to_convoso.sql"].partition("{{")[2]
    assert "{{" + body in page("README.md")
    assert "{{" + body in page("push.md")


def test_the_exit_codes_are_those_of_the_errors() -> None:
    """README, command and page of the warehouse tell the same codes as the error classes."""
    from connector import errors

    codes = {
        each.exit_code
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.LeadloopError)
    }
    line = section(page("README.md"), "## Exit codes")
    assert codes | {0, 3} == {
        int(code) for code in re.findall(r"(?:^|· )(\d)", line.replace("\n", " ").strip())
    }
    told = re.findall(r"^\| (\d) \|", page("warehouse.md"), re.MULTILINE)
    assert codes | {0, 3} == {int(code) for code in told}


def test_no_page_knows_a_machine() -> None:
    """No folder of somebody's computer and no token in what is shown."""
    for path in [*PAGES, *(ROOT / "notebooks").glob("*.ipynb")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(home|root|Users)/|/work/|/tmp/", text), path.name


def test_every_version_says_what_to_do_after_an_upgrade() -> None:
    """The changelog and docs/upgrade.md name the same versions."""
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", page("../CHANGELOG.md"), re.MULTILINE)
    assert versions == re.findall(r"^## (\d+\.\d+\.\d+)", page("upgrade.md"), re.MULTILINE)


def test_lists_of_verdicts_and_modes_are_whole() -> None:
    """Where a page lists what a column may hold, it lists what the code knows, and nothing else."""
    from typing import get_args

    from connector.crm.base import Mode
    from connector.push.planning import VERDICTS

    rows = re.findall(r"^\| `(verdict|mode)` \| text \| ([^;|]*)", page("warehouse.md"), re.MULTILINE)
    lists = [(name, set(re.findall(r"`(\w+)`", told))) for name, told in rows if told.count("`") > 2]
    assert {name for name, _ in lists} == {"verdict", "mode"}
    for name, told in lists:
        assert told == (VERDICTS if name == "verdict" else set(get_args(Mode)))
    held_back = section(page("push.md"), "## How a field is judged")
    assert all(f"`{verdict}`" in held_back for verdict in VERDICTS - {"insert", "delete"})
