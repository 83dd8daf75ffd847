"""Sends an approved plan for whoever presses the button: ``leadloop push --plan FILE`` in a process of its own, one at a time.

The page only reads the warehouse, of which a DuckDB file is held by one process at a time. So the sending is a command like any
other, with its row in ``leadloop.runs``, its locks, alerts and traces. It writes its messages into a file, as lines of JSON, and the
page reads there how far it has come. It is in a session of its own: when the page is ended, it goes on, and the page that is started
next finds it by the note that is left here.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from connector import display, logs
from connector.errors import LeadloopError, LockedError
from connector.warehouse import private, runs
from connector.warehouse.leases import lives, process_started
from connector.web.approvals import FOLDER, Approved
from connector.web.subject import Subject, of_key

NOTE = "sending.json"
MESSAGES = "sending.log"
RESULT = "sending.txt"
WAIT = 60
"""Seconds that it waits for another run's lock."""
EVERY = 0.5
"""Seconds between two messages of how far it has come."""
_TAIL = 1 << 18
"""Bytes of the messages that are read, the last ones."""


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of a sending from its beginning on, and its exit code."""

    key: str
    """Of the subject."""
    approval_id: str
    who: str
    started_at: datetime
    pid: int
    process_started: str | None
    exit_code: int | None = None
    is_stopped: bool = False
    """Somebody has pressed the button that stops it."""


@dataclass(frozen=True, slots=True)
class Sending:
    """How the last sending stands."""

    subject: Subject
    approval_id: str
    who: str
    started_at: datetime
    is_running: bool
    exit_code: int | None
    """``None`` while it runs, and where it ended or was killed while no page was there."""
    run_id: str | None
    """Of its row in ``leadloop.runs``; ``None`` for a moment."""
    message: str
    """The last one; of one that failed, why."""
    done: int
    total: int
    """Leads with an outcome, and of how many; 0: not known yet."""
    result: str
    """What the command has printed at its end."""
    is_stopped: bool = False
    """Somebody has pressed the button that stops it."""


class Sender:
    """Starts one sending at a time. For many threads."""

    def __init__(
        self, project: Path | None, variables: Mapping[str, str] | None = None, folder: Path = FOLDER
    ) -> None:
        """``variables``: settings, as variables of the environment, that the sending has besides this process's."""
        self._project = project
        self._variables = dict(variables or {})
        self._folder = folder.absolute()
        self._starting = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self.on_end: Callable[[], None] = lambda: None
        """Called when a sending of this process has ended."""

    def start(self, subject: Subject, approved: Approved, who: str, *, first: bool = False) -> None:
        """Begins to send; ``LockedError`` while another one is sent. ``first``: somebody has agreed that values are replaced for the first time."""
        with self._starting:
            if (now := self.now()) is not None and now.is_running:
                raise LockedError(
                    f"{now.subject.key} is being sent, started by {now.who}, and the page sends one plan at a time. Nothing was "
                    "done.",
                    "Send it when that has ended.",
                )
            command = [
                sys.executable,
                "-m",
                "connector.cli",
                *subject.command(approved.file),
                "--wait",
                str(WAIT),
            ]
            command += ["--first"] if first and subject.push else []
            command += ["--dbt-project", str(self._project)] if self._project is not None else []
            command += [logs.OPTION, logs.Format.json.value]
            environment = {
                **os.environ,
                **self._variables,
                runs.ON_BEHALF_OF: f"{who} on the page",
                display.VARIABLE: str(EVERY),
            }
            try:
                with private.new_files():
                    private.folder(self._folder)
                    messages = (self._folder / MESSAGES).open("wb")
                    result = (self._folder / RESULT).open("wb")
                with messages, result:
                    child = subprocess.Popen(  # noqa: S603 - this very program, with a file that the page has written
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=result,
                        stderr=messages,
                        env=environment,
                        start_new_session=True,
                    )
            except OSError as error:
                raise LeadloopError(
                    f"It could not be started, so nothing was sent: {error.strerror}."
                ) from None
            self._child = child
            note = Note(
                subject.key,
                approved.id,
                who,
                datetime.now(UTC),
                child.pid,
                process_started(child.pid),
            )
            self._leave(note)
        threading.Thread(target=self._wait, args=(child, note), name="leadloop sending", daemon=True).start()

    def stop(self) -> bool:
        """Interrupts what is sent, as Ctrl-C does: calls that are under way are finished. Returns whether there was something."""
        note = self._note()
        if note is None or note.exit_code is not None or not self._lives(note):
            return False
        with suppress(OSError):
            self._leave(replace(note, is_stopped=True))
        with suppress(OSError):
            os.kill(note.pid, signal.SIGINT)
        return True

    def now(self) -> Sending | None:
        """How the last sending stands, whoever's page has started it; ``None``: there was none."""
        note = self._note()
        if note is None:
            return None
        told = _told(self._folder / MESSAGES)
        child = self._child
        code = note.exit_code
        if code is None and child is not None and child.pid == note.pid:
            code = child.poll()
        return Sending(
            of_key(note.key),
            note.approval_id,
            note.who,
            note.started_at,
            code is None and self._lives(note),
            code,
            told.get("run_id"),
            told.get("message") or "",
            told.get("done") or 0,
            told.get("total") or 0,
            _read(self._folder / RESULT) if code is not None or not self._lives(note) else "",
            note.is_stopped,
        )

    def _wait(self, child: "subprocess.Popen[bytes]", note: Note) -> None:
        code = child.wait()
        with suppress(OSError):
            self._leave(replace(note, exit_code=code, is_stopped=(self._note() or note).is_stopped))
        with suppress(Exception):
            self.on_end()

    def _lives(self, note: Note) -> bool:
        return lives(note.pid, note.process_started)

    def _leave(self, note: Note) -> None:
        file = self._folder / NOTE
        with private.new_files():
            new = file.with_suffix(".new")
            new.write_bytes(msgspec.json.encode(note))
            new.replace(file)

    def _note(self) -> Note | None:
        try:
            return msgspec.json.decode((self._folder / NOTE).read_bytes(), type=Note)
        except (OSError, msgspec.MsgspecError):
            return None


def _told(file: Path) -> dict[str, Any]:
    """What the messages say by now: the run's id, the last message or the last error, and how far it is."""
    found: dict[str, Any] = {}
    failed = ""
    for line in _read(file).splitlines():
        try:
            said = msgspec.json.decode(line)
        except msgspec.MsgspecError:
            continue
        if isinstance(said, dict):
            found |= {name: value for name, value in said.items() if value is not None}
            failed = str(said.get("message", "")) if said.get("level") == "error" else failed
    return {**found, "message": failed or found.get("message", "")}


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - _TAIL))
            return opened.read().decode("utf-8", "replace")
    except OSError:
        return ""
