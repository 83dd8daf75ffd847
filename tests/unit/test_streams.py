"""What is printed can't fail a command: real processes whose output goes to a full disk, to nobody, or to ASCII alone."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def printing(code: str, *argv: str, **given: Any) -> "subprocess.Popen[bytes]":
    env = {**os.environ, "NO_COLOR": "1", **given.pop("env", {})}
    return subprocess.Popen([sys.executable, "-c", code, *argv], env=env, **given)


BEGIN = """
import sys
from pathlib import Path
from connector.cli import app, main
from connector.cli.output import err, out
from connector.render.text import table

DONE = Path(sys.argv.pop())

def rows():
    for number in range(3000):
        out.print("row \\u2192 \\u201c\\xe9\\u6f22\\udcff\\u201d \\u2026", markup=False)
    out.print(table(("Lead", "Why"), [("1", "\\u201cx\\u201d")]))
    err.print("\\u2022 said \\u2192", markup=False)
    DONE.write_text("done")

@app.command()
def work():
    rows()

app.registered_commands = [each for each in app.registered_commands if each.callback.__name__ not in ("status",)]

@app.command()
def status():
    rows()

main()
"""
"""A command that does something and one that shows something, both of which print more than a pipe holds."""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_that_knows_fewer_characters(tmp_path: Path, encoding: str) -> None:
    """What it can't show is written with plainer signs, or as an escape; the rest is as it was."""
    done = printing(
        BEGIN,
        "work",
        str(tmp_path / "done"),
        env={"PYTHONIOENCODING": encoding},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = (each.decode(encoding) for each in done.communicate())
    assert done.returncode == 0, err
    arrow, quotes, dots = ("→", "“”", "…") if encoding == "utf-8" else ("->", '""', "...")
    shown = {"ascii": "\\xe9\\u6f22", "latin-1": "é\\u6f22", "utf-8": "é漢"}[encoding]
    assert out.splitlines()[0] == f"row {arrow} {quotes[0]}{shown}\\udcff{quotes[1]} {dots}"
    assert "Lead" in out
    assert err.strip().endswith(f"said {arrow}")
    assert (tmp_path / "done").read_text() == "done"


@pytest.mark.parametrize("command", ["work", "status"])
def test_a_reader_that_has_gone(tmp_path: Path, command: str) -> None:
    """``| head`` and a closed stderr: the command goes on to its end, and ends as it would have."""
    done = printing(BEGIN, command, str(tmp_path / "done"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.stdout is not None
    assert done.stderr is not None
    done.stderr.close()
    done.stdout.readline()
    done.stdout.close()
    assert done.wait() == 0
    assert (tmp_path / "done").read_text() == "done"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="such a device is Linux's")
@pytest.mark.parametrize(("command", "code"), [("work", 0), ("status", 1)])
def test_a_full_disk_under_stdout(tmp_path: Path, command: str, code: int) -> None:
    """What was to be done is done; whoever only shows something has failed (1). Either is told on stderr."""
    with open("/dev/full", "wb") as full:
        done = printing(BEGIN, command, str(tmp_path / "done"), stdout=full, stderr=subprocess.PIPE)
        _, err = done.communicate()
        assert done.returncode == code
        assert b"The output could not be written: No space left on device." in err
        assert b"Traceback" not in err
        assert (tmp_path / "done").read_text() == "done"
        assert printing(BEGIN, "work", str(tmp_path / "done"), stdout=full, stderr=full).wait() == 0


def test_streams_that_are_closed_from_the_start(tmp_path: Path) -> None:
    """As some supervisors start a process: nothing is printed, and all is done."""
    closing = f"import os; os.close(1); os.close(2); os.execv({sys.executable!r}, [{sys.executable!r}, '-c', {BEGIN!r}, 'work', {str(tmp_path / 'done')!r}])"
    assert printing(closing).wait() == 0
    assert (tmp_path / "done").read_text() == "done"


def test_a_pipe_that_does_not_block(tmp_path: Path) -> None:
    """Its reader is slow, and nothing of what is printed is lost."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    done = printing(BEGIN, "work", str(tmp_path / "done"), stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    with open(reading, "rb") as pipe:
        content = pipe.read()
    done.communicate()
    assert done.returncode == 0
    assert content.count(b"row ") == 3000
