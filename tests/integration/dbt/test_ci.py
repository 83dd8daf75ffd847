"""docs/ci.md: the steps of its workflow that are shell, word by word, as a runner would start them."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.render.preview import MARK, failure_markdown

PAGE = (Path(__file__).parents[3] / "docs/ci.md").read_text("utf-8")
(WORKFLOW,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
JOBS: dict[str, Any] = yaml.safe_load(WORKFLOW)["jobs"]
GH = """#!{python}
import json, pathlib, sys
given = sys.argv[1:]
book, mark = pathlib.Path("comments.json"), {mark!r}
comments = json.loads(book.read_text())
place = given[-1]
assert given[0] == "api", given
if "--jq" in given:
    assert place == "repos/acme/leads/issues/7/comments", place
    asked = given[given.index("--jq") + 1]
    assert asked == '.[] | select(.user.login == "github-actions[bot]" and (.body | startswith("' + mark + '"))) | .id', asked
    for each in comments:
        if each["who"] == "github-actions[bot]" and each["body"].startswith(mark):
            print(each["id"])
    sys.exit()
method, field = (given[given.index(name) + 1] for name in ("--method", "--field"))
assert field.startswith("body=@"), field
body = pathlib.Path(field.removeprefix("body=@")).read_text()
if method == "POST":
    assert place == "repos/acme/leads/issues/7/comments", place
    comments.append(dict(id=100 + len(comments), who="github-actions[bot]", body=body))
else:
    assert method == "PATCH", method
    (old,) = (each for each in comments if place == "repos/acme/leads/issues/comments/" + str(each["id"]))
    old["body"] = body
book.write_text(json.dumps(comments))
"""
"""What the workflow asks of GitHub's own command, over comments in a file."""


def step(job: str, name: str) -> str:
    (found,) = (each["run"] for each in JOBS[job]["steps"] if each.get("name", "").startswith(name))
    return str(found)


def shell(text: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """As a runner does: bash that ends with the first error."""
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
        cwd=folder, env={**os.environ, **more}, capture_output=True, text=True,
    )  # fmt: skip


def outputs(folder: Path) -> dict[str, str]:
    lines = (folder / "outputs").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_the_job_that_runs_strangers_code_may_write_nothing() -> None:
    """Nor is it started for a fork; and the job that may write runs no code of the pull request."""
    preview, comment = JOBS["preview"], JOBS["comment"]
    assert preview["permissions"] == {"contents": "read"}
    assert preview["if"] == "github.event.pull_request.head.repo.full_name == github.repository"
    checkouts = [each for each in preview["steps"] if each.get("uses", "").startswith("actions/checkout")]
    assert [each["with"]["path"] for each in checkouts] == ["new", "old"]
    assert all(each["with"]["persist-credentials"] is False for each in checkouts)
    assert comment["permissions"] == {"pull-requests": "write"}
    assert not [each for each in comment["steps"] if "checkout" in each.get("uses", "")]
    assert "pull_request_target" not in WORKFLOW
    # What people can type into a pull request reaches a shell as a variable alone.
    assert not [each for job in JOBS.values() for each in job["steps"] if "${{" in each.get("run", "")]


def test_the_comment_is_written_once_and_then_updated(tmp_path: Path) -> None:
    """A person's comment that begins alike is left alone, and an empty preview says that there is none."""
    (tmp_path / "bin").mkdir()
    gh = tmp_path / "bin" / "gh"
    gh.write_text(GH.format(python=sys.executable, mark=MARK))
    gh.chmod(gh.stat().st_mode | stat.S_IXUSR)
    book = tmp_path / "comments.json"
    theirs = {"id": 1, "who": "octocat", "body": f"{MARK} mine"}
    book.write_text(json.dumps([theirs]))
    given = {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "GITHUB_REPOSITORY": "acme/leads",
        "NUMBER": "7",
    }
    for body in (failure_markdown("one"), failure_markdown("two"), ""):
        (tmp_path / "preview.md").write_text(body)
        done = shell(step("comment", "Write the comment"), tmp_path, **given)
        assert done.returncode == 0, done.stderr
        first, *ours = json.loads(book.read_text())
        assert first == theirs
        assert len(ours) == 1
        assert ours[0]["body"].startswith(MARK)
        assert ours[0]["body"] == (body or f"{MARK} No preview could be made: see the log.\n")


@pytest.mark.parametrize("code", ["0", "4"])
def test_the_check_fails_with_the_codes_of_the_preview(tmp_path: Path, code: str) -> None:
    """So a pull request whose push would be stopped is red."""
    assert shell(step("comment", "Fail where"), tmp_path, CODE=code).returncode == int(code)


@pytest.mark.long
def test_the_preview_of_two_checkouts(duck: Any, own: Any, tmp_path: Path) -> None:
    """The step writes the comment and the code: of a change that trips a guardrail, and of one that can't be built."""
    duck.land(
        [{"id": lead, "modified_at": "2026-01-02 00:00:00", "title": "cold"} for lead in "123"], "2 00:00"
    )
    own.desired("tiers", "lead_id, tier", "'1', 'unmistakable'")
    push = "desired = ref('tiers'), crm = 'convoso', key = 'lead_id', max_share = none, fields = {'title': 'tier'}"
    own.push("tiers_to_convoso", push)
    duck.build(own.folder, select="+package:mine")
    place = tmp_path / "runner"
    shutil.copytree(own.folder, place / "old", symlinks=True)
    own.desired("tiers", "lead_id, tier", "'1', 'unmistakable'", "'2', 'unmistakable'", "'3', 'unmistakable'")
    own.push("tiers_to_convoso", f"{push}, max_changes = 2")
    shutil.copytree(own.folder, place / "new", symlinks=True)
    for each in ("old", "new"):
        (place / each / "packages.yml").write_text("packages:\n  - local: .leadloop/package\n")
    shutil.copy(duck.warehouse.path, place / "new" / "leads.duckdb")
    given = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(place / "summary"),
        "GITHUB_OUTPUT": str(place / "outputs"),
    }

    done = shell(step("preview", "Preview"), place, **given)

    assert done.returncode == 0, done.stderr
    assert outputs(place) == {"code": "4"}
    told = (place / "preview.md").read_text("utf-8")
    assert told == (place / "summary").read_text("utf-8")
    assert "1 of 1 push would send something else than before (against ../old)." in told
    assert "2 leads newly sent" in told
    assert "max\\_changes" in told
    assert "unmistakable" not in told + done.stderr

    (place / "new" / "models" / "tiers.sql").write_text("select nothing from nowhere\n")
    assert shell(step("preview", "Preview"), place, **given).returncode == 0
    assert outputs(place)["code"] == "1"
    assert "No preview could be made. The new models, in" in (place / "preview.md").read_text("utf-8")
    assert not [each.name for each in (place / "new").iterdir() if "aside" in each.name]
