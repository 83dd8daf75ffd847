"""Hears how runs end, and decides whether that is news."""

import os
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connector.alerts import sending
from connector.alerts.memory import Memory
from connector.alerts.settings import LONGER_THAN
from connector.config import named
from connector.errors import (
    EXIT_CODES,
    ConfigError,
    DiskFullError,
    FirstTimeError,
    GuardrailError,
    LeadloopError,
    OtherVersionError,
    RestoredError,
    TestsFailedError,
    place_of,
)
from connector.events import Doing, Watcher
from connector.parsing import Secret
from connector.push.facts import became
from connector.warehouse import kept
from connector.warehouse.alerts import Alert, State
from connector.warehouse.connection import Warehouse

STATES: dict[int, State] = {0: "ok", 3: "warned", 1: "critical", 2: "critical", 4: "critical"}
"""Exit code -> what it says of what ran; the others say nothing."""
COMMANDS = ("extract", "build", "push")
IN_FULL = (
    ConfigError,
    DiskFullError,
    FirstTimeError,
    GuardrailError,
    OtherVersionError,
    RestoredError,
    TestsFailedError,
)
"""Errors whose sentence is told: it names settings, models and counts, and never a lead."""
TITLES: dict[State, str] = {"ok": "Recovered", "warned": "Warning", "critical": "Critical"}


class Alerts(Watcher):
    """Tells people how what this process runs has changed. ``say``: told what could not be sent; ``longer_than``: what took longer is told,
    too."""

    def __init__(
        self,
        warehouse: Warehouse,
        urls: Sequence[Secret],
        say: Callable[[str], None] = lambda _: None,
        longer_than: timedelta | None = None,
    ) -> None:
        self._warehouse = warehouse
        self._urls = urls
        self._say = say
        self._longer_than = longer_than
        self._ended: list[Doing] = []

    def ended(self, doing: Doing) -> None:
        """Collects the stages of a command, and speaks when it is over."""
        if doing.kind != "stage":
            return
        self._ended.append(doing)
        if doing.parent is None:
            stages, self._ended = self._ended, []
            try:
                self._tell(changes(stages, self._longer_than))
            except Exception as error:
                self._say(f"Alerts could not be sent: {type(error).__name__} at {place_of(error)}.")

    def _tell(self, found: Iterable[Alert]) -> None:
        memory = Memory(self._warehouse)
        memory.note(each for each in found if _is_news(each, memory))
        kept.let_go()
        for subject in memory.subjects:
            now, told = memory.now(subject), memory.told(subject)
            if now is None or now.state == (told.state if told else "ok"):
                continue
            title, body = message(now, told, self._warehouse.label)
            failed = sending.send(self._urls, title, body, now.state)
            for sentence in failed:
                self._say(sentence)
            if len(failed) < len(self._urls):
                memory.note([replace(now, told_at=datetime.now(UTC))])


def _is_news(found: Alert, memory: Memory) -> bool:
    now = memory.now(found.subject)
    return found.state != (now.state if now else "ok")


def changes(stages: Sequence[Doing], longer_than: timedelta | None = None) -> list[Alert]:
    """The state in which a command's stages have left each subject; nothing of those that say nothing."""
    found: dict[str, Alert] = {}
    slow: set[str] = set()
    for stage in stages:
        state = STATES.get(stage.facts.get("exit_code") or 0) if "exit_code" in stage.facts else None
        subject = _subject(stage)
        if state is None or subject is None:
            continue
        if subject == "run" and any(each.state == "critical" for each in found.values()):
            # What stopped it is told already.
            continue
        state, what = ("ok" if subject == "run" and state == "warned" else state), _what(stage)
        took = timedelta(microseconds=(stage.ended - stage.began) // 1000)
        if longer_than is not None and took > longer_than and state != "critical":
            if subject == "run" and slow:
                # What took so long is told already.
                continue
            slow.add(subject)
            late = f"It took {_span(took)}, and {named(LONGER_THAN)} allows {_span(longer_than)}."
            state, what = "warned", f"{what} {late}" if what else late
        found[subject] = Alert(
            subject,
            datetime.fromtimestamp(stage.ended / 1e9, UTC),
            state,
            stage.facts.get("run_id"),
            stage.facts.get("exit_code"),
            what,
        )
    return list(found.values())


def _span(time: timedelta) -> str:
    """In whole seconds, as Python writes it: ``1:23:45``."""
    return str(timedelta(seconds=round(time.total_seconds())))


def _subject(stage: Doing) -> str | None:
    if stage.name == "run":
        return "run"
    if stage.name not in COMMANDS:
        return None
    about = stage.facts.get("push") or stage.facts.get("crm")
    return f"{stage.name} {about}" if about else stage.name


def _what(stage: Doing) -> str | None:
    """What happened, in words that hold no lead's data."""
    error, code = stage.error, stage.facts.get("exit_code")
    if error is None:
        summary = getattr(stage.result, "summary", None)
        if not code or summary is None:
            return None
        return f"{became(summary)}." if summary.leads else None
    if isinstance(error, LeadloopError):
        if type(error) in IN_FULL:
            return str(error)
        return (type(error).__doc__ or type(error).__name__).strip().splitlines()[0]
    return f"{type(error).__name__} at {place_of(error)}."


def message(now: Alert, told: Alert | None, warehouse: str) -> tuple[str, str]:
    """Title and text of what people are told."""
    title = f"{TITLES[now.state]}: leadloop {now.subject}"
    where = f"on {socket.gethostname()} in {os.getcwd()}, warehouse {warehouse}"
    lines = []
    if now.state == "ok":
        since = f", {told.state} since {told.since:%F %T} UTC" if told else ""
        lines.append(f"{now.subject} works again{since}.")
    else:
        meaning = EXIT_CODES.get(now.exit_code or 0, "")
        lines.append(f"{now.subject} ended with {now.exit_code} ({meaning}) at {now.since:%F %T} UTC.")
        if now.what:
            lines.append(now.what)
        lines.append("You are told again when this changes.")
    lines += [f"It runs {where}.", f"Look: leadloop status, or the row '{now.run_id}' of leadloop.runs."]
    if now.exit_code == 3 and now.subject.startswith("push "):
        lines.append("Which leads, and why: analytics.push_outcomes.")
    return title, "\n".join(lines)
