"""A preview as text, Markdown and JSON: it says what differs and no value of a lead, unless somebody asked for values."""

import io
import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from connector import cli
from connector.errors import BuildError, ModelError
from connector.push import Guardrail
from connector.push import preview as previews
from connector.push.plan import Plan
from connector.push.planning import plan_rows
from connector.push.preview import OneSide, Preview, PushPreview, settings_of, settings_of_plan
from connector.render.document import to_json
from connector.render.preview import (
    LONGEST,
    MARK,
    failure_markdown,
    preview_markdown,
    preview_text,
    stopped_sentence,
)
from connector.render.preview_document import preview_document
from connector.warehouse import models
from connector.warehouse.connection import Warehouse
from tests.properties.test_plan import AT, push

SECRETS = ("Ann@example.test", "Bea@example.test", "very warm", "Mister")


def plan(*rows: Any, mode: str = "update", **options: Any) -> Plan:
    """Rows: lead, field, desired value, verdict."""
    wanted = push(**options)
    wanted.mode, wanted.max_found = mode, None
    given = [(lead, name, name, "now", value, None, verdict) for lead, name, value, verdict in rows]
    return plan_rows(wanted, given, made_at=AT)


def side(made: Plan | None, error: ModelError | None = None, **settings: str) -> OneSide:
    said = settings_of_plan(made) if made is not None else {"crm": "convoso", "mode": "update"}
    return OneSide({**said, **settings}, made, error)


def one(old: OneSide | None, new: OneSide | None, name: str = "tiers", moved: bool = False) -> Preview:
    return Preview("../main", "/here", (PushPreview(name, old, new),), moved)


def text(preview: Preview, **options: Any) -> str:
    written = io.StringIO()
    Console(file=written, width=200).print(preview_text(preview, **options))
    return written.getvalue()


OLD = plan(
    ("1", "title", "very warm", "change"), ("2", "title", "Mister", "change"), ("3", "score", "7", "change")
)
NEW = plan(
    ("1", "title", "Mister", "change"),
    ("3", "score", "7", "change"),
    ("4", "score", "12.5", "change"),
    max_changes=2,
)


def test_what_differs_is_told_without_any_value() -> None:
    """Counts, settings, the guardrail that trips, the leads and the shapes of their values."""
    made = one(side(OLD, max_changes="5000"), side(NEW))
    for told in (text(made), preview_markdown(made)):
        assert "1 of 1 push would send something else than before" in told
        assert "1 lead newly sent, 1 lead no longer sent, 1 lead sent otherwise" in told
        assert "Would be stopped: 3 leads would change" in told.replace("\\", "")
        assert "number, 3 digits" in told
        assert "text, 9 characters" in told
        assert "text, 6 characters" in told
    rows = {
        tuple(map(str.strip, line.strip("|").split("|")))
        for line in preview_markdown(made).splitlines()
        if "|" in line
    }
    assert ("max\\_changes", "5000", "2") in rows
    assert ("4", "newly", "score", "not sent", "number, 3 digits") in rows
    assert ("2", "no longer", "title", "text, 6 characters", "not sent") in rows
    document = json.loads(to_json(preview_document(made, samples=8)))
    assert document["exit_code"] == 4
    assert document["pushes"][0]["newly_tripped"] == ["max_changes"]
    assert document["pushes"][0]["fields"]["score"] == {
        "added": 1,
        "gone": 0,
        "changed": 0,
        "cleared": 0,
        "old_values": 0,
        "new_values": 1,
    }
    everything = text(made) + preview_markdown(made) + json.dumps(document) + stopped_sentence(made.pushes)
    assert not [each for each in SECRETS if each in everything]


def test_values_are_shown_to_whoever_asks_for_them() -> None:
    """In each of the three forms."""
    made = one(side(OLD), side(NEW))
    document = to_json(preview_document(made, show_values=True, samples=8))
    for told in (text(made, show_values=True), preview_markdown(made, show_values=True), document):
        assert "very warm" in told
        assert "Mister" in told
    assert not json.loads(document)["masked"]


