"""The command ``leadloop`` as an orchestrator starts it: what it says while it runs, and how it ended."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

DONE, SOME_LEADS_LEFT, HELD = 0, 3, 5
FINAL = (2, 4)
"""Exit codes that the same run again would end with as well: a person has to do something first."""

OF_AN_INTERPRETER = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
"""Variables that are about this process's interpreter, and would mislead that of another environment."""

Say = Callable[[str, str], None]
"""Told each message with its level: ``info``, ``warning`` or ``error``."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    code: int
    document: Any
    """What ``--json`` printed (docs/json.md); ``None`` where there is none."""
    messages: tuple[str, ...]
    """What it said, in order."""

    @property
    def is_done(self) -> bool:
        return self.code in (DONE, SOME_LEADS_LEFT)

    @property
    def is_held(self) -> bool:
        return self.code == HELD

    @property
    def is_final(self) -> bool:
        return self.code in FINAL

    @property
    def why(self) -> str:
        """The last thing it said, for whoever has to be told that it failed."""
        last = self.messages[-1] if self.messages else "It said nothing."
        return f"leadloop ended with {self.code}: {last}"


@dataclass(frozen=True, slots=True)
class Leadloop:
    """Where and with what the command is started. Settings are found as always: in the folder and in the environment."""

    folder: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Added to this process's own."""
    wait: float = 0.0
    """Seconds to wait for another run's lock, or for a DuckDB file that another process holds."""
    command: str = ""
    """What starts leadloop, as in a shell and without its arguments. Default: the leadloop that is installed beside this program."""

    def run(
        self,
        *arguments: str,
        say: Say = lambda _message, _level: None,
        started: Callable[[Callable[[], None]], None] = lambda _stop: None,
    ) -> Ended:
        """Starts the command and waits for it. Where this is interrupted, the command is asked to end, and is waited for.

        ``started`` is told how to ask it from elsewhere, such as from the handler of a signal.
        """
        try:
            process = self._start(arguments)
        except OSError as error:
            why = f"leadloop can't be started ({error.filename}): {error.strerror}. Set `command` to the leadloop of its own environment."
            say(why, "error")
            return Ended(2, None, (why,))

        def stop() -> None:
            # It stops sending, records what came of it, and lets go of its lock.
            process.send_signal(signal.SIGTERM)

        started(stop)
        assert process.stdout is not None
        assert process.stderr is not None
        messages: list[str] = []

        def listen() -> None:
            for line in process.stderr or ():
                message, level = _message(line)
                messages.append(message)
                say(message, level)

        listening = threading.Thread(target=listen, daemon=True)
        listening.start()
        try:
            printed = process.stdout.read()
            process.wait()
        except BaseException:
            stop()
            process.wait()
            raise
        finally:
            listening.join()
            process.stdout.close()
            process.stderr.close()
        return Ended(process.returncode, json.loads(printed) if printed.strip() else None, tuple(messages))

    def _words(self) -> Sequence[str]:
        if self.command.strip():
            return shlex.split(self.command)
        if find_spec("dlt") is None:
            # Installed without what it needs, so that an orchestrator's own packages stay as they are.
            raise FileNotFoundError(2, "what leadloop needs is not installed in this environment", "leadloop")
        return [sys.executable, "-m", "connector.cli"]

    def _start(self, arguments: Sequence[str]) -> subprocess.Popen[str]:
        words = [*self._words(), "-C", self.folder, *arguments, "--json", "--log-format", "json"]
        if self.wait:
            words += ["--wait", f"{self.wait:g}"]
        inherited = dict(os.environ)
        if self.command.strip():
            for name in OF_AN_INTERPRETER:
                inherited.pop(name, None)
        return subprocess.Popen(  # noqa: S603 - leadloop's own command, and no shell
            words,
            env={**inherited, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )


def _message(line: str) -> tuple[str, str]:
    try:
        said = json.loads(line)
        return str(said["message"]), str(said["level"])
    except (ValueError, KeyError, TypeError):
        return line.rstrip("\n"), "info"
