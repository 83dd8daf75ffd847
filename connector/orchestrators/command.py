"""The command ``leadloop`` as an orchestrator starts it: what it says while it runs, and how it ended."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

DONE, SOME_LEADS_LEFT, HELD = 0, 3, 5
FINAL = (2, 4)
"""Exit codes that the same run again would end with as well: a person has to do something first."""

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

    def run(self, *arguments: str, say: Say = lambda _message, _level: None) -> Ended:
        """Starts the command and waits for it. Where this is interrupted, the command is asked to end, and is waited for."""
        command = [sys.executable, "-m", "connector.cli", "-C", self.folder, *arguments, "--json"]
        command += ["--log-format", "json", *(["--wait", f"{self.wait:g}"] if self.wait else [])]
        process = subprocess.Popen(  # noqa: S603 - our own command, and no shell
            command,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
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
            # It stops sending, records what came of it, and lets go of its lock.
            process.send_signal(signal.SIGTERM)
            process.wait()
            raise
        finally:
            listening.join()
            process.stdout.close()
            process.stderr.close()
        return Ended(process.returncode, json.loads(printed) if printed.strip() else None, tuple(messages))


def _message(line: str) -> tuple[str, str]:
    try:
        said = json.loads(line)
        return str(said["message"]), str(said["level"])
    except (ValueError, KeyError, TypeError):
        return line.rstrip("\n"), "info"