def test_keys_of_leads_to_be_added_have_shapes_too() -> None:
    """Such a key may be an email address, on whichever side the push adds leads."""
    rows = [
        ("Ann@example.test", "title", "very warm", "insert"),
        ("Bea@example.test", "title", "Mister", "insert"),
    ]
    adding, updating = side(plan(*rows, mode="insert")), side(plan(("9", "title", "Mister", "change")))
    for made in (one(None, adding), one(adding, None), one(updating, adding), one(adding, updating)):
        everything = text(made) + preview_markdown(made) + to_json(preview_document(made, samples=8))
        assert not [each for each in SECRETS if each in everything]
        assert "text, 16 characters" in everything
    assert "only the new models have this push. 2 leads newly sent (2 to be added)" in text(one(None, adding))
    assert "only the old models have this push. 2 leads no longer sent (2 to be added)" in text(
        one(adding, None)
    )


def test_without_a_difference_it_is_one_line() -> None:
    """In all forms, and the exit code is 0."""
    made = one(side(OLD), side(OLD))
    assert (
        text(made)
        == "No difference: the new models would send what the old ones would (1 push, against ../main).\n"
    )
    assert preview_markdown(made).splitlines()[0] == MARK
    assert "No difference" in preview_markdown(made)
    assert preview_document(made, samples=8).pushes == []
    assert made.exit_code == 0


def test_what_stopped_before_is_no_fault_of_the_change() -> None:
    """The exit code is that of what only the new models trip; what trips no longer is told."""
    stopped = plan(*((str(lead), "title", "Mister", "change") for lead in range(3)), max_changes=1)
    more = plan(*((str(lead), "title", "Mister", "change") for lead in range(4)), max_changes=1)
    assert one(side(stopped), side(more)).exit_code == 0
    assert "Would be stopped, as before: 4 leads would change" in text(one(side(stopped), side(more)))
    assert one(side(OLD), side(stopped)).exit_code == 4
    assert one(None, side(stopped)).exit_code == 4
    assert one(side(stopped), None).exit_code == 0
    assert "Would be stopped no longer. Before: 3 leads would change" in text(one(side(stopped), side(OLD)))


def test_settings_are_compared_entry_by_entry() -> None:
    """A saved plan says only some of them: the others are no difference. A limit of 2 is the same when it was read as 2.0."""
    spec = models.PushSpec(
        "tiers", "a", "tiers", "convoso", "lead_id", {"title": "rank", "city": "town"}, "update", "crm_wins", "keep",
        "overwrite", 2, 0.2, 100, "all", max_unknown_share=1.0, equal={"title": "trim"}, policies={"city": {"nulls": "clear"}},
    )  # fmt: skip
    other = replace(
        spec,
        fields={"title": "tier"},
        max_changes=None,
        equal={"title": "lower"},
        policies={},
        approve_above=5,
    )
    told = PushPreview("tiers", OneSide(settings_of(spec), OLD), OneSide(settings_of(other), OLD)).settings
    assert [(each.name, each.old, each.new) for each in told] == [
        ("approve_above", None, "5"),
        ("equal.title", "trim", "lower"),
        ("fields.city", "town", None),
        ("fields.title", "rank", "tier"),
        ("max_changes", "2", None),
        ("policies.city.nulls", "clear", None),
    ]
    saved = replace(
        OLD,
        guardrails=(Guardrail("max_changes", 2.0, 1, False, ""), Guardrail("max_share", 0.2, 0, False, "")),
    )
    told = PushPreview(
        "tiers", OneSide(settings_of_plan(saved), saved), OneSide(settings_of(spec), OLD)
    ).settings
    assert [(each.name, each.old, each.new) for each in told] == [
        ("equal.title", None, "trim"),
        ("policies.city.nulls", None, "clear"),
    ]


def test_a_push_of_which_no_plan_can_be_made_says_why() -> None:
    """On either side; only on the new one it is an error of the change."""
    broken = side(None, ModelError("the value for 'title' is a list", crm="convoso"))
    assert one(side(OLD), broken).exit_code == 2
    assert one(broken, side(OLD)).exit_code == 0
    assert one(broken, broken).exit_code == 0
    assert "no plan can be made of it" in text(one(side(OLD), broken))
    assert "Would be stopped: the value for 'title' is a list" in text(one(side(OLD), broken))
    assert "No plan can be made of the old push: the value for 'title' is a list" in text(
        one(broken, side(OLD))
    )


