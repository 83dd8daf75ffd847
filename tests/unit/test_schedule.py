"""docs/schedule.md: its units are what systemd takes, its commands what leadloop takes, its lines what leadloop writes."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from connector.cli import EXIT_CODES
from tests.json_documents import validated

PAGE = (Path(__file__).parents[2] / "docs/schedule.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


def units(folder: Path) -> list[Path]:
    """The units of the page as files; what they start is the interpreter, since nobody has a /srv/my_leads."""
    names = re.findall(r"^`/etc/systemd/system/(.+?)`:$", PAGE, re.M)
    made = []
    for name, text in zip(names, blocks("ini"), strict=True):
        text = re.sub(r"/srv/my_leads/\S+/leadloop", sys.executable, text)
        (folder / name).write_text(text.replace("User=leadloop\n", "").replace("/srv/my_leads", str(folder)))
        made.append(folder / name)
    return made


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing, and what it thinks of the hardening is not worse than it was."""
    made = units(tmp_path)
    assert [each.suffix for each in made] == [".service", ".timer"]
    command = ["systemd-analyze", "verify", "--man=no", *map(str, made)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    ours = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "leadloop" in line]
    assert not ours


def test_the_unit_is_hardened() -> None:
    """The settings that keep a run from the rest of the machine are there, each once."""
    service, _ = blocks("ini")
    lines = [line for line in service.splitlines() if "=" in line and not line.startswith("#")]
    names = [line.partition("=")[0] for line in lines]
    assert len(names) == len(set(names))
    assert {"NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "UMask=0077"} <= set(lines)


def test_systemd_repeats_what_may_work_later_and_nothing_else() -> None:
    """3 is a success; 2 and 4 wait for a person; 1 and 5 are tried again."""
    service, _ = blocks("ini")
    assert "SuccessExitStatus=3\n" in service
    assert "RestartPreventExitStatus=2 4\n" in service
    assert set(EXIT_CODES) == {0, 1, 2, 3, 4, 5}


def test_the_lines_of_json_are_as_they_are_written() -> None:
    """One object each; the monitor's line is as its schema says."""
    log, ages = map(json.loads, blocks("json"))
    assert list(log) == ["time", "level", "run_id", "message"]
    validated(ages)


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="there is no logrotate here")
def test_logrotate_takes_its_file(tmp_path: Path) -> None:
    """`logrotate --debug` reads it without an error."""
    (text,) = blocks("logrotate")
    file = tmp_path / "leadloop"
    file.write_text(text.replace("su leadloop leadloop", "").replace("0600 leadloop leadloop", "0600"))
    done = subprocess.run(
        ["logrotate", "--debug", "--state", str(tmp_path / "state"), str(file)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
