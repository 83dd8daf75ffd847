"""The watch over all tests finds what it looks for, wherever it was said or written."""

import gzip
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.sandbox import Options
from connector.sandbox.generate import phones
from tests.leak_watch import PHONE, found

ROOT = Path(__file__).parents[2]
TOKEN = Options().token
(LEAD,) = phones(random.Random(1), 1)

WATCHED = """
import logging, subprocess, sys

def test_prints():
    print("printed {0}")

def test_reads_what_it_printed(capsys):
    print("read {1}", file=sys.stderr)
    assert capsys.readouterr().err

def test_logs():
    logging.getLogger("connector.any").debug("logged %s", "{0}")

def test_starts_a_command():
    subprocess.run([sys.executable, "-c", "import sys; sys.stderr.write('said {1}')"], capture_output=True)

def test_writes(tmp_path):
    (tmp_path / "note.txt").write_text("{0}")
    (tmp_path / "leads.duckdb").write_text("{1}")
    (tmp_path / "secrets.toml").write_text("{0}")
"""


@pytest.fixture
def apart() -> Iterator[Path]:
    """A folder that the watch over this very run does not look into."""
    with tempfile.TemporaryDirectory(prefix="leadloop-watched-") as name:
        yield Path(name)


@pytest.mark.parametrize(("workers", "worker"), [("0", ""), ("1", "popen-gw0/")])
def test_a_leak_fails_the_run(apart: Path, workers: str, worker: str) -> None:
    """Printed, logged, said by a command, written: each is found, in whichever process it happened."""
    watch = "from tests.leak_watch import LeakWatch\ndef pytest_configure(config): config.pluginmanager.register(LeakWatch(config))"
    (apart / "conftest.py").write_text(watch)
    (apart / "test_watched.py").write_text(WATCHED.format("sandbox-" + "token", LEAD))
    (apart / "pytest.ini").write_text("[pytest]\ntmp_path_retention_policy = all\n")
    command = [sys.executable, "-m", "pytest", "-q", "-n", workers, f"--basetemp={apart / 'made'}"]
    done = subprocess.run(command, cwd=apart, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})
    told = {line for line in done.stdout.splitlines() if line.startswith("a ")}
    assert "5 passed" in done.stdout
    assert done.returncode == 1
    assert told == {
        f"a phone number in {worker}said/stderr.txt",
        f"a token in {worker}said/log.txt",
        "a token in said/stdout.txt",
        f"a token in {worker}test_writes0/note.txt",
    }


def test_every_kind_of_file_is_looked_into(apart: Path) -> None:
    """Also packed ones; what is kept on purpose is left alone, and of longer numbers no part is taken for one of a lead."""
    for name, text in {
        "1-run.err": f"lead {LEAD}", "1-run.out": f"lead {LEAD}", "2-plan.out": f"lead {LEAD}", "3-sandbox.out": TOKEN,
        "dbt.log": TOKEN, "options.py": TOKEN, "place/.leadloop/pipelines/x.csv": f"{LEAD},{TOKEN}", "ids": f"1{LEAD} {LEAD}9",
    }.items():  # fmt: skip
        (apart / name).parent.mkdir(parents=True, exist_ok=True)
        (apart / name).write_text(text)
    (apart / "rows.gz").write_bytes(gzip.compress(LEAD.encode()))
    assert sorted(found(apart)) == [
        ("phone number", "1-run.err"),
        ("phone number", "1-run.out"),
        ("phone number", "rows.gz"),
        ("token", "dbt.log"),
        ("token", "place/.leadloop/pipelines/x.csv"),
    ]


def test_the_sandboxs_numbers_are_recognised() -> None:
    """Every number that it makes up, and not what merely looks like one."""
    made = phones(random.Random(2), 5_000)
    assert all(PHONE.search(f"+{number},".encode()) for number in made)
    assert not PHONE.search(b"5559713482")