def test_a_name_is_no_markup_and_calls_nobody() -> None:
    """A field or a model of a stranger's pull request, in a comment that a robot writes."""
    field = "a|b <img src=x> @octocat [x](http://x) `c`\n# big"
    told = preview_markdown(one(None, side(plan(("1", field, "x", "change"))), name="t@octocat"))
    assert "@octocat" not in told
    assert "<img" not in told.replace("\\<img", "")
    assert "\n# big" not in told
    cells = {len(line.replace("\\|", "").split("|")) for line in told.splitlines() if line.startswith("| 1 ")}
    assert cells == {7}


def test_a_comment_is_never_longer_than_one_may_be() -> None:
    """What there is no room for is named."""
    made = plan(*((f"{lead:040}", "title", "Mister", "change") for lead in range(40)))
    many = Preview(
        "../main", "/here", tuple(PushPreview(f"push_{each}", None, side(made)) for each in range(60)), False
    )
    told = preview_markdown(many, samples=40)
    assert LONGEST - 10_000 < len(told) < 65_536
    assert "There is no room here for" in told
    assert "push\\_59" in told or "…" in told


def test_a_run_meanwhile_is_told() -> None:
    """A difference may be of its doing."""
    assert "Another run of leadloop began" in text(one(side(OLD), side(NEW), moved=True))
    assert preview_document(one(side(OLD), side(NEW), moved=True), samples=1).has_moved


def test_a_failure_is_a_comment_as_well() -> None:
    """Else the comment of the commit before would stay."""
    told = failure_markdown("The new models can't be built: @octocat.")
    assert told.startswith(MARK)
    assert "No preview could be made" in told
    assert "@octocat" not in told


@pytest.mark.parametrize("samples", [0, 1, 2])
def test_the_sample_is_as_long_as_asked(samples: int) -> None:
    """Counts stay whole."""
    document = preview_document(one(side(OLD), side(NEW)), samples=samples)
    assert len({each.lead_id for each in document.pushes[0].sample}) == samples
    assert document.pushes[0].leads is not None
    assert document.pushes[0].leads.added == 1


class Command:
    """The command itself, over a preview that is there already."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
    ) -> None:
        self.monkeypatch, self.capsys, self.folder = monkeypatch, capsys, folder
        monkeypatch.setattr(Warehouse, "open", lambda: None)

    def __call__(self, found: Preview | Exception, *options: str) -> tuple[int, str, str]:
        def compared(*_: Any, **__: Any) -> Preview:
            if isinstance(found, Exception):
                raise found
            return found

        self.monkeypatch.setattr(previews, "preview", compared)
        self.monkeypatch.setattr("sys.argv", ["leadloop", "preview", "--against", str(self.folder), *options])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *self.capsys.readouterr()


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Command]:
    umask, handler = os.umask(0o022), signal.getsignal(signal.SIGTERM)
    yield Command(monkeypatch, capsys, tmp_path)
    os.umask(umask)
    signal.signal(signal.SIGTERM, handler)


def test_the_command_ends_with_what_the_change_would_stop(command: Command) -> None:
    """What would be stopped is said on stderr, too, in every form; else it ends with 0 and says nothing there."""
    stopping = one(side(OLD), side(NEW))
    for options in ((), ("--markdown",), ("--json",)):
        code, out, err = command(stopping, *options)
        assert code == 4
        assert "max_changes" in out.replace("\\", "")
        assert "tiers would be stopped: 3 leads would change, and max_changes is 2." in err
        assert not [each for each in SECRETS if each in out + err]
        assert command(one(side(OLD), side(OLD)), *options)[0] == 0


def test_the_command_writes_a_comment_where_it_fails(command: Command) -> None:
    """With --markdown alone: elsewhere stdout stays empty."""
    for options, is_told in (((), False), (("--json",), False), (("--markdown",), True)):
        code, out, err = command(BuildError("The new models can't be built: dbt: model tiers."), *options)
        assert code == 1
        assert "can't be built" in err
        assert out == (
            failure_markdown("The new models can't be built: dbt: model tiers.") if is_told else ""
        )


def test_values_are_for_a_terminal(command: Command) -> None:
    """A person there may see them; a pipe may not."""
    found = one(None, side(OLD))
    code, out, err = command(found, "--show-values")
    assert (code, out) == (2, "")
    assert "nobody sits at a terminal" in err
    for stream in (sys.stdin, sys.stdout):
        command.monkeypatch.setattr(stream, "isatty", lambda: True)
    code, out, err = command(found, "--show-values")
    assert code == 0, err
    assert "very warm" in out
