"""Looks through all that a whole run of the tests printed, logged or wrote, for tokens and for phone numbers of leads.

Every sandbox takes the same token, and every lead that it makes up has a number that nobody else has. So no test has to
plant anything: after the last one, its output, its logs and its files are searched, and a find fails the run.
``test_leak_watch.py`` shows that there is something to find.
"""

import logging
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.capture import CaptureFixture

from tests.campaigns import leaks

TOKEN = re.compile(rb"sandbox-token")
PHONE = re.compile(rb"(?<![\w.-])[2-9]\d\d55501\d\d(?![\w-])")
"""As ``connector.sandbox.generate.phones`` makes them; digits in the middle of longer ones are something else."""

SAID = "said"
TALKATIVE = ("connector", "urllib3")
"""Loggers that say most about requests; everything else is heard at its own level."""

HAS_TOKENS = re.compile(r"secrets\.toml$|\.(py|pyc|whl)$|-sandbox\.out$")
"""Where a token is written on purpose: secrets, the sandbox's own code, and the settings that it prints when it starts."""
HAS_LEADS = re.compile(
    r"\.(duckdb|ducklake|wal|parquet|html|ipynb|py|pyc)$|\.duckdb\.|/pipelines/|/_delta_log/|/load/(loaded|normalized)/|/\.leadloop/deleted/|-(plan|resolve|check)\.out$|stdout\.txt$"
)
"""Where leads are kept or shown on purpose: databases, what is being loaded, what somebody asked to see, and the sandbox's code."""


class LeakWatch:
    """One for each process of a test run; the one that has no test process above it searches."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._above = not hasattr(config, "workerinput")
        self._undo: list[Callable[[], None]] = []

    def pytest_sessionstart(self) -> None:
        said = self._base() / SAID
        said.mkdir(mode=0o700)
        out, err = (open(said / name, "a", encoding="utf-8") for name in ("stdout.txt", "stderr.txt"))  # noqa: SIM115
        handler = logging.FileHandler(said / "log.txt", encoding="utf-8")
        logging.getLogger().addHandler(handler)
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.DEBUG)

        def keep(stdout: Any, stderr: Any) -> None:
            for file, text in ((out, stdout), (err, stderr)):
                if text:
                    file.write(text if isinstance(text, str) else bytes(text).decode("utf-8", "replace"))

        self._keep = keep
        self._listen(subprocess.Popen, "communicate")
        self._listen(CaptureFixture, "readouterr")
        self._undo += [
            out.close,
            err.close,
            handler.close,
            lambda: logging.getLogger().removeHandler(handler),
        ]

    def _listen(self, owner: Any, name: str) -> None:
        """Keeps what a method returns, stdout and stderr."""
        real = getattr(owner, name)

        def method(*given: Any, **named: Any) -> Any:
            said = real(*given, **named)
            self._keep(*said)
            return said

        setattr(owner, name, method)
        self._undo.append(lambda: setattr(owner, name, real))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self._above and report.when == "teardown":
            self._keep(report.capstdout, report.capstderr)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        for undo in self._undo:
            undo()
        if not self._above:
            return
        base = self._base()
        self._found = sorted(set(found(base)))
        if self._found and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if session.exitstatus == pytest.ExitCode.OK and self._config.option.basetemp is None:
            shutil.rmtree(base, ignore_errors=True)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if getattr(self, "_found", None):
            terminalreporter.section("leaks", red=True)
            for what, name in self._found:
                terminalreporter.line(f"a {what} in {name}")

    def _base(self) -> Path:
        factory: pytest.TempPathFactory = self._config._tmp_path_factory  # type: ignore[attr-defined]
        return factory.getbasetemp()


def found(base: Path) -> Iterator[tuple[str, str]]:
    """(``token`` or ``phone number``, path) of each file below a folder in which one is that has no business there."""
    for path in leaks.files(base):
        if path.is_symlink() or not path.is_file():
            continue
        name = path.relative_to(base).as_posix()
        looks: dict[str, Callable[[bytes], Any]] = {}
        if not HAS_TOKENS.search(name):
            looks["token"] = TOKEN.search
        if not HAS_LEADS.search(name):
            looks["phone number"] = PHONE.search
        for text in leaks.texts(path) if looks else ():
            yield from ((what, name) for what, is_in in looks.items() if is_in(text))
